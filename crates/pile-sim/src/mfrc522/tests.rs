//! The chip by itself, read by a driver nobody here wrote, and read by ours.

use card_auth::mfrc522::{Answer, Error, Frame, Mfrc522, NoResetPin, ReplyWait};
use card_auth::{AliasKey, Card, CardEvent, CardReader, CardWatch, Field, Uid};
use embassy_futures::block_on;
use embedded_hal::digital::OutputPin;
use embedded_hal::spi::SpiDevice;
use pile_units::Instant;
use proptest::prelude::*;

use super::{Fault, NoWait, ResetPin, Version, VirtualMfrc522};
use crate::cards::{RfField, VirtualCard};

mod health;

type Reader = Mfrc522<VirtualMfrc522, ResetPin, NoWait>;

const FOUR: [u8; 4] = [0xca, 0xfe, 0x12, 0x34];
const SEVEN: [u8; 7] = [0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80];
const TEN: [u8; 10] = [0x04, 1, 2, 3, 4, 5, 6, 7, 8, 9];

fn bench() -> (RfField, VirtualMfrc522, Reader) {
    let field = RfField::default();
    let chip = VirtualMfrc522::new(field.clone());
    let reader = Mfrc522::new(chip.clone(), chip.reset_pin(), NoWait);
    (field, chip, reader)
}

fn card(uid: &[u8]) -> VirtualCard {
    VirtualCard::new(uid).unwrap()
}

fn read(uid: &[u8]) -> Field {
    Field::One(Card::announced(Uid::from_bytes(uid).unwrap(), false))
}

fn register(chip: &mut VirtualMfrc522, address: u8) -> u8 {
    let mut bytes = [address << 1 & 0x7e | 0x80, 0];
    SpiDevice::transfer_in_place(chip, &mut bytes).unwrap();
    bytes[1]
}

fn set(chip: &mut VirtualMfrc522, address: u8, values: &[u8]) {
    let mut bytes = vec![address << 1 & 0x7e];
    bytes.extend(values);
    SpiDevice::write(chip, &bytes).unwrap();
}

// --- the chip by itself -----------------------------------------------------------------------

#[test]
fn one_transaction_reads_several_registers_each_answering_while_the_next_is_named() {
    let (_, mut chip, _) = bench();
    let mut bytes = [0x37 << 1 | 0x80, 0x14 << 1 | 0x80, 0x11 << 1 | 0x80, 0];
    SpiDevice::transfer_in_place(&mut chip, &mut bytes).unwrap();
    assert_eq!(bytes[1..], [0x92, 0x80, 0x3f]);
}

#[test]
fn fifo_keeps_64_bytes_in_order_and_tells_of_the_65th() {
    let (_, mut chip, _) = bench();
    let bytes: Vec<u8> = (0..65).collect();
    set(&mut chip, 0x09, &bytes[..64]);
    assert_eq!(
        (register(&mut chip, 0x0a), register(&mut chip, 0x06)),
        (64, 0)
    );
    set(&mut chip, 0x09, &bytes[64..]);
    assert_eq!(register(&mut chip, 0x06), 0x10, "BufferOvfl");
    let mut back = vec![0x09 << 1 | 0x80; 64];
    back.push(0);
    SpiDevice::transfer_in_place(&mut chip, &mut back).unwrap();
    assert_eq!(back[1..], bytes[..64]);
    set(&mut chip, 0x0a, &[0x80]);
    assert_eq!(
        (register(&mut chip, 0x0a), register(&mut chip, 0x06)),
        (0, 0)
    );
}

#[test]
fn crc_coprocessor_gives_the_published_check_sums() {
    let (_, mut chip, _) = bench();
    for (data, crc) in [
        ([0x00, 0x00], [0xa0, 0x1e]),
        ([0x12, 0x34], [0x26, 0xcf]),
        ([0x50, 0x00], [0x57, 0xcd]),
        ([0xe0, 0x50], [0xbc, 0xa5]),
    ] {
        set(&mut chip, 0x11, &[0x3d]);
        set(&mut chip, 0x05, &[0x04]);
        assert_eq!(register(&mut chip, 0x05) & 0x04, 0);
        set(&mut chip, 0x09, &data);
        set(&mut chip, 0x01, &[0x03]);
        assert_eq!(register(&mut chip, 0x05) & 0x04, 0x04, "CRCIRq");
        assert_eq!([register(&mut chip, 0x22), register(&mut chip, 0x21)], crc);
    }
}

#[test]
fn soft_reset_forgets_the_settings_and_shows_the_waking_up() {
    let (_, mut chip, _) = bench();
    set(&mut chip, 0x14, &[0x83]);
    set(&mut chip, 0x01, &[0x0f]);
    assert_eq!(register(&mut chip, 0x01) & 0x10, 0x10);
    assert_eq!(register(&mut chip, 0x01), 0x20);
    assert_eq!(register(&mut chip, 0x14), 0x80);
}

#[test]
fn without_its_timer_the_chip_waits_for_an_answer_for_ever() {
    let (_, mut chip, _) = bench();
    set(&mut chip, 0x14, &[0x83]);
    set(&mut chip, 0x04, &[0x7f]);
    set(&mut chip, 0x09, &[0x52]);
    set(&mut chip, 0x01, &[0x0c]);
    set(&mut chip, 0x0d, &[0x87]);
    for _ in 0..100 {
        assert_eq!(register(&mut chip, 0x04), 0x40, "TxIRq and nothing else");
    }
}

#[test]
fn a_timer_too_short_for_any_card_fires_before_the_answer() {
    let (field, mut chip, mut reader) = bench();
    field.put(card(&FOUR));
    block_on(reader.init()).unwrap();
    let mut atqa = [0; 2];
    let ask = |reader: &mut Reader, atqa: &mut [u8], micros| {
        let wait = ReplyWait::from_micros(micros);
        block_on(reader.transceive(Frame::short(&[0x52]), wait, atqa)).unwrap()
    };
    assert_eq!(ask(&mut reader, &mut atqa, 125), Answer::Silence);
    set(&mut chip, 0x14, &[0x80]);
    set(&mut chip, 0x14, &[0x83]);
    assert_eq!(
        ask(&mut reader, &mut atqa, 150),
        Answer::Frame {
            bytes: 2,
            last_bits: 0
        }
    );
    assert_eq!(atqa, [0x04, 0x00]);
}

#[test]
fn place_of_a_collision_counts_from_one_and_what_follows_is_cleared_on_demand() {
    for (values_after, fifo) in [(0x80, 0x96), (0x00, 0x06)] {
        let (field, mut chip, mut reader) = bench();
        field.put(card(&[0x86, 0xa0, 0x83, 0xee]));
        field.put(card(&[0x16, 0x9a, 0x0a, 0x3b]));
        block_on(reader.init()).unwrap();
        set(&mut chip, 0x0e, &[values_after]);
        let wait = ReplyWait::SELECTION;
        block_on(reader.transceive(Frame::short(&[0x52]), wait, &mut [0; 2])).unwrap();
        let ask = Frame::whole(&[0x93, 0x20]).unwrap();
        let answer = block_on(reader.transceive(ask, wait, &mut [0; 5])).unwrap();
        assert_eq!(answer, Answer::Collision);
        assert_eq!(register(&mut chip, 0x0e), values_after | 5);
        assert_eq!(register(&mut chip, 0x0a), 5);
        assert_eq!(register(&mut chip, 0x09), fifo);
    }
}

// --- a driver nobody here wrote ---------------------------------------------------------------

mod a_driver_nobody_here_wrote {
    use ::mfrc522::comm::blocking::spi::{DummyDelay, SpiInterface};
    use ::mfrc522::{Error, Initialized, Mfrc522};

    use super::{FOUR, SEVEN, TEN, VirtualMfrc522, bench, card};

    type Foreign = Mfrc522<SpiInterface<VirtualMfrc522, DummyDelay>, Initialized>;

    fn started(chip: &VirtualMfrc522) -> Foreign {
        Mfrc522::new(SpiInterface::new(chip.clone()))
            .init()
            .unwrap()
    }

    #[test]
    fn reads_a_uid_of_every_size() {
        for uid in [&FOUR[..], &SEVEN, &TEN] {
            let (field, chip, _) = bench();
            let mut reader = started(&chip);
            assert_eq!(reader.version().unwrap(), 0x92);
            assert!(matches!(reader.reqa(), Err(Error::Timeout)));
            field.put(card(uid));
            let atqa = reader.reqa().unwrap();
            assert_eq!(reader.select(&atqa).unwrap().as_bytes(), uid);
            reader.hlta().unwrap();
            assert!(matches!(reader.reqa(), Err(Error::Timeout)), "it is halted");
            assert!(reader.wupa().is_ok());
        }
    }

    #[test]
    fn resolves_the_collisions_of_three_cards_and_reads_them_one_by_one() {
        let (field, chip, _) = bench();
        let mut uids = [
            [0x86, 0xa0, 0x83, 0xee],
            [0x16, 0x9a, 0x0a, 0x3b],
            [0x17, 0x9a, 0x0a, 0x3b],
        ];
        for uid in &uids {
            field.put(card(uid));
        }
        let mut reader = started(&chip);
        let mut found: Vec<[u8; 4]> = (0..3)
            .map(|_| {
                let atqa = reader.reqa().unwrap();
                let uid = reader.select(&atqa).unwrap();
                reader.hlta().unwrap();
                uid.as_bytes().try_into().unwrap()
            })
            .collect();
        assert!(reader.reqa().is_err(), "all are halted");
        found.sort_unstable();
        uids.sort_unstable();
        assert_eq!(found, uids);
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
fn every_known_version_works_and_others_are_refused() {
    for (version, good) in [
        (Version::V1, true),
        (Version::V2, true),
        (Version::Fm17522, true),
        (Version::Other(0x12), false),
    ] {
        let (field, chip, mut reader) = bench();
        chip.set_version(version);
        field.put(card(&FOUR));
        let found = block_on(reader.poll());
        if good {
            assert_eq!(found, Ok(read(&FOUR)));
        } else {
            assert_eq!(found, Err(Error::UnknownChip { version: 0x12 }));
        }
    }
}

#[test]
fn two_cards_are_many_and_each_alone_is_read() {
    let same_maker = [0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x81];
    for (one, other) in [
        (&FOUR[..], &[0xca, 0xfe, 0x12, 0x35][..]),
        (&SEVEN, &same_maker),
        (&FOUR, &SEVEN),
        (&SEVEN, &TEN),
    ] {
        let (field, _, mut reader) = bench();
        let first = field.put(card(one));
        assert_eq!(block_on(reader.poll()), Ok(read(one)));
        field.put(card(other));
        assert_eq!(block_on(reader.poll()), Ok(Field::Many));
        assert_eq!(block_on(reader.poll()), Ok(Field::Many));
        field.take(first);
        assert_eq!(block_on(reader.poll()), Ok(read(other)));
    }
}

#[test]
fn card_and_its_copy_cannot_be_told_apart() {
    let (field, _, mut reader) = bench();
    field.put(card(&FOUR));
    field.put(card(&FOUR).clone());
    assert_eq!(block_on(reader.poll()), Ok(read(&FOUR)));
    let key = AliasKey::new([1; 32]);
    let uid = |bytes| Uid::from_bytes(bytes).unwrap();
    assert_eq!(key.alias(&uid(&FOUR)), key.alias(&uid(card(&FOUR).uid())));
}

#[test]
fn card_taken_at_any_frame_is_no_card_and_no_error() {
    for uid in [&FOUR[..], &SEVEN, &TEN] {
        let levels = [4, 7, 10].iter().position(|n| *n == uid.len()).unwrap() as u64 + 1;
        // WUPA, two frames a level; the halt comes too late to matter.
        for frames in 0..=2 * levels {
            let (field, _, mut reader) = bench();
            let handle = field.put(card(uid));
            field.take_after(handle, frames);
            assert_eq!(block_on(reader.poll()), Ok(Field::Empty), "{frames}");
            // And the next tap is read.
            field.put(card(uid));
            assert_eq!(block_on(reader.poll()), Ok(read(uid)), "{frames}");
        }
    }
}

#[test]
fn look_that_was_dropped_half_way_costs_the_next_one_nothing() {
    // The card is left ready or active, where it ignores the first WUPA.
    let (field, _, mut reader) = bench();
    field.put(card(&FOUR));
    block_on(reader.init()).unwrap();
    let wait = ReplyWait::SELECTION;
    block_on(reader.transceive(Frame::short(&[0x52]), wait, &mut [0; 2])).unwrap();
    assert_eq!(block_on(reader.poll()), Ok(read(&FOUR)));
}

#[test]
fn dead_absent_and_failing_chips_are_errors_in_bounded_time_and_recover() {
    for (fault, error) in [
        (Fault::Dead, Error::NotResponding),
        (Fault::Absent, Error::NotResponding),
        (Fault::Hung, Error::NotResponding),
        (Fault::Bus, Error::Bus(embedded_hal::spi::ErrorKind::Other)),
    ] {
        let (field, chip, mut reader) = bench();
        field.put(card(&SEVEN));
        for _ in 0..3 {
            chip.set_fault(fault);
            let before = chip.transactions();
            assert_eq!(block_on(reader.poll()), Err(error.clone()), "{fault:?}");
            assert!(chip.transactions() - before < 200, "{fault:?}");
            chip.set_fault(Fault::None);
            assert_eq!(block_on(reader.poll()), Ok(read(&SEVEN)), "{fault:?}");
        }
    }
}

#[test]
fn chip_that_lost_its_settings_to_a_brown_out_does_not_pass_for_an_empty_field() {
    let (field, chip, mut reader) = bench();
    field.put(card(&FOUR));
    assert_eq!(block_on(reader.poll()), Ok(read(&FOUR)));
    chip.brown_out();
    assert_eq!(block_on(reader.poll()), Err(Error::ConfigurationLost));
    assert_eq!(block_on(reader.poll()), Ok(read(&FOUR)));
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

#[test]
fn slow_chip_is_waited_for_but_not_for_ever() {
    let (field, chip, mut reader) = bench();
    field.put(card(&FOUR));
    chip.set_busy_looks(20);
    assert_eq!(block_on(reader.poll()), Ok(read(&FOUR)));
    chip.set_busy_looks(1000);
    assert_eq!(block_on(reader.poll()), Err(Error::NotResponding));
}

#[test]
fn empty_field_costs_few_transactions() {
    let (_, chip, mut reader) = bench();
    block_on(reader.poll()).unwrap();
    let before = chip.transactions();
    block_on(reader.poll()).unwrap();
    assert_eq!(chip.transactions() - before, 1 + 7 + 2);
}

fn uids() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 4),
        proptest::collection::vec(any::<u8>(), 7),
        proptest::collection::vec(any::<u8>(), 10),
    ]
    .prop_filter("a cascade tag begins no level", |uid| {
        VirtualCard::new(uid).is_ok()
    })
}

proptest! {
    #[test]
    fn any_set_of_cards_is_read_as_none_one_or_many(
        uids in proptest::collection::vec(uids(), 0..5),
    ) {
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
        writes in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..20), 1..40),
    ) {
        let (field, mut chip, mut reader) = bench();
        for bytes in writes {
            let mut bytes = bytes;
            SpiDevice::transfer_in_place(&mut chip, &mut bytes).unwrap();
        }
        field.put(card(&FOUR));
        block_on(reader.reset()).unwrap();
        prop_assert!(block_on(reader.poll()) == Ok(read(&FOUR)));
    }
}
