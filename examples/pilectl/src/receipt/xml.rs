//! `pilectl receipt xml`: the file that the S.A.F.E. transparency software opens.
//!
//! A receipt that holds its start and its stop is one `<value>` without a `transactionId`; the key
//! is DER in hex, the same digits in every value; `<values>` has no namespace.

use std::path::Path;

use billing_core::receipt::{PublicKey, verify};

use super::file::Found;
use super::key;
use super::payload::{Payload, Reading};
use super::verify::Checked;
use crate::answer::{self, Answer, Refusal};

/// Writes records as XML, if the software would take every one of them.
pub fn run(found: &[Found], key: &PublicKey, out: &Path) -> Result<Answer, Refusal> {
    let mut wrong = String::new();
    for it in found {
        let checked = Checked {
            found: it,
            payload: Payload::of(&it.record),
            signature: verify(&it.record, key).map(drop),
        };
        if let Some(why) = refused(&checked) {
            wrong += &format!("WRONG: {}: {why}.\n", checked.name());
        }
    }
    if !wrong.is_empty() {
        let done = "Nothing was written. `receipt verify` tells more.\n";
        return Ok(Answer::wrong(wrong + done));
    }
    answer::write(out, document(found, key).as_bytes())?;
    Ok(Answer::well(format!(
        "{}: {} for the S.A.F.E. transparency software.\n",
        out.display(),
        match found.len() {
            1 => "1 receipt".to_owned(),
            n => format!("{n} receipts"),
        }
    )))
}

fn document(found: &[Found], key: &PublicKey) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<values>\n".to_owned();
    let key = key::hex(key);
    for it in found {
        xml += &format!(
            "  <value>\n    <signedData format=\"OCMF\" encoding=\"plain\">{}</signedData>\n    \
             <publicKey encoding=\"hex\">{key}</publicKey>\n  </value>\n",
            escaped(&it.record)
        );
    }
    xml + "</values>\n"
}

/// Text as the content of an element (XML 1.0, section 2.4).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Why the software would not take a record, by what its version 1.4.1 does.
fn refused(it: &Checked<'_>) -> Option<String> {
    let refuses = |why: &str| Some(format!("the software refuses it: {why}"));
    // First what it stumbles over before it looks at a signature.
    if it.found.record.matches('|').count() > 2 {
        return refuses("a | stands inside of it");
    }
    if !it.found.record.is_ascii() {
        return refuses("it holds characters that are not ASCII");
    }
    if let Err(error) = it.signature {
        return Some(error.to_string());
    }
    let Some(payload) = &it.payload else {
        return Some("it holds no readings".to_owned());
    };
    let starts = payload
        .readings
        .iter()
        .filter(|it| it.letter == "B")
        .count();
    let stops = payload.readings.iter().filter(|it| it.is_stop()).count();
    let (Some(start), Some(stop), 1, 1) = (payload.start(), payload.stop(), starts, stops) else {
        return Some(format!(
            "the software wants one start and one stop, this holds {starts} and {stops}"
        ));
    };
    let why = members(payload)
        .or_else(|| payload.readings.iter().find_map(own))
        .or_else(|| session(start, stop));
    why.and_then(refuses)
}

/// What it refuses of the members beside the readings.
fn members(payload: &Payload) -> Option<&'static str> {
    let version = payload.text("FV").unwrap_or_default();
    let number = |part: &str| part.parse::<u32>().ok();
    let version = version.split_once('.').unwrap_or((&version, "0"));
    let version = number(version.0).zip(number(version.1));
    if version.is_none_or(|it| !((0, 1)..=(1, 3)).contains(&it)) {
        return Some("its format (FV) is not one from 0.1 to 1.3");
    }
    if payload.text("PG").is_none_or(|page| page.len() < 2) {
        return Some("its page (PG) has fewer than two characters");
    }
    match payload.text("IL").as_deref() {
        Some("MISMATCH" | "INVALID" | "OUTDATED" | "UNKNOWN") => {
            Some("who charged was not established (IL)")
        }
        _ => None,
    }
}

/// What it refuses of one reading, which it reads without those before it.
fn own(reading: &Reading) -> Option<&'static str> {
    let identifier = reading.own_identifier.as_deref().unwrap_or_default();
    if reading.own_status.as_deref() != Some("G") {
        Some("a reading does not state that the meter was well (ST)")
    } else if reading.doubts.contains('E') {
        Some("the meter doubts a reading (EF)")
    } else if identifier.is_empty() {
        Some("a reading does not state what it counts (RI)")
    } else if identifier.contains("2.8.0") || identifier.ends_with("*198") {
        Some("a reading counts what is not sold here (RI)")
    } else if !matches!(reading.own_unit.as_deref(), Some("Wh" | "kWh")) {
        Some("a reading does not state its unit, Wh or kWh (RU)")
    } else if reading.register.is_none() {
        Some("the value of a reading is no number (RV)")
    } else if reading.time.is_none() {
        Some("the time of a reading cannot be read (TM)")
    } else {
        None
    }
}

/// What it refuses of a start and its stop.
fn session(start: &Reading, stop: &Reading) -> Option<&'static str> {
    if stop.register < start.register {
        Some("the stop is below the start")
    } else if stop.time < start.time {
        Some("the start is later than the stop")
    } else if start.clock.is_empty() {
        Some("the time of the start does not state how far its clock is trusted (TM)")
    } else if start.clock == "R" && stop.clock != "R" {
        Some("the clocks of start and stop do not agree")
    } else {
        None
    }
}
