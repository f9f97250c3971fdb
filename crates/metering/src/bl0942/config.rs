//! What the driver sets in a chip and assumes of the line.

use super::frame::{CREEP_DEFAULT, FAST_THRESHOLD_OFF, MODE_60_HZ, MODE_DEFAULT};
use crate::calibration::Calibration;
use pile_units::{Current, Power};

/// Time beyond the bytes themselves, milliseconds: the chip's turn-around, the UART's latency.
const TURN_AROUND_MS: u32 = 20;

/// The line's speed, as the chip's pin `SCLK_BPS` is strapped. The chip's faster rates are set by
/// register, so a chip that resets falls out of step with the UART: they are not offered.
///
/// ```
/// use metering::bl0942::Baud;
/// assert_eq!(Baud::B9600.answer_within_ms(), 47);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baud {
    /// 4800 8N1.
    B4800,
    /// 9600 8N1.
    B9600,
}

impl Baud {
    /// Bits a second.
    pub const fn bits_per_second(self) -> u32 {
        match self {
            Self::B4800 => 4_800,
            Self::B9600 => 9_600,
        }
    }

    /// Milliseconds within which a command and its burst are through.
    pub const fn answer_within_ms(self) -> u32 {
        // 2 bytes there, 23 back, ten bits each.
        (25 * 10_000_u32).div_ceil(self.bits_per_second()) + TURN_AROUND_MS
    }
}

/// The mains.
///
/// ```
/// use metering::bl0942::{Config, Mains};
/// let config = Config { mains: Mains::Hz60, ..Config::default() };
/// assert_ne!(config, Config::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mains {
    /// 50 Hz.
    Hz50,
    /// 60 Hz.
    Hz60,
}

/// What the driver sets and assumes.
///
/// ```
/// use metering::bl0942::Config;
/// use pile_units::{Current, Power};
/// // A 10 A socket.
/// let config = Config { max_power: Power::from_watts(2_530), ..Config::default() };
/// assert!(config.creep < config.max_power);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The line's speed.
    pub baud: Baud,
    /// The mains.
    pub mains: Mains,
    /// What the wire can carry: a counter faster than this is refused. Default 4 kW: 16 A at 253 V.
    pub max_power: Power,
    /// Active power below this counts nothing and reads as zero, against noise without a load. Up
    /// to 5 W in the reference circuit; default 0.5 W. It lies below every threshold of a port.
    pub creep: Power,
    /// Fast over-current: the current, measured over one cycle of the mains, from which a channel is
    /// [over](crate::Sample::over_current). Default none. The chip then shows it on its pins CF1 and
    /// CF2 as well, which a board can wire to an interrupt.
    pub over_current: Option<Current>,
}

impl Config {
    /// `WA_CREEP` for the threshold: `WATT` x 256 / 3125 (datasheet, anti-creep). Never the value
    /// after a reset, which is how the driver sees that a chip was reset.
    pub(super) fn creep_register(&self, calibration: &Calibration) -> u8 {
        // The largest register whose threshold is not above the one asked for.
        let threshold = |register: u8| calibration.power.apply(u32::from(register) * 3125 / 256);
        let register = (0..=u8::MAX)
            .rev()
            .find(|register| threshold(*register) <= self.creep.milliwatts())
            .unwrap_or(0);
        if register == CREEP_DEFAULT {
            register - 1
        } else {
            register
        }
    }

    /// `I_FAST_RMS_TH` for a limit: the upper 16 bits of `I_FAST_RMS`, which is 0.363 of `I_RMS`
    /// (maker's formula, approximate), rounded down: over from the limit on, never later. A limit
    /// beyond the register is none.
    pub(super) fn over_current_register(limit: Option<Current>, figures: &Calibration) -> u16 {
        let Some(limit) = limit else {
            return FAST_THRESHOLD_OFF;
        };
        let rms = figures.current.invert(limit.milliamperes());
        let fast = u64::from(rms) * 363 / 1000;
        u16::try_from(fast >> 8).map_or(FAST_THRESHOLD_OFF, |threshold| threshold.max(1))
    }

    /// `MODE` for the mains.
    pub(super) const fn mode(&self) -> u32 {
        match self.mains {
            Mains::Hz50 => MODE_DEFAULT,
            Mains::Hz60 => MODE_DEFAULT | MODE_60_HZ,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            baud: Baud::B9600,
            mains: Mains::Hz50,
            max_power: Power::from_watts(4_000),
            creep: Power::from_milliwatts(500),
            over_current: None,
        }
    }
}
