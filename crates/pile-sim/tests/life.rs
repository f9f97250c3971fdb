//! The scripted life does what it says.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

use billing_core::record::Record;
use pile_sim::flash::{Part, Words};
use pile_sim::life::{Life, Script, Task};

fn tell(name: &str, life: &Life, bytes: usize) {
    let programmed: usize = life
        .moments
        .iter()
        .flat_map(|moment| &moment.operations)
        .filter(|operation| !operation.is_erase())
        .map(pile_sim::flash::Operation::length)
        .sum();
    println!(
        "{name}: {} sessions, {} records, {} operations, {programmed} bytes, {} times round, {} mWh",
        life.sessions,
        life.records.len(),
        life.operations(),
        programmed / bytes,
        life.delivered,
    );
}

#[test]
fn forty_sessions_go_round_the_flash() {
    let bytes = 32 << 10;
    let life = Script::whole(Part::Stm32g4)
        .live::<8, 2048>(bytes, Words::Once)
        .unwrap();
    tell("stm32g4", &life, bytes);
    assert_eq!(life.sessions, 40);
    let bytes = 48 << 10;
    let life = Script::whole(Part::W25q80)
        .live::<1, 4096>(bytes, Words::ClearBits)
        .unwrap();
    tell("w25q80", &life, bytes);
    assert_eq!(life.sessions, 40);
    let has = |what: fn(&Record) -> bool| life.records.iter().any(|(_, record)| what(record));
    assert!(has(|it| matches!(it, Record::Revoked { .. })));
    assert!(has(|it| matches!(it, Record::SegmentClosed { .. })));
    assert!(has(|it| matches!(it, Record::Settled(_))));
    assert!(has(|it| matches!(it, Record::Paid { .. })));
    assert!(has(|it| matches!(it, Record::AccountClosed { .. })));
    assert!(life.moments.iter().any(|it| it.task == Task::Work));
}
