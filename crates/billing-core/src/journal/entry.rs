//! What goes in and what comes out: records, entries, the chain's head.

use core::fmt;

use super::reclaim::original;

#[cfg(doc)]
use super::{Journal, MAX_PAYLOAD};

/// The 16 bytes that tell one journal from every other, given when it is formatted: from the
/// pile's random source, or its serial number. They start the hash chain, so a record never
/// verifies in another pile's journal. Not a secret.
///
/// ```
/// use billing_core::journal::Identity;
/// assert_eq!(Identity::new(*b"pile 0042 ......").bytes()[..4], *b"pile");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(pub(super) [u8; 16]);

impl Identity {
    /// Makes an identity.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

/// The head of the hash chain: a SHA-256 that commits to every record of the journal up to a
/// sequence number, in their order.
///
/// ```
/// # use billing_core::journal::{Identity, Journal, testing::RamFlash};
/// # embassy_futures::block_on(async {
/// # let flash = RamFlash::<4, 1024, 8192>::new();
/// let mut journal = Journal::<_>::format(flash, Identity::new([7; 16])).await.unwrap();
/// let before = journal.head();
/// journal.append(b"opened").await.unwrap();
/// assert_ne!(journal.head(), before);
/// println!("{}", journal.head()); // 64 hexadecimal digits
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Head(pub(super) [u8; 32]);

impl Head {
    /// Makes a head from a hash that was noted elsewhere: on a receipt, in an export.
    pub const fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// Returns the hash.
    pub const fn bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({self})")
    }
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A record, written by [`Journal::append`].
    Record,
    /// A record of a page that was given back since, copied by [`Journal::reclaim`].
    Carried,
    /// A piece of a snapshot, written by [`Journal::snapshot`].
    Piece,
    /// The end of a whole snapshot.
    End,
}

/// One verified entry of the journal, as given to the visitor of [`Journal::mount`] and
/// [`Journal::scan`], in the order of the log. A carried record stands behind younger ones; sort by
/// number where that matters. None is given twice.
///
/// ```
/// use billing_core::journal::{Entry, Kind};
///
/// fn longest(longest: &mut usize, entry: Entry<'_>) {
///     if entry.kind == Kind::Record {
///         *longest = entry.payload.len().max(*longest);
///     }
/// }
/// # let mut l = 0;
/// # longest(&mut l, Entry { seq: 1, kind: Kind::Record, payload: b"123" });
/// # assert_eq!(l, 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The sequence number: 1 for the journal's first record, then rising by at least one. A
    /// carried record keeps the number that it was appended under, for ever.
    pub seq: u64,
    /// What it is.
    pub kind: Kind,
    /// The bytes that were appended. Of the end of a snapshot: the number of its pieces, 4 bytes,
    /// little endian.
    pub payload: &'a [u8],
}

/// A frame as it stands in the log, for an export whose reader computes the [`Chain`](super::Chain) again.
///
/// ```
/// use billing_core::journal::{Chain, RawFrame};
/// /// The chain after a frame, or `None` if one was left out before it.
/// fn follow(chain: Chain, frame: RawFrame<'_>) -> Option<Chain> {
///     (frame.seq == chain.seq).then(|| chain.after(frame.kind, frame.payload))
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawFrame<'a> {
    /// Its own sequence number, without gaps.
    pub seq: u64,
    /// What it is.
    pub kind: Kind,
    /// Its payload; of a carried record with its number before it.
    pub payload: &'a [u8],
}

impl<'a> RawFrame<'a> {
    /// The entry in the frame: a carried record by its own number and without it. `None` for a
    /// carried frame that holds none, which no journal writes.
    pub fn entry(self) -> Option<Entry<'a>> {
        let (seq, payload) = match self.kind {
            Kind::Carried => original(self.payload)?,
            _ => (self.seq, self.payload),
        };
        Some(Entry {
            seq,
            kind: self.kind,
            payload,
        })
    }
}

/// What an append did, once the record is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// The record's sequence number.
    pub seq: u64,
    /// Bytes programmed: the frame, and the page header where a page was opened.
    pub bytes: u32,
    /// Flash operations: 1, or with a new page 3 (erase, header, frame; 2 if the page was erased
    /// ahead).
    pub operations: u32,
}

impl Appended {
    /// Adds what another did.
    pub(crate) const fn add(&mut self, other: Self) {
        self.seq = other.seq;
        self.bytes += other.bytes;
        self.operations += other.operations;
    }
}

/// What the last mount had to mend, all of it without loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mended {
    /// Frames that were read in spite of one wrong bit. They stay as they are on the flash until
    /// their page is given back; a second wrong bit in one would be `Corrupt`.
    pub bits: u32,
    /// The log ended in a torn write, which was never acknowledged: the rest of its page is given
    /// up.
    pub torn: bool,
}
