#![doc = include_str!("../README.md")]

mod bench;
mod bluetooth;
mod board;
mod browser;
mod bumble;
mod cross;
mod demo;
mod emulated;
mod fuzz;
mod gate;
mod hygiene;
mod layout;
mod machine;
mod metadata;
mod mutate;
mod pcsc;
mod peer;
mod phone;
mod process;
mod python;
mod runner;
mod size;
mod source;
mod steps;
mod table;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::process::Workspace;

/// The commands of the openpile workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds the virtual pile in release and runs its demo.
    Demo(demo::Options),
    /// Cuts the supply in every flash operation of a scripted life, and twice.
    Sweep(tools::Passed),
    /// Tells what a year of charging wears of the flash, on two real parts.
    Wear(tools::Passed),
    /// Fuzzes the parsers and the ledger with cargo-fuzz.
    Fuzz(fuzz::Options),
    /// Breaks the code on purpose, a line at a time, and sees the sweep or the tests go red.
    Mutate(mutate::Options),
    /// Builds an emulated board and runs it among virtual parts, in real time.
    Run(board::Options),
    /// Builds a real board's program and writes it with probe-rs or espflash.
    Flash(board::Flash),
    /// Builds the phone's web app, and draws its screens if it is told to.
    Phone(phone::Options),
    /// Counts what the machine's work costs, in instructions, here and on two chips; installs valgrind.
    Bench,
    /// Tests everything that can be tested here, and ends with a table of the steps.
    Test(Selection),
    /// Tests as `test` does, and takes a skipped step or a stale lock file for a failure.
    Ci(Selection),
}

/// Which steps run.
#[derive(clap::Args)]
struct Selection {
    /// Runs this step only; may be repeated.
    #[arg(long, value_name = "STEP", value_parser = steps::names())]
    only: Vec<String>,
    /// Names the steps and what each shows, and runs none.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, String> {
    let environment_is_ci =
        std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    match command {
        Command::Demo(options) => {
            demo::run(&Workspace::find(environment_is_ci)?, &options).map(|()| ExitCode::SUCCESS)
        }
        Command::Sweep(passed) => tools::virtual_pile(&Workspace::find(false)?, "sweep", passed)
            .map(|()| ExitCode::SUCCESS),
        Command::Wear(passed) => tools::virtual_pile(&Workspace::find(false)?, "wear", passed)
            .map(|()| ExitCode::SUCCESS),
        Command::Fuzz(options) => {
            fuzz::run(&Workspace::find(false)?, &options).map(|()| ExitCode::SUCCESS)
        }
        Command::Mutate(options) => {
            mutate::run(&Workspace::find(false)?, &options).map(|()| ExitCode::SUCCESS)
        }
        Command::Run(options) => {
            board::run(&Workspace::find(environment_is_ci)?, &options).map(|()| ExitCode::SUCCESS)
        }
        Command::Flash(options) => {
            board::flash(&Workspace::find(false)?, &options).map(|()| ExitCode::SUCCESS)
        }
        Command::Phone(options) => phone::command(&Workspace::find(environment_is_ci)?, &options)
            .map(|()| ExitCode::SUCCESS),
        Command::Bench => bench::run(&Workspace::find(false)?).map(|()| ExitCode::SUCCESS),
        Command::Test(selection) => Ok(test(&Workspace::find(environment_is_ci)?, &selection)),
        Command::Ci(selection) => Ok(test(&Workspace::find(true)?, &selection)),
    }
}

fn test(workspace: &Workspace, selection: &Selection) -> ExitCode {
    if selection.list {
        print!("{}", table::catalogue(steps::STEPS));
        return ExitCode::SUCCESS;
    }
    let chosen = steps::STEPS
        .iter()
        .filter(|step| selection.only.is_empty() || selection.only.iter().any(|o| o == step.name));
    let reports = runner::run(workspace, chosen);
    print!("{}", table::summary(&reports));
    if reports.iter().any(|report| report.outcome.is_failure()) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
