//! What a message holds many of, and short texts: bounded, without an allocator.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// At most `N` of something, in order.
///
/// ```
/// use ble_protocol::message::List;
/// let mut list = List::<u8, 2>::new();
/// assert!(list.push(1) && list.push(2));
/// assert!(!list.push(3)); // full
/// assert_eq!(list.iter().sum::<u8>(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct List<T, const N: usize>(heapless::Vec<T, N>);

impl<T, const N: usize> List<T, N> {
    /// The most it holds.
    pub const CAPACITY: usize = N;

    /// An empty one.
    pub const fn new() -> Self {
        Self(heapless::Vec::new())
    }

    /// Adds one at the end; false if it is full.
    #[must_use]
    pub fn push(&mut self, item: T) -> bool {
        self.0.push(item).is_ok()
    }

    /// All of them, in order.
    pub fn iter(&self) -> core::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// All of them, as a slice.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if no more fits.
    pub fn is_full(&self) -> bool {
        self.0.is_full()
    }
}

impl<T, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a List<T, N> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A short text: at most `N` bytes of UTF-8 without control characters. It may be empty.
///
/// ```
/// use ble_protocol::message::Text;
/// let firmware: Text<32> = "0.1.0".parse()?;
/// assert_eq!(firmware.as_str(), "0.1.0");
/// assert!("0.1.0\u{1b}[2J".parse::<Text<32>>().is_err());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text<const N: usize>(heapless::String<N>);

impl<const N: usize> Text<N> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> core::str::FromStr for Text<N> {
    type Err = pile_units::OutOfRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.chars().any(char::is_control) {
            return Err(pile_units::OutOfRange);
        }
        heapless::String::try_from(text)
            .map(Self)
            .map_err(|_| pile_units::OutOfRange)
    }
}

impl<const N: usize> core::fmt::Display for Text<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<const N: usize>;
        impl<const N: usize> serde::de::Visitor<'_> for Visitor<N> {
            type Value = Text<N>;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "a text of at most {N} bytes")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text<N>, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}
