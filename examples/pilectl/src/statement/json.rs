//! A statement for programs. Energies are whole milliwatt-hours, `*_micro` whole micro-units, fees
//! decimal strings; a time is ISO 8601, or null where the clock was not set.

use serde_json::{Value, json};

use super::gather::{Bundle, Charged, Sheet};
use crate::figures::{amount, clock, hex};
use billing_core::statement::Period;
use pile_units::WallTime;

pub(super) fn write(bundle: &Bundle<'_>) -> String {
    let archive = bundle.archive;
    let balance = archive.book.balance();
    let value = json!({
        "openpile_statement": 1,
        "pile": archive.book.pile().map(|pile| pile.to_string()),
        "journal": hex(&archive.identity.bytes()),
        "last_record": archive.end.seq.saturating_sub(1),
        "head": archive.end.head.to_string(),
        "currency": archive.book.currency().code(),
        "statements": bundle.sheets.iter().map(|it| one(bundle, it)).collect::<Vec<_>>(),
        "meters": {
            "metered_mwh": balance.metered.milliwatt_hours(),
            "accounts_mwh": balance.accounts.milliwatt_hours(),
            "open_mwh": balance.open.milliwatt_hours(),
            "unattributed_mwh": balance.unattributed.milliwatt_hours(),
        },
    });
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text + "\n"
}

fn one(bundle: &Bundle<'_>, sheet: &Sheet) -> Value {
    let (archive, totals) = (bundle.archive, &sheet.totals);
    let (currency, zone) = (archive.book.currency(), archive.zone);
    let settlement = sheet.frozen.as_ref().map(|frozen| {
        json!({
            "settlement": frozen.settlement.id,
            "at": zone.iso(frozen.settlement.at),
            "record": frozen.number,
            "paid": !sheet.waits(archive),
            "payment": sheet.payment.as_ref().map(|payment| json!({
                "at": zone.iso(payment.at),
                "reference": payment.reference.as_str(),
                "record": payment.number,
            })),
        })
    });
    let at = |unix| WallTime {
        unix,
        quality: pile_units::ClockQuality::Synchronised,
    };
    let period = match sheet.period {
        Period::Settlement(_) => json!("settlement"),
        Period::Open => json!("open"),
        Period::Between { from, to } => json!({
            "from": zone.iso(at(from)),
            "to": zone.iso(at(to)),
            // Where it is not null, sessions of the period may still come.
            "ledger_ends": sheet.so_far(archive).and_then(|last| zone.iso(last)),
        }),
    };
    json!({
        "account": sheet.account.id,
        "name": sheet.name,
        "plan": sheet.account.plan,
        "period": period,
        "settlement": settlement,
        "opening_mwh": totals.opening.milliwatt_hours(),
        "closing_mwh": totals.closing.milliwatt_hours(),
        "sessions": sheet.sessions.iter().map(|it| charged(bundle, it)).collect::<Vec<_>>(),
        "energy_mwh": totals.energy.milliwatt_hours(),
        "energy_fee": amount(currency, totals.energy_fee),
        "service_fee": amount(currency, totals.service_fee),
        "total": amount(currency, totals.amount),
    })
}

fn charged(bundle: &Bundle<'_>, charged: &Charged) -> Value {
    let (zone, closed) = (bundle.archive.zone, &charged.closed);
    let start = closed.reading.saturating_sub(closed.energy);
    let money = |it| amount(closed.currency, it);
    let segments = charged.segments.iter().map(|(number, segment)| {
        json!({
            "segment": u16::from(segment.index) + 1,
            "band": segment.band.as_str(),
            "tariff": segment.tariff,
            "plan": bundle.plans.get(&segment.tariff),
            "from": zone.iso(segment.from),
            "to": zone.iso(segment.to),
            "energy_mwh": segment.energy.milliwatt_hours(),
            "energy_price": segment.energy_price.to_string(),
            "service_price": segment.service_price.to_string(),
            "energy_fee_micro": segment.energy_micro.micros(),
            "service_fee_micro": segment.service_micro.micros(),
            "record": number,
        })
    });
    json!({
        "session": closed.session,
        "port": closed.port.number(),
        "card": closed.credential,
        "started": zone.iso(closed.opened),
        "ended": zone.iso(closed.closed),
        "clock": clock(closed.closed.quality),
        "reason": closed.reason.name(),
        "reading_start_mwh": start.milliwatt_hours(),
        "reading_end_mwh": closed.reading.milliwatt_hours(),
        "energy_mwh": closed.energy.milliwatt_hours(),
        "segments": segments.collect::<Vec<_>>(),
        "energy_fee": money(closed.bill.energy_fee),
        "service_fee": money(closed.bill.service_fee),
        "total": money(closed.bill.total),
        "receipt_page": closed.page,
        "record": charged.number,
    })
}
