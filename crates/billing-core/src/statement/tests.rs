//! A statement adds up, or it is refused by name.

extern crate std;

use super::{Difference, Line, Period, Register, Statement, StatementError, Survey, Tally, Totals};
use crate::book::testing::next_record;
use crate::book::{Account, Book, Settlement};
use crate::record::{ClosedSession, Record, Segment};
use pile_units::{AccountId, ClockQuality, Energy, Money, UnixSeconds, WallTime};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::vec::Vec;

type Log = Vec<(u64, Record)>;

/// A life of a pile with many sessions, settlements and payments.
fn life(seed: u32, records: u64) -> (Book, Log) {
    let (mut book, mut state, mut log) = (Book::new(), seed, Log::new());
    let mut dice = |sides: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % sides.max(1)
    };
    for number in 1..=records {
        let record = next_record(&book, 6, &mut dice);
        book.apply(&record).unwrap();
        log.push((number * 3, record));
    }
    (book, log)
}

#[derive(Debug, PartialEq)]
struct Made {
    sessions: Vec<(u64, ClosedSession)>,
    segments: Vec<Segment>,
    totals: Totals,
}

fn begin(log: &Log, account: &Account, period: Period) -> Result<Statement, StatementError> {
    let mut survey = Survey::new(account.id, period);
    for (number, record) in log {
        survey.see(*number, record);
    }
    survey.begin(account)
}

fn made(log: &Log, account: &Account, period: Period) -> Result<Made, StatementError> {
    let mut statement = begin(log, account, period)?;
    let mut held = BTreeMap::<_, Vec<Segment>>::new();
    let (mut sessions, mut segments) = (Vec::new(), Vec::new());
    for (number, record) in log {
        match statement.see(*number, record)? {
            Some(Line::Segment { segment, .. }) => {
                held.entry(segment.session).or_default().push(segment);
            }
            Some(Line::Session {
                number, session, ..
            }) => {
                segments.extend(held.remove(&session.session).unwrap_or_default());
                sessions.push((number, session));
            }
            Some(Line::Other(id)) => drop(held.remove(&id)),
            None => {}
        }
    }
    let totals = statement.finish()?;
    Ok(Made {
        sessions,
        segments,
        totals,
    })
}

fn settlements(log: &Log) -> Vec<Settlement> {
    let all = log.iter().filter_map(|(_, record)| match record {
        Record::Settled(settlement) => Some(*settlement),
        _ => None,
    });
    all.collect()
}

/// Any account of a long life that was settled twice or more, and its second settlement.
fn settled_twice() -> (Account, Log, u32) {
    let (book, log) = life(7, 6000);
    let mut seen = BTreeMap::<AccountId, u32>::new();
    for settlement in settlements(&log) {
        let count = seen.entry(settlement.account).or_default();
        *count += 1;
        if *count == 2 && settlement.sessions > 1 {
            let account = *book.account(settlement.account).unwrap();
            return (account, log, settlement.id);
        }
    }
    panic!("nobody was settled twice");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn i10_every_settlement_of_any_life_adds_up(seed in any::<u32>()) {
        let (book, log) = life(seed, 2500);
        for settlement in settlements(&log) {
            let account = book.account(settlement.account).unwrap();
            let made = made(&log, account, Period::Settlement(settlement.id)).unwrap();
            let totals = made.totals;
            prop_assert_eq!(totals.opening, settlement.opening);
            prop_assert_eq!(totals.closing, settlement.closing);
            prop_assert_eq!(totals.amount, settlement.amount);
            prop_assert_eq!(totals.sessions, settlement.sessions);
            let energy: Energy = made.segments.iter().map(|it| it.energy).sum();
            prop_assert_eq!(energy, totals.energy);
        }
    }

    #[test]
    fn i10_what_is_settled_and_what_is_open_is_everything(seed in any::<u32>()) {
        let (book, log) = life(seed, 2500);
        for account in book.accounts() {
            let of_account = settlements(&log).into_iter().filter(|it| it.account == account.id);
            let periods = of_account.map(|it| Period::Settlement(it.id)).chain([Period::Open]);
            let mut reading = Energy::ZERO;
            let mut amount = Money::ZERO;
            let mut sessions = Vec::new();
            for period in periods {
                let made = made(&log, account, period).unwrap();
                prop_assert_eq!(made.totals.opening, reading);
                reading = made.totals.closing;
                amount = amount.saturating_add(made.totals.amount);
                sessions.extend(made.sessions);
            }
            prop_assert_eq!(reading, account.energy);
            prop_assert_eq!(amount, account.total());
            prop_assert_eq!(sessions.len(), account.sessions as usize);
            prop_assert!(sessions.is_sorted_by_key(|(number, _)| *number));
        }
    }

    #[test]
    fn every_session_is_in_one_month_and_in_one_only(seed in any::<u32>(), length in 600u32..90_000) {
        let (book, log) = life(seed, 1500);
        let last = book.last().unix.get().max(1_735_689_600 + 400_000);
        for account in book.accounts() {
            let starts = (0u32..).map(|n| match n {
                0 => 0,
                n => 1_735_689_600 + (n - 1) * length,
            });
            let mut sessions = 0;
            let mut reading = Energy::ZERO;
            for from in starts.take_while(|from| *from <= last) {
                let to = if from == 0 { 1_735_689_600 } else { from + length };
                let (from, to) = (UnixSeconds::new(from), UnixSeconds::new(to));
                let totals = made(&log, account, Period::Between { from, to }).unwrap().totals;
                prop_assert_eq!(totals.opening, reading);
                reading = totals.closing;
                sessions += totals.sessions;
            }
            prop_assert_eq!(sessions, account.sessions);
            prop_assert_eq!(reading, account.energy);
        }
    }

    #[test]
    fn i8_any_part_of_a_log_is_a_right_statement_or_none(
        seed in 0u32..40, kept in prop::collection::vec(any::<bool>(), 1500),
    ) {
        let (book, log) = life(seed, 1500);
        let part: Log = log.iter().zip(kept).filter(|(_, kept)| *kept).map(|(it, _)| it.clone())
            .collect();
        for settlement in settlements(&part) {
            let account = book.account(settlement.account).unwrap();
            let period = Period::Settlement(settlement.id);
            if let Ok(made) = made(&part, account, period) {
                prop_assert_eq!(&made, &self::made(&log, account, period).unwrap());
            }
        }
    }
}

#[test]
fn a_period_without_sessions_is_a_statement_of_nothing() {
    let account = Account::new(AccountId::new(1));
    let made = made(&Log::new(), &account, Period::Open).unwrap();
    assert_eq!((made.totals.sessions, made.totals.amount), (0, Money::ZERO));
}

#[test]
fn a_clock_set_back_moves_no_session_into_an_earlier_month() {
    let (account, log, _) = settled_twice();
    let dates = [1000, 2000, 0, 500, 3000];
    let mut left = dates.iter();
    let mut moved = Log::new();
    for (number, record) in &log {
        let mut record = record.clone();
        match &mut record {
            Record::SessionClosed(it) if it.account == account.id => match left.next() {
                Some(0) => it.closed = WallTime::default(),
                Some(date) => {
                    it.closed.unix = UnixSeconds::new(*date);
                    it.closed.quality = ClockQuality::Informative;
                }
                None => it.closed.quality = ClockQuality::Unknown,
            },
            _ => {}
        }
        moved.push((*number, record));
    }
    let count = |from, to| {
        let (from, to) = (UnixSeconds::new(from), UnixSeconds::new(to));
        let made = made(&moved, &account, Period::Between { from, to }).unwrap();
        made.totals.sessions
    };
    // The ones at 0 (no date) and 500 go with the one at 2000.
    assert_eq!((count(0, 1500), count(1500, 2500)), (1, 3));
    assert_eq!(count(2500, 9000), account.sessions - 4);
}

#[test]
fn a_settlement_that_is_not_here_is_unknown() {
    let (account, log, _) = settled_twice();
    let unknown = begin(&log, &account, Period::Settlement(9999)).err();
    assert_eq!(unknown, Some(StatementError::Unknown { settlement: 9999 }));
}

#[test]
fn the_settlement_of_another_account_is_unknown() {
    let (account, log, id) = settled_twice();
    let other = Account {
        id: AccountId::new(account.id.get() + 1),
        ..account
    };
    assert!(begin(&log, &other, Period::Settlement(id)).is_err());
}

#[test]
fn a_session_that_was_dropped_is_missed() {
    let (account, log, id) = settled_twice();
    let period = Period::Settlement(id);
    let whole = made(&log, &account, period).unwrap();
    for (dropped, _) in &whole.sessions {
        let part: Log = log.iter().filter(|it| it.0 != *dropped).cloned().collect();
        let found = made(&part, &account, period).unwrap_err();
        let sessions = whole.totals.sessions;
        let (expected, found_of) = (sessions, sessions - 1);
        assert_eq!(
            found,
            StatementError::Missing {
                expected,
                found: found_of
            }
        );
    }
}

#[test]
fn a_month_is_not_told_where_sessions_of_the_account_are_elsewhere() {
    let (account, mut log, _) = settled_twice();
    let first = log
        .iter()
        .position(|(_, it)| matches!(it, Record::SessionClosed(it) if it.account == account.id))
        .unwrap();
    log.remove(first);
    let (from, to) = (UnixSeconds::new(0), UnixSeconds::new(u32::MAX));
    let missing = begin(&log, &account, Period::Between { from, to }).err();
    let expected = account.sessions;
    let found = expected - 1;
    assert_eq!(missing, Some(StatementError::Missing { expected, found }));
}

/// Alters the records of the settlement's last session and says what becomes of the statement.
fn altered(
    segment: impl Fn(&mut Segment),
    closed: impl Fn(&mut ClosedSession),
) -> (StatementError, ClosedSession) {
    let (account, mut log, id) = settled_twice();
    let period = Period::Settlement(id);
    let (number, last) = *made(&log, &account, period)
        .unwrap()
        .sessions
        .last()
        .unwrap();
    for (_, record) in &mut log {
        match record {
            Record::LastSegment { segment: it } if it.session == last.session => segment(it),
            Record::SessionClosed(it) if it.session == last.session => closed(it),
            _ => {}
        }
    }
    let error = made(&log, &account, period).unwrap_err();
    if let StatementError::Session { number: named, .. } = error {
        assert_eq!(named, number);
    }
    (error, last)
}

#[track_caller]
fn differs(error: (StatementError, ClosedSession), expected: Difference) {
    let (error, session) = error;
    let StatementError::Session {
        session: named,
        why,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((named, why), (session.session, expected));
}

#[test]
fn an_altered_segment_is_named() {
    let more = |energy: Energy| energy.saturating_add(Energy::from_milliwatt_hours(50_000));
    let (_, session) = altered(|it| it.energy = more(it.energy), |_| ());
    let index = session.segments - 1;
    let fee = Difference::Fee { index };
    differs(altered(|it| it.energy = more(it.energy), |_| ()), fee);
    differs(
        altered(|it| it.energy_price = "4.2".parse().unwrap(), |_| ()),
        fee,
    );
    differs(altered(|it| it.service_micro = Money::MAX, |_| ()), fee);
}

#[test]
fn an_altered_bill_is_named() {
    let cent = Money::from_micros(10_000);
    let bill =
        |closed: &mut ClosedSession| closed.bill.total = closed.bill.total.saturating_add(cent);
    differs(altered(|_| (), bill), Difference::Bill);
    // Both fees altered so that the total stays.
    let shift = |closed: &mut ClosedSession| {
        closed.bill.energy_fee = closed.bill.energy_fee.saturating_add(cent);
        closed.bill.service_fee = closed.bill.service_fee.saturating_sub(cent);
    };
    differs(altered(|_| (), shift), Difference::Bill);
    let less = |closed: &mut ClosedSession| closed.energy = Energy::ZERO;
    differs(altered(|_| (), less), Difference::Energy);
    let reading = |closed: &mut ClosedSession| closed.reading = Energy::ZERO;
    differs(altered(|_| (), reading), Difference::Energy);
}

#[test]
fn a_segment_that_is_not_here_is_missed() {
    let (account, log, id) = settled_twice();
    let period = Period::Settlement(id);
    let whole = made(&log, &account, period).unwrap();
    let (_, session) = whole.sessions[0];
    let part: Log = log
        .iter()
        .filter(|(_, it)| {
            !matches!(it, Record::LastSegment { segment } if segment.session == session.session)
        })
        .cloned()
        .collect();
    let expected = u16::from(session.segments);
    let found = expected - 1;
    differs(
        (made(&part, &account, period).unwrap_err(), session),
        Difference::Segments { found, expected },
    );
}

#[test]
fn an_altered_settlement_does_not_add_up() {
    let (account, log, id) = settled_twice();
    let with = |change: &dyn Fn(&mut Settlement)| {
        let mut log = log.clone();
        for (_, record) in &mut log {
            match record {
                Record::Settled(it) if it.id == id => change(it),
                _ => {}
            }
        }
        made(&log, &account, Period::Settlement(id)).unwrap_err()
    };
    let of = |error| match error {
        StatementError::Total { register, .. } => register,
        error => panic!("{error}"),
    };
    let one = Energy::from_milliwatt_hours(1);
    let cent = Money::from_micros(10_000);
    let amount = of(with(&|it| it.amount = it.amount.saturating_add(cent)));
    assert_eq!(amount, Register::Amount);
    let closing = of(with(&|it| it.closing = it.closing.saturating_add(one)));
    assert_eq!(closing, Register::Energy);
    // Both readings altered alike: the difference is right, the readings are not.
    let both = of(with(&|it| {
        it.opening = it.opening.saturating_add(one);
        it.closing = it.closing.saturating_add(one);
    }));
    assert_eq!(both, Register::Opening);
    assert!(matches!(
        with(&|it| it.sessions += 1),
        StatementError::Missing { .. }
    ));
}

#[test]
fn an_altered_account_does_not_add_up() {
    let (account, log, _) = settled_twice();
    let one = Energy::from_milliwatt_hours(1);
    let more = Account {
        energy: account.energy.saturating_add(one),
        settled_energy: account.settled_energy.saturating_add(one),
        ..account
    };
    let error = made(&log, &more, Period::Open).unwrap_err();
    assert!(
        matches!(
            error,
            StatementError::Total {
                register: Register::Energy,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn records_out_of_order_are_refused() {
    let (account, mut log, id) = settled_twice();
    log.swap(100, 101);
    let error = made(&log, &account, Period::Settlement(id)).unwrap_err();
    assert_eq!(error, StatementError::Order { number: log[101].0 });
}

#[test]
fn orphans_of_an_export_do_not_crowd_a_session_out() {
    let (account, log, id) = settled_twice();
    let period = Period::Settlement(id);
    let whole = made(&log, &account, period).unwrap();
    let opened = whole.segments[0];
    // First segments of twenty older sessions whose ends were dropped.
    let orphans = (0u32..20).map(|n| {
        let session = pile_units::SessionId::new(0x8000_0000 + n);
        let segment = Segment { session, ..opened };
        (u64::from(n) + 1, Record::LastSegment { segment })
    });
    let mut crowded: Log = orphans.collect();
    let lift = |it: &mut Segment| {
        it.session = pile_units::SessionId::new(it.session.get() + 0x9000_0000);
    };
    crowded.extend(log.iter().cloned().map(|(number, mut record)| {
        match &mut record {
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                lift(segment);
            }
            Record::SessionClosed(closed) => {
                closed.session = pile_units::SessionId::new(closed.session.get() + 0x9000_0000);
            }
            _ => {}
        }
        (number + 20, record)
    }));
    let made = made(&crowded, &account, period).unwrap();
    assert_eq!(made.totals, whole.totals);
}

/// A session of two segments or more, with them.
fn split_session() -> (ClosedSession, Vec<Segment>) {
    let (_, log) = life(7, 6000);
    let closed = log.iter().find_map(|(_, record)| match record {
        Record::SessionClosed(closed) if closed.segments > 1 => Some(*closed),
        _ => None,
    });
    let closed = closed.unwrap();
    let segments = log.iter().filter_map(|(_, record)| match record {
        Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => Some(*segment),
        _ => None,
    });
    let of_session = segments.filter(|it| it.session == closed.session);
    (closed, of_session.collect())
}

#[test]
fn segments_that_do_not_touch_in_time_are_named() {
    let (closed, segments) = split_session();
    let mut late = segments[1];
    late.from.unix = late.from.unix.plus(1);
    let mut tally = Tally::new(closed.session);
    tally.add(&segments[0]).unwrap();
    let wrong = Difference::Time { index: 1 };
    assert_eq!(tally.add(&late), Err(wrong));
    assert_eq!(tally.check(&closed), Err(wrong));
}

#[test]
fn a_segment_of_another_account_is_named() {
    let (closed, segments) = split_session();
    let mut other = segments[1];
    other.account = AccountId::new(other.account.get() + 1);
    let mut tally = Tally::new(closed.session);
    tally.add(&segments[0]).unwrap();
    assert_eq!(tally.add(&other), Err(Difference::Account));
    let mut tally = Tally::new(closed.session);
    for segment in &segments {
        tally.add(segment).unwrap();
    }
    tally.check(&closed).unwrap();
    let account = other.account;
    let billed_to_another = ClosedSession { account, ..closed };
    assert_eq!(tally.check(&billed_to_another), Err(Difference::Account));
}
