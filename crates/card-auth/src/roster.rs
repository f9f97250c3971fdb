//! Whose card is this? Pure logic over the credentials that the ledger remembers.
//!
//! Rules, in this order:
//! 1. Only credentials with the card's alias count; with none the card is [`Identity::Unknown`].
//! 2. A revoked credential opens nothing (invariant I5). If all are revoked: [`Identity::Revoked`].
//! 3. Of the others the newest wins (ids are never reused, so the greatest): a card enrolled again
//!    after it was revoked is the new one.
//! 4. A credential enrolled with a key is never matched by a bare UID, and a bare UID opens nothing
//!    unless the landlord's policy says so: [`Identity::TooWeak`]. Where it says so for the accounts
//!    that are listed, a privilege card is none of them.

use pile_units::{AccountId, CardAlias, Credential, CredentialId, Role, Strength, UidOnly};

/// What the landlord demands of a card.
///
/// ```
/// use card_auth::{Policy, UidOnly};
/// use pile_units::Strength;
/// assert!(!Policy::default().admits(Strength::UidOnly, true));
/// assert!(Policy { uid_only: UidOnly::All }.admits(Strength::UidOnly, false));
/// assert!(Policy { uid_only: UidOnly::Listed }.admits(Strength::UidOnly, true));
/// assert!(Policy::default().admits(Strength::MutualAes, false));
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Policy {
    /// Whose cards may be known by their UID alone.
    pub uid_only: UidOnly,
}

impl Policy {
    /// True if a card that proved itself this strongly may be used or enrolled; `listed` says
    /// whether its account is one of those that the landlord listed.
    pub const fn admits(self, presented: Strength, listed: bool) -> bool {
        match (presented, self.uid_only) {
            (Strength::MutualAes, _) | (Strength::UidOnly, UidOnly::All) => true,
            (Strength::UidOnly, UidOnly::Listed) => listed,
            (Strength::UidOnly, UidOnly::Nobody) => false,
        }
    }
}

/// Who a presented card is.
///
/// ```
/// use card_auth::Identity;
/// use pile_units::CredentialId;
/// let card = CredentialId::new(4);
/// assert_ne!(Identity::Revoked(card), Identity::TooWeak(card));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// Never enrolled.
    Unknown,
    /// Enrolled once, and revoked since: the newest credential of it.
    Revoked(CredentialId),
    /// The landlord's.
    Privilege(CredentialId),
    /// A tenant's.
    Charging {
        /// The card.
        credential: CredentialId,
        /// The account it draws on.
        account: AccountId,
    },
    /// Known as this one, but it proved less than its enrolment or the policy asks for.
    TooWeak(CredentialId),
}

/// Finds who a card is. `listed` says which accounts the landlord listed, for
/// [`UidOnly::Listed`].
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
/// let identity = identify([&landlord], landlord.alias, Strength::UidOnly, policy, |_| false);
/// assert_eq!(identity, Identity::Privilege(landlord.id));
/// ```
pub fn identify<'a>(
    credentials: impl IntoIterator<Item = &'a Credential>,
    alias: CardAlias,
    presented: Strength,
    policy: Policy,
    listed: impl Fn(AccountId) -> bool,
) -> Identity {
    let Some(card) = find(credentials, alias) else {
        return Identity::Unknown;
    };
    let listed = card.account().is_some_and(listed);
    match card.role {
        _ if card.revoked => Identity::Revoked(card.id),
        _ if presented < card.strength || !policy.admits(presented, listed) => {
            Identity::TooWeak(card.id)
        }
        Role::Privilege => Identity::Privilege(card.id),
        Role::Charging(account) => Identity::Charging {
            credential: card.id,
            account,
        },
    }
}

/// Finds the credential that a card with this alias gives itself out for: the newest that opens
/// something, or the newest of all where each is revoked. Whether it is that card is not asked.
///
/// ```
/// use card_auth::find;
/// use pile_units::{CardAlias, Credential, CredentialId, Role, Strength};
/// let lost = Credential {
///     id: CredentialId::new(1),
///     role: Role::Privilege,
///     strength: Strength::MutualAes,
///     alias: CardAlias::new([7; 8]),
///     revoked: true,
/// };
/// let again = Credential { id: CredentialId::new(2), revoked: false, ..lost };
/// assert_eq!(find([&again, &lost], lost.alias), Some(&again));
/// ```
pub fn find<'a>(
    credentials: impl IntoIterator<Item = &'a Credential>,
    alias: CardAlias,
) -> Option<&'a Credential> {
    let same = credentials.into_iter().filter(|card| card.alias == alias);
    same.max_by_key(|card| (!card.revoked, card.id))
}
