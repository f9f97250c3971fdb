//! I4 under damage: whatever the flash holds, a mount refuses it or delivers exactly what
//! was acknowledged, and never writes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod journal_forger;
mod journal_model;

use std::collections::BTreeSet;

use billing_core::journal::{Corruption, Damage, Geometry, Identity, Journal, MountError};
use embassy_futures::block_on;
use journal_forger::{Forger, crc24, crc32};
use journal_model::finished::{
    Finished, Flash, HEADER, PAGE, PAGES, Refused, WRITE, finished, mount,
};
use journal_model::{IDENTITY, Life, Op, Seen, mount_image};
use pile_sim::flash::{CutPlan, Progress, Tear, Words};

fn flip(image: &mut [u8], bit: usize) {
    image[bit / 8] ^= 1 << (bit % 8);
}

fn refused_for(mounted: &Result<Vec<Seen>, Refused>, damage: &[Damage]) -> bool {
    matches!(mounted, Err(MountError::Corrupt(what)) if damage.contains(&what.kind))
}

#[test]
fn one_wrong_bit_anywhere_changes_nothing_that_is_delivered() {
    let Finished { image, found, .. } = finished();
    let mut image = image.clone();
    for bit in 0..image.len() * 8 {
        flip(&mut image, bit);
        assert_eq!(mount(&image).as_ref(), Ok(found), "bit {bit}");
        flip(&mut image, bit);
    }
}

#[test]
fn one_wrong_bit_far_behind_the_last_record_changes_nothing_either() {
    let mut life = Life::<1, 4096>::new(3);
    for n in 0..3 {
        life.apply(&Op::Append(vec![n; 30]));
    }
    let found = life.found();
    let mut image = life.flash.image();
    for bit in (0..2 * 4096 * 8).step_by(11) {
        flip(&mut image, bit);
        let mounted = mount_image::<1, 4096>(&image);
        assert_eq!(mounted.as_ref(), Ok(&found), "bit {bit}");
        flip(&mut image, bit);
    }
}

#[test]
fn two_wrong_bits_are_refused_or_change_nothing_unless_both_are_in_the_last_record() {
    let Finished {
        image, found, last, ..
    } = finished();
    let (mut refused, mut same) = (0, 0);
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let bits = image.len() * 8;
    for _ in 0..20_000 {
        let first = random(bits);
        // Near each other as often as not: a worn word.
        let far = if random(2) == 0 {
            random(bits)
        } else {
            1 + random(80)
        };
        let second = (first + far) % bits;
        if first == second || [first, second].iter().all(|bit| last.contains(&(bit / 8))) {
            continue;
        }
        let mut damaged = image.clone();
        flip(&mut damaged, first);
        flip(&mut damaged, second);
        match mount(&damaged) {
            Ok(delivered) => {
                assert_eq!(&delivered, found, "bits {first} and {second}");
                same += 1;
            }
            Err(MountError::Corrupt(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 3_000 && same > 3_000, "{refused} {same}");
}

#[test]
fn any_two_wrong_bits_of_one_header_or_one_frame_are_refused() {
    let finished = finished();
    for page in finished.log() {
        let start = page * PAGE;
        let length = 7 + usize::from(finished.image[start + HEADER]);
        let header = 8 * start..8 * (start + 84);
        let frame = 8 * (start + HEADER)..8 * (start + HEADER + length);
        for (range, damage) in [
            (header, &[Damage::Header][..]),
            (frame, &[Damage::Frame, Damage::Chain]),
        ] {
            for first in range.clone().step_by(13) {
                for second in (first + 1..range.end).step_by(5) {
                    let mut image = finished.image.clone();
                    flip(&mut image, first);
                    flip(&mut image, second);
                    let mounted = mount(&image);
                    assert!(
                        refused_for(&mounted, damage),
                        "{first} {second} in page {page}: {mounted:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_damaged_record_with_others_behind_it_is_named_and_not_taken_for_a_torn_one() {
    let finished = finished();
    let mut image = finished.image.clone();
    let before_last = finished.last.start - 8;
    image[before_last - 8..before_last].fill(0);
    let page = u32::try_from(finished.last.start / PAGE).unwrap();
    let seq = finished.found[finished.found.len() - 2].0;
    let expected = Corruption {
        page,
        seq,
        kind: Damage::Frame,
    };
    assert_eq!(mount(&image), Err(MountError::Corrupt(expected)));
}

#[test]
fn a_page_of_the_log_that_lost_its_header_or_all_is_refused() {
    let finished = finished();
    for page in finished.log() {
        for byte in [0, 0xff] {
            for length in [10, HEADER, PAGE] {
                let mut image = finished.image.clone();
                image[page * PAGE..page * PAGE + length].fill(byte);
                let mounted = mount(&image);
                if length == PAGE && page == finished.newest_page().start / PAGE {
                    // As if that page had never been opened.
                    let before = finished.history.iter().any(|(_, found)| {
                        found.len() < finished.found.len() && Ok(found) == mounted.as_ref()
                    });
                    assert!(before, "{mounted:?}");
                } else {
                    assert!(
                        refused_for(&mounted, &[Damage::Header]),
                        "page {page}: {mounted:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_header_without_a_record_behind_it_may_be_lost_without_a_record() {
    let mut life = Life::<WRITE, PAGE>::new(PAGES);
    for n in 0..5 {
        life.apply(&Op::Append(vec![n; 100]));
    }
    life.apply(&Op::Snapshot { pieces: 1 });
    life.apply(&Op::Reclaim {
        keep_each: u64::MAX,
    });
    let before = life.found();
    // The frame behind the new header is not begun.
    life.plan(&[CutPlan {
        after_operations: 1,
        progress: Progress::Bytes(0),
        tear: Tear::Prefix,
        seed: 1,
    }]);
    life.apply(&Op::Append(vec![7; 150]));
    let after = life.found();
    assert_eq!(after, before, "a header without a frame frees nothing");
    let page = life.journal().room().pages_live as usize;
    let mut image = life.flash.image();
    assert_eq!(mount(&image), Ok(after));
    image[page * PAGE + 10..page * PAGE + 20].fill(0);
    // Whatever the cut left of the frame: it is none.
    assert_eq!(mount(&image), Ok(before.clone()));
    image[page * PAGE + HEADER..(page + 1) * PAGE].fill(0xff);
    assert_eq!(mount(&image), Ok(before));
}

#[test]
fn a_truncated_image_is_refused() {
    let finished = finished();
    for pages in 3..PAGES {
        let mounted = mount(&finished.image[..pages * PAGE]);
        assert_eq!(mounted, Err(MountError::Geometry(Geometry::Different)));
    }
    let few = Err(MountError::Geometry(Geometry::TooFewPages));
    assert_eq!(mount(&finished.image[..2 * PAGE]), few);
    // Cut off at any byte and filled up with nothing: no record is altered or out of place.
    for end in 0..finished.image.len() {
        let mut image = finished.image.clone();
        image[end..].fill(0xff);
        let mounted = mount(&image);
        match mounted {
            Ok(found) => assert!(finished.was(&found), "{end}"),
            Err(MountError::Corrupt(_)) => {}
            Err(MountError::Blank) => assert!(end < HEADER, "{end}"),
            Err(error) => panic!("{end}: {error}"),
        }
    }
}

#[test]
fn two_pages_that_changed_places_are_refused() {
    let finished = finished();
    for one in 0..PAGES {
        for other in 0..one {
            let mut image = finished.image.clone();
            for at in 0..PAGE {
                image.swap(one * PAGE + at, other * PAGE + at);
            }
            let mounted = mount(&image);
            assert!(
                refused_for(&mounted, &[Damage::Header]),
                "{one} and {other}: {mounted:?}"
            );
        }
    }
}

#[test]
fn a_page_put_back_as_it_once_was_is_refused_or_is_not_of_the_log_or_is_its_end() {
    let finished = finished();
    let log = finished.log();
    let newest = finished.newest_page().start / PAGE;
    let (mut refused, mut shorter) = (0, 0);
    for page in 0..PAGES {
        let range = page * PAGE..(page + 1) * PAGE;
        let states: BTreeSet<&[u8]> = finished
            .history
            .iter()
            .map(|(image, _)| &image[range.clone()])
            .filter(|old| *old != &finished.image[range.clone()])
            .collect();
        for old in states {
            let mut image = finished.image.clone();
            image[range.clone()].copy_from_slice(old);
            let mounted = mount(&image);
            if page != newest {
                // Outside the log, or before a torn write: nothing that counts has changed.
                let same = mounted.as_ref() == Ok(&finished.found);
                let fails = refused_for(&mounted, &[Damage::Header, Damage::Frame]);
                assert!(
                    same || (fails && log.contains(&page)),
                    "{page}: {mounted:?}"
                );
                refused += u32::from(fails);
            } else if let Ok(found) = mounted {
                // The newest page may have ended there: nothing on the flash says that it did not.
                assert!(finished.was(&found));
                shorter += 1;
            }
        }
    }
    assert!(refused > 50 && shorter > 0, "{refused} {shorter}");
}

#[test]
fn a_record_rewritten_with_a_right_check_sum_breaks_the_chain() {
    let flash = Flash::new(PAGES * PAGE, Words::Once);
    let mut journal = block_on(Journal::<_>::format(flash.clone(), IDENTITY)).unwrap();
    for payload in [&b"owes 0000100 micro"[..], b"owes 0000200 micro", b"paid"] {
        assert!(block_on(journal.append(payload)).is_ok());
    }
    let sums = |image: &[u8]| {
        let sum = crc24(&image[HEADER..HEADER + 22]);
        (sum, image[HEADER + 22..HEADER + 25].to_vec())
    };
    let mut image = flash.image();
    let (sum, stored) = sums(&image);
    assert_eq!(sum[..], stored);
    image[HEADER + 2 + 5] = b'9';
    let (sum, _) = sums(&image);
    image[HEADER + 22..HEADER + 25].copy_from_slice(&sum);
    let expected = Corruption {
        page: 0,
        seq: 1,
        kind: Damage::Frame,
    };
    assert_eq!(mount(&image), Err(MountError::Corrupt(expected)));
}

#[test]
fn a_header_rewritten_with_a_right_check_sum_breaks_the_chain() {
    let finished = finished();
    let newest = finished.newest_page().start;
    // The chain head, the sequence number, the base, the page counter, the identity.
    for (at, damage) in [
        (48, &[Damage::Frame, Damage::Chain][..]),
        (24, &[Damage::Frame, Damage::Chain]),
        (16, &[Damage::Header]),
        (12, &[Damage::Header]),
        (32, &[Damage::Header]),
    ] {
        let mut image = finished.image.clone();
        image[newest + at] ^= 0x40;
        let sum = crc32(&image[newest..newest + 80]);
        image[newest + 80..newest + 84].copy_from_slice(&sum.to_le_bytes());
        let mounted = mount(&image);
        assert!(refused_for(&mounted, damage), "{at}: {mounted:?}");
    }
}

/// The frames of the journal under test, written anew by a writer gone wrong.
fn forged(frames: &[(u8, &[u8])]) -> Result<Vec<Seen>, Refused> {
    let flash = Flash::new(PAGES * PAGE, Words::Once);
    drop(block_on(Journal::<_>::format(flash.clone(), IDENTITY)));
    let mut image = flash.image();
    let mut forger = Forger::new(&image[..HEADER], WRITE);
    for (kind, payload) in frames {
        forger.frame(*kind, payload);
    }
    image[HEADER..HEADER + forger.frames.len()].copy_from_slice(&forger.frames);
    mount(&image)
}

#[test]
fn frames_that_verify_but_make_no_sense_are_refused() {
    let (record, piece, end, carried) = (0, 1, 2, 3);
    let misplaced = |seq| {
        Err(MountError::Corrupt(Corruption {
            page: 0,
            seq,
            kind: Damage::Misplaced,
        }))
    };
    let one = 1_u32.to_le_bytes();
    let two = 2_u32.to_le_bytes();
    let right = forged(&[(record, b"1"), (piece, b"2"), (piece, b"3"), (end, &two)]);
    assert_eq!(
        right.map(|found| found.len()),
        Ok(4),
        "the forger can do it"
    );
    // A snapshot that lacks a piece, or all, or its number.
    let lacks = forged(&[(record, b"1"), (piece, b"2"), (end, &two)]);
    assert_eq!(lacks, misplaced(3));
    assert_eq!(forged(&[(record, b"1"), (end, &one)]), misplaced(2));
    let short = forged(&[(record, b"1"), (piece, b"2"), (end, &one[..3])]);
    assert_eq!(short, misplaced(3));
    // A record between the pieces.
    let between = [
        (piece, &b"1"[..]),
        (record, b"2"),
        (piece, b"3"),
        (end, &two),
    ];
    assert_eq!(forged(&between), misplaced(4));
    // A carried record without its number, or without itself.
    assert_eq!(forged(&[(record, b"1"), (carried, &[0x81])]), misplaced(2));
    assert_eq!(forged(&[(record, b"1"), (carried, &[0x01])]), misplaced(2));
}

#[test]
fn a_page_of_another_journal_with_the_same_records_is_refused() {
    let life = |identity| {
        let flash = Flash::new(PAGES * PAGE, Words::Once);
        let made = block_on(Journal::<_>::format(flash.clone(), identity));
        let mut journal = made.unwrap();
        for index in 0..20 {
            assert!(block_on(journal.append(&[index; 30])).is_ok());
        }
        flash.image()
    };
    let (ours, theirs) = (life(IDENTITY), life(Identity::new([9; 16])));
    for page in 0..5 {
        let range = page * PAGE..(page + 1) * PAGE;
        let mut mixed = ours.clone();
        mixed[range.clone()].copy_from_slice(&theirs[range]);
        let mounted = mount(&mixed);
        assert!(refused_for(&mounted, &[Damage::Header]), "page {page}");
    }
}
