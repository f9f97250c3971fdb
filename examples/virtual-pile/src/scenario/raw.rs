//! The TOML of a script, and its way into checked steps.

use std::collections::BTreeMap;
use std::path::Path;

use billing_core::record::Fault;
use billing_core::tariff::Tariff;
use pile_units::{Duration, Energy, Limits, MAX_PORTS, PortId, Power, Temperature, UnixSeconds};
use serde::Deserialize;
use toml::Spanned;

use super::words::{At, FAULTS, INDICATORS, SIGNALS, STATES, STOP_REASONS, hex, money, watt_hours};
use super::{Action, Bike, Card, Check, Command, Cut, Pile, Scenario, Step, What, Whose};
use crate::refusal::{Refusal, line_of};
use crate::wall;

const DEFAULT_TARIFF: &str = include_str!("../../data/tariff.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    title: String,
    #[serde(default)]
    pile: Option<Spanned<RawPile>>,
    #[serde(default)]
    cards: BTreeMap<String, Spanned<RawCard>>,
    #[serde(default)]
    event: Vec<Spanned<RawEvent>>,
    #[serde(default)]
    expect: Vec<Spanned<RawExpect>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawPile {
    ports: Option<u8>,
    seed: Option<u64>,
    clock: Option<String>,
    tariff: Option<String>,
    owner: Option<String>,
    #[serde(default)]
    tenants: Vec<String>,
    uid_only: Option<bool>,
    #[serde(default)]
    limits: RawLimits,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    port_power_w: Option<u32>,
    pile_power_w: Option<u32>,
    overload_after_s: Option<u32>,
    no_load_after_s: Option<u32>,
    unplugged_power_w: Option<u32>,
    unplugged_after_s: Option<u32>,
    full_power_w: Option<u32>,
    full_after_s: Option<u32>,
    longest_session_s: Option<u32>,
    warn_celsius: Option<i8>,
    cut_celsius: Option<i8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCard {
    uid: String,
    #[serde(default)]
    privilege: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent {
    at: At,
    tap: Option<String>,
    press: Option<u8>,
    plug: Option<RawBike>,
    unplug: Option<u8>,
    load: Option<RawLoad>,
    cut: Option<RawCut>,
    restore: Option<Yes>,
    set_clock: Option<String>,
    tariff: Option<String>,
    heat: Option<i8>,
    trip: Option<RawTrip>,
    weld: Option<u8>,
    unweld: Option<u8>,
    meter_dead: Option<u8>,
    meter_back: Option<u8>,
    reader_hang: Option<Yes>,
    reader_dead: Option<Yes>,
    reader_back: Option<Yes>,
    command: Option<RawCommand>,
}

/// `true`; anything else is an event that does not happen.
#[derive(Deserialize)]
#[serde(try_from = "bool")]
struct Yes;

impl TryFrom<bool> for Yes {
    type Error = &'static str;

    fn try_from(yes: bool) -> Result<Self, Self::Error> {
        if yes {
            Ok(Self)
        } else {
            Err("write true, or leave the event out")
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBike {
    port: u8,
    watts: u32,
    wh: u32,
    #[serde(default)]
    float_watts: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLoad {
    port: u8,
    watts: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrip {
    port: u8,
    fault: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawCut {
    Sudden,
    Warned,
    InFlash,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawCommand {
    Authorise,
    Replace(String),
    ReportLost(String),
    Revoke(String),
    Deregister(String),
    Settle(String),
    MarkPaid(String),
    AllowUidOnly(bool),
    SetLimits(RawLimits),
    ClearFault(u8),
    Stop(u8),
    Disable(u8),
    Enable(u8),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpect {
    at: At,
    port: Option<u8>,
    account: Option<String>,
    state: Option<String>,
    relay: Option<RawRelay>,
    fault: Option<String>,
    indicator: Option<String>,
    watts: Option<u32>,
    sessions: Option<u32>,
    open: Option<u32>,
    stop_reason: Option<String>,
    energy_wh: Option<[String; 2]>,
    total: Option<String>,
    unpaid: Option<String>,
    refused: Option<String>,
    signal: Option<String>,
    answer: Option<String>,
    conserved: Option<Yes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawRelay {
    Open,
    Closed,
}

/// What is wrong, and what to do.
struct Wrong(String, String);

fn wrong<T>(what: impl Into<String>, remedy: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong(what.into(), remedy.into()))
}

/// What steps are checked against.
struct Context<'a> {
    folder: &'a Path,
    ports: usize,
    cards: &'a BTreeMap<String, Card>,
    tariff: Tariff,
}

pub(super) fn parse(file: &str, text: &str, folder: &Path) -> Result<Scenario, Refusal> {
    let raw: RawScenario = toml::from_str(text).map_err(|error| {
        // The library's message is one line with what it expected in a second.
        let said = error.message().trim().replace('\n', ", ");
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        Refusal::new(file, said, "the README lists every key").at_line(line)
    })?;
    let line_at = |span: core::ops::Range<usize>| line_of(text, span.start);
    let refuse = |wrong: Wrong, line| Refusal::new(file, wrong.0, wrong.1).at_line(line);

    let mut cards = BTreeMap::new();
    for (name, card) in raw.cards {
        let line = line_at(card.span());
        let card = self::card(&name, card.into_inner(), &cards);
        cards.insert(name, card.map_err(|wrong| refuse(wrong, line))?);
    }
    let (pile_line, pile) = match raw.pile {
        Some(pile) => (line_at(pile.span()), pile.into_inner()),
        None => (1, RawPile::default()),
    };
    let pile = self::pile(pile, &cards, folder).map_err(|wrong| refuse(wrong, pile_line))?;

    let context = Context {
        folder,
        ports: pile.ports,
        cards: &cards,
        tariff: pile.tariff.clone(),
    };
    let mut steps = Vec::new();
    for event in raw.event {
        let line = line_at(event.span());
        let event = event.into_inner();
        let at = event.at.0;
        let action = context.action(event).map_err(|wrong| refuse(wrong, line))?;
        let what = What::Do(Box::new(action));
        steps.push(Step { at, line, what });
    }
    for expect in raw.expect {
        let line = line_at(expect.span());
        let expect = expect.into_inner();
        let at = expect.at.0;
        let what = What::Expect(
            context
                .checks(expect)
                .map_err(|wrong| refuse(wrong, line))?,
        );
        steps.push(Step { at, line, what });
    }
    // Stable: events stand before expectations, each in the order of the file.
    steps.sort_by_key(|step| step.at);
    Ok(Scenario {
        file: file.to_owned(),
        title: raw.title,
        pile,
        cards,
        steps,
    })
}

fn card(name: &str, raw: RawCard, others: &BTreeMap<String, Card>) -> Result<Card, Wrong> {
    let Some(uid) = hex(&raw.uid).filter(|uid| matches!(uid.len(), 4 | 7 | 10)) else {
        return wrong(
            format!("the uid of card \"{name}\" is \"{}\"", raw.uid),
            "write 4, 7 or 10 bytes in hexadecimal",
        );
    };
    if let Some((other, _)) = others.iter().find(|(_, card)| card.uid == uid) {
        return wrong(
            format!("cards \"{other}\" and \"{name}\" have the same uid"),
            "give each card its own",
        );
    }
    let privilege = raw.privilege;
    Ok(Card { uid, privilege })
}

fn pile(raw: RawPile, cards: &BTreeMap<String, Card>, folder: &Path) -> Result<Pile, Wrong> {
    let ports = usize::from(raw.ports.unwrap_or(2));
    if !(1..=MAX_PORTS).contains(&ports) {
        return wrong(
            format!("a pile of {ports} ports"),
            format!("write 1 to {MAX_PORTS}"),
        );
    }
    let tariff = match &raw.tariff {
        Some(name) => tariff_file(folder, name)?,
        None => {
            tariff_file::parse(DEFAULT_TARIFF).or_else(|error| wrong(error.message, error.hint))?
        }
    };
    let clock = raw.clock.map(|text| local(&text, &tariff)).transpose()?;
    if let Some(owner) = &raw.owner {
        known(cards, owner)?;
        if !cards.get(owner).is_some_and(|card| card.privilege) {
            return wrong(
                format!("the owner's card \"{owner}\" is no privilege card"),
                "declare it with privilege = true",
            );
        }
    } else if !raw.tenants.is_empty() || raw.tariff.is_some() || raw.uid_only.is_some() {
        return wrong(
            "a pile without an owner is blank: it has no tenants, tariff or policy",
            "name an owner, or leave them out",
        );
    }
    for (place, tenant) in raw.tenants.iter().enumerate() {
        known(cards, tenant)?;
        let twice = raw.tenants.iter().take(place).any(|other| other == tenant);
        if twice || cards.get(tenant).is_some_and(|card| card.privilege) {
            return wrong(
                format!("\"{tenant}\" cannot be a tenant's card here"),
                "list each charging card once",
            );
        }
    }
    Ok(Pile {
        ports,
        seed: raw.seed.unwrap_or(1),
        clock,
        tariff,
        limits: limits(&raw.limits)?,
        owner: raw.owner,
        tenants: raw.tenants,
        uid_only: raw.uid_only.unwrap_or(true),
    })
}

/// The defaults with what the script sets, in an order in which each step is legal.
fn limits(raw: &RawLimits) -> Result<Limits, Wrong> {
    let said = |name: &'static str| {
        let remedy = "the README lists the ranges; \"unplugged\" lies below \"full\", \"warn\" \
                      not above \"cut\"";
        move |_| Wrong(format!("{name} is out of range"), remedy.to_owned())
    };
    let watts = Power::from_watts;
    let seconds = Duration::from_seconds;
    let mut limits = Limits::default();
    macro_rules! set {
        ($($name:ident, $with:ident, $of:expr;)*) => {$(
            if let Some(value) = raw.$name {
                limits = limits.$with($of(value)).map_err(said(stringify!($name)))?;
            }
        )*};
    }
    // Of two that are ordered, the one that makes room comes first.
    if raw.full_power_w >= Some(15) {
        set!(full_power_w, with_full_power, watts; unplugged_power_w, with_unplugged_power, watts;);
    } else {
        set!(unplugged_power_w, with_unplugged_power, watts; full_power_w, with_full_power, watts;);
    }
    if raw.cut_celsius >= Some(90) {
        set!(cut_celsius, with_cut_temperature, Temperature::from_celsius;
             warn_celsius, with_warn_temperature, Temperature::from_celsius;);
    } else {
        set!(warn_celsius, with_warn_temperature, Temperature::from_celsius;
             cut_celsius, with_cut_temperature, Temperature::from_celsius;);
    }
    set! {
        port_power_w, with_port_power, watts;
        pile_power_w, with_pile_power, watts;
        overload_after_s, with_overload_after, seconds;
        no_load_after_s, with_no_load_after, seconds;
        unplugged_after_s, with_unplugged_after, seconds;
        full_after_s, with_full_after, seconds;
        longest_session_s, with_longest_session, seconds;
    }
    Ok(limits)
}

fn tariff_file(folder: &Path, name: &str) -> Result<Tariff, Wrong> {
    tariff_file::read(folder.join(name))
        .or_else(|error| wrong(format!("tariff {error}"), "correct the file it names"))
}

fn local(text: &str, tariff: &Tariff) -> Result<UnixSeconds, Wrong> {
    wall::parse_local(text)
        .and_then(|seconds| wall::to_unix(seconds, tariff.utc_offset()))
        .map_or_else(
            || {
                wrong(
                    format!("\"{text}\" is not a time of the clock"),
                    "write a local time like 2024-05-01T08:00:00",
                )
            },
            Ok,
        )
}

fn known(cards: &BTreeMap<String, Card>, name: &str) -> Result<(), Wrong> {
    if cards.contains_key(name) {
        return Ok(());
    }
    wrong(
        format!("there is no card \"{name}\""),
        "declare it under [cards]",
    )
}

fn named<'a>(what: &str, name: &str, names: &[&'a str]) -> Result<&'a str, Wrong> {
    names
        .iter()
        .find(|known| **known == name)
        .copied()
        .map_or_else(
            || {
                wrong(
                    format!("there is no {what} \"{name}\""),
                    format!("one of {}", names.join(", ")),
                )
            },
            Ok,
        )
}

fn fault(name: &str) -> Result<Fault, Wrong> {
    let names = FAULTS.map(Fault::name);
    named("fault", name, &names)?;
    FAULTS
        .into_iter()
        .find(|fault| fault.name() == name)
        .map_or_else(
            || wrong(format!("there is no fault \"{name}\""), "check its name"),
            Ok,
        )
}

impl Context<'_> {
    fn port(&self, number: u8) -> Result<PortId, Wrong> {
        PortId::from_number(number)
            .ok()
            .filter(|port| port.index() < self.ports)
            .map_or_else(
                || {
                    wrong(
                        format!("there is no port {number}"),
                        format!("the pile has ports 1 to {}", self.ports),
                    )
                },
                Ok,
            )
    }

    fn card(&self, name: String) -> Result<String, Wrong> {
        known(self.cards, &name)?;
        Ok(name)
    }

    /// The one action of an event.
    fn action(&self, raw: RawEvent) -> Result<Action, Wrong> {
        let mut actions = Vec::new();
        let mut push = |action: Result<Action, Wrong>| action.map(|action| actions.push(action));
        raw.tap
            .map(|name| push(self.card(name).map(Action::Tap)))
            .transpose()?;
        for (port, make) in [
            (raw.press, Action::Press as fn(PortId) -> Action),
            (raw.unplug, Action::Unplug),
            (raw.weld, Action::Weld),
            (raw.unweld, Action::Unweld),
            (raw.meter_dead, Action::MeterDead),
            (raw.meter_back, Action::MeterBack),
        ] {
            port.map(|number| push(self.port(number).map(make)))
                .transpose()?;
        }
        for (yes, action) in [
            (raw.restore, Action::Restore),
            (raw.reader_hang, Action::ReaderHang),
            (raw.reader_dead, Action::ReaderDead),
            (raw.reader_back, Action::ReaderBack),
        ] {
            yes.map(|Yes| push(Ok(action))).transpose()?;
        }
        raw.plug
            .map(|bike| push(self.bike(&bike).map(Action::Plug)))
            .transpose()?;
        raw.load
            .map(|load| {
                let power = Power::from_watts(load.watts);
                push(self.port(load.port).map(|port| Action::Load(port, power)))
            })
            .transpose()?;
        raw.cut
            .map(|cut| {
                push(Ok(Action::Cut(match cut {
                    RawCut::Sudden => Cut::Sudden,
                    RawCut::Warned => Cut::Warned,
                    RawCut::InFlash => Cut::InFlash,
                })))
            })
            .transpose()?;
        raw.set_clock
            .map(|text| push(local(&text, &self.tariff).map(Action::SetClock)))
            .transpose()?;
        raw.tariff
            .map(|name| push(tariff_file(self.folder, &name).map(Action::SetTariff)))
            .transpose()?;
        raw.heat
            .map(|celsius| push(Ok(Action::Heat(Temperature::from_celsius(celsius)))))
            .transpose()?;
        raw.trip
            .map(|trip| {
                let fault = fault(&trip.fault)?;
                push(self.port(trip.port).map(|port| Action::Trip(port, fault)))
            })
            .transpose()?;
        raw.command
            .map(|command| push(self.command(command).map(Action::Command)))
            .transpose()?;
        match (actions.pop(), actions.is_empty()) {
            (Some(action), true) => Ok(action),
            (None, _) => wrong(
                "nothing happens in this event",
                "add one action, such as tap",
            ),
            (Some(_), false) => wrong("two things happen in this event", "write an event for each"),
        }
    }

    fn bike(&self, raw: &RawBike) -> Result<Bike, Wrong> {
        if raw.watts == 0 && raw.wh > 0 {
            return wrong(
                "a bike that draws 0 W takes no energy",
                "set wh = 0 or more watts",
            );
        }
        Ok(Bike {
            port: self.port(raw.port)?,
            power: Power::from_watts(raw.watts),
            energy: Energy::from_watt_hours(raw.wh),
            float: Power::from_watts(raw.float_watts),
        })
    }

    fn command(&self, raw: RawCommand) -> Result<Command, Wrong> {
        Ok(match raw {
            RawCommand::Authorise => Command::Authorise,
            RawCommand::Replace(card) => Command::Replace(self.card(card)?),
            RawCommand::ReportLost(card) => Command::ReportLost(self.card(card)?),
            RawCommand::Revoke(card) => Command::Revoke(self.card(card)?),
            RawCommand::Deregister(card) => Command::Deregister(self.card(card)?),
            RawCommand::Settle(card) => Command::Settle(self.card(card)?),
            RawCommand::MarkPaid(card) => Command::MarkPaid(self.card(card)?),
            RawCommand::AllowUidOnly(allow) => Command::AllowUidOnly(allow),
            RawCommand::SetLimits(raw) => Command::SetLimits(limits(&raw)?),
            RawCommand::ClearFault(number) => Command::ClearFault(self.port(number)?),
            RawCommand::Stop(number) => Command::Stop(self.port(number)?),
            RawCommand::Disable(number) => Command::Switch(self.port(number)?, false),
            RawCommand::Enable(number) => Command::Switch(self.port(number)?, true),
        })
    }

    /// The checks of an expectation, one or more.
    fn checks(&self, raw: RawExpect) -> Result<Vec<Check>, Wrong> {
        let whose = self.whose(raw.port, raw.account)?;
        let mut checks = Vec::new();
        let on_port = |name: &str| match &whose {
            Whose::Port(port) => Ok(*port),
            _ => wrong(format!("{name} is a port's"), "say which with port = 1"),
        };
        if let Some(state) = raw.state {
            let state = named("state", &state, &STATES)?.to_owned();
            checks.push(Check::State(on_port("state")?, state));
        }
        if let Some(relay) = raw.relay {
            checks.push(Check::Relay(
                on_port("relay")?,
                matches!(relay, RawRelay::Closed),
            ));
        }
        if let Some(name) = raw.fault {
            let fault = if name == "none" {
                None
            } else {
                Some(fault(&name)?)
            };
            checks.push(Check::PortFault(on_port("fault")?, fault));
        }
        if let Some(light) = raw.indicator {
            let light = named("indicator", &light, &INDICATORS)?.to_owned();
            checks.push(Check::Indicator(on_port("indicator")?, light));
        }
        if let Some(watts) = raw.watts {
            checks.push(Check::Power(on_port("watts")?, Power::from_watts(watts)));
        }
        if let Some(count) = raw.sessions {
            checks.push(Check::Sessions(whose.clone(), count));
        }
        if let Some(count) = raw.open {
            checks.push(Check::Open(whose.clone(), count));
        }
        if let Some(name) = raw.stop_reason {
            named(
                "stop reason",
                &name,
                &STOP_REASONS.map(|reason| reason.name()),
            )?;
            let reason = STOP_REASONS
                .into_iter()
                .find(|reason| reason.name() == name);
            checks.extend(reason.map(|reason| Check::StopReason(whose.clone(), reason)));
        }
        if let Some([least, most]) = raw.energy_wh {
            match (watt_hours(&least), watt_hours(&most)) {
                (Some(least), Some(most)) if least <= most => {
                    checks.push(Check::Energy(whose.clone(), least, most));
                }
                _ => {
                    return wrong(
                        format!("energy_wh is [\"{least}\", \"{most}\"]"),
                        "write the least and the most, like [\"49.6\", \"50\"]",
                    );
                }
            }
        }
        if let Some(text) = raw.total {
            checks.push(Check::Total(whose.clone(), self.money("total", &text)?));
        }
        if let Some(text) = raw.unpaid {
            let Whose::Account(card) = &whose else {
                return wrong(
                    "unpaid is an account's",
                    "say whose with account = \"anna\"",
                );
            };
            checks.push(Check::Unpaid(card.clone(), self.money("unpaid", &text)?));
        }
        if let Some(name) = raw.refused {
            checks.push(Check::Refused((name != "nothing").then_some(name)));
        }
        if let Some(name) = raw.signal {
            checks.push(Check::Signal(named("signal", &name, &SIGNALS)?.to_owned()));
        }
        checks.extend(raw.answer.map(Check::Answer));
        checks.extend(raw.conserved.map(|Yes| Check::Conserved));
        if checks.is_empty() {
            return wrong(
                "nothing is expected here",
                "add what, such as state = \"charging\"",
            );
        }
        Ok(checks)
    }

    fn whose(&self, port: Option<u8>, account: Option<String>) -> Result<Whose, Wrong> {
        match (port, account) {
            (None, None) => Ok(Whose::All),
            (Some(number), None) => self.port(number).map(Whose::Port),
            (None, Some(card)) => self.card(card).map(Whose::Account),
            (Some(_), Some(_)) => wrong(
                "both a port and an account are named",
                "expect each in a table of its own",
            ),
        }
    }

    fn money(&self, key: &str, text: &str) -> Result<pile_units::Money, Wrong> {
        money(text, self.tariff.currency()).map_or_else(
            || {
                wrong(
                    format!("{key} is \"{text}\""),
                    "write an amount like \"0.31\"",
                )
            },
            Ok,
        )
    }
}
