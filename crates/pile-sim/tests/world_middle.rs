//! A man in the middle of an honest phone's links, for thousands of runs, against the real shell: he
//! brings about dropped links and delays, and nothing else.
//!
//! `PILE_MIDDLE_RUNS=20000 cargo test -p pile-sim --test world_middle -- --nocapture` tries more.

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
use pile_sim::link::{Attack, Middle, Way};
use pile_sim::world::{Look, Setup};
use pile_units::SessionId;
use std::cell::RefCell;
use std::rc::Rc;

/// Frames of a link from Hello to the last credit.
const FRAMES: u64 = 12;

fn runs(usually: u64) -> u64 {
    let asked = std::env::var("PILE_MIDDLE_RUNS").ok();
    asked.map_or(usually, |it| it.parse().unwrap())
}

fn house() -> House {
    House::with(Setup {
        look: Look::WhenNear,
        ..phones::setup()
    })
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn attack(&mut self, run: u64) -> (Attack, usize) {
        let which = usize::try_from(run).unwrap() % Attack::ALL.len();
        let frame = usize::try_from(self.roll(FRAMES)).unwrap();
        (Attack::ALL[which], frame)
    }
}

/// He calls the pile himself and says all that a phone said on a link before.
fn he_calls(house: &mut House, man: &Rc<RefCell<Middle>>) {
    house.world.hang_up_whoever();
    let recorded = man.borrow().recorded();
    assert!(house.world.air().dial().is_some());
    house.world.air().say(Way::ToPile, &recorded);
    house.world.run_for(1_000);
    house.world.air().cut();
    house.world.run_for(100);
}

/// What was recorded is what the phones asked and were answered, and nothing beside it.
fn as_answered(
    new: &[Record],
    started: &[(u16, u32, SessionId)],
    stopped: &[SessionId],
    settled: usize,
) {
    assert_eq!(
        opened(new),
        started,
        "exactly what the phone asked and was answered"
    );
    let sessions: Vec<_> = closed(new).iter().map(|it| it.session).collect();
    assert_eq!(sessions, stopped);
    assert!(
        closed(new)
            .iter()
            .all(|it| it.reason == StopReason::ByPhone)
    );
    let count = |is: fn(&Record) -> bool| new.iter().filter(|it| is(it)).count();
    assert_eq!(count(|it| matches!(it, Record::Settled { .. })), settled);
    assert_eq!(count(|it| matches!(it, Record::Paid { .. })), settled);
    let known = |it: &Record| {
        matches!(
            it,
            Record::OpenedByPhone { .. }
                | Record::SegmentClosed { .. }
                | Record::LastSegment { .. }
                | Record::SessionClosed(_)
                | Record::Progress { .. }
                | Record::Settled { .. }
                | Record::Paid { .. }
        )
    };
    let strange = new.iter().find(|it| !known(it));
    assert_eq!(strange, None);
}

#[test]
fn he_achieves_nothing_but_dropped_links() {
    let runs = runs(4_000);
    let mut house = house();
    let tenant = house.tenant(1);
    let landlord = house.landlord.clone();
    house.world.hang_up_whoever();
    let before = house.records().len();
    let man = Rc::new(RefCell::new(Middle::new(1)));
    house.world.air().set_hand(Some(man.clone()));
    let mut dice = Dice(1);
    let (mut started, mut stopped, mut settled) = (Vec::new(), Vec::new(), 0);
    let mut links = 0;
    let mut running = None;
    for run in 0..runs {
        if run % 5 == 4 {
            he_calls(&mut house, &man);
        }
        house.world.hang_up_whoever();
        man.borrow_mut().attack(Some(dice.attack(run)));
        let phone = &tenant.phone;
        match running {
            None => {
                house.world.plug(port(1), bike());
                let start = Request::Start {
                    port: port(1),
                    up_to: UpTo::Full,
                };
                let (id, answer, took) = house.insists(phone, start);
                let Response::Started { session, .. } = answer else {
                    panic!("run {run}: {answer:?}");
                };
                started.push((phone.number().unwrap().get(), id.get(), session));
                running = Some(session);
                links += took;
            }
            Some(session) => {
                let (_, answer, took) = house.insists(phone, Request::Stop { session });
                assert_eq!(answer, Response::Done, "run {run}");
                stopped.push(session);
                running = None;
                links += took;
                house.world.run_for(2_000);
                house.world.unplug(port(1));
            }
        }
        if run % 40 == 39 {
            house.world.hang_up_whoever();
            let (_, page, _) = house.insists(&landlord, Request::Settlements { from: 0 });
            let Response::Settlements(page) = page else {
                panic!("run {run}: {page:?}");
            };
            let (account, number) = (tenant.account, page.next);
            house.world.hang_up_whoever();
            man.borrow_mut().attack(Some(dice.attack(run / 40)));
            let (_, answer, _) = house.insists(&landlord, Request::Settle { account, number });
            assert!(
                matches!(answer, Response::Settled(_)),
                "run {run}: {answer:?}"
            );
            let paid = Request::MarkPaid {
                settlement: number,
                reference: "cash".parse().unwrap(),
            };
            let (_, answer, _) = house.insists(&landlord, paid);
            assert_eq!(answer, Response::Done, "run {run}");
            settled += 1;
        }
        assert!(house.world.is_powered() && house.world.refused().is_none());
    }
    man.borrow_mut().attack(None);
    if let Some(session) = running {
        house.insists(&tenant.phone, Request::Stop { session });
        stopped.push(session);
        house.world.run_for(5_000);
    }
    as_answered(&house.records()[before..], &started, &stopped, settled);
    house.judge();
    let done = man.borrow().done().clone();
    println!("{runs} runs, {links} links, {settled} settlements; {done:?}");
    for attack in Attack::ALL {
        let times = done.get(&attack).copied().unwrap_or(0);
        assert!(
            times >= usize::try_from(runs / 60).unwrap(),
            "{attack:?}: {times}"
        );
    }
}

/// While a phone is bound, too: one tap binds one phone at most, and it is that of whoever has
/// the code.
#[test]
fn while_a_phone_is_bound_a_tap_binds_one_phone_at_most() {
    let mut house = house();
    let (card, _) = house.authorise(1);
    let man = Rc::new(RefCell::new(Middle::new(2)));
    let mut dice = Dice(2);
    let (mut taps, mut bound) = (0, 0);
    for run in 0..60 {
        house.world.hang_up_whoever();
        house.world.run_for(130_000); // strangers need not wait any more
        let before = house
            .book()
            .phones()
            .iter()
            .filter(|it| !it.revoked)
            .count();
        house.world.air().set_hand(Some(man.clone()));
        man.borrow_mut().attack(Some(dice.attack(run)));
        let phone = house.world.phone(&card).unwrap();
        let is_bound = house.world.bind(&phone, &card);
        taps += u32::from(phone.is_asked_to_tap() || phone.number().is_some());
        house.world.air().set_hand(None);
        let after: Vec<_> = house
            .book()
            .phones()
            .iter()
            .filter(|it| !it.revoked)
            .map(|it| it.id)
            .collect();
        assert!(after.len() <= before + 1, "run {run}");
        assert!(!is_bound || after.len() == before + 1, "run {run}");
        bound += u32::from(is_bound);
        let landlord = house.landlord.clone();
        for phone in after {
            if Some(phone) != landlord.number() {
                let (_, answer, _) = house.insists(&landlord, Request::RevokePhone { phone });
                assert_eq!(answer, Response::Done);
            }
        }
    }
    assert!(taps > 20 && bound > 10, "{taps} taps, {bound} bound");
    house.judge();
}
