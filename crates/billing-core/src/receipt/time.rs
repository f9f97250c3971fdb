//! Unix seconds as a local date and time, in whole numbers.

use pile_units::{UnixSeconds, UtcOffset};

/// A date and time on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    /// 1..=12.
    pub(super) month: i64,
    /// 1..=31.
    pub(super) day: i64,
    /// 0..=23.
    pub(super) hour: i64,
    /// 0..=59.
    pub(super) minute: i64,
    /// 0..=59.
    pub(super) second: i64,
}

impl Civil {
    /// The local time at `at`.
    pub(super) fn local(at: UnixSeconds, offset: UtcOffset) -> Self {
        let local = offset.local_seconds(at);
        let (year, month, day) = civil_from_days(local.div_euclid(86_400));
        let second = local.rem_euclid(86_400);
        Self {
            year,
            month,
            day,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }
}

/// The proleptic Gregorian date `days` after 1970-01-01: `civil_from_days` of Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms". Years begin in March, so that the leap day is
/// a year's last; 400 years, an era, repeat.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // from 0000-03-01
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months = (5 * day_of_year + 2) / 153; // since March
    let day = day_of_year - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Expected values from `date -u -d ... +%s`.
    #[test]
    fn known_moments_have_their_known_dates() {
        for (unix, year, month, day, hour, minute, second) in [
            (0, 1970, 1, 1, 0, 0, 0),
            (68_169_599, 1972, 2, 28, 23, 59, 59),
            (68_169_600, 1972, 2, 29, 0, 0, 0),
            (951_782_400, 2000, 2, 29, 0, 0, 0),
            (951_868_800, 2000, 3, 1, 0, 0, 0),
            (1_532_438_524, 2018, 7, 24, 13, 22, 4),
            (1_582_934_400, 2020, 2, 29, 0, 0, 0),
            (1_735_689_599, 2024, 12, 31, 23, 59, 59),
            (4_107_542_399, 2100, 2, 28, 23, 59, 59),
            (4_107_542_400, 2100, 3, 1, 0, 0, 0),
            (u32::MAX, 2106, 2, 7, 6, 28, 15),
        ] {
            let expected = Civil {
                year,
                month,
                day,
                hour,
                minute,
                second,
            };
            assert_eq!(
                Civil::local(UnixSeconds::new(unix), UtcOffset::UTC),
                expected
            );
        }
    }

    #[test]
    fn an_offset_moves_the_date_over_midnight_either_way() {
        let date = |offset: &str, unix| {
            let civil = Civil::local(UnixSeconds::new(unix), offset.parse().unwrap());
            (civil.year, civil.month, civil.day, civil.hour, civil.minute)
        };
        assert_eq!(date("-03:30", 0), (1969, 12, 31, 20, 30));
        assert_eq!(date("+14:00", 1_582_934_399), (2020, 2, 29, 13, 59));
    }

    proptest! {
        #[test]
        fn a_day_later_is_the_next_date(day in 0i64..49_700) {
            let (y, m, d) = civil_from_days(day);
            let leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
            let last = match m {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let next = match (m, d) {
                (12, 31) => (y + 1, 1, 1),
                (m, d) if d == last => (y, m + 1, 1),
                (m, d) => (y, m, d + 1),
            };
            prop_assert!((1..=last).contains(&d));
            prop_assert_eq!(civil_from_days(day + 1), next);
        }
    }
}
