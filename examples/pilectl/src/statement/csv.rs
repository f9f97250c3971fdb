//! A statement for a spreadsheet.
//!
//! One table; `row` tells what a row is: a `segment` of a session, the `session` with its bill, the
//! `total` of a statement, and at the end what is `unattributed` at the pile. Filter by it before
//! adding up. A `total` whose `ended` is given is of a month that the ledger ends in. Energies are milliwatt-hours, `*_micro` micro-units, fees decimals.

use super::gather::{Bundle, Sheet};
use crate::figures::amount;
use pile_units::Energy;

const COLUMNS: [&str; 21] = [
    "row",
    "account",
    "name",
    "settlement",
    "session",
    "port",
    "started",
    "ended",
    "reason",
    "segment",
    "band",
    "tariff",
    "energy_mwh",
    "energy_price",
    "service_price",
    "energy_fee_micro",
    "service_fee_micro",
    "energy_fee",
    "service_fee",
    "total",
    "record",
];

pub(super) fn write(bundle: &Bundle<'_>) -> String {
    let mut table = Table(csv::Writer::from_writer(Vec::new()));
    table.row(&COLUMNS.map(|name| (name, name.to_owned())));
    for sheet in &bundle.sheets {
        one(&mut table, bundle, sheet);
    }
    let unattributed = bundle.archive.book.balance().unattributed;
    table.row(&[
        ("row", "unattributed".to_owned()),
        ("energy_mwh", mwh(unattributed)),
    ]);
    String::from_utf8(table.0.into_inner().unwrap_or_default()).unwrap_or_default()
}

struct Table(csv::Writer<Vec<u8>>);

impl Table {
    fn row(&mut self, cells: &[(&str, String)]) {
        let cell = |column: &str| {
            let mut named = cells.iter().filter(|(name, _)| *name == column);
            named.next().map_or("", |(_, text)| text.as_str())
        };
        // Writing rows of equal length to memory does not fail.
        let _ = self.0.write_record(COLUMNS.map(cell));
    }
}

fn mwh(energy: Energy) -> String {
    energy.milliwatt_hours().to_string()
}

fn one(table: &mut Table, bundle: &Bundle<'_>, sheet: &Sheet) {
    let zone = bundle.archive.zone;
    let time = |at| zone.iso(at).unwrap_or_default();
    let common = |row: &str| {
        let settlement = sheet.frozen.as_ref().map(|it| it.settlement.id.to_string());
        vec![
            ("row", row.to_owned()),
            ("account", sheet.account.id.to_string()),
            ("name", sheet.name.clone().unwrap_or_default()),
            ("settlement", settlement.unwrap_or_default()),
        ]
    };
    for charged in &sheet.sessions {
        let closed = &charged.closed;
        let of_session = |row: &str| {
            let mut cells = common(row);
            cells.push(("session", closed.session.to_string()));
            cells.push(("port", closed.port.to_string()));
            cells
        };
        for (number, segment) in &charged.segments {
            let mut cells = of_session("segment");
            cells.extend([
                ("started", time(segment.from)),
                ("ended", time(segment.to)),
                ("segment", (u16::from(segment.index) + 1).to_string()),
                ("band", segment.band.as_str().to_owned()),
                ("tariff", segment.tariff.to_string()),
                ("energy_mwh", mwh(segment.energy)),
                ("energy_price", segment.energy_price.to_string()),
                ("service_price", segment.service_price.to_string()),
                (
                    "energy_fee_micro",
                    segment.energy_micro.micros().to_string(),
                ),
                (
                    "service_fee_micro",
                    segment.service_micro.micros().to_string(),
                ),
                ("record", number.to_string()),
            ]);
            table.row(&cells);
        }
        let mut cells = of_session("session");
        cells.extend([
            ("started", time(closed.opened)),
            ("ended", time(closed.closed)),
            ("reason", closed.reason.name().to_owned()),
            ("energy_mwh", mwh(closed.energy)),
            (
                "energy_fee",
                amount(closed.currency, closed.bill.energy_fee),
            ),
            (
                "service_fee",
                amount(closed.currency, closed.bill.service_fee),
            ),
            ("total", amount(closed.currency, closed.bill.total)),
            ("record", charged.number.to_string()),
        ]);
        table.row(&cells);
    }
    let (totals, currency) = (&sheet.totals, bundle.archive.book.currency());
    let mut cells = common("total");
    let frozen = sheet.frozen.as_ref().map(|it| it.number.to_string());
    cells.extend([
        ("energy_mwh", mwh(totals.energy)),
        ("energy_fee", amount(currency, totals.energy_fee)),
        ("service_fee", amount(currency, totals.service_fee)),
        ("total", amount(currency, totals.amount)),
        (
            "ended",
            sheet.so_far(bundle.archive).map(time).unwrap_or_default(),
        ),
        ("record", frozen.unwrap_or_default()),
    ]);
    table.row(&cells);
}
