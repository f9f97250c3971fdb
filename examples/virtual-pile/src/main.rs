//! The pile on a desk: `replay`, `run`, `demo`.

use std::process::ExitCode;

use clap::Parser;
use virtual_pile::app::{self, Failure};
use virtual_pile::cli::{Cli, Command};
use virtual_pile::engine;
use virtual_pile::scenario;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Replay(options) => app::replay(&options, engine::run),
        Command::Demo(options) => app::demo(&options, engine::run),
        Command::Run(options) => scenario::read(&options.scenario)
            .map_err(Failure::from)
            .and_then(|_| Err(Failure::Broken(NO_ENGINE.to_owned()))),
    };
    match done {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

const NO_ENGINE: &str = "the virtual pile is not wired to its controller yet";
