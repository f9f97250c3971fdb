//! The bodies of the fuzz targets, so that `cargo test` plays their corpora, too.
//!
//! A body takes any bytes and panics where a promise is broken.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a broken promise must end the fuzzer's run"
)]

mod cards;
mod conversation;
mod link;
mod meters;
mod talk;

use std::cell::OnceCell;

use billing_core::book::Book;
use billing_core::book::testing::next_record;
use billing_core::journal::{AppendError, Head, Identity, Journal, MAX_PAYLOAD};
use billing_core::ledger::{Ledger, LedgerError};
use embassy_futures::block_on;

use crate::flash::{VirtualNor, Words};

pub use cards::card_frames;
pub use conversation::conversation;
pub use link::{frame_stream, phone_end, pile_end};
pub use meters::meter_bytes;
pub use talk::deed_of;

type Flash = VirtualNor<8, 2048>;

const PAGES: usize = 24;
const IDENTITY: Identity = Identity::new(*b"a fuzzed ledger.");

/// A flash as it may be found: `ledger_image`.
///
/// The first byte says what the others are: an image; changes to the image of a true life, three
/// bytes each (where, modulo the image, and what to flip); or payloads, each behind its length,
/// that a journal holds in good order, where a length of zero makes a snapshot of those before it.
///
/// - Nothing panics, and a mount writes nothing.
/// - What is mounted balances, is mounted again to the same, and goes on.
/// - A changed image is refused, or it is the ledger as it was, but for what a torn last write can
///   have covered, and for what the journal's limits say of its youngest page.
///
/// # Panics
/// Where one of these is broken.
pub fn ledger_image(data: &[u8]) {
    match data.split_first() {
        Some((0, image)) => drop(mounted(&flash_of(image))),
        Some((1..=127, changes)) => changed(changes),
        Some((_, payloads)) => drop(mounted(&journal_of(payloads))),
        None => (),
    }
}

fn flash_of(image: &[u8]) -> Flash {
    let mut whole = vec![0xff; PAGES * 2048];
    for (cell, byte) in whole.iter_mut().zip(image) {
        *cell = *byte;
    }
    Flash::from_image(&whole, Words::Once)
}

/// Mounts the flash and holds the ledger to its promises; its head, if it is taken for one.
fn mounted(flash: &Flash) -> Option<Head> {
    let before = flash.image();
    let opened = block_on(Ledger::mount(flash.clone()));
    assert!(flash.image() == before, "a mount wrote");
    let (mut ledger, mut book) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let privilege = block_on(Ledger::salvage_privilege(&mut flash.clone()));
            assert!(privilege.is_ok() && !error.to_string().is_empty());
            return None;
        }
    };
    let head = ledger.head();
    let balance = book.balance();
    assert_eq!(balance.metered, balance.accounted());
    let mut records = 0;
    block_on(ledger.visit(|_, _| records += 1)).expect("it was verified a moment ago");
    let again = block_on(Ledger::mount(flash.clone())).expect("it was mounted a moment ago");
    assert!(again.1 == book && again.0.head() == head);
    go_on(&mut ledger, &mut book);
    let again = block_on(Ledger::mount(flash.clone())).expect("it went on from a good ledger");
    assert!(again.1 == book && again.0.head() == ledger.head());
    Some(head)
}

/// Writes some records more, as far as there is room.
fn go_on(ledger: &mut Ledger<Flash>, book: &mut Book) {
    let mut state = 7_u32;
    let mut dice = |sides: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % sides.max(1)
    };
    for _ in 0..4 {
        let record = next_record(book, 4, &mut dice);
        // Numbers may be at their end, where the dice do not look.
        if book.check(&record).is_err() {
            continue;
        }
        match block_on(ledger.append(&*book, &record)) {
            Ok(_) => book.apply(&record).expect("it was checked"),
            Err(LedgerError::Append(AppendError::Full)) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A true life, and every head it had with the bytes that were programmed until then.
struct Life {
    image: Vec<u8>,
    /// Where the youngest page starts.
    youngest: usize,
    heads: Vec<(Head, u64)>,
}

fn life() -> Life {
    let flash = Flash::new(PAGES * 2048, Words::Once);
    let (mut ledger, mut book) =
        block_on(Ledger::format(flash.clone(), IDENTITY)).expect("a flash like any other");
    let mut state = 1_u32;
    let mut dice = |sides: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % sides.max(1)
    };
    let mut heads = vec![(ledger.head(), 0)];
    for _ in 0..1500 {
        let record = next_record(&book, 4, &mut dice);
        if block_on(ledger.append(&book, &record)).is_err() {
            break;
        }
        book.apply(&record).expect("it may truly come next");
        while ledger.wants_work(&book) {
            block_on(ledger.work(&book)).expect("the flash is good");
        }
        heads.push((ledger.head(), flash.statistics().bytes_programmed));
    }
    let image = flash.image();
    let counter = |page: &[u8]| page.get(12..16).and_then(|it| it.try_into().ok());
    let counters = image
        .chunks(2048)
        .map(|page| counter(page).map(u32::from_le_bytes));
    // An erased page has no counter.
    let youngest = counters
        .enumerate()
        .filter(|(_, counter)| *counter != Some(u32::MAX))
        .max_by_key(|(_, counter)| *counter)
        .map_or(0, |(page, _)| page * 2048);
    Life {
        image,
        youngest,
        heads,
    }
}

fn changed(changes: &[u8]) {
    thread_local!(static LIFE: OnceCell<Life> = const { OnceCell::new() });
    LIFE.with(|cell| {
        let life = cell.get_or_init(life);
        let mut image = life.image.clone();
        for change in changes.chunks_exact(3) {
            if let [low, high, flip] = *change {
                let place = usize::from(u16::from_le_bytes([low, high])) % image.len();
                if let Some(byte) = image.get_mut(place) {
                    *byte ^= flip;
                }
            }
        }
        let is_changed = |from: usize, to: usize| {
            let range = life.youngest + from..life.youngest + to;
            image.get(range.clone()) != life.image.get(range)
        };
        let hidden = is_changed(24, 80) && is_changed(88, 88 + 248);
        let flash = Flash::from_image(&image, Words::Once);
        if let Some(head) = mounted(&flash) {
            let (_, end) = life.heads.last().expect("a life has heads");
            let (_, at) = life
                .heads
                .iter()
                .find(|(known, _)| *known == head)
                .expect("no other ledger than this one");
            let lost = end - at;
            assert!(
                lost <= 248 || hidden,
                "{lost} bytes of records are gone without a word"
            );
        }
    });
}

fn journal_of(payloads: &[u8]) -> Flash {
    let flash = Flash::new(PAGES * 2048, Words::Once);
    let mut journal =
        block_on(Journal::<_>::format(flash.clone(), IDENTITY)).expect("a flash like any other");
    let mut rest = payloads;
    let mut pieces: Vec<&[u8]> = Vec::new();
    while let Some((length, after)) = rest.split_first() {
        let length = usize::from(*length).min(MAX_PAYLOAD).min(after.len());
        let (payload, after) = after.split_at(length);
        rest = after;
        if payload.is_empty() {
            let mut stated = std::mem::take(&mut pieces).into_iter();
            let mut piece = |buffer: &mut [u8; MAX_PAYLOAD]| {
                let piece = stated.next()?;
                buffer.get_mut(..piece.len())?.copy_from_slice(piece);
                Some(piece.len())
            };
            let _ = block_on(journal.snapshot(&mut piece));
        } else {
            pieces.push(payload);
            let _ = block_on(journal.append(payload));
        }
    }
    flash
}
