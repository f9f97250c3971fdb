//! Reads the log from its base, frame by frame, and verifies all of it.

use embedded_storage_async::nor_flash::NorFlash;

use super::frame::{self, Chain, FRAME_MAX, Frame, OVERHEAD, PAYLOAD_AT};
use super::header::{Found, HEADER_MAX, Header};
use super::layout::Layout;
use super::{Corruption, Damage, Entry, Identity, Kind, MAX_PAYLOAD, Oldest, RawFrame};

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

/// How many bits from `from` to `to` (multiples of the write size) are not erased.
pub(super) async fn zeros<F: NorFlash>(
    flash: &mut F,
    window: &mut Window,
    from: u32,
    to: u32,
) -> Result<u32, F::Error> {
    let mut address = from;
    let mut zeros = 0_u32;
    while address < to {
        let bytes = window.at(flash, address, to, FRAME_MAX).await?;
        let here = bytes.iter().map(|byte| byte.count_zeros());
        zeros = here.fold(zeros, u32::saturating_add);
        address = address.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    }
    Ok(zeros)
}

/// True if the bytes from `from` to `to` (multiples of the write size) are all erased.
pub(super) async fn is_blank<F: NorFlash>(
    flash: &mut F,
    window: &mut Window,
    from: u32,
    to: u32,
) -> Result<bool, F::Error> {
    Ok(zeros(flash, window, from, to).await? == 0)
}

/// Pieces one behind another; the first may be of a snapshot that a power cut took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pieces {
    page: u32,
    number: u32,
    /// True if there may have been others before what the cursor sees.
    more: bool,
}

/// A place in the log. All fields are what has verified so far.
pub(super) struct Cursor {
    pub layout: Layout,
    pub identity: Identity,
    /// Where the log begins, by its newest header.
    pub oldest: Oldest,
    last: u32,
    /// The chain at the end of page `last`, where it is known beforehand.
    goal: Option<Chain>,
    next_header: Option<Header>,
    /// The oldest page of the log when this page was opened.
    page_base: u32,
    pub counter: u32,
    pub offset: u32,
    pub chain: Chain,
    /// Pieces of a snapshot whose end was not seen.
    pieces: Option<Pieces>,
    /// The page in which the newest whole snapshot starts.
    pub snapshot: Option<u32>,
    /// The page of the first copy of a record that still stands where it was, and the number of
    /// the last record so copied.
    pub copies: Option<(u32, u64)>,
    /// Frames in which one bit was mended.
    pub mended: u32,
}

impl Cursor {
    /// Opens one page of the log, which is not its last.
    pub async fn page<F: NorFlash>(
        flash: &mut F,
        layout: Layout,
        identity: Identity,
        oldest: Oldest,
        page: u32,
    ) -> Result<Self, Fault<F::Error>> {
        let next = page.saturating_add(1);
        let goal = header_of(flash, &layout, identity, next, 0).await?.first;
        Self::open(flash, layout, identity, oldest, (page, page), Some(goal)).await
    }

    /// Opens the pages from `first` to `last` of the log.
    pub async fn open<F: NorFlash>(
        flash: &mut F,
        layout: Layout,
        identity: Identity,
        oldest: Oldest,
        (first, last): (u32, u32),
        goal: Option<Chain>,
    ) -> Result<Self, Fault<F::Error>> {
        let header = header_of(flash, &layout, identity, first, 0).await?;
        if header.oldest.page > oldest.page {
            return Err(corrupt(&layout, first, header.first.seq, Damage::Header));
        }
        let mut cursor = Self {
            layout,
            identity,
            oldest,
            last,
            goal,
            next_header: None,
            page_base: header.oldest.page,
            counter: first,
            offset: layout.header,
            chain: header.first,
            pieces: Some(Pieces {
                page: first,
                number: 0,
                more: true,
            }),
            snapshot: None,
            copies: None,
            mended: 0,
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
        let step = Step {
            seq: self.chain.seq,
            kind: frame.kind,
            len: frame.len,
            address: self.layout.start(self.counter) + self.offset,
            is_copy: frame.kind == Kind::Carried && self.chain.seq >= self.oldest.copies,
        };
        let raw = step.raw(window);
        match frame.kind {
            Kind::Piece => {
                let pieces = self.pieces.get_or_insert(Pieces {
                    page: self.counter,
                    number: 0,
                    more: false,
                });
                pieces.number = pieces.number.saturating_add(1);
            }
            Kind::End => {
                // A snapshot may have no pieces.
                let pieces = self.pieces.take().unwrap_or(Pieces {
                    page: self.counter,
                    number: 0,
                    more: false,
                });
                let count = raw.and_then(|raw| raw.payload.first_chunk().copied());
                let count = count.map(u32::from_le_bytes);
                if count.is_some_and(|count| count <= pieces.number) {
                    self.snapshot = Some(pieces.page);
                } else if count.is_none() || !pieces.more {
                    return Err(self.damage(Damage::Misplaced));
                }
            }
            Kind::Record => self.pieces = None,
            Kind::Carried => {
                self.pieces = None;
                let entry = raw.and_then(RawFrame::entry);
                let entry = entry.ok_or_else(|| self.damage(Damage::Misplaced))?;
                if step.is_copy {
                    let first = self.copies.map_or(self.counter, |(first, _)| first);
                    self.copies = Some((first, entry.seq));
                }
            }
        }
        self.offset = self.offset.saturating_add(self.layout.frame(frame.len));
        self.chain = frame.next;
        self.mended = self.mended.saturating_add(u32::from(mended));
        Ok(step)
    }

    fn turn_page<E>(&mut self, header: &Header) -> Result<(), Fault<E>> {
        if header.oldest.page < self.page_base || header.oldest.page > self.oldest.page {
            return Err(self.damage(Damage::Header));
        }
        self.counter = self.counter.saturating_add(1);
        self.offset = self.layout.header;
        self.page_base = header.oldest.page;
        Ok(())
    }

    pub fn damage<E>(&self, kind: Damage) -> Fault<E> {
        corrupt(&self.layout, self.counter, self.chain.seq, kind)
    }
}

/// One frame of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    seq: u64,
    kind: Kind,
    len: usize,
    address: u32,
    /// A copy of a record that still stands where it was.
    is_copy: bool,
}

impl Step {
    /// The frame, out of the window that the cursor has just read.
    pub fn raw<'w>(&self, window: &'w Window) -> Option<RawFrame<'w>> {
        let skip = usize::try_from(self.address.checked_sub(window.start)?).ok()? + PAYLOAD_AT;
        Some(RawFrame {
            seq: self.seq,
            kind: self.kind,
            payload: window.bytes.get(skip..skip + self.len)?,
        })
    }

    /// The entry in it.
    pub fn found<'w>(&self, window: &'w Window) -> Option<Entry<'w>> {
        self.raw(window)?.entry()
    }

    /// The entry in it, unless the log has it already.
    pub fn entry<'w>(&self, window: &'w Window) -> Option<Entry<'w>> {
        self.found(window).filter(|_| !self.is_copy)
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
pub(super) async fn header_of<F: NorFlash>(
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
