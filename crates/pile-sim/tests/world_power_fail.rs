//! A supply that warns before it fails: what the meters have counted is in the ledger by then.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

use pile_controller::Command;
use pile_controller::shell::Line;
use pile_sim::cards::VirtualCard;
use pile_sim::world::{Bike, Setup, World};
use pile_units::{Currency, Limits, PlanId, PortId, Power, UtcOffset};

/// A step of an outlet's counter, rounded up, in mWh.
const STEP: u64 = 94;

fn charging(ports: u8) -> World {
    let mut world = World::new(Setup::default());
    world.power_up();
    let (landlord, tenant) = (VirtualCard::numbered(1), VirtualCard::numbered(2));
    world.tap(&landlord);
    let band = billing_core::tariff::Band {
        name: "flat".parse().unwrap(),
        energy: "0.5".parse().unwrap(),
        service: "0.1".parse().unwrap(),
    };
    let tariff = billing_core::tariff::Tariff::flat(Currency::CNY, UtcOffset::UTC, band);
    world
        .command(Command::SetTariff(PlanId::STANDARD, tariff))
        .unwrap();
    let limits = Limits::default().with_pile_power(Power::from_watts(22_000));
    world.command(Command::SetLimits(limits.unwrap())).unwrap();
    world.tap(&landlord);
    world.tap(&tenant);
    for number in 1..=ports {
        let port = PortId::from_number(number).unwrap();
        let watts = 150 + 70 * u32::from(number);
        world.plug(port, Bike::constant(Power::from_watts(watts)));
        world.tap(&tenant);
        world.press(port);
        world.run_for(1_000);
        assert!(world.relay(port));
    }
    world
}

/// What each port's wire gave and no record holds, mWh, rounded up.
fn missing(world: &World, ports: u8) -> Vec<u64> {
    let (book, _) = world.read_ledger().unwrap();
    let missing = |number| {
        let port = PortId::from_number(number).unwrap();
        let given = world.chip(port).unwrap().delivered_microjoules();
        let recorded = book.register(port).milliwatt_hours() * 3_600_000;
        given.checked_sub(recorded).unwrap().div_ceil(3_600_000)
    };
    (1..=ports).map(missing).collect()
}

#[test]
fn a_warned_cut_loses_nothing_that_was_counted() {
    for offset in (0..2_000).step_by(133) {
        let mut world = charging(10);
        world.run_for(60_000 + offset);
        let before = world.read_ledger().unwrap().1.len();
        world.raise(Line::PowerFailing);
        let written = world.read_ledger().unwrap().1.len() - before;
        assert!(written <= 2, "{written} records for ten ports");
        world.run_for(20);
        world.power_cut();
        for (port, lost) in (1..).zip(missing(&world, 10)) {
            // The step in progress, and what flowed in the last 20 ms: 5 mWh at 850 W.
            assert!(lost <= STEP + 1 + 5, "port {port}: {lost} mWh");
        }
        world.power_up();
        world.run_for(5_000);
        let (book, _) = world.read_ledger().unwrap();
        assert_eq!(book.open_sessions().count(), 0);
        assert_eq!(book.balance().metered, book.balance().accounted());
    }
}

#[test]
fn tasmota_5473_a_sudden_cut_loses_no_more_than_a_watt_hour_of_a_port() {
    let mut worst = 0;
    for offset in (0..3_000).step_by(133) {
        let mut world = charging(10);
        world.run_for(60_000 + offset);
        world.power_cut();
        worst = missing(&world, 10).into_iter().fold(worst, u64::max);
    }
    assert!((STEP + 6..=1_000).contains(&worst), "{worst} mWh");
}
