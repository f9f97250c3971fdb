//! What every file and crate of the repository keeps to.

use std::fs;
use std::path::{Path, PathBuf};

use crate::layout;
use crate::metadata::{self, Member};
use crate::process::Workspace;
use crate::runner::Outcome;
use crate::source;

/// The longest a file of Rust may grow; past it, it is more than one subject.
const MOST_LINES: usize = 600;

/// The licence of every crate.
const LICENSE: &str = "MIT OR Apache-2.0";

/// Checks every Rust file and every crate.
pub fn check(workspace: &Workspace) -> Outcome {
    find(workspace).map_or_else(Outcome::Failed, |findings| Outcome::of_findings(&findings))
}

fn find(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    for room in ["crates", "examples", "fuzz", "xtask"] {
        for file in rust_files(&workspace.path(room))? {
            let below = file.strip_prefix(&workspace.root).unwrap_or(&file);
            let text = read(&file)?;
            findings.extend(in_file(below, &text));
        }
    }
    let manifests = metadata::read(workspace.cargo("metadata").arg("--no-deps"))?;
    for member in metadata::members(&manifests)? {
        findings.extend(in_manifest(&member));
        findings.extend(front_page(&member)?);
    }
    for file in ["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md", "README.md"] {
        if !workspace.path(file).is_file() {
            findings.push(format!("{file} is missing"));
        }
    }
    Ok(findings)
}

/// Returns the Rust files below a folder, in order; build folders and hidden ones are not ours.
///
/// # Errors
///
/// Names the folder that cannot be read.
pub fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    let said = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut entries = fs::read_dir(folder)
        .map_err(said)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(said)?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if name != "target" && name != "node_modules" && !name.starts_with('.') {
                files.extend(rust_files(&path)?);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Reads a file.
///
/// # Errors
///
/// Names the file that cannot be read.
pub fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// Checks one Rust file, named from the root.
fn in_file(file: &Path, text: &str) -> Vec<String> {
    let shown = file.display();
    let domain =
        layout::domain_crates().any(|name| file.starts_with(Path::new("crates").join(name)));
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > MOST_LINES {
        findings.push(format!(
            "{shown} has {lines} lines, more than {MOST_LINES}: is it one subject?"
        ));
    }
    for (number, line) in (1..).zip(source::code_only(text).lines()) {
        for (word, next) in source::words(line) {
            if next == Some('!') && matches!(word, "todo" | "unimplemented") {
                findings.push(format!("{shown}:{number}: a stub, `{word}!`"));
            } else if domain && is_float(word) {
                findings.push(format!("{shown}:{number}: `{word}` in a domain crate"));
            }
        }
    }
    let is_front = file.components().count() == 4 && file.ends_with("src/lib.rs");
    if domain && is_front {
        for attribute in ["#![no_std]", "#![forbid(unsafe_code)]"] {
            if !text.contains(attribute) {
                findings.push(format!("{shown}: a domain crate without `{attribute}`"));
            }
        }
    }
    findings
}

/// Tells the floating-point types and the literals that carry their name.
fn is_float(word: &str) -> bool {
    word.strip_suffix("f32")
        .or_else(|| word.strip_suffix("f64"))
        .is_some_and(|number| {
            number.is_empty() || number.chars().all(|c| c.is_ascii_digit() || c == '_')
        })
}

/// Checks what a manifest states.
fn in_manifest(member: &Member) -> Vec<String> {
    let name = &member.name;
    let mut findings = Vec::new();
    if member.license != LICENSE {
        findings.push(format!("{name}: the licence is not `{LICENSE}`"));
    }
    if !member.states_rust_version {
        findings.push(format!("{name}: no rust-version"));
    }
    findings
}

/// Checks that a crate's README is there and is its documentation.
fn front_page(member: &Member) -> Result<Option<String>, String> {
    let name = &member.name;
    if !member.folder.join("README.md").is_file() {
        return Ok(Some(format!("{name}: no README.md")));
    }
    for root in ["src/lib.rs", "src/main.rs"] {
        let root = member.folder.join(root);
        if root.is_file() {
            let shown = read(&root)?.contains("#![doc = include_str!(\"../README.md\")]");
            return Ok((!shown).then(|| format!("{name}: its README is not its documentation")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, text: &str) -> Vec<String> {
        in_file(Path::new(file), text)
    }

    #[test]
    fn a_float_is_refused_in_a_domain_crate_only() {
        for float in ["let x: f64;", "let x = 1_f32;", "x as f32"] {
            assert_eq!(
                found("crates/metering/src/bus.rs", float).len(),
                1,
                "{float}"
            );
            assert_eq!(
                found("crates/pile-sim/src/load.rs", float).len(),
                0,
                "{float}"
            );
        }
        assert_eq!(
            found("crates/metering/src/bus.rs", "// f32\nlet half32 = 1;").len(),
            0
        );
    }

    #[test]
    fn a_stub_is_found_with_its_line() {
        for stub in ["todo", "unimplemented"] {
            let text = format!("fn a() {{}}\nfn b() {{ {stub}!() }}");
            let findings = found("examples/x/src/main.rs", &text);
            assert_eq!(
                findings,
                [format!("examples/x/src/main.rs:2: a stub, `{stub}!`")]
            );
        }
    }

    #[test]
    fn a_file_may_have_600_lines_and_no_more() {
        assert_eq!(found("xtask/src/a.rs", &"\n".repeat(600)).len(), 0);
        assert_eq!(found("xtask/src/a.rs", &"\n".repeat(601)).len(), 1);
    }

    #[test]
    fn a_domain_crate_says_no_std_and_forbids_unsafe() {
        assert_eq!(found("crates/metering/src/lib.rs", "").len(), 2);
        assert_eq!(found("crates/metering/src/bl0942/lib.rs", "").len(), 0);
        assert_eq!(found("crates/pile-sim/src/lib.rs", "").len(), 0);
    }

    #[test]
    fn a_crate_with_another_licence_is_found() {
        let member = Member {
            name: "metering".into(),
            folder: PathBuf::new(),
            license: "MIT".into(),
            states_rust_version: true,
            dependencies: Vec::new(),
        };
        assert_eq!(in_manifest(&member).len(), 1);
    }
}
