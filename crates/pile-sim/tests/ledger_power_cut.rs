//! I4 and I2 under power cuts: whatever operation of the flash is torn, in an append or in the
//! ledger's own work, the next mount finds the book as it was before the record or as it is after it.

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
use billing_core::record::{Advances, Record};
use embassy_futures::block_on;
use ledger_model::{End, Pile};
use pile_sim::flash::{CutPlan, FlashError, Progress, Stm32g4, Tear, VirtualNor, W25q80, Words};
use pile_units::CredentialId;
use proptest::prelude::*;
use std::collections::BTreeMap;

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
    assert!(cuts > records / 80, "{cuts} cuts in {records} records");
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
    assert!(pile.slices > 200, "{}", pile.slices);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn i4_any_life_with_any_cuts_is_found_again(seed in any::<u64>()) {
        let mut pile = Pile::<8, 1024>::new(40, Words::Once, seed);
        live(&mut pile, 700, seed);
    }
}

/// Every operation of giving the whole log back is cut, at its start, in its middle and after its
/// last byte; then it goes on.
fn sweep<const W: usize, const E: usize>(pages: usize, words: Words) {
    let mut pile = Pile::<W, E>::new(pages, words, 5);
    let mut records = 0;
    while pile.ledger().room().pages_free > 13 {
        let record = pile.next_record(10);
        pile.must(&record);
        records += 1;
    }
    assert!(records > 100, "{records}");
    let image = pile.flash.image();
    let (book, kept) = (pile.book.clone(), pile.kept.clone());
    let nothing = Record::Progress {
        elapsed: 0,
        advances: Advances::default(),
    };
    // Fills the log until all that stands now was given back.
    let turn = |ledger: &mut Ledger<VirtualNor<W, E>>| {
        let mut book = book.clone();
        for _ in 0..pages * E / 16 {
            block_on(ledger.append(&book, &nothing))?;
            book.apply(&nothing).unwrap();
            while ledger.wants_work(&book) {
                block_on(ledger.work(&book))?;
            }
        }
        Ok::<_, LedgerError<FlashError>>(())
    };
    let flash = VirtualNor::<W, E>::from_image(&image, words);
    let (mut ledger, _) = block_on(Ledger::mount(flash.clone())).unwrap();
    turn(&mut ledger).unwrap();
    let operations = flash.operations();
    for operation in (0..operations).step_by(37) {
        let step = u32::try_from(operation % 4).unwrap();
        let flash = VirtualNor::<W, E>::from_image(&image, words);
        let (mut ledger, _) = block_on(Ledger::mount(flash.clone())).unwrap();
        flash.arm_cut(CutPlan {
            after_operations: operation,
            progress: Progress::Fraction([0, 1, u16::MAX / 2, u16::MAX][step as usize]),
            tear: Tear::Prefix,
            seed: operation,
        });
        assert!(turn(&mut ledger).is_err());
        flash.power_up();
        let (mut ledger, found) = block_on(Ledger::mount(flash.clone())).unwrap();
        assert!(found == book, "{operation}");
        let check = |ledger: &mut Ledger<VirtualNor<W, E>>| {
            let mut carried = BTreeMap::new();
            block_on(ledger.visit(|seq, record| {
                if record.is_kept() {
                    assert!(carried.insert(seq, record).is_none(), "{operation}");
                }
            }))
            .unwrap();
            for (seq, record) in &kept {
                let there = carried.get(seq) == Some(record);
                assert!(there || !book.keeps(*seq, record), "{operation}: {seq}");
            }
        };
        check(&mut ledger);
        // Whichever log it is, it goes on.
        turn(&mut ledger).unwrap();
        check(&mut ledger);
    }
}

#[test]
fn i4_giving_pages_back_cut_at_any_operation_loses_nothing() {
    sweep::<8, 2048>(32, Words::Once);
    sweep::<1, 4096>(24, Words::ClearBits);
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
fn damage_that_appears_under_a_running_ledger_stops_it_before_it_is_given_back() {
    let mut pile = Pile::<8, 2048>::new(32, Words::Once, 7);
    for _ in 0..100 {
        let record = pile.next_record(10);
        pile.must(&record);
    }
    assert!(pile.flash.flip_bit(150, 0) && pile.flash.flip_bit(151, 7));
    let nothing = Record::Progress {
        elapsed: 0,
        advances: Advances::default(),
    };
    let ledger = pile.ledger.as_mut().unwrap();
    let error = loop {
        if let Err(error) = block_on(ledger.append(&pile.book, &nothing)) {
            break error;
        }
        if ledger.wants_work(&pile.book)
            && let Err(error) = block_on(ledger.work(&pile.book))
        {
            break error;
        }
    };
    assert!(matches!(error, LedgerError::Corrupt(_)), "{error}");
    // The damaged page still stands, and the next start says what is wrong.
    let error = pile.reboot(None).unwrap_err();
    assert!(
        matches!(error, OpenError::Mount(MountError::Corrupt(_))),
        "{error}"
    );
}

#[test]
fn a_dead_flash_is_reported_as_such_and_not_as_a_poisoned_journal() {
    let mut pile = Pile::<8, 2048>::new(32, Words::Once, 8);
    for after in 1..4 {
        for _ in 0..20 {
            let record = pile.next_record(10);
            pile.must(&record);
        }
        pile.flash.arm_cut(CutPlan::random(after, 1));
        let record = pile.next_record(10);
        let book = pile.book.clone();
        let ledger = pile.ledger.as_mut().unwrap();
        let error = loop {
            if let Err(error) = block_on(ledger.append(&book, &record)) {
                break error;
            }
        };
        let text = error.to_string();
        assert!(text.contains("PowerLost"), "{text}");
        // What was written again and again contradicts itself: a new flash.
        pile = Pile::new(32, Words::Once, after);
    }
}

#[test]
fn a_record_that_the_book_refuses_is_refused_before_it_is_written_or_at_the_next_start() {
    let mut pile = Pile::<8, 2048>::new(32, Words::Once, 9);
    let record = pile.next_record(10);
    pile.must(&record);
    let revoked = Record::Revoked {
        credential: CredentialId::new(9),
        why: billing_core::record::Revocation::Lost,
        at: pile.at(),
    };
    assert_eq!(pile.book.check(&revoked), Err(FoldError::Credential));
    let book = pile.book.clone();
    block_on(pile.ledger().append(&book, &revoked)).unwrap();
    let why = FoldError::Credential;
    let refused = OpenError::Contradiction { seq: 2, why };
    assert_eq!(pile.reboot(None).unwrap_err(), refused);
}
