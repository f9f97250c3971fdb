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
//! - While [`Ledger::reserve`] is called before each append and [`Ledger::compact`] whenever
//!   [`Ledger::wants_compaction`] says so, a compaction never lacks room, each one frees at least a
//!   page, and no append answers `Full` before [`Headroom`] is used up.
//! - A flash that cannot be read is refused ([`OpenError`]), never silently started at zero.

mod capacity;
mod error;
#[cfg(test)]
mod tests;

pub use error::{LedgerError, OpenError};

use crate::book::{Book, FoldError};
use crate::journal::{AppendError, Entry, Head, Identity, Journal, Kind, Room, ScanError};
use crate::record::{Piece, Record};
use capacity::Capacity;
use embedded_storage_async::nor_flash::NorFlash;

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
/// ledger.reserve(&book);
/// ledger.append(&record).await.unwrap(); // durable from here
/// book.apply(&record).unwrap();
/// let (_, again) = Ledger::mount(ledger.release()).await.unwrap();
/// assert_eq!(again, book);
/// # });
/// ```
pub struct Ledger<F> {
    journal: Journal<F>,
    capacity: Capacity,
    /// Bytes of the kept records, framed.
    kept: u32,
    /// Pages that an append must leave free.
    reserve: u32,
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
        let frame = Capacity::of::<F>(0);
        let mut book = Book::new();
        let mut kept = 0u32;
        let mut refused = None;
        let journal = Journal::mount(flash, &mut |entry| {
            if refused.is_none() {
                match fold(&mut book, &entry) {
                    Ok(true) => kept = kept.saturating_add(frame.frame(entry.payload.len())),
                    Ok(false) => {}
                    Err(why) => refused = Some((entry.seq, why)),
                }
            }
        })
        .await
        .map_err(OpenError::Mount)?;
        let balance = book.balance();
        if refused.is_none() && balance.metered != balance.accounted() {
            let last = journal.next_seq().saturating_sub(1);
            refused = Some((last, Some(FoldError::Sum)));
        }
        match refused {
            None => Ok((Self::new(journal, kept, &book), book)),
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
        let book = Book::new();
        Ok((Self::new(journal, 0, &book), book))
    }

    fn new(journal: Journal<F>, kept: u32, book: &Book) -> Self {
        let capacity = Capacity::of::<F>(journal.room().pages);
        Self {
            journal,
            capacity,
            kept,
            reserve: capacity.needed(book, kept),
        }
    }

    /// Sets the pages aside that a compaction of `book` needs, out of reach of
    /// [`Self::append`]. Call it before every append.
    pub fn reserve(&mut self, book: &Book) {
        self.reserve = self.capacity.needed(book, self.kept);
    }

    /// Appends a record; when this returns, it is durable, and the caller applies it to the book.
    /// The ledger does not know the book: ask [`Book::check`] first, since a ledger that holds a
    /// contradiction cannot be mounted.
    ///
    /// # Errors
    /// [`LedgerError`]; the record is then not acknowledged.
    ///
    /// # Cancellation safety
    /// As for [`Journal::append`].
    ///
    /// # Power loss
    /// After a cut the record is there whole or not at all.
    pub async fn append(&mut self, record: &Record) -> Result<(), LedgerError<F::Error>> {
        let mut buffer = Record::buffer();
        let payload = record.encode(&mut buffer);
        let frame = self.capacity.frame(payload.len());
        let room = self.journal.room();
        let opens = u32::from(frame > room.bytes_left_in_page);
        if room.pages_free < self.reserve.saturating_add(opens) {
            return Err(LedgerError::Append(AppendError::Full));
        }
        self.journal.append(payload).await?;
        if record.is_kept() {
            self.kept = self.kept.saturating_add(frame);
        }
        Ok(())
    }

    /// True when it is time for [`Self::compact`]: no further page may be opened, and a snapshot
    /// would give some back.
    pub fn wants_compaction(&self, book: &Book) -> bool {
        let room = self.journal.room();
        room.pages_free <= self.capacity.needed(book, self.kept)
            && room.pages_live > self.capacity.snapshot(book, self.kept)
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
        let mut buffer = Record::buffer();
        let mut snapshot = self.journal.begin_snapshot().await?;
        let mut written = Ok(());
        for n in 0.. {
            let Some(piece) = piece(n) else { break };
            let payload = Record::Snapshot(piece).encode(&mut buffer);
            written = snapshot
                .append_snapshot(payload)
                .await
                .map(drop)
                .map_err(LedgerError::Append);
            if written.is_err() {
                break;
            }
        }
        if written.is_ok() {
            // What cannot be read is never thrown away.
            let mut filter = |entry: Entry<'_>| {
                Record::decode(entry.payload).is_none_or(|record| record.is_kept())
            };
            written = snapshot
                .carry(&mut filter)
                .await
                .map(drop)
                .map_err(LedgerError::Carry);
        }
        if let Err(error) = written {
            // Where this fails too, the journal stays poisoned until it is mounted again.
            let _ = snapshot.abort().await;
            return Err(error);
        }
        snapshot.commit().await?;
        Ok(())
    }

    /// What can still be written.
    pub fn headroom(&self, book: &Book) -> Headroom {
        self.capacity.headroom(book, self.kept)
    }

    /// Reads all records that stand, oldest first, verifying the chain again: first the pieces of
    /// the snapshot and the kept records, then everything since.
    ///
    /// # Errors
    /// [`ScanError`] if the flash no longer holds what was written.
    pub async fn visit(
        &mut self,
        mut each: impl FnMut(u64, Record),
    ) -> Result<(), ScanError<F::Error>> {
        self.journal
            .scan(&mut |entry| {
                // Mounted, so it can be read.
                if let Some(record) = Record::decode(entry.payload) {
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
}

/// Folds one entry; true if a compaction must keep it, `None` inside the error if it cannot be
/// read at all.
fn fold(book: &mut Book, entry: &Entry<'_>) -> Result<bool, Option<FoldError>> {
    let record = Record::decode(entry.payload).ok_or(None)?;
    match (entry.kind, &record) {
        (Kind::Snapshot, Record::Snapshot(piece)) => book.restore(piece).map_err(Some)?,
        (Kind::Snapshot, record) if record.is_kept() => {}
        (Kind::Snapshot, _) => return Err(Some(FoldError::Snapshot)),
        (Kind::Record, record) => book.apply(record).map_err(Some)?,
    }
    Ok(record.is_kept())
}
