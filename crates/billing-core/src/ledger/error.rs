//! What can go wrong with a ledger.

use crate::book::FoldError;
use crate::journal::{AppendError, Corruption, FormatError, MountError, ReclaimError, ScanError};

/// Error returned by [`Ledger::mount`](super::Ledger::mount) and [`Ledger::format`](super::Ledger::format): why the flash is not taken for a ledger.
///
/// ```
/// use billing_core::journal::{MountError, testing::RamFlash};
/// use billing_core::ledger::{Ledger, OpenError};
/// # embassy_futures::block_on(async {
/// let blank = RamFlash::<4, 4096, 65536>::new();
/// // A flash that never held a ledger: the only one that is safe to format.
/// assert_eq!(Ledger::mount(blank).await.err(), Some(OpenError::Mount(MountError::Blank)));
/// # });
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum OpenError<E> {
    /// The journal does not verify, or its geometry is another.
    Mount(MountError<E>),
    /// A blank flash could not be formatted.
    Format(FormatError<E>),
    /// This record verifies but says nothing this version understands.
    Unreadable {
        /// Its sequence number.
        seq: u64,
    },
    /// This record verifies but contradicts those before it (or the ledger as a whole does not
    /// balance: then it is the last).
    Contradiction {
        /// Its sequence number.
        seq: u64,
        /// How.
        why: FoldError,
    },
}

impl<E: core::fmt::Debug> core::fmt::Display for OpenError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Mount(error) => write!(f, "the journal is refused: {error}"),
            Self::Format(error) => write!(f, "the flash cannot be formatted: {error}"),
            Self::Unreadable { seq } => write!(f, "record {seq} cannot be read by this version"),
            Self::Contradiction { seq, why } => write!(f, "record {seq} is refused: {why}"),
        }
    }
}

impl<E: core::fmt::Debug> core::error::Error for OpenError<E> {}

/// Error returned by [`Ledger::append`](super::Ledger::append) and [`Ledger::work`](super::Ledger::work).
///
/// ```
/// use billing_core::journal::AppendError;
/// use billing_core::ledger::LedgerError;
/// /// Nothing was written: the pile goes on, and refuses what is new.
/// fn is_full<E>(error: &LedgerError<E>) -> bool {
///     matches!(error, LedgerError::Append(AppendError::Full))
/// }
/// assert!(is_full(&LedgerError::<()>::Append(AppendError::Full)));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum LedgerError<E> {
    /// The journal refused.
    Append(AppendError<E>),
    /// What stands on the flash no longer verifies.
    Corrupt(Corruption),
}

impl<E: core::fmt::Debug> core::fmt::Display for LedgerError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Append(error) => write!(f, "the journal refuses the record: {error}"),
            Self::Corrupt(what) => write!(f, "the ledger changed on the flash: {what}"),
        }
    }
}

impl<E: core::fmt::Debug> core::error::Error for LedgerError<E> {}

impl<E> From<AppendError<E>> for LedgerError<E> {
    fn from(error: AppendError<E>) -> Self {
        Self::Append(error)
    }
}

impl<E> From<ReclaimError<E>> for LedgerError<E> {
    fn from(error: ReclaimError<E>) -> Self {
        match error {
            ReclaimError::Append(error) => Self::Append(error),
            ReclaimError::Corrupt(what) => Self::Corrupt(what),
            // Nothing that could be given back: there is no room.
            ReclaimError::Nothing | ReclaimError::NeedsSnapshot => Self::Append(AppendError::Full),
        }
    }
}

impl<E> From<ScanError<E>> for LedgerError<E> {
    fn from(error: ScanError<E>) -> Self {
        match error {
            ScanError::Poisoned => Self::Append(AppendError::Poisoned),
            ScanError::Corrupt(what) => Self::Corrupt(what),
            ScanError::Flash(error) => Self::Append(AppendError::Flash(error)),
        }
    }
}
