//! No-load billing guard: counts that noise makes are nobody's.
//!
//! A chip that senses noise counts it, pulse by pulse, and some chips have no threshold of their
//! own, or one that nobody has published. The guard is a leaky bucket: each count fills it by the
//! energy of a step, and it leaks at the *threshold*. While it is *closed*, counts are held back;
//! it *opens* when the bucket is full, which only a load above the threshold does. While it is open it
//! leaks at twice the threshold, so that noise does not keep it open, and it closes when the bucket has
//! run dry.
//!
//! | bucket | closed | open |
//! | --- | --- | --- |
//! | runs dry | what was held is dropped | closes |
//! | in between | counts are held | counts are billed |
//! | full | opens; what is in the bucket is billed | counts are billed, the rest spills |
//!
//! # Invariants
//! - What flows at or below the threshold, for however long, from a dry bucket, is never billed: it
//!   fills the bucket by one step at the most, that was pending when it ran dry, and it holds two.
//! - After a load, no more of it is billed than the bucket and two steps: the guard is closed again
//!   once noise at the threshold has half made up for the leak, 15 s with a step of 1 mWh.
//! - Nothing is billed that was not counted. What a load above twice the threshold loses is the leak
//!   until the bucket is full: below 0.3 J for each joule of a step at ten times the threshold. A load
//!   between once and twice the threshold opens and closes the guard in turns and loses more.

use crate::calibration::{EnergyPerCount, PICO_PER_MILLI};
use pile_units::{Energy, Instant, Power};

/// Time at the threshold that the bucket holds beyond two steps, for the moments of reading, ms.
const SLACK_MS: u64 = 1_000;

/// A total of counts above a threshold.
///
/// ```
/// use metering::{CreepGuard, EnergyPerCount};
/// use pile_units::{Energy, Instant, Power};
///
/// // 1 mWh (3.6 J) a step: half a watt gives one every 7.2 s.
/// let step = EnergyPerCount::from_picowatt_hours(1_000_000_000)?;
/// let mut guard = CreepGuard::new(step, Power::from_milliwatts(500));
/// let at = |seconds: u64| Instant::from_millis(seconds * 1000);
///
/// guard.add(0, at(0));
/// guard.add(1, at(8)); // noise
/// guard.add(1, at(16));
/// assert_eq!(guard.total(), Energy::ZERO);
/// guard.add(100, at(17)); // a load
/// assert_eq!(guard.total(), Energy::from_milliwatt_hours(99));
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreepGuard {
    step: EnergyPerCount,
    threshold: Power,
    /// What is in the bucket, µJ.
    level: u64,
    open: bool,
    at: Option<Instant>,
    total: Energy,
    /// Picowatt-hours beyond `total`, below one milliwatt-hour.
    carry: u64,
}

impl CreepGuard {
    /// Makes a closed guard with a dry bucket and a total of zero. A threshold of zero lets all
    /// pass but what is in the bucket before it first opens.
    pub const fn new(step: EnergyPerCount, threshold: Power) -> Self {
        Self {
            step,
            threshold,
            level: 0,
            open: false,
            at: None,
            total: Energy::ZERO,
            carry: 0,
        }
    }

    /// Energy billed so far, rounded down. The fraction is carried.
    pub const fn total(&self) -> Energy {
        self.total
    }

    /// True while counts are billed.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// The most by which the difference of two totals may exceed what flowed between them: what the
    /// bucket can have held at the first, a step that was pending, and 1 mWh for the rounding.
    pub fn resolution(&self) -> Energy {
        let held = self.capacity().div_ceil(self.step_microjoules()) + 1;
        let picos = held.saturating_mul(self.step.picowatt_hours());
        Energy::from_milliwatt_hours(picos.div_ceil(PICO_PER_MILLI).saturating_add(1))
    }

    /// Takes `counts` that came since the last call, at the moment `now`.
    pub fn add(&mut self, counts: u32, now: Instant) {
        let elapsed = self.at.map_or(0, |before| now.since(before).millis());
        self.at = Some(now);
        // mW times ms are µJ.
        let rate = u64::from(self.threshold.milliwatts()) * if self.open { 2 } else { 1 };
        let leak = rate.saturating_mul(elapsed);
        let inflow = u64::from(counts).saturating_mul(self.step_microjoules());
        let level = self.level.saturating_add(inflow).saturating_sub(leak);
        let full = level >= self.capacity();
        if self.open {
            self.bill(u64::from(counts).saturating_mul(self.step.picowatt_hours()));
            self.open = level > 0;
        } else if full {
            // Never more than was counted: the level is what came in less what leaked. A joule is
            // 1/3600 Wh, so nine microjoules are 2500 pWh.
            self.bill(level.saturating_mul(2_500) / 9);
            self.open = true;
        }
        self.level = level.min(self.capacity());
    }

    /// µJ that the bucket holds.
    fn capacity(&self) -> u64 {
        self.step_microjoules()
            .saturating_mul(2)
            .saturating_add(u64::from(self.threshold.milliwatts()) * SLACK_MS)
    }

    /// A step is at least 3.6 mJ (10^6 pWh), so never zero here.
    const fn step_microjoules(&self) -> u64 {
        match self.step.microjoules() {
            0 => 1,
            step => step,
        }
    }

    /// Bills picowatt-hours: at most 2^24 steps of 10^12, which fits.
    fn bill(&mut self, picos: u64) {
        let flowed = picos.saturating_add(self.carry);
        self.total = self
            .total
            .saturating_add(Energy::from_milliwatt_hours(flowed / PICO_PER_MILLI));
        self.carry = flowed % PICO_PER_MILLI;
    }
}

#[cfg(test)]
mod tests;
