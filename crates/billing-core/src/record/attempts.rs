//! Refused attempts with a card that the pile knows.

use pile_units::{CredentialId, WallTime};
use serde::{Deserialize, Serialize};

/// Why a card was refused that gave itself out for one the pile knows. The order is the format.
///
/// ```
/// use billing_core::record::Attempt;
/// assert_eq!(Attempt::WrongKey.to_string(), "wrong_key");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Attempt {
    /// It only announced the number of a card of which a key is asked: a copy, or a policy.
    TooWeak,
    /// It was asked for the key, and does not have it.
    WrongKey,
    /// The card was revoked.
    Revoked,
}

impl Attempt {
    /// The name used in files: lower case with underscores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooWeak => "too_weak",
            Self::WrongKey => "wrong_key",
            Self::Revoked => "revoked",
        }
    }
}

impl core::fmt::Display for Attempt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// The refused attempts of one card. It names the card by its number in the ledger, as everything
/// here does; what was presented need not be that card.
///
/// ```
/// use billing_core::record::{Attempt, Attempts, Record};
/// use pile_units::{CredentialId, WallTime};
/// let credential = CredentialId::new(4);
/// let last = WallTime::default();
/// let attempts = Attempts { credential, count: 2, what: Attempt::WrongKey, last };
/// let mut buffer = Record::buffer();
/// assert_eq!(Record::Attempted(attempts).encode(&mut buffer), [23, 4, 2, 1, 0, 0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// The card.
    pub credential: CredentialId,
    /// How many: in a record since the one before of this card, in a book all of them.
    pub count: u32,
    /// What the newest was.
    pub what: Attempt,
    /// When the newest was.
    pub last: WallTime,
}
