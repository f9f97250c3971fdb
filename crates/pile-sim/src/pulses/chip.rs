//! One chip: what it senses and how many pulses it gave.

use super::Tolerance;
use crate::bl0942::Load;
use crate::dice::Dice;
use metering::pulses::{Chip, Circuit, Edge};
use pile_units::Power;

/// How long CF1 shows the other quantity after SEL flips, ms.
const SETTLES_MS: u64 = 600;

/// A pulse each `threshold / unit` of what flows: an output, integrated exactly.
#[derive(Debug, Clone, Copy)]
struct Oscillator {
    unit: i128,
    threshold: i128,
    pending: i128,
}

impl Oscillator {
    /// Pulses a thousandth of the unit and millisecond, as a fraction; off by parts per million.
    fn new(numerator: u128, denominator: u128, ppm: i32) -> Self {
        let off = u128::try_from(1_000_000 + i64::from(ppm)).unwrap_or(0);
        let (numerator, denominator) = (numerator * off, denominator * 1_000_000);
        let divisor = greatest_common_divisor(numerator, denominator).max(1);
        Self {
            unit: i128::try_from(numerator / divisor).unwrap_or(0),
            threshold: i128::try_from(denominator / divisor).unwrap_or(i128::MAX),
            pending: 0,
        }
    }

    /// Lets thousandths flow for a time: the pulses, and how long ago the last was, in µs.
    fn flow(&mut self, thousandths: u64, milliseconds: u64) -> (u32, Option<u64>) {
        let rate = i128::from(thousandths) * self.unit;
        self.pending += rate * i128::from(milliseconds);
        if rate == 0 || self.pending < self.threshold {
            return (0, None);
        }
        let pulses = self.pending / self.threshold;
        self.pending %= self.threshold;
        let ago = u64::try_from(self.pending * 1_000 / rate).unwrap_or(0);
        // A 32-bit counter turns over.
        let pulses = u32::try_from(pulses % (1 << 32)).unwrap_or(0);
        (pulses, Some(ago))
    }
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// An output and the MCU's counter of it.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    count: u32,
    edge: Option<Edge>,
}

impl Counted {
    fn add(&mut self, (pulses, ago): (u32, Option<u64>), now: u64) {
        self.count = self.count.wrapping_add(pulses);
        if let Some(ago) = ago {
            self.edge = Some(Edge {
                count: self.count,
                micros: (now * 1_000).saturating_sub(ago),
            });
        }
    }
}

#[derive(Debug)]
pub(super) struct Part {
    load: Load,
    powered: bool,
    noise: u32,
    dice: Dice,
    /// What is sensed of the power now, mW.
    sensed: u64,
    at: u64,
    delivered: u64,
    power: Oscillator,
    current: Oscillator,
    voltage: Oscillator,
    /// SEL is high: voltage.
    selected: bool,
    /// CF1 shows the other quantity until then.
    settled_at: u64,
    cf: Counted,
    cf1: Counted,
}

impl Part {
    pub fn new(chip: Chip, circuit: &Circuit, tolerance: Tolerance, now: u64) -> Self {
        let shunt = u128::from(circuit.shunt_microohms);
        let part = u128::from(circuit.divider_bottom_ohms).max(1);
        let whole = u128::from(circuit.divider_top_ohms) + part;
        // Vref in mV, and F = factor x volts at the pins: milliamperes times microohms are nV, a
        // millivolt of mains is part / whole mV, and a millisecond is a thousandth of a second.
        let (vref, power, current, voltage) = match chip {
            Chip::Bl0937 => (1_218, (1_721_506, 1), (94_638, 1), (15_397, 1)),
            Chip::Hlw8012 => (
                2_430,
                (3_579_000 * 48, 128),
                (3_579_000 * 24, 512),
                (3_579_000 * 2, 512),
            ),
        };
        let vref_squared = vref * vref;
        Self {
            load: Load::NONE,
            powered: true,
            noise: 0,
            dice: Dice::new(0),
            sensed: 0,
            at: now,
            delivered: 0,
            // factor x mW/1000 x shunt/10^6 x part/whole / (vref/1000)^2 x ms/1000.
            power: Oscillator::new(
                power.0 * shunt * part,
                power.1 * vref_squared * whole * 1_000_000,
                tolerance.power,
            ),
            // factor x mA/1000 x shunt/10^6 / (vref/1000) x ms/1000.
            current: Oscillator::new(
                current.0 * shunt,
                current.1 * vref * 1_000_000_000,
                tolerance.current,
            ),
            // factor x mV/1000 x part/whole / (vref/1000) x ms/1000.
            voltage: Oscillator::new(
                voltage.0 * part,
                voltage.1 * vref * whole * 1_000,
                tolerance.voltage,
            ),
            selected: false,
            settled_at: now,
            cf: Counted::default(),
            cf1: Counted::default(),
        }
    }

    /// Lets the load flow up to `now`.
    pub fn integrate(&mut self, now: u64) {
        let elapsed = now.saturating_sub(self.at);
        if elapsed == 0 {
            return;
        }
        let before = core::mem::replace(&mut self.at, now);
        self.delivered = self
            .delivered
            .saturating_add(u64::from(self.load.power.milliwatts()).saturating_mul(elapsed));
        if self.powered {
            let pulses = self.power.flow(self.sensed, elapsed);
            self.cf.add(pulses, now);
            let unsettled = self.settled_at.clamp(before, now) - before;
            self.show(!self.selected, unsettled, before + unsettled);
            self.show(self.selected, elapsed - unsettled, now);
        }
        if self.noise != 0 {
            self.sense();
        }
    }

    /// Shows voltage or current on CF1 for a time that ends at `now`.
    fn show(&mut self, voltage: bool, elapsed: u64, now: u64) {
        let pulses = if voltage {
            self.voltage
                .flow(self.load.voltage.millivolts().into(), elapsed)
        } else {
            self.current
                .flow(self.load.current.milliamperes().into(), elapsed)
        };
        self.cf1.add(pulses, now);
    }

    pub fn set_load(&mut self, load: Load) {
        self.load = load;
        self.sense();
    }

    pub const fn delivered(&self) -> u64 {
        self.delivered
    }

    pub const fn set_powered(&mut self, powered: bool) {
        if self.powered != powered {
            self.powered = powered;
            self.power.pending = 0;
            self.current.pending = 0;
            self.voltage.pending = 0;
        }
    }

    pub fn set_noise(&mut self, amplitude: Power, seed: u64) {
        self.noise = amplitude.milliwatts();
        self.dice = Dice::new(seed);
        self.sense();
    }

    pub fn interfere(&mut self, pulses: u32) {
        let ago = (pulses > 0).then_some(0);
        self.cf.add((pulses, ago), self.at);
    }

    pub const fn select(&mut self, high: bool) {
        if self.selected != high {
            self.selected = high;
            self.settled_at = self.at + SETTLES_MS;
        }
    }

    pub const fn counter(&self, cf1: bool) -> (u32, Option<Edge>) {
        let counted = if cf1 { &self.cf1 } else { &self.cf };
        (counted.count, counted.edge)
    }

    fn sense(&mut self) {
        let noise = self.dice.around_zero(self.noise);
        self.sensed = (i64::from(self.load.power.milliwatts()) + noise).unsigned_abs();
    }
}
