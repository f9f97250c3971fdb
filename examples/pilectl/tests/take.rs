//! Receipts taken out of a file, and how much is said of many.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

mod common;

use billing_core::receipt::ReceiptHash;
use common::Desk;
use common::receipts::{key, receipts};

/// Six receipts, of three accounts in turn.
fn desk() -> (Desk, Vec<String>) {
    let records = receipts(1..=6, &key());
    let desk = Desk::with(&[("all.ocmf", (records.join("\n") + "\n").as_bytes())]);
    let mut pem = String::new();
    key().public_key().write_pem(&mut pem).unwrap();
    desk.put("key.pem", pem.as_bytes());
    (desk, records)
}

#[test]
fn what_is_taken_is_as_it_was_signed() {
    let (desk, records) = desk();
    for (asked, pages) in [
        ("--page 3", vec![3]),
        ("--page 2-4", vec![2, 3, 4]),
        ("--session 105", vec![5]),
        ("--account 8", vec![1, 4]),
        ("--account 8 --page 2-9", vec![4]),
    ] {
        let take = format!("receipt take all.ocmf --key key.pem {asked} --out part.ocmf");
        let told = desk.well(&take);
        let taken: String = pages
            .iter()
            .map(|page| records[page - 1].clone() + "\n")
            .collect();
        assert_eq!(desk.read("part.ocmf"), taken, "{asked}");
        // The command that it names checks it.
        let (_, check) = told.trim_end().rsplit_once("pilectl ").unwrap();
        desk.well(&check.replace("KEY.pem", "key.pem"));
        // Nothing is written over.
        desk.fails(&take, 2, &["is there already; name a new file"]);
        std::fs::remove_file(desk.path("part.ocmf")).unwrap();
    }
}

#[test]
fn pages_between_are_missed_unless_the_file_is_a_part() {
    let (desk, records) = desk();
    desk.put(
        "part.ocmf",
        [&*records[0], "\n", &records[3]].concat().as_bytes(),
    );
    let verify = "receipt verify part.ocmf --key key.pem";
    desk.fails(verify, 1, &["NOT VERIFIED", "pages 2 to 3 are missing"]);
    desk.well(&format!("{verify} --part"));
    // A part hides nothing else.
    let altered = records[3].replace("CNY", "EUR");
    desk.put(
        "part.ocmf",
        [&*records[0], "\n", &altered].concat().as_bytes(),
    );
    desk.fails(&format!("{verify} --part"), 1, &["1 of 2 genuine"]);
}

#[test]
fn nothing_is_taken_that_is_not_genuine_or_not_there() {
    let (desk, records) = desk();
    let altered = records.join("\n").replacen("CNY", "EUR", 1);
    desk.put("altered.ocmf", altered.as_bytes());
    let take = |file: &str, what: &str| {
        format!("receipt take {file} --key key.pem {what} --out part.ocmf")
    };
    desk.fails(
        &take("altered.ocmf", "--page 1-2"),
        1,
        &["line 1", "Nothing was written"],
    );
    for (what, said) in [
        ("--page 9", "no receipt of page 9; it holds pages 1 to 6"),
        ("--session 1", "no receipt of session 1;"),
        (
            "--account 99 --page 1-3",
            "no receipt of pages 1 to 3, account 99;",
        ),
        ("--page 4-2", "write the first before the last"),
        ("--page x", "is no page"),
    ] {
        desk.fails(&take("all.ocmf", what), 2, &[said]);
    }
    assert!(!desk.path("part.ocmf").exists());
}

#[test]
fn the_verdict_comes_first_and_every_receipt_only_if_asked() {
    let (desk, _) = desk();
    let told = desk.well("receipt verify all.ocmf --key key.pem");
    assert!(
        told.starts_with("VERIFIED: 6 of 6 genuine, nothing wrong.\n"),
        "{told}"
    );
    assert!(told.lines().count() < 5, "{told}");
    for asked in ["--verbose", "--all"] {
        let told = desk.well(&format!("receipt verify all.ocmf --key key.pem {asked}"));
        assert!(
            told.contains("line 6, page T6: genuine, 0.80111 kWh, 0.53 CNY"),
            "{told}"
        );
    }
}

#[test]
fn many_wrong_things_are_counted_and_not_all_told() {
    let records = receipts(1..=60, &key());
    // Each is another pile's by one digit.
    let altered: Vec<_> = records.iter().map(|it| it.replace("CNY", "EUR")).collect();
    let desk = desk().0;
    desk.put("many.ocmf", altered.join("\n").as_bytes());
    let verify = "receipt verify many.ocmf --key key.pem";
    let (told, code) = desk.run(verify);
    assert_eq!(code, 1);
    assert!(
        told.starts_with("NOT VERIFIED: 0 of 60 genuine, 60 things wrong.\n"),
        "{told}"
    );
    assert_eq!(told.matches("WRONG: line").count(), 20);
    assert!(
        told.contains("WRONG: 40 more; --verbose tells them all."),
        "{told}"
    );
    let (told, _) = desk.run(&format!("{verify} --verbose"));
    assert_eq!(told.matches("WRONG: line").count(), 60);
    // A hash of what was altered is not that of what was signed.
    assert_ne!(ReceiptHash::of(&altered[0]), ReceiptHash::of(&records[0]));
}

#[test]
fn a_file_that_is_no_receipt_or_no_key_is_refused_by_every_command() {
    let (desk, _) = desk();
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("latin", b"\xe4\xf6\xfc"),
        ("spaces", b" \n\n"),
        ("prose", b"session,account\n1,2\n"),
    ] {
        desk.put(name, bytes);
    }
    std::fs::create_dir(desk.path("folder")).unwrap();
    for command in [
        "verify FILE",
        "show FILE",
        "take FILE --out made",
        "xml FILE --out made",
    ] {
        for file in ["missing", "empty", "latin", "spaces", "prose", "folder"] {
            let on_file = format!("receipt {} --key key.pem", command.replace("FILE", file));
            desk.fails(&on_file, 2, &["error: ", file, "; "]);
            let command = format!("receipt {command} --key {file}").replace("FILE", "all.ocmf");
            desk.fails(&command, 2, &["error: ", file, "; "]);
        }
    }
    assert!(!desk.path("made").exists());
}

/// The table of the README: a damaged receipt is 1 for every command that reads it.
#[test]
fn exit_codes_are_the_same_over_all_commands() {
    let (desk, records) = desk();
    let whole = records.join("\n") + "\n";
    let at = whole.find("\"RV\":").unwrap() + 5;
    let mut digit = whole.clone().into_bytes();
    digit[at] = b'7';
    let mut no_text = whole.clone().into_bytes();
    no_text[at] = 0xff;
    desk.put("digit.ocmf", &digit);
    desk.put("byte.ocmf", &no_text);
    desk.put("short.ocmf", &whole.as_bytes()[..whole.len() - 40]);
    for file in ["digit.ocmf", "byte.ocmf", "short.ocmf"] {
        for command in [
            "verify FILE",
            "show FILE",
            "take FILE --out made",
            "xml FILE --out made",
        ] {
            let command = format!("receipt {} --key key.pem", command.replace("FILE", file));
            desk.fails(&command, 1, &[]);
        }
        let line = if file == "short.ocmf" {
            "line 6"
        } else {
            "line 1"
        };
        desk.fails(
            &format!("receipt verify {file} --key key.pem"),
            1,
            &["NOT VERIFIED: 5 of 6 genuine", &format!("WRONG: {line}")],
        );
    }
    assert!(!desk.path("made").exists());
}
