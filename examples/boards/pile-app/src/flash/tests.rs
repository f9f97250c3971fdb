use super::*;
use crate::testing::{Counting, Meals};
use billing_core::journal::testing::{RamFlash, RamFlashError};
use core::cell::Cell;
use embassy_futures::block_on;
use embassy_futures::select::select;

const PAGE: u32 = 256;

/// Sixteen pages; a bit at some address stays as it is after an erase.
#[derive(Clone, PartialEq, Debug)]
struct Chip {
    flash: RamFlash<8, 256, 4096>,
    stuck: Option<usize>,
    erases: u32,
}

impl Chip {
    const fn new() -> Self {
        Self {
            flash: RamFlash::new(),
            stuck: None,
            erases: 0,
        }
    }
}

impl ErrorType for Chip {
    type Error = RamFlashError;
}

impl ReadNorFlash for Chip {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), RamFlashError> {
        self.flash.read(offset, bytes).await
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Chip {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 256;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), RamFlashError> {
        self.erases += 1;
        self.flash.erase(from, to).await
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), RamFlashError> {
        self.flash.write(offset, bytes).await?;
        if let Some(stuck) = self.stuck {
            self.flash.bytes[stuck] |= 0x10;
        }
        Ok(())
    }
}

/// The same, its driver blocks.
struct Blocking(Chip);

impl ErrorType for Blocking {
    type Error = RamFlashError;
}

impl blocking::ReadNorFlash for Blocking {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), RamFlashError> {
        block_on(self.0.read(offset, bytes))
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl blocking::NorFlash for Blocking {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 256;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), RamFlashError> {
        block_on(self.0.erase(from, to))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), RamFlashError> {
        block_on(self.0.write(offset, bytes))
    }
}

mod area {
    use super::*;

    /// Pages 2 to 4 of a flash that is 0 everywhere.
    fn full() -> Area<Chip> {
        let mut chip = Chip::new();
        chip.flash.bytes.fill(0);
        Area::new(chip, 2 * PAGE..5 * PAGE).unwrap()
    }

    #[test]
    fn it_touches_its_own_bytes_and_no_others() {
        let mut area = full();
        assert_eq!(area.capacity(), 768);
        block_on(area.erase(0, 768)).unwrap();
        block_on(area.write(0, &[1; 8])).unwrap();
        block_on(area.write(760, &[2; 8])).unwrap();
        let mut expected = [0; 4096];
        expected[512..520].fill(1);
        expected[520..1272].fill(0xff);
        expected[1272..1280].fill(2);
        assert_eq!(area.flash.flash.bytes, expected);
        let mut last = [0; 9];
        block_on(area.read(759, &mut last)).unwrap();
        assert_eq!(last, [0xff, 2, 2, 2, 2, 2, 2, 2, 2]);
        block_on(area.erase(256, 512)).unwrap();
        assert_eq!(area.flash.flash.bytes, expected);
    }

    #[test]
    fn what_lies_outside_is_refused_and_the_driver_not_asked() {
        let mut area = full();
        let before = area.flash.clone();
        for offset in [761, 768, 2_816, u32::MAX - 7] {
            let mut bytes = [0; 8];
            let read = block_on(area.read(offset, &mut bytes));
            assert_eq!(read, Err(Failed::Outside), "{offset}");
            let written = block_on(area.write(offset, &bytes));
            assert_eq!(written, Err(Failed::Outside), "{offset}");
        }
        for (from, to) in [(512, 1024), (768, 1024), (512, 256), (0, u32::MAX)] {
            let erased = block_on(area.erase(from, to));
            assert_eq!(erased, Err(Failed::Outside), "{from} {to}");
        }
        assert_eq!(
            Failed::<RamFlashError>::Outside.kind(),
            NorFlashErrorKind::OutOfBounds
        );
        assert_eq!(area.flash, before);
    }

    #[test]
    fn half_words_and_half_pages_are_refused_by_the_driver() {
        let mut area = full();
        for failed in [
            block_on(area.write(4, &[0; 8])),
            block_on(area.write(0, &[0; 4])),
            block_on(area.erase(8, 256)),
            block_on(area.erase(0, 8)),
        ] {
            assert_eq!(failed, Err(Failed::Driver(RamFlashError::NotAligned)));
            assert_eq!(failed.unwrap_err().kind(), NorFlashErrorKind::NotAligned);
        }
    }

    #[test]
    fn only_whole_pages_of_the_flash_are_a_place() {
        let fits = |place| Area::new(Chip::new(), place).is_ok();
        assert!(fits(0..16 * PAGE) && fits(PAGE..PAGE));
        #[expect(clippy::reversed_empty_ranges, reason = "a wrong table of partitions")]
        let reversed = 2 * PAGE..PAGE;
        assert!(!fits(reversed) && !fits(0..17 * PAGE));
        assert!(!fits(8..PAGE) && !fits(0..PAGE + 8) && !fits(8..PAGE + 8));
    }

    #[test]
    fn a_bit_that_stays_is_found_wherever_it_is() {
        for stuck in 0..200 {
            let mut chip = Chip::new();
            chip.stuck = Some(512 + stuck);
            let mut area = Area::new(chip, 2 * PAGE..5 * PAGE).unwrap();
            let written = block_on(area.write(0, &[0; 200]));
            assert_eq!(written, Err(Failed::Verify), "{stuck}");
        }
    }
}

mod in_turns {
    use super::*;

    #[test]
    fn each_page_feeds_the_watchdog_and_gives_the_others_a_turn() {
        let meals = Meals::default();
        let dog = Dog::new(meals.clone());
        let mut chip = Chip::new();
        chip.flash.bytes.fill(0);
        let mut flash = InTurns(Blocking(chip), &dog);
        let turns = Cell::new(0);
        block_on(select(flash.erase(PAGE, 5 * PAGE), async {
            loop {
                turns.set(turns.get() + 1);
                assert_eq!(meals.get(), turns.get());
                yield_now().await;
            }
        }));
        assert_eq!((meals.get(), turns.get(), flash.0.0.erases), (4, 4, 4));
        let mut expected = [0; 4096];
        expected[256..1280].fill(0xff);
        assert_eq!(flash.0.0.flash.bytes, expected);
    }

    #[test]
    fn no_more_is_erased_than_was_asked_for_and_a_failure_is_told() {
        let dog = Dog::new(Meals::default());
        let mut flash = InTurns(Blocking(Chip::new()), &dog);
        flash.0.0.flash.bytes.fill(0);
        let erased = block_on(flash.erase(0, PAGE + 8));
        assert_eq!(erased, Err(RamFlashError::NotAligned));
        assert_eq!(flash.0.0.flash.bytes[256..], [0; 3840]);
    }

    #[test]
    fn it_reads_and_writes_as_its_driver_does() {
        let dog = Dog::new(Meals::default());
        let mut flash = InTurns(Blocking(Chip::new()), &dog);
        assert_eq!(flash.capacity(), 4096);
        block_on(flash.write(8, b"in place")).unwrap();
        let mut bytes = [0; 10];
        block_on(flash.read(7, &mut bytes)).unwrap();
        assert_eq!(&bytes, b"\xffin place\xff");
        let again = block_on(flash.write(8, b"in place"));
        assert_eq!(again, Err(RamFlashError::NotErased));
    }
}

mod opening {
    use super::*;

    /// The ledger at page 1, the keys at 12, the site's at 14; all else belongs to others.
    fn places() -> Places {
        Places {
            ledger: PAGE..9 * PAGE,
            keys: 12 * PAGE..13 * PAGE,
            site: 14 * PAGE..15 * PAGE,
        }
    }

    const KEYS_AT: usize = 12 * 256;
    const SITE_AT: usize = 14 * 256;

    fn start(chip: &mut Chip, random: u8) -> Result<KeyPage, Failed<RamFlashError>> {
        block_on(open(chip, places(), &mut Counting(random))).map(|(_, keys)| keys)
    }

    /// A flash that was started once.
    fn started() -> (Chip, KeyPage) {
        let mut chip = Chip::new();
        let keys = start(&mut chip, 0).unwrap();
        (chip, keys)
    }

    /// Its first page was given back.
    fn with_a_ledger(chip: &mut Chip) {
        chip.flash.bytes[4 * 256..][..4].copy_from_slice(b"OPLJ");
    }

    #[test]
    fn the_first_start_draws_keys_and_the_next_finds_them() {
        let (mut chip, keys) = started();
        assert!(keys.receipt_key().is_some() && keys.site_key().is_none());
        let mut expected = [0xff; 4096];
        expected[KEYS_AT..][..keys::LEN].copy_from_slice(&*keys.bytes());
        assert_eq!(chip.flash.bytes, expected);
        with_a_ledger(&mut chip);
        let before = chip.clone();
        assert_eq!(start(&mut chip, 99), Ok(keys));
        assert_eq!(chip, before);
    }

    #[test]
    fn the_ledger_is_given_in_its_place() {
        let mut chip = Chip::new();
        let (mut area, _) = block_on(open(&mut chip, places(), &mut Counting(0))).unwrap();
        assert_eq!(area.capacity(), 8 * 256);
        block_on(area.write(0, b"OPLJOPLJ")).unwrap();
        assert_eq!(&chip.flash.bytes[256..264], b"OPLJOPLJ");
    }

    #[test]
    fn the_site_key_is_taken_behind_its_mark_and_no_other_bytes() {
        let (mut chip, keys) = started();
        let key = *b"sixteen bytes of";
        chip.flash.bytes[SITE_AT..][..8].copy_from_slice(b"OPILSITE");
        chip.flash.bytes[SITE_AT + 8..][..16].copy_from_slice(&key);
        assert_eq!(start(&mut chip, 0), Ok(keys.clone().with_site_key(key)));
        chip.flash.bytes[SITE_AT + 7] = b'F';
        assert_eq!(start(&mut chip, 0), Ok(keys));
    }

    #[test]
    fn a_cut_within_the_first_start_leaves_a_pile_that_starts() {
        let (whole, _) = started();
        for words in 0..KEYS / 8 {
            let mut cut = Chip::new();
            let written = KEYS_AT..KEYS_AT + words * 8;
            cut.flash.bytes[written.clone()].copy_from_slice(&whole.flash.bytes[written]);
            let keys = start(&mut cut, 50).unwrap();
            with_a_ledger(&mut cut);
            assert_eq!(start(&mut cut, 99), Ok(keys), "{words} words");
        }
    }

    #[test]
    fn a_damaged_key_page_beside_a_ledger_is_left_as_it_is() {
        let (mut chip, _) = started();
        with_a_ledger(&mut chip);
        chip.flash.bytes[KEYS_AT + 20] ^= 1;
        let before = chip.clone();
        assert_eq!(start(&mut chip, 99), Err(Failed::Keys));
        assert_eq!(chip, before);
    }

    #[test]
    fn keys_that_the_flash_does_not_keep_are_no_keys() {
        let mut chip = Chip::new();
        // In the pile's identity.
        chip.stuck = Some(KEYS_AT + 4);
        assert_eq!(start(&mut chip, 0), Err(Failed::Verify));
    }

    #[test]
    fn places_that_are_not_in_the_flash_are_refused_before_keys_are_drawn() {
        let outside = 15 * PAGE..17 * PAGE;
        let wrongs: [fn(&mut Places, Range<u32>); 3] = [
            |places, wrong| places.ledger = wrong,
            |places, wrong| places.keys = wrong,
            |places, wrong| places.site = wrong,
        ];
        for wrong in wrongs {
            let mut places = places();
            wrong(&mut places, outside.clone());
            let mut chip = Chip::new();
            let opened = block_on(open(&mut chip, places, &mut Counting(0)));
            assert_eq!(opened.map(drop), Err(Failed::Outside));
            assert_eq!(chip, Chip::new());
        }
    }
}
