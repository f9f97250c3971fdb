//! Builds for machines that are not this one.
//!
//! With rustup that is a target that was added. On a Debian without it, Debian's own compiler, whose
//! source is a package beside it, builds `core` for the target; the linker stays that of the
//! toolchain that runs cargo.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine;
use crate::process::{self, Workspace};
use crate::runner::Outcome;

/// Debian's compiler and its source: the one made for building browsers, which is kept recent.
const PACKAGES: &[&str] = &["rustc-web", "rust-web-src"];
const RUSTC: &str = "/usr/bin/rustc";
const CORE: &str = "/usr/lib/rustlib/src/rust/library/core";
/// The workspace's `rust-version`: 1.95.
const OLDEST_MINOR: u32 = 95;

/// What builds for a target here.
pub struct Builder {
    target: &'static str,
    /// The linker, if `core` must be built.
    linker: Option<PathBuf>,
}

impl Builder {
    /// Looks for the target, and else for Debian's compiler; as root on a Debian, installs it.
    ///
    /// # Errors
    ///
    /// The outcome of a step that has neither.
    pub fn find(target: &'static str) -> Result<Self, Outcome> {
        let sysroot = sysroot().map_err(Outcome::Failed)?;
        if sysroot.join("lib/rustlib").join(target).is_dir() {
            return Ok(Self {
                target,
                linker: None,
            });
        }
        let host = process::host_target().map_err(Outcome::Failed)?;
        let linker = sysroot.join(format!("lib/rustlib/{host}/bin/rust-lld"));
        if !has_debians() {
            let installed = machine::install_newest(PACKAGES);
            if installed.is_failure() {
                return Err(installed);
            }
        }
        if !has_debians() || !linker.is_file() {
            return Err(Outcome::Skipped(format!(
                "nothing builds for {target} here: rustup target add {target}"
            )));
        }
        Ok(Self {
            target,
            linker: Some(linker),
        })
    }

    /// Starts a call of cargo for a target without an operating system, into a build folder that all
    /// targets share.
    pub fn cargo(&self, workspace: &Workspace, subcommand: &str) -> Command {
        self.cargo_upon(workspace, subcommand, "core")
    }

    /// The same, upon so much of the standard library, if none was installed for the target.
    pub fn cargo_upon(&self, workspace: &Workspace, subcommand: &str, library: &str) -> Command {
        let mut cargo = workspace.cargo(subcommand);
        cargo.args(["--target", self.target, "--target-dir"]);
        cargo.arg(folder(workspace));
        if let Some(linker) = &self.linker {
            let triple = self.target.to_uppercase().replace('-', "_");
            cargo
                .arg(format!("-Zbuild-std={library}"))
                .env("RUSTC", RUSTC)
                .env("RUSTC_BOOTSTRAP", "1")
                .env(format!("CARGO_TARGET_{triple}_LINKER"), linker);
        }
        cargo
    }

    /// Where the programs of a release are.
    pub fn programs(&self, workspace: &Workspace) -> PathBuf {
        folder(workspace).join(self.target).join("release")
    }
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("cross")
}

fn sysroot() -> Result<PathBuf, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .map_err(|error| format!("rustc: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(PathBuf::from(said.trim()))
}

fn has_debians() -> bool {
    let version = Command::new(RUSTC).arg("--version").output();
    let recent = version.is_ok_and(|output| is_recent(&String::from_utf8_lossy(&output.stdout)));
    recent && Path::new(CORE).is_dir()
}

/// Reads `rustc 1.96.0 (...)`.
fn is_recent(version: &str) -> bool {
    let minor = version
        .strip_prefix("rustc 1.")
        .and_then(|rest| rest.split('.').next())
        .and_then(|minor| minor.parse::<u32>().ok());
    minor.is_some_and(|minor| minor >= OLDEST_MINOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_compiler_does_not_count() {
        assert!(is_recent("rustc 1.96.0 (ac68faa20 2026-05-25)"));
        assert!(!is_recent("rustc 1.85.0 (4d91de4e4 2025-02-17)"));
        assert!(!is_recent(""));
    }

    #[test]
    fn the_oldest_is_that_of_the_workspace() {
        let manifest = include_str!("../../Cargo.toml");
        assert!(manifest.contains(&format!("rust-version = \"1.{OLDEST_MINOR}\"")));
    }
}
