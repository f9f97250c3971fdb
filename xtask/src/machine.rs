//! What the tests need from the machine besides cargo.

use std::path::Path;
use std::process::Command;

use crate::process::{self, Workspace};
use crate::runner::Outcome;

/// Looks for openssl; as root on a Debian, installs it when it is missing.
pub fn openssl(_: &Workspace) -> Outcome {
    if has_openssl() {
        return Outcome::Ok;
    }
    let install = ["install", "--yes", "--no-install-recommends", "openssl"];
    if !may_install() {
        return Outcome::Failed(
            "openssl is missing: sudo apt-get install --no-install-recommends openssl, or what \
             your system calls it"
                .into(),
        );
    }
    println!("    openssl is missing; installing it, as root on a Debian");
    let apt = || Command::new("apt-get");
    if process::run(apt().args(install)).is_failure() {
        // A fresh image has no package lists.
        let second =
            process::run(apt().arg("update")).and_then(|| process::run(apt().args(install)));
        if second.is_failure() {
            return second;
        }
    }
    if has_openssl() {
        Outcome::Ok
    } else {
        Outcome::Failed("openssl still does not run".into())
    }
}

fn has_openssl() -> bool {
    process::succeeds(Command::new("openssl").arg("version"))
}

fn may_install() -> bool {
    let user = Command::new("id").arg("-u").output();
    let is_root = user.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    is_root && Path::new("/etc/debian_version").exists()
}
