//! Reads the log from its base, frame by frame, and verifies all of it.

use embedded_storage_async::nor_flash::NorFlash;

use super::frame::{self, Chain, FRAME_MAX, Frame, Mark, OVERHEAD, PAYLOAD_AT};
use super::header::{Found, HEADER_MAX, Header};
use super::layout::Layout;
use super::{Corruption, Damage, Entry, Identity, Kind, MAX_PAYLOAD};

/// A reader's trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault<E> {
    Flash(E),
    Corrupt(Corruption),
}

/// The stretch of flash that was read last.
pub(super) struct Window {
    bytes: [u8; FRAME_MAX],
    start: u32,
    filled: usize,
}

impl Window {
    pub const fn new() -> Self {
        Self {
            bytes: [0; FRAME_MAX],
            start: 0,
            filled: 0,
        }
    }

    /// Bytes of the flash from `address`: at least `want`, unless `limit` comes first. Both
    /// addresses are multiples of the write size, as is the length of the buffer.
    pub async fn at<F: NorFlash>(
        &mut self,
        flash: &mut F,
        address: u32,
        limit: u32,
        want: usize,
    ) -> Result<&mut [u8], F::Error> {
        let left = usize::try_from(limit.saturating_sub(address)).unwrap_or(usize::MAX);
        let want = want.min(left);
        let skip = address
            .checked_sub(self.start)
            .and_then(|skip| usize::try_from(skip).ok());
        let held = skip.filter(|skip| skip.saturating_add(want) <= self.filled);
        let skip = if let Some(skip) = held {
            skip
        } else {
            self.filled = 0;
            let length = left.min(FRAME_MAX);
            if let Some(part) = self.bytes.get_mut(..length) {
                flash.read(address, part).await?;
            }
            self.start = address;
            self.filled = length;
            0
        };
        Ok(self.bytes.get_mut(skip..self.filled).unwrap_or_default())
    }
}

/// Reads the header of a physical page.
pub(super) async fn read_header<F: NorFlash>(
    flash: &mut F,
    layout: &Layout,
    index: u32,
) -> Result<Found, F::Error> {
    let mut bytes = [0xff; HEADER_MAX];
    let length = usize::try_from(layout.header).unwrap_or(HEADER_MAX);
    if let Some(part) = bytes.get_mut(..length) {
        flash.read(index * layout.page, part).await?;
    }
    Ok(Header::parse(&bytes))
}

/// True if the bytes from `from` to `to` (multiples of the write size) are all erased.
pub(super) async fn is_blank<F: NorFlash>(
    flash: &mut F,
    window: &mut Window,
    from: u32,
    to: u32,
) -> Result<bool, F::Error> {
    let mut address = from;
    while address < to {
        let bytes = window.at(flash, address, to, FRAME_MAX).await?;
        if bytes.iter().any(|byte| *byte != 0xff) {
            return Ok(false);
        }
        address = address.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    }
    Ok(true)
}

/// Where in a log a cursor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Among the frames of the base snapshot, of which so many were seen.
    Snapshot(u32),
    /// After the end frame of the base snapshot, at the end of its last page.
    Ended,
    /// Among the records.
    Records,
}

/// A place in the log. All fields are what has verified so far.
pub(super) struct Cursor {
    layout: Layout,
    identity: Identity,
    base: u32,
    last: u32,
    /// The chain at the end of page `last`, where it is known beforehand.
    goal: Option<Chain>,
    next_header: Option<Header>,
    pub counter: u32,
    pub offset: u32,
    pub chain: Chain,
    pub phase: Phase,
    /// Frames in which one bit was mended.
    pub mended: u32,
    /// The last frame was one of them.
    pub last_mended: bool,
}

impl Cursor {
    /// Opens the log whose first page is `base` and whose last page is `last`.
    pub async fn open<F: NorFlash>(
        flash: &mut F,
        layout: Layout,
        identity: Identity,
        base: u32,
        last: u32,
        goal: Option<Chain>,
    ) -> Result<Self, Fault<F::Error>> {
        let bad = |seq| corrupt(&layout, base, seq, Damage::Header);
        let header = header_of(flash, &layout, identity, base, 0).await?;
        let phase = match header.begun {
            Some(begun) if begun == base => Phase::Snapshot(0),
            None if header.base == base => Phase::Records,
            _ => return Err(bad(header.first.seq)),
        };
        let mut cursor = Self {
            layout,
            identity,
            base,
            last,
            goal,
            next_header: None,
            counter: base,
            offset: layout.header,
            chain: header.first,
            phase,
            mended: 0,
            last_mended: false,
        };
        cursor.look_ahead(flash).await?;
        Ok(cursor)
    }

    /// Reads the header of the next page, which says where this one ends.
    async fn look_ahead<F: NorFlash>(&mut self, flash: &mut F) -> Result<(), Fault<F::Error>> {
        self.next_header = if self.counter == self.last {
            None
        } else {
            let next = self.counter.saturating_add(1);
            Some(header_of(flash, &self.layout, self.identity, next, self.chain.seq).await?)
        };
        Ok(())
    }

    /// Moves over one frame; `None` at the end of the log. The frame's payload is then in
    /// the window: [`Step::payload`].
    pub async fn step<F: NorFlash>(
        &mut self,
        flash: &mut F,
        window: &mut Window,
    ) -> Result<Option<Step>, Fault<F::Error>> {
        loop {
            let until = self.next_header.map(|header| header.first).or(self.goal);
            match until {
                Some(until) if until.seq == self.chain.seq => {
                    if until.head != self.chain.head {
                        return Err(self.damage(Damage::Chain));
                    }
                    let Some(header) = self.next_header else {
                        return Ok(None);
                    };
                    self.turn_page(&header)?;
                    self.look_ahead(flash).await?;
                }
                Some(until) if until.seq < self.chain.seq => {
                    return Err(self.damage(Damage::Chain));
                }
                _ => {
                    let found = self.frame(flash, window).await.map_err(Fault::Flash)?;
                    return match (found, until) {
                        (Some((frame, mended)), _) => self.pass(&frame, mended, window).map(Some),
                        (None, Some(_)) => Err(self.damage(Damage::Frame)),
                        (None, None) => Ok(None),
                    };
                }
            }
        }
    }

    /// The verified frame at the cursor, and whether it had to be mended.
    async fn frame<F: NorFlash>(
        &self,
        flash: &mut F,
        window: &mut Window,
    ) -> Result<Option<(Frame, bool)>, F::Error> {
        let start = self.layout.start(self.counter);
        let (address, limit) = (start + self.offset, start + self.layout.page);
        let bytes = window.at(flash, address, limit, 1).await?;
        let want = match bytes.first() {
            Some(length) if usize::from(*length) <= MAX_PAYLOAD => usize::from(*length) + OVERHEAD,
            _ => FRAME_MAX,
        };
        let bytes = window.at(flash, address, limit, want).await?;
        if let Some(frame) = frame::check(bytes, &self.chain) {
            return Ok(Some((frame, false)));
        }
        let bytes = window.at(flash, address, limit, FRAME_MAX).await?;
        if bytes.iter().all(|byte| *byte == 0xff) {
            return Ok(None);
        }
        Ok(frame::repair(bytes, &self.chain).map(|frame| (frame, true)))
    }

    fn pass<E>(&mut self, frame: &Frame, mended: bool, window: &Window) -> Result<Step, Fault<E>> {
        let address = self.layout.start(self.counter) + self.offset;
        let step = Step {
            seq: self.chain.seq,
            mark: frame.mark,
            len: frame.len,
            address,
        };
        self.phase = match (self.phase, frame.mark) {
            (Phase::Snapshot(seen), Mark::Snapshot) => Phase::Snapshot(seen.saturating_add(1)),
            (Phase::Snapshot(seen), Mark::End)
                if step.payload(window) == Some(&seen.to_le_bytes()) =>
            {
                Phase::Ended
            }
            (Phase::Records, Mark::Record) => Phase::Records,
            _ => return Err(self.damage(Damage::Misplaced)),
        };
        self.offset = self.offset.saturating_add(self.layout.frame(frame.len));
        self.chain = frame.next;
        self.mended = self.mended.saturating_add(u32::from(mended));
        self.last_mended = mended;
        Ok(step)
    }

    fn turn_page<E>(&mut self, header: &Header) -> Result<(), Fault<E>> {
        self.counter = self.counter.saturating_add(1);
        self.offset = self.layout.header;
        self.last_mended = false;
        self.phase = match (self.phase, header.begun) {
            (Phase::Snapshot(seen), Some(begun)) if begun == self.base => Phase::Snapshot(seen),
            (Phase::Ended | Phase::Records, None) if header.base == self.base => Phase::Records,
            _ => return Err(self.damage(Damage::Header)),
        };
        Ok(())
    }

    pub fn damage<E>(&self, kind: Damage) -> Fault<E> {
        corrupt(&self.layout, self.counter, self.chain.seq, kind)
    }

    /// Fails if whole frames stand at the cursor or behind it in its page: then what stopped the
    /// cursor was not a torn write at the end of the log.
    pub async fn refuse_more<F: NorFlash>(
        &self,
        flash: &mut F,
        window: &mut Window,
    ) -> Result<(), Fault<F::Error>> {
        let start = self.layout.start(self.counter);
        let mut address = start + self.offset;
        let limit = start + self.layout.page;
        while address < limit {
            let bytes = window
                .at(flash, address, limit, 1)
                .await
                .map_err(Fault::Flash)?;
            let length = bytes
                .first()
                .map_or(usize::MAX, |length| usize::from(*length));
            if length <= MAX_PAYLOAD {
                let want = length + OVERHEAD;
                let bytes = window
                    .at(flash, address, limit, want)
                    .await
                    .map_err(Fault::Flash)?;
                if frame::is_whole(bytes) {
                    return Err(self.damage(Damage::Frame));
                }
            }
            address += self.layout.align;
        }
        Ok(())
    }

    /// Fails if the page after the cursor's, which has no readable header, starts with the record
    /// that comes next: then its header was damaged, and records are in it.
    pub async fn refuse_headless<F: NorFlash>(
        &self,
        flash: &mut F,
        window: &mut Window,
    ) -> Result<(), Fault<F::Error>> {
        let next = self.counter.saturating_add(1);
        let start = self.layout.start(next);
        let (address, limit) = (start + self.layout.header, start + self.layout.page);
        let bytes = window
            .at(flash, address, limit, FRAME_MAX)
            .await
            .map_err(Fault::Flash)?;
        match frame::check(bytes, &self.chain) {
            Some(Frame {
                mark: Mark::Record, ..
            }) => Err(corrupt(&self.layout, next, self.chain.seq, Damage::Header)),
            _ => Ok(()),
        }
    }
}

/// One frame of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub seq: u64,
    pub mark: Mark,
    pub len: usize,
    address: u32,
}

impl Step {
    /// The entry, out of the window that the cursor has just read.
    pub fn entry<'w>(&self, window: &'w Window) -> Option<Entry<'w>> {
        let kind = match self.mark {
            Mark::Record => Kind::Record,
            Mark::Snapshot => Kind::Snapshot,
            Mark::End => return None,
        };
        Some(Entry {
            seq: self.seq,
            kind,
            payload: self.payload(window)?,
        })
    }

    pub fn payload<'w>(&self, window: &'w Window) -> Option<&'w [u8]> {
        let skip = usize::try_from(self.address.checked_sub(window.start)?).ok()? + PAYLOAD_AT;
        window.bytes.get(skip..skip + self.len)
    }
}

pub(super) fn corrupt<E>(layout: &Layout, counter: u32, seq: u64, kind: Damage) -> Fault<E> {
    Fault::Corrupt(Corruption {
        page: layout.index(counter),
        seq,
        kind,
    })
}

/// Reads the header that the page with this counter must have.
async fn header_of<F: NorFlash>(
    flash: &mut F,
    layout: &Layout,
    identity: Identity,
    counter: u32,
    seq: u64,
) -> Result<Header, Fault<F::Error>> {
    match read_header(flash, layout, layout.index(counter))
        .await
        .map_err(Fault::Flash)?
    {
        Found::Valid(header) if header.counter == counter && header.identity == identity => {
            Ok(header)
        }
        _ => Err(corrupt(layout, counter, seq, Damage::Header)),
    }
}
