//! A card reader that stops answering: noticed, reset by its pin, and charging goes on without it.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

use pile_controller::Command;
use pile_sim::cards::VirtualCard;
use pile_sim::world::{Bike, ReaderChip, Setup, World};
use pile_sim::{mfrc522, pn532};
use pile_units::{Currency, PlanId, PortId, Power, UtcOffset};

/// A pile with one bike that charges on Anna's account.
fn charging(reader: ReaderChip) -> (World, VirtualCard, PortId) {
    let mut world = World::new(Setup {
        reader,
        ..Setup::default()
    });
    world.power_up();
    let (landlord, anna) = (VirtualCard::numbered(1), VirtualCard::numbered(2));
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
    world.tap(&landlord);
    world.tap(&anna);
    let port = PortId::from_number(1).unwrap();
    world.plug(port, Bike::constant(Power::from_watts(200)));
    world.tap(&anna);
    world.press(port);
    world.run_for(2_000);
    assert!(world.relay(port), "{reader:?}");
    (world, anna, port)
}

fn hang(world: &World, reader: ReaderChip) {
    match reader {
        ReaderChip::Mfrc522 => world.reader().set_fault(mfrc522::Fault::Hung),
        ReaderChip::Pn532 => world.pn532().set_fault(pn532::Fault::Hung),
    }
}

/// It does not come back from this, whatever the pin does.
fn tear_off(world: &World, reader: ReaderChip) {
    match reader {
        ReaderChip::Mfrc522 => world.reader().set_fault(mfrc522::Fault::Absent),
        ReaderChip::Pn532 => world.pn532().set_fault(pn532::Fault::Absent),
    }
}

fn pin_resets(world: &World, reader: ReaderChip) -> u64 {
    match reader {
        ReaderChip::Mfrc522 => world.reader().pin_resets(),
        ReaderChip::Pn532 => world.pn532().pin_resets(),
    }
}

fn energy(world: &World) -> u64 {
    let (book, _) = world.read_ledger().unwrap();
    book.register(PortId::from_number(1).unwrap())
        .milliwatt_hours()
}

#[test]
fn a_reader_that_hangs_is_reset_by_its_pin_once_and_the_next_tap_counts() {
    for reader in [ReaderChip::Mfrc522, ReaderChip::Pn532] {
        let (mut world, anna, port) = charging(reader);
        hang(&world, reader);
        world.run_for(30_000);
        assert_eq!(pin_resets(&world, reader), 1, "{reader:?}");
        assert_eq!(world.reader_resets(), 1, "{reader:?}: it is said");
        assert!(world.relay(port), "{reader:?}");
        world.tap(&anna);
        world.press(port);
        world.run_for(2_000);
        assert!(!world.relay(port), "{reader:?}: the tap stops the charge");
    }
}

/// Nothing on the bus betrays it, so nobody is told; the tap after the reset counts.
#[test]
fn a_reader_whose_antenna_dies_reads_again_within_some_minutes() {
    for reader in [ReaderChip::Mfrc522, ReaderChip::Pn532] {
        let (mut world, anna, port) = charging(reader);
        match reader {
            ReaderChip::Mfrc522 => world.reader().set_fault(mfrc522::Fault::Deaf),
            ReaderChip::Pn532 => world.pn532().set_fault(pn532::Fault::Deaf),
        }
        world.tap(&anna);
        world.run_for(20_000);
        assert!(world.relay(port), "{reader:?}: the tap is not heard");
        world.run_for(400_000);
        assert!(pin_resets(&world, reader) >= 1, "{reader:?}");
        assert_eq!(world.reader_resets(), 0, "{reader:?}: nobody knows of it");
        world.tap(&anna);
        world.press(port);
        world.run_for(2_000);
        assert!(!world.relay(port), "{reader:?}: the tap stops the charge");
    }
}

#[test]
fn a_reader_that_is_gone_for_good_is_missed_and_charging_goes_on() {
    for reader in [ReaderChip::Mfrc522, ReaderChip::Pn532] {
        let (mut world, _, port) = charging(reader);
        tear_off(&world, reader);
        let before = energy(&world);
        world.run_for(3_600_000);
        assert!(world.relay(port), "{reader:?}");
        let drawn = energy(&world) - before;
        assert!(
            (199_000..=201_000).contains(&drawn),
            "{reader:?}: {drawn} mWh"
        );
        assert!(
            pin_resets(&world, reader) > 10,
            "{reader:?}: it is tried again"
        );
    }
}
