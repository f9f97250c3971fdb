//! A ledger that is refused: nothing charges, not a byte changes, and only the landlord begins anew.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

use pile_controller::{Command, Indicator, Outcome, Refusal, Signal};
use pile_sim::cards::VirtualCard;
use pile_sim::world::{Bike, Setup, World};
use pile_units::{Currency, PlanId, PortId, Power, UtcOffset};

fn landlord() -> VirtualCard {
    VirtualCard::numbered(1)
}

fn port() -> PortId {
    PortId::from_number(1).unwrap()
}

/// A pile whose supply fails while port 1 charges.
fn cut_while_charging() -> World {
    let mut world = World::new(Setup::default());
    world.power_up();
    world.tap(&landlord());
    let band = billing_core::tariff::Band {
        name: "flat".parse().unwrap(),
        energy: "0.5".parse().unwrap(),
        service: "0.1".parse().unwrap(),
    };
    let tariff = billing_core::tariff::Tariff::flat(Currency::CNY, UtcOffset::UTC, band);
    world.command(Command::SetTariff(PlanId::STANDARD, tariff));
    world.tap(&landlord());
    world.tap(&VirtualCard::numbered(2));
    world.plug(port(), Bike::constant(Power::from_watts(500)));
    world.tap(&VirtualCard::numbered(2));
    world.press(port());
    world.run_for(60_000);
    assert!(world.relay(port()));
    world.power_cut();
    world
}

/// Inverts the bytes there.
fn damage(world: &World, addresses: core::ops::Range<usize>) {
    for address in addresses {
        for bit in 0..8 {
            world.flash().flip_bit(address, bit);
        }
    }
}

fn last(world: &World) -> Option<Signal> {
    world.signals().last().map(|(_, signal)| *signal)
}

fn try_to_begin_anew(world: &mut World) {
    world.tap(&landlord());
    world.press(port());
    world.tap(&landlord());
    world.run_for(30_000);
}

#[test]
fn esp8266_wifi_v2_278_a_refused_ledger_keeps_every_byte_until_the_landlord_may_begin_anew() {
    // Behind the first frame, which names the landlord, and before the last, which a cut may tear.
    for address in (140..300).step_by(20) {
        let mut world = cut_while_charging();
        damage(&world, address..address + 3);
        let evidence = world.flash().image();
        world.power_up();
        world.run_for(100_000);
        assert!(world.refused().is_some(), "{address}");
        assert_eq!(world.indicator(port()), Some(Indicator::Fault));
        assert_eq!(last(&world), Some(Signal::LedgerRefused));
        world.tap(&VirtualCard::numbered(2));
        world.press(port());
        try_to_begin_anew(&mut world);
        let wrong = world.command(Command::ConfirmEvidence(pile_controller::Fingerprint::new(
            [0; 8],
        )));
        assert_eq!(wrong, Some(Outcome::Refused(Refusal::NoSuchThing)));
        try_to_begin_anew(&mut world);
        world.power_cut();
        world.power_up();
        world.run_for(1_000);
        assert!(!world.relay(port()));
        assert_eq!(world.flash().image(), evidence, "{address}");
        let right = Command::ConfirmEvidence(world.fingerprint());
        assert_eq!(world.command(right), Some(Outcome::Done));
        world.run_for(31_000);
        assert_eq!(world.flash().image(), evidence, "{address}");
        try_to_begin_anew(&mut world);
        assert_eq!(last(&world), Some(Signal::Commissioned), "{address}");
        let (book, records) = world.read_ledger().unwrap();
        assert_eq!((book.accounts().len(), records.len()), (0, 1));
        world.tap(&landlord());
        assert_eq!(last(&world), Some(Signal::TapNewCard), "the same landlord");
    }
}

#[test]
fn a_flash_that_names_no_landlord_is_for_the_bench() {
    let mut world = cut_while_charging();
    damage(&world, 80..400);
    let evidence = world.flash().image();
    world.power_up();
    world.run_for(1_000);
    let right = Command::ConfirmEvidence(world.fingerprint());
    assert_eq!(world.command(right), Some(Outcome::Done));
    try_to_begin_anew(&mut world);
    assert_eq!(last(&world), Some(Signal::LedgerRefused));
    assert_eq!(world.flash().image(), evidence);
}

#[test]
fn a_ledger_of_another_format_is_refused_and_stays() {
    let mut world = cut_while_charging();
    damage(&world, 4..5);
    let evidence = world.flash().image();
    world.power_up();
    world.run_for(100_000);
    assert!(world.refused().is_some());
    assert_eq!(world.flash().image(), evidence);
}
