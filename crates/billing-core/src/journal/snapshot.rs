//! Compaction: the whole state written anew, after which all older pages are free.

use embedded_storage_async::nor_flash::NorFlash;

use super::cursor::{Fault, Window};
use super::frame::{FRAME_MAX, Mark};
use super::layout::END_PAYLOAD;
use super::{AppendError, Appended, CarryError, Entry, Journal, State, Tail};

/// A snapshot under way, from [`Journal::begin_snapshot`]. End it with [`commit`](Self::commit) or
/// [`abort`](Self::abort): dropping it leaves the journal poisoned until the next mount, which
/// takes the snapshot away.
///
/// ```
/// use billing_core::journal::{Identity, Journal, Kind, testing::RamFlash};
///
/// embassy_futures::block_on(async {
///     let flash = RamFlash::<4, 1024, 8192>::new();
///     let mut journal = Journal::<_>::format(flash, Identity::new([7; 16])).await.unwrap();
///     for reading in 1..=100_u8 {
///         journal.append(&[b'r', reading]).await.unwrap();
///     }
///     journal.append(b"keep me").await.unwrap();
///
///     let mut snapshot = journal.begin_snapshot().await.unwrap();
///     snapshot.append_snapshot(b"sum 5050").await.unwrap();
///     snapshot.carry(&mut |entry| entry.payload.starts_with(b"keep")).await.unwrap();
///     snapshot.commit().await.unwrap();
///     assert_eq!(journal.room().pages_live, 2);
///
///     let mut texts = Vec::new();
///     journal
///         .scan(&mut |entry| {
///             assert_eq!(entry.kind, Kind::Snapshot);
///             texts.push(entry.payload.to_vec());
///         })
///         .await
///         .unwrap();
///     assert_eq!(texts, [&b"sum 5050"[..], b"keep me"]);
/// });
/// ```
#[derive(Debug)]
pub struct Snapshot<'a, F, const PAGE_UNITS: usize = 1> {
    journal: &'a mut Journal<F, PAGE_UNITS>,
    before: Tail,
    begun: u32,
    frames: u32,
}

impl<'a, F: NorFlash, const PAGE_UNITS: usize> Snapshot<'a, F, PAGE_UNITS> {
    pub(super) const fn new(
        journal: &'a mut Journal<F, PAGE_UNITS>,
        before: Tail,
        begun: u32,
    ) -> Self {
        Self {
            journal,
            before,
            begun,
            frames: 0,
        }
    }

    /// Appends an entry to the snapshot. It counts only once the snapshot is committed.
    ///
    /// # Errors
    ///
    /// As for [`Journal::append`]. [`Full`](AppendError::Full) already when what is left would not
    /// hold the commit; then [`abort`](Self::abort), and the journal is as it was.
    ///
    /// # Cancellation safety
    ///
    /// As for [`Journal::append`].
    pub async fn append_snapshot(
        &mut self,
        payload: &[u8],
    ) -> Result<Appended, AppendError<F::Error>> {
        self.journal.check(State::Snapshot)?;
        self.journal.check_length(payload)?;
        if self.pages_to_commit_after(payload.len()) > self.journal.pages_free() {
            return Err(AppendError::Full);
        }
        self.journal.state = State::Unknown;
        let base = self.journal.base;
        let done = self
            .journal
            .write(Mark::Snapshot, payload, base, Some(self.begun))
            .await;
        let appended = self.journal.settle(State::Snapshot, done)?;
        self.frames = self.frames.saturating_add(1);
        Ok(appended)
    }

    /// Copies the payloads of earlier entries, snapshot entries and records in their order, into
    /// the snapshot where the filter says so. Returns how many.
    ///
    /// # Errors
    ///
    /// [`CarryError::Corrupt`] if an earlier entry no longer verifies, and as for
    /// [`append_snapshot`](Self::append_snapshot). What was copied before stays in the snapshot:
    /// abort it.
    ///
    /// # Cancellation safety
    ///
    /// As for [`Journal::append`].
    pub async fn carry(
        &mut self,
        filter: &mut impl FnMut(Entry<'_>) -> bool,
    ) -> Result<u32, CarryError<F::Error>> {
        self.journal
            .check(State::Snapshot)
            .map_err(CarryError::Append)?;
        let fault = |fault| match fault {
            Fault::Flash(error) => CarryError::Append(AppendError::Flash(error)),
            Fault::Corrupt(what) => CarryError::Corrupt(what),
        };
        let mut carried = 0;
        let mut window = Window::new();
        let mut cursor = self.journal.live(self.before).await.map_err(fault)?;
        while let Some(step) = cursor
            .step(&mut self.journal.flash, &mut window)
            .await
            .map_err(fault)?
        {
            if let Some(entry) = step.entry(&window)
                && filter(entry)
            {
                self.append_snapshot(entry.payload)
                    .await
                    .map_err(CarryError::Append)?;
                carried += 1;
            }
        }
        Ok(carried)
    }

    /// Makes the snapshot the journal's base: writes its end frame and opens the next page, whose
    /// header names it. From then on all older pages are free.
    ///
    /// # Errors
    ///
    /// [`AppendError::Flash`]; then the next mount finds either the old or the new base.
    ///
    /// # Cancellation safety
    ///
    /// As for [`Journal::append`].
    ///
    /// # Power loss
    ///
    /// The snapshot counts from the moment that the new page's header is whole.
    pub async fn commit(self) -> Result<Appended, AppendError<F::Error>> {
        let Self {
            journal,
            begun,
            frames,
            ..
        } = self;
        journal.check(State::Snapshot)?;
        journal.state = State::Unknown;
        let base = journal.base;
        let end = journal
            .write(Mark::End, &frames.to_le_bytes(), base, Some(begun))
            .await;
        let end = end.map_err(AppendError::Flash)?;
        let opened = journal.open_page(begun, None).await;
        let opened = journal.settle(State::Ready, opened)?;
        journal.base = begun;
        Ok(Appended {
            seq: end.seq,
            bytes: end.bytes + opened.bytes,
            operations: end.operations + opened.operations,
        })
    }

    /// Takes the snapshot back: erases its pages, the newest first. The journal is then as before
    /// [`Journal::begin_snapshot`].
    ///
    /// # Errors
    ///
    /// [`AppendError::Flash`], and [`AppendError::Poisoned`] after an earlier failure.
    pub async fn abort(self) -> Result<(), AppendError<F::Error>> {
        self.journal.check(State::Snapshot)?;
        self.journal.state = State::Unknown;
        let done = self.journal.roll_back(self.before).await;
        self.journal.settle(State::Ready, done)?;
        Ok(())
    }

    /// The entries written to the snapshot so far.
    pub const fn entries(&self) -> u32 {
        self.frames
    }

    /// Pages still to be opened if this frame, the end frame and the commit follow.
    fn pages_to_commit_after(&self, payload: usize) -> u32 {
        let layout = &self.journal.layout;
        let mut offset = self.journal.tail.offset.unwrap_or(layout.page);
        let mut pages = 1;
        for frame in [layout.frame(payload), layout.frame(END_PAYLOAD)] {
            if offset.saturating_add(frame) > layout.page {
                pages += 1;
                offset = layout.header;
            }
            offset += frame;
        }
        pages
    }
}

const _: () = assert!(END_PAYLOAD == size_of::<u32>() && FRAME_MAX > END_PAYLOAD);
