//! Where the workspace is, and how its steps start other programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::metadata;
use crate::runner::Outcome;

/// The workspace that the steps work on.
pub struct Workspace {
    /// Its root folder.
    pub root: PathBuf,
    /// The folder cargo builds into.
    pub target: PathBuf,
    /// CI's rule: a skip is a failure, and lock files must be current.
    pub strict: bool,
}

impl Workspace {
    /// Finds the workspace this program was built from.
    ///
    /// # Errors
    ///
    /// Says so when cargo cannot describe it.
    pub fn find(strict: bool) -> Result<Self, String> {
        // Set by `cargo run`; the other is for a program started by hand.
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = here.parent().unwrap_or(&here).to_path_buf();
        let mut workspace = Self {
            target: root.join("target"),
            root,
            strict,
        };
        let described = metadata::read(workspace.cargo("metadata").arg("--no-deps"))?;
        workspace.target = metadata::target_directory(&described)?;
        Ok(workspace)
    }

    /// Starts a call of cargo in the root; strict ones refuse a stale lock file.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(&self.root).arg(subcommand);
        if self.strict && subcommand != "fmt" {
            command.arg("--locked");
        }
        if self.strict {
            command.env("CI", "true");
            // Nothing is built twice in CI; what a second build would need is gigabytes.
            command.env("CARGO_INCREMENTAL", "0");
        }
        command
    }

    /// Returns a path below the root.
    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.join(below)
    }
}

/// Shows a command and runs it with its output passed through.
pub fn run(command: &mut Command) -> Outcome {
    let line = shown(command);
    println!("    {line}");
    match command.status() {
        Ok(status) if status.success() => Outcome::Ok,
        Ok(status) => Outcome::Failed(format!("{line}: {status}")),
        Err(error) => Outcome::Failed(format!("{line}: {error}")),
    }
}

/// Runs a command silently; true when it starts and succeeds.
pub fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Returns the target triple that cargo builds for here.
///
/// # Errors
///
/// Says so when the compiler does not.
pub fn host_target() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("-vV")
        .output()
        .map_err(|e| format!("rustc: {e}"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc -vV names no host".into())
}

/// Returns a command as one would type it, programs by their bare name.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_stem()
        .unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
