//! What is said of many receipts: the verdict, a line for each, their sums.

use std::collections::BTreeMap;

use billing_core::receipt::VerifyError;
use pile_units::{Currency, Energy};

use super::payload::printable;
use super::verify::Checked;
use crate::figures::{counted, grouped, kwh};

/// The first line: is all of it as it was signed, and in order?
pub fn verdict(checked: &[Checked<'_>], problems: usize) -> String {
    let genuine = checked.iter().filter(|it| it.signature.is_ok()).count();
    let records = checked.len();
    let of = format!(
        "{} of {} genuine",
        grouped(genuine as u64),
        grouped(records as u64)
    );
    match problems {
        0 => format!("VERIFIED: {of}, nothing wrong.\n"),
        1 => format!("NOT VERIFIED: {of}, 1 thing wrong.\n"),
        n => format!("NOT VERIFIED: {of}, {} things wrong.\n", grouped(n as u64)),
    }
}

/// A receipt in a line.
pub fn line(it: &Checked<'_>) -> String {
    let verdict = match it.signature {
        Ok(()) => "genuine",
        Err(VerifyError::NotOcmf) => "NOT A RECORD",
        Err(_) => "NOT GENUINE",
    };
    let mut line = format!("{}: {verdict}", it.name());
    if let Some(payload) = &it.payload {
        if let Some(drawn) = payload.drawn() {
            line += &format!(", {drawn}");
        }
        if let Some(total) = payload.text("Y").filter(|_| payload.is_ours()) {
            line += &format!(", {total}");
        }
    }
    printable(&line) + "\n"
}

/// What genuine receipts of ours add up to, currency by currency.
pub fn sums(checked: &[Checked<'_>]) -> String {
    let mut sums: BTreeMap<String, (u64, Energy, u128, usize)> = BTreeMap::new();
    for it in checked.iter().filter(|it| it.signature.is_ok()) {
        let payload = it.payload.as_ref().filter(|it| it.is_ours());
        let added = payload.and_then(|payload| {
            let energy = payload.drawn()?.energy()?;
            let total = payload.text("Y")?;
            let (amount, currency) = total.split_once(' ')?;
            let currency: Currency = currency.parse().ok()?;
            let (minor, digits) = minor_units(amount)?;
            Some((energy, minor, digits, currency))
        });
        let Some((energy, minor, digits, currency)) = added else {
            continue;
        };
        let sum = sums.entry(currency.to_string()).or_default();
        sum.0 += 1;
        sum.1 = sum.1.saturating_add(energy);
        sum.2 += minor;
        sum.3 = digits;
    }
    let mut text = String::new();
    for (currency, (receipts, energy, minor, digits)) in sums {
        let one = 10_u128.pow(u32::try_from(digits).unwrap_or(0));
        let fraction = match digits {
            0 => String::new(),
            digits => format!(".{:0digits$}", minor % one),
        };
        text += &format!(
            "Sum of {}: {} kWh, {}{fraction} {currency}\n",
            counted(receipts, "genuine receipt"),
            kwh(energy),
            minor / one,
        );
    }
    text
}

/// An amount in its currency's smallest unit, and with how many decimals it was written.
fn minor_units(amount: &str) -> Option<(u128, usize)> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = format!("{whole}{fraction}");
    let plain = !digits.is_empty() && digits.len() <= 20 && fraction.len() <= 6;
    (plain && digits.bytes().all(|it| it.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
        .map(|minor| (minor, fraction.len()))
}
