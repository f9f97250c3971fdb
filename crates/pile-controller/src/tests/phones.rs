//! What phones do, through events: starts, stops, binding, revoking, recovery.

use super::bench::{Bench, LANDLORD, port};
use super::{account, charging};
use std::vec::Vec;

use crate::{ByPhone, Command, Controller, Event, Outcome, PortState, Refusal, Signal};
use billing_core::record::{Fault, Record, StopReason};
use ble_protocol::message::UpTo;
use pile_units::{
    AccountName, CardAlias, CredentialId, Duration, Energy, Money, PhoneId, SessionId, Strength,
    UidOnly,
};

impl Bench {
    /// A phone's wish, and what it is told if it is told at once.
    pub fn wish(&mut self, wish: ByPhone) -> u16 {
        let number = self.next_command;
        self.next_command = self.next_command.wrapping_add(1);
        self.feed(Event::Phone(number, wish));
        number
    }

    pub fn told(&self, number: u16) -> Option<Outcome> {
        let told: Vec<_> = self.told.iter().filter(|(it, _)| *it == number).collect();
        assert!(told.len() <= 1, "wish {number} was answered twice");
        told.first().map(|(_, outcome)| *outcome)
    }

    /// A wish with the time to do it.
    pub fn ask(&mut self, wish: ByPhone) -> Outcome {
        let number = self.wish(wish);
        self.wait(10);
        self.told(number).expect("an answer within ten seconds")
    }

    pub fn bind(&mut self, card: u8) -> PhoneId {
        match self.ask(bind(card)) {
            Outcome::Bound(phone) => phone,
            other => panic!("not bound: {other:?}"),
        }
    }

    pub fn manage(&mut self, command: Command) -> Outcome {
        self.ask(ByPhone::Manage(command))
    }

    pub fn last_signal(&self) -> Signal {
        *self.signals.last().unwrap()
    }
}

pub fn bind(card: u8) -> ByPhone {
    ByPhone::Bind {
        alias: CardAlias::new([card; 8]),
        strength: Strength::UidOnly,
    }
}

pub fn start(phone: PhoneId, request: u32, number: u8) -> ByPhone {
    up_to(phone, request, number, UpTo::Full)
}

fn up_to(phone: PhoneId, request: u32, number: u8, up_to: UpTo) -> ByPhone {
    ByPhone::Start {
        phone,
        request,
        port: port(number),
        up_to,
    }
}

fn stop(phone: PhoneId, session: u32) -> ByPhone {
    let session = SessionId::new(session);
    ByPhone::Stop { phone, session }
}

/// Three ports, two tenants with a card and a phone each.
pub fn house() -> (Bench, PhoneId, PhoneId) {
    let mut bench = Bench::commissioned(3, 2);
    let (one, two) = (bench.bind(1), bench.bind(2));
    (bench, one, two)
}

#[test]
fn a_phone_of_the_tapped_card_is_bound_and_the_tap_opens_no_choice() {
    let mut bench = Bench::commissioned(3, 2);
    assert_eq!(bench.ask(bind(1)), Outcome::Bound(PhoneId::new(1)));
    assert_eq!(bench.last_signal(), Signal::PhoneBound);
    bench.press(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::NoCard));
    let phone = bench.ledger.phone(PhoneId::new(1)).unwrap();
    assert_eq!(phone.credential, CredentialId::new(1));
    assert!(!phone.revoked);
    // And one of the privilege card.
    assert_eq!(bench.bind(LANDLORD), PhoneId::new(2));
    assert_eq!(
        bench.ledger.phone(PhoneId::new(2)).unwrap().credential,
        CredentialId::new(0)
    );
}

#[test]
fn a_blank_pile_is_claimed_by_the_card_and_then_the_phone_is_bound() {
    let mut bench = Bench::blank(2);
    let number = bench.wish(bind(LANDLORD));
    assert_eq!(bench.told(number), None);
    bench.wait(1);
    assert_eq!(
        bench.told(number),
        Some(Outcome::Bound(PhoneId::new(1))),
        "{:?}",
        bench.records
    );
    assert!(bench.signals.contains(&Signal::Commissioned));
    assert_eq!(bench.last_signal(), Signal::PhoneBound);
    let kinds = bench.records.iter().map(|(_, record)| record);
    assert!(matches!(
        kinds.collect::<Vec<_>>()[..],
        [Record::Commissioned { .. }, Record::PhoneBound { .. }]
    ));
}

#[test]
fn a_cut_between_the_claim_and_the_binding_leaves_a_landlord_without_a_phone() {
    let mut bench = Bench::blank(2);
    bench.wish(bind(LANDLORD));
    bench.write();
    bench.cut(0);
    bench.wait(1);
    assert!(bench.ledger.pile().is_some());
    assert!(bench.ledger.phones().is_empty());
    assert_eq!(bench.bind(LANDLORD), PhoneId::new(1));
}

#[test]
fn a_card_that_opens_nothing_binds_no_phone() {
    let mut bench = Bench::commissioned(3, 2);
    assert_eq!(bench.ask(bind(7)), Outcome::Refused(Refusal::UnknownCard));
    bench.command(Command::Revoke(CredentialId::new(1)));
    assert_eq!(bench.ask(bind(1)), Outcome::Refused(Refusal::RevokedCard));
    assert_eq!(bench.ledger.attempts().len(), 1);
    bench.command(Command::AllowUidOnly(UidOnly::Nobody));
    assert_eq!(bench.ask(bind(2)), Outcome::Refused(Refusal::TooWeak));
    assert_eq!(bench.last_refusal(), Some(Refusal::TooWeak));
    assert!(bench.ledger.phones().is_empty());
}

#[test]
fn only_a_card_that_opens_something_is_offered_to_a_phone() {
    let mut bench = Bench::commissioned(3, 1);
    let may = |bench: &Bench, card| {
        let alias = CardAlias::new([card; 8]);
        bench.machine.may_bind(alias, Strength::UidOnly)
    };
    assert!(may(&bench, 1) && may(&bench, LANDLORD) && !may(&bench, 7));
    // In the landlord's window a tap has its own meaning.
    bench.tap(LANDLORD);
    assert!(!may(&bench, 1) && !may(&bench, 7));
    assert!(may(&Bench::blank(1), 7));
}

#[test]
fn a_start_is_answered_when_it_is_on_record_and_then_the_relay_closes() {
    let (mut bench, one, _) = house();
    bench.delay = None;
    let number = bench.wish(start(one, 5, 2));
    bench.wait(3);
    assert_eq!(bench.told(number), None);
    assert!(!bench.is_closed(2));
    bench.delay = Some(Duration::from_millis(5));
    bench.wait(2);
    let session = SessionId::new(1);
    assert_eq!(bench.told(number), Some(Outcome::Started(session)));
    assert!(bench.is_closed(2));
    let known = bench.ledger.phone(one).unwrap();
    assert_eq!((known.last_request, known.last_session), (5, session));
    bench.plug(2, 200);
    bench.wait(600);
    assert_eq!(bench.ask(stop(one, 1)), Outcome::Done);
    bench.wait(5);
    let closed = bench.last_closed();
    assert_eq!(closed.reason, StopReason::ByPhone);
    assert_eq!(closed.account, account(1));
    assert!(closed.energy > Energy::from_watt_hours(30));
}

#[test]
fn a_start_that_comes_again_starts_nothing_also_after_a_cut() {
    let (mut bench, one, _) = house();
    assert_eq!(
        bench.ask(start(one, 5, 2)),
        Outcome::Started(SessionId::new(1))
    );
    assert_eq!(
        bench.ask(start(one, 5, 2)),
        Outcome::Started(SessionId::new(1))
    );
    bench.cut(0);
    bench.wait(5);
    assert_eq!(
        bench.ask(start(one, 5, 2)),
        Outcome::Started(SessionId::new(1))
    );
    assert_eq!(bench.state(2), PortState::Finished);
    assert_eq!(
        bench.ask(start(one, 4, 2)),
        Outcome::Refused(Refusal::TooOld)
    );
    assert_eq!(
        bench.ask(start(one, 0, 2)),
        Outcome::Refused(Refusal::TooOld)
    );
    assert_eq!(
        bench.ask(start(one, 6, 2)),
        Outcome::Started(SessionId::new(2))
    );
}

#[test]
fn a_start_that_comes_again_before_the_first_is_on_record_starts_nothing() {
    let (mut bench, one, _) = house();
    bench.delay = None;
    bench.wish(start(one, 5, 1));
    let again = bench.wish(start(one, 5, 2));
    assert_eq!(bench.told(again), Some(Outcome::Refused(Refusal::Busy)));
    // The next of the same phone may be on its way as well.
    bench.wish(start(one, 6, 3));
    bench.delay = Some(Duration::from_millis(5));
    bench.wait(5);
    assert_eq!(bench.ledger.open_sessions().count(), 2);
    assert!(!bench.is_closed(2));
}

#[test]
fn a_start_is_refused_for_what_a_card_is_refused_for() {
    let (mut bench, one, two) = house();
    let landlord = bench.bind(LANDLORD);
    let mut number = 0;
    let mut refused = |bench: &mut Bench, phone, at| {
        number += 1;
        match bench.ask(start(phone, number, at)) {
            Outcome::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(&mut bench, landlord, 1), Refusal::NotAllowed);
    assert_eq!(refused(&mut bench, one, 9), Refusal::NoSuchThing);
    assert_eq!(
        refused(&mut bench, PhoneId::new(9), 1),
        Refusal::RevokedCard
    );
    bench.start(1, 1);
    bench.plug(1, 300);
    assert_eq!(refused(&mut bench, two, 1), Refusal::PortTaken);
    bench.command(Command::Switch(port(2), false));
    assert_eq!(refused(&mut bench, two, 2), Refusal::PortDisabled);
    bench.feed(Event::Trip(port(3), Fault::Leakage));
    assert_eq!(refused(&mut bench, two, 3), Refusal::PortFaulted);
    bench.command(Command::Switch(port(2), true));
    bench.headroom.sessions = 0;
    bench.command(Command::AssignPlan(
        account(1),
        pile_units::PlanId::STANDARD,
    ));
    bench.feed(Event::Room(bench.headroom));
    assert_eq!(refused(&mut bench, two, 2), Refusal::LedgerFull);
    bench.headroom.sessions = 100;
    bench.feed(Event::Room(bench.headroom));
    bench.feed(Event::Temperature(pile_units::Temperature::from_celsius(
        80,
    )));
    assert_eq!(refused(&mut bench, two, 2), Refusal::TooHot);
    bench.feed(Event::Temperature(pile_units::Temperature::from_celsius(
        20,
    )));
    bench.command(Command::AllowUidOnly(UidOnly::Nobody));
    assert_eq!(refused(&mut bench, two, 2), Refusal::TooWeak);
    bench.command(Command::AllowUidOnly(UidOnly::All));
    let limits = *bench.ledger.limits();
    let limits = limits.with_pile_power(limits.port_power()).unwrap();
    bench.command(Command::SetLimits(limits));
    assert_eq!(refused(&mut bench, two, 2), Refusal::NoPower);
}

#[test]
fn a_tenant_stops_only_what_is_his_and_the_landlord_anything() {
    let (mut bench, one, two) = house();
    let landlord = bench.bind(LANDLORD);
    bench.ask(start(one, 1, 1));
    bench.ask(start(one, 2, 2));
    assert_eq!(bench.ask(stop(two, 1)), Outcome::Refused(Refusal::NotYours));
    assert_eq!(
        bench.ask(stop(two, 3)),
        Outcome::Refused(Refusal::NoSuchThing)
    );
    assert_eq!(
        bench.ask(stop(one, 0)),
        Outcome::Refused(Refusal::NoSuchThing)
    );
    assert!(bench.is_closed(1) && bench.is_closed(2));
    assert_eq!(bench.ask(stop(landlord, 1)), Outcome::Done);
    assert_eq!(bench.last_closed().reason, StopReason::ByLandlord);
    assert_eq!(bench.ask(stop(one, 2)), Outcome::Done);
    assert_eq!(bench.last_closed().reason, StopReason::ByPhone);
    // What ended is not stopped again.
    assert_eq!(bench.ask(stop(one, 2)), Outcome::Done);
    assert_eq!(bench.closed_sessions().len(), 2);
}

#[test]
fn a_phone_stops_what_the_card_started() {
    let mut bench = charging();
    let phone = bench.bind(1);
    assert!(bench.is_closed(1));
    assert_eq!(bench.ask(stop(phone, 1)), Outcome::Done);
    assert_eq!(bench.last_closed().reason, StopReason::ByPhone);
}

#[test]
fn a_session_ends_when_it_has_what_was_asked_for() {
    let five_minutes = Duration::from_minutes(5);
    for (order, reason) in [
        (UpTo::Time(five_minutes), StopReason::TimeLimit),
        (
            UpTo::Energy(Energy::from_watt_hours(20)),
            StopReason::EnergyLimit,
        ),
        (
            UpTo::Cost(Money::from_micros(24_000)),
            StopReason::CostLimit,
        ),
    ] {
        let (mut bench, one, _) = house();
        bench.ask(up_to(one, 1, 1, order));
        bench.plug(1, 240);
        bench.wait(280);
        assert!(bench.is_closed(1), "{order:?} too soon");
        bench.wait(40);
        assert!(!bench.is_closed(1), "{order:?} too late");
        let closed = bench.last_closed();
        assert_eq!(closed.reason, reason);
        // The next on this port has no limit.
        bench.start(2, 1);
        bench.wait(500);
        assert!(bench.is_closed(1));
    }
}

#[test]
fn a_revoked_phone_opens_nothing_and_what_it_opened_stops() {
    let (mut bench, one, two) = house();
    bench.ask(start(one, 1, 1));
    bench.start(1, 2);
    assert_eq!(bench.manage(Command::RevokePhone(one)), Outcome::Done);
    bench.wait(5);
    // The card's own session goes on.
    assert!(!bench.is_closed(1) && bench.is_closed(2));
    assert_eq!(bench.last_closed().reason, StopReason::Revoked);
    assert_eq!(
        bench.ask(start(one, 2, 3)),
        Outcome::Refused(Refusal::RevokedCard)
    );
    assert_eq!(
        bench.ask(stop(one, 2)),
        Outcome::Refused(Refusal::RevokedCard)
    );
    // Twice is once.
    assert_eq!(bench.manage(Command::RevokePhone(one)), Outcome::Done);
    let revoked = |record: &&Record| matches!(record, Record::PhoneRevoked { .. });
    let records = bench.records.iter().map(|(_, record)| record);
    assert_eq!(records.filter(revoked).count(), 1);
    assert_eq!(
        bench.manage(Command::RevokePhone(PhoneId::new(9))),
        Outcome::Refused(Refusal::NoSuchThing)
    );
    assert_eq!(
        bench.ask(start(two, 1, 3)),
        Outcome::Started(SessionId::new(3))
    );
}

#[test]
fn a_start_behind_a_revocation_on_its_way_to_the_flash_is_refused() {
    let (mut bench, one, two) = house();
    bench.delay = None;
    bench.wish(ByPhone::Manage(Command::RevokePhone(one)));
    let late = bench.wish(start(one, 1, 1));
    assert_eq!(bench.told(late), Some(Outcome::Refused(Refusal::Busy)));
    bench.delay = Some(Duration::from_millis(5));
    bench.wait(5);
    bench.delay = None;
    bench.wish(ByPhone::Manage(Command::ReportLost(account(2))));
    let late = bench.wish(start(two, 1, 1));
    assert_eq!(bench.told(late), Some(Outcome::Refused(Refusal::Busy)));
    bench.delay = Some(Duration::from_millis(5));
    bench.wait(5);
    assert!(bench.ledger.phones().iter().all(|phone| phone.revoked));
}

#[test]
fn a_start_ahead_of_its_revocation_ends_as_revoked() {
    let (mut bench, one, _) = house();
    bench.delay = None;
    let first = bench.wish(start(one, 1, 1));
    bench.wish(ByPhone::Manage(Command::RevokePhone(one)));
    bench.delay = Some(Duration::from_millis(5));
    bench.wait(10);
    assert_eq!(bench.told(first), Some(Outcome::Started(SessionId::new(1))));
    assert!(!bench.is_closed(1));
    assert_eq!(bench.last_closed().reason, StopReason::Revoked);
}

#[test]
fn a_lost_card_takes_its_phones_with_it() {
    let (mut bench, one, two) = house();
    bench.ask(start(one, 1, 1));
    assert_eq!(bench.manage(Command::ReportLost(account(1))), Outcome::Done);
    bench.wait(5);
    assert_eq!(bench.last_closed().reason, StopReason::Revoked);
    assert_eq!(
        bench.ask(start(one, 2, 1)),
        Outcome::Refused(Refusal::RevokedCard)
    );
    assert!(!bench.ledger.phone(two).unwrap().revoked);
}

#[test]
fn an_account_has_the_name_that_the_landlord_gives_it() {
    let (mut bench, ..) = house();
    let name: AccountName = "Flat 4".parse().unwrap();
    assert_eq!(
        bench.manage(Command::Rename(account(1), name)),
        Outcome::Done
    );
    assert_eq!(bench.ledger.name(account(1)), Some(&name));
    assert_eq!(
        bench.manage(Command::Rename(account(9), name)),
        Outcome::Refused(Refusal::NoSuchThing)
    );
}

#[test]
fn a_settlement_has_the_number_that_was_asked_for_or_is_not_made() {
    let (mut bench, one, _) = house();
    let settle = |number| ByPhone::Settle {
        account: account(1),
        number,
    };
    assert_eq!(bench.ask(settle(1)), Outcome::Refused(Refusal::NothingOwed));
    for (request, number) in [(1, 1), (2, 2)] {
        bench.ask(start(one, request, 1));
        bench.plug(1, 300);
        bench.wait(60);
        bench.ask(stop(one, request));
        assert_eq!(bench.ask(settle(9)), Outcome::Refused(Refusal::OutOfTurn));
        assert_eq!(bench.ask(settle(number)), Outcome::Settled(number));
        // Asked again, also after a cut, it is the same one.
        bench.cut(0);
        assert_eq!(bench.ask(settle(number)), Outcome::Settled(number));
    }
    assert_eq!(bench.ledger.settlements().len(), 2);
    bench.command(Command::MarkPaid(
        2,
        billing_core::record::Reference::default(),
    ));
    // Paid: the number was another's turn.
    assert_eq!(bench.ask(settle(2)), Outcome::Refused(Refusal::OutOfTurn));
}

#[test]
fn a_start_whose_flash_fails_is_answered_and_closes_nothing() {
    let (mut bench, one, two) = house();
    bench.delay = None;
    let starts = [start(one, 1, 1), start(two, 1, 2)].map(|wish| bench.wish(wish));
    bench.feed(Event::LedgerFailed);
    for number in starts {
        assert_eq!(
            bench.told(number),
            Some(Outcome::Refused(Refusal::LedgerFailed))
        );
    }
    bench.wait(30);
    assert!(bench.relays.iter().all(|closed| !closed));
}

#[test]
fn the_cost_so_far_becomes_the_bill() {
    let (mut bench, one, _) = house();
    bench.ask(start(one, 1, 1));
    bench.plug(1, 300);
    bench.wait(1800);
    let so_far = bench.machine.cost(port(1)).unwrap();
    assert!(so_far > Money::from_micros(90_000), "{so_far:?}");
    bench.ask(stop(one, 1));
    let bill = bench.last_closed().bill.total;
    assert!(bill.micros().abs_diff(so_far.micros()) < 12_000);
    assert_eq!(bench.machine.cost(port(1)), None);
    assert_eq!(Controller::WINDOW, Duration::from_seconds(30));
}
