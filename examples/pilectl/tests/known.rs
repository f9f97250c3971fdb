//! What was noted or kept of a ledger before, against the ledger of today; and one damaged file
//! through every command.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

mod common;

use billing_core::journal::Identity;
use billing_core::record::Record;
use common::{Desk, Pile, lived, log};
use pile_units::UidOnly;
use pilectl::ledger::export;
use pilectl::ledger::log::Log;

/// A pile's ledger early, later, and after the pages of the early one were given back.
fn ages() -> Desk {
    let mut pile = Pile::new(7);
    pile.live(300);
    let (early, mut pile) = pile.snapshot();
    pile.live(200);
    let (later, mut pile) = pile.snapshot();
    for _ in 0..30 {
        pile.live(300);
        pile.settle_and_export();
    }
    let late = pile.image();
    assert!(log(&late).origin.seq > log(&early).end.seq, "pages went");
    Desk::with(&[
        ("early.bin", &early),
        ("early.jsonl", export::text(&log(&early)).as_bytes()),
        ("later.bin", &later),
        ("late.bin", &late),
    ])
}

fn read(desk: &Desk, name: &str) -> Log {
    Log::read(&desk.path(name)).unwrap()
}

#[test]
fn a_ledger_goes_on_from_the_head_that_was_noted() {
    let desk = ages();
    let early = read(&desk, "early.bin");
    let head = early.end.head;
    let told = desk.well(&format!("ledger verify early.bin --head {head}"));
    assert!(told.contains("It ends in the head you noted"), "{told}");
    let told = desk.well(&format!("ledger verify later.bin --head {head}"));
    let since = read(&desk, "later.bin").end.seq - early.end.seq;
    assert!(
        told.contains("It goes on from the head you noted"),
        "{told}"
    );
    assert!(told.contains(&format!("{since} frames since")), "{told}");

    let other = read(&desk, "later.bin").end.head;
    let not = "NOT FROM THE HEAD YOU NOTED";
    desk.fails(
        &format!("ledger verify early.bin --head {other}"),
        1,
        &[not],
    );
    // Its pages were given back: that is said, and is no proof.
    let gone = format!("ledger verify late.bin --head {head}");
    desk.fails(&gone, 1, &[not, "given\nback the pages", "--against"]);
    for no_head in ["12", "zz", &head.to_string()[1..]] {
        let asked = format!("ledger verify early.bin --head {no_head}");
        desk.fails(&asked, 2, &["is no head; give all 64 digits"]);
    }
}

#[test]
fn a_ledger_continues_the_export_that_was_kept() {
    let desk = ages();
    let told = desk.well("ledger verify later.bin --against early.jsonl");
    assert!(told.contains("It continues early.jsonl"), "{told}");
    let told = desk.well("ledger verify early.bin --against early.jsonl");
    assert!(told.contains("It ends where early.jsonl does"), "{told}");
    // A flash that was set back.
    desk.fails(
        "ledger verify early.bin --against later.bin",
        1,
        &[
            "OLDER THAN WHAT IT IS COMPARED WITH",
            "set back to an older",
        ],
    );
    desk.fails(
        "ledger verify late.bin --against early.jsonl",
        1,
        &[
            "NOTHING LEADS FROM THE ONE TO THE OTHER",
            "a younger export",
        ],
    );
    let mut other = Pile::new(8);
    other.live(20);
    desk.put("other.bin", &other.image());
    desk.fails(
        "ledger verify other.bin --against early.jsonl",
        1,
        &["ANOTHER LEDGER"],
    );
}

#[test]
fn the_first_record_of_a_ledger_computed_anew_is_named() {
    // Two lives of one journal that part at a record: both chains verify.
    let tell = |uid_only: UidOnly| {
        let mut pile = Pile::new(7);
        pile.live(300);
        let at = pile.book.last();
        let number = pile.put(&Record::PolicySet { uid_only, at });
        pile.live(50);
        (pile.image(), number)
    };
    let ((kept, number), (forged, _)) = (tell(UidOnly::All), tell(UidOnly::Nobody));
    assert_eq!(log(&kept).identity, Identity::new([7; 16]));
    let desk = Desk::with(&[("kept.bin", &kept), ("forged.bin", &forged)]);
    desk.well("ledger verify forged.bin");
    let head = log(&kept).end.head;
    desk.fails(&format!("ledger verify forged.bin --head {head}"), 1, &[]);
    desk.fails(
        "ledger verify forged.bin --against kept.bin",
        1,
        &[
            &format!("RECORD {number} IS NOT WHAT IT WAS"),
            "it says    cards that only announce a number: not allowed",
            "cards that only announce a number: allowed",
        ],
    );
}

#[test]
fn every_command_says_which_record_confirms_an_export() {
    let image = lived();
    let desk = Desk::with(&[("pile.bin", &image)]);
    let newest = log(&image).entries.last().unwrap().number;
    let said = format!("confirm with: {newest}\n");
    for command in [
        "verify pile.bin",
        "show pile.bin",
        "export pile.bin --out a.jsonl",
    ] {
        let told = desk.well(&format!("ledger {command}"));
        assert!(
            told.replace(',', "").contains(&said.replace(',', "")),
            "{told}"
        );
    }
    // The pile takes that number, and no younger one.
    assert!(newest < log(&image).end.seq);
    let mut pile = Pile::new(7);
    pile.live(9000);
    let at = pile.book.last();
    pile.put(&Record::Exported {
        through: newest,
        at,
    });
}

/// The table of the README: a file that is damaged is 1 for every command that reads it, one that
/// is none is 2.
#[test]
fn exit_codes_are_the_same_over_all_commands() {
    let image = lived();
    let text = export::text(&log(&image));
    let mut altered = image.clone();
    let frame = log(&image).frames[500].payload.clone();
    let at = altered
        .windows(frame.len())
        .position(|it| it == frame.as_slice())
        .unwrap();
    altered[at] ^= 3;
    altered[at + 1] ^= 3;
    let half = text.len() / 2;
    let desk = Desk::with(&[
        ("altered.bin", &altered),
        ("short.bin", &image[..image.len() / 2]),
        (
            "altered.jsonl",
            text.replacen("\"tag\":\"", "\"tag\":\"0", 1).as_bytes(),
        ),
        ("short.jsonl", &text.as_bytes()[..half]),
        ("pile.bin", &image),
        ("empty", b""),
        ("blank", &[0xff; 8192]),
        ("latin", b"\xe4\xf6\xfc no ledger"),
        ("prose", b"no ledger, no receipt"),
    ]);
    std::fs::create_dir(desk.path("folder")).unwrap();
    let commands = |file: &str| {
        [
            format!("ledger verify {file}"),
            format!("ledger verify pile.bin --against {file}"),
            format!("ledger show {file}"),
            format!("ledger show {file} --records"),
            format!("ledger show {file} --session 1"),
            format!("ledger export {file} --out made"),
            format!("statement {file} --all"),
            format!("statement {file} pile.bin --all --format html --out made"),
        ]
    };
    for file in ["altered.bin", "short.bin", "altered.jsonl", "short.jsonl"] {
        for command in commands(file) {
            desk.fails(&command, 1, &[file]);
        }
    }
    for file in ["missing", "empty", "blank", "latin", "prose", "folder"] {
        for command in commands(file) {
            // What happened; what to do.
            desk.fails(&command, 2, &["error: ", file, "; "]);
        }
    }
    assert!(!desk.path("made").exists());
    for command in commands("pile.bin") {
        if !command.contains("--session") {
            desk.well(&command);
            let _ = std::fs::remove_file(desk.path("made"));
        }
    }
}
