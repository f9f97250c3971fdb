//! What a replay says on the terminal when it is done: the bills, whether they add up, how fast it
//! went, and where the report is.

use std::path::Path;

use pile_units::{Energy, Money};

use crate::figures::{amount, counted, days, grouped, kwh, kwh_exact, natural_order};
use crate::output::Outputs;

/// Writes the bills. `wall` is how long the replay took.
///
/// The text is plain, at most 80 columns wide for usual names, and ends with a line feed.
pub fn text(outputs: &Outputs, wall: core::time::Duration, report: &Path) -> String {
    let summary = &outputs.summary;
    let mut told = bills(outputs);
    told.push('\n');
    told += &reconciliation(outputs);
    told.push('\n');
    if summary.power_cuts > 0 {
        told += &format!(
            "{}; the most one port lost in one cut: {}\n",
            counted(summary.power_cuts.into(), "power cut"),
            summary.max_lost_per_port_per_cut
        );
    }
    told += &format!(
        "{} in {}.{} s: {} simulated seconds a second\n",
        days(summary.simulated_seconds),
        wall.as_secs(),
        wall.subsec_millis() / 100,
        grouped(speed(summary.simulated_seconds, wall)),
    );
    told += &format!("The report: {}\n", report.display());
    told
}

/// The table of tenants and their sum.
fn bills(outputs: &Outputs) -> String {
    let currency = outputs.currency;
    let money = |money: Money| amount(currency, money);
    let mut accounts: Vec<_> = outputs.accounts.iter().collect();
    accounts.sort_by(|a, b| natural_order(&a.account, &b.account));
    let head = [
        "Tenant",
        "Sessions",
        "kWh",
        "Electricity",
        "Service",
        "Total",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(accounts.iter().map(|row| {
        [
            row.account.clone(),
            grouped(row.sessions.into()),
            kwh(row.energy),
            money(row.energy_fee),
            money(row.service_fee),
            money(row.total),
        ]
    }));
    let sessions: u64 = accounts.iter().map(|row| u64::from(row.sessions)).sum();
    rows.push([
        "All tenants".to_owned(),
        grouped(sessions),
        kwh(accounts.iter().map(|row| row.energy).sum()),
        money(accounts.iter().map(|row| row.energy_fee).sum()),
        money(accounts.iter().map(|row| row.service_fee).sum()),
        money(accounts.iter().map(|row| row.total).sum()),
    ]);
    format!("Bills in {currency}\n\n{}", columns(&rows))
}

/// Sets rows in columns: the first to the left, the others to the right, a rule under the first
/// row and above the last.
fn columns(rows: &[[String; 6]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * 5) + "\n";
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        if number == 1 || number + 1 == rows.len() {
            text += &rule;
        }
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            text += &if column == 0 {
                format!("{cell:<width$}")
            } else {
                format!("  {cell:>width$}")
            };
        }
        text.push('\n');
    }
    text
}

/// Where the energy went, and whether it adds up.
fn reconciliation(outputs: &Outputs) -> String {
    let summary = &outputs.summary;
    let sum = summary
        .billed
        .saturating_add(summary.unattributed)
        .saturating_add(summary.lost);
    let closes = if sum == summary.delivered {
        "exactly"
    } else {
        "IT DOES NOT ADD UP"
    };
    let line = |name: &str, energy: Energy, told: &str| {
        format!("{name:<16}{:>18} kWh  {told}\n", kwh_exact(energy))
    };
    let mut text = [
        line("  billed", summary.billed, ""),
        line(
            "+ unattributed",
            summary.unattributed,
            "metered, on no account",
        ),
        line("+ lost", summary.lost, "power cuts and counter steps"),
        line("= delivered", summary.delivered, closes),
    ]
    .map(|line| line.trim_end().to_owned() + "\n")
    .concat();
    let dearer = outputs
        .sessions
        .iter()
        .filter(|row| row.energy > row.delivered)
        .count();
    text += &match dearer {
        0 => "No session is billed more than its wire gave.\n".to_owned(),
        dearer => format!(
            "{} BILLED MORE THAN THE WIRE GAVE.\n",
            counted(dearer as u64, "SESSION")
        ),
    };
    text
}

/// Simulated seconds a second of the wall clock.
fn speed(simulated_seconds: u64, wall: core::time::Duration) -> u64 {
    let millis = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX).max(1);
    simulated_seconds.saturating_mul(1000) / millis
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn told(change: impl FnOnce(&mut Outputs)) -> String {
        let mut outputs = sample::outputs();
        change(&mut outputs);
        let wall = core::time::Duration::from_millis(21_340);
        text(&outputs, wall, Path::new("out/report.html"))
    }

    #[test]
    fn every_tenant_has_a_line_in_the_order_of_the_flats() {
        let told = told(|_| ());
        println!("{told}");
        let place = |name: &str| told.find(&format!("\n{name} ")).unwrap();
        assert!(place("Share-7") < place("Share-18"));
        for account in sample::sessions().accounts {
            place(&account);
        }
        assert!(told.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn the_speed_and_the_report_are_told() {
        let told = told(|_| ());
        assert!(told.contains("394.3 days in 21.3 s: 1,596,532 simulated seconds a second\n"));
        assert!(told.ends_with("The report: out/report.html\n"));
        assert!(told.contains("50 power cuts; the most one port lost in one cut: 0.612 Wh\n"));
    }

    #[test]
    fn a_balance_that_does_not_close_is_said_aloud() {
        assert!(told(|_| ()).contains("kWh  exactly\n"));
        assert!(told(|o| o.summary.lost = Energy::ZERO).contains("IT DOES NOT ADD UP"));
        let told = told(|o| o.sessions[0].energy = Energy::from_watt_hours(99_000));
        assert!(told.contains("1 SESSION BILLED MORE"));
    }

    #[test]
    fn without_cuts_none_are_told() {
        assert!(!told(|o| o.summary.power_cuts = 0).contains("power cut;"));
    }
}
