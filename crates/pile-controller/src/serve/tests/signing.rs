//! Signatures under receipts, against the records.

use super::super::SIGNED_SEGMENTS;
use super::bench::{Flash, RECEIPT_KEY, written};
use super::ledger::{LANDLORD, ask, closed, house, sorted};
use crate::Refusal;
use billing_core::book::{Book, testing::next_record};
use billing_core::ledger::Ledger;
use billing_core::receipt::{
    BilledSession, Issuer, SoftwareKey, verify, write_receipt, write_signed,
};
use billing_core::record::{ClosedSession, Record};
use ble_protocol::message::{Request, Response};
use embassy_futures::block_on;
use pile_units::{Money, PlanId, SessionId};
use std::string::String;
use std::vec::Vec;

/// The record that a phone makes of what it asked for.
fn signed_record(session: &ClosedSession, ledger: &mut Ledger<Flash>, book: &Book) -> String {
    let (mut segments, session) = (Vec::new(), session.session);
    let page = loop {
        let from = u8::try_from(segments.len()).unwrap();
        let request = Request::Receipt { session, from };
        let Response::Receipt(page) = ask(&request, &LANDLORD, ledger, book) else {
            panic!("no bill");
        };
        segments.extend(page.segments.iter().copied());
        if !page.more {
            break page;
        }
    };
    let Response::Signature(signed) =
        ask(&Request::SignReceipt { session }, &LANDLORD, ledger, book)
    else {
        panic!("not signed");
    };
    let billed = BilledSession {
        closed: &page.session,
        segments: segments.iter().copied(),
        alias: page.alias,
        clock_set: signed.clock_in_doubt,
    };
    let issuer = Issuer {
        pile: book.pile().unwrap(),
        firmware: "0.1.0",
        utc_offset: signed.utc_offset,
    };
    let mut record = String::new();
    let signature = signed.signature().unwrap();
    write_signed(&billed.receipt(&issuer, None), &signature, &mut record).unwrap();
    let key = SoftwareKey::from_bytes(&RECEIPT_KEY).unwrap().public_key();
    assert_eq!(signed.key(), Some(key));
    assert!(verify(&record, &key).is_ok(), "{record}");
    record
}

#[test]
fn a_signature_makes_the_record_that_the_records_make() {
    let (mut ledger, book) = house(4000, 2);
    let records = sorted(&mut ledger);
    let key = SoftwareKey::from_bytes(&RECEIPT_KEY).unwrap();
    let (mut doubts, mut several) = (0, 0);
    for session in closed(&records).iter().take(40) {
        let own = |record: &Record| match record {
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                (segment.session == session.session).then_some(*segment)
            }
            _ => None,
        };
        let segments: Vec<_> = records.iter().filter_map(|(_, it)| own(it)).collect();
        if segments.len() > SIGNED_SEGMENTS {
            continue;
        }
        let opened = records.iter().position(|(_, it)| match it {
            Record::SessionOpened { session: it, .. }
            | Record::OpenedByPhone { session: it, .. } => *it == session.session,
            _ => false,
        });
        let ended = records
            .iter()
            .position(|(_, it)| *it == Record::SessionClosed(*session));
        let while_it_ran = opened.unwrap()..ended.unwrap();
        let clock_set = records[while_it_ran]
            .iter()
            .any(|(_, it)| matches!(it, Record::ClockSet { .. }));
        let card = book
            .credentials()
            .iter()
            .find(|it| it.id == session.credential);
        let billed = BilledSession {
            closed: session,
            segments: segments.iter().copied(),
            alias: card.unwrap().alias,
            clock_set,
        };
        let tariff = book.tariff(PlanId::STANDARD).unwrap();
        let issuer = Issuer {
            pile: book.pile().unwrap(),
            firmware: "0.1.0",
            utc_offset: tariff.1.utc_offset(),
        };
        let mut wanted = String::new();
        write_receipt(&billed.receipt(&issuer, None), &key, &mut wanted).unwrap();
        assert_eq!(signed_record(session, &mut ledger, &book), wanted);
        doubts += usize::from(clock_set);
        several += usize::from(segments.len() > 1);
    }
    assert!(doubts > 1 && several > 5, "{doubts} {several}");
}

#[test]
fn what_is_not_whole_or_does_not_come_out_is_not_signed() {
    let (mut book, mut records) = (Book::new(), Vec::new());
    let mut state = 2u32;
    let mut dice = |sides: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % sides
    };
    while records.len() < 3000 {
        let record = next_record(&book, 10, &mut dice);
        book.apply(&record).unwrap();
        records.push(record);
    }
    let closed = |record: &Record| match record {
        Record::SessionClosed(closed) => Some(*closed),
        _ => None,
    };
    let of = |record: &Record| match record {
        Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
            Some(segment.session)
        }
        _ => None,
    };
    let sign = |session| Request::SignReceipt { session };
    let one = records
        .iter()
        .filter_map(closed)
        .find(|it| it.segments == 1)
        .unwrap();
    // In a journal, which takes any record: the book that it is asked with is the whole one.
    let without = |gone: &dyn Fn(&Record) -> bool, session: SessionId| {
        let rest: Vec<_> = records.iter().filter(|it| !gone(it)).cloned().collect();
        let mut ledger = block_on(written(&rest, &book));
        ask(&sign(session), &LANDLORD, &mut ledger, &book)
    };
    let Response::Signature(whole) = without(&|_| false, one.session) else {
        panic!("not signed");
    };
    // Its opening is gone, and with it what would tell of the clock.
    let opening = |it: &Record| match it {
        Record::SessionOpened { session, .. } | Record::OpenedByPhone { session, .. } => {
            *session == one.session
        }
        _ => false,
    };
    let Response::Signature(half) = without(&opening, one.session) else {
        panic!("not signed");
    };
    assert!(!whole.clock_in_doubt && half.clock_in_doubt);
    assert_ne!(whole.signature(), half.signature());
    for gone in [
        &(|it: &Record| of(it) == Some(one.session)) as &dyn Fn(&Record) -> bool,
        &|it: &Record| closed(it).is_some_and(|it| it.session == one.session),
    ] {
        let not_here = Response::Refused(Refusal::NotHere);
        assert_eq!(without(gone, one.session), not_here);
    }
    // More prices than the pile has room for.
    let many = records.iter().flat_map(|it| match (of(it), closed(it)) {
        (Some(session), _) if session == one.session => {
            let (Record::SegmentClosed { segment, .. } | Record::LastSegment { segment }) = it
            else {
                panic!("no segment");
            };
            let segment = |index| Record::LastSegment {
                segment: billing_core::record::Segment { index, ..*segment },
            };
            let count = 1 + u8::try_from(SIGNED_SEGMENTS).unwrap();
            (0..count).map(segment).collect::<Vec<_>>()
        }
        (_, Some(mut it)) if it.session == one.session => {
            it.segments = 1 + u8::try_from(SIGNED_SEGMENTS).unwrap();
            [Record::SessionClosed(it)].to_vec()
        }
        _ => [it.clone()].to_vec(),
    });
    let mut ledger = block_on(written(&many.collect::<Vec<_>>(), &book));
    assert_eq!(
        ask(&sign(one.session), &LANDLORD, &mut ledger, &book),
        Response::Refused(Refusal::TooManyPrices)
    );
    // A bill that is another than its segments'.
    let mut forged = one;
    forged.bill.total = Money::from_micros(forged.bill.total.micros() + 10_000);
    let rest = records.iter().map(|it| match closed(it) {
        Some(it) if it.session == one.session => Record::SessionClosed(forged),
        _ => it.clone(),
    });
    let mut ledger = block_on(written(&rest.collect::<Vec<_>>(), &book));
    assert_eq!(
        ask(&sign(one.session), &LANDLORD, &mut ledger, &book),
        Response::Refused(Refusal::LedgerFailed)
    );
}
