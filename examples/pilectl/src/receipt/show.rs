//! `pilectl receipt show`: a receipt for people.

use billing_core::receipt::{PublicKey, verify};

use super::file::Found;
use super::payload::{Payload, Reading, printable};
use crate::answer::Answer;

/// Prints records. Exit code 1 if one cannot be read, or is not genuine though a key was given.
pub fn run(found: &[Found], key: Option<PublicKey>) -> Answer {
    let mut text = String::new();
    let mut well = true;
    for it in found {
        if !text.is_empty() {
            text.push('\n');
        }
        let checked = key.map(|key| verify(&it.record, &key).map(drop));
        let signature = match checked {
            None => "not checked: give the pile's key with --key".to_owned(),
            Some(Ok(())) => "genuine, by the key you gave".to_owned(),
            Some(Err(error)) => format!("NOT GENUINE: {error}"),
        };
        well &= matches!(checked, None | Some(Ok(())));
        if let Some(payload) = Payload::of(&it.record) {
            text += &receipt(&payload, &signature);
        } else {
            well = false;
            text += &format!("{}: not an OCMF record with readings\n", it.place);
        }
    }
    if well {
        Answer::well(text)
    } else {
        Answer::wrong(text)
    }
}

fn receipt(payload: &Payload, signature: &str) -> String {
    let get = |key: &str| printable(&payload.text(key).unwrap_or_else(|| "-".to_owned()));
    let mut text = format!("Receipt {} of {} {}\n", get("PG"), get("GI"), get("GS"));
    let mut row = |name: &str, value: String| text += &format!("  {name:<12}{value}\n");
    row("signature", signature.to_owned());
    row("meter", get("MS"));
    row("card", format!("{}: {}", get("ID"), trust(&get("IL"))));
    if payload.is_ours() {
        row("account", get("V"));
        row("session", get("U"));
    }
    for reading in &payload.readings {
        row(&what(reading), told(reading));
    }
    if let Some(drawn) = payload.drawn() {
        row("drawn", format!("{drawn}{}", span(payload)));
    }
    if let Some(tariff) = payload.text("TT") {
        row("tariff", printable(&tariff));
    }
    if payload.is_ours() {
        row("electricity", get("W"));
        row("service", get("X"));
        row("total", get("Y"));
        text += &arithmetic(payload);
    }
    text
}

fn what(reading: &Reading) -> String {
    match reading.letter.as_str() {
        "B" => "start",
        "C" => "meanwhile",
        "T" => "new price",
        "S" => "paused",
        "X" => "trouble",
        _ if reading.is_stop() => "stop",
        _ => "reading",
    }
    .to_owned()
}

fn told(reading: &Reading) -> String {
    let register = reading.register.map_or_else(
        || "a register that cannot be read".to_owned(),
        |register| register.to_string(),
    );
    let end = match reading.letter.as_str() {
        "L" => ", stopped at the pile",
        "R" => ", stopped from afar or by the landlord",
        "A" => ", stopped by a fault or a protection",
        "P" => ", the power failed",
        "E" => ", ended by itself",
        _ => "",
    };
    let doubt = match (reading.doubts.contains('E'), reading.doubts.contains('t')) {
        (true, true) => "; ENERGY AND TIME IN DOUBT",
        (true, false) => "; ENERGY IN DOUBT",
        (false, true) => "; time in doubt: the clock was set meanwhile",
        (false, false) => "",
    };
    let time = printable(&reading.time_text).replacen('T', " ", 1);
    let time = time.replace(",000", " ");
    format!(
        "{register} at {time}, {}{end}{doubt}",
        clock(&reading.clock)
    )
}

fn clock(letter: &str) -> &'static str {
    match letter {
        "S" => "clock set by a trusted source",
        "I" => "clock not checked",
        "R" => "time counted from the start, no date",
        _ => "time not known",
    }
}

/// The level of identification in words (OCMF 1.0, `IL`).
fn trust(level: &str) -> String {
    let words = match level {
        "NONE" => "nobody was identified",
        "HEARSAY" => "known only by a number, which can be copied",
        "TRUSTED" => "identified, not with a key",
        "VERIFIED" => "checked by the pile",
        "CERTIFIED" => "checked with a certificate",
        "SECURE" => "proved its own key, which cannot be copied",
        "MISMATCH" | "INVALID" | "OUTDATED" | "UNKNOWN" => "NOT established",
        _ => "not stated",
    };
    format!("{level}, {words}")
}

fn span(payload: &Payload) -> String {
    let times = payload.start().zip(payload.stop());
    let known = times.filter(|(start, _)| !matches!(start.clock.as_str(), "U" | ""));
    let seconds = known.and_then(|(start, stop)| {
        let span = stop.time?.unix_timestamp() - start.time?.unix_timestamp();
        (span >= 0).then_some(span)
    });
    seconds.map_or_else(String::new, |seconds| {
        format!(
            " in {} h {:02} min {:02} s",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    })
}

fn arithmetic(payload: &Payload) -> String {
    let Some(arithmetic) = payload.arithmetic() else {
        return "The prices are too many for the receipt; the statement has the arithmetic.\n"
            .to_owned();
    };
    let follows = if payload.states(&arithmetic.bill()) {
        ""
    } else {
        "THESE ARE NOT THE FEES STATED ABOVE.\n"
    };
    format!("{arithmetic}{follows}")
}
