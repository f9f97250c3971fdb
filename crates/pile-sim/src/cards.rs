//! Virtual cards and the radio field they lie in, at the level of bits.
//!
//! A [`VirtualCard`] is the state machine of ISO/IEC 14443-3 clause 6.3 (type A): idle, ready,
//! active, halt; one with an [`Application`] also speaks ISO/IEC 14443-4 ([`Speech`]). The [`RfField`] carries a reader's frame to every card in it and lays their
//! answers over each other: where two cards send different bits, there is a collision at that bit,
//! as Manchester coding shows it to a real reader. A frame can be lost or garbled on purpose
//! ([`Disturbance`]), and a card taken away at any byte. Timing is not modelled: a card answers or
//! it does not, and one that is late is one that is not heard.

mod application;
mod bits;
mod channel;
mod desfire;
mod engine;
mod field;
mod ntag424;
mod protocol;

pub use application::Application;
pub use bits::Bits;
use card_auth::iso14443a::{HLTA, REQA, WUPA, crc_a};
pub use channel::{TagChannel, Taken};
pub use desfire::Desfire;
pub use field::{CardHandle, Disturbance, OnAir, RfField};
pub use ntag424::Ntag424;
use protocol::Protocol;
pub use protocol::Speech;

/// First byte of a cascade level that is not the last.
const CASCADE_TAG: u8 = 0x88;

/// A cascade level as it goes over the air, with its BCC.
const fn level(a: u8, b: u8, c: u8, d: u8) -> [u8; 5] {
    [a, b, c, d, a ^ b ^ c ^ d]
}

/// What a card is doing (ISO/IEC 14443-3 clause 6.3).
///
/// ```
/// use pile_sim::cards::CardState;
/// assert_ne!(CardState::Idle, CardState::Halt);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardState {
    /// Without power, out of the field.
    Off,
    /// Powered, waits for `REQA` or `WUPA`.
    Idle,
    /// Takes part in anticollision, at this cascade level (0, 1 or 2).
    Ready {
        /// The cascade level it is asked for.
        level: usize,
    },
    /// Selected.
    Active,
    /// Activated: speaks ISO/IEC 14443-4 until it is deselected.
    Protocol,
    /// Asleep until a `WUPA`.
    Halt,
}

/// Error returned by [`VirtualCard::new`].
///
/// ```
/// use pile_sim::cards::{NoSuchUid, VirtualCard};
/// assert_eq!(VirtualCard::new(&[1, 2, 3]).unwrap_err(), NoSuchUid);
/// assert_eq!(VirtualCard::new(&[0x88, 2, 3, 4]).unwrap_err(), NoSuchUid, "the cascade tag");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchUid;

impl core::fmt::Display for NoSuchUid {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a UID has 4, 7 or 10 bytes, and no cascade tag where a level begins")
    }
}

impl core::error::Error for NoSuchUid {}

/// An ISO/IEC 14443-A card. `clone()` is another handle of the same card, as of one that is tapped
/// again: what its application stores is shared. A forgery is [`forged`](Self::forged).
///
/// ```
/// use pile_sim::cards::{CardState, VirtualCard};
/// let card = VirtualCard::new(&[0x04, 1, 2, 3, 4, 5, 6])?;
/// assert_eq!(card.state(), CardState::Off);
/// # Ok::<(), pile_sim::cards::NoSuchUid>(())
/// ```
#[derive(Clone)]
pub struct VirtualCard {
    uid: Vec<u8>,
    /// The levels as they go over the air: tag or number, three or four bytes, BCC.
    levels: Vec<[u8; 5]>,
    atqa: [u8; 2],
    sak: u8,
    state: CardState,
    /// Woken from halt: falls back to halt instead of idle (the starred states).
    starred: bool,
    /// Absent in a card that has nothing but its number.
    protocol: Option<Protocol>,
}

impl VirtualCard {
    /// Makes a card. Its ATQA and SAK are those of the common card of that UID size: MIFARE
    /// Classic for 4 bytes, NTAG or Ultralight for 7.
    ///
    /// # Errors
    /// [`NoSuchUid`].
    #[expect(
        clippy::many_single_char_names,
        reason = "the letters are the bytes of the UID in order"
    )]
    pub fn new(uid: &[u8]) -> Result<Self, NoSuchUid> {
        match *uid {
            [a, b, c, d] if a != CASCADE_TAG => {
                Ok(Self::made(uid, vec![level(a, b, c, d)], [0x04, 0x00], 0x08))
            }
            [a, b, c, d, e, f, g] if d != CASCADE_TAG => Ok(Self::made(
                uid,
                vec![level(CASCADE_TAG, a, b, c), level(d, e, f, g)],
                [0x44, 0x00],
                0x00,
            )),
            [a, b, c, d, e, f, g, h, i, j] => Ok(Self::made(
                uid,
                vec![
                    level(CASCADE_TAG, a, b, c),
                    level(CASCADE_TAG, d, e, f),
                    level(g, h, i, j),
                ],
                [0x84, 0x00],
                0x00,
            )),
            _ => Err(NoSuchUid),
        }
    }

    /// The `number`th card of a series of 2^24, all different, with seven bytes as NXP sells them.
    pub fn numbered(number: u32) -> Self {
        let [low, middle, high, _] = number.to_le_bytes();
        // Mixed, so that neighbours differ in more than one bit.
        let [a, b, c] = [low ^ 0x5a, middle ^ 0xa5, low.reverse_bits() & 0x7f];
        Self::made(
            &[0x04, a, b, c, high, middle, 0x80],
            vec![level(CASCADE_TAG, 0x04, a, b), level(c, high, middle, 0x80)],
            [0x44, 0x00],
            0x00,
        )
    }

    /// Makes a card with an application, with the ATQA and SAK of NTAG 424 DNA and DESFire (0344h
    /// for seven bytes, 20h) and their [`Speech`].
    ///
    /// # Errors
    /// [`NoSuchUid`].
    pub fn with_application(
        uid: &[u8],
        application: Box<dyn Application>,
    ) -> Result<Self, NoSuchUid> {
        let mut card = Self::new(uid)?;
        let [kind, _] = card.atqa;
        card.atqa = [kind, 0x03];
        card.sak = 0x20;
        card.protocol = Some(Protocol::new(application));
        Ok(card)
    }

    /// The same card with another way of speaking; without an application it has none.
    pub fn speaking(mut self, speech: Speech) -> Self {
        if let Some(protocol) = &mut self.protocol {
            protocol.speech = speech;
        }
        self
    }

    /// A cheap copy: a card with this UID and nothing else.
    pub fn forged(&self) -> Self {
        let [kind, _] = self.atqa;
        let sak = if self.uid.len() == 4 { 0x08 } else { 0x00 };
        Self::made(&self.uid, self.levels.clone(), [kind, 0x00], sak)
    }

    /// A better copy: this UID, and an application of the forger's.
    pub fn forged_with(&self, application: Box<dyn Application>) -> Self {
        let [kind, _] = self.atqa;
        let mut copy = Self::made(&self.uid, self.levels.clone(), [kind, 0x03], 0x20);
        copy.protocol = Some(Protocol::new(application));
        copy
    }

    fn made(uid: &[u8], levels: Vec<[u8; 5]>, atqa: [u8; 2], sak: u8) -> Self {
        Self {
            uid: uid.to_vec(),
            levels,
            atqa,
            sak,
            state: CardState::Off,
            starred: false,
            protocol: None,
        }
    }

    /// Its UID, as printed on it.
    pub fn uid(&self) -> &[u8] {
        &self.uid
    }

    /// What it is doing.
    pub const fn state(&self) -> CardState {
        self.state
    }

    /// The field came or went.
    pub fn power(&mut self, on: bool) {
        self.state = if on { CardState::Idle } else { CardState::Off };
        self.starred = false;
        if let Some(protocol) = &mut self.protocol {
            protocol.close();
            if on {
                protocol.power_up();
            }
        }
    }

    /// Takes a frame from the reader and answers, or stays silent.
    pub fn receive(&mut self, frame: &Bits) -> Option<Bits> {
        match self.state {
            CardState::Off => None,
            CardState::Idle | CardState::Halt => self.wake(frame),
            CardState::Ready { level } => self.anticollide(frame, level),
            CardState::Active => {
                if frame.len() == HLTA.len() * 8 && frame.bytes() == HLTA {
                    self.state = CardState::Halt;
                    return None;
                }
                let ats = self.protocol.as_mut().and_then(|it| it.activate(frame));
                if ats.is_some() {
                    self.state = CardState::Protocol;
                } else {
                    self.fall_back();
                }
                ats
            }
            CardState::Protocol => {
                let protocol = self.protocol.as_mut()?;
                let answer = protocol.block(frame);
                if protocol.is_closed() {
                    self.state = CardState::Halt;
                }
                answer
            }
        }
    }

    fn wake(&mut self, frame: &Bits) -> Option<Bits> {
        let request = (frame.len() == 7).then(|| frame.bytes().first().copied())??;
        let halted = self.state == CardState::Halt;
        if request == WUPA || (request == REQA && !halted) {
            self.starred = halted;
            self.state = CardState::Ready { level: 0 };
            return Some(Bits::whole(&self.atqa));
        }
        None
    }

    fn anticollide(&mut self, frame: &Bits, level: usize) -> Option<Bits> {
        let part = *self.levels.get(level)?;
        let select = [0x93, 0x95, 0x97].get(level)?;
        match *frame.bytes() {
            [sel, 0x70, a, b, c, d, bcc, low, high]
                if frame.len() == 72
                    && sel == *select
                    && [a, b, c, d, bcc] == part
                    && crc_a(&[sel, 0x70, a, b, c, d, bcc]) == [low, high] =>
            {
                let last = level + 1 == self.levels.len();
                self.state = if last {
                    CardState::Active
                } else {
                    CardState::Ready { level: level + 1 }
                };
                let sak = if last { self.sak } else { self.sak | 0x04 };
                let [low, high] = crc_a(&[sak]);
                Some(Bits::whole(&[sak, low, high]))
            }
            [sel, nvb, ..] if sel == *select && nvb != 0x70 => {
                // NVB: whole bytes sent, `SEL` and itself included, and bits beyond them.
                let known = (usize::from(nvb >> 4) * 8 + usize::from(nvb & 0x07)).checked_sub(16);
                let Some(known) = known.filter(|known| *known < 40 && frame.len() == known + 16)
                else {
                    self.fall_back();
                    return None;
                };
                let whole = Bits::whole(&part);
                let matches = (0..known).all(|at| frame.bit(at + 16) == whole.bit(at));
                // A card that is not meant stays ready, and silent.
                matches.then(|| whole.tail(known))
            }
            _ => {
                self.fall_back();
                None
            }
        }
    }

    fn fall_back(&mut self) {
        self.state = if self.starred {
            CardState::Halt
        } else {
            CardState::Idle
        };
    }
}

impl core::fmt::Debug for VirtualCard {
    /// Shows nothing of the UID, like the real thing in a log.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "VirtualCard({:?}, ..)", self.state)
    }
}

#[cfg(test)]
mod tests;
