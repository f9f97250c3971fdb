//! What of a program is whose: flash and RAM by crate, from its symbols.
//!
//! Flash is every section that is loaded, RAM every one that is written. A symbol counts for the crate
//! whose function or static it is, so generic code counts for who wrote it, and what was inlined
//! for who it went into. What has no symbol (constants without a name, padding, the vector table) and what
//! is named as C names are (`memcpy`, division) is *nameless*, and counts as the application's.

use std::collections::BTreeMap;
use std::path::Path;

use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, elf};
use serde_json::Value;

use crate::board::BOARDS;
use crate::process::Workspace;
use crate::runner::Outcome;

/// Builds every board and prints its flash and RAM by crate; over its budget it fails.
pub fn check(workspace: &Workspace) -> Outcome {
    let mut over = Vec::new();
    for board in &BOARDS {
        let program = match board.program(workspace) {
            Ok(program) => program,
            Err(outcome) => return outcome,
        };
        match report(workspace, board.name, &program) {
            Ok(found) => over.extend(found),
            Err(why) => return Outcome::Failed(why),
        }
    }
    Outcome::of_findings(&over)
}

/// The budgets, from the workspace's root.
const BUDGETS: &str = "examples/boards/budgets.toml";

/// Crates of a chip: its HAL, executor and radio, its start-up, and what a board is wired with.
const CHIP: &[&str] = &[
    "bt_hci",
    "cortex_m",
    "cortex_m_rt",
    "embassy_executor",
    "embassy_hal_internal",
    "embassy_stm32",
    "embassy_sync",
    "embassy_time",
    "embassy_time_driver",
    "emulated",
    "qemu_cortex_m4",
    "qemu_riscv32",
    "stm32_metapac",
    "stm32g474",
    "trouble_host",
];

/// True for a crate of a chip. Those of the ESP32 are many, and all begin alike.
fn is_chips(name: &str) -> bool {
    CHIP.contains(&name) || name.starts_with("esp")
}

const NAMELESS: &str = "nameless";

/// Bytes of flash and of RAM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bytes {
    flash: u64,
    ram: u64,
}

impl Bytes {
    fn add(&mut self, other: Self) {
        self.flash += other.flash;
        self.ram += other.ram;
    }
}

/// Prints the table of a program, and returns where it is over its budget.
///
/// # Errors
///
/// The program or the budgets cannot be read.
fn report(workspace: &Workspace, board: &str, program: &Path) -> Result<Vec<String>, String> {
    let said = |error: std::io::Error| format!("{}: {error}", program.display());
    let image = std::fs::read(program).map_err(said)?;
    let crates = weigh(&image)?;
    let (mut ours, mut chip) = (Bytes::default(), Bytes::default());
    let mut rows = crates.iter().collect::<Vec<_>>();
    rows.sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.flash + bytes.ram));
    println!("    {board:<36} {:>9} {:>9}", "flash", "RAM");
    for (name, bytes) in rows {
        let whose = if is_chips(name) {
            chip.add(*bytes);
            "chip"
        } else {
            ours.add(*bytes);
            ""
        };
        println!(
            "    {name:<30} {whose:<5} {:>9} {:>9}",
            bytes.flash, bytes.ram
        );
    }
    let mut whole = ours;
    whole.add(chip);
    let parts = [("application", ours), ("chip", chip), ("whole", whole)];
    let budgets = workspace.path(BUDGETS);
    let text = std::fs::read_to_string(&budgets)
        .map_err(|error| format!("{}: {error}", budgets.display()))?;
    let budgets = toml::from_str::<Value>(&text).map_err(|error| error.to_string())?;
    let mut over = Vec::new();
    for (part, bytes) in parts {
        println!("    {part:<36} {:>9} {:>9}", bytes.flash, bytes.ram);
        // What a radio's library puts under names of its own is nobody's: there the whole is judged.
        let budget = budget(&budgets, board, part);
        if part == "whole" || !budget.is_null() {
            over.extend(judge(board, part, bytes, &budget)?);
        }
    }
    Ok(over)
}

fn budget(budgets: &Value, board: &str, part: &str) -> Value {
    let budget = budgets.get(board).and_then(|board| board.get(part));
    budget.cloned().unwrap_or_default()
}

/// Where bytes are over a budget of `flash` and `ram`.
fn judge(board: &str, part: &str, bytes: Bytes, budget: &Value) -> Result<Vec<String>, String> {
    let mut over = Vec::new();
    for (kind, is) in [("flash", bytes.flash), ("ram", bytes.ram)] {
        let may = budget
            .get(kind)
            .and_then(Value::as_u64)
            .ok_or_else(|| format!("{BUDGETS}: no {board}.{part}.{kind}"))?;
        if is > may {
            over.push(format!(
                "{board}: {part}: {is} bytes of {kind}, more than {may}"
            ));
        }
    }
    Ok(over)
}

/// Weighs a program, an ELF file.
fn weigh(image: &[u8]) -> Result<BTreeMap<String, Bytes>, String> {
    let file = object::File::parse(image).map_err(|error| error.to_string())?;
    let mut crates = BTreeMap::<String, Bytes>::new();
    let mut named = BTreeMap::<(usize, u64), (u64, &str)>::new();
    for symbol in file.symbols().filter(|symbol| symbol.size() > 0) {
        if let Some(section) = symbol.section_index() {
            // Functions that were merged have one address and many names.
            named
                .entry((section.0, symbol.address()))
                .or_insert((symbol.size(), symbol.name().unwrap_or_default()));
        }
    }
    for section in file.sections() {
        let kind = lies(section.kind(), section.flags());
        let Some(kind) = kind.filter(|_| section.name() != Ok(".stack")) else {
            continue;
        };
        let mut rest = section.size();
        for (_, (size, name)) in named.range((section.index().0, 0)..=(section.index().0, u64::MAX))
        {
            let size = rest.min(*size);
            rest -= size;
            crates.entry(owner(name)).or_default().add(kind.of(size));
        }
        crates
            .entry(NAMELESS.to_owned())
            .or_default()
            .add(kind.of(rest));
    }
    Ok(crates)
}

/// Where a section lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Flash,
    Ram,
    /// In RAM, and its first values in flash.
    Both,
}

impl Place {
    fn of(self, size: u64) -> Bytes {
        Bytes {
            flash: if self == Self::Ram { 0 } else { size },
            ram: if self == Self::Flash { 0 } else { size },
        }
    }
}

fn lies(kind: SectionKind, flags: SectionFlags) -> Option<Place> {
    let SectionFlags::Elf { sh_flags } = flags else {
        return None;
    };
    let is = |flag: u32| sh_flags & u64::from(flag) != 0;
    if !is(elf::SHF_ALLOC) {
        return None;
    }
    Some(match (is(elf::SHF_WRITE), kind) {
        (_, SectionKind::UninitializedData) => Place::Ram,
        (true, _) => Place::Both,
        (false, _) => Place::Flash,
    })
}

/// The crate that a symbol is of.
fn owner(symbol: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    // `<&mut a::B as c::D>::e` and `<impl a::B for c::D>::e` are of the crate named first.
    let mut words = name.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    let first = words.find(|word| !matches!(*word, "" | "mut" | "impl" | "dyn" | "const" | "for"));
    match first {
        Some(first) if name.contains("::") => first.to_owned(),
        _ => NAMELESS.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_of_the_crate_that_is_named_first() {
        for (symbol, krate) in [
            (
                "_ZN12billing_core6ledger4open17h0123456789abcdefE",
                "billing_core",
            ),
            (
                "_ZN71_$LT$metering..register..EnergyRegister$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
                "metering",
            ),
            ("memcpy", NAMELESS),
            ("__aeabi_uldivmod", NAMELESS),
        ] {
            assert_eq!(owner(symbol), krate, "{symbol}");
        }
    }

    #[test]
    fn one_byte_over_is_over_and_a_missing_budget_is_no_budget() {
        let budget = serde_json::json!({ "flash": 100, "ram": 10 });
        let bytes = |flash, ram| Bytes { flash, ram };
        assert_eq!(judge("b", "p", bytes(100, 10), &budget), Ok(vec![]));
        assert_eq!(judge("b", "p", bytes(101, 10), &budget).unwrap().len(), 1);
        assert_eq!(judge("b", "p", bytes(101, 11), &budget).unwrap().len(), 2);
        assert!(judge("b", "p", bytes(1, 1), &Value::Null).is_err());
    }
}
