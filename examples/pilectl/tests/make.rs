//! Receipts made of a ledger, and the key they are signed with.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod common;

use billing_core::record::{Record, StopReason};
use common::receipts::key;
use common::{Desk, Pile, lived, log};
use pile_units::Strength;
use pilectl::receipt::payload::Payload;

/// A pile's image, and the key `key.pem` with `public.pem`.
fn desk(files: &[(&str, &[u8])]) -> Desk {
    let desk = Desk::with(files);
    let (mut private, mut public) = (String::new(), String::new());
    key().write_pem(&mut private).unwrap();
    key().public_key().write_pem(&mut public).unwrap();
    desk.put("key.pem", private.as_bytes());
    desk.put("public.pem", public.as_bytes());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let own = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(desk.path("key.pem"), own).unwrap();
    }
    desk
}

const MAKE: &str = "receipt make pile.bin --key key.pem --out receipts.ocmf";

/// A short life on a flash that holds all of it.
fn young() -> Vec<u8> {
    let mut pile = Pile::new(5);
    pile.live(1500);
    pile.image()
}

#[test]
fn every_session_that_ended_has_one_receipt_in_the_order_of_the_pages() {
    let image = young();
    let desk = desk(&[("pile.bin", &image)]);
    let told = desk.well(MAKE);
    let text = desk.read("receipts.ocmf");
    let mut closed: Vec<_> = log(&image)
        .entries
        .into_iter()
        .filter_map(|entry| match entry.record {
            Record::SessionClosed(closed) => Some(closed),
            _ => None,
        })
        .collect();
    closed.sort_by_key(|it| it.page);
    assert!(closed.len() > 20 && closed[0].page == 1);
    assert_eq!(text.lines().count(), closed.len());
    let mut letters = String::new();
    for (record, closed) in text.lines().zip(&closed) {
        let payload = Payload::of(record).unwrap();
        let own = |key: &str| payload.text(key).unwrap();
        assert_eq!(own("PG"), format!("T{}", closed.page));
        assert_eq!(own("U"), closed.session.to_string());
        assert_eq!(own("V"), closed.account.to_string());
        let level = match closed.strength {
            Strength::UidOnly => "HEARSAY",
            Strength::MutualAes => "SECURE",
        };
        assert_eq!(own("IL"), level);
        let drawn = payload.drawn().unwrap().energy();
        assert_eq!(drawn, Some(closed.energy));
        assert!(payload.states(&closed.bill), "{record}");
        assert_eq!(payload.readings.len(), usize::from(closed.segments) + 1);
        let lost = closed.reason == StopReason::PowerLost;
        assert_eq!(payload.stop().unwrap().letter == "P", lost);
        letters.extend(payload.readings.iter().map(|it| it.letter.as_str()));
    }
    // The life has what a receipt is to tell, but for a power failure: that is in a replay.
    assert!(letters.contains('T'), "{letters}");
    assert!(text.contains("\"EF\":\"t\""), "its clock is set at times");
    assert!(!told.contains("Note:"), "{told}");
    // The command that it names checks them.
    let (_, check) = told.trim_end().rsplit_once("pilectl ").unwrap();
    let told = desk.well(&check.replace("KEY.pem", "public.pem"));
    let all = closed.len();
    assert!(
        told.starts_with(&format!("VERIFIED: {all} of {all} genuine")),
        "{told}"
    );
}

#[test]
fn the_same_receipts_are_made_again_and_no_other_file_is_written_over() {
    let desk = desk(&[("pile.bin", &young())]);
    desk.well(MAKE);
    let text = desk.read("receipts.ocmf");
    desk.well(MAKE);
    desk.well(&format!("{MAKE} --all"));
    desk.fails(
        &format!("{MAKE} --firmware 9.9"),
        2,
        &["receipts.ocmf: is there already"],
    );
    assert_eq!(desk.read("receipts.ocmf"), text);
    std::fs::remove_file(desk.path("receipts.ocmf")).unwrap();
    desk.well(&format!("{MAKE} --firmware 9.9"));
    assert!(desk.read("receipts.ocmf").contains("\"GV\":\"9.9\""));
}

#[test]
fn one_session_or_one_account_has_the_pages_that_it_has_among_all() {
    let desk = desk(&[("pile.bin", &young())]);
    desk.well(MAKE);
    let all = desk.read("receipts.ocmf");
    for (asked, member) in [
        ("--session 12", "\"U\":\"12\","),
        ("--account 2", "\"V\":\"2\","),
    ] {
        std::fs::remove_file(desk.path("receipts.ocmf")).unwrap();
        let told = desk.well(&format!("{MAKE} {asked}"));
        let own: Vec<_> = all.lines().filter(|it| it.contains(member)).collect();
        assert!(!own.is_empty(), "{asked}");
        assert_eq!(desk.read("receipts.ocmf").lines().collect::<Vec<_>>(), own);
        let (_, check) = told.trim_end().rsplit_once("pilectl ").unwrap();
        desk.well(&check.replace("KEY.pem", "public.pem"));
    }
    std::fs::remove_file(desk.path("receipts.ocmf")).unwrap();
    for (asked, said) in [
        (
            "--session 999999",
            "session 999999 is not one that has ended",
        ),
        ("--account 999", "no account 999"),
    ] {
        desk.fails(&format!("{MAKE} {asked}"), 2, &[said]);
    }
    desk.fails(
        &format!("{MAKE} --all --session 1"),
        2,
        &["cannot be used with"],
    );
    assert!(!desk.path("receipts.ocmf").exists());
}

#[test]
fn what_a_pile_has_dropped_is_said_and_the_export_from_before_brings_it() {
    let mut pile = Pile::new(9);
    pile.live(1500);
    let (before, mut pile) = pile.snapshot();
    pile.settle_and_export();
    pile.live(9000);
    let after = pile.image();
    let desk = desk(&[("before.bin", &before), ("pile.bin", &after)]);
    let told = desk.well(MAKE);
    assert!(told.contains("names no page before it"), "{told}");
    assert!(told.contains("are marked as in doubt"), "{told}");
    assert!(told.contains("--part"), "{told}");
    let part = desk.read("receipts.ocmf");
    assert!(!part.contains("\"PG\":\"T1\""));
    let told = desk.well(
        &MAKE
            .replace("pile.bin", "before.bin")
            .replace("receipts", "old"),
    );
    assert!(!told.contains("Note:"), "{told}");
    let (old, both) = (desk.read("old.ocmf"), MAKE.replace("receipts", "both"));
    desk.well(&both.replace("pile.bin", "pile.bin before.bin"));
    let both = desk.read("both.ocmf");
    assert!(
        both.starts_with(&old),
        "what was signed once is signed alike"
    );
    assert!(both.lines().count() > part.lines().count());
}

#[test]
fn nothing_is_signed_without_a_private_key_or_of_a_ledger_that_is_not_as_it_was_written() {
    let mut image = lived();
    let desk = desk(&[("pile.bin", &image)]);
    for (other, said) in [
        ("public.pem", "is a public key, which signs nothing"),
        ("pile.bin", "not a private key of the curve P-256"),
        ("none.pem", "cannot be read"),
    ] {
        desk.fails(&MAKE.replace("key.pem", other), 2, &[said]);
    }
    desk.fails(
        &MAKE.replace("make pile.bin", "make public.pem"),
        2,
        &["public.pem"],
    );
    let middle = image.len() / 2;
    for byte in &mut image[middle..middle + 600] {
        *byte ^= 0x10;
    }
    desk.put("pile.bin", &image);
    let (told, code) = desk.run(MAKE);
    assert_eq!(code, 1, "{told}");
    assert!(!desk.path("receipts.ocmf").exists());
}

#[test]
fn a_new_key_signs_what_its_public_key_checks_and_is_its_owners_only() {
    let desk = desk(&[("pile.bin", &young())]);
    let told = desk.well("receipt key --new pile.pem");
    assert!(told.contains("pile-public.pem: the public key"), "{told}");
    desk.well(&MAKE.replace("key.pem", "pile.pem"));
    desk.well("receipt verify receipts.ocmf --key pile-public.pem");
    desk.fails(
        "receipt verify receipts.ocmf --key public.pem",
        1,
        &["the key is another"],
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(desk.path("pile.pem")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }
    let (private, public) = (desk.read("pile.pem"), desk.read("pile-public.pem"));
    for way in ["pile.pem", "pile-public.pem"] {
        desk.fails("receipt key --new pile.pem", 2, &["is there already"]);
        assert!(desk.path("pile.pem").exists() == (way == "pile.pem"));
        if way == "pile.pem" {
            assert_eq!(desk.read("pile.pem"), private);
            assert_eq!(desk.read("pile-public.pem"), public);
            std::fs::remove_file(desk.path("pile.pem")).unwrap();
        }
    }
    // One that others can open is warned of.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let all = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(desk.path("key.pem"), all).unwrap();
        let told = desk.well(&MAKE.replace("receipts", "open"));
        assert!(
            told.contains("others on this computer can open it"),
            "{told}"
        );
    }
    desk.well("receipt key --new other.pem");
    assert_ne!(desk.read("other.pem"), private);
    // A key of openssl's signs too; without openssl the tests of billing-core say so.
    let made = std::process::Command::new("openssl")
        .args([
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
        ])
        .arg(desk.path("theirs.pem"))
        .status();
    if made.is_ok_and(|it| it.success()) {
        desk.well(
            &MAKE
                .replace("key.pem", "theirs.pem")
                .replace("receipts", "theirs"),
        );
    }
}
