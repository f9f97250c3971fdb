//! The chip byte by byte: frames as UM0701-02 prints them, the UART and the bus as a reader of it
//! would expect them. The chip that answers for itself is in `pile-sim`.

use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

use embassy_futures::block_on;
use embedded_hal_mock::eh1::delay::NoopDelay;
use embedded_hal_mock::eh1::digital::{Mock as Pin, State as Level, Transaction as PinTransaction};
use embedded_hal_mock::eh1::spi::{Mock as SpiMock, Transaction};
use embedded_io_async::{ErrorType, Read, Write};
use proptest::prelude::*;

use super::{Error, Frame, Hsu, LONGEST_DATA, LONGEST_FRAME, Malformed, Pn532, Spi, Version};
use crate::mfrc522::NoResetPin;
use crate::{ApduChannel, Card, CardReader, ChannelError, Field, Uid};

const ACK: [u8; 6] = [0x00, 0x00, 0xff, 0x00, 0xff, 0x00];
const NACK: [u8; 6] = [0x00, 0x00, 0xff, 0xff, 0x00, 0x00];
/// Section 6.2.1.5.
const ERROR: [u8; 8] = [0x00, 0x00, 0xff, 0x01, 0xff, 0x7f, 0x81, 0x00];
const WAKE: [u8; 16] = [0x55, 0x55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A frame written out by hand: length, its complement, the bytes, their complement.
fn frame(data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len()).unwrap();
    let sum = data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let mut frame = vec![0x00, 0x00, 0xff, length, 0_u8.wrapping_sub(length)];
    frame.extend(data);
    frame.extend([0_u8.wrapping_sub(sum), 0x00]);
    frame
}

/// What the host must send, and what the chip says then.
type Exchange = (Vec<u8>, Vec<u8>);

fn says(command: &[u8], answer: &[u8]) -> Exchange {
    let answer = [&ACK[..], &frame(answer)].concat();
    (frame(command), answer)
}

fn set_up() -> Vec<Exchange> {
    vec![
        (WAKE.to_vec(), vec![]),
        says(&[0xd4, 0x14, 0x01, 0x00, 0x00], &[0xd5, 0x15]),
        // Section 7.2.2: a PN532, firmware 1.6, all three kinds of card.
        says(&[0xd4, 0x02], &[0xd5, 0x03, 0x32, 0x01, 0x06, 0x07]),
        says(&[0xd4, 0x32, 0x05, 0x00, 0x01, 0x01], &[0xd5, 0x33]),
        says(&[0xd4, 0x12, 0x00], &[0xd5, 0x13]),
        field_off(),
    ]
}

fn field_off() -> Exchange {
    says(&[0xd4, 0x32, 0x01, 0x00], &[0xd5, 0x33])
}

fn list(found: &[u8]) -> Exchange {
    says(&[0xd4, 0x4a, 0x02, 0x00], &[&[0xd5, 0x4b], found].concat())
}

/// NTAG 424 DNA with the UID of NXP AN10922, without its ATS.
const NTAG: [u8; 13] = [
    0x01, 0x01, 0x03, 0x44, 0x20, 0x07, 0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80,
];

/// A UART with the chip's lines in it.
#[derive(Default)]
struct Line {
    script: VecDeque<Exchange>,
    sent: Vec<u8>,
    unread: VecDeque<u8>,
}

impl ErrorType for Line {
    type Error = core::convert::Infallible;
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.sent.extend(bytes);
        if let Some((expected, answer)) = self.script.front()
            && self.sent.len() >= expected.len()
        {
            assert_eq!(self.sent, *expected, "with {} to come", self.script.len());
            self.sent.clear();
            self.unread.extend(answer);
            self.script.pop_front();
        }
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl Read for Line {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Self::Error> {
        if self.unread.is_empty() {
            // Silence; the delay beside it is over at once.
            core::future::pending::<()>().await;
        }
        let mut bytes = 0;
        while let (Some(room), Some(byte)) = (into.get_mut(bytes), self.unread.front()) {
            *room = *byte;
            self.unread.pop_front();
            bytes += 1;
        }
        Ok(bytes)
    }
}

type OnUart = Pn532<Hsu<Line>, NoResetPin, NoopDelay>;

fn reader(script: &[Vec<Exchange>]) -> OnUart {
    let line = Line {
        script: script.concat().into(),
        ..Line::default()
    };
    Pn532::new(Hsu::new(line), NoResetPin, NoopDelay)
}

fn done(reader: OnUart) {
    let line = reader.release().0.release();
    assert!(line.script.is_empty(), "{} to come", line.script.len());
    assert!(line.sent.is_empty());
}

/// One look, with every byte foreseen.
fn look(
    script: &[Vec<Exchange>],
) -> Result<Field, Error<super::HsuError<core::convert::Infallible>>> {
    let mut reader = reader(script);
    let field = block_on(reader.poll());
    done(reader);
    field
}

fn one(uid: &[u8], iso14443_4: bool) -> Field {
    Field::One(Card::announced(Uid::from_bytes(uid).unwrap(), iso14443_4))
}

mod anything;
mod frames;
mod on_spi;

// --- on a UART --------------------------------------------------------------------------------

#[test]
fn first_look_wakes_the_chip_sets_it_up_and_reads_a_card_of_seven_bytes() {
    let mut reader = reader(&[set_up(), vec![list(&NTAG), field_off()]]);
    let uid = [0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80];
    assert_eq!(block_on(reader.poll()), Ok(one(&uid, true)));
    let version = Version {
        firmware: 1,
        revision: 6,
    };
    assert_eq!(reader.version(), Some(version));
    done(reader);
}

#[test]
fn cards_of_four_and_ten_bytes_none_and_two() {
    let looks = |found: &[u8]| look(&[set_up(), vec![list(found), field_off()]]);
    let classic = [0x01, 0x01, 0x00, 0x04, 0x08, 0x04, 1, 2, 3, 4];
    assert_eq!(looks(&classic), Ok(one(&[1, 2, 3, 4], false)));
    let triple = [
        0x01, 0x01, 0x00, 0x84, 0x00, 0x0a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ];
    assert_eq!(
        looks(&triple),
        Ok(one(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false))
    );
    assert_eq!(looks(&[0x00]), Ok(Field::Empty));
    let two = [&[0x02][..], &classic[1..], &[0x02], &classic[2..]].concat();
    assert_eq!(looks(&two), Ok(Field::Many));
    // A UID of an impossible length is no card.
    assert_eq!(looks(&[0x01, 0x01, 0, 4, 8, 3, 1, 2, 3]), Ok(Field::Empty));
}

#[test]
fn settled_chip_is_asked_twice_a_look() {
    let empty = || vec![list(&[0x00]), field_off()];
    let mut reader = reader(&[set_up(), empty(), empty(), empty()]);
    for _ in 0..3 {
        assert_eq!(block_on(reader.poll()), Ok(Field::Empty));
    }
    done(reader);
}

#[test]
fn refused_frame_goes_out_again_and_a_damaged_answer_is_asked_for_again() {
    let (command, answer) = list(&NTAG);
    let mut damaged = answer.clone();
    damaged[12] ^= 1;
    let script = vec![
        (command.clone(), NACK.to_vec()),
        (command, damaged.clone()),
        (NACK.to_vec(), damaged[6..].to_vec()),
        (NACK.to_vec(), answer[6..].to_vec()),
        field_off(),
    ];
    assert!(matches!(look(&[set_up(), script]), Ok(Field::One(_))));
}

#[test]
fn repetitions_end() {
    let (command, answer) = list(&NTAG);
    let refused = (command.clone(), NACK.to_vec());
    let script = vec![refused.clone(), refused.clone(), refused];
    assert_eq!(look(&[set_up(), script]), Err(Error::Garbled));
    let mut damaged = answer;
    damaged[12] ^= 1;
    let again = (NACK.to_vec(), damaged[6..].to_vec());
    let script = vec![(command, damaged), again.clone(), again];
    assert_eq!(look(&[set_up(), script]), Err(Error::Garbled));
}

#[test]
fn command_that_is_not_answered_is_aborted_and_the_chip_set_up_anew() {
    let (command, _) = list(&[]);
    let silent = vec![(command, ACK.to_vec()), (ACK.to_vec(), vec![])];
    let script = [set_up(), silent, set_up(), vec![list(&[0x00]), field_off()]];
    let mut reader = reader(&script);
    assert_eq!(block_on(reader.poll()), Err(Error::NotResponding));
    assert_eq!(block_on(reader.poll()), Ok(Field::Empty));
    done(reader);
}

#[test]
fn chips_that_are_none_are_told_apart() {
    let (wake, silence) = (set_up().swap_remove(0), Vec::new());
    let sam = set_up().swap_remove(1);
    let mute = vec![wake.clone(), (sam.0.clone(), silence)];
    assert_eq!(look(&[mute]), Err(Error::NotResponding));
    let ignorant = vec![wake.clone(), (sam.0.clone(), [&ACK[..], &ERROR].concat())];
    assert_eq!(look(&[ignorant]), Err(Error::Refused));
    let other = says(&[0xd4, 0x02], &[0xd5, 0x03, 0x33, 0x01, 0x06, 0x07]);
    let pn533 = vec![wake.clone(), sam.clone(), other];
    assert_eq!(look(&[pn533]), Err(Error::UnknownChip { ic: 0x33 }));
    // An echo of the line is no answer.
    let echo = vec![wake, (sam.0.clone(), sam.0)];
    assert_eq!(look(&[echo]), Err(Error::Garbled));
}

#[test]
fn chip_that_activates_cards_unasked_has_lost_its_settings() {
    let ats = [&NTAG[..], &[0x06, 0x77, 0x77, 0x71, 0x02, 0x80]].concat();
    let found = look(&[set_up(), vec![list(&ats)]]);
    assert_eq!(found, Err(Error::ConfigurationLost));
}

fn activated() -> Vec<Exchange> {
    let ats = [0x06, 0x77, 0x77, 0x71, 0x02, 0x80];
    let found = [&[0xd5, 0x4b], &NTAG[..], &ats].concat();
    vec![
        says(&[0xd4, 0x12, 0x10], &[0xd5, 0x13]),
        // Section 7.3.5: a UID of double size with its cascade tag.
        says(
            &[
                0xd4, 0x4a, 0x01, 0x00, 0x88, 0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80,
            ],
            &found,
        ),
    ]
}

const GET_VERSION: [u8; 5] = [0x90, 0x60, 0, 0, 0];

fn data_exchange(answer: &[u8]) -> Exchange {
    says(
        &[0xd4, 0x40, 0x01, 0x90, 0x60, 0, 0, 0],
        &[&[0xd5, 0x41], answer].concat(),
    )
}

#[test]
fn first_command_lists_that_card_anew_and_the_next_look_releases_it() {
    let script = [
        set_up(),
        vec![list(&NTAG), field_off()],
        activated(),
        vec![
            data_exchange(&[0x00, 4, 1, 0x91, 0xaf]),
            data_exchange(&[0x00, 0x91, 0x00]),
            says(&[0xd4, 0x52, 0x00], &[0xd5, 0x53, 0x00]),
            field_off(),
            says(&[0xd4, 0x12, 0x00], &[0xd5, 0x13]),
            list(&[0x00]),
            field_off(),
        ],
    ];
    let mut reader = reader(&script);
    block_on(reader.poll()).unwrap();
    let mut answer = [0; 258];
    let said = block_on(reader.exchange(&GET_VERSION, &mut answer));
    assert_eq!((said, &answer[..4]), (Ok(4), &[4, 1, 0x91, 0xaf][..]));
    assert_eq!(block_on(reader.exchange(&GET_VERSION, &mut answer)), Ok(2));
    assert_eq!(block_on(reader.poll()), Ok(Field::Empty));
    done(reader);
}

#[test]
fn answer_in_parts_is_put_together() {
    let more = says(&[0xd4, 0x40, 0x01], &[0xd5, 0x41, 0x00, 3, 0x91, 0x00]);
    let script = [
        set_up(),
        vec![list(&NTAG), field_off()],
        activated(),
        vec![data_exchange(&[0x40, 1, 2]), more],
    ];
    let mut reader = reader(&script);
    block_on(reader.poll()).unwrap();
    let mut answer = [0; 258];
    assert_eq!(block_on(reader.exchange(&GET_VERSION, &mut answer)), Ok(5));
    assert_eq!(answer[..5], [1, 2, 3, 0x91, 0x00]);
    done(reader);
}

#[test]
fn what_the_chip_says_of_a_card_is_no_failure_of_the_reader() {
    let status = |status: &[u8]| {
        let script = [
            set_up(),
            vec![list(&NTAG), field_off()],
            activated(),
            vec![data_exchange(status)],
        ];
        let mut reader = reader(&script);
        block_on(reader.poll()).unwrap();
        let error = block_on(reader.exchange(&GET_VERSION, &mut [0; 16])).unwrap_err();
        let again = block_on(reader.exchange(&GET_VERSION, &mut [0; 16]));
        assert_eq!(again, Err(ChannelError::CardGone), "until the next look");
        done(reader);
        error
    };
    assert_eq!(status(&[0x01]), ChannelError::CardGone);
    assert_eq!(status(&[0x2b]), ChannelError::CardGone);
    assert_eq!(status(&[0x02]), ChannelError::Protocol);
    assert_eq!(status(&[0x0b]), ChannelError::Protocol);
    assert_eq!(status(&[0x00, 0x91]), ChannelError::AnswerLength);
    assert_eq!(status(&[0; 18]), ChannelError::AnswerLength);
    assert_eq!(status(&[0x0d]), ChannelError::Reader(Error::TooHot));
    assert_eq!(status(&[]), ChannelError::Reader(Error::Garbled));
}

/// ISO/IEC 14443-4 clause 5.2.1 lets an ATS have as many bytes as a frame of the card's.
#[test]
fn card_with_a_long_ats_is_no_failure_of_the_reader() {
    let mut ats = vec![0x3c, 0x77, 0x77, 0x71, 0x02];
    ats.resize(0x3c, 0x80);
    let found = [&[0xd5, 0x4b], &NTAG[..], &ats].concat();
    let mut activated = activated();
    activated[1] = says(
        &[
            0xd4, 0x4a, 0x01, 0x00, 0x88, 0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80,
        ],
        &found,
    );
    let script = [
        set_up(),
        vec![list(&NTAG), field_off()],
        activated,
        vec![data_exchange(&[0x00, 0x91, 0x00])],
    ];
    let mut reader = reader(&script);
    block_on(reader.poll()).unwrap();
    let mut answer = [0; 258];
    let said = block_on(reader.exchange(&GET_VERSION, &mut answer));
    assert!(!matches!(said, Err(ChannelError::Reader(_))), "{said:?}");
}

#[test]
fn reset_pulls_the_pin_low_then_high_and_sets_the_chip_up() {
    let mut pin = Pin::new(&[
        PinTransaction::set(Level::Low),
        PinTransaction::set(Level::High),
    ]);
    let line = Line {
        script: set_up().into(),
        ..Line::default()
    };
    let mut reader = Pn532::new(Hsu::new(line), pin.clone(), NoopDelay);
    assert_eq!(block_on(reader.reset()), Ok(()));
    pin.done();
}
