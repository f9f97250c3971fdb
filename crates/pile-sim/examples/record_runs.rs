//! Records the flows of a house and lives drawn by chance, and plays them again here: what the
//! emulated chips must leave, byte for byte.

use std::path::Path;

use billing_core::book::testing::next_record;
use billing_core::journal::testing::RamFlash;
use billing_core::ledger::Ledger;
use billing_core::receipt::SoftwareKey;
use embassy_futures::block_on;
use pile_controller::playback::play;
use pile_sim::life::{RUN_ERASE, RUN_FLASH, RUN_WRITE, runs, site};

type Failure = Box<dyn std::error::Error>;
type Flash = RamFlash<RUN_WRITE, RUN_ERASE, RUN_FLASH>;

/// A ledger that holds so many records of all kinds, or all that it takes.
fn ledger(records: u32) -> Result<Box<Flash>, Failure> {
    let mut flash = Box::new(Flash::new());
    let (mut ledger, mut book) = block_on(Ledger::format(&mut *flash, site(None).identity))?;
    let mut state = 1u32;
    let mut dice = |sides: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % sides.max(1)
    };
    for _ in 0..records {
        let record = next_record(&book, 10, &mut dice);
        if block_on(ledger.append(&book, &record)).is_err() {
            break;
        }
        book.apply(&record)?;
        while ledger.wants_work(&book) {
            block_on(ledger.work(&book))?;
        }
    }
    Ok(flash)
}

/// Writes `runs` and `host` into a folder, and `empty` and `full`, the flash of such ledgers.
fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(lives)) = (arguments.next(), arguments.next()) else {
        return Err("usage: record_runs FOLDER LIVES".into());
    };
    let folder = Path::new(&folder);
    let key = SoftwareKey::from_bytes(&[7; 32])?;
    let (mut recorded, mut left) = (Vec::new(), String::new().into_bytes());
    let (mut steps, mut records, mut sessions) = (0, 0, 0);
    let runs = runs(lives.parse()?)?;
    for run in &runs {
        let bytes = run.bytes();
        recorded.extend(u32::try_from(bytes.len())?.to_le_bytes());
        recorded.extend(bytes);
        let mut flash = Box::new(Flash::new());
        let mut receipts = String::new();
        let site = site(Some(&key));
        let played = play(&site, &mut *flash, run.steps.iter().cloned(), &mut receipts);
        let played = block_on(played).map_err(|error| format!("{}: {error}", run.name))?;
        if flash.bytes[..] != run.image[..] {
            return Err(format!("{}: played again it is another", run.name).into());
        }
        left.extend(format!("{receipts}{played}\n").into_bytes());
        left.extend(flash.bytes);
        steps += played.steps;
        records += played.records;
        sessions += played.sessions;
    }
    std::fs::write(folder.join("empty"), ledger(0)?.bytes)?;
    std::fs::write(folder.join("full"), ledger(1_000_000)?.bytes)?;
    std::fs::write(folder.join("runs"), recorded)?;
    std::fs::write(folder.join("host"), left)?;
    println!(
        "{} runs, {steps} steps, {records} records, {sessions} sessions",
        runs.len()
    );
    Ok(())
}
