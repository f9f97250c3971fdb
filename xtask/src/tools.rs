//! `cargo xtask sweep`, `wear` and `fuzz`: what takes longer than a test.

use std::ffi::OsString;
use std::process::Command;

use crate::process::{self, Workspace};

/// The fuzz targets, each in `fuzz/fuzz_targets`, its seeds in `fuzz/corpus`.
pub const TARGETS: [&str; 3] = ["card_frames", "ledger_image", "ocmf"];

/// What a command of the virtual pile takes.
#[derive(Default, clap::Args)]
pub struct Passed {
    /// Passed on; `-- --help` lists what it takes.
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

/// Builds the virtual pile in release and runs a command of it.
///
/// # Errors
///
/// Says what failed.
pub fn virtual_pile(workspace: &Workspace, command: &str, passed: Passed) -> Result<(), String> {
    let mut cargo = workspace.cargo("run");
    cargo.args(["--release", "--package", "virtual-pile", "--", command]);
    let outcome = process::run(cargo.args(passed.arguments));
    outcome.reason().map_or(Ok(()), |why| Err(why.to_owned()))
}

/// What to fuzz.
#[derive(clap::Args)]
pub struct Fuzz {
    /// The targets [default: all].
    #[arg(value_parser = TARGETS)]
    targets: Vec<String>,
    /// How long each runs.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    seconds: u32,
}

/// Fuzzes with cargo-fuzz, which it installs when it is missing. What is found beyond the seeds
/// stays in the build folder.
///
/// # Errors
///
/// Says what is missing and how to get it, or which target failed; libFuzzer has then said which
/// file holds the input.
pub fn fuzz(workspace: &Workspace, options: &Fuzz) -> Result<(), String> {
    let nightly = || {
        let mut command = Command::new("rustup");
        command.current_dir(workspace.path("fuzz"));
        command.args(["run", "nightly", "cargo"]);
        command
    };
    if !process::succeeds(nightly().arg("--version")) {
        return Err(
            "fuzzing needs the nightly compiler: rustup toolchain install nightly --profile minimal"
                .into(),
        );
    }
    if !process::succeeds(nightly().args(["fuzz", "--version"])) {
        println!("    cargo-fuzz is missing; installing it");
        let installed = process::run(&mut {
            let mut install = workspace.cargo("install");
            install.args(["--locked", "cargo-fuzz"]);
            install
        });
        if let Some(why) = installed.reason() {
            return Err(why.to_owned());
        }
    }
    let all = || TARGETS.map(str::to_owned).to_vec();
    let targets = Some(options.targets.clone()).filter(|chosen| !chosen.is_empty());
    for target in targets.unwrap_or_else(all) {
        let found = workspace.target.join("fuzz-corpus").join(&target);
        std::fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
        let mut run = nightly();
        run.args(["fuzz", "run", "--target-dir"])
            .arg(workspace.target.join("fuzz"))
            .arg(&target)
            .arg(&found)
            .arg(workspace.path("fuzz/corpus").join(&target))
            .arg("--")
            .arg(format!("-max_total_time={}", options.seconds))
            .arg("-print_final_stats=1");
        if let Some(why) = process::run(&mut run).reason() {
            return Err(why.to_owned());
        }
    }
    Ok(())
}
