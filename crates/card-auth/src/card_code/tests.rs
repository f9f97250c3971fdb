use super::{BindingSecret, CardCode, CardRole, InvalidCardCode, MAX_CARD_CODE};
use crate::Uid;
use crate::printed::ALPHABET;
use proptest::prelude::*;
use std::format;
use std::string::{String, ToString};

/// Made by `card_code_golden.py` beside this crate's tests, which shares nothing with this module.
const GOLDEN: [(CardRole, &[u8], [u8; 16], &str); 3] = include!("golden.in");

fn code(role: CardRole, uid: &[u8], secret: [u8; 16]) -> CardCode {
    CardCode {
        role,
        uid: Uid::from_bytes(uid).unwrap(),
        secret: BindingSecret::new(secret),
    }
}

fn printed(code: &CardCode) -> String {
    code.write(&mut [0; MAX_CARD_CODE]).to_string()
}

fn any_code() -> impl Strategy<Value = CardCode> {
    let uid = prop_oneof![
        any::<[u8; 4]>().prop_map(|uid| uid.to_vec()),
        any::<[u8; 7]>().prop_map(|uid| uid.to_vec()),
        any::<[u8; 10]>().prop_map(|uid| uid.to_vec()),
    ];
    let role = prop_oneof![Just(CardRole::Privilege), Just(CardRole::Charging)];
    (role, uid, any::<[u8; 16]>()).prop_map(|(role, uid, secret)| code(role, &uid, secret))
}

#[test]
fn golden_codes_stand_still() {
    for (role, uid, secret, text) in GOLDEN {
        assert_eq!(printed(&code(role, uid, secret)), text);
        assert_eq!(CardCode::parse(text), Ok(code(role, uid, secret)));
    }
}

#[test]
fn the_usual_code_fits_a_small_qr_code() {
    let usual = printed(&code(CardRole::Charging, &[4; 7], [0xff; 16]));
    // ISO/IEC 18004 table 7: version 3 at level M holds 61 alphanumeric characters.
    assert_eq!(usual.len(), 48);
    assert!(
        usual
            .bytes()
            .all(|byte| { byte.is_ascii_digit() || byte.is_ascii_uppercase() || byte == b':' })
    );
}

#[test]
fn a_code_is_read_as_people_type_it() {
    let (role, uid, secret, text) = GOLDEN[1];
    let hand = text
        .to_lowercase()
        .replace('0', "o")
        .replace('1', "l")
        .chars()
        .enumerate()
        .flat_map(|(at, character)| {
            let gap = (at > 3 && at % 4 == 0).then_some(if at % 8 == 0 { '-' } else { ' ' });
            gap.into_iter().chain([character])
        })
        .collect::<String>();
    assert_ne!(hand, text);
    assert_eq!(CardCode::parse(&hand), Ok(code(role, uid, secret)));
}

#[test]
fn a_wrong_character_is_named_by_its_group_on_the_card() {
    let (.., text) = GOLDEN[1];
    // The third of the fifth group of four.
    let mut wrong = text.to_string();
    wrong.replace_range(4 + 4 * 4 + 2..=4 + 4 * 4 + 2, "U");
    let symbol = InvalidCardCode::Symbol { at: 18 };
    assert_eq!(CardCode::parse(&wrong), Err(symbol));
    assert_eq!(
        symbol.to_string(),
        "character 3 of group 5 after OP1: cannot stand in a code: check it"
    );
}

#[test]
fn a_code_of_no_known_role_is_refused_by_that_name() {
    // The check sum of version 1, the role 2 and a UID of four bytes, by the Python script.
    let text = include_str!("no_such_role.txt").trim();
    assert_eq!(CardCode::parse(text), Err(InvalidCardCode::Role));
}

#[test]
fn golem_2020_a_code_shows_nothing_in_a_log() {
    let (role, uid, secret, _) = GOLDEN[1];
    assert_eq!(
        format!("{:?}", code(role, uid, secret)),
        "CardCode { role: Charging, uid: Uid(..), secret: BindingSecret(..) }"
    );
}

proptest! {
    #[test]
    fn every_code_is_read_back(code in any_code()) {
        prop_assert_eq!(CardCode::parse(&printed(&code)), Ok(code));
    }

    #[test]
    fn every_single_wrong_symbol_is_found(code in any_code(), at in 4usize..48, to in 0usize..32) {
        let text = printed(&code);
        let at = 4 + (at - 4) % (text.len() - 4);
        let mut wrong = text.clone().into_bytes();
        prop_assume!(wrong[at] != ALPHABET[to]);
        wrong[at] = ALPHABET[to];
        prop_assert!(CardCode::parse(&String::from_utf8(wrong).unwrap()).is_err());
    }

    #[test]
    fn two_neighbours_that_changed_places_are_found(code in any_code(), at in 0usize..43) {
        let mut text = printed(&code).into_bytes();
        let at = 4 + at % (text.len() - 5);
        prop_assume!(text[at] != text[at + 1]);
        text.swap(at, at + 1);
        prop_assert!(CardCode::parse(&String::from_utf8(text).unwrap()).is_err());
    }

    #[test]
    fn i8_any_text_is_a_code_or_refused(text in "(OP1:)?.{0,60}") {
        if let Ok(code) = CardCode::parse(&text) {
            prop_assert_eq!(CardCode::parse(&printed(&code)), Ok(code));
        }
    }

    #[test]
    fn a_code_cut_short_or_with_more_behind_it_is_refused(code in any_code(), cut in 0usize..48) {
        let text = printed(&code);
        let cut = cut % text.len();
        prop_assert!(CardCode::parse(&text[..cut]).is_err());
        let longer = text + "0";
        prop_assert!(CardCode::parse(&longer).is_err());
    }
}
