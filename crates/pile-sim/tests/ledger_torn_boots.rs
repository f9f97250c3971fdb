//! Boots that are cut again and again, at whatever place, leave a ledger that goes on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod ledger_model;

use billing_core::record::{Advance, Advances, Record};
use ledger_model::{End, Pile, tariff};
use pile_sim::flash::{CutPlan, Progress, Stm32g4, Tear, VirtualNor, W25q80};
use pile_units::{Energy, PortId};

fn ports() -> impl Iterator<Item = PortId> {
    PortId::first(4)
}

/// Energy at every port, of sessions or of nobody.
fn progress<const W: usize, const E: usize>(pile: &Pile<W, E>) -> Record {
    let mut advances = Advances::default();
    for port in ports() {
        let energy = Energy::from_watt_hours(1);
        let open = pile.book.session(port).is_some_and(|open| !open.ended);
        assert!(advances.push(if open {
            Advance::of_session(port, energy)
        } else {
            Advance::unattributed(port, energy)
        }));
    }
    Record::Progress {
        elapsed: 1,
        advances,
    }
}

/// A pile with tenants and a running session on each port; a full one has no room for another.
fn pile<const W: usize, const E: usize>(flash: VirtualNor<W, E>, full: bool) -> Pile<W, E> {
    let mut pile = Pile::on(flash, 1);
    pile.settle_in(5, tariff(16));
    while full && pile.headroom().sessions >= 5 {
        for port in ports() {
            if pile.open(port) {
                for _ in 0..5 {
                    pile.progress();
                }
                pile.close(port, 500);
            }
        }
    }
    ports().for_each(|port| assert!(pile.open(port)));
    pile
}

/// So many boots, each cut as the plan says; then the pile goes on as if nothing had been.
fn boots<const W: usize, const E: usize>(
    mut pile: Pile<W, E>,
    number: u64,
    plan: impl Fn(u64) -> CutPlan,
) {
    for boot in 0..number {
        pile.flash.arm_cut(plan(boot));
        let mut pending = progress(&pile);
        loop {
            match pile.write(&pending) {
                End::Durable => pending = progress(&pile),
                End::Cut => break,
                End::Full => panic!("full at boot {boot}: {:?}", pile.ledger().room()),
            }
        }
        pile.reboot(Some(&pending)).unwrap();
        if boot % 50 == 0 {
            pile.check_kept();
        }
    }
    assert_eq!(u64::from(pile.cuts), number);
    pile.flash.disarm_cut();
    for _ in 0..500 {
        let record = progress(&pile);
        pile.must(&record);
    }
    ports().for_each(|port| pile.close(port, 500));
    pile.settle_and_pay();
    pile.audit();
}

/// The first operation of a boot, torn after a little more or less of it.
fn first(boot: u64) -> CutPlan {
    CutPlan {
        after_operations: 0,
        progress: Progress::Fraction(u16::try_from(boot * 131 % 65_536).unwrap()),
        tear: if boot.is_multiple_of(3) {
            Tear::Scattered
        } else {
            Tear::Prefix
        },
        seed: boot,
    }
}

/// The first operations of a boot: an erase, a header, a frame, and what comes then.
fn first_few(boot: u64) -> CutPlan {
    CutPlan {
        after_operations: boot % 5,
        ..first(boot)
    }
}

/// Anywhere in a boot's first second.
fn anywhere(boot: u64) -> CutPlan {
    CutPlan::random(boot * 7 % 41, boot)
}

#[test]
fn boots_that_tear_their_first_operation_cost_no_page_for_good() {
    boots(pile(Stm32g4::stm32g4(), false), 500, first);
    boots(pile(Stm32g4::stm32g4(), true), 500, first);
    boots(pile(W25q80::w25q80(), false), 500, first);
}

#[test]
fn boots_that_tear_one_of_their_first_operations_cost_no_page_for_good() {
    boots(pile(Stm32g4::stm32g4(), false), 500, first_few);
    boots(pile(Stm32g4::stm32g4(), true), 500, first_few);
    boots(pile(W25q80::w25q80(), false), 500, first_few);
}

#[test]
fn boots_that_are_cut_anywhere_leave_a_full_ledger_that_goes_on() {
    boots(pile(Stm32g4::stm32g4(), true), 500, anywhere);
    boots(pile(W25q80::w25q80(), false), 500, anywhere);
}

#[test]
fn boots_that_never_come_as_far_as_a_record_leave_a_full_ledger_that_goes_on() {
    // Long enough for a snapshot and for giving pages back, which is torn at a place of its own.
    for operations in [3, 9, 17, 31, 53, 80] {
        let cut = move |boot| CutPlan::random(operations + boot % 3, boot);
        boots(pile(Stm32g4::stm32g4(), true), 100, cut);
    }
}
