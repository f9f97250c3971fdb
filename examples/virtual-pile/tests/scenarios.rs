//! Every scenario of the repository is played, and every flow of the pile has one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what is wrong by failing"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use virtual_pile::{run, scenario};

/// What the pile is for, and the scenario that shows it.
const FLOWS: [(&str, &str); 34] = [
    ("a blank pile is claimed", "commission"),
    ("a new card is authorised", "authorise"),
    ("charging by card and button, until full", "charge-by-card"),
    ("charging at the next free port", "next-free-port"),
    ("a tap ends the charge", "tap-again-to-stop"),
    ("one account on several ports", "two-ports-one-account"),
    ("two cards at once", "two-cards"),
    ("a bill is settled and paid", "settle"),
    ("a tenant moves out", "deregister"),
    ("a lost card is replaced", "lost-card"),
    ("a card is revoked", "revoke"),
    (
        "cards that prove nothing are forbidden",
        "uid-only-forbidden",
    ),
    ("a card that proves itself", "aes-card"),
    ("a copied card", "cloned-card"),
    ("a card with another key", "wrong-key"),
    ("cards without a key for listed accounts", "policy-listed"),
    ("overload", "overload"),
    ("leakage", "leakage"),
    ("unplugged", "unplugged"),
    ("no load", "no-load"),
    ("the longest session", "longest-session"),
    ("over-temperature", "too-hot"),
    ("a welded relay", "relay-welded"),
    ("a dead meter", "meter-dead"),
    ("a reader that hangs", "reader-hangs"),
    ("the pile's power budget", "power-budget"),
    ("a port out of service", "out-of-service"),
    ("a power cut", "power-cut"),
    ("a tariff changes during a session", "tariff-change"),
    ("a clock that was never set", "clock-unknown"),
    ("a full ledger", "ledger-full"),
    ("a planned tariff", "planned-tariff"),
    ("a tenant with an own price", "own-price"),
    ("a damaged ledger", "damaged-ledger"),
];

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "toml"));
    paths.sort();
    paths
}

#[test]
fn every_scenario_goes_as_it_expects() {
    let mut failures = Vec::new();
    for path in scenarios() {
        let scenario = scenario::read(&path).unwrap_or_else(|refusal| panic!("{refusal}"));
        match run::play(&scenario, &mut |_| ()) {
            Ok(played) => failures.extend(played.failures),
            Err(why) => failures.push(format!("{}: {why}", path.display())),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_flow_has_a_scenario() {
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let there: BTreeSet<_> = scenarios().iter().map(stem).collect();
    for (flow, name) in FLOWS {
        assert!(there.contains(name), "{flow}: there is no {name}.toml");
    }
}

#[test]
fn an_expectation_that_is_not_met_is_told_with_its_place() {
    let text = "title = \"x\"\n[[expect]]\nat = 1\nport = 1\nstate = \"charging\"\n";
    let scenario = scenario::parse("x.toml", text, Path::new(".")).unwrap();
    let mut told = Vec::new();
    let played = run::play(&scenario, &mut |line| told.push(line.to_owned())).unwrap();
    let expected = "x.toml:2: the state of port 1: expected charging, found idle";
    assert_eq!(played.failures, [expected]);
    assert_eq!(played.checks, 1);
    assert!(told.iter().any(|line| line.contains(expected)), "{told:?}");
}

#[test]
fn a_reader_that_had_to_be_reset_is_told_of_with_the_count() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let scenario = scenario::read(&folder.join("reader-hangs.toml")).unwrap();
    let mut told = Vec::new();
    run::play(&scenario, &mut |line| told.push(line.to_owned())).unwrap();
    let resets = told
        .iter()
        .filter(|line| line.contains("resets its card reader"));
    let resets: Vec<_> = resets.collect();
    assert!(
        matches!(resets[..], [line] if line.ends_with("1 in all since the supply came")),
        "{told:?}"
    );
}

#[test]
fn a_script_plays_the_same_twice() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let scenario = scenario::read(&folder.join("power-cut-in-flash.toml")).unwrap();
    let tell = || {
        let mut told = Vec::new();
        run::play(&scenario, &mut |line| told.push(line.to_owned())).unwrap();
        told
    };
    assert_eq!(tell(), tell());
}
