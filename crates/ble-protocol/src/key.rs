//! Keys of the link: a phone's own, a card's while it is being bound, a recovery code's.
//!
//! A phone's key is derived whenever it is needed and stored nowhere on the pile: who has the flash
//! of a pile but not its secret has no phone's key.
//!
//! | key | HMAC-SHA-256 with | over |
//! | --- | --- | --- |
//! | a phone's | the pile's secret, 32 bytes | `openpile phone 1`, the journal's identity (16 bytes), the phone's number (2 bytes, little end first) |
//! | a binding card's | its binding secret, 16 bytes | `openpile bind 1` |
//! | a recovery code's | its secret, 16 bytes | `openpile recover 1` |

use pile_units::PhoneId;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::mac::hmac_sha256;

/// What both ends of a link must know: the pre-shared key of the handshake. 32 bytes, wiped when
/// dropped, compared in constant time.
///
/// ```
/// use ble_protocol::LinkKey;
/// let key = LinkKey::new([7; 32]);
/// assert_eq!(key, LinkKey::new([7; 32]));
/// assert_eq!(format!("{key:?}"), "LinkKey(..)");
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LinkKey([u8; 32]);

impl LinkKey {
    /// Makes a key from its bytes. The caller wipes its own copy.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key of a card that is being bound, from the binding secret in its code.
    ///
    /// ```
    /// use ble_protocol::LinkKey;
    /// assert_ne!(LinkKey::of_binding(&[1; 16]), LinkKey::of_recovery(&[1; 16]));
    /// ```
    pub fn of_binding(secret: &[u8; 16]) -> Self {
        Self::of_code(secret, b"openpile bind 1")
    }

    /// The key that a recovery code opens the link with.
    pub fn of_recovery(secret: &[u8; 16]) -> Self {
        Self::of_code(secret, b"openpile recover 1")
    }

    fn of_code(secret: &[u8; 16], label: &[u8]) -> Self {
        // RFC 2104 fills a short key up with zeros.
        let mut key = Zeroizing::new([0; 32]);
        key.iter_mut()
            .zip(secret)
            .for_each(|(to, from)| *to = *from);
        Self(*hmac_sha256(&key, &[label]))
    }

    /// The bytes, to hand a phone its key. Whoever reads them is trusted with them.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for LinkKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for LinkKey {}

impl core::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("LinkKey(..)")
    }
}

/// The pile's secret that phones' keys are made of.
///
/// ```
/// use ble_protocol::PhoneKeys;
/// use pile_units::PhoneId;
/// let keys = PhoneKeys::new([1; 32]);
/// let journal = *b"the pile's life.";
/// let key = keys.key(&journal, PhoneId::new(3));
/// assert_eq!(key, keys.key(&journal, PhoneId::new(3)));
/// assert_ne!(key, keys.key(&journal, PhoneId::new(4)));
/// // A pile that was begun anew knows no phone of its former life.
/// assert_ne!(key, keys.key(b"its second life.", PhoneId::new(3)));
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PhoneKeys([u8; 32]);

impl PhoneKeys {
    /// Makes the keys from the pile's 32 secret random bytes. The caller wipes its own copy.
    pub const fn new(pile_secret: [u8; 32]) -> Self {
        Self(pile_secret)
    }

    /// The key of a phone. `journal` is the identity of the pile's journal.
    pub fn key(&self, journal: &[u8; 16], phone: PhoneId) -> LinkKey {
        let number = phone.get().to_le_bytes();
        LinkKey(*hmac_sha256(
            &self.0,
            &[b"openpile phone 1", journal, &number],
        ))
    }
}

impl core::fmt::Debug for PhoneKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PhoneKeys(..)")
    }
}

/// Whose key opened the link.
///
/// ```
/// use ble_protocol::Holder;
/// use pile_units::PhoneId;
/// assert_ne!(Holder::Card, Holder::Phone(PhoneId::new(0)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A phone that was bound.
    Phone(PhoneId),
    /// A card that was tapped while its code waited: it is being bound.
    Card,
    /// The pile's next recovery code.
    Recovery,
}

/// The keys that may open the link now.
///
/// The pile's end asks for a few at a time and keeps none. A key that is no longer here opens
/// nothing; a link that it opened before must be [closed](crate::PileEnd::close).
///
/// ```
/// use ble_protocol::{Holder, Keys, LinkKey, PhoneKeys};
/// use pile_units::PhoneId;
///
/// struct Phones { keys: PhoneKeys, bound: Vec<Option<PhoneId>> }
///
/// impl Keys for Phones {
///     fn slots(&self) -> usize {
///         self.bound.len()
///     }
///
///     fn key(&self, slot: usize) -> Option<(Holder, LinkKey)> {
///         let phone = (*self.bound.get(slot)?)?;
///         Some((Holder::Phone(phone), self.keys.key(b"the pile's life.", phone)))
///     }
/// }
/// ```
pub trait Keys {
    /// How many places there are; some may be empty.
    fn slots(&self) -> usize;

    /// The key in a place, 0..[`slots`](Self::slots); `None` for an empty one.
    fn key(&self, slot: usize) -> Option<(Holder, LinkKey)>;
}
