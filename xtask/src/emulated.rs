//! Chips that QEMU emulates, an instruction at a time: what the pile costs there, and whether it does
//! there what it does here.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cross::Builder;
use crate::machine;
use crate::process::{self, Workspace};
use crate::runner::Outcome;

/// The programs' manifest, from the workspace's root.
pub const MANIFEST: &str = "examples/boards/emulated/Cargo.toml";

/// A chip, and what emulates it.
pub struct Chip {
    /// What it is called, and the file that it writes.
    name: &'static str,
    /// The board that has it.
    pub board: &'static str,
    /// What it is built for.
    pub target: &'static str,
    /// The emulator's program.
    pub emulator: &'static str,
    /// What Debian calls the emulator's package.
    package: &'static str,
    /// What the emulator emulates.
    pub machine: &'static str,
    /// Counts instructions exactly; without it, it is faster.
    counting: &'static str,
    /// The board's serial ports, by the names of the wires to its parts.
    pub wires: &'static str,
    /// The one that is killed again and again.
    pub is_killed: bool,
}

/// The chips.
pub const CHIPS: [Chip; 2] = [
    Chip {
        name: "cortex-m4",
        board: "qemu-cortex-m4",
        target: "thumbv7em-none-eabihf",
        emulator: "qemu-system-arm",
        package: "qemu-system-arm",
        machine: "-machine mps2-an386",
        // An instruction takes 64 ns of the emulated time, so that a timer of 25 MHz sees each.
        counting: "-icount shift=6",
        wires: "-serial chardev:people -serial chardev:radio -serial chardev:reader \
                -serial chardev:meters1 -serial chardev:meters2",
        is_killed: true,
    },
    Chip {
        name: "riscv32",
        board: "qemu-riscv32",
        target: "riscv32imc-unknown-none-elf",
        emulator: "qemu-system-riscv32",
        package: "qemu-system-misc",
        machine: "-machine virt -bios none",
        counting: "-icount shift=0",
        wires: "-serial chardev:people -device pci-serial-4x,addr=1,chardev1=radio,\
                chardev2=reader,chardev3=meters1,chardev4=meters2",
        is_killed: false,
    },
];

const QUIET: &str =
    "-display none -monitor none -serial null -semihosting-config enable=on,target=native";

/// Counted programs take less than a second.
const PATIENCE: Duration = Duration::from_mins(2);
/// All runs played on one chip: a minute, where nothing else runs.
const LONG_PATIENCE: Duration = Duration::from_mins(15);

/// Lives drawn by chance, beside the flows of a house.
const LIVES: &str = "300";

/// The programs that count, and how many rows each prints.
const PROGRAMS: &[(&str, usize)] = &[
    ("cost", 17),
    ("machine", 10),
    ("without", 1),
    ("pile_link", 1),
    ("pile_messages", 1),
    ("phone_link", 1),
];

/// Builds the counting programs, runs them on both chips, and prints their table. Without an emulator it
/// is skipped, which CI does not allow.
pub fn costs(workspace: &Workspace) -> Outcome {
    let mut tables = Vec::new();
    let folder = match record(workspace, "0") {
        Ok(folder) => folder,
        Err(outcome) => return outcome,
    };
    for chip in &CHIPS {
        let programs = match chip.ready(workspace) {
            Ok(programs) => programs,
            Err(outcome) => return outcome,
        };
        match chip.measure(workspace, &programs, &folder) {
            Ok(table) => tables.push(table),
            Err(why) => return Outcome::Failed(format!("{}: {why}", chip.name)),
        }
    }
    println!("    {:<54} {:>12} {:>12}", "", CHIPS[0].name, CHIPS[1].name);
    let [arm, riscv] = tables.as_slice() else {
        return Outcome::Failed("not two tables".to_owned());
    };
    for ((name, first), (_, second)) in arm.iter().zip(riscv) {
        println!(
            "    {name:<54} {:>12} {:>12}",
            grouped(*first),
            grouped(*second)
        );
    }
    Outcome::Ok
}

/// Plays kept runs here and on both chips, and compares what they leave.
pub fn identical(workspace: &Workspace) -> Outcome {
    let folder = match record(workspace, LIVES) {
        Ok(folder) => folder,
        Err(outcome) => return outcome,
    };
    for chip in &CHIPS {
        let programs = match chip.ready(workspace) {
            Ok(programs) => programs,
            Err(outcome) => return outcome,
        };
        if let Err(why) = chip.play(workspace, &programs, &folder) {
            return Outcome::Failed(format!("{}: {why}", chip.name));
        }
    }
    println!("    the flash, the receipts and the relays are the same on all three");
    Outcome::Ok
}

/// Records the flows of a house and so many lives drawn by chance; the folder they are in.
fn record(workspace: &Workspace, lives: &str) -> Result<PathBuf, Outcome> {
    let folder = workspace.target.join("cross/played");
    if let Err(error) = std::fs::create_dir_all(&folder) {
        let why = format!("{}: {error}", folder.display());
        return Err(Outcome::Failed(why));
    }
    let mut record = workspace.cargo("run");
    record.args(["--release", "--package", "pile-sim"]);
    record.args(["--example", "record_runs", "--"]);
    let recorded = process::run(record.arg(&folder).arg(lives));
    if recorded.is_failure() {
        return Err(recorded);
    }
    Ok(folder)
}

impl Chip {
    /// Builds the programs, with what it takes installed; the folder they are in.
    fn ready(&self, workspace: &Workspace) -> Result<PathBuf, Outcome> {
        self.has_its_emulator()?;
        let builder = Builder::find(self.target)?;
        let mut build = builder.cargo(workspace, "build");
        build.args(["--release", "--manifest-path", MANIFEST]);
        let outcome = process::run(&mut build);
        if outcome.is_failure() {
            return Err(outcome);
        }
        Ok(builder.programs(workspace))
    }

    /// Looks for the emulator; as root on a Debian, installs it.
    ///
    /// # Errors
    ///
    /// The outcome of a step that has none.
    pub fn has_its_emulator(&self) -> Result<(), Outcome> {
        if self.has_emulator() {
            return Ok(());
        }
        let installed = machine::install(&[self.package]);
        if installed.is_failure() {
            return Err(installed);
        }
        if self.has_emulator() {
            return Ok(());
        }
        Err(Outcome::Skipped(format!(
            "{} is missing: sudo apt-get install --no-install-recommends {}, or what your system \
             calls it",
            self.emulator, self.package
        )))
    }

    fn has_emulator(&self) -> bool {
        process::succeeds(Command::new(self.emulator).arg("--version"))
    }

    fn measure(
        &self,
        workspace: &Workspace,
        programs: &Path,
        folder: &Path,
    ) -> Result<Vec<(String, u32)>, String> {
        let mut table = Vec::new();
        for (name, rows) in PROGRAMS {
            let mut emulator = self.emulate(&programs.join(name));
            emulator.args(self.counting.split_whitespace());
            emulator.current_dir(folder);
            let said = run(workspace, &mut emulator, PATIENCE);
            let said = said.map_err(|why| format!("{name}: {why}"))?;
            let found = read(&said)?;
            if found.len() != *rows {
                return Err(format!("{name}: not {rows} rows:\n{said}"));
            }
            table.extend(found);
        }
        Ok(table)
    }

    fn play(&self, workspace: &Workspace, programs: &Path, folder: &Path) -> Result<(), String> {
        let mut emulator = self.emulate(&programs.join("play"));
        let said = run(workspace, emulator.current_dir(folder), LONG_PATIENCE)?;
        for (name, value) in read(&said)? {
            println!("    {:<12} {name:<56} {:>12}", self.name, grouped(value));
        }
        let [here, there] = ["host", self.name].map(|name| std::fs::read(folder.join(name)));
        let here = here.map_err(|error| error.to_string())?;
        let there = there.map_err(|error| error.to_string())?;
        match here
            .iter()
            .zip(&there)
            .position(|(here, there)| here != there)
        {
            Some(at) => Err(format!("byte {at} of what was left is another than here")),
            None if here.len() != there.len() => Err(format!(
                "{} bytes were left, and here {}",
                there.len(),
                here.len()
            )),
            None => Ok(()),
        }
    }

    fn emulate(&self, program: &Path) -> Command {
        let mut emulator = Command::new(self.emulator);
        emulator.args(self.machine.split_whitespace());
        emulator.args(QUIET.split_whitespace());
        emulator.arg("-kernel").arg(program);
        emulator
    }
}

/// Runs one program to its end, and returns what it printed. That goes through a file: a pipe that
/// nobody empties would stop the emulator.
fn run(
    workspace: &Workspace,
    emulator: &mut Command,
    patience: Duration,
) -> Result<String, String> {
    println!("    {}", process::shown(emulator));
    let path = workspace.target.join("cross/said");
    let said = || std::fs::File::create(&path).map_err(|error| error.to_string());
    let out = said()?;
    let errors = out.try_clone().map_err(|error| error.to_string())?;
    // Semihosting writes to the one or the other, as the emulator's version has it.
    emulator.stdin(Stdio::null()).stdout(out).stderr(errors);
    let mut child = emulator.spawn().map_err(|error| error.to_string())?;
    let ended = wait(&mut child, patience);
    let status = child.wait().map_err(|error| error.to_string())?;
    let said = std::fs::read(&path).map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&said).into_owned();
    if ended && status.success() {
        Ok(said)
    } else {
        Err(format!("{status}\n{said}"))
    }
}

/// Waits for the end, and makes one when it does not come.
fn wait(child: &mut Child, patience: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < patience {
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
