//! The seeds of the fuzz targets, and what fuzzing found, played again.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

use proptest::prelude::*;
use std::path::Path;

fn play(target: &str, body: fn(&[u8])) -> usize {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let files = std::fs::read_dir(corpus.join(target)).unwrap();
    files
        .map(|file| body(&std::fs::read(file.unwrap().path()).unwrap()))
        .count()
}

#[test]
fn i8_every_seed_of_ledger_image_keeps_the_promises() {
    assert!(play("ledger_image", pile_sim::fuzzing::ledger_image) >= 10);
}

#[test]
fn i3_every_seed_of_meter_bytes_keeps_the_promises() {
    assert!(play("meter_bytes", pile_sim::fuzzing::meter_bytes) >= 10);
}

#[test]
fn i8_every_seed_of_card_frames_keeps_the_promises() {
    assert!(play("card_frames", pile_sim::fuzzing::card_frames) >= 8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn i3_whatever_the_wires_of_a_meter_say_keeps_the_promises(
        driver in 0u8..12, data in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        pile_sim::fuzzing::meter_bytes(&[&[driver], &data[..]].concat());
    }

    #[test]
    fn i8_whatever_cards_and_chips_say_keeps_the_promises(
        kind in 0u8..4, data in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        pile_sim::fuzzing::card_frames(&[&[kind], &data[..]].concat());
    }

    #[test]
    fn i8_few_changed_bytes_are_refused_or_mended(
        changes in prop::collection::vec((any::<u16>(), 1..=u8::MAX), 1..6),
    ) {
        let mut data = vec![1];
        for (place, flip) in changes {
            data.extend(place.to_le_bytes());
            data.push(flip);
        }
        pile_sim::fuzzing::ledger_image(&data);
    }

    #[test]
    fn i8_no_records_in_good_order_break_the_fold(
        payloads in prop::collection::vec(prop::collection::vec(0u8..24, 0..60), 0..20),
    ) {
        let mut data = vec![255];
        for payload in payloads {
            data.push(u8::try_from(payload.len()).unwrap());
            data.extend(payload);
        }
        pile_sim::fuzzing::ledger_image(&data);
    }
}
