//! A statement for paper: one page that needs nothing from the network.

use super::gather::{Bundle, Charged, Sheet};
use crate::figures::{amount, counted, kwh, micros};
use crate::html::escaped;
use crate::ledger::words;
use billing_core::statement::Period;

const STYLE: &str = "\
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 56em;
  margin: 2em auto; padding: 0 1.5em; }
h1 { font-size: 1.5em; margin: 0 0 .2em; }
section { margin-bottom: 3em; }
.state { color: #444; margin: 0 0 1.2em; }
dl { display: grid; grid-template-columns: max-content max-content; gap: .1em 1.5em; }
dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #444; padding-bottom: .3em; }
th { text-align: left; border-bottom: 2px solid #1a1a1a; }
th, td { padding: .25em .6em .25em 0; vertical-align: top; }
.n { text-align: right; white-space: nowrap; }
.t { white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
tbody tr:first-child td { border-top: 1px solid #bbb; font-weight: 600; }
tbody tr:nth-child(n+2) td { color: #444; font-size: .88em; padding-top: 0; }
tfoot td { border-top: 2px solid #1a1a1a; font-weight: 700; }
tfoot tr + tr td { border: 0; font-weight: 400; }
code { font-size: .85em; overflow-wrap: anywhere; }
@page { size: A4; margin: 16mm 14mm; }
@media print {
  body { margin: 0; padding: 0; max-width: none; font-size: 9.5pt; }
  .scroll { overflow: visible; }
  thead { display: table-header-group; }
  /* A sum belongs at the end, not on every page. */
  tfoot { display: table-row-group; }
  tbody, tfoot, dl { break-inside: avoid; }
  h1, .state { break-after: avoid; }
  section + section { break-before: page; }
}
@media screen and (max-width: 46em) {
  body { padding: 0 1em; margin: 1em auto; }
  dl { grid-template-columns: 1fr max-content; }
  thead, td:empty { display: none; }
  table, tbody, tfoot, tr, td { display: block; }
  tbody { border-top: 1px solid #bbb; padding: .5em 0; }
  tbody tr:first-child td { border: 0; }
  tfoot { border-top: 2px solid #1a1a1a; }
  tfoot td { border: 0; }
  td { padding: .05em 0; }
  tr + tr { margin-top: .5em; }
  td[data-l] { display: flex; justify-content: space-between; gap: 1em; }
  td[data-l]::before { content: attr(data-l); color: #444; font-weight: 400; }
}";

pub(super) fn write(bundle: &Bundle<'_>) -> String {
    let title = match bundle.sheets.as_slice() {
        [sheet] => format!("Statement of {}", sheet.whose()),
        _ => "Statements".to_owned(),
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n\
         <style>\n{STYLE}\n</style>\n</head>\n<body>\n",
        escaped(&title)
    );
    for sheet in &bundle.sheets {
        page += &one(bundle, sheet);
    }
    page + &pile(bundle) + "</body>\n</html>\n"
}

fn one(bundle: &Bundle<'_>, sheet: &Sheet) -> String {
    let archive = bundle.archive;
    let (totals, currency) = (&sheet.totals, archive.book.currency());
    let money = |it| amount(currency, it);
    let mut part = format!(
        "<section>\n<h1>Statement of {}</h1>\n<p class=\"state\">{}<br>{}</p>\n",
        escaped(&sheet.whose()),
        escaped(&sheet.title(archive)),
        escaped(&sheet.state(archive))
    );
    part += &format!(
        "<dl>\n<dt>Opening reading</dt><dd>{} kWh</dd>\n<dt>Closing reading</dt><dd>{} kWh</dd>\n\
         <dt>Drawn</dt><dd>{} kWh</dd>\n<dt>{}</dt><dd>{} {currency}</dd>\n</dl>\n",
        kwh(totals.opening),
        kwh(totals.closing),
        kwh(totals.energy),
        match sheet.period {
            // A month is asked of nobody.
            Period::Between { .. } => "Fees",
            Period::Settlement(_) | Period::Open => "To pay",
        },
        money(totals.amount)
    );
    part += "<div class=\"scroll\">\n<table>\n<thead><tr><th>Session</th><th>Port</th>\
             <th>Start</th><th>Stop</th><th>Why</th><th class=\"n\">kWh</th>\
             <th class=\"n\">Electricity</th><th class=\"n\">Service</th>\
             <th class=\"n\">Total</th></tr></thead>\n";
    for session in &sheet.sessions {
        part += &charged(bundle, session);
    }
    part += &format!(
        "<tfoot><tr><td colspan=\"5\">{}</td>{}</tr></tfoot>\n</table>\n</div>\n</section>\n",
        counted(totals.sessions.into(), "session"),
        amounts([
            kwh(totals.energy),
            money(totals.energy_fee),
            money(totals.service_fee),
            money(totals.amount),
        ])
    );
    part
}

/// A cell that brings its column's name, for screens too narrow for columns.
fn cell(label: &str, value: impl std::fmt::Display) -> String {
    format!("<td data-l=\"{label}\">{value}</td>")
}

/// A time, which stays on one line.
fn when(label: &str, time: &str) -> String {
    format!("<td class=\"t\" data-l=\"{label}\">{time}</td>")
}

/// The four columns of numbers.
fn amounts(values: [String; 4]) -> String {
    let labels = ["kWh", "Electricity", "Service", "Total"];
    let cell = |(label, value): (&str, String)| {
        if value.is_empty() {
            return "<td></td>".to_owned();
        }
        format!("<td class=\"n\" data-l=\"{label}\">{value}</td>")
    };
    labels.into_iter().zip(values).map(cell).collect()
}

fn charged(bundle: &Bundle<'_>, session: &Charged) -> String {
    let (zone, closed) = (bundle.archive.zone, &session.closed);
    let money = |it| amount(closed.currency, it);
    let mut part = format!(
        "<tbody>\n<tr>{}{}{}{}{}{}</tr>\n",
        cell("Session", closed.session),
        cell("Port", closed.port),
        when("Start", &zone.minute(closed.opened)),
        when("Stop", &zone.minute(closed.closed)),
        cell("Why", words::plain(closed.reason.name())),
        amounts([
            kwh(closed.energy),
            money(closed.bill.energy_fee),
            money(closed.bill.service_fee),
            money(closed.bill.total),
        ])
    );
    for (number, segment) in &session.segments {
        part += &format!(
            "<tr><td></td><td colspan=\"4\">{}, at {} + {} a kWh; {}; record {number}</td>{}</tr>\n",
            escaped(segment.band.as_str()),
            segment.energy_price,
            segment.service_price,
            bundle.tariff(segment.tariff),
            amounts([
                kwh(segment.energy),
                micros(segment.energy_micro),
                micros(segment.service_micro),
                String::new(),
            ])
        );
    }
    let start = closed.reading.saturating_sub(closed.energy);
    part += &format!(
        "<tr><td></td><td colspan=\"8\">meter {} to {}; receipt page {}; record {}</td></tr>\n\
         </tbody>\n",
        kwh(start),
        kwh(closed.reading),
        closed.page,
        session.number
    );
    part
}

fn pile(bundle: &Bundle<'_>) -> String {
    let archive = bundle.archive;
    let balance = archive.book.balance();
    format!(
        "<section>\n<h1>The pile</h1>\n<p class=\"state\">All accounts, since it was commissioned</p>\n\
         <dl>\n<dt>On accounts</dt><dd>{} kWh</dd>\n<dt>In sessions that are open</dt><dd>{} kWh</dd>\n\
         <dt>Unattributed: nobody is billed for it</dt><dd>{} kWh</dd>\n\
         <dt>Counted by the meters: the sum</dt><dd>{} kWh</dd>\n</dl>\n\
         <h1>How to check</h1>\n<p>The fee of a line is its energy times its price, cut to six \
         decimals; what is cut goes to the session's next line. A session's total is its exact sum, \
         rounded down once. The sessions add up to the readings and to what is to pay: \
         <code>pilectl</code> writes no statement where they do not. \
         <code>pilectl ledger show {} --session N</code> shows the records and the arithmetic of a \
         session; the signed receipt of its page says the same.</p>\n\
         <p>The ledger ends with record {}, head <code>{}</code></p>\n</section>\n",
        kwh(balance.accounts),
        kwh(balance.open),
        kwh(balance.unattributed),
        kwh(balance.metered),
        escaped(&archive.files.join(" ")),
        archive.end.seq.saturating_sub(1),
        archive.end.head
    )
}
