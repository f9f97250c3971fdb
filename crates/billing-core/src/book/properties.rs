//! The fold under lives that nobody wrote: I2 after every record, and no record that breaks it.

extern crate std;

use super::Book;
use super::testing::next_record;
use crate::record::arbitrary;
use pile_units::Energy;
use proptest::prelude::*;

/// A linear congruential generator.
fn dice(seed: u64) -> impl FnMut(u32) -> u32 {
    let mut state = seed;
    move |sides| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(state >> 33).unwrap() % sides.max(1)
    }
}

proptest! {
    #[test]
    fn i2_the_meters_are_accounted_for_after_every_record(
        seed in any::<u64>(), ports in 1usize..=16,
    ) {
        let mut book = Book::new();
        let mut dice = dice(seed);
        for _ in 0..600 {
            let record = next_record(&book, ports, &mut dice);
            let before = book.balance().metered;
            book.apply(&record).unwrap();
            let balance = book.balance();
            prop_assert_eq!(balance.metered, balance.accounted());
            prop_assert!(balance.metered >= before);
        }
        prop_assert!(book.balance().metered > Energy::ZERO);
    }

    #[test]
    fn a_book_is_made_again_from_its_pieces(
        seed in any::<u64>(), records in 0usize..600,
    ) {
        let mut book = Book::new();
        let mut dice = dice(seed);
        for _ in 0..records {
            let record = next_record(&book, 10, &mut dice);
            book.apply(&record).unwrap();
        }
        let mut again = Book::new();
        for piece in book.pieces() {
            again.restore(&piece).unwrap();
        }
        prop_assert_eq!(&again, &book);
        // And it goes on as the first would.
        let record = next_record(&book, 10, &mut dice);
        prop_assert_eq!(again.apply(&record), Ok(()));
    }

    #[test]
    fn i8_any_record_is_applied_whole_or_changes_nothing(
        seed in any::<u64>(), lived in 0usize..300,
        records in prop::collection::vec(arbitrary::record(), 1..60),
    ) {
        let mut book = Book::new();
        let mut dice = dice(seed);
        for _ in 0..lived {
            book.apply(&next_record(&book, 10, &mut dice)).unwrap();
        }
        for record in &records {
            let before = book.clone();
            let checked = book.check(record);
            prop_assert_eq!(book.apply(record), checked);
            if checked.is_err() {
                prop_assert_eq!(&book, &before);
            }
            let balance = book.balance();
            prop_assert_eq!(balance.metered, balance.accounted());
        }
    }

    #[test]
    fn i8_any_pieces_are_restored_or_refused(
        pieces in prop::collection::vec(arbitrary::piece(), 1..60),
        records in prop::collection::vec(arbitrary::record(), 1..20),
    ) {
        let mut book = Book::new();
        for piece in &pieces {
            let before = book.clone();
            if book.restore(piece).is_err() {
                prop_assert_eq!(&book, &before);
            }
        }
        // Whatever it holds now, it can be asked, and told more.
        let _ = (book.balance(), book.pieces().count(), book.next_account());
        for record in &records {
            let _ = book.apply(record);
        }
    }
}
