//! What can go wrong, an enum an operation.

use core::fmt;

/// What is wrong at the place that a `Corrupt` error names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// No page of a flash that holds data has a readable header.
    NoHeader,
    /// A page that must be in the log has no readable header, or its header contradicts the log.
    Header,
    /// A frame that must be there is unreadable: its length, check sum or kind is wrong.
    Frame,
    /// A frame or a header is readable, but does not continue the hash chain.
    Chain,
    /// The end of a snapshot miscounts its pieces, or a carried record has no number.
    Misplaced,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHeader => "no readable page header",
            Self::Header => "page header missing or contradictory",
            Self::Frame => "unreadable frame",
            Self::Chain => "hash chain broken",
            Self::Misplaced => "frames out of place",
        })
    }
}

/// A difference between what the flash holds and what the chain proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corruption {
    /// The physical page, counted from the start of the flash.
    pub page: u32,
    /// The sequence number of the first frame that could not be verified.
    pub seq: u64,
    /// What is wrong there.
    pub kind: Damage,
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "journal page {}, record {}: {}",
            self.page, self.seq, self.kind
        )
    }
}

/// Why a flash cannot carry a journal (or not this one).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Geometry {
    /// Fewer than three pages: none could be given back while two are in use.
    TooFewPages,
    /// The capacity is not a whole number of pages, lies beyond 32-bit addresses, or makes more than
    /// 65,535 pages.
    Capacity,
    /// The journal on the flash was written with another page size, number of pages or write size.
    Different,
}

impl fmt::Display for Geometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooFewPages => "the flash has fewer than three pages",
            Self::Capacity => "the flash is not a whole number of addressable pages",
            Self::Different => "the journal was written for a flash of another shape",
        })
    }
}

/// Error returned by [`Journal::format`](super::Journal::format) and
/// [`Journal::begin_anew`](super::Journal::begin_anew).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatError<E> {
    /// The flash cannot carry a journal.
    Geometry(Geometry),
    /// The first record is empty, or longer than a page can hold.
    Record,
    /// The flash failed.
    Flash(E),
}

/// Error returned by [`Journal::mount`](super::Journal::mount).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountError<E> {
    /// The flash holds no record and no journal: [`format`](super::Journal::format) it.
    Blank,
    /// The flash cannot carry a journal, or not the one that is on it.
    Geometry(Geometry),
    /// The journal has this format version, which this code does not read.
    Version(u8),
    /// The journal is damaged. Nothing was changed on the flash; what the visitor has seen so far
    /// verified, but must not be used as the whole.
    Corrupt(Corruption),
    /// The flash failed.
    Flash(E),
}

/// Error returned by [`Journal::append`](super::Journal::append) and
/// [`Journal::snapshot`](super::Journal::snapshot). Only [`Flash`](Self::Flash) leaves the end of the
/// log unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendError<E> {
    /// No page is free. Nothing was changed.
    Full,
    /// The payload is empty or longer than this many bytes. Nothing was changed.
    Length {
        /// The longest payload that this journal takes.
        max: usize,
    },
    /// An earlier flash error or a dropped future left the end of the log unknown: mount again.
    Poisoned,
    /// The flash failed. Whether the record is there is known only after the next mount.
    Flash(E),
}

/// Error returned by [`Journal::scan`](super::Journal::scan).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanError<E> {
    /// An earlier failure left the end of the log unknown: mount again.
    Poisoned,
    /// The flash no longer holds what was mounted and appended.
    Corrupt(Corruption),
    /// The flash failed.
    Flash(E),
}

/// Error returned by [`Journal::reclaim`](super::Journal::reclaim).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReclaimError<E> {
    /// Only the page being written is left.
    Nothing,
    /// The newest snapshot starts in the oldest page, or before: write another first.
    NeedsSnapshot,
    /// The page no longer verifies. It stays as it is.
    Corrupt(Corruption),
    /// The copy could not be written.
    Append(AppendError<E>),
}

impl<E: fmt::Debug> fmt::Display for FormatError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Geometry(why) => why.fmt(f),
            Self::Record => write!(f, "the first record does not fit a page"),
            Self::Flash(error) => write!(f, "flash failed: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for MountError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("the flash holds no journal"),
            Self::Geometry(why) => why.fmt(f),
            Self::Version(version) => write!(f, "journal format version {version} is not known"),
            Self::Corrupt(what) => what.fmt(f),
            Self::Flash(error) => write!(f, "flash failed: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for AppendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the journal is full"),
            Self::Length { max } => write!(f, "a record has 1 to {max} bytes"),
            Self::Poisoned => f.write_str("the journal must be mounted again"),
            Self::Flash(error) => write!(f, "flash failed: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for ScanError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisoned => f.write_str("the journal must be mounted again"),
            Self::Corrupt(what) => what.fmt(f),
            Self::Flash(error) => write!(f, "flash failed: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for ReclaimError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("only the page being written is left"),
            Self::NeedsSnapshot => f.write_str("the oldest page holds the only snapshot"),
            Self::Corrupt(what) => what.fmt(f),
            Self::Append(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Corruption {}
impl core::error::Error for Geometry {}
impl<E: fmt::Debug> core::error::Error for FormatError<E> {}
impl<E: fmt::Debug> core::error::Error for MountError<E> {}
impl<E: fmt::Debug> core::error::Error for AppendError<E> {}
impl<E: fmt::Debug> core::error::Error for ScanError<E> {}
impl<E: fmt::Debug> core::error::Error for ReclaimError<E> {}
