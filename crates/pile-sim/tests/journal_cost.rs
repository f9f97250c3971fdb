//! What a record costs on the flash, counted by the flash.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

use billing_core::journal::{Identity, Journal, MAX_PAYLOAD, ReclaimError};
use embassy_futures::block_on;
use pile_sim::flash::{Stm32g4, VirtualNor, W25q80, Words};

const PAYLOAD: [u8; 24] = [0x5a; 24];

/// What a record of 24 bytes costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    /// Bytes programmed for one that opens no page.
    frame: u64,
    /// Bytes programmed for each over a round of the flash, page headers included, in thousandths.
    bytes: u64,
    /// Operations for each over a round of the flash, headers and erases included, in thousandths.
    operations: u64,
    /// The most operations for one.
    most: u64,
}

impl Cost {
    /// Thousandths of the payload.
    fn amplification(&self) -> u64 {
        self.bytes / PAYLOAD.len() as u64
    }
}

/// Appends 24-byte records until every page of the flash was written once.
fn cost<const WRITE: usize, const ERASE: usize>(flash: &VirtualNor<WRITE, ERASE>) -> Cost {
    let journal = block_on(Journal::<_>::format(flash.clone(), Identity::new([1; 16]))).unwrap();
    // After a boot no page is known to be erased, so each is erased before use.
    drop(journal);
    let mut journal = block_on(Journal::<_>::mount(flash.clone(), &mut |_| ())).unwrap();
    let before = flash.statistics();
    let (mut records, mut frame, mut most) = (0, 0, 0);
    loop {
        let was = flash.statistics();
        let Ok(done) = block_on(journal.append(&PAYLOAD)) else {
            break;
        };
        let now = flash.statistics();
        let bytes = now.bytes_programmed - was.bytes_programmed;
        let operations = now.operations() - was.operations();
        // What the journal says of itself is what the flash saw.
        assert_eq!(bytes, u64::from(done.bytes));
        assert_eq!(operations, u64::from(done.operations));
        if operations == 1 {
            frame = bytes;
        }
        most = most.max(operations);
        records += 1;
    }
    assert_eq!(journal.room().pages_free, 0);
    let after = flash.statistics();
    Cost {
        frame,
        bytes: (after.bytes_programmed - before.bytes_programmed) * 1000 / records,
        operations: (after.operations() - before.operations()) * 1000 / records,
        most,
    }
}

fn small<const WRITE: usize, const ERASE: usize>() -> Cost {
    cost(&VirtualNor::<WRITE, ERASE>::new(64 << 10, Words::Once))
}

#[test]
fn a_24_byte_record_costs_1_32_times_its_bytes_on_a_w25q80() {
    let cost = cost(&W25q80::w25q80());
    println!("W25Q80: {cost:?}, {} thousandths", cost.amplification());
    // 31 bytes are 1.29 times the payload; with the headers of 4 KiB pages 1.32 times.
    assert_eq!((cost.frame, cost.most), (31, 3));
    assert!(cost.amplification() <= 1_319, "{cost:?}");
    assert!(cost.amplification() <= 1_350, "what was asked for");
    assert!(cost.operations <= 1_016, "{cost:?}");
}

#[test]
fn a_24_byte_record_costs_1_39_times_its_bytes_on_an_stm32g4() {
    let cost = cost(&Stm32g4::stm32g4());
    println!("STM32G4: {cost:?}, {} thousandths", cost.amplification());
    // 32 bytes, the least that words of 8 bytes allow with any overhead, are 1.33 times the
    // payload. The headers of its 2 KiB pages, 88 bytes for 61 records, make it 1.39 times: more
    // than the 1.35 that larger pages or smaller words keep to.
    assert_eq!((cost.frame, cost.most), (32, 3));
    assert!(cost.amplification() <= 1_394, "{cost:?}");
    assert!(cost.operations <= 1_034, "{cost:?}");
}

#[test]
fn a_24_byte_record_takes_32_bytes_of_words_up_to_32_bytes() {
    assert_eq!(small::<2, 4096>().frame, 32);
    assert_eq!(small::<4, 4096>().frame, 32);
    assert_eq!(small::<8, 4096>().frame, 32);
    assert_eq!(small::<16, 2048>().frame, 32);
    assert_eq!(small::<32, 8192>().frame, 32);
    assert_eq!(small::<64, 8192>().frame, 64);
    assert!(small::<32, 8192>().most <= 3);
}

#[test]
fn pages_erased_ahead_leave_two_operations_for_the_record_that_opens_one() {
    let flash = VirtualNor::<1, 4096>::new(64 << 10, Words::Once);
    let made = block_on(Journal::<_>::format(flash.clone(), Identity::new([1; 16])));
    drop(made.unwrap());
    let mut journal = block_on(Journal::<_>::mount(flash.clone(), &mut |_| ())).unwrap();
    let mut most = 0;
    for _ in 0..1000 {
        if journal.room().pages_erased == 0 {
            assert_eq!(block_on(journal.erase_ahead()), Ok(true));
        }
        let was = flash.operations();
        block_on(journal.append(&PAYLOAD)).unwrap();
        most = most.max(flash.operations() - was);
    }
    assert_eq!(most, 2);
}

#[test]
fn the_wear_of_a_ring_is_even() {
    let flash = VirtualNor::<8, 2048>::new(16 << 10, Words::Once);
    let mut journal =
        block_on(Journal::<_>::format(flash.clone(), Identity::new([1; 16]))).unwrap();
    for _ in 0..20_000 {
        while journal.room().pages_free + journal.room().pages_reclaimed < 4 {
            match block_on(journal.reclaim(&mut |entry| entry.seq == 1)) {
                Ok(_) => {}
                Err(ReclaimError::NeedsSnapshot) => {
                    let mut pieces = std::iter::once(17);
                    let mut piece = |_: &mut [u8; MAX_PAYLOAD]| pieces.next();
                    block_on(journal.snapshot(&mut piece)).unwrap();
                }
                Err(error) => panic!("{error}"),
            }
        }
        block_on(journal.append(&PAYLOAD)).unwrap();
    }
    let mut first = 0;
    let mut found = 0;
    block_on(journal.scan(&mut |entry| {
        first += u32::from(entry.seq == 1);
        found += 1;
    }))
    .unwrap();
    assert!(first == 1 && found > 150, "{first} {found}");
    let erases = flash.statistics().page_erases;
    let (least, most) = (erases.iter().min(), erases.iter().max());
    assert!(most > Some(&40), "{erases:?}");
    assert!(
        most.zip(least)
            .is_some_and(|(most, least)| most - least <= 1),
        "{erases:?}"
    );
}
