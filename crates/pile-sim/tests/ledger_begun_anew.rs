//! A ledger begun on a flash whose old one is refused, cut in every operation and at every place:
//! nobody but the old landlord ever claims the pile, and the old landlord always can.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod ledger_model;

use billing_core::journal::Identity;
use billing_core::ledger::Ledger;
use billing_core::record::Record;
use embassy_futures::block_on;
use ledger_model::{Pile, tariff};
use pile_sim::flash::{Cells, Outcome, VirtualNor, Words};
use pile_units::{CardAlias, Credential, CredentialId, PileId, Role, Strength, WallTime};

/// The landlord whom the old ledger names.
fn landlord<const W: usize, const E: usize>(pile: &Pile<W, E>) -> Credential {
    let mut cards = pile.book.credentials().iter();
    *cards.find(|card| card.role == Role::Privilege).unwrap()
}

fn commissioned(alias: CardAlias) -> Record {
    Record::Commissioned {
        pile: PileId::new([3; 8]),
        privilege: Credential {
            id: CredentialId::default(),
            role: Role::Privilege,
            strength: Strength::UidOnly,
            alias,
            revoked: false,
        },
        at: WallTime::default(),
    }
}

fn begin<const W: usize, const E: usize>(flash: &VirtualNor<W, E>, alias: CardAlias) {
    let (name, record) = (Identity::new([8; 16]), commissioned(alias));
    let begun = block_on(Ledger::begin_anew(flash.clone(), name, &record));
    let (ledger, book) = begun.map_err(|error| error.to_string()).unwrap();
    assert_eq!(ledger.last_record(), 1);
    assert_eq!(book.accounts().len(), 0);
}

/// What a boot finds: true for the new ledger, false for a refused one that names the landlord.
/// Anything else is what must not be.
fn boots<const W: usize, const E: usize>(flash: &VirtualNor<W, E>, alias: CardAlias) -> bool {
    match block_on(Ledger::mount(flash.clone())) {
        Ok((_, book)) => {
            assert!(book.pile().is_some(), "anybody may claim it");
            assert_eq!(book.pile(), Some(PileId::new([3; 8])), "an old state");
            assert_eq!(book.credentials()[0].alias, alias);
            true
        }
        Err(error) => {
            assert!(!format!("{error:?}").contains("Blank"), "{error}");
            let named = block_on(Ledger::salvage_privilege(&mut flash.clone()));
            assert_eq!(
                named.unwrap().map(|card| card.alias),
                Some(alias),
                "{error}"
            );
            false
        }
    }
}

fn flash<const W: usize, const E: usize>(cells: &Cells) -> VirtualNor<W, E> {
    VirtualNor::from_cells(cells)
}

/// Cuts every operation of beginning anew at every place, and again the operations of a second try.
fn sweep<const W: usize, const E: usize>(image: &[u8], words: Words, alias: CardAlias) -> usize {
    let whole = VirtualNor::<W, E>::from_image(image, words);
    assert!(!boots(&whole, alias), "the image is refused");
    let mut tried = 0;
    let mut cells = whole.cells();
    whole.record_operations();
    begin(&whole, alias);
    let operations = whole.take_operations();
    assert!(boots(&whole, alias));
    let mut states = Vec::new();
    for operation in &operations {
        for outcome in Outcome::all(operation, W) {
            let mut cut = cells.clone();
            outcome.leave(operation, &mut cut);
            states.push(cut);
        }
        cells.apply(operation);
    }
    for (n, cut) in states.iter().enumerate() {
        tried += 1;
        if boots(&flash::<W, E>(cut), alias) {
            continue;
        }
        let second = flash::<W, E>(cut);
        second.record_operations();
        begin(&second, alias);
        assert!(boots(&second, alias));
        // The second try is cut in turn, at a place of its own.
        let mut cells = cut.clone();
        for operation in second.take_operations() {
            let outcomes = Outcome::all(&operation, W);
            let mut again = cells.clone();
            outcomes[(n * 31) % outcomes.len()].leave(&operation, &mut again);
            tried += 1;
            if !boots(&flash::<W, E>(&again), alias) {
                let third = flash::<W, E>(&again);
                begin(&third, alias);
                assert!(boots(&third, alias));
            }
            cells.apply(&operation);
        }
    }
    tried
}

/// Old ledgers of several ages, damaged in several ways.
fn images<const W: usize, const E: usize>(pages: usize, words: Words) -> Vec<(Vec<u8>, CardAlias)> {
    let mut images = Vec::new();
    for (records, seed) in [(3, 1), (60, 2), (400, 3), (1500, 4)] {
        let mut pile = Pile::<W, E>::new(pages, words, seed);
        pile.settle_in(3, tariff(16));
        for _ in 0..records {
            let record = pile.next_record(4);
            pile.write(&record);
        }
        let alias = landlord(&pile).alias;
        let image = pile.flash.image();
        let written: Vec<usize> = (0..pages).filter(|page| image[page * E] != 0xff).collect();
        if let Some(damaged) = headless::<W, E>(&mut pile) {
            images.push((damaged, alias));
        }
        // A frame or a header in the midst of any page.
        for page in written {
            for at in [20, 40, 100, 200, E / 2, E - 60] {
                let mut damaged = image.clone();
                for byte in &mut damaged[page * E + at..page * E + at + 3] {
                    *byte ^= 0x3c;
                }
                let flash = VirtualNor::<W, E>::from_image(&damaged, words);
                let refused = block_on(Ledger::mount(flash.clone())).is_err();
                let named = block_on(Ledger::salvage_privilege(&mut flash.clone())).unwrap();
                if refused && named.is_some_and(|card| card.alias == alias) {
                    images.push((damaged, alias));
                }
            }
        }
    }
    images
}

/// The pile's flash once its newest page stands behind a snapshot, with that page's header damaged:
/// the page is why the flash is refused.
fn headless<const W: usize, const E: usize>(pile: &mut Pile<W, E>) -> Option<Vec<u8>> {
    let counter = |page: &[u8]| u32::from_le_bytes(page[12..16].try_into().unwrap());
    for _ in 0..2000 {
        let record = pile.next_record(4);
        if pile.book.check(&record).is_ok() {
            pile.write(&record);
        }
        let mut image = pile.flash.image();
        let written = |flags: u8| {
            let pages = image.chunks(E).enumerate();
            pages.filter(move |(_, page)| page[0] != 0xff && page[5] & 2 == flags)
        };
        let (newest, page) = written(0).max_by_key(|(_, page)| counter(page))?;
        let before = counter(page).checked_sub(1);
        if written(2).any(|(_, it)| Some(counter(it)) == before) {
            image[newest * E + 20] ^= 0x01;
            image[newest * E + 60] ^= 0x10;
            return Some(image);
        }
    }
    None
}

fn sweep_some<const W: usize, const E: usize>(pages: usize, words: Words, each: usize) {
    let images = images::<W, E>(pages, words);
    assert!(images.len() > 20, "{}", images.len());
    let mut tried = 0;
    // The first is one whose newest page is headless behind a snapshot.
    for (image, alias) in images.iter().step_by(each) {
        tried += sweep::<W, E>(image, words, *alias);
    }
    println!(
        "{} refused images, {tried} cuts",
        images.len().div_ceil(each)
    );
    assert!(tried > 2000, "{tried}");
}

#[test]
fn nobody_else_claims_a_pile_whose_new_ledger_was_cut_on_an_stm32g4() {
    sweep_some::<8, 2048>(32, Words::Once, 24);
}

#[test]
fn nobody_else_claims_a_pile_whose_new_ledger_was_cut_on_a_small_w25q() {
    sweep_some::<1, 4096>(8, Words::ClearBits, 12);
}

#[test]
fn a_ledger_begun_anew_lives_on_round_the_flash() {
    let images = images::<8, 2048>(32, Words::Once);
    let (image, alias) = images.last().unwrap();
    let flash = VirtualNor::<8, 2048>::from_image(image, Words::Once);
    begin(&flash, *alias);
    let (ledger, book) = block_on(Ledger::mount(flash.clone())).ok().unwrap();
    let mut pile = Pile::found(flash, ledger, book, 5);
    for _ in 0..3000 {
        let record = pile.next_record(4);
        if pile.book.check(&record).is_ok() {
            pile.write(&record);
        }
    }
    pile.audit();
    assert!(pile.slices > 60, "{}", pile.slices);
}
