//! The log as it stands, for whoever takes it away.

use super::Ledger;
use crate::journal::{Chain, ExportPlace, ExportSlice, RawFrame, ScanError, SliceError};
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
}
