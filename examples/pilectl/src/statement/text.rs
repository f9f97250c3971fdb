//! A statement for people: plain text, 80 columns for usual numbers.

use super::gather::{Bundle, Charged, Sheet};
use crate::figures::{amount, counted, kwh, micros};
use crate::ledger::words;

pub(super) fn write(bundle: &Bundle<'_>) -> String {
    let mut text = String::new();
    for sheet in &bundle.sheets {
        text += &one(bundle, sheet);
        text.push('\n');
    }
    text + &pile(bundle)
}

fn rule() -> String {
    "-".repeat(79) + "\n"
}

fn one(bundle: &Bundle<'_>, sheet: &Sheet) -> String {
    let archive = bundle.archive;
    let currency = archive.book.currency();
    let totals = &sheet.totals;
    let mut text = format!("STATEMENT of {}\n", sheet.whose());
    text += &format!("{}\n{}\n\n", sheet.title(archive), sheet.state(archive));
    text += &format!("Opening reading  {:>16} kWh\n", kwh(totals.opening));
    text += &format!("Closing reading  {:>16} kWh\n\n", kwh(totals.closing));
    text += " Session Port  Start             Stop              Why             kWh    Total\n";
    text += &rule();
    for session in &sheet.sessions {
        text += &charged(bundle, session);
    }
    text += &rule();
    let count = counted(totals.sessions.into(), "session");
    let money = |it| amount(currency, it);
    text += &format!(
        "{count:<54}{:>16} {:>8}\n",
        kwh(totals.energy),
        money(totals.amount)
    );
    text += &format!(
        "  electricity {}, service {}, in {currency}\n",
        money(totals.energy_fee),
        money(totals.service_fee)
    );
    text
}

fn charged(bundle: &Bundle<'_>, session: &Charged) -> String {
    let zone = bundle.archive.zone;
    let closed = &session.closed;
    let money = |it| amount(closed.currency, it);
    let mut text = format!(
        "{:>8} {:>4}  {:<16}  {:<16}  {:<12}{:>10} {:>8}\n",
        closed.session,
        closed.port.number(),
        zone.minute(closed.opened),
        zone.minute(closed.closed),
        words::plain(closed.reason.name()),
        kwh(closed.energy),
        money(closed.bill.total)
    );
    for (_, segment) in &session.segments {
        text += &format!(
            "      {:<12} {:>10} kWh at {} + {} = {} + {}\n",
            segment.band.as_str(),
            kwh(segment.energy),
            segment.energy_price,
            segment.service_price,
            micros(segment.energy_micro),
            micros(segment.service_micro)
        );
    }
    let tariff = session.segments.first().map(|(_, segment)| segment.tariff);
    let last = session.segments.last().map(|(_, segment)| segment.tariff);
    let tariffs = match (tariff, last) {
        (Some(first), Some(last)) if first == last => bundle.tariff(first),
        (Some(first), Some(last)) => format!("{}; {}", bundle.tariff(first), bundle.tariff(last)),
        _ => String::new(),
    };
    text += &format!(
        "      electricity {}, service {}; {tariffs}; receipt {}, record {}\n",
        money(closed.bill.energy_fee),
        money(closed.bill.service_fee),
        closed.page,
        session.number
    );
    text
}

fn pile(bundle: &Bundle<'_>) -> String {
    let archive = bundle.archive;
    let balance = archive.book.balance();
    let line = |energy, told: &str| format!("{:>20} kWh  {told}\n", kwh(energy));
    let mut text = "THE PILE, all accounts since it was commissioned\n".to_owned();
    text += &line(balance.accounts, "on accounts");
    text += &line(balance.open, "in sessions that are open");
    text += &line(
        balance.unattributed,
        "unattributed: nobody is billed for it",
    );
    text += &line(balance.metered, "counted by the meters: the sum, exactly");
    if bundle.sheets.len() > 1 {
        let currency = archive.book.currency();
        let sum = bundle.sheets.iter().map(|sheet| sheet.totals.amount).sum();
        text += &format!(
            "These statements together: {} {currency}\n",
            amount(currency, sum)
        );
    }
    text += &format!(
        "\nHow to check: a line is mWh x price, cut to 0.000001, the rest carried to the\n\
         session's next line; a session's total is its exact sum rounded down once. The\n\
         arithmetic of a session: pilectl ledger show {} --session N\n\
         The ledger ends with record {}, head\n{}\n",
        archive.files.join(" "),
        archive.end.seq.saturating_sub(1),
        archive.end.head
    );
    text
}
