//! Where pages and frames lie, and how much fits.

use embedded_storage_async::nor_flash::NorFlash;

use super::frame::{FRAME_MAX, OVERHEAD};
use super::header::{HEADER, HEADER_MAX};
use super::{Geometry, MAX_PAYLOAD};

/// The addresses of a journal: all in bytes, all multiples of the write size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub page: u32,
    pub pages: u32,
    pub align: u32,
    /// The padded header, which is where the first frame starts.
    pub header: u32,
}

/// Page sizes are counted in this many bytes.
const PAGE_UNIT: u32 = 64;

impl Layout {
    pub fn of<F: NorFlash, const UNITS: usize>(flash: &F) -> Result<Self, Geometry> {
        const {
            assert!(
                F::WRITE_SIZE.is_power_of_two() && F::WRITE_SIZE <= 64,
                "write size: 1 to 64"
            );
            assert!(
                F::WRITE_SIZE.is_multiple_of(F::READ_SIZE),
                "reads are at least as fine as writes"
            );
            assert!(
                F::ERASE_SIZE.is_multiple_of(F::WRITE_SIZE),
                "erase units hold whole words"
            );
            assert!(
                UNITS >= 1 && F::ERASE_SIZE * UNITS >= 2 * HEADER_MAX,
                "a page has 256 bytes"
            );
            assert!(
                (F::ERASE_SIZE * UNITS).is_multiple_of(64),
                "pages are counted in 64 bytes"
            );
            assert!(HEADER.next_multiple_of(64) <= HEADER_MAX);
            assert!((MAX_PAYLOAD + OVERHEAD).next_multiple_of(64) <= FRAME_MAX);
        }
        let number = |value: usize| u32::try_from(value).map_err(|_| Geometry::Capacity);
        let page = number(F::ERASE_SIZE * UNITS)?;
        let align = number(F::WRITE_SIZE)?;
        let capacity = number(flash.capacity())?;
        if capacity % page != 0 {
            return Err(Geometry::Capacity);
        }
        let pages = capacity / page;
        if pages > u32::from(u16::MAX) || page / PAGE_UNIT > u32::from(u16::MAX) {
            return Err(Geometry::Capacity);
        }
        if pages < 3 {
            return Err(Geometry::TooFewPages);
        }
        Ok(Self {
            page,
            pages,
            align,
            header: number(HEADER.next_multiple_of(F::WRITE_SIZE))?,
        })
    }

    /// The page size as a header says it.
    pub fn page_units(&self) -> u16 {
        u16::try_from(self.page / PAGE_UNIT).unwrap_or(u16::MAX)
    }

    /// The number of pages as a header says it.
    pub fn page_count(&self) -> u16 {
        u16::try_from(self.pages).unwrap_or(u16::MAX)
    }

    /// The write size as a header says it.
    pub fn write_size(&self) -> u8 {
        u8::try_from(self.align).unwrap_or(u8::MAX)
    }

    /// The physical page of a page counter.
    pub const fn index(&self, counter: u32) -> u32 {
        counter % self.pages
    }

    /// The address of the page with this counter.
    pub const fn start(&self, counter: u32) -> u32 {
        self.index(counter) * self.page
    }

    /// Bytes that a frame with this much payload takes on the flash.
    pub fn frame(&self, payload: usize) -> u32 {
        // More than any page takes, where it is more than a frame can be.
        let frame = u32::try_from(payload.saturating_add(OVERHEAD)).unwrap_or(u32::MAX);
        frame.min(u32::MAX / 2).next_multiple_of(self.align)
    }

    /// The longest payload whose frame fits an empty page.
    pub fn max_payload(&self) -> usize {
        let room = usize::try_from(self.page - self.header).unwrap_or(usize::MAX);
        MAX_PAYLOAD.min(room.saturating_sub(OVERHEAD))
    }
}

/// How much of the flash is in use, from [`Journal::room`](super::Journal::room).
///
/// ```
/// # use billing_core::journal::{Identity, Journal, testing::RamFlash};
/// # embassy_futures::block_on(async {
/// let flash = RamFlash::<4, 1024, 8192>::new();
/// let journal = Journal::<_>::format(flash, Identity::new([7; 16])).await.unwrap();
/// let room = journal.room();
/// assert_eq!((room.pages, room.pages_live, room.pages_free), (8, 1, 7));
/// assert_eq!(room.bytes_left_in_page, 1024 - 84);
/// # });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Pages of the flash.
    pub pages: u32,
    /// Pages of the log, from the oldest to the one being written.
    pub pages_live: u32,
    /// Pages outside it.
    pub pages_free: u32,
    /// Live pages that nothing is needed of any more: the next page that is opened frees them.
    /// After a boot that interrupted [`reclaim`](super::Journal::reclaim), none until it has come
    /// as far as it was before.
    pub pages_reclaimed: u32,
    /// Free pages that are erased, the next ones first.
    pub pages_erased: u32,
    /// Bytes left for frames in the page being written.
    pub bytes_left_in_page: u32,
}
