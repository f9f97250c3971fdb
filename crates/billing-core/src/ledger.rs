//! The ledger: [`Record`]s in the [journal](crate::journal), and the [`Book`] they fold to.
//!
//! # Terms
//! - **Kept** records (closed segments and sessions, settlements, payments) are carried through
//!   every compaction as they are; everything else lives on in the snapshot's pieces.
//! - **Headroom** is what can still be written without ever losing the place for a compaction:
//!   while a snapshot is written the old log stands beside it, so what must be kept may fill
//!   less than half of the flash. A pile whose headroom is used up refuses new sessions; the open
//!   ones still end with their bill.
//!
//! # Invariants
//! - I4: what [`Ledger::append`] acknowledged is there after any power cut, unaltered, in order.
//! - A flash that cannot be read is refused ([`OpenError`]), never silently started at zero.

use crate::book::{Book, FoldError};
use crate::journal::{
    AppendError, CarryError, Entry, FormatError, Head, Identity, Journal, Kind, MAX_PAYLOAD,
    MountError, Room, ScanError,
};
use crate::record::{Piece, Record};
use embedded_storage_async::nor_flash::NorFlash;

/// Bytes on the flash that one session's segment can take at most, framed.
const SEGMENT_BYTES: u32 = 88;
/// Bytes on the flash that a closed session can take at most, framed.
const CLOSED_BYTES: u32 = 112;
/// Bytes on the flash that another fact that is kept can take at most, framed.
const FACT_BYTES: u32 = 64;
/// The part of a page that frames can fail to fill, since none crosses a page.
const PAGE_WASTE: u32 = 256;
/// Pages left free beside a snapshot: the one the commit opens, one abandoned by a power cut
/// while recovering, one in hand.
const SPARE_PAGES: u32 = 3;

/// Error returned by [`Ledger::mount`] and [`Ledger::format`]: why the flash is not taken for a ledger.
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
    /// This record verifies but contradicts those before it.
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
            Self::Mount(error) => write!(f, "the journal is refused: {error:?}"),
            Self::Format(error) => write!(f, "the flash cannot be formatted: {error:?}"),
            Self::Unreadable { seq } => write!(f, "record {seq} cannot be read by this version"),
            Self::Contradiction { seq, why } => write!(f, "record {seq} is refused: {why}"),
        }
    }
}

impl<E: core::fmt::Debug> core::error::Error for OpenError<E> {}

/// Error returned by [`Ledger::append`] and [`Ledger::compact`].
#[derive(Debug, Clone, PartialEq)]
pub enum LedgerError<E> {
    /// The journal refused.
    Append(AppendError<E>),
    /// What was to be carried into a snapshot no longer verifies.
    Carry(CarryError<E>),
    /// The record does not fit a frame. Nothing was written.
    TooLong,
}

impl<E: core::fmt::Debug> core::fmt::Display for LedgerError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Append(error) => write!(f, "the journal refuses the record: {error:?}"),
            Self::Carry(error) => write!(f, "the snapshot cannot be written: {error:?}"),
            Self::TooLong => f.write_str("the record does not fit a frame"),
        }
    }
}

impl<E: core::fmt::Debug> core::error::Error for LedgerError<E> {}

impl<E> From<AppendError<E>> for LedgerError<E> {
    fn from(error: AppendError<E>) -> Self {
        Self::Append(error)
    }
}

/// What can still be written without losing the place for a compaction.
///
/// ```
/// use billing_core::ledger::Headroom;
/// assert_eq!(Headroom::default(), Headroom { sessions: 0, facts: 0 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headroom {
    /// Sessions that can still be opened, each with all its segments and its bill.
    pub sessions: u32,
    /// Other facts (a card, a settlement, a payment) that can still be recorded.
    pub facts: u32,
}

/// The ledger of a pile on its flash.
///
/// ```
/// use billing_core::journal::{Identity, testing::RamFlash};
/// use billing_core::ledger::Ledger;
/// use billing_core::record::Record;
/// use pile_units::*;
/// # embassy_futures::block_on(async {
/// let flash = RamFlash::<4, 4096, 65536>::new();
/// let (mut ledger, mut book) = Ledger::format(flash, Identity::new([7; 16])).await.unwrap();
/// let record = Record::Commissioned {
///     pile: PileId::new([1; 8]),
///     privilege: Credential {
///         id: CredentialId::new(0),
///         role: Role::Privilege,
///         strength: Strength::UidOnly,
///         alias: CardAlias::new([9; 8]),
///         revoked: false,
///     },
///     at: WallTime::default(),
/// };
/// ledger.append(&record, &book).await.unwrap(); // durable from here
/// book.apply(&record).unwrap();
/// let (_, again) = Ledger::mount(ledger.release()).await.unwrap();
/// assert_eq!(again, book);
/// # });
/// ```
pub struct Ledger<F> {
    journal: Journal<F>,
    /// Bytes of the kept records, framed.
    kept: u32,
}

impl<F: NorFlash> Ledger<F> {
    /// Finds the ledger on `flash`, verifies its chain and folds it.
    ///
    /// # Errors
    /// [`OpenError`]; `MountError::Blank` for a flash that never held one. The bytes of a damaged
    /// ledger are left as they are: they are evidence.
    ///
    /// # Power loss
    /// As for [`Journal::mount`].
    pub async fn mount(flash: F) -> Result<(Self, Book), OpenError<F::Error>> {
        let mut book = Book::new();
        let mut kept = 0u32;
        let mut refused = None;
        let journal = Journal::mount(flash, &mut |entry| {
            if refused.is_none() {
                match fold(&mut book, &entry) {
                    Ok(true) => kept = kept.saturating_add(frame_bound::<F>(entry.payload.len())),
                    Ok(false) => {}
                    Err(why) => refused = Some((entry.seq, why)),
                }
            }
        })
        .await
        .map_err(OpenError::Mount)?;
        match refused {
            None => Ok((Self { journal, kept }, book)),
            Some((seq, None)) => Err(OpenError::Unreadable { seq }),
            Some((seq, Some(why))) => Err(OpenError::Contradiction { seq, why }),
        }
    }

    /// Erases `flash` and starts an empty ledger on it.
    ///
    /// # Errors
    /// [`OpenError::Format`].
    ///
    /// # Power loss
    /// As for [`Journal::format`].
    pub async fn format(flash: F, identity: Identity) -> Result<(Self, Book), OpenError<F::Error>> {
        let journal = Journal::format(flash, identity)
            .await
            .map_err(OpenError::Format)?;
        Ok((Self { journal, kept: 0 }, Book::new()))
    }

    /// Appends a record; when this returns, it is durable. `book` is the fold of the records
    /// before it; the caller applies the record to it afterwards.
    ///
    /// # Errors
    /// [`LedgerError`]; the record is then not acknowledged.
    ///
    /// # Cancellation safety
    /// As for [`Journal::append`].
    ///
    /// # Power loss
    /// After a cut the record is there whole or not at all.
    pub async fn append(
        &mut self,
        record: &Record,
        book: &Book,
    ) -> Result<(), LedgerError<F::Error>> {
        // The last pages are for a compaction alone.
        self.journal
            .set_reserve(self.snapshot_pages(book).saturating_add(1));
        let mut buffer = [0; MAX_PAYLOAD];
        let payload = encode(record, &mut buffer).ok_or(LedgerError::TooLong)?;
        self.journal.append(payload).await?;
        if record.is_kept() {
            self.kept = self.kept.saturating_add(frame_bound::<F>(payload.len()));
        }
        Ok(())
    }

    /// True when it is time for [`Self::compact`]: the free pages are about to be too few to hold
    /// a snapshot, and a snapshot would free some.
    pub fn wants_compaction(&self, book: &Book) -> bool {
        let snapshot = self.snapshot_pages(book);
        let room = self.journal.room();
        room.pages_free <= snapshot.saturating_add(SPARE_PAGES)
            && room.pages_live > snapshot.saturating_add(1)
    }

    /// Writes a snapshot of the book and the kept records, and gives the pages before it back.
    /// `piece(n)` is the n-th of [`Book::pieces`], which must not change meanwhile.
    ///
    /// # Errors
    /// [`LedgerError`]. Where the flash still answers, the old log stands and nothing is lost.
    ///
    /// # Cancellation safety
    /// As for [`Journal::append`].
    ///
    /// # Power loss
    /// The old log stands until the snapshot is whole.
    pub async fn compact(
        &mut self,
        mut piece: impl FnMut(usize) -> Option<Piece>,
    ) -> Result<(), LedgerError<F::Error>> {
        let mut buffer = [0; MAX_PAYLOAD];
        let mut snapshot = self.journal.begin_snapshot().await?;
        let mut kept = 0u32;
        let mut written = Ok(());
        for n in 0.. {
            let Some(piece) = piece(n) else { break };
            written = match encode(&Record::Snapshot(piece), &mut buffer) {
                Some(payload) => snapshot
                    .append_snapshot(payload)
                    .await
                    .map(drop)
                    .map_err(LedgerError::Append),
                None => Err(LedgerError::TooLong),
            };
            if written.is_err() {
                break;
            }
        }
        if written.is_ok() {
            let mut filter = |entry: Entry<'_>| {
                let keep = decode(entry.payload).is_some_and(|record| record.is_kept());
                if keep {
                    kept = kept.saturating_add(frame_bound::<F>(entry.payload.len()));
                }
                keep
            };
            written = snapshot
                .carry(&mut filter)
                .await
                .map(drop)
                .map_err(LedgerError::Carry);
        }
        match written {
            Ok(()) => {
                snapshot.commit().await?;
                self.kept = kept;
                Ok(())
            }
            Err(error) => {
                snapshot.abort().await?;
                Err(error)
            }
        }
    }

    /// What can still be written.
    pub fn headroom(&self, book: &Book) -> Headroom {
        let room = self.journal.room();
        // Old log and new snapshot side by side, and the spare pages.
        let half = room.pages.saturating_sub(SPARE_PAGES) / 2;
        let capacity = half.saturating_mul(self.page_capacity());
        let spans = book
            .tariff()
            .map_or(1, |(_, tariff)| tariff.spans().count());
        let segments = u32::try_from(spans).unwrap_or(u32::MAX).saturating_add(2);
        let session = segments
            .saturating_mul(SEGMENT_BYTES)
            .saturating_add(CLOSED_BYTES);
        let open = u32::try_from(book.open_sessions().count()).unwrap_or(u32::MAX);
        let free = capacity
            .saturating_sub(self.snapshot_bytes(book))
            .saturating_sub(open.saturating_mul(session));
        // A tenth stays for settlements and payments when sessions are refused.
        let for_sessions = free.saturating_sub(capacity / 10);
        Headroom {
            sessions: for_sessions / session,
            facts: free / FACT_BYTES,
        }
    }

    /// Reads all records that stand, oldest first, verifying the chain again: first the kept ones
    /// and the pieces of the snapshot, then everything since.
    ///
    /// # Errors
    /// [`ScanError`] if the flash no longer holds what was written.
    pub async fn visit(
        &mut self,
        mut each: impl FnMut(u64, Record),
    ) -> Result<(), ScanError<F::Error>> {
        self.journal
            .scan(&mut |entry| {
                if let Some(record) = decode(entry.payload) {
                    each(entry.seq, record);
                }
            })
            .await
    }

    /// The head of the hash chain.
    pub const fn head(&self) -> Head {
        self.journal.head()
    }

    /// The journal's identity.
    pub const fn identity(&self) -> Identity {
        self.journal.identity()
    }

    /// How much of the flash is in use.
    pub fn room(&self) -> Room {
        self.journal.room()
    }

    /// Gives the flash back.
    pub fn release(self) -> F {
        self.journal.release()
    }

    fn page_capacity(&self) -> u32 {
        let page = u32::try_from(F::ERASE_SIZE).unwrap_or(u32::MAX);
        // A page of 512 bytes or less wastes at most half of itself.
        page.saturating_sub(PAGE_WASTE.min(page / 4))
            .saturating_sub(128)
    }

    fn snapshot_bytes(&self, book: &Book) -> u32 {
        self.kept.saturating_add(book.snapshot_bound())
    }

    fn snapshot_pages(&self, book: &Book) -> u32 {
        self.snapshot_bytes(book)
            .div_ceil(self.page_capacity().max(1))
    }
}

/// The bytes a payload takes on the flash at most.
fn frame_bound<F: NorFlash>(payload: usize) -> u32 {
    const OVERHEAD: usize = 10;
    u32::try_from((payload + OVERHEAD).next_multiple_of(F::WRITE_SIZE)).unwrap_or(u32::MAX)
}

/// Folds one entry; true if a compaction must keep it, `None` inside the error if it cannot be
/// read at all.
fn fold(book: &mut Book, entry: &Entry<'_>) -> Result<bool, Option<FoldError>> {
    let record = decode(entry.payload).ok_or(None)?;
    match (entry.kind, &record) {
        (Kind::Snapshot, Record::Snapshot(piece)) => book.restore(piece).map_err(Some)?,
        (Kind::Snapshot, record) if record.is_kept() => {}
        (Kind::Snapshot, _) => return Err(Some(FoldError::Snapshot)),
        (Kind::Record, record) => book.apply(record).map_err(Some)?,
    }
    Ok(record.is_kept())
}

/// The payload of a record.
fn encode<'a>(record: &Record, buffer: &'a mut [u8; MAX_PAYLOAD]) -> Option<&'a [u8]> {
    postcard::to_slice(record, buffer)
        .ok()
        .map(|payload| &*payload)
}

/// The record of a payload: all of it, or nothing.
fn decode(payload: &[u8]) -> Option<Record> {
    match postcard::take_from_bytes(payload) {
        Ok((record, [])) => Some(record),
        _ => None,
    }
}
