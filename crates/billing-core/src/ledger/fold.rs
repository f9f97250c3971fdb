//! The log becomes a book again.

use super::OpenError;
use crate::book::{Book, FoldError};
use crate::journal::{Entry, Kind};
use crate::record::{Piece, Record};
use core::borrow::BorrowMut;

/// How far the book is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// No entry was seen.
    Nothing,
    /// The log begins amid a life: no whole snapshot was seen yet.
    Later,
    /// Among the pieces of a snapshot, which say what went before.
    Pieces,
    /// All of it.
    Whole,
}

/// The fold of a log whose entries come one by one.
///
/// A log that begins amid a life holds a whole snapshot; what stands before it is only read. A
/// snapshot of what is known already must say the same.
///
/// What [`Ledger::mount`](super::Ledger::mount) does with a flash, for a reader that has the frames
/// from elsewhere, such as an export.
///
/// ```
/// use billing_core::book::Book;
/// use billing_core::journal::RawFrame;
/// use billing_core::ledger::{Fold, OpenError};
/// /// The book of verified frames, in the order of the log.
/// fn book<'a>(frames: impl Iterator<Item = RawFrame<'a>>) -> Result<Book, OpenError<()>> {
///     let (mut fold, mut last) = (Fold::new(), 0);
///     for frame in frames {
///         last = frame.seq;
///         if let Some(entry) = frame.entry() {
///             fold.take(entry);
///         }
///     }
///     fold.finish(last)
/// }
/// assert_eq!(book([].into_iter()), Ok(Book::new()));
/// ```
#[derive(Debug, Clone)]
pub struct Fold<B = Book> {
    book: B,
    known: Known,
    /// Pieces of the present snapshot.
    pieces: usize,
    refused: Option<(u64, Option<FoldError>)>,
}

impl Default for Fold {
    fn default() -> Self {
        Self::new()
    }
}

impl Fold {
    /// Starts with no entry.
    pub fn new() -> Self {
        Self::into(Book::new())
    }
}

impl<B: BorrowMut<Book>> Fold<B> {
    /// Starts with no entry, on a book where it lies.
    pub fn into(mut book: B) -> Self {
        book.borrow_mut().clear();
        Self {
            book,
            known: Known::Nothing,
            pieces: 0,
            refused: None,
        }
    }

    fn book(&self) -> &Book {
        self.book.borrow()
    }

    /// Takes one entry; true if it is of a kind that is kept.
    pub fn take(&mut self, entry: Entry<'_>) -> bool {
        if self.refused.is_some() {
            return false;
        }
        let folded = self.fold(entry);
        if let Err(why) = folded {
            self.refused = Some((entry.seq, why));
        }
        folded.unwrap_or_default()
    }

    fn fold(&mut self, entry: Entry<'_>) -> Result<bool, Option<FoldError>> {
        if self.known == Known::Nothing {
            let first = entry.seq == 1 && matches!(entry.kind, Kind::Record | Kind::Piece);
            self.known = if first { Known::Whole } else { Known::Later };
        }
        if entry.kind == Kind::End {
            self.known = match self.known {
                Known::Pieces => Known::Whole,
                // A snapshot of less than the book.
                Known::Whole if self.book().pieces().count() != self.pieces => {
                    return Err(Some(FoldError::Snapshot));
                }
                other => other,
            };
            return Ok(false);
        }
        let record = Record::decode(entry.payload).ok_or(None)?;
        if matches!(record, Record::Exported { through, .. } if through >= entry.seq) {
            return Err(Some(FoldError::Export));
        }
        match (entry.kind, &record) {
            (Kind::Piece, Record::Snapshot(piece)) => self.piece(piece).map_err(Some)?,
            (Kind::Piece, _) | (_, Record::Snapshot(_)) => return Err(Some(FoldError::Snapshot)),
            (Kind::Record, record) if self.known == Known::Whole => {
                self.book.borrow_mut().apply(record).map_err(Some)?;
            }
            // The end of a snapshot that a power cut took is missing.
            (Kind::Record | Kind::Carried, _) if self.known == Known::Pieces => {
                self.known = Known::Later;
            }
            (Kind::Carried, record) if !record.is_kept() => return Err(Some(FoldError::Snapshot)),
            (Kind::Record | Kind::Carried | Kind::End, _) => {}
        }
        Ok(record.is_kept())
    }

    fn piece(&mut self, piece: &Piece) -> Result<(), FoldError> {
        if matches!(piece, Piece::Pile { .. }) {
            self.pieces = 0;
            if self.known != Known::Whole {
                self.book.borrow_mut().clear();
                self.known = Known::Pieces;
            }
        }
        match self.known {
            Known::Whole => {
                let known = self.book().pieces().nth(self.pieces);
                if known.as_ref() != Some(piece) {
                    return Err(FoldError::Snapshot);
                }
            }
            Known::Pieces => self.book.borrow_mut().restore(piece)?,
            // The first pieces stood on a page that was given back since.
            Known::Nothing | Known::Later => {}
        }
        self.pieces = self.pieces.saturating_add(1);
        Ok(())
    }

    /// The book, whose last record has this number.
    ///
    /// # Errors
    /// [`OpenError`] with the first entry that could not be folded, or the last where the whole does
    /// not balance or its snapshot has no end.
    pub fn finish<E>(self, last: u64) -> Result<B, OpenError<E>> {
        let balance = self.book().balance();
        let whole = matches!(self.known, Known::Nothing | Known::Whole);
        let wrong = if !whole {
            Some(FoldError::Snapshot)
        } else if balance.metered != balance.accounted() {
            Some(FoldError::Sum)
        } else {
            None
        };
        match self.refused.or(wrong.map(|why| (last, Some(why)))) {
            None => Ok(self.book),
            Some((seq, None)) => Err(OpenError::Unreadable { seq }),
            Some((seq, Some(why))) => Err(OpenError::Contradiction { seq, why }),
        }
    }
}
