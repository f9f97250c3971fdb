//! The ledger's journal: an append-only log on NOR flash that loses nothing it acknowledged.
//!
#![doc = include_str!("FORMAT.md")]

mod cursor;
mod entry;
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
mod write;

pub use entry::{Appended, Entry, Head, Identity, Kind, Mended};
pub use error::{
    AppendError, CarryError, Corruption, Damage, FormatError, Geometry, MountError, ScanError,
};
pub use layout::{Packing, Room};
pub use snapshot::Snapshot;

use embedded_storage_async::nor_flash::NorFlash;

use cursor::{Cursor, Fault, Window};
use frame::{Chain, Mark};
use layout::Layout;

/// The longest payload of a record, where the page is long enough to hold its frame.
pub const MAX_PAYLOAD: usize = 240;
/// The version of the flash format that this code writes and reads.
pub const VERSION: u8 = 1;

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
}
