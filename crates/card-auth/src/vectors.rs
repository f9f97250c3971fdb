//! Every published vector of `tests/data/cards.json` that concerns cards, by name. Where they come
//! from stands in the file and in `tests/data/README.md`.

use std::string::String;
use std::vec::Vec;

use serde_json::Value;

use crate::crypto::{cmac, truncated};
use crate::iso14443a::crc_a;
use crate::keys::{diversified, subkeys};

pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn block(text: &str) -> [u8; 16] {
    hex(text).try_into().unwrap()
}

pub(crate) fn vectors() -> Value {
    serde_json::from_str(include_str!("../tests/data/cards.json")).unwrap()
}

pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().into()
}

#[test]
fn iso_14443_3_annex_b_crc_a_vectors_come_out() {
    let vectors = vectors();
    let cases = vectors["crc_a"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let sum = crc_a(&hex(&text(case, "data")));
        assert_eq!(sum.to_vec(), hex(&text(case, "crc_lsb_first")));
    }
}

#[test]
fn an10922_aes_128_subkeys_and_diversified_key_come_out() {
    let vector = &vectors()["an10922_aes128"];
    let master = block(&text(vector, "master_key"));
    let names = ["k0", "k1", "k2"].map(|name| block(&text(vector, name)));
    assert_eq!(subkeys(&master), names);
    let (uid, aid) = (hex(&text(vector, "uid")), hex(&text(vector, "aid")));
    let system = text(vector, "system_id_ascii");
    let key = diversified(&master, &[&uid, &aid, system.as_bytes()]);
    assert_eq!(*key.expose(), block(&text(vector, "diversified")));
}

/// The trap of that vector: with an input that fits one block, a plain CMAC is another key.
#[test]
fn an10922_short_input_is_padded_to_two_blocks_and_is_no_plain_cmac() {
    let vector = &vectors()["an10922_aes128"];
    let master = block(&text(vector, "master_key"));
    let uid = hex(&text(vector, "uid"));
    let plain = cmac(&master, &[&[0x01], &uid]);
    assert_ne!(*diversified(&master, &[&uid]).expose(), plain);
    // 31 bytes fill both blocks: no padding, K1, and there the two are one.
    let full = [0x5a; 31];
    let plain = cmac(&master, &[&[0x01], &full]);
    assert_eq!(*diversified(&master, &[&full]).expose(), plain);
}

#[test]
fn an12196_mac_is_truncated_to_its_bytes_at_odd_index() {
    let vector = &vectors()["mac_truncation"];
    let key = block(&text(vector, "session_mac_key"));
    let mac = truncated(cmac(&key, &[&hex(&text(vector, "data"))]));
    assert_eq!(mac.to_vec(), hex(&text(vector, "mac8")));
}
