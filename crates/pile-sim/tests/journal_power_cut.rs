//! I4 under power cuts: what the journal acknowledged is never lost, altered or reordered, the
//! record under way is there whole or not, and every cut flash mounts.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod journal_model;

use journal_model::{End, Life, Op, script};
use pile_sim::flash::{CutPlan, Progress, Tear};
use proptest::prelude::*;

const PAGE: usize = 256;
const PAGES: usize = 9;

/// Lives the script with these cuts, each armed once the one before has struck. What was under way
/// is not tried again: the pile goes on with the next thing.
fn live<const W: usize>(cuts: &[CutPlan]) -> Life<W, PAGE> {
    let mut life = Life::<W, PAGE>::new(PAGES);
    life.plan(cuts);
    for op in script() {
        match op {
            Op::Append(payload) => life.append_with_room(&payload),
            op => life.apply(&op),
        };
    }
    life.flash.disarm_cut();
    life.boot();
    life
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
        let life = live::<W>(&[at(lengths.len() as u64, 0, Tear::Prefix, 0)]);
        let Some(torn) = life.flash.last_cut() else {
            return lengths;
        };
        lengths.push(torn.length);
    }
}

/// Cuts every operation of the script after every byte.
fn sweep<const W: usize>() {
    let lengths = operation_lengths::<W>();
    assert!(lengths.len() > 60, "{}", lengths.len());
    assert!(
        lengths.iter().filter(|length| **length == PAGE).count() > 8,
        "erases are among them"
    );
    let (mut kept, mut given_up) = (0, 0);
    for (after, length) in (0..).zip(&lengths) {
        for bytes in 0..=*length {
            for tear in [Tear::Prefix, Tear::Scattered] {
                if tear == Tear::Scattered && bytes % 4 != 0 {
                    continue;
                }
                let life = live::<W>(&[at(after, bytes, tear, bytes as u64)]);
                assert_eq!(life.cuts, 1);
                kept += life.unacknowledged_kept;
                given_up += life.pages_given_up;
            }
        }
    }
    assert!(kept > 30 && given_up > 500, "{kept} {given_up}");
}

#[test]
fn a_cut_after_any_byte_of_any_operation_loses_nothing_at_write_size_1() {
    sweep::<1>();
}

#[test]
fn a_cut_after_any_byte_of_any_operation_loses_nothing_at_write_size_8() {
    sweep::<8>();
}

#[test]
fn a_second_cut_during_recovery_loses_nothing() {
    let mut struck_twice = 0;
    for (after, length) in (0..).zip(operation_lengths::<8>()) {
        for (first, seed) in [(0, 1), (length / 3, 2), (length - 1, 3), (length, 4)] {
            for soon in 0..4 {
                for second in [0, 7, 40, 100, 256] {
                    let cuts = [
                        at(after, first, Tear::Prefix, seed),
                        at(soon, second, Tear::Prefix, seed + 7),
                        at(soon / 2, second / 2, Tear::Scattered, seed + 9),
                    ];
                    struck_twice += u32::from(live::<8>(&cuts).cuts == 3);
                }
            }
        }
    }
    assert!(struck_twice > 3000, "{struck_twice}");
}

#[test]
fn snapshots_and_copies_that_are_cut_again_and_again_lose_nothing_and_come_to_an_end() {
    let mut life = Life::<8, PAGE>::new(12);
    for round in 0..300_u64 {
        life.plan(&[
            CutPlan::random(round % 9, round),
            CutPlan::random(round % 2, round ^ 0xff),
        ]);
        life.append_with_room(&vec![9; 1 + (round % 50) as usize]);
        life.apply(&Op::EraseAhead);
        life.flash.disarm_cut();
    }
    assert!(
        life.cuts > 100 && life.carried > 20,
        "{} {}",
        life.cuts,
        life.carried
    );
    // What the cuts have left is given back, once the power stays.
    for _ in 0..40 {
        assert_eq!(life.append_with_room(&[1; 30]), End::Done);
    }
    let room = life.journal().room();
    assert!(room.pages_free >= 2, "{room:?}");
}

#[test]
fn a_journal_filled_by_cuts_still_gives_pages_back() {
    let mut life = Life::<8, PAGE>::new(9);
    let mut appended = 0;
    for round in 0..300_u64 {
        life.flash.arm_cut(CutPlan::random(round % 3, round));
        let end = life.append_with_room(&vec![9; 1 + (round % 50) as usize]);
        life.flash.disarm_cut();
        appended += u32::from(end == End::Done);
    }
    let (cuts, given_up) = (life.cuts, life.pages_given_up);
    assert!(
        cuts > 100 && given_up > 50 && appended > 50,
        "{cuts} {given_up} {appended}"
    );
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => prop::collection::vec(any::<u8>(), 1..=100).prop_map(Op::Append),
        2 => (1_u8..10, 2_u64..9).prop_map(|(fresh, keep_each)| Op::Compact { fresh, keep_each }),
        1 => (1_u8..10).prop_map(|fresh| Op::Snapshot { fresh }),
        2 => (2_u64..9).prop_map(|keep_each| Op::Reclaim { keep_each }),
        1 => Just(Op::EraseAhead),
        2 => Just(Op::Reboot),
        1 => Just(Op::Scan),
        4 => (0_u64..12, any::<u64>()).prop_map(|(after, seed)| Op::Cut { after, seed }),
    ]
}

fn obeys_the_model<const W: usize, const E: usize>(pages: usize, ops: &[Op]) {
    let mut life = Life::<W, E>::new(pages);
    for op in ops {
        match op {
            Op::Append(payload) => life.append_with_room(payload),
            op => life.apply(op),
        };
    }
    life.boot();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn i4_durable_at_write_size_1(ops in prop::collection::vec(op(), 1..120)) {
        obeys_the_model::<1, 256>(6, &ops);
    }

    #[test]
    fn i4_durable_at_write_size_4(ops in prop::collection::vec(op(), 1..120)) {
        obeys_the_model::<4, 512>(4, &ops);
    }

    #[test]
    fn i4_durable_at_write_size_8(ops in prop::collection::vec(op(), 1..120)) {
        obeys_the_model::<8, 256>(12, &ops);
    }

    #[test]
    fn i4_durable_at_write_size_16(ops in prop::collection::vec(op(), 1..120)) {
        obeys_the_model::<16, 256>(5, &ops);
    }

    #[test]
    fn i4_durable_at_write_size_32(ops in prop::collection::vec(op(), 1..120)) {
        obeys_the_model::<32, 1024>(3, &ops);
    }
}
