//! Counts what keeps a pile from being served, in instructions of this machine, with valgrind:
//!
//! ```text
//! cargo run --release -p pile-sim --example service_cost
//! ```
//!
//! It runs itself under `valgrind --tool=callgrind`, which counts exactly, and only inside one
//! function: [`counted_work`] here, or the one in which the virtual world polls the shell's future. The
//! longest of those polls is the longest time between two waits: no reading, button, trip or card is
//! served in it. The virtual parts answer inside their polls, so their own work is in the figure.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use billing_core::book::Book;
use billing_core::book::testing::next_record;
use billing_core::journal::Identity;
use billing_core::journal::testing::RamFlash;
use billing_core::ledger::Ledger;
use billing_core::receipt::{ReceiptSigner, SoftwareKey};
use billing_core::record::{Advance, Advances, Record};
use billing_core::tariff::{Band, Tariff};
use embassy_futures::block_on;
use pile_controller::Command as Ask;
use pile_sim::cards::VirtualCard;
use pile_sim::flash::{Part, Speed, VirtualNor, Words};
use pile_sim::life::{Desk, LANDLORD, Setup};
use pile_sim::world::{self, Bike, World};
use pile_units::{AccountId, Currency, Duration, Energy, PlanId, PortId, Power, UtcOffset};

type Failure = Box<dyn std::error::Error>;
/// The ledger's part of an STM32G474.
type Flash = RamFlash<8, 2048, { 64 << 10 }>;

/// Nothing outside of it is counted.
#[inline(never)]
fn counted_work<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        None => tables(),
        Some("signature") => signature(),
        Some("session") => session(),
        Some("append") => append(),
        Some("empty") => mount(0),
        Some("typical") => mount(50),
        Some("full") => mount(100),
        Some("polls") => polls(),
        Some("slices") => slices(),
        Some(other) => Err(format!("what is {other}?").into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn signature() -> Result<(), Failure> {
    let key = SoftwareKey::from_bytes(&[7; 32])?;
    counted_work(|| key.sign_digest(&[1; 32]))?;
    Ok(())
}

fn tariff() -> Result<Tariff, Failure> {
    let band = Band {
        name: "flat".parse()?,
        energy: "0.568".parse()?,
        service: "0.20".parse()?,
    };
    Ok(Tariff::flat(Currency::CNY, UtcOffset::UTC, band))
}

/// A session: card, button, readings for two seconds, card, button, bill.
fn session() -> Result<(), Failure> {
    let setup = Setup {
        ports: 10,
        times: None,
        moments: false,
        seed: 1,
    };
    let flash = VirtualNor::<8, 2048>::new(64 << 10, Words::Once);
    let mut desk = Desk::format(&flash, setup)?;
    desk.tap(LANDLORD)?;
    desk.command(Ask::SetTariff(PlanId::STANDARD, tariff()?))?;
    desk.tap(LANDLORD)?;
    desk.tap(1)?;
    let port = PortId::from_number(3)?;
    desk.plug(port, 200);
    desk.wait(Duration::from_seconds(60))?;
    counted_work(|| {
        desk.tap(1)?;
        desk.press(port)?;
        desk.tap(1)?;
        desk.press(port)?;
        desk.settle()
    })?;
    let closed = |(_, record): &&(u64, Record)| matches!(record, Record::SessionClosed(_));
    let sessions = desk.records().iter().filter(closed).count();
    (sessions == 1)
        .then_some(())
        .ok_or("no session was billed")?;
    Ok(())
}

fn dice() -> impl FnMut(u32) -> u32 {
    let mut state = 1_u32;
    move |sides| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % sides.max(1)
    }
}

/// A ledger that has lived until so many records, or until it takes no more.
fn lived(records: usize) -> Result<(Ledger<Flash>, Book, usize), Failure> {
    let flash = Flash::new();
    let (mut ledger, mut book) = block_on(Ledger::format(flash, Identity::new([7; 16])))?;
    let mut dice = dice();
    for done in 0..records {
        let record = next_record(&book, 4, &mut dice);
        if block_on(ledger.append(&book, &record)).is_err() {
            return Ok((ledger, book, done));
        }
        book.apply(&record)?;
        while ledger.wants_work(&book) {
            block_on(ledger.work(&book))?;
        }
    }
    Ok((ledger, book, records))
}

fn append() -> Result<(), Failure> {
    let (mut ledger, book, _) = lived(200)?;
    let mut advances = Advances::default();
    let port = PortId::from_number(1)?;
    let pushed = advances.push(Advance::unattributed(
        port,
        Energy::from_milliwatt_hours(94),
    ));
    pushed.then_some(()).ok_or("no room for one port")?;
    let elapsed = 1;
    let record = Record::Progress { elapsed, advances };
    counted_work(|| block_on(ledger.append(&book, &record)))?;
    Ok(())
}

/// Mounts a ledger that is full to so many hundredths of its life.
fn mount(part: usize) -> Result<(), Failure> {
    let (_, _, all) = lived(1_000_000)?;
    let (ledger, _, _) = lived(all * part / 100)?;
    let flash = ledger.release();
    counted_work(|| block_on(Ledger::mount(flash)))?;
    Ok(())
}

/// One slice of the ledger's own work, in one poll: the flash has nothing to wait for.
#[inline(never)]
fn one_slice(ledger: &mut Ledger<Flash>, book: &Book) -> Result<(), Failure> {
    Ok(block_on(ledger.work(book))?)
}

/// The ledger's own work from the middle of its life to its end, a book of all kinds of facts.
fn slices() -> Result<(), Failure> {
    let (_, _, all) = lived(1_000_000)?;
    let (mut ledger, mut book, _) = lived(all / 2)?;
    let base = ledger.room().pages_free;
    let mut dice = dice();
    let mut given_back = false;
    for _ in all / 2..all {
        let record = next_record(&book, 4, &mut dice);
        if book.check(&record).is_err() || block_on(ledger.append(&book, &record)).is_err() {
            continue;
        }
        book.apply(&record)?;
        while ledger.wants_work(&book) {
            one_slice(&mut ledger, &book)?;
            given_back |= ledger.room().pages_reclaimed > 0 || ledger.room().pages_free > base;
        }
    }
    given_back
        .then_some(())
        .ok_or_else(|| "no page was given back".into())
}

/// Six minutes with everything in them, on four busy ports. No page is given back in them.
fn polls() -> Result<(), Failure> {
    let mut world = World::new(world::Setup {
        ports: 4,
        flash: Part::Stm32g4,
        flash_bytes: 64 << 10,
        speed: Speed::Typical,
        ..world::Setup::default()
    });
    world.power_up();
    let landlord = VirtualCard::numbered(1);
    world.tap(&landlord);
    world.command(Ask::SetTariff(PlanId::STANDARD, tariff()?));
    let tenants: Vec<_> = (2..6).map(VirtualCard::numbered).collect();
    for card in &tenants {
        world.tap(&landlord);
        world.tap(card);
    }
    let ports: Vec<PortId> = PortId::first(4).collect();
    for round in 0..2 {
        for (port, card) in ports.iter().zip(&tenants) {
            let battery = Energy::from_watt_hours(2_000);
            world.plug(*port, Bike::charger(Power::from_watts(900), battery));
            world.tap(card);
            world.press(*port);
        }
        world.run_for(60_000);
        world.command(Ask::SetTariff(PlanId::STANDARD, tariff()?));
        world.run_for(120_000);
        for (port, card) in ports.iter().zip(&tenants) {
            world.tap(card);
            world.press(*port);
        }
        world.run_for(15_000);
        if round == 0 {
            for account in 1..=4 {
                world.command(Ask::Settle(AccountId::new(account)));
            }
            world.command(Ask::ConfirmExport(u64::from(u32::MAX)));
        }
    }
    let (book, _) = world.read_ledger()?;
    let billed: u32 = book.accounts().iter().map(|it| it.sessions).sum();
    (billed == 8)
        .then_some(())
        .ok_or_else(|| format!("{billed} sessions: {:?}", world.signals()))?;
    eprintln!("erased {} times", world.flash().statistics().erases);
    Ok(())
}

fn tables() -> Result<(), Failure> {
    println!("| what | instructions |");
    println!("| --- | ---: |");
    for (work, label) in [
        (
            "signature",
            "a receipt's signature, a poll of its own when a phone asks for one",
        ),
        ("append", "a progress record appended"),
        (
            "session",
            "a session: card, button, readings, card, button, bill",
        ),
        ("empty", "an empty ledger of 64 KiB mounted"),
        ("typical", "one in the middle of its life"),
        ("full", "a full one"),
    ] {
        let counted = count(work)?;
        println!("| {label} | {} |", counted.instructions);
        if work == "session" {
            let label = "allocations in that session, the virtual parts' own";
            println!("| {label} | {} |", counted.allocations);
        }
        // What would find a signature in a poll finds it where there is one.
        if (work == "signature") != counted.signs {
            return Err(format!("{work}: signs: {}", counted.signs).into());
        }
    }
    let slices = each("slices", "service_cost::one_slice")?;
    let longest = slices.iter().map(|it| it.instructions).max();
    println!(
        "| the longest of {} slices of the ledger's own work: pages given back, snapshots | {} |",
        slices.len(),
        longest.ok_or("no slice was counted")?
    );
    let all = each("polls", "pile_sim::world::poll_shell")?;
    if all.iter().any(|poll| poll.signs) {
        return Err("a poll of the shell signs".into());
    }
    let all: Vec<u64> = all.iter().map(|poll| poll.instructions).collect();
    let (first, later) = all.split_first().ok_or("no poll was counted")?;
    let longest = later.iter().max().ok_or("one poll only")?;
    let total: u64 = later.iter().sum();
    println!("| the shell's first poll: a blank flash formatted | {first} |");
    println!(
        "| **the longest of {} polls after it; none signs** | {longest} |",
        later.len()
    );
    println!("| the mean of them | {} |", total / later.len() as u64);
    Ok(())
}

/// Runs this program on one work, and counts in the functions with this name only.
fn callgrind(work: &str, inside: &str, more: &[String], out: &Path) -> Result<(), Failure> {
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg("--compress-strings=no")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(format!("--toggle-collect=*{inside}*"))
        .args(more)
        .arg(std::env::current_exe()?)
        .arg(work)
        .output()
        .map_err(|error| format!("valgrind: {error}; install it (apt install valgrind)"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("{work}: {}\n{text}", output.status).into())
}

/// What a file of callgrind's says.
struct Counted {
    instructions: u64,
    allocations: u64,
    /// True if a function of the elliptic curve ran.
    signs: bool,
}

impl Counted {
    /// None if nothing was counted.
    fn read(text: &str) -> Option<Self> {
        let total = |line: &str| {
            let line = line
                .strip_prefix("summary: ")
                .or_else(|| line.strip_prefix("totals: "));
            line?.trim().parse().ok()
        };
        let instructions = text.lines().find_map(total).filter(|it| *it > 0)?;
        let calls = text.lines().zip(text.lines().skip(1));
        let allocations = calls.filter_map(|(callee, calls)| {
            let name = callee.strip_prefix("cfn=")?;
            let allocates = ["malloc", "calloc", "realloc", "posix_memalign"].contains(&name);
            let calls = calls.strip_prefix("calls=").filter(|_| allocates)?;
            calls.split(' ').next()?.parse::<u64>().ok()
        });
        let is_curve = |line: &str| {
            let name = line.strip_prefix("fn=");
            name.is_some_and(|name| CURVE.iter().any(|part| name.contains(part)))
        };
        Some(Self {
            instructions,
            allocations: allocations.sum(),
            signs: text.lines().any(is_curve),
        })
    }
}

/// What the names of the curve's functions have in them.
const CURVE: [&str; 3] = ["p256", "ecdsa", "elliptic_curve"];

fn count(work: &str) -> Result<Counted, Failure> {
    let out = PathBuf::from(format!("{}-{work}", std::env::current_exe()?.display()));
    callgrind(work, "counted_work", &[], &out)?;
    let text = std::fs::read_to_string(&out)?;
    std::fs::remove_file(&out)?;
    Counted::read(&text).ok_or_else(|| format!("{work}: nothing was counted").into())
}

/// Each call of a function in a work: callgrind writes a file after each.
fn each(work: &str, function: &str) -> Result<Vec<Counted>, Failure> {
    let folder = PathBuf::from(format!("{}-{work}", std::env::current_exe()?.display()));
    std::fs::create_dir_all(&folder)?;
    // Callgrind takes no pattern here.
    let dump = format!("--dump-after={function}");
    callgrind(work, function, &[dump], &folder.join("call"))?;
    let mut calls = Vec::new();
    for file in std::fs::read_dir(&folder)? {
        let path = file?.path();
        let number = path.extension().and_then(|it| it.to_str());
        let number: Option<u32> = number.and_then(|it| it.parse().ok());
        let counted = Counted::read(&std::fs::read_to_string(&path)?);
        calls.extend(number.zip(counted));
    }
    std::fs::remove_dir_all(&folder)?;
    calls.sort_unstable_by_key(|(number, _)| *number);
    Ok(calls.into_iter().map(|(_, counted)| counted).collect())
}
