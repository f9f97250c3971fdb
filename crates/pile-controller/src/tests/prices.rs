//! Plans, tariffs that come into force by themselves, and a clock that is set back.

use super::account;
use super::bench::{Bench, LANDLORD, flat, noon, port, tariff};
use crate::{Command, Outcome, PortState, Refusal, Signal};
use billing_core::book::{FoldError, Rate};
use billing_core::ledger::Headroom;
use billing_core::record::Record;
use billing_core::tariff::{Band, Tariff};
use pile_units::{
    ClockQuality, Currency, Duration, PlanId, Price, TariffVersion, UidOnly, UnixSeconds, WallTime,
};
use std::vec::Vec;

fn friends() -> PlanId {
    PlanId::new(1).unwrap()
}

fn at(seconds: u32) -> UnixSeconds {
    noon().unix.plus(seconds)
}

/// A tariff of one band.
fn one(energy: u32) -> Tariff {
    flat(&tariff(energy, 1))
}

/// Two tenants charge, at 500 W each.
fn both_charging() -> Bench {
    let mut bench = Bench::commissioned(2, 2);
    bench.command(Command::SetTariff(PlanId::STANDARD, one(500_000)));
    for tenant in [1, 2] {
        bench.start(tenant, tenant);
        bench.plug(tenant, 500);
    }
    bench.wait(60);
    bench
}

fn versions(bench: &Bench) -> [u16; 2] {
    [1, 2].map(|number| {
        let session = bench.machine.book().session(port(number)).unwrap();
        session.segment.tariff.get()
    })
}

#[test]
fn a_plan_prices_the_accounts_that_are_on_it_and_nobody_else() {
    let mut bench = both_charging();
    assert_eq!(versions(&bench), [2, 2]);
    let set = Command::SetTariff(friends(), one(100_000));
    assert_eq!(bench.command(set), Outcome::Done);
    assert_eq!(versions(&bench), [2, 2], "nobody is on it");
    let assign = Command::AssignPlan(account(1), friends());
    assert_eq!(bench.command(assign), Outcome::Done);
    assert_eq!(versions(&bench), [3, 2], "the running session is split");
    bench.wait(60);
    bench.command(Command::SetTariff(PlanId::STANDARD, one(600_000)));
    assert_eq!(versions(&bench), [3, 4]);
    bench.finish();
    let prices = |number| -> Vec<_> {
        let of = |it: &&billing_core::record::Segment| it.account == account(number);
        let segments = bench.segments();
        let price = segments.iter().filter(of).map(|it| it.energy_price);
        price.map(Price::micros_per_kilowatt_hour).collect()
    };
    assert_eq!(prices(1), [1_000_000, 200_000]);
    assert_eq!(prices(2), [1_000_000, 1_200_000]);
}

#[test]
fn a_planned_tariff_comes_into_force_by_itself_to_the_second() {
    let mut bench = both_charging();
    let begun = bench.wall().unix.since(noon().unix);
    let plan = Command::PlanTariff {
        plan: PlanId::STANDARD,
        from: at(begun + 600),
        tariff: one(900_000),
    };
    assert_eq!(bench.command(plan), Outcome::Done);
    bench.wait(580);
    assert_eq!(versions(&bench), [2, 2]);
    bench.wait(15);
    assert_eq!(versions(&bench), [3, 3]);
    assert_eq!(bench.machine.book().planned(), None);
    let set = bench.records.iter().find_map(|(_, record)| match record {
        Record::TariffSet { version, at, .. } if version.get() == 3 => Some(at.unix),
        _ => None,
    });
    assert_eq!(set, Some(at(begun + 600)));
    bench.finish();
    let segments = bench.segments();
    assert!(segments.iter().all(|it| it.from.unix <= it.to.unix));
    let first = segments[0].energy.milliwatt_hours();
    // 660 s of 500 W are 91.7 Wh.
    assert!((91_300..=91_800).contains(&first), "{first}");
}

#[test]
fn a_planned_tariff_waits_for_a_clock_that_is_known_and_outlives_a_cut() {
    let mut bench = both_charging();
    let unknown = WallTime {
        quality: ClockQuality::Unknown,
        ..noon()
    };
    bench.command(Command::SetClock(unknown));
    let plan = Command::PlanTariff {
        plan: PlanId::STANDARD,
        from: at(60),
        tariff: one(900_000),
    };
    assert_eq!(bench.command(plan), Outcome::Done);
    bench.wait(300);
    assert_eq!(versions(&bench), [2, 2]);
    bench.cut(3);
    bench.wait(5);
    let known = WallTime {
        unix: at(3600),
        ..noon()
    };
    bench.command(Command::SetClock(known));
    bench.wait(1);
    let standard = bench.machine.book().tariff(PlanId::STANDARD);
    assert_eq!(standard.map(|(version, _)| version.get()), Some(3));
}

#[test]
fn a_command_while_a_planned_tariff_is_written_is_not_taken_for_done() {
    let mut bench = both_charging();
    let begun = bench.wall().unix.since(noon().unix);
    let plan = Command::PlanTariff {
        plan: PlanId::STANDARD,
        from: at(begun + 60),
        tariff: one(900_000),
    };
    bench.command(plan);
    bench.wait(45);
    bench.delay = None;
    bench.wait(10);
    let id = bench.send(Command::AllowUidOnly(UidOnly::Nobody));
    assert_eq!(bench.answer(id), Some(Outcome::Refused(Refusal::Busy)));
    bench.delay = Some(Duration::from_millis(5));
    bench.wait(1);
    assert_eq!(
        bench.command(Command::AllowUidOnly(UidOnly::All)),
        Outcome::Done
    );
    assert_eq!(versions(&bench), [3, 3]);
}

#[test]
fn plans_and_tariffs_that_cannot_be_are_refused() {
    let mut bench = Bench::blank(1);
    bench.tap(LANDLORD);
    bench.wait(1);
    let refused = Outcome::Refused;
    let friendly = Command::SetTariff(friends(), one(1));
    assert_eq!(
        bench.command(friendly.clone()),
        refused(Refusal::NoTariff),
        "the standard tariff comes first"
    );
    bench.command(Command::SetTariff(PlanId::STANDARD, one(1)));
    let euros = Band {
        name: "flat".parse().unwrap(),
        energy: "0.3".parse().unwrap(),
        service: "0.1".parse().unwrap(),
    };
    let currency: Currency = "EUR".parse().unwrap();
    let euros = Tariff::flat(currency, "+00:00".parse().unwrap(), euros);
    let other = Command::SetTariff(friends(), euros.clone());
    assert_eq!(bench.command(other), refused(Refusal::OtherCurrency));
    let later = Command::PlanTariff {
        plan: PlanId::STANDARD,
        from: at(1_000_000),
        tariff: euros,
    };
    assert_eq!(bench.command(later), refused(Refusal::OtherCurrency));
    assert_eq!(bench.command(friendly), Outcome::Done);
    let nobody = Command::AssignPlan(account(9), friends());
    assert_eq!(bench.command(nobody), refused(Refusal::NoSuchThing));
    bench.authorise(1);
    bench.command(Command::Deregister(account(1)));
    let closed = Command::AssignPlan(account(1), friends());
    assert_eq!(bench.command(closed), refused(Refusal::AccountClosed));
}

#[test]
fn a_tariff_of_many_bands_is_refused_where_the_running_sessions_could_not_be_billed() {
    let mut bench = both_charging();
    let many = tariff(1, 1);
    let full = Outcome::Refused(Refusal::LedgerFull);
    // 25 more segments for each of two sessions; a session of the flat tariff takes three.
    bench.headroom.sessions = 16;
    bench.command(Command::AllowUidOnly(UidOnly::All));
    let set = Command::SetTariff(PlanId::STANDARD, many.clone());
    assert_eq!(bench.command(set.clone()), full);
    assert_eq!(bench.command(Command::SetTariff(friends(), many)), full);
    assert_eq!(
        bench.command(Command::SetTariff(PlanId::STANDARD, one(7))),
        Outcome::Done
    );
    bench.headroom.sessions = 17;
    bench.command(Command::AllowUidOnly(UidOnly::All));
    assert_eq!(bench.command(set), Outcome::Done);
}

#[test]
fn an_export_is_confirmed_up_to_what_is_durable_and_once() {
    let mut bench = Bench::commissioned(1, 1);
    let last = u64::try_from(bench.records.len()).unwrap();
    let confirm = |bench: &mut Bench, through| bench.command(Command::ConfirmExport(through));
    let beyond = confirm(&mut bench, last + 1);
    assert_eq!(beyond, Outcome::Refused(Refusal::NoSuchThing));
    bench.headroom = Headroom::default();
    assert_eq!(confirm(&mut bench, last), Outcome::Done, "also when full");
    assert_eq!(bench.ledger.exported(), last);
    let records = bench.records.len();
    assert_eq!(confirm(&mut bench, last), Outcome::Done);
    assert_eq!(bench.records.len(), records, "said again, written once");
}

#[test]
fn a_clock_that_is_set_back_ends_nothing_before_it_began() {
    let mut bench = both_charging();
    let back = WallTime {
        unix: UnixSeconds::new(noon().unix.get() - 7200),
        ..noon()
    };
    bench.command(Command::SetClock(back));
    bench.command(Command::Stop(port(1)));
    bench.wait(5);
    let closed = bench.last_closed();
    assert!(closed.opened.unix <= closed.closed.unix);
    assert_eq!(closed.closed.quality, ClockQuality::Informative);
    for segment in bench.segments() {
        assert!(segment.from.unix <= segment.to.unix, "{segment:?}");
    }
    bench.cut(0);
    bench.wait(5);
    assert_eq!(bench.ledger.open_sessions().count(), 0);
    assert_eq!(
        bench.ledger.check(&bench.records[0].1),
        Err(FoldError::Commissioning)
    );
}

#[test]
fn a_pile_without_a_tariff_says_so_at_the_tap() {
    let mut bench = Bench::blank(1);
    bench.tap(LANDLORD);
    bench.wait(1);
    bench.authorise(1);
    bench.signals.clear();
    bench.tap(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::NoTariff));
    bench.press(1);
    assert_eq!(bench.last_refusal(), Some(Refusal::NoCard));
}

#[test]
fn the_landlord_is_told_how_many_days_are_left_before_there_are_none() {
    let mut bench = Bench::commissioned(1, 1);
    let told = |bench: &mut Bench| -> Vec<u32> {
        let days = |signal: &Signal| match signal {
            Signal::LedgerFilling(days) => Some(*days),
            _ => None,
        };
        let said = bench.signals.iter().filter_map(days).collect();
        bench.signals.clear();
        said
    };
    let no_session = bench.machine.days_left(bench.now);
    assert_eq!(no_session, None, "nobody knows how often they come");
    bench.headroom.sessions = 40;
    bench.start(1, 1);
    bench.command(Command::Stop(port(1)));
    // One session in the first day, which counts as a whole one.
    let rate = bench.ledger.sessions_a_day(bench.wall());
    assert_eq!(
        rate,
        Some(Rate {
            sessions: 1,
            seconds: 86_400
        })
    );
    assert_eq!(bench.machine.days_left(bench.now), Some(40));
    assert_eq!(told(&mut bench), []);
    for (sessions, said) in [(29, &[29][..]), (28, &[]), (6, &[6]), (5, &[])] {
        bench.headroom.sessions = sessions;
        bench.command(Command::AllowUidOnly(UidOnly::All));
        assert_eq!(told(&mut bench), said, "{sessions}");
    }
    bench.tap(LANDLORD);
    assert!(bench.signals.contains(&Signal::TapNewCard));
    assert_eq!(told(&mut bench), [5]);
    bench.tap(LANDLORD);
    bench.headroom.sessions = 0;
    bench.command(Command::AllowUidOnly(UidOnly::All));
    assert_eq!(bench.machine.days_left(bench.now), Some(0));
    bench.start(1, 1);
    assert_eq!(bench.last_refusal(), Some(Refusal::LedgerFull));
    // Settled and exported: the ledger counts again.
    bench.feed(crate::Event::Room(Headroom {
        sessions: 500,
        facts: 10,
    }));
    bench.start(1, 1);
    assert!(bench.is_closed(1));
}

#[test]
fn sessions_on_ports_that_the_pile_has_no_more_are_billed_at_the_start() {
    let mut bench = both_charging();
    bench.count = 1;
    bench.loads.truncate(1);
    bench.cut(0);
    bench.wait(5);
    assert_eq!(bench.ledger.open_sessions().count(), 0);
    assert_eq!(bench.closed_sessions().len(), 2);
    bench.tap(2);
    bench.press(2);
    assert_eq!(bench.last_refusal(), Some(Refusal::NoSuchThing));
    assert_eq!(bench.state(2), PortState::Finished);
    assert_eq!(TariffVersion::new(2), bench.segments()[0].tariff);
}
