//! One chip: what it senses, counts and holds, and its frames.

use super::{Fault, Load};
use crate::dice::Dice;
use metering::bl0910::{Circuit, MAX_CHANNELS};
use pile_units::{Power, Temperature, Voltage};
use std::collections::BTreeMap;

const MASK: u32 = 0xFF_FFFF;
/// 25 degrees: (371 - 64) x 12.5 / 59 - 40.
const TPS_AT_25: u32 = 371;

/// Thousandths of a unit to counts, exactly.
#[derive(Debug, Clone, Copy)]
struct Ratio {
    numerator: i128,
    denominator: i128,
}

impl Ratio {
    fn counts(self, thousandths: i64) -> i128 {
        i128::from(thousandths) * self.numerator / self.denominator
    }
}

#[derive(Debug, Clone, Copy)]
struct Outlet {
    load: Load,
    noise: u32,
    dice: Dice,
    reversed: bool,
    /// What is sensed of the power now, mW.
    sensed: i64,
    delivered: u64,
    /// Energy of the step in progress: counts of `WATT` times ms, times 1000 x the denominator.
    pending: i128,
    count: u32,
}

impl Outlet {
    fn sense(&mut self) {
        let power = i64::from(self.load.power.milliwatts()) + self.dice.around_zero(self.noise);
        self.sensed = if self.reversed { -power } else { power };
    }
}

#[derive(Debug)]
pub(super) struct Part {
    circuit: Circuit,
    powered: bool,
    voltage: Voltage,
    temperature: u32,
    outlets: [Outlet; MAX_CHANNELS],
    /// Registers that were written since the reset.
    user: BTreeMap<u8, u32>,
    protect: u32,
    at: u64,
    /// The frame in progress: what was received, and what is still to be sent.
    received: Vec<u8>,
    answer: [u8; 4],
    ones: u8,
    fault: Option<(Fault, u32)>,
    dice: Dice,
}

impl Part {
    pub fn new(circuit: Circuit, now: u64) -> Self {
        let outlet = Outlet {
            load: Load::NONE,
            noise: 0,
            dice: Dice::new(0),
            reversed: false,
            sensed: 0,
            delivered: 0,
            pending: 0,
            count: 0,
        };
        Self {
            circuit,
            powered: true,
            voltage: Load::NONE.voltage,
            temperature: TPS_AT_25,
            outlets: [outlet; MAX_CHANNELS],
            user: BTreeMap::new(),
            protect: 0,
            at: now,
            received: Vec::new(),
            answer: [0xFF; 4],
            ones: 0,
            fault: None,
            dice: Dice::new(1),
        }
    }

    /// Lets the loads flow up to `now`.
    pub fn integrate(&mut self, now: u64) {
        let elapsed = now.saturating_sub(self.at);
        if elapsed == 0 {
            return;
        }
        self.at = now;
        for index in 0..MAX_CHANNELS {
            let watt = self.watt(index);
            let powered = self.powered;
            let Some(outlet) = self.outlets.get_mut(index) else {
                continue;
            };
            let flowed = u64::from(outlet.load.power.milliwatts()).saturating_mul(elapsed);
            outlet.delivered = outlet.delivered.saturating_add(flowed);
            if powered {
                // A step is 4194304 x 0.032768 counts of WATT for a second: 137438953.472 for a ms.
                let magnitude = i128::from(outlet.sensed.unsigned_abs());
                outlet.pending += magnitude * i128::from(elapsed) * watt.numerator * 1_000;
                let step = 137_438_953_472 * watt.denominator;
                let steps = u32::try_from(outlet.pending / step % (1 << 24)).unwrap_or(0);
                outlet.pending %= step;
                outlet.count = outlet.count.wrapping_add(steps) & MASK;
            }
            if outlet.noise != 0 {
                outlet.sense();
            }
        }
    }

    fn with_outlet(&mut self, index: usize, act: impl FnOnce(&mut Outlet)) {
        if let Some(outlet) = self.outlets.get_mut(index) {
            act(outlet);
        }
    }

    pub fn set_load(&mut self, index: usize, load: Load) {
        self.voltage = load.voltage;
        self.with_outlet(index, |outlet| {
            outlet.load = load;
            outlet.sense();
        });
    }

    pub fn delivered(&self, index: usize) -> u64 {
        self.outlets.get(index).map_or(0, |outlet| outlet.delivered)
    }

    pub fn count(&self, index: usize) -> u32 {
        self.outlets.get(index).map_or(0, |outlet| outlet.count)
    }

    pub fn set_count(&mut self, index: usize, count: u32) {
        self.with_outlet(index, |outlet| outlet.count = count & MASK);
    }

    pub fn set_noise(&mut self, index: usize, amplitude: Power, seed: u64) {
        self.with_outlet(index, |outlet| {
            outlet.noise = amplitude.milliwatts();
            outlet.dice = Dice::new(seed);
            outlet.sense();
        });
    }

    pub fn set_reversed(&mut self, index: usize, reversed: bool) {
        self.with_outlet(index, |outlet| {
            outlet.reversed = reversed;
            outlet.sense();
        });
    }

    pub fn set_temperature(&mut self, temperature: Temperature) {
        // The published formula, turned round and rounded to nearest.
        let tenths = i32::from(temperature.decicelsius()) + 400;
        let raw = (tenths * 59 + 62).div_euclid(125) + 64;
        self.temperature = u32::try_from(raw.clamp(0, 0x3FF)).unwrap_or(0);
    }

    pub fn set_powered(&mut self, powered: bool) {
        if self.powered != powered {
            self.powered = powered;
            self.received.clear();
            self.restart();
        }
    }

    fn restart(&mut self) {
        self.user.clear();
        self.protect = 0;
        for outlet in &mut self.outlets {
            outlet.count = 0;
            outlet.pending = 0;
        }
    }

    pub const fn inject(&mut self, fault: Fault, answers: u32) {
        self.fault = if answers == 0 {
            None
        } else {
            Some((fault, answers))
        };
    }

    /// The amplification of a current channel, as `GAIN1` and `GAIN2` have it.
    fn gain(&self, index: usize) -> i128 {
        let (register, place) = if index < 5 {
            (0x60, index + 1)
        } else {
            (0x61, index - 5)
        };
        let bits = self.user.get(&register).copied().unwrap_or(0) >> (place * 4) & 0xF;
        match bits {
            0 => 1,
            1 => 2,
            2 => 8,
            _ => 16,
        }
    }

    /// Counts of `WATT` a milliwatt: 40.4125 x I(mV) x V(mV) x gain / Vref^2.
    fn watt(&self, index: usize) -> Ratio {
        let part = i128::from(self.circuit.divider_part_ohms);
        let whole = i128::from(self.circuit.divider_whole_ohms);
        let input = i128::from(self.circuit.input_microohms) * self.gain(index);
        Ratio {
            numerator: 404_125 * input * part,
            denominator: 10 * whole * 1_097 * 1_097,
        }
    }

    fn register(&mut self, address: u8) -> u32 {
        let index = |first: u8| usize::from(address - first);
        match address {
            // RMS = 12875 x I(mV) x gain / Vref.
            0x0C..=0x15 => {
                let outlet = self.outlets.get(index(0x0C));
                let current = outlet.map_or(0, |outlet| outlet.load.current.milliamperes());
                let input = i128::from(self.circuit.input_microohms) * self.gain(index(0x0C));
                let ratio = Ratio {
                    numerator: 12_875 * input,
                    denominator: 1_097_000,
                };
                top(ratio.counts(current.into()), 0xFF_FFFF)
            }
            // RMS_11 = 13162 x V(mV) / Vref.
            0x16 => {
                let ratio = Ratio {
                    numerator: 13_162_000 * i128::from(self.circuit.divider_part_ohms),
                    denominator: 1_097 * i128::from(self.circuit.divider_whole_ohms),
                };
                top(ratio.counts(self.voltage.millivolts().into()), 0xFF_FFFF)
            }
            0x22..=0x2B => {
                let sensed = self.outlets.get(index(0x22)).map_or(0, |it| it.sensed);
                let counts = self.watt(index(0x22)).counts(sensed);
                let magnitude = top(counts.abs(), 0x7F_FFFF);
                if counts < 0 {
                    magnitude.wrapping_neg() & MASK
                } else {
                    magnitude
                }
            }
            0x2F..=0x38 => self.count(index(0x2F)),
            0x5E => self.temperature,
            0x88 if !self.user.contains_key(&0x88) => 0x04_C04C,
            0x8A if !self.user.contains_key(&0x8A) => 0x200,
            0x94 if !self.user.contains_key(&0x94) => 0x7FF,
            0x9E => self.protect,
            _ => self.user.get(&address).copied().unwrap_or(0),
        }
    }

    fn write(&mut self, address: u8, value: u32) {
        match address {
            0x9E => self.protect = value,
            _ if self.protect != 0x5555 => {}
            0x9F if value == 0x5A_5A5A => self.restart(),
            0x60..=0x9D | 0xA0..=0xCE => {
                let width = if address == 0x89 { 0xFFF } else { MASK };
                self.user.insert(address, value & width);
                if matches!(address, 0x60 | 0x61) {
                    // Amplified otherwise from here on.
                    for outlet in &mut self.outlets {
                        outlet.pending = 0;
                    }
                }
            }
            _ => {}
        }
    }

    /// Takes a byte and gives one, as SPI does.
    pub fn exchange(&mut self, byte: u8) -> u8 {
        if !self.powered || matches!(self.fault, Some((Fault::Dead, _))) {
            if self.received.is_empty() && byte == 0x82 {
                self.next_fault(false);
            }
            return 0xFF;
        }
        self.ones = if byte == 0xFF { self.ones + 1 } else { 0 };
        if self.ones == 6 {
            self.ones = 0;
            self.received.clear();
            return 0xFF;
        }
        // A byte that starts no frame is passed over.
        if self.received.is_empty() && !matches!(byte, 0x81 | 0x82) {
            return 0xFF;
        }
        let place = self.received.len();
        self.received.push(byte);
        let reads = self.received.first() == Some(&0x82);
        let mut sent = 0xFF;
        if reads && place == 1 {
            self.answer = self.answers(byte);
        }
        if reads && place >= 2 {
            sent = self.answer.get(place - 2).copied().unwrap_or(0xFF);
        }
        if place == 5 {
            if let [0x81, address, high, middle, low, check] = *self.received {
                let sum = [address, high, middle, low]
                    .iter()
                    .fold(0x81, |sum: u8, byte| sum.wrapping_add(*byte));
                if !sum == check {
                    self.write(address, u32::from_be_bytes([0, high, middle, low]));
                }
            }
            self.received.clear();
        }
        sent
    }

    fn answers(&mut self, address: u8) -> [u8; 4] {
        let counter = matches!(address, 0x22..=0x2B | 0x2F..=0x38);
        let fault = self.next_fault(counter);
        let mut value = self.register(address);
        if let Some(Fault::Spike { counts }) = fault {
            value = match address {
                0x22..=0x2B => 0x7F_FFFF,
                _ => value.wrapping_add(counts) & MASK,
            };
        }
        let [_, high, middle, low] = value.to_be_bytes();
        let sum = [address, high, middle, low]
            .iter()
            .fold(0x82, |sum: u8, byte| sum.wrapping_add(*byte));
        match fault {
            None | Some(Fault::Spike { .. }) => [high, middle, low, !sum],
            Some(Fault::Dead) => [0xFF; 4],
            Some(Fault::Garbage) => {
                let [a, b, c, d, ..] = self.dice.next().to_le_bytes();
                [a, b, c, d]
            }
            Some(Fault::Checksum) => [high, middle, low, !sum ^ 0x10],
            Some(Fault::Truncated) => [middle, low, !sum, 0xFF],
            Some(Fault::Extra) => [0xFF, high, middle, low],
        }
    }

    /// The fault of the next answer.
    fn next_fault(&mut self, counter: bool) -> Option<Fault> {
        let (fault, left) = self.fault?;
        if matches!(fault, Fault::Spike { .. }) && !counter {
            return None;
        }
        self.fault = match left {
            u32::MAX => Some((fault, left)),
            0 | 1 => None,
            _ => Some((fault, left - 1)),
        };
        Some(fault)
    }
}

/// A register, at its top where the pins are over-driven.
fn top(counts: i128, top: u32) -> u32 {
    u32::try_from(counts).unwrap_or(top).min(top)
}
