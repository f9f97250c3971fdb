//! Phones, names and recoveries.

extern crate std;

use super::{at, band_index, credential, port, strength, u8s, u16s, u32s};
use crate::book::Phone;
use crate::record::{Piece, Record};
use pile_units::{AccountId, AccountName, CredentialId, PhoneId, SessionId};
use proptest::prelude::*;
use proptest::sample::select;

fn name() -> impl Strategy<Value = AccountName> {
    select(std::vec![
        "a",
        "Flat 3",
        "twenty-four bytes long !",
        "王小明李小红张三",
    ])
    .prop_map(|name| name.parse().unwrap())
}

fn phone_id() -> impl Strategy<Value = PhoneId> {
    u16s().prop_map(PhoneId::new)
}

prop_compose! {
    fn phone()(
        (id, card, strength) in (phone_id(), u16s(), strength()),
        revoked in any::<bool>(),
        (last_request, session) in (u32s(), u32s()),
        bound in at(),
    ) -> Phone {
        Phone {
            id,
            credential: CredentialId::new(card),
            strength,
            revoked,
            last_request,
            last_session: SessionId::new(session),
            bound,
        }
    }
}

pub fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        phone().prop_map(Piece::Phone),
        (u16s(), name()).prop_map(|(account, name)| Piece::Named {
            account: AccountId::new(account),
            name
        }),
        u8s().prop_map(Piece::Recoveries),
    ]
}

pub fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        (phone_id(), u16s(), strength(), at()).prop_map(|(phone, card, strength, at)| {
            Record::PhoneBound {
                phone,
                credential: CredentialId::new(card),
                strength,
                at,
            }
        }),
        (phone_id(), at()).prop_map(|(phone, at)| Record::PhoneRevoked { phone, at }),
        (u16s(), name(), at()).prop_map(|(account, name, at)| Record::AccountNamed {
            account: AccountId::new(account),
            name,
            at
        }),
        (credential(), at()).prop_map(|(credential, at)| Record::Recovered { credential, at }),
        (u32s(), phone_id(), u32s(), port(), band_index(), at()).prop_map(
            |(session, phone, request, port, band, at)| Record::OpenedByPhone {
                session: SessionId::new(session),
                phone,
                request,
                port,
                band,
                at
            }
        ),
    ]
}
