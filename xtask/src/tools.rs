//! `cargo xtask sweep` and `wear`: commands of the virtual pile.

use std::ffi::OsString;

use crate::process::{self, Workspace};

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
