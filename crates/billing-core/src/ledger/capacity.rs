//! How much fits: the arithmetic that keeps a place for whatever must still be written.
//!
//! # Terms
//! - *P*: pages of the flash. *S*: pages that a snapshot of the book takes at most, after one record
//!   more. *K*: pages that the **kept** records take when they stand one behind another.
//! - The **reserve** *R* = *S* + 3 + *P* / 12: free pages that no record may use.
//!
//! # Why giving pages back never fails
//! While a record is appended *R* pages are free. Giving back starts with a snapshot (*S* pages of
//! its own, and the page that makes it count) if none stands behind the oldest page. Then each page
//! gives one and takes what is kept of it, which may be a little more than it took before: a record
//! that is carried for the first time grows by its number, and frames do not cross pages. That is
//! less than a tenth, and *K* is less than four fifths of the flash, so the other 2 + *P* / 12 pages
//! outlast it.
//!
//! # Why it always helps
//! When every page was given back once, the log is the kept records one behind another, a
//! snapshot, the page it stopped at and the page being written: *K* + *S* + 2 pages. The **hard
//! limit** on *K* leaves *R* + 1 pages beside them, so the next record finds a page.
//!
//! # What sessions may fill
//! Less than that limit: the **plan** leaves a further eighth of the flash (at least two pages), so
//! that the kept records of a full ledger are not copied for every page of progress, which would
//! wear it out, and so that segments nobody could foresee (a clock set twice, three new tariffs)
//! still fit.

use crate::book::{Book, OpenSession};
use crate::ledger::Headroom;
use crate::record::size;
use embedded_storage_async::nor_flash::NorFlash;

/// Bytes of a frame beside its payload, and of a page's header (the journal's format).
const FRAME: u32 = 7;
const HEADER: u32 = 84;
/// What a carried record's number takes at most before record 34,359,738,368.
const NUMBER: usize = 5;
/// The payload of the frame that ends a snapshot.
const END: usize = 4;
/// The longest piece or kept record but for the tariff.
const LONGEST: usize = size::PILE;

const _: () = assert!(
    LONGEST >= size::SESSION
        && LONGEST >= size::ACCOUNT
        && LONGEST >= size::NAMED
        && LONGEST >= size::PHONE
        && LONGEST >= size::CLOSED + NUMBER
        && LONGEST >= size::SEGMENT + NUMBER
        && LONGEST >= size::SETTLED + NUMBER
);

/// A flash, as it is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Capacity {
    word: u32,
    pages: u32,
    /// The fewest bytes of a page that frames fill: none crosses into the next.
    filled: u32,
}

/// What a book asks of the flash, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    /// A snapshot at most: as many are kept erased.
    pub snapshot: u32,
    /// Free pages that must remain after the next record, whatever it is.
    pub reserve: u32,
}

impl Capacity {
    pub fn of<F: NorFlash>(pages: u32) -> Self {
        const {
            // A page holds its header and the longest record, however wide its words are.
            assert!(F::ERASE_SIZE >= 512, "a page of a ledger has 512 bytes");
        };
        let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
        Self::new(number(F::WRITE_SIZE), number(F::ERASE_SIZE), pages)
    }

    fn new(word: u32, page: u32, pages: u32) -> Self {
        let mut capacity = Self {
            word,
            pages,
            filled: 1,
        };
        let header = HEADER.next_multiple_of(word);
        let waste = capacity.frame(LONGEST) - word;
        capacity.filled = page.saturating_sub(header + waste).max(1);
        capacity
    }

    /// Bytes that a payload takes on the flash.
    pub fn frame(&self, payload: usize) -> u32 {
        let payload = u32::try_from(payload).unwrap_or(u32::MAX / 2);
        (payload + FRAME).next_multiple_of(self.word)
    }

    /// Bytes that a kept record takes once it is carried.
    pub fn kept(&self, payload: usize) -> u32 {
        self.frame(payload.saturating_add(NUMBER))
    }

    /// What the book asks for.
    pub fn needs(&self, book: &Book) -> Needs {
        let bytes = self.snapshot(book);
        let grown = self.pages_of(bytes.saturating_add(self.growth()));
        Needs {
            snapshot: self.pages_of(bytes),
            reserve: grown.saturating_add(3 + self.pages / 12),
        }
    }

    /// Pages that the log takes at most once every page was given back: the kept records, a
    /// snapshot, and the page being written.
    pub fn dense(&self, needs: Needs, kept: u32) -> u32 {
        kept.div_ceil(self.filled)
            .saturating_add(needs.snapshot)
            .saturating_add(2)
    }

    /// What can still be written beside so many bytes of kept records.
    pub fn headroom(&self, book: &Book, kept: u32) -> Headroom {
        let segment = self.kept(size::SEGMENT);
        let closed = self.kept(size::CLOSED);
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
        // Every account can be settled and paid when all else is refused, and again for the sessions
        // that still run: that is asked of nobody.
        let settlement = self.kept(size::SETTLED) + self.kept(size::PAID);
        let running = running(book);
        let settlements = people(book).saturating_add(running);
        let landlord = settlements.saturating_mul(settlement);
        let promised = kept.saturating_add(open).saturating_add(landlord);
        // A new tariff or time closes a segment of every open session; a new account will be settled.
        let fact = settlement.max(running.saturating_mul(segment));
        let (snapshot, growth) = (self.fullest(book), self.growth());
        // A card may lengthen the snapshot by a page, which takes that page twice.
        let plan = |facts: u32| self.plan(snapshot.saturating_add(facts.saturating_mul(growth)));
        let fits = |facts: u32| {
            let bytes = promised.checked_add(facts.saturating_mul(fact));
            bytes.is_some_and(|bytes| bytes <= plan(facts))
        };
        let (mut facts, mut refused) = (0, plan(0) / fact + 1);
        while facts + 1 < refused {
            let middle = facts.midpoint(refused);
            if fits(middle) {
                facts = middle;
            } else {
                refused = middle;
            }
        }
        // Sessions leave room for an account more.
        let others = plan(1).saturating_sub(promised.saturating_add(settlement));
        Headroom {
            sessions: others / session.saturating_add(settlement),
            facts,
        }
    }

    /// Bytes of a snapshot's frames.
    fn snapshot(&self, book: &Book) -> u32 {
        book.snapshot_bound(|payload| self.frame(payload))
    }

    /// The most that one record adds to a snapshot: a tariff, a session's piece, a card and its
    /// account, a settlement and its piece.
    fn growth(&self) -> u32 {
        (2 * self.frame(LONGEST)).max(self.frame(size::PLANNED))
    }

    /// What a snapshot takes beside its pieces: its end, and the gaps before the tariffs' long
    /// frames.
    fn extra(&self) -> u32 {
        let gap = self.frame(size::PLANNED) - self.frame(LONGEST);
        self.frame(END) + TARIFFS * gap
    }

    fn pages_of(&self, bytes: u32) -> u32 {
        bytes.saturating_add(self.extra()).div_ceil(self.filled)
    }

    /// Bytes of a snapshot with every account's settlement waiting and every port in use, so that
    /// neither takes of the plan when it comes.
    fn fullest(&self, book: &Book) -> u32 {
        let more = |there: usize, most: usize, payload| {
            let more = u32::try_from(most.saturating_sub(there)).unwrap_or(u32::MAX);
            more.saturating_mul(self.frame(payload))
        };
        let (waiting, accounts) = (book.settlements().len(), book.accounts().len());
        let running = book.open_sessions().count();
        [
            more(waiting, accounts, size::SETTLEMENT),
            more(running, pile_units::MAX_PORTS, size::SESSION),
            self.growth(),
        ]
        .into_iter()
        .fold(self.snapshot(book), u32::saturating_add)
    }

    /// Bytes that kept records may fill beside snapshots of so many bytes.
    fn plan(&self, snapshot: u32) -> u32 {
        let snapshot = self.pages_of(snapshot);
        let reserve = snapshot.saturating_add(3 + self.pages / 12);
        let spare = (self.pages / 8).max(2);
        self.pages
            .saturating_sub(reserve)
            .saturating_sub(snapshot.saturating_add(3 + spare))
            .saturating_mul(self.filled)
    }
}

fn running(book: &Book) -> u32 {
    u32::try_from(book.open_sessions().count()).unwrap_or(u32::MAX)
}

fn people(book: &Book) -> u32 {
    u32::try_from(book.accounts().len()).unwrap_or(u32::MAX)
}

/// Tariffs in a snapshot: one a plan, and the planned one.
const TARIFFS: u32 = 5;
const _: () = assert!(pile_units::MAX_PLANS == 4);

/// The most segments of a session: one more than the changes of band in its hours, and one more
/// for a clock or a tariff that is set in its course.
fn segments(book: &Book) -> u32 {
    let changes = book.tariffs().map(|(_, _, tariff)| tariff.most_changes());
    changes.max().unwrap_or(0).saturating_add(2)
}

#[cfg(test)]
mod tests {
    //! A journal that is filled with the same frames is the judge.

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
        let mut pages = 1;
        let mut left = journal.room().bytes_left_in_page;
        let whole = left;
        let mut bytes = 0;
        let end = core::iter::once(END);
        for (n, payload) in payloads.iter().copied().chain(end).enumerate() {
            // The tariff is the one long piece, and comes second.
            let payload = if n == 1 { size::PLANNED } else { payload };
            let frame = journal.frame_bytes(payload);
            prop_assert_eq!(capacity.frame(payload), frame);
            if frame > left {
                pages += 1;
                left = whole;
            }
            left -= frame;
            bytes += frame;
        }
        let bound = capacity.pages_of(bytes - capacity.frame(END));
        prop_assert!(pages <= bound, "{pages} > {bound}");
        // And it is not far off: a tenth of short pages, and two.
        let loose = pages + pages / 4 + 2;
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
            let capacity = Capacity::new(word, 4096, 16);
            let frame = |payload| capacity.frame(payload);
            let card = frame(size::CREDENTIAL) + frame(size::ACCOUNT);
            let settled = frame(size::SETTLED) + frame(size::SETTLEMENT);
            let tariff = frame(size::PLANNED);
            let recovered = frame(size::CREDENTIAL) + frame(size::RECOVERIES);
            let others = [
                frame(size::SESSION),
                frame(size::PHONE),
                frame(size::NAMED),
                recovered,
                frame(size::CLOSED),
                card,
                settled,
                tariff,
            ];
            assert!(others.into_iter().all(|more| more <= capacity.growth()));
        }
    }

    #[test]
    fn a_flash_of_a_few_pages_has_no_headroom_and_no_overflow() {
        let flash = |pages| Capacity::new(64, 512, pages);
        for pages in [0, 1, 3, 5, 8, u32::MAX] {
            let room = flash(pages).headroom(&Book::new(), 0);
            assert!(pages > 8 || room == Headroom::default());
            let full = flash(pages).headroom(&Book::new(), u32::MAX);
            assert_eq!(full, Headroom::default());
        }
    }
}
