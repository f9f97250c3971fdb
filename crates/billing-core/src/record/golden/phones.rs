//! Records 26 to 30 and pieces 9 to 11: phones, names and recoveries.

use super::*;
use crate::book::Phone;
use crate::record::Piece;
use pile_units::{AccountName, PhoneId};

/// The character U+738B, three bytes of UTF-8.
const NAME: &[u8] = b"\x0aFlat 3 \xe7\x8e\x8b";

fn name() -> AccountName {
    "Flat 3 王".parse().unwrap()
}

#[test]
fn the_bytes_of_phones_names_and_a_recovery_are_these() {
    let phone = PhoneId::new(300);
    golden(
        Record::PhoneBound {
            phone,
            credential: CredentialId::new(4),
            strength: Strength::MutualAes,
            at: at(),
        },
        &[&[26, 0xac, 2, 4, 1], &AT],
    );
    golden(
        Record::PhoneRevoked { phone, at: at() },
        &[&[27, 0xac, 2], &AT],
    );
    golden(
        Record::AccountNamed {
            account: AccountId::new(3),
            name: name(),
            at: at(),
        },
        &[&[28, 3], NAME, &AT],
    );
    golden(
        Record::Recovered {
            credential: landlord(),
            at: at(),
        },
        &[&[29], &[0, 0, 1], &ALIAS, &[0], &AT],
    );
    golden(
        Record::OpenedByPhone {
            session: SessionId::new(7),
            phone,
            request: 1000,
            port: port(2),
            band: BandIndex::new(1).unwrap(),
            at: at(),
        },
        &[&[30, 7, 0xac, 2], &AT[..2], &[1, 1], &AT],
    );
}

#[test]
fn the_bytes_of_phones_names_and_recoveries_in_a_snapshot_are_these() {
    golden(
        Record::Snapshot(Piece::Phone(Phone {
            id: PhoneId::new(300),
            credential: CredentialId::new(4),
            strength: Strength::UidOnly,
            revoked: true,
            last_request: 1000,
            last_session: SessionId::new(7),
            bound: at(),
        })),
        &[&[18, 9, 0xac, 2, 4, 0, 1], &AT[..2], &[7], &AT],
    );
    golden(
        Record::Snapshot(Piece::Named {
            account: AccountId::new(3),
            name: name(),
        }),
        &[&[18, 10, 3], NAME],
    );
    golden(Record::Snapshot(Piece::Recoveries(2)), &[&[18, 11, 2]]);
}

#[test]
fn a_name_that_is_none_is_not_read() {
    for name in [&b"\x00"[..], b"\x01 ", b"\x02a\x00", b"\x01\xff"] {
        assert_eq!(Record::decode(&bytes(&[&[28, 3], name, &AT])), None);
        assert_eq!(Record::decode(&bytes(&[&[18, 10, 3], name])), None);
    }
}
