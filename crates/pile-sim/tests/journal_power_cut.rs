//! I4 under power cuts: what the journal acknowledged, and was not told to drop, is never lost,
//! altered or given twice, the record under way is there whole or not, and every cut flash mounts.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod journal_model;

use journal_model::{Counts, End, Life, Op, script};
use pile_sim::flash::{CutPlan, Progress, Tear};
use proptest::prelude::*;

const PAGE: usize = 256;
const PAGES: usize = 10;

/// Lives the script with these cuts, each armed once the one before has struck. What was under way
/// is not tried again: the pile goes on with the next thing. Returns also how many operations
/// of the script were cut and how many found no room.
fn live<const W: usize>(cuts: &[CutPlan]) -> (Life<W, PAGE>, [Vec<Op>; 2]) {
    let mut life = Life::<W, PAGE>::new(PAGES);
    let (mut cut, mut full) = (Vec::new(), Vec::new());
    life.plan(cuts);
    for op in script() {
        match life.apply(&op) {
            End::Done => {}
            End::Cut => cut.push(op),
            End::Full => full.push(op),
        }
        // As a ledger does it: room for a snapshot and the page that makes it count, a page that a
        // cut costs, and one more.
        let room = Op::Room {
            free: 5,
            keep_each: 50,
        };
        match life.apply(&room) {
            End::Done => {}
            End::Cut => cut.push(room),
            End::Full => full.push(room),
        }
    }
    life.flash.disarm_cut();
    life.boot();
    (life, [cut, full])
}

fn at(after_operations: u64, bytes: usize, tear: Tear, seed: u64) -> CutPlan {
    CutPlan {
        after_operations,
        progress: Progress::Bytes(bytes),
        tear,
        seed,
    }
}

/// The bytes that each operation of the uncut script programs or erases.
fn operation_lengths<const W: usize>() -> Vec<usize> {
    let mut lengths = Vec::new();
    loop {
        let (life, _) = live::<W>(&[at(lengths.len() as u64, 0, Tear::Prefix, 0)]);
        let Some(torn) = life.flash.last_cut() else {
            return lengths;
        };
        lengths.push(torn.length);
    }
}

/// Cuts every operation of the script after every byte.
fn sweep<const W: usize>() {
    let lengths = operation_lengths::<W>();
    let erases = lengths.iter().filter(|length| **length == PAGE).count();
    assert!(lengths.len() > 150 && erases > 3 * PAGES, "{lengths:?}");
    let mut sum = Counts::default();
    let mut struck = [0; 5];
    for (after, length) in (0..).zip(&lengths) {
        for bytes in 0..=*length {
            // An erase cut after each byte is an erase cut after each word.
            let tears = match (bytes % 4, *length == PAGE && bytes % 8 != 0) {
                (_, true) => &[][..],
                (0, _) => &[Tear::Prefix, Tear::Scattered],
                _ => &[Tear::Prefix],
            };
            for tear in tears {
                let (life, [cut, full]) = live::<W>(&[at(after, bytes, *tear, bytes as u64)]);
                assert_eq!((life.counts.cuts, full.len()), (1, 0), "{full:?}");
                sum.unacknowledged_kept += life.counts.unacknowledged_kept;
                sum.torn += life.counts.torn;
                sum.copies += life.counts.copies;
                for op in cut {
                    struck[match op {
                        Op::Append(_) => 0,
                        Op::Snapshot { .. } => 1,
                        Op::Reclaim { .. } | Op::Room { .. } => 2,
                        Op::EraseAhead => 3,
                        _ => 4,
                    }] += 1;
                }
            }
        }
    }
    assert!(struck.iter().all(|count| *count > 50), "{struck:?}");
    assert!(
        sum.unacknowledged_kept > 50 && sum.torn > 500 && sum.copies > 500,
        "{sum:?}"
    );
}

#[test]
fn the_script_gives_pages_back_and_carries_and_drops() {
    let (life, cut_or_full) = live::<8>(&[]);
    assert_eq!(cut_or_full, [vec![], vec![]]);
    let counts = life.counts;
    assert!(
        // Copies on provisional pages are none after a boot, so few are seen.
        counts.gone > 20 && counts.carried > 20 && counts.copies > 1,
        "{counts:?}"
    );
}

#[test]
fn microocpp_257_a_cut_after_any_byte_of_any_operation_loses_nothing_at_write_size_1() {
    sweep::<1>();
}

#[test]
fn microocpp_257_a_cut_after_any_byte_of_any_operation_loses_nothing_at_write_size_8() {
    sweep::<8>();
}

#[test]
fn a_second_and_a_third_cut_during_recovery_lose_nothing() {
    let mut struck_thrice = 0;
    for (after, length) in (0..).zip(operation_lengths::<8>()) {
        for (first, seed) in [(0, 1), (length / 3, 2), (length - 1, 3), (length, 4)] {
            for soon in 0..3 {
                for second in [0, 40, 100, 256] {
                    let cuts = [
                        at(after, first, Tear::Prefix, seed),
                        at(soon, second, Tear::Prefix, seed + 7),
                        at(soon / 2, second / 2, Tear::Scattered, seed + 9),
                    ];
                    struck_thrice += u32::from(live::<8>(&cuts).0.counts.cuts == 3);
                }
            }
        }
    }
    assert!(struck_thrice > 5000, "{struck_thrice}");
}

/// What a boot copies stands on provisional pages: a cut costs none, and the next boot does it anew.
#[test]
fn giving_a_page_back_that_is_cut_at_every_boot_costs_no_page() {
    for bytes in [0, 9, 30, 40] {
        let mut life = Life::<8, 1024>::new(12);
        for n in 0..40 {
            life.apply(&Op::Append(vec![n; 30]));
        }
        life.apply(&Op::Snapshot { pieces: 2 });
        let kept = life.records.clone();
        life.boot();
        let used = life.journal().room().pages_live;
        for cut in 0..30 {
            // An erase, a header, four copies: in the next one.
            life.flash.arm_cut(at(6, bytes, Tear::Prefix, cut));
            assert_eq!(life.apply(&Op::Reclaim { keep_each: 1 }), End::Cut);
            assert_eq!(life.journal().room().pages_live, used);
        }
        life.flash.disarm_cut();
        assert_eq!(life.apply(&Op::Reclaim { keep_each: 1 }), End::Done);
        assert_eq!(life.journal().room().pages_reclaimed, 1);
        for n in 0..5 {
            life.apply(&Op::Append(vec![n; 200]));
        }
        assert_eq!(life.journal().room().pages_reclaimed, 0);
        life.boot();
        let is_there = |(seq, it)| life.records.get(seq) == Some(it);
        assert!(kept.iter().all(is_there));
        assert!(life.counts.carried > 0);
    }
}

/// The pages of a snapshot that is given up say nothing of what is a copy: what is copied next stands
/// where they would have begun, and is delivered once.
#[test]
fn what_is_copied_behind_a_snapshot_that_was_given_up_is_delivered_once() {
    for pieces in 0..20 {
        let mut life = Life::<8, PAGE>::new(12);
        for n in 0..6 {
            life.apply(&Op::Append(vec![n; 30]));
        }
        life.apply(&Op::Snapshot { pieces: 2 });
        life.apply(&Op::Abandon { pieces });
        assert_eq!(life.apply(&Op::Reclaim { keep_each: 2 }), End::Done);
        life.check();
        assert!(life.counts.copies > 0);
        life.boot();
    }
}

#[test]
fn a_journal_whose_appends_are_cut_again_and_again_never_fills() {
    let mut life = Life::<8, PAGE>::new(10);
    let room = Op::Room {
        free: 4,
        keep_each: 60,
    };
    for round in 0..600_u64 {
        life.flash.arm_cut(CutPlan::random(round % 3, round));
        let payload = vec![9; 1 + (round % 50) as usize];
        let end = life.apply(&Op::Append(payload));
        assert_ne!(end, End::Full, "{round}");
        if round % 2 == 0 {
            life.flash.disarm_cut();
        }
        // Making room is cut every other time.
        if life.apply(&room) == End::Cut {
            assert_eq!(life.apply(&room), End::Done, "{round}");
        }
        life.flash.disarm_cut();
        // What is kept must not be all there is.
        if life.records.len() > 12 {
            let none = Op::Room {
                free: 7,
                keep_each: u64::MAX,
            };
            life.apply(&none);
        }
    }
    let counts = life.counts;
    assert!(counts.cuts > 300 && counts.torn > 100, "{counts:?}");
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => prop::collection::vec(any::<u8>(), 1..=100).prop_map(Op::Append),
        2 => (0_u8..20).prop_map(|pieces| Op::Snapshot { pieces }),
        1 => (0_u8..20).prop_map(|pieces| Op::Abandon { pieces }),
        4 => (1_u64..9).prop_map(|keep_each| Op::Reclaim { keep_each }),
        2 => Just(Op::EraseAhead),
        1 => (0_u32..4, 5_u64..50).prop_map(|(free, keep_each)| Op::Room { free, keep_each }),
        2 => Just(Op::Reboot),
        1 => Just(Op::Scan),
        4 => (0_u64..12, any::<u64>()).prop_map(|(after, seed)| Op::Cut { after, seed }),
    ]
}

fn obeys_the_model<const W: usize, const E: usize>(pages: usize, ops: &[Op]) {
    let mut life = Life::<W, E>::new(pages);
    for op in ops {
        life.apply(op);
        let free = u32::try_from(pages / 3).unwrap();
        life.apply(&Op::Room {
            free,
            keep_each: 13,
        });
    }
    life.boot();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn i4_durable_at_write_size_1(ops in prop::collection::vec(op(), 1..200)) {
        obeys_the_model::<1, 256>(8, &ops);
    }

    #[test]
    fn i4_durable_at_write_size_4(ops in prop::collection::vec(op(), 1..200)) {
        obeys_the_model::<4, 512>(5, &ops);
    }

    #[test]
    fn i4_durable_at_write_size_8(ops in prop::collection::vec(op(), 1..200)) {
        obeys_the_model::<8, 256>(12, &ops);
    }

    #[test]
    fn i4_durable_at_write_size_16(ops in prop::collection::vec(op(), 1..200)) {
        obeys_the_model::<16, 256>(7, &ops);
    }

    #[test]
    fn i4_durable_at_write_size_32(ops in prop::collection::vec(op(), 1..200)) {
        obeys_the_model::<32, 1024>(3, &ops);
    }
}
