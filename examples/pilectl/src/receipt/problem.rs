//! What is wrong with a receipt, said so that a landlord and a tenant know what to do.

use std::fmt;

/// Something wrong: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    place: String,
    what: String,
    remedy: &'static str,
}

/// Get the receipts again from the pile.
pub const ASK_AGAIN: &str = "ask for the file as the pile wrote it, and settle nothing by this one";
/// Get all of the receipts.
pub const ASK_FOR_ALL: &str =
    "if these are one tenant's own, add --part; else ask for the whole file, with every page";

impl Problem {
    /// Makes a problem.
    pub fn new(place: impl Into<String>, what: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
            remedy,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.what, self.remedy)
    }
}
