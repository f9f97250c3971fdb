//! A phone that nobody here wrote, as far as keys go: `snow` does its handshake and its seals.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's helper fails as a test does"
)]

mod common;

use ble_protocol::frame::{Decoder, Kind};
use ble_protocol::{Holder, LinkKey, Why};
use hmac::{Hmac, KeyInit, Mac};
use pile_units::PhoneId;
use sha2::Sha256;
use snow::TransportState;

use common::{Desk, encoded};

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

struct Phone {
    decoder: Decoder,
    heard: Vec<(Kind, Vec<u8>)>,
}

impl Phone {
    /// Says this to the pile, and hears what it answers.
    fn say(&mut self, desk: &mut Desk, kind: Kind, body: &[u8]) {
        desk.pile.receive(desk.now, &encoded(kind, body));
        desk.poll_pile();
        self.hear(desk);
    }

    fn hear(&mut self, desk: &mut Desk) {
        let mut bytes = [0; 33];
        loop {
            let count = desk.pile.transmit(&mut bytes);
            if count == 0 {
                return;
            }
            for byte in &bytes[..count] {
                if let Some(Ok(frame)) = self.decoder.push(*byte) {
                    self.heard.push((frame.kind, frame.body.to_vec()));
                }
            }
        }
    }

    fn sealed(transport: &mut TransportState, plain: &[u8]) -> Vec<u8> {
        let mut sealed = vec![0; plain.len() + 16];
        transport.write_message(plain, &mut sealed).unwrap();
        sealed
    }
}

/// As the README's page of the protocol says, from the first byte.
fn open(desk: &mut Desk, number: u16) -> (Phone, TransportState) {
    let psk = *desk.phones.of(number).expose();
    desk.pile.connected(desk.now);
    let pattern = "Noise_NNpsk0_25519_ChaChaPoly_SHA256".parse().unwrap();
    let builder = snow::Builder::new(pattern).psk(0, &psk).unwrap();
    let mut noise = builder
        .prologue(b"openpile link 1")
        .unwrap()
        .build_initiator()
        .unwrap();
    let mut message = [0; 48];
    noise.write_message(&[], &mut message).unwrap();
    let hint = hmac(&hmac(&psk, b"openpile hint 1"), &message[..32]);
    let mut phone = Phone {
        decoder: Decoder::new(),
        heard: vec![],
    };
    let hello = [&[1], &hint[..8], &message[..]].concat();
    phone.say(desk, Kind::Hello, &hello);
    let (kind, reply) = phone.heard.pop().unwrap();
    assert_eq!(kind, Kind::Reply);
    noise.read_message(&reply, &mut [0; 48]).unwrap();
    let mut transport = noise.into_transport_mode().unwrap();
    let proof = Phone::sealed(&mut transport, &[0]);
    phone.say(desk, Kind::Data, &proof);
    (phone, transport)
}

#[test]
fn snow_opens_the_link_and_messages_go_both_ways() {
    let mut desk = Desk::new(1);
    let (mut phone, mut transport) = open(&mut desk, 4);
    assert_eq!(desk.told.opened(), Some(Holder::Phone(PhoneId::new(4))));
    for (more, part) in [(1, b"how much"), (0, b" power? ")] {
        let sealed = Phone::sealed(&mut transport, &[&[more], &part[..]].concat());
        phone.say(&mut desk, Kind::Data, &sealed);
    }
    assert_eq!(desk.told.to_pile, [b"how much power? "]);
    assert_eq!(phone.heard, [(Kind::Credit, vec![2, 0])]);
    desk.pile.send(&[7; 300]).unwrap();
    phone.hear(&mut desk);
    let mut said = Vec::new();
    for (kind, sealed) in &phone.heard[1..] {
        assert_eq!(*kind, Kind::Data);
        let mut plain = [0; 256];
        let length = transport.read_message(sealed, &mut plain).unwrap();
        said.push(plain[..length].to_vec());
    }
    assert_eq!(
        said,
        [
            [&[1][..], &[7; 239]].concat(),
            [&[0][..], &[7; 61]].concat()
        ]
    );
}

#[test]
fn a_phone_that_minds_no_window_is_shut_out() {
    let mut desk = Desk::new(2);
    let (_, mut transport) = open(&mut desk, 4);
    // The proof was one of four, but consumed; nobody polls the pile now.
    for at in 0..4 {
        let sealed = Phone::sealed(&mut transport, &[0, at]);
        desk.pile.receive(desk.now, &encoded(Kind::Data, &sealed));
    }
    desk.poll_pile();
    assert_eq!(desk.told.pile_closed(), Some(Why::Overrun));
    assert_eq!(desk.told.to_pile, [[0], [1], [2]]);
}

#[test]
fn what_has_the_key_but_not_the_manners_is_shut_out() {
    for plain in [&[][..], &[0], &[2, 1], &[1]] {
        let mut desk = Desk::new(3);
        let (mut phone, mut transport) = open(&mut desk, 4);
        let sealed = Phone::sealed(&mut transport, plain);
        phone.say(&mut desk, Kind::Data, &sealed);
        assert_eq!(desk.told.pile_closed(), Some(Why::Malformed), "{plain:?}");
        assert_eq!(phone.heard, [(Kind::Bye, vec![])]);
    }
}

#[test]
fn credits_for_what_was_not_said_are_refused() {
    for count in [[1, 0], [0, 0], [255, 255]] {
        let mut desk = Desk::new(4);
        let (mut phone, _) = open(&mut desk, 4);
        phone.say(&mut desk, Kind::Credit, &count);
        assert_eq!(desk.told.pile_closed(), Some(Why::Malformed));
    }
}

#[test]
fn keys_are_made_as_the_readme_says() {
    let number = 0x0104_u16.to_le_bytes();
    let said = [&b"openpile phone 1"[..], &[0x22; 16], &number].concat();
    let phones = common::Phones::new();
    assert_eq!(phones.of(0x0104).expose()[..], hmac(&[0x11; 32], &said)[..]);
    assert_eq!(
        LinkKey::of_binding(&[3; 16]).expose()[..],
        hmac(&[3; 16], b"openpile bind 1")[..]
    );
    let recovery = LinkKey::of_recovery(&[3; 16]);
    assert_eq!(
        recovery.expose()[..],
        hmac(&[3; 16], b"openpile recover 1")[..]
    );
}
