//! What the landlord calls an account.

use crate::OutOfRange;

/// The most bytes of an [`AccountName`].
pub const MAX_NAME: usize = 24;

/// The name that the landlord gave an account: 1..=24 bytes of UTF-8 without control characters,
/// which no terminal or printer is to be told by a name.
///
/// ```
/// use pile_units::AccountName;
/// let name: AccountName = "李, room 204".parse()?;
/// assert_eq!(name.as_str(), "李, room 204");
/// assert!("".parse::<AccountName>().is_err());
/// assert!("room\n204".parse::<AccountName>().is_err());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
///
/// # Serialised form
/// That of a text: its length in bytes, a varint, and its bytes. It is checked when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName {
    // Zero after the name, so that equal names are equal arrays.
    bytes: [u8; MAX_NAME],
    len: u8,
}

impl AccountName {
    /// The name.
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.len))
            .and_then(|name| core::str::from_utf8(name).ok())
            .unwrap_or_default()
    }
}

impl core::str::FromStr for AccountName {
    type Err = OutOfRange;

    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        if text.is_empty() || text.chars().any(char::is_control) {
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
                f.write_str("a name of 1 to 24 bytes")
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
    use super::*;

    #[test]
    fn a_name_has_1_to_24_bytes_and_no_control_characters() {
        let longest = "twenty-four bytes long !";
        assert_eq!(longest.parse::<AccountName>().unwrap().as_str(), longest);
        for wrong in [
            "",
            "twenty-five bytes long !!",
            "a\tb",
            "\u{7f}",
            "\u{85}",
            // Nine of three bytes each.
            "现现现现现现现现现",
        ] {
            assert_eq!(wrong.parse::<AccountName>(), Err(OutOfRange), "{wrong:?}");
        }
    }

    #[test]
    fn its_wire_form_is_a_text_and_is_checked_when_read() {
        let name: AccountName = "Li 李".parse().unwrap();
        let bytes = [6, b'L', b'i', b' ', 0xe6, 0x9d, 0x8e];
        let mut buffer = [0; 32];
        assert_eq!(postcard::to_slice(&name, &mut buffer).unwrap(), &bytes);
        assert_eq!(postcard::from_bytes(&bytes), Ok(name));
        for wrong in [&[0][..], &[1, b'\n'], &[1, 0xe6], &[25; 26]] {
            assert!(
                postcard::from_bytes::<AccountName>(wrong).is_err(),
                "{wrong:?}"
            );
        }
    }
}
