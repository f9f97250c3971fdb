//! A pile's whole life on a desk, and what was true at every operation of its flash.
//!
//! A [`Desk`] is the real controller on the real ledger; its wires, cards and time are plain values
//! and nothing waits, so that a day takes a second. A [`Life`] is what a scripted pile did to its
//! flash, operation by operation, with what had been acknowledged and what had flowed by then: what
//! a sweep of power cuts needs to judge what a cut leaves behind.

mod desk;
mod moment;
mod script;
pub(crate) mod store;
pub(crate) mod wires;

pub use desk::{Desk, LANDLORD, Setup, Surroundings};
pub use moment::{Moment, Task};
pub use script::{Life, Script};

/// What went wrong with a pile on a desk.
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
