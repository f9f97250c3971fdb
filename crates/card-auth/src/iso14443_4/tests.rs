//! The protocol block by block, with the bytes as clause 7.1 has them and the scenarios of annex B
//! of ISO/IEC 14443-4. A card that keeps the other half of the rules is in `pile-sim`.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::{Ats, Block, DESELECT, Fault, Link, Malformed, Number, Reply, Step, rats};
use crate::iso14443a::crc_a;

/// FSCI 0 (16 bytes), FWI 4.
const SMALL: [u8; 2] = [0x02, 0x00];
/// FSCI 5 (64 bytes): what a DESFire says, without its check sum.
const USUAL: [u8; 6] = [0x06, 0x75, 0x77, 0x81, 0x02, 0x80];

fn with_crc(bytes: &[u8]) -> Vec<u8> {
    let mut frame = bytes.to_vec();
    frame.extend(crc_a(bytes));
    frame
}

fn ats(bytes: &[u8]) -> Ats {
    Ats::parse(&with_crc(bytes)).unwrap()
}

/// A scenario: what the card sends (nothing is silence), and what the reader sends upon it, check
/// sums left out.
fn play(link: &mut Link, command: &[u8], lines: &[(&[u8], &[u8])], last: &[u8]) -> (Step, Vec<u8>) {
    let mut answer = [0; 258];
    let mut out = [0; 256];
    let mut transfer = link.begin(command, &mut answer);
    let mut step = transfer.first(&mut out);
    for (place, (sent, reply)) in lines.iter().enumerate() {
        let Step::Send { bytes, .. } = step else {
            panic!("{step:?} at {place}");
        };
        assert_eq!(out[..bytes], with_crc(sent), "at {place}");
        let reply = with_crc(reply);
        let reply = match &reply[..] {
            // No block at all.
            [_, _] => Reply::Silence,
            frame => Reply::Frame(frame),
        };
        step = transfer.next(reply, &mut out);
    }
    if let Step::Send { bytes, .. } = step {
        assert_eq!(out[..bytes], with_crc(last));
    }
    let length = if let Step::Done(length) = step {
        length
    } else {
        0
    };
    (step, answer[..length].to_vec())
}

/// The same, to the end.
fn whole(link: &mut Link, command: &[u8], lines: &[(&[u8], &[u8])]) -> Vec<u8> {
    let (step, answer) = play(link, command, lines, &[]);
    assert!(matches!(step, Step::Done(_)), "{step:?}");
    answer
}

#[test]
fn published_frames_come_out() {
    assert_eq!(rats(64), [0xe0, 0x50, 0xbc, 0xa5]);
    assert_eq!(rats(256), [0xe0, 0x80, 0x31, 0x73]);
    assert_eq!(rats(255)[1], 0x70);
    assert_eq!(rats(16)[1], 0x00);
    assert_eq!(with_crc(&[0xc2]), DESELECT);
    assert_eq!(Block::parse(&DESELECT), Ok(Block::Deselect));
    // GetVersion of a DESFire, as readers record it: I-block 0 with 90 60 00 00 00.
    let mut frame = [0; 16];
    let block = Block::Information {
        number: Number::Zero,
        more: false,
        data: &[0x90, 0x60, 0, 0, 0],
    };
    assert_eq!(block.emit(&mut frame), Some(8));
    assert_eq!(frame[..6], [0x02, 0x90, 0x60, 0, 0, 0]);
}

#[test]
fn ats_says_frame_size_and_times() {
    // DESFire, with its check sum as recorded.
    let desfire = Ats::parse(&[0x06, 0x75, 0x77, 0x81, 0x02, 0x80, 0x02, 0xf0]).unwrap();
    assert_eq!(desfire.frame_bytes(), 64);
    assert_eq!(desfire.waiting_micros(), 77_329);
    assert_eq!(desfire.guard_micros(), 604);
    // NTAG 424 DNA: FSCI 7, FWI 7.
    let ntag = ats(&[0x06, 0x77, 0x77, 0x71, 0x02, 0x80]);
    assert_eq!((ntag.frame_bytes(), ntag.waiting_micros()), (128, 38_664));
    // Only a length: FSCI 2, FWI 4, SFGI 0 (clause 5.2).
    let short = ats(&[0x01]);
    assert_eq!((short.frame_bytes(), short.waiting_micros()), (32, 4_833));
    assert_eq!(short.guard_micros(), 0);
}

#[test]
fn every_frame_size_of_the_standard_is_known() {
    let sizes = [16, 24, 32, 40, 48, 64, 96, 128, 256, 256, 256];
    for (fsci, size) in (0u8..).zip(sizes) {
        assert_eq!(ats(&[0x02, fsci]).frame_bytes(), size);
    }
}

#[test]
fn reserved_times_are_the_defaults_and_long_ones_are_cut() {
    let times = |tb| {
        let ats = ats(&[0x03, 0x20, tb]);
        (ats.waiting_micros(), ats.guard_micros())
    };
    assert_eq!(times(0xff), (4_833, 0));
    assert_eq!(times(0xee), (309_319, 4_949_114));
    assert_eq!(times(0x01), (302, 604));
}

#[test]
fn malformed_ats_is_refused() {
    let refused = |bytes: &[u8]| Ats::parse(&with_crc(bytes)).unwrap_err();
    assert_eq!(refused(&[]), Malformed::Length);
    assert_eq!(refused(&[0x00]), Malformed::Length);
    assert_eq!(refused(&[0x02]), Malformed::Length);
    assert_eq!(
        refused(&[0x05, 0x75, 0x77, 0x81, 0x02, 0x80]),
        Malformed::Length
    );
    // TA, TB and TC are announced, TC is missing.
    assert_eq!(refused(&[0x04, 0x75, 0x77, 0x81]), Malformed::Length);
    assert_eq!(Ats::parse(&[0x01, 0x00, 0x00]), Err(Malformed::Crc));
    assert_eq!(Ats::parse(&[]), Err(Malformed::Length));
}

#[test]
fn blocks_that_were_never_agreed_on_are_refused() {
    let refused = |bytes: &[u8]| Block::parse(&with_crc(bytes)).unwrap_err();
    assert_eq!(refused(&[0x0a, 0x00, 1, 2]), Malformed::Coding, "a CID");
    assert_eq!(refused(&[0x06, 0x00, 1, 2]), Malformed::Coding, "a NAD");
    assert_eq!(refused(&[0xf2]), Malformed::Length);
    for reserved in [0, 60, 63] {
        assert_eq!(refused(&[0xf2, reserved]), Malformed::Coding);
    }
    assert_eq!(refused(&[0xa2, 0]), Malformed::Length);
    assert_eq!(refused(&[0xc2, 0]), Malformed::Length);
    assert_eq!(refused(&[0x00, 1]), Malformed::Coding);
    // The power level beside a WTXM is not the reader's business.
    assert_eq!(Block::parse(&with_crc(&[0xf2, 0xc3])), Ok(Block::Wait(3)));
}

#[test]
fn annex_b_1_i_blocks_alternate_their_numbers() {
    let mut link = Link::new(&ats(&USUAL));
    for pcb in [0x02, 0x03, 0x02] {
        let answer = whole(&mut link, &[1, 2], &[(&[pcb, 1, 2], &[pcb, 0x91, 0])]);
        assert_eq!(answer, [0x91, 0]);
    }
}

#[test]
fn annex_b_2_card_that_needs_time_gets_it() {
    let mut link = Link::new(&ats(&USUAL));
    let mut answer = [0; 16];
    let mut out = [0; 64];
    let mut transfer = link.begin(&[7], &mut answer);
    let usual = Step::Send {
        bytes: 4,
        wait_micros: 77_329 + 3_625,
    };
    assert_eq!(transfer.first(&mut out), usual);
    let request = with_crc(&[0xf2, 0x02]);
    let longer = Step::Send {
        bytes: 4,
        wait_micros: 2 * (77_329 + 3_625),
    };
    assert_eq!(transfer.next(Reply::Frame(&request), &mut out), longer);
    assert_eq!(out[..4], request);
    let answer = with_crc(&[0x02, 0x90, 0]);
    assert_eq!(
        transfer.next(Reply::Frame(&answer), &mut out),
        Step::Done(2)
    );
}

#[test]
fn annex_b_4_command_longer_than_a_frame_is_chained() {
    let command: Vec<u8> = (0..30).collect();
    let mut link = Link::new(&ats(&SMALL));
    let first: Vec<u8> = [&[0x12], &command[..13]].concat();
    let second: Vec<u8> = [&[0x13], &command[13..26]].concat();
    let third: Vec<u8> = [&[0x02], &command[26..]].concat();
    let lines: [(&[u8], &[u8]); 3] = [
        (&first, &[0xa2]),
        (&second, &[0xa3]),
        (&third, &[0x02, 0x90, 0x00]),
    ];
    assert_eq!(whole(&mut link, &command, &lines), [0x90, 0x00]);
}

#[test]
fn annex_b_5_answer_of_several_blocks_is_put_together() {
    let mut link = Link::new(&ats(&USUAL));
    let lines: [(&[u8], &[u8]); 3] = [
        (&[0x02, 9], &[0x12, 1, 2]),
        (&[0xa3], &[0x13, 3, 4]),
        (&[0xa2], &[0x02, 0x91, 0x00]),
    ];
    assert_eq!(whole(&mut link, &[9], &lines), [1, 2, 3, 4, 0x91, 0x00]);
    // And the next command has the next number.
    let next: [(&[u8], &[u8]); 1] = [(&[0x03, 9], &[0x03, 0x91, 0x00])];
    assert_eq!(whole(&mut link, &[9], &next), [0x91, 0x00]);
}

#[test]
fn rule_4_lost_answer_is_asked_for_by_r_nak() {
    let mut link = Link::new(&ats(&USUAL));
    let lines: [(&[u8], &[u8]); 2] = [(&[0x02, 9], &[]), (&[0xb2], &[0x02, 0x91, 0x00])];
    assert_eq!(whole(&mut link, &[9], &lines), [0x91, 0x00]);
}

#[test]
fn rule_6_command_that_was_never_heard_is_sent_again_once_the_card_says_so() {
    let mut link = Link::new(&ats(&USUAL));
    // The card's own number is 1 at first (rule C); R(NAK) 0 makes it tell (rule 12).
    let lines: [(&[u8], &[u8]); 3] = [
        (&[0x02, 9], &[]),
        (&[0xb2], &[0xa3]),
        (&[0x02, 9], &[0x02, 0x91, 0x00]),
    ];
    assert_eq!(whole(&mut link, &[9], &lines), [0x91, 0x00]);
}

#[test]
fn rule_5_lost_piece_of_an_answer_is_asked_for_by_r_ack() {
    let mut link = Link::new(&ats(&USUAL));
    let lines: [(&[u8], &[u8]); 3] = [
        (&[0x02, 9], &[0x12, 1]),
        (&[0xa3], &[]),
        (&[0xa3], &[0x03, 0x91, 0x00]),
    ];
    assert_eq!(whole(&mut link, &[9], &lines), [1, 0x91, 0x00]);
}

#[test]
fn piece_that_was_lost_in_a_chained_command_is_sent_again() {
    let command: Vec<u8> = (0..20).collect();
    let mut link = Link::new(&ats(&SMALL));
    let first: Vec<u8> = [&[0x12], &command[..13]].concat();
    let second: Vec<u8> = [&[0x03], &command[13..]].concat();
    let lines: [(&[u8], &[u8]); 5] = [
        (&first, &[]),
        // Heard, the acknowledgement was lost: the card says it again (rule 11).
        (&[0xb2], &[0xa2]),
        (&second, &[]),
        // Not heard: the card acknowledges the first still (rule 12).
        (&[0xb3], &[0xa2]),
        (&second, &[0x03, 0x90, 0x00]),
    ];
    assert_eq!(whole(&mut link, &command, &lines), [0x90, 0x00]);
}

#[test]
fn block_with_the_number_of_the_last_one_is_not_taken_twice() {
    let mut link = Link::new(&ats(&USUAL));
    let lines: [(&[u8], &[u8]); 3] = [
        (&[0x02, 9], &[0x12, 1]),
        (&[0xa3], &[0x12, 1]),
        (&[0xa3], &[0x03, 0x91, 0x00]),
    ];
    assert_eq!(whole(&mut link, &[9], &lines), [1, 0x91, 0x00]);
}

#[test]
fn answer_before_the_command_is_out_is_no_answer() {
    let command = [7; 20];
    let first: Vec<u8> = [&[0x12], &command[..13]].concat();
    let early: (&[u8], &[u8]) = (&first, &[0x02, 0x90, 0x00]);
    let mut link = Link::new(&ats(&SMALL));
    let (step, _) = play(&mut link, &command, &[early], &[0xb2]);
    assert!(matches!(step, Step::Send { .. }));
}

#[test]
fn acknowledgement_instead_of_an_answer_is_a_fault() {
    let mut link = Link::new(&ats(&USUAL));
    let (step, _) = play(&mut link, &[9], &[(&[0x02, 9], &[0xa2])], &[]);
    assert_eq!(step, Step::Failed(Fault::Protocol));
}

#[test]
fn card_that_only_ever_asks_for_time_is_given_up() {
    let mut link = Link::new(&ats(&USUAL));
    let (mut answer, mut out) = ([0; 16], [0; 64]);
    let mut transfer = link.begin(&[9], &mut answer);
    let _ = transfer.first(&mut out);
    let request = with_crc(&[0xf2, 0x3b]);
    let mut waited = 0;
    loop {
        match transfer.next(Reply::Frame(&request), &mut out) {
            Step::Send { wait_micros, .. } => waited += wait_micros,
            step => break assert_eq!(step, Step::Failed(Fault::Protocol)),
        }
    }
    assert_eq!(waited, 3 * 1_600_000);
}

#[test]
fn card_that_chains_nothing_for_ever_is_given_up() {
    let mut link = Link::new(&ats(&USUAL));
    let (mut answer, mut out) = ([0; 16], [0; 64]);
    let mut transfer = link.begin(&[9], &mut answer);
    let mut step = transfer.first(&mut out);
    let mut blocks = 0;
    while let Step::Send { .. } = step {
        let pcb = 0x12 | u8::from(blocks % 2 == 1);
        step = transfer.next(Reply::Frame(&with_crc(&[pcb])), &mut out);
        blocks += 1;
    }
    assert_eq!((step, blocks), (Step::Failed(Fault::Protocol), 65));
}

#[test]
fn answer_longer_than_the_buffer_is_not_copied() {
    let mut link = Link::new(&ats(&USUAL));
    let (mut answer, mut out) = ([0; 4], [0; 64]);
    let mut transfer = link.begin(&[9], &mut answer);
    let _ = transfer.first(&mut out);
    let reply = with_crc(&[0x02, 1, 2, 3, 4, 5]);
    let step = transfer.next(Reply::Frame(&reply), &mut out);
    assert_eq!(step, Step::Failed(Fault::AnswerLength));
    assert_eq!(answer, [0; 4]);
}

/// Replies that are close to right, and wild ones.
fn replies() -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
    let pcb = prop_oneof![
        Just(0x02u8),
        Just(0x03),
        Just(0x12),
        Just(0x13),
        Just(0xa2),
        Just(0xa3),
        Just(0xb2),
        Just(0xc2),
        Just(0xf2),
        any::<u8>()
    ];
    let good = (pcb, prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(pcb, mut inf)| {
        match pcb {
            0xa2 | 0xa3 => inf.clear(),
            0xf2 => inf.truncate(1),
            _ => {}
        }
        inf.insert(0, pcb);
        Some(with_crc(&inf))
    });
    let wild = prop::collection::vec(any::<u8>(), 0..70).prop_map(Some);
    let one = prop_oneof![8 => good, 1 => wild, 1 => Just(None)];
    prop::collection::vec(one, 1..40)
}

proptest! {
    /// I8. The bound: pieces of the command, blocks of the answer, each with its repairs, and the
    /// requests for time.
    #[test]
    fn i8_any_replies_end_a_transfer_in_a_bounded_number_of_blocks(
        replies in replies(),
        command in prop::collection::vec(any::<u8>(), 1..262),
        size in 0u8..9,
        buffer in 16usize..257,
    ) {
        let mut link = Link::new(&ats(&[0x02, size]));
        let (mut answer, mut out) = ([0; 258], vec![0; buffer]);
        let mut transfer = link.begin(&command, &mut answer);
        let mut step = transfer.first(&mut out);
        let mut sent = 0_u32;
        for reply in replies.iter().cycle() {
            let Step::Send { bytes, wait_micros } = step else {
                break;
            };
            sent += 1;
            prop_assert!(bytes >= 3 && bytes <= buffer && wait_micros <= 1_600_000);
            prop_assert!(sent <= (21 + 65) * 4 + 32);
            let reply = reply.as_deref().map_or(Reply::Silence, Reply::Frame);
            step = transfer.next(reply, &mut out);
        }
        if let Step::Done(length) = step {
            prop_assert!(length <= 258);
        }
    }

    #[test]
    fn i8_any_bytes_are_an_ats_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
        for frame in [bytes.clone(), with_crc(&bytes)] {
            if let Ok(ats) = Ats::parse(&frame) {
                prop_assert!((16..=256).contains(&ats.frame_bytes()));
                prop_assert!(ats.waiting_micros() <= 309_319 && ats.guard_micros() <= 4_949_114);
            }
        }
    }

    #[test]
    fn a_block_is_what_it_was_when_it_is_read_back(
        more: bool, one: bool, factor in 1u8..60, data in prop::collection::vec(any::<u8>(), 0..61),
    ) {
        let number = if one { Number::One } else { Number::Zero };
        for block in [
            Block::Information { number, more, data: &data },
            Block::Acknowledge(number),
            Block::Refuse(number),
            Block::Wait(factor),
            Block::Deselect,
        ] {
            let mut frame = [0; 64];
            let length = block.emit(&mut frame).unwrap();
            prop_assert_eq!(Block::parse(&frame[..length]), Ok(block));
        }
    }
}
