//! What `cargo metadata` says, as far as the checks ask.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A crate of a workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// The folder of its manifest.
    pub folder: PathBuf,
    /// Its licence expression, empty without one.
    pub license: String,
    /// True when it states the oldest compiler it builds with.
    pub states_rust_version: bool,
    /// What its manifest asks for.
    pub dependencies: Vec<Dependency>,
}

/// A line of a manifest's dependency tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// Which table it stands in.
    pub kind: Kind,
    /// True unless it says `default-features = false`.
    pub default_features: bool,
    /// Where it comes from.
    pub source: Source,
}

/// A dependency table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `[dependencies]`.
    Normal,
    /// `[build-dependencies]`.
    Build,
    /// `[dev-dependencies]`.
    Dev,
}

/// Where a dependency comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A folder of this repository.
    Path,
    /// A package registry.
    Registry,
    /// A git repository.
    Git,
}

/// Runs a `cargo metadata` and parses what it prints.
///
/// # Errors
///
/// Says why when cargo fails or prints something else.
pub fn read(command: &mut Command) -> Result<Value, String> {
    let output = command
        .args(["--format-version", "1"])
        .output()
        .map_err(|error| format!("cargo metadata does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

/// Returns the folder cargo builds into.
///
/// # Errors
///
/// Says so when the metadata has none.
pub fn target_directory(metadata: &Value) -> Result<PathBuf, String> {
    text(metadata, "target_directory").map(PathBuf::from)
}

/// Returns the crates of the workspace itself; call with `--no-deps`.
///
/// # Errors
///
/// Names the field that is missing.
pub fn members(metadata: &Value) -> Result<Vec<Member>, String> {
    list(metadata, "packages")?.iter().map(member).collect()
}

fn member(package: &Value) -> Result<Member, String> {
    let manifest = Path::new(text(package, "manifest_path")?);
    Ok(Member {
        name: text(package, "name")?.to_owned(),
        folder: manifest.parent().unwrap_or(manifest).to_path_buf(),
        license: text(package, "license").unwrap_or_default().to_owned(),
        states_rust_version: text(package, "rust_version").is_ok(),
        dependencies: list(package, "dependencies")?
            .iter()
            .map(dependency)
            .collect::<Result<_, _>>()?,
    })
}

fn dependency(entry: &Value) -> Result<Dependency, String> {
    Ok(Dependency {
        name: text(entry, "name")?.to_owned(),
        kind: match text(entry, "kind") {
            Ok("dev") => Kind::Dev,
            Ok("build") => Kind::Build,
            _ => Kind::Normal,
        },
        default_features: entry.get("uses_default_features").and_then(Value::as_bool)
            != Some(false),
        source: match text(entry, "source") {
            Ok(source) if source.starts_with("git") => Source::Git,
            Ok(_) => Source::Registry,
            Err(_) => Source::Path,
        },
    })
}

/// A package of a dependency graph, as it is linked.
#[derive(Debug, Clone, PartialEq)]
pub struct Linked {
    /// Its name.
    pub name: String,
    /// The features that are on.
    pub features: Vec<String>,
}

/// Returns what the root package links, without procedural macros and build scripts: those run on
/// the host.
///
/// # Errors
///
/// Names the field that is missing.
pub fn linked(metadata: &Value) -> Result<Vec<Linked>, String> {
    let packages = list(metadata, "packages")?;
    let resolve = metadata
        .get("resolve")
        .ok_or("cargo metadata: no `resolve`")?;
    let nodes = list(resolve, "nodes")?;
    let mut waiting = vec![text(resolve, "root")?];
    let mut seen: Vec<&str> = Vec::new();
    let mut linked = Vec::new();
    while let Some(id) = waiting.pop() {
        let package = packages
            .iter()
            .find(|package| text(package, "id") == Ok(id));
        let node = nodes.iter().find(|node| text(node, "id") == Ok(id));
        let (Some(package), Some(node)) = (package, node) else {
            return Err(format!("cargo metadata: no package `{id}`"));
        };
        if seen.contains(&id) || is_procedural_macro(package) {
            continue;
        }
        seen.push(id);
        let features = list(node, "features")?.iter().filter_map(Value::as_str);
        linked.push(Linked {
            name: text(package, "name")?.to_owned(),
            features: features.map(str::to_owned).collect(),
        });
        for edge in list(node, "deps")? {
            if list(edge, "dep_kinds")?
                .iter()
                .any(|kind| text(kind, "kind").is_err())
            {
                waiting.push(text(edge, "pkg")?);
            }
        }
    }
    Ok(linked)
}

fn is_procedural_macro(package: &Value) -> bool {
    list(package, "targets").is_ok_and(|targets| {
        targets.iter().any(|target| {
            list(target, "kind").is_ok_and(|kinds| kinds.iter().any(|kind| kind == "proc-macro"))
        })
    })
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value
        .get(key)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("cargo metadata: no text `{key}`"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a [Value], String> {
    value
        .get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .ok_or_else(|| format!("cargo metadata: no list `{key}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_manifest_s_dependencies_are_told_apart() {
        let metadata = json!({ "packages": [{
            "name": "metering", "manifest_path": "/r/crates/metering/Cargo.toml",
            "license": "MIT", "rust_version": null,
            "dependencies": [
                { "name": "a", "kind": null, "uses_default_features": false, "source": null },
                { "name": "b", "kind": "dev", "uses_default_features": true, "source": "registry+x" },
                { "name": "c", "kind": "build", "uses_default_features": true, "source": "git+x" },
            ],
        }]});
        let members = members(&metadata).unwrap();
        let member = &members[0];
        assert_eq!(member.folder, Path::new("/r/crates/metering"));
        assert!(!member.states_rust_version);
        let told: Vec<_> = member
            .dependencies
            .iter()
            .map(|d| (d.kind, d.source))
            .collect();
        assert_eq!(
            told,
            [
                (Kind::Normal, Source::Path),
                (Kind::Dev, Source::Registry),
                (Kind::Build, Source::Git)
            ]
        );
        assert!(!member.dependencies[0].default_features);
    }

    #[test]
    fn macros_and_build_scripts_are_not_linked() {
        let package =
            |id: &str, kind: &str| json!({ "id": id, "name": id, "targets": [{ "kind": [kind] }] });
        let edge =
            |to: &str, kind: Option<&str>| json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [package("gate", "bin"), package("serde", "lib"),
                         package("derive", "proc-macro"), package("script", "lib")],
            "resolve": { "root": "gate", "nodes": [
                { "id": "gate", "features": [],
                  "deps": [edge("serde", None), edge("derive", None), edge("script", Some("build"))] },
                { "id": "serde", "features": ["std"], "deps": [edge("derive", None)] },
                { "id": "derive", "features": ["std"], "deps": [] },
                { "id": "script", "features": ["std"], "deps": [] },
            ]},
        });
        let serde = Linked {
            name: "serde".into(),
            features: vec!["std".into()],
        };
        let gate = Linked {
            name: "gate".into(),
            features: vec![],
        };
        assert_eq!(linked(&metadata).unwrap(), [gate, serde]);
    }
}
