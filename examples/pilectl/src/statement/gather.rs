//! A statement as a value: the lines that the checked arithmetic gave, ready to be written.

use std::collections::BTreeMap;

use billing_core::book::Account;
use billing_core::cost::SessionCost;
use billing_core::record::{ClosedSession, Segment};
use billing_core::statement::{Frozen, Line, Payment, Period, StatementError, Survey, Totals};
use pile_units::{PlanId, SessionId, TariffVersion, UnixSeconds, WallTime};

use crate::ledger::archive::Archive;

/// A session of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charged {
    /// The record that bills it.
    pub number: u64,
    /// What it says.
    pub closed: ClosedSession,
    /// The exact sums behind the bill.
    pub exact: SessionCost,
    /// Its segments, each with its record.
    pub segments: Vec<(u64, Segment)>,
}

/// A statement of one account.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// Whose.
    pub account: Account,
    /// What the landlord calls it.
    pub name: Option<String>,
    /// Of what.
    pub period: Period,
    /// The settlement.
    pub frozen: Option<Frozen>,
    /// Its payment.
    pub payment: Option<Payment>,
    /// The sessions, in the order in which they were billed.
    pub sessions: Vec<Charged>,
    /// What they add up to.
    pub totals: Totals,
}

/// What is written to one file.
#[derive(Debug)]
pub struct Bundle<'a> {
    /// Where it is from.
    pub archive: &'a Archive,
    /// Which plan a tariff was set for.
    pub plans: BTreeMap<TariffVersion, PlanId>,
    /// By account.
    pub sheets: Vec<Sheet>,
}

/// Makes a statement.
///
/// # Errors
/// [`StatementError`] where it does not add up, or records are missing.
pub fn sheet(
    archive: &Archive,
    account: &Account,
    period: Period,
) -> Result<Sheet, StatementError> {
    let mut survey = Survey::new(account.id, period);
    for entry in &archive.entries {
        survey.see(entry.number, &entry.record);
    }
    let mut statement = survey.begin(account)?;
    let (frozen, payment) = (statement.frozen().copied(), statement.payment().cloned());
    let mut held = BTreeMap::<SessionId, Vec<(u64, Segment)>>::new();
    let mut sessions = Vec::new();
    for entry in &archive.entries {
        match statement.see(entry.number, &entry.record)? {
            Some(Line::Segment { number, segment }) => {
                held.entry(segment.session)
                    .or_default()
                    .push((number, segment));
            }
            Some(Line::Session {
                number,
                session,
                exact,
            }) => sessions.push(Charged {
                number,
                closed: session,
                exact,
                segments: held.remove(&session.session).unwrap_or_default(),
            }),
            Some(Line::Other(id)) => drop(held.remove(&id)),
            None => {}
        }
    }
    Ok(Sheet {
        account: *account,
        name: None,
        period,
        frozen,
        payment,
        sessions,
        totals: statement.finish()?,
    })
}

impl Sheet {
    /// `account 3, Flat 4`.
    pub fn whose(&self) -> String {
        match &self.name {
            Some(name) => format!("account {}, {name}", self.account.id),
            None => format!("account {}", self.account.id),
        }
    }

    /// What the statement is of.
    pub fn title(&self, archive: &Archive) -> String {
        let zone = archive.zone;
        match (self.period, &self.frozen) {
            (Period::Between { from, to }, _) => {
                let (from, to) = (dated(from), dated(before(to)));
                let ends = self.so_far(archive).map(|last| zone.minute(last));
                let so_far = ends.map(|ends| format!(", so far: the ledger ends {ends}"));
                format!(
                    "Sessions that ended from {} to {}{}",
                    zone.minute(from),
                    zone.minute(to),
                    so_far.unwrap_or_default()
                )
            }
            (Period::Settlement(id), Some(frozen)) => format!(
                "Settlement {id}, frozen {} by record {}",
                zone.minute(frozen.settlement.at),
                frozen.number
            ),
            _ => "Open since the last settlement".to_owned(),
        }
    }

    /// When the ledger ends, by the latest day that its records told, if that is within the month:
    /// sessions may still come.
    pub fn so_far(&self, archive: &Archive) -> Option<WallTime> {
        let Period::Between { from, to } = self.period else {
            return None;
        };
        let told = archive
            .entries
            .iter()
            .scan(WallTime::default(), |clock, entry| {
                *clock = entry.record.time_after(*clock);
                Some(*clock)
            });
        let dated = told.filter(|clock| clock.quality.tells_time_of_day());
        let last = dated.max_by_key(|clock| clock.unix)?;
        (from <= last.unix && last.unix < to).then_some(last)
    }

    /// Whether it is paid.
    pub fn state(&self, archive: &Archive) -> String {
        let zone = archive.zone;
        match (self.period, &self.payment) {
            (Period::Settlement(id), Some(payment)) => format!(
                "Settlement {id}: paid ({}), \"{}\", record {}.",
                zone.minute(payment.at),
                payment.reference.as_str(),
                payment.number
            ),
            (Period::Settlement(id), None) if self.waits(archive) => {
                format!("Settlement {id}: not paid yet.")
            }
            (Period::Settlement(id), None) => {
                format!("Settlement {id}: paid; the record of it is not in these files.")
            }
            (Period::Open, _) => "Not settled yet.".to_owned(),
            (Period::Between { .. }, _) => {
                "A month is no settlement: nothing is asked by it.".to_owned()
            }
        }
    }

    /// True while its settlement waits for payment.
    pub fn waits(&self, archive: &Archive) -> bool {
        let mut waiting = archive.book.settlements().iter();
        matches!(self.period, Period::Settlement(id) if waiting.any(|it| it.id == id))
    }
}

impl Bundle<'_> {
    /// `tariff 2, plan 1`.
    pub fn tariff(&self, version: TariffVersion) -> String {
        match self.plans.get(&version) {
            Some(plan) if *plan == PlanId::STANDARD => format!("tariff {version}, standard"),
            Some(plan) => format!("tariff {version}, plan {plan}"),
            None => format!("tariff {version}"),
        }
    }
}

fn dated(unix: UnixSeconds) -> WallTime {
    WallTime {
        unix,
        quality: pile_units::ClockQuality::Synchronised,
    }
}

fn before(unix: UnixSeconds) -> UnixSeconds {
    UnixSeconds::new(unix.get().saturating_sub(1))
}
