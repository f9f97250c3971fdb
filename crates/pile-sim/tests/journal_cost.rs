//! What a record costs on the flash, counted by the flash.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

use billing_core::journal::{Identity, Journal, MAX_PAYLOAD};
use embassy_futures::block_on;
use pile_sim::flash::{VirtualNor, Words};

/// Appends 24-byte records to three quarters of a flash of 64 KiB. Returns the bytes programmed for
/// one record within a page, and in thousandths the bytes and the operations for each record with
/// page headers and erases included.
fn cost<const WRITE: usize, const ERASE: usize>() -> (u64, u64, u64) {
    let flash = VirtualNor::<WRITE, ERASE>::new(64 << 10, Words::Once);
    let journal = block_on(Journal::<_>::format(flash.clone(), Identity::new([1; 16]))).unwrap();
    // After a boot no page is known to be erased, so each is erased before use.
    drop(journal);
    let mut journal = block_on(Journal::<_>::mount(flash.clone(), &mut |_| ())).unwrap();
    let before = flash.statistics();
    let mut records = 0;
    let mut within_page = 0;
    while journal.room().pages_live * u32::try_from(ERASE).unwrap() < 48 << 10 {
        let was = flash.statistics();
        let done = block_on(journal.append(&[0x5a; 24])).unwrap();
        let now = flash.statistics();
        // What the journal says of itself is what the flash saw.
        assert_eq!(
            now.bytes_programmed - was.bytes_programmed,
            u64::from(done.bytes)
        );
        assert_eq!(
            now.operations() - was.operations(),
            u64::from(done.operations)
        );
        if done.operations == 1 {
            within_page = now.bytes_programmed - was.bytes_programmed;
        }
        records += 1;
    }
    let after = flash.statistics();
    let bytes = after.bytes_programmed - before.bytes_programmed;
    let operations = after.operations() - before.operations();
    (
        within_page,
        bytes * 1000 / records,
        operations * 1000 / records,
    )
}

#[test]
fn a_24_byte_record_is_one_operation_of_31_or_32_bytes() {
    // Serial NOR flash, any byte, 4 KiB sectors: 1.29 times the payload, 1.32 with the headers.
    let (frame, bytes, operations) = cost::<1, 4096>();
    assert_eq!(frame, 31);
    assert!(
        bytes <= 31_700 && operations <= 1_017,
        "{bytes} {operations}"
    );
    // 4-byte words: 1.33 times, 1.36 with the headers.
    let (frame, bytes, operations) = cost::<4, 4096>();
    assert_eq!(frame, 32);
    assert!(
        bytes <= 32_700 && operations <= 1_017,
        "{bytes} {operations}"
    );
    // STM32G4, 8-byte words, 2 KiB pages: 1.33 times, 1.39 with the headers.
    let (frame, bytes, operations) = cost::<8, 2048>();
    assert_eq!(frame, 32);
    assert!(
        bytes <= 33_400 && operations <= 1_034,
        "{bytes} {operations}"
    );
    let (frame, ..) = cost::<16, 2048>();
    assert_eq!(frame, 32);
    let (frame, ..) = cost::<32, 8192>();
    assert_eq!(frame, 32);
}

#[test]
fn the_wear_of_a_ring_is_even() {
    let flash = VirtualNor::<8, 2048>::new(16 << 10, Words::Once);
    let mut journal =
        block_on(Journal::<_>::format(flash.clone(), Identity::new([1; 16]))).unwrap();
    let mut said = false;
    let mut piece = |buffer: &mut [u8; MAX_PAYLOAD]| {
        said = !said;
        buffer[..14].copy_from_slice(b"the sum of all");
        said.then_some(14)
    };
    for _ in 0..20_000 {
        let room = journal.room();
        if room.pages_free + room.pages_reclaimed < 3 {
            if block_on(journal.reclaim(&mut |_| false)).is_err() {
                block_on(journal.snapshot(&mut piece)).unwrap();
            }
        }
        block_on(journal.append(&[0x5a; 24])).unwrap();
    }
    let erases = flash.statistics().page_erases;
    let (least, most) = (erases.iter().min(), erases.iter().max());
    assert!(most > Some(&40), "{erases:?}");
    assert!(
        most.zip(least)
            .is_some_and(|(most, least)| most - least <= 1),
        "{erases:?}"
    );
}
