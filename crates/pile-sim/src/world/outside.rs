//! The parts around a pile whose processor is elsewhere, on an emulator: bytes in, bytes out.

use super::mains::{BUSES, Bike, Mains, SharedMains};
use super::time::VirtualTime;
use crate::bl0942::{VirtualBus, VirtualChip, VirtualUart};
use crate::ble_module::{Kind, Limits, Uart, VirtualBleModule};
use crate::cards::{CardHandle, RfField, VirtualCard};
use crate::link::Door;
use crate::pn532::{ResetPin, VirtualHsu, VirtualPn532};
use ble_protocol::Pipe;
use embassy_futures::poll_once;
use embedded_hal::digital::OutputPin;
use embedded_io_async::{Read, Write};
use pile_units::PortId;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;
use std::task::Poll;

/// A phone keeps to the module's wire: so many bytes each so many milliseconds.
const PORTION: usize = 20;
const PACE_MS: u64 = 25;
/// Until a module advertises again and the next phone has connected: what the board still sends to the one
/// before is heard by nobody.
const APART_MS: u64 = 300;
/// Until a phone that has connected knows the module's service and writes to it: connection intervals of some
/// 30 ms, several to a discovery. The pile hears the word `OK+CONN` between silences meanwhile.
const DISCOVERS_MS: u64 = 300;

/// A wire between the board and one of its parts.
///
/// ```
/// use pile_sim::world::Wire;
/// assert_ne!(Wire::Radio, Wire::Meters(0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// A Bluetooth module, HM-10, at 9600 baud.
    Radio,
    /// A card reader, PN532.
    Reader,
    /// Four meters, BL0942: the first line has those of the ports 1 to 4.
    Meters(usize),
}

/// Whether a phone is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guest {
    Nobody,
    Comes,
    Here,
}

/// A Bluetooth module, bikes, meters, a card reader and a supply, around a board that is not here.
///
/// ```
/// use pile_sim::link::Doorway;
/// use pile_sim::world::{Outside, Wire};
/// let (_phones, door) = Doorway::new();
/// let mut outside = Outside::new(door);
/// outside.set_supply(true);
/// outside.say(Wire::Meters(0), &[0x58, 0x19]); // read MODE of the first chip
/// assert_eq!(outside.hear(Wire::Meters(0)), [0x87, 0x00, 0x00, 0x07]);
/// ```
pub struct Outside {
    time: VirtualTime,
    mains: SharedMains,
    meters: [VirtualUart; BUSES],
    field: RfField,
    pn532: VirtualPn532,
    reader: VirtualHsu,
    reader_reset: ResetPin,
    module: VirtualBleModule,
    radio: Uart,
    /// What the board sent and the module's wire has not carried yet.
    for_radio: VecDeque<u8>,
    phones: Door,
    guest: Guest,
    /// What a phone sent, that keeps to the wire's pace.
    from_phone: VecDeque<u8>,
    /// When it may write next.
    paced: u64,
    /// The next phone does not come before.
    free: u64,
}

impl Outside {
    /// Parts without supply; phones come by this door.
    pub fn new(phones: Door) -> Self {
        let time = VirtualTime::default();
        let (mains, buses) = Mains::new(time.cell());
        let field = RfField::default();
        let pn532 = VirtualPn532::new(field.clone());
        let module = VirtualBleModule::new(Kind::Hm10, Limits::default());
        Self {
            mains: Rc::new(RefCell::new(mains)),
            meters: buses.each_ref().map(VirtualBus::uart),
            reader: pn532.hsu(),
            reader_reset: pn532.reset_pin(),
            radio: module.uart(module.baud()),
            module,
            pn532,
            field,
            time,
            for_radio: VecDeque::new(),
            phones,
            guest: Guest::Nobody,
            from_phone: VecDeque::new(),
            paced: 0,
            free: 0,
        }
    }

    /// Gives or cuts the supply. Without it relays are open, chips forget, and nobody is connected.
    pub fn set_supply(&mut self, on: bool) {
        self.mains.borrow_mut().set_supply(on);
        self.pn532.brown_out();
        self.module.disconnect();
        if self.guest == Guest::Here {
            self.talk();
        }
        self.for_radio.clear();
        // What the module says to a board without supply is lost.
        self.hear(Wire::Radio);
    }

    /// Milliseconds since the world began.
    pub fn now(&self) -> u64 {
        self.time.millis()
    }

    /// Time passes up to this moment.
    pub fn run_until(&mut self, moment: u64) {
        while self.now() < moment {
            // The module is looked at each millisecond: it has buffers of some bytes.
            self.time.advance_to(self.now() + 1);
            let change = self.mains.borrow().next_change();
            if change <= self.now() {
                self.mains.borrow_mut().refresh();
            }
            self.carry();
            self.module.pass(1);
        }
    }

    /// The board sends on a wire.
    pub fn say(&mut self, wire: Wire, bytes: &[u8]) {
        match wire {
            Wire::Radio => self.for_radio.extend(bytes),
            Wire::Reader => done(self.reader.write_all(bytes)),
            Wire::Meters(line) => {
                if let Some(line) = self.meters.get_mut(line) {
                    done(line.write_all(bytes));
                }
            }
        }
    }

    /// What its part has sent to the board meanwhile.
    pub fn hear(&mut self, wire: Wire) -> Vec<u8> {
        match wire {
            Wire::Radio => all_of(&mut self.radio),
            Wire::Reader => all_of(&mut self.reader),
            Wire::Meters(line) => self.meters.get_mut(line).map_or_else(Vec::new, all_of),
        }
    }

    /// The board holds the card reader's reset pin low, or lets it go.
    pub fn hold_reader(&mut self, low: bool) {
        // A pin of this world's never fails.
        let _ = self.reader_reset.set_state((!low).into());
    }

    /// The board moves a relay.
    pub fn set_relay(&mut self, port: PortId, closed: bool) {
        self.mains.borrow_mut().set_relay(port, closed);
    }

    /// True if the port's relay is closed by the board.
    pub fn relay(&self, port: PortId) -> bool {
        self.mains.borrow().relay(port)
    }

    /// Plugs a bike in, or pulls it.
    pub fn plug(&mut self, port: PortId, bike: Option<Bike>) {
        self.mains.borrow_mut().plug(port, bike);
    }

    /// Welds a port's relay, or mends it.
    pub fn weld(&mut self, port: PortId, welded: bool) {
        self.mains.borrow_mut().weld(port, welded);
    }

    /// The port's meter chip: what went through it, and to harm it.
    pub fn chip(&self, port: PortId) -> Option<VirtualChip> {
        self.mains.borrow().chip(port).cloned()
    }

    /// The card reader's chip, to harm it.
    pub const fn reader(&self) -> &VirtualPn532 {
        &self.pn532
    }

    /// Lays a card on the reader.
    pub fn lay_card(&mut self, card: &VirtualCard) -> CardHandle {
        self.field.put(card.clone())
    }

    /// Takes it away.
    pub fn take_card(&mut self, handle: CardHandle) {
        self.field.take(handle);
    }

    /// The Bluetooth module, to see what it lost.
    pub const fn module(&self) -> &VirtualBleModule {
        &self.module
    }

    /// Carries bytes between the door, the module and the board's wire, as far as they go at once.
    fn carry(&mut self) {
        let (for_radio, radio) = (&mut self.for_radio, &mut self.radio);
        if let Poll::Ready(Ok(count)) = poll_once(radio.write(for_radio.make_contiguous())) {
            for_radio.drain(..count);
        }
        match self.guest {
            Guest::Nobody => {
                if self.now() >= self.free && poll_once(self.phones.connected()).is_ready() {
                    self.from_phone.clear();
                    self.guest = Guest::Comes;
                }
            }
            Guest::Comes => {
                // A module that restarts lets nobody in yet.
                self.module.connect();
                if self.module.is_connected() {
                    self.guest = Guest::Here;
                    self.paced = self.now() + DISCOVERS_MS;
                }
            }
            Guest::Here => self.talk(),
        }
    }

    fn talk(&mut self) {
        let mut bytes = [0; 512];
        match poll_once(self.phones.read(&mut bytes)) {
            Poll::Ready(Ok(count)) => {
                let said = bytes.get(..count).unwrap_or_default();
                self.from_phone.extend(said);
            }
            Poll::Pending => {}
            Poll::Ready(Err(_)) => self.module.disconnect(),
        }
        let heard = self.module.phone_heard();
        if !heard.is_empty() {
            done(self.phones.write(&heard));
        }
        if !self.module.is_connected() {
            done(self.phones.disconnect());
            self.guest = Guest::Nobody;
            self.free = self.now() + APART_MS;
        } else if self.now() >= self.paced && !self.from_phone.is_empty() {
            self.paced = self.now() + PACE_MS;
            let portion = self.from_phone.len().min(PORTION);
            let said: Vec<u8> = self.from_phone.drain(..portion).collect();
            self.module.phone_writes(&said);
        }
    }
}

/// The parts take at once whatever they are given.
fn done<T>(future: impl Future<Output = T>) {
    let taken = poll_once(future);
    debug_assert!(taken.is_ready(), "a part of the world's never waits");
}

/// What came, without waiting for more.
fn all_of(wire: &mut impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    let mut bytes = [0; 256];
    while let Poll::Ready(Ok(count @ 1..)) = poll_once(wire.read(&mut bytes)) {
        all.extend(bytes.get(..count).unwrap_or_default());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Doorway;

    /// What the board hears of the radio, and when.
    fn heard(outside: &mut Outside, ms: u64) -> Vec<(u64, u8)> {
        let mut all = Vec::new();
        for _ in 0..ms {
            outside.run_until(outside.now() + 1);
            let now = outside.now();
            let bytes = outside.hear(Wire::Radio);
            all.extend(bytes.into_iter().map(|byte| (now, byte)));
        }
        all
    }

    fn text(heard: &[(u64, u8)]) -> Vec<u8> {
        heard.iter().map(|(_, byte)| *byte).collect()
    }

    /// A phone that goes within a frame leaves the pile waiting for the rest of it. Then the pile knows the
    /// module's words by 20 ms of silence on both sides.
    #[test]
    fn the_word_of_the_next_phone_stands_between_silences() {
        let (phones, door) = Doorway::new();
        let mut outside = Outside::new(door);
        outside.set_supply(true);
        for command in [b"AT+NOTI1".as_slice(), b"AT+RESET"] {
            outside.say(Wire::Radio, command);
            heard(&mut outside, 1_000);
        }
        assert!(phones.come());
        phones.put(&[7, 3, 1]);
        let said = text(&heard(&mut outside, 1_000));
        assert_eq!(said, b"OK+CONN\x07\x03\x01");
        phones.leave();
        let mut said = heard(&mut outside, 1);
        assert!(phones.come());
        phones.put(b"hello");
        said.extend(heard(&mut outside, 2_000));
        assert_eq!(text(&said), b"OK+LOSTOK+CONNhello");
        let silences: Vec<_> = said.windows(2).map(|two| two[1].0 - two[0].0).collect();
        assert!(silences[6] > 100 && silences[13] > 100, "{silences:?}");
    }
}
