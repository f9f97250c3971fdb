//! What may stand behind the end of the log: what a power cut leaves, and nothing else.

use embedded_storage_async::nor_flash::NorFlash;

use super::cursor::{Cursor, Fault, Window, corrupt, is_blank, read_header, zeros};
use super::error::Damage;
use super::frame::{self, FRAME_MAX};
use super::header::{self, Found, HEADER};
use super::{Chain, Kind, MAX_PAYLOAD};

/// Of the 320 bits of a sequence number and a head, so many are wrong at most in a header that was
/// damaged. Those of another page differ in about 128.
const NAMED_WITHIN: u32 = 64;

impl Cursor {
    /// Fails unless what stopped the cursor looks like a torn write at the end of the log: no longer
    /// than the frame that it began, and without whole frames in it. Two of them in a row are
    /// proof, or one with nothing behind it; what a torn write leaves could be taken for one alone
    /// once in a while.
    pub async fn refuse_more<F: NorFlash>(
        &self,
        flash: &mut F,
        window: &mut Window,
    ) -> Result<(), Fault<F::Error>> {
        let start = self.layout.start(self.counter);
        let limit = start + self.layout.page;
        // One wrong bit in what is erased hides no frame, wherever it is.
        let zeros = zeros(flash, window, start + self.offset, limit).await;
        if zeros.map_err(Fault::Flash)? == 1 {
            return Ok(());
        }
        let bytes = window
            .at(flash, start + self.offset, limit, FRAME_MAX)
            .await;
        let bytes = bytes.map_err(Fault::Flash)?;
        // A write that was cut leaves ones, so the length it read is the longest it can have been.
        let length = bytes
            .first()
            .map_or(MAX_PAYLOAD, |length| usize::from(*length));
        let end = start + self.offset + self.layout.frame(length.min(MAX_PAYLOAD));
        let blank = is_blank(flash, window, end.min(limit), limit).await;
        if !blank.map_err(Fault::Flash)? {
            return Err(self.damage(Damage::Frame));
        }
        let mut address = start + self.offset;
        while address < limit {
            let mut at = address;
            let mut frames = 0;
            let last = loop {
                let bytes = window.at(flash, at, limit, FRAME_MAX).await;
                let bytes = bytes.map_err(Fault::Flash)?;
                match frame::whole(bytes) {
                    Some((_, length)) if frames < 2 => {
                        frames += 1;
                        at += self.layout.frame(length);
                    }
                    _ => break bytes.iter().all(|byte| *byte == 0xff),
                }
            };
            if frames > 1 || (frames == 1 && last) {
                return Err(self.damage(Damage::Frame));
            }
            address += self.layout.align;
        }
        Ok(())
    }

    /// Fails if the page after the cursor's, which has no readable header, was in the log: it starts
    /// with the frame that comes next, or what is left of its header still names this end of the
    /// log and something stands behind it. What a power cut may have left is no such page: a
    /// provisional one, or one that lost bits of its header in an erase and never held a record.
    pub async fn refuse_headless<F: NorFlash>(
        &self,
        flash: &mut F,
        window: &mut Window,
    ) -> Result<(), Fault<F::Error>> {
        let (next, chain) = self.behind_provisional(flash, window).await?;
        let start = self.layout.start(next);
        let (address, limit) = (start + self.layout.header, start + self.layout.page);
        let bytes = window
            .at(flash, address, limit, FRAME_MAX)
            .await
            .map_err(Fault::Flash)?;
        let continues = frame::check(bytes, &chain).is_some();
        let bytes = window
            .at(flash, start, address, HEADER)
            .await
            .map_err(Fault::Flash)?;
        let named = header::wrong_bits(bytes, &chain).filter(|it| it.bits < NAMED_WITHIN);
        let refused = match named {
            None if !continues => false,
            Some(wrong) if !wrong.only_erased => !is_blank(flash, window, address, limit)
                .await
                .map_err(Fault::Flash)?,
            _ => self.has_record(flash, window, next).await?,
        };
        if refused {
            return Err(corrupt(&self.layout, next, chain.seq, Damage::Header));
        }
        Ok(())
    }

    /// The page behind the provisional ones that continue the log here, and the chain before it: what
    /// stands on them counts if that page does.
    async fn behind_provisional<F: NorFlash>(
        &self,
        flash: &mut F,
        window: &mut Window,
    ) -> Result<(u32, Chain), Fault<F::Error>> {
        let (mut next, mut chain) = (self.counter.saturating_add(1), self.chain);
        while next.saturating_sub(self.oldest.page) < self.layout.pages {
            let found = read_header(flash, &self.layout, self.layout.index(next)).await;
            let Found::Valid(header) = found.map_err(Fault::Flash)? else {
                break;
            };
            let follows =
                header.counter == next && header.identity == self.identity && header.first == chain;
            if !header.provisional || !follows {
                break;
            }
            let (only, oldest) = ((next, next), header.oldest);
            let opened = Self::open(flash, self.layout, self.identity, oldest, only, None).await;
            let mut cursor = opened?;
            while let Ok(Some(_)) = cursor.step(flash, window).await {}
            chain = cursor.chain;
            next = next.saturating_add(1);
        }
        Ok((next, chain))
    }

    /// True if a whole frame of a kind that counts by itself stands on the page.
    async fn has_record<F: NorFlash>(
        &self,
        flash: &mut F,
        window: &mut Window,
        page: u32,
    ) -> Result<bool, Fault<F::Error>> {
        let start = self.layout.start(page);
        let (mut address, limit) = (start + self.layout.header, start + self.layout.page);
        while address < limit {
            let bytes = window.at(flash, address, limit, FRAME_MAX).await;
            let bytes = bytes.map_err(Fault::Flash)?;
            match frame::whole(bytes) {
                Some((Kind::Record | Kind::End, _)) => return Ok(true),
                Some((_, length)) => address += self.layout.frame(length),
                None => address += self.layout.align,
            }
        }
        Ok(false)
    }
}
