//! What any text must stand up to: the body that a fuzzer and `cargo test` share.

use super::{PublicKey, Signature, SoftwareKey, possible_signers, read_tariff_text, verify};

/// Reads bytes as a record, as a key and as a signature, and does with each what a verifier would.
///
/// The first line is the record; a public key in PEM may follow it, otherwise the record is checked
/// with a key of the tests.
///
/// # Panics
/// If a reader contradicts itself: what it took once it refuses the second time, a record that
/// verifies for a payload is not bound to it, or a key does not read as it was written.
///
/// ```
/// billing_core::receipt::testing::any_bytes(b"OCMF|{\"FV\":\"1.0\"}|{\"SD\":\"3006\"}");
/// ```
#[expect(clippy::panic, reason = "it is a test's body")]
pub fn any_bytes(bytes: &[u8]) {
    let _ = Signature::from_der(bytes);
    let _ = PublicKey::from_spki_der(bytes);
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    if let Some((_, prices)) = read_tariff_text(text) {
        prices.for_each(drop);
    }
    let (record, rest) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(fixed) = SoftwareKey::from_bytes(&[7; 32]) else {
        return;
    };
    let key = PublicKey::from_pem(rest).unwrap_or_else(|_| fixed.public_key());
    if PublicKey::from_spki_der(&key.to_spki_der()) != Ok(key) {
        panic!("a key does not read as it was written");
    }
    if let Ok(signers) = possible_signers(record) {
        // Whatever key could have signed a record verifies it.
        for signer in signers {
            if verify(record, &signer).is_err() {
                panic!("a possible signer's signature does not verify");
            }
        }
    }
    let Ok(view) = verify(record, &key) else {
        return;
    };
    for name in ["FV", "PG", "RD", "TT", "ID", "Z", ""] {
        if let Some(value) = view.get(name)
            && !view.payload().contains(value)
        {
            panic!("a member is not of the payload");
        }
    }
    if verify(record, &key) != Ok(view) {
        panic!("the second look sees something else");
    }
    let digest = view.digest();
    let mut other = digest;
    if let Some(byte) = other.first_mut() {
        *byte ^= 1;
    }
    let Ok((_, signature)) = super::verify::read(record) else {
        panic!("a verified record has no signature");
    };
    if !key.verifies(&digest, &signature) || key.verifies(&other, &signature) {
        panic!("the signature is not bound to the payload");
    }
}
