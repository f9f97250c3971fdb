//! Why there is no statement.

use core::fmt;
use pile_units::SessionId;

/// How the records of a session disagree.
///
/// ```
/// use billing_core::statement::Difference;
/// let told = Difference::Fee { index: 1 }.to_string();
/// assert_eq!(told, "the fees of its segment 2 do not follow from energy and price");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// A segment is not there: this many are, and the bill or the next segment counts more.
    Segments {
        /// How many there are, or should be before this one.
        found: u16,
        /// How many there should be.
        expected: u16,
    },
    /// A segment's fees do not follow from its energy and its prices.
    Fee {
        /// Which, from 0.
        index: u8,
    },
    /// A segment begins before or after the one before it ends.
    Time {
        /// Which, from 0.
        index: u8,
    },
    /// A segment is on another account than its session.
    Account,
    /// The session's energy is not the sum of its segments.
    Energy,
    /// The bill does not follow from the segments.
    Bill,
    /// A sum is larger than 64 bits hold.
    Overflow,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segments { found, expected } => {
                write!(f, "{found} of its {expected} segments are here")
            }
            Self::Fee { index } => write!(
                f,
                "the fees of its segment {} do not follow from energy and price",
                u16::from(*index) + 1
            ),
            Self::Time { index } => write!(
                f,
                "its segment {} does not begin where the one before ends",
                u16::from(*index) + 1
            ),
            Self::Account => f.write_str("its records name two accounts"),
            Self::Energy => f.write_str("its energy is not the sum of its segments"),
            Self::Bill => f.write_str("its bill does not follow from its segments"),
            Self::Overflow => f.write_str("its sums are larger than any can be"),
        }
    }
}

impl core::error::Error for Difference {}

/// A sum that is kept in two places.
///
/// ```
/// assert_eq!(billing_core::statement::Register::Energy.to_string(), "energy");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Register {
    /// The number of sessions.
    Sessions,
    /// The energy, in milliwatt-hours.
    Energy,
    /// The electricity fees, in micro-units.
    EnergyFee,
    /// The service fees, in micro-units.
    ServiceFee,
    /// The amount, in micro-units.
    Amount,
    /// The opening reading, in milliwatt-hours.
    Opening,
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sessions => "number of sessions",
            Self::Energy => "energy",
            Self::EnergyFee => "electricity fee",
            Self::ServiceFee => "service fee",
            Self::Amount => "amount",
            Self::Opening => "opening reading",
        })
    }
}

/// Error returned by [`Survey::begin`](super::Survey::begin), [`Statement::see`](super::Statement::see)
/// and [`Statement::finish`](super::Statement::finish): there is no statement.
///
/// ```
/// use billing_core::statement::StatementError;
/// /// Whether an older export may hold what is not here.
/// fn elsewhere(error: &StatementError) -> bool {
///     matches!(error, StatementError::Unknown { .. } | StatementError::Missing { .. })
/// }
/// assert!(elsewhere(&StatementError::Missing { expected: 3, found: 1 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementError {
    /// The account has no such settlement among these records.
    Unknown {
        /// Which was asked for.
        settlement: u32,
    },
    /// Sessions of the period are not among these records: they were exported and dropped.
    Missing {
        /// How many there must be.
        expected: u32,
        /// How many there are.
        found: u32,
    },
    /// The records did not come in the order of their numbers, or not twice the same ones.
    Order {
        /// The first one out of order.
        number: u64,
    },
    /// The records of a session disagree.
    Session {
        /// The record that disagrees.
        number: u64,
        /// The session.
        session: SessionId,
        /// How.
        why: Difference,
    },
    /// The sessions do not add up to what the settlement or the account says.
    Total {
        /// Which sum.
        register: Register,
        /// What the settlement or the account says.
        expected: u64,
        /// What the sessions add up to.
        found: u64,
    },
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { settlement } => write!(f, "settlement {settlement} is not here"),
            Self::Missing { expected, found } => {
                write!(f, "{found} of {expected} sessions are here")
            }
            Self::Order { number } => write!(f, "record {number} is out of order"),
            Self::Session {
                number,
                session,
                why,
            } => write!(f, "record {number}: session {session}: {why}"),
            Self::Total {
                register,
                expected,
                found,
            } => write!(
                f,
                "the sessions do not add up: {register} {found}, and it should be {expected}"
            ),
        }
    }
}

impl core::error::Error for StatementError {}
