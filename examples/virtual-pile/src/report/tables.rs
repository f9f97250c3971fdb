//! The tables of the report.

use pile_units::{Energy, Money};

use super::{ReportData, escape, paragraph};
use crate::figures::{amount, counted, grouped, kwh, kwh_exact, natural_order};
use crate::output::SegmentRow;
use crate::wall;

/// How many power cuts the report lists one by one.
const LISTED_CUTS: usize = 10;

/// A table; columns whose name begins with `#` hold numbers.
fn table(columns: &[&str], rows: &[Vec<String>], foot: Option<Vec<String>>) -> String {
    let class = |place: usize| match columns.get(place) {
        Some(name) if name.starts_with('#') => " class=\"n\"",
        _ => "",
    };
    let line = |tag: &str, cells: &[String]| {
        let cells: String = cells
            .iter()
            .enumerate()
            .map(|(place, cell)| format!("<{tag}{}>{}</{tag}>", class(place), escape(cell)))
            .collect();
        format!("<tr>{cells}</tr>\n")
    };
    let names: Vec<String> = columns
        .iter()
        .map(|name| name.trim_start_matches('#').to_owned())
        .collect();
    let head = line("th", &names);
    let body: String = rows.iter().map(|row| line("td", row)).collect();
    let foot = foot
        .map(|row| format!("<tfoot>{}</tfoot>", line("td", &row)))
        .unwrap_or_default();
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead>{head}</thead>\
         <tbody>{body}</tbody>{foot}</table></div>\n"
    )
}

/// A bill a tenant, and their sum.
pub(super) fn bills(data: &ReportData<'_>) -> String {
    let currency = data.tariff.currency();
    let money = |money: Money| amount(currency, money);
    let mut accounts: Vec<_> = data.accounts.iter().collect();
    accounts.sort_by(|a, b| natural_order(&a.account, &b.account));
    let rows: Vec<_> = accounts
        .iter()
        .map(|row| {
            vec![
                row.account.clone(),
                grouped(row.sessions.into()),
                kwh(row.energy),
                money(row.energy_fee),
                money(row.service_fee),
                money(row.total),
            ]
        })
        .collect();
    let sessions: u64 = data
        .accounts
        .iter()
        .map(|row| u64::from(row.sessions))
        .sum();
    let foot = vec![
        "All tenants".to_owned(),
        grouped(sessions),
        kwh(data.accounts.iter().map(|row| row.energy).sum()),
        money(data.accounts.iter().map(|row| row.energy_fee).sum()),
        money(data.accounts.iter().map(|row| row.service_fee).sum()),
        money(data.accounts.iter().map(|row| row.total).sum()),
    ];
    let (electricity, service, total) = (
        format!("#Electricity, {currency}"),
        format!("#Service, {currency}"),
        format!("#Total, {currency}"),
    );
    let columns = [
        "Tenant",
        "#Sessions",
        "#Energy, kWh",
        &electricity,
        &service,
        &total,
    ];
    table(&columns, &rows, Some(foot))
}

/// Delivered = billed + unattributed + lost.
pub(super) fn reconciliation(data: &ReportData<'_>) -> String {
    let summary = data.summary;
    let line = |sign: &str, what: &str, energy: Energy, told: &str| {
        vec![format!("{sign}{what}"), kwh_exact(energy), told.to_owned()]
    };
    let lost = "what power cuts took, and what had not filled a counter step; nobody pays for it";
    let rows = [
        line("", "Billed", summary.billed, "on the tenants' accounts"),
        line(
            "+ ",
            "Unattributed",
            summary.unattributed,
            "metered, on no account",
        ),
        line("+ ", "Lost", summary.lost, lost),
    ];
    let sum = summary
        .billed
        .saturating_add(summary.unattributed)
        .saturating_add(summary.lost);
    let agrees = if sum == summary.delivered {
        "what the wires gave: it adds up exactly"
    } else {
        "what the wires gave: IT DOES NOT ADD UP"
    };
    let foot = line("= ", "Delivered", summary.delivered, agrees);
    table(&["", "#Energy, kWh", ""], &rows, Some(foot))
}

/// The power cuts: a sentence, and the worst of them.
pub(super) fn cuts(data: &ReportData<'_>) -> String {
    let summary = data.summary;
    if summary.power_cuts == 0 {
        return paragraph("The supply was never cut.");
    }
    let in_flash = data
        .cuts
        .iter()
        .filter(|cut| cut.in_flash_operation)
        .count();
    let flash = if in_flash > 0 {
        format!(
            ", {} of them inside a flash operation",
            grouped(in_flash as u64)
        )
    } else {
        String::new()
    };
    let mut told = format!(
        "The supply was cut {}{flash}. The most that one port lost in one cut is {}. ",
        counted(summary.power_cuts.into(), "time"),
        summary.max_lost_per_port_per_cut,
    );
    let dearer = data
        .sessions
        .iter()
        .filter(|row| row.energy > row.delivered)
        .count();
    told += &match dearer {
        0 => "No session was billed more than its wire gave.".to_owned(),
        dearer => format!(
            "{} BILLED MORE THAN THE WIRE GAVE.",
            counted(dearer as u64, "SESSION")
        ),
    };
    let mut worst: Vec<_> = data.cuts.iter().collect();
    worst.sort_by_key(|cut| (core::cmp::Reverse(cut.lost), cut.at));
    worst.truncate(LISTED_CUTS);
    if worst.is_empty() {
        return paragraph(&told);
    }
    let rows: Vec<_> = worst
        .iter()
        .map(|cut| {
            vec![
                wall::plain(cut.at, data.utc_offset),
                cut.charging.to_string(),
                if cut.in_flash_operation { "yes" } else { "no" }.to_owned(),
                cut.lost.to_string().trim_end_matches(" Wh").to_owned(),
            ]
        })
        .collect();
    let columns = [
        "The costliest cuts",
        "#Ports charging",
        "In a flash operation",
        "#Lost, Wh",
    ];
    paragraph(&told) + &table(&columns, &rows, None)
}

/// The bands, their hours and prices.
pub(super) fn tariff(data: &ReportData<'_>) -> String {
    let tariff = data.tariff;
    let unknown = tariff.unknown_time_band();
    let rows: Vec<_> = tariff
        .bands()
        .iter()
        .enumerate()
        .map(|(number, band)| {
            let price = |price: pile_units::Price| price.to_string();
            let when = hours(tariff.slots().iter().map(|slot| slot.get() == number));
            let also = if unknown.get() == number {
                " and while the time is not known"
            } else {
                ""
            };
            let both =
                band.energy.micros_per_kilowatt_hour() + band.service.micros_per_kilowatt_hour();
            let both = pile_units::Price::from_micros_per_kilowatt_hour(both)
                .map_or_else(|_| String::new(), price);
            vec![
                band.name.to_string(),
                when + also,
                price(band.energy),
                price(band.service),
                both,
            ]
        })
        .collect();
    let currency = tariff.currency();
    let per = |name: &str| format!("#{name}, {currency} a kWh");
    let (electricity, service, both) = (per("Electricity"), per("Service"), per("Both"));
    table(
        &["Band", "Hours", &electricity, &service, &both],
        &rows,
        None,
    )
}

/// The stretches of one session with their prices.
pub(super) fn segments(segments: &[&SegmentRow], data: &ReportData<'_>) -> String {
    let clock = |at| wall::hour_and_minute(wall::local(at, data.utc_offset));
    let rows: Vec<_> = segments
        .iter()
        .map(|row| {
            let micro = |money: Money| format!("{:.6}", Micros(money));
            vec![
                row.band.clone(),
                clock(row.from),
                clock(row.to),
                kwh_exact(row.energy),
                row.energy_price.to_string(),
                micro(row.energy_fee),
                row.service_price.to_string(),
                micro(row.service_fee),
            ]
        })
        .collect();
    let columns = [
        "Band",
        "From",
        "To",
        "#Energy, kWh",
        "#Electricity a kWh",
        "#Electricity",
        "#Service a kWh",
        "#Service",
    ];
    table(&columns, &rows, None)
}

/// Money with all six decimals.
struct Micros(Money);

impl core::fmt::Display for Micros {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let micros = self.0.micros();
        write!(f, "{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

/// A stop reason as people say it.
pub(super) fn reason(snake_case: &str) -> String {
    snake_case.replace('_', " ")
}

/// The hours of a day in which a band is in force: `22:00-08:00`. A stretch over midnight is one.
fn hours(in_force: impl Iterator<Item = bool>) -> String {
    let slots: Vec<bool> = in_force.collect();
    let count = slots.len();
    if slots.iter().all(|&on| on) {
        return "all day".to_owned();
    }
    let on = |slot: usize| slots.get(slot % count).copied().unwrap_or(false);
    let clock = |slot: usize| format!("{:02}:{:02}", slot / 2, slot % 2 * 30);
    let begins = (0..count).filter(|&slot| on(slot) && !on(slot + count - 1));
    let stretches: Vec<_> = begins
        .map(|begin| {
            let length = (0..count).take_while(|&length| on(begin + length)).count();
            let end = begin + length;
            let end = if end > count { end - count } else { end };
            format!("{}\u{2013}{}", clock(begin), clock(end))
        })
        .collect();
    stretches.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_a_band_are_told_from_its_half_hours() {
        let told = |on: &dyn Fn(usize) -> bool| hours((0..48).map(on));
        assert_eq!(told(&|slot| (16..44).contains(&slot)), "08:00\u{2013}22:00");
        assert_eq!(
            told(&|slot| !(16..44).contains(&slot)),
            "22:00\u{2013}08:00"
        );
        assert_eq!(told(&|slot| slot >= 44), "22:00\u{2013}24:00");
        assert_eq!(told(&|_| true), "all day");
        let twice = told(&|slot| slot < 2 || slot == 17);
        assert_eq!(twice, "00:00\u{2013}01:00, 08:30\u{2013}09:00");
    }
}
