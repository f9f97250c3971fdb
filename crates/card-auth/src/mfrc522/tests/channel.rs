//! Commands to a card, byte by byte on the bus.

use super::*;
use crate::{ApduChannel, ChannelError};

/// The UID of NXP AN10922, and its levels with their BCC.
const LEVELS: [(u8, [u8; 5], u8); 2] = [
    (0x93, [0x88, 0x04, 0x78, 0x2e, 0xda], 0x04),
    (0x95, [0x21, 0x80, 0x1d, 0x80, 0x3c], 0x20),
];
const ATS: [u8; 8] = [0x06, 0x75, 0x77, 0x81, 0x02, 0x80, 0x02, 0xf0];
/// FWI 8 and the grace of clause 7.2: 3,239 steps of 25 us, less one.
const BLOCK_WAIT: u16 = 3_238;
/// 65,536 / fc: 194 steps, less one.
const ACTIVATION_WAIT: u16 = 193;
const SELECTION_WAIT: u16 = 79;

fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut frame = bytes.to_vec();
    frame.extend(crc_a(bytes));
    frame
}

fn wait(reload: u16) -> Script {
    let [high, low] = reload.to_be_bytes();
    [write(0x2c, high), write(0x2d, low)].concat()
}

fn selects(anticollision: bool) -> Script {
    let mut script = Vec::new();
    for (level, part, sak) in LEVELS {
        if anticollision {
            script.extend(exchange(&[level, 0x20], 0, 0x60, 0, &part));
        }
        let select = framed(&[&[level, 0x70], &part[..]].concat());
        script.extend(exchange(&select, 0, 0x60, 0, &with_crc(sak)));
    }
    script
}

/// A look that finds the card.
fn found() -> Script {
    [
        wake(&[0x44, 0x03]),
        selects(true),
        silence(&[0x50, 0x00, 0x57, 0xcd], 0),
    ]
    .concat()
}

/// The card woken, selected by its number and activated.
fn activated() -> Script {
    [
        wake(&[0x44, 0x03]),
        selects(false),
        wait(ACTIVATION_WAIT),
        // A frame of 64 bytes is what the FIFO holds: FSDI 5.
        exchange(&[0xe0, 0x50, 0xbc, 0xa5], 0, 0x60, 0, &ATS),
    ]
    .concat()
}

fn block(sent: &[u8], reply: &[u8]) -> Script {
    exchange(&framed(sent), 0, 0x60, 0, &framed(reply))
}

fn check() -> Script {
    read(&[(VERSION, 0x92), (0x2a, 0x80), (0x2b, 0xa9), (0x14, 0x83)])
}

const GET_VERSION: [u8; 5] = [0x90, 0x60, 0, 0, 0];

#[test]
fn first_command_selects_that_card_anew_and_the_next_look_deselects_it() {
    let script = [
        set_up(0x92),
        found(),
        activated(),
        wait(BLOCK_WAIT),
        block(&[0x02, 0x90, 0x60, 0, 0, 0], &[0x02, 4, 1, 0x91, 0xaf]),
        block(&[0x03, 0x90, 0xaf, 0, 0, 0], &[0x03, 0x91, 0x00]),
        check(),
        wait(ACTIVATION_WAIT),
        exchange(&[0xc2, 0xe0, 0xb4], 0, 0x60, 0, &[0xc2, 0xe0, 0xb4]),
        wait(SELECTION_WAIT),
        // After a card, an empty field is asked twice.
        silence(&[0x52], 7),
        silence(&[0x52], 7),
    ];
    let (mut spi, mut reader) = reader(&script);
    assert!(matches!(block_on(reader.poll()), Ok(Field::One(card)) if card.iso14443_4));
    let mut answer = [0; 258];
    let version = block_on(reader.exchange(&GET_VERSION, &mut answer));
    assert_eq!((version, &answer[..4]), (Ok(4), &[4, 1, 0x91, 0xaf][..]));
    let rest = block_on(reader.exchange(&[0x90, 0xaf, 0, 0, 0], &mut answer));
    assert_eq!((rest, &answer[..2]), (Ok(2), &[0x91, 0x00][..]));
    assert_eq!(block_on(reader.poll()), Ok(Field::Empty));
    spi.done();
}

#[test]
fn card_that_went_silent_is_not_spoken_to_and_the_next_look_takes_the_power_from_the_field() {
    let nak = framed(&[0xb2]);
    let script = [
        set_up(0x92),
        found(),
        activated(),
        wait(BLOCK_WAIT),
        silence(&framed(&[0x02, 0x90, 0x60, 0, 0, 0]), 0),
        silence(&nak, 0),
        silence(&nak, 0),
        silence(&nak, 0),
        check(),
        write(0x14, 0x80),
        write(0x14, 0x83),
        wait(SELECTION_WAIT),
        // After a card, an empty field is asked twice.
        silence(&[0x52], 7),
        silence(&[0x52], 7),
    ];
    let (mut spi, mut reader) = reader(&script);
    block_on(reader.poll()).unwrap();
    for _ in 0..3 {
        let gone = block_on(reader.exchange(&GET_VERSION, &mut [0; 258]));
        assert_eq!(gone, Err(ChannelError::CardGone));
    }
    assert_eq!(block_on(reader.poll()), Ok(Field::Empty));
    spi.done();
}

#[test]
fn card_without_the_protocol_an_empty_field_and_a_wrong_length_send_nothing() {
    let script = [
        set_up(0x92),
        wake(&[0x04, 0x00]),
        anticollision(&[1, 2, 3, 4, 4]),
        select(&with_crc(0x08)),
        silence(&[0x50, 0x00, 0x57, 0xcd], 0),
        check(),
        // After a card, an empty field is asked twice.
        silence(&[0x52], 7),
        silence(&[0x52], 7),
    ];
    let (mut spi, mut reader) = reader(&script);
    let ask = |reader: &mut Mfrc522<_, _, _>, command: &[u8]| {
        block_on(reader.exchange(command, &mut [0; 258]))
    };
    assert_eq!(ask(&mut reader, &GET_VERSION), Err(ChannelError::CardGone));
    block_on(reader.poll()).unwrap();
    for _ in 0..2 {
        assert_eq!(
            ask(&mut reader, &GET_VERSION),
            Err(ChannelError::NoCommands)
        );
    }
    assert_eq!(ask(&mut reader, &[]), Err(ChannelError::CommandLength));
    assert_eq!(
        ask(&mut reader, &[0; 262]),
        Err(ChannelError::CommandLength)
    );
    block_on(reader.poll()).unwrap();
    assert_eq!(ask(&mut reader, &GET_VERSION), Err(ChannelError::CardGone));
    spi.done();
}

#[test]
fn another_card_under_the_same_number_is_no_card_to_speak_to() {
    // Between look and command somebody swaps the card for a copy that has no protocol.
    let mut swapped = selects(false);
    let select = framed(&[&[0x95, 0x70], &LEVELS[1].1[..]].concat());
    let last = exchange(&select, 0, 0x60, 0, &with_crc(0x20)).len();
    swapped.truncate(swapped.len() - last);
    let script = [
        set_up(0x92),
        found(),
        wake(&[0x44, 0x00]),
        swapped,
        exchange(&select, 0, 0x60, 0, &with_crc(0x00)),
    ];
    let (mut spi, mut reader) = reader(&script);
    block_on(reader.poll()).unwrap();
    let refused = block_on(reader.exchange(&GET_VERSION, &mut [0; 258]));
    assert_eq!(refused, Err(ChannelError::Protocol));
    spi.done();
}

#[test]
fn chip_that_dies_under_a_command_is_the_readers_failure() {
    let mut dead = wake(&[0x44, 0x03]);
    dead.truncate(dead.len() - 4 - 4);
    dead.extend(read(&[
        (COM_IRQ, 0xff),
        (ERROR, 0xff),
        (FIFO_LEVEL, 0xff),
        (CONTROL, 0xff),
    ]));
    let (mut spi, mut reader) = reader(&[set_up(0x92), found(), dead]);
    block_on(reader.poll()).unwrap();
    let failed = block_on(reader.exchange(&GET_VERSION, &mut [0; 258]));
    assert_eq!(failed, Err(ChannelError::Reader(Error::NotResponding)));
    spi.done();
}
