//! Whose card is this? Pure logic over the credentials that the ledger remembers.
//!
//! Rules, in this order:
//! 1. Only credentials with the card's alias count; with none the card is [`Identity::Unknown`].
//! 2. A revoked credential opens nothing (invariant I5). If all are revoked: [`Identity::Revoked`].
//! 3. Of the others the newest wins (ids are never reused, so the greatest): a card enrolled again
//!    after it was revoked is the new one.
//! 4. A credential enrolled with a key is never matched by a bare UID, and a bare UID opens nothing
//!    unless the landlord's policy says so: [`Identity::TooWeak`].

use pile_units::{AccountId, CardAlias, Credential, CredentialId, Role, Strength};

/// Which cards may be known by their UID alone. Anyone can copy such a card for pocket money.
///
/// ```
/// use card_auth::UidOnly;
/// assert_eq!(UidOnly::default(), UidOnly::Nobody);
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub enum UidOnly {
    /// None: every card must prove a key.
    #[default]
    Nobody,
    /// Any.
    All,
}

/// What the landlord demands of a card.
///
/// ```
/// use card_auth::{Policy, UidOnly};
/// use pile_units::Strength;
/// assert!(!Policy::default().admits(Strength::UidOnly));
/// assert!(Policy { uid_only: UidOnly::All }.admits(Strength::UidOnly));
/// assert!(Policy::default().admits(Strength::MutualAes));
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Policy {
    /// Which cards may be known by their UID alone.
    pub uid_only: UidOnly,
}

impl Policy {
    /// True if a card that proved itself this strongly may be used or enrolled.
    pub const fn admits(self, presented: Strength) -> bool {
        match (presented, self.uid_only) {
            (Strength::MutualAes, _) | (Strength::UidOnly, UidOnly::All) => true,
            (Strength::UidOnly, UidOnly::Nobody) => false,
        }
    }
}

/// Who a presented card is.
///
/// ```
/// use card_auth::Identity;
/// assert_ne!(Identity::Unknown, Identity::Revoked);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// Never enrolled.
    Unknown,
    /// Enrolled once, and revoked since.
    Revoked,
    /// The landlord's.
    Privilege(CredentialId),
    /// A tenant's.
    Charging {
        /// The card.
        credential: CredentialId,
        /// The account it draws on.
        account: AccountId,
    },
    /// Known, but it proved less than its enrolment or the policy asks for.
    TooWeak,
}

/// Finds who a card is.
///
/// ```
/// use card_auth::{Identity, Policy, UidOnly, identify};
/// use pile_units::{CardAlias, Credential, CredentialId, Role, Strength};
/// let landlord = Credential {
///     id: CredentialId::new(1),
///     role: Role::Privilege,
///     strength: Strength::UidOnly,
///     alias: CardAlias::new([7; 8]),
///     revoked: false,
/// };
/// let policy = Policy { uid_only: UidOnly::All };
/// let identity = identify([&landlord], landlord.alias, Strength::UidOnly, policy);
/// assert_eq!(identity, Identity::Privilege(landlord.id));
/// ```
pub fn identify<'a>(
    credentials: impl IntoIterator<Item = &'a Credential>,
    alias: CardAlias,
    presented: Strength,
    policy: Policy,
) -> Identity {
    let mut newest: Option<&Credential> = None;
    let mut revoked = false;
    for credential in credentials {
        if credential.alias != alias {
            continue;
        }
        if credential.revoked {
            revoked = true;
        } else if newest.is_none_or(|best| best.id < credential.id) {
            newest = Some(credential);
        }
    }
    match newest {
        None if revoked => Identity::Revoked,
        None => Identity::Unknown,
        Some(card) if presented < card.strength || !policy.admits(presented) => Identity::TooWeak,
        Some(card) => match card.role {
            Role::Privilege => Identity::Privilege(card.id),
            Role::Charging(account) => Identity::Charging {
                credential: card.id,
                account,
            },
        },
    }
}
