//! What can still be read of a journal that is refused.

use embedded_storage_async::nor_flash::NorFlash;

use super::cursor::{Cursor, Fault, Window, read_header};
use super::header::Found;
use super::layout::Layout;
use super::{Entry, Journal};

impl<F: NorFlash, const PAGE_UNITS: usize> Journal<F, PAGE_UNITS> {
    /// Reads what verifies page by page, each from its own header, and gives it to `visit` with the
    /// page's counter: physical pages in their order, each up to its first damage. What comes may
    /// be old, incomplete or twice: evidence, never a state.
    ///
    /// # Errors
    ///
    /// The flash's own. A flash that cannot carry a journal gives nothing.
    ///
    /// # Cancellation safety
    ///
    /// Changes nothing; it can be dropped at any time.
    pub async fn salvage(
        flash: &mut F,
        visit: &mut impl FnMut(u32, Entry<'_>),
    ) -> Result<(), F::Error> {
        let Ok(layout) = Layout::of::<F, PAGE_UNITS>(flash) else {
            return Ok(());
        };
        let mut window = Window::new();
        for index in 0..layout.pages {
            let Found::Valid(header) = read_header(flash, &layout, index).await? else {
                continue;
            };
            if !header.is_ours(&layout, index) {
                continue;
            }
            let (page, identity, oldest) = (header.counter, header.identity, header.oldest);
            let opened = Cursor::open(flash, layout, identity, oldest, (page, page), None).await;
            let mut cursor = match opened {
                Ok(cursor) => cursor,
                Err(Fault::Flash(error)) => return Err(error),
                Err(Fault::Corrupt(_)) => continue,
            };
            loop {
                match cursor.step(flash, &mut window).await {
                    Ok(Some(step)) => {
                        if let Some(entry) = step.found(&window) {
                            visit(page, entry);
                        }
                    }
                    Ok(None) | Err(Fault::Corrupt(_)) => break,
                    Err(Fault::Flash(error)) => return Err(error),
                }
            }
        }
        Ok(())
    }
}
