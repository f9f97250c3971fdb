//! `wear`: what a year of charging wears of the flash, on two real parts, measured on the real
//! controller and ledger.

mod append;
mod days;
mod tables;

use pile_sim::flash::{Part, Stm32g4, VirtualNor, W25q80, Words};
use pile_sim::life::Trouble;

use crate::app::Failure;
use crate::cli;
use append::Append;
pub use days::{Day, Days, House};

/// What is assumed of the days.
fn assumed(days: u32) -> String {
    format!(
        "Each port charges once a day, at 200 W for 8 h, over a change of price. Every {days} days the\n\
         landlord settles every account, is paid and confirms an export: sessions are kept for so long.\n\
         The supply fails once a week.\n\
         Measured after the first {days} days, until the log has gone round the flash three times.\n\n"
    )
}

const PORTS: usize = 10;
/// 10 years.
const YEARS: u64 = 10;
/// Bytes programmed for a watt-hour, in tenths, with ten ports and with one.
const MOST: (u64, u64) = (80, 240);

/// Measures, and returns the tables to print.
///
/// # Errors
/// [`Failure::Broken`] where the pile fails, or where the flash does not last.
pub fn wear(options: &cli::Wear) -> Result<String, Failure> {
    let day = |ports| Day {
        ports,
        watts: 200,
        hours: 8,
        kept: options.settled,
    };
    let broken = |trouble: Trouble| Failure::Broken(trouble.to_string());
    let parts = [
        measure::<8, 2048>(Part::Stm32g4, Stm32g4::stm32g4, day).map_err(broken)?,
        measure::<1, 4096>(Part::W25q80, W25q80::w25q80, day).map_err(broken)?,
    ];
    let table = assumed(options.settled) + &tables::tables(&parts);
    let lasts = parts.iter().all(|part| {
        part.ten.lasts()
            && part.one.lasts()
            && part.ten.dear() <= MOST.0
            && part.one.dear() <= MOST.1
    });
    if lasts {
        Ok(table)
    } else {
        let goals = "10 years, 8 bytes a watt-hour with ten ports, 24 with one";
        Err(Failure::Broken(format!(
            "a goal is missed: {goals}\n\n{table}"
        )))
    }
}

/// What was measured on a flash.
struct Measured {
    part: Part,
    pages: u64,
    page: usize,
    ten: Worn,
    one: Worn,
    mounts: [Mount; 3],
    full: u64,
    /// Records of 24 bytes, and the progress records of the ten ports.
    appends: [Appends; 2],
}

/// The same records in our journal and in a peer's queue.
struct Appends {
    ours: Append,
    theirs: Append,
}

struct Worn {
    days: Days,
    pages: u64,
    endurance: u64,
}

/// What a mount reads.
struct Mount {
    bytes: u64,
    reads: u64,
}

impl Worn {
    /// Tenths of years until the page that is erased most has reached its endurance.
    fn years(&self) -> u64 {
        let days = self.endurance * self.days.days / self.days.most.max(1);
        days * 10 / 365
    }

    fn lasts(&self) -> bool {
        self.years() >= YEARS * 10
    }

    /// Tenths of bytes programmed for a watt-hour.
    fn dear(&self) -> u64 {
        self.days.programmed * 10 / self.days.watt_hours.max(1)
    }
}

fn measure<const W: usize, const E: usize>(
    part: Part,
    blank: fn() -> VirtualNor<W, E>,
    day: impl Fn(usize) -> Day,
) -> Result<Measured, Trouble> {
    let words = match part {
        Part::W25q80 => Words::ClearBits,
        Part::Stm32g4 => Words::Once,
    };
    let pages = u64::try_from(part.bytes() / E).unwrap_or(1);
    let days = |ports| {
        eprintln!("{}: days with {ports} ports", part.name());
        let days = House::new(&blank(), part, day(ports))?.live()?;
        let endurance = u64::from(part.endurance());
        Ok::<_, Trouble>(Worn {
            days,
            pages,
            endurance,
        })
    };
    let (ten, one) = (days(PORTS)?, days(1)?);
    eprintln!("{}: mounts", part.name());
    let flash = blank();
    let mut house = House::new(&flash, part, day(PORTS))?;
    let empty = mount(&flash, words)?;
    for _ in 0..6 {
        house.day()?;
    }
    let typical = mount(&flash, words)?;
    let full = house.fill()?;
    let brim = mount(&flash, words)?;
    eprintln!("{}: records alone", part.name());
    let appends = |lengths: &[usize]| {
        Ok::<_, Trouble>(Appends {
            ours: append::ours(&blank(), lengths)?,
            theirs: append::theirs(&blank(), lengths)?,
        })
    };
    let appends = [appends(&[24])?, appends(&ten.days.lengths)?];
    Ok(Measured {
        part,
        pages,
        page: E,
        ten,
        one,
        mounts: [empty, typical, brim],
        full: full + 6 * PORTS as u64,
        appends,
    })
}

fn mount<const W: usize, const E: usize>(
    flash: &VirtualNor<W, E>,
    words: Words,
) -> Result<Mount, Trouble> {
    let copy = VirtualNor::<W, E>::from_image(&flash.image(), words);
    let mounted = billing_core::ledger::Ledger::mount(copy.clone());
    let mounted = embassy_futures::block_on(mounted);
    mounted.map_err(|error| Trouble::Other(error.to_string()))?;
    let done = copy.statistics();
    Ok(Mount {
        bytes: done.bytes_read,
        reads: done.reads,
    })
}
