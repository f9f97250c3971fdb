//! A pile and a phone with a wire between them.

#![allow(dead_code, reason = "each test file uses a part")]

use ble_protocol::frame::{Decoder, Encoded, Kind};
use ble_protocol::{
    Holder, Keys, LinkKey, PhoneEnd, PhoneEvent, PhoneKeys, PileEnd, PileEvent, Why,
};
use pile_units::{Duration, Instant, PhoneId};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A pile with 64 phones; every third place is empty.
pub struct Phones(pub PhoneKeys);

impl Phones {
    pub fn new() -> Self {
        Self(PhoneKeys::new([0x11; 32]))
    }

    pub fn of(&self, number: u16) -> LinkKey {
        self.0.key(&[0x22; 16], PhoneId::new(number))
    }
}

impl Keys for Phones {
    fn slots(&self) -> usize {
        64
    }

    fn key(&self, slot: usize) -> Option<(Holder, LinkKey)> {
        let number = u16::try_from(slot).unwrap();
        (slot % 3 != 2).then(|| (Holder::Phone(PhoneId::new(number)), self.of(number)))
    }
}

/// What the pile and the phone tell, in order.
#[derive(Debug, Default)]
pub struct Told {
    pub pile: Vec<PileEvent>,
    pub phone: Vec<PhoneEvent>,
    pub to_pile: Vec<Vec<u8>>,
    pub to_phone: Vec<Vec<u8>>,
}

impl Told {
    pub fn opened(&self) -> Option<Holder> {
        self.pile.iter().find_map(|event| match event {
            PileEvent::Opened(holder) => Some(*holder),
            _ => None,
        })
    }

    pub fn pile_closed(&self) -> Option<Why> {
        self.pile.iter().find_map(|event| match event {
            PileEvent::Closed(why) => Some(*why),
            _ => None,
        })
    }

    pub fn phone_closed(&self) -> Option<Why> {
        self.phone.iter().find_map(|event| match event {
            PhoneEvent::Closed(why) => Some(*why),
            _ => None,
        })
    }
}

pub struct Desk {
    pub now: Instant,
    pub phones: Phones,
    pub rng: ChaCha20Rng,
    pub pile: PileEnd,
    pub told: Told,
}

impl Desk {
    pub fn new(seed: u64) -> Self {
        Self {
            now: Instant::from_millis(1_000),
            phones: Phones::new(),
            rng: ChaCha20Rng::seed_from_u64(seed),
            pile: PileEnd::new(),
            told: Told::default(),
        }
    }

    pub fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    /// Connects a phone that has this key.
    pub fn connect(&mut self, key: &LinkKey) -> PhoneEnd {
        self.told = Told::default();
        self.pile.connected(self.now);
        let mut ephemeral = [0; 32];
        self.rng.fill_bytes(&mut ephemeral);
        PhoneEnd::new(self.now, key, ephemeral)
    }

    pub fn poll_pile(&mut self) -> usize {
        let mut polls = 0;
        loop {
            polls += 1;
            let rng = &mut self.rng;
            let event = self
                .pile
                .poll(self.now, &self.phones, &mut |bytes: &mut [u8]| {
                    rng.fill_bytes(bytes);
                });
            match event {
                PileEvent::Nothing => return polls,
                PileEvent::Progress => (),
                PileEvent::Message(length) => {
                    let message = self.pile.message().to_vec();
                    assert_eq!(message.len(), length);
                    self.told.to_pile.push(message);
                }
                event => self.told.pile.push(event),
            }
        }
    }

    pub fn poll_phone(&mut self, phone: &mut PhoneEnd) {
        loop {
            match phone.poll(self.now) {
                PhoneEvent::Nothing => return,
                PhoneEvent::Message(length) => {
                    let message = phone.message().to_vec();
                    assert_eq!(message.len(), length);
                    self.told.to_phone.push(message);
                }
                event => self.told.phone.push(event),
            }
        }
    }

    /// Carries bytes both ways until nothing moves any more.
    pub fn settle(&mut self, phone: &mut PhoneEnd, portion: usize) {
        self.settle_through(phone, portion, &mut |_, bytes| bytes);
    }

    /// The same, through hands that may change what they carry.
    pub fn settle_through(
        &mut self,
        phone: &mut PhoneEnd,
        portion: usize,
        hands: &mut dyn FnMut(Way, Vec<u8>) -> Vec<u8>,
    ) {
        let mut bytes = vec![0; portion];
        loop {
            self.poll_pile();
            self.poll_phone(phone);
            let up = phone.transmit(&mut bytes);
            let carried = hands(Way::ToPile, bytes[..up].to_vec());
            self.pile.receive(self.now, &carried);
            self.poll_pile();
            let down = self.pile.transmit(&mut bytes);
            let carried = hands(Way::ToPhone, bytes[..down].to_vec());
            phone.receive(self.now, &carried);
            self.poll_phone(phone);
            if up + down == 0 {
                return;
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToPile,
    ToPhone,
}

/// Takes a stream apart into frames.
pub fn frames(bytes: &[u8]) -> Vec<(Kind, Vec<u8>)> {
    let mut decoder = Decoder::new();
    bytes
        .iter()
        .filter_map(|byte| {
            decoder
                .push(*byte)?
                .ok()
                .map(|it| (it.kind, it.body.to_vec()))
        })
        .collect()
}

pub fn encoded(kind: Kind, body: &[u8]) -> Vec<u8> {
    Encoded::new(kind, body).unwrap().bytes().to_vec()
}
