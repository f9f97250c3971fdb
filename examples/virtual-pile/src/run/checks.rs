//! What a script expects, and what must hold whatever it expects.

use billing_core::book::{Book, OpenSession};
use billing_core::receipt::{BilledSession, Issuer, SoftwareKey, write_receipt};
use billing_core::record::{Attempt, ClosedSession, Record};
use pile_controller::{Indicator, Signal};
use pile_units::{CardAlias, Energy, Money, PortId};

use super::{Player, words};
use crate::scenario::{Check, Whose};

const MICROJOULES_PER_MWH: u64 = 3_600_000;

/// Whose sessions the ledger holds.
struct Of<'b> {
    open: Vec<&'b OpenSession>,
    closed: Vec<&'b ClosedSession>,
}

impl Of<'_> {
    fn energy(&self) -> Energy {
        let open: Energy = self.open.iter().map(|it| it.energy()).sum();
        let closed: Energy = self.closed.iter().map(|it| it.energy).sum();
        open.saturating_add(closed)
    }
}

type Ledger = (Book, Vec<(u64, Record)>);

impl Player<'_> {
    pub(super) fn expect(&mut self, line: u64, checks: &[Check]) -> Result<(), String> {
        let ledger = self.ledger()?;
        for check in checks {
            self.played.checks += 1;
            let (what, expected, found) = self.compare(check, &ledger);
            let met = found == expected;
            let told = if met {
                format!("{what} is {found}, as expected")
            } else {
                let file = &self.scenario.file;
                let told = format!("{file}:{line}: {what}: expected {expected}, found {found}");
                self.played.failures.push(told.clone());
                format!("NOT MET {told}")
            };
            self.say(self.world.now(), "check", &told);
        }
        self.before = self.world.signals().len();
        self.guarantees(&ledger);
        Ok(())
    }

    /// (what, expected, found): met if the last two are equal.
    fn compare(&self, check: &Check, ledger: &Ledger) -> (String, String, String) {
        let (book, _) = ledger;
        let amount = |money: Money| book.currency().amount(money).to_string();
        match check {
            Check::State(port, state) => (
                format!("the state of port {port}"),
                state.clone(),
                self.state(book, *port).to_owned(),
            ),
            Check::Relay(port, closed) => {
                let name = |closed: bool| if closed { "closed" } else { "open" }.to_owned();
                let found = name(self.world.relay(*port));
                (format!("the relay of port {port}"), name(*closed), found)
            }
            Check::PortFault(port, fault) => {
                let name = |it: Option<billing_core::record::Fault>| {
                    it.map_or("none", |it| it.name()).to_owned()
                };
                let found = name(book.fault(*port));
                (format!("the fault of port {port}"), name(*fault), found)
            }
            Check::Indicator(port, light) => (
                format!("the light of port {port}"),
                light.clone(),
                self.world
                    .indicator(*port)
                    .map_or("dark", words::indicator)
                    .to_owned(),
            ),
            Check::Power(port, power) => (
                format!("the power on port {port}"),
                power.to_string(),
                self.world.power(*port).to_string(),
            ),
            Check::Unpaid(card, unpaid) => {
                let account = self.account(book, card);
                let settlements = book.settlements().iter();
                let found = settlements
                    .filter(|it| Some(it.account) == account)
                    .fold(Money::ZERO, |sum, it| sum.saturating_add(it.amount));
                (
                    format!("what \"{card}\" has not paid"),
                    amount(*unpaid),
                    amount(found),
                )
            }
            Check::Refused(refusal) => (
                "the last refusal".to_owned(),
                refusal.clone().unwrap_or_else(|| "nothing".to_owned()),
                self.last_signal(true),
            ),
            Check::Signal(signal) => (
                "the last signal".to_owned(),
                signal.clone(),
                self.last_signal(false),
            ),
            Check::Answer(answer) => {
                let found = self.command.and_then(|(_, outcome)| outcome);
                let found = found.map_or("nothing", words::outcome).to_owned();
                ("the answer".to_owned(), answer.clone(), found)
            }
            Check::Sessions(whose, _)
            | Check::Open(whose, _)
            | Check::StopReason(whose, _)
            | Check::Energy(whose, ..)
            | Check::Total(whose, _) => {
                let (what, expected, found) = of_sessions(check, &self.of(whose, ledger), book);
                (format!("{what}, {}", name(whose)), expected, found)
            }
            Check::Tried(card, count, last) => {
                let credential = self.credential(book, card).map(|it| it.id);
                let tried = credential.and_then(|id| book.attempts_of(id));
                let shown = |count: u32, what: Option<&str>| match what {
                    Some(what) => format!("{count}, at last {what}"),
                    None => count.to_string(),
                };
                let found = tried.map_or(0, |it| it.count);
                let what = tried.filter(|_| last.is_some()).map(|it| it.what.name());
                (
                    format!("the refused attempts with \"{card}\""),
                    shown(*count, last.map(Attempt::name)),
                    shown(found, what),
                )
            }
            Check::Receipt(whose, level) => (
                format!("the identification on the last receipt, {}", name(whose)),
                level.clone(),
                self.level(whose, ledger),
            ),
            Check::Conserved => {
                let balance = book.balance();
                (
                    "the sum of accounts, open sessions and unattributed".to_owned(),
                    balance.metered.to_string(),
                    balance.accounted().to_string(),
                )
            }
        }
    }

    /// What the receipt of the last session says of how its card was identified.
    fn level(&self, whose: &Whose, ledger: &Ledger) -> String {
        let (book, records) = ledger;
        let of = self.of(whose, ledger);
        let (Some(closed), Some(pile)) = (of.closed.last(), book.pile()) else {
            return "none".to_owned();
        };
        let mut cards = book.credentials().iter();
        let card = cards.find(|it| it.id == closed.credential);
        let segments = records.iter().filter_map(|(_, record)| match record {
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                Some(*segment)
            }
            _ => None,
        });
        let session = BilledSession {
            closed,
            segments,
            alias: card.map_or(CardAlias::new([0; 8]), |it| it.alias),
            clock_set: false,
        };
        let issuer = Issuer {
            pile,
            firmware: "0.1.0",
            utc_offset: self.scenario.pile.tariff.utc_offset(),
        };
        let mut record = String::new();
        let written = SoftwareKey::from_bytes(&[1; 32]).is_ok_and(|key| {
            write_receipt(&session.receipt(&issuer, None), &key, &mut record).is_ok()
        });
        let level = record.split("\"IL\":\"").nth(1).filter(|_| written);
        let level = level.and_then(|rest| rest.split('"').next());
        level.unwrap_or("no receipt").to_owned()
    }

    fn last_signal(&self, refused: bool) -> String {
        let signals = self.world.signals();
        let new = signals.iter().skip(self.before).rev();
        let last = new
            .map(|(_, signal)| *signal)
            .find(|signal| matches!(signal, Signal::Refused(_)) == refused);
        last.map_or("nothing", words::signal).to_owned()
    }

    /// The port's state, as its light, its relay and the ledger show it.
    fn state(&self, book: &Book, port: PortId) -> &'static str {
        match self.world.indicator(port) {
            None => "dark",
            Some(Indicator::Fault) => "faulted",
            Some(Indicator::Disabled) => "disabled",
            Some(Indicator::Free) => "idle",
            Some(Indicator::Finished) if book.session(port).is_some() => "stopping",
            Some(Indicator::Finished) => "finished",
            Some(Indicator::Waiting) if self.world.relay(port) => "starting",
            Some(Indicator::Waiting) => "opening",
            Some(Indicator::Charging) => "charging",
            Some(Indicator::Full) => "full",
        }
    }

    fn of<'b>(&self, whose: &Whose, (book, records): &'b Ledger) -> Of<'b> {
        let account = match whose {
            Whose::Account(card) => self.account(book, card),
            _ => None,
        };
        let meant = |port, of| match whose {
            Whose::All => true,
            Whose::Port(it) => *it == port,
            Whose::Account(_) => Some(of) == account,
        };
        let closed = records.iter().filter_map(|(_, record)| match record {
            Record::SessionClosed(closed) => Some(closed),
            _ => None,
        });
        let open = book.open_sessions();
        Of {
            open: open.filter(|it| meant(it.port, it.account)).collect(),
            closed: closed.filter(|it| meant(it.port, it.account)).collect(),
        }
    }

    /// I1, I2 and I3. Each breach is told once.
    pub(super) fn guarantees(&mut self, ledger: &Ledger) {
        let (book, _) = ledger;
        let mut breaches = Vec::new();
        let balance = book.balance();
        if balance.metered != balance.accounted() {
            breaches.push("I2: the accounts and the meters do not agree".to_owned());
        }
        let deliveries = self.world.deliveries();
        for port in PortId::first(self.scenario.pile.ports) {
            let closed = self.world.relay(port);
            if closed && book.session(port).is_none() {
                breaches.push(format!(
                    "I1: the relay of port {port} is closed without a session in the ledger"
                ));
            }
            let of_port = deliveries.iter().filter(|it| it.port == port);
            let through: u64 = of_port.map(|it| it.microjoules).sum();
            // While a relay conducts, told to or welded, the meter's whole flow is the bound.
            let whole = closed || self.welded.contains(&port);
            let chip = self.world.chip(port).filter(|_| whole);
            let delivered = chip.map_or(through, |chip| chip.delivered_microjoules());
            let billed = self.of(&Whose::Port(port), ledger).energy();
            if billed.milliwatt_hours() > delivered / MICROJOULES_PER_MWH {
                breaches.push(format!("I3: port {port} bills more than was delivered"));
            }
        }
        for breach in breaches {
            if self.broken.insert(breach.clone()) {
                let at = words::time(self.world.now().saturating_sub(self.origin));
                let told = format!("{}: at {at}: {breach}", self.scenario.file);
                self.played.failures.push(told.clone());
                self.say(self.world.now(), "check", &format!("NOT MET {told}"));
            }
        }
    }
}

/// What is expected of sessions: (what, expected, found).
fn of_sessions(check: &Check, of: &Of<'_>, book: &Book) -> (&'static str, String, String) {
    match check {
        Check::Sessions(_, count) => (
            "the number of sessions that ended",
            count.to_string(),
            of.closed.len().to_string(),
        ),
        Check::Open(_, count) => (
            "the number of open sessions",
            count.to_string(),
            of.open.len().to_string(),
        ),
        Check::StopReason(_, reason) => (
            "the reason of the last end",
            reason.name().to_owned(),
            of.closed
                .last()
                .map_or("none", |it| it.reason.name())
                .to_owned(),
        ),
        Check::Energy(_, least, most) => {
            let found = of.energy();
            let expected = if (*least..=*most).contains(&found) {
                found.to_string()
            } else {
                format!("{least} to {most}")
            };
            ("the energy", expected, found.to_string())
        }
        Check::Total(_, total) => {
            let sum = |sum: Money, it: &&ClosedSession| sum.saturating_add(it.bill.total);
            let found = of.closed.iter().fold(Money::ZERO, sum);
            let amount = |money| book.currency().amount(money).to_string();
            ("the bills", amount(*total), amount(found))
        }
        // Not of sessions: `compare` never asks.
        _ => ("nothing", String::new(), String::new()),
    }
}

fn name(whose: &Whose) -> String {
    match whose {
        Whose::All => "of all".to_owned(),
        Whose::Port(port) => format!("of port {port}"),
        Whose::Account(card) => format!("of \"{card}\""),
    }
}
