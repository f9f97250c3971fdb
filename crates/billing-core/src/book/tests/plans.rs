//! Plans: who is charged by which tariff, and from when.

use super::super::testing::{closing, segment};
use super::*;
use crate::book::PlannedTariff;
use pile_units::{MAX_PLANS, Price, UnixSeconds};

fn plan(number: u8) -> PlanId {
    PlanId::new(number).unwrap()
}

fn flat(currency: &str, energy: &str) -> Tariff {
    match tariff(1, currency, energy) {
        Record::TariffSet { tariff, .. } => tariff,
        other => panic!("{other:?}"),
    }
}

/// A tariff for a plan, in yuan.
fn set(number: u8, version: u16, energy: &str) -> Record {
    Record::TariffSet {
        plan: plan(number),
        version: TariffVersion::new(version),
        tariff: flat("CNY", energy),
        at: AT,
    }
}

fn planned(number: u8, from: u32, energy: &str) -> Record {
    Record::TariffPlanned {
        plan: plan(number),
        from: UnixSeconds::new(from),
        tariff: flat("CNY", energy),
        at: AT,
    }
}

fn assigned(account: u16, number: u8) -> Record {
    Record::PlanAssigned {
        account: AccountId::new(account),
        plan: plan(number),
        at: AT,
    }
}

/// Two tenants, and a plan 1 at 0.30 that the second is on.
fn two_prices() -> Book {
    let second = [enrolment(tenant(2, 2)), set(1, 2, "0.30"), assigned(2, 1)];
    and(&ready(), second)
}

fn open_by(book: &Book, card: u16, on: u8) -> Record {
    Record::SessionOpened {
        session: book.next_session(),
        credential: CredentialId::new(card),
        port: port(on),
        band: BandIndex::FIRST,
        at: AT,
    }
}

fn price(book: &Book, on: u8) -> Price {
    book.session(port(on)).unwrap().segment.energy_price
}

/// The open segment of a port ends with so many milliwatt-hours, and the next begins.
fn split(book: &Book, on: u8, mwh: u32) -> Record {
    Record::SegmentClosed {
        segment: segment(book.session(port(on)).unwrap(), AT, mwh),
        next: BandIndex::FIRST,
    }
}

/// Ends the session of a port with so many milliwatt-hours more, and bills it.
fn ended_and_billed(book: &Book, on: u8, mwh: u32) -> Book {
    let last = closing(book, book.session(port(on)).unwrap(), AT, mwh).unwrap();
    let book = and(book, [last]);
    let bill = closing(&book, book.session(port(on)).unwrap(), AT, 0).unwrap();
    and(&book, [bill])
}

fn energy_fee(book: &Book, account: u16) -> u64 {
    let account = book.account(AccountId::new(account)).unwrap();
    account.energy_fee.micros()
}

#[test]
fn an_account_with_its_own_price_pays_it_beside_one_at_standard() {
    let book = two_prices();
    let book = and(&book, [open_by(&book, 1, 1)]);
    let book = and(&book, [open_by(&book, 2, 2)]);
    assert_eq!(price(&book, 1), "0.50".parse().unwrap());
    assert_eq!(price(&book, 2), "0.30".parse().unwrap());
    let versions = [1, 2].map(|it| book.session(port(it)).unwrap().segment.tariff.get());
    assert_eq!(versions, [1, 2]);
    let book = ended_and_billed(&book, 1, 2_000_000);
    let book = ended_and_billed(&book, 2, 2_000_000);
    assert_eq!(
        (energy_fee(&book, 1), energy_fee(&book, 2)),
        (1_000_000, 600_000)
    );
}

#[test]
fn a_plan_without_a_tariff_is_charged_by_the_standard_one() {
    let book = and(&ready(), [assigned(1, 3)]);
    let account = AccountId::new(1);
    assert_eq!(book.account(account).unwrap().plan, plan(3));
    assert_eq!(book.tariff(plan(3)), None);
    assert_eq!(book.tariff_of(account), book.tariff(PlanId::STANDARD));
    assert_eq!(book.tariff_of(AccountId::new(9)), None);
    let book = and(&book, [open_by(&book, 1, 1)]);
    assert_eq!(price(&book, 1), "0.50".parse().unwrap());
    // The plan gets its own tariff: the session goes on by it from its next stretch.
    let book = and(&book, [set(3, 2, "0.10")]);
    assert_eq!(price(&book, 1), "0.50".parse().unwrap());
    let book = and(&book, [split(&book, 1, 1)]);
    assert_eq!(price(&book, 1), "0.10".parse().unwrap());
}

#[test]
fn i9_a_tariff_set_for_a_plan_in_a_session_prices_only_what_comes_after_the_split() {
    let book = two_prices();
    let book = and(&book, [open_by(&book, 1, 1)]);
    let book = and(&book, [open_by(&book, 2, 2)]);
    let book = and(&book, [set(1, 3, "0.80")]);
    assert_eq!(price(&book, 2), "0.30".parse().unwrap());
    let book = and(&book, [split(&book, 2, 1_000_000)]);
    assert_eq!(price(&book, 2), "0.80".parse().unwrap());
    assert_eq!(
        book.session(port(2)).unwrap().segment.tariff,
        TariffVersion::new(3)
    );
    // Another plan's tariff is nothing to the first tenant.
    let book = and(&book, [split(&book, 1, 1_000_000)]);
    assert_eq!(price(&book, 1), "0.50".parse().unwrap());
    let book = ended_and_billed(&book, 2, 1_000_000);
    // 1 kWh at 0.30 and 1 kWh at 0.80.
    assert_eq!(energy_fee(&book, 2), 1_100_000);
}

#[test]
fn i9_a_plan_assigned_in_a_session_prices_only_what_comes_after_the_split() {
    let book = two_prices();
    let book = and(&book, [open_by(&book, 1, 1)]);
    let book = and(&book, [assigned(1, 1)]);
    assert_eq!(price(&book, 1), "0.50".parse().unwrap());
    let book = and(&book, [split(&book, 1, 1_000_000)]);
    assert_eq!(price(&book, 1), "0.30".parse().unwrap());
    let book = ended_and_billed(&book, 1, 1_000_000);
    assert_eq!(energy_fee(&book, 1), 800_000);
}

#[test]
fn the_next_band_is_one_of_the_tariff_that_the_account_is_on() {
    let bands = ["day", "night"].map(|name| Band {
        name: name.parse().unwrap(),
        energy: "0.10".parse().unwrap(),
        service: "0".parse().unwrap(),
    });
    let index = |n: usize| BandIndex::new(u8::try_from(n % 2).unwrap()).unwrap();
    let two = Tariff::new(
        Currency::CNY,
        UtcOffset::UTC,
        &bands,
        core::array::from_fn(index),
        BandIndex::FIRST,
    );
    let two = Record::TariffSet {
        plan: plan(1),
        version: TariffVersion::new(3),
        tariff: two.unwrap(),
        at: AT,
    };
    let book = and(&two_prices(), [two]);
    let book = and(&book, [open_by(&book, 1, 1)]);
    let book = and(&book, [open_by(&book, 2, 2)]);
    let second = |on| Record::SegmentClosed {
        segment: segment(book.session(port(on)).unwrap(), AT, 1),
        next: index(1),
    };
    refused(&book, &second(1), FoldError::Tariff);
    assert_eq!(book.check(&second(2)), Ok(()));
}

#[test]
fn versions_count_over_all_plans() {
    let book = two_prices();
    assert_eq!(book.next_tariff(), Some(TariffVersion::new(3)));
    refused(&book, &set(0, 2, "1"), FoldError::Tariff);
    refused(&book, &set(1, 2, "1"), FoldError::Tariff);
    refused(&book, &set(2, 1, "1"), FoldError::Tariff);
    let book = and(&book, [set(2, 3, "1"), set(0, 4, "1")]);
    let all: Vec<_> = book
        .tariffs()
        .map(|(plan, version, _)| (plan.get(), version.get()))
        .collect();
    assert_eq!(all, [(0, 4), (1, 2), (2, 3)]);
}

#[test]
fn every_plan_has_room_for_a_tariff() {
    let mut book = ready();
    for number in 1..u8::try_from(MAX_PLANS).unwrap() {
        book = and(&book, [set(number, u16::from(number) + 1, "0.10")]);
    }
    assert_eq!(book.tariffs().count(), MAX_PLANS);
}

#[test]
fn only_an_active_account_gets_a_plan() {
    refused(&ready(), &assigned(2, 1), FoldError::Account);
    let close = Record::AccountClosed {
        account: AccountId::new(1),
        at: AT,
    };
    refused(&and(&ready(), [close]), &assigned(1, 1), FoldError::Account);
    refused(&Book::new(), &assigned(1, 1), FoldError::Commissioning);
}

#[test]
fn a_planned_tariff_is_replaced_by_the_next_and_cleared_when_its_plan_gets_one() {
    let from = AT.unix.get() + 3600;
    let book = and(&two_prices(), [planned(1, from, "0.70")]);
    let expected = |number, from, energy| PlannedTariff {
        plan: plan(number),
        from: UnixSeconds::new(from),
        tariff: flat("CNY", energy),
    };
    assert_eq!(book.planned(), Some(&expected(1, from, "0.70")));
    // It is not in force.
    assert_eq!(book.next_tariff(), Some(TariffVersion::new(3)));
    let own = book.tariff(plan(1)).unwrap();
    assert_eq!(own.0, TariffVersion::new(2));
    // Another plan's tariff leaves it, the plan's own clears it.
    let other = and(&book, [set(0, 3, "0.60")]);
    assert_eq!(other.planned(), book.planned());
    assert_eq!(and(&book, [set(1, 3, "0.70")]).planned(), None);
    let replaced = and(&book, [planned(0, from + 1, "0.90")]);
    assert_eq!(replaced.planned(), Some(&expected(0, from + 1, "0.90")));
}

#[test]
fn a_tariff_beside_the_standard_one_needs_it_and_its_currency() {
    let bare = with([commissioning(), enrolment(tenant(1, 1))]);
    refused(&bare, &set(1, 1, "0.30"), FoldError::Tariff);
    refused(&bare, &planned(0, 1, "0.30"), FoldError::Tariff);
    let euro = |number, version| Record::TariffSet {
        plan: plan(number),
        version: TariffVersion::new(version),
        tariff: flat("EUR", "0.30"),
        at: AT,
    };
    refused(&ready(), &euro(1, 2), FoldError::Tariff);
    let later = Record::TariffPlanned {
        plan: PlanId::STANDARD,
        from: AT.unix,
        tariff: flat("EUR", "0.30"),
        at: AT,
    };
    refused(&ready(), &later, FoldError::Tariff);
    assert_eq!(and(&ready(), [euro(0, 2)]).check(&euro(1, 3)), Ok(()));
}

#[test]
fn a_standard_tariff_in_another_currency_drops_the_others_before_the_first_session() {
    let euro = Record::TariffSet {
        plan: PlanId::STANDARD,
        version: TariffVersion::new(3),
        tariff: flat("EUR", "0.30"),
        at: AT,
    };
    let book = and(&two_prices(), [planned(2, 1, "0.70")]);
    let changed = and(&book, [euro.clone()]);
    assert_eq!(changed.tariffs().count(), 1);
    assert_eq!(changed.planned(), None);
    assert_eq!(changed.currency(), "EUR".parse().unwrap());
    assert_eq!(changed.next_tariff(), Some(TariffVersion::new(4)));
    // The second tenant is still on plan 1, at the standard price.
    let (version, _) = changed.tariff_of(AccountId::new(2)).unwrap();
    assert_eq!(version, TariffVersion::new(3));
    // After the first session no tariff of any plan may change it.
    let opened = and(&book, [open_by(&book, 2, 2)]);
    refused(&opened, &euro, FoldError::Tariff);
    refused(&ended_and_billed(&opened, 2, 1), &euro, FoldError::Tariff);
}

#[test]
fn plans_and_what_is_planned_are_in_the_pieces() {
    let book = and(&two_prices(), [planned(2, 7, "0.70")]);
    let pieces: Vec<_> = book.pieces().collect();
    let mut again = Book::new();
    for piece in &pieces {
        again.restore(piece).unwrap();
        let before = again.clone();
        if !matches!(piece, Piece::Pile { .. }) {
            assert!(again.restore(piece).is_err(), "{piece:?}");
        }
        assert_eq!(again, before);
    }
    assert_eq!(again, book);
    assert_eq!(again.planned(), book.planned());
    assert_eq!(again.tariff_of(AccountId::new(2)), book.tariff(plan(1)));
}

#[test]
fn tariffs_of_a_snapshot_that_no_pile_could_have_are_refused() {
    let pile = ready().pieces().next().unwrap();
    let piece = |number, version, currency| Piece::Tariff {
        plan: plan(number),
        version: TariffVersion::new(version),
        tariff: flat(currency, "1"),
    };
    let mut book = Book::new();
    book.restore(&pile).unwrap();
    let no = |book: &Book, piece: &Piece| {
        assert_eq!(
            book.clone().restore(piece),
            Err(FoldError::Tariff),
            "{piece:?}"
        );
    };
    no(&book, &piece(1, 1, "CNY"));
    let waits = |currency| {
        Piece::Planned(PlannedTariff {
            plan: plan(1),
            from: AT.unix,
            tariff: flat(currency, "1"),
        })
    };
    no(&book, &waits("CNY"));
    book.restore(&piece(0, 1, "CNY")).unwrap();
    no(&book, &piece(1, 1, "CNY"));
    no(&book, &piece(1, 2, "EUR"));
    no(&book, &waits("EUR"));
    assert_eq!(book.clone().restore(&piece(1, 2, "CNY")), Ok(()));
    assert_eq!(book.restore(&waits("CNY")), Ok(()));
}

#[test]
fn what_a_book_says_of_its_pieces_is_what_they_take_at_most() {
    let mut book = and(&two_prices(), [planned(2, 7, "0.70")]);
    let dearest = |plan, version| Record::TariffSet {
        plan,
        version,
        tariff: crate::record::arbitrary::dearest_tariff(),
        at: AT,
    };
    let frame = |payload| u32::try_from(payload).unwrap() + 7;
    let bytes = |book: &Book| -> u32 {
        let len = |piece| Record::Snapshot(piece).encode(&mut Record::buffer()).len();
        book.pieces().map(|piece| frame(len(piece))).sum()
    };
    assert!(bytes(&book) <= book.snapshot_bound(frame));
    for plan in PlanId::all() {
        let before = book.snapshot_bound(frame);
        let new = book.tariff(plan).is_none();
        let waited = book.planned().is_some_and(|it| it.plan == plan);
        book = and(&book, [dearest(plan, book.next_tariff().unwrap())]);
        let after = book.snapshot_bound(frame);
        let more = if new {
            frame(crate::record::size::TARIFF)
        } else {
            0
        };
        let less = if waited {
            frame(crate::record::size::PLANNED)
        } else {
            0
        };
        assert_eq!(after + less, before + more);
        assert!(bytes(&book) <= after);
    }
}
