//! I8: whatever a flash holds, a mount refuses it or gives a journal that works; it never panics, and
//! it never writes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod journal_model;

use billing_core::journal::{Entry, Journal, Kind};
use embassy_futures::block_on;
use journal_model::finished::{Flash, PAGE, PAGES, finished, mount};
use journal_model::{Seen, seen};
use pile_sim::flash::Words;
use proptest::prelude::*;

/// A damaged image, if it mounts, is a journal that works: it delivers the same twice, takes a
/// record, and has it after a reboot.
fn mounts_to_a_working_journal_or_not_at_all(image: &[u8]) -> Option<Vec<Seen>> {
    let flash = Flash::from_image(image, Words::Once);
    let mut found = Vec::new();
    let visit = &mut |entry: Entry<'_>| found.push(seen(&entry));
    let mounted = block_on(Journal::<_>::mount(flash.clone(), visit));
    assert_eq!(flash.operations(), 0, "a mount never writes");
    let mut journal = mounted.ok()?;
    let delivered = found.clone();
    if let Ok(appended) = block_on(journal.append(b"one more")) {
        found.push((appended.seq, Kind::Record, b"one more".to_vec()));
    }
    assert_eq!(mount(&flash.image()), Ok(found));
    Some(delivered)
}

#[derive(Debug, Clone)]
enum Harm {
    Overwrite { at: usize, bytes: Vec<u8> },
    Fill { at: usize, length: usize, byte: u8 },
    CopyPage { from: usize, to: usize },
    SwapPages { one: usize, other: usize },
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = 0..PAGES * PAGE - PAGE;
    let page = 0..PAGES;
    prop_oneof![
        (at.clone(), prop::collection::vec(any::<u8>(), 1..100))
            .prop_map(|(at, bytes)| Harm::Overwrite { at, bytes }),
        (
            at,
            1_usize..256,
            prop_oneof![Just(0), Just(0xff), any::<u8>()]
        )
            .prop_map(|(at, length, byte)| Harm::Fill { at, length, byte }),
        (page.clone(), page.clone()).prop_map(|(from, to)| Harm::CopyPage { from, to }),
        (page.clone(), page).prop_map(|(one, other)| Harm::SwapPages { one, other }),
    ]
}

/// Does it, and says which pages it touched.
fn inflict(image: &mut [u8], harm: &Harm) -> Vec<usize> {
    match harm {
        Harm::Overwrite { at, bytes } => {
            image[*at..at + bytes.len()].copy_from_slice(bytes);
            vec![at / PAGE, (at + bytes.len() - 1) / PAGE]
        }
        Harm::Fill { at, length, byte } => {
            image[*at..at + length].fill(*byte);
            vec![at / PAGE, (at + length - 1) / PAGE]
        }
        Harm::CopyPage { from, to } => {
            image.copy_within(from * PAGE..(from + 1) * PAGE, to * PAGE);
            vec![*to]
        }
        Harm::SwapPages { one, other } => {
            let (first, second) = (one * PAGE, other * PAGE);
            for at in 0..PAGE {
                image.swap(first + at, second + at);
            }
            vec![*one, *other]
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn i8_total_over_arbitrary_images(
        image in prop::collection::vec(any::<u8>(), 3 * PAGE..=4 * PAGE),
        blank in any::<bool>(),
    ) {
        let mut image = image;
        if blank {
            image[PAGE..].fill(0xff);
        }
        mounts_to_a_working_journal_or_not_at_all(&image);
    }

    #[test]
    fn i8_total_over_damaged_images(harms in prop::collection::vec(harm(), 1..6)) {
        let mut image = finished().image.clone();
        for harm in &harms {
            inflict(&mut image, harm);
        }
        mounts_to_a_working_journal_or_not_at_all(&image);
    }

    #[test]
    fn damage_outside_the_newest_page_is_refused_or_changes_nothing(harm in harm()) {
        let finished = finished();
        let mut image = finished.image.clone();
        let touched = inflict(&mut image, &harm);
        let newest = finished.newest_page().start / PAGE;
        let delivered = mounts_to_a_working_journal_or_not_at_all(&image);
        if let Some(delivered) = delivered {
            if touched.contains(&newest) {
                // Its end may be cut off as by a power cut: the journal is as it once was.
                prop_assert!(finished.was(&delivered));
            } else {
                prop_assert_eq!(&delivered, &finished.found);
            }
        }
    }
}
