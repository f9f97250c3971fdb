//! What a phone sees and hears.

use super::bench::Talk;
use crate::tests::bench::port;
use crate::{Command, Refusal};
use billing_core::record::StopReason;
use ble_protocol::message::{Notice, PortCondition, Request, Response, UpTo};
use ble_protocol::permission::{Role, may_hear};
use pile_units::{AccountId, Duration, Energy, PhoneId, SessionId};
use std::vec::Vec;

fn start(number: u8, up_to: UpTo) -> Request {
    Request::Start {
        port: port(number),
        up_to,
    }
}

#[test]
fn a_tenant_watches_the_own_session_from_start_to_bill() {
    let mut talk = Talk::house();
    let welcome = talk.phone(1);
    assert_eq!(welcome.role, Role::Tenant);
    assert_eq!(welcome.account, Some(AccountId::new(1)));
    assert_eq!((welcome.ports, welcome.phone), (3, Some(PhoneId::new(1))));
    assert_eq!(welcome.name.as_str(), "Hof 3");
    let up_to = UpTo::Time(Duration::from_minutes(10));
    assert!(matches!(
        talk.ask(1, start(2, up_to)),
        Response::Started { .. }
    ));
    talk.bench.plug(2, 300);
    talk.wait(60);
    let Response::Ports(page) = talk.ask(2, Request::Ports { from: port(1) }) else {
        panic!("no ports");
    };
    assert_eq!(page.ports.len(), 3);
    let own = page.ports.as_slice()[1];
    assert!(own.mine && own.condition == PortCondition::Charging);
    assert!(
        own.seconds_left
            .is_some_and(|left| (500..=545).contains(&left))
    );
    let running = own.running.unwrap();
    assert!(running.energy > Energy::from_watt_hours(4));
    assert!(running.cost.micros() > 4_000);
    talk.heard.clear();
    talk.wait(21);
    let readings = talk.notices();
    let readings = readings
        .iter()
        .filter(|it| matches!(it, Notice::Reading { .. }));
    assert_eq!(readings.count(), 4);
    talk.wait(600);
    let notices = talk.notices();
    let closed = notices.iter().find_map(|notice| match notice {
        Notice::SessionClosed(closed) => Some(*closed),
        _ => None,
    });
    assert_eq!(closed.unwrap().reason, StopReason::TimeLimit);
    let last = notices.iter().rev().find_map(|notice| match notice {
        Notice::PortChanged(view) => Some(view.condition),
        _ => None,
    });
    assert_eq!(last, Some(PortCondition::Finished));
    assert!(notices.iter().all(|notice| may_hear(Role::Tenant, notice)));
}

#[test]
fn of_anothers_session_a_tenant_hears_only_that_a_port_changed() {
    let mut talk = Talk::house();
    talk.phone(2);
    talk.heard.clear();
    talk.bench.start(1, 1);
    talk.bench.plug(1, 300);
    talk.wait(30);
    talk.command(Command::Stop(port(1)));
    talk.wait(10);
    let notices = talk.notices();
    assert!(notices.len() >= 2, "{notices:?}");
    for notice in &notices {
        let Notice::PortChanged(view) = notice else {
            panic!("{notice:?}");
        };
        assert!(view.running.is_none() && !view.mine);
    }
    // The landlord hears all of it.
    talk.phone(3);
    talk.heard.clear();
    talk.bench.start(1, 1);
    talk.wait(30);
    talk.command(Command::Stop(port(1)));
    talk.wait(10);
    let kinds: Vec<_> = talk.notices().iter().map(|it| it.kind().name()).collect();
    for kind in ["SessionOpened", "Reading", "SessionClosed", "PortChanged"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
}

#[test]
fn the_landlord_hears_of_cards_phones_faults_and_windows() {
    let mut talk = Talk::house();
    talk.phone(3);
    assert_eq!(
        talk.ask(1, Request::Authorise),
        Response::Window { seconds: 30 }
    );
    talk.wait(31);
    assert!(talk.notices().contains(&Notice::WindowClosed));
    talk.ask(2, Request::Authorise);
    talk.bench.tap(9);
    talk.wait(2);
    let authorised = |notice: &Notice| matches!(notice, Notice::CardAuthorised(_));
    assert!(talk.notices().iter().any(authorised));
    talk.bench.bind(9);
    talk.listen();
    let bound = |notice: &Notice| matches!(notice, Notice::PhoneBound(view) if view.account == Some(AccountId::new(3)));
    assert!(talk.notices().iter().any(bound), "{:?}", talk.notices());
    talk.heard.clear();
    let fault = billing_core::record::Fault::Leakage;
    let clear = |fault| Request::ClearFault {
        port: port(1),
        fault,
    };
    talk.bench.feed(crate::Event::Trip(port(1), fault));
    talk.wait(5);
    assert_eq!(
        talk.ask(3, clear(billing_core::record::Fault::Overload)),
        Response::Refused(Refusal::NoSuchThing),
        "another fault"
    );
    assert_eq!(talk.ask(4, clear(fault)), Response::Done);
    talk.wait(1);
    let latched = |notice: &Notice| matches!(notice, Notice::FaultCleared { .. });
    assert!(talk.notices().iter().any(latched));
}

#[test]
fn lists_come_in_pages_that_follow_one_another() {
    let mut bench = crate::tests::bench::Bench::commissioned(16, 20);
    for card in 1..=20 {
        bench.bind(card);
    }
    bench.bind(crate::tests::bench::LANDLORD);
    let mut talk = super::bench::Talk::of(bench);
    talk.phone(21);
    let Response::Ports(first) = talk.ask(1, Request::Ports { from: port(1) }) else {
        panic!("no ports");
    };
    assert!(first.more && first.ports.len() == 12);
    let Response::Ports(last) = talk.ask(2, Request::Ports { from: port(13) }) else {
        panic!("no ports");
    };
    assert!(!last.more && last.ports.len() == 4);
    let mut phones = Vec::new();
    let mut from = PhoneId::new(0);
    loop {
        let Response::Phones(page) = talk.ask(3, Request::Phones { from }) else {
            panic!("no phones");
        };
        phones.extend(page.phones.iter().map(|phone| phone.phone.get()));
        if !page.more {
            break;
        }
        from = page.phones.as_slice().last().unwrap().phone.next().unwrap();
    }
    assert_eq!(phones, (1..=21).collect::<Vec<_>>());
    let accounts = Request::Accounts {
        from: AccountId::new(17),
    };
    let Response::Accounts(page) = talk.ask(4, accounts) else {
        panic!("no accounts");
    };
    assert!(!page.more && page.accounts.len() == 4);
    let Response::Diagnostics(seen) = talk.ask(5, Request::Diagnostics) else {
        panic!("no diagnostics");
    };
    assert_eq!((seen.phones, seen.ports.len()), (21, 16));
    assert!(seen.ports.iter().all(|port| port.meter && port.enabled));
    let mine = Request::MyPhones {
        from: PhoneId::new(0),
    };
    let Response::Phones(page) = talk.ask(6, mine) else {
        panic!("no phones");
    };
    assert!(page.phones.len() == 1 && page.phones.as_slice()[0].this);
}

#[test]
fn a_tenant_who_reports_the_card_lost_is_answered_and_then_shut_out() {
    let mut talk = Talk::house();
    talk.phone(1);
    assert_eq!(talk.ask(1, Request::ReportLost), Response::Done);
    assert!(talk.serve.wants_close(talk.bench.now, &talk.bench.machine));
    assert!(talk.bench.ledger.credentials()[1].revoked);
    talk.heard.clear();
    talk.send(2, Request::MyAccount);
    talk.wait(2);
    assert!(talk.heard.is_empty());
}

#[test]
fn a_link_that_is_not_used_is_ended_unless_its_session_runs() {
    let mut talk = Talk::house();
    talk.phone(1);
    let wants = |talk: &Talk| talk.serve.wants_close(talk.bench.now, &talk.bench.machine);
    talk.wait(299);
    assert!(!wants(&talk));
    assert_eq!(
        talk.serve.deadline(&talk.bench.machine),
        Some(talk.bench.now.after(Duration::from_seconds(1)))
    );
    talk.wait(2);
    assert!(wants(&talk));
    talk.ask(1, start(1, UpTo::Full));
    talk.bench.plug(1, 200);
    talk.wait(400);
    assert!(!wants(&talk));
    let session = SessionId::new(1);
    talk.ask(2, Request::Stop { session });
    talk.wait(302);
    assert!(wants(&talk));
}

#[test]
fn a_second_question_waits_for_the_first_answer() {
    let mut talk = Talk::house();
    talk.phone(1);
    let machine = &talk.bench.machine;
    let ask = |serve: &mut super::super::Serve, id, request: Request| {
        let id = ble_protocol::message::RequestId::new(id);
        let mut buffer = [0; ble_protocol::MAX_MESSAGE];
        let asked = ble_protocol::message::Asked { id, request };
        serve.request(talk.bench.now, asked.encode(&mut buffer), machine)
    };
    let _ = ask(&mut talk.serve, 1, Request::MyAccount);
    let _ = ask(&mut talk.serve, 2, Request::TariffNow);
    talk.listen();
    assert!(matches!(talk.answer(1), Some(Response::Account(_))));
    assert_eq!(talk.answer(2), Some(Response::Refused(Refusal::Busy)));
}

#[test]
fn the_tariff_now_is_the_one_that_is_charged_by() {
    let mut talk = Talk::house();
    talk.phone(1);
    let Response::Tariff {
        tariff,
        price,
        seconds_to_change,
    } = talk.ask(1, Request::TariffNow)
    else {
        panic!("no tariff");
    };
    assert_eq!(
        tariff.tariff.band_at(talk.bench.wall()).1.energy,
        price.energy
    );
    assert!(seconds_to_change.is_some_and(|seconds| seconds <= 1800));
    let dear = crate::tests::bench::tariff(900_000, 100_000);
    talk.command(Command::SetTariff(
        pile_units::PlanId::STANDARD,
        dear.clone(),
    ));
    talk.wait(1);
    let changed = |notice: &Notice| matches!(notice, Notice::TariffChanged { .. });
    assert!(talk.notices().iter().any(changed));
    let Response::Tariff { tariff, .. } = talk.ask(2, Request::TariffNow) else {
        panic!("no tariff");
    };
    assert_eq!(tariff.tariff, dear);
}
