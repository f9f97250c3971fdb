//! What was refused of cards that the pile knows: recorded, and told to the landlord, without an
//! attacker wearing the flash or filling the ledger.
//!
//! The first attempt with a card is recorded at once. Those that follow are counted, and recorded in
//! one record when half an hour has passed since the one before. However many cards are tried, the
//! pile writes at most [`MOST_AT_ONCE`] such records in a row and then one an hour: 32 a day. The
//! ledger forgets each with its page; the book keeps the sums ([`Book::attempts`]).
//!
//! What is counted and not recorded is lost with the supply, and the first attempts after it are
//! recorded anew. Of more than [`MOST_CARDS`] cards within half an hour the others' attempts are refused
//! and not counted.
//!
//! [`Book::attempts`]: billing_core::book::Book::attempts

use super::Controller;
use crate::Actions;
use billing_core::record::{Attempt, Attempts, Record};
use pile_units::{CredentialId, Duration, Instant};

/// A card's attempts are recorded at most so often.
const EVERY: Duration = Duration::from_minutes(30);
/// Records that may follow each other at once, over all cards.
pub(super) const MOST_AT_ONCE: u8 = 8;
/// And when each of them may be written again.
const AGAIN: Duration = Duration::from_hours(1);
/// Cards that are counted at a time.
pub(super) const MOST_CARDS: usize = 8;
/// Places in the outbox that are left to others.
const PLACES: usize = 9;

/// Attempts with one card.
#[derive(Debug, Clone, Copy)]
struct Card {
    /// Not recorded yet; none is meant where the count is 0.
    attempts: Attempts,
    /// When the last record of this card was made.
    recorded: Option<Instant>,
}

impl Card {
    /// When what is counted may be recorded.
    fn due(&self) -> Instant {
        self.recorded
            .map_or(Instant::START, |recorded| recorded.after(EVERY))
    }

    /// True if nothing is counted and nothing has to be waited for.
    fn is_done(&self, now: Instant) -> bool {
        self.attempts.count == 0 && self.due() <= now
    }
}

/// What was tried lately.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    cards: heapless::Vec<Card, MOST_CARDS>,
    /// Records that may be written now.
    allowed: u8,
    /// Since when the next one is earned.
    since: Instant,
}

impl Tried {
    pub const fn new(now: Instant) -> Self {
        Self {
            cards: heapless::Vec::new(),
            allowed: MOST_AT_ONCE,
            since: now,
        }
    }

    fn earn(&mut self, now: Instant) {
        while self.allowed < MOST_AT_ONCE && now.since(self.since) >= AGAIN {
            self.allowed = self.allowed.saturating_add(1);
            self.since = self.since.after(AGAIN);
        }
    }

    fn spend(&mut self, now: Instant) {
        if self.allowed == MOST_AT_ONCE {
            self.since = now;
        }
        self.allowed = self.allowed.saturating_sub(1);
    }

    /// When something counted may be recorded.
    fn due(&self) -> Option<Instant> {
        let counted = self.cards.iter().filter(|card| card.attempts.count > 0);
        let due = counted.map(Card::due).min()?;
        Some(if self.allowed > 0 {
            due
        } else {
            due.max(self.since.after(AGAIN))
        })
    }
}

impl Controller {
    /// Counts a refused attempt.
    pub(super) fn tried(&mut self, now: Instant, credential: CredentialId, what: Attempt) {
        let last = self.wall(now);
        self.tried.cards.retain(|card| !card.is_done(now));
        let mut cards = self.tried.cards.iter_mut();
        if let Some(card) = cards.find(|card| card.attempts.credential == credential) {
            let count = card.attempts.count.saturating_add(1);
            card.attempts = Attempts {
                credential,
                count,
                what,
                last,
            };
            return;
        }
        // Refused as well where there is no place to count it.
        let _ = self.tried.cards.push(Card {
            attempts: Attempts {
                credential,
                count: 1,
                what,
                last,
            },
            recorded: None,
        });
    }

    /// When counted attempts may be recorded.
    pub(super) fn attempts_due(&self) -> Option<Instant> {
        // A pile that cannot record must not be woken for it again and again.
        self.tried.due().filter(|_| self.can_record_attempts())
    }

    fn can_record_attempts(&self) -> bool {
        self.book.pile().is_some() && !self.failed && self.outbox.has_room(PLACES)
    }

    /// Records what is counted, as far as it may be.
    pub(super) fn write_attempts(&mut self, now: Instant, out: &mut Actions) {
        self.tried.earn(now);
        while self.tried.allowed > 0 && self.can_record_attempts() {
            let mut cards = self.tried.cards.iter_mut();
            let due = cards.find(|card| card.attempts.count > 0 && card.due() <= now);
            let Some(card) = due else {
                return;
            };
            let attempts = card.attempts;
            card.attempts.count = 0;
            card.recorded = Some(now);
            self.tried.spend(now);
            let recorded = self.record(Record::Attempted(attempts), out);
            debug_assert!(recorded);
        }
    }

    /// Tells the landlord, who stands before the pile, what was tried.
    pub(super) fn say_attempts(&mut self, now: Instant, out: &mut Actions) {
        let count = self.book.attempts_unseen();
        let Some(newest) = self.book.attempts().last().filter(|_| count > 0) else {
            return;
        };
        out.tried = Some((newest.credential, count));
        // What is on its way to the flash was not told.
        let more =
            |record: &Record| matches!(record, Record::Attempted(_) | Record::AttemptsSeen { .. });
        if self.can_record_attempts() && !self.outbox.any(more) {
            let at = self.wall(now);
            let recorded = self.record(Record::AttemptsSeen { at }, out);
            debug_assert!(recorded);
        }
    }
}
