//! What the S.A.F.E. transparency software refuses is not written for it: a signed record for each of
//! its rules, as its version 1.4.1 was seen to keep them.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

mod common;

use std::fmt::Write as _;

use billing_core::receipt::ReceiptSigner;
use common::Desk;
use common::receipts::{key, receipts};
use sha2::{Digest, Sha256};

/// A record of any payload, with a signature that is good.
fn signed(payload: &str) -> String {
    let digest = Sha256::digest(payload.as_bytes());
    let signature = key().sign_digest(&digest.into()).unwrap();
    let mut hex = String::new();
    for byte in signature.as_der() {
        write!(hex, "{byte:02x}").unwrap();
    }
    format!("OCMF|{payload}|{{\"SD\":\"{hex}\"}}")
}

const XML: &str = "receipt xml one.ocmf --key key.pem --out out.xml";

/// The payload of a receipt that is taken: a start, a change of price, a stop.
fn payload() -> String {
    let record = receipts(1..=1, &key()).remove(0);
    record.split('|').nth(1).unwrap().to_owned()
}

fn desk() -> Desk {
    let desk = Desk::new();
    let mut pem = String::new();
    key().public_key().write_pem(&mut pem).unwrap();
    desk.put("key.pem", pem.as_bytes());
    desk
}

#[test]
fn a_record_that_the_software_takes_is_written() {
    let good = payload();
    for (from, to) in [
        ("", ""),
        ("\"FV\":\"1.0\"", "\"FV\":\"0.1\""),
        ("\"FV\":\"1.0\"", "\"FV\":\"1.3\""),
        ("\"IL\":\"HEARSAY\"", "\"IL\":\"NONE\""),
        // A time in doubt passes, and a relative one with a relative stop.
        ("\"ST\":\"G\"", "\"EF\":\"t\",\"ST\":\"G\""),
    ] {
        let record = signed(&good.replacen(from, to, 1));
        let desk = desk();
        desk.put("one.ocmf", record.as_bytes());
        desk.well(XML);
        desk.well("receipt verify out.xml --part");
    }
}

#[test]
fn each_rule_of_the_software_is_kept() {
    let good = payload();
    let last = good.rfind("{\"TM\"").unwrap();
    let status = "\"ST\":\"G\"";
    let start = |from: &str, to: &str| good.replacen(from, to, 1);
    let stop = |from: &str, to: &str| {
        let (head, tail) = good.split_at(last);
        assert!(tail.contains(from), "{from} is not in {tail}");
        format!("{head}{}", tail.replacen(from, to, 1))
    };
    let mut cases = vec![
        (start("\"FV\":\"1.0\"", "\"FV\":\"1.4\""), "its format (FV)"),
        (start("\"FV\":\"1.0\"", "\"FV\":\"2.0\""), "its format (FV)"),
        (start("\"PG\":\"T1\"", "\"PG\":\"T\""), "its page (PG)"),
        (start("\"PG\":\"T1\",", ""), "its page (PG)"),
        (stop("1-b:1.8.0", "1-b:2.8.0"), "what is not sold here (RI)"),
        (
            stop("1-b:1.8.0", "1-b:1.8.0*198"),
            "what is not sold here (RI)",
        ),
        (
            stop("\"RI\":\"1-b:1.8.0\",", ""),
            "state what it counts (RI)",
        ),
        (
            stop("\"RU\":\"kWh\",", ""),
            "state its unit, Wh or kWh (RU)",
        ),
        // What the start says the software does not take for the stop.
        (
            stop(&format!(",{status}"), ""),
            "state that the meter was well (ST)",
        ),
        (
            stop(status, "\"ST\":\"N\""),
            "state that the meter was well (ST)",
        ),
        (
            start(&format!(",{status}"), ""),
            "state that the meter was well (ST)",
        ),
        (
            stop(status, "\"EF\":\"E\",\"ST\":\"G\""),
            "doubts a reading (EF)",
        ),
        (
            start(status, "\"EF\":\"tE\",\"ST\":\"G\""),
            "doubts a reading (EF)",
        ),
        (
            start("+0800 S", "+0800"),
            "how far its clock is trusted (TM)",
        ),
        (
            start("+0800 S", "+0800 R"),
            "clocks of start and stop do not agree",
        ),
        (
            stop(",000+0800 S", "+0800 S"),
            "time of a reading cannot be read (TM)",
        ),
        (stop("1.801110", "\"much\""), "is no number (RV)"),
        (
            good.replace("\"TX\":\"B\"", "\"TX\":\"T\""),
            "this holds 0 and 1",
        ),
        (
            good.replace("\"TX\":\"T\"", "\"TX\":\"E\""),
            "this holds 1 and 2",
        ),
        (start("\"TT\":\"", "\"TT\":\"a | b "), "a | stands inside"),
        (start("\"TT\":\"", "\"TT\":\"caf\u{e9} "), "not ASCII"),
    ];
    for level in ["MISMATCH", "INVALID", "OUTDATED", "UNKNOWN"] {
        let level = format!("\"IL\":\"{level}\"");
        cases.push((
            start("\"IL\":\"HEARSAY\"", &level),
            "who charged was not established",
        ));
    }
    for (payload, said) in cases {
        assert_ne!(payload, good, "{said}");
        let desk = desk();
        desk.put("one.ocmf", signed(&payload).as_bytes());
        desk.fails(XML, 1, &[said, "Nothing was written"]);
        assert!(!desk.path("out.xml").exists(), "{said}");
    }
}
