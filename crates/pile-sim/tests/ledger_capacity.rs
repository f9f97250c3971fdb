//! How much a ledger holds, that it says so truly, and that it is never stuck: filled to the brim,
//! every open session still ends with its bill, every account is settled and paid.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod ledger_model;

use billing_core::record::Record;
use billing_core::tariff::Tariff;
use ledger_model::{End, Pile, dearest_tariff, tariff};
use pile_sim::flash::{Stm32g4, W25q80, Words};
use pile_units::PortId;

fn ports(count: usize) -> Vec<PortId> {
    PortId::first(count).collect()
}

/// Sessions of the usual kind (half of them over a change of price) on all ports, until the pile
/// refuses another; then everything is closed, settled and paid. Returns how many there were.
fn fill<const W: usize, const E: usize>(pile: &mut Pile<W, E>, count: usize) -> u32 {
    let ports = ports(count);
    let mut rooms = vec![pile.headroom().sessions];
    loop {
        let open: Vec<_> = ports
            .iter()
            .copied()
            .filter(|port| pile.open(*port))
            .collect();
        if open.is_empty() {
            break;
        }
        for _ in 0..20 {
            pile.progress();
        }
        for (n, port) in open.iter().enumerate() {
            if n % 2 == 0 {
                pile.split(*port, 1000);
            }
        }
        pile.progress();
        for port in open {
            pile.close(port, 500);
        }
        rooms.push(pile.headroom().sessions);
    }
    assert!(
        rooms.is_sorted_by(|before, after| before >= after),
        "{rooms:?}"
    );
    // Refused, it stays refused, and nothing else is hurt.
    assert!(!pile.open(ports[0]));
    pile.settle_and_pay();
    pile.audit();
    pile.book
        .accounts()
        .iter()
        .map(|account| account.sessions)
        .sum()
}

#[test]
fn a_w25q80_holds_thousands_of_sessions() {
    let mut pile = Pile::on(W25q80::w25q80(), 1);
    pile.settle_in(20, tariff(16));
    let sessions = fill(&mut pile, 10);
    println!(
        "W25Q80, 1 MiB: {sessions} sessions of 20 tenants, {} slices of work",
        pile.slices
    );
    assert!(sessions > 3000, "{sessions}");
}

#[test]
fn an_stm32g4_holds_a_hundred_sessions() {
    let mut pile = Pile::on(Stm32g4::stm32g4(), 1);
    pile.settle_in(5, tariff(16));
    let sessions = fill(&mut pile, 4);
    println!(
        "STM32G4, 64 KiB: {sessions} sessions of 5 tenants, {} slices of work",
        pile.slices
    );
    assert!(sessions > 100, "{sessions}");
}

/// Opens as many sessions as the headroom allows, on all 16 ports, round after round, each with
/// as many segments as planned, each segment as long as it can be.
fn fill_with_the_worst<const W: usize, const E: usize>(
    pile: &mut Pile<W, E>,
    tariff: Tariff,
) -> u32 {
    let changes = tariff.spans().count().min(25);
    pile.settle_in(3, tariff);
    let ports = ports(16);
    let mut sessions = 0;
    loop {
        let open: Vec<_> = ports
            .iter()
            .copied()
            .filter(|port| pile.open(*port))
            .collect();
        if open.is_empty() {
            break;
        }
        sessions += u32::try_from(open.len()).unwrap();
        for _ in 0..=changes {
            for port in &open {
                pile.split(*port, u32::MAX);
            }
            pile.progress();
        }
        for port in open {
            pile.close(port, u32::MAX);
        }
    }
    pile.settle_and_pay();
    pile.audit();
    sessions
}

#[test]
fn the_worst_sessions_end_with_their_bill_on_a_full_stm32g4() {
    let mut pile = Pile::on(Stm32g4::stm32g4(), 2);
    let sessions = fill_with_the_worst(&mut pile, dearest_tariff());
    println!("STM32G4, 64 KiB: {sessions} of the worst sessions");
    assert!(sessions >= 3, "{sessions}");
    let mut pile = Pile::on(Stm32g4::stm32g4(), 3);
    let sessions = fill_with_the_worst(&mut pile, tariff(8));
    assert!(sessions > 20, "{sessions}");
}

#[test]
fn the_worst_sessions_end_with_their_bill_on_a_full_w25q80() {
    let mut pile = Pile::on(W25q80::w25q80(), 2);
    let sessions = fill_with_the_worst(&mut pile, dearest_tariff());
    println!("W25Q80, 1 MiB: {sessions} of the worst sessions");
    assert!(sessions > 100, "{sessions}");
}

#[test]
fn wide_words_and_short_pages_hold_what_they_promise() {
    let mut pile = Pile::<64, 1024>::new(64, Words::Once, 4);
    assert!(fill_with_the_worst(&mut pile, tariff(8)) > 10);
    let mut pile = Pile::<32, 8192>::new(16, Words::Once, 5);
    assert!(fill_with_the_worst(&mut pile, tariff(8)) > 10);
    let mut pile = Pile::<1, 512>::new(64, Words::ClearBits, 6);
    assert!(fill_with_the_worst(&mut pile, tariff(8)) > 5);
}

/// A landlord who keeps setting tariffs and clocks while sessions run: each splits all of them,
/// which no plan foresees.
#[test]
fn facts_that_split_every_session_are_counted_before_they_are_allowed() {
    let mut pile = Pile::on(Stm32g4::stm32g4(), 7);
    pile.settle_in(3, tariff(8));
    let ports = ports(16);
    let open: Vec<_> = ports
        .iter()
        .copied()
        .filter(|port| pile.open(*port))
        .collect();
    assert!(open.len() > 8, "{}", open.len());
    let mut facts = 0;
    while pile.headroom().facts > 0 && facts < 200 {
        let (from, to) = (pile.book.last(), pile.at());
        pile.must(&Record::ClockSet { from, to });
        for port in &open {
            pile.split(*port, u32::MAX);
        }
        facts += 1;
    }
    assert!(facts > 3, "{facts}");
    // The plan of each session is still there: a segment for every change of band.
    for _ in 0..6 {
        for port in &open {
            pile.split(*port, u32::MAX);
        }
    }
    for port in open {
        pile.close(port, u32::MAX);
    }
    pile.audit();
}

/// Whoever goes on without asking for headroom is refused in the end, and loses nothing.
#[test]
fn a_full_ledger_refuses_and_loses_nothing() {
    let mut pile = Pile::on(Stm32g4::stm32g4(), 8);
    let mut refusals = 0;
    for _ in 0..40_000 {
        let record = pile.next_record(16);
        let before = pile.ledger().head();
        if pile.write(&record) == End::Full {
            refusals += 1;
            assert_eq!(pile.ledger().head(), before);
            if refusals == 50 {
                break;
            }
        }
    }
    assert_eq!(refusals, 50, "it fills");
    pile.audit();
}

#[test]
fn esphome_issues_6585_microocpp_256_progress_alone_goes_on_for_ever_and_wears_every_page_alike() {
    let mut pile = Pile::on(Stm32g4::stm32g4(), 9);
    pile.settle_in(5, tariff(16));
    fill(&mut pile, 4);
    // A full ledger, and nobody may open a session: energy that leaks is still written down.
    let before = pile.slices;
    for _ in 0..20_000 {
        pile.progress();
    }
    assert!(pile.slices > before + 300, "{}", pile.slices - before);
    let erases = pile.flash.statistics().page_erases;
    let (low, high) = (erases.iter().min().unwrap(), erases.iter().max().unwrap());
    assert!(high - low <= 2, "{erases:?}");
    pile.audit();
}
