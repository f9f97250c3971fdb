//! A pile's whole life on a desk, and what was true at every operation of its flash.
//!
//! A [`Desk`] is the real controller on the real ledger; its wires, cards and time are plain values
//! and nothing waits, so that a day takes a second. A [`Life`] is what a scripted pile did to its
//! flash, operation by operation, with what had been acknowledged and what had flowed by then: what
//! a sweep of power cuts needs to judge what a cut leaves behind.

mod desk;
mod moment;
mod run;
mod script;
pub(crate) mod store;
mod surroundings;
pub(crate) mod wires;

pub use desk::{Desk, LANDLORD, Setup};
pub use moment::{Flows, Moment, Task};
pub use run::{RUN_ERASE, RUN_FLASH, RUN_WRITE, Run, runs, site};
pub use script::{Life, Script};
pub use surroundings::Surroundings;

/// What went wrong with a pile on a desk.
///
/// ```
/// use pile_sim::flash::Stm32g4;
/// use pile_sim::life::{Desk, LANDLORD, Setup, Trouble};
/// let setup = Setup { ports: 1, times: None, moments: false, seed: 1 };
/// let flash = Stm32g4::stm32g4();
/// let mut desk = Desk::format(&flash, setup)?;
/// desk.tap(LANDLORD)?;
/// // The supply fails, and comes back to a flash that somebody has wiped.
/// let trouble = Desk::boot(&Stm32g4::stm32g4(), setup, desk.surroundings()).err();
/// assert_eq!(trouble, Some(Trouble::Blank));
/// # Ok::<(), Trouble>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The flash is blank: nothing was ever written.
    Blank,
    /// In words.
    Other(String),
}

impl Trouble {
    fn of(what: &str, error: &dyn std::fmt::Display) -> Self {
        Self::Other(format!("{what}: {error}"))
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Blank => f.write_str("the flash is blank"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Trouble {}
