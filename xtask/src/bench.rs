//! `cargo xtask bench`: what the machine's work costs, in instructions: here as valgrind counts them, and on
//! two chips as QEMU does.

use std::process::Command;

use crate::emulated;
use crate::machine;
use crate::process::{self, Workspace};

/// Builds the bench in release and runs it, which prints its table, then the chips' programs and theirs; as
/// root on a Debian, installs valgrind and the emulators when they are missing.
///
/// # Errors
///
/// Says what is missing and how to get it, or what failed.
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
    let outcome = process::run(cargo.arg("service_cost")).and_then(|| emulated::costs(workspace));
    outcome.reason().map_or(Ok(()), |why| Err(why.to_owned()))
}

fn has_valgrind() -> bool {
    process::succeeds(Command::new("valgrind").arg("--version"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{hygiene, source};

    /// Signing takes millions of instructions, and the machine serves nothing meanwhile: one place does
    /// it, a slice of an inquiry, with nothing else in its poll.
    #[test]
    fn one_place_signs_and_nothing_else_of_the_shell() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
        let mut signing = Vec::new();
        for folder in ["pile-controller", "metering", "card-auth", "ble-protocol"] {
            let found = hygiene::rust_files(&crates.join(folder).join("src")).unwrap();
            assert!(!found.is_empty(), "{folder}");
            for file in found {
                let code = source::code_only(&hygiene::read(&file).unwrap());
                let tests = file.components().any(|part| part.as_os_str() == "tests");
                if !tests && code.contains("sign_digest") {
                    signing.push(file);
                }
            }
        }
        signing.sort();
        // The shell does not play runs that were kept.
        let places = ["playback.rs", "serve/signing.rs"];
        let places = places.map(|it| crates.join("pile-controller/src").join(it));
        assert_eq!(signing, places);
    }
}
