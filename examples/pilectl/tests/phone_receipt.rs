//! `pilectl phone receipt` against a pile whose answers are written by hand.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod common;
#[allow(dead_code, reason = "each test file uses its part")]
mod phone_peer;

use billing_core::receipt::{BilledSession, Issuer, ReceiptSigner, SoftwareKey, receipt_digest};
use billing_core::record::{ClosedSession, Record, Segment};
use ble_protocol::Refusal;
use ble_protocol::message::*;
use common::{lived, log};
use phone_peer::{Does, PILE, Peer, at, phone};
use pile_units::{CardAlias, Energy, PileId, UtcOffset};

const ALIAS: CardAlias = CardAlias::new([0xee; 8]);

/// A session of a real ledger.
fn billed() -> (ClosedSession, Vec<Segment>) {
    let image = lived();
    let log = log(&image);
    let records = || log.entries.iter().map(|entry| &entry.record);
    let closed = records().rev().find_map(|record| match record {
        Record::SessionClosed(closed) if closed.segments > 1 => Some(*closed),
        _ => None,
    });
    let closed = closed.unwrap();
    let segments = records().filter_map(|record| match record {
        Record::SegmentClosed { segment, .. } | Record::LastSegment { segment }
            if segment.session == closed.session =>
        {
            Some(*segment)
        }
        _ => None,
    });
    (closed, segments.collect())
}

fn receipt(session: ClosedSession, segments: &[Segment], from: u8, most: usize) -> Response {
    let mut part = List::new();
    let rest = &segments[usize::from(from)..];
    for segment in rest.iter().take(most) {
        assert!(part.push(*segment));
    }
    Response::Receipt(ReceiptPage {
        session,
        alias: ALIAS,
        clock_set: false,
        utc_offset: UtcOffset::UTC,
        segments: part,
        more: rest.len() > most,
    })
}

/// What a pile with this key signs of a session; `firmware` is what it says to be in the receipt.
fn signature(session: &ClosedSession, segments: &[Segment], key: u8, firmware: &str) -> Response {
    let key = SoftwareKey::from_bytes(&[key; 32]).unwrap();
    let billed = BilledSession {
        closed: session,
        segments: segments.iter().copied(),
        alias: ALIAS,
        clock_set: true,
    };
    let utc_offset: UtcOffset = "+08:00".parse().unwrap();
    let issuer = Issuer {
        pile: PileId::new(PILE),
        firmware,
        utc_offset,
    };
    let digest = receipt_digest(&billed.receipt(&issuer, None)).unwrap();
    let signature = key.sign_digest(&digest).unwrap();
    let public = key.public_key();
    let session = session.session;
    Response::Signature(ReceiptSignature::new(
        session, true, utc_offset, &public, &signature,
    ))
}

/// A pile that has this session, and gives this instead of a signature of it.
fn pile(session: ClosedSession, segments: Vec<Segment>, most: usize, signed: Response) -> Peer {
    Peer::tenant(move |asked| match asked.request {
        Request::Receipt { from, .. } => Does::Answer(receipt(session, &segments, from, most)),
        Request::SignReceipt { .. } => Does::Answer(signed.clone()),
        _ => Does::Lose,
    })
}

#[test]
fn a_receipt_shows_its_arithmetic_and_its_signature_which_is_kept_as_a_record() {
    let (session, segments) = billed();
    let number = session.session;
    let signed = signature(&session, &segments, 5, "0.1.0");
    let peer = pile(session, segments.clone(), 1, signed);
    let desk = phone();
    let told = desk.well(&at(&peer, &format!("receipt {number}")));
    for said in [
        "SIGNED by the pile, with the key that ends in",
        "rounded down to",
        &format!("Session {number} of account"),
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert_eq!(peer.requests().len(), segments.len() + 1);
    // The key was kept, and the record is one for everybody who verifies receipts.
    let told = desk.well(&at(&peer, &format!("receipt {number} --out r.ocmf")));
    assert!(
        told.contains("receipt verify r.ocmf --key phone.pile.pem --part"),
        "{told}"
    );
    let mut pem = String::new();
    let public = SoftwareKey::from_bytes(&[5; 32]).unwrap().public_key();
    public.write_pem(&mut pem).unwrap();
    assert_eq!(desk.read("phone.pile.pem"), pem);
    desk.well("receipt verify r.ocmf --key phone.pile.pem --part");
    assert!(desk.read("r.ocmf").contains("+0800"));
    let json = desk.well(&at(&peer, &format!("receipt {number} --json")));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["signed"], true);
    assert_eq!(json["record"], desk.read("r.ocmf").trim_end());
    assert_eq!(json["segments"].as_array().unwrap().len(), segments.len());
}

#[test]
fn a_signature_of_other_figures_or_another_key_is_told_and_not_kept() {
    let (session, segments) = billed();
    let number = session.session;
    let desk = phone();
    let good = signature(&session, &segments, 5, "0.1.0");
    let peer = pile(session, segments.clone(), 8, good);
    desk.well(&at(&peer, &format!("receipt {number}")));
    let mut dearer = session;
    dearer.reading = dearer
        .reading
        .checked_add(Energy::from_watt_hours(1))
        .unwrap();
    for (signed, why) in [
        (
            signature(&dearer, &segments, 5, "0.1.0"),
            "not under these figures",
        ),
        (
            signature(&session, &segments, 5, "0.2.0"),
            "not under these figures",
        ),
        (
            signature(&session, &segments, 6, "0.1.0"),
            "another key than before",
        ),
    ] {
        let peer = pile(session, segments.clone(), 8, signed);
        let asked = at(&peer, &format!("receipt {number} --out false.ocmf"));
        desk.fails(&asked, 1, &["DO NOT TRUST THIS", why]);
        assert!(!desk.path("false.ocmf").exists());
    }
}

#[test]
fn a_pile_that_signs_none_says_so_and_writes_no_record() {
    let (session, segments) = billed();
    let number = session.session;
    let refused = Response::Refused(Refusal::NoReceiptKey);
    let peer = pile(session, segments, 8, refused);
    let desk = phone();
    let told = desk.well(&at(&peer, &format!("receipt {number}")));
    assert!(told.contains("NOT SIGNED: the pile has no key"), "{told}");
    let json = desk.well(&at(&peer, &format!("receipt {number} --json")));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["signed"], false);
    let asked = at(&peer, &format!("receipt {number} --out none.ocmf"));
    desk.fails(&asked, 2, &["no key", "pilectl receipt make"]);
    assert!(!desk.path("none.ocmf").exists());
}

#[test]
fn a_receipt_that_does_not_add_up_fails_and_is_not_signed() {
    let (session, mut altered) = billed();
    let number = session.session;
    let more = Energy::from_milliwatt_hours(1);
    altered[0].energy = altered[0].energy.checked_add(more).unwrap();
    let peer = pile(session, altered, 8, Response::Done);
    let desk = phone();
    let arguments = format!("receipt {number} --out false.ocmf");
    desk.fails(&at(&peer, &arguments), 1, &["THIS DOES NOT COME OUT"]);
    assert!(!desk.path("false.ocmf").exists());
}
