//! Which cards may be known by their number, what is refused of the others, and a full roster.

use super::bench::{Bench, LANDLORD, port, sample};
use super::{account, charging};
use crate::{Command, Event, Outcome, PortState, Refusal, Signal};
use billing_core::journal::{Identity, testing::RamFlash};
use billing_core::ledger::Ledger;
use billing_core::record::{Attempt, Attempts, Record, StopReason};
use pile_units::{CardAlias, CredentialId, Duration, MeterTrim, Strength, Temperature, UidOnly};
use std::vec::Vec;

fn tried(bench: &Bench) -> Vec<Attempts> {
    let attempts = bench.records.iter().filter_map(|(_, record)| match record {
        Record::Attempted(attempts) => Some(*attempts),
        _ => None,
    });
    attempts.collect()
}

/// Attempts with cards that a key is asked of.
fn policy_of_keys(tenants: u8) -> Bench {
    let mut bench = Bench::commissioned(2, tenants);
    let policy = Command::AllowUidOnly(UidOnly::Nobody);
    assert_eq!(bench.command(policy), Outcome::Done);
    bench
}

#[test]
fn a_card_without_a_key_charges_where_its_account_is_listed_and_nowhere_else() {
    let mut bench = Bench::commissioned(2, 2);
    bench.command(Command::AllowUidOnly(UidOnly::Listed));
    assert_eq!(
        bench.command(Command::ListAccount(account(1), true)),
        Outcome::Done
    );
    bench.tap(2);
    assert_eq!(bench.last_refusal(), Some(Refusal::TooWeak));
    bench.press(2);
    bench.start(1, 1);
    assert!(bench.is_closed(1) && !bench.is_closed(2));
    bench.cut(0); // the list is in the ledger
    bench.wait(5);
    bench.start(1, 1);
    assert!(bench.is_closed(1));
    // What runs goes on; the next tap is refused.
    bench.command(Command::ListAccount(account(1), false));
    assert!(bench.is_closed(1));
    bench.start(1, 2);
    assert!(!bench.is_closed(2));
}

#[test]
fn only_an_account_that_is_there_and_open_is_listed() {
    let mut bench = Bench::commissioned(1, 1);
    let nobody = Command::ListAccount(account(9), true);
    let unknown = Outcome::Refused(Refusal::NoSuchThing);
    assert_eq!(bench.command(nobody), unknown);
    bench.command(Command::Deregister(account(1)));
    let gone = Command::ListAccount(account(1), true);
    let closed = Outcome::Refused(Refusal::AccountClosed);
    assert_eq!(bench.command(gone), closed);
}

#[test]
fn a_card_without_a_key_is_enrolled_for_the_list_by_a_command_of_its_own() {
    let mut bench = Bench::commissioned(2, 0);
    bench.command(Command::AllowUidOnly(UidOnly::Listed));
    // The landlord's own card has no key either: no account of it could be listed.
    bench.tap(LANDLORD);
    assert_eq!(bench.last_refusal(), Some(Refusal::TooWeak));
    assert_eq!(bench.command(Command::Authorise), Outcome::Done);
    bench.tap(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::TooWeak));
    assert_eq!(bench.ledger.accounts().len(), 0);
    assert_eq!(bench.command(Command::AuthoriseListed), Outcome::Done);
    bench.tap(1);
    bench.wait(1);
    assert_eq!(bench.signals.last(), Some(&Signal::Authorised));
    let listed: Vec<_> = bench.ledger.accounts().iter().map(|it| it.listed).collect();
    assert_eq!(listed, [true]);
    bench.start(1, 1);
    assert!(bench.is_closed(1));
    // Its next card is one of a listed account.
    bench.command(Command::Replace(account(1)));
    bench.tap(2);
    bench.wait(1);
    assert_eq!(bench.ledger.credentials().len(), 3);
    // A card with a key needs no list.
    bench.command(Command::Authorise);
    bench.tap_key(3);
    bench.wait(1);
    let last = bench.ledger.accounts().last().map(|it| it.listed);
    assert_eq!(last, Some(false));
}

#[test]
fn where_nobody_is_known_by_a_number_nobody_is_enrolled_by_one() {
    let mut bench = policy_of_keys(1);
    let refused = Outcome::Refused(Refusal::TooWeak);
    assert_eq!(bench.command(Command::AuthoriseListed), refused);
    bench.command(Command::ListAccount(account(1), true));
    bench.tap(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::TooWeak));
    bench.command(Command::Replace(account(1)));
    bench.tap(2);
    assert_eq!(bench.last_refusal(), Some(Refusal::TooWeak));
    bench.tap_key(2);
    bench.wait(1);
    bench.tap_key(2);
    bench.press(1);
    bench.wait(1);
    assert!(bench.is_closed(1));
    let session = bench.ledger.session(port(1)).unwrap();
    assert_eq!(session.strength, Strength::MutualAes);
}

#[test]
fn a_copy_of_a_card_with_a_key_opens_nothing_and_the_landlord_is_told() {
    let mut bench = Bench::commissioned(2, 0);
    bench.tap(LANDLORD);
    bench.tap_key(1);
    bench.wait(1);
    bench.tap(1); // a copy: the number, and no key
    assert_eq!(bench.last_refusal(), Some(Refusal::TooWeak));
    bench.press(1);
    bench.wait(1);
    assert!(!bench.is_closed(1));
    bench.wait(1);
    let card = CredentialId::new(1);
    let attempts = *bench.ledger.attempts_of(card).unwrap();
    assert_eq!((attempts.count, attempts.what), (1, Attempt::TooWeak));
    assert_eq!(bench.ledger.attempts_unseen(), 1);
    bench.cut(0); // told also after the supply failed
    bench.wait(5);
    bench.tap(LANDLORD);
    assert_eq!(bench.signals.last(), Some(&Signal::CardsTried(card, 1)));
    bench.wait(1);
    assert_eq!(bench.ledger.attempts_unseen(), 0);
    bench.wait(30);
    bench.signals.clear();
    bench.tap(LANDLORD);
    assert_eq!(bench.signals, [Signal::TapNewCard], "told once");
    assert_eq!(bench.ledger.attempts_of(card), Some(&attempts), "and kept");
}

#[test]
fn a_wrong_key_and_a_revoked_card_are_recorded_as_such_and_a_stranger_is_not() {
    let mut bench = Bench::commissioned(2, 2);
    bench.command(Command::ReportLost(account(1)));
    bench.tap(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::RevokedCard));
    bench.wrong_key(2);
    assert_eq!(bench.last_refusal(), Some(Refusal::WrongKey));
    bench.tap(9);
    bench.wrong_key(9);
    bench.wait(1);
    let whats: Vec<_> = tried(&bench)
        .iter()
        .map(|it| (it.credential.get(), it.what))
        .collect();
    assert_eq!(whats, [(1, Attempt::Revoked), (2, Attempt::WrongKey)]);
}

#[test]
fn attempts_after_the_first_are_folded_into_one_record_half_an_hour_later() {
    let mut bench = policy_of_keys(1);
    for _ in 0..100 {
        bench.tap(1);
        bench.wait(10);
    }
    assert_eq!(tried(&bench).len(), 1, "the first at once, then none");
    bench.wait(30 * 60);
    let counts: Vec<_> = tried(&bench).iter().map(|it| it.count).collect();
    assert_eq!(counts, [1, 99]);
    let card = CredentialId::new(1);
    assert_eq!(bench.ledger.attempts_of(card).map(|it| it.count), Some(100));
}

#[test]
fn whatever_is_tried_writes_at_most_eight_records_and_one_an_hour() {
    let mut bench = policy_of_keys(60);
    let before = bench.records.len();
    // A day and a half with sixty cards, the landlord's among them, each every ten minutes.
    for turn in 0..36 * 6 {
        for card in 1..=60 {
            bench.tap(card);
            bench.wrong_key(card);
        }
        bench.tap(LANDLORD);
        bench.wait(600);
        let hours = (turn + 1) / 6;
        assert!(tried(&bench).len() <= 8 + hours, "after {hours} h");
    }
    let records = &bench.records[before..];
    let all = records.len();
    assert!((8 + 30..=8 + 36).contains(&tried(&bench).len()));
    let longest = records.iter().map(|(_, record)| {
        let mut buffer = Record::buffer();
        record.encode(&mut buffer).len() + 7
    });
    let bytes: usize = longest.sum();
    assert_eq!(all, tried(&bench).len(), "and nothing else");
    // 32 records of at most 24 bytes in a day.
    assert!(bytes <= all * 24, "{bytes} bytes in {all} records");
    assert!(bench.ledger.attempts().len() <= billing_core::book::MAX_TRIED);
    // Somebody else charges all the same.
    bench.command(Command::AllowUidOnly(UidOnly::All));
    bench.start(1, 1);
    assert!(bench.is_closed(1));
}

#[test]
fn a_number_that_changes_each_time_is_never_enrolled() {
    let mut bench = Bench::blank(1);
    bench.feed(Event::RandomNumber);
    assert_eq!(bench.last_refusal(), Some(Refusal::RandomNumber));
    assert_eq!(bench.machine.book().pile(), None);
    let mut bench = Bench::commissioned(1, 0);
    bench.feed(Event::RandomNumber);
    assert_eq!(bench.last_refusal(), Some(Refusal::UnknownCard));
    bench.tap(LANDLORD);
    bench.feed(Event::RandomNumber);
    assert_eq!(bench.last_refusal(), Some(Refusal::RandomNumber));
    bench.tap(1); // the window is open for another card
    bench.wait(1);
    assert_eq!(bench.ledger.accounts().len(), 1);
}

#[test]
fn only_a_card_of_which_a_key_is_expected_is_asked_for_one() {
    let alias = |card: u8| CardAlias::new([card; 8]);
    assert!(Bench::blank(1).machine.asks_for_key(alias(LANDLORD)));
    let mut bench = Bench::commissioned(1, 1);
    bench.tap(LANDLORD);
    assert!(bench.machine.asks_for_key(alias(2)), "it may be enrolled");
    bench.tap_key(2);
    bench.wait(1);
    let asked: Vec<_> = (1..=3)
        .map(|it| bench.machine.asks_for_key(alias(it)))
        .collect();
    assert_eq!(asked, [false, true, false]);
    bench.command(Command::AllowUidOnly(UidOnly::Nobody));
    assert!(bench.machine.asks_for_key(alias(1)));
    bench.command(Command::ReportLost(account(2)));
    assert!(!bench.machine.asks_for_key(alias(2)), "whatever it proves");
    assert!(!bench.machine.asks_for_key(alias(3)), "a stranger's");
}

#[test]
fn a_port_is_calibrated_while_it_is_idle_and_stays_so() {
    let mut bench = charging();
    let trim = MeterTrim::from_ppm(3_200, 0, -150).unwrap();
    let calibrate = |number| Command::Calibrate(port(number), trim);
    let taken = Outcome::Refused(Refusal::PortTaken);
    assert_eq!(bench.command(calibrate(1)), taken);
    let beyond = Outcome::Refused(Refusal::NoSuchThing);
    assert_eq!(bench.command(calibrate(16)), beyond);
    assert_eq!(bench.command(calibrate(2)), Outcome::Done);
    assert_eq!(bench.machine.book().trim(port(2)), trim);
    bench.cut(0);
    assert_eq!(bench.machine.book().trim(port(2)), trim);
    assert_eq!(bench.machine.book().trim(port(1)), MeterTrim::NONE);
}

#[test]
#[expect(
    clippy::large_futures,
    reason = "the flash is a value, on a stack made for it"
)]
fn smartevse_card_list_the_last_of_256_cards_charges_and_there_is_no_257th() {
    let mut bench = Bench::commissioned(1, 128);
    // There are no more accounts; their second cards fill the roster.
    for card in 129..=254 {
        let account = account(u16::from(card) - 128);
        assert_eq!(bench.command(Command::Replace(account)), Outcome::Done);
        bench.tap(card);
        bench.wait(1);
    }
    assert_eq!(bench.ledger.credentials().len(), 255);
    bench.command(Command::Replace(account(127)));
    bench.tap(0);
    bench.wait(1);
    assert_eq!(bench.ledger.credentials().len(), 256);
    bench.start(0, 1);
    assert!(bench.is_closed(1));
    let session = bench.ledger.session(port(1)).unwrap();
    assert_eq!(session.credential, CredentialId::new(255));
    bench.tap(0);
    bench.press(1);
    bench.wait(5);
    assert_eq!(bench.last_closed().credential, CredentialId::new(255));
    bench.command(Command::Authorise);
    bench.feed(Event::Card {
        alias: CardAlias::new([1, 2, 3, 4, 5, 6, 7, 8]),
        strength: Strength::MutualAes,
    });
    assert_eq!(bench.last_refusal(), Some(Refusal::Full));
    // And on a flash that was given back page by page, and mounted.
    let records: Vec<Record> = bench.records.iter().map(|(_, it)| it.clone()).collect();
    let fold = move || {
        embassy_futures::block_on(async {
            let flash = RamFlash::<4, 4096, 131_072>::new();
            let formatted = Ledger::format(flash, Identity::new([7; 16])).await;
            let (mut ledger, mut book) = formatted.unwrap();
            for record in &records {
                ledger.append(&book, record).await.unwrap();
                book.apply(record).unwrap();
                while ledger.wants_work(&book) {
                    ledger.work(&book).await.unwrap();
                }
            }
            Ledger::mount(ledger.release()).await.unwrap().1
        })
    };
    // The flash is a value, and moves.
    let stack = std::thread::Builder::new().stack_size(16 << 20);
    let book = stack.spawn(fold).unwrap().join().unwrap();
    assert_eq!(book, bench.ledger);
    assert_eq!(book.credentials().len(), 256);
}

#[test]
fn every_port_that_stops_at_once_is_said() {
    let mut bench = Bench::commissioned(3, 2);
    bench.start(1, 1);
    bench.start(2, 3);
    bench.plug(1, 300);
    bench.plug(3, 300);
    bench.wait(10);
    bench.signals.clear();
    bench.feed(Event::Temperature(Temperature::from_celsius(95)));
    let stopped = [1, 3].map(|it| Signal::Stopped(port(it)));
    assert_eq!(bench.signals[..2], stopped);
}

#[test]
fn a_session_on_a_port_that_the_pile_has_no_more_is_billed_at_the_next_start() {
    let mut bench = Bench::commissioned(2, 1);
    bench.start(1, 2);
    bench.plug(2, 500);
    bench.wait(60);
    // The control module is put into a smaller pile.
    bench.count = 1;
    bench.cut(0);
    bench.wait(2);
    let closed = bench.last_closed();
    assert_eq!(
        (closed.port, closed.reason),
        (port(2), StopReason::PowerLost)
    );
    assert!(!closed.energy.is_zero());
    assert_eq!(bench.ledger.open_sessions().count(), 0);
    bench.feed(Event::Sample(port(1), sample(0, 0)));
    bench.start(1, 1);
    assert_eq!(bench.state(1), PortState::Starting);
    bench.advance(Duration::from_millis(1));
}
