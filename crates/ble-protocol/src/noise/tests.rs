//! The published vector, and `snow`, which nobody here wrote, at the other end.

use std::string::String;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use serde_json::Value;

use super::cipher::{REKEY_BYTES, REKEY_MESSAGES};
use super::*;

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_SHA256";

fn hex(value: &Value) -> Vec<u8> {
    let text: String = value.as_str().unwrap().into();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn array(value: &Value) -> [u8; 32] {
    hex(value).try_into().unwrap()
}

/// A handshake message with this payload, not yet sealed.
fn with_payload(payload: &[u8]) -> Vec<u8> {
    [&[0; 32], payload, &[0; TAG]].concat()
}

/// A transport message, not yet sealed.
fn plain(payload: &[u8]) -> Vec<u8> {
    [payload, &[0; TAG]].concat()
}

#[test]
fn the_published_vector_comes_out_at_both_ends() {
    let vector: Value =
        serde_json::from_str(include_str!("../../tests/data/cacophony.json")).unwrap();
    assert_eq!(vector["protocol_name"], PATTERN);
    let prologue = hex(&vector["init_prologue"]);
    let key = LinkKey::new(array(&vector["init_psks"][0]));
    let [first, second, rest @ ..] = &vector["messages"].as_array().unwrap()[..] else {
        panic!("a handshake has two messages");
    };

    let mut message = with_payload(&hex(&first["payload"]));
    let secret = Secret::new(array(&vector["init_ephemeral"]));
    let phone = Initiator::start(&prologue, &key, secret, &mut message).unwrap();
    assert_eq!(message, hex(&first["ciphertext"]));

    let pile = Responder::read(&prologue, &key, &mut message).unwrap();
    assert_eq!(message[32..message.len() - TAG], hex(&first["payload"]));
    let mut message = with_payload(&hex(&second["payload"]));
    let pile = pile.prepare(Secret::new(array(&vector["resp_ephemeral"])));
    let mut pile = pile.reply(&mut message).unwrap();
    assert_eq!(message, hex(&second["ciphertext"]));

    let mut phone = phone.finish(&mut message).unwrap();
    assert_eq!(message[32..message.len() - TAG], hex(&second["payload"]));
    assert_eq!(rest.len(), 4);
    for (index, said) in rest.iter().enumerate() {
        let (payload, mut message) = (hex(&said["payload"]), plain(&hex(&said["payload"])));
        let (from, to) = match index % 2 {
            0 => (&mut phone, &mut pile),
            _ => (&mut pile, &mut phone),
        };
        from.seal(&mut message).unwrap();
        assert_eq!(message, hex(&said["ciphertext"]));
        assert_eq!(to.open(&mut message), Ok(&payload[..]));
    }
}

fn snow(psk: &[u8; 32], prologue: &[u8]) -> snow::Builder<'static> {
    let psk: &'static [u8; 32] = std::boxed::Box::leak(std::boxed::Box::new(*psk));
    let prologue = std::boxed::Box::leak(prologue.to_vec().into_boxed_slice());
    snow::Builder::new(PATTERN.parse().unwrap())
        .psk(0, psk)
        .unwrap()
        .prologue(prologue)
        .unwrap()
}

/// Ours as the phone, theirs as the pile.
fn as_phone(psk: [u8; 32], secret: [u8; 32]) -> (Transport, snow::TransportState) {
    let mut theirs = snow(&psk, PROLOGUE).build_responder().unwrap();
    let mut message = [0; MESSAGE];
    let (key, secret) = (LinkKey::new(psk), Secret::new(secret));
    let ours = Initiator::start(PROLOGUE, &key, secret, &mut message).unwrap();
    theirs.read_message(&message, &mut [0; 64]).unwrap();
    assert_eq!(theirs.write_message(&[], &mut message), Ok(MESSAGE));
    let ours = ours.finish(&mut message).unwrap();
    (ours, theirs.into_transport_mode().unwrap())
}

/// Ours as the pile, theirs as the phone.
fn as_pile(psk: [u8; 32], secret: [u8; 32]) -> (Transport, snow::TransportState) {
    let mut theirs = snow(&psk, PROLOGUE).build_initiator().unwrap();
    let mut message = [0; MESSAGE];
    assert_eq!(theirs.write_message(&[], &mut message), Ok(MESSAGE));
    let ours = Responder::read(PROLOGUE, &LinkKey::new(psk), &mut message).unwrap();
    let ours = ours.prepare(Secret::new(secret)).reply(&mut message);
    theirs.read_message(&message, &mut [0; 64]).unwrap();
    (ours.unwrap(), theirs.into_transport_mode().unwrap())
}

/// Says a message each way.
fn talk((ours, theirs): &mut (Transport, snow::TransportState), payload: &[u8]) {
    let mut message = plain(payload);
    ours.seal(&mut message).unwrap();
    let mut heard = vec![0; message.len()];
    let length = theirs.read_message(&message, &mut heard).unwrap();
    assert_eq!(&heard[..length], payload);
    let length = theirs.write_message(payload, &mut message).unwrap();
    assert_eq!(ours.open(&mut message[..length]), Ok(payload));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn snow_talks_to_either_end(
        psk: [u8; 32], secret: [u8; 32],
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8),
    ) {
        for mut pair in [as_phone(psk, secret), as_pile(psk, secret)] {
            for payload in &payloads {
                talk(&mut pair, payload);
            }
        }
    }

    #[test]
    fn a_message_that_was_touched_opens_nothing(
        at in 0..MESSAGE, flip in 1..=u8::MAX, second: bool,
    ) {
        let (key, mut message) = (LinkKey::new([7; 32]), [0; MESSAGE]);
        let phone = Initiator::start(PROLOGUE, &key, Secret::new([1; 32]), &mut message).unwrap();
        if !second {
            message[at] ^= flip;
            prop_assert!(Responder::read(PROLOGUE, &key, &mut message).is_err());
            return Ok(());
        }
        let pile = Responder::read(PROLOGUE, &key, &mut message).unwrap();
        pile.prepare(Secret::new([2; 32])).reply(&mut message).unwrap();
        message[at] ^= flip;
        prop_assert!(phone.finish(&mut message).is_err());
    }
}

#[test]
fn both_ends_take_a_new_key_after_so_many_messages() {
    let mut pair = as_phone([3; 32], [4; 32]);
    for _ in 0..3 {
        for _ in 0..REKEY_MESSAGES {
            talk(&mut pair, b"1");
        }
        pair.1.rekey_outgoing();
        pair.1.rekey_incoming();
    }
    talk(&mut pair, b"and so on");
}

#[test]
fn both_ends_take_a_new_key_after_so_many_bytes() {
    let mut pair = as_pile([3; 32], [4; 32]);
    let payload = [5; 240];
    let sealed = u32::try_from(payload.len() + TAG).unwrap();
    assert_eq!(REKEY_BYTES % sealed, 0, "the last one just reaches it");
    for _ in 0..3 {
        for _ in 0..REKEY_BYTES / sealed {
            talk(&mut pair, &payload);
        }
        pair.1.rekey_outgoing();
        pair.1.rekey_incoming();
    }
    talk(&mut pair, b"and so on");
}

#[test]
fn another_key_or_another_prologue_opens_nothing() {
    let mut message = [0; MESSAGE];
    let key = LinkKey::new([7; 32]);
    Initiator::start(PROLOGUE, &key, Secret::new([1; 32]), &mut message).unwrap();
    let other = LinkKey::new([8; 32]);
    assert!(Responder::read(PROLOGUE, &other, &mut message.clone()).is_err());
    assert!(Responder::read(b"openpile link 2", &key, &mut message.clone()).is_err());
    assert!(Responder::read(PROLOGUE, &key, &mut message).is_ok());
}

/// All points of low order (RFC 7748; the list of cr.yp.to/ecdh.html), and twins above the prime.
fn low_order() -> Vec<[u8; 32]> {
    let point = |text: &str| -> [u8; 32] { array(&Value::from(text)) };
    vec![
        [0; 32],
        point("0100000000000000000000000000000000000000000000000000000000000000"),
        point("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        point("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        point("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        point("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        point("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ]
}

/// Seals an empty payload for an ephemeral key of the forger's choice. He has the psk: all the same
/// he must not bring about a link whose key everybody knows.
fn forged(point: [u8; 32], key: &LinkKey) -> [u8; MESSAGE] {
    let mut state = Symmetric::new(PROLOGUE, key);
    let mut message = [0; MESSAGE];
    let (ephemeral, payload) = halves(&mut message).unwrap();
    *ephemeral = point;
    state.mix_ephemeral(ephemeral);
    state.seal(payload).unwrap();
    message
}

#[test]
fn points_of_low_order_are_refused_at_both_ends() {
    let key = LinkKey::new([7; 32]);
    for point in low_order() {
        let mut message = forged(point, &key);
        let pile = Responder::read(PROLOGUE, &key, &mut message).unwrap();
        let pile = pile.prepare(Secret::new([2; 32]));
        assert!(matches!(pile.reply(&mut [0; MESSAGE]), Err(Refused)));

        let mut message = [0; MESSAGE];
        let phone = Initiator::start(PROLOGUE, &key, Secret::new([1; 32]), &mut message).unwrap();
        // What a pile would answer that takes zeros for the shared secret.
        let mut state = Symmetric::new(PROLOGUE, &key);
        let (ephemeral, payload) = halves(&mut message).unwrap();
        state.mix_ephemeral(ephemeral);
        state.open(payload).unwrap();
        let mut answer = [0; MESSAGE];
        let (ephemeral, payload) = halves(&mut answer).unwrap();
        *ephemeral = point;
        state.mix_ephemeral(ephemeral);
        state.mix_key(&[0; 32]);
        state.seal(payload).unwrap();
        assert!(matches!(phone.finish(&mut answer), Err(Refused)));
    }
}

#[test]
fn replay_reflection_and_another_order_do_not_open() {
    let (mut phone, _) = as_phone([3; 32], [4; 32]);
    let mut first = plain(b"first");
    phone.seal(&mut first).unwrap();
    assert_eq!(
        phone.open(&mut first.clone()),
        Err(Refused),
        "its own words"
    );
    let (mut ours, mut theirs) = as_pile([3; 32], [4; 32]);
    let mut said = [[0; 17]; 2];
    for message in &mut said {
        theirs.write_message(b"x", message).unwrap();
    }
    assert_eq!(
        ours.open(&mut said[1].clone()),
        Err(Refused),
        "the second first"
    );
    assert_eq!(ours.open(&mut said[0].clone()), Ok(&b"x"[..]));
    assert_eq!(ours.open(&mut said[0]), Err(Refused), "once more");
    assert_eq!(ours.open(&mut said[1]), Ok(&b"x"[..]));
}
