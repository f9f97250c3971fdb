//! The world on either flash, at its worst speed, cut in the middle of an operation in time.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

use billing_core::tariff::{Band, Tariff};
use pile_controller::Command;
use pile_sim::cards::VirtualCard;
use pile_sim::flash::{Part, Speed};
use pile_sim::world::{Bike, Setup, World};
use pile_units::{Currency, PlanId, PortId, Power, UtcOffset};

/// A bike charges on port 1.
fn charging(flash: Part) -> World {
    let mut world = World::new(Setup {
        ports: 2,
        flash,
        flash_bytes: flash.bytes(),
        speed: Speed::Worst,
        ..Setup::default()
    });
    world.power_up();
    let (landlord, anna) = (VirtualCard::numbered(1), VirtualCard::numbered(2));
    world.tap(&landlord);
    let band = Band {
        name: "flat".parse().unwrap(),
        energy: "0.5".parse().unwrap(),
        service: "0.1".parse().unwrap(),
    };
    let tariff = Tariff::flat(Currency::CNY, UtcOffset::UTC, band);
    world
        .command(Command::SetTariff(PlanId::STANDARD, tariff))
        .unwrap();
    world.tap(&landlord);
    world.tap(&anna);
    let port = PortId::from_number(1).unwrap();
    world.plug(port, Bike::constant(Power::from_watts(800)));
    world.tap(&anna);
    world.press(port);
    world.run_for(60_000);
    assert!(world.relay(port));
    world
}

#[test]
fn the_supply_may_fail_while_the_flash_is_busy_on_either_part() {
    for part in [Part::W25q80, Part::Stm32g4] {
        let mut world = charging(part);
        for _ in 0..100_000 {
            if world.flash().is_busy() {
                break;
            }
            world.run_for(1);
        }
        assert!(world.flash().is_busy(), "{part:?}");
        world.power_cut();
        assert!(world.flash().last_cut().is_some(), "{part:?}");
        let delivered = world.delivered_microjoules() / 3_600_000;
        world.run_for(20_000);
        world.power_up();
        world.run_for(10_000);
        assert_eq!(world.refused(), None, "{part:?}");
        let (book, _) = world.read_ledger().unwrap();
        assert_eq!(book.open_sessions().count(), 0, "{part:?}");
        let billed = book.accounts()[0].energy.milliwatt_hours();
        assert!(
            billed <= delivered && delivered - billed <= 1_000,
            "{part:?}: {billed}, {delivered}"
        );
    }
}
