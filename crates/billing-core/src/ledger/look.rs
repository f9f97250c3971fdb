//! How the ledger sees the book.

use crate::book::Book;

/// Whoever has the [`Book`] at hand: it is looked at, never held, while the flash is busy.
///
/// ```
/// use billing_core::book::Book;
/// use billing_core::ledger::Look;
/// use core::cell::RefCell;
/// /// A book that others change between two looks.
/// struct Shared(RefCell<Book>);
/// impl Look for Shared {
///     fn look<T>(&self, at: impl FnOnce(&Book) -> T) -> T {
///         at(&self.0.borrow())
///     }
/// }
/// assert_eq!(Shared(RefCell::new(Book::new())).look(|book| book.accounts().len()), 0);
/// ```
pub trait Look {
    /// Looks at the book as it is now: the fold of all records that are durable.
    fn look<T>(&self, at: impl FnOnce(&Book) -> T) -> T;
}

impl Look for Book {
    fn look<T>(&self, at: impl FnOnce(&Book) -> T) -> T {
        at(self)
    }
}
