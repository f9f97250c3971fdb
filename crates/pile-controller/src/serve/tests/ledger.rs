//! Questions to the ledger, against what the records say by other means.

use super::super::About;
use super::super::inquiry::inquiry;
use super::super::views::Viewer;
use super::bench::{Flash, JOURNAL, RECEIPT_KEY, ledger};
use crate::{Config, Controller, Durable, Refusal};
use billing_core::book::{Book, testing::next_record};
use billing_core::journal::{Chain, Identity};
use billing_core::ledger::Ledger;
use billing_core::receipt::SoftwareKey;
use billing_core::record::{ClosedSession, Record};
use billing_core::statement::{Line, Period, StatementError, Survey, Totals};
use ble_protocol::message::{Capabilities, ExportCursor, Request, Response};
use ble_protocol::permission::Role;
use embassy_futures::block_on;
use pile_units::{AccountId, Instant, PileId, SessionId, UnixSeconds, WallTime};
use std::vec::Vec;

/// A house after so many records, and its ledger.
pub(super) fn house(count: u64, seed: u32) -> (Ledger<Flash>, Book) {
    let (mut book, mut state, mut records) = (Book::new(), seed, Vec::new());
    let mut dice = |sides: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % sides
    };
    for _ in 0..count {
        let record = next_record(&book, 10, &mut dice);
        // Nothing is forgotten here.
        if matches!(record, Record::Exported { .. }) {
            continue;
        }
        book.apply(&record).unwrap();
        records.push(record);
    }
    block_on(ledger(&records))
}

fn machine(book: &Book) -> Controller {
    let config = Config {
        ports: 10,
        pile: PileId::new([1; 8]),
        wall: WallTime::default(),
        durable: Durable::default(),
    };
    Controller::new(config, book.clone(), Instant::from_millis(1000))
}

pub(super) const LANDLORD: Viewer = Viewer {
    role: Role::Landlord,
    phone: None,
    account: None,
};

pub(super) fn ask(
    request: &Request,
    viewer: &Viewer,
    ledger: &mut Ledger<Flash>,
    book: &Book,
) -> Response {
    let machine = machine(book);
    let about = About {
        firmware: "0.1.0".parse().unwrap(),
        capabilities: Capabilities::RECEIPTS,
        ..About::default()
    };
    let inquiry = inquiry(request, viewer, &machine, &about).expect("a question to the ledger");
    let key = SoftwareKey::from_bytes(&RECEIPT_KEY).unwrap();
    let mut inquiry = match inquiry {
        Ok(inquiry) => inquiry,
        Err(why) => return Response::Refused(why),
    };
    block_on(async {
        for _ in 0..100_000 {
            if let Some(found) = inquiry.slice(ledger, book, Some(&key)).await {
                return found;
            }
        }
        panic!("an inquiry without end");
    })
}

/// All records by number.
pub(super) fn sorted(ledger: &mut Ledger<Flash>) -> Vec<(u64, Record)> {
    let mut records = Vec::new();
    block_on(ledger.visit(|seq, record| records.push((seq, record)))).unwrap();
    records.sort_by_key(|(seq, _)| *seq);
    records
}

pub(super) fn closed(records: &[(u64, Record)]) -> Vec<ClosedSession> {
    let closed = |(_, record): &(u64, Record)| match record {
        Record::SessionClosed(closed) => Some(*closed),
        _ => None,
    };
    records.iter().filter_map(closed).collect()
}

#[test]
fn sessions_come_newest_first_and_all_of_them() {
    let (mut ledger, book) = house(4000, 1);
    let records = sorted(&mut ledger);
    for account in [None, book.accounts().first().map(|account| account.id)] {
        let mut wanted = closed(&records);
        wanted.retain(|it| account.is_none_or(|account| it.account == account));
        wanted.sort_by_key(|it| core::cmp::Reverse(it.session));
        assert!(wanted.len() > 20, "{}", wanted.len());
        let (mut got, mut before) = (Vec::new(), None);
        loop {
            let request = Request::Sessions {
                account,
                before,
                count: 5,
            };
            let Response::Sessions(page) = ask(&request, &LANDLORD, &mut ledger, &book) else {
                panic!("no sessions");
            };
            assert!(page.sessions.len() <= 5);
            got.extend(page.sessions.iter().copied());
            if !page.more {
                break;
            }
            before = got.last().map(|last| last.session);
        }
        assert_eq!(got, wanted);
    }
}

#[test]
fn a_session_comes_with_its_bill_and_every_segment() {
    let (mut ledger, book) = house(4000, 2);
    let records = sorted(&mut ledger);
    let sessions = closed(&records);
    let longest = sessions.iter().max_by_key(|it| it.segments).unwrap();
    for session in sessions.iter().take(10).chain([longest]) {
        let (mut segments, mut from) = (Vec::new(), 0);
        loop {
            let request = Request::Receipt {
                session: session.session,
                from,
            };
            let Response::Receipt(page) = ask(&request, &LANDLORD, &mut ledger, &book) else {
                panic!("no bill");
            };
            assert_eq!(page.session, *session);
            segments.extend(page.segments.iter().copied());
            if !page.more {
                break;
            }
            from = u8::try_from(segments.len()).unwrap();
        }
        let wanted: Vec<_> = records
            .iter()
            .filter_map(|(_, record)| match record {
                Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                    (segment.session == session.session).then_some(*segment)
                }
                _ => None,
            })
            .collect();
        assert_eq!(segments, wanted);
        let other = Viewer {
            role: Role::Tenant,
            phone: None,
            account: Some(AccountId::new(999)),
        };
        let request = Request::Receipt {
            session: session.session,
            from: 0,
        };
        assert_eq!(
            ask(&request, &other, &mut ledger, &book),
            Response::Refused(Refusal::NotYours)
        );
    }
    for session in [SessionId::new(0), book.next_session()] {
        let request = Request::Receipt { session, from: 0 };
        assert_eq!(
            ask(&request, &LANDLORD, &mut ledger, &book),
            Response::Refused(Refusal::NoSuchThing)
        );
    }
}

/// A statement by the crate that makes them, which reads the records in order.
fn statement(
    records: &[(u64, Record)],
    book: &Book,
    account: AccountId,
    period: Period,
) -> Result<(Totals, Vec<ClosedSession>), StatementError> {
    let mut survey = Survey::new(account, period);
    for (number, record) in records {
        survey.see(*number, record);
    }
    let mut statement = survey.begin(book.account(account).unwrap())?;
    let mut sessions = Vec::new();
    for (number, record) in records {
        if let Some(Line::Session { session, .. }) = statement.see(*number, record)? {
            sessions.push(session);
        }
    }
    Ok((statement.finish()?, sessions))
}

#[test]
fn a_statement_is_the_one_that_the_records_make_in_order() {
    let mut long = 0;
    for seed in 1..6 {
        let (mut ledger, book) = house(5000, seed);
        let records = sorted(&mut ledger);
        let dates = closed(&records);
        let dates = dates.iter().map(|it| it.closed.unix.get());
        let (first, last) = (dates.clone().min().unwrap(), dates.max().unwrap());
        let third = (last - first) / 3;
        let at = UnixSeconds::new;
        let mut periods = std::vec![
            Period::Open,
            Period::Between {
                from: at(0),
                to: at(u32::MAX)
            },
            Period::Between {
                from: at(first + third),
                to: at(last - third)
            },
            Period::Between {
                from: at(last),
                to: at(first)
            },
            Period::Between {
                from: at(0),
                to: at(0)
            },
        ];
        periods.extend(
            (1..book.next_settlement())
                .step_by(3)
                .map(Period::Settlement),
        );
        for account in book.accounts().iter().take(4) {
            for period in &periods {
                let expected = statement(&records, &book, account.id, *period);
                let (mut got, mut totals) = (Vec::new(), None);
                let answer = loop {
                    let request = Request::Statement {
                        account: Some(account.id),
                        period: *period,
                        skip: u32::try_from(got.len()).unwrap(),
                    };
                    match ask(&request, &LANDLORD, &mut ledger, &book) {
                        Response::Statement(page) => {
                            got.extend(page.sessions.iter().copied());
                            totals = Some(page.totals);
                            if !page.more {
                                break None;
                            }
                        }
                        other => break Some(other),
                    }
                };
                match expected {
                    Ok((sum, sessions)) => {
                        assert_eq!(totals, Some(sum), "{} {period:?}", account.id);
                        assert_eq!(got, sessions, "{} {period:?}", account.id);
                        long += usize::from(sessions.len() > 70);
                    }
                    Err(StatementError::Unknown { .. }) => {
                        assert!(matches!(answer, Some(Response::Refused(_))));
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    }
    assert!(long > 0, "no statement is longer than one stride");
}

#[test]
fn an_export_in_pieces_is_the_ledger_and_proves_itself() {
    let (mut ledger, book) = house(3000, 3);
    let mut whole = Vec::new();
    let origin = block_on(ledger.export(|frame| whole.push((frame.kind, frame.payload.to_vec()))));
    let mut chain: Chain = origin.unwrap();
    let (mut cursor, mut got) = (ExportCursor::START, Vec::new());
    loop {
        // The hint is only a hint.
        cursor.place = cursor
            .place
            .wrapping_mul(u32::try_from(got.len() % 3).unwrap());
        let request = Request::ExportFrom { cursor };
        let Response::Export(chunk) = ask(&request, &LANDLORD, &mut ledger, &book) else {
            panic!("no export");
        };
        assert_eq!(chunk.identity(), Identity::new(JOURNAL));
        assert_eq!(chunk.origin(), chain);
        got.extend(
            chunk
                .frames
                .iter()
                .map(|(kind, payload)| (kind, payload.to_vec())),
        );
        chain = chunk.end();
        cursor = chunk.next;
        assert_eq!(cursor.seq, chain.seq);
        if chunk.done {
            break;
        }
    }
    assert_eq!(got, whole);
    assert_eq!(chain.head, ledger.head());
    let cursor = ExportCursor {
        seq: cursor.seq + 1,
        place: cursor.place,
    };
    let gone = ask(
        &Request::ExportFrom { cursor },
        &LANDLORD,
        &mut ledger,
        &book,
    );
    assert_eq!(gone, Response::Refused(Refusal::NotHere));
}
