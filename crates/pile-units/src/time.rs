//! Time: monotonic for behaviour, wall clock for bills.

use crate::{OutOfRange, quantity};

quantity!(
    /// A span of monotonic time in milliseconds.
    ///
    /// ```
    /// use pile_units::Duration;
    /// assert_eq!(Duration::from_minutes(2), Duration::from_seconds(120));
    /// ```
    Duration(u64), from_millis, millis, "milliseconds"
);

impl Duration {
    /// Makes a span from seconds.
    pub const fn from_seconds(seconds: u32) -> Self {
        Self::from_millis(seconds as u64 * 1000)
    }

    /// Makes a span from minutes.
    pub const fn from_minutes(minutes: u32) -> Self {
        Self::from_millis(minutes as u64 * 60_000)
    }

    /// Makes a span from hours.
    pub const fn from_hours(hours: u32) -> Self {
        Self::from_millis(hours as u64 * 3_600_000)
    }

    /// Whole seconds, rounded down.
    pub const fn seconds(self) -> u64 {
        self.millis() / 1000
    }
}

/// A moment of monotonic time: milliseconds since the machine started. It never jumps.
///
/// ```
/// use pile_units::{Duration, Instant};
/// let start = Instant::from_millis(1_000);
/// let later = start.after(Duration::from_seconds(15));
/// assert_eq!(later.since(start), Duration::from_seconds(15));
/// assert_eq!(start.since(later), Duration::ZERO);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The machine's start.
    pub const START: Self = Self(0);

    /// Makes a moment from milliseconds since the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns milliseconds since the start.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The moment `span` later, stopping at the end of time (584 million years).
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.millis()))
    }

    /// The span since `earlier`, or zero if that lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// How far the wall clock can be trusted: the four states of OCMF 1.x (`TM`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub enum ClockQuality {
    /// Never set: the time is not known (`U`).
    #[default]
    Unknown,
    /// Running on since it was set, unchecked (`I`).
    Informative,
    /// Set from a trusted source (`S`).
    Synchronised,
    /// Counted from a reference without a date (`R`).
    Relative,
}

impl ClockQuality {
    /// The letter that OCMF writes after a time.
    pub const fn letter(self) -> char {
        match self {
            Self::Unknown => 'U',
            Self::Informative => 'I',
            Self::Synchronised => 'S',
            Self::Relative => 'R',
        }
    }

    /// True if the time of day may choose the band of a tariff.
    pub const fn tells_time_of_day(self) -> bool {
        matches!(self, Self::Informative | Self::Synchronised)
    }
}

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted (Unix time), up to the year 2106.
///
/// ```
/// use pile_units::UnixSeconds;
/// assert_eq!(UnixSeconds::new(1_546_459_140).plus(60).get(), 1_546_459_200);
/// ```
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct UnixSeconds(u32);

impl UnixSeconds {
    /// Makes a moment from seconds since the epoch.
    pub const fn new(seconds: u32) -> Self {
        Self(seconds)
    }

    /// Returns seconds since the epoch.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The moment `seconds` later, stopping in the year 2106.
    #[must_use]
    pub const fn plus(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds since `earlier`, or zero if that lies ahead.
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Wall time with how far to trust it. At [`ClockQuality::Unknown`] the seconds count from the
/// pile's last start and name no date.
///
/// ```
/// use pile_units::{ClockQuality, UnixSeconds, WallTime};
/// let at = WallTime { unix: UnixSeconds::new(1_546_459_140), quality: ClockQuality::Synchronised };
/// assert!(at.quality.tells_time_of_day());
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct WallTime {
    /// The moment.
    pub unix: UnixSeconds,
    /// How far to trust it.
    pub quality: ClockQuality,
}

impl WallTime {
    /// This time, or `earlier` where this lies before it: the end of something that began at
    /// `earlier`, by a clock that may have been set back in between.
    ///
    /// A time that had to be moved is no longer one that a trusted clock showed, so a synchronised
    /// `earlier` becomes [`ClockQuality::Informative`].
    ///
    /// ```
    /// use pile_units::{ClockQuality, UnixSeconds, WallTime};
    /// let shown = |seconds| WallTime {
    ///     unix: UnixSeconds::new(seconds),
    ///     quality: ClockQuality::Synchronised,
    /// };
    /// let began = shown(36_000);
    /// assert_eq!(shown(36_060).not_before(began), shown(36_060));
    /// // Set back by an hour: nothing ends before it began.
    /// let ended = shown(32_460).not_before(began);
    /// assert_eq!((ended.unix, ended.quality), (began.unix, ClockQuality::Informative));
    /// ```
    #[must_use]
    pub const fn not_before(self, earlier: Self) -> Self {
        if self.unix.get() >= earlier.unix.get() {
            return self;
        }
        let quality = match earlier.quality {
            ClockQuality::Synchronised => ClockQuality::Informative,
            other => other,
        };
        Self {
            unix: earlier.unix,
            quality,
        }
    }
}

/// A fixed distance from UTC in minutes, -14:00..=+14:00. Daylight saving is not modelled.
///
/// ```
/// use pile_units::{UnixSeconds, UtcOffset};
/// let beijing: UtcOffset = "+08:00".parse()?;
/// assert_eq!(beijing.minutes(), 480);
/// // 1970-01-01T00:00Z is 08:00 there.
/// assert_eq!(beijing.minute_of_day(UnixSeconds::new(0)), 8 * 60);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
#[serde(transparent)]
pub struct UtcOffset(i16);

impl UtcOffset {
    /// Universal time.
    pub const UTC: Self = Self(0);

    /// Makes an offset from minutes east of Greenwich, -840..=840.
    ///
    /// # Errors
    /// [`OutOfRange`] outside that range.
    pub const fn from_minutes(minutes: i16) -> Result<Self, OutOfRange> {
        if minutes >= -840 && minutes <= 840 {
            Ok(Self(minutes))
        } else {
            Err(OutOfRange)
        }
    }

    /// Minutes east of Greenwich.
    pub const fn minutes(self) -> i16 {
        self.0
    }

    /// Local seconds since 1970-01-01T00:00:00 on the wall.
    pub fn local_seconds(self, at: UnixSeconds) -> i64 {
        i64::from(at.get()) + i64::from(self.0) * 60
    }

    /// Minute of the local day, 0..1440.
    pub fn minute_of_day(self, at: UnixSeconds) -> u16 {
        let minute = self.local_seconds(at).div_euclid(60).rem_euclid(1440);
        u16::try_from(minute).unwrap_or(0)
    }
}

impl<'de> serde::Deserialize<'de> for UtcOffset {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_minutes(i16::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl core::fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let minutes = self.0.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl core::str::FromStr for UtcOffset {
    type Err = OutOfRange;

    /// Reads `+hh:mm` or `-hh:mm`.
    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        let (sign, rest) = match text.as_bytes() {
            [b'+', rest @ ..] => (1, rest),
            [b'-', rest @ ..] => (-1, rest),
            _ => return Err(OutOfRange),
        };
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| i16::from(byte - b'0'));
        let [h1, h2, b':', m1, m2] = rest else {
            return Err(OutOfRange);
        };
        let (Some(h1), Some(h2), Some(m1), Some(m2)) = (digit(h1), digit(h2), digit(m1), digit(m2))
        else {
            return Err(OutOfRange);
        };
        let minutes = m1 * 10 + m2;
        if minutes >= 60 {
            return Err(OutOfRange);
        }
        Self::from_minutes(sign * ((h1 * 10 + h2) * 60 + minutes))
    }
}
