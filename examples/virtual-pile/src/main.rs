//! The pile on a desk.

use std::process::ExitCode;

use clap::Parser;
use virtual_pile::app;
use virtual_pile::board;
use virtual_pile::cli::{Cli, Command};
use virtual_pile::engine;
use virtual_pile::run;
use virtual_pile::serve;
use virtual_pile::sweep;
use virtual_pile::wear;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Replay(options) => app::replay(&options, engine::run),
        Command::Demo(options) => app::demo(&options, engine::run),
        Command::Run(options) => run::run(&options, &mut |line| println!("{line}")),
        Command::Serve(options) => serve::serve(&options),
        Command::Board(options) => board::board(&options),
        Command::Sweep(options) => sweep::sweep(&options),
        Command::Wear(options) => wear::wear(&options),
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
