//! The pile on boards: two that QEMU emulates, with everything around them virtual, and those that are
//! built for whoever has one.

use std::path::{Path, PathBuf};

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
    let program = built(workspace, chip).map_err(|outcome| {
        let why = outcome.reason().unwrap_or("it was not built");
        why.to_owned()
    })?;
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

/// Builds the emulated boards, and lets a house live by each; one is killed fifty times.
pub fn check(workspace: &Workspace) -> Outcome {
    CHIPS.iter().fold(Outcome::Ok, |before, chip| {
        before.and_then(|| lives(workspace, chip))
    })
}

fn lives(workspace: &Workspace, chip: &Chip) -> Outcome {
    let program = match built(workspace, chip) {
        Ok(program) => program,
        Err(outcome) => return outcome,
    };
    let test = |name: &str, count: bool| {
        let mut cargo = workspace.cargo("test");
        cargo.args(["--package", "virtual-pile", "--test", "board", "--"]);
        cargo.args(["--ignored", "--nocapture", name]);
        cargo.env("OPENPILE_BOARD", command(chip, &program, count).join(" "));
        process::run(&mut cargo)
    };
    test("a_house_lives", true).and_then(|| {
        if chip.is_killed {
            test("fifty_kills", false)
        } else {
            Outcome::Ok
        }
    })
}

/// Builds a board's program, with what it takes installed.
fn built(workspace: &Workspace, chip: &Chip) -> Result<PathBuf, Outcome> {
    chip.has_its_emulator()?;
    program(workspace, chip.target, chip.board)
}

/// Builds a board's program: where it is.
///
/// # Errors
///
/// The outcome of a step that has nothing to build it with, or that failed to.
pub fn program(
    workspace: &Workspace,
    target: &'static str,
    board: &str,
) -> Result<PathBuf, Outcome> {
    let builder = Builder::find(target)?;
    let mut build = builder.cargo(workspace, "build");
    let manifest = format!("examples/boards/{board}/Cargo.toml");
    build.args(["--release", "--manifest-path", &manifest]);
    let outcome = process::run(&mut build);
    if outcome.is_failure() {
        return Err(outcome);
    }
    Ok(builder.programs(workspace).join(board))
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
