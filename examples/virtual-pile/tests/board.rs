//! The pile on an emulated chip: its real program, with phones, cards, bikes and meters at its serial
//! ports, and killed again and again as it charges.
//!
//! `cargo xtask test --only boards` builds the programs and says in `OPENPILE_BOARD` how the emulator is
//! called.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod house;

use std::time::{Duration, Instant};

use billing_core::book::Book;
use billing_core::record::{Record, StopReason};
use house::{House, contains, pilectl, tariff};
use pile_sim::flash::Part;
use pile_sim::world::read_ledger;
use pile_units::PortId;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const PORTS: usize = 8;
/// What the stack and the running pile may take, bytes: what was measured, and some percent.
const MOST_STACK: u64 = 42_000;
const MOST_RAM: u64 = 75_000;
/// I3: a cut loses no more at a port, in milliwatt-hours.
const MOST_LOST: u64 = 1_000;

fn emulator() -> Vec<String> {
    let said = std::env::var("OPENPILE_BOARD");
    let said = said.unwrap_or_else(|_| panic!("run it by: cargo xtask test --only boards"));
    said.split_whitespace().map(str::to_owned).collect()
}

type Ledger = (Book, Vec<(u64, Record)>);

/// What lies on the board's flash, which may be in the middle of anything.
fn ledger(house: &House) -> Ledger {
    let image = std::fs::read(house.path("flash")).unwrap();
    read_ledger(Part::Stm32g4, &image).unwrap_or_else(|why| panic!("I4: {why}"))
}

/// What went through each meter, in milliwatt-hours, rounded down.
fn delivered(house: &mut House) -> Vec<u64> {
    house.order_without_waiting("meters");
    let energies = (0..PORTS).map(|_| {
        let line = house.until("meter ");
        let energy: u64 = line.split(' ').nth(2).unwrap().parse().unwrap();
        energy / 3_600_000
    });
    energies.collect()
}

/// The deepest stack, bytes, and the longest that nothing else was served since it was asked last,
/// microseconds; RAM of the running pile, bytes.
fn gauge(house: &mut House) -> (u64, u64, u64) {
    house.order_without_waiting("gauge");
    let line = house.until("gauge stack");
    let mut numbers = line.split(' ').filter_map(|word| word.parse().ok());
    let mut number = || numbers.next().unwrap();
    (number(), number(), number())
}

/// Where the emulator counts instructions, 8 ns each: no more than the real chip does in 100 ms, were a cycle
/// an instruction. That is an STM32G474 at 170 MHz, an ESP32-C3 at 160.
fn is_served_in_time(micros: u64, relays_open: bool) {
    let emulator = emulator();
    if emulator.iter().any(|word| word.starts_with("shift=3,")) {
        let instructions = micros * 1000 / 8;
        println!("    which are {instructions} instructions");
        let riscv = emulator.iter().any(|word| word.contains("riscv"));
        let most = if riscv { 16_000_000 } else { 17_000_000 };
        // A start is no danger: every relay is open.
        assert!(instructions < most || relays_open, "{instructions}");
    }
}

/// A blank board with a landlord, prices, and a tenant's card; and the tenant's phone.
fn lived_in() -> House {
    let mut house = House::on_board(&emulator());
    house.until("port 8: Free");
    // It makes its public key meanwhile.
    std::thread::sleep(Duration::from_secs(2));
    let (_, busy, _) = gauge(&mut house);
    println!("    a start keeps it busy for {busy} us");
    is_served_in_time(busy, true);
    let code = house.code("landlord");
    let told = house.tapped("landlord", &["bind", &code], "landlord");
    contains(&told, &["the landlord's"]);
    house.phone("landlord", &["tariff", "set", &tariff()]);
    house.phone("landlord", &["set-clock"]);
    let told = house.tapped("landlord", &["authorise"], "tenant1");
    contains(&told, &["of account 1 is authorised"]);
    let code = house.code("tenant1");
    house.tapped("tenant", &["bind", &code], "tenant1");
    house
}

#[test]
#[ignore = "needs an emulated board: cargo xtask test --only boards"]
fn a_house_lives_by_phone_and_card_at_an_emulated_board() {
    let mut house = lived_in();
    // By phone.
    house.order("plug 2 900 100000");
    let told = house.phone("tenant", &["start", "2"]);
    contains(&told, &["Session 1 on port 2"]);
    house.until("port 2: the relay closes");
    std::thread::sleep(Duration::from_secs(10));
    contains(&house.phone("tenant", &["ports"]), &["charging", "mine"]);
    contains(
        &house.phone("tenant", &["stop"]),
        &["session 1", "by phone"],
    );
    house.until("port 2: the relay opens");

    // By card.
    house.order("plug 3 600 100000");
    by_card(&mut house, 3);
    std::thread::sleep(Duration::from_secs(8));
    house.order("tap tenant1");
    house.until("ChoosePort");
    house.order("press 3");
    house.until("port 3: the relay opens");

    let record = house.path("receipt.ocmf");
    house.phone("tenant", &["receipt", "1", "--out", &record]);
    let key = house.path("tenant.pile.pem");
    let arguments = ["receipt", "verify", &record, "--key", &key, "--part"];
    contains(&pilectl(&arguments), &["VERIFIED: 1 of 1 genuine"]);
    contains(&house.phone("landlord", &["settle", "1"]), &["2 sessions"]);
    contains(&house.phone("landlord", &["mark-paid", "1"]), &["is paid"]);
    let export = house.path("export.jsonl");
    house.phone("landlord", &["export", &export]);
    contains(&pilectl(&["ledger", "verify", &export]), &["Verified"]);
    contains(&house.phone("landlord", &["deregister", "1"]), &["closed"]);
    house.order("tap tenant1");
    house.until("Refused");

    let (stack, busy, ram) = gauge(&mut house);
    println!(
        "    stack {stack} bytes, the running pile {ram}; nothing else is served for {busy} us"
    );
    assert!(stack < MOST_STACK && ram < MOST_RAM && ram > 0);
    is_served_in_time(busy, false);
    let through = delivered(&mut house);
    let (book, _) = ledger(&house);
    let balance = book.balance();
    assert_eq!(balance.metered, balance.accounted(), "I2");
    let mut sum = 0;
    for (port, through) in PortId::first(PORTS).zip(through) {
        let counted = book.register(port).milliwatt_hours();
        // Nothing was cut: what is missing is a step of the counter's, and what the next reading has.
        assert!(counted <= through && through - counted < 500, "I3: {port}");
        sum += counted;
    }
    assert!(sum > 3_000, "{sum} mWh");
    assert_eq!(balance.metered.milliwatt_hours(), sum);
}

/// What was so before, and must be so after.
struct Before {
    records: Vec<(u64, Record)>,
    counted: Vec<u64>,
    through: Vec<u64>,
}

impl Before {
    fn at(house: &mut House) -> Self {
        let (book, records) = ledger(house);
        Self {
            records,
            counted: counted(&book),
            through: delivered(house),
        }
    }

    /// The pile has started again after a kill: I2, I3, I4.
    fn judge(&self, after: &Self, book: &Book) {
        let kept = after.records.starts_with(&self.records);
        assert!(kept, "I4: a record is lost, altered or reordered");
        let balance = book.balance();
        assert_eq!(balance.metered, balance.accounted(), "I2");
        for port in 0..PORTS {
            let counted = after.counted[port] - self.counted[port];
            let through = after.through[port] - self.through[port];
            assert!(counted <= through, "I3: {counted} of {through} mWh");
            let lost = through - counted;
            assert!(lost <= MOST_LOST, "I3: {lost} mWh are lost");
        }
    }
}

/// Starts a session by card, as a tenant does who taps again when the pile says no: it has just started,
/// and its meters or its reader may not be there yet.
fn by_card(house: &mut House, port: u8) {
    let closes = format!("port {port}: the relay closes");
    for _ in 0..5 {
        house.order("tap tenant1");
        if house
            .until_one_of(&["ChoosePort", "Refused"])
            .contains("Refused")
        {
            continue;
        }
        house.order(&format!("press {port}"));
        if house.until_one_of(&[&closes, "Refused"]).contains(&closes) {
            return;
        }
    }
    panic!("port {port} does not start");
}

/// Waits until the pile has closed what the kill left open.
fn recovered(house: &House) -> Book {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let (book, _) = ledger(house);
        if book.open_sessions().count() == 0 {
            return book;
        }
        assert!(Instant::now() < until, "a session stays open");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn counted(book: &Book) -> Vec<u64> {
    let of = |port| book.register(port).milliwatt_hours();
    PortId::first(PORTS).map(of).collect()
}

#[test]
#[ignore = "needs an emulated board: cargo xtask test --only boards"]
fn fifty_kills_of_a_charging_board_lose_nothing_that_was_told() {
    let mut house = lived_in();
    for port in [1, 2, 5] {
        house.order(&format!("plug {port} 900 100000"));
    }
    let mut chance = ChaCha8Rng::seed_from_u64(50);
    let (mut opened, mut killed, mut most) = (0, Vec::new(), 0);
    let mut before = Before::at(&mut house);
    for round in 0..50 {
        println!("    kill {}", round + 1);
        // One port by card, some rounds two; sometimes a third by phone.
        let mut ports = vec![1];
        ports.extend((round % 3 == 0).then_some(5));
        for port in ports {
            by_card(&mut house, port);
            opened += 1;
        }
        if round % 10 == 5 {
            opened += 1;
            let told = house.phone("tenant", &["start", "2"]);
            contains(&told, &[&format!("Session {opened} ")]);
        }
        // Most are killed soon, some once several watt-hours have flowed.
        let long = if round % 10 == 7 { 9_000 } else { 0 };
        std::thread::sleep(Duration::from_millis(long + chance.next_u64() % 3_000));
        house.order("cut");
        // Sometimes again, as it recovers.
        if round % 4 == 1 {
            house.order("restore");
            std::thread::sleep(Duration::from_millis(1_500 + chance.next_u64() % 300));
            house.order("cut");
        }
        let (book, records) = ledger(&house);
        assert!(records.starts_with(&before.records), "I4, before it starts");
        let charging = book.open_sessions().filter(|it| !it.ended);
        killed.extend(charging.map(|it| it.id));
        house.order("restore");
        house.until("port 8: Free");
        let book = recovered(&house);
        let after = Before::at(&mut house);
        before.judge(&after, &book);
        most = most.max(after.through[0] - before.through[0]);
        before = after;
    }
    let closed: Vec<_> = before
        .records
        .iter()
        .filter_map(|(_, record)| match record {
            Record::SessionClosed(closed) => Some(closed),
            _ => None,
        })
        .collect();
    assert_eq!(
        closed.len(),
        opened,
        "I4: a session was told, and is not there"
    );
    for session in &closed {
        if killed.contains(&session.session) {
            assert_eq!(session.reason, StopReason::PowerLost);
        }
    }
    assert!(most > 2 * MOST_LOST, "only {most} mWh at once");
    assert!(killed.len() > 50, "only {} were charging", killed.len());
    let lost: u64 = before.through.iter().sum::<u64>() - before.counted.iter().sum::<u64>();
    let killed = killed.len();
    println!("    {opened} sessions, {killed} killed as they charged, {lost} mWh lost");
    let told = pilectl(&["ledger", "verify", &house.path("flash")]);
    contains(&told, &["Verified"]);
}
