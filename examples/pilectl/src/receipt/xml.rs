//! `pilectl receipt xml`: the file that the S.A.F.E. transparency software opens.
//!
//! A receipt that holds its start and its stop is one `<value>` without a `transactionId`; the key
//! is DER in hex, the same digits in every value; `<values>` has no namespace.

use std::path::Path;

use billing_core::receipt::{PublicKey, verify};

use super::file::Found;
use super::key;
use super::payload::Payload;
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
    let why = if stop.register < start.register {
        "the stop is below the start"
    } else if start
        .time
        .zip(stop.time)
        .is_some_and(|(from, to)| from > to)
    {
        "the start is later than the stop"
    } else if start.clock.is_empty() || (start.clock == "R" && stop.clock != "R") {
        "the clocks of start and stop do not agree"
    } else if start.status != "G" || stop.status != "G" {
        "the meter was not well"
    } else if start.doubts.contains('E') || stop.doubts.contains('E') {
        "the meter doubts its reading"
    } else {
        return None;
    };
    Some(format!("the software refuses it: {why}"))
}
