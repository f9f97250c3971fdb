//! Virtual cards and the radio field they lie in, at the level of bits.
//!
//! A [`VirtualCard`] is the state machine of ISO/IEC 14443-3 clause 6.3 (type A): idle, ready,
//! active, halt. The [`RfField`] carries a reader's frame to every card in it and lays their
//! answers over each other: where two cards send different bits, there is a collision at that bit,
//! as Manchester coding shows it to a real reader. Timing is not modelled, nor are fields too weak
//! to carry; a card answers or it does not.

mod application;
mod channel;
mod desfire;
mod engine;
mod field;
mod ntag424;

pub use application::Application;
use card_auth::iso14443a::{HLTA, REQA, WUPA, crc_a};
pub use channel::{TagChannel, Taken};
pub use desfire::Desfire;
pub use field::{CardHandle, OnAir, RfField};
pub use ntag424::Ntag424;

/// The most bytes a frame here has: the FIFO of a reader chip.
const FRAME_BYTES: usize = 64;

/// A frame on the air: bits, each byte's least significant first.
///
/// ```
/// use pile_sim::cards::Bits;
/// let short = Bits::new(&[0x26], 7).unwrap();
/// assert_eq!((short.len(), short.bytes()), (7, &[0x26][..]));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Bits {
    bytes: [u8; FRAME_BYTES],
    len: usize,
}

impl Bits {
    /// Takes the first `len` bits of `bytes`, or `None` if there are not so many or more than 512.
    pub fn new(bytes: &[u8], len: usize) -> Option<Self> {
        if len > bytes.len() * 8 || len > FRAME_BYTES * 8 {
            return None;
        }
        let mut bits = Self::empty();
        for at in 0..len {
            let byte = bytes.get(at / 8)?;
            bits.push(byte >> (at % 8) & 1 == 1);
        }
        Some(bits)
    }

    /// A frame of whole bytes; what does not fit is left out.
    pub fn whole(bytes: &[u8]) -> Self {
        let mut bits = Self::empty();
        for (to, from) in bits.bytes.iter_mut().zip(bytes) {
            *to = *from;
            bits.len += 8;
        }
        bits
    }

    const fn empty() -> Self {
        Self {
            bytes: [0; FRAME_BYTES],
            len: 0,
        }
    }

    /// Number of bits.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True without a bit.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes; the last may be in part, its unused bits are zero.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.div_ceil(8)).unwrap_or_default()
    }

    /// The bit at `index`.
    pub fn bit(&self, index: usize) -> Option<bool> {
        let byte = self.bytes.get(index / 8)?;
        (index < self.len).then_some(byte >> (index % 8) & 1 == 1)
    }

    /// Adds a bit; past 512 it is dropped.
    pub fn push(&mut self, bit: bool) {
        if let Some(byte) = self.bytes.get_mut(self.len / 8) {
            *byte |= u8::from(bit) << (self.len % 8);
            self.len += 1;
        }
    }

    /// The bits from `start` on.
    fn tail(&self, start: usize) -> Self {
        let mut tail = Self::empty();
        (start..self.len)
            .filter_map(|at| self.bit(at))
            .for_each(|bit| tail.push(bit));
        tail
    }
}

impl core::fmt::Debug for Bits {
    /// Shows the length only: frames carry UIDs.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Bits({})", self.len)
    }
}

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

/// An ISO/IEC 14443-A card. A clone of it is what a clone is in life: a card with the same UID.
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

    fn made(uid: &[u8], levels: Vec<[u8; 5]>, atqa: [u8; 2], sak: u8) -> Self {
        Self {
            uid: uid.to_vec(),
            levels,
            atqa,
            sak,
            state: CardState::Off,
            starred: false,
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
                } else {
                    self.fall_back();
                }
                None
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
