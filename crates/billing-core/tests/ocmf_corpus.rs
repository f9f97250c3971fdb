//! The fuzzer's body on its seeds: `cargo test` runs what the fuzzer starts from.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

use billing_core::receipt::testing::any_bytes;

const SEEDS: &str = "../../fuzz/corpus/ocmf";

fn seed(name: &str) -> Vec<u8> {
    std::fs::read(format!("{SEEDS}/{name}")).unwrap()
}

#[test]
fn i8_every_seed_and_every_part_of_it_is_read() {
    let mut seeds = 0;
    for entry in std::fs::read_dir(SEEDS).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        any_bytes(&bytes);
        for end in (0..bytes.len()).step_by(7) {
            any_bytes(&bytes[..end]);
            any_bytes(&bytes[end..]);
        }
        seeds += 1;
    }
    assert!(seeds >= 7, "{seeds}");
}

/// A seed that no longer verifies leads the fuzzer nowhere.
#[test]
fn the_seeds_that_should_verify_do() {
    use billing_core::receipt::{PublicKey, SoftwareKey, verify};

    let ours = SoftwareKey::from_bytes(&[7; 32]).unwrap().public_key();
    let verifies = |name: &str| {
        let text = String::from_utf8(seed(name)).unwrap();
        let (record, pem) = text.split_once('\n').unwrap_or((&text, ""));
        let key = PublicKey::from_pem(pem).unwrap_or(ours);
        verify(record, &key).is_ok()
    };
    for name in [
        "keba-genuine",
        "ours-plain",
        "ours-tariff-change-power-lost",
        "ours-clock-doubt-escapes",
    ] {
        assert!(verifies(name), "{name}");
    }
    assert!(!verifies("keba-altered"));
    assert!(!verifies("ours-truncated"));
}
