//! The chip by itself, spoken to by a driver nobody here wrote, and by ours.

use card_auth::mfrc522::NoResetPin;
use card_auth::pn532::{Error, Hsu, Pn532, Spi};
use card_auth::{Card, CardEvent, CardReader, CardWatch, Field, Uid};
use embassy_futures::block_on;
use embedded_hal::digital::OutputPin;
use embedded_io_async::{Read, Write};
use pile_units::Instant;
use proptest::prelude::*;

use super::{Fault, ResetPin, VirtualHsu, VirtualPn532, VirtualSpi};
use crate::cards::{Application, RfField, VirtualCard};
use crate::mfrc522::NoWait;

type OnUart = Pn532<Hsu<VirtualHsu>, ResetPin, NoWait>;

const FOUR: [u8; 4] = [0xca, 0xfe, 0x12, 0x34];
const SEVEN: [u8; 7] = [0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80];
const TEN: [u8; 10] = [0x04, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const ACK: [u8; 6] = [0x00, 0x00, 0xff, 0x00, 0xff, 0x00];

/// Answers each command with its last byte and a status.
struct Last;

impl Application for Last {
    fn power_up(&mut self) {}

    fn command(&mut self, apdu: &[u8]) -> Vec<u8> {
        vec![apdu.last().copied().unwrap_or(0), 0x90, 0x00]
    }
}

fn bench() -> (RfField, VirtualPn532, OnUart) {
    let field = RfField::default();
    let chip = VirtualPn532::new(field.clone());
    let reader = Pn532::new(Hsu::new(chip.hsu()), chip.reset_pin(), NoWait);
    (field, chip, reader)
}

fn card(uid: &[u8]) -> VirtualCard {
    VirtualCard::new(uid).unwrap()
}

fn smart(uid: &[u8]) -> VirtualCard {
    VirtualCard::with_application(uid, Box::new(Last)).unwrap()
}

fn read(uid: &[u8]) -> Field {
    Field::One(Card::announced(Uid::from_bytes(uid).unwrap(), false))
}

/// What the chip says to these bytes, all of it.
fn raw(uart: &mut VirtualHsu, bytes: &[u8]) -> Vec<u8> {
    block_on(uart.write_all(bytes)).unwrap();
    let mut said = Vec::new();
    while uart.is_ready() {
        let mut some = [0; 64];
        let length = block_on(uart.read(&mut some)).unwrap();
        said.extend(&some[..length]);
    }
    said
}

/// A frame written out by hand.
fn frame(data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len()).unwrap();
    let sum = data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let mut frame = vec![0x00, 0x00, 0xff, length, 0_u8.wrapping_sub(length)];
    frame.extend(data);
    frame.extend([0_u8.wrapping_sub(sum), 0x00]);
    frame
}

fn answered(data: &[u8]) -> Vec<u8> {
    [&ACK[..], &frame(data)].concat()
}

// --- the chip by itself -----------------------------------------------------------------------

#[test]
fn it_sleeps_until_it_is_woken_and_says_what_the_manual_prints() {
    let (_, _, reader) = bench();
    let mut uart = reader.release().0.release();
    let ask = [0x00, 0x00, 0xff, 0x02, 0xfe, 0xd4, 0x02, 0x2a, 0x00];
    assert_eq!(raw(&mut uart, &ask), []);
    raw(&mut uart, &[0x55, 0x55, 0x00, 0x00]);
    let firmware = [
        0x00, 0x00, 0xff, 0x06, 0xfa, 0xd5, 0x03, 0x32, 0x01, 0x06, 0x07, 0xe8, 0x00,
    ];
    assert_eq!(raw(&mut uart, &ask), [&ACK[..], &firmware].concat());
    // The last answer once more.
    assert_eq!(
        raw(&mut uart, &[0x00, 0x00, 0xff, 0xff, 0x00, 0x00]),
        firmware
    );
}

#[test]
fn unknown_commands_and_damaged_frames_are_answered_as_the_manual_has_it() {
    let (_, chip, _) = bench();
    let mut uart = chip.hsu();
    raw(&mut uart, &[0x55]);
    let error = [0x00, 0x00, 0xff, 0x01, 0xff, 0x7f, 0x81, 0x00];
    let unknown = raw(&mut uart, &frame(&[0xd4, 0x99]));
    assert_eq!(unknown, [&ACK[..], &error].concat());
    let mut damaged = frame(&[0xd4, 0x02]);
    damaged[6] ^= 1;
    assert_eq!(
        raw(&mut uart, &damaged),
        [0x00, 0x00, 0xff, 0xff, 0x00, 0x00]
    );
}

#[test]
fn as_delivered_it_searches_for_ever_and_an_ack_ends_it() {
    let (field, chip, _) = bench();
    let mut uart = chip.hsu();
    raw(&mut uart, &[0x55]);
    let list = frame(&[0xd4, 0x4a, 0x01, 0x00]);
    assert_eq!(raw(&mut uart, &list), ACK);
    assert_eq!(raw(&mut uart, &ACK), []);
    assert_eq!(
        raw(&mut uart, &frame(&[0xd4, 0x32, 0x05, 0xff, 0x01, 0x00])),
        answered(&[0xd5, 0x33])
    );
    assert_eq!(raw(&mut uart, &list), answered(&[0xd5, 0x4b, 0x00]));
    field.put(card(&FOUR));
    let found = [
        0xd5, 0x4b, 1, 1, 0x00, 0x04, 0x08, 4, 0xca, 0xfe, 0x12, 0x34,
    ];
    assert_eq!(raw(&mut uart, &list), answered(&found));
}

#[test]
fn collisions_are_resolved_and_two_cards_of_three_are_listed() {
    let (field, chip, _) = bench();
    for uid in [
        [0x86, 0xa0, 0x83, 0xee],
        [0x16, 0x9a, 0x0a, 0x3b],
        [0x17, 0x9a, 0x0a, 0x3b],
    ] {
        field.put(card(&uid));
    }
    let mut uart = chip.hsu();
    raw(&mut uart, &[0x55]);
    let found = [
        0xd5, 0x4b, 2, 1, 0x00, 0x04, 0x08, 4, 0x17, 0x9a, 0x0a, 0x3b, 2, 0x00, 0x04, 0x08, 4,
        0x16, 0x9a, 0x0a, 0x3b,
    ];
    let list = raw(&mut uart, &frame(&[0xd4, 0x4a, 0x02, 0x00]));
    assert_eq!(list, answered(&found));
}

// --- a driver nobody here wrote ---------------------------------------------------------------

mod a_driver_nobody_here_wrote {
    use core::convert::Infallible;
    use core::task::Poll;
    use core::time::Duration;

    use ::pn532::requests::{Command, SAMMode};
    use ::pn532::spi::SPIInterface;
    use ::pn532::{CountDown, Error, Interface, Pn532, Request, nb};
    use embassy_futures::block_on;
    use embedded_io_async::{Read, Write};

    use super::{SEVEN, VirtualHsu, VirtualSpi, bench, smart};

    /// So many looks are time enough.
    struct Looks(u32);

    impl CountDown for Looks {
        type Time = Duration;

        fn start<T: Into<Duration>>(&mut self, _: T) {
            self.0 = 20;
        }

        fn wait(&mut self) -> nb::Result<(), Infallible> {
            self.0 = self.0.saturating_sub(1);
            if self.0 == 0 {
                Ok(())
            } else {
                Err(nb::Error::WouldBlock)
            }
        }
    }

    /// The UART as that driver wants it.
    struct Line(VirtualHsu);

    impl Interface for Line {
        type Error = Infallible;

        fn write(&mut self, frame: &mut [u8]) -> Result<(), Infallible> {
            block_on(self.0.write_all(frame))
        }

        fn wait_ready(&mut self) -> Poll<Result<(), Infallible>> {
            if self.0.is_ready() {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            }
        }

        fn read(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
            block_on(self.0.read_exact(into)).unwrap();
            Ok(())
        }
    }

    /// It finds a card and speaks ISO/IEC 14443-4 with it.
    fn reads_a_card<I: Interface<Error = Infallible>>(interface: I, field: &crate::cards::RfField) {
        let mut reader: Pn532<_, _, 64> = Pn532::new(interface, Looks(0));
        let second = Duration::from_secs(1);
        let version = reader.process(&Request::GET_FIRMWARE_VERSION, 4, second);
        assert_eq!(version, Ok(&[0x32, 0x01, 0x06, 0x07][..]));
        let sam = Request::sam_configuration(SAMMode::Normal, false);
        assert_eq!(reader.process(&sam, 0, second), Ok(&[][..]));
        let list = &Request::INLIST_ONE_ISO_A_TARGET;
        let nobody = reader.process(list, 30, second);
        assert_eq!(nobody, Err(Error::TimeoutResponse));
        reader.abort().unwrap();
        field.put(smart(&SEVEN));
        let found = reader.process(list, 19, second).unwrap();
        assert_eq!(found[..6], [1, 1, 0x03, 0x44, 0x20, 7]);
        assert_eq!(found[6..13], SEVEN);
        assert_eq!(found[13..], [0x06, 0x77, 0x77, 0x71, 0x02, 0x80]);
        let exchange = Request::new(Command::InDataExchange, [0x01, 0x90, 0x60, 0, 0, 0x2a]);
        for _ in 0..3 {
            let answer = reader.process(&exchange, 4, second);
            assert_eq!(answer, Ok(&[0x00, 0x2a, 0x90, 0x00][..]));
        }
        let release = reader.process(&Request::RELEASE_TAG_1, 1, second);
        assert_eq!(release, Ok(&[0x00][..]));
        let gone = reader.process(&exchange, 1, second);
        assert_eq!(gone, Ok(&[0x27][..]));
    }

    #[test]
    fn finds_a_card_and_exchanges_data_with_it_over_spi() {
        let (field, chip, _) = bench();
        let spi: VirtualSpi = chip.spi();
        reads_a_card(SPIInterface { spi }, &field);
    }

    #[test]
    fn finds_a_card_and_exchanges_data_with_it_over_a_uart() {
        let (field, chip, _) = bench();
        let mut line = Line(chip.hsu());
        line.write(&mut [0x55, 0x55, 0, 0, 0, 0, 0, 0]).unwrap();
        reads_a_card(line, &field);
    }
}

// --- ours -------------------------------------------------------------------------------------

#[test]
fn every_uid_size_is_read_again_and_again() {
    for uid in [&FOUR[..], &SEVEN, &TEN] {
        let (field, _, mut reader) = bench();
        assert_eq!(block_on(reader.poll()), Ok(Field::Empty));
        let handle = field.put(card(uid));
        for _ in 0..3 {
            assert_eq!(block_on(reader.poll()), Ok(read(uid)));
        }
        field.take(handle);
        assert_eq!(block_on(reader.poll()), Ok(Field::Empty));
    }
}

#[test]
fn rfid_540_a_reader_that_hangs_after_hours_is_reset_by_its_pin_counted_and_reads_again() {
    for fault in [Fault::Hung, Fault::Stuck] {
        let (field, chip, reader) = bench();
        let mut watch = CardWatch::new(reader);
        let mut look = |times: u32| -> Vec<CardEvent> {
            (0..times).filter_map(|_| block_on(watch.poll())).collect()
        };
        assert_eq!(look(1000), []);
        chip.set_fault(fault);
        field.put(card(&FOUR));
        assert_eq!(look(2), []);
        assert_eq!(chip.pin_resets(), 0);
        assert_eq!(look(1), [CardEvent::ReaderLost], "{fault:?}");
        assert_eq!(chip.pin_resets(), 1);
        let Field::One(tapped) = read(&FOUR) else {
            panic!("read() makes one card");
        };
        let back = [CardEvent::ReaderBack, CardEvent::Presented(tapped)];
        assert_eq!(look(10), back, "{fault:?}");
        assert_eq!((watch.resets(), watch.is_lost()), (1, false));
    }
}

/// The chip answers and every look is good: only time tells.
#[test]
fn rfid_546_a_reader_whose_antenna_is_dead_is_reset_by_its_pin_within_five_minutes_and_reads_again()
{
    let (field, chip, reader) = bench();
    let mut watch = CardWatch::new(reader);
    chip.set_fault(Fault::Deaf);
    field.put(card(&FOUR));
    let mut events = Vec::new();
    for tenth in 0..3_010 {
        block_on(watch.refresh(Instant::from_millis(tenth * 100)));
        events.extend(block_on(watch.poll()).map(|event| (tenth, event)));
    }
    let Field::One(tapped) = read(&FOUR) else {
        panic!("read() makes one card");
    };
    assert_eq!(events, [(3_000, CardEvent::Presented(tapped))]);
    assert_eq!(
        (chip.pin_resets(), watch.refreshes(), watch.resets()),
        (1, 1, 0)
    );
}

#[test]
fn without_the_pin_a_hung_reader_stays_lost_and_says_so_once() {
    let chip = VirtualPn532::new(RfField::default());
    let reader = Pn532::new(Hsu::new(chip.hsu()), NoResetPin, NoWait);
    let mut watch = CardWatch::new(reader);
    assert_eq!(block_on(watch.poll()), None);
    chip.set_fault(Fault::Hung);
    let events: Vec<_> = (0..30).filter_map(|_| block_on(watch.poll())).collect();
    assert_eq!(events, [CardEvent::ReaderLost]);
    assert_eq!(watch.resets(), 10);
}

/// A look at a broken chip, how many commands it took, and a look once it is mended.
fn broken<R: CardReader>(chip: &VirtualPn532, reader: &mut R, fault: Fault) -> R::Failure {
    assert_eq!(block_on(reader.poll()).unwrap(), read(&SEVEN));
    chip.set_fault(fault);
    let before = chip.commands();
    let error = block_on(reader.poll()).unwrap_err();
    assert!(chip.commands() - before <= 3, "{fault:?}");
    chip.set_fault(Fault::None);
    assert_eq!(block_on(reader.poll()).unwrap(), read(&SEVEN), "{fault:?}");
    error
}

#[test]
fn every_fault_is_an_error_in_bounded_time_and_is_got_over() {
    let (field, chip, mut uart) = bench();
    field.put(card(&SEVEN));
    let (no_answer, nonsense) = (Error::NotResponding, Error::Garbled);
    for (fault, error) in [
        (Fault::Absent, no_answer.clone()),
        (Fault::Stuck, no_answer.clone()),
        // On a UART nonsense has no end and no start.
        (Fault::Garbage, no_answer.clone()),
        (Fault::Truncated, no_answer.clone()),
        (Fault::WrongCheck, nonsense.clone()),
        (Fault::Refuses, nonsense.clone()),
    ] {
        assert_eq!(broken(&chip, &mut uart, fault), error, "{fault:?}");
    }
    let mut spi = Pn532::new(Spi::new(chip.spi()), chip.reset_pin(), NoWait);
    let (no_answer, nonsense) = (Error::NotResponding, Error::Garbled);
    for (fault, error) in [
        (Fault::Absent, no_answer.clone()),
        (Fault::Stuck, no_answer),
        (Fault::Garbage, nonsense.clone()),
        (Fault::Truncated, nonsense.clone()),
        (Fault::WrongCheck, nonsense.clone()),
        (Fault::Refuses, nonsense),
    ] {
        assert_eq!(broken(&chip, &mut spi, fault), error, "{fault:?}");
    }
}

#[test]
fn two_damaged_frames_in_a_row_cost_nothing() {
    for fault in [Fault::WrongCheck, Fault::Refuses] {
        let (field, chip, mut reader) = bench();
        field.put(card(&SEVEN));
        block_on(reader.poll()).unwrap();
        chip.set_fault_for(fault, 2);
        assert_eq!(block_on(reader.poll()), Ok(read(&SEVEN)), "{fault:?}");
        chip.set_fault_for(fault, 3);
        assert_eq!(block_on(reader.poll()), Err(Error::Garbled), "{fault:?}");
    }
}

#[test]
fn chip_that_lost_its_settings_to_a_brown_out_does_not_pass_for_an_empty_field() {
    let (field, chip, mut reader) = bench();
    let handle = field.put(card(&FOUR));
    block_on(reader.poll()).unwrap();
    // On the UART it sleeps.
    chip.brown_out();
    assert_eq!(block_on(reader.poll()), Err(Error::NotResponding));
    assert_eq!(block_on(reader.poll()), Ok(read(&FOUR)));
    // On SPI it is awake, searches for ever, and activates what it finds.
    let mut spi = Pn532::new(Spi::new(chip.spi()), chip.reset_pin(), NoWait);
    block_on(spi.poll()).unwrap();
    field.take(handle);
    chip.brown_out();
    assert_eq!(block_on(spi.poll()), Err(Error::NotResponding));
    assert_eq!(block_on(spi.poll()), Ok(Field::Empty));
    field.put(smart(&SEVEN));
    chip.brown_out();
    assert_eq!(block_on(spi.poll()), Err(Error::ConfigurationLost));
    assert!(matches!(block_on(spi.poll()), Ok(Field::One(_))));
}

#[test]
fn other_chips_are_refused() {
    let (_, chip, mut reader) = bench();
    chip.set_version([0x33, 0x02, 0x07, 0x07]);
    assert_eq!(
        block_on(reader.poll()),
        Err(Error::UnknownChip { ic: 0x33 })
    );
    chip.set_version([0x32, 0x01, 0x06, 0x06]);
    let deaf = Err(Error::UnknownChip { ic: 0x32 });
    assert_eq!(block_on(reader.poll()), deaf, "not to type A");
}

#[test]
fn chip_held_in_reset_is_silent_and_works_when_let_go() {
    let (field, chip, mut reader) = bench();
    field.put(card(&FOUR));
    let mut pin = chip.reset_pin();
    pin.set_low().unwrap();
    assert_eq!(block_on(reader.poll()), Err(Error::NotResponding));
    block_on(reader.reset()).unwrap();
    assert_eq!(block_on(reader.poll()), Ok(read(&FOUR)));
}

fn uids() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 4),
        prop::collection::vec(any::<u8>(), 7),
        prop::collection::vec(any::<u8>(), 10),
    ]
    .prop_filter("a cascade tag begins no level", |uid| {
        VirtualCard::new(uid).is_ok()
    })
}

proptest! {
    #[test]
    fn any_set_of_cards_is_read_as_none_one_or_many(uids in prop::collection::vec(uids(), 0..5)) {
        let (field, _, mut reader) = bench();
        for uid in &uids {
            field.put(card(uid));
        }
        let mut different = uids.clone();
        different.sort();
        different.dedup();
        let expected = match &different[..] {
            [] => Field::Empty,
            [uid] => read(uid),
            _ => Field::Many,
        };
        for _ in 0..3 {
            prop_assert!(block_on(reader.poll()) == Ok(expected.clone()));
        }
    }

    /// I8: whatever is written to it, the chip neither panics nor loses its way back.
    #[test]
    fn i8_total_chip_takes_any_bytes_and_a_reset_cures_it(
        writes in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 1..20),
            (any::<u8>(), prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(code, rest)| {
                frame(&[&[0xd4, code], &rest[..]].concat())
            }),
        ], 1..40),
    ) {
        let (field, chip, mut reader) = bench();
        let mut uart = chip.hsu();
        raw(&mut uart, &[0x55]);
        for bytes in writes {
            raw(&mut uart, &bytes);
        }
        field.put(card(&FOUR));
        block_on(reader.reset()).unwrap();
        prop_assert!(block_on(reader.poll()) == Ok(read(&FOUR)));
    }
}
