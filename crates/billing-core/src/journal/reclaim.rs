//! Giving the oldest pages back: the state is stated anew, and what must be kept moves to the end.

use embedded_storage_async::nor_flash::NorFlash;

use super::cursor::{Cursor, Fault, Window};
use super::{AppendError, Appended, Entry, Journal, Kind, MAX_PAYLOAD, ReclaimError, State, Tail};

impl<F: NorFlash, const PAGE_UNITS: usize> Journal<F, PAGE_UNITS> {
    /// Writes a snapshot: the caller's whole state in pieces. `piece` puts the next one into the
    /// buffer and says its length, and `None` after the last. Nothing else is written meanwhile.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; after [`Full`](AppendError::Full) and [`Length`](AppendError::Length) the
    /// pieces written so far are not part of the log, and the journal goes on before them.
    ///
    /// # Cancellation safety
    ///
    /// As for [`Journal::append`].
    ///
    /// # Power loss
    ///
    /// The snapshot counts once its last frame is whole; what stands of it before is written over.
    pub async fn snapshot(
        &mut self,
        piece: &mut impl FnMut(&mut [u8; MAX_PAYLOAD]) -> Option<usize>,
    ) -> Result<Appended, AppendError<F::Error>> {
        let tail = self.tail;
        let written = self.pieces(piece).await;
        if written.is_err() && self.state == State::Ready && self.tail != tail {
            // What was written on of a provisional page is given up, what was opened is erased again.
            let offset = tail.offset.filter(|_| !tail.provisional);
            self.tail = Tail { offset, ..tail };
            self.erased = 0;
        }
        written
    }

    async fn pieces(
        &mut self,
        piece: &mut impl FnMut(&mut [u8; MAX_PAYLOAD]) -> Option<usize>,
    ) -> Result<Appended, AppendError<F::Error>> {
        let mut buffer = [0; MAX_PAYLOAD];
        let mut pieces = 0_u32;
        let mut start = None;
        let mut done = Appended::default();
        while let Some(length) = piece(&mut buffer) {
            let payload = buffer.get(..length).unwrap_or_default();
            done.add(self.put(Kind::Piece, payload).await?);
            // The page in which the first piece came to lie.
            start.get_or_insert(self.tail.counter);
            pieces = pieces.saturating_add(1);
        }
        done.add(self.put(Kind::End, &pieces.to_le_bytes()).await?);
        self.pieces = start.or(Some(self.tail.counter));
        Ok(done)
    }

    /// Copies what `keep` wants of the oldest page to the end of the log; the next page that is
    /// opened then frees it. `keep` is asked about records, also about those carried before, never
    /// about pieces. Returns what was copied.
    ///
    /// Where it stopped for lack of room, or of power, the next call goes on behind the last copy.
    ///
    /// # Errors
    ///
    /// [`ReclaimError`]. A page is given back only if a whole snapshot stands behind it, and
    /// [`Nothing`](ReclaimError::Nothing) is left once the copies themselves would be copied:
    /// then the next page must be opened first. A record within 10 bytes of the longest payload may
    /// not fit with its number before it: [`AppendError::Length`], and its page stays.
    ///
    /// # Cancellation safety
    ///
    /// As for [`Journal::append`].
    ///
    /// # Power loss
    ///
    /// The oldest page is part of the log until the header of a new page says otherwise; a copy of
    /// what still stands there is not given to any visitor.
    pub async fn reclaim(
        &mut self,
        keep: &mut impl FnMut(Entry<'_>) -> bool,
    ) -> Result<Appended, ReclaimError<F::Error>> {
        self.check(State::Ready).map_err(ReclaimError::Append)?;
        let page = self.next_base;
        if !self.can_reclaim() {
            return Err(ReclaimError::Nothing);
        }
        if self.pieces.is_none_or(|start| start <= page) {
            return Err(ReclaimError::NeedsSnapshot);
        }
        let fault = |fault| match fault {
            Fault::Flash(error) => ReclaimError::Append(AppendError::Flash(error)),
            Fault::Corrupt(what) => ReclaimError::Corrupt(what),
        };
        let mut done = Appended::default();
        let mut skip_to = self.copied;
        let mut window = Window::new();
        let mut cursor = Cursor::page(
            &mut self.flash,
            self.layout,
            self.identity,
            self.oldest,
            page,
        )
        .await
        .map_err(fault)?;
        while let Some(step) = cursor
            .step(&mut self.flash, &mut window)
            .await
            .map_err(fault)?
        {
            let Some(entry) = step.entry(&window) else {
                continue;
            };
            if !matches!(entry.kind, Kind::Record | Kind::Carried) {
                continue;
            }
            if let Some(copied) = skip_to {
                skip_to = skip_to.filter(|_| entry.seq != copied);
                continue;
            }
            if keep(entry) {
                let mut buffer = [0; MAX_PAYLOAD];
                let max = self.layout.max_payload();
                let payload = carried(entry, &mut buffer)
                    .ok_or(ReclaimError::Append(AppendError::Length { max }))?;
                let appended = self.put(Kind::Carried, payload).await;
                let appended = appended.map_err(ReclaimError::Append)?;
                self.copies_page.get_or_insert(self.tail.counter);
                self.partial
                    .get_or_insert((appended.seq, self.tail.counter));
                self.copied = Some(entry.seq);
                done.add(appended);
            }
        }
        if skip_to.is_none() {
            self.copied = None;
            self.partial = None;
            self.resuming = false;
        }
        self.next_base = page.saturating_add(1);
        Ok(done)
    }

    /// Erases the next free page before it is needed, so that opening it takes no erase. False if
    /// there is none that was not erased.
    ///
    /// # Errors
    ///
    /// [`AppendError::Flash`], and [`AppendError::Poisoned`] after an earlier failure.
    ///
    /// # Power loss
    ///
    /// The page belongs to nobody; after a boot it is erased again before use.
    pub async fn erase_ahead(&mut self) -> Result<bool, AppendError<F::Error>> {
        self.check(State::Ready)?;
        if self.erased >= self.pages_free() {
            return Ok(false);
        }
        let page = self
            .tail
            .counter
            .saturating_add(self.erased)
            .saturating_add(1);
        self.state = State::Unknown;
        let next = self.tail.counter.saturating_add(1);
        let stale = self.erase_stale(next).await;
        self.settle(stale)?;
        self.state = State::Unknown;
        let erased = self.erase(page).await;
        self.settle(erased)?;
        self.erased += 1;
        Ok(true)
    }
}

/// The payload of a carried frame: the record's own number, seven bits a byte, the lowest first,
/// the top bit set on all but the last; then the record.
fn carried<'b>(entry: Entry<'_>, buffer: &'b mut [u8; MAX_PAYLOAD]) -> Option<&'b [u8]> {
    let mut number = entry.seq;
    let mut length = 0;
    loop {
        let low = u8::try_from(number & 0x7f).ok()?;
        number >>= 7;
        *buffer.get_mut(length)? = if number == 0 { low } else { low | 0x80 };
        length += 1;
        if number == 0 {
            break;
        }
    }
    let end = length.checked_add(entry.payload.len())?;
    buffer.get_mut(length..end)?.copy_from_slice(entry.payload);
    buffer.get(..end)
}

/// The record's own number and its payload, out of a carried frame.
pub(super) fn original(payload: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    let mut rest = payload;
    // 64 bits are ten times seven.
    for shift in (0..70).step_by(7) {
        let (byte, after) = rest.split_first()?;
        rest = after;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return (!rest.is_empty()).then_some((number, rest));
        }
    }
    None
}
