//! Ports, and charging at them.

use std::io::Write;
use std::time::Duration;

use billing_core::record::ClosedSession;
use ble_protocol::message::{
    Notice, PortPage, PortView, PriceNow, Request, Response, Running, UpTo,
};
use pile_units::{Currency, Energy, Money, PortId, SessionId};

use super::commands::Start;
use super::table::{Cell, Table, pretty};
use super::talk::Talk;
use super::words;
use crate::answer::{Answer, Refusal};
use crate::figures::{amount, kwh, micros};

/// A port by its number.
///
/// # Errors
/// [`Refusal`] for a number that no pile has.
pub(super) fn port(number: u8) -> Result<PortId, Refusal> {
    let no = |_| Refusal::new(format!("there is no port {number}"), "ports are 1 to 16");
    PortId::from_number(number).map_err(no)
}

struct Ports {
    price: Option<PriceNow>,
    currency: Currency,
    views: Vec<PortView>,
}

fn all(talk: &mut Talk) -> Result<Ports, Refusal> {
    let mut from = port(1)?;
    let mut views = Vec::new();
    loop {
        let Response::Ports(PortPage {
            price,
            currency,
            ports,
            more,
        }) = talk.ask(Request::Ports { from })?
        else {
            return Err(words::odd());
        };
        views.extend(ports.iter().copied());
        let next = views
            .last()
            .and_then(|last| PortId::from_number(last.port.number() + 1).ok());
        match next {
            Some(next) if more && !ports.is_empty() => from = next,
            _ => {
                return Ok(Ports {
                    price,
                    currency,
                    views,
                });
            }
        }
    }
}

/// `ports`.
///
/// # Errors
/// [`Refusal`] if the pile does not tell.
pub fn ports(talk: &mut Talk, json: bool, watch: bool) -> Result<Answer, Refusal> {
    let ports = all(talk)?;
    let text = if json {
        pretty(&serde_json::json!({
            "currency": ports.currency.code(),
            "price": ports.price.map(|price| price_json(&price)),
            "ports": serde_json::from_str::<serde_json::Value>(&table(&ports).json()).unwrap_or_default(),
        }))
    } else {
        shown(&ports)
    };
    if !watch {
        return Ok(Answer::well(text));
    }
    say(&text);
    let currency = ports.currency;
    loop {
        match talk.notice(Duration::from_hours(1)) {
            Ok(Some(notice)) => {
                if let Some(line) = line(&notice, currency) {
                    say(&line);
                }
            }
            Ok(None) => (),
            Err(_) => {
                talk.again()?;
                say(&shown(&all(talk)?));
            }
        }
    }
}

fn price_json(price: &PriceNow) -> serde_json::Value {
    serde_json::json!({
        "band": price.band.as_str(),
        "energy": price.energy.to_string(),
        "service": price.service.to_string(),
    })
}

fn shown(ports: &Ports) -> String {
    let mut text = table(ports).text();
    if let Some(price) = &ports.price {
        text += &format!(
            "\nA kWh now: {} + {} service, {} ({})\n",
            price.energy,
            price.service,
            ports.currency,
            price.band.as_str()
        );
    }
    text
}

fn table(ports: &Ports) -> Table {
    let mut table = Table::new(&[
        ("port", "Port"),
        ("condition", "Condition"),
        ("mine", ""),
        ("session", "Session"),
        ("account", "Account"),
        ("watts", "W"),
        ("kwh", "kWh"),
        ("cost", "Cost"),
        ("seconds_left", "Seconds left"),
    ]);
    for view in &ports.views {
        let none = || Cell::new("", serde_json::Value::Null);
        let figure =
            |made: &dyn Fn(&Running) -> Cell| view.running.as_ref().map_or_else(none, made);
        table.row([
            Cell::of(view.port.number()),
            Cell::text(words::condition(view.condition)),
            Cell::flag(view.mine, "mine"),
            figure(&|it| Cell::of(it.session.get())),
            figure(&|it| Cell::of(it.account.get())),
            figure(&|it| Cell::of(it.power.milliwatts() / 1000)),
            figure(&|it| Cell::text(kwh(it.energy))),
            figure(&|it| Cell::text(micros(it.cost))),
            view.seconds_left.map_or_else(none, Cell::of),
        ]);
    }
    table
}

/// A notice in a line, where it is about ports and sessions.
fn line(notice: &Notice, currency: Currency) -> Option<String> {
    Some(match notice {
        Notice::PortChanged(view) => {
            let condition = words::condition(view.condition);
            format!("port {}: {condition}\n", view.port)
        }
        Notice::SessionOpened {
            session,
            port,
            account,
            ..
        } => {
            format!("port {port}: session {session} of account {account}\n")
        }
        Notice::Reading {
            session,
            port,
            power,
            energy,
            cost,
        } => {
            let watts = power.milliwatts() / 1000;
            let (kwh, cost) = (kwh(*energy), micros(*cost));
            format!("port {port}: session {session}: {watts} W, {kwh} kWh, {cost} {currency}\n")
        }
        Notice::SessionClosed(closed) => format!("port {}: {}", closed.port, bill(closed)),
        Notice::FaultLatched { port, fault } => {
            format!("port {port}: fault, {}\n", fault.name().replace('_', " "))
        }
        Notice::FaultCleared { port } => format!("port {port}: fault cleared\n"),
        _ => return None,
    })
}

/// What a session came to, in a line.
pub(super) fn bill(closed: &ClosedSession) -> String {
    format!(
        "session {} ended, {}: {} kWh, {} {}\n",
        closed.session,
        closed.reason.name().replace('_', " "),
        kwh(closed.energy),
        amount(closed.currency, closed.bill.total),
        closed.currency
    )
}

/// Prints at once. A reader that went away, such as `head`, ends it with the next line.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    if out
        .write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_err()
    {
        std::process::exit(0);
    }
}

/// A decimal of at most six places, in millionths.
///
/// ```
/// use pilectl::phone::charge::millionths;
/// assert_eq!(millionths("2.5"), Some(2_500_000));
/// assert_eq!(millionths("0.0000001"), None);
/// assert_eq!(millionths("-1"), None);
/// ```
pub fn millionths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 6 || text.ends_with('.')
    {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(1_000_000)?;
    let part = format!("{part:0<6}").parse::<u64>().ok()?;
    whole.checked_add(part)
}

fn up_to(start: &Start) -> Result<UpTo, Refusal> {
    let decimal = |text: &str| {
        let remedy = "give a number such as 1.5, with at most six decimals";
        let none = || Refusal::new(format!("{text}: not a number that can be"), remedy);
        millionths(text).filter(|it| *it > 0).ok_or_else(none)
    };
    Ok(match (start.minutes, &start.energy, &start.cost) {
        (Some(minutes), _, _) => UpTo::Time(pile_units::Duration::from_minutes(minutes)),
        (_, Some(energy), _) => UpTo::Energy(Energy::from_milliwatt_hours(decimal(energy)?)),
        (_, _, Some(cost)) => UpTo::Cost(Money::from_micros(decimal(cost)?)),
        _ => UpTo::Full,
    })
}

/// `start PORT`.
///
/// # Errors
/// [`Refusal`] if no session begins.
pub fn start(talk: &mut Talk, start: &Start) -> Result<Answer, Refusal> {
    let (port, up_to) = (port(start.port)?, up_to(start)?);
    match talk.ask(Request::Start { port, up_to })? {
        Response::Started { session, port } => Ok(Answer::well(format!(
            "Session {session} on port {port}. Plug the bike in; `pilectl phone live` follows it.\n"
        ))),
        _ => Err(words::odd()),
    }
}

/// The only session of the own account that runs.
fn own(talk: &mut Talk) -> Result<(PortView, Running, Currency), Refusal> {
    let ports = all(talk)?;
    let mut mine = ports.views.iter().filter(|view| view.mine);
    match (mine.next(), mine.next()) {
        (Some(view), None) => match view.running {
            Some(running) => Ok((*view, running, ports.currency)),
            None => Err(Refusal::new(
                format!("the session on port {} is just beginning", view.port),
                "try again",
            )),
        },
        (None, _) => Err(Refusal::new(
            "no session of this account runs",
            "start one: pilectl phone start PORT",
        )),
        _ => Err(Refusal::new(
            "more than one session of this account runs",
            "say which: pilectl phone stop SESSION, or --port N",
        )),
    }
}

/// `stop`.
///
/// # Errors
/// [`Refusal`] if it is not stopped.
pub fn stop(talk: &mut Talk, session: Option<u32>, on: Option<u8>) -> Result<Answer, Refusal> {
    let session = match (session, on) {
        (Some(session), _) => SessionId::new(session),
        (None, Some(number)) => {
            let on = port(number)?;
            let view = all(talk)?.views.into_iter().find(|view| view.port == on);
            let running = view.and_then(|view| view.running);
            let none = || {
                let what = format!("no session of yours runs on port {number}");
                Refusal::new(what, "look: pilectl phone ports")
            };
            running.ok_or_else(none)?.session
        }
        (None, None) => own(talk)?.1.session,
    };
    let Response::Done = talk.ask(Request::Stop { session })? else {
        return Err(words::odd());
    };
    for _ in 0..20 {
        match talk.notice(Duration::from_millis(500)) {
            Ok(Some(Notice::SessionClosed(closed))) if closed.session == session => {
                return Ok(Answer::well(format!("Stopped: {}", bill(&closed))));
            }
            Ok(_) => (),
            Err(_) => break,
        }
        // It may have ended before this phone came.
        if let Some(closed) = ended(talk, session)? {
            return Ok(Answer::well(format!("Stopped: {}", bill(&closed))));
        }
    }
    Ok(Answer::well(format!(
        "Stopped. Its bill is being made: pilectl phone receipt {session}\n"
    )))
}

/// The bill of a session that has ended.
fn ended(talk: &mut Talk, session: SessionId) -> Result<Option<ClosedSession>, Refusal> {
    match talk.try_ask(Request::Receipt { session, from: 0 })? {
        Response::Receipt(page) => Ok(Some(page.session)),
        _ => Ok(None),
    }
}

/// `live`.
///
/// # Errors
/// [`Refusal`] if none runs.
pub fn live(talk: &mut Talk) -> Result<Answer, Refusal> {
    let (view, running, currency) = own(talk)?;
    let session = running.session;
    say(&format!(
        "port {}: session {session}: {}\n",
        view.port,
        words::running(&running, currency)
    ));
    loop {
        match talk.notice(Duration::from_secs(30)) {
            Ok(Some(Notice::SessionClosed(closed))) if closed.session == session => {
                return Ok(Answer::well(bill(&closed)));
            }
            Ok(Some(notice)) => {
                let about = match &notice {
                    Notice::Reading { session: of, .. } => *of == session,
                    Notice::PortChanged(of) => of.port == view.port,
                    Notice::FaultLatched { port, .. } => *port == view.port,
                    _ => false,
                };
                if let Some(line) = line(&notice, currency).filter(|_| about) {
                    say(&line);
                }
            }
            Ok(None) | Err(_) => {
                // A notice that was lost does not come again: ask.
                if talk.notice(Duration::ZERO).is_err() {
                    talk.again()?;
                }
                if let Some(closed) = ended(talk, session)? {
                    return Ok(Answer::well(bill(&closed)));
                }
            }
        }
    }
}
