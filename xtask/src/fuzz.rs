//! `cargo xtask fuzz`: cargo-fuzz with a nightly compiler, or with the stable one told to pass for it.

use std::path::Path;
use std::process::Command;

use crate::process::{self, Workspace};

/// What to fuzz.
#[derive(clap::Args)]
pub struct Options {
    /// The targets, by the names of their files in `fuzz/fuzz_targets` [default: all].
    targets: Vec<String>,
    /// How long each runs.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    seconds: u32,
    /// Fuzzes with the stable compiler even where a nightly one is installed.
    #[arg(long)]
    stable: bool,
}

/// The compiler that fuzzes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Compiler {
    Nightly,
    /// `RUSTC_BOOTSTRAP=1` lets it take the flags of a nightly one.
    Stable,
}

impl Compiler {
    fn choose(stable: bool) -> Self {
        let mut nightly = Command::new("rustup");
        nightly.args(["run", "nightly", "cargo", "--version"]);
        if !stable && process::succeeds(&mut nightly) {
            return Self::Nightly;
        }
        Self::Stable
    }

    fn command(self, workspace: &Workspace, program: &str) -> Command {
        let mut command = match self {
            Self::Nightly => {
                let mut command = Command::new("rustup");
                command.args(["run", "nightly", program]);
                command
            }
            Self::Stable => {
                let mut command = Command::new(program);
                command.env("RUSTC_BOOTSTRAP", "1");
                command
            }
        };
        command.current_dir(workspace.path("fuzz"));
        // Set by the cargo that started this program; they would win over the chosen compiler.
        for inherited in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
            command.env_remove(inherited);
        }
        command
    }

    /// True if the address sanitizer's runtime is there: stable compilers come without.
    fn has_sanitizer(self, workspace: &Workspace) -> bool {
        let mut rustc = self.command(workspace, "rustc");
        let Ok(output) = rustc.args(["--print", "target-libdir"]).output() else {
            return false;
        };
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let Ok(files) = std::fs::read_dir(folder) else {
            return false;
        };
        let is_runtime = |name: &str| name.contains("rt.asan");
        files
            .flatten()
            .any(|file| file.file_name().to_str().is_some_and(is_runtime))
    }
}

/// Fuzzes with cargo-fuzz, which it installs when it is missing. What is found beyond the seeds
/// stays in the build folder.
///
/// # Errors
///
/// Says what is missing and how to get it, or which target failed; libFuzzer has then said which
/// file holds the input.
pub fn run(workspace: &Workspace, options: &Options) -> Result<(), String> {
    let targets = chosen(
        &all(&workspace.path("fuzz/fuzz_targets"))?,
        &options.targets,
    )?;
    let compiler = Compiler::choose(options.stable);
    let sanitizer = if compiler.has_sanitizer(workspace) {
        "address"
    } else {
        "none"
    };
    println!(
        "    {}, sanitizer: {sanitizer}",
        match compiler {
            Compiler::Nightly => "the nightly compiler",
            Compiler::Stable => "the stable compiler with RUSTC_BOOTSTRAP=1",
        }
    );
    let cargo = || compiler.command(workspace, "cargo");
    if !process::succeeds(cargo().args(["fuzz", "--version"])) {
        println!("    cargo-fuzz is missing; installing it");
        let mut install = workspace.cargo("install");
        done(install.args(["--locked", "cargo-fuzz"]))?;
    }
    for target in targets {
        let found = workspace.target.join("fuzz-corpus").join(&target);
        std::fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
        let mut run = cargo();
        run.args(["fuzz", "run", "--sanitizer", sanitizer, "--target-dir"])
            .arg(workspace.target.join("fuzz"))
            .arg(&target)
            .arg(&found)
            .arg(workspace.path("fuzz/corpus").join(&target))
            .arg("--")
            .arg(format!("-max_total_time={}", options.seconds))
            .arg("-print_final_stats=1");
        done(&mut run)?;
    }
    Ok(())
}

fn done(command: &mut Command) -> Result<(), String> {
    let outcome = process::run(command);
    outcome.reason().map_or(Ok(()), |why| Err(why.to_owned()))
}

/// The targets of a folder, sorted.
fn all(folder: &Path) -> Result<Vec<String>, String> {
    let files = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names: Vec<String> = files
        .flatten()
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .filter_map(|path| path.file_stem()?.to_str().map(str::to_owned))
        .collect();
    names.sort_unstable();
    Ok(names)
}

fn chosen(all: &[String], wanted: &[String]) -> Result<Vec<String>, String> {
    if wanted.is_empty() {
        return Ok(all.to_vec());
    }
    match wanted.iter().find(|name| !all.contains(name)) {
        Some(unknown) => Err(format!(
            "there is no target {unknown}; there are {}",
            all.join(", ")
        )),
        None => Ok(wanted.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_the_files_and_each_has_seeds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let all = all(&root.join("fuzz_targets")).unwrap();
        assert!(all.contains(&"ledger_image".to_owned()));
        let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
        for target in &all {
            let seeds = std::fs::read_dir(root.join("corpus").join(target)).unwrap();
            assert!(seeds.count() > 0, "{target} has no seeds");
            assert!(
                manifest.contains(&format!("name = \"{target}\"")),
                "{target}"
            );
        }
    }

    #[test]
    fn an_unknown_target_is_refused_by_name() {
        let all = ["a".to_owned(), "b".to_owned()];
        assert_eq!(chosen(&all, &[]).unwrap(), all);
        assert_eq!(chosen(&all, &["b".to_owned()]).unwrap(), ["b"]);
        let refused = chosen(&all, &["c".to_owned()]).unwrap_err();
        assert_eq!(refused, "there is no target c; there are a, b");
    }
}
