//! What the link costs on a Cortex-M4 that QEMU emulates, an instruction at a time.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cross::Builder;
use crate::machine;
use crate::process::{self, Workspace};
use crate::runner::Outcome;

/// The programs' manifest, from the workspace's root.
pub const MANIFEST: &str = "xtask/cortex-m4/Cargo.toml";

const TARGET: &str = "thumbv7em-none-eabihf";
const EMULATOR: &str = "qemu-system-arm";
/// `shift=6`: an instruction takes 64 ns of the emulated time, so that a timer of 25 MHz sees each.
const MACHINE: &str = "-machine mps2-an386 -icount shift=6 -display none -monitor none -serial null \
                       -semihosting-config enable=on,target=native -kernel";
/// They take less than a second.
const PATIENCE: Duration = Duration::from_mins(2);

/// The programs, and how many rows each prints.
const PROGRAMS: &[(&str, usize)] = &[
    ("cost", 17),
    ("without", 1),
    ("pile_link", 1),
    ("pile_messages", 1),
    ("phone_link", 1),
];

/// Builds the programs, runs them, and prints their table. Without an emulator it is skipped, which CI
/// does not allow.
pub fn check(workspace: &Workspace) -> Outcome {
    if !has_emulator() {
        let installed = machine::install(&[EMULATOR]);
        if installed.is_failure() {
            return installed;
        }
        if !has_emulator() {
            return Outcome::Skipped(format!(
                "{EMULATOR} is missing: sudo apt-get install --no-install-recommends {EMULATOR}, \
                 or what your system calls it"
            ));
        }
    }
    let builder = match Builder::find(TARGET) {
        Ok(builder) => builder,
        Err(outcome) => return outcome,
    };
    let mut build = builder.cargo(workspace, "build");
    build.args(["--release", "--manifest-path", MANIFEST]);
    process::run(&mut build).and_then(|| {
        measure(&builder.programs(workspace)).map_or_else(Outcome::Failed, |rows| {
            for (name, value) in rows {
                println!("    {name:<44} {:>12}", grouped(value));
            }
            Outcome::Ok
        })
    })
}

fn has_emulator() -> bool {
    process::succeeds(Command::new(EMULATOR).arg("--version"))
}

fn measure(programs: &Path) -> Result<Vec<(String, u32)>, String> {
    let mut table = Vec::new();
    for (name, rows) in PROGRAMS {
        let said = run(&programs.join(name)).map_err(|why| format!("{name}: {why}"))?;
        let found = read(&said)?;
        if found.len() != *rows {
            return Err(format!("{name}: not {rows} rows:\n{said}"));
        }
        table.extend(found);
    }
    Ok(table)
}

/// Runs one program to its end, and returns what it printed.
fn run(program: &Path) -> Result<String, String> {
    let mut emulator = Command::new(EMULATOR);
    emulator.args(MACHINE.split_whitespace()).arg(program);
    println!("    {}", process::shown(&emulator));
    emulator.stdin(Stdio::null()).stdout(Stdio::piped());
    // Semihosting writes to the one or the other, as the emulator's version has it.
    emulator.stderr(Stdio::piped());
    let mut child = emulator.spawn().map_err(|error| error.to_string())?;
    let ended = wait(&mut child);
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if ended && output.status.success() {
        Ok(said)
    } else {
        Err(format!("{}\n{said}", output.status))
    }
}

/// Waits for the end, and makes one when it does not come.
fn wait(child: &mut Child) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Ok(Some(_)) => return true,
            Err(_) => break,
        }
    }
    // What is no longer there need not be ended.
    let _ = child.kill();
    false
}

/// Reads rows: what, a tabulator, how much. What is no row, the emulator's own words, is passed over.
fn read(said: &str) -> Result<Vec<(String, u32)>, String> {
    said.lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, value)| match value.parse() {
            Ok(value) if value > 0 => Ok((name.to_owned(), value)),
            _ => Err(format!("{name}: {value}")),
        })
        .collect()
}

/// Writes a number in groups of three.
fn grouped(value: u32) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_number_is_refused() {
        let said = "qemu: a word\nflash\t820\npile: handshake\t8138427\n";
        let rows = [("flash".into(), 820), ("pile: handshake".into(), 8_138_427)];
        assert_eq!(read(said), Ok(rows.to_vec()));
        assert!(read("flash\t0\n").is_err());
        assert!(read("flash\tpanic\n").is_err());
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!(grouped(820), "820");
        assert_eq!(grouped(5_523_162), "5,523,162");
    }
}
