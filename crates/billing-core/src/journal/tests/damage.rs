//! Damage to a newest page that stands behind provisional ones, and records that look like frames.

use super::giving_back::snapshot;
use super::*;
use crate::record::{MAX_REFERENCE, Record, Reference};
use pile_units::{UnixSeconds, WallTime};

/// Records, a snapshot of three pieces, and two records on the page that makes it count.
fn behind_a_snapshot() -> (Flash, usize) {
    block_on(async {
        let mut journal = formatted();
        for n in 0..4 {
            journal.append(&[n; 40]).await.unwrap();
        }
        let mut left = 3;
        snapshot(&mut journal, |buffer| {
            left = if left == 0 { return None } else { left - 1 };
            buffer[..30].fill(7);
            Some(30)
        })
        .await;
        journal.append(b"owes 100").await.unwrap();
        journal.append(b"paid 100").await.unwrap();
        let newest = journal.tail.counter;
        (journal.release(), usize::try_from(newest).unwrap() * 256)
    })
}

#[test]
fn a_newest_page_behind_a_snapshot_that_lost_its_header_is_refused() {
    let (flash, newest) = behind_a_snapshot();
    let whole = entries(flash.clone()).unwrap();
    let mut bad = 0;
    for first in 0..84 * 8 {
        let mut flash = flash.clone();
        flash.bytes[newest + first / 8] ^= 1 << (first % 8);
        let second = (first + 37) % (84 * 8);
        flash.bytes[newest + second / 8] ^= 1 << (second % 8);
        match entries(flash) {
            Err(_) => {}
            Ok(found) if found == whole => {}
            Ok(_) => bad += 1,
        }
    }
    assert_eq!(bad, 0, "of {} double flips", 84 * 8);
}

/// Two whole frames in sixteen bytes of ASCII, one behind the other.
fn two_frames() -> std::string::String {
    let mut found = std::string::String::new();
    for text in 0..u32::MAX {
        let seven = |byte: usize| text.to_le_bytes()[byte] & 0x7f;
        let frame = [1, b'A', seven(0), seven(1), seven(2)];
        let sum = super::super::repair::FRAMES.sum(&frame).to_le_bytes();
        let whole = [&frame[..], &sum[..3]].concat();
        if whole.iter().all(|byte| *byte < 0x80) {
            assert!(super::super::frame::whole(&whole).is_some());
            found.push_str(core::str::from_utf8(&whole).unwrap());
            if found.len() == 16 {
                return found;
            }
        }
    }
    found
}

/// What every cut inside of a payment with this reference leaves is taken for torn.
fn is_torn_at_every_cut(reference: Reference) {
    let record = Record::Paid {
        settlement: 7,
        reference,
        at: WallTime {
            unix: UnixSeconds::new(1_735_689_600),
            ..WallTime::default()
        },
    };
    let mut buffer = Record::buffer();
    let mut journal = formatted();
    block_on(journal.append(b"before")).unwrap();
    let before = entries(journal.flash().clone()).unwrap();
    let start = 88 + usize::try_from(journal.frame_bytes(6)).unwrap();
    let payload = record.encode(&mut buffer);
    block_on(journal.append(payload)).unwrap();
    let end = start + usize::try_from(journal.frame_bytes(payload.len())).unwrap();
    let flash = journal.release();
    for cut in (start..end).step_by(8) {
        let mut torn = flash.clone();
        torn.bytes[cut..end].fill(0xff);
        if torn.bytes == flash.bytes {
            // What was to come is as an erased flash: nothing is missing.
            continue;
        }
        let found = entries(torn);
        assert_eq!(found, Ok(before.clone()), "{} bytes stand", cut - start);
    }
}

#[test]
fn a_reference_that_would_hold_frames_is_none() {
    let frames = std::format!("ref{}end!!", two_frames());
    assert_eq!(frames.len(), MAX_REFERENCE);
    assert!(frames.parse::<Reference>().is_err());
}

proptest! {
    #[test]
    fn a_torn_payment_is_torn_whatever_its_reference_says(text in "\\PC{0,24}") {
        if let Ok(reference) = text.parse() {
            is_torn_at_every_cut(reference);
        }
    }
}
