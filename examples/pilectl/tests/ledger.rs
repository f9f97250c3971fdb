//! `pilectl ledger` as it is run: what is genuine verifies, what is not is named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod common;

use billing_core::journal::Kind;
use billing_core::record::{ClosedSession, Record};
use common::{BYTES, Desk, Pile, lived, log};
use pile_units::UidOnly;
use pilectl::ledger::export;
use pilectl::ledger::log::Log;

/// Where the payload of a frame lies in the image: before the first bytes of the chain's head after
/// it. Older copies of a carried record may stand on pages that are free.
fn place(image: &[u8], log: &Log, frame: usize) -> usize {
    let head = log.frames[..=frame]
        .iter()
        .fold(log.origin, |chain, frame| {
            chain.after(frame.kind, &frame.payload)
        });
    let tagged = [&log.frames[frame].payload, &head.head.bytes()[..2]].concat();
    let mut found = image
        .windows(tagged.len())
        .enumerate()
        .filter(|(_, it)| *it == tagged);
    let (at, _) = found.next().unwrap();
    assert!(found.next().is_none(), "the payload stands twice");
    at
}

/// Some frames of bills and segments, none of the last ones.
fn alterable(log: &Log) -> impl Iterator<Item = usize> + '_ {
    let all = (0..log.frames.len() - 50).filter(|frame| {
        let entry = log.frames[*frame].raw().entry().unwrap();
        let record = Record::decode(entry.payload);
        matches!(
            record,
            Some(Record::SessionClosed(_) | Record::LastSegment { .. })
        )
    });
    all.step_by(23)
}

#[test]
fn a_genuine_image_verifies() {
    let image = lived();
    let log = log(&image);
    assert!(log.origin.seq > 1, "the log did not go round");
    let desk = Desk::with(&[("pile.bin", &image)]);
    let told = desk.well("ledger verify pile.bin");
    assert!(told.contains(&log.end.head.to_string()), "{told}");
    assert!(told.contains("every one as it was written"), "{told}");
}

#[test]
fn the_first_altered_record_of_an_image_is_named() {
    let image = lived();
    let log = log(&image);
    let desk = Desk::new();
    let (mut tried, mut said) = (0, 0);
    for frame in alterable(&log) {
        let at = place(&image, &log, frame);
        let mut altered = image.clone();
        altered[at + 3] ^= 0x0a;
        desk.put("pile.bin", &altered);
        let seq = pilectl::figures::grouped(log.frames[frame].seq);
        let title = format!("RECORD {seq} IS NOT WHAT WAS WRITTEN");
        let (text, _) = desk.run("ledger verify pile.bin");
        desk.fails("ledger verify pile.bin", 1, &[&title, "What to do"]);
        let bytes = text.split_once("flash, bytes ").unwrap().1.replace(',', "");
        let numbers: Vec<usize> = bytes.split(' ').filter_map(|it| it.parse().ok()).collect();
        assert!((numbers[0]..=numbers[1]).contains(&at), "{at}: {text}");
        assert!(numbers[1] - numbers[0] < 256, "{text}");
        said += usize::from(text.contains("says now"));
        tried += 1;
    }
    assert!(tried > 5, "{tried}");
    assert!(said > 0, "no altered record said anything");
}

#[test]
fn one_wrong_bit_is_mended_and_told() {
    let image = lived();
    let log = log(&image);
    let frame = alterable(&log).next().unwrap();
    let mut altered = image.clone();
    altered[place(&image, &log, frame) + 3] ^= 0x08;
    let desk = Desk::with(&[("pile.bin", &altered)]);
    let told = desk.well("ledger verify pile.bin");
    assert!(
        told.contains("1 record read in spite of one wrong bit"),
        "{told}"
    );
}

#[test]
fn a_last_record_that_was_altered_is_told_though_it_may_be_a_power_loss() {
    let mut pile = Pile::new(7);
    pile.live(300);
    let at = pile.book.last();
    let uid_only = UidOnly::All;
    let number = pile.put(&Record::PolicySet { uid_only, at });
    let image = pile.image();
    let log = log(&image);
    let mut altered = image.clone();
    altered[place(&image, &log, log.frames.len() - 1) + 1] ^= 1;
    altered[place(&image, &log, log.frames.len() - 1) + 2] ^= 1;
    let desk = Desk::with(&[("pile.bin", &altered)]);
    let title = format!("RECORD {number}, THE LAST, IS NOT AS IT WAS WRITTEN");
    let says = "cards that only announce a number: not allowed";
    desk.fails("ledger verify pile.bin", 1, &[&title, says]);
    // What is older still makes statements, with a word beside them and not in them.
    desk.fails(
        "statement pile.bin --all",
        1,
        &["STATEMENT of", "warning: pile.bin: record"],
    );
}

#[test]
fn a_last_write_that_a_power_loss_cut_is_no_alarm() {
    let mut pile = Pile::new(7);
    pile.live(300);
    let image = pile.image();
    let log = log(&image);
    let at = place(&image, &log, log.frames.len() - 1);
    let mut cut = image.clone();
    let length = log.frames.last().unwrap().payload.len();
    cut[at + 1..at + length + 5].fill(0xff);
    let desk = Desk::with(&[("pile.bin", &cut)]);
    let told = desk.well("ledger verify pile.bin");
    assert!(
        told.contains("the last write is not whole and left out"),
        "{told}"
    );
}

#[test]
fn an_image_that_is_cut_short_is_never_taken_for_whole() {
    let image = lived();
    let desk = Desk::new();
    for length in [
        512,
        4096,
        4096 * 7 + 100,
        BYTES / 2,
        BYTES - 4096,
        BYTES - 1,
    ] {
        desk.put("pile.bin", &image[..length]);
        desk.fails(
            "ledger verify pile.bin",
            1,
            &["CUT SHORT BEFORE RECORD", "What to do"],
        );
        desk.fails("statement pile.bin --all", 1, &["is not as it was written"]);
    }
}

#[test]
fn what_is_no_ledger_is_refused() {
    let desk = Desk::new();
    let refused: [(&[u8], &str); 5] = [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (&[0xff; 8192], "the flash is blank"),
        (b"account,name\n1,Anna\n", "not a ledger"),
        (b"{\"a\":1}\n", "the first line is not that of an export"),
    ];
    for (bytes, said) in refused {
        desk.put("pile.bin", bytes);
        for command in [
            "ledger verify",
            "ledger show",
            "ledger export --out x",
            "statement --all",
        ] {
            desk.fails(
                &format!("{command} pile.bin"),
                2,
                &[said, "error: pile.bin: "],
            );
        }
    }
    desk.fails("ledger verify nothing.bin", 2, &["cannot be read"]);
    let mut other = lived();
    for page in other.chunks_mut(4096) {
        page[4] = 9;
    }
    desk.put("pile.bin", &other);
    desk.fails("ledger verify pile.bin", 2, &["in format 9"]);
    let longer = [lived(), vec![0xff; 10]].concat();
    desk.put("pile.bin", &longer);
    desk.fails(
        "ledger verify pile.bin",
        2,
        &["10 bytes more than the flash"],
    );
}

#[test]
fn an_export_says_what_the_image_says() {
    let desk = Desk::with(&[("pile.bin", &lived())]);
    desk.well("ledger export pile.bin --out pile.jsonl");
    let same = |command: &str| {
        let (a, b) = (
            desk.well(&format!("{command} pile.bin")),
            desk.well(&format!("{command} pile.jsonl")),
        );
        let b = b.replace("pile.jsonl", "pile.bin");
        assert_eq!(
            a.lines().skip(1).collect::<Vec<_>>(),
            b.lines().skip(1).collect::<Vec<_>>()
        );
    };
    for command in [
        "ledger verify",
        "ledger show",
        "ledger show --records",
        "statement --all",
    ] {
        same(command);
    }
    // And exported once more, it is the same file.
    desk.well("ledger export pile.jsonl --out again.jsonl");
    assert_eq!(desk.read("pile.jsonl"), desk.read("again.jsonl"));
}

#[test]
fn the_first_altered_record_of_an_export_is_named() {
    let image = lived();
    let log = log(&image);
    let text = export::text(&log);
    let lines: Vec<&str> = text.lines().collect();
    let desk = Desk::new();
    let named = |lines: Vec<String>, title: &str, what: &str| {
        desk.put("pile.jsonl", (lines.join("\n") + "\n").as_bytes());
        desk.fails("ledger verify pile.jsonl", 1, &[title, what]);
        desk.fails("ledger show pile.jsonl", 1, &["is not as it was written"]);
    };
    let all = || {
        lines
            .iter()
            .map(|line| (*line).to_owned())
            .collect::<Vec<_>>()
    };
    // Two records: a piece is changed to no other kind below.
    let record = |at: &usize| {
        log.frames[at - 1..=*at]
            .iter()
            .all(|it| matches!(it.kind, Kind::Record | Kind::Carried))
    };
    let at = (200..log.frames.len()).find(record).unwrap();
    let seq = log.frames[at - 1].seq;
    let number = |seq: u64| format!("RECORD {} IS NOT", pilectl::figures::grouped(seq));

    // A digit.
    let mut altered = all();
    let place = altered[at].find("payload\":\"").unwrap() + 14;
    let digit = if &altered[at][place..=place] == "0" {
        "1"
    } else {
        "0"
    };
    altered[at].replace_range(place..=place, digit);
    named(altered, &number(seq), "the hash chain breaks");
    // A kind.
    let mut altered = all();
    altered[at] = altered[at]
        .replace("\"record\"", "\"piece\"")
        .replace("\"carried\"", "\"piece\"");
    named(altered, &number(seq), "the hash chain breaks");
    // A line less, a line twice, two swapped, one that is no frame.
    let mut altered = all();
    altered.remove(at);
    named(
        altered,
        &number(seq),
        &format!("missing: the line holds {}", seq + 1),
    );
    let mut altered = all();
    altered.insert(at, lines[at].to_owned());
    named(
        altered,
        &number(seq + 1),
        &format!("record {seq} stands in its place a second"),
    );
    let mut altered = all();
    altered.swap(at, at + 1);
    named(altered, &number(seq), "it is missing");
    let mut altered = all();
    altered[at] = "{}".to_owned();
    named(
        altered,
        &number(seq),
        &format!("line {} of the file", at + 1),
    );
    // The first line, the last line, and what comes after it.
    let mut altered = all();
    altered[0] = altered[0].replace("0707", "0708");
    named(altered, "RECORD", "the first line or the line ends");
    let mut altered = all();
    let head = altered[0].find("first_head\":\"").unwrap() + 13;
    altered[0].replace_range(head..head + 2, "zz");
    desk.put("pile.jsonl", altered.join("\n").as_bytes());
    desk.fails("ledger verify pile.jsonl", 2, &["no identity or no head"]);
    let mut altered = all();
    altered[0].replace_range(head..head + 4, "0000");
    named(altered, &number(log.origin.seq), "the hash chain breaks");
    let mut altered = all();
    let last = altered.last_mut().unwrap();
    let digit = if &last[10..11] == "9" { "8" } else { "9" };
    last.replace_range(10..11, digit);
    named(altered, "RECORD", "last line");
    let mut altered = all();
    altered.push("{}".to_owned());
    named(altered, "RECORD", "more after the last line");
}

#[test]
fn an_export_that_is_cut_short_is_told() {
    let text = export::text(&log(&lived()));
    let desk = Desk::new();
    let last = text.trim_end().rfind('\n').unwrap();
    for length in [last + 1, last, last - 7, last + 20, text.len() / 2] {
        desk.put("pile.jsonl", &text.as_bytes()[..length]);
        desk.fails("ledger verify pile.jsonl", 1, &["CUT SHORT BEFORE RECORD"]);
    }
}

#[test]
fn an_export_of_another_version_is_refused_by_its_number() {
    let text = export::text(&log(&lived())).replacen("export\":1", "export\":2", 1);
    let desk = Desk::with(&[("pile.jsonl", text.as_bytes())]);
    desk.fails(
        "ledger verify pile.jsonl",
        2,
        &["in format 2, this reads 1"],
    );
}

#[test]
fn a_chain_computed_anew_does_not_hide_a_record_that_cannot_be_true() {
    let mut pile = Pile::new(7);
    pile.live(400);
    let mut log = log(&pile.image());
    let settled = log.frames.iter_mut().rev().find(|frame| {
        matches!(
            Record::decode(&frame.payload),
            Some(Record::SessionClosed(_))
        )
    });
    let frame = settled.unwrap();
    let Some(Record::SessionClosed(mut closed)) = Record::decode(&frame.payload) else {
        panic!();
    };
    closed.bill.total = closed
        .bill
        .total
        .saturating_add(pile_units::Money::from_micros(10_000));
    let mut buffer = Record::buffer();
    frame.payload = Record::SessionClosed(closed).encode(&mut buffer).to_vec();
    let seq = frame.seq;
    let desk = Desk::with(&[("forged.jsonl", export::text(&log).as_bytes())]);
    let title = format!("RECORD {seq} CANNOT BE TRUE");
    desk.fails(
        "ledger verify forged.jsonl",
        1,
        &[&title, "do not follow", "computed the chain anew"],
    );
}

#[test]
fn a_session_shows_its_records_and_its_arithmetic() {
    let image = lived();
    let log = log(&image);
    let desk = Desk::with(&[("pile.bin", &image)]);
    let closed = log.entries.iter().filter_map(|entry| match &entry.record {
        Record::SessionClosed(closed) => Some((entry, closed)),
        _ => None,
    });
    // Not one whose segments were exported and dropped before its bill was exported.
    let whole = |(_, closed): &(_, &ClosedSession)| {
        let segments = log.entries.iter().filter(|entry| match &entry.record {
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                segment.session == closed.session
            }
            _ => false,
        });
        segments.count() == usize::from(closed.segments)
    };
    let closed = closed.filter(whole);
    let mut several = 0;
    for (entry, closed) in closed.step_by(20) {
        let told = desk.well(&format!(
            "ledger show pile.bin --session {}",
            closed.session
        ));
        let segments = log.entries.iter().filter(|entry| match &entry.record {
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                segment.session == closed.session
            }
            _ => false,
        });
        for entry in segments.chain([entry]) {
            let line = format!("{:>8}  ", entry.number);
            assert!(told.lines().any(|it| it.starts_with(&line)), "{told}");
        }
        let total = closed.currency.amount(closed.bill.total);
        assert!(
            told.contains(&format!("rounded down {total} = the total")),
            "{told}"
        );
        assert!(
            told.lines().all(|line| line.chars().count() <= 100),
            "{told}"
        );
        several += 1;
    }
    assert!(several > 3);
}

#[test]
fn a_session_that_is_not_there_is_told() {
    let desk = Desk::with(&[("pile.bin", &lived())]);
    desk.fails(
        "ledger show pile.bin --session 999999",
        2,
        &["there is no session 999999"],
    );
    desk.fails(
        "ledger show pile.bin --account 999",
        2,
        &["there are accounts 1 to "],
    );
    desk.fails("ledger show pile.bin --since yesterday", 2, &["is no day"]);
}

#[test]
fn records_are_listed_by_account_and_day() {
    let image = lived();
    let desk = Desk::with(&[("pile.bin", &image)]);
    let all = desk.well("ledger show pile.bin --records");
    let log = log(&image);
    assert_eq!(all.lines().count(), log.entries.len() + 1);
    let one = desk.well("ledger show pile.bin --account 1");
    assert!(one.contains("account 1"), "{one}");
    assert!(!one.contains("account 2"), "{one}");
    assert!(one.lines().count() < all.lines().count());
    let none = desk.well("ledger show pile.bin --since 2100-01-01");
    assert_eq!(none, "0 records\n");
}

#[test]
fn no_file_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there.txt");
    std::fs::write(&there, "the only one").unwrap();
    let refused = pilectl::answer::write(&there, b"another").unwrap_err();
    assert!(
        refused
            .to_string()
            .ends_with("is there already; name a new file")
    );
    assert_eq!(std::fs::read(&there).unwrap(), b"the only one");
}
