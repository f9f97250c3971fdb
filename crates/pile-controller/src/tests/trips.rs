//! How long a limit takes, to the millisecond, wherever a condition begins between two readings.

use super::bench::{Bench, port, sample};
use crate::{Command, Event, PortState, Refusal};
use billing_core::record::{Fault, StopReason};
use pile_units::{Duration, Limits, Power};

fn charging() -> Bench {
    let mut bench = Bench::commissioned(1, 1);
    bench.start(1, 1);
    bench.plug(1, 500);
    bench.wait(30);
    bench
}

/// How long the relay stays closed from now on, in steps of 10 ms.
fn closed_for(bench: &mut Bench, at_most: u64) -> u64 {
    let begin = bench.now;
    while bench.is_closed(1) {
        let lasted = bench.now.since(begin).millis();
        assert!(lasted <= at_most, "still closed after {lasted} ms");
        bench.advance(Duration::from_millis(10));
    }
    bench.now.since(begin).millis()
}

#[test]
fn overload_opens_within_its_limit_and_no_sooner_than_a_reading_and_a_tenth_before() {
    for limit in [1u32, 2, 5, 30] {
        for phase in (0..1000).step_by(90) {
            let mut bench = charging();
            let limits = Limits::default().with_overload_after(Duration::from_seconds(limit));
            bench.command(Command::SetLimits(limits.unwrap()));
            bench.advance(Duration::from_millis(phase));
            bench.plug(1, 1101);
            let millis = closed_for(&mut bench, 40_000);
            let limit = u64::from(limit) * 1000;
            assert!(millis <= limit, "{millis} ms of {limit} from phase {phase}");
            assert!(
                millis + 1100 >= limit,
                "{millis} ms of {limit} from phase {phase}"
            );
            assert_eq!(bench.state(1), PortState::Faulted(Fault::Overload));
        }
    }
}

#[test]
fn an_overload_shorter_than_the_limit_less_a_reading_and_a_tenth_never_trips() {
    for phase in (0..1000).step_by(90) {
        let mut bench = charging();
        bench.advance(Duration::from_millis(phase));
        bench.plug(1, 1400);
        bench.advance(Duration::from_millis(3899));
        bench.plug(1, 900);
        bench.wait(60);
        assert_eq!(bench.state(1), PortState::Charging);
    }
}

#[test]
fn exactly_110_percent_is_no_overload() {
    let mut bench = charging();
    bench.plug(1, 1100);
    bench.wait(60);
    assert_eq!(bench.state(1), PortState::Charging);
}

#[test]
fn more_than_150_percent_trips_at_the_first_reading() {
    let mut bench = charging();
    bench.plug(1, 1501);
    assert!(closed_for(&mut bench, 2000) <= 1000);
}

#[test]
fn an_overload_is_cut_although_the_meter_falls_silent() {
    let mut bench = charging();
    bench.plug(1, 1200);
    bench.advance(Duration::from_millis(3_500));
    bench.meters[0].dead = true;
    assert!(closed_for(&mut bench, 6_000) <= 2_000);
}

#[test]
fn a_silent_meter_opens_the_relay_in_three_readings() {
    let mut bench = charging();
    bench.meters[0].dead = true;
    assert!(closed_for(&mut bench, 6_000) <= 3_010);
    assert_eq!(bench.state(1), PortState::Faulted(Fault::MeterLost));
}

#[test]
fn a_meter_that_is_not_even_asked_opens_the_relay_in_five_seconds() {
    let mut bench = charging();
    let heard = bench.machine.deadline().unwrap();
    bench.now = heard;
    bench.feed(Event::Tick);
    assert!(!bench.is_closed(1));
    assert_eq!(bench.state(1), PortState::Faulted(Fault::MeterLost));
}

#[test]
fn one_silent_reading_is_forgiven() {
    let mut bench = charging();
    for _ in 0..10 {
        bench.meters[0].dead = true;
        bench.wait(2);
        bench.meters[0].dead = false;
        bench.wait(1);
    }
    assert_eq!(bench.state(1), PortState::Charging);
}

#[test]
fn no_load_closes_the_session_at_zero() {
    let mut bench = Bench::commissioned(1, 1);
    bench.start(1, 1);
    let millis = closed_for(&mut bench, 130_000);
    assert!((118_000..=121_000).contains(&millis), "{millis}");
    bench.wait(5);
    let closed = bench.last_closed();
    assert_eq!(
        (closed.reason, closed.energy.milliwatt_hours()),
        (StopReason::NoLoad, 0)
    );
}

#[test]
fn a_pulled_plug_ends_the_session_in_two_minutes() {
    let mut bench = charging();
    bench.plug(1, 0);
    let millis = closed_for(&mut bench, 130_000);
    assert!((119_000..=121_010).contains(&millis), "{millis}");
}

#[test]
fn a_full_battery_ends_the_session_in_an_hour_and_a_load_starts_the_hour_again() {
    let mut bench = charging();
    bench.plug(1, 10);
    bench.wait(3_000);
    assert_eq!(bench.state(1), PortState::Full);
    bench.plug(1, 60);
    bench.wait(10);
    assert_eq!(bench.state(1), PortState::Charging);
    bench.plug(1, 10);
    let millis = closed_for(&mut bench, 3_700_000);
    assert!((3_599_000..=3_601_010).contains(&millis), "{millis}");
    bench.wait(5);
    assert_eq!(bench.last_closed().reason, StopReason::Full);
}

#[test]
fn a_hot_socket_is_latched_also_while_it_is_idle() {
    let mut bench = Bench::commissioned(1, 1);
    let hot = metering::Sample {
        temperature: Some(pile_units::Temperature::from_celsius(90)),
        ..sample(0, 0)
    };
    bench.feed(Event::Sample(port(1), hot));
    assert_eq!(bench.state(1), PortState::Faulted(Fault::OverTemperature));
}

#[test]
fn a_welded_relay_is_found_and_what_flows_is_nobodys() {
    let mut bench = charging();
    bench.welded[0] = true;
    bench.command(Command::Stop(port(1)));
    assert_eq!(bench.state(1), PortState::Faulted(Fault::RelayWelded));
    let billed = bench.last_closed().energy;
    bench.wait(120);
    bench.welded[0] = false;
    bench.finish();
    let balance = bench.ledger.balance();
    assert_eq!(balance.accounts, billed);
    assert!(balance.unattributed.milliwatt_hours() > 10_000);
}

#[test]
fn what_flows_through_a_welded_relay_counts_for_the_piles_budget() {
    let mut bench = Bench::commissioned(2, 1);
    let limits = Limits::default()
        .with_pile_power(Power::from_watts(2_000))
        .unwrap();
    bench.command(Command::SetLimits(limits));
    bench.plug(2, 900);
    bench.start(1, 2);
    bench.wait(200);
    assert!(bench.is_closed(2));
    bench.plug(1, 1_500);
    bench.welded[0] = true;
    bench.wait(70);
    assert!(!bench.is_closed(2));
    assert_eq!(bench.last_closed().reason, StopReason::PowerBudget);
    bench.start(1, 2);
    assert_eq!(bench.last_refusal(), Some(Refusal::NoPower));
}
