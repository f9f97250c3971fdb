//! The search for an account's statement.
//!
//! Which sessions belong to a period is said by numbers of records, whatever order they are read in:
//! a settlement has those of its account between the settlement before and itself; what is open comes
//! after the last one; and a time lasts from the first session whose date has come to it until the
//! first whose date has come to its end, since a session goes with the date before it where its own
//! is unknown or earlier ([`Period::Between`]). The first look finds those numbers, the second adds up,
//! the others collect the sessions of the answer.

use super::inquiry::{SESSIONS, list};
use crate::Refusal;
use billing_core::book::{Account, Book, Settlement};
use billing_core::record::{ClosedSession, Record, Reference};
use billing_core::statement::{Period, Totals};
use ble_protocol::message::{Response, StatementPage};
use pile_units::{AccountId, Energy, Money, WallTime};

/// Sessions that are passed over in one look.
const STRIDE: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatementSearch {
    id: AccountId,
    period: Period,
    skip: u32,
    look: Look,
    account: Option<Account>,
    /// Of the account's sessions that stand here.
    all: Sums,
    frozen: Option<(u64, Settlement)>,
    /// The settlement before the frozen one: its number, and its record's.
    before: Option<(u32, u64)>,
    /// The record of the account's last settlement.
    last: u64,
    paid: Option<(WallTime, Reference)>,
    /// The first record whose date has come to the period's beginning, and to its end.
    dated: (Option<u64>, Option<u64>),
    /// Sessions after this record and before that one.
    range: (u64, u64),
    within: Sums,
    earlier: Sums,
    /// Sessions still to be passed over, and the last that was.
    left: u32,
    passed: u64,
    ranks: heapless::Vec<u64, STRIDE>,
    page: heapless::Vec<(u64, ClosedSession), { SESSIONS + 1 }>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Bounds,
    Sums,
    Pass,
    Collect,
}

/// What sessions add up to. The registers of the book say whether anything is missing, so a sum that
/// does not fit is as wrong as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sums {
    sessions: u32,
    energy: Energy,
    energy_fee: Money,
    service_fee: Money,
}

impl Sums {
    fn add(&mut self, closed: &ClosedSession) {
        self.sessions = self.sessions.saturating_add(1);
        self.energy = self.energy.saturating_add(closed.energy);
        self.energy_fee = self.energy_fee.saturating_add(closed.bill.energy_fee);
        self.service_fee = self.service_fee.saturating_add(closed.bill.service_fee);
    }

    fn amount(&self) -> Money {
        self.energy_fee.saturating_add(self.service_fee)
    }
}

impl StatementSearch {
    pub const fn new(id: AccountId, period: Period, skip: u32) -> Self {
        let none = Sums {
            sessions: 0,
            energy: Energy::ZERO,
            energy_fee: Money::ZERO,
            service_fee: Money::ZERO,
        };
        Self {
            id,
            period,
            skip,
            look: Look::Bounds,
            account: None,
            all: none,
            frozen: None,
            before: None,
            last: 0,
            paid: None,
            dated: (None, None),
            range: (0, 0),
            within: none,
            earlier: none,
            left: skip,
            passed: 0,
            ranks: heapless::Vec::new(),
            page: heapless::Vec::new(),
        }
    }

    /// Begins, or begins again, with what the book knows now.
    pub fn begin(&mut self, book: &Book) {
        *self = Self::new(self.id, self.period, self.skip);
        self.account = book.account(self.id).copied();
    }

    pub fn see(&mut self, seq: u64, record: &Record) {
        if self.look == Look::Bounds {
            return self.find_bounds(seq, record);
        }
        let Record::SessionClosed(closed) = record else {
            return;
        };
        let (after, until) = self.range;
        if closed.account != self.id {
            return;
        }
        if seq <= after {
            if self.look == Look::Sums {
                self.earlier.add(closed);
            }
            return;
        }
        if seq >= until {
            return;
        }
        match self.look {
            Look::Sums => self.within.add(closed),
            Look::Pass if seq > self.passed => self.rank(seq),
            Look::Collect if seq > self.passed => self.collect(seq, closed),
            Look::Bounds | Look::Pass | Look::Collect => {}
        }
    }

    fn find_bounds(&mut self, seq: u64, record: &Record) {
        match record {
            Record::SessionClosed(closed) if closed.account == self.id => {
                self.all.add(closed);
                let Period::Between { from, to } = self.period else {
                    return;
                };
                let first = |known: &mut Option<u64>, come: bool| {
                    if come {
                        *known = Some(known.map_or(seq, |known| known.min(seq)));
                    }
                };
                let dated = closed.closed.quality.tells_time_of_day();
                let date = closed.closed.unix;
                // Before any date it is the beginning of time.
                first(
                    &mut self.dated.0,
                    from.get() == 0 || (dated && date >= from),
                );
                first(&mut self.dated.1, to.get() == 0 || (dated && date >= to));
            }
            Record::Settled(settlement) if settlement.account == self.id => {
                self.last = self.last.max(seq);
                let Period::Settlement(wanted) = self.period else {
                    return;
                };
                if settlement.id == wanted {
                    self.frozen = Some((seq, *settlement));
                } else if settlement.id < wanted
                    && self.before.is_none_or(|(id, _)| id < settlement.id)
                {
                    self.before = Some((settlement.id, seq));
                }
            }
            Record::Paid {
                settlement,
                reference,
                at,
            } if self.period == Period::Settlement(*settlement) => {
                self.paid = Some((*at, reference.clone()));
            }
            _ => {}
        }
    }

    /// Keeps the first ones.
    fn rank(&mut self, seq: u64) {
        let place = self.ranks.iter().position(|it| *it > seq);
        let place = place.unwrap_or(self.ranks.len());
        if self.ranks.is_full() {
            if place == self.ranks.len() {
                return;
            }
            self.ranks.pop();
        }
        let _ = self.ranks.insert(place, seq);
    }

    fn collect(&mut self, seq: u64, closed: &ClosedSession) {
        let place = self.page.iter().position(|(it, _)| *it > seq);
        let place = place.unwrap_or(self.page.len());
        if self.page.is_full() {
            if place == self.page.len() {
                return;
            }
            self.page.pop();
        }
        let _ = self.page.insert(place, (seq, *closed));
    }

    /// The ledger was read once.
    pub fn turn(&mut self, book: &Book) -> Option<Response> {
        match self.look {
            Look::Bounds => {
                self.range = match self.bounds(book) {
                    Ok(range) => range,
                    Err(why) => return Some(Response::Refused(why)),
                };
                self.look = Look::Sums;
            }
            Look::Sums => {
                if let Err(why) = self.check() {
                    return Some(Response::Refused(why));
                }
                self.passed = self.range.0;
                self.look = if self.left > 0 {
                    Look::Pass
                } else {
                    Look::Collect
                };
            }
            Look::Pass => {
                let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                let passed = self.ranks.get(left.min(STRIDE).saturating_sub(1));
                // Fewer are left than are to be passed over: the rest is empty.
                self.passed = passed.copied().unwrap_or(u64::MAX);
                let count = u32::try_from(self.ranks.len()).unwrap_or(u32::MAX);
                self.left = self.left.saturating_sub(count);
                self.ranks.clear();
                if self.left == 0 || self.passed == u64::MAX {
                    self.look = Look::Collect;
                }
            }
            Look::Collect => return Some(self.response(book)),
        }
        None
    }

    fn bounds(&self, book: &Book) -> Result<(u64, u64), Refusal> {
        let account = self.account.ok_or(Refusal::NoSuchThing)?;
        match self.period {
            Period::Settlement(id) => {
                let Some((seq, _)) = self.frozen else {
                    let never = id == 0 || id >= book.next_settlement();
                    return Err(if never {
                        Refusal::NoSuchThing
                    } else {
                        Refusal::NotHere
                    });
                };
                Ok((self.before.map_or(0, |(_, seq)| seq), seq))
            }
            Period::Open => Ok((self.last, u64::MAX)),
            Period::Between { .. } => {
                if self.all.sessions != account.sessions {
                    return Err(Refusal::NotHere);
                }
                let (first, end) = self.dated;
                let until = end.unwrap_or(u64::MAX);
                let after = first.map_or(u64::MAX, |first| first.saturating_sub(1));
                Ok((after, until))
            }
        }
    }

    /// The sums must be what the book and the settlement say: else something is not here.
    fn check(&self) -> Result<(), Refusal> {
        let account = self.account.ok_or(Refusal::NoSuchThing)?;
        let told = match (self.period, self.frozen) {
            (Period::Settlement(_), Some((_, it))) => (
                it.sessions,
                it.closing.saturating_sub(it.opening),
                it.amount,
            ),
            (Period::Open, _) => (
                account.sessions.saturating_sub(account.settled_sessions),
                account.energy.saturating_sub(account.settled_energy),
                account.owed(),
            ),
            _ => return Ok(()),
        };
        let found = (
            self.within.sessions,
            self.within.energy,
            self.within.amount(),
        );
        if told == found {
            Ok(())
        } else {
            Err(Refusal::NotHere)
        }
    }

    fn response(&self, book: &Book) -> Response {
        let opening = match (self.period, self.frozen, self.account) {
            (Period::Settlement(_), Some((_, settlement)), _) => settlement.opening,
            (Period::Open, _, Some(account)) => account.settled_energy,
            _ => self.earlier.energy,
        };
        let within = &self.within;
        Response::Statement(StatementPage {
            totals: Totals {
                sessions: within.sessions,
                opening,
                closing: opening.saturating_add(within.energy),
                energy: within.energy,
                energy_fee: within.energy_fee,
                service_fee: within.service_fee,
                amount: within.amount(),
            },
            currency: book.currency(),
            settlement: self.frozen.map(|(_, settlement)| settlement),
            paid: self.paid.clone(),
            sessions: list(self.page.iter().take(SESSIONS).map(|(_, closed)| *closed)),
            more: self.page.len() > SESSIONS,
        })
    }
}
