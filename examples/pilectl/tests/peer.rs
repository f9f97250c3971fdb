//! Our receipts against an OCMF library that nobody here wrote, and its records against `pilectl`.
//!
//! `cargo xtask test --only ocmf-peer` installs the library, makes a small replay and runs this with
//! `OCMF_PEER_PYTHON`, the Python that has the library, `OCMF_PEER_SCRIPT` and `OCMF_PEER_REPLAY`,
//! the folder of the replay.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test's helper fails as a test does"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::Desk;
use common::receipts::{key, receipts_of};
use pile_units::Strength;
use pilectl::receipt::payload::{Payload, Register};
use serde_json::Value;

fn given(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    PathBuf::from(
        value.unwrap_or_else(|| panic!("{name} is not set: cargo xtask test --only ocmf-peer")),
    )
}

fn peer(command: &str, one: &Path, two: &Path) -> String {
    let output = Command::new(given("OCMF_PEER_PYTHON"))
        .arg(given("OCMF_PEER_SCRIPT"))
        .args([command.as_ref(), one.as_os_str(), two.as_os_str()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// What the library says of each record.
fn judged(desk: &Desk, records: &[String]) -> Vec<Value> {
    desk.put("judged.ocmf", (records.join("\n") + "\n").as_bytes());
    let said = peer("verify", &desk.path("judged.ocmf"), &desk.path("key.pem"));
    let said: Vec<Value> = said
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(said.len(), records.len());
    said
}

/// Every value that the library reads is the one that `pilectl` reads.
fn same_values(record: &str, theirs: &Value) {
    let ours = Payload::of(record).unwrap();
    assert_eq!(theirs["genuine"], true, "{theirs}");
    assert_eq!(theirs["errors"], serde_json::json!([]), "{record}");
    assert_eq!(theirs["warnings"], serde_json::json!([]), "{record}");
    for (name, key) in [
        ("page", "PG"),
        ("pile", "GS"),
        ("meter", "MS"),
        ("card", "ID"),
        ("level", "IL"),
    ] {
        assert_eq!(
            theirs[name].as_str(),
            ours.text(key).as_deref(),
            "{key} of {record}"
        );
    }
    assert_eq!(theirs["tariff"].as_str(), ours.text("TT").as_deref());
    for key in ["U", "V", "W", "X", "Y", "Z"] {
        assert_eq!(
            theirs["extra"][key].as_str(),
            ours.text(key).as_deref(),
            "{key} of {record}"
        );
    }
    let readings = theirs["readings"].as_array().unwrap();
    assert_eq!(readings.len(), ours.readings.len());
    for (theirs, ours) in readings.iter().zip(&ours.readings) {
        let text = |name: &str| theirs[name].as_str().unwrap();
        assert_eq!(text("letter"), ours.letter);
        assert_eq!(text("clock"), ours.clock);
        assert_eq!(text("status"), ours.status);
        assert_eq!(text("doubts"), ours.doubts);
        assert_eq!(
            theirs["time"].as_i64(),
            ours.time.map(time::OffsetDateTime::unix_timestamp)
        );
        assert_eq!(
            Register::read(text("kwh"), "kWh"),
            ours.register,
            "{record}"
        );
    }
}

/// Each digit of a register, a fee and the signature, changed by one in its turn.
fn altered(record: &str) -> Vec<String> {
    let places = record
        .match_indices(|it: char| it.is_ascii_digit())
        .map(|(at, _)| at);
    let within = |key: &str| {
        let at = record.find(key).unwrap() + key.len();
        at..at + 12
    };
    let ranges = [within("\"RV\":"), within("\"Y\":\""), within("\"SD\":\"30")];
    let chosen = places.filter(|at| ranges.iter().any(|range| range.contains(at)));
    let change = |at: usize| {
        let mut bytes = record.as_bytes().to_vec();
        bytes[at] = b'0' + (bytes[at] - b'0' + 1) % 10;
        String::from_utf8(bytes).unwrap()
    };
    chosen.map(change).collect()
}

#[test]
#[ignore = "needs the library: cargo xtask test --only ocmf-peer"]
fn the_receipts_of_a_replay_verify_there_and_say_the_same() {
    let replay = given("OCMF_PEER_REPLAY");
    let text = std::fs::read_to_string(replay.join("receipts.ocmf")).unwrap();
    let records: Vec<String> = text.lines().map(str::to_owned).collect();
    for letter in ["B", "T", "P"] {
        let reading = format!("\"TX\":\"{letter}\"");
        assert!(
            text.contains(&reading),
            "the replay has no reading {letter}"
        );
    }
    let desk = Desk::new();
    std::fs::copy(replay.join("public-key.pem"), desk.path("key.pem")).unwrap();
    for (record, theirs) in records.iter().zip(judged(&desk, &records)) {
        same_values(record, &theirs);
    }
    for theirs in judged(&desk, &altered(&records[0])) {
        assert_eq!(theirs["genuine"], false, "{theirs}");
    }
}

#[test]
#[ignore = "needs the library: cargo xtask test --only ocmf-peer"]
fn receipts_of_both_strengths_verify_there_and_altered_ones_do_not() {
    let desk = Desk::new();
    let mut pem = String::new();
    key().public_key().write_pem(&mut pem).unwrap();
    desk.put("key.pem", pem.as_bytes());
    for (strength, level) in [
        (Strength::UidOnly, "HEARSAY"),
        (Strength::MutualAes, "SECURE"),
    ] {
        let records = receipts_of(1..=3, &key(), strength);
        for (record, theirs) in records.iter().zip(judged(&desk, &records)) {
            same_values(record, &theirs);
            assert_eq!(theirs["level"], level);
        }
        let altered = altered(&records[1]);
        assert!(altered.len() > 10, "{}", altered.len());
        for (record, theirs) in altered.iter().zip(judged(&desk, &altered)) {
            assert_eq!(theirs["genuine"], false, "{record}");
        }
    }
}

#[test]
#[ignore = "needs the library: cargo xtask test --only ocmf-peer"]
fn records_that_the_library_makes_are_verified_and_told() {
    let desk = Desk::new();
    peer("sign", &desk.path("key.pem"), &desk.path("theirs.ocmf"));
    let told = desk.well("receipt verify theirs.ocmf --key key.pem --verbose");
    for said in [
        "VERIFIED: 3 of 3 genuine, nothing wrong.",
        "line 1, page T1: genuine, 5.525 kWh",
        "line 2, page T2: genuine, 0.0015 kWh",
        "line 3, page T3: genuine, 99999.999998 kWh",
    ] {
        assert!(told.contains(said), "{told}");
    }
    let shown = desk.well("receipt show theirs.ocmf --key key.pem --page 1");
    assert!(
        shown.contains("drawn       5.525 kWh in 0 h 00 min 02 s"),
        "{shown}"
    );
    let text = desk.read("theirs.ocmf");
    desk.put(
        "altered.ocmf",
        text.replacen("2941.125", "2941.025", 1).as_bytes(),
    );
    desk.fails(
        "receipt verify altered.ocmf --key key.pem",
        1,
        &["NOT VERIFIED: 2 of 3 genuine", "line 1"],
    );
    desk.well("receipt xml theirs.ocmf --key key.pem --out theirs.xml");
    desk.well("receipt verify theirs.xml --key key.pem");
}
