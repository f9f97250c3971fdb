//! Whose key opens what: revoked phones, lost cards of the landlord, many phones, strangers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod phones;

use billing_core::record::{Record, StopReason};
use ble_protocol::message::{Request, Response, UpTo};
use ble_protocol::permission::Role;
use ble_protocol::{LinkKey, Pass, Refusal, Why};
use phones::{House, bike, port};
use pile_sim::world::{Setup, VirtualPhone};
use pile_units::{MAX_PHONES, PhoneId};

#[test]
fn i5_a_revoked_phones_session_stops_and_its_key_opens_nothing() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    house.world.plug(port(1), bike());
    house.starts(&tenant.phone, port(1), UpTo::Full);
    house.world.run_for(60_000);
    let landlord = house.landlord.clone();
    let phone = tenant.phone.number().unwrap();
    house.done(&landlord, Request::RevokePhone { phone });
    house.world.run_for(3_000);
    assert!(!house.world.relay(port(1)), "I5");
    assert_eq!(house.closed()[0].reason, StopReason::Revoked);
    house.done(&landlord, Request::RevokePhone { phone }); // and once more
    house.world.hang_up_whoever();
    assert!(!house.world.connect(&tenant.phone));
    assert!(tenant.phone.is_not_known());
    // The card is no phone: it goes on, and binds anew.
    house.world.run_for(70_000);
    let again = house.binds(&tenant.card);
    assert_ne!(again.number(), Some(phone), "no number twice");
    house.charges(&again, port(2), 60_000);
    house.judge();
}

#[test]
fn i5_a_phone_that_is_revoked_while_it_is_connected_loses_its_link_at_once() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    let second = house.binds(&tenant.card);
    let from = PhoneId::new(0);
    let Response::Phones(page) = house.asks(&second, Request::MyPhones { from }) else {
        panic!("no phones");
    };
    assert_eq!(page.phones.iter().count(), 2);
    // The other one of the same card, then itself.
    let phone = tenant.phone.number().unwrap();
    house.done(&second, Request::RevokeMyPhone { phone });
    assert!(second.is_connected());
    let phone = house.landlord.number().unwrap();
    house.refused(&second, Request::RevokeMyPhone { phone }, Refusal::NotYours);
    let phone = second.number().unwrap();
    house.done(&second, Request::RevokeMyPhone { phone });
    house.world.run_for(5_000);
    assert!(!second.is_connected());
    for phone in [&tenant.phone, &second] {
        house.world.hang_up_whoever();
        assert!(!house.world.connect(phone));
        house.world.run_for(70_000);
    }
}

#[test]
fn a_recovery_code_gives_the_landlord_a_new_card_once() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    house.world.hang_up_whoever();
    let old = house.landlord.clone();
    // Not its turn.
    let early = house.world.recovery_phone(1);
    assert!(!house.world.connect(&early));
    house.world.hang_up_whoever();
    house.world.run_for(70_000);

    let recovery = house.world.recovery_phone(0);
    assert!(house.world.connect(&recovery), "{:?}", recovery.ends());
    assert_eq!(recovery.welcome().unwrap().role, Role::Recovery);
    house.refused(&recovery, Request::Diagnostics, Refusal::NotAllowed);
    let opened = house.asks(&recovery, Request::Recover);
    assert!(matches!(opened, Response::Window { .. }), "{opened:?}");
    let (new, _) = house.world.issue([4, 0, 0, 0, 0, 0, 2]).unwrap();
    house.world.tap(&new);
    house.world.run_for(3_000);
    let recovered = house.records();
    let recovered = recovered
        .iter()
        .filter(|it| matches!(it, Record::Recovered { .. }));
    assert_eq!(recovered.count(), 1);
    // The old card and its phone open nothing; the code is used up.
    house.world.hang_up_whoever();
    assert!(!house.world.connect(&old));
    house.world.hang_up_whoever();
    house.world.run_for(70_000);
    let again = house.world.recovery_phone(0);
    assert!(!house.world.connect(&again));
    house.world.hang_up_whoever();
    house.world.run_for(70_000);
    // The new card binds a phone that sees everything there was.
    let landlord = house.binds(&new);
    assert_eq!(landlord.welcome().unwrap().role, Role::Landlord);
    house.landlord = landlord;
    house.charges(&tenant.phone, port(1), 60_000);
    house.judge();
}

#[test]
fn sixty_four_phones_are_known_each_by_its_own_key() {
    let mut house = House::new();
    let tenant = house.tenant(1);
    let mut all: Vec<VirtualPhone> = vec![house.landlord.clone(), tenant.phone.clone()];
    while all.len() < MAX_PHONES - 3 {
        all.push(house.binds(&tenant.card));
    }
    // The last places are the landlord's.
    let more = house.world.phone(&tenant.card).unwrap();
    assert!(!house.world.bind(&more, &tenant.card));
    house.world.hang_up_whoever();
    house.world.run_for(70_000);
    let privilege = house.privilege.clone();
    while all.len() < MAX_PHONES {
        all.push(house.binds(&privilege));
    }
    for phone in &all {
        house.world.hang_up_whoever();
        assert!(house.world.connect(phone), "{:?}", phone.number());
        assert_eq!(phone.welcome().unwrap().phone, phone.number());
    }
    house.world.hang_up_whoever();
    // There is no room for one more while none is revoked.
    let more = house.world.phone(&tenant.card).unwrap();
    assert!(!house.world.bind(&more, &tenant.card));
    assert_eq!(more.key(), None);
    house.world.hang_up_whoever();
    house.world.run_for(70_000);
    let landlord = house.landlord.clone();
    let phone = all[5].number().unwrap();
    house.done(&landlord, Request::RevokePhone { phone });
    house.world.hang_up_whoever();
    house.world.run_for(70_000);
    let more = house.binds(&tenant.card);
    assert!(all.iter().all(|it| it.number() != more.number()));
    house.world.hang_up_whoever();
    assert!(!house.world.connect(&all[5]));
}

#[test]
fn strangers_wait_longer_and_longer_and_never_keep_the_landlord_out() {
    let mut house = House::new();
    house.world.hang_up_whoever();
    let mut busy = 0;
    for number in 0..12 {
        let stranger = house
            .world
            .phone_with(Pass::phone(LinkKey::new([number; 32])));
        house.world.connect(&stranger);
        busy += u32::from(stranger.busy().is_some());
        house.world.hang_up_whoever();
        let landlord = house.landlord.clone();
        house.world.run_for(1_000);
        assert!(house.world.connect(&landlord), "after stranger {number}");
        house.world.hang_up_whoever();
        if number < 8 {
            continue;
        }
        for stranger in 0..5 {
            let stranger = house
                .world
                .phone_with(Pass::phone(LinkKey::new([100 + stranger; 32])));
            house.world.connect(&stranger);
            busy += u32::from(stranger.busy().is_some());
            house.world.hang_up_whoever();
        }
    }
    assert!(busy > 0, "strangers were turned away");
}

#[test]
fn another_piles_phone_is_a_stranger_here() {
    let mut house = House::new();
    let elsewhere = House::with(Setup {
        seed: 2,
        ..phones::setup()
    });
    house.world.hang_up_whoever();
    let key = elsewhere.landlord.key().unwrap();
    assert_ne!(Some(&key), house.landlord.key().as_ref());
    let stranger = house.world.phone_with(Pass::phone(key));
    assert!(!house.world.connect(&stranger));
    assert!(stranger.is_not_known());
    assert!(!stranger.ends().contains(&Why::Refused));
}
