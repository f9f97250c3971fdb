//! The second pass: the lines, and the sums that must agree.

use super::{Frozen, Payment, Period, Register, StatementError, Tally};
use crate::book::Account;
use crate::cost::SessionCost;
use crate::record::{ClosedSession, Record, Segment};
use core::ops::Range;
use pile_units::{AccountId, Energy, MAX_PORTS, Money, SessionId};

/// What a record adds to a statement.
///
/// The segments of a session come before the session, and before it is known whether the session
/// is in the period: hold them until [`Line::Session`] or [`Line::Other`] names it.
///
/// ```
/// use billing_core::statement::Line;
/// /// The bill of a session, if this ends one.
/// fn total(line: &Line) -> Option<pile_units::Money> {
///     match line {
///         Line::Session { session, .. } => Some(session.bill.total),
///         Line::Segment { .. } | Line::Other(_) => None,
///     }
/// }
/// assert_eq!(total(&Line::Other(pile_units::SessionId::new(1))), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A stretch of a session under one price. It is checked when its session ends.
    Segment {
        /// The record's number.
        number: u64,
        /// What it says.
        segment: Segment,
    },
    /// A session of the period, checked against its segments.
    Session {
        /// The record's number.
        number: u64,
        /// What it says.
        session: ClosedSession,
        /// The exact sums behind its bill.
        exact: SessionCost,
    },
    /// A session of the account that is not in the period.
    Other(SessionId),
}

/// What the sessions of a period add up to, compared with the registers.
///
/// ```
/// use billing_core::statement::Totals;
/// fn drawn(totals: &Totals) -> pile_units::Energy {
///     totals.closing.saturating_sub(totals.opening)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Totals {
    /// Sessions.
    pub sessions: u32,
    /// The account's energy register before the first of them.
    pub opening: Energy,
    /// The same after the last.
    pub closing: Energy,
    /// What they drew: closing less opening.
    pub energy: Energy,
    /// Their electricity fees.
    pub energy_fee: Money,
    /// Their service fees.
    pub service_fee: Money,
    /// What they cost: both fees, the sum of the bills.
    pub amount: Money,
}

/// Sums over sessions; what does not fit is an error, never a wrong sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sums {
    sessions: u32,
    energy: Energy,
    energy_fee: Money,
    service_fee: Money,
}

impl Sums {
    fn with(self, closed: &ClosedSession) -> Option<Self> {
        Some(Self {
            sessions: self.sessions.checked_add(1)?,
            energy: self.energy.checked_add(closed.energy)?,
            energy_fee: self.energy_fee.checked_add(closed.bill.energy_fee)?,
            service_fee: self.service_fee.checked_add(closed.bill.service_fee)?,
        })
    }
}

/// The second pass, from [`Survey::begin`](super::Survey::begin), where the example is.
#[derive(Debug, Clone)]
pub struct Statement {
    account: Account,
    period: Period,
    /// True if all sessions that the account ever had are among the records.
    whole: bool,
    /// The places of the period's sessions among the account's sessions here.
    range: Range<u32>,
    frozen: Option<Frozen>,
    payment: Option<Payment>,
    /// Sessions of the account so far.
    seen: u32,
    /// The last record's number.
    last: u64,
    /// All sessions so far, before the period, and in it.
    all: Sums,
    before: Sums,
    within: Sums,
    /// Sessions whose end has not come.
    open: [Option<Tally>; MAX_PORTS],
}

impl Statement {
    pub(super) fn new(
        account: &Account,
        period: Period,
        whole: bool,
        range: Range<u32>,
        frozen: Option<Frozen>,
        payment: Option<Payment>,
    ) -> Self {
        Self {
            account: *account,
            period,
            whole,
            range,
            frozen,
            payment,
            seen: 0,
            last: 0,
            all: Sums::default(),
            before: Sums::default(),
            within: Sums::default(),
            open: [None; MAX_PORTS],
        }
    }

    /// Whose it is.
    pub const fn account(&self) -> AccountId {
        self.account.id
    }

    /// Which sessions were asked for.
    pub const fn period(&self) -> Period {
        self.period
    }

    /// The settlement, for [`Period::Settlement`].
    pub const fn frozen(&self) -> Option<&Frozen> {
        self.frozen.as_ref()
    }

    /// Its payment, if the record of it is here.
    pub const fn payment(&self) -> Option<&Payment> {
        self.payment.as_ref()
    }

    /// Takes the next record: the same ones as the survey, in the same order.
    ///
    /// # Errors
    /// [`StatementError::Session`] where the records of a session of the period disagree,
    /// [`StatementError::Order`] where the numbers do not rise.
    pub fn see(&mut self, number: u64, record: &Record) -> Result<Option<Line>, StatementError> {
        if number <= self.last {
            return Err(StatementError::Order { number });
        }
        self.last = number;
        match record {
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment }
                if segment.account == self.account.id =>
            {
                self.add(segment);
                let segment = *segment;
                Ok(Some(Line::Segment { number, segment }))
            }
            Record::SessionClosed(closed) => self.close(number, closed),
            _ => Ok(None),
        }
    }

    fn add(&mut self, segment: &Segment) {
        let known = self
            .open
            .iter()
            .position(|open| open.is_some_and(|tally| tally.session() == segment.session));
        // More sessions than ports are never open at a time. Where the end of some was dropped
        // after an export, theirs are the lowest numbers.
        let free = || self.open.iter().position(Option::is_none);
        let oldest = || {
            let numbers = self.open.iter().map(|open| open.map(|it| it.session()));
            numbers
                .enumerate()
                .min_by_key(|(_, id)| *id)
                .map(|(n, _)| n)
        };
        let place = known.or_else(free).or_else(oldest);
        if let Some(place) = place.and_then(|place| self.open.get_mut(place)) {
            let tally = place
                .filter(|tally| tally.session() == segment.session)
                .unwrap_or_else(|| Tally::new(segment.session));
            let tally = place.insert(tally);
            // Said again when the session ends, if it is one of ours.
            let _ = tally.add(segment);
        }
    }

    fn close(
        &mut self,
        number: u64,
        closed: &ClosedSession,
    ) -> Result<Option<Line>, StatementError> {
        let id = closed.session;
        let place = self
            .open
            .iter_mut()
            .find(|open| open.is_some_and(|tally| tally.session() == id));
        let tally = place.and_then(Option::take);
        if closed.account != self.account.id {
            return Ok(None);
        }
        let place = self.seen;
        self.seen = self.seen.saturating_add(1);
        let full = StatementError::Session {
            number,
            session: id,
            why: super::Difference::Overflow,
        };
        self.all = self.all.with(closed).ok_or(full)?;
        if place < self.range.start {
            self.before = self.all;
        }
        if !self.range.contains(&place) {
            return Ok(Some(Line::Other(id)));
        }
        self.within = self.within.with(closed).ok_or(full)?;
        let exact = tally
            .unwrap_or_else(|| Tally::new(id))
            .check(closed)
            .map_err(|why| StatementError::Session {
                number,
                session: id,
                why,
            })?;
        Ok(Some(Line::Session {
            number,
            session: *closed,
            exact,
        }))
    }

    /// Compares the sums with the settlement and the account's registers.
    ///
    /// # Errors
    /// [`StatementError::Total`]: the first sum that differs; [`StatementError::Missing`] where
    /// that may be because a session between two others is not among the records.
    pub fn finish(self) -> Result<Totals, StatementError> {
        let count = self.range.end.saturating_sub(self.range.start);
        let found = self.within.sessions;
        equal(Register::Sessions, count.into(), found.into())?;
        if self.whole {
            self.compare_account()?;
        }
        let (within, amount) = (self.within, self.amount()?);
        let told = match (self.period, self.frozen) {
            (Period::Settlement(_), Some(Frozen { settlement, .. })) => {
                Some((settlement.opening, settlement.closing, settlement.amount))
            }
            (Period::Open, _) => {
                let account = &self.account;
                Some((account.settled_energy, account.energy, account.owed()))
            }
            _ => None,
        };
        let opening = match told {
            Some((opening, _, _)) => opening,
            None => self.before.energy,
        };
        let closing = opening.checked_add(within.energy).unwrap_or(Energy::MAX);
        if let Some((_, told_closing, told_amount)) = told {
            let (energy, fees) = (Register::Energy, Register::Amount);
            let drawn = told_closing.saturating_sub(opening).milliwatt_hours();
            let same = equal(energy, drawn, within.energy.milliwatt_hours())
                .and_then(|()| equal(fees, told_amount.micros(), amount.micros()));
            match same {
                Err(_) if !self.whole && self.period != Period::Open => {
                    let expected = self.account.sessions;
                    let found = self.seen;
                    return Err(StatementError::Missing { expected, found });
                }
                same => same?,
            }
            if self.whole {
                let before = self.before.energy.milliwatt_hours();
                equal(Register::Opening, opening.milliwatt_hours(), before)?;
            }
        }
        Ok(Totals {
            sessions: found,
            opening,
            closing,
            energy: within.energy,
            energy_fee: within.energy_fee,
            service_fee: within.service_fee,
            amount,
        })
    }

    fn amount(&self) -> Result<Money, StatementError> {
        let Sums {
            energy_fee,
            service_fee,
            ..
        } = self.within;
        energy_fee
            .checked_add(service_fee)
            .ok_or(StatementError::Total {
                register: Register::Amount,
                expected: u64::MAX,
                found: u64::MAX,
            })
    }

    /// All sessions that there ever were add up to the account.
    fn compare_account(&self) -> Result<(), StatementError> {
        let (account, all) = (&self.account, &self.all);
        let sessions = (account.sessions.into(), all.sessions.into());
        let energy = (
            account.energy.milliwatt_hours(),
            all.energy.milliwatt_hours(),
        );
        let energy_fee = (account.energy_fee.micros(), all.energy_fee.micros());
        let service_fee = (account.service_fee.micros(), all.service_fee.micros());
        for (register, (expected, found)) in [
            (Register::Sessions, sessions),
            (Register::Energy, energy),
            (Register::EnergyFee, energy_fee),
            (Register::ServiceFee, service_fee),
        ] {
            equal(register, expected, found)?;
        }
        Ok(())
    }
}

const fn equal(register: Register, expected: u64, found: u64) -> Result<(), StatementError> {
    if expected == found {
        Ok(())
    } else {
        Err(StatementError::Total {
            register,
            expected,
            found,
        })
    }
}
