//! A phone and the whole shell: over an in-memory pipe, with the real ends of the link, virtual time,
//! a ledger on flash in memory, cards that announce their number and a meter that counts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops"
)]

mod common;

use ble_protocol::message::{Notice, Request, Response, UpTo};
use ble_protocol::permission::Role;
use ble_protocol::{LinkKey, Refusal};
use card_auth::{SiteKey, binding_secret, recovery_secret};
use common::{LANDLORD, Phone, SITE, World, uid};
use pile_controller::Signal;
use pile_units::{AccountId, PhoneId, PortId, SessionId};

fn site() -> SiteKey {
    SiteKey::new(SITE)
}

fn code(card: u8) -> LinkKey {
    LinkKey::of_binding(binding_secret(&site(), &uid(card)).expose())
}

fn port(number: u8) -> PortId {
    PortId::from_number(number).unwrap()
}

/// Binds a phone to a card: connect, be told to tap, tap, get the key.
fn bind(world: &mut World, card: u8) -> (PhoneId, LinkKey) {
    let mut phone = world.connect(&code(card));
    world.pass(500, &mut phone);
    assert!(phone.asked_to_tap && !phone.opened, "{:?}", phone.heard);
    world.tap(card);
    world.pass(3_000, &mut phone);
    let bound = phone.bound.clone().expect("a key");
    world.leave(&phone);
    (bound.phone, LinkKey::new(*bound.key.expose()))
}

/// A claimed pile with a tariff, a tenant with card 1, and their phones.
fn house(world: &mut World) -> (LinkKey, LinkKey) {
    let (_, landlord) = bind(world, LANDLORD);
    let mut phone = world.connect(&landlord);
    world.pass(500, &mut phone);
    assert_eq!(phone.welcome().role, Role::Landlord);
    let (plan, tariff) = (pile_units::PlanId::STANDARD, common::tariff());
    let set = Request::SetTariff { plan, tariff };
    assert_eq!(world.ask(&mut phone, set), Response::Done);
    let open = world.ask(&mut phone, Request::Authorise);
    assert_eq!(open, Response::Window { seconds: 30 });
    world.tap(1);
    world.pass(2_000, &mut phone);
    let authorised = |notice: &Notice| matches!(notice, Notice::CardAuthorised(_));
    assert!(phone.notices().iter().any(authorised));
    world.leave(&phone);
    let (_, tenant) = bind(world, 1);
    (landlord, tenant)
}

#[test]
fn a_phone_claims_a_blank_pile_and_another_charges_from_start_to_receipt() {
    let mut world = World::new();
    let (_, tenant) = house(&mut world);
    assert!(world.signals().contains(&Signal::Commissioned));
    let mut phone = world.connect(&tenant);
    world.pass(500, &mut phone);
    assert_eq!(phone.welcome().role, Role::Tenant);
    let start = Request::Start {
        port: port(2),
        up_to: UpTo::Full,
    };
    let session = SessionId::new(1);
    let started = Response::Started {
        session,
        port: port(2),
    };
    assert_eq!(world.ask(&mut phone, start), started);
    world.pass(3_000, &mut phone);
    assert!(world.is_closed(2));
    world.plug(2, 300);
    world.pass(60_000, &mut phone);
    let reading = |notice: &&Notice| matches!(notice, Notice::Reading { .. });
    let notices = phone.notices();
    assert!(notices.iter().filter(reading).count() >= 10);
    assert_eq!(
        world.ask(&mut phone, Request::Stop { session }),
        Response::Done
    );
    assert!(!world.is_closed(2));
    world.pass(5_000, &mut phone);
    let receipt = Request::Receipt { session, from: 0 };
    let Response::Receipt(page) = world.ask(&mut phone, receipt) else {
        panic!("no receipt");
    };
    assert!(page.session.energy.milliwatt_hours() > 4_000);
    assert_eq!(page.segments.len(), 1);
    let sessions = Request::Sessions {
        account: None,
        before: None,
        count: 8,
    };
    let Response::Sessions(page) = world.ask(&mut phone, sessions) else {
        panic!("no sessions");
    };
    assert_eq!(page.sessions.len(), 1);
}

#[test]
fn a_photographed_code_alone_gets_nothing() {
    let mut world = World::new();
    house(&mut world);
    let mut thief = world.connect(&code(1));
    // Another card is tapped meanwhile, and means what it always means.
    world.pass(1_000, &mut thief);
    world.tap(LANDLORD);
    world.pass(3_000, &mut thief);
    assert_eq!(world.signals().last(), Some(&Signal::TapNewCard));
    world.pass(70_000, &mut thief);
    assert!(thief.heard.is_empty() && !thief.opened && thief.closed);
}

#[test]
fn a_revoked_phone_is_shut_out_at_once_and_for_good() {
    let mut world = World::new();
    let (_, tenant) = house(&mut world);
    let mut phone = world.connect(&tenant);
    world.pass(500, &mut phone);
    let own = phone.welcome().phone.unwrap();
    let revoke = Request::RevokeMyPhone { phone: own };
    // The answer comes before the end.
    assert_eq!(world.ask(&mut phone, revoke), Response::Done);
    world.pass(1_000, &mut phone);
    assert!(phone.closed);
    world.leave(&phone);
    let mut again = world.connect(&tenant);
    world.pass(2_000, &mut again);
    // A stranger is told to tap.
    assert!(again.asked_to_tap && !again.opened);
}

#[test]
fn an_idle_link_is_ended_after_five_minutes() {
    let mut world = World::new();
    let (_, tenant) = house(&mut world);
    let mut phone = world.connect(&tenant);
    world.pass(290_000, &mut phone);
    assert!(phone.opened && !phone.closed);
    world.pass(20_000, &mut phone);
    assert!(phone.closed);
}

#[test]
fn a_recovery_code_gives_the_pile_a_new_card_and_is_used_up() {
    let mut world = World::new();
    let (landlord, _) = house(&mut world);
    let code = |number| LinkKey::of_recovery(recovery_secret(&site(), number).expose());
    let mut phone = world.connect(&code(0));
    world.pass(500, &mut phone);
    assert_eq!(phone.welcome().role, Role::Recovery);
    assert_eq!(
        world.ask(&mut phone, Request::Diagnostics),
        Response::Refused(Refusal::NotAllowed)
    );
    let open = world.ask(&mut phone, Request::Recover);
    assert_eq!(open, Response::Window { seconds: 30 });
    world.tap(7);
    world.pass(3_000, &mut phone);
    assert!(phone.closed);
    world.leave(&phone);
    for key in [code(0), landlord] {
        let mut phone = world.connect(&key);
        world.pass(1_000, &mut phone);
        assert!(!phone.opened);
        world.leave(&phone);
    }
    let (_, new) = bind(&mut world, 7);
    let mut phone = world.connect(&new);
    world.pass(500, &mut phone);
    assert_eq!(phone.welcome().role, Role::Landlord);
}

#[test]
fn a_pile_without_a_site_key_lets_nobody_wait() {
    let mut world = World::without_site_key();
    let mut phone = world.connect(&code(LANDLORD));
    world.pass(1_000, &mut phone);
    assert!(phone.closed && !phone.opened);
}

#[test]
fn the_ledger_goes_over_the_link_in_pieces_while_a_bike_charges() {
    let mut world = World::new();
    let (landlord, _) = house(&mut world);
    world.tap(1);
    world.press(1);
    world.plug(1, 400);
    let mut phone = world.connect(&landlord);
    world.pass(30_000, &mut phone);
    // More records than one piece holds.
    for name in ["Anna", "Berta", "Clara", "Dora"]
        .into_iter()
        .cycle()
        .take(40)
    {
        let (account, name) = (AccountId::new(1), name.parse().unwrap());
        let renamed = world.ask(&mut phone, Request::Rename { account, name });
        assert_eq!(renamed, Response::Done);
    }
    let mut cursor = ble_protocol::message::ExportCursor::START;
    let mut chain = None;
    let mut pieces = 0;
    loop {
        let Response::Export(chunk) = world.ask(&mut phone, Request::ExportFrom { cursor }) else {
            panic!("no export");
        };
        assert!(chain.is_none_or(|chain| chain == chunk.origin()));
        chain = Some(chunk.end());
        cursor = chunk.next;
        pieces += 1;
        if chunk.done {
            break;
        }
    }
    assert!(pieces > 1 && world.is_closed(1));
}

#[test]
fn bytes_that_are_no_frames_only_end_the_link_or_are_dropped() {
    let mut world = World::new();
    let (_, tenant) = house(&mut world);
    for noise in 0..40u8 {
        world.noise(&[noise; 77]);
        world.noise(&[0]);
    }
    world.hang_up();
    let mut phone: Phone = world.connect(&tenant);
    world.pass(1_000, &mut phone);
    assert_eq!(phone.welcome().role, Role::Tenant);
}
