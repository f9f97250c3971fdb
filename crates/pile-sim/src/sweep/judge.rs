//! What must hold on a flash that a cut has left, by arithmetic that shares nothing with the
//! ledger's and the controller's.

use std::collections::BTreeMap;

use billing_core::book::Book;
use billing_core::record::{ClosedSession, Record, Segment};
use billing_core::tariff::Tariff;
use pile_units::{MAX_PORTS, PortId, TariffVersion};

use super::kept::Kept;
use crate::life::wires::STEP;
use crate::life::{Flows, Life, Moment, Surroundings};

/// A guarantee that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its name in the design: `I4`, ...
    pub invariant: &'static str,
    /// What was found instead.
    pub found: String,
}

fn broken(invariant: &'static str, found: impl Into<String>) -> Broken {
    Broken {
        invariant,
        found: found.into(),
    }
}

macro_rules! ensure {
    ($invariant:literal, $holds:expr, $($found:tt)+) => {
        if !$holds {
            return Err(broken($invariant, format!($($found)+)));
        }
    };
}

/// What a mount found.
pub(super) struct Found {
    pub book: Book,
    pub records: Vec<(u64, Record)>,
}

/// What a meter may count of before it was read first: a step of its counter, and its rounding.
const EARLIER: u64 = STEP + 1;
/// I3.
const MOST_LOST: u64 = 1000;

/// All that was ever written by a life, and its prices.
pub(super) struct Model<'a> {
    pub life: &'a Life,
    tariffs: BTreeMap<TariffVersion, &'a Tariff>,
}

/// What a mount must find.
pub(super) struct Expected<'a> {
    /// The fold of what was acknowledged.
    pub before: &'a Book,
    /// The record that may be there or not, and its number.
    pub flying: Option<&'a (u64, Record)>,
    /// What was acknowledged, in order, by the life and after it.
    pub old: &'a [(u64, Record)],
    pub new: &'a [(u64, Record)],
    /// What those let go. The record in flight lets nothing go: it was not acknowledged.
    pub kept: Kept,
    /// The wires.
    pub around: &'a Surroundings,
}

impl Expected<'_> {
    fn acknowledged(&self) -> impl DoubleEndedIterator<Item = &(u64, Record)> {
        self.old.iter().chain(self.new)
    }
}

impl<'a> Model<'a> {
    pub fn new(life: &'a Life) -> Self {
        let tariff = |(_, record): &'a (u64, Record)| match record {
            Record::TariffSet {
                version, tariff, ..
            } => Some((*version, tariff)),
            _ => None,
        };
        Self {
            life,
            tariffs: life.records.iter().filter_map(tariff).collect(),
        }
    }

    /// What the life had acknowledged when this moment began.
    pub fn expected<'b>(&'b self, moment: &'b Moment) -> Expected<'b> {
        let records = &self.life.records;
        let (old, rest) = records.split_at(moment.acknowledged.min(records.len()));
        Expected {
            before: &moment.book,
            flying: rest.first().filter(|_| moment.appends()),
            old,
            new: &[],
            kept: Kept::by(old),
            around: &moment.around,
        }
    }

    /// Judges what a mount found. True if the record in flight is there.
    pub fn judge(&self, expected: &Expected<'_>, found: &Found) -> Result<bool, Broken> {
        let arrived = durable(expected, found)?;
        let flying = expected.flying.filter(|_| arrived);
        let balance = found.book.balance();
        ensure!(
            "I2",
            balance.metered == balance.accounted(),
            "the meters say {:?}, the accounts {:?}",
            balance.metered,
            balance.accounted()
        );
        Self::one_sided(expected, found)?;
        self.prices(found)?;
        Self::money(expected, flying, found)?;
        Ok(arrived)
    }

    /// I3, of the sessions: nothing is billed that was not delivered.
    fn one_sided(expected: &Expected<'_>, found: &Found) -> Result<(), Broken> {
        let open = found.book.open_sessions().map(|it| (it.id, it.energy()));
        let closed = found.records.iter().filter_map(|(_, record)| match record {
            Record::SessionClosed(closed) => Some((closed.session, closed.energy)),
            _ => None,
        });
        for (session, energy) in open.chain(closed) {
            let delivered = expected.around.delivered(session);
            ensure!(
                "I3",
                energy.milliwatt_hours() <= delivered,
                "session {session:?} is billed {energy}, of {delivered} mWh delivered"
            );
        }
        Ok(())
    }

    /// I9: every segment, closed or open, carries the prices of the tariff and band it names.
    fn prices(&self, found: &Found) -> Result<(), Broken> {
        let closed = found
            .records
            .iter()
            .filter_map(|(_, record)| segment(record));
        let closed = closed.map(|it| (it.tariff, it.band, it.energy_price, it.service_price));
        let open = found.book.open_sessions().map(|it| &it.segment);
        let open = open.map(|it| (it.tariff, it.band, it.energy_price, it.service_price));
        for (version, name, energy, service) in closed.chain(open) {
            let tariff = self.tariffs.get(&version);
            let band = tariff.and_then(|it| it.bands().iter().find(|band| band.name == name));
            ensure!(
                "I9",
                band.is_some_and(|band| (band.energy, band.service) == (energy, service)),
                "{version:?} never had {name} at {energy:?} and {service:?}"
            );
        }
        Ok(())
    }

    /// I10: every bill is the sum of its lines, rounded down once, and the accounts are the sums of
    /// their bills.
    fn money(
        expected: &Expected<'_>,
        flying: Option<&(u64, Record)>,
        found: &Found,
    ) -> Result<(), Broken> {
        let mut totals = BTreeMap::new();
        let mut lines: BTreeMap<_, Vec<&Segment>> = BTreeMap::new();
        for (_, record) in expected.acknowledged().chain(flying) {
            if let Some(segment) = segment(record) {
                lines.entry(segment.session).or_default().push(segment);
            }
            if let Record::SessionClosed(closed) = record {
                check_bill(closed, &lines.remove(&closed.session).unwrap_or_default())?;
                *totals.entry(closed.account).or_insert(0) += closed.bill.total.micros();
            }
        }
        for account in found.book.accounts() {
            let total = totals.get(&account.id).copied().unwrap_or(0);
            ensure!(
                "I10",
                account.total().micros() == total,
                "account {:?} owes {} micro, its bills are {total}",
                account.id,
                account.total().micros()
            );
        }
        Ok(())
    }
}

/// I4: the book is as before the record in flight or as after it; every record that is there is one
/// that was acknowledged, in order and unaltered, or that one; and none is missing that must be kept.
fn durable(expected: &Expected<'_>, found: &Found) -> Result<bool, Broken> {
    let mut arrived = false;
    if found.book != *expected.before {
        let mut after = expected.before.clone();
        let applied = expected
            .flying
            .is_some_and(|(_, it)| after.apply(it).is_ok());
        let as_after = applied && found.book == after;
        ensure!("I4", as_after, "the book is neither as before nor as after");
        arrived = true;
    }
    let flying = expected.flying.filter(|_| arrived);
    let mut there = found.records.iter().peekable();
    for (seq, record) in expected.acknowledged().chain(flying) {
        if let Some((_, other)) = there.next_if(|(number, _)| number == seq) {
            ensure!("I4", other == record, "record {seq} is another");
        } else {
            let kept = expected.kept.holds(*seq, record) || flying.is_some_and(|it| it.0 == *seq);
            ensure!("I4", !kept, "record {seq} is missing");
        }
    }
    let more = there.next().map(|(seq, _)| *seq);
    ensure!(
        "I4",
        more.is_none(),
        "record {more:?} was never acknowledged"
    );
    Ok(arrived)
}

/// I1: a relay was closed for a session that is durable.
pub(super) fn relays(moment: &Moment, book: &Book) -> Result<(), Broken> {
    for port in PortId::first(MAX_PORTS) {
        let session = book.session(port).filter(|it| !it.ended);
        ensure!(
            "I1",
            !moment.is_closed(port) || session.is_some(),
            "port {port} was closed without a durable session"
        );
    }
    Ok(())
}

/// I3 by the wires: what was recorded had flowed, and what had flowed is recorded but for a
/// watt-hour.
pub(super) fn energy(flows: &Flows, book: &Book) -> Result<(), Broken> {
    let ports = PortId::first(MAX_PORTS);
    for ((port, flowed), booted) in ports.zip(flows.flowed).zip(flows.booted) {
        let register = book.register(port).milliwatt_hours();
        ensure!(
            "I3",
            register >= booted,
            "the register of port {port} went back"
        );
        let recorded = register - booted;
        let (least, most) = flowed;
        ensure!(
            "I3",
            recorded <= least + EARLIER,
            "port {port} recorded {recorded} mWh, only {least} had flowed"
        );
        ensure!(
            "I3",
            most <= recorded + MOST_LOST,
            "port {port} lost {} mWh",
            most - recorded
        );
    }
    Ok(())
}

const fn segment(record: &Record) -> Option<&Segment> {
    match record {
        Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => Some(segment),
        _ => None,
    }
}

fn check_bill(closed: &ClosedSession, lines: &[&Segment]) -> Result<(), Broken> {
    let minor = u128::from(closed.currency.micros_per_minor_unit());
    let exact = |price: fn(&Segment) -> u32| -> u128 {
        let fee = |it: &&Segment| u128::from(it.energy.milliwatt_hours()) * u128::from(price(it));
        lines.iter().map(fee).sum()
    };
    let energy = exact(|it| it.energy_price.micros_per_kilowatt_hour());
    let service = exact(|it| it.service_price.micros_per_kilowatt_hour());
    let total = (energy + service) / 1_000_000 / minor * minor;
    let drawn: u64 = lines.iter().map(|it| it.energy.milliwatt_hours()).sum();
    let id = closed.session;
    ensure!(
        "I10",
        u128::from(closed.bill.total.micros()) == total,
        "session {id:?} costs {} micro, its lines {total}",
        closed.bill.total.micros()
    );
    ensure!(
        "I10",
        drawn == closed.energy.milliwatt_hours() && lines.len() == usize::from(closed.segments),
        "session {id:?} says {} in {} lines, they are {} with {drawn} mWh",
        closed.energy,
        closed.segments,
        lines.len()
    );
    Ok(())
}
