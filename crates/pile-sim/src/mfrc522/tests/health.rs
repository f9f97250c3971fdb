//! A chip that hangs, and how long a look takes.

use super::*;
use std::cell::Cell;
use std::rc::Rc;

#[test]
fn rfid_540_a_reader_that_hangs_after_hours_is_reset_by_its_pin_and_reads_again() {
    let (field, chip, reader) = bench();
    let mut watch = CardWatch::new(reader);
    let mut events = Vec::new();
    let mut look = |times: u32, watch: &mut CardWatch<Reader>| {
        (0..times).for_each(|_| events.extend(block_on(watch.poll())));
        std::mem::take(&mut events)
    };
    assert_eq!(look(1000, &mut watch), []);
    chip.set_fault(Fault::Hung);
    field.put(card(&FOUR));
    assert_eq!(look(2, &mut watch), []);
    assert_eq!(chip.pin_resets(), 0);
    assert_eq!(look(1, &mut watch), [CardEvent::ReaderLost]);
    assert_eq!((chip.pin_resets(), watch.resets()), (1, 1));
    let Field::One(tapped) = read(&FOUR) else {
        panic!("read() makes one card");
    };
    assert_eq!(
        look(10, &mut watch),
        [CardEvent::ReaderBack, CardEvent::Presented(tapped)]
    );
    assert!(!watch.is_lost());
}

/// The registers are right and every look is good: only time tells.
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

/// Adds up what a driver waits.
#[derive(Clone, Default)]
struct Waits(Rc<Cell<u64>>);

impl embedded_hal_async::delay::DelayNs for Waits {
    async fn delay_ns(&mut self, ns: u32) {
        self.0.set(self.0.get() + u64::from(ns));
    }
}

/// What `Mfrc522::poll` says of itself, by its own waits: the bytes on the bus come on top.
#[test]
fn a_look_waits_no_longer_than_the_driver_says() {
    let field = RfField::default();
    let chip = VirtualMfrc522::new(field.clone());
    let waits = Waits::default();
    let mut reader = Mfrc522::new(chip.clone(), chip.reset_pin(), waits.clone());
    let mut look = || {
        waits.0.set(0);
        let found = block_on(reader.poll());
        (found, waits.0.get() / 1_000_000)
    };
    let (_, first) = look();
    let (_, empty) = look();
    let mut cards = [0; 2];
    for (uid, waited) in [&FOUR[..], &TEN].into_iter().zip(&mut cards) {
        let handle = field.put(card(uid));
        let (found, took) = look();
        assert_eq!(found, Ok(read(uid)));
        field.take(handle);
        *waited = took;
        assert_eq!(look().0, Ok(Field::Empty));
    }
    let [four, ten] = cards;
    let mut worst = 0;
    for fault in [Fault::Hung, Fault::Dead, Fault::Absent, Fault::Bus] {
        chip.set_fault(fault);
        for _ in 0..3 {
            worst = look().1.max(worst);
        }
        chip.set_fault(Fault::None);
        assert!(look().0.is_ok());
    }
    println!(
        "a look waits {empty} ms with an empty field, {four} to {ten} ms with a card, {first} ms the \
         first time, {worst} ms at most with a broken chip"
    );
    assert_eq!([empty, four, ten, first, worst], [2, 8, 16, 11, 50]);
}

#[test]
fn without_the_pin_a_hung_reader_stays_lost_and_says_so_once() {
    let field = RfField::default();
    let chip = VirtualMfrc522::new(field);
    let mut watch = CardWatch::new(Mfrc522::new(chip.clone(), NoResetPin, NoWait));
    assert_eq!(block_on(watch.poll()), None);
    chip.set_fault(Fault::Hung);
    let events: Vec<_> = (0..30).filter_map(|_| block_on(watch.poll())).collect();
    assert_eq!(events, [CardEvent::ReaderLost]);
    assert_eq!(watch.resets(), 10);
}
