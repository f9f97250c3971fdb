//! The ledger: [`Record`]s in the [journal](crate::journal), and the [`Book`] they fold to.
//!
//! # Terms
//! - **Kept** records (closed segments and sessions, settlements, payments) are carried on when
//!   their page is given back, until they are settled, paid and exported ([`Book::keeps`]);
//!   everything else lives on in the snapshot's pieces.
//! - **Work** is what the ledger does for itself, one slice at a time: it erases a page ahead,
//!   writes a snapshot, gives a page back. A slice takes about as long as an erase, so
//!   a record never waits longer than that.
//! - **Headroom** is what can still be written without ever losing the place for that work. A pile
//!   whose headroom is used up refuses new sessions; the open ones still end with their bill.
//!
//! # Invariants
//! - I4: what [`Ledger::append`] acknowledged is there after any power cut, unaltered, in order,
//!   under the number it was given, until it is settled, paid and exported.
//! - No append answers `Full` before [`Headroom`] is used up.
//! - A flash that cannot be read is refused ([`OpenError`]), never silently started at zero.

mod capacity;
mod error;
mod export;
mod fold;
mod look;
#[cfg(test)]
mod tests;

pub use error::{LedgerError, OpenError};
pub use fold::Fold;
pub use look::Look;

use crate::book::{Book, FoldError};
use crate::journal::{
    AppendError, Appended, Corruption, Damage, Head, Identity, Journal, Kind, MAX_PAYLOAD,
    MountError, ReclaimError, Room, ScanError,
};
use crate::record::{Piece, Record};
use capacity::{Capacity, Needs};
use embedded_storage_async::nor_flash::NorFlash;
use pile_units::{Credential, Role};

/// What can still be written without losing the place for the ledger's own work.
///
/// ```
/// use billing_core::ledger::Headroom;
/// assert_eq!(Headroom::default(), Headroom { sessions: 0, facts: 0 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
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
/// ledger.append(&book, &record).await.unwrap(); // durable from here
/// book.apply(&record).unwrap();
/// while ledger.wants_work(&book) {
///     ledger.work(&book).await.unwrap(); // when nothing else is to be written
/// }
/// let (_, again) = Ledger::mount(ledger.release()).await.unwrap();
/// assert_eq!(again, book);
/// # });
/// ```
pub struct Ledger<F> {
    journal: Journal<F>,
    capacity: Capacity,
    /// Bytes of the kept records, framed; too many while they are to be counted.
    kept: u32,
    /// The number of the last record.
    last: u64,
    /// Where the count of them is.
    count: Option<Count>,
}

/// A count of the kept records, a page at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    pages: u32,
    bytes: u32,
}

/// Pages given back before they are needed: a record seldom waits for it.
const AHEAD: u32 = 2;

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
        let ledger = Self::mount_into(flash, &mut book).await?;
        Ok((ledger, book))
    }

    /// The same, into a book where it lies: a chip has no room for two. After an error the book is of no
    /// use.
    ///
    /// # Errors
    /// As [`mount`](Self::mount).
    ///
    /// # Power loss
    /// As for [`Journal::mount`].
    pub async fn mount_into(flash: F, book: &mut Book) -> Result<Self, OpenError<F::Error>> {
        let capacity = Capacity::of::<F>(0);
        let mut fold = Fold::into(&mut *book);
        let (mut kept, mut oldest, mut last) = (0u32, u64::MAX, 0);
        let journal = Journal::mount(flash, &mut |entry| {
            let length = entry.payload.len();
            if matches!(entry.kind, Kind::Record | Kind::Carried) {
                last = entry.seq.max(last);
            }
            if fold.take(entry) {
                kept = kept.saturating_add(capacity.kept(length));
                oldest = entry.seq.min(oldest);
            }
        })
        .await
        .map_err(OpenError::Mount)?;
        let book = fold.finish(journal.next_seq().saturating_sub(1))?;
        let book: &Book = book;
        let mut ledger = Self::new(journal, kept);
        ledger.last = last.max(book.exported());
        // Of what was not exported, all is kept.
        if oldest <= book.exported() {
            ledger.count = Some(Count::default());
        }
        while ledger.count.is_some() {
            let counted = ledger.count_page(book).await;
            counted.map_err(|error| OpenError::Mount(unreadable(error)))?;
        }
        Ok(ledger)
    }

    /// Erases `flash` and starts an empty ledger on it.
    ///
    /// # Errors
    /// [`OpenError::Format`].
    ///
    /// # Power loss
    /// As for [`Journal::format`].
    pub async fn format(flash: F, identity: Identity) -> Result<(Self, Book), OpenError<F::Error>> {
        let mut book = Book::new();
        let ledger = Self::format_into(flash, identity, &mut book).await?;
        Ok((ledger, book))
    }

    /// The same, and a book that lies somewhere becomes the blank one.
    ///
    /// # Errors
    /// [`OpenError::Format`].
    ///
    /// # Power loss
    /// As for [`Journal::format`].
    pub async fn format_into(
        flash: F,
        identity: Identity,
        book: &mut Book,
    ) -> Result<Self, OpenError<F::Error>> {
        book.clear();
        let journal = Journal::format(flash, identity)
            .await
            .map_err(OpenError::Format)?;
        Ok(Self::new(journal, 0))
    }

    /// Begins a ledger on a flash that is refused, for the landlord who is its first record. What
    /// names the old one's landlord ([`Self::salvage_privilege`]) stays until that record is durable.
    ///
    /// # Errors
    /// [`OpenError::Format`]; [`OpenError::Contradiction`] for another record than
    /// [`Record::Commissioned`]; `MountError::Blank` where nothing names a landlord: nobody may
    /// begin that flash anew but whoever has it on a bench.
    ///
    /// # Power loss
    /// As for [`Journal::begin_anew`]: refused as before, or the new ledger with its landlord.
    pub async fn begin_anew(
        flash: F,
        identity: Identity,
        commissioned: &Record,
    ) -> Result<(Self, Book), OpenError<F::Error>> {
        let mut book = Book::new();
        let ledger = Self::begin_anew_into(flash, identity, commissioned, &mut book).await?;
        Ok((ledger, book))
    }

    /// The same, into a book where it lies.
    ///
    /// # Errors
    /// As [`begin_anew`](Self::begin_anew).
    ///
    /// # Power loss
    /// As for [`Journal::begin_anew`].
    pub async fn begin_anew_into(
        mut flash: F,
        identity: Identity,
        commissioned: &Record,
        book: &mut Book,
    ) -> Result<Self, OpenError<F::Error>> {
        book.clear();
        let contradiction = |why| OpenError::Contradiction { seq: 1, why };
        if !matches!(commissioned, Record::Commissioned { .. }) {
            return Err(contradiction(FoldError::Commissioning));
        }
        book.apply(commissioned).map_err(contradiction)?;
        let named = named(&mut flash).await;
        let named = named.map_err(|error| OpenError::Mount(MountError::Flash(error)))?;
        let (page, _) = named.ok_or(OpenError::Mount(MountError::Blank))?;
        let mut buffer = Record::buffer();
        let record = commissioned.encode(&mut buffer);
        let journal = Journal::begin_anew(flash, identity, page, record)
            .await
            .map_err(OpenError::Format)?;
        let mut ledger = Self::new(journal, 0);
        ledger.last = 1;
        Ok(ledger)
    }

    /// The privilege card that a refused flash last knew, by whatever verifies of it: who may have
    /// it begun anew. `None` where nothing is left that says so.
    ///
    /// # Errors
    /// The flash's own.
    pub async fn salvage_privilege(flash: &mut F) -> Result<Option<Credential>, F::Error> {
        let named = named(flash).await?;
        Ok(named.map(|(_, card)| card).filter(|card| !card.revoked))
    }

    fn new(journal: Journal<F>, kept: u32) -> Self {
        Self {
            capacity: Capacity::of::<F>(journal.room().pages),
            journal,
            kept,
            last: 0,
            count: None,
        }
    }

    /// Appends a record; when this returns, it is durable, and the caller applies it to the book.
    /// The ledger does not judge it: ask [`Book::check`] first, since a ledger that holds a
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
    pub async fn append(
        &mut self,
        book: &impl Look,
        record: &Record,
    ) -> Result<Appended, LedgerError<F::Error>> {
        let mut buffer = Record::buffer();
        let payload = record.encode(&mut buffer);
        let frame = self.capacity.frame(payload.len());
        // Every page is given back once, and counted once.
        let mut patience = self.journal.room().pages.saturating_mul(2);
        while frame > self.journal.room().bytes_left_in_page
            && let needs = self.needs(book)
            && self.free() <= needs.reserve
        {
            patience = patience
                .checked_sub(1)
                .ok_or(LedgerError::Append(AppendError::Full))?;
            if self.has_garbage(needs) {
                self.give_back(book).await?;
            } else if self.count.is_some() {
                self.count_page(book).await?;
            } else {
                return Err(LedgerError::Append(AppendError::Full));
            }
        }
        let oldest = self.journal.oldest_page();
        let appended = self.journal.append(payload).await?;
        self.last = appended.seq;
        if self.journal.oldest_page() != oldest {
            // The count knows the pages by their place behind the oldest.
            self.count = self.count.map(|_| Count::default());
        }
        if record.is_kept() {
            let bytes = self.capacity.kept(payload.len());
            self.kept = self.kept.saturating_add(bytes);
            // On a page that was counted, or once too often.
            if let Some(count) = &mut self.count {
                count.bytes = count.bytes.saturating_add(bytes);
            }
        }
        if matches!(
            record,
            Record::Exported { .. } | Record::Settled(_) | Record::Paid { .. }
        ) {
            self.count = Some(Count::default());
        }
        Ok(appended)
    }

    /// True while there is work to be done before the next record needs it.
    pub fn wants_work(&self, book: &impl Look) -> bool {
        self.count.is_some() || {
            let needs = self.needs(book);
            self.is_short(needs) || self.wants_erased_page(needs)
        }
    }

    /// Does a slice of the work, at most about an erase or a page long. Call it when no record
    /// waits, while [`Self::wants_work`].
    ///
    /// # Errors
    /// [`LedgerError`].
    ///
    /// # Cancellation safety
    /// As for [`Journal::append`].
    ///
    /// # Power loss
    /// Nothing is lost: a page is given back only when all that it held for long stands elsewhere.
    pub async fn work(&mut self, book: &impl Look) -> Result<(), LedgerError<F::Error>> {
        let needs = self.needs(book);
        if self.wants_erased_page(needs) {
            self.journal.erase_ahead().await?;
            Ok(())
        } else if self.is_short(needs) {
            self.give_back(book).await
        } else {
            self.count_page(book).await.map_err(LedgerError::from)
        }
    }

    /// What the book asks for as it is now.
    fn needs(&self, book: &impl Look) -> Needs {
        book.look(|book| self.capacity.needs(book))
    }

    /// Free pages, once the next one is opened.
    fn free(&self) -> u32 {
        let room = self.journal.room();
        room.pages_free.saturating_add(room.pages_reclaimed)
    }

    /// True if giving pages back helps: what is kept anyway is not copied for its own sake.
    fn has_garbage(&self, needs: Needs) -> bool {
        let dense = self.capacity.dense(needs, self.kept);
        self.journal.room().pages.saturating_sub(self.free()) > dense
    }

    fn is_short(&self, needs: Needs) -> bool {
        self.free() <= needs.reserve.saturating_add(AHEAD)
            && self.has_garbage(needs)
            && self.journal.can_reclaim()
    }

    fn wants_erased_page(&self, needs: Needs) -> bool {
        let room = self.journal.room();
        // A page for the next records, and a snapshot's shortly before it is due.
        let is_soon = self.free() <= needs.reserve.saturating_add(AHEAD + 1);
        let wanted = if is_soon {
            needs.snapshot.saturating_add(1)
        } else {
            1
        };
        room.pages_erased < wanted.min(room.pages_free)
    }

    /// Gives a page back, or writes the snapshot that it takes.
    async fn give_back(&mut self, book: &impl Look) -> Result<(), LedgerError<F::Error>> {
        let mut keep = |entry: crate::journal::Entry<'_>| {
            // What cannot be read is never thrown away.
            Record::decode(entry.payload)
                .is_none_or(|record| book.look(|book| book.keeps(entry.seq, &record)))
        };
        // The pages that are counted are no longer the same.
        self.count = self.count.map(|_| Count::default());
        match self.journal.reclaim(&mut keep).await {
            Err(ReclaimError::NeedsSnapshot) => {
                let mut next = 0;
                let mut piece = |buffer: &mut [u8; MAX_PAYLOAD]| {
                    let piece = book.look(|book| book.pieces().nth(next))?;
                    next += 1;
                    Some(Record::Snapshot(piece).encode(buffer).len())
                };
                self.journal.snapshot(&mut piece).await?;
                Ok(())
            }
            other => Ok(other.map(drop)?),
        }
    }

    /// Counts the kept records of one page more.
    async fn count_page(&mut self, book: &impl Look) -> Result<(), ScanError<F::Error>> {
        let Some(mut count) = self.count else {
            return Ok(());
        };
        let capacity = self.capacity;
        let is_left = self
            .journal
            .scan_page(count.pages, &mut |entry| {
                let record = match entry.kind {
                    Kind::Record | Kind::Carried => Record::decode(entry.payload),
                    Kind::Piece | Kind::End => None,
                };
                if record.is_some_and(|record| book.look(|book| book.keeps(entry.seq, &record))) {
                    let bytes = capacity.kept(entry.payload.len());
                    count.bytes = count.bytes.saturating_add(bytes);
                }
            })
            .await?;
        count.pages = count.pages.saturating_add(1);
        self.count = is_left.then_some(count);
        if !is_left {
            self.kept = count.bytes;
        }
        Ok(())
    }

    /// What can still be written.
    pub fn headroom(&self, book: &Book) -> Headroom {
        self.capacity.headroom(book, self.kept)
    }

    /// Reads all records that stand, with their numbers, verifying the chain again. Records that
    /// were carried on come later than younger ones; a number never changes, so sort by it where
    /// that matters.
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
                if let (Kind::Record | Kind::Carried, Some(record)) =
                    (entry.kind, Record::decode(entry.payload))
                {
                    each(entry.seq, record);
                }
            })
            .await
    }

    /// The number of the last record; what the ledger writes for itself takes numbers, too, and is
    /// not counted here. 0 before any.
    pub const fn last_record(&self) -> u64 {
        self.last
    }

    /// The number of the next record.
    pub const fn next_seq(&self) -> u64 {
        self.journal.next_seq()
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

/// The privilege card that the youngest readable page names, and that page's counter.
async fn named<F: NorFlash>(flash: &mut F) -> Result<Option<(u32, Credential)>, F::Error> {
    let mut newest: Option<((u32, u64), Credential)> = None;
    Journal::<F>::salvage(flash, &mut |page, entry| {
        let card = match Record::decode(entry.payload) {
            Some(
                Record::Commissioned {
                    privilege: card, ..
                }
                | Record::Enrolled {
                    credential: card, ..
                }
                | Record::Recovered {
                    credential: card, ..
                }
                | Record::Snapshot(Piece::Credential(card)),
            ) if card.role == Role::Privilege => card,
            _ => return,
        };
        // Page counters rise from one ledger of a flash to the next, numbers begin again.
        if newest.is_none_or(|(at, _)| at <= (page, entry.seq)) {
            newest = Some(((page, entry.seq), card));
        }
    })
    .await?;
    Ok(newest.map(|((page, _), card)| (page, card)))
}

fn unreadable<E>(error: ScanError<E>) -> MountError<E> {
    match error {
        ScanError::Flash(error) => MountError::Flash(error),
        ScanError::Corrupt(what) => MountError::Corrupt(what),
        // Not of a journal that was just mounted; and never what says that a flash may be formatted.
        ScanError::Poisoned => MountError::Corrupt(Corruption {
            page: 0,
            seq: 0,
            kind: Damage::Header,
        }),
    }
}
