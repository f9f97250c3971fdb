//! What was charged and what it costs: sessions, statements, the own account.

use billing_core::record::ClosedSession;
use billing_core::statement::Period;
use ble_protocol::message::{Request, Response, StatementPage};
use pile_units::{AccountId, Currency, Energy, Money};

use super::commands::Statement;
use super::house::account_table;
use super::table::{Cell, Table, pretty};
use super::talk::Talk;
use super::words;
use crate::answer::{Answer, Refusal};
use crate::figures::{Zone, amount, counted, kwh};

/// `sessions`.
///
/// # Errors
/// [`Refusal`] if the pile does not tell.
pub fn sessions(
    talk: &mut Talk,
    json: bool,
    account: Option<u16>,
    count: usize,
) -> Result<Answer, Refusal> {
    let (zone, _) = talk.local()?;
    let account = account.map(AccountId::new);
    let (mut before, mut all) = (None, Vec::new());
    while all.len() < count {
        let request = Request::Sessions {
            account,
            before,
            count: u8::try_from(count - all.len()).unwrap_or(8).min(8),
        };
        let Response::Sessions(page) = talk.ask(request)? else {
            return Err(words::odd());
        };
        all.extend(page.sessions.iter().copied());
        match page.sessions.iter().last() {
            Some(last) if page.more => before = Some(last.session),
            _ => break,
        }
    }
    Ok(Answer::well(
        table(&all, zone).shown(json, "No session yet."),
    ))
}

fn table(sessions: &[ClosedSession], zone: Zone) -> Table {
    let mut table = Table::new(&[
        ("session", "Session"),
        ("account", "Account"),
        ("port", "Port"),
        ("opened", "From"),
        ("closed", "To"),
        ("reason", "Ended"),
        ("kwh", "kWh"),
        ("electricity", "Electricity"),
        ("service", "Service"),
        ("total", "Total"),
        ("currency", ""),
    ]);
    for session in sessions {
        let money = |it| Cell::text(amount(session.currency, it));
        let at = |at| Cell::new(zone.minute(at), zone.iso(at));
        table.row([
            Cell::of(session.session.get()),
            Cell::of(session.account.get()),
            Cell::of(session.port.number()),
            at(session.opened),
            at(session.closed),
            Cell::new(
                session.reason.name().replace('_', " "),
                session.reason.name(),
            ),
            Cell::text(kwh(session.energy)),
            money(session.bill.energy_fee),
            money(session.bill.service_fee),
            money(session.bill.total),
            Cell::text(session.currency.code()),
        ]);
    }
    table
}

/// `statement`.
///
/// # Errors
/// [`Refusal`] if the pile does not have it.
pub fn statement(talk: &mut Talk, json: bool, wanted: &Statement) -> Result<Answer, Refusal> {
    let (zone, _) = talk.local()?;
    let period = match (wanted.settlement, &wanted.month) {
        (Some(number), _) => Period::Settlement(number),
        (None, None) => Period::Open,
        (None, Some(month)) => {
            let none = || Refusal::new(format!("{month}: not a month"), "give one such as 2026-10");
            let (from, to) = zone.month(month).ok_or_else(none)?;
            Period::Between { from, to }
        }
    };
    let account = wanted.account.map(AccountId::new);
    let mut sessions: Vec<ClosedSession> = Vec::new();
    let page = loop {
        let request = Request::Statement {
            account,
            period,
            skip: u32::try_from(sessions.len()).unwrap_or(u32::MAX),
        };
        let Response::Statement(page) = talk.ask(request)? else {
            return Err(words::odd());
        };
        sessions.extend(page.sessions.iter().copied());
        if !page.more || page.sessions.is_empty() {
            break page;
        }
    };
    let adds_up = adds_up(&page, &sessions);
    let lines = table(&sessions, zone);
    let text = if json {
        let totals = &page.totals;
        pretty(&serde_json::json!({
            "sessions": serde_json::from_str::<serde_json::Value>(&lines.json()).unwrap_or_default(),
            "opening_kwh": kwh(totals.opening),
            "closing_kwh": kwh(totals.closing),
            "kwh": kwh(totals.energy),
            "currency": page.currency.code(),
            "electricity": amount(page.currency, totals.energy_fee),
            "service": amount(page.currency, totals.service_fee),
            "total": amount(page.currency, totals.amount),
            "settlement": page.settlement.map(|it| it.id),
            "paid": page.paid.as_ref().and_then(|(at, _)| zone.iso(*at)),
        }))
    } else {
        summed(&page, &lines, zone)
    };
    Ok(if adds_up {
        Answer::well(text)
    } else {
        let wrong = "THIS DOES NOT COME OUT: the sessions are not what the totals say.";
        Answer::wrong(format!("{text}\n{wrong}\n"))
    })
}

/// The sessions are as many as the pile says, and come to what it says.
fn adds_up(page: &StatementPage, sessions: &[ClosedSession]) -> bool {
    let totals = &page.totals;
    let sum = |of: fn(&ClosedSession) -> Money| -> Option<Money> {
        let mut all = sessions.iter().map(of);
        all.try_fold(Money::ZERO, Money::checked_add)
    };
    let energy = sessions.iter().map(|session| session.energy);
    let energy = { energy }.try_fold(Energy::ZERO, Energy::checked_add);
    usize::try_from(totals.sessions) == Ok(sessions.len())
        && energy == Some(totals.energy)
        && totals.opening.checked_add(totals.energy) == Some(totals.closing)
        && sum(|it| it.bill.energy_fee) == Some(totals.energy_fee)
        && sum(|it| it.bill.service_fee) == Some(totals.service_fee)
        && sum(|it| it.bill.total) == Some(totals.amount)
}

fn summed(page: &StatementPage, lines: &Table, zone: Zone) -> String {
    let (totals, currency) = (&page.totals, page.currency);
    let state = match (&page.settlement, &page.paid) {
        (Some(it), Some((at, note))) => {
            let (id, at, note) = (it.id, zone.minute(*at), note.as_str());
            format!("Settlement {id}, paid {at} {note}")
        }
        (Some(it), None) => format!("Settlement {}, not paid yet", it.id),
        (None, _) => "Not settled".to_owned(),
    };
    let mut text = format!("{state}\n\n");
    if !lines.is_empty() {
        text += &format!("{}\n", lines.text());
    }
    let row = |what: &str, figure: String| format!("{what:<16} {figure:>16}\n");
    text += &row("Opening reading", format!("{} kWh", kwh(totals.opening)));
    text += &row("Closing reading", format!("{} kWh", kwh(totals.closing)));
    text += &row("Drawn", format!("{} kWh", kwh(totals.energy)));
    text += &row("Electricity", in_money(currency, totals.energy_fee));
    text += &row("Service", in_money(currency, totals.service_fee));
    text += &row("Total", in_money(currency, totals.amount));
    text + &format!(
        "{}, added up here.\n",
        counted(totals.sessions.into(), "session")
    )
}

fn in_money(currency: Currency, money: Money) -> String {
    format!("{} {currency}", amount(currency, money))
}

/// `account`.
///
/// # Errors
/// [`Refusal`] if the pile does not tell.
pub fn account(talk: &mut Talk, json: bool) -> Result<Answer, Refusal> {
    let Response::Account(view) = talk.ask(Request::MyAccount)? else {
        return Err(words::odd());
    };
    Ok(Answer::well(account_table(talk, &[view])?.shown(json, "")))
}
