//! What the pile remembers of a card: who it stands for and how strongly it proved it.

use crate::{AccountId, CredentialId};

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Role {
    /// The landlord's: authorises, clears faults. Opens no relay.
    Privilege,
    /// A tenant's: charges on its account.
    Charging(AccountId),
}

/// How a card proved who it is.
///
/// Ordered: a stronger proof is greater.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Strength {
    /// By the number it announces (ISO 14443-3), which anyone can copy.
    UidOnly,
    /// By a key that never leaves it (`AuthenticateEV2First`, NXP AN12196).
    MutualAes,
}

/// Whose cards may be known by their UID alone. Anyone can copy such a card for pocket money.
///
/// ```
/// use pile_units::UidOnly;
/// assert_eq!(UidOnly::default(), UidOnly::Nobody);
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub enum UidOnly {
    /// Nobody's: every card must prove a key.
    #[default]
    Nobody,
    /// Anybody's.
    All,
    /// Those of the accounts that the landlord listed.
    Listed,
}

/// A keyed, short stand-in for a card's UID: what records, logs and receipts show, so that the
/// UID itself never leaves the card reader.
///
/// ```
/// use pile_units::CardAlias;
/// let alias = CardAlias::new([0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4]);
/// assert_eq!(alias.to_string(), "deadbeef");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct CardAlias([u8; 8]);

impl CardAlias {
    /// Makes an alias from the first eight bytes of a keyed hash.
    pub const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub const fn bytes(self) -> [u8; 8] {
        self.0
    }
}

impl core::fmt::Display for CardAlias {
    /// Shows the first half: enough to tell two cards of a house apart.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0
            .iter()
            .take(4)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A card as the roster holds it.
///
/// ```
/// use pile_units::{AccountId, CardAlias, Credential, CredentialId, Role, Strength};
/// let card = Credential {
///     id: CredentialId::new(2),
///     role: Role::Charging(AccountId::new(1)),
///     strength: Strength::UidOnly,
///     alias: CardAlias::new([7; 8]),
///     revoked: false,
/// };
/// assert_eq!(card.account(), Some(AccountId::new(1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Credential {
    /// Its identity in the ledger.
    pub id: CredentialId,
    /// What it is for.
    pub role: Role,
    /// The strength it was enrolled with; a weaker proof later does not match it.
    pub strength: Strength,
    /// The keyed alias of its UID.
    pub alias: CardAlias,
    /// Set once and never cleared (invariant I5).
    pub revoked: bool,
}

impl Credential {
    /// The account it draws on, for a charging card.
    pub const fn account(&self) -> Option<AccountId> {
        match self.role {
            Role::Privilege => None,
            Role::Charging(account) => Some(account),
        }
    }
}
