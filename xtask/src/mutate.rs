//! `cargo xtask mutate`: breaks the code on purpose, a line at a time, and sees the tests go red.
//!
//! The mutations are a list in `xtask/mutations.toml`. Each is tried in a copy of the tree below the
//! build folder; the tree itself is never touched.

mod copy;
mod list;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::Workspace;
use copy::Copied;
use list::{Mutation, Seen};

/// Which mutations, and how.
#[derive(clap::Args)]
pub struct Options {
    /// Tries this one only; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Names the mutations, and tries none.
    #[arg(long)]
    list: bool,
}

/// What came of one.
struct Tried {
    name: String,
    by: String,
    found: Result<String, String>,
    took: Duration,
}

/// Tries the mutations and prints what saw each.
///
/// # Errors
///
/// Says which stayed green, did not build or no longer apply, and what is red without any.
pub fn run(workspace: &Workspace, options: &Options) -> Result<(), String> {
    let mut mutations = list::read(&workspace.path(list::FILE))?;
    if let Some(unknown) = options
        .only
        .iter()
        .find(|name| mutations.iter().all(|it| it.name != **name))
    {
        return Err(format!("there is no mutation {unknown}; see --list"));
    }
    mutations.retain(|it| options.only.is_empty() || options.only.contains(&it.name));
    if options.list {
        for it in &mutations {
            println!("{:<36} {:<28} {}", it.name, it.seen.name(), it.file);
        }
        return Ok(());
    }
    let bench = Bench::new(workspace)?;
    let mut tried = Vec::new();
    // Without a mutation everything is green, or a red one tells nothing.
    let all: BTreeSet<&Seen> = mutations.iter().map(|it| &it.seen).collect();
    for seen in all {
        println!("    none: {}", seen.name());
        let begun = Instant::now();
        let found = match bench.test(seen)? {
            Verdict::Green => Ok("green, as it must".to_owned()),
            Verdict::Red(what) => Err(format!("red without a mutation: {what}")),
            Verdict::NoBuild(why) => Err(format!("does not build: {why}")),
        };
        tried.push(Tried {
            name: "(none)".to_owned(),
            by: seen.name(),
            found,
            took: begun.elapsed(),
        });
    }
    for mutation in &mutations {
        println!("    {}: {}", mutation.name, mutation.seen.name());
        let begun = Instant::now();
        let found = bench.mutated(mutation)?;
        let (Ok(told) | Err(told)) = &found;
        println!("        {told}");
        tried.push(Tried {
            name: mutation.name.clone(),
            by: mutation.seen.name(),
            found,
            took: begun.elapsed(),
        });
    }
    print!("{}", table(&tried));
    let wrong = tried.iter().filter(|it| it.found.is_err()).count();
    if wrong > 0 {
        return Err(format!("{wrong} mutations were not seen as they must be"));
    }
    println!("{} mutations, each seen", mutations.len());
    Ok(())
}

fn table(tried: &[Tried]) -> String {
    let mut text = String::from("\n| mutation | tried by | found | seconds |\n");
    text += "| --- | --- | --- | ---: |\n";
    for it in tried {
        let found = match &it.found {
            Ok(found) => found.clone(),
            Err(wrong) => format!("**{wrong}**"),
        };
        let seconds = it.took.as_secs();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} | {} | {found} | {seconds} |", it.name, it.by);
    }
    text
}

/// A copy of the tree, and where it builds.
struct Bench {
    tree: Copied,
    build: PathBuf,
    cargo: Command,
}

enum Verdict {
    Green,
    Red(String),
    NoBuild(String),
}

impl Bench {
    fn new(workspace: &Workspace) -> Result<Self, String> {
        let folder = workspace.target.join("mutants");
        Ok(Self {
            tree: Copied::of(&workspace.root, &workspace.target, &folder.join("tree"))?,
            build: folder.join("build"),
            cargo: workspace.cargo("test"),
        })
    }

    /// Tries one; what saw it, or why it was not seen.
    fn mutated(&self, mutation: &Mutation) -> Result<Result<String, String>, String> {
        let file = Path::new(&mutation.file);
        let text = self.tree.read(file)?;
        let mutated = match mutation.apply(&text) {
            Ok(mutated) => mutated,
            Err(why) => return Ok(Err(why)),
        };
        self.tree.write(file, &mutated)?;
        let verdict = self.test(&mutation.seen);
        self.tree.write(file, &text)?;
        Ok(match verdict? {
            Verdict::Green => Err("stayed green".to_owned()),
            Verdict::Red(what) => Ok(what),
            Verdict::NoBuild(why) => Err(format!("does not build: {why}")),
        })
    }

    fn test(&self, seen: &Seen) -> Result<Verdict, String> {
        let mut command = Command::new(self.cargo.get_program());
        command
            .arg("test")
            .args(seen.arguments())
            .args(["--", "--nocapture"])
            .current_dir(self.tree.root())
            .env("CARGO_TARGET_DIR", &self.build)
            // Half of a build is what a debugger would want.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_INCREMENTAL", "1")
            .env_remove("CARGO_MANIFEST_DIR");
        let output = command
            .output()
            .map_err(|error| format!("cargo: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        Ok(if output.status.success() {
            Verdict::Green
        } else if let Some(what) = red(&said, &complained) {
            Verdict::Red(what)
        } else {
            let error = complained.lines().find(|line| line.starts_with("error"));
            Verdict::NoBuild(error.unwrap_or("no test ran").to_owned())
        })
    }
}

/// What a failed run of tests says: the sweep's violations, or which tests failed.
fn red(said: &str, complained: &str) -> Option<String> {
    let points = |line: &&str| line.contains("distinct cut points");
    let violations = |line: &str| {
        let (points, violations) = line.split_once(" distinct cut points, ")?;
        // The table is in the panic's message, too.
        let points = points.rsplit([' ', '"']).next()?;
        let violations = violations.split(' ').next()?;
        Some(format!("{violations} violations at {points} cut points"))
    };
    let lines = || said.lines().chain(complained.lines());
    let broken = || {
        let after = lines().skip_while(|line| !points(line)).skip(1);
        let invariants = after.filter_map(|line| {
            let (_, broken) = line.split_once("): ")?;
            broken.split(' ').next()
        });
        let is_name = |name: &&str| name.starts_with('I') && name.len() <= 3;
        invariants.filter(is_name).collect::<BTreeSet<_>>()
    };
    if let Some(sum) = lines().find(points).and_then(violations) {
        let names: Vec<_> = broken().into_iter().collect();
        return Some(format!("{sum}: {}", names.join(", ")));
    }
    let failed: BTreeSet<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"))
        .chain(said.lines().skip_while(|it| *it != "failures:").filter_map(
            // With --nocapture a test's own lines stand between its name and its end.
            |line| line.strip_prefix("    ").filter(|it| !it.contains(' ')),
        ))
        .collect();
    let first = failed.iter().next()?;
    let last = first.rsplit("::").next().unwrap_or(first);
    Some(match failed.len() {
        1 => format!("`{last}`"),
        more => format!("`{last}` and {} more", more - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_told_by_the_sweeps_own_table() {
        let said = "flash KiB\nstm32g4 32\n8013 distinct cut points, 139 violations\n\
            stm32g4: operation 3: 2 words and nothing of the next (append X): I1 port 1 was\n\
            stm32g4: operation 3: 2 words and nothing of the next (append X): I4 record 3 is\n";
        let told = red(said, "").unwrap();
        assert_eq!(told, "139 violations at 8013 cut points: I1, I4");
    }

    #[test]
    fn failed_tests_are_told_by_name() {
        let said = "test a::b ... ok\ntest a::c ... FAILED\n\nfailures:\n\nfailures:\n    a::c\n    a::d\n\n\
            test result: FAILED. 1 passed\n";
        assert_eq!(red(said, "").unwrap(), "`c` and 1 more");
        assert_eq!(red("", "error: could not compile"), None);
    }
}
