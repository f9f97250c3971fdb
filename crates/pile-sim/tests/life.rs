//! The scripted life does what it says.

use std::collections::{BTreeMap, BTreeSet};

use billing_core::record::Record;
use pile_sim::flash::Part;
use pile_sim::life::{Life, Task, Trouble};
use pile_sim::sweep::lives;

/// How often each kind of record was written, by its name.
fn kinds(life: &Life) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for (_, record) in &life.records {
        let text = format!("{record:?}");
        let name = text.split([' ', '(', '{']).next().unwrap_or_default();
        *kinds.entry(name.to_owned()).or_default() += 1;
    }
    kinds
}

fn whole() -> Result<[(Part, usize, Life); 2], Trouble> {
    lives()
}

#[test]
fn both_lives_go_round_their_flash_three_times() {
    for (part, bytes, life) in whole().unwrap() {
        let programmed = life.programmed();
        println!(
            "{}: {} sessions, {} records, {} tasks, {} operations, {programmed} bytes of {bytes}, {} mWh",
            part.name(),
            life.sessions,
            life.records.len(),
            life.moments.len(),
            life.operations(),
            life.delivered,
        );
        println!("{:?}", kinds(&life));
        assert!(programmed >= 3 * bytes, "{programmed} of {bytes}");
        // Every page was erased that often, too, but for the first time, when it was blank.
        let erases = life.erases();
        assert!(erases >= 2 * bytes / part.page(), "{erases}");
        assert!(life.moments.iter().any(|it| it.task == Task::Work));
    }
}

#[test]
fn the_script_has_all_that_a_life_must_have() {
    for (_, _, life) in whole().unwrap() {
        let kinds = kinds(&life);
        let count = |kind: &str| kinds.get(kind).copied().unwrap_or(0);
        assert_eq!(count("Commissioned"), 1);
        // Five tenants, and two cards that replace others.
        assert_eq!((count("Enrolled"), count("Revoked")), (7, 3), "{kinds:?}");
        assert_eq!((count("SessionOpened"), count("SessionClosed")), (40, 40));
        assert_eq!(count("LastSegment"), 40);
        assert_eq!((count("TariffSet"), count("AccountClosed")), (3, 1));
        assert!(count("SegmentClosed") > 4, "{kinds:?}");
        assert!(count("Progress") > 300, "{kinds:?}");
        assert!(count("Settled") >= 20, "{kinds:?}");
        assert_eq!(count("Settled"), count("Paid"));
        assert_eq!(count("Exported"), 10);
    }
}

#[test]
fn the_sessions_are_on_four_ports_and_four_at_a_time() {
    for (_, _, life) in whole().unwrap() {
        let mut ports: BTreeMap<_, usize> = BTreeMap::new();
        let (mut open, mut most) = (BTreeSet::new(), 0);
        for (_, record) in &life.records {
            match record {
                Record::SessionOpened { session, port, .. } => {
                    *ports.entry(*port).or_default() += 1;
                    open.insert(*session);
                    most = most.max(open.len());
                }
                Record::SessionClosed(closed) => drop(open.remove(&closed.session)),
                _ => {}
            }
        }
        assert_eq!(ports.into_values().collect::<Vec<_>>(), [10; 4]);
        assert_eq!((most, open.len()), (4, 0));
    }
}

#[test]
fn tariffs_change_and_cards_are_revoked_and_replaced_in_a_session() {
    for (_, _, life) in whole().unwrap() {
        let mut open = BTreeSet::new();
        let (mut tariffs, mut revoked, mut replaced) = (0, 0, 0);
        let mut lost = BTreeSet::new();
        for (_, record) in &life.records {
            match record {
                Record::SessionOpened { session, .. } => drop(open.insert(*session)),
                Record::SessionClosed(closed) => drop(open.remove(&closed.session)),
                Record::TariffSet { .. } if !open.is_empty() => tariffs += 1,
                Record::Revoked { credential, .. } if !open.is_empty() => {
                    revoked += 1;
                    lost.insert(*credential);
                }
                // An account that had a card gets another.
                Record::Enrolled { .. } if !lost.is_empty() => replaced += 1,
                _ => {}
            }
        }
        assert_eq!((tariffs, revoked, replaced), (2, 2, 2));
    }
}

#[test]
fn exports_come_before_settlements_and_settlements_wait_to_be_paid() {
    for (_, _, life) in whole().unwrap() {
        let place = |what: fn(&Record) -> bool| life.records.iter().position(|(_, it)| what(it));
        let exported = place(|it| matches!(it, Record::Exported { .. }));
        let settled = place(|it| matches!(it, Record::Settled(_)));
        let paid = place(|it| matches!(it, Record::Paid { .. }));
        // So a sweep sees records of every stage: only exported, only settled, only unpaid.
        assert!(exported < settled && settled < paid);
        let between = life.records.get(settled.unwrap()..paid.unwrap()).unwrap();
        let is_export = |(_, it): &(u64, Record)| matches!(it, Record::Exported { .. });
        assert!(between.iter().any(is_export));
    }
}
