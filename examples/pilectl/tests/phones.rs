//! What `pilectl` says of phones, names and a privilege card that was recovered.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod common;

use billing_core::book::testing::{closing, enrolled};
use billing_core::record::Record;
use billing_core::tariff::BandIndex;
use common::{Desk, Pile};
use pile_units::{
    AccountId, CardAlias, Credential, CredentialId, PhoneId, PortId, Role, SessionId, Strength,
    WallTime,
};

/// Commissioned, with a tariff and one tenant; the tenant's phone has charged, the landlord's card
/// was lost.
fn pile() -> Pile {
    let mut pile = Pile::new(3);
    pile.live(2);
    let at = WallTime::default().not_before(pile.book.last());
    let tenant = enrolled(&pile.book, at, true).unwrap();
    pile.put(&tenant);
    let (phone, credential) = (PhoneId::new(1), CredentialId::new(1));
    let bound = Record::PhoneBound {
        phone,
        credential,
        strength: Strength::UidOnly,
        at,
    };
    let named = Record::AccountNamed {
        account: AccountId::new(1),
        name: "Flat 3".parse().unwrap(),
        at,
    };
    let opened = Record::OpenedByPhone {
        session: SessionId::new(1),
        phone,
        request: 41,
        port: PortId::from_number(2).unwrap(),
        band: BandIndex::FIRST,
        at,
    };
    for record in [bound, named, opened] {
        pile.put(&record);
    }
    for _ in 0..2 {
        let open = pile.book.open_sessions().next().unwrap();
        let record = closing(&pile.book, open, at, 1000).unwrap();
        pile.put(&record);
    }
    let credential = Credential {
        id: CredentialId::new(2),
        role: Role::Privilege,
        strength: Strength::MutualAes,
        alias: CardAlias::new([0xee; 8]),
        revoked: false,
    };
    for record in [
        Record::Recovered { credential, at },
        Record::PhoneRevoked { phone, at },
    ] {
        pile.put(&record);
    }
    pile
}

#[test]
fn a_ledger_shows_phones_names_and_recoveries() {
    let desk = Desk::with(&[("pile.bin", &pile().image())]);
    desk.well("ledger verify pile.bin");
    let shown = desk.well("ledger show pile.bin");
    for said in [
        "          Flat 3\n",
        "\nPhones\n  phone 1 of card 1, bound ",
        ", revoked\n",
        "The privilege card was recovered 1 time\n",
    ] {
        assert!(shown.contains(said), "{said:?}: {shown}");
    }
    let records = desk.well("ledger show pile.bin --records");
    for said in [
        "phone 1 bound to card 1",
        "account 1 named \"Flat 3\"",
        "session 1 opened on port 2 with phone 1, request 41",
        "privilege card 2 enrolled by a recovery code, the one before revoked",
        "phone 1 revoked",
    ] {
        assert!(records.contains(said), "{said:?}: {records}");
    }
    let session = desk.well("ledger show pile.bin --session 1");
    assert!(session.contains("with phone 1"), "{session}");
    assert!(
        !session.contains("its opening is in the books"),
        "{session}"
    );
    // Those of the account, and no other.
    let own = desk.well("ledger show pile.bin --records --account 1");
    assert!(
        own.contains("with phone 1") && own.contains("Flat 3"),
        "{own}"
    );
    assert!(!own.contains("privilege card"), "{own}");
}

#[test]
fn a_statement_has_the_name_that_the_pile_was_told_unless_a_list_says_otherwise() {
    let desk = Desk::with(&[
        ("pile.bin", &pile().image()),
        ("names.csv", b"account,name\n1,Attic\n"),
        ("others.csv", b"account,name\n2,Cellar\n"),
    ]);
    for (options, name) in [
        ("", "Flat 3"),
        (" --names names.csv", "Attic"),
        (" --names others.csv", "Flat 3"),
    ] {
        for format in ["text", "csv", "json", "html"] {
            let told = desk.well(&format!(
                "statement pile.bin --account 1 --format {format}{options}"
            ));
            let other = if name == "Attic" { "Flat 3" } else { "Attic" };
            assert!(told.contains(name) && !told.contains(other), "{told}");
        }
    }
}
