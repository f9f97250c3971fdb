//! A meter as it is after its calibration: any driver, each channel with its [`MeterTrim`].
//!
//! | of a sample | times | rounded |
//! | --- | --- | --- |
//! | energy since the last sample | 1 + `power_ppm` / 10^6, over what the driver did not [hold back](EnergyMeter::held_back_ppm) | down, the rest carried |
//! | resolution | the same | up, and 1 mWh more while anything is carried |
//! | power | the same | to nearest |
//! | voltage, current | 1 + `voltage_ppm` / 10^6, 1 + `current_ppm` / 10^6 | to nearest |
//! | temperature, fast over-current | 1: the limit of the latter is in the chip, in its own counts | |
//!
//! # Invariants
//! - A total never goes back, whatever is set and when.
//! - It is never ahead of the driver's steps, each times the lowest correction that was in force since
//!   the step before: what flowed about the moment of a change is nobody's at the higher one.
//! - Without a correction a sample passes through unchanged; what its driver holds back stays so.
//!
//! A correction of nothing at all, [`MeterTrim::NONE`], is none: a chip whose driver holds a part back
//! is to have another one, if only of one part per million.

use crate::meter::{EnergyMeter, Sample};
use crate::two_point::UNITY_PPM;
use pile_units::{Current, Energy, Instant, MeterTrim, OutOfRange, Power, Voltage};

/// Millionths in one.
const MILLION: u64 = 1_000_000;

/// One channel's correction, and the total under it.
#[derive(Debug, Clone, Copy)]
struct Channel {
    trim: MeterTrim,
    /// The lowest part of power since a step was last counted.
    lowest: i32,
    /// What the driver's total was.
    seen: Energy,
    total: Energy,
    /// Millionths of a milliwatt-hour that flowed and are not in the total yet.
    carry: u64,
}

impl Channel {
    const NEW: Self = Self {
        trim: MeterTrim::NONE,
        lowest: 0,
        seen: Energy::ZERO,
        total: Energy::ZERO,
        carry: 0,
    };

    fn set(&mut self, trim: MeterTrim, held_back: u32) {
        self.lowest = self.lowest.min(of_energy(self.trim, held_back));
        self.trim = trim;
    }

    fn correct(&mut self, sample: Sample, held_back: u32) -> Sample {
        let power_ppm = self.trim.power_ppm();
        let energy_ppm = of_energy(self.trim, held_back);
        let counted = sample.energy.saturating_sub(self.seen).milliwatt_hours();
        if counted > 0 {
            self.seen = sample.energy;
            // In two parts, so that nothing overflows below 2^64 mWh: 10^6 times 10^12, and a carry.
            let factor = given_back(self.lowest.min(energy_ppm), held_back);
            let rest = counted % MILLION * factor + self.carry;
            let whole = (counted / MILLION).saturating_mul(factor);
            self.total = self
                .total
                .saturating_add(Energy::from_milliwatt_hours(whole))
                .saturating_add(Energy::from_milliwatt_hours(rest / MILLION));
            self.carry = rest % MILLION;
            self.lowest = energy_ppm;
        }
        let whole = given_back(energy_ppm, held_back);
        let rounding = u64::from(whole != MILLION || self.carry != 0);
        let resolution = sample.resolution.milliwatt_hours();
        let resolution = resolution
            .saturating_mul(whole)
            .div_ceil(MILLION)
            .saturating_add(rounding);
        Sample {
            energy: self.total,
            resolution: Energy::from_milliwatt_hours(resolution),
            power: Power::from_milliwatts(nearest(sample.power.milliwatts(), power_ppm)),
            voltage: Voltage::from_millivolts(nearest(
                sample.voltage.millivolts(),
                self.trim.voltage_ppm(),
            )),
            current: Current::from_milliamperes(nearest(
                sample.current.milliamperes(),
                self.trim.current_ppm(),
            )),
            ..sample
        }
    }
}

/// One and a correction, in millionths.
fn factor(ppm: i32) -> u64 {
    // Within 750,000..=1,250,000: `MeterTrim` holds nothing else.
    u64::try_from(UNITY_PPM + i64::from(ppm)).unwrap_or(MILLION)
}

/// What a channel's energy is corrected by, of the figures of its datasheet: where its driver holds a
/// part back and nobody has calibrated it, that part.
fn of_energy(trim: MeterTrim, held_back: u32) -> i32 {
    if trim == MeterTrim::NONE {
        i32::try_from(held_back).map_or(-MeterTrim::MAX_PPM, |held_back| -held_back)
    } else {
        trim.power_ppm()
    }
}

/// One and a correction of the datasheet's figures, over what a driver made of them, in millionths;
/// rounded down.
fn given_back(ppm: i32, held_back: u32) -> u64 {
    let counted = MILLION.saturating_sub(held_back.into()).max(1);
    // Below 2^21 times 2^20.
    factor(ppm) * MILLION / counted
}

/// A reading with its correction.
fn nearest(reading: u32, ppm: i32) -> u32 {
    let corrected = (u64::from(reading) * factor(ppm) + MILLION / 2) / MILLION;
    u32::try_from(corrected).unwrap_or(u32::MAX)
}

/// A meter whose first `N` channels are corrected, each by its own [`MeterTrim`], which may be set at
/// any time. Channels beyond `N` are as the driver has them.
///
/// ```
/// use metering::{EnergyMeter, Trimmed};
/// use pile_units::{Energy, Instant, MeterTrim, Power};
/// # use metering::Sample;
/// # use pile_units::{Current, Voltage};
/// # struct Driver(u64);
/// # impl EnergyMeter for Driver {
/// #     type Error = core::convert::Infallible;
/// #     fn channels(&self) -> usize { 2 }
/// #     async fn sample(&mut self, _: usize, _: Instant) -> Result<Sample, Self::Error> {
/// #         self.0 += 1_000;
/// #         Ok(Sample { energy: Energy::from_milliwatt_hours(self.0), resolution: Energy::from_milliwatt_hours(2),
/// #             power: Power::from_watts(60), voltage: Voltage::ZERO, current: Current::ZERO,
/// #             over_current: false, temperature: None })
/// #     }
/// # }
/// # let driver = Driver(0); // counts 1 Wh a sample
/// // As the pile's ledger has them: channel 0 was calibrated.
/// let trims = [MeterTrim::from_ppm(13_171, 0, 0)?, MeterTrim::NONE];
/// let mut meter = Trimmed::with_trims(driver, trims);
///
/// let sample = embassy_futures::block_on(meter.sample(0, Instant::START)).unwrap();
/// assert_eq!(sample.power, Power::from_milliwatts(60_790)); // 60 W x 1.013171
/// assert_eq!(sample.energy, Energy::from_milliwatt_hours(1_013)); // 0.171 mWh are carried
/// meter.set_trim(1, MeterTrim::from_ppm(-150, 0, 0)?)?; // while the pile runs
/// assert!(meter.set_trim(2, MeterTrim::NONE).is_err());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug)]
pub struct Trimmed<M, const N: usize> {
    meter: M,
    channels: [Channel; N],
}

impl<M: EnergyMeter, const N: usize> Trimmed<M, N> {
    /// Takes a meter; nothing is corrected yet. What the meter has counted before is passed on.
    pub const fn new(meter: M) -> Self {
        Self {
            meter,
            channels: [Channel::NEW; N],
        }
    }

    /// Takes a meter with what its channels are corrected by from the start.
    pub fn with_trims(meter: M, trims: [MeterTrim; N]) -> Self {
        let channels = trims.map(|trim| Channel {
            trim,
            lowest: trim.power_ppm(),
            ..Channel::NEW
        });
        Self { meter, channels }
    }

    /// Corrects a channel by `trim` from its next sample on. What was counted since the last one is
    /// corrected by the lower of the two.
    ///
    /// # Errors
    /// [`OutOfRange`] where the channel is `N` or beyond.
    pub fn set_trim(&mut self, channel: usize, trim: MeterTrim) -> Result<(), OutOfRange> {
        let held_back = self.meter.held_back_ppm(channel);
        let channel = self.channels.get_mut(channel).ok_or(OutOfRange)?;
        channel.set(trim, held_back);
        Ok(())
    }

    /// What a channel is corrected by; nothing beyond `N`.
    pub fn trim(&self, channel: usize) -> MeterTrim {
        self.channels
            .get(channel)
            .map_or(MeterTrim::NONE, |channel| channel.trim)
    }

    /// The driver, for what only it has.
    pub const fn driver(&self) -> &M {
        &self.meter
    }

    /// The driver, for what only it has. A sample that is taken here is not lost: its energy is in the
    /// next one that is taken of `self`.
    pub const fn driver_mut(&mut self) -> &mut M {
        &mut self.meter
    }

    /// Gives the driver back.
    pub fn release(self) -> M {
        self.meter
    }
}

impl<M: EnergyMeter, const N: usize> EnergyMeter for Trimmed<M, N> {
    type Error = M::Error;

    fn channels(&self) -> usize {
        self.meter.channels()
    }

    async fn sample(&mut self, channel: usize, now: Instant) -> Result<Sample, Self::Error> {
        let sample = self.meter.sample(channel, now).await?;
        let held_back = self.meter.held_back_ppm(channel);
        Ok(match self.channels.get_mut(channel) {
            Some(channel) => channel.correct(sample, held_back),
            None => sample,
        })
    }

    async fn over_current(&mut self, channel: usize) -> Result<bool, Self::Error> {
        self.meter.over_current(channel).await
    }

    fn held_back_ppm(&self, channel: usize) -> u32 {
        if self.trim(channel) == MeterTrim::NONE {
            self.meter.held_back_ppm(channel)
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests;
