//! `wear`: what a year of charging wears of the flash, on two real parts, measured on the real
//! controller and ledger.

mod append;
mod days;

use std::fmt::{self, Display};

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
    let table = assumed(options.settled) + &tables(&parts);
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
    append: Append,
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
    eprintln!("{}: records of 24 bytes", part.name());
    Ok(Measured {
        part,
        pages,
        page: E,
        ten,
        one,
        mounts: [empty, typical, brim],
        full: full + 6 * PORTS as u64,
        append: append::ours(&blank())?,
        theirs: append::theirs(&blank())?,
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

/// Tenths as a decimal.
struct Tenths(u64);

impl Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.0 / 10, self.0 % 10))
    }
}

/// Hundredths as a decimal.
struct Hundredths(u64);

impl Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}

fn tables(parts: &[Measured]) -> String {
    let mut out = format!("{:<44}", "");
    for part in parts {
        out += &format!("{:>14}{:>12}", part.part.name(), "");
    }
    out += &format!("\n{:<44}", "");
    for _ in parts {
        out += &format!("{:>14}{:>12}", "ten ports", "one port");
    }
    out.push('\n');
    let mut row = |name: &str, value: &dyn Fn(&Worn, &Measured) -> String| {
        out += &format!("{name:<44}");
        for part in parts {
            out += &format!(
                "{:>14}{:>12}",
                value(&part.ten, part),
                value(&part.one, part)
            );
        }
        out.push('\n');
    };
    row("pages", &|_, it| format!("{} x {}", it.pages, it.page));
    row("cycles a page stands", &|it, _| it.endurance.to_string());
    row("days measured", &|it, _| it.days.days.to_string());
    row("kWh delivered a day", &|it, _| {
        Tenths(it.days.watt_hours / it.days.days / 100).to_string()
    });
    row("records a day", &|it, _| {
        (it.days.records / it.days.days).to_string()
    });
    row("bytes programmed a kWh", &|it, _| {
        (it.days.programmed * 1000 / it.days.watt_hours).to_string()
    });
    row("bytes programmed a Wh", &|it, _| {
        Hundredths(it.days.programmed * 100 / it.days.watt_hours).to_string()
    });
    row("  of these progress", &|it, _| {
        Hundredths(it.days.frames * 100 / it.days.watt_hours).to_string()
    });
    row("bytes programmed for a byte of records", &|it, _| {
        Hundredths(it.days.programmed * 100 / it.days.payload).to_string()
    });
    row("a progress record, bytes of payload", &|it, _| {
        let (records, payload) = it.days.progress;
        Tenths(payload * 10 / records.max(1)).to_string()
    });
    row("its frame, bytes", &|it, _| {
        Tenths(it.days.frames * 10 / it.days.progress.0.max(1)).to_string()
    });
    row("its frame for a byte of its payload", &|it, _| {
        Hundredths(it.days.frames * 100 / it.days.progress.1.max(1)).to_string()
    });
    row("programs and erases for a record", &|it, _| {
        let done = it.days.programs + it.days.erases;
        Hundredths(done * 100 / it.days.records).to_string()
    });
    row("times round the flash", &|it, part| {
        Tenths(it.days.programmed * 10 / (part.pages * part.page as u64)).to_string()
    });
    row("erases of a page a day, all pages", &|it, _| {
        Tenths(it.days.erases * 10 / it.days.days).to_string()
    });
    row("erases of the most worn page, and of the mean", &|it, _| {
        let mean = Tenths(it.days.erases * 10 / it.pages);
        format!("{}, {mean}", it.days.most)
    });
    row("years until that page is worn out", &|it, _| {
        Tenths(it.years()).to_string()
    });
    out += "\nA mount reads (bytes, operations)\n";
    let states = ["empty", "typical: six days, not exported", "full"];
    for (state, index) in states.iter().zip(0..) {
        out += &format!("  {state:<42}");
        for part in parts {
            let mount = part.mounts.get(index);
            let text = mount.map(|it| format!("{}, {}", it.bytes, it.reads));
            out += &format!("{:>26}", text.unwrap_or_default());
        }
        out.push('\n');
    }
    out += &format!("  {:<42}", "sessions in the full one");
    for part in parts {
        out += &format!("{:>26}", part.full);
    }
    out += "\n\nA record of 24 bytes appended, with headers and erases\n";
    let mut row = |name: &str, value: &dyn Fn(&Measured) -> String| {
        out += &format!("  {name:<42}");
        for part in parts {
            out += &format!("{:>26}", value(part));
        }
        out.push('\n');
    };
    row("ours: bytes for a byte", &|it| {
        Hundredths(it.append.ratio).to_string()
    });
    row("ours: programs and erases", &|it| {
        Hundredths(it.append.operations).to_string()
    });
    row("sequential-storage 8.0: bytes for a byte", &|it| {
        Hundredths(it.theirs.ratio).to_string()
    });
    row("sequential-storage 8.0: programs and erases", &|it| {
        Hundredths(it.theirs.operations).to_string()
    });
    out += "Ours has a hash chain beside the check sum; sequential-storage has a check sum.\n";
    out
}
