//! The ledger's journal: an append-only log on NOR flash that loses nothing it acknowledged.
//!
#![doc = include_str!("FORMAT.md")]

mod cursor;
mod error;
mod frame;
mod header;
mod layout;
mod mount;
mod repair;
mod snapshot;
pub mod testing;
#[cfg(test)]
mod tests;

pub use error::{
    AppendError, CarryError, Corruption, Damage, FormatError, Geometry, MountError, ScanError,
};
pub use layout::{Packing, Room};
pub use snapshot::Snapshot;

use core::fmt;

use embedded_storage_async::nor_flash::NorFlash;

use cursor::{Cursor, Fault, Window};
use frame::{Chain, FRAME_MAX, Mark};
use header::{HEADER_MAX, Header};
use layout::Layout;

/// The longest payload of a record, where the page is long enough to hold its frame.
pub const MAX_PAYLOAD: usize = 240;
/// The version of the flash format that this code writes and reads.
pub const VERSION: u8 = 1;

/// The 16 bytes that tell one journal from every other, given when it is formatted: from the
/// pile's random source, or its serial number. They start the hash chain, so a record never
/// verifies in another pile's journal. Not a secret.
///
/// ```
/// use billing_core::journal::Identity;
/// assert_eq!(Identity::new(*b"pile 0042 ......").bytes()[..4], *b"pile");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity([u8; 16]);

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
pub struct Head([u8; 32]);

impl Head {
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

/// What an [`Entry`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Written by [`Snapshot::append_snapshot`] or [`Snapshot::carry`]: a part of the state from
    /// which the records that follow go on.
    Snapshot,
    /// Written by [`Journal::append`].
    Record,
}

/// One verified entry of the journal, as given to the visitor of [`Journal::mount`] and
/// [`Journal::scan`]: first all entries of the newest committed snapshot, then all records since.
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
    /// The sequence number: 1 for the journal's first record, then rising by at least one (the
    /// end of a snapshot takes a number, too).
    pub seq: u64,
    /// Snapshot entry or record.
    pub kind: Kind,
    /// The 1 to [`MAX_PAYLOAD`] bytes that were appended.
    pub payload: &'a [u8],
}

/// What an append did, once the record is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The record's sequence number.
    pub seq: u64,
    /// Bytes programmed: the frame, and the page header where a page was opened.
    pub bytes: u32,
    /// Flash operations: 1, or with a new page 3 (erase, header, frame; 2 if the page was known
    /// to be erased).
    pub operations: u32,
}

/// What the last mount had to mend, all of it without loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mended {
    /// Frames that were read in spite of one wrong bit. They stay as they are on the flash until
    /// a compaction leaves them behind; a second wrong bit in one would be `Corrupt`.
    pub bits: u32,
    /// The log ended in a torn write, which was never acknowledged: the rest of its page is given
    /// up.
    pub torn: bool,
    /// Pages of an uncommitted snapshot that were erased.
    pub pages_erased: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Snapshot,
    /// An operation has begun and not come back.
    Unknown,
}

/// The end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tail {
    /// The page being written.
    counter: u32,
    /// Where its next frame goes; none if the rest of the page is given up.
    offset: Option<u32>,
    chain: Chain,
}

/// A journal that owns its flash. A page of it is `PAGE_UNITS` erase units.
///
/// ```
/// use billing_core::journal::{Identity, Journal, Kind, testing::RamFlash};
///
/// embassy_futures::block_on(async {
///     let flash = RamFlash::<4, 1024, 8192>::new();
///     let mut journal = Journal::<_>::format(flash, Identity::new([7; 16])).await.unwrap();
///     let opened = journal.append(b"session opened").await.unwrap();
///     assert_eq!((opened.seq, opened.operations), (1, 1));
///
///     // Power goes, power comes back: what was acknowledged is there.
///     let flash = journal.release();
///     let mut seen = 0;
///     let mut journal = Journal::<_>::mount(flash, &mut |entry| {
///         assert_eq!((entry.kind, entry.payload), (Kind::Record, &b"session opened"[..]));
///         seen += 1;
///     })
///     .await
///     .unwrap();
///     assert_eq!(seen, 1);
///     assert_eq!(journal.append(b"session closed").await.unwrap().seq, 2);
/// });
/// ```
#[derive(Debug)]
pub struct Journal<F, const PAGE_UNITS: usize = 1> {
    flash: F,
    layout: Layout,
    identity: Identity,
    base: u32,
    tail: Tail,
    /// Pages after the tail that were erased in this run and not touched since.
    clean: u32,
    reserve: u32,
    state: State,
    mended: Mended,
}

impl<F: NorFlash, const PAGE_UNITS: usize> Journal<F, PAGE_UNITS> {
    /// Erases the whole flash and starts an empty journal on it.
    ///
    /// # Errors
    ///
    /// [`FormatError::Geometry`] before anything is touched, [`FormatError::Flash`] from then on.
    ///
    /// # Power loss
    ///
    /// What stood on the flash is given up with the first erase: after a cut, format again,
    /// whatever [`mount`](Self::mount) says of the rest. A cut while the first header is written
    /// leaves [`MountError::Blank`].
    pub async fn format(mut flash: F, identity: Identity) -> Result<Self, FormatError<F::Error>> {
        let layout = Layout::of::<F, PAGE_UNITS>(&flash).map_err(FormatError::Geometry)?;
        for page in 0..layout.pages {
            let start = page * layout.page;
            flash
                .erase(start, start + layout.page)
                .await
                .map_err(FormatError::Flash)?;
        }
        let chain = Chain::genesis(identity);
        let mut journal = Self {
            flash,
            layout,
            identity,
            base: 0,
            tail: Tail {
                counter: 0,
                offset: Some(layout.header),
                chain,
            },
            clean: layout.pages - 1,
            reserve: 0,
            state: State::Ready,
            mended: Mended::default(),
        };
        journal
            .write_header(0, 0, None, false)
            .await
            .map_err(FormatError::Flash)?;
        Ok(journal)
    }

    /// Appends a record; when this returns, the record is durable.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; after [`Full`](AppendError::Full) and [`Length`](AppendError::Length)
    /// nothing has changed.
    ///
    /// # Cancellation safety
    ///
    /// Not cancellation safe: if the future is dropped before it is ready, the record may be on
    /// the flash or not, and the journal answers [`AppendError::Poisoned`] until it is mounted
    /// again.
    ///
    /// # Power loss
    ///
    /// After a cut the record is there whole or not at all, and every earlier one is there.
    pub async fn append(&mut self, payload: &[u8]) -> Result<Appended, AppendError<F::Error>> {
        self.check(State::Ready)?;
        self.check_length(payload)?;
        let opens = !self.fits(payload.len());
        if opens && self.pages_free() <= self.reserve {
            return Err(AppendError::Full);
        }
        self.state = State::Unknown;
        let appended = self.write(Mark::Record, payload, self.base, None).await;
        self.settle(State::Ready, appended)
    }

    /// Opens a snapshot on a fresh page, to which the caller then writes the whole state. Until it
    /// is committed or aborted the journal takes no record; a [`Snapshot`] that is dropped leaves
    /// the journal [`Poisoned`](AppendError::Poisoned).
    ///
    /// # Errors
    ///
    /// [`AppendError::Full`] if fewer than two pages are free: one for the snapshot, one that the
    /// commit opens.
    ///
    /// # Power loss
    ///
    /// Until the commit the older snapshot and all records stand; the next mount erases the
    /// pages of the uncommitted one, so a cut never costs a page.
    pub async fn begin_snapshot(
        &mut self,
    ) -> Result<Snapshot<'_, F, PAGE_UNITS>, AppendError<F::Error>> {
        self.check(State::Ready)?;
        if self.pages_free() < 2 {
            return Err(AppendError::Full);
        }
        let before = self.tail;
        let begun = before.counter.saturating_add(1);
        self.state = State::Unknown;
        let opened = self.open_page(self.base, Some(begun)).await;
        self.settle(State::Snapshot, opened)?;
        Ok(Snapshot::new(self, before, begun))
    }

    /// Reads all live entries again, verifying each.
    ///
    /// # Errors
    ///
    /// [`ScanError::Corrupt`] if the flash no longer holds what was mounted and appended; the
    /// visitor has then seen the entries before the damage.
    ///
    /// # Cancellation safety
    ///
    /// Changes nothing; it can be dropped at any time.
    pub async fn scan(
        &mut self,
        visit: &mut impl FnMut(Entry<'_>),
    ) -> Result<(), ScanError<F::Error>> {
        if self.state != State::Ready {
            return Err(ScanError::Poisoned);
        }
        let fault = |fault| match fault {
            Fault::Flash(error) => ScanError::Flash(error),
            Fault::Corrupt(what) => ScanError::Corrupt(what),
        };
        let mut window = Window::new();
        let mut cursor = self.live(self.tail).await.map_err(fault)?;
        while let Some(step) = cursor
            .step(&mut self.flash, &mut window)
            .await
            .map_err(fault)?
        {
            if let Some(entry) = step.entry(&window) {
                visit(entry);
            }
        }
        Ok(())
    }

    /// How much of the flash is in use.
    pub fn room(&self) -> Room {
        let Layout {
            page,
            pages,
            header,
            ..
        } = self.layout;
        let pages_live = pages - self.pages_free();
        let used = self.tail.offset.unwrap_or(page);
        Room {
            pages,
            pages_live,
            pages_free: self.pages_free(),
            bytes_left_in_page: page - used,
            bytes_free: page - used + self.pages_free() * (page - header),
            bytes_live: (pages_live - 1) * page + used,
        }
    }

    /// Starts the count of the pages that a snapshot will take.
    pub const fn packing(&self) -> Packing {
        Packing::new(self.layout)
    }

    /// Keeps this many pages out of reach of [`append`](Self::append), which answers
    /// [`Full`](AppendError::Full) instead, so that a compaction always has room. Zero after a
    /// mount. Snapshots may use the reserve.
    pub const fn set_reserve(&mut self, pages: u32) {
        self.reserve = pages;
    }

    /// Bytes that a record with this much payload takes on the flash.
    pub fn frame_bytes(&self, payload: usize) -> u32 {
        self.layout.frame(payload)
    }

    /// The longest payload that fits: [`MAX_PAYLOAD`], or less on very short pages.
    pub fn max_payload(&self) -> usize {
        self.layout.max_payload()
    }

    /// The head of the chain after the last acknowledged record.
    pub const fn head(&self) -> Head {
        self.tail.chain.head
    }

    /// The sequence number of the next record.
    pub const fn next_seq(&self) -> u64 {
        self.tail.chain.seq
    }

    /// The identity given at format time.
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// What the mount had to mend.
    pub const fn mended(&self) -> Mended {
        self.mended
    }

    /// True if the end of the log is unknown, and only a mount helps.
    pub fn is_poisoned(&self) -> bool {
        self.state != State::Ready
    }

    /// Gives the flash back.
    pub fn release(self) -> F {
        self.flash
    }

    fn pages_free(&self) -> u32 {
        let live = self
            .tail
            .counter
            .saturating_sub(self.base)
            .saturating_add(1);
        // The last page counter there can be is never used: 4 billion pages outlive any flash.
        let left = (u32::MAX - 1).saturating_sub(self.tail.counter);
        self.layout.pages.saturating_sub(live).min(left)
    }

    fn fits(&self, payload: usize) -> bool {
        let frame = self.layout.frame(payload);
        self.tail
            .offset
            .is_some_and(|offset| offset.saturating_add(frame) <= self.layout.page)
    }

    fn check(&self, wanted: State) -> Result<(), AppendError<F::Error>> {
        if self.state == wanted {
            Ok(())
        } else {
            Err(AppendError::Poisoned)
        }
    }

    fn check_length(&self, payload: &[u8]) -> Result<(), AppendError<F::Error>> {
        let max = self.layout.max_payload();
        if payload.is_empty() || payload.len() > max {
            return Err(AppendError::Length { max });
        }
        Ok(())
    }

    /// Ends an operation: back to `state`, or stay unknown.
    fn settle<T>(
        &mut self,
        state: State,
        result: Result<T, F::Error>,
    ) -> Result<T, AppendError<F::Error>> {
        let value = result.map_err(AppendError::Flash)?;
        self.state = state;
        Ok(value)
    }

    /// A cursor over the live log up to a known end.
    async fn live(&mut self, tail: Tail) -> Result<Cursor, Fault<F::Error>> {
        let (layout, identity, base) = (self.layout, self.identity, self.base);
        let goal = Some(tail.chain);
        Cursor::open(&mut self.flash, layout, identity, base, tail.counter, goal).await
    }

    /// Writes a frame, on a new page where it does not fit.
    async fn write(
        &mut self,
        mark: Mark,
        payload: &[u8],
        base: u32,
        begun: Option<u32>,
    ) -> Result<Appended, F::Error> {
        let mut done = Appended {
            seq: self.tail.chain.seq,
            bytes: 0,
            operations: 0,
        };
        if !self.fits(payload.len()) {
            let opened = self.open_page(base, begun).await?;
            done.bytes += opened.bytes;
            done.operations += opened.operations;
        }
        let mut bytes = [0xff; FRAME_MAX];
        let length = self.layout.frame(payload.len());
        let offset = self.tail.offset.unwrap_or(self.layout.header);
        let next = frame::emit(&self.tail.chain, mark, payload, &mut bytes);
        let frame = usize::try_from(length)
            .ok()
            .and_then(|length| bytes.get(..length));
        if let (Some(chain), Some(frame)) = (next, frame) {
            let start = self.layout.start(self.tail.counter);
            self.flash.write(start + offset, frame).await?;
            self.tail.offset = Some(offset + length);
            self.tail.chain = chain;
            done.bytes += length;
            done.operations += 1;
        }
        Ok(done)
    }

    /// Makes the next page the page being written.
    async fn open_page(&mut self, base: u32, begun: Option<u32>) -> Result<Appended, F::Error> {
        let counter = self.tail.counter.saturating_add(1);
        let recovery = self.tail.offset.is_none();
        let mut operations = 1;
        if self.clean == 0 {
            self.erase(counter).await?;
            operations += 1;
        } else {
            self.clean -= 1;
        }
        self.write_header(counter, base, begun, recovery).await?;
        self.tail.counter = counter;
        self.tail.offset = Some(self.layout.header);
        Ok(Appended {
            seq: self.tail.chain.seq,
            bytes: self.layout.header,
            operations,
        })
    }

    async fn erase(&mut self, counter: u32) -> Result<(), F::Error> {
        let start = self.layout.start(counter);
        self.flash.erase(start, start + self.layout.page).await
    }

    async fn write_header(
        &mut self,
        counter: u32,
        base: u32,
        begun: Option<u32>,
        recovery: bool,
    ) -> Result<(), F::Error> {
        let header = Header {
            recovery,
            counter,
            base,
            begun,
            first: self.tail.chain,
            identity: self.identity,
            page_size: self.layout.page_units(),
            pages: self.layout.page_count(),
            write_size: self.layout.write_size(),
        };
        let mut bytes = [0xff; HEADER_MAX];
        header.emit(&mut bytes);
        let length = usize::try_from(self.layout.header).unwrap_or(HEADER_MAX);
        let bytes = bytes.get(..length).unwrap_or_default();
        self.flash.write(self.layout.start(counter), bytes).await
    }

    /// Erases the pages after `tail`, the newest first, and makes it the end of the log again.
    async fn roll_back(&mut self, tail: Tail) -> Result<u32, F::Error> {
        let mut erased = 0;
        while self.tail.counter > tail.counter {
            self.erase(self.tail.counter).await?;
            self.tail.counter -= 1;
            erased += 1;
        }
        self.tail = tail;
        self.clean = erased;
        Ok(erased)
    }
}
