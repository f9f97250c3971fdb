//! I4 and I2 under power cuts: whatever operation of the flash is torn, in an append or in a
//! compaction, the next mount finds the book as it was before the record or as it is after it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod ledger_model;

use billing_core::book::FoldError;
use billing_core::journal::MountError;
use billing_core::ledger::{Ledger, LedgerError, OpenError};
use embassy_futures::block_on;
use ledger_model::{End, Pile};
use pile_sim::flash::{CutPlan, Progress, Stm32g4, Tear, VirtualNor, W25q80, Words};
use pile_units::CredentialId;
use proptest::prelude::*;

/// Lives so many records with a cut every few operations of the flash.
fn live<const W: usize, const E: usize>(pile: &mut Pile<W, E>, records: u32, seed: u64) {
    let mut cuts = 0;
    for n in 0..records {
        let record = pile.next_record(10);
        let roll = seed.wrapping_mul(31).wrapping_add(u64::from(n));
        let plan = CutPlan::random(roll % 23, roll);
        if n % 5 == 0 {
            pile.flash.arm_cut(plan);
        }
        match pile.write(&record) {
            End::Durable | End::Full => {}
            End::Cut => {
                cuts += 1;
                // A second cut while the mount repairs what the first one left.
                if cuts % 3 == 0 {
                    pile.flash.power_up();
                    pile.flash.arm_cut(CutPlan::random(roll % 2, roll ^ 0xff));
                    let _ = pile.reboot(Some(&record)).is_err();
                    pile.flash.disarm_cut();
                }
                pile.reboot(Some(&record)).unwrap();
            }
        }
    }
    pile.flash.disarm_cut();
    pile.audit();
    assert!(cuts > records / 40, "{cuts} cuts in {records} records");
}

#[test]
fn i4_a_w25q80_that_is_cut_again_and_again_loses_nothing() {
    let mut pile = Pile::on(W25q80::w25q80(), 1);
    live(&mut pile, 4_000, 1);
}

#[test]
fn i4_an_stm32g4_that_is_cut_again_and_again_loses_nothing() {
    let mut pile = Pile::on(Stm32g4::stm32g4(), 2);
    live(&mut pile, 2_500, 2);
    assert!(pile.compactions > 2, "{}", pile.compactions);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn i4_any_life_with_any_cuts_is_found_again(seed in any::<u64>()) {
        let mut pile = Pile::<8, 1024>::new(40, Words::Once, seed);
        live(&mut pile, 700, seed);
    }
}

/// Every operation of a compaction is cut, at its start, in its middle and after its last byte.
fn sweep<const W: usize, const E: usize>(pages: usize, words: Words) {
    let mut pile = Pile::<W, E>::new(pages, words, 5);
    for _ in 0..400 {
        let record = pile.next_record(10);
        pile.must(&record);
    }
    let image = pile.flash.image();
    let (book, kept) = (pile.book.clone(), pile.kept.clone());
    let head = pile.ledger().head();
    let (mut operation, mut as_before, mut committed) = (0, 0, 0);
    loop {
        let mut whole = false;
        for progress in [0, 1, u16::MAX / 2, u16::MAX] {
            let flash = VirtualNor::<W, E>::from_image(&image, words);
            let (mut ledger, found) = block_on(Ledger::mount(flash.clone())).unwrap();
            assert!(found == book);
            flash.arm_cut(CutPlan {
                after_operations: operation,
                progress: Progress::Fraction(progress),
                tear: Tear::Prefix,
                seed: operation,
            });
            let written = block_on(ledger.compact(|n| book.pieces().nth(n)));
            whole = written.is_ok();
            flash.disarm_cut();
            flash.power_up();
            let (mut ledger, found) = block_on(Ledger::mount(flash)).unwrap();
            assert!(found == book, "{operation}, {progress}");
            let mut carried = Vec::new();
            block_on(ledger.visit(|_, record| {
                if record.is_kept() {
                    carried.push(record);
                }
            }))
            .unwrap();
            assert!(carried == kept, "{operation}, {progress}");
            if !whole {
                let compacted = ledger.head() != head;
                committed += u32::from(compacted);
                as_before += u32::from(!compacted);
            }
            // Whichever log it is, it goes on and is compacted.
            block_on(ledger.compact(|n| book.pieces().nth(n))).unwrap();
        }
        if whole {
            break;
        }
        operation += 1;
    }
    // The cut that falls behind the last byte of the last header has committed it.
    assert!(as_before > 40 && committed > 0, "{as_before} {committed}");
}

#[test]
fn i4_a_compaction_cut_at_any_operation_is_whole_or_was_not() {
    sweep::<8, 2048>(32, Words::Once);
    sweep::<1, 4096>(64, Words::ClearBits);
}

#[test]
fn a_ledger_whose_power_fails_at_every_start_is_not_used_up() {
    let mut pile = Pile::<8, 2048>::new(32, Words::Once, 6);
    for _ in 0..300 {
        let record = pile.next_record(10);
        pile.must(&record);
    }
    // Nothing is ever acknowledged between these cuts, and each may cost a page.
    for n in 0..300 {
        let record = pile.next_record(10);
        pile.flash.arm_cut(CutPlan::random(n % 2, n));
        if pile.write(&record) == End::Cut {
            pile.reboot(Some(&record)).unwrap();
        }
        pile.flash.disarm_cut();
    }
    assert!(pile.cuts > 200, "{}", pile.cuts);
    pile.audit();
    let record = pile.next_record(10);
    pile.must(&record);
}

#[test]
fn damage_that_appears_under_a_running_ledger_stops_its_compaction_and_nothing_else() {
    let mut pile = Pile::<8, 2048>::new(32, Words::Once, 7);
    for _ in 0..100 {
        let record = pile.next_record(10);
        pile.must(&record);
    }
    let before = (pile.ledger().room(), pile.ledger().head());
    assert!(pile.flash.flip_bit(150, 0) && pile.flash.flip_bit(151, 7));
    let error = pile.compact().unwrap_err();
    assert!(matches!(error, LedgerError::Carry(_)), "{error}");
    assert_eq!((pile.ledger().room(), pile.ledger().head()), before);
    // The old log still takes records, and the next start says what is wrong.
    let record = pile.next_record(10);
    pile.ledger();
    assert!(matches!(pile.write(&record), End::Durable | End::Full));
    let error = pile.reboot(None).unwrap_err();
    assert!(
        matches!(error, OpenError::Mount(MountError::Corrupt(_))),
        "{error}"
    );
}

#[test]
fn a_dead_flash_is_reported_as_such_and_not_as_a_poisoned_journal() {
    let mut pile = Pile::<8, 2048>::new(32, Words::Once, 8);
    for _ in 0..20 {
        let record = pile.next_record(10);
        pile.must(&record);
    }
    for after in 1..4 {
        pile.flash.arm_cut(CutPlan::random(after, 1));
        let error = pile.compact().unwrap_err();
        let text = error.to_string();
        assert!(text.contains("PowerLost"), "{text}");
        pile.reboot(None).unwrap();
    }
}

#[test]
fn a_record_that_the_book_refuses_is_refused_before_it_is_written_or_at_the_next_start() {
    let mut pile = Pile::<8, 2048>::new(32, Words::Once, 9);
    let record = pile.next_record(10);
    pile.must(&record);
    let revoked = billing_core::record::Record::Revoked {
        credential: CredentialId::new(9),
        why: billing_core::record::Revocation::Lost,
        at: pile.at(),
    };
    assert_eq!(pile.book.check(&revoked), Err(FoldError::Credential));
    block_on(pile.ledger().append(&revoked)).unwrap();
    let why = FoldError::Credential;
    let refused = OpenError::Contradiction { seq: 2, why };
    assert_eq!(pile.reboot(None).unwrap_err(), refused);
}
