//! The pile's end of the link between a serial port and nobody: all that a shell calls of it.

#![no_std]
#![no_main]

use ble_protocol::{Holder, Keys, LinkKey, Offered, PhoneKeys, PileEnd, PileEvent};
use emulated::{console, flash, uart};
use pile_units::{Instant, PhoneId};

struct House(PhoneKeys);

impl Keys for House {
    fn slots(&self) -> usize {
        64
    }

    fn key(&self, slot: usize) -> Option<(Holder, LinkKey)> {
        let phone = PhoneId::new(u16::try_from(slot).ok()?);
        Some((Holder::Phone(phone), self.0.key(&[1; 16], phone)))
    }
}

#[unsafe(no_mangle)]
extern "C" fn run() -> bool {
    let mut secret = [0; 32];
    uart::fill(&mut secret);
    let house = House(PhoneKeys::new(secret));
    let mut end = PileEnd::new();
    let mut portion = [0; 64];
    end.connected(Instant::START);
    for seconds in 0..4 {
        let now = Instant::from_millis(1_000 * seconds);
        uart::fill(&mut portion);
        end.receive(now, &portion);
        if end.is_waiting() {
            let mut code = [0; 16];
            uart::fill(&mut code);
            if end.offer(now, &LinkKey::of_binding(&code)) == Offered::NotThisCard {
                end.close(now);
            }
        }
        match end.poll(now, &house, &mut uart::fill) {
            PileEvent::Opened(_) => end.send(&portion).unwrap_or(()),
            PileEvent::Message(_) => uart::write(end.message()),
            _ => (),
        }
        let length = end.transmit(&mut portion);
        uart::write(&portion[..length]);
        if end.wants_disconnect() || end.deadline(now) == Some(now) {
            end.disconnected(now);
        }
    }
    console::row(c"flash: with the pile's end", flash::size());
    true
}
