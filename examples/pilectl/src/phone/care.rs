//! The state of the pile: faults, limits, the clock, what a service engineer asks.

use std::time::{SystemTime, UNIX_EPOCH};

use ble_protocol::message::{Diagnostics, PortCondition, PortView, Request, Response};
use pile_units::{
    ClockQuality, CredentialId, Duration, Limits, OutOfRange, PortId, Power, Temperature,
    UnixSeconds, WallTime,
};
use serde_json::Value;

use super::charge::port;
use super::commands::OnOff;
use super::house::done;
use super::table::{Cell, Table, pretty};
use super::talk::Talk;
use super::words;
use crate::answer::{Answer, Refusal};
use crate::figures::{Zone, counted, kwh};
use crate::ledger::words as record_words;

/// `clear-fault PORT`.
///
/// # Errors
/// [`Refusal`] if it stays.
pub fn clear_fault(talk: &mut Talk, number: u8) -> Result<Answer, Refusal> {
    let port = port(number)?;
    let PortCondition::Faulted(fault) = view(talk, port)?.condition else {
        return Err(words::refused(ble_protocol::Refusal::NoSuchThing));
    };
    let request = Request::ClearFault { port, fault };
    done(
        talk,
        request,
        format!("The fault of port {number} is cleared.\n"),
    )
}

/// What is on a port now.
fn view(talk: &mut Talk, port: PortId) -> Result<PortView, Refusal> {
    let Response::Ports(page) = talk.ask(Request::Ports { from: port })? else {
        return Err(words::odd());
    };
    let view = page.ports.iter().find(|view| view.port == port);
    view.copied()
        .ok_or_else(|| words::refused(ble_protocol::Refusal::NoSuchThing))
}

/// `stop-port PORT`.
///
/// # Errors
/// [`Refusal`] if nothing is stopped.
pub fn stop_port(talk: &mut Talk, number: u8) -> Result<Answer, Refusal> {
    let port = port(number)?;
    let Some(running) = view(talk, port)?.running else {
        return Err(words::refused(ble_protocol::Refusal::NoSuchThing));
    };
    let session = running.session;
    let request = Request::StopPort { port, session };
    done(talk, request, format!("Port {number} is off.\n"))
}

/// `switch-port PORT on|off`.
///
/// # Errors
/// [`Refusal`] if it is not switched.
pub fn switch_port(talk: &mut Talk, number: u8, how: OnOff) -> Result<Answer, Refusal> {
    let enabled = how == OnOff::On;
    let port = port(number)?;
    let how = if enabled { "in" } else { "out of" };
    let request = Request::SwitchPort { port, enabled };
    done(talk, request, format!("Port {number} is {how} service.\n"))
}

/// `set-clock`.
///
/// # Errors
/// [`Refusal`] if it is not set.
pub fn set_clock(talk: &mut Talk, at: Option<&str>) -> Result<Answer, Refusal> {
    let seconds = if let Some(text) = at {
        let wrong = |_| {
            let remedy = "give seconds since 1970, as `date +%s` prints them";
            Refusal::new(format!("{text}: not a time"), remedy)
        };
        text.parse().map_err(wrong)?
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now
            .ok()
            .and_then(|since| u32::try_from(since.as_secs()).ok());
        let none = || {
            Refusal::new(
                "this computer's clock is not set",
                "set it, or say --at SECONDS",
            )
        };
        now.ok_or_else(none)?
    };
    let (zone, _) = talk.local()?;
    let now = WallTime {
        unix: UnixSeconds::new(seconds),
        quality: ClockQuality::Synchronised,
    };
    done(
        talk,
        Request::SetClock { now },
        format!("The pile's clock is set: {}.\n", zone.second(now)),
    )
}

fn asked(talk: &mut Talk) -> Result<Limits, Refusal> {
    match talk.ask(Request::Limits)? {
        Response::Limits(limits) => Ok(limits),
        _ => Err(words::odd()),
    }
}

/// `limits`.
///
/// # Errors
/// [`Refusal`] if the pile does not tell, or take them.
pub fn limits(talk: &mut Talk, json: bool, set: &[String]) -> Result<Answer, Refusal> {
    let mut limits = asked(talk)?;
    if set.is_empty() {
        return Ok(Answer::well(shown(&limits, json)));
    }
    for each in set {
        limits = with(limits, each)?;
    }
    match talk.ask(Request::SetLimits { limits })? {
        Response::Done => Ok(Answer::well(shown(&limits, json))),
        _ => Err(words::odd()),
    }
}

/// A limit's name, figure and unit.
fn figures(limits: &Limits) -> [(&'static str, i64, &'static str); 11] {
    let watts = |it: Power| i64::from(it.milliwatts() / 1000);
    let seconds = |it: Duration| i64::try_from(it.seconds()).unwrap_or(i64::MAX);
    let celsius = |it: Temperature| i64::from(it.decicelsius()) / 10;
    [
        ("port_power", watts(limits.port_power()), "W"),
        ("pile_power", watts(limits.pile_power()), "W"),
        ("overload_after", seconds(limits.overload_after()), "s"),
        ("no_load_after", seconds(limits.no_load_after()), "s"),
        ("unplugged_power", watts(limits.unplugged_power()), "W"),
        ("unplugged_after", seconds(limits.unplugged_after()), "s"),
        ("full_power", watts(limits.full_power()), "W"),
        ("full_after", seconds(limits.full_after()), "s"),
        ("longest_session", seconds(limits.longest_session()), "s"),
        (
            "warn_temperature",
            celsius(limits.warn_temperature()),
            "degrees C",
        ),
        (
            "cut_temperature",
            celsius(limits.cut_temperature()),
            "degrees C",
        ),
    ]
}

fn shown(limits: &Limits, json: bool) -> String {
    if json {
        let members = figures(limits).map(|(name, figure, _)| (name.to_owned(), figure.into()));
        return pretty(&Value::Object(members.into_iter().collect()));
    }
    let lines =
        figures(limits).map(|(name, figure, unit)| format!("{name:<17} {figure:>6} {unit}\n"));
    lines.concat()
}

/// The limits with this one, such as `port_power=800`.
fn with(limits: Limits, text: &str) -> Result<Limits, Refusal> {
    let names = figures(&limits).map(|(name, ..)| name).join(", ");
    let odd = || {
        Refusal::new(
            format!("{text}: no limit"),
            format!("give NAME=VALUE; names: {names}"),
        )
    };
    let (name, value) = text.split_once('=').ok_or_else(odd)?;
    let number: u32 = value.parse().map_err(|_| odd())?;
    let (watts, seconds) = (Power::from_watts(number), Duration::from_seconds(number));
    let celsius = i8::try_from(number).map_or(
        Temperature::from_celsius(i8::MAX),
        Temperature::from_celsius,
    );
    let set: Result<Limits, OutOfRange> = match name {
        "port_power" => limits.with_port_power(watts),
        "pile_power" => limits.with_pile_power(watts),
        "overload_after" => limits.with_overload_after(seconds),
        "no_load_after" => limits.with_no_load_after(seconds),
        "unplugged_power" => limits.with_unplugged_power(watts),
        "unplugged_after" => limits.with_unplugged_after(seconds),
        "full_power" => limits.with_full_power(watts),
        "full_after" => limits.with_full_after(seconds),
        "longest_session" => limits.with_longest_session(seconds),
        "warn_temperature" => limits.with_warn_temperature(celsius),
        "cut_temperature" => limits.with_cut_temperature(celsius),
        _ => return Err(odd()),
    };
    set.map_err(|_| {
        let remedy = "the ranges are in the documentation of `pile_units::Limits`; unplugged_power is \
                      below full_power, warn_temperature not above cut_temperature";
        Refusal::new(format!("{text}: out of range"), remedy)
    })
}

/// `diagnostics`.
///
/// # Errors
/// [`Refusal`] if the pile does not tell.
pub fn diagnostics(talk: &mut Talk, json: bool) -> Result<Answer, Refusal> {
    let (zone, _) = talk.local()?;
    let Response::Diagnostics(seen) = talk.ask(Request::Diagnostics)? else {
        return Err(words::odd());
    };
    let firmware = talk.welcome()?.firmware.as_str().to_owned();
    let ports = ports(&seen);
    Ok(Answer::well(if json {
        pretty(&serde_json::json!({
            "firmware": firmware,
            "now": zone.iso(seen.now),
            "uptime_seconds": seen.uptime,
            "last_record": seen.last_record,
            "exported": seen.exported,
            "sessions_left": seen.sessions_left,
            "facts_left": seen.facts_left,
            "days_left": seen.days_left,
            "decicelsius": seen.temperature.map(Temperature::decicelsius),
            "reader": seen.reader,
            "unseen_attempts": seen.unseen_attempts,
            "phones": seen.phones,
            "failed_handshakes": seen.failed_handshakes,
            "bad_frames": seen.bad_frames,
            "ports": serde_json::from_str::<Value>(&ports.json()).unwrap_or_default(),
        }))
    } else {
        format!("{}\n{}", facts(&seen, &firmware, zone), ports.text())
    }))
}

fn facts(seen: &Diagnostics, firmware: &str, zone: Zone) -> String {
    let (minutes, hours) = (seen.uptime / 60 % 60, seen.uptime / 3600);
    let days = seen
        .days_left
        .map_or_else(String::new, |days| format!(", about {days} days"));
    let temperature = seen.temperature.map_or_else(
        || "not measured".to_owned(),
        |it| {
            format!(
                "{}.{} degrees C",
                it.decicelsius() / 10,
                (it.decicelsius() % 10).abs()
            )
        },
    );
    let reader = if seen.reader {
        "answers"
    } else {
        "DOES NOT ANSWER"
    };
    let rows = [
        ("firmware", firmware.to_owned()),
        ("clock", zone.second(seen.now)),
        ("running", format!("{hours} h {minutes} min")),
        ("last record", seen.last_record.to_string()),
        ("exported up to", seen.exported.to_string()),
        (
            "room",
            format!("{}{days}", counted(seen.sessions_left.into(), "session")),
        ),
        ("temperature", temperature),
        ("card reader", reader.to_owned()),
        (
            "refused cards",
            format!("{} not looked at", seen.unseen_attempts),
        ),
        ("phones", seen.phones.to_string()),
        (
            "link",
            format!(
                "{} failed handshakes, {} bad frames",
                seen.failed_handshakes, seen.bad_frames
            ),
        ),
    ];
    rows.map(|(what, told)| format!("{what:<15} {told}\n"))
        .concat()
}

fn ports(seen: &Diagnostics) -> Table {
    let mut table = Table::new(&[
        ("port", "Port"),
        ("register_kwh", "Register kWh"),
        ("unattributed_kwh", "Nobody's kWh"),
        ("watts", "W"),
        ("millivolts", "mV"),
        ("milliamperes", "mA"),
        ("trim_ppm", "Correction ppm"),
        ("meter", "Meter"),
        ("enabled", "Service"),
        ("fault", "Fault"),
    ]);
    for it in &seen.ports {
        let none = || Cell::new("", Value::Null);
        let trim = format!(
            "{}, {}, {}",
            it.trim.power_ppm(),
            it.trim.voltage_ppm(),
            it.trim.current_ppm()
        );
        table.row([
            Cell::of(it.port.number()),
            Cell::text(kwh(it.register)),
            Cell::text(kwh(it.unattributed)),
            Cell::of(it.power.milliwatts() / 1000),
            it.voltage.map_or_else(none, |it| Cell::of(it.millivolts())),
            it.current
                .map_or_else(none, |it| Cell::of(it.milliamperes())),
            Cell::text(trim),
            Cell::new(if it.meter { "answers" } else { "DEAD" }, it.meter),
            Cell::new(if it.enabled { "in" } else { "out" }, it.enabled),
            it.fault
                .map_or_else(none, |it| Cell::text(it.name().replace('_', " "))),
        ]);
    }
    table
}

/// `tried`.
///
/// # Errors
/// [`Refusal`] if the pile does not tell.
pub fn tried(talk: &mut Talk, json: bool) -> Result<Answer, Refusal> {
    let (zone, _) = talk.local()?;
    let mut table = Table::new(&[
        ("card", "Card"),
        ("count", "Times"),
        ("last", "At last"),
        ("told", "What"),
    ]);
    let mut from = Some(CredentialId::new(0));
    while let Some(first) = from {
        let Response::Tried(page) = talk.ask(Request::Tried { from: first })? else {
            return Err(words::odd());
        };
        for it in &page.cards {
            table.row([
                Cell::of(it.credential.get()),
                Cell::of(it.count),
                Cell::new(zone.minute(it.last), zone.iso(it.last)),
                Cell::text(record_words::attempts(it)),
            ]);
        }
        let last = page.cards.iter().last();
        from = last
            .filter(|_| page.more)
            .and_then(|last| last.credential.next());
    }
    Ok(Answer::well(table.shown(json, "No card was refused.")))
}
