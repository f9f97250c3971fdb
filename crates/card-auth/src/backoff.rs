//! Keeps a card far from its own limits when it fails again and again.
//!
//! An NTAG 424 DNA slows down after 50 failed authentications in a row and locks the key for good
//! after 1,000 in all (AN12196 clause 6.4). A card of another site that lies on the pile must not
//! be brought there by it. So each failure makes the same card wait:
//!
//! | | |
//! | --- | --- |
//! | wait after the 1st failure | 10 s |
//! | after each more | doubled, at most 6 h |
//! | failures in a row after which nothing is tried until somebody [clears](Backoff::clear) | 25 |
//!
//! The sums, for a card that is presented without a pause: the first 12 waits are 10 s, 20 s, ...
//! 10,240 s, 20,480 s: 40,950 s in all (11.4 h), the others 6 h each. So **15 failures in the first
//! day, 4 in each later one, 25 in all**: half of the slow-down, 1/40 of the lock. A restart of the
//! pile forgets; it would take 40 restarts, each after days of trying, to lock a key. While the card
//! waits, it is not touched at all.

use pile_units::{CardAlias, Duration, Instant};

/// Wait after the first failure.
const FIRST: Duration = Duration::from_seconds(10);
/// The longest wait.
const LONGEST: Duration = Duration::from_seconds(6 * 3600);
/// Failures in a row after which a person has to look.
const LAST: u8 = 25;

/// Whether a card may be tried now.
///
/// ```
/// use card_auth::MayTry;
/// assert_ne!(MayTry::Yes, MayTry::Never);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayTry {
    /// It may.
    Yes,
    /// Not before this moment.
    After(Instant),
    /// Not before somebody clears it: 25 failures in a row.
    Never,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    alias: CardAlias,
    failures: u8,
    until: Instant,
}

/// Remembers which cards failed lately, `N` at most.
///
/// When it is full, the card with the fewest failures gives way. A genuine card is never refused
/// for want of room: a card that is not remembered may be tried.
///
/// ```
/// use card_auth::{Backoff, MayTry};
/// use pile_units::{CardAlias, Instant};
/// let (card, now) = (CardAlias::new([1; 8]), Instant::START);
/// let mut backoff = Backoff::<16>::new();
/// assert_eq!(backoff.may_try(card, now), MayTry::Yes);
/// backoff.failed(card, now);
/// assert_eq!(backoff.may_try(card, now), MayTry::After(Instant::from_millis(10_000)));
/// backoff.clear(card);
/// assert_eq!(backoff.may_try(card, now), MayTry::Yes);
/// ```
#[derive(Debug, Clone)]
pub struct Backoff<const N: usize> {
    entries: [Option<Entry>; N],
}

impl<const N: usize> Default for Backoff<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Backoff<N> {
    const SOME: () = assert!(N > 0, "a back-off needs room for one card");

    /// No card has failed.
    pub const fn new() -> Self {
        let () = Self::SOME;
        Self { entries: [None; N] }
    }

    /// Whether a card may be tried now.
    pub fn may_try(&self, alias: CardAlias, now: Instant) -> MayTry {
        let known = self.entries.iter().flatten();
        match known.clone().find(|entry| entry.alias == alias) {
            Some(entry) if entry.failures >= LAST => MayTry::Never,
            Some(entry) if now < entry.until => MayTry::After(entry.until),
            _ => MayTry::Yes,
        }
    }

    /// A card failed ([`NotProven::is_refusal`](crate::NotProven::is_refusal)).
    pub fn failed(&mut self, alias: CardAlias, now: Instant) {
        let failures = self
            .entries
            .iter()
            .flatten()
            .find(|entry| entry.alias == alias)
            .map_or(0, |entry| entry.failures);
        // Doubling more often than this is past the longest wait anyway.
        let doubled = FIRST.millis() << failures.min(20);
        let wait = Duration::from_millis(doubled.min(LONGEST.millis()));
        let entry = Entry {
            alias,
            failures: failures.saturating_add(1),
            until: now.after(wait),
        };
        let place = self.entries.iter_mut().min_by_key(|place| match place {
            Some(known) if known.alias == alias => (0, 0, 0),
            None => (1, 0, 0),
            Some(known) => (2, known.failures, known.until.millis()),
        });
        if let Some(place) = place {
            *place = Some(entry);
        }
    }

    /// A card has proven itself, or somebody looked at it: nothing is held against it.
    pub fn clear(&mut self, alias: CardAlias) {
        for place in &mut self.entries {
            if place.is_some_and(|entry| entry.alias == alias) {
                *place = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pile_units::{CardAlias, Instant};

    use super::{Backoff, MayTry};

    const DAY: u64 = 24 * 3600 * 1000;

    fn card(number: u8) -> CardAlias {
        CardAlias::new([number; 8])
    }

    /// Presents a card every second and returns the moments at which it failed.
    fn failures_within(days: u64) -> std::vec::Vec<u64> {
        let mut backoff = Backoff::<4>::new();
        let mut failures = std::vec::Vec::new();
        for now in (0..days * DAY).step_by(1000) {
            let moment = Instant::from_millis(now);
            if backoff.may_try(card(1), moment) == MayTry::Yes {
                backoff.failed(card(1), moment);
                failures.push(now);
            }
        }
        failures
    }

    #[test]
    fn card_that_is_presented_all_day_fails_fifteen_times_and_never_more_than_twenty_five() {
        assert_eq!(failures_within(1).len(), 15);
        assert_eq!(failures_within(2).len(), 19);
        assert_eq!(failures_within(20).len(), 25);
    }

    #[test]
    fn twenty_fifth_failure_waits_for_a_person() {
        let mut backoff = Backoff::<4>::new();
        for _ in 0..25 {
            backoff.failed(card(1), Instant::START);
        }
        let late = Instant::from_millis(1000 * DAY);
        assert_eq!(backoff.may_try(card(1), late), MayTry::Never);
        backoff.clear(card(1));
        assert_eq!(backoff.may_try(card(1), late), MayTry::Yes);
    }

    #[test]
    fn full_memory_keeps_the_worst_and_refuses_no_stranger() {
        let mut backoff = Backoff::<2>::new();
        let now = Instant::START;
        for number in [1, 1, 1, 2, 2, 3] {
            backoff.failed(card(number), now);
        }
        assert!(matches!(backoff.may_try(card(1), now), MayTry::After(_)));
        assert_eq!(backoff.may_try(card(2), now), MayTry::Yes, "it gave way");
        assert!(matches!(backoff.may_try(card(3), now), MayTry::After(_)));
        assert_eq!(backoff.may_try(card(4), now), MayTry::Yes);
    }
}
