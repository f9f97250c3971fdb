//! The driver on the bus: what it says to the chip, byte by byte, from the data sheet; and that it
//! survives whatever the chip says.

use std::collections::VecDeque;
use std::format;
use std::vec;
use std::vec::Vec;

use embassy_futures::block_on;
use embedded_hal::spi::ErrorKind;
use embedded_hal_async::spi::{Operation, SpiDevice};
use embedded_hal_mock::eh1::delay::NoopDelay;
use embedded_hal_mock::eh1::digital::{Mock as Pin, State as Level, Transaction as PinTransaction};
use embedded_hal_mock::eh1::spi::{Mock as Spi, Transaction};
use proptest::prelude::*;

use super::{Answer, Error, Frame, Mfrc522, NoResetPin, ReplyWait, Version};
use crate::iso14443a::crc_a;
use crate::{Card, CardReader, Field, Uid};

type Script = Vec<Transaction<u8>>;

const COMMAND: u8 = 0x01;
const COM_IRQ: u8 = 0x04;
const ERROR: u8 = 0x06;
const FIFO_DATA: u8 = 0x09;
const FIFO_LEVEL: u8 = 0x0a;
const CONTROL: u8 = 0x0c;
const BIT_FRAMING: u8 = 0x0d;
const VERSION: u8 = 0x37;

/// One register written.
fn write(register: u8, value: u8) -> Script {
    vec![
        Transaction::transaction_start(),
        Transaction::write_vec(vec![register << 1, value]),
        Transaction::transaction_end(),
    ]
}

/// Registers read in one transaction.
fn read(registers: &[(u8, u8)]) -> Script {
    let mut asked: Vec<u8> = registers
        .iter()
        .map(|(register, _)| register << 1 | 0x80)
        .collect();
    let first = asked.remove(0);
    asked.push(0);
    vec![
        Transaction::transaction_start(),
        Transaction::write(first),
        Transaction::transfer_in_place(asked, registers.iter().map(|(_, value)| *value).collect()),
        Transaction::transaction_end(),
    ]
}

/// The chip set up from nothing.
fn set_up(version: u8) -> Script {
    [
        write(COMMAND, 0x0f),
        read(&[(COMMAND, 0x30)]),
        read(&[(COMMAND, 0x20)]),
        read(&[(VERSION, version)]),
        write(0x2a, 0x80),
        write(0x2b, 0xa9),
        write(0x2c, 0x00),
        write(0x2d, 79),
        write(0x15, 0x40),
        write(0x11, 0x3d),
        write(0x14, 0x83),
    ]
    .concat()
}

/// A frame goes out, and at the second look this is what the chip shows.
fn exchange(frame: &[u8], bits: u8, irq: u8, error: u8, reply: &[u8]) -> Script {
    let level = u8::try_from(reply.len()).unwrap();
    let status = |irq, error, level| {
        read(&[
            (COM_IRQ, irq),
            (ERROR, error),
            (FIFO_LEVEL, level),
            (CONTROL, 0x10),
        ])
    };
    let mut script = [
        write(COMMAND, 0x00),
        write(COM_IRQ, 0x7f),
        write(FIFO_LEVEL, 0x80),
        vec![
            Transaction::transaction_start(),
            Transaction::write(FIFO_DATA << 1),
            Transaction::write_vec(frame.to_vec()),
            Transaction::transaction_end(),
        ],
        write(BIT_FRAMING, bits),
        write(COMMAND, 0x0c),
        write(BIT_FRAMING, 0x80 | bits),
        status(0x40, 0, 0),
        status(irq, error, level),
    ]
    .concat();
    if irq & 0x20 != 0 && error == 0 {
        let fifo: Vec<_> = reply.iter().map(|byte| (FIFO_DATA, *byte)).collect();
        script.extend(read(&fifo));
    }
    script
}

fn wake(reply: &[u8]) -> Script {
    exchange(&[0x52], 7, 0x60, 0, reply)
}

/// Level one of the UID 01 02 03 04, answered with `part`.
fn anticollision(part: &[u8]) -> Script {
    exchange(&[0x93, 0x20], 0, 0x60, 0, part)
}

fn select(sak: &[u8]) -> Script {
    let mut frame = vec![0x93, 0x70, 1, 2, 3, 4, 4];
    frame.extend(crc_a(&frame));
    exchange(&frame, 0, 0x60, 0, sak)
}

fn with_crc(sak: u8) -> [u8; 3] {
    let [low, high] = crc_a(&[sak]);
    [sak, low, high]
}

fn silence(frame: &[u8], bits: u8) -> Script {
    exchange(frame, bits, 0x41, 0, &[])
}

fn reader(script: &[Script]) -> (Spi<u8>, Mfrc522<Spi<u8>, NoResetPin, NoopDelay>) {
    let spi = Spi::new(&script.concat());
    (spi.clone(), Mfrc522::new(spi, NoResetPin, NoopDelay))
}

/// One look, with every byte on the bus foreseen.
fn look(script: &[Script]) -> Result<Field, Error<ErrorKind>> {
    let (mut spi, mut reader) = reader(script);
    let field = block_on(reader.poll());
    spi.done();
    field
}

#[test]
fn first_look_sets_the_chip_up_and_reads_a_card_of_four_bytes() {
    let field = look(&[
        set_up(0x92),
        wake(&[0x04, 0x00]),
        anticollision(&[1, 2, 3, 4, 4]),
        select(&with_crc(0x08)),
        silence(&[0x50, 0x00, 0x57, 0xcd], 0),
    ]);
    let card = Card::announced(Uid::from_bytes(&[1, 2, 3, 4]).unwrap(), false);
    assert_eq!(field, Ok(Field::One(card)));
}

#[test]
fn seven_bytes_take_two_cascade_levels() {
    // The UID of NXP AN10922.
    let select = |level: u8, part: [u8; 5], sak| {
        let mut frame = vec![level, 0x70];
        frame.extend(part);
        frame.extend(crc_a(&frame));
        [
            exchange(&[level, 0x20], 0, 0x60, 0, &part),
            exchange(&frame, 0, 0x60, 0, &with_crc(sak)),
        ]
        .concat()
    };
    let field = look(&[
        set_up(0x91),
        wake(&[0x44, 0x00]),
        select(
            0x93,
            [0x88, 0x04, 0x78, 0x2e, 0x88 ^ 0x04 ^ 0x78 ^ 0x2e],
            0x04,
        ),
        select(0x95, [0x21, 0x80, 0x1d, 0x80, 0x21 ^ 0x1d], 0x20),
        silence(&[0x50, 0x00, 0x57, 0xcd], 0),
    ]);
    let Ok(Field::One(card)) = field else {
        panic!("{field:?}");
    };
    assert!(card.iso14443_4, "SAK 20h");
    assert_eq!(
        card.uid.expose(),
        [0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80]
    );
}

#[test]
fn empty_field_is_asked_twice_at_first_and_then_once_a_look() {
    let check = read(&[(VERSION, 0x88), (0x2a, 0x80), (0x2b, 0xa9), (0x14, 0x83)]);
    let script = [
        set_up(0x88),
        silence(&[0x52], 7),
        silence(&[0x52], 7),
        check.clone(),
        silence(&[0x52], 7),
        check,
        silence(&[0x52], 7),
    ];
    let (mut spi, mut reader) = reader(&script);
    for _ in 0..3 {
        assert_eq!(block_on(reader.poll()), Ok(Field::Empty));
    }
    assert_eq!(reader.version(), Some(Version::Fm17522));
    spi.done();
}

#[test]
fn collision_anywhere_is_many() {
    let crash = |frame: &[u8], bits| exchange(frame, bits, 0x62, 0x08, &[0xff]);
    let at_request = [set_up(0x92), crash(&[0x52], 7)];
    assert_eq!(look(&at_request), Ok(Field::Many));
    let at_level = [set_up(0x92), wake(&[4, 0]), crash(&[0x93, 0x20], 0)];
    assert_eq!(look(&at_level), Ok(Field::Many));
}

#[test]
fn card_that_sends_nonsense_or_leaves_is_no_card_and_no_error() {
    let begin = || [set_up(0x92), wake(&[0x04, 0x00])].concat();
    let wrong_bcc = [begin(), anticollision(&[1, 2, 3, 4, 5])];
    assert_eq!(look(&wrong_bcc), Ok(Field::Empty));
    let too_short = [begin(), anticollision(&[1, 2, 3])];
    assert_eq!(look(&too_short), Ok(Field::Empty));
    let wrong_crc = [
        begin(),
        anticollision(&[1, 2, 3, 4, 4]),
        select(&[0x08, 0, 0]),
    ];
    assert_eq!(look(&wrong_crc), Ok(Field::Empty));
    let endless_uid = [
        begin(),
        anticollision(&[1, 2, 3, 4, 4]),
        select(&with_crc(0x04)),
    ];
    assert_eq!(look(&endless_uid), Ok(Field::Empty));
    let gone = [begin(), silence(&[0x93, 0x20], 0)];
    assert_eq!(look(&gone), Ok(Field::Empty));
    let parity = [set_up(0x92), exchange(&[0x52], 7, 0x62, 0x02, &[4, 0])];
    assert_eq!(look(&parity), Ok(Field::Empty));
}

#[test]
fn answer_longer_than_asked_for_is_not_copied() {
    let mut script = exchange(&[0x52], 7, 0x60, 0, &[0; 64]);
    // The FIFO is not read at all.
    script.truncate(script.len() - 4);
    assert_eq!(look(&[set_up(0x92), script]), Ok(Field::Empty));
}

#[test]
fn unknown_chip_and_silent_lines_are_told_apart() {
    let version = |value| {
        look(&[[
            write(COMMAND, 0x0f),
            read(&[(COMMAND, 0x00)]),
            read(&[(VERSION, value)]),
        ]
        .concat()])
    };
    assert_eq!(version(0x00), Err(Error::NotResponding));
    assert_eq!(version(0xff), Err(Error::NotResponding));
    assert_eq!(version(0x12), Err(Error::UnknownChip { version: 0x12 }));
}

#[test]
fn chip_that_forgot_its_settings_is_set_up_anew_at_the_next_look() {
    let script = [
        set_up(0x92),
        silence(&[0x52], 7),
        silence(&[0x52], 7),
        read(&[(VERSION, 0x92), (0x2a, 0x00), (0x2b, 0x00), (0x14, 0x80)]),
        set_up(0x92),
        silence(&[0x52], 7),
        silence(&[0x52], 7),
    ];
    let (mut spi, mut reader) = reader(&script);
    assert_eq!(block_on(reader.poll()), Ok(Field::Empty));
    assert_eq!(block_on(reader.poll()), Err(Error::ConfigurationLost));
    assert_eq!(block_on(reader.poll()), Ok(Field::Empty));
    spi.done();
}

#[test]
fn too_hot_is_an_error_of_the_reader() {
    let script = [set_up(0x92), exchange(&[0x52], 7, 0x43, 0x40, &[])];
    assert_eq!(look(&script), Err(Error::TooHot));
}

#[test]
fn chip_that_falls_off_the_bus_in_the_middle_of_a_frame_does_not_respond() {
    let status = |irq, error, level, control| {
        let mut script = exchange(&[0x52], 7, 0x40, 0, &[]);
        script.truncate(script.len() - 4);
        script.extend(read(&[
            (COM_IRQ, irq),
            (ERROR, error),
            (FIFO_LEVEL, level),
            (CONTROL, control),
        ]));
        look(&[set_up(0x92), script])
    };
    assert_eq!(status(0xff, 0xff, 0xff, 0xff), Err(Error::NotResponding));
    // A bit that always reads as zero.
    assert_eq!(status(0xe0, 0x00, 2, 0x10), Err(Error::NotResponding));
    // More than the FIFO holds.
    assert_eq!(status(0x60, 0x00, 65, 0x10), Err(Error::NotResponding));
}

#[test]
fn reset_pulls_the_pin_low_then_high_and_sets_the_chip_up() {
    let mut spi = Spi::new(&set_up(0x92));
    let mut pin = Pin::new(&[
        PinTransaction::set(Level::Low),
        PinTransaction::set(Level::High),
    ]);
    let mut reader = Mfrc522::new(spi.clone(), pin.clone(), NoopDelay);
    assert_eq!(block_on(reader.reset()), Ok(()));
    assert_eq!(reader.version(), Some(Version::V2));
    let _parts = reader.release();
    spi.done();
    pin.done();
}

#[test]
fn longer_wait_is_set_once_and_set_back() {
    // What ISO/IEC 14443-4 needs: 10 ms for this frame, then 2 ms again.
    let frame = [0xe0, 0x50, 0xbc, 0xa5];
    let script = [
        set_up(0x92),
        write(0x2c, 0x01),
        write(0x2d, 0x8f),
        exchange(&frame, 0, 0x60, 0, &[6, 0x75]),
        exchange(&frame, 0, 0x60, 0, &[6, 0x75]),
        write(0x2c, 0x00),
        write(0x2d, 79),
        silence(&[0x26], 7),
    ];
    let (mut spi, mut reader) = reader(&script);
    let mut reply = [0; 20];
    let rats = Frame::whole(&frame).unwrap();
    let wait = ReplyWait::from_micros(10_000);
    for _ in 0..2 {
        let answer = block_on(reader.transceive(rats, wait, &mut reply));
        let expected = Answer::Frame {
            bytes: 2,
            last_bits: 0,
        };
        assert_eq!((answer, &reply[..2]), (Ok(expected), &[6, 0x75][..]));
    }
    let silent = reader.transceive(Frame::short(&[0x26]), ReplyWait::SELECTION, &mut reply);
    assert_eq!(block_on(silent), Ok(Answer::Silence));
    spi.done();
}

#[test]
fn waits_cover_their_range() {
    for (micros, steps) in [
        (0, 1),
        (25, 1),
        (26, 2),
        (1_638_375, 65_535),
        (u32::MAX, 65_535),
    ] {
        let wait = ReplyWait::from_micros(micros);
        assert_eq!(wait.micros(), steps * 25);
        assert_eq!(u32::from(u16::from_be_bytes(wait.reload())), steps - 1);
    }
}

/// Answers every read with what it was given, over and over, and counts.
struct Babble {
    bytes: VecDeque<u8>,
    transactions: u32,
    fails: bool,
}

impl Babble {
    fn new(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.iter().copied().collect(),
            transactions: 0,
            fails: false,
        }
    }
}

impl embedded_hal::spi::ErrorType for Babble {
    type Error = ErrorKind;
}

impl SpiDevice for Babble {
    async fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
        self.transactions += 1;
        if self.fails {
            return Err(ErrorKind::ModeFault);
        }
        for operation in operations {
            if let Operation::Read(bytes) | Operation::TransferInPlace(bytes) = operation {
                for byte in bytes.iter_mut() {
                    self.bytes.rotate_left(1);
                    *byte = *self.bytes.back().unwrap();
                }
            }
        }
        Ok(())
    }
}

/// More than a look can ever take: the chip set up, eight exchanges of 26 looks each, and FIFOs.
const BOUND: u32 = 400;

#[test]
fn constant_lines_are_a_chip_that_does_not_respond_in_bounded_time() {
    for byte in [0x00, 0xff] {
        let mut reader = Mfrc522::new(Babble::new(&[byte]), NoResetPin, NoopDelay);
        assert_eq!(block_on(reader.poll()), Err(Error::NotResponding));
        assert_eq!(block_on(reader.reset()), Err(Error::NotResponding));
        assert!(reader.release().0.transactions < BOUND);
    }
}

#[test]
fn bus_errors_are_handed_up() {
    let mut babble = Babble::new(&[0]);
    babble.fails = true;
    let mut reader = Mfrc522::new(babble, NoResetPin, NoopDelay);
    let error = Error::Bus(ErrorKind::ModeFault);
    assert_eq!(block_on(reader.poll()), Err(error.clone()));
    assert_eq!(
        format!("{error}"),
        "the bus of the reader chip failed: ModeFault"
    );
}

mod channel;
mod published;

proptest! {
    /// I8: no bytes on the bus panic the driver or keep it for ever.
    #[test]
    fn i8_total_any_bytes_from_the_chip_end_a_look_in_bounded_time(
        bytes in proptest::collection::vec(any::<u8>(), 1..200),
    ) {
        let mut reader = Mfrc522::new(Babble::new(&bytes), NoResetPin, NoopDelay);
        let _ = block_on(reader.poll());
        prop_assert!(reader.release().0.transactions < BOUND);
    }

    /// The same past the set-up, where answers of cards are believed.
    #[test]
    fn i8_total_any_answers_to_a_chip_that_is_set_up_end_a_look_in_bounded_time(
        answers in proptest::collection::vec(
            (prop_oneof![Just(0x20u8), Just(0x01), Just(0x22), any::<u8>()],
             prop_oneof![3 => Just(0u8), 1 => any::<u8>()], 0u8..70, any::<u8>(),
             proptest::collection::vec(any::<u8>(), 0..10)), 1..40),
    ) {
        let mut bytes = Vec::new();
        for (irq, error, level, control, fifo) in answers {
            bytes.extend([irq, error, level, control]);
            bytes.extend(fifo);
        }
        let mut reader = Mfrc522::new(Babble::new(&bytes), NoResetPin, NoopDelay);
        reader.version = Some(Version::V2);
        let mut reply = [0; 64];
        for frame in [&[0x52][..], &[0x93, 0x20], &[0x50, 0x00, 0x57, 0xcd]] {
            let frame = Frame::whole(frame).unwrap();
            let answer = block_on(reader.carry(frame, ReplyWait::SELECTION, &mut reply));
            if let Ok(Answer::Frame { bytes, .. }) = answer {
                prop_assert!(bytes <= 64);
            }
        }
        // Whatever it finds, selecting ends.
        let _ = block_on(reader.select());
        prop_assert!(reader.release().0.transactions < BOUND);
    }
}
