//! A lost privilege card: the recovery code's window.

use super::bench::{Bench, LANDLORD};
use super::phones::house;
use crate::{ByPhone, Command, Outcome, Refusal, Signal};
use pile_units::UidOnly;

#[test]
fn a_recovery_code_makes_a_new_privilege_card_once() {
    let (mut bench, one, _) = house();
    let old = bench.bind(LANDLORD);
    let recover = |number| ByPhone::Recover { number };
    assert_eq!(bench.ask(recover(1)), Outcome::Refused(Refusal::NotAllowed));
    assert_eq!(bench.ask(recover(0)), Outcome::Done);
    assert_eq!(bench.last_signal(), Signal::TapNewCard);
    // A tenant's card is not to become the landlord's.
    bench.tap(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::AlreadyAuthorised));
    bench.tap(0x77);
    bench.wait(1);
    assert_eq!(bench.last_signal(), Signal::Authorised);
    assert_eq!(bench.ledger.recoveries(), 1);
    assert!(bench.ledger.phone(old).unwrap().revoked);
    assert!(!bench.ledger.phone(one).unwrap().revoked);
    bench.tap(LANDLORD);
    assert_eq!(bench.last_refusal(), Some(Refusal::RevokedCard));
    bench.tap(0x77);
    assert_eq!(bench.last_signal(), Signal::TapNewCard);
    assert_eq!(bench.ask(recover(0)), Outcome::Refused(Refusal::NotAllowed));
}

#[test]
fn a_recovery_that_nobody_taps_for_leaves_everything_as_it_was() {
    let (mut bench, ..) = house();
    assert_eq!(bench.ask(ByPhone::Recover { number: 0 }), Outcome::Done);
    bench.wait(31);
    assert_eq!(bench.last_signal(), Signal::WindowClosed);
    assert_eq!(bench.ledger.recoveries(), 0);
    bench.tap(0x77);
    assert_eq!(bench.last_refusal(), Some(Refusal::UnknownCard));
    let blank = Bench::blank(1).ask(ByPhone::Recover { number: 0 });
    assert_eq!(blank, Outcome::Refused(Refusal::NotCommissioned));
}

#[test]
fn a_card_that_the_policy_refuses_cannot_become_the_landlords() {
    let (mut bench, ..) = house();
    bench.command(Command::AllowUidOnly(UidOnly::Listed));
    assert_eq!(bench.ask(ByPhone::Recover { number: 0 }), Outcome::Done);
    bench.tap(0x77);
    assert_eq!(bench.last_refusal(), Some(Refusal::TooWeak));
    bench.tap_key(0x77);
    bench.wait(1);
    assert_eq!(bench.ledger.recoveries(), 1);
}
