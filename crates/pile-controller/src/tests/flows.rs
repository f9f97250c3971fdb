//! The flows of the mission: people, cards, buttons, the landlord.

use super::bench::{Bench, LANDLORD, noon, port, tariff};
use crate::{Command, Event, Outcome, PortState, Refusal, Signal};
use billing_core::record::{Fault, Record, Reference, StopReason};
use pile_units::{
    AccountId, CardAlias, ClockQuality, CredentialId, Duration, Limits, Power, Strength,
    Temperature, WallTime,
};

fn charging() -> Bench {
    let mut bench = Bench::commissioned(3, 2);
    bench.start(1, 1);
    bench.plug(1, 200);
    bench.wait(60);
    assert_eq!(bench.state(1), PortState::Charging);
    bench
}

fn faulted(fault: Fault) -> Bench {
    let mut bench = charging();
    bench.feed(Event::Trip(port(1), fault));
    bench.wait(10);
    assert_eq!(bench.state(1), PortState::Faulted(fault));
    bench
}

fn account(number: u16) -> AccountId {
    AccountId::new(number)
}

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
    assert_eq!(bench.command(Command::SetTariff(tariff(1, 1))), refused);
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
    assert_eq!(bench.last_refusal(), Some(Refusal::NoTariff));
}

#[test]
fn a_full_ledger_refuses_sessions_and_still_ends_revokes_and_clears() {
    let mut bench = faulted(Fault::Leakage);
    bench.start(2, 2);
    bench.headroom = billing_core::ledger::Headroom::default();
    bench.command(Command::Switch(port(3), true));
    bench.start(1, 3);
    assert_eq!(bench.last_refusal(), Some(Refusal::LedgerFull));
    let full = Outcome::Refused(Refusal::LedgerFull);
    assert_eq!(bench.command(Command::Settle(account(1))), full);
    assert_eq!(
        bench.command(Command::ReportLost(account(2))),
        Outcome::Done
    );
    assert_eq!(bench.last_closed().reason, StopReason::Revoked);
    assert_eq!(bench.command(Command::ClearFault(port(1))), Outcome::Done);
}

#[test]
fn a_failed_flash_opens_every_relay_and_starts_nothing() {
    let mut bench = charging();
    bench.feed(Event::LedgerFailed);
    assert!(!bench.is_closed(1));
    bench.start(2, 2);
    assert_eq!(bench.last_refusal(), Some(Refusal::LedgerFailed));
    let failed = Outcome::Refused(Refusal::LedgerFailed);
    assert_eq!(bench.command(Command::Settle(account(1))), failed);
}

#[test]
fn a_command_whose_record_the_flash_loses_is_answered() {
    let mut bench = Bench::commissioned(2, 1);
    bench.delay = None;
    let id = bench.send(Command::AllowUidOnly(false));
    bench.feed(Event::LedgerFailed);
    assert_eq!(
        bench.answer(id),
        Some(Outcome::Refused(Refusal::LedgerFailed))
    );
}

#[test]
fn commands_are_done_one_at_a_time_and_each_is_answered() {
    let mut bench = Bench::commissioned(2, 1);
    bench.delay = None;
    let first = bench.send(Command::AllowUidOnly(true));
    let second = bench.send(Command::AllowUidOnly(false));
    assert_eq!(bench.answer(second), Some(Outcome::Refused(Refusal::Busy)));
    bench.write_all();
    assert_eq!(bench.answer(first), Some(Outcome::Done));
}

#[test]
fn a_settlement_freezes_the_reading_and_is_paid_once() {
    let mut bench = charging();
    let nothing = Outcome::Refused(Refusal::NothingOwed);
    assert_eq!(bench.command(Command::Settle(account(1))), nothing);
    bench.command(Command::Stop(port(1)));
    assert_eq!(
        bench.command(Command::Settle(account(1))),
        Outcome::Settled(1)
    );
    let energy = bench.ledger.account(account(1)).unwrap().energy;
    assert_eq!(bench.ledger.settlements()[0].closing, energy);
    let paid = Command::MarkPaid(1, Reference::default());
    assert_eq!(bench.command(paid.clone()), Outcome::Done);
    assert_eq!(bench.command(paid), Outcome::Refused(Refusal::NoSuchThing));
    assert_eq!(
        bench.ledger.account(account(1)).unwrap().energy,
        energy,
        "registers never go back"
    );
}

#[test]
fn a_settlement_asked_for_while_a_bill_is_written_includes_it() {
    let mut bench = charging();
    bench.delay = Some(Duration::from_millis(1500));
    bench.send(Command::Stop(port(1)));
    bench.wait(3);
    let bill = |record: &Record| matches!(record, Record::SessionClosed(_));
    assert!(bench.machine.outbox().is_some_and(bill));
    assert_eq!(
        bench.command(Command::Settle(account(1))),
        Outcome::Settled(1)
    );
    assert_eq!(bench.ledger.settlements()[0].sessions, 1);
}

#[test]
fn deregistering_stops_bills_settles_and_keeps_the_record() {
    let mut bench = charging();
    assert_eq!(
        bench.command(Command::Deregister(account(1))),
        Outcome::Settled(1)
    );
    assert_eq!(bench.last_closed().reason, StopReason::Revoked);
    let closed = *bench.ledger.account(account(1)).unwrap();
    assert!(!closed.active && !closed.energy.is_zero());
    bench.tap(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::RevokedCard));
    // The same card may be given to the next tenant: a new account.
    bench.authorise(1);
    assert_eq!(bench.ledger.accounts().len(), 3);
}

#[test]
fn an_account_is_not_closed_while_its_last_bill_cannot_be_settled() {
    let mut bench = charging();
    bench.headroom.facts = 0;
    bench.command(Command::Switch(port(3), true));
    let full = Outcome::Refused(Refusal::LedgerFull);
    assert_eq!(bench.command(Command::Deregister(account(1))), full);
    assert!(bench.ledger.account(account(1)).unwrap().active);
    assert!(!bench.is_closed(1), "but its cards open nothing");
}

#[test]
fn a_lost_card_is_replaced_on_the_same_account() {
    let mut bench = charging();
    assert_eq!(bench.command(Command::Replace(account(1))), Outcome::Done);
    assert!(!bench.is_closed(1));
    bench.tap(7);
    bench.wait(1);
    assert_eq!(bench.ledger.accounts().len(), 2, "no new account");
    bench.tap(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::RevokedCard));
    bench.start(7, 2);
    assert_eq!(bench.machine.port(port(2)).account, Some(account(1)));
    assert!(bench.ledger.account(account(1)).unwrap().sessions > 0);
}

#[test]
fn a_revocation_that_races_a_start_wins() {
    for revoke_first in [false, true] {
        let mut bench = Bench::commissioned(2, 1);
        bench.delay = None;
        bench.tap(1);
        let revoke = Command::Revoke(CredentialId::new(1));
        if revoke_first {
            bench.send(revoke);
            bench.press(1);
            assert_eq!(bench.last_refusal(), Some(Refusal::Busy));
        } else {
            bench.press(1);
            bench.send(revoke);
        }
        bench.wait(1);
        bench.write_all();
        bench.delay = Some(Duration::from_millis(5));
        bench.wait(30);
        assert!(!bench.is_closed(1));
        assert!(bench.closed_sessions().iter().all(|it| it.energy.is_zero()));
    }
}

#[test]
fn the_privilege_card_cannot_be_revoked_by_its_number() {
    let mut bench = Bench::commissioned(2, 1);
    let refused = Outcome::Refused(Refusal::NoSuchThing);
    assert_eq!(
        bench.command(Command::Revoke(CredentialId::new(0))),
        refused
    );
}

#[test]
fn a_card_that_only_announces_a_number_opens_what_the_policy_allows() {
    let mut bench = Bench::commissioned(2, 1);
    bench.command(Command::AllowUidOnly(false));
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
fn a_fault_is_cleared_by_the_landlords_card_and_the_ports_button() {
    let mut bench = faulted(Fault::FuseBlown);
    bench.start(1, 1);
    assert_eq!(bench.last_refusal(), Some(Refusal::PortFaulted));
    bench.wait(20);
    bench.tap(LANDLORD);
    bench.press(1);
    bench.wait(1);
    assert!(bench.signals.contains(&Signal::FaultCleared(port(1))));
    bench.wait(30); // the window stays open for the next faulted port
    bench.start(1, 1);
    assert!(bench.is_closed(1));
}

#[test]
fn a_fault_is_not_cleared_while_power_flows_or_nobody_can_tell() {
    let mut bench = faulted(Fault::Leakage);
    bench.welded[0] = true;
    bench.wait(65);
    let still = Outcome::Refused(Refusal::StillFaulty);
    assert_eq!(bench.command(Command::ClearFault(port(1))), still);
    bench.meters[0].dead = true;
    bench.wait(65);
    let blind = Outcome::Refused(Refusal::NoMeter);
    assert_eq!(bench.command(Command::ClearFault(port(1))), blind);
    bench.meters[0].dead = false;
    bench.welded[0] = false;
    bench.wait(65);
    assert_eq!(bench.command(Command::ClearFault(port(1))), Outcome::Done);
}

#[test]
fn a_fault_that_comes_while_another_is_cleared_is_latched_again() {
    let mut bench = faulted(Fault::Leakage);
    bench.delay = None;
    bench.send(Command::ClearFault(port(1)));
    bench.feed(Event::Trip(port(1), Fault::FuseBlown));
    bench.write_all();
    assert_eq!(bench.state(1), PortState::Faulted(Fault::FuseBlown));
    assert_eq!(bench.ledger.fault(port(1)), Some(Fault::FuseBlown));
}

#[test]
fn a_fault_outlives_the_supply() {
    let mut bench = faulted(Fault::Leakage);
    bench.cut(7);
    bench.wait(65);
    assert_eq!(bench.state(1), PortState::Faulted(Fault::Leakage));
    bench.start(1, 1);
    assert_eq!(bench.last_refusal(), Some(Refusal::PortFaulted));
}

#[test]
fn a_clock_that_becomes_known_ends_the_stretch_at_the_unknown_time_price() {
    let mut bench = Bench::commissioned(2, 1);
    let unknown = WallTime {
        quality: ClockQuality::Unknown,
        ..noon()
    };
    bench.command(Command::SetClock(unknown));
    bench.start(1, 1);
    bench.plug(1, 500);
    bench.wait(120);
    bench.command(Command::SetClock(noon())); // an even half hour: the other band
    bench.wait(120);
    bench.command(Command::Stop(port(1)));
    let segments = bench.segments();
    assert_eq!(segments.len(), 2);
    assert_eq!(segments[0].band.as_str(), "low");
    assert_eq!(segments[0].from.quality, ClockQuality::Unknown);
    assert_eq!(segments[1].band.as_str(), "high");
    assert_eq!(segments[1].from, noon());
    assert!(
        segments
            .iter()
            .all(|it| it.energy.milliwatt_hours() > 10_000)
    );
}

#[test]
fn a_tariff_in_another_currency_is_refused_once_a_session_began() {
    let mut bench = Bench::commissioned(2, 1);
    let euros = |tariff: billing_core::tariff::Tariff| {
        let bands = tariff.bands();
        let (slots, unknown) = (*tariff.slots(), tariff.unknown_time_band());
        let (offset, currency) = (tariff.utc_offset(), "EUR".parse().unwrap());
        billing_core::tariff::Tariff::new(currency, offset, bands, slots, unknown).unwrap()
    };
    let other = Command::SetTariff(euros(tariff(1, 1)));
    assert_eq!(bench.command(other.clone()), Outcome::Done);
    assert_eq!(
        bench.command(Command::SetTariff(tariff(1, 1))),
        Outcome::Done
    );
    bench.delay = None;
    bench.start(1, 1);
    let id = bench.send(other.clone());
    let refused = Outcome::Refused(Refusal::OtherCurrency);
    assert_eq!(
        bench.answer(id),
        Some(refused),
        "also before the first session is durable"
    );
    bench.delay = Some(Duration::from_millis(5));
    bench.wait(5);
    assert_eq!(bench.command(other), refused);
}

#[test]
fn a_session_of_too_many_segments_ends_with_its_bill() {
    let mut bench = charging();
    for n in 1..=260 {
        bench.command(Command::SetTariff(tariff(n, 1)));
    }
    assert!(!bench.is_closed(1));
    let closed = bench.closed_sessions()[0];
    assert_eq!(
        (closed.reason, closed.segments),
        (StopReason::Firmware, 251)
    );
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
    bench.advance(Duration::from_millis(2_010));
    bench.cut(0);
    // A step, and 10 ms.
    assert!(bench.worst_loss <= 188 + 1, "{}", bench.worst_loss);
}
