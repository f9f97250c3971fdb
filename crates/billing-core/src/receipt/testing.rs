//! What any text must stand up to: the body that a fuzzer and `cargo test` share.

use super::{PublicKey, Signature, SoftwareKey, possible_signers, read_tariff_text, verify};

/// Reads bytes as a record, as a key, as a signature and as a tariff text, and does with each what
/// a verifier would.
///
/// The first line is the record; a public key in PEM may follow it, otherwise the record is checked
/// with a key of the tests.
///
/// # Panics
/// If a reader contradicts itself: it sees something else at the second look, a record verifies
/// that its payload is not bound to, or a key does not read as it was written.
///
/// ```
/// billing_core::receipt::testing::any_bytes(b"OCMF|{\"FV\":\"1.0\"}|{\"SD\":\"3006\"}");
/// ```
pub fn any_bytes(bytes: &[u8]) {
    if let Some(signature) = Signature::from_der(bytes) {
        let again = Signature::from_fixed(&signature.to_fixed());
        assert_eq!(again, Some(signature), "a signature is its two numbers");
    }
    if let Some(Ok(key)) = bytes.first_chunk().map(PublicKey::from_compressed) {
        assert_eq!(Some(&key.to_compressed()), bytes.first_chunk());
    }
    let _ = PublicKey::from_spki_der(bytes);
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    if let Some((_, prices)) = read_tariff_text(text) {
        prices.for_each(drop);
    }
    let (record, rest) = text.split_once('\n').unwrap_or((text, ""));
    let ours = SoftwareKey::from_bytes(&[7; 32]).map(|key| key.public_key());
    let Ok(key) = PublicKey::from_pem(rest).or(ours) else {
        return;
    };
    let again = PublicKey::from_spki_der(&key.to_spki_der());
    assert_eq!(again, Ok(key), "a key reads as it was written");
    let again = PublicKey::from_compressed(&key.to_compressed());
    assert_eq!(again, Ok(key), "and as its compressed point");

    for signer in possible_signers(record).into_iter().flatten() {
        let seen = verify(record, &signer);
        assert!(seen.is_ok(), "whoever could have signed it verifies it");
    }
    let Ok(view) = verify(record, &key) else {
        return;
    };
    assert_eq!(
        verify(record, &key),
        Ok(view),
        "a second look sees the same"
    );
    for name in ["FV", "PG", "RD", "TT", "ID", "Z", ""] {
        let inside = view
            .get(name)
            .is_none_or(|value| view.payload().contains(value));
        assert!(inside, "a member is part of the payload");
    }
    let Ok((_, signature)) = super::verify::read(record) else {
        return;
    };
    let mut digest = view.digest();
    assert!(key.verifies(&digest, &signature), "it is the payload's");
    if let Some(byte) = digest.first_mut() {
        *byte ^= 1;
    }
    assert!(!key.verifies(&digest, &signature), "and no other's");
}
