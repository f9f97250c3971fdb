//! Checking: published vectors first, then ours, then every way to tamper with one.

extern crate std;
use super::*;
use crate::receipt::tests::{between, data, key, unhex, written};
use crate::receipt::{InvalidKey, ReceiptData, SoftwareKey, testing, write_hex};
use proptest::prelude::*;
use std::format;
use std::string::String;
use std::vec::Vec;

const GENUINE: &str = include_str!("../../../tests/data/ocmf/test_ocmf_keba_kcp30.xml");
const ALTERED: &str = include_str!("../../../tests/data/ocmf/test_ocmf_keba_kcp30_fail.xml");

/// The record and the key of a transparency file.
fn vector(xml: &str) -> (&str, PublicKey) {
    let record = between(xml, "transactionId=\"29\">", "</signedData>");
    let key = between(xml, "<publicKey encoding=\"hex\">", "</publicKey>");
    (record, PublicKey::from_spki_der(&unhex(key)).unwrap())
}

#[test]
fn the_published_genuine_record_verifies() {
    let (record, key) = vector(GENUINE);
    let view = verify(record, &key).unwrap();
    assert_eq!(view.get("GI"), Some("\"KEBA_KCP30\""));
    assert_eq!(view.get("IS"), Some("false"));
}

#[test]
fn the_published_altered_record_is_refused() {
    let (record, key) = vector(ALTERED);
    assert_eq!(verify(record, &key), Err(VerifyError::Forged));
}

#[test]
fn a_signature_in_base64_verifies() {
    use base64ct::{Base64, Encoding};
    let record = written(&data());
    let (head, rest) = record.split_once("\"SD\":\"").unwrap();
    let mut text = [0; 100];
    let der = unhex(rest.trim_end_matches("\"}"));
    let base64 = Base64::encode(&der, &mut text).unwrap();
    let other = format!("{head}\"SE\":\"base64\",\"SD\":\"{base64}\"}}");
    assert!(verify(&other, &key().public_key()).is_ok());
}

#[test]
fn the_key_that_signed_two_records_is_what_their_possible_signers_share() {
    let second = written(&ReceiptData { page: 33, ..data() });
    let shared = |one: &str, other: &str| {
        let others: Vec<_> = possible_signers(other).unwrap().collect();
        let ones = possible_signers(one).unwrap();
        ones.filter(|key| others.contains(key)).collect::<Vec<_>>()
    };
    assert_eq!(shared(&written(&data()), &second), [key().public_key()]);
    let altered = second.replace("0.991600", "0.991601");
    assert_eq!(shared(&written(&data()), &altered), []);
}

#[test]
fn i8_the_fuzzed_body_takes_every_vector() {
    for xml in [GENUINE, ALTERED] {
        let (record, key) = vector(xml);
        testing::any_bytes(record.as_bytes());
        let mut pem = format!("{record}\n");
        key.write_pem(&mut pem).unwrap();
        testing::any_bytes(pem.as_bytes());
    }
    let record = written(&data());
    for end in 0..record.len() {
        testing::any_bytes(&record.as_bytes()[..end]);
    }
}

#[test]
fn another_key_does_not_verify_it() {
    let other = SoftwareKey::from_bytes(&[8; 32]).unwrap().public_key();
    assert_eq!(verify(&written(&data()), &other), Err(VerifyError::Forged));
}

#[test]
fn a_signature_moved_to_another_receipt_does_not_verify() {
    let (one, two) = (
        written(&data()),
        written(&ReceiptData { page: 33, ..data() }),
    );
    let payload = two.split('|').nth(1).unwrap();
    let signature = one.split('|').nth(2).unwrap();
    let mixed = format!("OCMF|{payload}|{signature}");
    assert_eq!(
        verify(&mixed, &key().public_key()),
        Err(VerifyError::Forged)
    );
}

#[test]
fn records_out_of_form_are_refused_for_their_reason() {
    let record = written(&data());
    let seen = |record: &str| verify(record, &key().public_key()).unwrap_err();
    assert_eq!(seen(""), VerifyError::NotOcmf);
    assert_eq!(seen(&record[1..]), VerifyError::NotOcmf);
    assert_eq!(seen(&format!("{record}|")), VerifyError::NotOcmf);
    assert_eq!(seen("OCMF|[]|{}"), VerifyError::Payload);
    assert_eq!(seen("OCMF|{}|{}"), VerifyError::SignaturePart);
    assert_eq!(seen("OCMF|{}|x"), VerifyError::SignaturePart);
    assert_eq!(seen(r#"OCMF|{}|{"SD":1}"#), VerifyError::SignaturePart);
    assert_eq!(
        seen(r#"OCMF|{}|{"SD":"","SD":""}"#),
        VerifyError::SignaturePart
    );
    assert_eq!(seen(r#"OCMF|{}|{"SD":"xy"}"#), VerifyError::SignatureData);
    assert_eq!(seen(r#"OCMF|{}|{"SD":"300"}"#), VerifyError::SignatureData);
    assert_eq!(
        seen(&format!(r#"OCMF|{{}}|{{"SD":"{}"}}"#, "00".repeat(73))),
        VerifyError::SignatureData
    );
    assert_eq!(
        seen(&record.replace("r1-SHA", "k1-SHA")),
        VerifyError::Algorithm
    );
    for (member, error) in [
        ("\"SE\":\"base32\",", VerifyError::Encoding),
        ("\"SE\":\"base64\",", VerifyError::SignatureData),
        ("\"SM\":\"raw\",", VerifyError::Encoding),
    ] {
        let other = record.replace("\"SD\"", &format!("{member}\"SD\""));
        assert_eq!(seen(&other), error, "{member}");
    }
}

#[test]
fn keys_that_are_no_keys_are_refused() {
    let good = key().public_key().to_spki_der();
    for at in [0, 25, 26, 90] {
        let mut bytes = good;
        bytes[at] ^= 1;
        assert_eq!(
            PublicKey::from_spki_der(&bytes),
            Err(InvalidKey),
            "byte {at}"
        );
    }
    assert_eq!(PublicKey::from_spki_der(&good[..90]), Err(InvalidKey));
    assert_eq!(PublicKey::from_spki_der(&[]), Err(InvalidKey));
    for secret in [[0; 32], [0xff; 32]] {
        assert!(SoftwareKey::from_bytes(&secret).is_err());
    }
    let mut pem = String::new();
    key().public_key().write_pem(&mut pem).unwrap();
    assert!(PublicKey::from_pem(&pem.replace("PUBLIC", "SECRET")).is_err());
    assert!(PublicKey::from_pem(&pem[..80]).is_err());
}

proptest! {
    #[test]
    fn one_changed_character_of_the_payload_is_seen(
        at in any::<prop::sample::Index>(), with in 0x21u8..0x7f,
    ) {
        let record = written(&data());
        let (start, end) = (5, record.rfind('|').unwrap());
        let mut bytes = record.into_bytes();
        let at = start + at.index(end - start);
        prop_assume!(bytes[at] != with);
        bytes[at] = with;
        let altered = String::from_utf8(bytes).unwrap();
        prop_assert!(verify(&altered, &key().public_key()).is_err());
    }

    #[test]
    fn one_changed_bit_of_the_signature_is_seen(bit in 0usize..70 * 8) {
        let record = written(&data());
        let start = record.find("\"SD\":\"").unwrap() + 6;
        let mut der = unhex(&record[start..record.len() - 2]);
        let bit = bit % (der.len() * 8);
        der[bit / 8] ^= 1 << (bit % 8);
        let mut hex = String::new();
        write_hex(&mut hex, &der).unwrap();
        let altered = format!("{}{hex}\"}}", &record[..start]);
        prop_assert!(verify(&altered, &key().public_key()).is_err());
    }

    #[test]
    fn i8_no_text_panics_the_verifier(
        payload in "[{}\":,a0|é]{0,20}", signature in "\\{(\"S[DAE]\":\"[0-9a-f]{0,160}\",?)*\\}?",
    ) {
        let _ = verify(&format!("OCMF|{payload}|{signature}"), &key().public_key());
    }

    #[test]
    fn i8_no_bytes_panic_the_readers_of_keys_and_signatures(
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let _ = Signature::from_der(&bytes);
        let _ = PublicKey::from_spki_der(&bytes);
        let _ = PublicKey::from_pem(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn i8_no_bytes_panic_the_fuzzed_body(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        testing::any_bytes(&bytes);
    }

    #[test]
    fn i8_no_change_of_a_record_panics_the_fuzzed_body(
        at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = written(&data()).into_bytes();
        let (at, cut) = (at.index(bytes.len()), cut.index(bytes.len() * 4));
        bytes[at] = with;
        bytes.truncate(cut);
        testing::any_bytes(&bytes);
    }
}
