//! What the link costs: instructions and stack of a handshake at either end, of a message, of a frame.

#![no_std]
#![no_main]

use core::ffi::CStr;
use core::hint::black_box;

use billing_core::receipt::{ReceiptSigner, SoftwareKey};
use ble_protocol::frame::{Decoder, Encoded, Kind};
use ble_protocol::{Holder, Keys, LinkKey, PhoneEnd, PhoneEvent, PhoneKeys, PileEnd, PileEvent};
use emulated::{clock, console, stack};
use pile_units::{Instant, PhoneId};

const NOW: Instant = Instant::START;

/// A pile with so many phones, their keys derived when they are asked for, as the shell does it.
struct House {
    secret: PhoneKeys,
    phones: u16,
}

impl House {
    fn of(&self, phone: PhoneId) -> LinkKey {
        self.secret.key(&[0x22; 16], phone)
    }
}

impl Keys for House {
    fn slots(&self) -> usize {
        usize::from(self.phones)
    }

    fn key(&self, slot: usize) -> Option<(Holder, LinkKey)> {
        let phone = PhoneId::new(u16::try_from(slot).ok()?);
        Some((Holder::Phone(phone), self.of(phone)))
    }
}

/// What calls took, together and at the most.
#[derive(Default)]
struct Tally {
    whole: u32,
    longest: u32,
    stack: u32,
}

impl Tally {
    fn call<T>(&mut self, run: impl FnOnce() -> T) -> Option<T> {
        let mut counted = None;
        let stack = stack::used(|| counted = Some(clock::count(run)));
        let (instructions, result) = counted?;
        self.whole += instructions;
        self.longest = self.longest.max(instructions);
        self.stack = self.stack.max(stack);
        Some(result)
    }
}

/// Bytes on their way.
struct Carried([u8; 600], usize);

impl Carried {
    const fn nothing() -> Self {
        Self([0; 600], 0)
    }

    fn bytes(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

/// Both ends of an open link, and what opening it took of each.
struct Opened {
    pile: PileEnd,
    phone: PhoneEnd,
    at_pile: Tally,
    search: Tally,
    at_phone: Tally,
}

fn handshake(house: &House) -> Option<Opened> {
    let mut random = |bytes: &mut [u8]| bytes.fill(0x5A);
    let last = PhoneId::new(house.phones - 1);
    let key = house.of(last);
    let (mut at_pile, mut search, mut at_phone) =
        (Tally::default(), Tally::default(), Tally::default());
    let mut wire = Carried::nothing();

    let mut phone = None;
    at_phone.call(|| phone = Some(PhoneEnd::new(NOW, &key, [0x33; 32])))?;
    let mut phone = phone?;
    wire.1 = at_phone.call(|| phone.transmit(&mut wire.0))?;

    let mut pile = PileEnd::new();
    pile.connected(NOW);
    at_pile.call(|| pile.receive(NOW, wire.bytes()))?;
    for _ in 0..house.phones.div_ceil(8) {
        let event = search.call(|| pile.poll(NOW, house, &mut random))?;
        (event == PileEvent::Progress).then_some(())?;
    }
    loop {
        match at_pile.call(|| pile.poll(NOW, house, &mut random))? {
            PileEvent::Progress => (),
            PileEvent::Nothing => break,
            _ => return None,
        }
    }
    wire.1 = at_pile.call(|| pile.transmit(&mut wire.0))?;

    at_phone.call(|| phone.receive(NOW, wire.bytes()))?;
    let event = at_phone.call(|| phone.poll(NOW))?;
    (event == PhoneEvent::Opened).then_some(())?;
    wire.1 = at_phone.call(|| phone.transmit(&mut wire.0))?;

    at_pile.call(|| pile.receive(NOW, wire.bytes()))?;
    let event = at_pile.call(|| pile.poll(NOW, house, &mut random))?;
    let opened = Opened {
        pile,
        phone,
        at_pile,
        search,
        at_phone,
    };
    (event == PileEvent::Opened(Holder::Phone(last))).then_some(opened)
}

/// One message from the pile to the phone: what saying and hearing it took.
fn message(link: &mut Opened) -> Option<(Tally, Tally)> {
    let said = [0x77; 64];
    let (mut saying, mut hearing) = (Tally::default(), Tally::default());
    let mut wire = Carried::nothing();
    saying.call(|| link.pile.send(black_box(&said)))?.ok()?;
    wire.1 = saying.call(|| link.pile.transmit(&mut wire.0))?;
    hearing.call(|| link.phone.receive(NOW, wire.bytes()))?;
    let event = hearing.call(|| link.phone.poll(NOW))?;
    let heard = event == PhoneEvent::Message(said.len()) && link.phone.message() == said;
    heard.then_some((saying, hearing))
}

/// A Data frame with a body of so many bytes, from its first byte to its zero.
fn frame(body: &[u8]) -> Option<u32> {
    let frame = Encoded::new(Kind::Data, body)?;
    let mut decoder = Decoder::new();
    let mut tally = Tally::default();
    let whole = tally.call(|| {
        black_box(frame.bytes())
            .iter()
            .any(|byte| matches!(decoder.push(*byte), Some(Ok(frame)) if frame.body == body))
    })?;
    whole.then_some(tally.whole)
}

/// A signature under a receipt, as a slice of the ledger's inquiries makes it.
fn signature() -> Option<Tally> {
    let key = SoftwareKey::from_bytes(&[7; 32]).ok()?;
    let digest = black_box([0x5A; 32]);
    let mut tally = Tally::default();
    let signature = tally.call(|| key.sign_digest(&digest))?.ok()?;
    key.public_key()
        .verifies(&digest, &signature)
        .then_some(tally)
}

fn measure(house: &mut House) -> Option<()> {
    let row = |name: &'static CStr, value| console::row(name, value);
    house.phones = 256;
    let opened = handshake(house)?;
    let search = opened.search.whole;
    house.phones = 64;
    let mut opened = handshake(house)?;
    let Opened {
        at_pile,
        search: at_most,
        at_phone,
        ..
    } = &opened;
    row(
        c"pile: handshake, 64 keys to search",
        at_most.whole + at_pile.whole,
    );
    row(
        c"pile: handshake, 256 keys to search",
        search + at_pile.whole,
    );
    row(c"pile: of these, whatever the keys", at_pile.whole);
    row(
        c"pile: longest poll that searches (8 keys)",
        at_most.longest,
    );
    row(c"pile: longest poll (a multiplication)", at_pile.longest);
    row(c"phone: handshake", at_phone.whole);
    let (pile, phone) = (at_pile.stack.max(at_most.stack), at_phone.stack);
    let (saying, hearing) = message(&mut opened)?;
    row(c"say a message of 64 bytes", saying.whole);
    row(c"hear it", hearing.whole);
    row(c"of it: its frame, 82 bytes, decoded", frame(&[0x77; 82])?);
    row(
        c"the longest frame, 256 bytes, decoded",
        frame(&[0x77; 256])?,
    );
    let signed = signature()?;
    row(c"pile: a receipt's signature", signed.whole);
    row(c"stack: a receipt's signature", signed.stack);
    row(c"stack: the pile's handshake", pile);
    row(c"stack: the phone's handshake", phone);
    row(
        c"stack: a message said or heard",
        saying.stack.max(hearing.stack),
    );
    row(c"RAM: PileEnd", size_of::<PileEnd>() as u32);
    row(c"RAM: PhoneEnd", size_of::<PhoneEnd>() as u32);
    Some(())
}

#[unsafe(no_mangle)]
extern "C" fn run() -> bool {
    clock::start();
    let mut house = House {
        secret: PhoneKeys::new([0x11; 32]),
        phones: 0,
    };
    clock::holds() && measure(&mut house).is_some()
}
