//! What people call an account.

use crate::OutOfRange;

/// The most bytes of a name.
const MAX: usize = 24;

/// The name that a landlord gives an account, such as a flat's number or a person's name: 1..=24 bytes
/// of UTF-8, no control characters, not only spaces.
///
/// ```
/// use pile_units::AccountName;
/// let name: AccountName = "Flat 3, 王小明".parse()?;
/// assert_eq!(name.as_str(), "Flat 3, 王小明");
/// assert!("   ".parse::<AccountName>().is_err());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
///
/// # Serialised form
/// A text. What is no name is refused when it is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName {
    // Zero after the name, so that equal names are equal arrays.
    bytes: [u8; MAX],
    len: u8,
}

impl AccountName {
    /// The most bytes of a name.
    pub const MAX_BYTES: usize = MAX;

    /// The name.
    pub fn as_str(&self) -> &str {
        // UTF-8 by construction.
        let name = self.bytes.get(..usize::from(self.len));
        name.and_then(|name| core::str::from_utf8(name).ok())
            .unwrap_or_default()
    }
}

impl core::str::FromStr for AccountName {
    type Err = OutOfRange;

    /// # Errors
    /// [`OutOfRange`] for a text that is no name.
    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err(OutOfRange);
        }
        let mut bytes = [0; MAX];
        let place = bytes.get_mut(..text.len()).ok_or(OutOfRange)?;
        place.copy_from_slice(text.as_bytes());
        let len = u8::try_from(text.len()).map_err(|_| OutOfRange)?;
        Ok(Self { bytes, len })
    }
}

impl core::fmt::Debug for AccountName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("AccountName").field(&self.as_str()).finish()
    }
}

impl core::fmt::Display for AccountName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for AccountName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for AccountName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = AccountName;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a name of 1 to 24 bytes without control characters")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<AccountName, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::AccountName;
    use std::string::ToString;

    #[test]
    fn a_name_has_24_bytes_of_any_script_and_no_more() {
        for name in [
            "a",
            "3",
            "Müller",
            "twenty-four bytes long !",
            "王小明李小红张三",
        ] {
            let parsed: AccountName = name.parse().unwrap();
            assert_eq!((parsed.as_str(), parsed.to_string()), (name, name.into()));
        }
        for name in ["twenty-five bytes long !!", "王小明李小红张三x"] {
            assert!(name.parse::<AccountName>().is_err(), "{name}");
        }
    }

    #[test]
    fn nothing_that_cannot_be_seen_or_breaks_a_line_is_a_name() {
        for name in [
            "", " ", "\u{3000}", "a\nb", "\t", "a\0", "\u{7f}", "\u{85}b",
        ] {
            assert!(name.parse::<AccountName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_name_is_checked_when_it_is_read() {
        assert!(postcard::from_bytes::<AccountName>(b"\x02ab").is_ok());
        for bytes in [
            &b"\x00"[..],
            b"\x01 ",
            b"\x02a\n",
            b"\x01\xff",
            b"\x19aaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(
                postcard::from_bytes::<AccountName>(bytes).is_err(),
                "{bytes:?}"
            );
        }
    }
}
