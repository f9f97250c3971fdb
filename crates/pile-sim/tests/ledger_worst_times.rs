//! What a cut may lose while the flash takes as long as its datasheet allows at the worst.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod ledger_model;

use billing_core::record::{Record, Reference};
use ledger_model::{Pile, tariff};
use pile_controller::{Command, Outcome};
use pile_sim::flash::{Operation, Part, Speed, Times, VirtualNor, W25q80, Words};
use pile_sim::life::{Desk, LANDLORD, Setup};
use pile_units::{AccountId, Duration, Limits, PlanId, PortId, Power};

/// A pile whose ports are as strong as their loads.
struct House<const W: usize, const E: usize> {
    desk: Desk<W, E>,
    flash: VirtualNor<W, E>,
    ports: usize,
    watts: u32,
    /// The most that a cut would have lost of a port, mWh.
    most: u64,
}

impl<const W: usize, const E: usize> House<W, E> {
    fn new(flash: VirtualNor<W, E>, part: Part, (ports, watts): (usize, u32)) -> Self {
        let setup = Setup {
            ports,
            times: part.times(Speed::Worst),
            moments: false,
            seed: 7,
        };
        let mut desk = Desk::format(&flash, setup).unwrap();
        desk.tap(LANDLORD).unwrap();
        desk.command(Command::SetTariff(PlanId::STANDARD, tariff(16)))
            .unwrap();
        let limits = Limits::default()
            .with_port_power(Power::from_watts(watts))
            .and_then(|it| it.with_pile_power(Power::from_watts(22_000)))
            .unwrap();
        desk.command(Command::SetLimits(limits)).unwrap();
        for card in 1..=u8::try_from(ports).unwrap() {
            desk.tap(LANDLORD).unwrap();
            desk.tap(card).unwrap();
        }
        Self {
            desk,
            flash,
            ports,
            watts,
            most: 0,
        }
    }

    /// Lets time pass and watches what is in no durable record.
    fn watch(&mut self, span: Duration) {
        let end = self.desk.now().after(span);
        while self.desk.now() < end {
            self.desk.wait(Duration::from_millis(20)).unwrap();
            let flows = self.desk.flows();
            let ports = PortId::first(self.ports);
            for ((port, (_, flowed)), booted) in ports.zip(flows.flowed).zip(flows.booted) {
                let recorded = self.desk.book().register(port).milliwatt_hours() - booted;
                self.most = self.most.max(flowed.saturating_sub(recorded));
            }
        }
    }

    /// A session on every port at its full power; then all is settled, paid and exported.
    fn day(&mut self, minutes: u32) {
        let ports: Vec<PortId> = PortId::first(self.ports).collect();
        for (port, card) in ports.iter().zip(1..) {
            self.desk.plug(*port, self.watts);
            self.desk.tap(card).unwrap();
            self.desk.press(*port).unwrap();
            assert!(self.desk.is_closed(*port), "{:?}", self.desk.last_signal());
        }
        self.watch(Duration::from_minutes(minutes));
        for (port, card) in ports.iter().zip(1..) {
            assert!(self.desk.is_closed(*port), "{:?}", self.desk.last_signal());
            self.desk.tap(card).unwrap();
            self.desk.press(*port).unwrap();
        }
        self.desk.wait(Duration::from_seconds(30)).unwrap();
        let through = self.desk.records().last().unwrap().0;
        for account in 1..=u16::try_from(self.ports).unwrap() {
            let settle = Command::Settle(AccountId::new(account));
            if let Outcome::Settled(number) = self.desk.command(settle).unwrap() {
                let reference: Reference = "cash".parse().unwrap();
                self.desk
                    .command(Command::MarkPaid(number, reference))
                    .unwrap();
            }
        }
        self.desk.command(Command::ConfirmExport(through)).unwrap();
    }

    /// Days until the log has gone round the flash, slices of its own work and all.
    fn round(&mut self) {
        let size = self.flash.image().len() as u64;
        let begun = self.flash.statistics();
        while self.flash.statistics().bytes_programmed < begun.bytes_programmed + 2 * size {
            self.day(30);
        }
        let erases = self.flash.statistics().erases - begun.erases;
        assert!(erases * E as u64 > size, "{erases} erases");
    }
}

#[test]
fn i3_a_cut_loses_a_watt_hour_at_most_while_a_w25q80_is_as_slow_as_it_may_be() {
    for load in [(10, 1000), (2, 2000), (10, 300)] {
        let flash = VirtualNor::<1, 4096>::new(16 * 4096, Words::ClearBits);
        let mut house = House::new(flash, Part::W25q80, load);
        house.round();
        println!("W25Q80, {load:?}: at most {} mWh", house.most);
        assert!(house.most <= 1000, "{load:?}: {} mWh", house.most);
        assert!(house.most > 500, "the watch sees what is at risk");
    }
}

#[test]
fn i3_a_cut_loses_a_watt_hour_at_most_while_an_stm32g4_is_as_slow_as_it_may_be() {
    let flash = VirtualNor::<8, 2048>::new(32 * 2048, Words::Once);
    let mut house = House::new(flash, Part::Stm32g4, (10, 1000));
    house.round();
    println!("STM32G4: at most {} mWh", house.most);
    assert!(house.most <= 1000, "{} mWh", house.most);
}

/// The one slice of the ledger's work that is longer than an erase.
#[test]
fn the_snapshot_of_the_largest_book_takes_as_long_as_the_readme_says() {
    let mut pile = Pile::on(W25q80::w25q80(), 1);
    pile.settle_in(128, tariff(16));
    PortId::first(16).for_each(|port| assert!(pile.open(port)));
    let times = |speed| Part::W25q80.times(speed).unwrap();
    let (mut typical, mut worst) = (0, 0);
    for _ in 0..30_000 {
        let record = progress(&pile);
        let ledger = pile.ledger.as_mut().unwrap();
        embassy_futures::block_on(ledger.append(&pile.book, &record)).unwrap();
        pile.book.apply(&record).unwrap();
        pile.flash.record_operations();
        while pile.ledger.as_ref().unwrap().wants_work(&pile.book) {
            pile.flash.take_operations();
            embassy_futures::block_on(pile.ledger.as_mut().unwrap().work(&pile.book)).unwrap();
            let done = pile.flash.take_operations();
            typical = typical.max(millis(&done, &times(Speed::Typical)));
            worst = worst.max(millis(&done, &times(Speed::Worst)));
        }
    }
    println!("the longest slice: {typical} ms, {worst} ms at the worst");
    assert!(worst > 450, "a snapshot is among them: {worst} ms");
    assert!(typical <= 600 && worst <= 2_400, "{typical} ms, {worst} ms");
}

fn progress<const W: usize, const E: usize>(pile: &Pile<W, E>) -> Record {
    let mut advances = billing_core::record::Advances::default();
    for session in pile.book.open_sessions() {
        let energy = pile_units::Energy::from_watt_hours(1);
        let advance = billing_core::record::Advance::of_session(session.port, energy);
        assert!(advances.push(advance));
    }
    Record::Progress {
        elapsed: 1,
        advances,
    }
}

fn millis(operations: &[Operation], times: &Times) -> u64 {
    let each = |operation: &Operation| match operation {
        Operation::Program { address, bytes } => {
            times.program(*address, u32::try_from(bytes.len()).unwrap())
        }
        Operation::Erase { .. } => times.erase,
    };
    operations.iter().map(each).sum::<u64>() / 1_000_000
}
