//! Events and expectations, checked against the pile and the cards of their script.

use std::collections::BTreeMap;
use std::path::Path;

use billing_core::record::{Attempt, Fault, StopReason};
use billing_core::tariff::Tariff;
use pile_units::{Energy, MAX_PLANS, MeterTrim, PlanId, PortId, Power, Temperature, UidOnly};

use super::raw::{RawBike, RawCommand, RawCut, RawEvent, RawExpect, RawRelay, RawTrim, Yes};
use super::setup::{limits, local, tariff_file};
use super::words::{
    ATTEMPTS, FAULTS, INDICATORS, LEVELS, SIGNALS, STATES, STOP_REASONS, UID_ONLY, money,
    watt_hours,
};
use super::{Action, Bike, Card, Check, Command, Cut, Whose};

/// What is wrong, and what to do.
pub(super) struct Wrong(pub(super) String, pub(super) String);

pub(super) fn wrong<T>(what: impl Into<String>, remedy: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong(what.into(), remedy.into()))
}

/// What steps are checked against.
pub(super) struct Context<'a> {
    pub(super) folder: &'a Path,
    pub(super) ports: usize,
    pub(super) cards: &'a BTreeMap<String, Card>,
    pub(super) tariff: Tariff,
}

pub(super) fn known(cards: &BTreeMap<String, Card>, name: &str) -> Result<(), Wrong> {
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

/// Whose cards may be known by their number.
pub(super) fn uid_only(name: &str) -> Result<UidOnly, Wrong> {
    let names = UID_ONLY.map(|it| it.0);
    named("policy", name, &names)?;
    let found = UID_ONLY.into_iter().find(|it| it.0 == name);
    Ok(found.map_or(UidOnly::Nobody, |it| it.1))
}

fn attempt(name: &str) -> Result<Attempt, Wrong> {
    named("attempt", name, &ATTEMPTS.map(Attempt::name))?;
    let found = ATTEMPTS.into_iter().find(|it| it.name() == name);
    Ok(found.unwrap_or(Attempt::TooWeak))
}

fn trim(raw: &RawTrim) -> Result<MeterTrim, Wrong> {
    MeterTrim::from_ppm(raw.power_ppm, raw.voltage_ppm, raw.current_ppm).or_else(|_| {
        wrong(
            "a correction is out of range",
            "parts per million, -100000 to 100000",
        )
    })
}

fn plan(number: u8) -> Result<PlanId, Wrong> {
    PlanId::new(number).or_else(|_| {
        wrong(
            format!("there is no plan {number}"),
            format!("plans are 0, the standard one, to {}", MAX_PLANS - 1),
        )
    })
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
    pub(super) fn action(&self, raw: RawEvent) -> Result<Action, Wrong> {
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
            (raw.damage_ledger, Action::DamageLedger),
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
            RawCommand::ConfirmExport => Command::ConfirmExport,
            RawCommand::ConfirmEvidence => Command::ConfirmEvidence,
            RawCommand::Replace(card) => Command::Replace(self.card(card)?),
            RawCommand::ReportLost(card) => Command::ReportLost(self.card(card)?),
            RawCommand::Revoke(card) => Command::Revoke(self.card(card)?),
            RawCommand::Deregister(card) => Command::Deregister(self.card(card)?),
            RawCommand::Settle(card) => Command::Settle(self.card(card)?),
            RawCommand::MarkPaid(card) => Command::MarkPaid(self.card(card)?),
            RawCommand::AllowUidOnly(name) => Command::AllowUidOnly(uid_only(&name)?),
            RawCommand::List(card) => Command::List(self.card(card)?, true),
            RawCommand::Unlist(card) => Command::List(self.card(card)?, false),
            RawCommand::AuthoriseListed => Command::AuthoriseListed,
            RawCommand::Calibrate(raw) => Command::Calibrate(self.port(raw.port)?, trim(&raw)?),
            RawCommand::SetLimits(raw) => Command::SetLimits(limits(&raw)?),
            RawCommand::SetTariff(raw) => {
                Command::SetTariff(plan(raw.plan)?, tariff_file(self.folder, &raw.tariff)?)
            }
            RawCommand::PlanTariff(raw) => Command::PlanTariff(
                plan(raw.plan)?,
                local(&raw.from, &self.tariff)?,
                tariff_file(self.folder, &raw.tariff)?,
            ),
            RawCommand::AssignPlan(raw) => {
                Command::AssignPlan(self.card(raw.card)?, plan(raw.plan)?)
            }
            RawCommand::ClearFault(number) => Command::ClearFault(self.port(number)?),
            RawCommand::Stop(number) => Command::Stop(self.port(number)?),
            RawCommand::Disable(number) => Command::Switch(self.port(number)?, false),
            RawCommand::Enable(number) => Command::Switch(self.port(number)?, true),
        })
    }

    /// The checks of an expectation, one or more.
    pub(super) fn checks(&self, raw: RawExpect) -> Result<Vec<Check>, Wrong> {
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
            named("stop reason", &name, &STOP_REASONS.map(StopReason::name))?;
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
        if let Some(tried) = raw.tried {
            let last = tried.last.map(|name| attempt(&name)).transpose()?;
            checks.push(Check::Tried(self.card(tried.card)?, tried.count, last));
        }
        if let Some(level) = raw.receipt {
            let level = named("level", &level, &LEVELS)?.to_owned();
            checks.push(Check::Receipt(whose, level));
        }
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
