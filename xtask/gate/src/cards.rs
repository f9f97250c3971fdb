//! `card-auth`: a missing reader chip is told from an empty field, a card from its alias.

use card_auth::mfrc522::{Error, Mfrc522, NoResetPin};
use card_auth::{AliasKey, CardReader as _, Identity, Policy, Uid, UidOnly, identify};
use pile_units::{Credential, CredentialId, Role, Strength};

use crate::parts::{NoChip, NoTime};

/// Tells whether the driver misses its chip and a card is identified by its alias.
pub fn holds() -> bool {
    misses_its_chip() && knows_the_landlord()
}

fn misses_its_chip() -> bool {
    let mut reader = Mfrc522::new(NoChip, NoResetPin, NoTime);
    embassy_futures::block_on(reader.poll()) == Err(Error::NotResponding)
}

fn knows_the_landlord() -> bool {
    let Ok(uid) = Uid::from_bytes(&[0x04, 1, 2, 3, 4, 5, 6]) else {
        return false;
    };
    let alias = AliasKey::new([7; 32]).alias(&uid);
    let landlord = Credential {
        id: CredentialId::new(1),
        role: Role::Privilege,
        strength: Strength::UidOnly,
        alias,
        revoked: false,
    };
    let policy = Policy {
        uid_only: UidOnly::All,
    };
    identify([&landlord], alias, Strength::UidOnly, policy, |_| false)
        == Identity::Privilege(landlord.id)
}
