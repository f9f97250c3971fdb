//! The link to a phone: frames, and each end with a stranger's hand on the wire.

use std::collections::VecDeque;

use ble_protocol::frame::{Decoder, Encoded, Kind};
use ble_protocol::{
    Holder, Keys, LinkKey, MAX_MESSAGE, Offered, PhoneEnd, PhoneEvent, PhoneKeys, PileEnd,
    PileEvent,
};
use pile_units::{Duration, Instant, PhoneId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// Any bytes as a stream of frames: `frame_stream`.
///
/// - A frame that is read is written again and read to the same.
/// - No more frames come than zeros.
/// - Whatever came before, what stands behind the next zero is read.
///
/// # Panics
/// Where one of these is broken.
pub fn frame_stream(data: &[u8]) {
    let mut decoder = Decoder::new();
    let mut frames = 0u32;
    for byte in data {
        let Some(read) = decoder.push(*byte) else {
            continue;
        };
        assert_eq!(*byte, 0, "only a zero ends a frame");
        frames += u32::from(read.is_ok());
        if let Ok(frame) = read {
            let again = Encoded::new(frame.kind, frame.body).expect("no longer than it came");
            assert!(reads(&mut Decoder::new(), &again, frame.kind, frame.body));
        }
    }
    let zeros = data.split(|byte| *byte == 0).count() - 1;
    let ended = usize::try_from(frames + decoder.bad_frames()).expect("as many as zeros");
    assert!(ended <= zeros, "{ended} frames of {zeros} zeros");
    decoder.push(0);
    let body = data.get(..data.len().min(256)).unwrap_or_default();
    let last = Encoded::new(Kind::Data, body).expect("no longer than the longest");
    assert!(reads(&mut decoder, &last, Kind::Data, body));
}

fn reads(decoder: &mut Decoder, encoded: &Encoded, kind: Kind, body: &[u8]) -> bool {
    let mut read = false;
    for byte in encoded.bytes() {
        match decoder.push(*byte) {
            Some(Ok(frame)) => read = frame.kind == kind && &*frame.body == body,
            Some(Err(_)) => return false,
            None => (),
        }
    }
    read
}

/// A stranger's hand on what the pile hears: `pile_end`.
///
/// The data are deeds of one byte each, some with a number or bytes behind them: a true phone calls,
/// says, is heard, is cut off, cards are tapped, time passes, and in between come bytes and frames
/// that nobody said.
///
/// - Nothing panics, and a poll has nothing more to tell after a bounded number of times.
/// - What is told as said was said by the true phone, in that order, and nothing twice.
/// - The link opens for a holder whose true phone calls, and for nobody else.
///
/// Behind a first byte of 255 the deeds are those of phones whose links stand, against the whole
/// controller on a ledger: any bytes and any requests, taps, buttons, time and power cuts.
///
/// - I1, I2, I4 and I5 hold after each deed, and every record can be traced to somebody who may cause it.
/// - Nobody is told what is another's, and every message reads as it was meant.
///
/// # Panics
/// Where one of these is broken.
pub fn pile_end(data: &[u8]) {
    match data {
        [255, deeds @ ..] => super::talk::talk(deeds),
        _ => Wire::new(Side::Pile).play(data),
    }
}

/// A stranger's hand on what the phone hears: `phone_end`. Otherwise as [`pile_end`].
///
/// # Panics
/// Where one of its promises is broken.
pub fn phone_end(data: &[u8]) {
    Wire::new(Side::Phone).play(data);
}

/// Whom the stranger speaks to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Pile,
    Phone,
}

/// Polls after which an end has told everything: 64 keys, a handshake, a window of messages.
const POLLS: usize = 32;

struct Bound(PhoneKeys);

impl Bound {
    fn of(&self, number: u16) -> LinkKey {
        self.0.key(b"a fuzzed journal", PhoneId::new(number))
    }
}

impl Keys for Bound {
    fn slots(&self) -> usize {
        20
    }

    fn key(&self, slot: usize) -> Option<(Holder, LinkKey)> {
        let number = u16::try_from(slot).ok().filter(|it| it % 4 != 3)?;
        Some((Holder::Phone(PhoneId::new(number)), self.of(number)))
    }
}

struct Wire {
    stranger: Side,
    now: Instant,
    rng: ChaCha8Rng,
    keys: Bound,
    pile: PileEnd,
    phone: Option<(Holder, PhoneEnd)>,
    /// Said and not heard yet.
    to_pile: VecDeque<Vec<u8>>,
    to_phone: VecDeque<Vec<u8>>,
}

impl Wire {
    fn new(stranger: Side) -> Self {
        Self {
            stranger,
            now: Instant::START,
            rng: ChaCha8Rng::seed_from_u64(1),
            keys: Bound(PhoneKeys::new([5; 32])),
            pile: PileEnd::new(),
            phone: None,
            to_pile: VecDeque::new(),
            to_phone: VecDeque::new(),
        }
    }

    fn play(&mut self, mut data: &[u8]) {
        while let Some((deed, rest)) = data.split_first() {
            data = self.act(*deed, rest);
            self.poll();
        }
    }

    /// Does a deed; what is left of the data.
    fn act<'a>(&mut self, deed: u8, data: &'a [u8]) -> &'a [u8] {
        let (number, behind) = match data.split_first() {
            Some((number, behind)) => (*number, behind),
            None => (0, data),
        };
        let (bytes, after) = behind
            .split_at_checked(usize::from(number))
            .unwrap_or((behind, &[]));
        match deed % 12 {
            0 => return self.carry(Side::Pile, usize::from(number), behind),
            1 => return self.carry(Side::Phone, usize::from(number), behind),
            2 => {
                self.intrude(bytes);
                return after;
            }
            3 => {
                let kind = Kind::from_number(deed / 12 % 8).unwrap_or(Kind::Data);
                let frame = Encoded::new(kind, bytes).expect("a byte's number of bytes");
                self.intrude(frame.bytes());
                return after;
            }
            4 => {
                self.now = self.now.after(Duration::from_seconds(u32::from(number)));
                return behind;
            }
            5 => {
                let offered = self
                    .pile
                    .offer(self.now, &LinkKey::of_binding(&[number; 16]));
                let waits = self.phone.as_ref().is_some_and(|it| it.0 == Holder::Card);
                assert!(
                    offered != Offered::Accepted || waits,
                    "nobody has this code"
                );
                return behind;
            }
            6 => {
                self.call(number);
                return behind;
            }
            7 => {
                self.pile.disconnected(self.now);
                self.phone = None;
                self.to_pile.clear();
                self.to_phone.clear();
            }
            8 => self.say(Side::Pile, bytes, usize::from(deed / 12)),
            9 => self.say(Side::Phone, bytes, usize::from(deed / 12)),
            10 => self.settle(),
            _ => match (deed / 12 % 4, &mut self.phone) {
                (0, _) => self.pile.close(self.now),
                (1, Some((_, phone))) => phone.close(self.now),
                _ => (),
            },
        }
        data
    }

    /// Connects a true phone: one of the bound, a stranger with a card's code, or a revoked one.
    fn call(&mut self, number: u8) {
        let (holder, key) = match number {
            0..=199 => {
                let number = u16::from(number % 24);
                (Holder::Phone(PhoneId::new(number)), self.keys.of(number))
            }
            _ => (Holder::Card, LinkKey::of_binding(&[number; 16])),
        };
        let mut ephemeral = [0; 32];
        self.rng.fill_bytes(&mut ephemeral);
        self.pile.connected(self.now);
        self.to_pile.clear();
        self.to_phone.clear();
        self.phone = Some((holder, PhoneEnd::new(self.now, &key, ephemeral)));
    }

    /// Carries at most `count` bytes, as they were said.
    fn carry<'a>(&mut self, to: Side, count: usize, rest: &'a [u8]) -> &'a [u8] {
        let mut bytes = vec![0; count];
        if let Some((_, phone)) = &mut self.phone {
            match to {
                Side::Pile => {
                    let count = phone.transmit(&mut bytes);
                    self.pile
                        .receive(self.now, bytes.get(..count).unwrap_or_default());
                }
                Side::Phone => {
                    let count = self.pile.transmit(&mut bytes);
                    phone.receive(self.now, bytes.get(..count).unwrap_or_default());
                }
            }
        }
        rest
    }

    /// Carries until nothing moves any more.
    fn settle(&mut self) {
        let mut bytes = [0; 64];
        // An end has four kilobytes to say at most, and credits.
        for _ in 0..400 {
            self.poll();
            let Some((_, phone)) = &mut self.phone else {
                return;
            };
            let up = phone.transmit(&mut bytes);
            self.pile
                .receive(self.now, bytes.get(..up).unwrap_or_default());
            self.poll();
            let Some((_, phone)) = &mut self.phone else {
                return;
            };
            let down = self.pile.transmit(&mut bytes);
            phone.receive(self.now, bytes.get(..down).unwrap_or_default());
            if up + down == 0 {
                return;
            }
        }
        panic!("there is no end to what they say");
    }

    /// Bytes that nobody said.
    fn intrude(&mut self, bytes: &[u8]) {
        match (self.stranger, &mut self.phone) {
            (Side::Pile, _) => self.pile.receive(self.now, bytes),
            (Side::Phone, Some((_, phone))) => phone.receive(self.now, bytes),
            (Side::Phone, None) => (),
        }
    }

    fn say(&mut self, to: Side, bytes: &[u8], times: usize) {
        let message: Vec<u8> = bytes
            .repeat(1 + times)
            .into_iter()
            .take(MAX_MESSAGE)
            .collect();
        let Some((_, phone)) = &mut self.phone else {
            return;
        };
        let (sent, queue) = match to {
            Side::Pile => (phone.send(&message), &mut self.to_pile),
            Side::Phone => (self.pile.send(&message), &mut self.to_phone),
        };
        if sent.is_ok() {
            queue.push_back(message);
        }
    }

    fn poll(&mut self) {
        self.poll_pile();
        self.poll_phone();
    }

    fn poll_pile(&mut self) {
        for _ in 0..POLLS {
            let rng = &mut self.rng;
            let mut random = |bytes: &mut [u8]| rng.fill_bytes(bytes);
            match self.pile.poll(self.now, &self.keys, &mut random) {
                PileEvent::Nothing => {
                    let deadline = self.pile.deadline(self.now);
                    assert!(deadline.is_none_or(|it| it > self.now), "it said nothing");
                    return;
                }
                PileEvent::Progress => (),
                PileEvent::Opened(holder) => {
                    let caller = self.phone.as_ref().map(|it| it.0);
                    assert_eq!(caller, Some(holder), "opened for somebody else");
                }
                PileEvent::Message(_) => {
                    assert!(self.pile.holder().is_some());
                    let said = self.to_pile.pop_front();
                    assert_eq!(said.as_deref(), Some(self.pile.message()));
                }
                PileEvent::Closed(why) => assert!(!why.to_string().is_empty()),
            }
        }
        panic!("there is no end to what the pile tells");
    }

    fn poll_phone(&mut self) {
        let Some((_, phone)) = &mut self.phone else {
            return;
        };
        for _ in 0..POLLS {
            match phone.poll(self.now) {
                PhoneEvent::Nothing => {
                    let deadline = phone.deadline(self.now);
                    assert!(deadline.is_none_or(|it| it > self.now), "it said nothing");
                    return;
                }
                PhoneEvent::Message(_) => {
                    let said = self.to_phone.pop_front();
                    assert_eq!(said.as_deref(), Some(phone.message()));
                }
                PhoneEvent::TapTheCard
                | PhoneEvent::Busy { .. }
                | PhoneEvent::Opened
                | PhoneEvent::Closed(_) => (),
            }
        }
        panic!("there is no end to what the phone tells");
    }
}
