//! The ledger as the shell's task uses it, without the waiting.

use billing_core::book::Book;
use billing_core::journal::{Identity, MountError};
use billing_core::ledger::{Ledger, OpenError};
use billing_core::record::Record;
use ble_protocol::message::Response;
use embassy_futures::block_on;
use pile_controller::Durable;
use pile_controller::serve::Inquiry;

use super::Trouble;
use crate::flash::VirtualNor;

type Flash<const W: usize, const E: usize> = VirtualNor<W, E>;

/// A ledger on a virtual flash.
pub(crate) struct Store<const W: usize, const E: usize> {
    ledger: Ledger<Flash<W, E>>,
}

impl<const W: usize, const E: usize> Store<W, E> {
    pub fn format(flash: &Flash<W, E>, identity: Identity) -> Result<(Self, Book), Trouble> {
        let made = block_on(Ledger::format(flash.clone(), identity));
        let (ledger, book) = made.map_err(|error| Trouble::of("format", &error))?;
        Ok((Self { ledger }, book))
    }

    pub fn mount(flash: &Flash<W, E>) -> Result<(Self, Book), Trouble> {
        let mounted = block_on(Ledger::mount(flash.clone()));
        let (ledger, book) = mounted.map_err(|error| match error {
            OpenError::Mount(MountError::Blank) => Trouble::Blank,
            error => Trouble::of("mount", &error),
        })?;
        Ok((Self { ledger }, book))
    }

    /// Writes a record; it is durable when this returns. Gives its number.
    pub fn append(&mut self, book: &Book, record: &Record) -> Result<u64, Trouble> {
        let appended = block_on(self.ledger.append(book, record));
        Ok(appended.map_err(|error| Trouble::of("append", &error))?.seq)
    }

    pub fn wants_work(&self, book: &Book) -> bool {
        self.ledger.wants_work(book)
    }

    /// A slice of the ledger's own work.
    pub fn work(&mut self, book: &Book) -> Result<(), Trouble> {
        block_on(self.ledger.work(book)).map_err(|error| Trouble::of("work", &error))
    }

    /// The number of the last record.
    pub const fn last_record(&self) -> u64 {
        self.ledger.last_record()
    }

    /// What the machine is told when it starts.
    pub fn durable(&self, book: &Book) -> Durable {
        Durable {
            seq: self.ledger.last_record(),
            headroom: self.ledger.headroom(book),
        }
    }

    /// The answer to what a phone asked; `None` if it took more slices than there can be.
    pub fn look_up(&mut self, book: &Book, mut inquiry: Inquiry) -> Option<Response> {
        (0..10_000).find_map(|_| block_on(inquiry.slice(&mut self.ledger, book, None)))
    }

    /// Every record that stands, with its number, sorted by it.
    pub fn records(&mut self) -> Result<Vec<(u64, Record)>, Trouble> {
        let mut records = Vec::new();
        let read = self.ledger.visit(|seq, record| records.push((seq, record)));
        block_on(read).map_err(|error| Trouble::Other(format!("visit: {error:?}")))?;
        records.sort_by_key(|(seq, _)| *seq);
        Ok(records)
    }
}
