//! What people do with their phones, against the real shell: binding, charging, looking, settling.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod phones;

use billing_core::receipt::{BilledSession, Issuer, verify, write_signed};
use billing_core::record::{Fault, Record, Reference, StopReason};
use billing_core::statement::Period;
use ble_protocol::Refusal;
use ble_protocol::message::{Notice, PortCondition, Request, Response, UpTo};
use ble_protocol::permission::Role;
use phones::{House, bike, port, setup};
use pile_controller::Signal;
use pile_sim::world::{Bike, World};
use pile_units::{AccountId, Duration, Energy, Money, PhoneId, PlanId, PortId, Power, SessionId};

#[test]
fn one_tap_claims_a_blank_pile_and_binds_the_management_phone() {
    let house = House::new();
    let welcome = house.landlord.welcome().unwrap();
    assert_eq!(welcome.role, Role::Landlord);
    assert_eq!(welcome.phone, house.landlord.number());
    assert_eq!(welcome.account, None);
    let said: Vec<Signal> = house.world.signals().into_iter().map(|it| it.1).collect();
    assert!(said.contains(&Signal::Commissioned), "{said:?}");
    assert!(said.contains(&Signal::PhoneBound), "{said:?}");
    let records = house.records();
    let claimed = records
        .iter()
        .position(|it| matches!(it, Record::Commissioned { .. }));
    let bound = records
        .iter()
        .position(|it| matches!(it, Record::PhoneBound { .. }));
    assert!(claimed.unwrap() < bound.unwrap());
    let choices = said.iter().filter(|it| matches!(it, Signal::ChoosePort));
    assert_eq!(choices.count(), 0, "a tap that binds has no other meaning");
}

#[test]
fn the_landlord_authorises_a_card_by_phone_and_its_account_is_at_zero() {
    let mut house = House::new();
    let (_, credential) = house.authorise(1);
    let landlord = house.landlord.clone();
    let from = AccountId::new(0);
    let Response::Accounts(page) = house.asks(&landlord, Request::Accounts { from }) else {
        panic!("no accounts");
    };
    let accounts: Vec<_> = page.accounts.iter().collect();
    assert_eq!(accounts.len(), 1);
    assert_eq!(Some(accounts[0].account.id), credential.account());
    assert_eq!(accounts[0].account.owed(), Money::ZERO);
    assert!(!page.more);
}

#[test]
fn a_tenant_binds_by_code_and_tap_and_charges_on_the_cards_account() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    let welcome = tenant.phone.welcome().unwrap();
    assert_eq!(welcome.role, Role::Tenant);
    assert_eq!(welcome.account, Some(tenant.account));
    let session = house.charges(&tenant.phone, port(2), 600_000);
    let closed = house.closed();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].session, session);
    assert_eq!(closed[0].account, tenant.account);
    assert_eq!(closed[0].credential, tenant.credential.id);
    assert_eq!(closed[0].reason, StopReason::ByPhone);
    house.judge();
}

#[test]
fn a_photographed_code_alone_gets_nothing() {
    let mut house = House::new();
    let (card, _) = house.authorise(1);
    house.world.hang_up_whoever();
    let before = house.records().len();
    let thief = house.world.phone(&card).unwrap();
    house.world.air().listen();
    assert!(house.world.dial(&thief));
    house.world.run_for(59_000);
    assert!(thief.is_asked_to_tap());
    house.world.run_for(30_000);
    assert!(!thief.is_connected());
    assert_eq!((thief.key(), thief.welcome()), (None, None));
    assert_eq!(house.records().len(), before);
    // What the pile said: two frames that are the same for everybody, Wait and Bye.
    let heard = house.world.air().overheard();
    let of_pile: Vec<u8> = heard
        .iter()
        .filter(|it| it.way == pile_sim::link::Way::ToPhone)
        .flat_map(|it| it.bytes.clone())
        .collect();
    assert!(of_pile.len() <= 12, "{of_pile:x?}");
}

#[test]
fn the_tap_of_another_card_binds_nobody_and_means_what_it_always_means() {
    let mut house = House::new();
    let (anna, _) = house.authorise(1);
    let (ben, _) = house.authorise(2);
    house.world.hang_up_whoever();
    let thief = house.world.phone(&anna).unwrap();
    assert!(house.world.dial(&thief));
    house.world.run_for(1_000);
    house.world.plug(port(3), bike());
    house.world.tap(&ben);
    house.world.press(port(3));
    house.world.run_for(3_000);
    assert!(house.world.relay(port(3)), "he charges as ever");
    assert_eq!(thief.key(), None);
    house.world.run_for(70_000);
    assert!(!thief.is_connected());
    let bound = house.records();
    let bound = bound
        .iter()
        .filter(|it| matches!(it, Record::PhoneBound { .. }));
    assert_eq!(bound.count(), 1, "the landlord's");
}

#[test]
fn a_tenant_starts_watches_and_stops() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    house.world.plug(port(2), bike());
    let session = house.starts(&tenant.phone, port(2), UpTo::Full);
    house.world.run_for(3_000);
    assert!(house.world.relay(port(2)));
    house.world.run_for(1_200_000);
    let from = port(1);
    let Response::Ports(page) = house.asks(&tenant.phone, Request::Ports { from }) else {
        panic!("no ports");
    };
    let view = page.ports.iter().find(|it| it.port == port(2)).unwrap();
    assert!(view.mine);
    assert_eq!(view.condition, PortCondition::Charging);
    let running = view.running.unwrap();
    assert_eq!(running.session, session);
    let drawn = running.energy.milliwatt_hours();
    assert!((82_000..84_000).contains(&drawn), "{drawn} mWh of 83,333");
    let free = page.ports.iter().filter(|it| it.condition.is_free());
    assert_eq!(free.count(), 3);

    let readings: Vec<(u64, Energy)> = readings(&tenant.phone.notices(), session);
    assert!(
        readings.len() > 100,
        "{} readings in 20 min",
        readings.len()
    );
    for pair in readings.windows(2) {
        assert!(
            pair[1].0 - pair[0].0 >= 4_900,
            "at most every 5 s: {pair:?}"
        );
        assert!(pair[1].1 >= pair[0].1);
    }
    house.done(&tenant.phone, Request::Stop { session });
    house.world.run_for(3_000);
    assert!(!house.world.relay(port(2)));
    let closed = house.closed();
    let told = tenant.phone.notices();
    let told: Vec<_> = told
        .iter()
        .filter_map(|(_, notice)| match notice {
            Notice::SessionClosed(closed) => Some(*closed),
            _ => None,
        })
        .collect();
    assert_eq!(told, closed, "the bill that was told is the bill on record");
    house.judge();
}

fn readings(notices: &[(u64, Notice)], of: SessionId) -> Vec<(u64, Energy)> {
    let readings = notices.iter().filter_map(|(at, notice)| match notice {
        Notice::Reading {
            session, energy, ..
        } if *session == of => Some((*at, *energy)),
        _ => None,
    });
    readings.collect()
}

#[test]
fn a_session_ends_by_itself_at_the_time_energy_or_cost_that_was_asked() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    let cases = [
        (
            UpTo::Time(Duration::from_seconds(900)),
            StopReason::TimeLimit,
        ),
        (
            UpTo::Energy(Energy::from_watt_hours(100)),
            StopReason::EnergyLimit,
        ),
        // 100 Wh at 0.6 a kWh.
        (
            UpTo::Cost(Money::from_micros(60_000)),
            StopReason::CostLimit,
        ),
    ];
    for (up_to, reason) in cases {
        house.world.plug(port(1), bike());
        let session = house.starts(&tenant.phone, port(1), up_to);
        house.world.run_for(3_600_000);
        assert!(!house.world.relay(port(1)), "{up_to:?}");
        house.world.unplug(port(1));
        let closed = house.closed();
        let last = closed.last().unwrap();
        assert_eq!((last.session, last.reason), (session, reason));
        let drawn = last.energy.milliwatt_hours();
        let wanted = match up_to {
            UpTo::Time(_) => 62_500,
            _ => 100_000,
        };
        assert!(drawn.abs_diff(wanted) < 1_000, "{up_to:?}: {drawn} mWh");
    }
    house.judge();
}

#[test]
fn a_tenant_sees_the_own_sessions_receipt_and_statement_and_nobody_elses() {
    let mut house = House::new();
    let (anna, ben) = (house.tenant(1), house.tenant(2));
    let mine: Vec<SessionId> = (0..3)
        .map(|_| house.charges(&anna.phone, port(1), 300_000))
        .collect();
    let his = house.charges(&ben.phone, port(2), 300_000);
    let sessions = Request::Sessions {
        account: None,
        before: None,
        count: 8,
    };
    let Response::Sessions(page) = house.asks(&anna.phone, sessions.clone()) else {
        panic!("no sessions");
    };
    let seen: Vec<SessionId> = page.sessions.iter().map(|it| it.session).collect();
    assert_eq!(seen, mine.iter().rev().copied().collect::<Vec<_>>());

    let receipt = Request::Receipt {
        session: mine[0],
        from: 0,
    };
    let Response::Receipt(page) = house.asks(&anna.phone, receipt) else {
        panic!("no receipt");
    };
    let billed = BilledSession {
        closed: &page.session,
        segments: page.segments.iter().copied(),
        alias: page.alias,
        clock_set: page.clock_set,
    };
    assert_eq!(page.alias, house.world.alias(&anna.card).unwrap());
    let arithmetic = billed.arithmetic().to_string();
    assert!(!arithmetic.is_empty());
    let sign = Request::SignReceipt { session: mine[0] };
    let Response::Signature(signed) = house.asks(&anna.phone, sign) else {
        panic!("not signed");
    };
    let key = house.world.receipt_key().unwrap().public_key();
    assert_eq!(signed.key(), Some(key), "the pile's own");
    let welcome = anna.phone.welcome().unwrap();
    let issuer = Issuer {
        pile: welcome.pile.unwrap(),
        firmware: welcome.firmware.as_str(),
        utc_offset: signed.utc_offset,
    };
    let (mut record, signature) = (String::new(), signed.signature().unwrap());
    assert!(!signed.clock_in_doubt);
    write_signed(&billed.receipt(&issuer, None), &signature, &mut record).unwrap();
    assert!(verify(&record, &key).is_ok(), "{record}");
    let statement = Request::Statement {
        account: None,
        period: Period::Open,
        skip: 0,
    };
    let Response::Statement(page) = house.asks(&anna.phone, statement) else {
        panic!("no statement");
    };
    assert_eq!(page.sessions.iter().count(), 3);
    let sum: Energy = page.sessions.iter().map(|it| it.energy).sum();
    assert_eq!(
        page.totals.opening.checked_add(sum),
        Some(page.totals.closing)
    );

    let his_receipt = Request::Receipt {
        session: his,
        from: 0,
    };
    house.refused(&anna.phone, his_receipt, Refusal::NotYours);
    let his = Request::SignReceipt { session: his };
    house.refused(&anna.phone, his, Refusal::NotYours);
    let his_sessions = Request::Sessions {
        account: Some(ben.account),
        before: None,
        count: 8,
    };
    house.refused(&anna.phone, his_sessions, Refusal::NotYours);
    house.refused(&anna.phone, Request::Diagnostics, Refusal::NotAllowed);
    let from = AccountId::new(0);
    house.refused(&anna.phone, Request::Accounts { from }, Refusal::NotAllowed);
    let landlord = house.landlord.clone();
    let Response::Sessions(page) = house.asks(&landlord, sessions) else {
        panic!("no sessions");
    };
    assert_eq!(page.sessions.iter().count(), 4, "the landlord sees all");
}

#[test]
fn a_tenant_stops_no_others_session_and_the_landlord_any() {
    let mut house = House::new();
    let (anna, ben) = (house.tenant(1), house.tenant(2));
    house.world.plug(port(1), bike());
    let session = house.starts(&anna.phone, port(1), UpTo::Full);
    house.world.run_for(60_000);
    house.refused(&ben.phone, Request::Stop { session }, Refusal::NotYours);
    let taken = Request::Start {
        port: port(1),
        up_to: UpTo::Full,
    };
    house.refused(&ben.phone, taken, Refusal::PortTaken);
    let from = port(1);
    let Response::Ports(page) = house.asks(&ben.phone, Request::Ports { from }) else {
        panic!("no ports");
    };
    let view = page.ports.iter().find(|it| it.port == port(1)).unwrap();
    assert_eq!(
        (view.mine, view.running),
        (false, None),
        "no figures of hers"
    );
    assert!(house.world.relay(port(1)));
    let landlord = house.landlord.clone();
    house.done(&landlord, Request::Stop { session });
    house.world.run_for(3_000);
    assert!(!house.world.relay(port(1)));
    assert_eq!(house.closed()[0].reason, StopReason::ByLandlord);
}

#[test]
fn the_landlord_settles_once_however_often_it_is_asked_and_marks_it_paid() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    house.charges(&tenant.phone, port(1), 3_600_000);
    let landlord = house.landlord.clone();
    let Response::Settlements(page) = house.asks(&landlord, Request::Settlements { from: 0 })
    else {
        panic!("no settlements");
    };
    let (account, number) = (tenant.account, page.next);
    let settle = Request::Settle { account, number };
    let early = Request::Settle {
        account,
        number: number + 1,
    };
    house.refused(&landlord, early, Refusal::OutOfTurn);
    let Response::Settled(first) = house.asks(&landlord, settle.clone()) else {
        panic!("not settled");
    };
    assert_eq!(first.id, number);
    // By another request, as a phone asks that forgot what it had asked.
    assert_eq!(
        house.asks(&landlord, settle.clone()),
        Response::Settled(first)
    );
    let reference: Reference = "cash".parse().unwrap();
    let paid = Request::MarkPaid {
        settlement: number,
        reference,
    };
    house.done(&landlord, paid.clone());
    house.refused(&landlord, paid, Refusal::NoSuchThing);
    let records = house.records();
    let count = |is: fn(&Record) -> bool| records.iter().filter(|it| is(it)).count();
    assert_eq!(count(|it| matches!(it, Record::Settled { .. })), 1);
    assert_eq!(count(|it| matches!(it, Record::Paid { .. })), 1);
    let owed = house.book().account(account).unwrap().owed();
    assert_eq!(owed, Money::ZERO);
    let statement = Request::Statement {
        account: None,
        period: Period::Settlement(number),
        skip: 0,
    };
    let Response::Statement(page) = house.asks(&tenant.phone, statement) else {
        panic!("no statement");
    };
    assert_eq!(page.settlement.map(|it| it.id), Some(number));
    assert!(page.paid.is_some());
}

#[test]
fn a_deregistered_tenants_session_stops_is_billed_and_the_phone_opens_nothing() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    house.world.plug(port(1), bike());
    house.starts(&tenant.phone, port(1), UpTo::Full);
    house.world.run_for(600_000);
    let landlord = house.landlord.clone();
    let account = tenant.account;
    let answer = house.asks(&landlord, Request::Deregister { account });
    assert!(matches!(answer, Response::Settled(_)), "{answer:?}");
    house.world.run_for(5_000);
    assert!(!house.world.relay(port(1)));
    let closed = house.closed();
    assert_eq!(closed.len(), 1);
    assert!(closed[0].bill.total > Money::ZERO);
    house.world.hang_up_whoever();
    assert!(!house.world.connect(&tenant.phone));
    assert!(tenant.phone.is_not_known());
    house.judge();
}

#[test]
fn a_lost_cards_session_stops_its_phone_is_dead_and_a_replacement_continues_the_account() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    house.charges(&tenant.phone, port(1), 3_600_000);
    let owed = house.book().account(tenant.account).unwrap().owed();
    assert!(owed > Money::ZERO);
    house.world.plug(port(2), bike());
    house.starts(&tenant.phone, port(2), UpTo::Full);
    house.world.run_for(60_000);
    house.done(&tenant.phone, Request::ReportLost);
    house.world.run_for(5_000);
    assert!(!tenant.phone.is_connected(), "the link ends");
    assert!(!house.world.relay(port(2)), "I5");
    assert_eq!(house.closed()[1].reason, StopReason::Revoked);
    house.world.unplug(port(2));
    house.world.tap(&tenant.card);
    house.world.press(port(3));
    house.world.run_for(3_000);
    assert!(!house.world.relay(port(3)));

    let landlord = house.landlord.clone();
    let account = tenant.account;
    house.line_for(&landlord);
    let book = house.book();
    let mut cards = book.credentials().iter();
    let card = cards.find(|it| it.account() == Some(account)).unwrap().id;
    let opened = house.asks(&landlord, Request::Replace { account, card });
    assert!(matches!(opened, Response::Window { .. }), "{opened:?}");
    let (card, _) = house.world.issue([4, 1, 0, 0, 0, 0, 99]).unwrap();
    house.world.tap(&card);
    assert_eq!(house.authorised().account(), Some(account));
    assert!(house.book().account(account).unwrap().owed() >= owed);
    house.world.hang_up_whoever();
    assert!(!house.world.connect(&tenant.phone), "the old card's phone");
    let phone = house.binds(&card);
    assert_ne!(phone.number(), tenant.phone.number());
    house.charges(&phone, port(1), 60_000);
    assert_eq!(house.closed().last().unwrap().account, account);
    house.judge();
}

#[test]
fn the_landlord_names_lists_switches_and_sets_by_phone() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    let landlord = house.landlord.clone();
    let account = tenant.account;
    let rename = Request::Rename {
        account,
        name: "Anna, 2nd floor".parse().unwrap(),
    };
    house.done(&landlord, rename);
    let plan = PlanId::new(1).unwrap();
    let set = Request::SetTariff {
        plan,
        tariff: phones::tariff(),
    };
    house.done(&landlord, set);
    house.done(&landlord, Request::AssignPlan { account, plan });
    let off = Request::SwitchPort {
        port: port(4),
        enabled: false,
    };
    house.done(&landlord, off);
    let limits = pile_units::Limits::default()
        .with_port_power(Power::from_watts(300))
        .unwrap();
    house.done(&landlord, Request::SetLimits { limits });
    assert_eq!(
        house.asks(&landlord, Request::Limits),
        Response::Limits(limits)
    );
    let Response::Account(mine) = house.asks(&tenant.phone, Request::MyAccount) else {
        panic!("no account");
    };
    assert_eq!(mine.name.unwrap().as_str(), "Anna, 2nd floor");
    assert_eq!(mine.account.plan, plan);
    let start = |at: PortId| Request::Start {
        port: at,
        up_to: UpTo::Full,
    };
    house.refused(&tenant.phone, start(port(4)), Refusal::PortDisabled);
    // 400 W where 300 W are the most: a fault, which the landlord clears.
    let strong = Bike::charger(Power::from_watts(400), Energy::from_watt_hours(900));
    house.world.plug(port(1), strong);
    house.starts(&tenant.phone, port(1), UpTo::Full);
    house.world.run_for(60_000);
    assert!(!house.world.relay(port(1)), "I7");
    house.refused(&tenant.phone, start(port(1)), Refusal::PortFaulted);
    house.world.unplug(port(1));
    house.done(
        &landlord,
        Request::ClearFault {
            port: port(1),
            fault: Fault::Overload,
        },
    );
    house.charges(&tenant.phone, port(1), 60_000);
    let Response::Diagnostics(seen) = house.asks(&landlord, Request::Diagnostics) else {
        panic!("no diagnostics");
    };
    assert_eq!(seen.phones, 2);
    assert!(seen.ports.iter().all(|it| it.meter && it.fault.is_none()));
    let landlords = Request::MyPhones {
        from: PhoneId::new(0),
    };
    let Response::Phones(page) = house.asks(&landlord, landlords) else {
        panic!("no phones");
    };
    assert_eq!(page.phones.iter().count(), 1);
    assert!(page.phones.iter().all(|it| it.this));
}

#[test]
fn a_pile_without_a_site_key_binds_nobody() {
    let mut world = World::new(pile_sim::world::Setup {
        has_site_key: false,
        ..setup()
    });
    world.power_up();
    let card = pile_sim::cards::VirtualCard::numbered(1);
    let phone = world.phone(&card).unwrap();
    assert!(!world.bind(&phone, &card));
    assert_eq!(phone.key(), None);
    world.tap(&card);
    let (book, records) = world.read_ledger().unwrap();
    assert!(book.phones().is_empty());
    assert!(
        records
            .iter()
            .any(|it| matches!(it.1, Record::Commissioned { .. })),
        "the tap is a tap like any other"
    );
}
