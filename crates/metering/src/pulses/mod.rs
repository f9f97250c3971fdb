//! Chips that tell what they measure by the frequency of pulses: BL0937, HLW8012 (CSE7759).
//!
//! Sources: BL0937 datasheet and HLW8012 user manual for the formulas ([`Chip`]); the drivers of
//! `ESPHome` and Tasmota, and the `hlw8012` library of `ESPurna`, for how the chips behave.
//!
//! # Terms
//! *CF* gives a pulse for each quantum of active energy: it alone is billed. *CF1* shows current or
//! voltage, as *SEL* says: low is current.
//!
//! # What it does
//!
//! | | |
//! | --- | --- |
//! | energy | pulses of CF, through an [`EnergyRegister`] and a [`CreepGuard`]: never volts times amperes, never power times time |
//! | power | frequency of CF over a window that ends with a few pulses, so it is short at a kilowatt and long at a watt |
//! | no pulse | the power is at most what one pulse would make of the silence; 0 once that is below the creep threshold |
//! | current, voltage | CF1 in turns; the first window after SEL flips is discarded, for CF1 still shows the other quantity, or a part of a period of each |
//! | pulses faster than the wire | refused: interference on CF is nobody's |
//! | calibration | by the pile's own record, under [`Trimmed`](crate::Trimmed), or on a bench ([`Nominal::calibrate`]); until then a quarter of the energy is not billed ([`Nominal::provisional`]) |
//!
//! The chips tell nothing of a restart, and need not: the counter is the MCU's. A restart of the
//! chip loses a part of a pulse; a restart of the MCU makes a new driver, whose first reading is
//! the point to count from.

mod circuit;
mod counter;
mod window;

pub use circuit::{Chip, Circuit, Figures, LEAST_PULSES, Measured, Nominal, TOLERANCE_PERCENT};
pub use counter::{Edge, PulseCounter};

use crate::creep::CreepGuard;
use crate::meter::{EnergyMeter, Sample};
use crate::register::{Continuity, EnergyRegister, Step};
use embedded_hal::digital::OutputPin;
use pile_units::{Instant, Power};
use window::{Extended, Mark, Outcome, Window};

/// How SEL is wired.
///
/// ```
/// use metering::pulses::Select;
/// assert_eq!(Select::default(), Select::Direct);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Select {
    /// From the pin to the chip: low is current.
    #[default]
    Direct,
    /// Through a transistor that turns it over: high is current.
    Inverted,
}

/// What the driver assumes.
///
/// ```
/// use metering::pulses::{Config, Select};
/// let config = Config { select: Select::Inverted, ..Config::default() };
/// assert!(config.creep < config.max_power);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// What the wire can carry: pulses faster than this are refused. Default 4 kW.
    pub max_power: Power,
    /// Active power at or below this counts nothing and reads as zero. Default 0.5 W.
    pub creep: Power,
    /// How SEL is wired.
    pub select: Select,
    /// How long CF1 is not looked at after SEL flips, milliseconds. Default 1000.
    pub settle_ms: u32,
    /// How long a window waits for pulses before it takes what it has, milliseconds. Default 4000.
    pub patience_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_power: Power::from_watts(4_000),
            creep: Power::from_milliwatts(500),
            select: Select::Direct,
            settle_ms: 1_000,
            patience_ms: 4_000,
        }
    }
}

/// Error returned by [`PulseMeter`]; `E` is the pin's own.
///
/// ```
/// use metering::pulses::Error;
/// let error: Error<core::convert::Infallible> = Error::NoSuchChannel;
/// assert_eq!(error.to_string(), "a pulse chip has one channel, 0");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error<E> {
    /// The pin SEL could not be set.
    Select(E),
    /// There is no such channel.
    NoSuchChannel,
}

impl<E: core::fmt::Debug> core::fmt::Display for Error<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Select(error) => write!(f, "the pin SEL could not be set: {error:?}"),
            Self::NoSuchChannel => f.write_str("a pulse chip has one channel, 0"),
        }
    }
}

impl<E: core::fmt::Debug> core::error::Error for Error<E> {}

/// What CF1 shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Current,
    Voltage,
}

/// Where CF1 is in its turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// SEL has not been set.
    Start,
    /// SEL flipped then: what CF1 shows is discarded.
    Settling(Quantity, Mark, u64),
    /// It is looked at.
    Looking(Quantity, Window),
}

/// One pulse chip: an [`EnergyMeter`] of one channel.
///
/// ```
/// use metering::EnergyMeter;
/// use metering::pulses::{Chip, Circuit, Config, Measured, PulseCounter, PulseMeter};
/// use pile_units::{Current, Energy, Instant, Voltage};
/// # use embedded_hal_mock::eh1::digital::{Mock as Pin, State, Transaction};
///
/// struct Counter(u32);
/// impl PulseCounter for Counter {
///     const BITS: u32 = 32;
///     fn total(&mut self) -> u32 {
///         self.0 += 100;
///         self.0
///     }
/// }
/// # let bench = Measured {
/// #     energy: Energy::from_milliwatt_hours(100_000), pulses: 177_678,
/// #     voltage: Voltage::from_millivolts(230_000), voltage_millihertz: 1_236_700,
/// #     current: Current::from_milliamperes(8_696), current_millihertz: 675_700,
/// # };
/// # let sel = Pin::new(&[Transaction::set(State::Low)]);
/// let figures = Circuit::REFERENCE.nominal(Chip::Bl0937)?.calibrate(&bench)?;
/// let mut meter = PulseMeter::new(Counter(0), Counter(0), sel, figures, Config::default());
///
/// let mut sample = |ms| embassy_futures::block_on(meter.sample(0, Instant::from_millis(ms)));
/// let (first, second) = (sample(0)?, sample(1_000)?);
/// assert_eq!(first.energy, Energy::ZERO);
/// assert_eq!(second.energy.milliwatt_hours(), 56); // 100 pulses of 0.563, less the creep of a second
/// assert_eq!(second.power.milliwatts(), 202_613); // 100 Hz
/// # let (_, _, mut sel) = meter.release();
/// # sel.done();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PulseMeter<C, C1, S> {
    cf: C,
    cf1: C1,
    sel: S,
    figures: Figures,
    config: Config,
    cf_total: Extended,
    cf1_total: Extended,
    register: EnergyRegister,
    guard: CreepGuard,
    power_window: Option<Window>,
    power_millihertz: u32,
    turn: Turn,
    current_millihertz: u32,
    voltage_millihertz: u32,
    refusals: u32,
    last_step: Option<Step>,
}

impl<C: PulseCounter, C1: PulseCounter, S: OutputPin> PulseMeter<C, C1, S> {
    /// Takes the counters of CF and CF1 and the pin SEL. Nothing is set before the first sample.
    pub fn new(cf: C, cf1: C1, sel: S, figures: Figures, config: Config) -> Self {
        const {
            assert!(
                C::BITS >= 16 && C::BITS <= 32 && C1::BITS >= 16 && C1::BITS <= 32,
                "a pulse counter has 16 to 32 bits"
            );
        }
        let energy = figures.calibration().energy;
        Self {
            cf,
            cf1,
            sel,
            figures,
            config,
            cf_total: Extended::default(),
            cf1_total: Extended::default(),
            register: EnergyRegister::new(energy, config.max_power),
            guard: CreepGuard::new(energy, config.creep),
            power_window: None,
            power_millihertz: 0,
            turn: Turn::Start,
            current_millihertz: 0,
            voltage_millihertz: 0,
            refusals: 0,
            last_step: None,
        }
    }

    /// Gives the counters and the pin back.
    pub fn release(self) -> (C, C1, S) {
        (self.cf, self.cf1, self.sel)
    }

    /// Readings of CF that were refused for being faster than the wire; stops at its maximum.
    pub const fn refusals(&self) -> u32 {
        self.refusals
    }

    /// What became of the last reading of CF; `None` before the first.
    pub const fn last_step(&self) -> Option<Step> {
        self.last_step
    }

    /// Counts CF.
    fn count(&mut self, now: Instant) -> Mark {
        let mark = Mark::read(&mut self.cf, &mut self.cf_total, micros(now));
        let [b0, b1, b2, ..] = self.cf_total.get().to_le_bytes();
        let count = u32::from_le_bytes([b0, b1, b2, 0]);
        let step = self.register.advance(count, now, Continuity::SameRun);
        if let Step::Refused(_) = step {
            self.refusals = self.refusals.saturating_add(1);
        }
        self.guard.add(step.counts(), now);
        self.last_step = Some(step);
        mark
    }

    /// Follows the frequency of CF.
    fn follow_power(&mut self, mark: Mark, now: Instant) {
        let now = micros(now);
        let Some(window) = self.power_window else {
            self.power_window = Some(Window::open(mark, now));
            return;
        };
        match window.judge(mark, now, self.patience()) {
            Outcome::Is(frequency) => {
                self.power_millihertz = frequency;
                self.power_window = Some(Window::open(mark, now));
            }
            Outcome::AtMost(bound)
                if self.power(bound) <= self.config.creep
                    || (self.power_millihertz == 0 && window.is_silent(mark)) =>
            {
                // Silence: what comes next is not to be spread over it.
                self.power_millihertz = 0;
                self.power_window = Some(Window::open(mark.without_edge(now), now));
            }
            Outcome::AtMost(bound) => self.power_millihertz = self.power_millihertz.min(bound),
        }
    }

    fn power(&self, millihertz: u32) -> Power {
        Power::from_milliwatts(self.figures.calibration().power.apply(millihertz))
    }

    /// Follows CF1 in its turns.
    fn follow_turns(&mut self, now: Instant) -> Result<(), S::Error> {
        let now = micros(now);
        match self.turn {
            Turn::Start => self.flip(Quantity::Current, now)?,
            Turn::Settling(quantity, flipped, since) => {
                if now.saturating_sub(since) >= u64::from(self.config.settle_ms) * 1_000 {
                    let mark = Mark::read(&mut self.cf1, &mut self.cf1_total, now);
                    // The last edge may be of the time before SEL flipped.
                    let mark = if mark.count == flipped.count {
                        mark.without_edge(now)
                    } else {
                        mark
                    };
                    self.turn = Turn::Looking(quantity, Window::open(mark, now));
                }
            }
            Turn::Looking(quantity, window) => {
                let mark = Mark::read(&mut self.cf1, &mut self.cf1_total, now);
                let frequency = match window.judge(mark, now, self.patience()) {
                    Outcome::Is(frequency) => frequency,
                    Outcome::AtMost(_) if window.age_micros(now) < self.patience() => return Ok(()),
                    // No pulse for as long as the driver waits.
                    Outcome::AtMost(_) => 0,
                };
                match quantity {
                    Quantity::Current => self.current_millihertz = frequency,
                    Quantity::Voltage => self.voltage_millihertz = frequency,
                }
                self.flip(
                    match quantity {
                        Quantity::Current => Quantity::Voltage,
                        Quantity::Voltage => Quantity::Current,
                    },
                    now,
                )?;
            }
        }
        Ok(())
    }

    fn flip(&mut self, quantity: Quantity, now: u64) -> Result<(), S::Error> {
        let inverted = self.config.select == Select::Inverted;
        let high = (quantity == Quantity::Voltage) != inverted;
        self.sel.set_state(high.into())?;
        let mark = Mark::read(&mut self.cf1, &mut self.cf1_total, now);
        self.turn = Turn::Settling(quantity, mark, now);
        Ok(())
    }

    fn patience(&self) -> u64 {
        u64::from(self.config.patience_ms) * 1_000
    }

    fn measure(&mut self, now: Instant) -> Result<Sample, S::Error> {
        let mark = self.count(now);
        self.follow_power(mark, now);
        self.follow_turns(now)?;
        let scales = self.figures.calibration();
        let power = self.power(self.power_millihertz);
        Ok(Sample {
            energy: self.guard.total(),
            resolution: self.guard.resolution(),
            power: if power > self.config.creep {
                power
            } else {
                Power::ZERO
            },
            voltage: scales.voltage(self.voltage_millihertz),
            current: scales.current(self.current_millihertz),
            over_current: false,
            temperature: None,
        })
    }
}

const fn micros(now: Instant) -> u64 {
    now.millis().saturating_mul(1_000)
}

impl<C: PulseCounter, C1: PulseCounter, S: OutputPin> EnergyMeter for PulseMeter<C, C1, S> {
    type Error = Error<S::Error>;

    fn channels(&self) -> usize {
        1
    }

    async fn sample(&mut self, channel: usize, now: Instant) -> Result<Sample, Self::Error> {
        if channel != 0 {
            return Err(Error::NoSuchChannel);
        }
        self.measure(now).map_err(Error::Select)
    }

    fn held_back_ppm(&self, channel: usize) -> u32 {
        if channel == 0 {
            self.figures.held_back_ppm()
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests;
