//! What the machine above sees of a meter: a [`Sample`] a channel, whatever the chip.
//!
//! A *channel* is one measured outlet. Channels count from 0 in the order of the ports; several
//! buses are put side by side with an array, which is an [`EnergyMeter`] itself.

use pile_units::{Current, Energy, Instant, Power, Temperature, Voltage};

/// One reading of one channel.
///
/// ```
/// use metering::Sample;
/// use pile_units::Energy;
/// # use pile_units::{Current, Power, Voltage};
/// # let sample = |mwh| Sample {
/// #     energy: Energy::from_milliwatt_hours(mwh),
/// #     resolution: Energy::from_milliwatt_hours(188),
/// #     power: Power::ZERO, voltage: Voltage::ZERO, current: Current::ZERO, over_current: false,
/// #     temperature: None,
/// # };
/// let (start, end) = (sample(1_000), sample(9_000));
/// // What surely flowed in between, whatever part of a step was pending at the start.
/// assert_eq!(end.surely_since(&start), Energy::from_milliwatt_hours(7_812));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sample {
    /// Active energy since the driver was made. Never goes back, never ahead of what flowed.
    pub energy: Energy,
    /// The most by which the difference of two [`energy`](Self::energy) readings may exceed what
    /// flowed between them: one step of the chip's counter, rounded up, and 1 mWh for the rounding
    /// of the reading itself.
    pub resolution: Energy,
    /// Active power now. Zero where the chip reads a negative one.
    pub power: Power,
    /// Root-mean-square voltage now.
    pub voltage: Voltage,
    /// Root-mean-square current now.
    pub current: Current,
    /// True while the chip's own fast measurement of the current is at or above the limit that its
    /// driver was given; always false where the chip has none, or no limit was given.
    pub over_current: bool,
    /// Temperature, where the chip or its board measures one.
    pub temperature: Option<Temperature>,
}

impl Sample {
    /// The energy that surely flowed since `earlier` of the same channel: the difference less one
    /// [`resolution`](Self::resolution), so that a part of a step pending at the start is nobody's.
    pub const fn surely_since(&self, earlier: &Self) -> Energy {
        self.energy
            .saturating_sub(earlier.energy)
            .saturating_sub(earlier.resolution)
    }
}

/// A meter of one or more channels.
///
/// An array of meters is a meter whose channels follow each other:
///
/// ```
/// use metering::{EnergyMeter, Sample};
/// use pile_units::{Current, Energy, Instant, Power, Voltage};
///
/// /// Three channels that always read the same power.
/// struct Constant(Power);
///
/// impl EnergyMeter for Constant {
///     type Error = core::convert::Infallible;
///     fn channels(&self) -> usize {
///         3
///     }
///     async fn sample(&mut self, _: usize, _: Instant) -> Result<Sample, Self::Error> {
///         Ok(Sample {
///             energy: Energy::ZERO,
///             resolution: Energy::from_milliwatt_hours(1),
///             power: self.0,
///             voltage: Voltage::from_millivolts(230_000),
///             current: Current::ZERO,
///             over_current: false,
///             temperature: None,
///         })
///     }
/// }
///
/// let mut pile = [Constant(Power::from_watts(100)), Constant(Power::from_watts(200))];
/// assert_eq!(pile.channels(), 6);
/// let fourth = embassy_futures::block_on(pile.sample(3, Instant::START))?;
/// assert_eq!(fourth.power, Power::from_watts(200));
/// # Ok::<(), core::convert::Infallible>(())
/// ```
#[allow(
    async_fn_in_trait,
    reason = "polled by one task on one core: no Send bound is wanted"
)]
pub trait EnergyMeter {
    /// Why a channel could not be read.
    type Error: core::fmt::Debug;

    /// How many channels there are; constant.
    fn channels(&self) -> usize;

    /// Reads one channel, `0..channels()`, at the moment `now`.
    ///
    /// # Errors
    /// The channel does not exist, or its chip does not answer, or not sensibly. Nothing is lost by
    /// an error: the next good sample carries the energy of the gap.
    ///
    /// # Cancellation safety
    /// A dropped call counts nothing and loses nothing.
    async fn sample(&mut self, channel: usize, now: Instant) -> Result<Sample, Self::Error>;

    /// Asks a channel's fast measurement of the current, and nothing else: whether it is at or above
    /// the limit now. Shorter on the line than a sample, so that a pile can ask between samples and
    /// open a relay within 200 ms. False, and nothing sent, where the chip has no such measurement.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    ///
    /// # Cancellation safety
    /// As [`sample`](Self::sample).
    async fn over_current(&mut self, channel: usize) -> Result<bool, Self::Error> {
        let _ = channel;
        Ok(false)
    }

    /// The part of a channel's energy, in parts per million below 1,000,000, that its driver does not
    /// count because the chip was never compared with a reference meter and may be so much off its
    /// datasheet. 0 where a chip is right within what its resistors are. Its power, voltage and current
    /// are the datasheet's. [`Trimmed`](crate::Trimmed) gives the part back with the channel's correction.
    fn held_back_ppm(&self, channel: usize) -> u32 {
        let _ = channel;
        0
    }
}

/// The meter that a channel of an array lies in, and its channel there. The last meter takes what
/// lies beyond the end, and refuses it with its own error.
fn locate<M: EnergyMeter>(meters: &mut [M], channel: usize) -> Option<(&mut M, usize)> {
    let mut rest = channel;
    let mut meters = meters.iter_mut().peekable();
    while let Some(meter) = meters.next() {
        let own = meter.channels();
        if rest < own || meters.peek().is_none() {
            return Some((meter, rest));
        }
        rest -= own;
    }
    None
}

impl<M: EnergyMeter, const N: usize> EnergyMeter for [M; N] {
    type Error = M::Error;

    fn channels(&self) -> usize {
        self.iter().map(M::channels).sum()
    }

    async fn sample(&mut self, channel: usize, now: Instant) -> Result<Sample, Self::Error> {
        const { assert!(N > 0, "an array of no meters has no channel") }
        match locate(self, channel) {
            Some((meter, channel)) => meter.sample(channel, now).await,
            // Not reached: N > 0 is asserted above.
            None => core::future::pending().await,
        }
    }

    async fn over_current(&mut self, channel: usize) -> Result<bool, Self::Error> {
        match locate(self, channel) {
            Some((meter, channel)) => meter.over_current(channel).await,
            None => Ok(false),
        }
    }

    fn held_back_ppm(&self, channel: usize) -> u32 {
        let mut rest = channel;
        for meter in self {
            let own = meter.channels();
            if rest < own {
                return meter.held_back_ppm(rest);
            }
            rest -= own;
        }
        0
    }
}
