//! Every request by every role, through the conversation: the table first, then whose it is.

use super::bench::Talk;
use crate::tests::bench::{Bench, LANDLORD, port, tariff};
use crate::{Refusal, Signal};
use billing_core::record::Reference;
use billing_core::statement::Period;
use ble_protocol::Holder;
use ble_protocol::message::{ExportCursor, Notice, Request, RequestKind, Response, Told, UpTo};
use ble_protocol::permission::{Grant, Role, grant, may_hear};
use pile_units::{
    AccountId, CredentialId, Limits, PhoneId, PlanId, SessionId, UidOnly, UnixSeconds, WallTime,
};
use proptest::prelude::*;
use std::vec::Vec;

/// One of every kind; what it names is there, and some of it is the first tenant's.
pub fn requests() -> Vec<Request> {
    let account = AccountId::new(1);
    let (plan, tariff) = (PlanId::STANDARD, tariff(500_000, 200_000));
    let session = SessionId::new(1);
    let port = port(2);
    let phone = PhoneId::new(1);
    let (credential, from) = (CredentialId::new(1), UnixSeconds::new(2_000_000_000));
    std::vec![
        Request::Hello { version: 1 },
        Request::Ports { from: port },
        Request::TariffNow,
        Request::Start {
            port,
            up_to: UpTo::Full
        },
        Request::Stop { session },
        Request::Sessions {
            account: None,
            before: None,
            count: 8
        },
        Request::Receipt { session, from: 0 },
        Request::Statement {
            account: Some(account),
            period: Period::Open,
            skip: 0
        },
        Request::MyAccount,
        Request::MyPhones {
            from: PhoneId::new(0)
        },
        Request::RevokeMyPhone { phone },
        Request::ReportLost,
        Request::Accounts { from: account },
        Request::Cards { from: credential },
        Request::Phones { from: phone },
        Request::RevokePhone { phone },
        Request::Authorise,
        Request::AuthoriseListed,
        Request::Replace {
            account,
            card: credential,
        },
        Request::ReportLostOf { account },
        Request::RevokeCard { credential },
        Request::Deregister { account },
        Request::Rename {
            account,
            name: "Flat 4".parse().unwrap()
        },
        Request::Policy,
        Request::SetPolicy {
            uid_only: UidOnly::All
        },
        Request::ListAccount {
            account,
            listed: true
        },
        Request::Tariffs { from: plan },
        Request::PlannedTariff,
        Request::SetTariff {
            plan,
            tariff: tariff.clone()
        },
        Request::PlanTariff { plan, from, tariff },
        Request::AssignPlan { account, plan },
        Request::Limits,
        Request::SetLimits {
            limits: Limits::default()
        },
        Request::Settle { account, number: 1 },
        Request::Settlements { from: 0 },
        Request::MarkPaid {
            settlement: 1,
            reference: Reference::default()
        },
        Request::ClearFault {
            port,
            fault: billing_core::record::Fault::Leakage,
        },
        Request::StopPort { port, session },
        Request::SwitchPort {
            port,
            enabled: true
        },
        Request::SetClock {
            now: WallTime::default()
        },
        Request::Diagnostics,
        Request::Tried { from: credential },
        Request::ExportFrom {
            cursor: ExportCursor::START
        },
        Request::ConfirmExport { through: 1 },
        Request::Recover,
        Request::SignReceipt { session },
    ]
}

fn holder(role: Role) -> Holder {
    match role {
        Role::Card => Holder::Card,
        Role::Tenant => Holder::Phone(PhoneId::new(1)),
        Role::Landlord => Holder::Phone(PhoneId::new(3)),
        Role::Recovery => Holder::Recovery,
    }
}

#[test]
fn every_request_is_answered_to_every_role_as_the_table_says() {
    let kinds: Vec<_> = requests().iter().map(Request::kind).collect();
    assert_eq!(kinds, RequestKind::ALL);
    for role in Role::ALL {
        for request in requests() {
            let kind = request.kind();
            let mut talk = Talk::house();
            talk.open(holder(role), (role == Role::Card).then_some(1));
            talk.wait(1);
            let (records, fed) = (talk.bench.records.len(), talk.fed);
            let response = talk.ask(9, request);
            let refused = response == Response::Refused(Refusal::NotAllowed);
            let allowed = grant(role, kind) != Grant::No;
            assert_eq!(refused, !allowed, "{role:?} {kind:?}: {response:?}");
            if !allowed {
                talk.wait(5);
                assert_eq!(talk.bench.records.len(), records, "{role:?} {kind:?}");
                assert_eq!(talk.fed, fed, "{role:?} {kind:?}");
            }
            if kind.is_question() {
                assert_eq!(talk.fed, fed, "{role:?} {kind:?}");
            }
        }
    }
}

#[test]
fn what_is_anothers_is_neither_shown_nor_changed() {
    let mut talk = Talk::house();
    talk.phone(2);
    let start = |number| Request::Start {
        port: port(number),
        up_to: UpTo::Full,
    };
    assert!(matches!(talk.ask(1, start(2)), Response::Started { .. }));
    talk.bench.plug(2, 300);
    talk.wait(60);
    let stop = |session| Request::Stop {
        session: SessionId::new(session),
    };
    assert_eq!(talk.ask(2, stop(1)), Response::Done);
    assert!(matches!(talk.ask(3, start(3)), Response::Started { .. }));
    talk.serve.closed();
    // The other tenant.
    talk.phone(1);
    let other = Some(AccountId::new(2));
    let mut id = 0;
    let mut refused = |talk: &mut Talk, request| {
        id += 1;
        match talk.ask(id, request) {
            Response::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    };
    let (all, skip) = (Period::Open, 0);
    let yours = Refusal::NotYours;
    assert_eq!(refused(&mut talk, stop(2)), yours);
    let bill = |session| Request::Receipt {
        session: SessionId::new(session),
        from: 0,
    };
    assert_eq!(refused(&mut talk, bill(1)), yours);
    assert_eq!(refused(&mut talk, bill(2)), yours);
    let sign = |session| Request::SignReceipt {
        session: SessionId::new(session),
    };
    assert_eq!(refused(&mut talk, sign(1)), yours);
    assert_eq!(refused(&mut talk, sign(2)), yours);
    let sessions = Request::Sessions {
        account: other,
        before: None,
        count: 8,
    };
    assert_eq!(refused(&mut talk, sessions), yours);
    let statement = Request::Statement {
        account: other,
        period: all,
        skip,
    };
    assert_eq!(refused(&mut talk, statement), yours);
    for phone in [2, 3] {
        let phone = PhoneId::new(phone);
        assert_eq!(refused(&mut talk, Request::RevokeMyPhone { phone }), yours);
    }
    // Without a name, the own: none.
    let sessions = Request::Sessions {
        account: None,
        before: None,
        count: 8,
    };
    let Response::Sessions(page) = talk.ask(90, sessions) else {
        panic!("no sessions");
    };
    assert!(page.sessions.is_empty() && !page.more);
    let Response::Ports(page) = talk.ask(91, Request::Ports { from: port(1) }) else {
        panic!("no ports");
    };
    let theirs = page.ports.iter().find(|view| view.port == port(3)).unwrap();
    assert!(!theirs.mine && theirs.running.is_none() && theirs.seconds_left.is_none());
    // The landlord's phones are not a tenant's, nor the other way round.
    talk.phone(3);
    let phone = PhoneId::new(2);
    assert_eq!(
        talk.ask(1, Request::RevokeMyPhone { phone }),
        Response::Refused(yours)
    );
    assert!(
        talk.bench
            .ledger
            .phones()
            .iter()
            .all(|phone| !phone.revoked)
    );
}

#[test]
fn a_card_gets_its_phones_key_and_nothing_else() {
    let mut talk = Talk::house();
    talk.open(Holder::Card, Some(1));
    talk.wait(1);
    let Some(Told::Bound(bound)) = talk.heard.get(1) else {
        panic!("not bound: {:?}", talk.heard);
    };
    assert_eq!(bound.phone, PhoneId::new(4));
    let keys = ble_protocol::PhoneKeys::new(super::bench::SECRET);
    let key = keys.key(&super::bench::JOURNAL, bound.phone);
    assert_eq!(bound.key.expose(), key.expose());
    assert_eq!(talk.bench.last_signal(), Signal::PhoneBound);
    assert_eq!(talk.heard.len(), 2, "{:?}", talk.heard);
    // Without a tap there is nothing to bind.
    talk.open(Holder::Card, None);
    talk.wait(1);
    assert_eq!(talk.bench.ledger.phones().len(), 4);
}

#[test]
fn a_card_that_may_not_be_bound_is_told_so() {
    let mut talk = Talk::house();
    talk.open(Holder::Card, Some(0x55));
    talk.wait(1);
    assert_eq!(
        talk.answer(0),
        Some(Response::Refused(Refusal::UnknownCard))
    );
}

#[test]
fn a_blank_pile_is_claimed_over_the_link() {
    let mut talk = Talk::of(Bench::blank(2));
    talk.open(Holder::Card, Some(LANDLORD));
    assert!(matches!(&talk.heard[0], Told::Welcome(welcome) if welcome.pile.is_none()));
    talk.wait(1);
    assert!(matches!(&talk.heard[1], Told::Bound(bound) if bound.phone == PhoneId::new(1)));
    assert_eq!(talk.phone(1).role, Role::Landlord);
}

#[test]
fn a_recovery_code_opens_one_window_and_its_link_ends_when_it_is_used_up() {
    let mut talk = Talk::house();
    assert_eq!(talk.connect(Holder::Recovery).role, Role::Recovery);
    assert_eq!(
        talk.ask(1, Request::Recover),
        Response::Window { seconds: 30 }
    );
    talk.bench.tap(0x77);
    talk.wait(2);
    let notices = talk.notices();
    let heard = |notice: &Notice| matches!(notice, Notice::CardAuthorised(_));
    assert_eq!(notices.iter().filter(|it| heard(it)).count(), 1);
    assert!(
        notices
            .iter()
            .all(|notice| may_hear(Role::Recovery, notice))
    );
    assert!(talk.serve.wants_close(talk.bench.now, &talk.bench.machine));
    // The landlord's old phone is shut out.
    assert!(
        talk.serve.opened(
            talk.bench.now,
            Holder::Phone(PhoneId::new(3)),
            None,
            &talk.bench.machine
        ) == super::super::Todo::Nothing
    );
    assert!(talk.serve.wants_close(talk.bench.now, &talk.bench.machine));
    talk.heard.clear();
    talk.send(1, Request::Authorise);
    talk.wait(2);
    assert_eq!(talk.answer(1), None);
}

/// What a fuzz target does with a byte string: arbitrary decrypted bytes, from whoever holds the link.
fn arbitrary(role: Role, bytes: &[u8], talk: &mut Talk) {
    talk.open(holder(role), None);
    let records = talk.bench.records.len();
    talk.raw(bytes);
    talk.wait(2);
    let allowed = ble_protocol::message::Asked::decode(bytes)
        .is_ok_and(|asked| ble_protocol::permission::allows(role, &asked.request));
    if !allowed {
        assert_eq!(talk.bench.records.len(), records);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic_and_change_nothing_without_permission(
        messages in prop::collection::vec((0usize..4, prop::collection::vec(any::<u8>(), 0..64)), 1..16)
    ) {
        let mut talk = Talk::house();
        for (role, mut bytes) in messages {
            if let Some(first) = bytes.first_mut().filter(|first| **first % 8 > 0) {
                *first = 1;
            }
            arbitrary(Role::ALL[role], &bytes, &mut talk);
        }
    }

    #[test]
    fn altered_requests_never_panic_and_change_nothing_without_permission(
        role in 0usize..4, kind in 0usize..45, place in 0usize..40, value in any::<u8>()
    ) {
        let mut talk = Talk::house();
        let mut buffer = [0; ble_protocol::MAX_MESSAGE];
        let request = requests()[kind].clone();
        let id = ble_protocol::message::RequestId::new(1);
        let asked = ble_protocol::message::Asked { id, request };
        let mut bytes = asked.encode(&mut buffer).to_vec();
        let place = place % bytes.len();
        bytes[place] = value;
        arbitrary(Role::ALL[role], &bytes, &mut talk);
    }
}
