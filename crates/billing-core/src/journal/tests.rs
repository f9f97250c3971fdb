//! Golden bytes and small behaviours. Power cuts and damage are tested on the virtual flash of
//! `pile-sim`.

extern crate std;

use std::vec::Vec;

use embassy_futures::{block_on, poll_once};
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use proptest::prelude::*;

use super::frame::FRAME_MAX;
use super::header::{HEADER_MAX, Header};
use super::testing::{RamFlash, RamFlashError};
use super::*;

mod damage;
mod giving_back;

const IDENTITY: Identity = Identity::new(*b"0123456789abcdef");

type Flash = RamFlash<8, 256, 2048>;

fn formatted() -> Journal<Flash> {
    block_on(Journal::format(Flash::new(), IDENTITY)).unwrap()
}

type Found = Vec<(u64, Kind, Vec<u8>)>;

fn entries(flash: Flash) -> Result<Found, MountError<RamFlashError>> {
    let mut found = Vec::new();
    let visit = &mut |entry: Entry<'_>| found.push((entry.seq, entry.kind, entry.payload.to_vec()));
    block_on(Journal::<_>::mount(flash, visit))?;
    Ok(found)
}

fn golden() -> Vec<u8> {
    let digits = include_str!("golden.hex")
        .split_whitespace()
        .collect::<std::string::String>();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

#[test]
fn an_image_has_the_bytes_that_another_implementation_of_the_format_gives_it() {
    block_on(async {
        let flash = RamFlash::<8, 256, 1024>::new();
        let mut journal = Journal::<_>::format(flash, IDENTITY).await.unwrap();
        journal.append(b"first").await.unwrap();
        let counting: Vec<u8> = (0..200).collect();
        journal.append(&counting[..140]).await.unwrap();
        let mut pieces = [b"sum"].into_iter();
        giving_back::snapshot(&mut journal, |buffer| {
            let piece = pieces.next()?;
            buffer[..3].copy_from_slice(piece);
            Some(3)
        })
        .await;
        let kept = journal.reclaim(&mut |entry| entry.seq == 1).await.unwrap();
        assert_eq!((kept.seq, kept.bytes, kept.operations), (5, 16, 1));
        journal.append(&counting[120..]).await.unwrap();
        assert_eq!(journal.room().pages_reclaimed, 1);
        let opened = journal.append(&[0; 60]).await.unwrap();
        assert_eq!(opened.operations, 2);
        assert_eq!(journal.room().pages_reclaimed, 0);
        assert_eq!(journal.release().bytes[..], golden());
    });
}

#[test]
fn a_golden_image_mounts() {
    let flash = RamFlash::<8, 256, 1024> {
        bytes: golden().try_into().unwrap(),
    };
    let mut found = Vec::new();
    let visit = &mut |entry: Entry<'_>| found.push((entry.seq, entry.kind, entry.payload.to_vec()));
    let journal = block_on(Journal::<_>::mount(flash, visit)).unwrap();
    assert_eq!(
        found,
        [
            (3, Kind::Piece, b"sum".to_vec()),
            (4, Kind::End, 1_u32.to_le_bytes().to_vec()),
            (1, Kind::Carried, b"first".to_vec()),
            (6, Kind::Record, (120..200).collect()),
            (7, Kind::Record, [0; 60].to_vec()),
        ]
    );
    assert_eq!((journal.next_seq(), journal.identity()), (8, IDENTITY));
    assert_eq!(journal.mended(), Mended::default());
}

#[test]
fn an_erased_flash_is_blank_and_never_a_fresh_journal() {
    assert_eq!(entries(Flash::new()), Err(MountError::Blank));
    // A format that was cut in its only header has held no record, either.
    let mut flash = Flash::new();
    flash.bytes[..20].fill(0);
    assert_eq!(entries(flash.clone()), Err(MountError::Blank));
    // Anything behind a header's place may have been a record.
    flash.bytes[700] = 0;
    let lost = Corruption {
        page: 2,
        seq: 0,
        kind: Damage::NoHeader,
    };
    assert_eq!(entries(flash), Err(MountError::Corrupt(lost)));
}

#[test]
fn a_later_format_is_named_by_its_version() {
    let mut flash = formatted().release();
    flash.bytes[4] = 9;
    flash.bytes[80] ^= 0x55;
    assert_eq!(entries(flash), Err(MountError::Version(9)));
}

#[test]
fn a_format_that_was_cut_in_its_header_is_blank_and_no_other_version() {
    let whole = formatted().release();
    for end in 0..80 {
        for last in [0xff, whole.bytes[end] | 0x55, whole.bytes[end] | 0xaa] {
            let mut flash = whole.clone();
            flash.bytes[end] = last;
            flash.bytes[end + 1..].fill(0xff);
            assert_eq!(entries(flash), Err(MountError::Blank), "{end} {last:x}");
        }
    }
}

#[test]
fn a_flash_of_another_shape_is_refused() {
    let small = formatted().release();
    let mut bytes = [0xff; 4096];
    bytes[..2048].copy_from_slice(&small.bytes);
    let larger = RamFlash::<8, 256, 4096> { bytes };
    let coarser = RamFlash::<8, 512, 2048> { bytes: small.bytes };
    let finer = RamFlash::<4, 256, 2048> { bytes: small.bytes };
    let different = MountError::Geometry(Geometry::Different);
    block_on(async {
        assert_eq!(
            Journal::<_>::mount(larger, &mut |_| ()).await.err(),
            Some(different)
        );
        assert_eq!(
            Journal::<_>::mount(coarser, &mut |_| ()).await.err(),
            Some(different)
        );
        assert_eq!(
            Journal::<_>::mount(finer, &mut |_| ()).await.err(),
            Some(different)
        );
        let two = RamFlash::<8, 256, 512>::new();
        let few = Journal::<_>::format(two, IDENTITY).await.err();
        assert_eq!(few, Some(FormatError::Geometry(Geometry::TooFewPages)));
        let odd = RamFlash::<8, 256, 1000>::new();
        let odd = Journal::<_>::format(odd, IDENTITY).await.err();
        assert_eq!(odd, Some(FormatError::Geometry(Geometry::Capacity)));
    });
}

#[test]
fn a_page_may_be_several_erase_units() {
    block_on(async {
        let flash = RamFlash::<4, 256, 4096>::new();
        let mut journal = Journal::<_, 4>::format(flash, IDENTITY).await.unwrap();
        assert_eq!(journal.room().pages, 4);
        assert_eq!(journal.max_payload(), MAX_PAYLOAD);
        for index in 0..10 {
            journal.append(&[index; MAX_PAYLOAD]).await.unwrap();
        }
        let flash = journal.release();
        let mut count = 0;
        Journal::<_, 4>::mount(flash, &mut |_| count += 1)
            .await
            .unwrap();
        assert_eq!(count, 10);
    });
}

#[test]
fn a_record_has_1_to_240_bytes_or_what_a_short_page_holds() {
    block_on(async {
        let mut journal = formatted();
        let max = 256 - 88 - 7;
        assert_eq!(journal.max_payload(), max);
        let room = journal.room();
        assert_eq!(journal.append(&[]).await, Err(AppendError::Length { max }));
        assert_eq!(
            journal.append(&[0; 162]).await,
            Err(AppendError::Length { max })
        );
        assert_eq!(journal.room(), room);
        assert_eq!(
            journal.append(&[0; 161]).await.map(|done| done.bytes),
            Ok(168)
        );
        assert_eq!(journal.room().bytes_left_in_page, 0);
    });
}

#[test]
fn a_page_that_was_just_erased_is_not_erased_again() {
    block_on(async {
        let mut journal = formatted();
        let mut operations = Vec::new();
        for _ in 0..4 {
            operations.push(journal.append(&[0; 120]).await.unwrap().operations);
        }
        // After a format: header and frame.
        assert_eq!(operations, [1, 2, 2, 2]);
        let mut journal = Journal::<_>::mount(journal.release(), &mut |_| ())
            .await
            .unwrap();
        // After a boot, erased or not: an erase, too.
        assert_eq!(journal.append(&[0; 120]).await.unwrap().operations, 3);
        assert_eq!(journal.erase_ahead().await, Ok(true));
        assert_eq!(journal.room().pages_erased, 1);
        assert_eq!(journal.append(&[0; 120]).await.unwrap().operations, 2);
        for _ in 0..2 {
            assert_eq!(journal.erase_ahead().await, Ok(true));
        }
        assert_eq!(journal.erase_ahead().await, Ok(false));
    });
}

/// A flash whose writes fail, or never come back.
struct Broken {
    flash: Flash,
    fails: bool,
    hangs: bool,
}

impl ErrorType for Broken {
    type Error = RamFlashError;
}

impl ReadNorFlash for Broken {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), RamFlashError> {
        self.flash.read(offset, bytes).await
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Broken {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 256;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), RamFlashError> {
        self.flash.erase(from, to).await
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), RamFlashError> {
        if self.hangs {
            core::future::pending::<()>().await;
        }
        if self.fails {
            return Err(RamFlashError::NotErased);
        }
        self.flash.write(offset, bytes).await
    }
}

#[test]
fn a_flash_error_or_a_dropped_append_poisons_until_the_next_mount() {
    for hangs in [false, true] {
        let flash = Broken {
            flash: Flash::new(),
            fails: false,
            hangs: false,
        };
        let mut journal = block_on(Journal::<_>::format(flash, IDENTITY)).unwrap();
        block_on(journal.append(b"kept")).unwrap();
        journal.flash.hangs = hangs;
        journal.flash.fails = true;
        if hangs {
            assert!(poll_once(journal.append(b"lost")).is_pending());
        } else {
            let error = AppendError::Flash(RamFlashError::NotErased);
            assert_eq!(block_on(journal.append(b"lost")), Err(error));
        }
        journal.flash.hangs = false;
        journal.flash.fails = false;
        assert_eq!(
            block_on(journal.append(b"late")),
            Err(AppendError::Poisoned)
        );
        let mut journal = block_on(Journal::<_>::mount(journal.release(), &mut |_| ())).unwrap();
        assert_eq!(
            block_on(journal.append(b"next")).map(|done| done.seq),
            Ok(2)
        );
    }
}

#[test]
fn a_scan_notices_what_changed_under_a_running_journal() {
    let mut journal = formatted();
    block_on(journal.append(b"one record")).unwrap();
    journal.flash.bytes[91..95].fill(0);
    let expected = Corruption {
        page: 0,
        seq: 1,
        kind: Damage::Frame,
    };
    assert_eq!(
        block_on(journal.scan(&mut |_| ())),
        Err(ScanError::Corrupt(expected))
    );
}

#[test]
fn one_wrong_bit_in_the_erased_rest_costs_the_page_and_two_far_away_are_refused() {
    block_on(async {
        let mut flash = RamFlash::<4, 2048, 8192>::new();
        let mut journal = Journal::<_>::format(&mut flash, IDENTITY).await.unwrap();
        journal.append(b"one record").await.unwrap();
        for at in [104, 110, 900, 2047] {
            let mut worn = flash.clone();
            worn.bytes[at] ^= 4;
            let mut count = 0;
            let journal = Journal::<_>::mount(&mut worn, &mut |_| count += 1).await;
            let journal = journal.unwrap();
            assert_eq!((count, journal.room().bytes_left_in_page), (1, 0));
            assert!(journal.mended().torn);
        }
        flash.bytes[1500] ^= 4;
        flash.bytes[2040] ^= 4;
        let lost = Corruption {
            page: 0,
            seq: 2,
            kind: Damage::Frame,
        };
        let two = Journal::<_>::mount(&mut flash, &mut |_| ()).await.err();
        assert_eq!(two, Some(MountError::Corrupt(lost)));
    });
}

#[test]
fn journals_of_other_identities_have_other_chains() {
    let other = Identity::new([0; 16]);
    let one = formatted();
    let two = block_on(Journal::<_>::format(Flash::new(), other)).unwrap();
    assert_ne!(one.head(), two.head());
    assert_eq!(std::format!("{}", one.head()).len(), 64);
}

#[test]
fn every_single_bit_of_a_frame_is_mended_and_no_two() {
    let chain = Chain {
        seq: 0x1234,
        head: Head([7; 32]),
    };
    for length in [1, 7, 100, 240] {
        let mut bytes = [0; FRAME_MAX];
        let next = frame::emit(&chain, Kind::Piece, &[0x5a; 240][..length], &mut bytes).unwrap();
        let whole = bytes;
        let end = (length + frame::OVERHEAD) * 8;
        for bit in 0..end {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(frame::check(&bytes, &chain).is_none());
            let frame = frame::repair(&mut bytes, &chain);
            assert_eq!(frame.map(|frame| frame.next), Some(next), "bit {bit}");
            bytes = whole;
        }
        for (first, second) in (0..end)
            .zip((0..end).rev())
            .filter(|(first, second)| first < second)
        {
            bytes[first / 8] ^= 1 << (first % 8);
            bytes[second / 8] ^= 1 << (second % 8);
            let damaged = bytes;
            assert_eq!(frame::repair(&mut bytes, &chain), None);
            assert_eq!(bytes, damaged, "left alone");
            bytes = whole;
        }
    }
}

proptest! {
    #[test]
    fn a_frame_reads_back_what_was_written(
        seq: u64, head: [u8; 32], payload in prop::collection::vec(any::<u8>(), 1..=240),
    ) {
        let chain = Chain { seq, head: Head(head) };
        let mut bytes = [0; FRAME_MAX];
        let next = frame::emit(&chain, Kind::Record, &payload, &mut bytes).unwrap();
        let read = frame::check(&bytes, &chain).unwrap();
        prop_assert_eq!((read.kind, read.len, read.next), (Kind::Record, payload.len(), next));
        prop_assert_eq!(&bytes[frame::PAYLOAD_AT..][..payload.len()], &payload[..]);
        let elsewhere = Chain { seq: seq ^ 64, ..chain };
        prop_assert_eq!(frame::check(&bytes, &elsewhere), None);
    }

    #[test]
    fn a_header_reads_back_what_was_written(
        recovery: bool, counter: u32, base: u32, back: u32,
        seq: u64, head: [u8; 32], identity: [u8; 16], page_size: u16, pages: u16, write_size: u8,
        bit in prop::option::of(0..84_usize * 8),
    ) {
        let first = Chain { seq, head: Head(head) };
        let copies = seq - u64::from(back).min(seq);
        let oldest = Oldest { page: base, copies };
        let identity = Identity::new(identity);
        let header = Header {
            recovery, counter, oldest, first, identity, page_size, pages, write_size,
            provisional: false,
        };
        let mut bytes = [0; HEADER_MAX];
        header.emit(&mut bytes);
        if let Some(bit) = bit {
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        prop_assert_eq!(Header::parse(&bytes), header::Found::Valid(header));
    }

    #[test]
    fn i8_total_over_arbitrary_frames_and_headers(
        mut bytes in prop::array::uniform32(any::<u8>()), more in prop::collection::vec(any::<u8>(), 224),
        seq: u64, head: [u8; 32],
    ) {
        let chain = Chain { seq, head: Head(head) };
        bytes[0] |= 1;
        let mut all: Vec<u8> = bytes.iter().chain(&more).copied().collect();
        prop_assert_eq!(frame::check(&all, &chain), None);
        prop_assert_eq!(frame::repair(&mut all, &chain), None);
        prop_assert_eq!(Header::parse(&all), header::Found::Nothing);
        for end in 0..12 {
            prop_assert_eq!(frame::check(&all[..end], &chain), None);
        }
    }
}
