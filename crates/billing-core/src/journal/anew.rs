//! A new journal on a flash whose old one is refused.

use embedded_storage_async::nor_flash::NorFlash;

use super::cursor::{Cursor, Window, is_blank, read_header};
use super::header::{Found, Header};
use super::layout::Layout;
use super::mount::newest_below;
use super::{AppendError, FormatError, Identity, Journal};

/// Page counters beyond this were never written by a pile: no flash lives so long.
const FORGED: u32 = u32::MAX / 2;

impl Header {
    /// True if the header is where and as a page of this flash may have it.
    pub(super) fn is_ours(&self, layout: &Layout, index: u32) -> bool {
        self.fits(layout) && layout.index(self.counter) == index && self.counter <= FORGED
    }
}

impl<F: NorFlash, const PAGE_UNITS: usize> Journal<F, PAGE_UNITS> {
    /// Begins a journal on a flash whose old one is refused, with its first record, and leaves one
    /// page of the old one as it is: the `evidence`, by its page counter, as
    /// [`salvage`](Self::salvage) names it. The other old pages are erased as the new journal comes
    /// to need them.
    ///
    /// # Errors
    ///
    /// [`FormatError`]; [`FormatError::Record`] for a record that does not fit, before anything
    /// is touched.
    ///
    /// # Power loss
    ///
    /// Until the record is durable the flash is refused as before, the evidence stands, and the
    /// journal can be begun again. From then on the new journal is what a mount finds.
    pub async fn begin_anew(
        mut flash: F,
        identity: Identity,
        evidence: u32,
        record: &[u8],
    ) -> Result<Self, FormatError<F::Error>> {
        let layout = Layout::of::<F, PAGE_UNITS>(&flash).map_err(FormatError::Geometry)?;
        if record.is_empty() || record.len() > layout.max_payload() {
            return Err(FormatError::Record);
        }
        // A mount refuses every flash with a header that is not in its place.
        let mut highest = evidence;
        for index in 0..layout.pages {
            let found = read_header(&mut flash, &layout, index).await;
            match found.map_err(FormatError::Flash)? {
                Found::Valid(header) if header.is_ours(&layout, index) => {
                    highest = highest.max(header.counter);
                }
                Found::Valid(_) => {
                    let start = index * layout.page;
                    let erased = flash.erase(start, start + layout.page).await;
                    erased.map_err(FormatError::Flash)?;
                }
                Found::Version(_) | Found::Nothing => {}
            }
        }
        let newest = held(&mut flash, &layout).await;
        let newest = newest.map_err(FormatError::Flash)?.unwrap_or(evidence);
        // Neither the page that names the landlord, nor what keeps the old journal refused, which may
        // be the page behind its newest, or the one behind the provisional pages there.
        let mut behind = newest.wrapping_add(1);
        while behind.wrapping_sub(newest) < layout.pages {
            let found = read_header(&mut flash, &layout, layout.index(behind)).await;
            let found = found.map_err(FormatError::Flash)?;
            if !matches!(found, Found::Valid(header) if header.provisional && header.counter == behind)
            {
                break;
            }
            behind = behind.wrapping_add(1);
        }
        let kept = behind.wrapping_sub(newest);
        // From there round to the page before the newest: free pages first, then the old log's.
        let place = (1..layout.pages.saturating_sub(kept))
            .map(|step| layout.index(layout.index(behind) + step))
            .find(|index| *index != layout.index(evidence))
            .unwrap_or(layout.index(behind));
        let next = highest.saturating_add(1);
        let ahead = (layout.pages + place - layout.index(next)) % layout.pages;
        let mut journal = Self::fresh(flash, layout, identity, next.saturating_add(ahead));
        let first = journal.tail.counter;
        journal.erase(first).await.map_err(FormatError::Flash)?;
        let header = journal.write_header(first, journal.oldest, (false, false));
        header.await.map_err(FormatError::Flash)?;
        match journal.append(record).await {
            Ok(_) => Ok(journal),
            Err(AppendError::Flash(error)) => Err(FormatError::Flash(error)),
            Err(_) => Err(FormatError::Record),
        }
    }
}

/// The counter of the page that a mount takes for the newest of the old journal: one that was opened
/// and never held a frame is none.
async fn held<F: NorFlash>(flash: &mut F, layout: &Layout) -> Result<Option<u32>, F::Error> {
    let mut window = Window::new();
    let mut below = None;
    while let Some(header) = newest_below(flash, layout, below).await? {
        let counter = header.counter;
        let only = (counter, counter);
        let (identity, oldest) = (header.identity, header.oldest);
        let opened = Cursor::open(flash, *layout, identity, oldest, only, None).await;
        let Ok(mut cursor) = opened else {
            return Ok(Some(counter));
        };
        let start = layout.start(counter);
        let rest = (start + layout.header, start + layout.page);
        let empty = matches!(cursor.step(flash, &mut window).await, Ok(None))
            && (is_blank(flash, &mut window, rest.0, rest.1).await?
                || cursor.refuse_more(flash, &mut window).await.is_ok());
        if !empty {
            return Ok(Some(counter));
        }
        below = Some(counter);
    }
    Ok(None)
}
