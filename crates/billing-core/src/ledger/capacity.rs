//! How much fits: the arithmetic that keeps a place for every compaction.
//!
//! # Terms
//! - *S(b)*: pages that a snapshot of *b* bytes of frames takes at most. The commit opens one more.
//! - *P*: pages of the flash. *L*: pages of the live log. *F* = *P* - *L*: free pages.
//!
//! # Why a compaction never fails
//! [`Capacity::needed`] is *S(b + growth)* + 1, where *growth* is the most that one record can add
//! to a snapshot. An append that would leave fewer free pages is refused, so a snapshot always fits.
//!
//! # Why a compaction always helps
//! It is wanted when *F* <= *needed*, and leaves *S* + 1 live pages, the last one empty. While *b*
//! stays within the **hard limit** *S* <= (*P* - 3) / 2, *L* = *P* - *F* >= *S* + 2 then, so at least
//! one page comes back, and the append after it finds room.
//!
//! # What sessions may fill
//! Less than that limit: the **plan** leaves a further eighth of the flash (at least two pages), so
//! that a full ledger is not rewritten for every page of progress, which would wear it out, and so
//! that segments nobody could foresee (a clock set twice, three new tariffs) still fit.

use crate::book::{Book, OpenSession};
use crate::ledger::Headroom;
use crate::record::size;
use embedded_storage_async::nor_flash::NorFlash;

/// Bytes of a frame beside its payload, and of a page's header (the journal's format).
const FRAME: u32 = 10;
const HEADER: u32 = 84;
/// The payload of the frame that ends a snapshot.
const END: usize = 4;
/// The longest session, hours: the cap of `pile_units::Limits`.
const LONGEST_SESSION: usize = 12;
/// The longest piece or kept record but for the tariff.
const LONGEST: usize = size::PILE;

const _: () = assert!(
    LONGEST >= size::SESSION
        && LONGEST >= size::ACCOUNT
        && LONGEST >= size::CLOSED
        && LONGEST >= size::SEGMENT
        && LONGEST >= size::SETTLED
);

/// A flash, as it is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Capacity {
    word: u32,
    page: u32,
    pages: u32,
}

impl Capacity {
    pub fn of<F: NorFlash>(pages: u32) -> Self {
        const {
            // A page holds its header and the longest record, however wide its words are.
            assert!(F::ERASE_SIZE >= 512, "a page of a ledger has 512 bytes");
        };
        let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
        Self {
            word: number(F::WRITE_SIZE),
            page: number(F::ERASE_SIZE),
            pages,
        }
    }

    /// Bytes that a payload takes on the flash.
    pub fn frame(&self, payload: usize) -> u32 {
        let payload = u32::try_from(payload).unwrap_or(u32::MAX / 2);
        (payload + FRAME).next_multiple_of(self.word)
    }

    /// Pages of a snapshot of the book and this many bytes of kept records, with the page that the
    /// commit opens.
    pub fn snapshot(&self, book: &Book, kept: u32) -> u32 {
        self.pages_of(self.bytes(book, kept)).saturating_add(1)
    }

    /// Free pages that must remain after the next record, whatever it is.
    pub fn needed(&self, book: &Book, kept: u32) -> u32 {
        let bytes = self.bytes(book, kept).saturating_add(self.growth());
        self.pages_of(bytes).saturating_add(1)
    }

    /// What can still be written.
    pub fn headroom(&self, book: &Book, kept: u32) -> Headroom {
        let segment = self.frame(size::SEGMENT);
        let closed = self.frame(size::CLOSED);
        let segments = segments(book);
        let session = segments.saturating_mul(segment).saturating_add(closed);
        // What an open session may still write: the segments it has not closed, one at least.
        let rest = |open: &OpenSession| {
            let index = u32::from(open.segment.index);
            let left = if open.ended {
                0
            } else {
                segments.saturating_sub(index).max(1)
            };
            left.saturating_mul(segment).saturating_add(closed)
        };
        let open = book.open_sessions().map(rest).fold(0, u32::saturating_add);
        let free = self
            .planned()
            .saturating_sub(self.bytes(book, kept))
            .saturating_sub(open);
        // Every account can be settled and paid when sessions are refused.
        let settlement =
            self.frame(size::SETTLED) + self.frame(size::PAID) + self.frame(size::SETTLEMENT);
        let accounts = u32::try_from(book.accounts().len()).unwrap_or(u32::MAX);
        let landlord = accounts
            .saturating_mul(settlement)
            .saturating_add(self.growth());
        // A new tariff or time closes a segment of every open session.
        let running = u32::try_from(book.open_sessions().count()).unwrap_or(u32::MAX);
        let fact = self.growth().max(running.saturating_mul(segment));
        Headroom {
            sessions: free.saturating_sub(landlord) / (session + self.frame(size::SESSION)),
            facts: free / fact,
        }
    }

    /// Bytes of a snapshot's frames.
    fn bytes(&self, book: &Book, kept: u32) -> u32 {
        kept.saturating_add(book.snapshot_bound(|payload| self.frame(payload)))
    }

    /// The most that one record adds to a snapshot: a session's piece, a card and its account, a
    /// settlement and its piece.
    fn growth(&self) -> u32 {
        (2 * self.frame(LONGEST)).max(self.frame(size::PLANNED))
    }

    /// The fewest bytes of a page that frames fill: none crosses into the next.
    fn filled(&self) -> u32 {
        let header = HEADER.next_multiple_of(self.word);
        let waste = self.frame(LONGEST) - self.word;
        self.page.saturating_sub(header + waste).max(1)
    }

    /// What a snapshot takes beside its entries: its end, and the gap before the tariff's long frame.
    fn extra(&self) -> u32 {
        self.frame(END) + 5 * (self.frame(size::PLANNED) - self.frame(LONGEST))
    }

    fn pages_of(&self, bytes: u32) -> u32 {
        bytes.saturating_add(self.extra()).div_ceil(self.filled())
    }

    /// Bytes of a snapshot's frames that sessions may fill.
    fn planned(&self) -> u32 {
        let spare = (self.pages / 8).max(2);
        let pages = self.pages.saturating_sub(3 + spare) / 2;
        pages
            .saturating_mul(self.filled())
            .saturating_sub(self.extra() + self.growth())
    }
}

/// The most segments of a session: one more than the changes of band in its hours, and one more
/// for a clock or a tariff that is set in its course.
fn segments(book: &Book) -> u32 {
    let changes = book.tariffs().map(|(_, _, tariff)| {
        let slots = tariff.slots();
        let next = slots.iter().cycle().skip(1);
        slots.iter().zip(next).filter(|(a, b)| a != b).count()
    });
    let changes = changes.max().unwrap_or(0);
    // Half hours of the longest session, its first and last cut short.
    let changes = changes.min(2 * LONGEST_SESSION + 1);
    u32::try_from(changes).unwrap_or(u32::MAX).saturating_add(2)
}

#[cfg(test)]
mod tests {
    //! The journal's own count of pages is the judge.

    use super::*;
    use crate::journal::testing::RamFlash;
    use crate::journal::{Identity, Journal};
    use embassy_futures::block_on;
    use proptest::prelude::*;

    extern crate std;

    fn bound_holds<const W: usize, const E: usize, const N: usize>(
        payloads: &[usize],
    ) -> Result<(), TestCaseError> {
        let flash = RamFlash::<W, E, N>::new();
        let journal = block_on(Journal::<_>::format(flash, Identity::new([1; 16]))).unwrap();
        let capacity = Capacity::of::<RamFlash<W, E, N>>(journal.room().pages);
        let mut packing = journal.packing();
        let mut bytes = 0;
        for (n, payload) in payloads.iter().enumerate() {
            // The tariff is the one long piece, and comes second.
            let payload = if n == 1 { size::TARIFF } else { *payload };
            prop_assert_eq!(capacity.frame(payload), journal.frame_bytes(payload));
            packing.add(payload);
            bytes += capacity.frame(payload);
        }
        let bound = capacity.pages_of(bytes) + 1;
        prop_assert!(packing.pages() <= bound, "{} > {bound}", packing.pages());
        // And it is not far off: a tenth of short pages, and one.
        let loose = packing.pages() + packing.pages() / 4 + 1;
        prop_assert!(E < 2048 || bound <= loose, "{bound} > {loose}");
        Ok(())
    }

    proptest! {
        #[test]
        fn a_snapshot_never_takes_more_pages_than_planned(
            payloads in prop::collection::vec(1..=LONGEST, 2..400),
        ) {
            bound_holds::<1, 4096, 65536>(&payloads)?;
            bound_holds::<8, 2048, 65536>(&payloads)?;
            bound_holds::<32, 2048, 65536>(&payloads)?;
            bound_holds::<64, 512, 65536>(&payloads)?;
        }

        #[test]
        fn equal_frames_that_waste_the_most_stay_within_the_plan(
            payload in 1..=LONGEST, number in 2usize..400,
        ) {
            let payloads = std::vec![payload; number];
            bound_holds::<1, 4096, 65536>(&payloads)?;
            bound_holds::<8, 2048, 65536>(&payloads)?;
            bound_holds::<64, 512, 65536>(&payloads)?;
        }
    }

    #[test]
    fn a_page_header_is_as_long_as_planned() {
        fn check<const W: usize>() {
            let flash = RamFlash::<W, 2048, 16384>::new();
            let journal = block_on(Journal::<_>::format(flash, Identity::new([1; 16]))).unwrap();
            let header = HEADER.next_multiple_of(u32::try_from(W).unwrap());
            assert_eq!(journal.room().bytes_left_in_page, 2048 - header);
        }
        check::<1>();
        check::<8>();
        check::<64>();
    }

    #[test]
    fn no_record_adds_more_to_a_snapshot_than_the_growth() {
        for word in [1, 2, 4, 8, 16, 32, 64] {
            let capacity = Capacity {
                word,
                page: 4096,
                pages: 16,
            };
            let frame = |payload| capacity.frame(payload);
            let card = frame(size::CREDENTIAL) + frame(size::ACCOUNT);
            let settled = frame(size::SETTLED) + frame(size::SETTLEMENT);
            let others = [frame(size::SESSION), frame(size::CLOSED), card, settled];
            assert!(others.into_iter().all(|more| more <= capacity.growth()));
        }
    }

    #[test]
    fn a_flash_of_a_few_pages_has_no_headroom_and_no_overflow() {
        let flash = |pages| Capacity {
            word: 64,
            page: 512,
            pages,
        };
        for pages in [0, 1, 3, 5, 8, u32::MAX] {
            let room = flash(pages).headroom(&Book::new(), 0);
            assert!(pages > 8 || room == Headroom::default());
            let full = flash(pages).headroom(&Book::new(), u32::MAX);
            assert_eq!(full, Headroom::default());
        }
    }
}
