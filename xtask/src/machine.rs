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
    if !may_install() {
        return Outcome::Failed(
            "openssl is missing: sudo apt-get install --no-install-recommends openssl, or what \
             your system calls it"
                .into(),
        );
    }
    let installed = install(&["openssl"]);
    if installed.is_failure() {
        return installed;
    }
    if has_openssl() {
        Outcome::Ok
    } else {
        Outcome::Failed("openssl still does not run".into())
    }
}

/// Installs packages, as root on a Debian; elsewhere says that it may not.
pub fn install(packages: &[&str]) -> Outcome {
    let named = packages.join(" ");
    if !may_install() {
        return Outcome::Skipped(format!("{named}: not root on a Debian"));
    }
    println!("    {named} is missing or old; installing it, as root on a Debian");
    let install = || {
        let mut apt = Command::new("apt-get");
        apt.args(["install", "--yes", "--no-install-recommends"]);
        apt.args(packages);
        apt
    };
    if process::run(&mut install()).is_failure() {
        // A fresh image has no package lists.
        return process::run(Command::new("apt-get").arg("update"))
            .and_then(|| process::run(&mut install()));
    }
    Outcome::Ok
}

/// Installs the newest there are of packages, as root on a Debian; elsewhere says that it may not.
pub fn install_newest(packages: &[&str]) -> Outcome {
    if !may_install() {
        return install(packages);
    }
    process::run(Command::new("apt-get").arg("update")).and_then(|| install(packages))
}

fn has_openssl() -> bool {
    process::succeeds(Command::new("openssl").arg("version"))
}

fn may_install() -> bool {
    is_root() && Path::new("/etc/debian_version").exists()
}

/// True for the user who may start services.
pub fn is_root() -> bool {
    let user = Command::new("id").arg("-u").output();
    user.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
