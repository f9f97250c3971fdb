//! The page header.

use super::frame::Chain;
use super::repair::HEADERS;
use super::{Head, Identity, Layout, Oldest, VERSION};

/// Bytes of a header before padding.
pub(super) const HEADER: usize = 84;
/// The longest header after padding to any allowed write size.
pub(super) const HEADER_MAX: usize = 128;
const MAGIC: [u8; 4] = *b"OPLJ";
const RECOVERY: u8 = 1;
const PROVISIONAL: u8 = 2;

/// What a page says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The page before ends with bytes that are not part of the log.
    pub recovery: bool,
    /// The page counts only once a page that is not provisional follows.
    pub provisional: bool,
    /// Pages opened before this one since the journal was formatted.
    pub counter: u32,
    /// Where the log begins from this page on.
    pub oldest: Oldest,
    /// The chain before the first frame of this page.
    pub first: Chain,
    pub identity: Identity,
    /// In units of 64 bytes.
    pub page_size: u16,
    pub pages: u16,
    pub write_size: u8,
}

/// What stands where a header should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Valid(Header),
    /// The header of a journal in another format.
    Version(u8),
    Nothing,
}

impl Header {
    pub fn emit(&self, out: &mut [u8; HEADER_MAX]) {
        let mut fields = [0xff; HEADER];
        let mut at = fields.iter_mut();
        let mut put = |bytes: &[u8]| {
            for (byte, slot) in bytes.iter().zip(at.by_ref()) {
                *slot = *byte;
            }
        };
        put(&MAGIC);
        put(&[
            VERSION,
            if self.recovery { RECOVERY } else { 0 }
                | if self.provisional { PROVISIONAL } else { 0 },
            self.write_size,
            0,
        ]);
        put(&self.page_size.to_le_bytes());
        put(&self.pages.to_le_bytes());
        put(&self.counter.to_le_bytes());
        put(&self.oldest.page.to_le_bytes());
        let back = self.first.seq.saturating_sub(self.oldest.copies);
        put(&u32::try_from(back).unwrap_or(u32::MAX).to_le_bytes());
        put(&self.first.seq.to_le_bytes());
        put(&self.identity.0);
        put(&self.first.head.0);
        out.fill(0xff);
        let sum = fields
            .split_last_chunk::<4>()
            .map_or(0, |(covered, _)| HEADERS.sum(covered));
        let all = fields
            .iter()
            .take(HEADER - 4)
            .copied()
            .chain(sum.to_le_bytes());
        for (slot, byte) in out.iter_mut().zip(all) {
            *slot = byte;
        }
    }

    /// Reads a header, mending one wrong bit.
    pub fn parse(bytes: &[u8]) -> Found {
        let Some(fields) = bytes.first_chunk::<HEADER>() else {
            return Found::Nothing;
        };
        let Some((covered, sum)) = fields.split_last_chunk::<4>() else {
            return Found::Nothing;
        };
        let sum = u32::from_le_bytes(*sum);
        let mut mended = [0; HEADER - 4];
        mended.copy_from_slice(covered);
        let whole = HEADERS.sum(covered) == sum || HEADERS.correct(&mut mended, sum).is_some();
        if let Some(header) = whole.then(|| Self::fields(&mended)).flatten() {
            return Found::Valid(header);
        }
        match fields {
            // Unless a power cut left nothing behind it: then it may be a part of ours.
            [b'O', b'P', b'L', b'J', version, rest @ ..]
                if *version != VERSION && rest.iter().any(|byte| *byte != 0xff) =>
            {
                Found::Version(*version)
            }
            _ => Found::Nothing,
        }
    }

    fn fields(covered: &[u8; HEADER - 4]) -> Option<Self> {
        let (magic, rest) = covered.split_first_chunk::<4>()?;
        let (&[version, flags, write_size, zero], rest) = rest.split_first_chunk::<4>()?;
        let (page_size, rest) = rest.split_first_chunk::<2>()?;
        let (pages, rest) = rest.split_first_chunk::<2>()?;
        let (counter, rest) = rest.split_first_chunk::<4>()?;
        let (base, rest) = rest.split_first_chunk::<4>()?;
        let (back, rest) = rest.split_first_chunk::<4>()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let (identity, rest) = rest.split_first_chunk::<16>()?;
        let (head, _) = rest.split_first_chunk::<32>()?;
        if *magic != MAGIC
            || version != VERSION
            || flags & !(RECOVERY | PROVISIONAL) != 0
            || zero != 0
        {
            return None;
        }
        let seq = u64::from_le_bytes(*seq);
        Some(Self {
            recovery: flags & RECOVERY != 0,
            provisional: flags & PROVISIONAL != 0,
            counter: u32::from_le_bytes(*counter),
            oldest: Oldest {
                page: u32::from_le_bytes(*base),
                copies: seq.checked_sub(u32::from_le_bytes(*back).into())?,
            },
            first: Chain {
                seq,
                head: Head(*head),
            },
            identity: Identity(*identity),
            page_size: u16::from_le_bytes(*page_size),
            pages: u16::from_le_bytes(*pages),
            write_size,
        })
    }

    /// True if the header was written for this page size, number of pages and write size.
    pub fn fits(&self, layout: &Layout) -> bool {
        (self.page_size, self.pages, self.write_size)
            == (
                layout.page_units(),
                layout.page_count(),
                layout.write_size(),
            )
    }
}

/// How the bytes of a header differ from this chain where they should name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrong {
    /// So many bits.
    pub bits: u32,
    /// All of them read erased, as a write or an erase that was cut leaves them.
    pub only_erased: bool,
}

/// Compares the bytes of a header with the chain that they should name.
pub(super) fn wrong_bits(bytes: &[u8], chain: &Chain) -> Option<Wrong> {
    let seq = chain.seq.to_le_bytes();
    let numbers = bytes.get(24..32)?.iter().zip(&seq);
    let heads = bytes.get(48..80)?.iter().zip(&chain.head.0);
    let none = Wrong {
        bits: 0,
        only_erased: true,
    };
    Some(
        numbers
            .chain(heads)
            .fold(none, |wrong, (is, should)| Wrong {
                bits: wrong.bits + (is ^ should).count_ones(),
                only_erased: wrong.only_erased && is | should == *is,
            }),
    )
}
