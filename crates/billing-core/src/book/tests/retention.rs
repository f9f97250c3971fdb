//! What is kept, and how fast sessions come.

use super::super::testing::{closing, exported, opened, segment};
use super::*;
use crate::book::Rate;
use pile_units::{ClockQuality, UnixSeconds};

const DAY: u32 = 86_400;

/// A book and the records that were told to it, the first with number 1.
struct Told {
    book: Book,
    records: Vec<Record>,
}

impl Told {
    fn of(book: Book) -> Self {
        let records = Vec::new();
        Self { book, records }
    }

    /// Adds a record; its number is its place, from 1.
    fn tell(&mut self, record: Record) -> u64 {
        assert_eq!(self.book.apply(&record), Ok(()), "{record:?}");
        self.records.push(record);
        u64::try_from(self.records.len()).unwrap()
    }

    fn open(&mut self, on: u8) -> u64 {
        let record = opened(&self.book, port(on), AT, &mut |_| 0).unwrap();
        self.tell(record)
    }

    fn split(&mut self, on: u8) -> u64 {
        let session = self.book.session(port(on)).unwrap();
        let segment = segment(session, AT, 1000);
        let next = BandIndex::FIRST;
        self.tell(Record::SegmentClosed { segment, next })
    }

    /// Ends the session of a port; the numbers of its last segment and its bill.
    fn close(&mut self, on: u8) -> (u64, u64) {
        let [last, bill] = [(); 2].map(|()| {
            let session = self.book.session(port(on)).unwrap();
            let record = closing(&self.book, session, AT, 1000).unwrap();
            self.tell(record)
        });
        (last, bill)
    }

    fn settle(&mut self) -> u64 {
        let due = self.book.settlement(AccountId::new(1), AT).unwrap();
        self.tell(Record::Settled(due))
    }

    fn pay(&mut self, settlement: u32) -> u64 {
        self.tell(Record::Paid {
            settlement,
            reference: "cash".parse().unwrap(),
            at: AT,
        })
    }

    fn export(&mut self, through: u64) -> u64 {
        let record = exported(&self.book, through, AT).unwrap();
        self.tell(record)
    }

    fn keeps(&self, seq: u64) -> bool {
        let record = &self.records[usize::try_from(seq).unwrap() - 1];
        self.book.keeps(seq, record)
    }
}

#[test]
fn a_session_is_kept_until_it_is_settled_and_exported() {
    let mut told = Told::of(ready());
    told.open(1);
    let split = told.split(1);
    let (last, bill) = told.close(1);
    let all = [split, last, bill];
    assert!(all.iter().all(|seq| told.keeps(*seq)));

    // Exported and not settled.
    let mut unsettled = Told {
        book: told.book.clone(),
        records: told.records.clone(),
    };
    unsettled.export(bill);
    assert!(all.iter().all(|seq| unsettled.keeps(*seq)));

    // Settled and not exported, or not all of it.
    told.settle();
    assert!(all.iter().all(|seq| told.keeps(*seq)));
    told.export(last);
    assert_eq!(all.map(|seq| told.keeps(seq)), [false, false, true]);
    told.export(bill);
    assert_eq!(all.map(|seq| told.keeps(seq)), [false; 3]);
}

#[test]
fn segments_of_an_open_session_are_kept_and_so_is_what_was_billed_after_it() {
    let mut told = Told::of(ready());
    told.open(1);
    told.open(2);
    told.open(3);
    let split = told.split(2);
    let (_, before) = told.close(1);
    let (_, after) = told.close(3);
    told.settle();
    told.export(100);
    // Session 2 runs on: the settlement holds sessions 1 and 3, and is sure only of the first.
    let through = |told: &Told| {
        told.book
            .account(AccountId::new(1))
            .unwrap()
            .settled_through
    };
    assert_eq!(through(&told), SessionId::new(1));
    assert_eq!(
        [split, before, after].map(|seq| told.keeps(seq)),
        [true, false, true]
    );
    told.close(2);
    assert!(told.keeps(split) && told.keeps(after));
    told.settle();
    assert_eq!(through(&told), SessionId::new(3));
    assert!(!told.keeps(split) && !told.keeps(after));
}

#[test]
fn another_accounts_session_is_kept() {
    let mut told = Told::of(and(&ready(), [enrolment(tenant(2, 2))]));
    told.open(1);
    let (_, mine) = told.close(1);
    let other = Record::SessionOpened {
        session: told.book.next_session(),
        credential: CredentialId::new(2),
        port: port(1),
        band: BandIndex::FIRST,
        at: AT,
    };
    told.tell(other);
    let (last, bill) = told.close(1);
    told.settle();
    told.export(100);
    assert_eq!(
        [mine, last, bill].map(|seq| told.keeps(seq)),
        [false, true, true]
    );
    // And one of an account that this book never heard of.
    let foreign = told.records.iter().find_map(|record| match record {
        Record::SessionClosed(closed) => Some(*closed),
        _ => None,
    });
    let mut foreign = foreign.unwrap();
    foreign.account = AccountId::new(9);
    assert!(told.book.keeps(1, &Record::SessionClosed(foreign)));
}

#[test]
fn a_settlement_is_kept_until_it_is_paid_and_exported_and_a_payment_until_it_is_exported() {
    let mut told = Told::of(ready());
    told.open(1);
    told.close(1);
    let settled = told.settle();
    told.export(settled);
    assert!(told.keeps(settled));
    let paid = told.pay(1);
    assert_eq!([settled, paid].map(|seq| told.keeps(seq)), [false, true]);
    told.export(paid);
    assert!(!told.keeps(paid));
    // Paid and not exported.
    let mut told = Told::of(ready());
    told.open(1);
    told.close(1);
    let settled = told.settle();
    let paid = told.pay(1);
    assert!(told.keeps(settled) && told.keeps(paid));
}

#[test]
fn what_the_book_knows_by_itself_is_not_kept() {
    let book = charging();
    let folded = [
        enrolment(tenant(1, 1)),
        tariff(1, "CNY", "1"),
        opened(&ready(), port(1), AT, &mut |_| 0).unwrap(),
        Record::ClockSet { from: AT, to: AT },
        Record::Exported { through: 1, at: AT },
    ];
    assert!(folded.iter().all(|record| !book.keeps(u64::MAX, record)));
    assert!(folded.iter().all(|record| !record.is_kept()));
}

#[test]
fn an_export_never_goes_back() {
    let export = |through| Record::Exported { through, at: AT };
    refused(&Book::new(), &export(1), FoldError::Commissioning);
    let book = and(&ready(), [export(3)]);
    assert_eq!(book.exported(), 3);
    refused(&book, &export(2), FoldError::Export);
    refused(&book, &export(3), FoldError::Export);
    assert_eq!(exported(&book, 3, AT), None);
    assert_eq!(and(&book, [export(u64::MAX)]).exported(), u64::MAX);
    refused(&ready(), &export(0), FoldError::Export);
}

fn on_day(day: u32) -> WallTime {
    WallTime {
        unix: AT.unix.plus(day * DAY),
        ..AT
    }
}

/// One session on port 1 from its opening to its bill, at a moment.
fn session_at(book: &Book, at: WallTime) -> Book {
    let open = opened(book, port(1), at, &mut |_| 0).unwrap();
    let mut book = and(book, [open]);
    for _ in 0..2 {
        let record = closing(&book, book.session(port(1)).unwrap(), at, 1000).unwrap();
        book = and(&book, [record]);
    }
    book
}

#[test]
fn a_rate_is_the_sessions_over_the_days_and_the_first_day_is_a_whole_one() {
    assert_eq!(Book::new().sessions_a_day(AT), None);
    let book = ready();
    let rate = |sessions, seconds| Some(Rate { sessions, seconds });
    assert_eq!(book.sessions_a_day(AT), rate(0, DAY));
    assert_eq!(rate(0, DAY).and_then(|it| it.days_for(100)), None);
    let book = session_at(&session_at(&book, AT), AT);
    assert_eq!(book.sessions_a_day(AT), rate(2, DAY));
    assert_eq!(book.sessions_a_day(on_day(4)), rate(2, 4 * DAY));
    assert_eq!(rate(2, 4 * DAY).and_then(|it| it.days_for(3)), Some(6));
}

#[test]
fn days_are_rounded_down_and_never_overflow() {
    let rate = |sessions, seconds| Rate { sessions, seconds };
    assert_eq!(rate(2, DAY).days_for(3), Some(1));
    assert_eq!(rate(1, DAY).days_for(0), Some(0));
    assert_eq!(rate(1, u32::MAX).days_for(u32::MAX), Some(u32::MAX));
    assert_eq!(rate(u32::MAX, 0).days_for(u32::MAX), Some(0));
    assert_eq!(rate(0, 0).days_for(1), None);
}

#[test]
fn a_house_that_fills_up_is_told_by_its_busiest_weeks() {
    // A session a week for sixteen weeks, then three a day for ten days.
    let mut book = ready();
    for week in 0..16 {
        book = session_at(&book, on_day(week * 7));
    }
    let quiet = book.sessions_a_day(on_day(112)).unwrap();
    let days = quiet.days_for(100).unwrap();
    assert!((600..=700).contains(&days), "{quiet:?}");
    for day in 112..122 {
        for _ in 0..3 {
            book = session_at(&book, on_day(day));
        }
    }
    let days = |day| {
        book.sessions_a_day(on_day(day))
            .unwrap()
            .days_for(100)
            .unwrap()
    };
    assert!((30..=36).contains(&days(122)), "{}", days(122));
    // What was busy once is forgotten when it is quiet again.
    let later = book.sessions_a_day(on_day(500)).unwrap();
    assert!(later.days_for(100).unwrap() > 500, "{later:?}");
}

#[test]
fn what_a_clock_jumps_by_is_no_time_that_passed() {
    let unknown = |seconds| WallTime {
        unix: UnixSeconds::new(seconds),
        quality: ClockQuality::Unknown,
    };
    let commissioning = Record::Commissioned {
        pile: PileId::new([1; 8]),
        privilege: card(0, Role::Privilege),
        at: unknown(10),
    };
    let set = |from, to| Record::ClockSet { from, to };
    let book = with([commissioning, set(unknown(DAY + 10), AT)]);
    let seconds = |book: &Book, now| book.sessions_a_day(now).unwrap().seconds;
    assert_eq!(seconds(&book, AT), DAY);
    assert_eq!(seconds(&book, on_day(2)), 3 * DAY);
    // A start without a clock, and one with it again: what no clock told is not counted.
    assert_eq!(seconds(&book, unknown(50)), DAY);
    // Set back by a day.
    let back = and(&book, [set(on_day(2), on_day(1))]);
    assert_eq!(seconds(&back, on_day(1)), 3 * DAY);
}

#[test]
fn the_export_and_the_rates_are_in_the_pieces() {
    let mut book = ready();
    for day in 0..40 {
        book = session_at(&book, on_day(day));
    }
    let book = and(&book, [exported(&book, 77, on_day(41)).unwrap()]);
    let mut again = Book::new();
    for piece in book.pieces() {
        again.restore(&piece).unwrap();
    }
    assert_eq!(again, book);
    assert_eq!(again.exported(), 77);
    assert_eq!(
        again.sessions_a_day(on_day(50)),
        book.sessions_a_day(on_day(50))
    );
}
