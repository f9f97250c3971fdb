//! The fold: what it refuses, that a refusal changes nothing, and that nothing is ever lost or
//! counted twice.

extern crate std;

mod cards;
mod phones;
mod plans;
mod retention;
mod time;

use super::testing::{closing, opened, segment};
use super::{Book, FoldError, MAX_ACCOUNTS, MAX_CREDENTIALS, MAX_SETTLEMENTS};
use crate::record::{Advance, Advances, Fault, Piece, Record, Revocation};
use crate::tariff::{Band, BandIndex, Tariff};
use pile_units::{
    AccountId, CardAlias, Credential, CredentialId, Currency, Energy, Money, PileId, PlanId,
    PortId, Role, SessionId, Strength, TariffVersion, UtcOffset, WallTime,
};
use std::vec::Vec;

const AT: WallTime = WallTime {
    unix: pile_units::UnixSeconds::new(1_700_000_000),
    quality: pile_units::ClockQuality::Synchronised,
};

fn port(number: u8) -> PortId {
    PortId::from_number(number).unwrap()
}

fn card(id: u16, role: Role) -> Credential {
    let [low, high] = id.to_le_bytes();
    Credential {
        id: CredentialId::new(id),
        role,
        strength: Strength::UidOnly,
        alias: CardAlias::new([low, high, 0, 0, 0, 0, 0, 1]),
        revoked: false,
    }
}

fn tenant(id: u16, account: u16) -> Credential {
    card(id, Role::Charging(AccountId::new(account)))
}

fn commissioning() -> Record {
    Record::Commissioned {
        pile: PileId::new([1; 8]),
        privilege: card(0, Role::Privilege),
        at: AT,
    }
}

fn enrolment(credential: Credential) -> Record {
    Record::Enrolled { credential, at: AT }
}

fn tariff(version: u16, currency: &str, energy: &str) -> Record {
    let band = Band {
        name: "flat".parse().unwrap(),
        energy: energy.parse().unwrap(),
        service: "0.20".parse().unwrap(),
    };
    Record::TariffSet {
        plan: PlanId::STANDARD,
        version: TariffVersion::new(version),
        tariff: Tariff::flat(currency.parse().unwrap(), UtcOffset::UTC, band),
        at: AT,
    }
}

fn with(records: impl IntoIterator<Item = Record>) -> Book {
    let mut book = Book::new();
    for record in records {
        assert_eq!(book.apply(&record), Ok(()), "{record:?}");
    }
    book
}

fn and(book: &Book, records: impl IntoIterator<Item = Record>) -> Book {
    let mut book = book.clone();
    for record in records {
        assert_eq!(book.apply(&record), Ok(()), "{record:?}");
    }
    book
}

/// A claimed pile with a tariff and one tenant, card 1 of account 1.
fn ready() -> Book {
    with([
        commissioning(),
        tariff(1, "CNY", "0.50"),
        enrolment(tenant(1, 1)),
    ])
}

/// Session 1 is open on port 1.
fn charging() -> Book {
    let book = ready();
    let open = opened(&book, port(1), AT, &mut |_| 0).unwrap();
    and(&book, [open])
}

/// It drew 2 kWh and ended; only the bill is missing.
fn ended() -> Book {
    let book = charging();
    let last = closing(&book, book.session(port(1)).unwrap(), AT, 2_000_000).unwrap();
    and(&book, [last])
}

/// And it was billed: 1.00 and 0.40.
fn billed() -> Book {
    let book = ended();
    let bill = closing(&book, book.session(port(1)).unwrap(), AT, 0).unwrap();
    and(&book, [bill])
}

#[track_caller]
fn refused(book: &Book, record: &Record, why: FoldError) {
    let mut after = book.clone();
    assert_eq!(book.check(record), Err(why), "{record:?}");
    assert_eq!(after.apply(record), Err(why));
    assert_eq!(&after, book);
}

fn session_closed(book: &Book) -> crate::record::ClosedSession {
    match closing(book, book.session(port(1)).unwrap(), AT, 0) {
        Some(Record::SessionClosed(closed)) => closed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pile_is_claimed_once_and_does_nothing_before() {
    refused(
        &Book::new(),
        &tariff(1, "CNY", "1"),
        FoldError::Commissioning,
    );
    refused(
        &Book::new(),
        &enrolment(tenant(0, 1)),
        FoldError::Commissioning,
    );
    refused(&ready(), &commissioning(), FoldError::Commissioning);
    let by_a_tenant = Record::Commissioned {
        pile: PileId::new([1; 8]),
        privilege: tenant(0, 1),
        at: AT,
    };
    refused(&Book::new(), &by_a_tenant, FoldError::Credential);
}

#[test]
fn a_blank_pile_remembers_its_clock() {
    let set = Record::ClockSet {
        from: WallTime::default(),
        to: AT,
    };
    let book = with([set]);
    assert_eq!(book.last(), AT);
    let mut again = Book::new();
    book.pieces()
        .for_each(|piece| again.restore(&piece).unwrap());
    assert_eq!(again, book);
    assert_eq!(again.apply(&commissioning()), Ok(()));
}

#[test]
fn tariffs_count_up_by_one() {
    refused(
        &with([commissioning()]),
        &tariff(2, "CNY", "1"),
        FoldError::Tariff,
    );
    refused(&ready(), &tariff(1, "CNY", "1"), FoldError::Tariff);
    refused(&ready(), &tariff(3, "CNY", "1"), FoldError::Tariff);
}

#[test]
fn the_last_tariff_number_is_not_followed_by_zero() {
    let mut book = Book::new();
    let pieces = ready().pieces().collect::<Vec<_>>();
    for piece in pieces {
        let piece = match piece {
            Piece::Tariff { tariff, plan, .. } => Piece::Tariff {
                plan,
                version: TariffVersion::new(u16::MAX),
                tariff,
            },
            other => other,
        };
        book.restore(&piece).unwrap();
    }
    refused(&book, &tariff(0, "CNY", "1"), FoldError::Tariff);
}

#[test]
fn the_currency_is_fixed_by_the_first_session() {
    assert_eq!(ready().fixed_currency(), None);
    let euro = and(&ready(), [tariff(2, "EUR", "0.30")]);
    assert_eq!(euro.currency(), "EUR".parse().unwrap());
    assert_eq!(charging().fixed_currency(), Some(Currency::CNY));
    refused(&charging(), &tariff(2, "EUR", "0.30"), FoldError::Tariff);
    refused(&billed(), &tariff(2, "EUR", "0.30"), FoldError::Tariff);
}

#[test]
fn a_session_opens_only_as_the_next_on_a_free_port_of_an_active_account() {
    let book = ready();
    let open = |session, credential, number, band| Record::SessionOpened {
        session: SessionId::new(session),
        credential: CredentialId::new(credential),
        port: port(number),
        band: BandIndex::new(band).unwrap(),
        at: AT,
    };
    assert_eq!(book.check(&open(1, 1, 1, 0)), Ok(()));
    refused(&book, &open(2, 1, 1, 0), FoldError::Session);
    refused(&book, &open(1, 2, 1, 0), FoldError::Credential);
    refused(&book, &open(1, 0, 1, 0), FoldError::Credential);
    refused(&book, &open(1, 1, 1, 1), FoldError::Tariff);
    refused(&charging(), &open(2, 1, 1, 0), FoldError::Session);
    assert_eq!(charging().check(&open(2, 1, 2, 0)), Ok(()));
    let untariffed = with([commissioning(), enrolment(tenant(1, 1))]);
    refused(&untariffed, &open(1, 1, 1, 0), FoldError::Tariff);
    let close = Record::AccountClosed {
        account: AccountId::new(1),
        at: AT,
    };
    refused(&and(&book, [close]), &open(1, 1, 1, 0), FoldError::Account);
}

#[test]
fn i6_a_faulted_port_opens_no_session_until_it_is_cleared() {
    let latched = Record::FaultLatched {
        port: port(1),
        fault: Fault::RelayWelded,
        at: AT,
    };
    let cleared = Record::FaultCleared {
        port: port(1),
        at: AT,
    };
    let book = and(&ready(), [latched.clone()]);
    assert_eq!(book.fault(port(1)), Some(Fault::RelayWelded));
    let open = opened(&book, port(1), AT, &mut |_| 0).unwrap();
    refused(&book, &open, FoldError::Fault);
    refused(&book, &latched, FoldError::Fault);
    refused(&ready(), &cleared, FoldError::Fault);
    assert_eq!(and(&book, [cleared]).check(&open), Ok(()));
}

#[test]
fn energy_of_a_session_needs_one() {
    let advance = |advance| {
        let mut advances = Advances::default();
        assert!(advances.push(advance));
        Record::Progress {
            elapsed: 1,
            advances,
        }
    };
    let one = Energy::from_watt_hours(1);
    let drawn = advance(Advance::of_session(port(1), one));
    refused(&ready(), &drawn, FoldError::Session);
    refused(&ended(), &drawn, FoldError::Session);
    let book = and(&charging(), [drawn]);
    assert_eq!(book.session(port(1)).unwrap().energy(), one);
    let stray = advance(Advance::unattributed(port(2), one));
    let balance = and(&book, [stray]).balance();
    assert_eq!((balance.open, balance.unattributed), (one, one));
}

#[test]
fn a_register_never_turns_over() {
    let mut book = charging();
    let full = Energy::from_milliwatt_hours(u64::MAX - 10);
    book.port_mut(port(1)).unwrap().register = full;
    book.port_mut(port(1)).unwrap().unattributed = full;
    let two = |energy| {
        let mut advances = Advances::default();
        let energy = Energy::from_milliwatt_hours(energy);
        assert!(advances.push(Advance::of_session(port(1), energy)));
        assert!(advances.push(Advance::unattributed(port(1), energy)));
        Record::Progress {
            elapsed: 1,
            advances,
        }
    };
    // Each alone would fit; the two together do not.
    refused(&book, &two(6), FoldError::Sum);
    assert_eq!(book.check(&two(5)), Ok(()));
    let last = closing(&book, book.session(port(1)).unwrap(), AT, 11).unwrap();
    refused(&book, &last, FoldError::Sum);
}

#[test]
fn a_segment_must_be_the_open_one_at_its_price_and_its_fee() {
    let book = charging();
    let right = segment(book.session(port(1)).unwrap(), AT, 1_000_000);
    let refused = |segment, why| refused(&book, &Record::LastSegment { segment }, why);
    let mut wrong = right;
    wrong.session = SessionId::new(2);
    refused(wrong, FoldError::Session);
    let mut wrong = right;
    wrong.account = AccountId::new(2);
    refused(wrong, FoldError::Session);
    let mut wrong = right;
    wrong.index = 1;
    refused(wrong, FoldError::Sum);
    let mut wrong = right;
    wrong.energy_price = "0.49".parse().unwrap();
    refused(wrong, FoldError::Sum);
    let mut wrong = right;
    wrong.energy_micro = Money::from_micros(499_999);
    refused(wrong, FoldError::Sum);
    let mut wrong = right;
    wrong.band = "night".parse().unwrap();
    refused(wrong, FoldError::Sum);
    assert_eq!(book.check(&Record::LastSegment { segment: right }), Ok(()));
}

#[test]
fn a_segment_cannot_end_below_what_was_recorded() {
    let mut advances = Advances::default();
    assert!(advances.push(Advance::of_session(port(1), Energy::from_watt_hours(2))));
    let progress = Record::Progress {
        elapsed: 1,
        advances,
    };
    let book = and(&charging(), [progress]);
    let less = segment(charging().session(port(1)).unwrap(), AT, 1_999);
    refused(
        &book,
        &Record::LastSegment { segment: less },
        FoldError::Sum,
    );
}

#[test]
fn a_session_counts_at_most_255_segments() {
    let mut book = charging();
    let next = BandIndex::FIRST;
    for _ in 0..254 {
        let segment = segment(book.session(port(1)).unwrap(), AT, 1);
        book.apply(&Record::SegmentClosed { segment, next })
            .unwrap();
    }
    let segment = segment(book.session(port(1)).unwrap(), AT, 1);
    refused(
        &book,
        &Record::SegmentClosed { segment, next },
        FoldError::Capacity,
    );
    book.apply(&Record::LastSegment { segment }).unwrap();
    let bill = Record::SessionClosed(session_closed(&book));
    book.apply(&bill).unwrap();
    assert_eq!(book.balance().accounts, Energy::from_milliwatt_hours(255));
}

#[test]
fn a_bill_must_follow_from_its_segments() {
    let book = ended();
    let right = session_closed(&book);
    assert_eq!(right.bill.total, Money::from_micros(1_400_000));
    assert_eq!(book.check(&Record::SessionClosed(right)), Ok(()));
    let wrong = |change: &dyn Fn(&mut crate::record::ClosedSession), why| {
        let mut wrong = right;
        change(&mut wrong);
        refused(&book, &Record::SessionClosed(wrong), why);
    };
    wrong(&|it| it.session = SessionId::new(2), FoldError::Session);
    wrong(&|it| it.account = AccountId::new(2), FoldError::Session);
    wrong(
        &|it| it.credential = CredentialId::new(0),
        FoldError::Session,
    );
    wrong(&|it| it.strength = Strength::MutualAes, FoldError::Session);
    wrong(&|it| it.opened = WallTime::default(), FoldError::Session);
    wrong(&|it| it.port = port(2), FoldError::Session);
    wrong(
        &|it| it.energy = Energy::from_watt_hours(1_999),
        FoldError::Sum,
    );
    wrong(
        &|it| it.reading = Energy::from_watt_hours(2_001),
        FoldError::Sum,
    );
    wrong(&|it| it.segments = 2, FoldError::Sum);
    wrong(&|it| it.currency = "JPY".parse().unwrap(), FoldError::Sum);
    wrong(&|it| it.bill.total = Money::ZERO, FoldError::Sum);
    wrong(&|it| it.page = 2, FoldError::Sum);
    refused(
        &charging(),
        &Record::SessionClosed(right),
        FoldError::Session,
    );
    refused(&billed(), &Record::SessionClosed(right), FoldError::Session);
}

#[test]
fn i9_a_later_tariff_changes_nothing_before_it() {
    let dear = and(&charging(), [tariff(2, "CNY", "9.99")]);
    let open = dear.session(port(1)).unwrap();
    assert_eq!(open.segment.energy_price, "0.50".parse().unwrap());
    let last = closing(&dear, open, AT, 2_000_000).unwrap();
    let book = and(&dear, [last]);
    assert_eq!(
        session_closed(&book).bill.total,
        Money::from_micros(1_400_000)
    );
}

#[test]
fn an_account_closes_only_when_nothing_of_it_runs() {
    let close = Record::AccountClosed {
        account: AccountId::new(1),
        at: AT,
    };
    refused(&charging(), &close, FoldError::Account);
    refused(&ended(), &close, FoldError::Account);
    let closed = and(&billed(), [close.clone()]);
    assert_eq!(closed.account(AccountId::new(1)).unwrap().sessions, 1);
    refused(&closed, &close, FoldError::Account);
    // Its debt stays, and can be settled.
    assert!(closed.settlement(AccountId::new(1), AT).is_some());
}

#[test]
fn a_settlement_freezes_what_is_owed_and_registers_never_go_back() {
    let book = billed();
    let due = book.settlement(AccountId::new(1), AT).unwrap();
    assert_eq!(due.amount, Money::from_micros(1_400_000));
    assert_eq!(
        (due.opening, due.closing),
        (Energy::ZERO, Energy::from_watt_hours(2_000))
    );
    let mut wrong = due;
    wrong.amount = Money::from_micros(1_390_000);
    refused(&book, &Record::Settled(wrong), FoldError::Settlement);
    let frozen = and(&book, [Record::Settled(due)]);
    refused(&frozen, &Record::Settled(due), FoldError::Settlement);
    assert_eq!(frozen.settlement(AccountId::new(1), AT), None);
    let account = frozen.account(AccountId::new(1)).unwrap();
    assert_eq!(account.energy, Energy::from_watt_hours(2_000));
    assert_eq!(account.owed(), Money::ZERO);
    let paid = |settlement| Record::Paid {
        settlement,
        reference: "cash".parse().unwrap(),
        at: AT,
    };
    refused(&frozen, &paid(2), FoldError::Settlement);
    let done = and(&frozen, [paid(1)]);
    assert!(done.settlements().is_empty());
    refused(&done, &paid(1), FoldError::Settlement);
}

#[test]
fn no_settlement_is_offered_where_there_is_no_place_for_one() {
    let mut book = billed();
    let due = book.settlement(AccountId::new(1), AT).unwrap();
    for _ in 0..MAX_SETTLEMENTS {
        book.settlements.push(due).unwrap();
    }
    assert_eq!(book.settlement(AccountId::new(1), AT), None);
    refused(&book, &Record::Settled(due), FoldError::Settlement);
}

#[test]
fn a_snapshot_that_contradicts_itself_is_refused() {
    let book = ended();
    let pieces = book.pieces().collect::<Vec<_>>();
    let restore = |pieces: &[Piece]| -> Result<Book, FoldError> {
        let mut book = Book::new();
        for piece in pieces {
            book.restore(piece)?;
        }
        Ok(book)
    };
    assert_eq!(restore(&pieces), Ok(book));
    // Nothing comes before the pile, and nothing comes twice.
    assert_eq!(restore(&pieces[1..]), Err(FoldError::Snapshot));
    for (n, piece) in pieces.iter().enumerate() {
        let mut twice = pieces.clone();
        twice.insert(n + 1, piece.clone());
        assert!(restore(&twice).is_err(), "{piece:?}");
    }
    let record = Record::Snapshot(pieces[0].clone());
    refused(&ready(), &record, FoldError::Snapshot);
}

#[test]
fn a_book_takes_less_than_32_kib() {
    assert!(size_of::<Book>() < 32 * 1024, "{}", size_of::<Book>());
}
