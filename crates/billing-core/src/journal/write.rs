//! What reaches the flash: frames, headers, erases.

use embedded_storage_async::nor_flash::NorFlash;

use super::frame::{self, FRAME_MAX, Mark};
use super::header::{HEADER_MAX, Header};
use super::{Appended, Journal, Tail};

impl<F: NorFlash, const PAGE_UNITS: usize> Journal<F, PAGE_UNITS> {
    /// Writes a frame, on a new page where it does not fit.
    pub(super) async fn write(
        &mut self,
        mark: Mark,
        payload: &[u8],
        base: u32,
        begun: Option<u32>,
    ) -> Result<Appended, F::Error> {
        let mut done = Appended {
            seq: self.tail.chain.seq,
            bytes: 0,
            operations: 0,
        };
        if !self.fits(payload.len()) {
            let opened = self.open_page(base, begun).await?;
            done.bytes += opened.bytes;
            done.operations += opened.operations;
        }
        let mut bytes = [0xff; FRAME_MAX];
        let length = self.layout.frame(payload.len());
        let offset = self.tail.offset.unwrap_or(self.layout.header);
        let next = frame::emit(&self.tail.chain, mark, payload, &mut bytes);
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

    /// Makes the next page the page being written.
    pub(super) async fn open_page(
        &mut self,
        base: u32,
        begun: Option<u32>,
    ) -> Result<Appended, F::Error> {
        let counter = self.tail.counter.saturating_add(1);
        let recovery = self.tail.offset.is_none();
        let mut operations = 1;
        if self.clean == 0 {
            self.erase(counter).await?;
            operations += 1;
        } else {
            self.clean -= 1;
        }
        self.write_header(counter, base, begun, recovery).await?;
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
        base: u32,
        begun: Option<u32>,
        recovery: bool,
    ) -> Result<(), F::Error> {
        let header = Header {
            recovery,
            counter,
            base,
            begun,
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

    /// Erases the pages after `tail`, the newest first, and makes it the end of the log again.
    pub(super) async fn roll_back(&mut self, tail: Tail) -> Result<u32, F::Error> {
        let mut erased = 0;
        while self.tail.counter > tail.counter {
            self.erase(self.tail.counter).await?;
            self.tail.counter -= 1;
            erased += 1;
        }
        self.tail = tail;
        self.clean = erased;
        Ok(erased)
    }
}
