//! The order of the reasons is the format.

extern crate std;

use super::Refusal;
use std::collections::HashSet;

/// Written out by hand, in the order of the format: a reason that moves turns this red.
const NAMES: [&str; 42] = [
    "not_commissioned",
    "already_commissioned",
    "unknown_card",
    "revoked_card",
    "too_weak",
    "wrong_key",
    "card_waits",
    "random_number",
    "hold_still",
    "already_authorised",
    "one_card",
    "busy",
    "port_taken",
    "port_faulted",
    "port_disabled",
    "no_meter",
    "no_port",
    "which_port",
    "no_card",
    "no_power",
    "no_tariff",
    "ledger_full",
    "ledger_failed",
    "ledger_refused",
    "evidence_first",
    "full",
    "no_such_thing",
    "account_closed",
    "nothing_owed",
    "too_hot",
    "still_faulty",
    "other_currency",
    "not_allowed",
    "not_yours",
    "unknown_request",
    "unreadable",
    "too_old",
    "out_of_turn",
    "not_here",
    "no_place_for_phones",
    "no_receipt_key",
    "too_many_prices",
];

#[test]
fn a_reason_is_its_place_in_the_published_list() {
    assert_eq!(Refusal::ALL.len(), NAMES.len());
    for ((byte, name), refusal) in (0u8..).zip(NAMES).zip(Refusal::ALL) {
        assert_eq!(refusal.name(), name);
        let mut buffer = [0; 2];
        assert_eq!(postcard::to_slice(&refusal, &mut buffer).unwrap(), &[byte]);
        assert_eq!(postcard::from_bytes(&[byte]), Ok(refusal));
    }
    assert!(postcard::from_bytes::<Refusal>(&[42]).is_err());
}

#[test]
fn no_two_reasons_sound_the_same() {
    let words = Refusal::ALL.map(|refusal| std::format!("{refusal}"));
    assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len());
}
