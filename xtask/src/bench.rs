//! `cargo xtask bench`: what the machine's work costs, in instructions that valgrind counts.

use std::process::Command;

use crate::machine;
use crate::process::{self, Workspace};

/// Builds the bench in release and runs it, which prints its table; as root on a Debian, installs
/// valgrind when it is missing.
///
/// # Errors
///
/// Says that valgrind is missing and how to get it, or what failed.
pub fn run(workspace: &Workspace) -> Result<(), String> {
    if !has_valgrind() {
        let installed = machine::install(&["valgrind"]);
        if installed.reason().is_some() || !has_valgrind() {
            return Err(
                "valgrind is missing: sudo apt-get install --no-install-recommends valgrind, or \
                 what your system calls it"
                    .to_owned(),
            );
        }
    }
    let mut cargo = workspace.cargo("run");
    cargo.args(["--release", "--package", "pile-sim", "--example"]);
    let outcome = process::run(cargo.arg("service_cost"));
    outcome.reason().map_or(Ok(()), |why| Err(why.to_owned()))
}

fn has_valgrind() -> bool {
    process::succeeds(Command::new("valgrind").arg("--version"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{hygiene, source};

    /// Signing takes millions of instructions, and the machine serves nothing meanwhile: what it runs
    /// knows of no receipt and no key.
    #[test]
    fn nothing_that_the_shell_runs_can_sign() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
        let mut files = Vec::new();
        for folder in [
            "pile-controller/src",
            "metering/src",
            "card-auth/src",
            "ble-protocol/src",
            "billing-core/src/journal",
            "billing-core/src/ledger",
            "billing-core/src/book",
        ] {
            let found = hygiene::rust_files(&crates.join(folder)).unwrap();
            assert!(!found.is_empty(), "{folder}");
            files.extend(found);
        }
        files.extend(
            ["ledger.rs", "book.rs", "record.rs"]
                .map(|it| crates.join("billing-core/src").join(it)),
        );
        for file in files {
            let code = source::code_only(&hygiene::read(&file).unwrap());
            for word in ["receipt", "p256", "ecdsa", "sign_digest"] {
                let found = code.lines().find(|line| line.contains(word));
                assert_eq!(found, None, "{}", file.display());
            }
        }
    }
}
