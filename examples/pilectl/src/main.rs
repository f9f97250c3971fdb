//! The landlord's command line: see [`pilectl`].

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use pilectl::cli::{self, Cli};

fn main() -> ExitCode {
    match cli::run(&Cli::parse()) {
        Ok(answer) => {
            // A reader that went away, such as `head`, is no failure.
            let _ = std::io::stdout().write_all(answer.text().as_bytes());
            if let Some(warning) = answer.warning() {
                eprintln!("warning: {warning}");
            }
            answer.exit_code()
        }
        Err(refusal) => {
            eprintln!("error: {refusal}");
            refusal.exit_code()
        }
    }
}
