//! An account's statement: its sessions between two readings, and the proof that they add up.
//!
//! The pile's ledger says what an account drew in three places: the stretches of a session, the
//! session's bill, the account's registers that a settlement freezes. A statement takes the first,
//! redoes the arithmetic, and compares it with the other two. Where they differ there is no
//! statement, but a [`StatementError`] that names the record.
//!
//! # Terms
//! - **Period**: which sessions are asked for ([`Period`]). They follow one another without a gap
//!   in the order in which they were billed.
//! - **Reading**: an account's energy register, the sum of its billed sessions. A period begins
//!   with the opening reading and ends with the closing one; the difference is what is billed.
//! - **Number**: the number that a record got when it was written. It never changes.
//!
//! # Two passes
//! Nothing is kept but sums, so the records are read twice, both times in the order of their
//! numbers: a [`Survey`] finds where the period begins and ends, then a [`Statement`] gives the
//! lines and, at its end, the [`Totals`]. The same few hundred bytes do on a pile, in a phone and
//! on a desk.
//!
//! # Invariants
//! - [`Statement::finish`] gives totals only if every segment's fee follows from its energy and
//!   price, every bill from its segments, and the sums of all of them from the account's registers
//!   or the settlement, to the milliwatt-hour and to the smallest coin.
//! - A record that is not there, because it was exported and dropped, is missed:
//!   [`StatementError::Missing`].

mod error;
mod fold;
mod tally;
#[cfg(test)]
mod tests;

pub use error::{Difference, Register, StatementError};
pub use fold::{Line, Statement, Totals};
pub use tally::Tally;

use crate::book::{Account, Settlement};
use crate::record::{ClosedSession, Record, Reference};
use pile_units::{AccountId, UnixSeconds, WallTime};
use serde::{Deserialize, Serialize};

/// Which sessions of an account a statement is about. The order is the format of messages.
///
/// ```
/// use billing_core::statement::Period;
/// use pile_units::UnixSeconds;
/// // October 2026 in Beijing.
/// let october = Period::Between {
///     from: UnixSeconds::new(1_790_784_000),
///     to: UnixSeconds::new(1_793_462_400),
/// };
/// assert_ne!(october, Period::Open);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Period {
    /// Those that this settlement froze.
    Settlement(u32),
    /// Those since the account's last settlement.
    Open,
    /// Those that ended at `from` or later and before `to`. A session without a date, or with one
    /// before that of an earlier session, goes with the one before it: so every session is in one
    /// month and in one only, even where a clock was wrong.
    Between {
        /// The first moment.
        from: UnixSeconds,
        /// The first moment after.
        to: UnixSeconds,
    },
}

/// That a settlement was paid.
///
/// ```
/// use billing_core::statement::Payment;
/// fn told(payment: &Payment) -> String {
///     format!("paid, {} (record {})", payment.reference.as_str(), payment.number)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The record that says so.
    pub number: u64,
    /// The landlord's note.
    pub reference: Reference,
    /// When.
    pub at: WallTime,
}

/// That an account's reading was frozen.
///
/// ```
/// use billing_core::statement::Frozen;
/// fn drawn(frozen: &Frozen) -> pile_units::Energy {
///     frozen.settlement.closing.saturating_sub(frozen.settlement.opening)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frozen {
    /// The record that says so.
    pub number: u64,
    /// What it says.
    pub settlement: Settlement,
}

/// The first pass: where the sessions of a period begin and end.
///
/// ```
/// # use billing_core::book::{Book, testing::next_record};
/// use billing_core::statement::{Line, Period, Survey};
/// # let (mut book, mut state, mut records) = (Book::new(), 1u32, Vec::new());
/// # let mut dice = |sides| {
/// #     state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
/// #     (state >> 8) % sides
/// # };
/// # for number in 1..3000 {
/// #     let record = next_record(&book, 10, &mut dice);
/// #     book.apply(&record)?;
/// #     records.push((number, record));
/// # }
/// // `records` are those of a ledger with their numbers, `book` is what they fold to.
/// let account = book.accounts().first().ok_or("nobody charges here")?;
/// let mut survey = Survey::new(account.id, Period::Open);
/// for (number, record) in &records {
///     survey.see(*number, record);
/// }
/// let mut statement = survey.begin(account)?;
/// for (number, record) in &records {
///     if let Some(Line::Session { session, .. }) = statement.see(*number, record)? {
///         println!("{}: {} mWh", session.session, session.energy.milliwatt_hours());
///     }
/// }
/// let totals = statement.finish()?;
/// assert_eq!(totals.amount, account.owed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Survey {
    account: AccountId,
    period: Period,
    /// Billed sessions of the account so far.
    closed: u32,
    /// Those of them since the account's last settlement.
    since: u32,
    /// The latest date so far.
    date: UnixSeconds,
    /// Sessions before the period, and in it, where dates tell.
    before: u32,
    within: u32,
    frozen: Option<(Frozen, u32, u32)>,
    payment: Option<Payment>,
}

impl Survey {
    /// Starts.
    pub const fn new(account: AccountId, period: Period) -> Self {
        Self {
            account,
            period,
            closed: 0,
            since: 0,
            date: UnixSeconds::new(0),
            before: 0,
            within: 0,
            frozen: None,
            payment: None,
        }
    }

    /// Takes the next record; those of other accounts too.
    pub fn see(&mut self, number: u64, record: &Record) {
        match record {
            Record::SessionClosed(closed) if closed.account == self.account => self.count(closed),
            Record::Settled(settlement) if settlement.account == self.account => {
                if self.period == Period::Settlement(settlement.id) {
                    let settlement = *settlement;
                    let frozen = Frozen { number, settlement };
                    self.frozen = Some((frozen, self.closed, self.since));
                }
                self.since = 0;
            }
            Record::Paid {
                settlement,
                reference,
                at,
            } if self.period == Period::Settlement(*settlement) => {
                self.payment = Some(Payment {
                    number,
                    reference: reference.clone(),
                    at: *at,
                });
            }
            _ => {}
        }
    }

    fn count(&mut self, closed: &ClosedSession) {
        self.closed = self.closed.saturating_add(1);
        self.since = self.since.saturating_add(1);
        if closed.closed.quality.tells_time_of_day() {
            self.date = self.date.max(closed.closed.unix);
        }
        if let Period::Between { from, to } = self.period {
            if self.date < from {
                self.before = self.before.saturating_add(1);
            } else if self.date < to {
                self.within = self.within.saturating_add(1);
            }
        }
    }

    /// Ends the first pass. `account` is what the book knows at the end of the same records.
    ///
    /// # Errors
    /// [`StatementError::Unknown`] if the settlement is not among the records,
    /// [`StatementError::Missing`] if not all of the period's sessions are, and for
    /// [`Period::Between`] if not all of the account's are: one of those might belong to it.
    pub fn begin(self, account: &Account) -> Result<Statement, StatementError> {
        let missing = |expected, found| StatementError::Missing { expected, found };
        let whole = self.closed == account.sessions;
        let (skip, count) = match (self.period, self.frozen) {
            (Period::Settlement(id), None) => {
                return Err(StatementError::Unknown { settlement: id });
            }
            (Period::Settlement(_), Some((frozen, closed, since))) => {
                let count = frozen.settlement.sessions;
                if since < count {
                    return Err(missing(count, since));
                }
                (closed.saturating_sub(count), count)
            }
            (Period::Open, _) => {
                let count = account.sessions.saturating_sub(account.settled_sessions);
                if self.closed < count {
                    return Err(missing(count, self.closed));
                }
                (self.closed.saturating_sub(count), count)
            }
            (Period::Between { .. }, _) if !whole => {
                return Err(missing(account.sessions, self.closed));
            }
            (Period::Between { .. }, _) => (self.before, self.within),
        };
        let frozen = self.frozen.map(|(frozen, _, _)| frozen);
        Ok(Statement::new(
            account,
            self.period,
            whole,
            skip..skip.saturating_add(count),
            frozen,
            self.payment,
        ))
    }
}
