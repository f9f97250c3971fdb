use card_auth::iso14443a::{HLTA, REQA, WUPA, crc_a};
use proptest::prelude::*;

use super::{Bits, CardState, OnAir, RfField, VirtualCard, level};

fn short(byte: u8) -> Bits {
    Bits::new(&[byte], 7).unwrap()
}

fn answer(bytes: &[u8]) -> OnAir {
    OnAir::Answer(Bits::whole(bytes))
}

fn select(sel: u8, part: [u8; 5]) -> Bits {
    let mut frame = vec![sel, 0x70];
    frame.extend(part);
    frame.extend(crc_a(&frame));
    Bits::whole(&frame)
}

/// A powered field with one four-byte card.
fn one_card() -> (RfField, super::CardHandle, [u8; 5]) {
    let field = RfField::default();
    field.power(true);
    let handle = field.put(VirtualCard::new(&[1, 2, 3, 4]).unwrap());
    (field, handle, level(1, 2, 3, 4))
}

#[test]
fn card_walks_from_idle_over_ready_and_active_to_halt() {
    let (field, card, part) = one_card();
    assert_eq!(field.state(card), Some(CardState::Idle));
    assert_eq!(field.exchange(&short(REQA)), answer(&[0x04, 0x00]));
    assert_eq!(field.state(card), Some(CardState::Ready { level: 0 }));
    assert_eq!(field.exchange(&Bits::whole(&[0x93, 0x20])), answer(&part));
    let [low, high] = crc_a(&[0x08]);
    assert_eq!(
        field.exchange(&select(0x93, part)),
        answer(&[0x08, low, high])
    );
    assert_eq!(field.state(card), Some(CardState::Active));
    assert_eq!(field.exchange(&Bits::whole(&HLTA)), OnAir::Silence);
    assert_eq!(field.state(card), Some(CardState::Halt));
}

#[test]
fn halted_card_hears_wupa_only_and_falls_back_to_halt() {
    let (field, card, part) = one_card();
    field.exchange(&short(REQA));
    field.exchange(&select(0x93, part));
    field.exchange(&Bits::whole(&HLTA));
    assert_eq!(field.exchange(&short(REQA)), OnAir::Silence);
    assert_eq!(field.exchange(&short(WUPA)), answer(&[0x04, 0x00]));
    // A second request in the ready state is an error (6.3.3): back to where it was woken from.
    assert_eq!(field.exchange(&short(WUPA)), OnAir::Silence);
    assert_eq!(field.state(card), Some(CardState::Halt));
}

#[test]
fn select_of_another_number_or_with_a_wrong_crc_sends_a_card_back_to_idle() {
    let (field, card, part) = one_card();
    let mut wrong_crc = vec![0x93, 0x70];
    wrong_crc.extend(part);
    wrong_crc.extend([0, 0]);
    for frame in [
        select(0x93, level(9, 9, 9, 9)),
        Bits::whole(&wrong_crc),
        select(0x95, part),
    ] {
        field.exchange(&short(REQA));
        assert_eq!(field.exchange(&frame), OnAir::Silence);
        assert_eq!(field.state(card), Some(CardState::Idle));
    }
}

#[test]
fn card_sends_only_the_bits_the_reader_does_not_know() {
    let (field, _, part) = one_card();
    field.exchange(&short(REQA));
    // 93h, NVB 3.3: one byte of the UID and three bits of the next.
    let asked = Bits::new(&[0x93, 0x33, part[0], part[1] & 0x07], 27).unwrap();
    let OnAir::Answer(rest) = field.exchange(&asked) else {
        panic!("no answer");
    };
    assert_eq!(rest.len(), 40 - 11);
    assert_eq!(rest.bit(0), Some(part[1] >> 3 & 1 == 1));
    // Other bits are meant for another card.
    let other = Bits::new(&[0x93, 0x33, part[0], !part[1] & 0x07], 27).unwrap();
    assert_eq!(field.exchange(&other), OnAir::Silence);
}

#[test]
fn two_cards_collide_at_the_first_bit_that_differs() {
    // The numbers and the place of a reader's report: the fifth bit.
    let field = RfField::default();
    field.power(true);
    field.put(VirtualCard::new(&[0x86, 0xa0, 0x83, 0xee]).unwrap());
    field.put(VirtualCard::new(&[0x16, 0x9a, 0x0a, 0x3b]).unwrap());
    assert_eq!(field.exchange(&short(REQA)), answer(&[0x04, 0x00]));
    assert!(matches!(
        field.exchange(&Bits::whole(&[0x93, 0x20])),
        OnAir::Collision { at: 4, .. }
    ));
}

#[test]
fn card_and_its_clone_speak_with_one_voice() {
    let (field, _, part) = one_card();
    field.put(VirtualCard::new(&[1, 2, 3, 4]).unwrap());
    field.exchange(&short(REQA));
    assert_eq!(field.exchange(&Bits::whole(&[0x93, 0x20])), answer(&part));
}

#[test]
fn without_the_carrier_a_card_forgets_and_is_silent() {
    let (field, card, _) = one_card();
    field.exchange(&short(REQA));
    field.power(false);
    assert_eq!(field.exchange(&short(REQA)), OnAir::Silence);
    assert_eq!(field.state(card), Some(CardState::Off));
    field.power(true);
    assert_eq!(field.state(card), Some(CardState::Idle));
}

#[test]
fn card_that_is_to_leave_answers_so_many_frames_and_no_more() {
    let (field, card, part) = one_card();
    field.take_after(card, 2);
    assert_ne!(field.exchange(&short(REQA)), OnAir::Silence);
    assert_eq!(field.exchange(&Bits::whole(&[0x93, 0x20])), answer(&part));
    assert_eq!(field.exchange(&select(0x93, part)), OnAir::Silence);
    assert_eq!(field.cards(), 0);
}

#[test]
fn numbered_cards_are_all_different() {
    let mut uids: Vec<_> = (0..70_000)
        .map(|number| VirtualCard::numbered(number).uid().to_vec())
        .collect();
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), 70_000);
    assert!(VirtualCard::new(&uids[0]).is_ok());
}

#[test]
fn a_virtual_card_does_not_show_its_uid_either() {
    let card = VirtualCard::new(&[0xc0, 0xff, 0xee, 0x42]).unwrap();
    assert_eq!(format!("{card:?}"), "VirtualCard(Off, ..)");
    let field = RfField::default();
    field.put(card);
    assert!(!format!("{field:?}").contains("192"));
}

proptest! {
    /// I8: no byte sequence from a reader panics a card or gets it to speak unasked.
    #[test]
    fn i8_total_cards_take_any_frames(
        frames in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 1..12), 0usize..8), 1..40),
    ) {
        let (field, _, _) = one_card();
        for (bytes, cut) in frames {
            let frame = Bits::new(&bytes, bytes.len() * 8 - cut).unwrap();
            let air = field.exchange(&frame);
            let short = matches!(frame.bytes().first(), Some(&REQA | &WUPA)) && frame.len() == 7;
            let levelled = matches!(frame.bytes().first(), Some(&0x93));
            prop_assert!(air == OnAir::Silence || short || levelled);
        }
    }
}
