//! The flows of the mission: people, cards, buttons, the landlord.

use super::bench::{Bench, LANDLORD, noon, tariff};
use super::charging;
use crate::{Command, Event, Outcome, PortState, Refusal, Signal};
use billing_core::record::{Fault, StopReason};
use pile_units::{CardAlias, Duration, Limits, Power, Strength, Temperature, UidOnly};

#[test]
fn the_first_card_claims_a_blank_pile_and_the_second_does_not() {
    let mut bench = Bench::blank(2);
    bench.tap(LANDLORD);
    bench.tap(1); // before the record is durable
    assert_eq!(bench.last_refusal(), Some(Refusal::Busy));
    bench.wait(1);
    assert!(bench.signals.contains(&Signal::Commissioned));
    bench.tap(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::UnknownCard));
}

#[test]
fn a_blank_pile_obeys_no_command_but_the_clock() {
    let mut bench = Bench::blank(2);
    let refused = Outcome::Refused(Refusal::NotCommissioned);
    assert_eq!(bench.command(Command::Authorise), refused);
    assert_eq!(
        bench.command(Command::SetTariff(
            pile_units::PlanId::STANDARD,
            tariff(1, 1)
        )),
        refused
    );
    assert_eq!(bench.command(Command::SetClock(noon())), Outcome::Done);
}

#[test]
fn a_card_is_authorised_only_within_thirty_seconds_of_the_landlords() {
    let mut bench = Bench::commissioned(2, 0);
    bench.tap(LANDLORD);
    bench.advance(Duration::from_millis(29_999));
    bench.tap(1);
    bench.wait(1);
    assert_eq!(bench.ledger.accounts().len(), 1);
    bench.tap(LANDLORD);
    bench.wait(30);
    bench.tap(2);
    assert_eq!(bench.last_refusal(), Some(Refusal::UnknownCard));
    assert_eq!(bench.ledger.accounts().len(), 1);
}

#[test]
fn one_window_authorises_one_card() {
    let mut bench = Bench::commissioned(2, 0);
    bench.authorise(1);
    bench.tap(2);
    assert_eq!(bench.last_refusal(), Some(Refusal::UnknownCard));
}

#[test]
fn a_relay_closes_only_after_its_record_is_durable() {
    let mut bench = Bench::commissioned(2, 1);
    bench.delay = Some(Duration::from_seconds(2));
    bench.tap(1);
    bench.press(1);
    bench.advance(Duration::from_millis(1999));
    assert!(!bench.is_closed(1));
    assert_eq!(bench.state(1), PortState::Opening);
    bench.advance(Duration::from_millis(2));
    assert!(bench.is_closed(1));
}

#[test]
fn a_relay_does_not_close_onto_power() {
    let mut bench = Bench::commissioned(2, 1);
    bench.delay = None;
    bench.start(1, 1);
    // The contacts weld after the tap; the reading comes before the record is durable.
    bench.welded[0] = true;
    bench.plug(1, 300);
    bench.wait(1);
    bench.write_all();
    assert!(!bench.is_closed(1));
    bench.delay = Some(Duration::from_millis(5));
    bench.wait(5);
    assert_eq!(bench.state(1), PortState::Faulted(Fault::RelayWelded));
    assert_eq!(bench.last_closed().energy.milliwatt_hours(), 0);
}

#[test]
fn with_no_press_the_card_starts_on_the_next_free_port_and_stops_there() {
    let mut bench = Bench::commissioned(3, 2);
    bench.start(2, 1);
    bench.tap(1);
    bench.wait(14);
    assert_eq!(bench.state(2), PortState::Idle);
    bench.wait(2);
    assert_eq!(bench.state(2), PortState::Starting);
    bench.tap(1);
    bench.wait(20);
    assert_eq!(bench.state(2), PortState::Finished);
    assert_eq!(bench.last_closed().reason, StopReason::ByCard);
    assert_eq!(bench.state(1), PortState::Starting, "the neighbour's");
}

#[test]
fn an_account_charges_on_several_ports_and_says_which_to_stop() {
    let mut bench = Bench::commissioned(3, 1);
    bench.start(1, 1);
    bench.start(1, 3);
    bench.tap(1);
    bench.wait(16);
    assert_eq!(bench.last_refusal(), Some(Refusal::WhichPort));
    assert!(bench.is_closed(1) && bench.is_closed(3));
    bench.start(1, 3);
    assert!(bench.is_closed(1) && !bench.is_closed(3));
}

#[test]
fn a_press_without_a_card_does_nothing() {
    let mut bench = charging();
    bench.press(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::NoCard));
    assert!(bench.is_closed(1));
}

#[test]
fn a_refused_press_leaves_the_choice_open() {
    let mut bench = charging();
    bench.tap(2);
    bench.press(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::PortTaken));
    bench.press(2);
    bench.wait(1);
    assert!(bench.is_closed(2));
}

#[test]
fn a_start_that_is_stopped_before_it_is_durable_bills_nothing() {
    let mut bench = Bench::commissioned(2, 1);
    bench.delay = Some(Duration::from_seconds(2));
    bench.start(1, 1);
    bench.start(1, 1);
    bench.wait(20);
    assert!(!bench.is_closed(1));
    let closed = bench.last_closed();
    assert_eq!(
        (closed.reason, closed.energy.milliwatt_hours()),
        (StopReason::ByCard, 0)
    );
}

#[test]
fn without_a_tariff_nobody_charges() {
    let mut bench = Bench::blank(2);
    bench.tap(LANDLORD);
    bench.wait(1);
    bench.authorise(1);
    bench.start(1, 1);
    let refused = Signal::Refused(Refusal::NoTariff);
    assert!(bench.signals.contains(&refused) && !bench.is_closed(1));
}

#[test]
fn a_card_that_only_announces_a_number_opens_what_the_policy_allows() {
    let mut bench = Bench::commissioned(2, 1);
    bench.command(Command::AllowUidOnly(UidOnly::Nobody));
    bench.tap(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::TooWeak));
    bench.command(Command::Authorise);
    bench.tap(9);
    assert_eq!(bench.last_refusal(), Some(Refusal::TooWeak));
    let strong = Event::Card {
        alias: CardAlias::new([9; 8]),
        strength: Strength::MutualAes,
    };
    bench.feed(strong);
    bench.wait(1);
    assert_eq!(bench.ledger.accounts().len(), 2);
}

#[test]
fn the_piles_budget_refuses_one_more_port() {
    let mut bench = Bench::commissioned(3, 1);
    let limits = Limits::default()
        .with_pile_power(Power::from_watts(2500))
        .unwrap();
    bench.command(Command::SetLimits(limits));
    bench.start(1, 1);
    bench.start(1, 2);
    bench.start(1, 3);
    assert_eq!(bench.last_refusal(), Some(Refusal::NoPower));
    // Ports that show how little they draw make room.
    bench.plug(1, 100);
    bench.plug(2, 100);
    bench.wait(2);
    bench.start(1, 3);
    assert!(bench.is_closed(3));
}

#[test]
fn over_the_piles_budget_the_newest_session_ends() {
    let mut bench = Bench::commissioned(3, 1);
    let limits = Limits::default()
        .with_pile_power(Power::from_watts(2000))
        .unwrap();
    bench.command(Command::SetLimits(limits));
    for number in 1..=3 {
        bench.plug(number, 100);
        bench.start(1, number);
        bench.wait(2);
    }
    for number in 1..=3 {
        bench.plug(number, 900);
    }
    bench.wait(10);
    assert!(bench.is_closed(1) && bench.is_closed(2) && !bench.is_closed(3));
    assert_eq!(bench.last_closed().reason, StopReason::PowerBudget);
    assert_eq!(bench.state(3), PortState::Finished, "nobody's fault");
}

#[test]
fn a_hot_pile_starts_nothing_and_a_hotter_one_stops_all() {
    let mut bench = charging();
    bench.feed(Event::Temperature(Temperature::from_celsius(80)));
    assert!(bench.signals.contains(&Signal::Hot) && bench.is_closed(1));
    bench.start(2, 2);
    assert_eq!(bench.last_refusal(), Some(Refusal::TooHot));
    bench.feed(Event::Temperature(Temperature::from_celsius(90)));
    assert!(!bench.is_closed(1));
    bench.wait(5);
    assert_eq!(bench.state(1), PortState::Faulted(Fault::OverTemperature));
    assert_eq!(bench.last_closed().reason, StopReason::OverTemperature);
}

#[test]
fn every_start_of_a_busy_moment_gets_its_number() {
    let mut bench = Bench::commissioned(3, 3);
    bench.delay = Some(Duration::from_millis(700));
    for tenant in 1..=3 {
        bench.tap(tenant);
        bench.press(tenant);
    }
    bench.wait(5);
    for tenant in 1..=3 {
        bench.tap(tenant);
        bench.press(tenant);
    }
    bench.wait(30);
    let closed = bench.closed_sessions();
    let numbers: std::vec::Vec<_> = closed.iter().map(|it| it.page).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn a_supply_that_warns_loses_only_what_no_reading_saw() {
    let mut bench = Bench::commissioned(2, 1);
    bench.start(1, 1);
    bench.plug(1, 360); // 100 mWh a second
    bench.wait(61);
    bench.feed(Event::PowerFailing);
    bench.advance(Duration::from_millis(10));
    bench.cut(0);
    // A step, and 10 ms.
    assert!(bench.worst_loss <= 95 + 1, "{}", bench.worst_loss);
}
