//! The ledger's journal: an append-only log on NOR flash that loses nothing it acknowledged.
//!
#![doc = include_str!("FORMAT.md")]

mod anew;
mod cursor;
mod entry;
mod error;
mod frame;
mod header;
mod layout;
mod mount;
mod reclaim;
mod repair;
mod salvage;
mod slice;
pub mod testing;
#[cfg(test)]
mod tests;
mod text;
mod torn;
mod write;

pub use entry::{Appended, Entry, Head, Identity, Kind, Mended, RawFrame};
pub use error::{
    AppendError, Corruption, Damage, FormatError, Geometry, MountError, ReclaimError, ScanError,
};
pub use frame::Chain;
pub use layout::Room;
pub use slice::{ExportPlace, ExportSlice, SliceError};
pub use text::{JournalText, TEXT_VERSION};

use embedded_storage_async::nor_flash::NorFlash;

use cursor::{Cursor, Fault, Step, Window};
use layout::Layout;

/// The longest payload of a record, where the page is long enough to hold its frame.
pub const MAX_PAYLOAD: usize = 240;
/// The version of the flash format that this code writes and reads.
pub const VERSION: u8 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    /// An operation has begun and not come back.
    Unknown,
}

/// The beginning of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Oldest {
    /// The oldest page.
    page: u32,
    /// Carried frames from this number on are copies: what they were copied from is in the log.
    copies: u64,
}

/// The end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tail {
    /// The page being written.
    counter: u32,
    /// Where its next frame goes; none if the rest of the page is given up.
    offset: Option<u32>,
    /// It counts only once a page that is not provisional follows.
    provisional: bool,
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
    /// By the newest header.
    oldest: Oldest,
    /// The page of the first copy by that.
    copies_page: Option<u32>,
    /// The oldest page that was not given back yet; the next header makes it the log's oldest.
    next_base: u32,
    /// The number and the page of the first frame copied from that page.
    partial: Option<(u64, u32)>,
    /// The number of the last record copied from that page.
    copied: Option<u64>,
    /// After a boot, until the last record copied before it was found: it may have been copied
    /// from a page behind `next_base`.
    resuming: bool,
    /// The page in which the newest whole snapshot starts.
    pieces: Option<u32>,
    tail: Tail,
    /// Pages after the tail that were erased in this run and not touched since.
    erased: u32,
    /// No page that counts was opened in this run: what is copied waits on provisional pages, so
    /// that a boot that is cut costs no page.
    careful: bool,
    /// A page further on that a cut left with a header and no frame.
    stale: Option<u32>,
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
        let mut journal = Self::fresh(flash, layout, identity, 0);
        journal.erased = layout.pages - 1;
        journal
            .write_header(0, journal.oldest, (false, false))
            .await
            .map_err(FormatError::Flash)?;
        Ok(journal)
    }

    /// An empty journal whose first page has this counter, and no header yet.
    fn fresh(flash: F, layout: Layout, identity: Identity, page: u32) -> Self {
        let chain = Chain::genesis(identity);
        Self {
            flash,
            layout,
            identity,
            oldest: Oldest {
                page,
                copies: chain.seq,
            },
            copies_page: None,
            next_base: page,
            partial: None,
            copied: None,
            resuming: false,
            pieces: None,
            tail: Tail {
                counter: page,
                offset: Some(layout.header),
                provisional: false,
                chain,
            },
            erased: 0,
            careful: false,
            stale: None,
            state: State::Ready,
            mended: Mended::default(),
        }
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
        self.put(Kind::Record, payload).await
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
        self.walk((self.oldest.page, self.tail.counter), |step, window| {
            if let Some(entry) = step.entry(window) {
                visit(entry);
            }
        })
        .await
        .map(drop)
    }

    /// Reads one page of the log again, `page` pages behind the oldest, as [`scan`](Self::scan)
    /// does. False if the log is shorter.
    ///
    /// # Errors
    ///
    /// As for [`scan`](Self::scan).
    ///
    /// # Cancellation safety
    ///
    /// Changes nothing; it can be dropped at any time.
    pub async fn scan_page(
        &mut self,
        page: u32,
        visit: &mut impl FnMut(Entry<'_>),
    ) -> Result<bool, ScanError<F::Error>> {
        let page = self.oldest.page.saturating_add(page);
        if page > self.tail.counter {
            return Ok(false);
        }
        self.walk((page, page), |step, window| {
            if let Some(entry) = step.entry(window) {
                visit(entry);
            }
        })
        .await
        .map(|_| true)
    }

    /// Reads all frames of the log again, verifying each, and gives them as they stand; returns
    /// the point before the first, from which the chain can be computed again.
    ///
    /// # Errors
    ///
    /// As for [`scan`](Self::scan).
    ///
    /// # Cancellation safety
    ///
    /// Changes nothing; it can be dropped at any time.
    pub async fn export(
        &mut self,
        visit: &mut impl FnMut(RawFrame<'_>),
    ) -> Result<Chain, ScanError<F::Error>> {
        self.walk((self.oldest.page, self.tail.counter), |step, window| {
            if let Some(frame) = step.raw(window) {
                visit(frame);
            }
        })
        .await
    }

    /// Reads the pages from `first` to `last`.
    async fn walk(
        &mut self,
        (first, last): (u32, u32),
        mut visit: impl FnMut(&Step, &Window),
    ) -> Result<Chain, ScanError<F::Error>> {
        if self.state != State::Ready {
            return Err(ScanError::Poisoned);
        }
        let fault = |fault| match fault {
            Fault::Flash(error) => ScanError::Flash(error),
            Fault::Corrupt(what) => ScanError::Corrupt(what),
        };
        let (layout, identity, oldest) = (self.layout, self.identity, self.oldest);
        let flash = &mut self.flash;
        let opened = if last == self.tail.counter {
            let goal = Some(self.tail.chain);
            Cursor::open(flash, layout, identity, oldest, (first, last), goal).await
        } else {
            Cursor::page(flash, layout, identity, oldest, last).await
        };
        let mut cursor = opened.map_err(fault)?;
        let start = cursor.chain;
        let mut window = Window::new();
        while let Some(step) = cursor.step(flash, &mut window).await.map_err(fault)? {
            visit(&step, &window);
        }
        Ok(start)
    }

    /// The counter of the oldest page.
    pub(crate) const fn oldest_page(&self) -> u32 {
        self.oldest.page
    }

    /// True if [`reclaim`](Self::reclaim) would find a page, with a snapshot before it or without.
    pub fn can_reclaim(&self) -> bool {
        let end = self.copies_page.unwrap_or(self.tail.counter);
        self.next_base < end.min(self.tail.counter)
    }

    /// How much of the flash is in use.
    pub fn room(&self) -> Room {
        let Layout { page, pages, .. } = self.layout;
        Room {
            pages,
            pages_live: pages - self.pages_free(),
            pages_free: self.pages_free(),
            pages_reclaimed: if self.resuming {
                // The next header cannot free them yet.
                0
            } else {
                self.next_base.saturating_sub(self.oldest.page)
            },
            pages_erased: self.erased,
            bytes_left_in_page: match self.tail.offset {
                Some(offset) if !self.tail.provisional => page - offset,
                _ => 0,
            },
        }
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

    #[cfg(test)]
    pub(crate) const fn flash(&self) -> &F {
        &self.flash
    }

    /// Gives the flash back.
    pub fn release(self) -> F {
        self.flash
    }

    fn pages_free(&self) -> u32 {
        let live = self
            .tail
            .counter
            .saturating_sub(self.oldest.page)
            .saturating_add(1);
        // The last page counter there can be is never used: 4 billion pages outlive any flash.
        let left = (u32::MAX - 1).saturating_sub(self.tail.counter);
        self.layout.pages.saturating_sub(live).min(left)
    }

    /// True if a frame of this kind belongs on a provisional page, where one is to be opened for it.
    fn is_provisional(&self, kind: Kind) -> bool {
        match kind {
            Kind::Piece => true,
            // The page that makes it count must be left, and one more.
            Kind::Carried => self.careful && self.pages_free() > 2,
            Kind::Record | Kind::End => false,
        }
    }

    fn fits(&self, kind: Kind, payload: usize) -> bool {
        let provisional = self.is_provisional(kind);
        let there = match kind {
            Kind::Carried => self.tail.provisional || !provisional,
            _ => self.tail.provisional == provisional,
        };
        let frame = self.layout.frame(payload);
        there
            && self
                .tail
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

    /// Ends an operation: the end of the log is known again, unless the flash failed.
    fn settle<T>(&mut self, result: Result<T, F::Error>) -> Result<T, AppendError<F::Error>> {
        let value = result.map_err(AppendError::Flash)?;
        self.state = State::Ready;
        Ok(value)
    }
}
