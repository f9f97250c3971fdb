//! The invariants of the design, by name, over lists of what can happen. Most are checked by the
//! bench after every single event ([`Bench::feed`]); the rest at the end of a run.

use super::bench::{Bench, MWH, RESOLUTION};
use super::ops::{Op, for_many, for_many_on, run, strong_bench};
use crate::{Event, PortState};
use billing_core::record::{ClosedSession, Record, Segment, StopReason};
use pile_units::{Currency, Duration, SessionId};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use std::collections::{BTreeMap, HashMap};
use std::vec::Vec;

const CASES: u32 = 256;

#[expect(clippy::unnecessary_wraps, reason = "it is a check")]
fn run_all(ops: &[Op], bench: &mut Bench) -> Result<(), TestCaseError> {
    for op in ops {
        run(bench, op);
    }
    Ok(())
}

#[test]
fn i1_authorised() {
    // `Bench::check_authorised` asks the flash after every event.
    let seen = for_many("i1", CASES, run_all);
    assert!(seen.is_interesting(CASES), "{seen:?}");
}

#[test]
fn i2_conserved() {
    // The balance is checked after every event; here also against the meters, once all is written.
    let seen = for_many("i2", CASES, |ops, bench| {
        run_all(ops, bench)?;
        bench.finish();
        let balance = bench.ledger.balance();
        prop_assert_eq!(balance.metered.milliwatt_hours(), bench.metered);
        prop_assert_eq!(balance.accounted(), balance.metered);
        prop_assert_eq!(balance.open.milliwatt_hours(), 0);
        Ok(())
    });
    assert!(seen.is_interesting(CASES), "{seen:?}");
}

#[test]
fn i3_one_sided() {
    for percent in [100, 150, 200, 250] {
        let name = format!("i3 {percent}");
        let seen = for_many_on(&name, CASES, || strong_bench(percent), check_one_sided);
        assert!(seen.is_interesting(CASES), "{seen:?}");
    }
}

fn check_one_sided(ops: &[Op], bench: &mut Bench) -> Result<(), TestCaseError> {
    run_all(ops, bench)?;
    bench.finish();
    for closed in bench.closed_sessions() {
        let delivered = bench.delivered.get(&closed.session).copied().unwrap_or(0);
        let billed = u128::from(closed.energy.milliwatt_hours());
        prop_assert!(
            billed * MWH <= delivered,
            "billed more than delivered: {:?}",
            closed
        );
        if bench.excused.contains(&closed.session) {
            continue;
        }
        let most = match closed.reason {
            StopReason::MeterLost => continue,
            // The first step included, which is nobody's.
            StopReason::PowerLost => 1000,
            _ => 2 * u128::from(RESOLUTION),
        };
        prop_assert!(
            (billed + most) * MWH >= delivered,
            "{} mWh billed of {}: {:?}",
            billed,
            delivered / MWH,
            closed
        );
    }
    prop_assert!(
        bench.worst_loss <= 1000,
        "a cut lost {} mWh",
        bench.worst_loss
    );
    Ok(())
}

#[test]
fn i5_revoked() {
    // No relay is closed for a revoked card: `Bench::check_authorised`. Here: no session begins.
    let seen = for_many("i5", CASES, |ops, bench| {
        run_all(ops, bench)?;
        bench.finish();
        let (mut revoked, mut phones) = (Vec::new(), Vec::new());
        let mut requests = std::collections::BTreeSet::new();
        for (_, record) in &bench.records {
            match record {
                Record::Revoked { credential, .. } => revoked.push(*credential),
                Record::SessionOpened { credential, .. } => {
                    prop_assert!(!revoked.contains(credential));
                }
                Record::PhoneRevoked { phone, .. } => phones.push(*phone),
                Record::OpenedByPhone { phone, request, .. } => {
                    prop_assert!(!phones.contains(phone));
                    let card = bench.ledger.phone(*phone).map(|phone| phone.credential);
                    prop_assert!(card.is_none_or(|card| !revoked.contains(&card)));
                    prop_assert!(requests.insert((*phone, *request)), "started twice");
                }
                _ => {}
            }
        }
        Ok(())
    });
    assert!(seen.revoked >= CASES / 4, "{seen:?}");
}

#[test]
fn i6_latched() {
    // No relay is closed over a fault, and none vanishes: `Bench::check`. Here: none comes back
    // into service but by a record of the landlord's.
    let seen = for_many("i6", CASES, |ops, bench| {
        run_all(ops, bench)?;
        let mut latched = [false; 16];
        for (_, record) in &bench.records {
            match record {
                Record::FaultLatched { port, .. } => latched[port.index()] = true,
                Record::FaultCleared { port, .. } => latched[port.index()] = false,
                Record::SessionOpened { port, .. } | Record::OpenedByPhone { port, .. } => {
                    prop_assert!(!latched[port.index()]);
                }
                _ => {}
            }
        }
        Ok(())
    });
    assert!(
        seen.faults >= CASES && seen.cleared >= CASES / 8,
        "{seen:?}"
    );
}

#[test]
fn i7_trips() {
    // `Bench::watch` times every load on every closed relay by the wires.
    let reasons = std::cell::RefCell::new(HashMap::<StopReason, u32>::new());
    for_many("i7", CASES, |ops, bench| {
        run_all(ops, bench)?;
        for closed in bench.closed_sessions() {
            *reasons.borrow_mut().entry(closed.reason).or_default() += 1;
        }
        Ok(())
    });
    let reasons = reasons.into_inner();
    for reason in [
        StopReason::Overload,
        StopReason::NoLoad,
        StopReason::Unplugged,
        StopReason::Full,
        StopReason::OverTemperature,
        StopReason::MeterLost,
        StopReason::Leakage,
    ] {
        assert!(
            reasons.get(&reason).is_some_and(|it| *it > 2),
            "{reason}: {reasons:?}"
        );
    }
}

#[test]
fn i8_total() {
    // No list of events panics, and the book takes every record (`Bench::write`): the machine gives
    // up only where the flash does.
    let seen = for_many("i8", CASES, |ops, bench| {
        for (place, op) in ops.iter().enumerate() {
            run(bench, op);
            if place % 16 == 15 {
                bench.delay = Some(Duration::from_seconds(3));
            }
        }
        let failed = |refusal: &crate::Refusal| *refusal == crate::Refusal::LedgerFailed;
        prop_assert!(!bench.last_refusal().as_ref().is_some_and(failed));
        bench.finish();
        bench.feed(Event::LedgerFailed);
        bench.wait(30);
        prop_assert!(bench.relays.iter().all(|closed| !closed));
        Ok(())
    });
    assert!(seen.is_interesting(CASES), "{seen:?}");
}

#[test]
fn i9_frozen_price() {
    let seen = for_many("i9", CASES, |ops, bench| {
        run_all(ops, bench)?;
        bench.finish();
        for segment in bench.segments() {
            check_price(bench, &segment)?;
        }
        for closed in bench.closed_sessions() {
            check_prices_of_session(bench, &closed)?;
        }
        Ok(())
    });
    assert!(
        seen.segments >= CASES / 2 && seen.tariffs >= CASES,
        "{seen:?}"
    );
}

/// The segment's prices are those of the tariff and band that it names.
fn check_price(bench: &Bench, segment: &Segment) -> Result<(), TestCaseError> {
    let tariff = &bench.tariffs[&segment.tariff];
    let band = tariff
        .bands()
        .iter()
        .find(|band| band.name == segment.band)
        .unwrap();
    prop_assert_eq!(segment.energy_price, band.energy);
    prop_assert_eq!(segment.service_price, band.service);
    Ok(())
}

/// By each price no more is billed than flowed while it was in force, but for what flows between
/// two readings wherever the price changes, while the record of the change is written.
fn check_prices_of_session(bench: &Bench, closed: &ClosedSession) -> Result<(), TestCaseError> {
    let mut billed = BTreeMap::new();
    let mut segments = 0u128;
    for segment in bench
        .segments()
        .iter()
        .filter(|it| it.session == closed.session)
    {
        let bands = bench.tariffs[&segment.tariff].bands();
        let band = bands
            .iter()
            .position(|band| band.name == segment.band)
            .unwrap();
        let energy = u128::from(segment.energy.milliwatt_hours());
        *billed.entry((segment.tariff, band)).or_insert(0) += energy;
        segments += 1;
    }
    // 1,150 W for a reading and a write, and a step.
    let lag = 1150 * 1_200 / 3600 + u128::from(RESOLUTION);
    for ((version, band), energy) in billed {
        let flowed = bench
            .priced
            .get(&(closed.session, version, band))
            .copied()
            .unwrap_or(0);
        prop_assert!(
            energy <= flowed / MWH + segments.saturating_sub(1) * lag,
            "{} mWh by {version:?}/{band}, {} flowed: {:?}",
            energy,
            flowed / MWH,
            closed
        );
    }
    Ok(())
}

#[test]
fn i10_exact_money() {
    let seen = for_many("i10", CASES, |ops, bench| {
        run_all(ops, bench)?;
        bench.finish();
        let mut lines = BTreeMap::<SessionId, Vec<Segment>>::new();
        for segment in bench.segments() {
            lines.entry(segment.session).or_default().push(segment);
        }
        let mut totals = BTreeMap::new();
        for closed in bench.closed_sessions() {
            check_bill(&closed, &lines[&closed.session])?;
            *totals.entry(closed.account).or_insert(0) += closed.bill.total.micros();
        }
        for account in bench.ledger.accounts() {
            let total = totals.get(&account.id).copied().unwrap_or(0);
            prop_assert_eq!(account.total().micros(), total);
        }
        Ok(())
    });
    assert!(seen.is_interesting(CASES), "{seen:?}");
}

/// The bill, by arithmetic that shares nothing with the machine's.
fn check_bill(closed: &ClosedSession, lines: &[Segment]) -> Result<(), TestCaseError> {
    let minor = u128::from(Currency::CNY.micros_per_minor_unit());
    let exact = |price: fn(&Segment) -> u32| -> u128 {
        let fee = |it: &Segment| u128::from(it.energy.milliwatt_hours()) * u128::from(price(it));
        lines.iter().map(fee).sum()
    };
    let energy = exact(|it| it.energy_price.micros_per_kilowatt_hour());
    let service = exact(|it| it.service_price.micros_per_kilowatt_hour());
    let total = (energy + service) / 1_000_000 / minor * minor;
    let energy_fee = energy / 1_000_000 / minor * minor;
    prop_assert_eq!(u128::from(closed.bill.total.micros()), total);
    prop_assert_eq!(u128::from(closed.bill.energy_fee.micros()), energy_fee);
    prop_assert_eq!(
        u128::from(closed.bill.service_fee.micros()),
        total - energy_fee
    );
    let sum =
        |micro: fn(&Segment) -> u64| -> u128 { lines.iter().map(|it| u128::from(micro(it))).sum() };
    prop_assert_eq!(sum(|it| it.energy_micro.micros()), energy / 1_000_000);
    prop_assert_eq!(sum(|it| it.service_micro.micros()), service / 1_000_000);
    let drawn: u64 = lines.iter().map(|it| it.energy.milliwatt_hours()).sum();
    prop_assert_eq!(drawn, closed.energy.milliwatt_hours());
    prop_assert_eq!(lines.len(), usize::from(closed.segments));
    Ok(())
}

#[test]
fn noise_never_panics_and_closes_no_relay_of_a_blank_pile() {
    let event = prop_oneof![
        (1u8..=16).prop_map(|it| Event::Button(super::bench::port(it))),
        (1u8..=16).prop_map(|it| Event::MeterSilent(super::bench::port(it))),
        (1u8..=16, any::<u64>(), any::<u32>()).prop_map(|(it, energy, power)| {
            Event::Sample(super::bench::port(it), super::bench::sample(energy, power))
        }),
        any::<bool>().prop_map(Event::Reader),
        Just(Event::Tick),
        Just(Event::TwoCards),
        Just(Event::PowerFailing),
        Just(Event::Persisted(crate::Durable::default())),
    ];
    let steps = prop::collection::vec((any::<u64>(), event), 0..200);
    proptest!(|(steps in steps)| {
        let mut bench = Bench::blank(4);
        for (millis, event) in steps {
            // Time may also go back: nothing may come of it.
            bench.now = pile_units::Instant::from_millis(millis >> 20);
            bench.feed(event);
        }
        prop_assert!(bench.relays.iter().all(|closed| !closed));
        prop_assert!(!matches!(bench.state(1), PortState::Charging));
    });
}
