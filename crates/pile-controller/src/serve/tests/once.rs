//! Nothing is done twice: retries, lost answers, a cut in between.

use super::bench::Talk;
use crate::tests::bench::port;
use crate::{Command, PortState, Refusal};
use ble_protocol::Holder;
use ble_protocol::message::{Request, RequestId, Response, Told, UpTo};
use pile_units::{AccountId, Duration, PhoneId, SessionId};
use std::vec::Vec;

fn start(number: u8) -> Request {
    Request::Start {
        port: port(number),
        up_to: UpTo::Full,
    }
}

fn stop(session: u32) -> Request {
    let session = SessionId::new(session);
    Request::Stop { session }
}

fn started(session: u32, number: u8) -> Response {
    Response::Started {
        session: SessionId::new(session),
        port: port(number),
    }
}

#[test]
fn a_request_that_comes_again_gets_the_same_answer_and_is_not_done_again() {
    let mut talk = Talk::house();
    assert_eq!(talk.phone(1).last_request, RequestId::new(0));
    assert_eq!(talk.ask(1, start(2)), started(1, 2));
    let fed = talk.fed;
    assert_eq!(talk.ask(1, start(2)), started(1, 2));
    assert_eq!(talk.fed, fed);
    // Over another link, too.
    talk.serve.closed();
    assert_eq!(talk.phone(1).last_request, RequestId::new(1));
    assert_eq!(talk.ask(1, start(2)), started(1, 2));
    assert_eq!(talk.fed, fed);
    assert_eq!(talk.ask(2, stop(1)), Response::Done);
    // The start is still known, though its session has ended.
    assert_eq!(talk.ask(1, start(2)), started(1, 2));
    assert_eq!(talk.ask(2, stop(1)), Response::Done);
    talk.wait(5);
    assert_eq!(talk.bench.closed_sessions().len(), 1);
}

#[test]
fn a_request_that_comes_again_while_the_first_is_on_its_way_is_one() {
    let mut talk = Talk::house();
    talk.phone(1);
    talk.bench.delay = None;
    talk.send(1, start(2));
    talk.send(1, start(2));
    // The link drops, and the phone asks again.
    talk.serve.closed();
    talk.phone(1);
    talk.send(1, start(2));
    assert_eq!(talk.fed, 1);
    talk.bench.delay = Some(Duration::from_millis(5));
    talk.wait(3);
    assert_eq!(talk.answer(1), Some(started(1, 2)));
    assert_eq!(talk.bench.ledger.open_sessions().count(), 1);
}

#[test]
fn an_answer_that_nobody_was_there_for_is_kept() {
    let mut talk = Talk::house();
    talk.phone(1);
    talk.bench.delay = None;
    talk.send(1, start(2));
    talk.serve.closed();
    talk.bench.delay = Some(Duration::from_millis(5));
    talk.wait(3);
    // Somebody else does not get it.
    talk.phone(2);
    assert_eq!(talk.answer(1), None);
    talk.wait(2);
    assert_eq!(talk.answer(1), None);
    talk.phone(1);
    let fed = talk.fed;
    assert_eq!(talk.ask(1, start(2)), started(1, 2));
    assert_eq!(talk.fed, fed);
}

#[test]
fn after_a_cut_a_start_is_known_by_its_record_and_a_stop_by_its_session() {
    let mut talk = Talk::house();
    talk.phone(1);
    talk.ask(7, start(2));
    talk.cut();
    assert_eq!(talk.phone(1).last_request, RequestId::new(7));
    assert_eq!(talk.ask(7, start(2)), started(1, 2));
    assert_eq!(talk.bench.state(2), PortState::Finished);
    assert_eq!(talk.ask(8, stop(1)), Response::Done);
    talk.cut();
    talk.phone(1);
    assert_eq!(talk.ask(8, stop(1)), Response::Done);
    assert_eq!(talk.ask(6, start(2)), Response::Refused(Refusal::TooOld));
    assert_eq!(talk.bench.closed_sessions().len(), 1);
}

#[test]
fn after_a_cut_a_stopped_port_stops_no_other_session() {
    let mut talk = Talk::house();
    let stop_port = |session, number| Request::StopPort {
        port: port(number),
        session: SessionId::new(session),
    };
    talk.phone(1);
    assert_eq!(talk.ask(1, start(2)), started(1, 2));
    talk.phone(3);
    // Not there: another port's.
    let none = Response::Refused(Refusal::NoSuchThing);
    assert_eq!(talk.ask(1, stop_port(1, 3)), none);
    assert_eq!(talk.ask(2, stop_port(1, 2)), Response::Done);
    talk.wait(5);
    talk.cut();
    talk.phone(1);
    assert_eq!(talk.ask(2, start(2)), started(2, 2));
    // The answer had been lost, and the landlord's phone asks again.
    talk.phone(3);
    assert_eq!(talk.ask(2, stop_port(1, 2)), Response::Done);
    talk.wait(5);
    let closed = talk.bench.closed_sessions();
    let closed: Vec<_> = closed.iter().map(|it| it.session.get()).collect();
    assert_eq!(closed, [1]);
}

#[test]
fn after_a_cut_a_replaced_card_s_next_one_is_not_revoked() {
    let mut talk = Talk::house();
    talk.phone(3);
    // Account 1 is the first tenant's, and card 2 after the landlord's.
    let card = talk.bench.ledger.credentials()[1];
    let account = card.account().unwrap();
    let replace = Request::Replace {
        account,
        card: card.id,
    };
    let other = Request::Replace {
        account,
        card: talk.bench.ledger.credentials()[2].id,
    };
    let none = Response::Refused(Refusal::NoSuchThing);
    assert_eq!(talk.ask(1, other), none);
    assert_eq!(
        talk.ask(2, replace.clone()),
        Response::Window { seconds: 30 }
    );
    // Asked again before the card was tapped: the window is open again.
    talk.cut();
    talk.phone(3);
    assert_eq!(
        talk.ask(2, replace.clone()),
        Response::Window { seconds: 30 }
    );
    talk.bench.tap(9);
    talk.wait(2);
    talk.cut();
    talk.phone(3);
    let there = Response::Refused(Refusal::AlreadyAuthorised);
    assert_eq!(talk.ask(2, replace), there);
    talk.wait(2);
    let cards = talk.bench.ledger.credentials();
    let live = cards
        .iter()
        .filter(|it| it.account() == Some(account) && !it.revoked);
    assert_eq!(live.count(), 1);
}

#[test]
fn a_settlement_is_made_once_whatever_is_lost() {
    let mut talk = Talk::house();
    talk.phone(1);
    talk.ask(1, start(1));
    talk.bench.plug(1, 300);
    talk.wait(120);
    talk.ask(2, stop(1));
    talk.wait(5);
    talk.serve.closed();
    talk.phone(3);
    let settle = Request::Settle {
        account: AccountId::new(1),
        number: 1,
    };
    let Response::Settled(first) = talk.ask(1, settle.clone()) else {
        panic!("not settled");
    };
    assert_eq!((first.id, first.sessions), (1, 1));
    assert_eq!(talk.ask(1, settle.clone()), Response::Settled(first));
    talk.cut();
    talk.phone(3);
    assert_eq!(talk.ask(2, settle), Response::Settled(first));
    let other = Request::Settle {
        account: AccountId::new(2),
        number: 1,
    };
    assert_eq!(talk.ask(3, other), Response::Refused(Refusal::OutOfTurn));
    assert_eq!(talk.bench.ledger.settlements().len(), 1);
}

#[test]
fn of_the_last_four_the_answer_is_known_and_older_ones_are_too_old() {
    let mut talk = Talk::house();
    talk.phone(3);
    for (id, on) in (1..=6).zip([false, true].into_iter().cycle()) {
        let switch = Request::SwitchPort {
            port: port(1),
            enabled: on,
        };
        assert_eq!(talk.ask(id, switch), Response::Done);
    }
    let fed = talk.fed;
    let off = || Request::SwitchPort {
        port: port(1),
        enabled: false,
    };
    for id in 3..=6 {
        assert_eq!(talk.ask(id, off()), Response::Done);
    }
    for id in 0..=2 {
        assert_eq!(talk.ask(id, off()), Response::Refused(Refusal::TooOld));
    }
    assert_eq!(talk.fed, fed);
    assert!(talk.bench.ledger.enabled(port(1)));
}

#[test]
fn what_was_refused_as_busy_was_not_done_and_may_come_again() {
    let mut talk = Talk::house();
    talk.phone(3);
    talk.bench.delay = None;
    talk.bench.send(Command::Switch(port(2), false));
    let switch = Request::SwitchPort {
        port: port(1),
        enabled: false,
    };
    assert_eq!(
        talk.ask(1, switch.clone()),
        Response::Refused(Refusal::Busy)
    );
    talk.bench.delay = Some(Duration::from_millis(5));
    talk.wait(2);
    assert_eq!(talk.ask(1, switch), Response::Done);
}

#[test]
fn more_phones_than_are_kept_do_nothing_twice() {
    let mut bench = crate::tests::bench::Bench::commissioned(3, 1);
    for _ in 0..12 {
        bench.bind(crate::tests::bench::LANDLORD);
    }
    let mut talk = Talk::of(bench);
    for phone in 1..=12 {
        talk.phone(phone);
        for id in 1..=4 {
            let switch = Request::SwitchPort {
                port: port(1),
                enabled: id % 2 == 0,
            };
            assert_eq!(talk.ask(id, switch), Response::Done);
        }
    }
    let fed = talk.fed;
    for phone in 1..=12 {
        talk.phone(phone);
        for id in 1..=4 {
            let switch = Request::SwitchPort {
                port: port(1),
                enabled: false,
            };
            let known = Response::Refused(Refusal::TooOld);
            let expected = if phone <= 4 { known } else { Response::Done };
            assert_eq!(
                talk.ask(id, switch),
                expected,
                "phone {phone}, request {id}"
            );
        }
    }
    assert_eq!(talk.fed, fed);
}

#[test]
fn a_flood_of_requests_is_bounded_and_each_is_done_at_most_once() {
    let mut talk = Talk::house();
    talk.phone(1);
    talk.bench.delay = None;
    for id in 1..=50 {
        talk.send(id, start(1 + u8::try_from(id % 3).unwrap()));
    }
    talk.bench.delay = Some(Duration::from_millis(5));
    talk.wait(5);
    let answers = talk.heard.iter();
    let answers = answers.filter(|told| matches!(told, Told::Answer { .. }));
    assert!(answers.count() <= 50);
    assert!(talk.bench.ledger.open_sessions().count() <= 3);
    // And the pile goes on answering.
    assert!(matches!(talk.ask(90, stop(1)), Response::Done));
    let holder = Holder::Phone(PhoneId::new(1));
    assert_eq!(talk.connect(holder).last_request, RequestId::new(90));
}
