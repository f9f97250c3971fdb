//! A kit's cards over PC/SC: the machine's card service with a virtual reader.

use std::path::Path;
use std::process::Command;

use crate::machine;
use crate::process::{self, Workspace};
use crate::runner::Outcome;

/// The service, its virtual reader, and what a program that uses it is built with.
const PACKAGES: &[&str] = &["pcscd", "vsmartcard-vpcd", "libpcsclite-dev", "pkg-config"];
/// Where the virtual reader's package tells the service of it.
const READER: &str = "/etc/reader.conf.d/vpcd";

/// Personalises virtual chips on the virtual reader. Skipped where it cannot be installed, which CI
/// does not allow.
pub fn check(workspace: &Workspace) -> Outcome {
    if !is_there() {
        let installed = machine::install(PACKAGES);
        if installed.is_failure() {
            return installed;
        }
        if !is_there() {
            return Outcome::Skipped(format!(
                "no card service with a virtual reader: sudo apt-get install {}, or what your \
                 system calls them",
                PACKAGES.join(" ")
            ));
        }
    }
    if !machine::is_root() {
        return Outcome::Skipped(
            "pcscd is started by root only: sudo cargo xtask test --only pcsc".into(),
        );
    }
    if Path::new("/run/pcscd/pcscd.comm").exists() && is_running() {
        return Outcome::Skipped(
            "pcscd runs already, and the test starts its own: sudo systemctl stop pcscd.socket pcscd"
                .into(),
        );
    }
    let cargo = |subcommand: &str| {
        let mut cargo = workspace.cargo(subcommand);
        cargo.args(["--package", "pilectl", "--features", "pcsc"]);
        cargo
    };
    process::run(cargo("clippy").args(["--all-targets", "--", "-D", "warnings"]))
        .and_then(|| process::run(cargo("test").args(["--test", "kit_pcsc"])))
}

fn is_there() -> bool {
    let library = Command::new("pkg-config")
        .args(["--exists", "libpcsclite"])
        .status();
    let service = process::succeeds(Command::new("pcscd").arg("--version"));
    service && library.is_ok_and(|status| status.success()) && Path::new(READER).exists()
}

/// A socket that is left over has nobody behind it.
fn is_running() -> bool {
    std::os::unix::net::UnixStream::connect("/run/pcscd/pcscd.comm").is_ok()
}
