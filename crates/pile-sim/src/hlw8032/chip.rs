//! One chip: what it senses, counts and sends.

use super::Fault;
use crate::bl0942::Load;
use crate::dice::Dice;
use metering::hlw8032::{Circuit, Coefficients};

pub(super) const FRAME_BYTES: usize = 24;
/// A byte of 11 bits at 4800 baud, microseconds.
const BYTE_US: u64 = 2_292;
/// From the start of a frame to that of the next: 55 ms of bytes and a pause of 50.
pub(super) const PERIOD_MS: u64 = 105;
/// The largest period that a register holds.
const TOP: u128 = 0xFF_FFFF;

/// A frame on its way: its bytes, when its first bit was sent, and how many have arrived.
#[derive(Debug, Clone, Copy)]
struct Sending {
    bytes: [u8; FRAME_BYTES],
    length: usize,
    started: u64,
    arrived: usize,
}

#[derive(Debug)]
pub(super) struct Chip {
    coefficients: Coefficients,
    circuit: Circuit,
    load: Load,
    noise: u32,
    dice: Dice,
    powered: bool,
    /// When its supply came, ms.
    since: u64,
    /// Moment up to which all is integrated, ms.
    at: u64,
    /// What it counts now, mW.
    sensed: u64,
    delivered: u64,
    /// Energy of the pulse in progress, µJ times `bottom x shunt`.
    pending: u128,
    /// Pulses since its supply came.
    pulses: u64,
    sending: Option<Sending>,
    next_frame: u64,
    fault: Option<(Fault, u32)>,
}

impl Chip {
    pub fn new(circuit: Circuit, coefficients: Coefficients, now: u64) -> Self {
        Self {
            coefficients,
            circuit,
            load: Load::NONE,
            noise: 0,
            dice: Dice::new(1),
            powered: true,
            since: now,
            at: now,
            sensed: 0,
            delivered: 0,
            pending: 0,
            pulses: 0,
            sending: None,
            next_frame: now,
            fault: None,
        }
    }

    /// Energy of a pulse is `step / unit` µJ: the coefficient times Kv times Ki.
    fn step(&self) -> (u128, u128) {
        let unit =
            u128::from(self.circuit.divider_bottom_ohms) * u128::from(self.circuit.shunt_microohms);
        let step = u128::from(self.coefficients.power) * u128::from(self.circuit.divider_top_ohms);
        (step.max(1), unit.max(1))
    }

    pub fn set_load(&mut self, load: Load) {
        self.load = load;
        self.sense();
    }

    pub fn set_noise(&mut self, amplitude: u32, seed: u64) {
        self.noise = amplitude;
        self.dice = Dice::new(seed);
        self.sense();
    }

    pub const fn delivered(&self) -> u64 {
        self.delivered
    }

    pub fn set_count(&mut self, count: u32) {
        self.pulses = u64::from(count);
    }

    pub const fn pulses(&self) -> u64 {
        self.pulses
    }

    pub fn inject(&mut self, fault: Fault, frames: u32) {
        self.fault = (frames > 0).then_some((fault, frames));
    }

    pub fn set_powered(&mut self, powered: bool) {
        if self.powered != powered {
            self.powered = powered;
            self.pending = 0;
            self.pulses = 0;
            self.sending = None;
            self.since = self.at;
            self.next_frame = self.at + PERIOD_MS;
        }
    }

    fn sense(&mut self) {
        let power = i64::from(self.load.power.milliwatts());
        let noise = if self.noise == 0 {
            0
        } else {
            self.dice.around_zero(self.noise)
        };
        // Either way round counts.
        self.sensed = (power + noise).unsigned_abs();
    }

    /// The moment of the next byte, if one will come.
    pub fn next_byte(&self) -> Option<u64> {
        if !self.powered {
            return None;
        }
        Some(self.sending.map_or(self.next_frame, |frame| {
            frame.started + byte_ms(frame.arrived)
        }))
    }

    /// Lives up to `now`; what it sends goes to `send`.
    pub fn live(&mut self, now: u64, mut send: impl FnMut(u8)) {
        while let Some(moment) = self.next_byte().filter(|moment| *moment <= now) {
            self.integrate(moment);
            if let Some(frame) = &mut self.sending {
                if let Some(byte) = frame.bytes.get(frame.arrived) {
                    send(*byte);
                }
                frame.arrived += 1;
                if frame.arrived >= frame.length {
                    self.sending = None;
                }
            } else {
                self.next_frame = moment + PERIOD_MS;
                self.sense();
                let (bytes, length) = self.frame(moment);
                self.sending = (length > 0).then_some(Sending {
                    bytes,
                    length,
                    started: moment,
                    arrived: 0,
                });
            }
        }
        self.integrate(now);
    }

    fn integrate(&mut self, moment: u64) {
        let elapsed = moment.saturating_sub(self.at);
        self.at = self.at.max(moment);
        self.delivered += u64::from(self.load.power.milliwatts()) * elapsed;
        if self.powered {
            let (step, unit) = self.step();
            self.pending += u128::from(self.sensed) * u128::from(elapsed) * unit;
            self.pulses += u64::try_from(self.pending / step).unwrap_or(u64::MAX);
            self.pending %= step;
        }
    }

    fn frame(&mut self, now: u64) -> ([u8; FRAME_BYTES], usize) {
        let fault = self.next_fault();
        let mut length = FRAME_BYTES;
        if fault == Some(Fault::Silent) {
            length = 0;
        }
        let mut chip = self.coefficients;
        let mut count = self.pulses;
        let mut milliwatts = u128::from(self.sensed);
        let mut milliamperes = u128::from(self.load.current.milliamperes());
        let millivolts = u128::from(self.load.voltage.millivolts());
        match fault {
            Some(Fault::Spike { counts }) => {
                count += u64::from(counts);
                milliamperes = 30_000;
                milliwatts = millivolts * 30;
            }
            Some(Fault::Stranger) => chip.power ^= 0x40,
            _ => {}
        }
        let (step, unit) = self.step();
        let top_ohms = u128::from(self.circuit.divider_top_ohms);
        let bottom = u128::from(self.circuit.divider_bottom_ohms).max(1);
        let shunt = u128::from(self.circuit.shunt_microohms).max(1);
        // Periods: what the formulas give, solved for the register.
        let voltage = period(u128::from(chip.voltage) * top_ohms, bottom * millivolts);
        let current = period(u128::from(chip.current) * 1_000_000, shunt * milliamperes);
        let power = period(step * 1_000, unit * milliwatts);
        let mut state = 0_u8;
        let mut update = 0x01_u8;
        let microseconds = now.saturating_sub(self.since) * 1_000;
        let mut put = |register: Option<u32>, range: u8, measured: u8| {
            let Some(register) = register else {
                state |= range;
                return [0xFF, 0xFF, 0xFF];
            };
            if microseconds >= u64::from(register) {
                update |= measured;
            }
            let [_, high, middle, low] = register.to_be_bytes();
            [high, middle, low]
        };
        let [v0, v1, v2] = put(voltage, 0x08, 0x40);
        let [i0, i1, i2] = put(current, 0x04, 0x20);
        let [p0, p1, p2] = put(power, 0x02, 0x10);
        let state = if state == 0 { 0x55 } else { 0xF0 | state };
        if count >> 16 & 1 == 1 {
            update |= 0x80;
        }
        let [.., count_high, count_low] = count.to_be_bytes();
        let [_, kv0, kv1, kv2] = chip.voltage.to_be_bytes();
        let [_, ki0, ki1, ki2] = chip.current.to_be_bytes();
        let [_, kp0, kp1, kp2] = chip.power.to_be_bytes();
        #[rustfmt::skip]
        let mut bytes = [
            state, 0x5A,
            kv0, kv1, kv2, v0, v1, v2,
            ki0, ki1, ki2, i0, i1, i2,
            kp0, kp1, kp2, p0, p1, p2,
            update, count_high, count_low, 0,
        ];
        let sum = bytes
            .iter()
            .skip(2)
            .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        if let Some(last) = bytes.last_mut() {
            *last = sum;
        }
        self.spoil(&mut bytes, &mut length, fault);
        (bytes, length)
    }

    fn spoil(&mut self, bytes: &mut [u8; FRAME_BYTES], length: &mut usize, fault: Option<Fault>) {
        match fault {
            Some(Fault::Garbage) => bytes.iter_mut().for_each(|byte| {
                let [random, ..] = self.dice.next().to_le_bytes();
                *byte = random;
            }),
            Some(Fault::Checksum) => {
                if let Some(last) = bytes.last_mut() {
                    *last ^= 0x10;
                }
            }
            Some(Fault::Dropped) => {
                let lost = usize::try_from(self.dice.next() % FRAME_BYTES as u64).unwrap_or(0);
                if let Some(rest) = bytes.get_mut(lost..) {
                    rest.rotate_left(1);
                }
                *length -= 1;
            }
            _ => {}
        }
    }

    fn next_fault(&mut self) -> Option<Fault> {
        let (fault, left) = self.fault?;
        self.fault = match left {
            u32::MAX => Some((fault, left)),
            0 | 1 => None,
            _ => Some((fault, left - 1)),
        };
        Some(fault)
    }
}

/// When the byte after so many is in, milliseconds after the frame's start.
const fn byte_ms(arrived: usize) -> u64 {
    ((arrived as u64 + 1) * BYTE_US).div_ceil(1_000)
}

/// A register, whole microseconds; `None` beyond its range, as of nothing.
fn period(numerator: u128, denominator: u128) -> Option<u32> {
    let register = numerator.checked_div(denominator)?;
    (1..=TOP)
        .contains(&register)
        .then(|| u32::try_from(register).unwrap_or(u32::MAX))
}
