//! The words of a tariff: a band, its name, its place, and the half hours it is laid on.

use pile_units::{OutOfRange, Price};

use super::MAX_BANDS;

/// The most characters a band's name has.
pub const MAX_NAME: usize = 12;

/// What a band is called: 1..=12 printable ASCII characters, neither `|` (which parts a signed
/// receipt) nor `"`.
///
/// ```
/// use billing_core::tariff::BandName;
/// let name: BandName = "night".parse()?;
/// assert_eq!(name.as_str(), "night");
/// assert!("a name far too long".parse::<BandName>().is_err());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BandName {
    // Zero after the name, so that equal names are equal arrays.
    bytes: [u8; MAX_NAME],
    len: u8,
}

impl BandName {
    /// The name.
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.len))
            .and_then(|name| core::str::from_utf8(name).ok())
            .unwrap_or_default()
    }
}

impl core::str::FromStr for BandName {
    type Err = OutOfRange;

    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        let legal = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'|' && byte != b'"';
        if text.is_empty() || !text.bytes().all(legal) {
            return Err(OutOfRange);
        }
        let mut bytes = [0; MAX_NAME];
        bytes
            .get_mut(..text.len())
            .ok_or(OutOfRange)?
            .copy_from_slice(text.as_bytes());
        let len = u8::try_from(text.len()).map_err(|_| OutOfRange)?;
        Ok(Self { bytes, len })
    }
}

impl core::fmt::Display for BandName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for BandName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for BandName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = BandName;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a band name of 1 to 12 printable ASCII characters")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<BandName, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// A price band: what a kilowatt-hour costs while it is in force, electricity and service apart.
///
/// ```
/// use billing_core::tariff::Band;
/// let day = Band { name: "day".parse()?, energy: "0.568".parse()?, service: "0.20".parse()? };
/// assert_eq!(day.energy.to_string(), "0.568");
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Band {
    /// What it is called.
    pub name: BandName,
    /// The electricity fee a kilowatt-hour.
    pub energy: Price,
    /// The service fee a kilowatt-hour.
    pub service: Price,
}

/// A band's place in its tariff, 0..[`MAX_BANDS`].
///
/// ```
/// use billing_core::tariff::BandIndex;
/// assert_eq!(BandIndex::new(7).map(BandIndex::get), Ok(7));
/// assert!(BandIndex::new(8).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(transparent)]
pub struct BandIndex(u8);

impl BandIndex {
    /// The first band of a tariff.
    pub const FIRST: Self = Self(0);

    /// Makes a place.
    ///
    /// # Errors
    /// [`OutOfRange`] from [`MAX_BANDS`] on.
    pub const fn new(index: u8) -> Result<Self, OutOfRange> {
        // Widening; `usize::from` is not const.
        if (index as usize) < MAX_BANDS {
            Ok(Self(index))
        } else {
            Err(OutOfRange)
        }
    }

    /// The place in [`Tariff::bands`](super::Tariff::bands).
    pub const fn get(self) -> usize {
        self.0 as usize
    }

    /// The place as a byte.
    pub(super) const fn byte(self) -> u8 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for BandIndex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u8::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A boundary of the local day on the half hour, 00:00 to 24:00.
///
/// ```
/// use billing_core::tariff::HalfHour;
/// let from: HalfHour = "21:30".parse()?;
/// assert_eq!((from.slot(), from.to_string().as_str()), (43, "21:30"));
/// assert!("21:45".parse::<HalfHour>().is_err());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HalfHour(u8);

impl HalfHour {
    /// The day's first moment, 00:00.
    pub const MIDNIGHT: Self = Self(0);
    /// The day's end, 24:00: only ever where a span ends.
    pub const DAY_END: Self = Self(48);

    /// Makes a boundary from half hours since local midnight, 0..=48.
    ///
    /// # Errors
    /// [`OutOfRange`] above 48.
    pub const fn from_slot(slot: u8) -> Result<Self, OutOfRange> {
        if slot <= 48 {
            Ok(Self(slot))
        } else {
            Err(OutOfRange)
        }
    }

    /// Half hours since local midnight, 0..=48.
    pub const fn slot(self) -> u8 {
        self.0
    }
}

impl core::fmt::Display for HalfHour {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:02}:{}0", self.0 / 2, self.0 % 2 * 3)
    }
}

impl core::str::FromStr for HalfHour {
    type Err = OutOfRange;

    /// Reads `hh:00` or `hh:30`, `24:00` included.
    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        let &[tens, ones, b':', half, b'0'] = text.as_bytes() else {
            return Err(OutOfRange);
        };
        let half = match half {
            b'0' => 0,
            b'3' => 1,
            _ => return Err(OutOfRange),
        };
        if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
            return Err(OutOfRange);
        }
        Self::from_slot(((tens - b'0') * 10 + (ones - b'0')) * 2 + half)
    }
}

/// One line of a tariff as people write it: a band from one half hour to another.
///
/// `to` before `from` wraps over midnight, so 22:00 to 08:00 is a night. A band may have
/// several spans in a day if each names the same prices.
///
/// ```
/// use billing_core::tariff::{Band, Span};
/// let night = Span {
///     band: Band { name: "night".parse()?, energy: "0.288".parse()?, service: "0.20".parse()? },
///     from: "22:00".parse()?,
///     to: "08:00".parse()?,
/// };
/// assert_eq!(night.slots().count(), 20);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The band in force.
    pub band: Band,
    /// Where it begins, 00:00 to 23:30.
    pub from: HalfHour,
    /// Where it ends, 00:00 to 24:00, not itself part of the span.
    pub to: HalfHour,
}

impl Span {
    /// The half hours it covers, by number 0..48, in the order they come. None for a span that
    /// ends where it begins.
    pub fn slots(&self) -> impl Iterator<Item = u8> + Clone + use<> {
        let (from, to) = (self.from.slot(), self.to.slot());
        let end = if from <= to { to } else { to + 48 };
        (from..end).map(|slot| slot % 48)
    }
}
