//! What reaches the flash: frames, headers, erases.

use embedded_storage_async::nor_flash::NorFlash;

use super::frame::{self, FRAME_MAX};
use super::header::{HEADER_MAX, Header};
use super::{AppendError, Appended, Journal, Kind, Oldest, State};

impl<F: NorFlash, const PAGE_UNITS: usize> Journal<F, PAGE_UNITS> {
    /// Writes a frame, on a new page where it does not fit.
    pub(super) async fn put(
        &mut self,
        kind: Kind,
        payload: &[u8],
    ) -> Result<Appended, AppendError<F::Error>> {
        self.check(State::Ready)?;
        let max = self.layout.max_payload();
        if payload.is_empty() || payload.len() > max {
            return Err(AppendError::Length { max });
        }
        // Behind a provisional page there must be room for one that makes it count.
        let pages = 1 + u32::from(self.is_provisional(kind));
        if !self.fits(kind, payload.len()) && self.pages_free() < pages {
            return Err(AppendError::Full);
        }
        self.state = State::Unknown;
        let written = self.write(kind, payload).await;
        self.settle(written)
    }

    async fn write(&mut self, kind: Kind, payload: &[u8]) -> Result<Appended, F::Error> {
        let mut done = Appended {
            seq: self.tail.chain.seq,
            bytes: 0,
            operations: 0,
        };
        if !self.fits(kind, payload.len()) {
            let provisional = self.is_provisional(kind);
            done.add(self.open_page(provisional).await?);
        }
        let mut bytes = [0xff; FRAME_MAX];
        let length = self.layout.frame(payload.len());
        let offset = self.tail.offset.unwrap_or(self.layout.header);
        let next = frame::emit(&self.tail.chain, kind, payload, &mut bytes);
        let frame = usize::try_from(length)
            .ok()
            .and_then(|length| bytes.get(..length));
        if let (Some(chain), Some(frame)) = (next, frame) {
            let start = self.layout.start(self.tail.counter);
            self.flash.write(start + offset, frame).await?;
            self.tail.offset = Some(offset + length);
            self.tail.chain = chain;
            done.bytes += length;
            done.operations += 1;
        }
        Ok(done)
    }

    /// Makes the next page the page being written, and gives back what was reclaimed.
    async fn open_page(&mut self, provisional: bool) -> Result<Appended, F::Error> {
        let counter = self.tail.counter.saturating_add(1);
        let recovery = self.tail.offset.is_none();
        let mut operations = 1 + self.erase_stale(counter).await?;
        if self.erased == 0 {
            self.erase(counter).await?;
            operations += 1;
        } else {
            self.erased -= 1;
        }
        // What was copied of a page that is given back is the record itself from now on; what was
        // copied of the page after it stays a copy. A provisional page changes nothing of that: it
        // may be given up, and the log then goes on before it.
        let (oldest, copies_page) = if self.resuming || provisional {
            (self.oldest, self.copies_page)
        } else {
            let page = self.next_base;
            let copies = self.partial.map_or(self.tail.chain.seq, |(seq, _)| seq);
            (Oldest { page, copies }, self.partial.map(|(_, page)| page))
        };
        self.write_header(counter, oldest, (recovery, provisional))
            .await?;
        self.careful &= provisional;
        self.oldest = oldest;
        self.copies_page = copies_page;
        self.tail.counter = counter;
        self.tail.offset = Some(self.layout.header);
        self.tail.provisional = provisional;
        Ok(Appended {
            seq: self.tail.chain.seq,
            bytes: self.layout.header,
            operations,
        })
    }

    pub(super) async fn erase(&mut self, counter: u32) -> Result<(), F::Error> {
        let start = self.layout.start(counter);
        self.flash.erase(start, start + self.layout.page).await
    }

    /// Erases what would be taken for the log's newest page, before the one that comes next is
    /// touched. Returns the operations that it took.
    pub(super) async fn erase_stale(&mut self, next: u32) -> Result<u32, F::Error> {
        let stale = self.stale.filter(|stale| *stale != next);
        if let Some(stale) = stale {
            self.erase(stale).await?;
        }
        self.stale = None;
        Ok(u32::from(stale.is_some()))
    }

    pub(super) async fn write_header(
        &mut self,
        counter: u32,
        oldest: Oldest,
        (recovery, provisional): (bool, bool),
    ) -> Result<(), F::Error> {
        let header = Header {
            recovery,
            provisional,
            counter,
            oldest,
            first: self.tail.chain,
            identity: self.identity,
            page_size: self.layout.page_units(),
            pages: self.layout.page_count(),
            write_size: self.layout.write_size(),
        };
        let mut bytes = [0xff; HEADER_MAX];
        header.emit(&mut bytes);
        let length = usize::try_from(self.layout.header).unwrap_or(HEADER_MAX);
        let bytes = bytes.get(..length).unwrap_or_default();
        self.flash.write(self.layout.start(counter), bytes).await
    }
}
