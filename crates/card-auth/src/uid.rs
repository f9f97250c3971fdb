//! The number a card announces, kept to itself.
//!
//! A UID is personal data and, for a cheap card, the whole credential: who has read it can copy
//! the card. So it is a secret here. It has no `Debug` content, no `Display`, no serialised form,
//! is compared in constant time and wiped when dropped. What leaves this crate is its
//! [`CardAlias`](pile_units::CardAlias).

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// How long a UID is (ISO/IEC 14443-3 clause 6.5.4).
///
/// ```
/// use card_auth::UidSize;
/// assert_eq!(UidSize::Double.bytes(), 7);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UidSize {
    /// Four bytes, one cascade level.
    Single,
    /// Seven bytes, two cascade levels.
    Double,
    /// Ten bytes, three cascade levels.
    Triple,
}

impl UidSize {
    /// The number of bytes: 4, 7 or 10.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Single => 4,
            Self::Double => 7,
            Self::Triple => 10,
        }
    }
}

/// Error returned by [`Uid::from_bytes`]: a UID has 4, 7 or 10 bytes.
///
/// ```
/// use card_auth::{InvalidUid, Uid};
/// assert_eq!(Uid::from_bytes(&[1, 2, 3]), Err(InvalidUid));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidUid;

impl core::fmt::Display for InvalidUid {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a UID has 4, 7 or 10 bytes")
    }
}

impl core::error::Error for InvalidUid {}

/// The UID of an ISO/IEC 14443-A card: 4, 7 or 10 bytes that never show themselves.
///
/// ```
/// use card_auth::Uid;
/// let uid = Uid::from_bytes(&[0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80])?;
/// assert_eq!(format!("{uid:?}"), "Uid(..)");
/// assert_eq!(uid, uid.clone());
/// # Ok::<(), card_auth::InvalidUid>(())
/// ```
#[derive(Clone)]
pub struct Uid {
    size: UidSize,
    /// The unused tail is zero.
    bytes: [u8; 10],
}

impl Uid {
    /// Makes a UID from the bytes in the order the card sends them, cascade tags left out.
    ///
    /// # Errors
    /// [`InvalidUid`] unless there are 4, 7 or 10.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidUid> {
        let size = match bytes.len() {
            4 => UidSize::Single,
            7 => UidSize::Double,
            10 => UidSize::Triple,
            _ => return Err(InvalidUid),
        };
        let mut uid = Self {
            size,
            bytes: [0; 10],
        };
        uid.bytes
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        Ok(uid)
    }

    /// Its length.
    pub const fn size(&self) -> UidSize {
        self.size
    }

    /// The bytes, for a key derivation or a keyed hash and nothing else.
    pub fn expose(&self) -> &[u8] {
        self.bytes.get(..self.size.bytes()).unwrap_or_default()
    }

    /// True if the card makes a new number at each power-up (single size, first byte 08h;
    /// ISO/IEC 14443-3 clause 6.5.4), as phones do. Such a number must never be enrolled: it
    /// will not come again, and may come from somebody else.
    pub fn is_random(&self) -> bool {
        self.size == UidSize::Single && self.bytes.first() == Some(&0x08)
    }
}

impl From<[u8; 7]> for Uid {
    /// A UID of double size, that of NTAG 424 DNA and `DESFire` chips.
    fn from(bytes: [u8; 7]) -> Self {
        let mut uid = Self {
            size: UidSize::Double,
            bytes: [0; 10],
        };
        uid.bytes
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = from);
        uid
    }
}

impl PartialEq for Uid {
    /// In constant time for UIDs of one size; the size itself is no secret.
    fn eq(&self, other: &Self) -> bool {
        self.size == other.size && bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

impl Eq for Uid {}

impl core::fmt::Debug for Uid {
    /// Shows nothing of it, not even its size.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Uid(..)")
    }
}

impl Drop for Uid {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}
