//! Every cell of the table, against the one in the documentation.

extern crate std;

use super::{Grant, Role, allows, grant, hears, may_hear};
use crate::message::arbitrary::{Nth, Source};
use crate::message::{Notice, NoticeKind, Request, RequestKind};
use std::vec::Vec;

/// Name and cells of every row of the table that begins so.
fn table(head: &str) -> Vec<(&'static str, [Grant; 4])> {
    let text = include_str!("../../MESSAGES.md");
    let mut lines = text.lines().skip_while(|line| !line.starts_with(head));
    let columns = "what | Card | Tenant | Landlord | Recovery | at most |";
    assert!(lines.next().unwrap().ends_with(columns));
    lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let grants = cells[3..7].iter().map(|cell| match *cell {
                "-" => Grant::No,
                "own" => Grant::Own,
                "all" => Grant::All,
                other => panic!("{other} in {line}"),
            });
            let grants: Vec<_> = grants.collect();
            (cells[1].trim_matches('`'), grants.try_into().unwrap())
        })
        .collect()
}

#[test]
fn every_role_may_send_what_the_published_table_says() {
    let rows = table("| request |");
    assert_eq!(rows.len(), RequestKind::ALL.len());
    for ((place, kind), (name, row)) in RequestKind::ALL.iter().enumerate().zip(rows) {
        assert_eq!(kind.name(), name);
        let request = Request::nth(place, &mut Source::example());
        assert_eq!(request.kind(), *kind);
        for (role, published) in Role::ALL.into_iter().zip(row) {
            assert_eq!(grant(role, *kind), published, "{role:?} {name}");
            let may = published != Grant::No;
            assert_eq!(allows(role, &request), may, "{role:?} {name}");
        }
    }
}

#[test]
fn every_role_hears_what_the_published_table_says() {
    let rows = table("| notice |");
    assert_eq!(rows.len(), NoticeKind::ALL.len());
    for ((place, kind), (name, row)) in NoticeKind::ALL.iter().enumerate().zip(rows) {
        assert_eq!(kind.name(), name);
        let notice = Notice::nth(place, &mut Source::example());
        for (role, published) in Role::ALL.into_iter().zip(row) {
            assert_eq!(hears(role, *kind), published, "{role:?} {name}");
            let may = published != Grant::No;
            assert_eq!(may_hear(role, &notice), may, "{role:?} {name}");
        }
    }
}

#[test]
fn a_card_asks_nothing_and_a_recovery_code_only_recovers() {
    for kind in RequestKind::ALL {
        assert_eq!(grant(Role::Card, *kind), Grant::No, "{kind:?}");
        let recovers = *kind == RequestKind::Recover;
        let expected = if recovers { Grant::All } else { Grant::No };
        assert_eq!(grant(Role::Recovery, *kind), expected, "{kind:?}");
    }
    for kind in NoticeKind::ALL {
        assert_eq!(hears(Role::Card, *kind), Grant::No, "{kind:?}");
    }
}

#[test]
fn a_tenant_changes_only_what_is_its_own() {
    let mut changes = RequestKind::ALL.iter().filter(|kind| !kind.is_question());
    assert!(changes.all(|kind| grant(Role::Tenant, *kind) != Grant::All));
    let own = RequestKind::ALL
        .iter()
        .filter(|kind| !kind.is_question() && grant(Role::Tenant, **kind) == Grant::Own);
    let own: Vec<_> = own.map(|kind| kind.name()).collect();
    assert_eq!(own, ["Start", "Stop", "RevokeMyPhone", "ReportLost"]);
}

#[test]
fn a_landlord_charges_nothing() {
    // A privilege card opens no relay, and a phone that was bound by one is no different.
    assert_eq!(grant(Role::Landlord, RequestKind::Start), Grant::No);
}
