//! The direction of the dependencies: arrows point down only.
//!
//! Every crate has a floor. A crate may use what lies on a lower floor; a domain crate may use
//! only domain crates, and asks for its other dependencies without their default features, from a
//! registry. Tests may reach up: they are not shipped.

use std::path::Path;

use crate::gate;
use crate::metadata::{self, Dependency, Kind, Linked, Member, Source};
use crate::process::{self, Workspace};
use crate::runner::Outcome;
use crate::{hygiene, source};

/// Where a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    floor: u8,
    /// A domain crate: `no_std`, without an allocator, on any chip.
    domain: bool,
}

/// The crates by floor. Everything else under `examples/`, and this program, stands on the roof.
const FLOORS: &[(&str, Place)] = &[
    (
        "pile-units",
        Place {
            floor: 0,
            domain: true,
        },
    ),
    (
        "billing-core",
        Place {
            floor: 1,
            domain: true,
        },
    ),
    (
        "metering",
        Place {
            floor: 1,
            domain: true,
        },
    ),
    (
        "card-auth",
        Place {
            floor: 1,
            domain: true,
        },
    ),
    (
        "ble-protocol",
        Place {
            floor: 2,
            domain: true,
        },
    ),
    (
        "ble-gatt",
        Place {
            floor: 3,
            domain: true,
        },
    ),
    (
        "pile-controller",
        Place {
            floor: 3,
            domain: true,
        },
    ),
    (
        "tariff-file",
        Place {
            floor: 2,
            domain: false,
        },
    ),
    (
        "pile-sim",
        Place {
            floor: 4,
            domain: false,
        },
    ),
    // The boards' application; the virtual pile makes the key pages of emulated ones.
    (
        "pile-app",
        Place {
            floor: 4,
            domain: false,
        },
    ),
    // The virtual pile makes its receipts with the landlord's tool.
    (
        "pilectl",
        Place {
            floor: 5,
            domain: false,
        },
    ),
];

const ROOF: Place = Place {
    floor: 6,
    domain: false,
};

/// The names of the domain crates.
pub fn domain_crates() -> impl Iterator<Item = &'static str> {
    FLOORS
        .iter()
        .filter(|(_, place)| place.domain)
        .map(|(name, _)| *name)
}

/// Checks the manifests of the workspace, and what the gate links.
pub fn check(workspace: &Workspace) -> Outcome {
    find(workspace).map_or_else(Outcome::Failed, |findings| Outcome::of_findings(&findings))
}

fn find(workspace: &Workspace) -> Result<Vec<String>, String> {
    let manifests = metadata::read(workspace.cargo("metadata").arg("--no-deps"))?;
    let members = metadata::members(&manifests)?;
    let mut findings = upward(&workspace.root, &members);

    let target = process::host_target()?;
    // Not with `gate::cargo`: this subcommand takes no build folder.
    let gate = metadata::read(workspace.cargo("metadata").args([
        "--manifest-path",
        gate::MANIFEST,
        "--filter-platform",
        &target,
    ]))?;
    findings.extend(host_features(&metadata::linked(&gate)?));
    let rooms = hygiene::rust_files(&workspace.path(gate::SOURCE))?;
    let rooms = rooms
        .iter()
        .map(|file| hygiene::read(file))
        .collect::<Result<String, _>>()?;
    findings.extend(not_gated(&members, &rooms));
    Ok(findings)
}

fn place(root: &Path, member: &Member) -> Option<Place> {
    let below = member.folder.strip_prefix(root).unwrap_or(&member.folder);
    let on_roof = below.starts_with("examples") || below.starts_with("xtask");
    floor_of(&member.name).or(on_roof.then_some(ROOF))
}

fn floor_of(name: &str) -> Option<Place> {
    FLOORS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, place)| *place)
}

/// Finds the arrows that do not point down, and domain crates' dependencies of the wrong kind.
fn upward(root: &Path, members: &[Member]) -> Vec<String> {
    let mut findings = Vec::new();
    for member in members {
        let name = &member.name;
        let Some(from) = place(root, member) else {
            findings.push(format!(
                "{name} has no floor yet: give it one in xtask/src/layout.rs"
            ));
            continue;
        };
        for dependency in member.dependencies.iter().filter(|d| d.kind != Kind::Dev) {
            let used = &dependency.name;
            match members.iter().find(|member| member.name == *used) {
                Some(other) => {
                    let to = place(root, other).unwrap_or(ROOF);
                    if to.floor >= from.floor {
                        findings.push(format!(
                            "{name} (floor {}) depends on {used} (floor {}): arrows point down only",
                            from.floor, to.floor
                        ));
                    } else if from.domain && !to.domain {
                        findings.push(format!("{name} is a domain crate and {used} is not"));
                    }
                }
                None if from.domain => findings.extend(foreign(name, dependency)),
                None => {}
            }
        }
    }
    findings
}

/// Checks a domain crate's dependency on a crate that is not ours.
fn foreign(name: &str, dependency: &Dependency) -> Option<String> {
    let used = &dependency.name;
    if dependency.source != Source::Registry {
        Some(format!("{name}: {used} does not come from a registry"))
    } else if dependency.default_features {
        Some(format!(
            "{name}: {used} is asked for without `default-features = false`"
        ))
    } else {
        None
    }
}

/// Finds features that bring in std or the allocator. The gate would not link with one; this names
/// the crate it comes from.
fn host_features(linked: &[Linked]) -> Vec<String> {
    let features = linked.iter().flat_map(|package| {
        package
            .features
            .iter()
            .map(move |feature| (&package.name, feature.as_str()))
    });
    features
        .filter(|(_, feature)| matches!(*feature, "std" | "alloc" | "use_std"))
        .map(|(package, feature)| format!("the domain crates switch on `{package}/{feature}`"))
        .collect()
}

/// Finds domain crates that the gate's source never calls.
fn not_gated(members: &[Member], gate: &str) -> Vec<String> {
    let code = source::code_only(gate);
    domain_crates()
        .filter(|name| members.iter().any(|member| member.name == *name))
        .filter(|name| {
            let path = name.replace('-', "_");
            !code
                .lines()
                .flat_map(source::words)
                .any(|found| found == (&path, Some(':')))
        })
        .map(|name| format!("{name} is not called by the gate: give it a room in xtask/gate/src"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, folder: &str, dependencies: &[Dependency]) -> Member {
        Member {
            name: name.into(),
            folder: Path::new("/r").join(folder),
            license: String::new(),
            states_rust_version: true,
            dependencies: dependencies.to_vec(),
        }
    }

    fn on(name: &str) -> Dependency {
        Dependency {
            name: name.into(),
            kind: Kind::Normal,
            default_features: false,
            source: Source::Path,
        }
    }

    fn from_registry(name: &str) -> Dependency {
        Dependency {
            source: Source::Registry,
            ..on(name)
        }
    }

    fn linked(name: &str, features: &[&str]) -> Linked {
        Linked {
            name: name.into(),
            features: features
                .iter()
                .map(|feature| (*feature).to_owned())
                .collect(),
        }
    }

    fn findings(members: &[Member]) -> Vec<String> {
        upward(Path::new("/r"), members)
    }

    #[test]
    fn the_intended_house_stands() {
        let house = [
            member("pile-units", "crates/pile-units", &[from_registry("serde")]),
            member("metering", "crates/metering", &[on("pile-units")]),
            member(
                "pile-controller",
                "crates/pile-controller",
                &[on("metering")],
            ),
            member("pile-sim", "crates/pile-sim", &[on("pile-controller")]),
            member("virtual-pile", "examples/virtual-pile", &[on("pile-sim")]),
        ];
        assert_eq!(findings(&house), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_up_is_found() {
        let house = [
            member("metering", "crates/metering", &[on("pile-controller")]),
            member("pile-controller", "crates/pile-controller", &[]),
        ];
        assert_eq!(findings(&house).len(), 1);
        assert!(findings(&house)[0].starts_with("metering (floor 1) depends on pile-controller"));
    }

    #[test]
    fn an_arrow_across_a_floor_is_found() {
        let house = [
            member("metering", "crates/metering", &[]),
            member("billing-core", "crates/billing-core", &[on("metering")]),
        ];
        assert_eq!(findings(&house).len(), 1);
    }

    #[test]
    fn a_domain_crate_on_a_host_crate_is_found_even_downwards() {
        let house = [
            member("tariff-file", "crates/tariff-file", &[]),
            member(
                "pile-controller",
                "crates/pile-controller",
                &[on("tariff-file")],
            ),
        ];
        assert!(findings(&house)[0].contains("is a domain crate"));
    }

    #[test]
    fn a_test_may_reach_up() {
        let up = Dependency {
            kind: Kind::Dev,
            ..on("pile-sim")
        };
        let house = [
            member("pile-controller", "crates/pile-controller", &[up]),
            member("pile-sim", "crates/pile-sim", &[on("pile-controller")]),
        ];
        assert_eq!(findings(&house), Vec::<String>::new());
    }

    #[test]
    fn default_features_and_git_are_refused_in_a_domain_crate_only() {
        let loose = Dependency {
            default_features: true,
            ..from_registry("time")
        };
        let patched = Dependency {
            source: Source::Git,
            ..on("heapless")
        };
        let domain = member("metering", "crates/metering", &[loose.clone(), patched]);
        assert_eq!(findings(&[domain]).len(), 2);
        let host = member("pile-sim", "crates/pile-sim", &[loose]);
        assert_eq!(findings(&[host]), Vec::<String>::new());
    }

    #[test]
    fn a_crate_without_a_floor_is_found() {
        assert!(findings(&[member("attic", "crates/attic", &[])])[0].contains("no floor"));
    }

    #[test]
    fn the_crate_that_switches_std_on_is_named() {
        let linked = [linked("serde", &["derive", "std"]), linked("sha2", &[])];
        assert_eq!(
            host_features(&linked),
            ["the domain crates switch on `serde/std`"]
        );
    }

    #[test]
    fn a_domain_crate_that_the_gate_forgets_is_found() {
        let house = [member("metering", "crates/metering", &[])];
        assert_eq!(
            not_gated(&house, "// metering::Bl0942\nfn metering() {}").len(),
            1
        );
        assert_eq!(
            not_gated(&house, "use metering::Sample;"),
            Vec::<String>::new()
        );
    }
}
