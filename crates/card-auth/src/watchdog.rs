//! When to reset a reader that stopped answering.
//!
//! Reader chips are known to hang after hours of good work (miguelbalboa/rfid #540 and #546,
//! esphome #10968): the bus still answers, and no card is ever read again until somebody pulls the
//! plug. Such a chip is found out in one of two ways:
//!
//! - Its registers are wrong, or it does not end what it is told: a **failed look**. These are counted
//!   here, and after a few in a row the chip is reset by its pin, again and again until it is back.
//! - All of that is right, and only its antenna is dead. That is an **empty field** to whoever looks,
//!   so a reader that has read no card for minutes is reset as well: [`IdleWatch`]. Nobody is told, as
//!   nobody can know whether it was needed.
//!
//! | state | a good look | a failed look | the `limit`th failed look in a row |
//! | --- | --- | --- | --- |
//! | well | nothing | nothing | reset, **lost** |
//! | lost | **back** | nothing | reset |

use pile_units::{Duration, Instant};

/// What to do after a look.
///
/// ```
/// use card_auth::Verdict;
/// assert_ne!(Verdict::Nothing, Verdict::Back);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Nothing,
    /// Reset the reader.
    Reset {
        /// True the first time: say that the reader is lost.
        newly_lost: bool,
    },
    /// A lost reader answers again: say so.
    Back,
}

/// Counts failed looks. `Lost` and `Back` come in turn, each once.
///
/// ```
/// use card_auth::{Verdict, Watchdog};
/// let mut watchdog = Watchdog::default();
/// assert_eq!(watchdog.failed(), Verdict::Nothing);
/// assert_eq!(watchdog.failed(), Verdict::Nothing);
/// assert_eq!(watchdog.failed(), Verdict::Reset { newly_lost: true });
/// assert_eq!(watchdog.good(), Verdict::Back);
/// assert_eq!(watchdog.resets(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watchdog {
    limit: u8,
    failures: u8,
    lost: bool,
    resets: u32,
}

impl Watchdog {
    /// Makes a watchdog that resets after `limit` failed looks in a row, at least one.
    pub const fn new(limit: u8) -> Self {
        Self {
            limit: if limit == 0 { 1 } else { limit },
            failures: 0,
            lost: false,
            resets: 0,
        }
    }

    /// Notes a look that worked, whatever it saw.
    #[must_use]
    pub const fn good(&mut self) -> Verdict {
        self.failures = 0;
        if self.lost {
            self.lost = false;
            Verdict::Back
        } else {
            Verdict::Nothing
        }
    }

    /// Notes a look that failed.
    #[must_use]
    pub const fn failed(&mut self) -> Verdict {
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.limit {
            return Verdict::Nothing;
        }
        self.failures = 0;
        self.resets = self.resets.saturating_add(1);
        let newly_lost = !self.lost;
        self.lost = true;
        Verdict::Reset { newly_lost }
    }

    /// True from the reset until the first good look.
    pub const fn is_lost(&self) -> bool {
        self.lost
    }

    /// Resets asked for since it was made: a number for the landlord's page, as a reader that
    /// needs one every day is a reader to replace.
    pub const fn resets(&self) -> u32 {
        self.resets
    }
}

impl Default for Watchdog {
    /// Resets after three failed looks in a row.
    fn default() -> Self {
        Self::new(3)
    }
}

/// Says when a reader that sees nobody is due for a reset: see the module's page.
///
/// ```
/// use card_auth::IdleWatch;
/// use pile_units::{Duration, Instant};
/// let minute = |minute: u64| Instant::from_millis(minute * 60_000);
/// let mut idle = IdleWatch::new(Duration::from_minutes(5));
/// assert!(!idle.is_due(minute(0)), "the count begins");
/// assert!(!idle.is_due(minute(4)));
/// idle.saw_a_card();
/// assert!(!idle.is_due(minute(6)));
/// assert!(idle.is_due(minute(11)));
/// assert!(!idle.is_due(minute(12)), "it was just reset");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdleWatch {
    limit: Duration,
    since: Option<Instant>,
}

impl IdleWatch {
    /// Five minutes.
    pub const DEFAULT: Self = Self::new(Duration::from_minutes(5));

    /// Makes one for a reader that may see no card for so long.
    pub const fn new(limit: Duration) -> Self {
        Self { limit, since: None }
    }

    /// Notes that a card was read: the reader is well.
    pub const fn saw_a_card(&mut self) {
        self.since = None;
    }

    /// True once the reader has read no card for the limit; then the count begins anew.
    #[must_use]
    pub fn is_due(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let due = now.since(since) >= self.limit;
        if due {
            self.since = Some(now);
        }
        due
    }
}

impl Default for IdleWatch {
    fn default() -> Self {
        Self::DEFAULT
    }
}
