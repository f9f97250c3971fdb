//! Numbers and times as people read them.

use pile_units::{ClockQuality, Currency, Energy, Money, UnixSeconds, UtcOffset, WallTime};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Writes a whole number with a comma between thousands.
///
/// ```
/// assert_eq!(pilectl::figures::grouped(1_351_240), "1,351,240");
/// ```
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a count with its noun: `1 session`, `2 sessions`.
///
/// ```
/// assert_eq!(pilectl::figures::counted(1, "session"), "1 session");
/// assert_eq!(pilectl::figures::counted(2237, "session"), "2,237 sessions");
/// ```
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// Writes an energy in kilowatt-hours to the milliwatt-hour, nothing rounded.
///
/// ```
/// use pile_units::Energy;
/// let energy = Energy::from_milliwatt_hours(1_351_240_999);
/// assert_eq!(pilectl::figures::kwh(energy), "1351.240999");
/// ```
pub fn kwh(energy: Energy) -> String {
    let mwh = energy.milliwatt_hours();
    format!("{}.{:06}", mwh / 1_000_000, mwh % 1_000_000)
}

/// Writes micro-units as units with six decimals: a line of a bill, nothing rounded.
///
/// ```
/// use pile_units::Money;
/// assert_eq!(pilectl::figures::micros(Money::from_micros(284_441)), "0.284441");
/// ```
pub fn micros(money: Money) -> String {
    let micros = money.micros();
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Writes an amount with the currency's decimals.
///
/// ```
/// use pile_units::{Currency, Money};
/// let money = Money::from_micros(12_340_000);
/// assert_eq!(pilectl::figures::amount(Currency::CNY, money), "12.34");
/// ```
pub fn amount(currency: Currency, money: Money) -> String {
    currency.amount(money).to_string()
}

/// Writes bytes in hexadecimal.
///
/// ```
/// assert_eq!(pilectl::figures::hex(&[0, 0xa5]), "00a5");
/// ```
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads lower-case hexadecimal; `None` for anything else.
///
/// ```
/// assert_eq!(pilectl::figures::unhex("00a5"), Some(vec![0, 0xa5]));
/// assert_eq!(pilectl::figures::unhex("0g"), None);
/// assert_eq!(pilectl::figures::unhex("+1"), None);
/// ```
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(high)? << 4 | digit(low)?))
        .collect()
}

/// The time of a place.
///
/// ```
/// use pile_units::{ClockQuality, UnixSeconds, WallTime};
/// use pilectl::figures::Zone;
/// let zone = Zone::new("+08:00".parse()?);
/// let unix = UnixSeconds::new(1_790_784_000);
/// let at = WallTime { unix, quality: ClockQuality::Synchronised };
/// assert_eq!(zone.minute(at), "2026-10-01 00:00");
/// assert_eq!(zone.iso(at).as_deref(), Some("2026-10-01T00:00:00+08:00"));
/// assert_eq!(zone.minute(WallTime { unix, ..WallTime::default() }), "no date");
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Zone {
    offset: UtcOffset,
}

impl Zone {
    /// The time so far east of Greenwich.
    pub const fn new(offset: UtcOffset) -> Self {
        Self { offset }
    }

    /// `2026-10-01 19:02`, or `no date` where the pile's clock was not set.
    pub fn minute(self, at: WallTime) -> String {
        const MINUTE: &[BorrowedFormatItem<'_>] =
            format_description!("[year]-[month]-[day] [hour]:[minute]");
        self.dated(at, MINUTE).unwrap_or_else(|| "no date".into())
    }

    /// `2026-10-01 19:02:11`, or how long the pile had been running where its clock was not set.
    pub fn second(self, at: WallTime) -> String {
        const SECOND: &[BorrowedFormatItem<'_>] =
            format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        let seconds = at.unix.get();
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        self.dated(at, SECOND)
            .unwrap_or_else(|| format!("no date, +{hours}:{minutes:02}:{:02}", seconds % 60))
    }

    /// ISO 8601 with the offset, or nothing where the pile's clock was not set.
    pub fn iso(self, at: WallTime) -> Option<String> {
        const ISO: &[BorrowedFormatItem<'_>] =
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
        Some(format!("{}{}", self.dated(at, ISO)?, self.offset))
    }

    fn dated(self, at: WallTime, format: &[BorrowedFormatItem<'_>]) -> Option<String> {
        if !at.quality.tells_time_of_day() {
            return None;
        }
        let local = self.offset.local_seconds(at.unix);
        let local = OffsetDateTime::from_unix_timestamp(local).ok()?;
        local.format(format).ok()
    }

    /// The first moment of a day there, such as `2026-10-01`.
    pub fn day(self, text: &str) -> Option<UnixSeconds> {
        const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
        if !text.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let date = time::Date::parse(text, DAY).ok()?;
        let local = date.midnight().assume_utc().unix_timestamp();
        let unix = local.checked_sub(i64::from(self.offset.minutes()) * 60)?;
        u32::try_from(unix).ok().map(UnixSeconds::new)
    }

    /// The first moment of a month there, such as `2026-10`, and of the next one.
    pub fn month(self, text: &str) -> Option<(UnixSeconds, UnixSeconds)> {
        let (year, month) = text.split_once('-')?;
        if year.len() != 4 || month.len() != 2 {
            return None;
        }
        let (year, month): (u16, u8) = (year.parse().ok()?, month.parse().ok()?);
        let (next_year, next) = if month == 12 {
            (year + 1, 1)
        } else {
            (year, month + 1)
        };
        // East of Greenwich the first month of Unix time begins before it.
        let from = match (year, month) {
            (1970, 1) => UnixSeconds::new(0),
            _ => self.day(&format!("{year:04}-{month:02}-01"))?,
        };
        Some((from, self.day(&format!("{next_year:04}-{next:02}-01"))?))
    }
}

/// How far a clock could be trusted, in a word.
pub const fn clock(quality: ClockQuality) -> &'static str {
    match quality {
        ClockQuality::Unknown => "unknown",
        ClockQuality::Informative => "informative",
        ClockQuality::Synchronised => "synchronised",
        ClockQuality::Relative => "relative",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_and_ends_where_its_days_do() {
        let zone = Zone::new("+08:00".parse().unwrap());
        let (from, to) = zone.month("2026-12").unwrap();
        let at = |unix| WallTime {
            unix,
            quality: ClockQuality::Informative,
        };
        assert_eq!(zone.second(at(from)), "2026-12-01 00:00:00");
        assert_eq!(zone.second(at(to)), "2027-01-01 00:00:00");
        for wrong in [
            "2026",
            "2026-13",
            "2026-1",
            "26-10",
            "2026-10-01",
            "+026-10",
            "2200-01",
        ] {
            assert_eq!(zone.month(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_clock_that_was_not_set_tells_no_date() {
        let at = WallTime {
            unix: UnixSeconds::new(3_725),
            quality: ClockQuality::Unknown,
        };
        assert_eq!(Zone::default().second(at), "no date, +1:02:05");
        assert_eq!(Zone::default().iso(at), None);
    }
}
