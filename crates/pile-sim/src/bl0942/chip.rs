//! One chip: what it senses, counts and holds.

use super::figures::Figures;
use metering::bl0942::Circuit;
use pile_units::{Current, Power, Voltage};

const COUNTER_MASK: u32 = 0xFF_FFFF;
/// `FREQ` at 50 Hz.
const FREQ_50_HZ: u32 = 20_000;

/// `I_FAST_RMS` of a steady current: 0.363 of `I_RMS` (maker's formula).
fn fast(current: u32) -> u32 {
    u32::try_from(u64::from(current) * 363 / 1000).unwrap_or(COUNTER_MASK)
}

/// What flows through a chip's shunt.
///
/// ```
/// use pile_sim::bl0942::Load;
/// use pile_units::{Current, Power, Voltage};
/// let kettle = Load::resistive(Power::from_watts(920), Voltage::from_millivolts(230_000));
/// assert_eq!(kettle.current, Current::from_milliamperes(4_000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Active power.
    pub power: Power,
    /// Mains voltage.
    pub voltage: Voltage,
    /// Current; more than power over voltage at a poor power factor.
    pub current: Current,
}

impl Load {
    /// 230 V and nothing plugged in.
    pub const NONE: Self = Self {
        power: Power::ZERO,
        voltage: Voltage::from_millivolts(230_000),
        current: Current::ZERO,
    };

    /// A load with a power factor of one.
    pub fn resistive(power: Power, voltage: Voltage) -> Self {
        let millivolts = u64::from(voltage.millivolts()).max(1);
        let milliamperes = u64::from(power.milliwatts()) * 1000 / millivolts;
        let current = Current::from_milliamperes(u32::try_from(milliamperes).unwrap_or(u32::MAX));
        Self {
            power,
            voltage,
            current,
        }
    }
}

/// How an answer goes wrong.
///
/// ```
/// use pile_sim::bl0942::Fault;
/// let spike = Fault::Spike { counts: 100_000 };
/// assert_ne!(spike, Fault::Dead);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing comes.
    Dead,
    /// 1 to 40 random bytes come instead.
    Garbage,
    /// The check sum is wrong by one bit.
    Checksum,
    /// The last byte is missing.
    Truncated,
    /// One byte more comes.
    Extra,
    /// 30 A, the power to match and a counter ahead by this much (modulo 2^24), all under a good
    /// check sum.
    Spike {
        /// How far the counter reads ahead.
        counts: u32,
    },
}

/// The user registers, as after a reset (datasheet V1.06, register table).
#[derive(Debug, Clone, Copy)]
struct User {
    rms_offset: u32,
    creep: u32,
    fast_threshold: u32,
    fast_cycles: u32,
    frequency_cycles: u32,
    outputs: u32,
    mode: u32,
    gain: u32,
    protect: u32,
}

impl User {
    const RESET: Self = Self {
        rms_offset: 0,
        creep: 0x0B,
        fast_threshold: 0xFFFF,
        fast_cycles: 1,
        frequency_cycles: 3,
        outputs: 0x24,
        mode: 0x87,
        gain: 2,
        protect: 0,
    };

    /// The register at an address and its width in bits.
    fn at(&mut self, address: u8) -> Option<(&mut u32, u32)> {
        Some(match address {
            0x12 => (&mut self.rms_offset, 8),
            0x14 => (&mut self.creep, 8),
            0x15 => (&mut self.fast_threshold, 16),
            0x16 => (&mut self.fast_cycles, 3),
            0x17 => (&mut self.frequency_cycles, 2),
            0x18 => (&mut self.outputs, 6),
            0x19 => (&mut self.mode, 10),
            0x1A => (&mut self.gain, 2),
            _ => return None,
        })
    }

    const fn counts(&self) -> bool {
        self.mode & 0x04 != 0
    }

    const fn clears_on_read(&self) -> bool {
        self.mode & 0x40 != 0
    }

    const fn adds_absolute(&self) -> bool {
        self.mode & 0x80 != 0
    }
}

/// What the chip senses now: signed power and the registers that follow.
#[derive(Debug, Clone, Copy, Default)]
struct Sensed {
    /// What counts, mW: zero below the creep threshold.
    power: i64,
    current: u32,
    voltage: u32,
    watt: i32,
    status: u32,
}

#[derive(Debug)]
pub(super) struct Chip {
    address: u8,
    figures: Figures,
    user: User,
    powered: bool,
    reversed: bool,
    load: Load,
    noise: u32,
    random: u64,
    sensed: Sensed,
    /// Moment up to which all is integrated, ms.
    at: u64,
    delivered: u64,
    /// Energy of the step in progress, in µJ times `figures.unit`.
    pending: i128,
    count: u32,
    fault: Option<(Fault, u32)>,
}

impl Chip {
    pub fn new(circuit: &Circuit, address: u8, now: u64) -> Self {
        let mut chip = Self {
            address: address & 0b11,
            figures: Figures::new(circuit),
            user: User::RESET,
            powered: true,
            reversed: false,
            load: Load::NONE,
            noise: 0,
            random: 0,
            sensed: Sensed::default(),
            at: now,
            delivered: 0,
            pending: 0,
            count: 0,
            fault: None,
        };
        chip.sense();
        chip
    }

    /// Lets the load flow up to `now`.
    pub fn integrate(&mut self, now: u64) {
        let elapsed = now.saturating_sub(self.at);
        if elapsed == 0 {
            return;
        }
        self.at = now;
        self.delivered = self
            .delivered
            .saturating_add(u64::from(self.load.power.milliwatts()).saturating_mul(elapsed));
        if self.powered && self.user.counts() && self.sensed.power != 0 {
            // An absolute value where MODE says so; a signed sum otherwise.
            let power = if self.user.adds_absolute() {
                self.sensed.power.abs()
            } else {
                self.sensed.power
            };
            self.pending += i128::from(power) * i128::from(elapsed) * self.figures.unit;
            if self.pending < 0 || self.pending >= self.figures.step {
                let steps = self.pending.div_euclid(self.figures.step);
                self.pending = self.pending.rem_euclid(self.figures.step);
                let steps = u32::try_from(steps.rem_euclid(1 << 24)).unwrap_or(0);
                self.count = self.count.wrapping_add(steps) & COUNTER_MASK;
            }
        }
        if self.noise != 0 {
            self.sense();
        }
    }

    pub fn set_load(&mut self, load: Load) {
        if load != self.load {
            self.load = load;
            self.sense();
        }
    }

    pub const fn delivered_microjoules(&self) -> u64 {
        self.delivered
    }

    /// What the pin CF1 shows where `OT_FUNX` gives it the over-current output.
    pub fn over_current_pin(&self) -> bool {
        self.powered
            && self.user.outputs & 0b11 == 0b01
            && fast(self.sensed.current) >> 8 >= self.user.fast_threshold
    }

    pub const fn count(&self) -> u32 {
        self.count
    }

    pub const fn set_count(&mut self, count: u32) {
        self.count = count & COUNTER_MASK;
    }

    pub fn set_powered(&mut self, powered: bool) {
        if self.powered != powered {
            self.powered = powered;
            self.user = User::RESET;
            self.count = 0;
            self.pending = 0;
            self.sense();
        }
    }

    pub fn set_noise(&mut self, amplitude: Power, seed: u64) {
        self.noise = amplitude.milliwatts();
        self.random = seed;
        self.sense();
    }

    pub fn set_reversed(&mut self, reversed: bool) {
        self.reversed = reversed;
        self.sense();
    }

    pub const fn inject(&mut self, fault: Fault, answers: u32) {
        self.fault = if answers == 0 {
            None
        } else {
            Some((fault, answers))
        };
    }

    /// Works out the registers from the load.
    fn sense(&mut self) {
        let mut power = i64::from(self.load.power.milliwatts());
        let mut milliamperes = self.load.current.milliamperes();
        if self.noise != 0 {
            let span = u64::from(self.noise) * 2 + 1;
            let noise = i64::try_from(self.next_random() % span).unwrap_or(0);
            power += noise - i64::from(self.noise);
            // The current of the noise itself, a milliampere or so.
            milliamperes = milliamperes.saturating_add(self.noise / 230);
        }
        if self.reversed {
            power = -power;
        }
        let magnitude = u32::try_from(power.unsigned_abs()).unwrap_or(u32::MAX);
        let watt = self.figures.power.raw(magnitude, 0x7F_FFFF);
        // Anti-creep: WA_CREEP x 3125 / 256 counts of WATT.
        let creeps = u64::from(watt) * 256 < u64::from(self.user.creep) * 3125;
        let negative = power < 0;
        let watt = i32::try_from(watt).unwrap_or(0);
        self.sensed = Sensed {
            power: if creeps { 0 } else { power },
            current: self.figures.current.raw(milliamperes, COUNTER_MASK),
            voltage: self
                .figures
                .voltage
                .raw(self.load.voltage.millivolts(), COUNTER_MASK),
            watt: match (creeps, negative) {
                (true, _) => 0,
                (false, true) => -watt,
                (false, false) => watt,
            },
            status: u32::from(negative && !creeps) | u32::from(creeps) << 1,
        };
    }

    /// `SplitMix64`: small, seeded, the same on every machine.
    const fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Takes a write command's register and value.
    pub fn write(&mut self, address: u8, value: u32) {
        if !self.powered {
            return;
        }
        match address {
            0x1D => self.user.protect = value & 0xFF,
            // Everything else needs the write protection open.
            _ if self.user.protect != 0x55 => {}
            0x1C if value == 0x5A_5A5A => {
                self.user = User::RESET;
                self.sense();
            }
            _ => {
                if let Some((register, bits)) = self.user.at(address) {
                    *register = value & ((1 << bits) - 1);
                    self.sense();
                }
            }
        }
    }

    /// Answers a read command, through `send`.
    pub fn read(&mut self, address: u8, send: impl FnMut(&[u8])) {
        if !self.powered {
            return;
        }
        if address == 0xAA {
            self.send_burst(send);
        } else {
            self.send_register(address, send);
        }
    }

    fn send_burst(&mut self, send: impl FnMut(&[u8])) {
        let fault = self.next_fault();
        let mut sensed = self.sensed;
        let mut count = self.count;
        if let Some(Fault::Spike { counts }) = fault {
            count = count.wrapping_add(counts) & COUNTER_MASK;
            let volts = self.load.voltage.millivolts() / 1000;
            sensed.current = self.figures.current.raw(30_000, COUNTER_MASK);
            let watt = self
                .figures
                .power
                .raw(volts.saturating_mul(30_000), 0x7F_FFFF);
            sensed.watt = i32::try_from(watt).unwrap_or(0);
        }
        let [i0, i1, i2, _] = sensed.current.to_le_bytes();
        let [v0, v1, v2, _] = sensed.voltage.to_le_bytes();
        let [w0, w1, w2, _] = sensed.watt.to_le_bytes();
        let [c0, c1, c2, _] = count.to_le_bytes();
        let [f0, f1, f2, _] = fast(sensed.current).to_le_bytes();
        let [hz0, hz1, _, _] = FREQ_50_HZ.to_le_bytes();
        let [status, ..] = sensed.status.to_le_bytes();
        #[rustfmt::skip]
        let body = [
            0x55,
            i0, i1, i2,
            v0, v1, v2,
            f0, f1, f2,
            w0, w1, w2,
            c0, c1, c2,
            hz0, hz1, 0,
            status, 0, 0,
        ];
        let sum = body
            .iter()
            .fold(0x58 | self.address, |sum: u8, byte| sum.wrapping_add(*byte));
        let mut frame = [0; 23];
        if let Some((check, bytes)) = frame.split_last_mut() {
            bytes.copy_from_slice(&body);
            *check = !sum;
        }
        if self.user.clears_on_read() {
            self.count = 0;
        }
        self.send(&frame, fault, send);
    }

    fn send_register(&mut self, address: u8, send: impl FnMut(&[u8])) {
        let fault = self.next_fault();
        let value = match address {
            0x03 => self.sensed.current,
            0x05 => fast(self.sensed.current),
            0x04 => self.sensed.voltage,
            0x06 => self.sensed.watt.cast_unsigned(),
            0x07 => self.count,
            0x08 => FREQ_50_HZ,
            0x09 => self.sensed.status,
            0x1D => self.user.protect,
            _ => self.user.at(address).map_or(0, |(register, _)| *register),
        };
        if address == 0x07 && self.user.clears_on_read() {
            self.count = 0;
        }
        let [low, middle, high, _] = value.to_le_bytes();
        let sum = [address, low, middle, high]
            .iter()
            .fold(0x58 | self.address, |sum: u8, byte| sum.wrapping_add(*byte));
        self.send(&[low, middle, high, !sum], fault, send);
    }

    /// Sends an answer, or what the fault makes of it.
    fn send(&mut self, answer: &[u8], fault: Option<Fault>, mut send: impl FnMut(&[u8])) {
        match fault {
            None | Some(Fault::Spike { .. }) => send(answer),
            Some(Fault::Dead) => {}
            Some(Fault::Garbage) => {
                for _ in 0..=self.next_random() % 40 {
                    let [byte, ..] = self.next_random().to_le_bytes();
                    send(&[byte]);
                }
            }
            Some(Fault::Checksum) => {
                if let [body @ .., check] = answer {
                    send(body);
                    send(&[check ^ 0x10]);
                }
            }
            Some(Fault::Truncated) => {
                if let [body @ .., _] = answer {
                    send(body);
                }
            }
            Some(Fault::Extra) => {
                send(answer);
                send(&[0x55]);
            }
        }
    }

    /// The fault of the next answer.
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
