//! Settlements and their payment.

use billing_core::book::Settlement;
use ble_protocol::message::{Request, Response};
use pile_units::{AccountId, Currency};

use super::house::done;
use super::table::{Cell, Table};
use super::talk::Talk;
use super::words;
use crate::answer::{Answer, Refusal};
use crate::figures::{amount, counted, kwh};

/// A settlement in words.
pub(super) fn settlement(it: &Settlement, currency: Currency) -> String {
    format!(
        "Settlement {} of account {}: {}, {} to {} = {} kWh, {} {currency}\n",
        it.id,
        it.account,
        counted(it.sessions.into(), "session"),
        kwh(it.opening),
        kwh(it.closing),
        kwh(it.closing.saturating_sub(it.opening)),
        amount(currency, it.amount)
    )
}

/// Those that wait for their payment, the number of the next, and the currency.
fn waiting(talk: &mut Talk) -> Result<(Vec<Settlement>, u32, Currency), Refusal> {
    let (mut from, mut all) = (0, Vec::new());
    loop {
        let Response::Settlements(page) = talk.ask(Request::Settlements { from })? else {
            return Err(words::odd());
        };
        all.extend(page.settlements.iter().copied());
        match page.settlements.iter().last() {
            Some(last) if page.more => from = last.id.saturating_add(1),
            _ => return Ok((all, page.next, page.currency)),
        }
    }
}

/// `settle ACCOUNT`.
///
/// # Errors
/// [`Refusal`] if nothing is settled.
pub fn settle(talk: &mut Talk, account: u16) -> Result<Answer, Refusal> {
    let (_, number, currency) = waiting(talk)?;
    let account = AccountId::new(account);
    match talk.ask(Request::Settle { account, number })? {
        Response::Settled(settled) => Ok(Answer::well(format!(
            "{}When it is paid: pilectl phone mark-paid {}\n",
            settlement(&settled, currency),
            settled.id
        ))),
        _ => Err(words::odd()),
    }
}

/// `settlements`.
///
/// # Errors
/// [`Refusal`] if the pile does not tell.
pub fn settlements(talk: &mut Talk, json: bool) -> Result<Answer, Refusal> {
    let (zone, _) = talk.local()?;
    let (all, _, currency) = waiting(talk)?;
    let mut table = Table::new(&[
        ("settlement", "Settlement"),
        ("account", "Account"),
        ("at", "At"),
        ("sessions", "Sessions"),
        ("opening_kwh", "From kWh"),
        ("closing_kwh", "To kWh"),
        ("amount", "Amount"),
        ("currency", ""),
    ]);
    for it in &all {
        table.row([
            Cell::of(it.id),
            Cell::of(it.account.get()),
            Cell::new(zone.minute(it.at), zone.iso(it.at)),
            Cell::of(it.sessions),
            Cell::text(kwh(it.opening)),
            Cell::text(kwh(it.closing)),
            Cell::text(amount(currency, it.amount)),
            Cell::text(currency.code()),
        ]);
    }
    Ok(Answer::well(
        table.shown(json, "Nothing waits for its payment."),
    ))
}

/// `mark-paid SETTLEMENT`.
///
/// # Errors
/// [`Refusal`] if it is not noted.
pub fn mark_paid(talk: &mut Talk, settlement: u32, note: &str) -> Result<Answer, Refusal> {
    let wrong = |_| {
        let remedy = "give at most 24 bytes without control characters";
        Refusal::new(format!("{note:?}: no note for a payment"), remedy)
    };
    let request = Request::MarkPaid {
        settlement,
        reference: note.parse().map_err(wrong)?,
    };
    done(talk, request, format!("Settlement {settlement} is paid.\n"))
}
