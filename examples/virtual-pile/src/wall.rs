//! Wall-clock text: ISO 8601 in and out, whole seconds, no floating point.

use pile_units::{UnixSeconds, UtcOffset};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// A moment without a zone, to the second.
const LOCAL: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

/// Reads `2019-01-02T19:59:00` as seconds since 1970-01-01T00:00:00 on the same wall.
///
/// ```
/// assert_eq!(virtual_pile::wall::parse_local("1970-01-02T00:00:01"), Some(86_401));
/// assert_eq!(virtual_pile::wall::parse_local("2019-02-29T00:00:00"), None);
/// assert_eq!(virtual_pile::wall::parse_local("2019-01-02 19:59"), None);
/// ```
pub fn parse_local(text: &str) -> Option<i64> {
    // The parser takes a sign before the year; the contract does not.
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let parsed = PrimitiveDateTime::parse(text, LOCAL).ok()?;
    Some(parsed.assume_utc().unix_timestamp())
}

/// The moment that a wall clock at `offset` shows `local_seconds`; `None` outside 1970..2106.
///
/// ```
/// use pile_units::UnixSeconds;
/// let offset = "+01:00".parse()?;
/// assert_eq!(virtual_pile::wall::to_unix(3_600, offset), Some(UnixSeconds::new(0)));
/// assert_eq!(virtual_pile::wall::to_unix(0, offset), None);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
pub fn to_unix(local_seconds: i64, offset: UtcOffset) -> Option<UnixSeconds> {
    let unix = local_seconds.checked_sub(i64::from(offset.minutes()) * 60)?;
    u32::try_from(unix).ok().map(UnixSeconds::new)
}

/// Writes a moment as `2019-01-02T19:59:00+01:00`.
///
/// ```
/// use pile_units::UnixSeconds;
/// let text = virtual_pile::wall::iso(UnixSeconds::new(0), "+08:00".parse()?);
/// assert_eq!(text, "1970-01-01T08:00:00+08:00");
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
pub fn iso(at: UnixSeconds, offset: UtcOffset) -> String {
    let local = local(at, offset).format(LOCAL).unwrap_or_default();
    format!("{local}{offset}")
}

/// Writes a moment as people read it: `2019-01-02 19:59`.
pub fn plain(at: UnixSeconds, offset: UtcOffset) -> String {
    const PLAIN: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day] [hour]:[minute]");
    local(at, offset).format(PLAIN).unwrap_or_default()
}

/// The moment on the wall at `offset`, as a date and a time that can be taken apart.
pub(crate) fn local(at: UnixSeconds, offset: UtcOffset) -> PrimitiveDateTime {
    // Any u32 of seconds and any offset lies far inside the range of the type.
    let moment = OffsetDateTime::from_unix_timestamp(offset.local_seconds(at))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    PrimitiveDateTime::new(moment.date(), moment.time())
}

/// `4 Feb`.
pub(crate) fn day_and_month(date: time::Date) -> String {
    const SHORT: &[BorrowedFormatItem<'_>] =
        format_description!("[day padding:none] [month repr:short]");
    date.format(SHORT).unwrap_or_default()
}

/// `19:59`.
pub(crate) fn hour_and_minute(at: PrimitiveDateTime) -> String {
    const CLOCK: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]");
    at.format(CLOCK).unwrap_or_default()
}

/// `2 January 2019`.
pub(crate) fn long_date(at: UnixSeconds, offset: UtcOffset) -> String {
    const LONG: &[BorrowedFormatItem<'_>] =
        format_description!("[day padding:none] [month repr:long] [year]");
    local(at, offset).format(LONG).unwrap_or_default()
}
