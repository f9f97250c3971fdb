//! Frames by themselves.

use super::*;
use crate::pn532::target::Listed;

#[test]
fn frames_of_the_manual_are_read() {
    assert_eq!(Frame::parse(&ACK), Ok(Frame::Ack));
    assert_eq!(Frame::parse(&NACK), Ok(Frame::Nack));
    assert_eq!(Frame::parse(&ERROR), Ok(Frame::Error));
    let firmware = [
        0x00, 0x00, 0xff, 0x06, 0xfa, 0xd5, 0x03, 0x32, 0x01, 0x06, 0x07, 0xe8, 0x00,
    ];
    let data = Frame::Data(&[0xd5, 0x03, 0x32, 0x01, 0x06, 0x07]);
    assert_eq!(Frame::parse(&firmware), Ok(data));
    // A longer preamble and noise before it.
    let noisy = [&[0xaa, 0x00, 0x00, 0x00][..], &firmware].concat();
    assert_eq!(Frame::parse(&noisy), Ok(data));
}

#[test]
fn damaged_frames_are_told_apart() {
    let good = frame(&[0xd5, 0x03, 0x32]);
    let damaged = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        Frame::parse(&bytes).unwrap_err()
    };
    assert_eq!(damaged(2), Malformed::NoStart);
    assert_eq!(damaged(3), Malformed::Length);
    assert_eq!(damaged(4), Malformed::Length);
    for at in 5..=8 {
        assert_eq!(damaged(at), Malformed::Data);
    }
    for end in 3..good.len() - 1 {
        assert_eq!(
            Frame::parse(&good[..end]),
            Err(Malformed::Truncated),
            "{end}"
        );
    }
}

#[test]
fn more_than_255_bytes_go_into_an_extended_frame() {
    let data = [0xd4; 256];
    let mut out = [0; LONGEST_FRAME];
    let length = Frame::emit(&[&data], &mut out).unwrap();
    assert_eq!(out[..8], [0x00, 0x00, 0xff, 0xff, 0xff, 0x01, 0x00, 0xff]);
    assert_eq!(length, 256 + 10);
    assert_eq!(Frame::parse(&out[..length]), Ok(Frame::Data(&data)));
    let normal = Frame::emit(&[&data[..255]], &mut out).unwrap();
    assert_eq!(
        (normal, &out[..5]),
        (255 + 7, &[0, 0, 0xff, 0xff, 0x01][..])
    );
    assert_eq!(Frame::emit(&[&[0; LONGEST_DATA + 1]], &mut [0; 400]), None);
    assert_eq!(Frame::emit(&[], &mut out), None);
    assert_eq!(Frame::emit(&[&[1, 2]], &mut [0; 8]), None);
}

/// Whatever length a frame, a card's number or its ATS claims to have, what is there is all there is.
#[test]
fn wupingmu_66_a_length_from_the_wire_reads_and_writes_nothing_beyond_its_bytes() {
    let said = [0xd5, 0x03, 0x32, 0xf6]; // the last is the data check
    for length in 0..=u16::MAX {
        let [high, low] = length.to_be_bytes();
        let check = high.wrapping_add(low).wrapping_neg();
        let extended = [&[0x00, 0xff, 0xff, 0xff, high, low, check][..], &said].concat();
        assert_eq!(Frame::parse(&extended).is_ok(), length == 3, "{length}");
    }
    for length in 0..=u8::MAX {
        let head = [0x00, 0xff, length, length.wrapping_neg()];
        let normal = [&head[..], &said].concat();
        assert_eq!(Frame::parse(&normal).is_ok(), length == 3, "{length}");
        let listed = [&[0x01, 0x01, 0x00, 0x04, 0x20, length][..], &[1, 2, 3, 4]].concat();
        let one = Listed::parse(&listed).is_ok_and(|it| it.field != Field::Empty);
        assert_eq!(one, length == 4, "a UID of {length}");
        let ats = [length, 0x75, 0x77, 0x81, 0x02];
        let sealed = [&ats[..], &crate::iso14443a::crc_a(&ats)].concat();
        let parsed = crate::iso14443_4::Ats::parse(&sealed);
        assert_eq!(parsed.is_ok(), length == 5, "an ATS of {length}");
    }
}
