//! When to reset a reader that stopped answering.
//!
//! Reader chips are known to hang after hours of good work (miguelbalboa/rfid #540 and #546,
//! esphome #10968): the bus still answers, the field is dead, and no card is ever read again until
//! somebody pulls the plug. So failed looks are counted, and after a few in a row the chip is
//! reset by its pin, again and again until it is back.
//!
//! | state | a good look | a failed look | the `limit`th failed look in a row |
//! | --- | --- | --- | --- |
//! | well | nothing | nothing | reset, **lost** |
//! | lost | **back** | nothing | reset |

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
