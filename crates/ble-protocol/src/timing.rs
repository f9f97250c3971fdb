//! When a link is given up.

use pile_units::{Duration, Instant};

/// For a Hello, for its answer, for the proof that the phone has the key.
pub const ANSWER: Duration = Duration::from_seconds(10);
/// For a tap of the card.
pub const TAP: Duration = Duration::from_seconds(60);
/// What the phone gives the pile beyond that: the pile's clock decides.
pub const TAP_AND_ANSWER: Duration = Duration::from_seconds(70);
/// For a credit.
pub const STALL: Duration = Duration::from_seconds(10);
/// For the last bytes to leave.
pub const LEAVE: Duration = Duration::from_seconds(2);

/// Since when the other end has taken nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stall(Option<Instant>);

impl Stall {
    pub const fn new() -> Self {
        Self(None)
    }

    /// True if it has taken nothing for too long.
    pub fn check(&mut self, now: Instant, blocked: bool) -> bool {
        if blocked {
            let since = *self.0.get_or_insert(now);
            now.since(since) >= STALL
        } else {
            self.0 = None;
            false
        }
    }

    /// When to look again.
    pub fn deadline(self, now: Instant, blocked: bool) -> Option<Instant> {
        blocked.then(|| self.0.map_or(now, |since| since.after(STALL)))
    }
}
