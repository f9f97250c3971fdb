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
        if !self.fits(payload.len()) && self.pages_free() == 0 {
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
        if !self.fits(payload.len()) {
            done.add(self.open_page().await?);
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
    async fn open_page(&mut self) -> Result<Appended, F::Error> {
        let counter = self.tail.counter.saturating_add(1);
        let recovery = self.tail.offset.is_none();
        let mut operations = 1;
        if self.erased == 0 {
            self.erase(counter).await?;
            operations += 1;
        } else {
            self.erased -= 1;
        }
        // What was copied of a page that is given back is the record itself from now on; what was
        // copied of the page after it stays a copy.
        let (oldest, copies_page) = if self.resuming {
            (self.oldest, self.copies_page)
        } else {
            let (copies, page) = match self.partial {
                Some((seq, page)) => (seq, Some(page)),
                None => (self.tail.chain.seq, None),
            };
            let oldest = Oldest {
                page: self.next_base,
                copies,
            };
            (oldest, page)
        };
        self.write_header(counter, oldest, recovery).await?;
        self.oldest = oldest;
        self.copies_page = copies_page;
        self.tail.counter = counter;
        self.tail.offset = Some(self.layout.header);
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

    pub(super) async fn write_header(
        &mut self,
        counter: u32,
        oldest: Oldest,
        recovery: bool,
    ) -> Result<(), F::Error> {
        let header = Header {
            recovery,
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
