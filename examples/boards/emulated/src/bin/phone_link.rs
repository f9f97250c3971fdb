//! The phone's end of the link between a serial port and nobody.

#![no_std]
#![no_main]

use ble_protocol::{LinkKey, PhoneEnd, PhoneEvent};
use emulated::{console, flash, uart};
use pile_units::Instant;

#[unsafe(no_mangle)]
extern "C" fn run() -> bool {
    let (mut key, mut ephemeral) = ([0; 32], [0; 32]);
    uart::fill(&mut key);
    uart::fill(&mut ephemeral);
    let mut portion = [0; 64];
    let mut end = PhoneEnd::new(Instant::START, &LinkKey::new(key), ephemeral);
    for seconds in 0..4 {
        let now = Instant::from_millis(1_000 * seconds);
        uart::fill(&mut portion);
        end.receive(now, &portion);
        match end.poll(now) {
            PhoneEvent::Opened => end.send(&portion).unwrap_or(()),
            PhoneEvent::Message(_) => uart::write(end.message()),
            PhoneEvent::Busy { .. } => end.close(now),
            _ => (),
        }
        let length = end.transmit(&mut portion);
        uart::write(&portion[..length]);
        if end.wants_disconnect() || end.deadline(now) == Some(now) {
            break;
        }
    }
    console::row(c"flash: with the phone's end", flash::size());
    true
}
