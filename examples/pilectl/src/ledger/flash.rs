//! An image of a flash, read as the pile reads the flash itself.

use billing_core::journal::Kind;
use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use super::log::Frame;

/// The shape of a flash, as a page of the journal tells it.
///
/// ```
/// use pilectl::ledger::flash::Shape;
/// assert_eq!(Shape::of(b"not a journal"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Bytes of a write.
    pub write: usize,
    /// Bytes of a page.
    pub page: usize,
    /// Pages.
    pub pages: usize,
    /// The version of the format.
    pub version: u8,
}

impl Shape {
    /// What most page headers of an image say. Pages begin at multiples of their size, so the
    /// smallest is looked for.
    pub fn of(image: &[u8]) -> Option<Self> {
        let headers = image.chunks(512).enumerate().filter_map(|(n, bytes)| {
            let (magic, rest) = bytes.split_first_chunk::<4>()?;
            let [version, _, write, _, p0, p1, n0, n1] = *rest.first_chunk::<8>()?;
            let shape = Self {
                write: write.into(),
                page: usize::from(u16::from_le_bytes([p0, p1])) * 64,
                pages: u16::from_le_bytes([n0, n1]).into(),
                version,
            };
            let place = n.checked_mul(512)?;
            let sane = shape.page > 0 && place.is_multiple_of(shape.page) && shape.pages > 0;
            (magic == b"OPLJ" && sane).then_some(shape)
        });
        let mut counted: Vec<(Self, usize)> = Vec::new();
        for shape in headers {
            match counted.iter_mut().find(|(known, _)| *known == shape) {
                Some((_, count)) => *count += 1,
                None => counted.push((shape, 1)),
            }
        }
        let most = counted.into_iter().rev().max_by_key(|(_, count)| *count);
        most.map(|(shape, _)| shape)
    }

    /// Bytes of the whole flash.
    pub const fn bytes(self) -> usize {
        self.page * self.pages
    }

    /// Where the frame with this sequence number lies, if all frames before it in its page are as
    /// they were written: the offset in the image and the length.
    pub fn place(self, image: &[u8], page: usize, seq: u64) -> Option<(usize, usize)> {
        let start = page.checked_mul(self.page)?;
        let bytes = image.get(start..start.checked_add(self.page)?)?;
        let first = bytes.get(24..32)?.first_chunk().copied()?;
        let pad = |length: usize| length.next_multiple_of(self.write.max(1));
        let length = |at: usize| Some(pad(usize::from(*bytes.get(at)?) + 7));
        let mut at = pad(84);
        for _ in u64::from_le_bytes(first)..seq {
            at = at.checked_add(length(at)?)?;
        }
        Some((start + at, length(at)?.min(self.page.checked_sub(at)?)))
    }

    /// The page that was opened last.
    pub fn newest(self, image: &[u8]) -> Option<usize> {
        let counter = |bytes: &[u8]| {
            let fields = bytes.get(12..16)?.first_chunk().copied()?;
            bytes
                .starts_with(b"OPLJ")
                .then_some(u32::from_le_bytes(fields))
        };
        let pages = image.chunks(self.page).enumerate();
        let headed = pages.filter_map(|(page, bytes)| Some((counter(bytes)?, page)));
        headed.max().map(|(_, page)| page)
    }

    /// The frame that these bytes of an image say, whether that is true or not.
    pub fn frame(image: &[u8], (at, length): (usize, usize), seq: u64) -> Option<Frame> {
        let bytes = image.get(at..at.checked_add(length)?)?;
        let ([n, mark], rest) = bytes.split_first_chunk::<2>()?;
        let kind = match mark >> 6 {
            0 => Kind::Record,
            1 => Kind::Piece,
            2 => Kind::End,
            _ => Kind::Carried,
        };
        let payload = rest.get(..usize::from(*n))?.to_vec();
        Some(Frame { seq, kind, payload })
    }
}

/// An image in memory, with words of `WRITE` bytes and pages of `ERASE` bytes.
///
/// ```
/// use billing_core::journal::Identity;
/// use billing_core::ledger::Ledger;
/// use pilectl::ledger::flash::Image;
/// let image = Image::<1, 4096>::new(vec![0xff; 65536]);
/// let made = embassy_futures::block_on(Ledger::format(image, Identity::new([7; 16])));
/// let (ledger, _) = made.unwrap();
/// assert_eq!(ledger.release().bytes()[..4], *b"OPLJ");
/// ```
#[derive(Debug, Clone)]
pub struct Image<const WRITE: usize, const ERASE: usize> {
    bytes: Vec<u8>,
}

impl<const WRITE: usize, const ERASE: usize> Image<WRITE, ERASE> {
    /// Takes the bytes of a flash.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Gives them back.
    pub fn bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn range(&mut self, from: u32, length: usize) -> Result<&mut [u8], OutOfImage> {
        let from = usize::try_from(from).map_err(|_| OutOfImage)?;
        let to = from.checked_add(length).ok_or(OutOfImage)?;
        self.bytes.get_mut(from..to).ok_or(OutOfImage)
    }
}

/// Error returned by [`Image`]: the place lies outside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfImage;

impl core::fmt::Display for OutOfImage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("outside the image")
    }
}

impl core::error::Error for OutOfImage {}

impl NorFlashError for OutOfImage {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::OutOfBounds
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for Image<WRITE, ERASE> {
    type Error = OutOfImage;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Image<WRITE, ERASE> {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), OutOfImage> {
        bytes.copy_from_slice(self.range(offset, bytes.len())?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Image<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), OutOfImage> {
        let length = usize::try_from(to.saturating_sub(from)).map_err(|_| OutOfImage)?;
        self.range(from, length)?.fill(0xff);
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), OutOfImage> {
        // Programming clears bits and sets none.
        for (cell, byte) in self.range(offset, bytes.len())?.iter_mut().zip(bytes) {
            *cell &= *byte;
        }
        Ok(())
    }
}
