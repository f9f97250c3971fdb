//! Links that drop at any moment, and supplies that fail: nothing is lost and nothing done twice.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod phones;

use billing_core::record::{Record, StopReason};
use ble_protocol::message::{Request, Response, UpTo};
use phones::{House, bike, closed, opened, port};
use pile_sim::link::Pace;
use pile_sim::world::World;
use pile_units::SessionId;
use std::collections::BTreeSet;

#[test]
fn links_that_drop_at_any_byte_lose_and_double_nothing() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    let phone = &tenant.phone;
    let mut dice = 7_u64;
    let mut roll = |sides: u64| {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let (mut started, mut begun) = (Vec::new(), 0);
    for round in 0..60 {
        house.world.plug(port(1), bike());
        // A connection is some 200 bytes; up to the middle of what follows.
        house.world.walk_away(phone);
        house.world.run_for(1_000);
        house.world.air().drop_after(1 + roll(420));
        let start = Request::Start {
            port: port(1),
            up_to: UpTo::Full,
        };
        let (id, answer, links) = house.insists(phone, start);
        let Response::Started { session, .. } = answer else {
            panic!("round {round}: {answer:?}");
        };
        started.push((phone.number().unwrap().get(), id.get(), session));
        begun += links;
        house.world.run_for(30_000);
        assert!(house.world.relay(port(1)), "round {round}");
        house.world.air().drop_after(1 + roll(150));
        let (_, answer, links) = house.insists(phone, Request::Stop { session });
        assert_eq!(answer, Response::Done, "round {round}");
        begun += links;
        house.world.run_for(2_000);
        assert!(!house.world.relay(port(1)), "round {round}");
        house.world.unplug(port(1));
        house.world.run_for(1_000);
    }
    assert!(begun > 90, "links dropped: {begun} were begun");
    let records = house.records();
    assert_eq!(opened(&records), started, "exactly what was answered");
    let closed = closed(&records);
    let sessions: Vec<SessionId> = closed.iter().map(|it| it.session).collect();
    assert_eq!(sessions, started.iter().map(|it| it.2).collect::<Vec<_>>());
    assert!(closed.iter().all(|it| it.reason == StopReason::ByPhone));
    house.judge();
}

#[test]
fn settling_over_links_that_drop_settles_once() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    let landlord = house.landlord.clone();
    for round in 0..20_u64 {
        house.charges(&tenant.phone, port(1), 600_000);
        let Response::Settlements(page) = house.asks(&landlord, Request::Settlements { from: 0 })
        else {
            panic!("no settlements");
        };
        let (account, number) = (tenant.account, page.next);
        house.world.air().drop_after(1 + round * 9);
        let (_, answer, _) = house.insists(&landlord, Request::Settle { account, number });
        assert!(matches!(answer, Response::Settled(_)), "{answer:?}");
        let paid = Request::MarkPaid {
            settlement: number,
            reference: "cash".parse().unwrap(),
        };
        house.world.air().drop_after(1 + round * 11);
        let (_, answer, _) = house.insists(&landlord, paid);
        assert_eq!(answer, Response::Done, "round {round}");
        house.world.air().drop_no_more();
    }
    let records = house.records();
    let count = |is: fn(&Record) -> bool| records.iter().filter(|it| is(it)).count();
    assert_eq!(count(|it| matches!(it, Record::Settled { .. })), 20);
    assert_eq!(count(|it| matches!(it, Record::Paid { .. })), 20);
    house.judge();
}

/// The supply fails at every flash operation from the start's request on: what the phone was answered
/// is on record, and a request said again after the cut opens no second session.
#[test]
fn a_power_cut_in_any_flash_operation_of_a_start_starts_nothing_twice() {
    let (mut known, mut unknown) = (0, 0);
    for after in 0..6 {
        let mut house = House::new();
        let tenant = house.tenant(1);
        let phone = &tenant.phone;
        house.world.plug(port(1), bike());
        house.line_for(phone);
        assert!(house.world.connect(phone));
        house.world.cut_in_flash(after, after + 1);
        let id = phone
            .ask(Request::Start {
                port: port(1),
                up_to: UpTo::Full,
            })
            .unwrap();
        house.world.run_for(20_000);
        if house.world.is_powered() {
            house.world.power_cut();
        }
        let answered = phone.answers().iter().any(|it| it.0 == id);
        let on_record = opened(&house.records());
        assert!(!answered || !on_record.is_empty(), "I4: cut {after}");
        house.world.run_for(5_000);
        house.world.power_up();
        house.world.run_for(5_000);
        if answered {
            known += 1;
            continue;
        }
        let answer = house
            .world
            .wait_for(120_000, |world| world.answer_to(phone, id).is_some());
        assert!(answer, "cut {after}: {:?}", phone.ends());
        let response = {
            let answers = phone.answers();
            let found = answers.iter().find(|it| it.0 == id).unwrap();
            found.1.clone()
        };
        let Response::Started { session, .. } = response else {
            panic!("cut {after}: {response:?}");
        };
        let records = house.records();
        let all = opened(&records);
        assert_eq!(all.len(), 1, "cut {after}: {all:?}");
        assert_eq!(all[0].2, session);
        assert_eq!(all[0].1, id.get());
        if on_record.is_empty() {
            unknown += 1;
        } else {
            known += 1;
            assert_eq!(on_record, all);
            // It ended with the supply; the answer tells which it was.
            let closed = closed(&records);
            assert_eq!(closed[0].reason, StopReason::PowerLost);
        }
        house.judge();
    }
    assert!(known > 0 && unknown > 0, "{known} on record, {unknown} not");
}

/// The record stands, and the answer is on the air when the supply fails.
#[test]
fn a_start_whose_answer_a_power_cut_took_is_answered_by_its_record() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    let phone = &tenant.phone;
    house.world.plug(port(1), bike());
    house.line_for(phone);
    assert!(house.world.connect(phone));
    house.world.air().set_pace(Pace {
        latency: 400,
        ..Pace::default()
    });
    let start = Request::Start {
        port: port(1),
        up_to: UpTo::Full,
    };
    let id = phone.ask(start).unwrap();
    let recorded = |world: &mut World| {
        let (_, records) = world.read_ledger().unwrap();
        let opens = |it: &(u64, Record)| matches!(it.1, Record::OpenedByPhone { .. });
        records.iter().any(opens)
    };
    assert!(house.world.wait_for(5_000, recorded));
    house.world.power_cut();
    house.world.run_for(5_000);
    assert!(phone.answers().iter().all(|it| it.0 != id), "it was lost");
    house.world.air().set_pace(Pace::default());
    house.world.power_up();
    house.world.run_for(5_000);
    assert!(house.world.connect(phone));
    let answer = house.world.answer_to(phone, id);
    let all = house.opened();
    assert_eq!(all.len(), 1, "nothing twice: {all:?}");
    let (session, port) = (all[0].2, port(1));
    assert_eq!(answer, Some(Response::Started { session, port }));
    assert_eq!(house.closed()[0].reason, StopReason::PowerLost);
    assert!(
        !house.world.relay(port),
        "it does not begin again by itself"
    );
    house.judge();
}

#[test]
fn the_same_request_said_again_is_answered_the_same() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    house.world.plug(port(1), bike());
    let start = Request::Start {
        port: port(1),
        up_to: UpTo::Full,
    };
    house.line_for(&tenant.phone);
    assert!(house.world.connect(&tenant.phone));
    let id = tenant.phone.ask(start.clone()).unwrap();
    let first = house.world.answer_to(&tenant.phone, id).unwrap();
    tenant.phone.ask_again(id, start);
    house.world.run_for(5_000);
    let answers: Vec<Response> = tenant
        .phone
        .answers()
        .iter()
        .filter(|it| it.0 == id)
        .map(|it| it.1.clone())
        .collect();
    assert_eq!(answers, [first.clone(), first]);
    assert_eq!(house.opened().len(), 1);
}

#[test]
fn a_module_of_9600_baud_carries_all_of_it() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    house.world.hang_up_whoever();
    house.world.air().set_pace(Pace {
        latency: 30,
        portion: 20,
        bytes_per_second: Some(960),
    });
    let sessions: BTreeSet<SessionId> = (0..3)
        .map(|_| house.charges(&tenant.phone, port(1), 60_000))
        .collect();
    assert_eq!(sessions.len(), 3);
    let landlord = house.landlord.clone();
    let answer = house.asks(&landlord, Request::Diagnostics);
    assert!(matches!(answer, Response::Diagnostics(_)), "{answer:?}");
    house.judge();
}
