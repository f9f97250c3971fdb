//! `pilectl` as a phone over the machine's own Bluetooth.

use std::process::Command;

use crate::machine;
use crate::process::{self, Workspace};
use crate::runner::Outcome;

/// What a program that speaks to the machine's Bluetooth service is built with.
const PACKAGES: &[&str] = &["libdbus-1-dev", "pkg-config"];

/// Builds and lints what is behind the feature `ble`. Skipped where its library cannot be installed,
/// which CI does not allow. Nothing runs: there may be no radio here.
pub fn check(workspace: &Workspace) -> Outcome {
    if cfg!(target_os = "linux") && !has_dbus() {
        let installed = machine::install(PACKAGES);
        if installed.is_failure() {
            return installed;
        }
        if !has_dbus() {
            return Outcome::Skipped(format!(
                "no D-Bus to build with: sudo apt-get install --no-install-recommends {}, or what \
                 your system calls them",
                PACKAGES.join(" ")
            ));
        }
    }
    let mut cargo = workspace.cargo("clippy");
    cargo.args(["--package", "pilectl", "--features", "ble"]);
    process::run(cargo.args(["--", "-D", "warnings"]))
}

fn has_dbus() -> bool {
    process::succeeds(Command::new("pkg-config").args(["--exists", "dbus-1"]))
}
