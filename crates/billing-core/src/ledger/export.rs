//! The log as it stands, for whoever takes it away.

use super::Ledger;
use crate::journal::{Chain, ExportPlace, ExportSlice, Kind, RawFrame, ScanError, SliceError};
use crate::record::Record;
use embedded_storage_async::nor_flash::NorFlash;

impl<F: NorFlash> Ledger<F> {
    /// Reads all frames as they stand, for an export that its reader can verify: as
    /// [`Journal::export`](crate::journal::Journal::export).
    ///
    /// # Errors
    /// [`ScanError`] if the flash no longer holds what was written.
    pub async fn export(
        &mut self,
        mut each: impl FnMut(RawFrame<'_>),
    ) -> Result<Chain, ScanError<F::Error>> {
        self.journal.export(&mut each).await
    }

    /// Reads frames from a place on for as long as `take` answers true, so that an export holds the
    /// flash for a slice at a time: as [`Journal::export_slice`](crate::journal::Journal::export_slice).
    ///
    /// # Errors
    /// [`SliceError`]; `Moved` where the page of the place was given back since.
    ///
    /// # Cancellation safety
    /// Changes nothing; it can be dropped at any time.
    pub async fn export_slice(
        &mut self,
        from: Option<ExportPlace>,
        mut take: impl FnMut(RawFrame<'_>) -> bool,
    ) -> Result<ExportSlice, SliceError<F::Error>> {
        self.journal.export_slice(from, &mut take).await
    }

    /// Reads frames from a number on: as
    /// [`Journal::export_from`](crate::journal::Journal::export_from).
    ///
    /// # Errors
    /// [`SliceError`]; `Moved` where no such frame stands here any more.
    ///
    /// # Cancellation safety
    /// Changes nothing; it can be dropped at any time.
    pub async fn export_from(
        &mut self,
        seq: u64,
        page: u32,
        mut take: impl FnMut(RawFrame<'_>) -> bool,
    ) -> Result<ExportSlice, SliceError<F::Error>> {
        self.journal.export_from(seq, page, &mut take).await
    }

    /// Reads the records of one page, the oldest being 0, verifying it again; false where there is no
    /// such page. Page by page that is [`visit`](Self::visit), as long as
    /// [`oldest_page`](Self::oldest_page) stays the same.
    ///
    /// # Errors
    /// [`ScanError`] if the flash no longer holds what was written.
    ///
    /// # Cancellation safety
    /// Changes nothing; it can be dropped at any time.
    pub async fn visit_page(
        &mut self,
        page: u32,
        mut each: impl FnMut(u64, Record),
    ) -> Result<bool, ScanError<F::Error>> {
        let mut visit = |entry: crate::journal::Entry<'_>| {
            if let (Kind::Record | Kind::Carried, Some(record)) =
                (entry.kind, Record::decode(entry.payload))
            {
                each(entry.seq, record);
            }
        };
        self.journal.scan_page(page, &mut visit).await
    }

    /// The counter of the oldest page: another one once a page was given back.
    pub const fn oldest_page(&self) -> u32 {
        self.journal.oldest_page()
    }
}
