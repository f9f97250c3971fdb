//! The fold under lives that nobody wrote: I2 after every record, and no record that breaks it; the
//! price of a stretch; what is kept; the order of times.

extern crate std;

use super::Book;
use super::testing::next_record;
use crate::record::{Record, arbitrary};
use pile_units::{AccountId, CredentialId, Energy, PhoneId, SessionId, UnixSeconds};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::vec::Vec;

/// A linear congruential generator.
fn dice(seed: u64) -> impl FnMut(u32) -> u32 {
    let mut state = seed;
    move |sides| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(state >> 33).unwrap() % sides.max(1)
    }
}

proptest! {
    #[test]
    fn i2_the_meters_are_accounted_for_after_every_record(
        seed in any::<u64>(), ports in 1usize..=16,
    ) {
        let mut book = Book::new();
        let mut dice = dice(seed);
        for _ in 0..600 {
            let record = next_record(&book, ports, &mut dice);
            let before = book.balance().metered;
            book.apply(&record).unwrap();
            let balance = book.balance();
            prop_assert_eq!(balance.metered, balance.accounted());
            prop_assert!(balance.metered >= before);
        }
        prop_assert!(book.balance().metered > Energy::ZERO);
    }

    #[test]
    fn i9_a_stretch_has_the_price_its_account_was_on_when_it_began(
        seed in any::<u64>(), ports in 1usize..=16,
    ) {
        let mut book = Book::new();
        let mut dice = dice(seed);
        // By session, the prices of the open stretch.
        let mut prices = HashMap::new();
        for _ in 0..600 {
            let record = next_record(&book, ports, &mut dice);
            let (began, band) = match &record {
                Record::SessionOpened { session, band, .. }
                | Record::OpenedByPhone { session, band, .. } => (Some(*session), Some(*band)),
                Record::SegmentClosed { segment, next } => (Some(segment.session), Some(*next)),
                _ => (None, None),
            };
            if let Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } = &record {
                let priced = (segment.energy_price, segment.service_price);
                prop_assert_eq!(prices.get(&segment.session), Some(&priced));
            }
            book.apply(&record).unwrap();
            for open in book.open_sessions() {
                let now = (open.segment.energy_price, open.segment.service_price);
                if began == Some(open.id) {
                    // What its plan says, or the standard one.
                    let plan = book.account(open.account).unwrap().plan;
                    let all: Vec<_> = book.tariffs().collect();
                    let own = all.iter().find(|it| it.0 == plan).unwrap_or(&all[0]);
                    let band = own.2.band(band.unwrap()).unwrap();
                    prop_assert_eq!(now, (band.energy, band.service));
                    prices.insert(open.id, now);
                } else {
                    // Neither a tariff nor a plan changes it.
                    prop_assert_eq!(prices.get(&open.id), Some(&now));
                }
            }
        }
    }

    #[test]
    fn what_is_not_kept_was_settled_exported_and_paid_and_stays_forgotten(
        seed in any::<u64>(), ports in 1usize..=4,
    ) {
        let mut book = Book::new();
        let mut dice = dice(seed);
        let mut told: Vec<Record> = Vec::new();
        // The judge: when each session was billed and each account settled last, what was paid.
        let mut billed: HashMap<SessionId, usize> = HashMap::new();
        let mut settled: HashMap<AccountId, usize> = HashMap::new();
        let mut paid: HashSet<u32> = HashSet::new();
        let mut forgotten = HashSet::new();
        for n in 1..=500 {
            let record = if n % 50 == 0 {
                let through = u64::try_from(n - 25).unwrap();
                Record::Exported { through: through.max(book.exported() + 1), at: book.last() }
            } else {
                next_record(&book, ports, &mut dice)
            };
            book.apply(&record).unwrap();
            match &record {
                Record::SessionClosed(closed) => drop(billed.insert(closed.session, n)),
                Record::Settled(it) => drop(settled.insert(it.account, n)),
                Record::Paid { settlement, .. } => drop(paid.insert(*settlement)),
                _ => {}
            }
            told.push(record);
            for (seq, record) in (1u64..).zip(&told).filter(|(_, record)| record.is_kept()) {
                let exported = seq <= book.exported();
                if book.keeps(seq, record) {
                    prop_assert!(!forgotten.contains(&seq), "{record:?}");
                    continue;
                }
                forgotten.insert(seq);
                let in_settlement = |account, session| {
                    let (billed, settled) = (billed.get(&session), settled.get(&account));
                    billed.zip(settled).is_some_and(|(billed, settled)| billed < settled)
                };
                let done = match record {
                    Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                        in_settlement(segment.account, segment.session)
                    }
                    Record::SessionClosed(it) => in_settlement(it.account, it.session),
                    Record::Settled(it) => paid.contains(&it.id),
                    _ => true,
                };
                prop_assert!(done && exported, "{seq} {record:?}");
            }
        }
        // With everything settled, paid and exported, nothing is left but open sessions.
        let ids: Vec<_> = book.accounts().iter().map(|it| it.id).collect();
        for id in ids {
            if let Some(due) = book.settlement(id, book.last()) {
                book.apply(&Record::Settled(due)).unwrap();
            }
        }
        while let Some(settlement) = book.settlements().first().map(|it| it.id) {
            let reference = "cash".parse().unwrap();
            let at = book.last();
            book.apply(&Record::Paid { settlement, reference, at }).unwrap();
        }
        book.apply(&Record::Exported { through: 10_000, at: book.last() }).unwrap();
        if book.open_sessions().next().is_none() {
            prop_assert!((1..).zip(&told).all(|(seq, record)| !book.keeps(seq, record)));
        }
    }

    #[test]
    fn of_a_session_nothing_ends_before_it_begins_whatever_the_clock_does(
        seed in any::<u64>(), ports in 1usize..=16,
    ) {
        let mut book = Book::new();
        let mut dice = dice(seed);
        let mut ends: HashMap<SessionId, UnixSeconds> = HashMap::new();
        for _ in 0..600 {
            let record = next_record(&book, ports, &mut dice);
            book.apply(&record).unwrap();
            match record {
                Record::SessionOpened { session, at, .. }
                | Record::OpenedByPhone { session, at, .. } => drop(ends.insert(session, at.unix)),
                Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                    let end = ends.insert(segment.session, segment.to.unix);
                    prop_assert_eq!(end, Some(segment.from.unix));
                    prop_assert!(segment.from.unix <= segment.to.unix);
                }
                Record::SessionClosed(it) => {
                    prop_assert!(ends[&it.session] <= it.closed.unix);
                    prop_assert!(it.opened.unix <= it.closed.unix);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_book_is_made_again_from_its_pieces(
        seed in any::<u64>(), records in 0usize..600,
    ) {
        let mut book = Book::new();
        let mut dice = dice(seed);
        for _ in 0..records {
            let record = next_record(&book, 10, &mut dice);
            book.apply(&record).unwrap();
        }
        let mut again = Book::new();
        for piece in book.pieces() {
            again.restore(&piece).unwrap();
        }
        prop_assert_eq!(&again, &book);
        // And it goes on as the first would.
        let record = next_record(&book, 10, &mut dice);
        prop_assert_eq!(again.apply(&record), Ok(()));
    }

    #[test]
    fn i5_no_phone_outlives_its_card_and_no_request_is_taken_twice(
        seed in any::<u64>(), ports in 1usize..=16,
    ) {
        let mut book = Book::new();
        let mut dice = dice(seed);
        // The judge: which phones live, and the request of each one's last start.
        let mut cards: HashMap<PhoneId, CredentialId> = HashMap::new();
        let mut requests: HashMap<PhoneId, u32> = HashMap::new();
        let mut privilege = CredentialId::new(0);
        let mut given = 0;
        for _ in 0..600 {
            let record = next_record(&book, ports, &mut dice);
            book.apply(&record).unwrap();
            match record {
                Record::PhoneBound { phone, credential, .. } => {
                    prop_assert!(phone.get() > given);
                    given = phone.get();
                    cards.insert(phone, credential);
                }
                Record::PhoneRevoked { phone, .. } => drop(cards.remove(&phone)),
                Record::Revoked { credential, .. } => cards.retain(|_, card| *card != credential),
                Record::Recovered { credential, .. } => {
                    cards.retain(|_, card| *card != privilege);
                    privilege = credential.id;
                }
                Record::OpenedByPhone { phone, request, .. } => {
                    prop_assert!(cards.contains_key(&phone));
                    let before = requests.insert(phone, request).unwrap_or(0);
                    prop_assert!(request > before);
                    // What was lost and is sent again.
                    prop_assert!(book.check(&record).is_err());
                }
                _ => {}
            }
            let living = book.phones().iter().filter(|it| !it.revoked);
            let living: HashMap<_, _> = living.map(|it| (it.id, it.credential)).collect();
            prop_assert_eq!(&living, &cards);
        }
    }

    #[test]
    fn i8_any_record_is_applied_whole_or_changes_nothing(
        seed in any::<u64>(), lived in 0usize..300,
        records in prop::collection::vec(arbitrary::record(), 1..60),
    ) {
        let mut book = Book::new();
        let mut dice = dice(seed);
        for _ in 0..lived {
            book.apply(&next_record(&book, 10, &mut dice)).unwrap();
        }
        for record in &records {
            let before = book.clone();
            let checked = book.check(record);
            prop_assert_eq!(book.apply(record), checked);
            if checked.is_err() {
                prop_assert_eq!(&book, &before);
            }
            let balance = book.balance();
            prop_assert_eq!(balance.metered, balance.accounted());
        }
    }

    #[test]
    fn i8_any_pieces_are_restored_or_refused(
        pieces in prop::collection::vec(arbitrary::piece(), 1..60),
        records in prop::collection::vec(arbitrary::record(), 1..20),
    ) {
        let mut book = Book::new();
        for piece in &pieces {
            let before = book.clone();
            if book.restore(piece).is_err() {
                prop_assert_eq!(&book, &before);
            }
        }
        // Whatever it holds now, it can be asked, and told more.
        let _ = (book.balance(), book.pieces().count(), book.next_account());
        for record in &records {
            let _ = book.apply(record);
        }
    }
}
