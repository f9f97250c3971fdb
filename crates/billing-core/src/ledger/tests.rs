//! What the ledger makes of a journal. Flash that loses power is in `pile-sim`'s tests.

extern crate std;

use super::capacity::Capacity;
use super::{Ledger, LedgerError, OpenError};
use crate::book::testing::{closing, enrolled, next_record, opened, paid, progress, tariff_set};
use crate::book::{Book, FoldError};
use crate::journal::testing::RamFlash;
use crate::journal::{AppendError, Identity, Journal, MAX_PAYLOAD, MountError};
use crate::record::{Advance, Advances, Piece, Record, Revocation, size};
use embassy_futures::block_on;
use pile_units::{CardAlias, Credential, CredentialId, Energy, PortId, WallTime};
use proptest::prelude::*;
use std::vec::Vec;

mod damage;
mod slices;

type Flash = RamFlash<4, 1024, 32768>;

const IDENTITY: Identity = Identity::new(*b"the test ledger.");

fn dice(seed: u64) -> impl FnMut(u32) -> u32 {
    let mut state = seed;
    move |sides| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(state >> 33).unwrap() % sides.max(1)
    }
}

fn format() -> (Ledger<Flash>, Book) {
    block_on(Ledger::format(Flash::new(), IDENTITY)).unwrap()
}

/// As the shell does it.
fn write(ledger: &mut Ledger<Flash>, book: &mut Book, record: &Record) -> u64 {
    book.check(record).unwrap();
    let done = block_on(ledger.append(&*book, record)).unwrap();
    book.apply(record).unwrap();
    while ledger.wants_work(book) {
        block_on(ledger.work(book)).unwrap();
    }
    done.seq
}

/// A ledger whose journal holds these payloads.
fn journal_of(payloads: &[&[u8]]) -> Flash {
    let mut journal = block_on(Journal::<_>::format(Flash::new(), IDENTITY)).unwrap();
    for payload in payloads {
        block_on(journal.append(payload)).unwrap();
    }
    journal.release()
}

#[test]
fn a_blank_flash_is_blank_and_not_an_empty_ledger() {
    let error = block_on(Ledger::mount(Flash::new())).err();
    assert_eq!(error, Some(OpenError::Mount(MountError::Blank)));
}

#[test]
fn a_journal_of_another_version_is_refused_by_its_number() {
    let (ledger, _) = format();
    let mut flash = ledger.release();
    // The header's version, and its check sum with it (the journal's FORMAT.md).
    flash.bytes[4] = 9;
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&flash.bytes[..80]);
    flash.bytes[80..84].copy_from_slice(&crc.to_le_bytes());
    let error = block_on(Ledger::mount(flash)).err();
    assert_eq!(error, Some(OpenError::Mount(MountError::Version(9))));
}

#[test]
fn a_record_of_a_later_version_is_refused_by_its_number() {
    let mut dice = dice(1);
    let mut buffer = Record::buffer();
    let first = next_record(&Book::new(), 1, &mut dice);
    // No version has had so many kinds.
    let later = [127; 5];
    let flash = journal_of(&[first.encode(&mut buffer), &later]);
    let error = block_on(Ledger::mount(flash)).err();
    assert_eq!(error, Some(OpenError::Unreadable { seq: 2 }));
}

#[test]
fn a_record_that_contradicts_those_before_it_is_refused() {
    let record = Record::Revoked {
        credential: CredentialId::new(7),
        why: Revocation::Lost,
        at: WallTime::default(),
    };
    let mut buffer = Record::buffer();
    let flash = journal_of(&[record.encode(&mut buffer)]);
    let error = block_on(Ledger::mount(flash)).err();
    let why = FoldError::Commissioning;
    assert_eq!(error, Some(OpenError::Contradiction { seq: 1, why }));
}

#[test]
fn i2_a_snapshot_that_does_not_balance_is_refused() {
    let (mut ledger, mut book) = format();
    let mut dice = dice(3);
    for _ in 0..200 {
        let record = next_record(&book, 4, &mut dice);
        write(&mut ledger, &mut book, &record);
    }
    // What it states anew is not what it knows.
    let mut forged = Vec::new();
    for piece in book.pieces() {
        forged.push(match piece {
            Piece::Account(mut account) => {
                account.energy = account.energy.saturating_add(Energy::from_watt_hours(1));
                Piece::Account(account)
            }
            other => other,
        });
    }
    let refused = |flash, wanted| {
        let error = block_on(Ledger::mount(flash)).err();
        assert!(
            matches!(error, Some(OpenError::Contradiction { why, .. }) if why == wanted),
            "{error:?}"
        );
    };
    let state = |pieces: &[Piece], ledger: &mut Ledger<Flash>| {
        let mut pieces = pieces.iter();
        let mut piece = |buffer: &mut [u8; MAX_PAYLOAD]| {
            let piece = pieces.next()?.clone();
            Some(Record::Snapshot(piece).encode(buffer).len())
        };
        block_on(ledger.journal.snapshot(&mut piece)).unwrap();
    };
    let flash = ledger.journal.flash().clone();
    state(&book.pieces().collect::<Vec<_>>(), &mut ledger);
    block_on(Ledger::mount(ledger.journal.flash().clone())).unwrap();
    state(&forged, &mut ledger);
    refused(ledger.release(), FoldError::Snapshot);
    // Where nothing else stands any more, the balance tells.
    let (mut ledger, _) = block_on(Ledger::mount(flash)).unwrap();
    state(&forged, &mut ledger);
    while block_on(ledger.journal.reclaim(&mut |_| false)).is_ok() {}
    let nothing = Record::Progress {
        elapsed: 0,
        advances: Advances::default(),
    };
    while ledger.room().pages_reclaimed > 0 {
        let mut buffer = Record::buffer();
        block_on(ledger.journal.append(nothing.encode(&mut buffer))).unwrap();
    }
    refused(ledger.release(), FoldError::Sum);
}

#[test]
fn the_privilege_card_is_found_on_a_flash_that_is_refused() {
    let (mut ledger, mut book) = format();
    let mut dice = dice(4);
    for _ in 0..400 {
        let record = next_record(&book, 4, &mut dice);
        write(&mut ledger, &mut book, &record);
    }
    let privilege = book.credentials()[0];
    let mut flash = ledger.release();
    for byte in &mut flash.bytes[5000..5400] {
        *byte = byte.rotate_left(3);
    }
    assert!(block_on(Ledger::mount(flash.clone())).is_err());
    let found = block_on(Ledger::salvage_privilege(&mut flash));
    assert_eq!(found, Ok(Some(privilege)));
    flash.bytes.fill(0x5a);
    assert_eq!(block_on(Ledger::salvage_privilege(&mut flash)), Ok(None));
}

#[test]
fn the_card_that_was_recovered_last_is_found_on_a_flash_that_is_refused() {
    let (mut ledger, mut book) = format();
    let mut dice = dice(4);
    let lost = next_record(&book, 4, &mut dice);
    write(&mut ledger, &mut book, &lost);
    let credential = Credential {
        id: CredentialId::new(1),
        alias: CardAlias::new([7; 8]),
        ..book.credentials()[0]
    };
    let at = WallTime::default();
    write(
        &mut ledger,
        &mut book,
        &Record::Recovered { credential, at },
    );
    let found = |ledger: &Ledger<Flash>| {
        let mut flash = ledger.journal.flash().clone();
        block_on(Ledger::salvage_privilege(&mut flash))
    };
    assert_eq!(found(&ledger), Ok(Some(credential)));
    // Also where only a snapshot says so.
    while ledger.journal.oldest_page() < 2 {
        let record = progress(&book, 3, &mut dice);
        write(&mut ledger, &mut book, &record);
    }
    assert_eq!(found(&ledger), Ok(Some(credential)));
}

#[test]
fn one_flipped_bit_is_mended_and_two_are_refused() {
    let (mut ledger, mut book) = format();
    let mut dice = dice(4);
    for _ in 0..12 {
        let record = next_record(&book, 4, &mut dice);
        write(&mut ledger, &mut book, &record);
    }
    let mut flash = ledger.release();
    flash.bytes[100] ^= 1;
    let (_, again) = block_on(Ledger::mount(flash.clone())).unwrap();
    assert_eq!(again, book);
    flash.bytes[101] ^= 0x10;
    let error = block_on(Ledger::mount(flash)).err();
    assert!(matches!(
        error,
        Some(OpenError::Mount(MountError::Corrupt(_)))
    ));
}

#[test]
fn what_is_kept_is_carried_round_the_flash_again_and_again() {
    let (mut ledger, mut book) = format();
    let mut dice = dice(5);
    let mut kept = Vec::new();
    while kept.len() < 40 {
        let record = next_record(&book, 6, &mut dice);
        let seq = write(&mut ledger, &mut book, &record);
        if record.is_kept() {
            kept.push((seq, record));
        }
    }
    let mut leak = Advances::default();
    let port = PortId::from_number(1).unwrap();
    assert!(leak.push(Advance::unattributed(port, Energy::from_milliwatt_hours(1))));
    let leaks = Record::Progress {
        elapsed: 1,
        advances: leak,
    };
    // More than ten times round the flash.
    for round in 0..6 {
        for _ in 0..4000 {
            write(&mut ledger, &mut book, &leaks);
        }
        let (mounted, again) = block_on(Ledger::mount(ledger.release())).unwrap();
        assert!(again == book, "{round}");
        ledger = mounted;
        let mut found = Vec::new();
        block_on(ledger.visit(|seq, record| {
            if record.is_kept() {
                found.push((seq, record));
            }
        }))
        .unwrap();
        found.sort_by_key(|(seq, _)| *seq);
        assert!(found == kept, "{round}");
    }
}

#[test]
fn headroom_and_need_are_the_same_after_a_mount() {
    let (mut ledger, mut book) = format();
    let mut dice = dice(6);
    for _ in 0..300 {
        let record = next_record(&book, 6, &mut dice);
        write(&mut ledger, &mut book, &record);
    }
    let before = (ledger.headroom(&book), ledger.kept);
    let (mut ledger, book) = block_on(Ledger::mount(ledger.release())).unwrap();
    while ledger.wants_work(&book) {
        block_on(ledger.work(&book)).unwrap();
    }
    assert_eq!((ledger.headroom(&book), ledger.kept), before);
}

#[test]
fn a_session_takes_one_of_the_headroom_and_gives_back_what_it_did_not_need() {
    let (mut ledger, mut book) = format();
    let mut dice = dice(7);
    let at = WallTime::default();
    let commissioned = next_record(&book, 1, &mut dice);
    write(&mut ledger, &mut book, &commissioned);
    let tariff = tariff_set(&book, at, &mut |_| 0).unwrap();
    write(&mut ledger, &mut book, &tariff);
    let tenant = enrolled(&book, at, true).unwrap();
    write(&mut ledger, &mut book, &tenant);
    let ports: Vec<_> = PortId::first(3).collect();
    let mut rooms = std::vec![ledger.headroom(&book).sessions];
    for port in &ports {
        let open = opened(&book, *port, at, &mut dice).unwrap();
        write(&mut ledger, &mut book, &open);
        rooms.push(ledger.headroom(&book).sessions);
    }
    let first = rooms[0];
    assert_eq!(rooms, [first, first - 1, first - 2, first - 3]);
    for port in ports {
        for _ in 0..2 {
            let before = ledger.headroom(&book).sessions;
            let record = closing(&book, book.session(port).unwrap(), at, 1000).unwrap();
            write(&mut ledger, &mut book, &record);
            assert!(ledger.headroom(&book).sessions >= before);
        }
    }
    let after = ledger.headroom(&book).sessions;
    assert!((first - 3..=first).contains(&after), "{after} of {first}");
}

#[test]
fn a_fact_is_counted_with_the_segment_that_it_closes_in_every_open_session() {
    let (mut ledger, mut book) = format();
    let mut dice = dice(7);
    let at = WallTime::default();
    let commissioned = next_record(&book, 1, &mut dice);
    write(&mut ledger, &mut book, &commissioned);
    let tariff = tariff_set(&book, at, &mut |_| 0).unwrap();
    write(&mut ledger, &mut book, &tariff);
    let tenant = enrolled(&book, at, true).unwrap();
    write(&mut ledger, &mut book, &tenant);
    let capacity = Capacity::of::<Flash>(ledger.room().pages);
    let mut rooms = Vec::new();
    for port in PortId::first(16) {
        let open = opened(&book, port, at, &mut dice).unwrap();
        write(&mut ledger, &mut book, &open);
        rooms.push(ledger.headroom(&book).facts);
    }
    let one = 16 * capacity.kept(size::SEGMENT);
    let quarter = u32::try_from(ledger.release().bytes.len()).unwrap() / 4;
    assert!(rooms[15] > 0 && rooms[15] * one < quarter, "{rooms:?}");
    assert!(
        rooms.is_sorted_by(|before, after| before >= after),
        "{rooms:?}"
    );
}

#[test]
fn a_full_ledger_without_headroom_refuses_and_loses_nothing() {
    let (mut ledger, mut book) = format();
    let mut dice = dice(8);
    loop {
        // Records that are kept, whatever the headroom says.
        let record = next_record(&book, 6, &mut dice);
        match block_on(ledger.append(&book, &record)) {
            Ok(_) => book.apply(&record).unwrap(),
            Err(error) => {
                assert_eq!(error, LedgerError::Append(AppendError::Full));
                break;
            }
        }
    }
    assert_eq!(ledger.headroom(&book).sessions, 0);
    let (_, again) = block_on(Ledger::mount(ledger.release())).unwrap();
    assert_eq!(again, book);
}

#[test]
fn what_is_settled_and_exported_makes_room() {
    let (mut ledger, mut book) = format();
    let mut dice = dice(9);
    let at = WallTime::default();
    while ledger.headroom(&book).sessions > 0 {
        let record = next_record(&book, 4, &mut dice);
        write(&mut ledger, &mut book, &record);
    }
    // The sessions that are open end.
    loop {
        let Some(open) = book.open_sessions().next().cloned() else {
            break;
        };
        let record = closing(&book, &open, at, 10).unwrap();
        write(&mut ledger, &mut book, &record);
    }
    let accounts: Vec<_> = book.accounts().iter().map(|account| account.id).collect();
    for account in accounts {
        if let Some(settlement) = book.settlement(account, at) {
            write(&mut ledger, &mut book, &Record::Settled(settlement));
        }
    }
    let (settled, kept) = (ledger.headroom(&book), ledger.kept);
    let energy = book.balance().accounts;
    let through = ledger.last_record();
    write(&mut ledger, &mut book, &Record::Exported { through, at });
    assert!(ledger.kept < kept, "{} of {kept}", ledger.kept);
    while let Some(record) = paid(&book, at, &mut |_| 0) {
        write(&mut ledger, &mut book, &record);
    }
    let through = ledger.last_record();
    write(&mut ledger, &mut book, &Record::Exported { through, at });
    let exported = ledger.headroom(&book);
    // Less than a session of a tariff with many bands, on a flash as small as this.
    assert!(
        exported.facts > settled.facts && exported.sessions >= settled.sessions,
        "{settled:?} {exported:?}"
    );
    assert_eq!(book.balance().accounts, energy);
    // And it really is room.
    for _ in 0..1000 {
        if ledger.headroom(&book).sessions == 0 {
            break;
        }
        let record = next_record(&book, 4, &mut dice);
        write(&mut ledger, &mut book, &record);
    }
    let (_, again) = block_on(Ledger::mount(ledger.release())).unwrap();
    assert_eq!(again, book);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn i4_the_fold_after_a_mount_is_the_book_before_it(
        seed in any::<u64>(), ports in 1usize..=16, records in 1usize..500,
    ) {
        let (mut ledger, mut book) = format();
        let mut dice = dice(seed);
        for _ in 0..records {
            let record = next_record(&book, ports, &mut dice);
            write(&mut ledger, &mut book, &record);
        }
        let head = ledger.head();
        let (ledger, again) = block_on(Ledger::mount(ledger.release())).unwrap();
        prop_assert_eq!(again, book);
        prop_assert_eq!(ledger.head(), head);
    }
}
