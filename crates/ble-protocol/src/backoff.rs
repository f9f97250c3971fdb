//! How long a stranger waits after handshakes that came to nothing.
//!
//! | failures in a row on this link | a Hello of no known key is answered Busy for |
//! | --- | --- |
//! | 1, 2, 3 | - |
//! | 4 | 1 s |
//! | 5 | 2 s |
//! | 6 | 4 s |
//! | each more | double, at most 60 s |
//!
//! It holds for strangers only. A Hello whose hint is of a phone that is bound is always tried, so
//! nobody can lock the landlord out by failing in his place. A success clears it. A restart of the
//! pile forgets it, which helps nobody: a code that was guessed needs a tap of its card all the same.

use pile_units::{Duration, Instant};

/// Failures that cost nothing: a tap that came too late, a wrong code.
const FREE: u32 = 3;
/// The longest wait, in seconds.
const LONGEST: u32 = 60;

/// Counts failed handshakes of one link.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    failures: u32,
    until: Instant,
}

impl Backoff {
    /// Nothing has failed.
    pub const fn new() -> Self {
        Self {
            failures: 0,
            until: Instant::START,
        }
    }

    /// A handshake came to nothing.
    pub fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if let Some(doublings) = self.failures.checked_sub(FREE + 1) {
            // Six doublings are past the longest wait.
            let seconds = (1 << doublings.min(6)).min(LONGEST);
            self.until = now.after(Duration::from_seconds(seconds));
        }
    }

    /// A handshake succeeded.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Seconds that a stranger still has to wait, rounded up; `None` if he may try.
    pub fn busy(&self, now: Instant) -> Option<u16> {
        let left = self.until.since(now).millis().div_ceil(1000);
        u16::try_from(left).ok().filter(|left| *left > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_those_of_the_table() {
        let mut backoff = Backoff::new();
        let now = Instant::from_millis(5_000);
        let waits = [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60];
        for wait in waits {
            assert_eq!(backoff.busy(now), None, "nothing failed at this moment");
            let mut after = backoff;
            after.failed(now);
            assert_eq!(after.busy(now).unwrap_or(0), wait);
            let passed = now.after(Duration::from_seconds(u32::from(wait)));
            assert_eq!(after.busy(passed), None);
            // The next one fails as soon as it may.
            backoff.failed(Instant::START);
            backoff.until = Instant::START;
        }
        backoff.failed(now);
        backoff.clear();
        assert_eq!(backoff.busy(now), None);
        backoff.failed(now);
        assert_eq!(backoff.busy(now), None, "it starts over");
    }

    #[test]
    fn a_started_second_counts_as_one() {
        let mut backoff = Backoff::new();
        (0..6).for_each(|_| backoff.failed(Instant::START));
        assert_eq!(backoff.busy(Instant::from_millis(3_999)), Some(1));
        assert_eq!(backoff.busy(Instant::from_millis(3_000)), Some(1));
        assert_eq!(backoff.busy(Instant::from_millis(2_999)), Some(2));
    }

    #[test]
    fn a_life_of_failures_overflows_nothing() {
        let mut backoff = Backoff::new();
        backoff.failures = u32::MAX;
        backoff.failed(Instant::from_millis(u64::MAX));
        assert_eq!(
            backoff.busy(Instant::START),
            None,
            "out of range: not held against anybody"
        );
    }
}
