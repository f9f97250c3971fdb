//! The energy register: a chip's small, volatile counter made into a total that never goes back
//! and never runs ahead of what flowed.
//!
//! A *count* is a reading of a counter that wraps to zero at the top (24 bits, or as
//! [said](EnergyRegister::counting_to)) and starts from zero when its chip loses power. The *baseline* is the last count that was believed. What may follow
//! it is bounded by physics: at most [`max power`](EnergyRegister::new) times the time since, and
//! [`SLACK`] steps for the moments of reading.
//!
//! | the count | the chip since the baseline | outcome |
//! | --- | --- | --- |
//! | first of all | any | [`Step::Baseline`], nothing counted |
//! | ahead of the baseline within the bound | same run, or unknown | [`Step::Counted`] |
//! | behind it, within the bound past the top | same run, or unknown | [`Step::Wrapped`] |
//! | within the bound from zero | restarted | [`Step::Restarted`] with the steps since the restart |
//! | beyond the bound | any | [`Step::Refused`], nothing counted |
//! | follows a refused one, not the baseline | same run | [`Step::Recovered`]: the counter really is there; the steps since the refused one count |
//! | the same, behind the baseline and within the bound from zero | unknown | [`Step::Restarted`] |
//! | follows the baseline after all | same run, or unknown | counted from the baseline: the refused one was a spike |
//!
//! So one wrong reading with a good checksum adds nothing and loses nothing, wherever it lies, and
//! a chip reset is never taken for a wrap unless the counter stood within the bound of its top
//! *and* the driver has no evidence ([`Continuity`]).

use crate::calibration::{EnergyPerCount, PICO_PER_MILLI};
use pile_units::{Duration, Energy, Instant, Power};

/// Values of a 24-bit counter.
const MODULUS: u32 = 1 << 24;

/// Steps that a count may be ahead of the physical bound: a part of a step pending at the baseline,
/// and the time between the caller's clock and the chip's answer.
pub const SLACK: u32 = 2;

/// What is known of the chip between the baseline and a count.
///
/// ```
/// use metering::Continuity;
/// assert_eq!(Continuity::default(), Continuity::Unknown);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Continuity {
    /// Nothing: the counts alone decide.
    #[default]
    Unknown,
    /// It ran through: what was written to it is still there.
    SameRun,
    /// It started again from zero: what was written to it is gone.
    Restarted,
}

/// Why a count was refused.
///
/// ```
/// use metering::Refusal;
/// let refusal = Refusal { counts: 16_777_000, allowed: 5 };
/// assert_eq!(refusal.to_string(), "16777000 steps where at most 5 can have flowed");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Steps that the count claims.
    pub counts: u32,
    /// Steps that can have flowed at the most.
    pub allowed: u32,
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "{} steps where at most {} can have flowed",
            self.counts, self.allowed
        )
    }
}

impl core::error::Error for Refusal {}

/// What [`EnergyRegister::advance`] made of a count.
///
/// ```
/// use metering::Step;
/// assert_eq!(Step::Wrapped { counts: 3 }.counts(), 3);
/// assert_eq!(Step::Baseline.counts(), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// The first count: the point to count from.
    Baseline,
    /// The counter went ahead.
    Counted {
        /// Steps added.
        counts: u32,
    },
    /// The counter went past its top.
    Wrapped {
        /// Steps added.
        counts: u32,
    },
    /// The chip started again from zero.
    Restarted {
        /// Steps added: those since the restart.
        counts: u32,
    },
    /// Nothing was added: the count is not possible.
    Refused(Refusal),
    /// A second count confirmed a refused one: counting goes on from there.
    Recovered {
        /// Steps added: those since the refused count.
        counts: u32,
    },
}

impl Step {
    /// Steps added.
    pub const fn counts(self) -> u32 {
        match self {
            Self::Baseline | Self::Refused(_) => 0,
            Self::Counted { counts }
            | Self::Wrapped { counts }
            | Self::Restarted { counts }
            | Self::Recovered { counts } => counts,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    count: u32,
    at: Instant,
}

/// A total over a counter, of 24 bits if nothing else is said.
///
/// ```
/// use metering::{Continuity, EnergyPerCount, EnergyRegister, Step};
/// use pile_units::{Energy, Instant, Power};
///
/// let step = EnergyPerCount::from_picowatt_hours(186_893_813_502)?;
/// let mut register = EnergyRegister::new(step, Power::from_watts(4000));
/// let mut read = |count, seconds: u64| {
///     let step = register.advance(count, Instant::from_millis(seconds * 1000), Continuity::Unknown);
///     (step, register.total())
/// };
///
/// assert_eq!(read(0xFF_FFFE, 0).0, Step::Baseline);
/// assert_eq!(read(1, 1).0, Step::Wrapped { counts: 3 });
/// // A spike: refused, and forgotten as soon as the counter is back.
/// assert!(matches!(read(90_000, 2).0, Step::Refused(_)));
/// let (step, total) = read(2, 3);
/// assert_eq!(step, Step::Counted { counts: 1 });
/// assert_eq!(total, Energy::from_milliwatt_hours(747)); // four steps of 186.8938 mWh
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnergyRegister {
    step: EnergyPerCount,
    max_power: Power,
    modulus: u32,
    latency: Duration,
    total: Energy,
    /// Picowatt-hours beyond `total`, below one milliwatt-hour.
    carry: u64,
    baseline: Option<Reading>,
    /// A refused count that waits for a second one to confirm it.
    suspect: Option<Reading>,
}

impl EnergyRegister {
    /// Makes a register at zero. `max_power` is what the wire can carry, not what a port may draw.
    pub const fn new(step: EnergyPerCount, max_power: Power) -> Self {
        Self {
            step,
            max_power,
            modulus: MODULUS,
            latency: Duration::ZERO,
            total: Energy::ZERO,
            carry: 0,
            baseline: None,
            suspect: None,
        }
    }

    /// This register over a counter of `modulus` values, which wraps to zero after the last; two at
    /// the least.
    ///
    /// ```
    /// use metering::{Continuity, EnergyPerCount, EnergyRegister, Step};
    /// use pile_units::{Instant, Power};
    ///
    /// let step = EnergyPerCount::from_picowatt_hours(2_665_944_444)?;
    /// let mut register = EnergyRegister::new(step, Power::from_watts(4000)).counting_to(1 << 17);
    /// let start = Instant::START;
    /// let _ = register.advance(0x1_FFFF, start, Continuity::Unknown);
    /// assert_eq!(register.advance(1, start, Continuity::Unknown), Step::Wrapped { counts: 2 });
    /// # Ok::<(), pile_units::OutOfRange>(())
    /// ```
    pub const fn counting_to(mut self, modulus: u32) -> Self {
        self.modulus = if modulus < 2 { 2 } else { modulus };
        self
    }

    /// This register over a counter that may be read up to `latency` after the moment that its
    /// caller gives: so much more time may have passed between two counts.
    pub const fn read_within(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Energy since the register was made, rounded down. The fraction is carried.
    pub const fn total(&self) -> Energy {
        self.total
    }

    /// Energy of a step in microjoules, rounded down.
    pub(crate) const fn step_microjoules(&self) -> u64 {
        self.step.microjoules()
    }

    /// The most by which the difference of two totals may exceed what flowed between them.
    pub const fn resolution(&self) -> Energy {
        self.step
            .rounded_up()
            .saturating_add(Energy::from_milliwatt_hours(1))
    }

    /// The most steps that can have flowed in `elapsed`, slack and latency included.
    pub fn allowed(&self, elapsed: Duration) -> u32 {
        // mW times ms are µJ. The step is at least 3.6 mJ (10^6 pWh), so never zero here.
        let millis = elapsed.millis().saturating_add(self.latency.millis());
        let flowed = u64::from(self.max_power.milliwatts()).saturating_mul(millis);
        let steps = flowed / self.step.microjoules().max(1);
        u32::try_from(steps)
            .unwrap_or(u32::MAX)
            .saturating_add(SLACK)
            .min(self.modulus - 1)
    }

    /// True if `count` simply follows the baseline, or is the first: no evidence is needed.
    pub fn follows(&self, count: u32, now: Instant) -> bool {
        self.baseline.is_none_or(|base| {
            count % self.modulus >= base.count
                && self.steps_between(base.count, count % self.modulus)
                    <= self.allowed(now.since(base.at))
        })
    }

    /// Steps and time from the baseline to `count` at `now`, past the top if need be, and whether the
    /// count lies behind the baseline; `None` before the first.
    pub(crate) fn since_baseline(&self, count: u32, now: Instant) -> Option<Gap> {
        self.baseline.map(|base| Gap {
            counts: self.steps_between(base.count, count % self.modulus),
            elapsed: now.since(base.at),
            went_back: count % self.modulus < base.count,
        })
    }

    /// Takes back what was added since `before`, and stays at the count: the steps are nobody's.
    pub(crate) const fn gain_nothing_since(&mut self, before: &Self) {
        self.total = before.total;
        self.carry = before.carry;
    }

    /// Takes a count that lies behind the baseline and may have come there past the top or from zero:
    /// counts no more than `most` of the steps past the top.
    pub(crate) fn wrap(&mut self, count: u32, now: Instant, most: u32) -> Step {
        match self.since_baseline(count, now) {
            Some(gap) if gap.went_back && gap.counts <= self.allowed(gap.elapsed) => {
                let counts = gap.counts.min(most);
                let count = count % self.modulus;
                self.believe(Reading { count, at: now }, counts);
                Step::Wrapped { counts }
            }
            _ => self.advance(count, now, Continuity::SameRun),
        }
    }

    /// Takes a count (modulo the counter's values), read at `now`.
    pub fn advance(&mut self, count: u32, now: Instant, continuity: Continuity) -> Step {
        let reading = Reading {
            count: count % self.modulus,
            at: now,
        };
        let Some(base) = self.baseline else {
            self.baseline = Some(reading);
            return Step::Baseline;
        };
        let allowed = self.allowed(now.since(base.at));
        let went_back = reading.count < base.count;

        if continuity == Continuity::Restarted {
            if reading.count > allowed {
                // The chip did start again, but this cannot be what it counted since: count from
                // here, once a second reading agrees.
                return self.suspect_or_recover(reading, reading.count, allowed);
            }
            self.believe(reading, reading.count);
            return Step::Restarted {
                counts: reading.count,
            };
        }

        let counts = self.steps_between(base.count, reading.count);
        if counts <= allowed {
            self.believe(reading, counts);
            return if went_back {
                Step::Wrapped { counts }
            } else {
                Step::Counted { counts }
            };
        }

        // Two counts in a row that agree on a start from zero.
        let restart = continuity == Continuity::Unknown && reading.count <= allowed;
        if restart
            && self
                .suspect
                .is_some_and(|suspect| self.agrees(suspect, reading))
        {
            self.believe(reading, reading.count);
            return Step::Restarted {
                counts: reading.count,
            };
        }
        self.suspect_or_recover(reading, counts, allowed)
    }

    fn suspect_or_recover(&mut self, reading: Reading, counts: u32, allowed: u32) -> Step {
        match self.suspect {
            Some(suspect) if self.agrees(suspect, reading) => {
                let counts = self.steps_between(suspect.count, reading.count);
                self.believe(reading, counts);
                Step::Recovered { counts }
            }
            _ => {
                self.suspect = Some(reading);
                Step::Refused(Refusal { counts, allowed })
            }
        }
    }

    /// True if `reading` follows `suspect` as counts of one run do.
    fn agrees(&self, suspect: Reading, reading: Reading) -> bool {
        reading.count >= suspect.count
            && self.steps_between(suspect.count, reading.count)
                <= self.allowed(reading.at.since(suspect.at))
    }

    fn believe(&mut self, reading: Reading, counts: u32) {
        self.baseline = Some(reading);
        self.suspect = None;
        // In two parts, so that no count of any step overflows: whole milliwatt-hours, and the
        // rest, below 2^32 times 10^9 and a carry.
        let (counts, step) = (u64::from(counts), self.step.picowatt_hours());
        let rest = counts * (step % PICO_PER_MILLI) + self.carry;
        let whole = counts * (step / PICO_PER_MILLI) + rest / PICO_PER_MILLI;
        self.total = self
            .total
            .saturating_add(Energy::from_milliwatt_hours(whole));
        self.carry = rest % PICO_PER_MILLI;
    }

    /// Steps from one count to another, past the top if need be; both below the modulus.
    fn steps_between(&self, from: u32, to: u32) -> u32 {
        if to >= from {
            to - from
        } else {
            // Below the modulus, so nothing overflows.
            self.modulus - from + to
        }
    }
}

/// From the baseline to a count: see [`EnergyRegister::since_baseline`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gap {
    pub counts: u32,
    pub elapsed: Duration,
    pub went_back: bool,
}

#[cfg(test)]
mod tests;
