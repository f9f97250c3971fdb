//! Who is at the reader: taps, health and the roster. The bus is tested in `mfrc522/tests.rs`.

use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use embassy_futures::block_on;
use pile_units::{AccountId, CardAlias, Credential, CredentialId, Instant, Role, Strength};
use proptest::prelude::*;

use crate::iso14443a::{CascadeLevel, Malformed, Progress, Sak, UidAssembler, UidPart, crc_a};
use crate::testing::{ScriptedReader, Silent};
use crate::{
    AliasKey, Card, CardEvent, CardWatch, Edge, Field, Identity, Policy, Presence, Uid, UidOnly,
    Verdict, Watchdog, identify,
};

mod watchdog;

const ALL: Policy = Policy {
    uid_only: UidOnly::All,
};
const NOBODY: Policy = Policy {
    uid_only: UidOnly::Nobody,
};

fn uid(bytes: &[u8]) -> Uid {
    Uid::from_bytes(bytes).unwrap()
}

fn card(last: u8) -> Card {
    Card::announced(uid(&[1, 2, 3, last]), false)
}

fn one(last: u8) -> Field {
    Field::One(card(last))
}

// --- ISO/IEC 14443-3 --------------------------------------------------------------------------

#[test]
fn published_check_sums_come_out() {
    for (data, crc) in [
        ([0x00, 0x00], [0xa0, 0x1e]),
        ([0x12, 0x34], [0x26, 0xcf]),
        ([0x50, 0x00], [0x57, 0xcd]),
        ([0xe0, 0x50], [0xbc, 0xa5]),
    ] {
        assert_eq!(crc_a(&data), crc);
    }
}

fn sak(byte: u8) -> Sak {
    let [low, high] = crc_a(&[byte]);
    Sak::parse([byte, low, high]).unwrap()
}

fn part(bytes: [u8; 4]) -> UidPart {
    let [a, b, c, d] = bytes;
    UidPart::parse([a, b, c, d, a ^ b ^ c ^ d]).unwrap()
}

#[test]
fn levels_make_a_uid_without_their_cascade_tags() {
    let mut assembler = UidAssembler::new();
    assert_eq!(
        assembler.push(&part([0x88, 1, 2, 3]), sak(0x04)),
        Ok(Progress::Next(CascadeLevel::Two))
    );
    assert_eq!(
        assembler.push(&part([0x88, 4, 5, 6]), sak(0x24)),
        Ok(Progress::Next(CascadeLevel::Three))
    );
    assert_eq!(
        assembler.push(&part([7, 8, 9, 10]), sak(0x20)),
        Ok(Progress::Complete(uid(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])))
    );
}

#[test]
fn cascade_tag_and_sak_that_contradict_each_other_are_refused() {
    let push = |bytes, byte| UidAssembler::new().push(&part(bytes), sak(byte));
    assert_eq!(push([0x88, 1, 2, 3], 0x00), Err(Malformed::Cascade));
    assert_eq!(push([1, 2, 3, 4], 0x04), Err(Malformed::Cascade));
    let mut assembler = UidAssembler::new();
    for _ in 0..2 {
        assert!(assembler.push(&part([0x88, 1, 2, 3]), sak(0x04)).is_ok());
    }
    let fourth = assembler.push(&part([0x88, 1, 2, 3]), sak(0x04));
    assert_eq!(fourth, Err(Malformed::Cascade), "there is no fourth level");
}

#[test]
fn wrong_block_check_is_refused() {
    assert_eq!(UidPart::parse([1, 2, 3, 4, 5]).unwrap_err(), Malformed::Bcc);
}

proptest! {
    #[test]
    fn i8_total_uid_assembler_takes_any_levels(
        levels in proptest::collection::vec((any::<[u8; 4]>(), any::<u8>()), 1..8),
    ) {
        let mut assembler = UidAssembler::new();
        for (bytes, byte) in levels {
            if let Ok(Progress::Complete(uid)) = assembler.push(&part(bytes), sak(byte)) {
                prop_assert!([4, 7, 10].contains(&uid.expose().len()));
                break;
            }
        }
    }
}

// --- secrets ----------------------------------------------------------------------------------

#[test]
fn golem_2020_a_uid_is_never_shown_by_anything_that_holds_one() {
    let bytes = [0xc0, 0xff, 0xee, 0x42];
    let uid = uid(&bytes);
    let card = Card::announced(uid.clone(), true);
    let mut presence = Presence::default();
    presence.observe(Field::One(card.clone()));
    let mut crowd = Presence::default();
    crowd.observe(Field::Many);
    crowd.observe(Field::One(card.clone()));
    let watch = CardWatch::with(
        ScriptedReader::new([Ok(Field::One(card.clone()))].into_iter()),
        presence.clone(),
        Watchdog::default(),
    );
    let mut assembler = UidAssembler::new();
    let progress = assembler.push(&part(bytes), sak(0x08));
    let shown = [
        format!("{uid:?}"),
        format!("{card:?} {:?}", Field::One(card.clone())),
        format!("{:?}", CardEvent::Presented(card.clone())),
        format!("{:?} {presence:?} {crowd:?}", Edge::Presented(card)),
        format!("{watch:?}"),
        format!("{assembler:?} {progress:?} {:?}", part(bytes)),
        format!("{:?}", crate::mfrc522::Frame::whole(&bytes)),
        format!("{:?}", AliasKey::new([0xc0; 32])),
    ];
    for text in shown {
        let text: String = text.to_lowercase();
        for secret in ["192", "255", "238", "c0", "ff", "ee,", "0xee"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn equal_uids_are_equal_and_others_are_not() {
    assert_eq!(uid(&[1, 2, 3, 4]), uid(&[1, 2, 3, 4]));
    assert_ne!(uid(&[1, 2, 3, 4]), uid(&[1, 2, 3, 5]));
    assert_ne!(uid(&[1, 2, 3, 4]), uid(&[1, 2, 3, 4, 0, 0, 0]));
}

#[test]
fn number_made_anew_at_each_power_up_is_recognised() {
    assert!(uid(&[0x08, 2, 3, 4]).is_random());
    assert!(!uid(&[0x09, 2, 3, 4]).is_random());
    assert!(!uid(&[0x08, 2, 3, 4, 5, 6, 7]).is_random());
}

// --- presence ---------------------------------------------------------------------------------

fn edges(tolerance: u8, looks: Vec<Field>) -> Vec<Edge> {
    let mut presence = Presence::new(tolerance);
    looks
        .into_iter()
        .filter_map(|field| presence.observe(field))
        .collect()
}

fn over_and_over(looks: &[Field]) -> Vec<Field> {
    looks
        .iter()
        .cloned()
        .cycle()
        .take(looks.len() * 20)
        .collect()
}

fn presented(last: u8) -> Edge {
    Edge::Presented(card(last))
}

#[test]
fn card_that_lies_there_is_presented_once() {
    assert_eq!(edges(2, vec![one(1); 50]), [presented(1)]);
}

#[test]
fn missed_looks_within_the_tolerance_are_no_removal() {
    let gap = |missed| {
        let mut looks = vec![one(1)];
        looks.extend(vec![Field::Empty; missed]);
        looks.push(one(1));
        edges(2, looks)
    };
    assert_eq!(gap(2), [presented(1)]);
    assert_eq!(gap(3), [presented(1), Edge::Removed, presented(1)]);
}

#[test]
fn missed_looks_count_in_a_row_only() {
    let looks = over_and_over(&[one(1), Field::Empty, Field::Empty]);
    assert_eq!(edges(2, looks), [presented(1)]);
}

#[test]
fn several_cards_are_nobodys_tap() {
    let mut looks = vec![Field::Many; 10];
    looks.extend(vec![Field::Empty; 3]);
    assert_eq!(edges(2, looks.clone()), []);
    looks.push(one(1));
    assert_eq!(edges(2, looks), [presented(1)]);
}

#[test]
fn cards_of_one_wallet_seen_in_turn_are_not_tapped_in_turn() {
    let in_turn = over_and_over(&[one(1), one(2)]);
    assert_eq!(edges(2, in_turn), [presented(1)]);
    let after_a_crowd = over_and_over(&[Field::Many, one(2), one(1)]);
    assert_eq!(edges(2, after_a_crowd), []);
    let flicker = over_and_over(&[one(1), Field::Many, one(2), Field::Empty]);
    assert_eq!(edges(2, flicker), [presented(1)]);
}

#[test]
fn other_card_counts_once_it_has_been_alone_for_three_looks() {
    let looks = vec![one(1), Field::Many, one(2), one(2), one(2), one(2)];
    assert_eq!(edges(2, looks), [presented(1), presented(2)]);
    let looks = vec![Field::Many, one(2), one(2), one(2)];
    assert_eq!(edges(2, looks), [presented(2)]);
}

#[test]
fn the_three_looks_of_another_card_are_in_a_row() {
    for between in [Field::Many, Field::Empty, one(1)] {
        let looks = vec![one(1), one(2), one(2), between, one(2), one(2)];
        assert_eq!(edges(2, looks), [presented(1)]);
    }
}

#[test]
fn card_held_before_a_crowd_is_not_tapped_again_after_it() {
    let looks = vec![one(1), Field::Many, one(1), one(1), one(1), one(1)];
    assert_eq!(edges(2, looks), [presented(1)]);
}

#[test]
fn several_cards_are_said_once_until_they_are_gone() {
    let crowd = [Field::Many, Field::Empty, one(1), one(2), Field::Many];
    let gone = vec![Field::Empty; 3];
    let held = [one(1), Field::Many, one(1)];
    let looks = [&crowd[..], &gone, &crowd, &gone, &held].concat();
    let count = looks.len();
    let mut watch = CardWatch::new(ScriptedReader::new(looks.into_iter().map(Ok)));
    let events: Vec<_> = (0..count).filter_map(|_| block_on(watch.poll())).collect();
    let expected = [
        CardEvent::Several,
        CardEvent::Several,
        CardEvent::Presented(card(1)),
    ];
    assert_eq!(events, expected);
}

fn looks() -> impl Strategy<Value = Vec<Field>> {
    let look = prop_oneof![
        3 => Just(Field::Empty),
        3 => Just(one(1)),
        1 => Just(one(2)),
        1 => Just(Field::Many),
    ];
    proptest::collection::vec(look, 0..60)
}

proptest! {
    #[test]
    fn a_card_is_presented_anew_only_after_it_was_removed_or_replaced(
        looks in looks(), tolerance in 0u8..4,
    ) {
        let mut held: Option<Card> = None;
        for edge in edges(tolerance, looks) {
            match edge {
                Edge::Presented(card) => {
                    prop_assert!(held.as_ref() != Some(&card));
                    held = Some(card);
                }
                Edge::Removed => prop_assert!(held.take().is_some()),
            }
        }
    }
}

// --- roster -----------------------------------------------------------------------------------

fn alias(number: u16) -> CardAlias {
    let [low, high] = number.to_le_bytes();
    CardAlias::new([low, high, 0, 0, 0, 0, 0, 0])
}

fn charging(id: u16, strength: Strength) -> Credential {
    Credential {
        id: CredentialId::new(id),
        role: Role::Charging(AccountId::new(id)),
        strength,
        alias: alias(id),
        revoked: false,
    }
}

fn is(id: u16) -> Identity {
    Identity::Charging {
        credential: CredentialId::new(id),
        account: AccountId::new(id),
    }
}

#[test]
fn smartevse_card_list_the_last_slot_of_a_full_roster_matches() {
    let roster: Vec<_> = (1..=256)
        .map(|id| charging(id, Strength::UidOnly))
        .collect();
    for id in 1..=256 {
        let found = identify(&roster, alias(id), Strength::UidOnly, ALL, |_| false);
        assert_eq!(found, is(id));
    }
    let stranger = identify(&roster, alias(257), Strength::UidOnly, ALL, |_| false);
    assert_eq!(stranger, Identity::Unknown);
}

#[test]
fn credential_with_a_key_is_never_matched_by_a_bare_uid() {
    let roster = [charging(1, Strength::MutualAes)];
    for policy in [ALL, NOBODY] {
        let bare = identify(&roster, alias(1), Strength::UidOnly, policy, |_| false);
        assert_eq!(bare, Identity::TooWeak(CredentialId::new(1)));
        let proven = identify(&roster, alias(1), Strength::MutualAes, policy, |_| false);
        assert_eq!(proven, is(1));
    }
}

#[test]
fn bare_uid_opens_only_what_the_policy_lets_it() {
    let mut landlord = charging(1, Strength::UidOnly);
    landlord.role = Role::Privilege;
    let roster = [landlord, charging(2, Strength::UidOnly)];
    let look = |id, policy| identify(&roster, alias(id), Strength::UidOnly, policy, |_| false);
    assert_eq!(look(1, ALL), Identity::Privilege(CredentialId::new(1)));
    assert_eq!(look(2, ALL), is(2));
    assert_eq!(look(1, NOBODY), Identity::TooWeak(CredentialId::new(1)));
    assert_eq!(look(2, NOBODY), Identity::TooWeak(CredentialId::new(2)));
    assert_eq!(look(3, NOBODY), Identity::Unknown);
}

#[test]
fn i5_revoked_card_opens_nothing_until_it_is_enrolled_again() {
    let mut roster = vec![charging(1, Strength::UidOnly)];
    roster[0].revoked = true;
    let look =
        |roster: &[Credential]| identify(roster, alias(1), Strength::UidOnly, ALL, |_| false);
    assert_eq!(look(&roster), Identity::Revoked(CredentialId::new(1)));
    let mut again = charging(2, Strength::UidOnly);
    again.alias = alias(1);
    // Wherever it stands in the roster.
    roster.insert(0, again);
    assert_eq!(look(&roster), is(2));
    roster[0].revoked = true;
    assert_eq!(look(&roster), Identity::Revoked(CredentialId::new(2)));
}

#[test]
fn newest_of_several_credentials_of_one_card_wins() {
    let mut roster = vec![
        charging(3, Strength::MutualAes),
        charging(9, Strength::UidOnly),
        charging(5, Strength::UidOnly),
    ];
    for card in &mut roster {
        card.alias = alias(1);
    }
    assert_eq!(
        identify(&roster, alias(1), Strength::UidOnly, ALL, |_| false),
        is(9)
    );
}

proptest! {
    #[test]
    fn i5_revoked_and_weak_credentials_open_nothing_in_any_roster(
        cards in proptest::collection::vec((0u16..4, any::<bool>(), any::<bool>()), 0..20),
        strong in any::<bool>(), everyone in any::<bool>(), wanted in 0u16..4,
    ) {
        let strength = |strong| if strong { Strength::MutualAes } else { Strength::UidOnly };
        let roster: Vec<_> = cards.iter().zip(1..).map(|(&(name, revoked, strong), id)| {
            Credential { alias: alias(name), revoked, ..charging(id, strength(strong)) }
        }).collect();
        let policy = if everyone { ALL } else { NOBODY };
        let found = identify(&roster, alias(wanted), strength(strong), policy, |_| false);
        if let Identity::Charging { credential, .. } = found {
            let opened = roster.iter().find(|card| card.id == credential).unwrap();
            prop_assert!(!opened.revoked && opened.alias == alias(wanted));
            prop_assert!(opened.strength <= strength(strong));
            prop_assert!(strong || everyone);
        }
    }
}

#[test]
fn wire_form_of_the_policy_stands_still() {
    let mut buffer = [0; 4];
    assert_eq!(postcard::to_slice(&NOBODY, &mut buffer).unwrap(), [0]);
    assert_eq!(postcard::to_slice(&ALL, &mut buffer).unwrap(), [1]);
    let listed = Policy {
        uid_only: UidOnly::Listed,
    };
    assert_eq!(postcard::to_slice(&listed, &mut buffer).unwrap(), [2]);
    for (byte, policy) in [(0, NOBODY), (1, ALL), (2, listed)] {
        assert_eq!(postcard::from_bytes::<Policy>(&[byte]), Ok(policy));
    }
    assert!(postcard::from_bytes::<Policy>(&[3]).is_err());
}
