//! How much the whole pile draws, in buckets of ten minutes, and its busiest week.

use pile_units::{UnixSeconds, UtcOffset};

use crate::wall;

/// Seconds in a bucket.
pub const BUCKET_S: u32 = 600;
const DAY_S: u32 = 86_400;
/// Buckets in a week.
const WEEK_BUCKETS: usize = 7 * 144;

/// The energy of the pile in every bucket of a run. Adding costs one addition: feed it each second.
///
/// ```
/// use pile_units::UnixSeconds;
/// use virtual_pile::report::load::LoadSeries;
/// let mut load = LoadSeries::new(UnixSeconds::new(1_546_455_540), "+01:00".parse()?);
/// for second in 0..600 {
///     load.add(UnixSeconds::new(1_546_455_600 + second), 300_000);
/// }
/// assert_eq!(load.busiest_week().expect("it drew something").peak_watts(), 300);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadSeries {
    monday: UnixSeconds,
    utc_offset: UtcOffset,
    milliwatt_seconds: Vec<u64>,
}

/// The week from a Monday, 00:00 local time, in which the pile gave most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeekLoad {
    /// Monday, 00:00 local time.
    pub monday: UnixSeconds,
    /// Mean power of each bucket of [`BUCKET_S`], in watts; a week of them.
    pub watts: Vec<u32>,
}

impl WeekLoad {
    /// The highest bucket, in watts.
    pub fn peak_watts(&self) -> u32 {
        self.watts.iter().copied().max().unwrap_or(0)
    }
}

impl LoadSeries {
    /// A series whose first week holds `start`.
    pub fn new(start: UnixSeconds, utc_offset: UtcOffset) -> Self {
        let local = wall::local(start, utc_offset);
        let days = u32::from(local.weekday().number_days_from_monday());
        let seconds = days * DAY_S + u32::from(local.hour()) * 3600;
        let seconds = seconds + u32::from(local.minute()) * 60 + u32::from(local.second());
        Self {
            monday: UnixSeconds::new(start.get().saturating_sub(seconds)),
            utc_offset,
            milliwatt_seconds: Vec::new(),
        }
    }

    /// Adds the energy of one second or of any stretch that begins at `at`, in milliwatt-seconds.
    /// What lies before the first week is left out.
    pub fn add(&mut self, at: UnixSeconds, milliwatt_seconds: u64) {
        if at < self.monday {
            return;
        }
        let Ok(bucket) = usize::try_from(at.since(self.monday) / BUCKET_S) else {
            return;
        };
        if bucket >= self.milliwatt_seconds.len() {
            self.milliwatt_seconds.resize(bucket + 1, 0);
        }
        if let Some(sum) = self.milliwatt_seconds.get_mut(bucket) {
            *sum = sum.saturating_add(milliwatt_seconds);
        }
    }

    /// The week with the most energy, the earliest of equals; `None` if nothing was drawn.
    pub fn busiest_week(&self) -> Option<WeekLoad> {
        let weeks = self.milliwatt_seconds.chunks(WEEK_BUCKETS).zip(0u32..);
        let (week, number) = weeks
            .first_max(|(week, _)| week.iter().sum::<u64>())
            .filter(|(week, _)| week.iter().any(|&sum| sum > 0))?;
        let to_watts =
            |&sum: &u64| u32::try_from(sum / u64::from(BUCKET_S) / 1000).unwrap_or(u32::MAX);
        let mut watts: Vec<u32> = week.iter().map(to_watts).collect();
        watts.resize(WEEK_BUCKETS, 0);
        Some(WeekLoad {
            monday: self.monday.plus(number * 7 * DAY_S),
            watts,
        })
    }

    /// The zone whose Mondays these are.
    pub fn utc_offset(&self) -> UtcOffset {
        self.utc_offset
    }
}

/// `max_by_key` that keeps the first of equals.
trait FirstMax: Iterator + Sized {
    fn first_max(self, key: impl Fn(&Self::Item) -> u64) -> Option<Self::Item> {
        self.fold(None, |best, item| match best {
            Some(best) if key(&best) >= key(&item) => Some(best),
            _ => Some(item),
        })
    }
}

impl<I: Iterator> FirstMax for I {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wednesday, 2019-01-02T19:59:00+01:00.
    const START: UnixSeconds = UnixSeconds::new(1_546_455_540);

    fn series() -> LoadSeries {
        LoadSeries::new(START, "+01:00".parse().unwrap())
    }

    #[test]
    fn weeks_begin_on_monday_at_midnight_local_time() {
        let mut load = series();
        load.add(START, 600_000);
        let week = load.busiest_week().unwrap();
        assert_eq!(
            wall::iso(week.monday, load.utc_offset()),
            "2018-12-31T00:00:00+01:00"
        );
        assert_eq!(week.watts.len(), 1_008);
        // Wednesday 19:50 to 20:00.
        assert_eq!(week.watts[2 * 144 + 119], 1);
        assert_eq!(week.watts.iter().sum::<u32>(), 1);
    }

    #[test]
    fn the_busiest_week_is_the_one_with_most_energy_the_first_of_equals() {
        let mut load = series();
        load.add(START.plus(7 * DAY_S), 60_000_000);
        load.add(START.plus(14 * DAY_S), 60_000_000);
        load.add(START, 59_000_000);
        let week = load.busiest_week().unwrap();
        assert_eq!(
            wall::iso(week.monday, load.utc_offset()),
            "2019-01-07T00:00:00+01:00"
        );
        assert_eq!(week.peak_watts(), 100);
    }

    #[test]
    fn a_run_without_load_has_no_busiest_week() {
        assert_eq!(series().busiest_week(), None);
        let mut load = series();
        load.add(UnixSeconds::new(0), 5);
        load.add(START, 0);
        assert_eq!(load.busiest_week(), None);
    }
}
