use super::{InvalidRecoveryCode, RECOVERY_CODE, RecoveryCode};
use crate::printed::ALPHABET;
use crate::{CardCode, InvalidCardCode, RecoverySecret};
use proptest::prelude::*;
use std::format;
use std::string::{String, ToString};

/// Made by `card_code_golden.py` beside this crate's tests, which shares nothing with this module.
const GOLDEN: [(u8, [u8; 16], &str); 3] = include!("golden.in");

fn code(number: u8, secret: [u8; 16]) -> RecoveryCode {
    RecoveryCode {
        number,
        secret: RecoverySecret::new(secret),
    }
}

fn printed(code: &RecoveryCode) -> String {
    code.write(&mut [0; RECOVERY_CODE]).to_string()
}

fn any_code() -> impl Strategy<Value = RecoveryCode> {
    (any::<u8>(), any::<[u8; 16]>()).prop_map(|(number, secret)| code(number, secret))
}

#[test]
fn golden_codes_stand_still() {
    for (number, secret, text) in GOLDEN {
        assert_eq!(printed(&code(number, secret)), text);
        assert_eq!(RecoveryCode::parse(text), Ok(code(number, secret)));
    }
}

#[test]
fn a_code_is_read_as_people_type_it() {
    let (number, secret, text) = GOLDEN[0];
    let hand = text.to_lowercase().replace('0', "o").replace('1', "l");
    let hand = hand.replace("opr", "OP-R ");
    assert_eq!(RecoveryCode::parse(&hand), Ok(code(number, secret)));
}

#[test]
fn neither_kind_of_code_is_taken_for_the_other() {
    let (.., text) = GOLDEN[1];
    assert_eq!(CardCode::parse(text), Err(InvalidCardCode::Foreign));
    let body = text.replace("OPR1:", "OP1:");
    assert!(CardCode::parse(&body).is_err());
    let card = "OP1:03FAVFQF000G40R40M30E209185GR38E1XZDE40";
    assert_eq!(RecoveryCode::parse(card), Err(InvalidRecoveryCode::Foreign));
}

#[test]
fn golem_2020_a_code_shows_nothing_in_a_log() {
    assert_eq!(
        format!("{:?}", code(1, [7; 16])),
        "RecoveryCode { number: 1, secret: RecoverySecret(..) }"
    );
}

proptest! {
    #[test]
    fn every_code_is_read_back(code in any_code()) {
        prop_assert_eq!(RecoveryCode::parse(&printed(&code)), Ok(code));
    }

    #[test]
    fn every_single_wrong_symbol_is_found(code in any_code(), at in 5usize..37, to in 0usize..32) {
        let mut wrong = printed(&code).into_bytes();
        prop_assume!(wrong[at] != ALPHABET[to]);
        wrong[at] = ALPHABET[to];
        let wrong = String::from_utf8(wrong).unwrap();
        prop_assert_eq!(RecoveryCode::parse(&wrong), Err(InvalidRecoveryCode::CheckSum));
    }

    #[test]
    fn two_neighbours_that_changed_places_are_found(code in any_code(), at in 5usize..36) {
        let mut text = printed(&code).into_bytes();
        prop_assume!(text[at] != text[at + 1]);
        text.swap(at, at + 1);
        let wrong = String::from_utf8(text).unwrap();
        prop_assert_eq!(RecoveryCode::parse(&wrong), Err(InvalidRecoveryCode::CheckSum));
    }

    #[test]
    fn i8_any_text_is_a_code_or_refused(text in "(OPR1:)?.{0,60}") {
        if let Ok(code) = RecoveryCode::parse(&text) {
            prop_assert_eq!(RecoveryCode::parse(&printed(&code)), Ok(code));
        }
    }

    #[test]
    fn a_code_cut_short_or_with_more_behind_it_is_refused(code in any_code(), cut in 0usize..37) {
        let text = printed(&code);
        prop_assert!(RecoveryCode::parse(&text[..cut]).is_err());
        let longer = text + "0";
        prop_assert_eq!(RecoveryCode::parse(&longer), Err(InvalidRecoveryCode::Length));
    }
}
