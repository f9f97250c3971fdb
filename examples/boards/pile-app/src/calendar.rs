//! Days of the calendar that real-time clocks count in.

/// Days from 1 January 2000 to a day of the years 2000 to 2099, the years of a clock with two digits;
/// `None` before 2000.
///
/// ```
/// use pile_app::days_since_2000;
/// assert_eq!(days_since_2000(2000, 1, 1), Some(0));
/// assert_eq!(days_since_2000(2000, 3, 1), Some(60));
/// ```
pub fn days_since_2000(year: u32, month: u32, day: u32) -> Option<u32> {
    let year = year.checked_sub(2000)?;
    // March is the first month, so that the leap day ends a year: of those that end so, every fourth, the
    // first being the one before March 2000.
    let (year, month) = if month > 2 {
        (year + 1, month - 3)
    } else {
        (year, month + 9)
    };
    let before = year * 365 + year.div_ceil(4) + (153 * month + 2) / 5 + day;
    // 1 January 2000 is day 307 by that count.
    before.checked_sub(307)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_a_hundred_years_follows_the_one_before() {
        let mut count = 0;
        for year in 2000..2100 {
            let february = if year % 4 == 0 { 29 } else { 28 };
            let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (month, days) in (1..).zip(months) {
                for day in 1..=days {
                    let found = days_since_2000(year, month, day);
                    assert_eq!(found, Some(count), "{year}-{month}-{day}");
                    count += 1;
                }
            }
        }
        assert_eq!(count, 36_525);
        assert_eq!(days_since_2000(1999, 12, 31), None);
    }
}
