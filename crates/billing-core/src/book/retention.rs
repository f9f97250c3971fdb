//! What may be forgotten, and how fast the flash fills.
//!
//! # Terms
//! - **Exported**: the landlord has every record up to this number ([`Record::Exported`]).
//! - **Settled through**: the highest session number up to which every session of an account is
//!   closed and in a settlement ([`Account::settled_through`](super::Account::settled_through)).
//! - A **stretch** is four weeks or more of the pile's life. The book counts the sessions and the
//!   seconds of the present one and of the one before.
//!
//! # Invariants
//! - Nothing is forgotten that is not settled, not paid or not exported ([`Book::keeps`]).
//! - Time that no clock told is not counted, so a rate is never below the true one.

use super::Book;
use crate::record::Record;
use pile_units::{AccountId, SessionId, WallTime};
use serde::{Deserialize, Serialize};

const DAY: u32 = 86_400;
/// Whole weeks, since a week's days differ.
const STRETCH: u32 = 28 * DAY;
/// A shorter part of a stretch says nothing for itself.
const SHORTEST: u32 = 7 * DAY;

/// How often sessions are opened: so many in so many seconds.
///
/// ```
/// use billing_core::book::Rate;
/// let rate = Rate { sessions: 60, seconds: 28 * 86_400 };
/// // Room for 300 sessions lasts 140 days.
/// assert_eq!(rate.days_for(300), Some(140));
/// assert_eq!(Rate::default().days_for(300), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rate {
    /// Sessions that were opened.
    pub sessions: u32,
    /// In so many seconds.
    pub seconds: u32,
}

impl Rate {
    /// Whole days until so many more sessions are opened, rounded down; `None` where none was
    /// opened yet.
    pub fn days_for(self, sessions: u32) -> Option<u32> {
        let seconds = u64::from(sessions) * u64::from(self.seconds);
        let days = seconds.checked_div(u64::from(self.sessions))? / u64::from(DAY);
        Some(u32::try_from(days).unwrap_or(u32::MAX))
    }

    fn and(self, other: Self) -> Self {
        Self {
            sessions: self.sessions.saturating_add(other.sessions),
            seconds: self.seconds.saturating_add(other.seconds),
        }
    }

    /// True if this one opens more sessions in the same time.
    fn is_above(self, other: Self) -> bool {
        u64::from(self.sessions) * u64::from(other.seconds)
            > u64::from(other.sessions) * u64::from(self.seconds)
    }
}

impl Book {
    /// The number of the last record that the landlord has, 0 before any. Numbers are those that
    /// [`Ledger::visit`](crate::ledger::Ledger::visit) gives.
    pub const fn exported(&self) -> u64 {
        self.exported
    }

    /// Whether a record with this number must still stand as it is when its place in the log is
    /// given back. If not, what it said is in the book:
    ///
    /// | record | kept until |
    /// | --- | --- |
    /// | a segment, a closed session | its account is settled beyond its session, and it is exported |
    /// | a settlement | it is paid, and it is exported |
    /// | a payment | it is exported |
    /// | any other | its place is given back |
    ///
    /// A record of an account that the book does not know is kept.
    pub fn keeps(&self, seq: u64, record: &Record) -> bool {
        let exported = seq <= self.exported;
        let billed = |account: AccountId, session: SessionId| {
            let account = self.account(account);
            account.is_some_and(|account| session <= account.settled_through)
        };
        match record {
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                !(exported && billed(segment.account, segment.session))
            }
            Record::SessionClosed(closed) => !(exported && billed(closed.account, closed.session)),
            Record::Settled(settlement) => {
                let waits = self.settlements.iter().any(|it| it.id == settlement.id);
                !exported || waits
            }
            Record::Paid { .. } => !exported,
            _ => false,
        }
    }

    /// How often sessions are opened of late, for a warning before the flash is full
    /// ([`Rate::days_for`]): over the last two stretches, or over the present one where that is a
    /// week long and busier. The first day counts as a whole one. `None` before the pile is
    /// commissioned.
    pub fn sessions_a_day(&self, now: WallTime) -> Option<Rate> {
        self.pile?;
        let [present, before] = self.rates;
        let present = present.and(Rate {
            sessions: 0,
            seconds: passed(self.last, now),
        });
        let both = present.and(before);
        let both = Rate {
            seconds: both.seconds.max(DAY),
            ..both
        };
        let busier = present.seconds >= SHORTEST && present.is_above(both);
        Some(if busier { present } else { both })
    }

    /// Counts the time up to a record, before the record changes anything.
    pub(super) fn count_time(&mut self, record: &Record) {
        if self.pile.is_none() {
            return;
        }
        let until = match record {
            // What the clock jumps by is no time that passed.
            Record::ClockSet { from, .. } => *from,
            record => record.time_after(self.last),
        };
        let more = passed(self.last, until);
        let [present, _] = &mut self.rates;
        present.seconds = present.seconds.saturating_add(more);
    }

    pub(super) fn count_session(&mut self) {
        let [present, before] = &mut self.rates;
        if present.seconds >= STRETCH {
            *before = core::mem::take(present);
        }
        present.sessions = present.sessions.saturating_add(1);
    }

    /// The number up to which every session of an account is closed.
    pub(super) fn closed_through(&self, account: AccountId) -> SessionId {
        let open = self.open_sessions().filter(|it| it.account == account);
        let first = open.map(|it| it.id).min().unwrap_or(self.next_session);
        SessionId::new(first.get().saturating_sub(1))
    }
}

/// Seconds between two times of one clock. A clock that was lost or found in between tells none.
fn passed(from: WallTime, to: WallTime) -> u32 {
    if from.quality.tells_time_of_day() == to.quality.tells_time_of_day() {
        to.unix.since(from.unix)
    } else {
        0
    }
}
