//! The pile on boards: two that QEMU emulates, with everything around them virtual, and those that are
//! built for whoever has one.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cross::Builder;
use crate::emulated::{CHIPS, Chip};
use crate::process::{self, Workspace};
use crate::runner::Outcome;

/// An instruction takes 8 ns of the emulator's clock, 125 million are a second of it as of the host's: what a
/// turn of the program takes is a number of instructions, and the parts around it keep their pace.
const COUNTING: &str = "-icount shift=3,align=on";

/// How an emulated board is run by hand.
#[derive(clap::Args)]
pub struct Options {
    /// The board.
    #[arg(value_parser = CHIPS.map(|chip| chip.board))]
    board: String,
    /// The TCP port for phones on this computer's loopback, 0 for any that is free.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// The folder of the board's flash and keys [default: one in the build folder].
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Counts instructions, 125 a microsecond: for the order `gauge`.
    #[arg(long)]
    count: bool,
}

/// Builds a board and the virtual pile, and runs the one among the other's parts; whoever sits there types
/// what happens.
///
/// # Errors
///
/// Says what is missing and how to get it, or what failed.
pub fn run(workspace: &Workspace, options: &Options) -> Result<(), String> {
    let chip = CHIPS.iter().find(|chip| chip.board == options.board);
    let chip = chip.ok_or("there is no such board")?;
    let program = built(workspace, chip).map_err(|outcome| why(&outcome))?;
    let folder = options.folder.clone();
    let folder = folder.unwrap_or_else(|| workspace.target.join("boards").join(chip.board));
    let mut cargo = workspace.cargo("run");
    cargo.args(["--release", "--package", "virtual-pile", "--", "board"]);
    cargo.arg("--port").arg(options.port.to_string());
    cargo.arg("--folder").arg(folder).arg("--");
    cargo.args(command(chip, &program, options.count));
    let outcome = process::run(&mut cargo);
    outcome.reason().map_or(Ok(()), |why| Err(why.to_owned()))
}

/// A board: what it is built for, and upon what of the standard library.
pub struct Board {
    /// Its folder, and its program.
    pub name: &'static str,
    target: &'static str,
    library: &'static str,
    /// What writes its flash; nothing where an emulator runs it.
    flasher: Option<Flasher>,
}

/// A program that writes a board's flash.
struct Flasher {
    name: &'static str,
    /// How cargo installs it.
    package: &'static str,
    arguments: &'static str,
}

/// Every board.
pub const BOARDS: [Board; 4] = [
    Board {
        name: "qemu-cortex-m4",
        target: CHIPS[0].target,
        library: "core",
        flasher: None,
    },
    Board {
        name: "qemu-riscv32",
        target: CHIPS[1].target,
        library: "core",
        flasher: None,
    },
    Board {
        name: "stm32g474",
        target: CHIPS[0].target,
        library: "core",
        flasher: Some(Flasher {
            name: "probe-rs",
            package: "probe-rs-tools",
            arguments: "run --chip STM32G474RETx",
        }),
    },
    Board {
        name: "esp32c3",
        target: CHIPS[1].target,
        library: "core,alloc",
        flasher: Some(Flasher {
            name: "espflash",
            package: "espflash",
            arguments: "flash --monitor --chip esp32c3 --partition-table \
                        examples/boards/esp32c3/partitions.csv",
        }),
    },
];

impl Board {
    /// Its manifest, from the workspace's root.
    pub fn manifest(&self) -> String {
        format!("examples/boards/{}/Cargo.toml", self.name)
    }

    /// Builds its program: where it is.
    ///
    /// # Errors
    ///
    /// The outcome of a step that has nothing to build it with, or that failed to.
    pub fn program(&self, workspace: &Workspace) -> Result<PathBuf, Outcome> {
        let builder = Builder::find(self.target)?;
        let mut build = builder.cargo_upon(workspace, "build", self.library);
        build.args(["--release", "--manifest-path", &self.manifest()]);
        let outcome = process::run(&mut build);
        if outcome.is_failure() {
            return Err(outcome);
        }
        Ok(builder.programs(workspace).join(self.name))
    }
}

/// How a board is flashed.
#[derive(clap::Args)]
pub struct Flash {
    /// The board.
    #[arg(value_parser = ["stm32g474", "esp32c3"])]
    board: String,
    /// Passed to probe-rs or espflash, for instance which of several probes.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Builds a board's program and flashes it.
///
/// # Errors
///
/// Says that probe-rs or espflash is missing and how to get it, or what failed.
pub fn flash(workspace: &Workspace, options: &Flash) -> Result<(), String> {
    let board = BOARDS.iter().find(|board| board.name == options.board);
    let (board, flasher) = board
        .and_then(|board| Some((board, board.flasher.as_ref()?)))
        .ok_or("there is no such board")?;
    if !process::succeeds(Command::new(flasher.name).arg("--version")) {
        return Err(format!(
            "{} is missing, which writes the board's flash: cargo install --locked {}",
            flasher.name, flasher.package
        ));
    }
    let program = board.program(workspace).map_err(|outcome| why(&outcome))?;
    let mut flash = Command::new(flasher.name);
    flash.current_dir(&workspace.root);
    flash.args(flasher.arguments.split_whitespace());
    let outcome = process::run(flash.args(&options.arguments).arg(program));
    outcome.reason().map_or(Ok(()), |why| Err(why.to_owned()))
}

fn why(outcome: &Outcome) -> String {
    outcome.reason().unwrap_or("it was not built").to_owned()
}

/// Builds every board, and lets a house live by each emulated one; one is killed fifty times.
pub fn check(workspace: &Workspace) -> Outcome {
    for board in &BOARDS {
        if let Err(outcome) = board.program(workspace) {
            return outcome;
        }
    }
    CHIPS.iter().fold(Outcome::Ok, |before, chip| {
        before.and_then(|| lives(workspace, chip))
    })
}

/// The tests of a board, in `virtual-pile`.
const HOUSE: &str = "a_house_lives_by_phone_and_card_at_an_emulated_board";
const KILLS: &str = "fifty_kills_of_a_charging_board_lose_nothing_that_was_told";

fn lives(workspace: &Workspace, chip: &Chip) -> Outcome {
    let program = match built(workspace, chip) {
        Ok(program) => program,
        Err(outcome) => return outcome,
    };
    let test = |name: &str, count: bool| {
        let cargo = |more: &[&str]| {
            let mut cargo = workspace.cargo("test");
            cargo.args(["--package", "virtual-pile", "--test", "board", "--"]);
            cargo.args(["--ignored", "--exact", name]).args(more);
            cargo.env("OPENPILE_BOARD", command(chip, &program, count).join(" "));
            cargo
        };
        // A test by another name is none, and none is no success.
        let listed = cargo(&["--list"]).output();
        if !listed.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains(name)) {
            return Outcome::Failed(format!("there is no test {name}"));
        }
        process::run(&mut cargo(&["--nocapture"]))
    };
    test(HOUSE, true).and_then(|| {
        if chip.is_killed {
            test(KILLS, false)
        } else {
            Outcome::Ok
        }
    })
}

/// Builds an emulated board's program, with its emulator installed.
fn built(workspace: &Workspace, chip: &Chip) -> Result<PathBuf, Outcome> {
    chip.has_its_emulator()?;
    let board = BOARDS.iter().find(|board| board.name == chip.board);
    let missing = || Outcome::Failed(format!("{} is no board", chip.board));
    board.ok_or_else(missing)?.program(workspace)
}

/// How the emulator is called, but for the wires, which the virtual pile adds.
fn command(chip: &Chip, program: &Path, count: bool) -> Vec<String> {
    let words = [
        chip.emulator,
        chip.machine,
        "-display none -monitor none -semihosting-config enable=on,target=native",
        chip.wires,
        if count { COUNTING } else { "" },
        "-kernel",
    ];
    let words = words.iter().flat_map(|words| words.split_whitespace());
    let words = words.map(str::to_owned);
    words.chain([program.display().to_string()]).collect()
}
