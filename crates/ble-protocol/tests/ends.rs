//! Both ends against each other: what they carry, what they refuse, when they give up.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's helper fails as a test does"
)]

mod common;

use ble_protocol::frame::Kind;
use ble_protocol::{
    Holder, Keys, LinkKey, MAX_MESSAGE, Offered, PhoneEnd, PhoneEvent, PileEnd, PileEvent,
    SendError, Why,
};
use pile_units::{Duration, Instant, PhoneId};
use proptest::prelude::*;

use common::{Desk, Way, encoded, frames};

/// An open link of phone 4.
fn open(seed: u64) -> (Desk, PhoneEnd) {
    let mut desk = Desk::new(seed);
    let key = desk.phones.of(4);
    let mut phone = desk.connect(&key);
    desk.settle(&mut phone, 64);
    assert_eq!(desk.told.opened(), Some(Holder::Phone(PhoneId::new(4))));
    assert_eq!(desk.told.phone, [PhoneEvent::Opened]);
    (desk, phone)
}

/// Bytes of the Hello that this phone says.
fn hello(phone: &mut PhoneEnd) -> Vec<u8> {
    let mut bytes = [0; 128];
    let count = phone.transmit(&mut bytes);
    bytes[..count].to_vec()
}

#[test]
fn sizes_are_as_the_readme_says() {
    let (pile, phone) = (size_of::<PileEnd>(), size_of::<PhoneEnd>());
    println!("PileEnd {pile} bytes, PhoneEnd {phone} bytes");
    assert!(pile <= 4608, "{pile}");
    assert!(phone <= 4608, "{phone}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_the_portions_all_messages_come_in_order(
        seed: u64,
        portion in 1usize..=64,
        lengths in prop::collection::vec((any::<bool>(), 1..=MAX_MESSAGE), 1..24),
    ) {
        let (mut desk, mut phone) = open(seed);
        let mut sent = (Vec::new(), Vec::new());
        for (index, (up, length)) in lengths.into_iter().enumerate() {
            let message = vec![index.to_le_bytes()[0]; length];
            loop {
                let queued = if up { phone.send(&message) } else { desk.pile.send(&message) };
                match queued {
                    Ok(()) => break,
                    Err(error) => prop_assert_eq!(error, SendError::Full),
                }
                desk.settle(&mut phone, portion);
            }
            if up { sent.0.push(message) } else { sent.1.push(message) }
        }
        desk.settle(&mut phone, portion);
        prop_assert_eq!(&desk.told.to_pile, &sent.0);
        prop_assert_eq!(&desk.told.to_phone, &sent.1);
        prop_assert!(!phone.has_output() && !desk.pile.has_output());
        prop_assert_eq!(desk.told.pile_closed().or(desk.told.phone_closed()), None);
    }

    #[test]
    fn two_hellos_of_one_key_have_nothing_in_common(
        key: [u8; 32], one: [u8; 32], two: [u8; 32],
    ) {
        prop_assume!(one != two);
        let desk = Desk::new(0);
        let key = LinkKey::new(key);
        let bodies = [one, two].map(|ephemeral| {
            let said = hello(&mut PhoneEnd::new(desk.now, &key, ephemeral));
            let [(Kind::Hello, body)] = &frames(&said)[..] else { panic!("{said:?}") };
            body.clone()
        });
        prop_assert_eq!((bodies[0][0], bodies[1][0]), (1, 1), "the version");
        for window in bodies[0][1..].windows(4) {
            prop_assert!(!bodies[1][1..].windows(4).any(|other| other == window));
        }
    }

    #[test]
    fn whatever_comes_neither_end_panics_or_tells_a_message(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        kinds in prop::collection::vec((1u8..8, prop::collection::vec(any::<u8>(), 0..=256)), 0..8),
    ) {
        let (mut desk, mut phone) = open(1);
        let mut said = bytes;
        for (kind, body) in kinds {
            said.extend(encoded(Kind::from_number(kind).unwrap(), &body));
        }
        desk.pile.receive(desk.now, &said);
        phone.receive(desk.now, &said);
        let key = desk.phones.of(4);
        let mut calling = PhoneEnd::new(desk.now, &key, [1; 32]);
        calling.receive(desk.now, &said);
        desk.settle(&mut phone, 64);
        prop_assert!(desk.told.to_pile.is_empty() && desk.told.to_phone.is_empty());
        desk.poll_phone(&mut calling);
        prop_assert!(!desk.told.phone.iter().skip(1).any(|it| *it == PhoneEvent::Opened));
    }
}

#[test]
fn rekeying_goes_unnoticed() {
    let (mut desk, mut phone) = open(3);
    for index in 0..400u32 {
        let message = [index.to_le_bytes()[0]; MAX_MESSAGE];
        phone.send(&message).unwrap();
        desk.pile.send(&message).unwrap();
        desk.settle(&mut phone, 244);
    }
    assert_eq!(
        (desk.told.to_pile.len(), desk.told.to_phone.len()),
        (400, 400)
    );
}

#[test]
fn a_recorded_hello_is_answered_and_opens_nothing() {
    let mut desk = Desk::new(5);
    let key = desk.phones.of(4);
    let recorded = hello(&mut desk.connect(&key));
    desk.pile.connected(desk.now);
    desk.pile.receive(desk.now, &recorded);
    desk.poll_pile();
    assert_eq!((desk.told.pile.len(), desk.pile.holder()), (0, None));
    assert_eq!(desk.pile.send(b"secret"), Err(SendError::NotOpen));
    desk.pass(Duration::from_seconds(10));
    desk.poll_pile();
    assert_eq!(desk.told.pile_closed(), Some(Why::Unproven));
}

#[test]
fn a_photographed_code_alone_gets_not_even_an_answer() {
    let mut desk = Desk::new(6);
    let code = LinkKey::of_binding(&[9; 16]);
    let mut phone = desk.connect(&code);
    let mut carried = Vec::new();
    desk.settle_through(&mut phone, 20, &mut |way, bytes| {
        if way == Way::ToPhone {
            carried.extend(&bytes);
        }
        bytes
    });
    assert_eq!(desk.told.phone, [PhoneEvent::TapTheCard]);
    assert_eq!(frames(&carried), [(Kind::Wait, vec![])]);
    assert!(desk.pile.is_waiting());
    // Another card is tapped; then nobody taps.
    let other = LinkKey::of_binding(&[8; 16]);
    assert_eq!(desk.pile.offer(desk.now, &other), Offered::NotThisCard);
    assert!(desk.pile.is_waiting());
    assert_eq!(
        desk.pile.deadline(desk.now),
        Some(desk.now.after(Duration::from_seconds(60)))
    );
    desk.pass(Duration::from_seconds(60));
    desk.settle(&mut phone, 20);
    assert_eq!(desk.told.pile_closed(), Some(Why::NotTapped));
    assert_eq!(desk.told.phone_closed(), Some(Why::Bye));
    assert!(desk.pile.wants_disconnect() && phone.wants_disconnect());
    assert_eq!(desk.pile.offer(desk.now, &code), Offered::NobodyWaits);
}

#[test]
fn a_tap_of_the_card_opens_the_link_of_its_code() {
    let mut desk = Desk::new(7);
    let code = LinkKey::of_binding(&[9; 16]);
    let mut phone = desk.connect(&code);
    desk.settle(&mut phone, 20);
    desk.pass(Duration::from_seconds(59));
    assert_eq!(desk.pile.offer(desk.now, &code), Offered::Accepted);
    desk.settle(&mut phone, 20);
    assert_eq!(desk.told.opened(), Some(Holder::Card));
    assert_eq!(
        desk.told.phone,
        [PhoneEvent::TapTheCard, PhoneEvent::Opened]
    );
    desk.pile.send(b"your key").unwrap();
    desk.settle(&mut phone, 20);
    assert_eq!(desk.told.to_phone, [b"your key"]);
    desk.pass(Duration::from_hours(1));
    desk.settle(&mut phone, 20);
    assert_eq!(desk.told.pile_closed(), None, "an open link may be idle");
}

#[test]
fn strangers_wait_longer_and_longer_and_the_landlord_never() {
    let mut desk = Desk::new(8);
    let stranger = LinkKey::of_binding(&[9; 16]);
    for failures in 0..4 {
        let mut phone = desk.connect(&stranger);
        desk.settle(&mut phone, 20);
        assert_eq!(
            desk.told.phone,
            [PhoneEvent::TapTheCard],
            "after {failures}"
        );
        desk.pile.disconnected(desk.now);
    }
    for _ in 0..3 {
        let mut phone = desk.connect(&stranger);
        desk.settle(&mut phone, 20);
        let busy = PhoneEvent::Busy { seconds: 1 };
        assert_eq!(desk.told.phone, [busy, PhoneEvent::Closed(Why::Busy)]);
        assert_eq!(desk.told.pile_closed(), Some(Why::Busy));
        assert!(desk.pile.wants_disconnect());
        desk.pile.disconnected(desk.now);
    }
    let landlord = desk.phones.of(0);
    let mut phone = desk.connect(&landlord);
    desk.settle(&mut phone, 20);
    assert_eq!(desk.told.phone, [PhoneEvent::Opened]);
    // Which clears it.
    let mut phone = desk.connect(&stranger);
    desk.settle(&mut phone, 20);
    assert_eq!(desk.told.phone, [PhoneEvent::TapTheCard]);
}

#[test]
fn all_keys_are_tried_eight_a_poll_whichever_matches() {
    let steps = |number: u16| {
        let mut desk = Desk::new(9);
        let key = desk.phones.of(number);
        let said = hello(&mut desk.connect(&key));
        desk.pile.receive(desk.now, &said);
        desk.poll_pile()
    };
    // Eight slices, an ephemeral key, an answer, nothing.
    assert_eq!((steps(0), steps(31), steps(63)), (11, 11, 11));
    // A stranger's: no key, no answer.
    assert_eq!(steps(2), 9);
}

#[test]
fn a_phone_that_is_no_longer_bound_is_a_stranger() {
    let mut desk = Desk::new(10);
    let revoked = desk.phones.of(5);
    let mut phone = desk.connect(&revoked);
    desk.settle(&mut phone, 20);
    assert_eq!(desk.told.phone, [PhoneEvent::TapTheCard]);
}

#[test]
fn a_silent_end_is_given_up() {
    let mut desk = Desk::new(11);
    let key = desk.phones.of(4);
    let mut phone = desk.connect(&key);
    desk.poll_pile();
    desk.pass(Duration::from_seconds(10));
    desk.poll_pile();
    desk.poll_phone(&mut phone);
    assert_eq!(desk.told.pile_closed(), Some(Why::Silent));
    assert_eq!(desk.told.phone_closed(), Some(Why::Silent));
    // Nobody takes the last bytes.
    assert!(!desk.pile.wants_disconnect());
    desk.pass(Duration::from_seconds(2));
    desk.poll_pile();
    assert!(desk.pile.wants_disconnect());
}

#[test]
fn an_end_that_takes_nothing_is_given_up() {
    let (mut desk, mut phone) = open(12);
    for _ in 0..5 {
        desk.pile.send(b"ports").unwrap();
    }
    let mut bytes = [0; 1024];
    while desk.pile.transmit(&mut bytes) > 0 {}
    assert!(desk.pile.has_output(), "the fifth waits for a credit");
    assert_eq!(desk.pile.deadline(desk.now), Some(desk.now));
    desk.poll_pile();
    let patience = Duration::from_seconds(10);
    assert_eq!(desk.pile.deadline(desk.now), Some(desk.now.after(patience)));
    desk.pass(patience);
    desk.poll_pile();
    assert_eq!(desk.told.pile_closed(), Some(Why::Stalled));
    desk.settle(&mut phone, 64);
    assert_eq!(desk.told.phone_closed(), Some(Why::Bye));
}

#[test]
fn either_end_says_bye_and_what_came_before_is_still_read() {
    let (mut desk, mut phone) = open(13);
    phone.send(b"stop 15").unwrap();
    let mut bytes = [0; 128];
    let count = phone.transmit(&mut bytes);
    desk.pile.receive(desk.now, &bytes[..count]);
    phone.close(desk.now);
    let count = phone.transmit(&mut bytes);
    desk.pile.receive(desk.now, &bytes[..count]);
    assert_eq!(desk.pile.send(b"late"), Err(SendError::NotOpen));
    desk.settle(&mut phone, 64);
    assert_eq!(desk.told.to_pile, [b"stop 15"]);
    assert_eq!(desk.told.pile_closed(), Some(Why::Bye));
    assert_eq!(desk.told.phone_closed(), Some(Why::Asked));
    assert_eq!(desk.pile.holder(), None);

    let (mut desk, mut phone) = open(13);
    desk.pile.close(desk.now);
    desk.settle(&mut phone, 64);
    assert_eq!(desk.told.phone_closed(), Some(Why::Bye));
}

#[test]
fn one_end_serves_one_phone_after_the_other() {
    let (mut desk, mut phone) = open(14);
    phone.send(&[1; 300]).unwrap();
    let mut bytes = [0; 50];
    let count = phone.transmit(&mut bytes);
    desk.pile.receive(desk.now, &bytes[..count]);
    desk.pile.disconnected(desk.now);
    let key = desk.phones.of(7);
    let mut next = desk.connect(&key);
    desk.settle(&mut next, 20);
    assert_eq!(desk.told.opened(), Some(Holder::Phone(PhoneId::new(7))));
    next.send(b"ports?").unwrap();
    desk.settle(&mut next, 20);
    assert_eq!(desk.told.to_pile, [b"ports?"]);
}

/// What is on the wire from the first byte to the first answer. Computed apart from this crate, with
/// Python's `cryptography` and from the README's page alone. Changing it changes the protocol.
#[test]
fn golden_link() {
    const SAID: [&str; 4] = [
        concat!(
            "003d01019569c25eaab068117a1a4e709bf085ac494aba0469b9b1eda0ab1f78",
            "b16aabb79ffeda90623e8522fd47d39186b1e248ed4fa535a41704c1833800",
        ),
        concat!(
            "003402132c442be010fbd57e72603328aa76e71fccc1503aae219327d14d9c99",
            "93f4724bc39cfa327ff894d024b561c6b99102e6ef00",
        ),
        concat!(
            "1503b68cd6ffac2e0da7fc2960e10b87071f38f785001b03218a80dbc9d3b9e9",
            "7ae781e64b1bef927d494135c223fa9def00",
        ),
        "030402031d96001803d1a8fddd9bfbdea12af6970b2ccf23e56d286ca766e600",
    ];
    struct One;
    impl Keys for One {
        fn slots(&self) -> usize {
            1
        }
        fn key(&self, _: usize) -> Option<(Holder, LinkKey)> {
            Some((Holder::Phone(PhoneId::new(0)), key()))
        }
    }
    fn key() -> LinkKey {
        LinkKey::new(core::array::from_fn(|at| at.to_le_bytes()[0]))
    }
    fn hex(bytes: &[u8]) -> String {
        bytes
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    let now = Instant::START;
    let (mut pile, mut phone) = (PileEnd::new(), PhoneEnd::new(now, &key(), [0x41; 32]));
    pile.connected(now);
    let mut bytes = [0; 512];
    for (index, said) in SAID.into_iter().enumerate() {
        let count = if index % 2 == 0 {
            let count = phone.transmit(&mut bytes);
            pile.receive(now, &bytes[..count]);
            count
        } else {
            while pile.poll(now, &One, &mut |bytes: &mut [u8]| bytes.fill(0x42))
                != PileEvent::Nothing
            {}
            if pile.holder().is_some() {
                pile.send(b"ten").unwrap();
            }
            let count = pile.transmit(&mut bytes);
            phone.receive(now, &bytes[..count]);
            while phone.poll(now) != PhoneEvent::Nothing {}
            phone.send(b"ports?").unwrap();
            count
        };
        assert_eq!(hex(&bytes[..count]), said, "portion {index}");
    }
}
