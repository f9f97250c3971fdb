//! The landlord's commands, the faults he clears, the prices he sets, a ledger that is full.

use super::bench::{Bench, LANDLORD, flat, noon, port, tariff};
use super::{account, charging, faulted};
use crate::{Command, Event, Outcome, PortState, Refusal, Signal};
use billing_core::record::{Fault, Record, Reference, StopReason};
use pile_units::{ClockQuality, CredentialId, Duration, PlanId, UidOnly, WallTime};

#[test]
fn a_full_ledger_refuses_sessions_and_still_ends_revokes_and_clears() {
    let mut bench = faulted(Fault::Leakage);
    bench.start(2, 2);
    bench.headroom = billing_core::ledger::Headroom::default();
    bench.command(Command::Switch(port(3), true));
    bench.start(1, 3);
    assert_eq!(bench.last_refusal(), Some(Refusal::LedgerFull));
    // Settling is what makes room: it is never refused for want of it.
    assert_eq!(
        bench.command(Command::Settle(account(1))),
        Outcome::Settled(1)
    );
    assert_eq!(
        bench.command(Command::ReportLost(account(2))),
        Outcome::Done
    );
    assert_eq!(bench.last_closed().reason, StopReason::Revoked);
    assert_eq!(bench.command(Command::ClearFault(port(1))), Outcome::Done);
}

#[test]
fn the_last_place_of_a_ledger_is_given_to_one_of_two_who_start_a_second_apart() {
    for delay in [5, 400, 1_500, 5_000] {
        let mut bench = Bench::commissioned(2, 2);
        bench.headroom.sessions = 1;
        bench.command(Command::Switch(port(1), true));
        bench.delay = Some(Duration::from_millis(delay));
        bench.start(1, 1);
        // As the ledger counts from here on, with the first session in its book.
        let opened = |bench: &Bench| bench.ledger.open_sessions().count() > 0;
        if opened(&bench) {
            bench.headroom.sessions = 0;
        }
        bench.start(2, 2);
        assert_eq!(bench.last_refusal(), Some(Refusal::LedgerFull), "{delay}");
        bench.wait(10);
        assert_eq!(bench.ledger.open_sessions().count(), 1, "{delay}");
    }
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
    let id = bench.send(Command::AllowUidOnly(UidOnly::Nobody));
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
    let first = bench.send(Command::AllowUidOnly(UidOnly::All));
    let second = bench.send(Command::AllowUidOnly(UidOnly::Nobody));
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
fn a_full_ledger_takes_a_deregistration_as_it_takes_a_settlement() {
    let mut bench = charging();
    bench.headroom.facts = 0;
    bench.command(Command::Switch(port(3), true));
    let done = bench.command(Command::Deregister(account(1)));
    assert_eq!(done, Outcome::Settled(1));
    assert!(!bench.ledger.account(account(1)).unwrap().active);
    assert!(!bench.is_closed(1), "its cards open nothing");
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
fn a_fault_is_cleared_by_the_landlords_card_and_the_ports_button() {
    let mut bench = faulted(Fault::FuseBlown);
    bench.start(1, 1);
    assert_eq!(bench.last_refusal(), Some(Refusal::PortFaulted));
    bench.wait(20);
    bench.tap(LANDLORD);
    bench.press(1);
    bench.wait(1);
    assert!(bench.signals.contains(&Signal::FaultCleared(port(1))));
    // The window is closed with it: the next card is a tenant's.
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
    let known = WallTime {
        unix: noon().unix.plus(3600),
        ..noon()
    };
    bench.command(Command::SetClock(known)); // an even half hour: the other band
    bench.wait(120);
    bench.command(Command::Stop(port(1)));
    let segments = bench.segments();
    assert_eq!(segments.len(), 2);
    assert_eq!(segments[0].band.as_str(), "low");
    assert_eq!(segments[0].from.quality, ClockQuality::Unknown);
    assert_eq!(segments[1].band.as_str(), "high");
    assert_eq!(segments[1].from, known);
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
    let other = Command::SetTariff(PlanId::STANDARD, euros(tariff(1, 1)));
    assert_eq!(bench.command(other.clone()), Outcome::Done);
    assert_eq!(
        bench.command(Command::SetTariff(PlanId::STANDARD, tariff(1, 1))),
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
        bench.command(Command::SetTariff(PlanId::STANDARD, tariff(n, 1)));
    }
    assert!(!bench.is_closed(1));
    let closed = bench.closed_sessions()[0];
    assert_eq!(
        (closed.reason, closed.segments),
        (StopReason::Firmware, 251)
    );
}

#[test]
fn a_band_that_ends_while_a_new_tariff_is_written_is_found_in_the_right_table() {
    let mut bench = charging();
    let before_the_hour = WallTime {
        unix: noon().unix.plus(3600 - 70),
        ..noon()
    };
    bench.command(Command::SetClock(before_the_hour));
    let band = bench.ledger.session(port(1)).unwrap().segment.band_index;
    assert_eq!(band.get(), 0);
    bench.delay = None;
    // The old table's next band is its second; the new one has no second.
    bench.send(Command::SetTariff(
        PlanId::STANDARD,
        flat(&tariff(900_000, 1)),
    ));
    bench.wait(70);
    bench.write_all();
    bench.delay = Some(Duration::from_millis(5));
    bench.wait(3);
    assert_eq!(
        bench
            .machine
            .book()
            .session(port(1))
            .unwrap()
            .segment
            .tariff
            .get(),
        2
    );
    assert!(bench.is_closed(1));
}

#[test]
fn a_start_in_the_second_of_a_new_tariff_takes_its_band_from_it() {
    let mut bench = Bench::commissioned(2, 2);
    // In the second band, whose place the new table does not have.
    bench.start(1, 1);
    let band = bench.ledger.session(port(1)).unwrap().segment.band_index;
    assert_eq!(band.get(), 1);
    bench.send(Command::SetTariff(
        PlanId::STANDARD,
        flat(&tariff(900_000, 1)),
    ));
    bench.write_all();
    bench.tap(2);
    bench.press(2);
    bench.wait(1);
    assert_eq!(
        bench
            .machine
            .book()
            .session(port(2))
            .unwrap()
            .segment
            .tariff
            .get(),
        2
    );
}
