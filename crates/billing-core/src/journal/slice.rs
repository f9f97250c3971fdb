//! An export in slices: for whoever carries the log away over a thin pipe, and must not hold the flash
//! while it does.

use core::fmt;

use embedded_storage_async::nor_flash::NorFlash;
use serde::{Deserialize, Serialize};

use super::cursor::{Cursor, Fault, Window, header_of};
use super::{Chain, Journal, RawFrame, ScanError, State};

/// Bytes of the head that a place repeats.
const TAG: usize = 8;

/// Where an export goes on: a page, a frame in it, and the first bytes of the chain's head before it.
///
/// Whoever is given one may keep it and hand it back later, over a link too: it is looked at before
/// it is believed. No place is a secret, and none opens anything.
///
/// ```
/// # use billing_core::journal::{Identity, Journal, testing::RamFlash};
/// # embassy_futures::block_on(async {
/// let flash = RamFlash::<4, 1024, 8192>::new();
/// let mut journal = Journal::<_>::format(flash, Identity::new([7; 16])).await.unwrap();
/// journal.append(b"session opened").await.unwrap();
/// journal.append(b"session closed").await.unwrap();
/// // One frame at a time.
/// let (mut place, mut seen) = (None, Vec::new());
/// loop {
///     let mut room = 1;
///     let slice = journal
///         .export_slice(place, &mut |frame| {
///             let takes = room > 0;
///             if takes {
///                 seen.push(frame.payload.to_vec());
///                 room -= 1;
///             }
///             takes
///         })
///         .await
///         .unwrap();
///     place = Some(slice.next);
///     if slice.is_last {
///         break;
///     }
/// }
/// assert_eq!(seen, [b"session opened", b"session closed"]);
/// # });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportPlace {
    /// The page's counter.
    page: u32,
    /// The number of the next frame.
    seq: u64,
    /// Of the head before it: another log, or one that a power cut took back, does not match.
    tag: [u8; TAG],
}

impl ExportPlace {
    /// The page's counter.
    pub const fn page(&self) -> u32 {
        self.page
    }

    /// The number of the frame that comes next.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    const fn new(page: u32, chain: &Chain) -> Self {
        let tag = match chain.head.0.first_chunk() {
            Some(tag) => *tag,
            None => [0; TAG],
        };
        Self {
            page,
            seq: chain.seq,
            tag,
        }
    }

    /// True if this point of the chain is where it goes on.
    fn is(&self, chain: &Chain) -> bool {
        *self == Self::new(self.page, chain)
    }
}

/// Where a slice begins.
#[derive(Clone, Copy)]
enum From {
    Oldest,
    Place(ExportPlace),
    Number(u64),
}

impl From {
    /// True if it begins later.
    const fn is_after(self, chain: &Chain) -> bool {
        match self {
            Self::Oldest => false,
            Self::Place(place) => chain.seq < place.seq,
            Self::Number(seq) => chain.seq < seq,
        }
    }

    fn is(self, chain: &Chain) -> bool {
        match self {
            Self::Oldest => true,
            Self::Place(place) => place.is(chain),
            Self::Number(seq) => chain.seq == seq,
        }
    }
}

/// A slice that was read, from [`Journal::export_slice`].
///
/// ```
/// use billing_core::journal::ExportSlice;
/// /// Slices belong together where each begins with the head that the one before ended with.
/// fn follows(before: &ExportSlice, after: &ExportSlice) -> bool {
///     before.end == after.start
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportSlice {
    /// The point before its first frame, from which the chain can be computed again.
    pub start: Chain,
    /// The point behind its last frame.
    pub end: Chain,
    /// Where the next slice begins.
    pub next: ExportPlace,
    /// True if the log ended with it. More may be appended; then `next` goes on there.
    pub is_last: bool,
}

/// Error returned by [`Journal::export_slice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceError<E> {
    /// The page of that place was given back meanwhile, or the place is not of this log. What stood
    /// there and still counts stands elsewhere: begin again without a place.
    Moved,
    /// As for [`Journal::scan`].
    Scan(ScanError<E>),
}

impl<E: fmt::Debug> fmt::Display for SliceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved => {
                f.write_str("what was to come next has moved: export from the beginning")
            }
            Self::Scan(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for SliceError<E> {}

impl<E> core::convert::From<Fault<E>> for SliceError<E> {
    fn from(fault: Fault<E>) -> Self {
        Self::Scan(match fault {
            Fault::Flash(error) => ScanError::Flash(error),
            Fault::Corrupt(what) => ScanError::Corrupt(what),
        })
    }
}

impl<F: NorFlash, const PAGE_UNITS: usize> Journal<F, PAGE_UNITS> {
    /// Reads frames as [`export`](Self::export) does, from a place on, for as long as `take` answers
    /// true; a frame that it answers false for was not taken, and comes first in the next slice. Without
    /// a place it begins with the log.
    ///
    /// Slices one behind another are what [`export`](Self::export) gives, whatever is appended between
    /// them. A slice reads its first page from the beginning, up to its place, and the frames it gives.
    ///
    /// # Errors
    ///
    /// [`SliceError`]; what was taken until then verified.
    ///
    /// # Cancellation safety
    ///
    /// Changes nothing; it can be dropped at any time.
    pub async fn export_slice(
        &mut self,
        from: Option<ExportPlace>,
        take: &mut impl FnMut(RawFrame<'_>) -> bool,
    ) -> Result<ExportSlice, SliceError<F::Error>> {
        let first = from.map_or(self.oldest.page, |place| place.page);
        self.slice(first, from.map_or(From::Oldest, From::Place), take)
            .await
    }

    /// Reads frames as [`export_slice`](Self::export_slice) does, from the frame with this number on;
    /// 0 for the oldest there is. `page` is where it is expected, and only helps to find it: where
    /// it is not there, the headers of the pages tell.
    ///
    /// # Errors
    ///
    /// As for [`export_slice`](Self::export_slice): `Moved` where no such frame stands here any more,
    /// or none is to come next.
    ///
    /// # Cancellation safety
    ///
    /// Changes nothing; it can be dropped at any time.
    pub async fn export_from(
        &mut self,
        seq: u64,
        page: u32,
        take: &mut impl FnMut(RawFrame<'_>) -> bool,
    ) -> Result<ExportSlice, SliceError<F::Error>> {
        let (oldest, last) = (self.oldest.page, self.tail.counter);
        if seq == 0 {
            return self.slice(oldest, From::Oldest, take).await;
        }
        if (oldest..=last).contains(&page) {
            match self.slice(page, From::Number(seq), take).await {
                Err(SliceError::Moved) => {}
                found => return found,
            }
        }
        for counter in (oldest..=last).rev() {
            let (layout, identity) = (self.layout, self.identity);
            let header = header_of(&mut self.flash, &layout, identity, counter, seq).await?;
            if header.first.seq <= seq {
                return self.slice(counter, From::Number(seq), take).await;
            }
        }
        Err(SliceError::Moved)
    }

    async fn slice(
        &mut self,
        first: u32,
        from: From,
        take: &mut impl FnMut(RawFrame<'_>) -> bool,
    ) -> Result<ExportSlice, SliceError<F::Error>> {
        if self.state != State::Ready {
            return Err(SliceError::Scan(ScanError::Poisoned));
        }
        let last = self.tail.counter;
        if first < self.oldest.page || first > last {
            return Err(SliceError::Moved);
        }
        let goal = Some(self.tail.chain);
        let (layout, identity, oldest) = (self.layout, self.identity, self.oldest);
        let flash = &mut self.flash;
        let opened = Cursor::open(flash, layout, identity, oldest, (first, last), goal).await;
        let mut cursor = opened?;
        let mut window = Window::new();
        let mut start = None;
        loop {
            let before = cursor.chain;
            let step = cursor.step(flash, &mut window).await?;
            if from.is_after(&before) {
                // Behind its own page, or the log's end, there is no such place.
                if step.is_none() || cursor.counter != first {
                    return Err(SliceError::Moved);
                }
                continue;
            }
            if start.is_none() && !from.is(&before) {
                return Err(SliceError::Moved);
            }
            let start = *start.get_or_insert(before);
            let taken = step
                .and_then(|step| step.raw(&window))
                .is_some_and(&mut *take);
            if !taken {
                return Ok(ExportSlice {
                    start,
                    end: before,
                    next: ExportPlace::new(cursor.counter, &before),
                    is_last: step.is_none(),
                });
            }
        }
    }
}
