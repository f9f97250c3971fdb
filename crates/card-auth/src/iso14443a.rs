//! The language of ISO/IEC 14443-3 type A cards: frames, check sums, and how a UID is put
//! together from its cascade levels.
//!
//! Terms: the reader is the PCD, a card the PICC. **ATQA** answers a request, **SAK** a selection.
//! A UID of 7 or 10 bytes is sent in two or three **cascade levels**; all but the last begin with
//! the cascade tag 88h. **BCC** is the exclusive or of the four bytes of a level.
//!
//! The parsers take whatever a card (or a fault, or an attacker) sends and never panic.

use zeroize::{Zeroize, Zeroizing};

use crate::Uid;

/// Cascade tag: the first byte of a level that is not the last.
const CASCADE_TAG: u8 = 0x88;

/// `REQA`, a short frame of seven bits: cards that are idle answer (clause 6.4.1).
pub const REQA: u8 = 0x26;

/// `WUPA`, a short frame of seven bits: cards that are idle or halted answer (clause 6.4.1).
pub const WUPA: u8 = 0x52;

/// `HLTA` with its `CRC_A`: sends the active card to sleep until a `WUPA` (clause 6.4.3).
pub const HLTA: [u8; 4] = [0x50, 0x00, 0x57, 0xcd];

/// Error returned by the parsers of this module: what a card sent is not what the standard lets
/// it send.
///
/// ```
/// use card_auth::iso14443a::{Malformed, Sak};
/// assert_eq!(Sak::parse([0x08, 0, 0]), Err(Malformed::Crc));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The block check character of a cascade level is wrong.
    Bcc,
    /// The `CRC_A` of a frame is wrong.
    Crc,
    /// Cascade tag and SAK contradict each other, or there is a fourth level.
    Cascade,
}

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Bcc => "wrong block check character",
            Self::Crc => "wrong CRC_A",
            Self::Cascade => "cascade tag and SAK contradict each other",
        })
    }
}

impl core::error::Error for Malformed {}

/// `CRC_A` (ISO/IEC 13239 reflected, initial value 6363h; annex B), in the order it is sent.
///
/// ```
/// use card_auth::iso14443a::crc_a;
/// assert_eq!(crc_a(&[0x50, 0x00]), [0x57, 0xcd]);
/// ```
pub fn crc_a(bytes: &[u8]) -> [u8; 2] {
    bytes
        .iter()
        .fold(0x6363_u16, |crc, byte| {
            let [low, _] = crc.to_le_bytes();
            (0..8).fold((crc & 0xff00) | u16::from(low ^ byte), |crc, _| {
                let shifted = crc >> 1;
                if crc & 1 == 1 {
                    shifted ^ 0x8408
                } else {
                    shifted
                }
            })
        })
        .to_le_bytes()
}

/// The level of a UID that is being read (clause 6.5.4).
///
/// ```
/// use card_auth::iso14443a::CascadeLevel;
/// assert_eq!(CascadeLevel::One.select_code(), 0x93);
/// assert_eq!(CascadeLevel::Three.next(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CascadeLevel {
    /// The first, and for a UID of four bytes the last.
    One,
    /// The last for seven bytes.
    Two,
    /// The last for ten bytes.
    Three,
}

impl CascadeLevel {
    /// The `SEL` byte of an anticollision or select frame.
    pub const fn select_code(self) -> u8 {
        match self {
            Self::One => 0x93,
            Self::Two => 0x95,
            Self::Three => 0x97,
        }
    }

    /// The level after this one.
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::One => Some(Self::Two),
            Self::Two => Some(Self::Three),
            Self::Three => None,
        }
    }

    /// The frame that asks all cards for the whole of this level: `SEL`, `NVB` = 20h.
    pub const fn anticollision_frame(self) -> [u8; 2] {
        [self.select_code(), 0x20]
    }
}

/// Select acknowledge: what a card says of itself when it is selected (clause 6.5.3.4).
///
/// ```
/// use card_auth::iso14443a::{Sak, crc_a};
/// let [low, high] = crc_a(&[0x20]);
/// let sak = Sak::parse([0x20, low, high])?;
/// assert!(sak.speaks_14443_4() && !sak.uid_continues());
/// # Ok::<(), card_auth::iso14443a::Malformed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sak(u8);

impl Sak {
    /// Reads the answer to a select frame.
    ///
    /// # Errors
    /// [`Malformed::Crc`].
    pub fn parse([sak, low, high]: [u8; 3]) -> Result<Self, Malformed> {
        if crc_a(&[sak]) == [low, high] {
            Ok(Self(sak))
        } else {
            Err(Malformed::Crc)
        }
    }

    /// One whose check sum was looked at elsewhere.
    pub(crate) const fn new(sak: u8) -> Self {
        Self(sak)
    }

    /// True if another cascade level follows (bit 3).
    pub const fn uid_continues(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// True if the card speaks the transmission protocol of ISO/IEC 14443-4 (bit 6), which a key
    /// needs.
    pub const fn speaks_14443_4(self) -> bool {
        self.0 & 0x20 != 0
    }
}

/// One cascade level of a UID with a good [`BCC`](self). A secret like the [`Uid`] itself.
///
/// ```
/// use card_auth::iso14443a::{CascadeLevel, UidPart};
/// let part = UidPart::parse([1, 2, 3, 4, 1 ^ 2 ^ 3 ^ 4])?;
/// assert_eq!(part.select_frame(CascadeLevel::One)[..2], [0x93, 0x70]);
/// # Ok::<(), card_auth::iso14443a::Malformed>(())
/// ```
pub struct UidPart([u8; 4]);

impl UidPart {
    /// Reads the answer to an anticollision frame.
    ///
    /// # Errors
    /// [`Malformed::Bcc`].
    pub fn parse([a, b, c, d, bcc]: [u8; 5]) -> Result<Self, Malformed> {
        if a ^ b ^ c ^ d == bcc {
            Ok(Self([a, b, c, d]))
        } else {
            Err(Malformed::Bcc)
        }
    }

    /// The four bytes, cascade tag included.
    pub(crate) const fn bytes(&self) -> &[u8; 4] {
        &self.0
    }

    /// The frame that selects the card of this number: `SEL`, `NVB` = 70h, the level, its BCC and
    /// the `CRC_A`.
    pub fn select_frame(&self, level: CascadeLevel) -> Zeroizing<[u8; 9]> {
        let [a, b, c, d] = self.0;
        let bcc = a ^ b ^ c ^ d;
        let [low, high] = crc_a(&[level.select_code(), 0x70, a, b, c, d, bcc]);
        Zeroizing::new([level.select_code(), 0x70, a, b, c, d, bcc, low, high])
    }
}

impl core::fmt::Debug for UidPart {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("UidPart(..)")
    }
}

impl Drop for UidPart {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The levels of a known UID, in order: what selects that very card (clause 6.5.4).
///
/// ```
/// use card_auth::{Uid, iso14443a::uid_parts};
/// let uid = Uid::from_bytes(&[0x04, 1, 2, 3, 4, 5, 6])?;
/// let frames: Vec<_> = uid_parts(&uid).map(|(level, part)| part.select_frame(level)).collect();
/// assert_eq!(frames[0][..6], [0x93, 0x70, 0x88, 0x04, 1, 2]);
/// assert_eq!(frames[1][..6], [0x95, 0x70, 3, 4, 5, 6]);
/// # Ok::<(), card_auth::InvalidUid>(())
/// ```
pub fn uid_parts(uid: &Uid) -> impl Iterator<Item = (CascadeLevel, UidPart)> + '_ {
    let mut rest = uid.expose();
    let mut level = Some(CascadeLevel::One);
    core::iter::from_fn(move || {
        let now = level?;
        let part = if let Ok(last) = rest.try_into() {
            (rest, level) = (&[], None);
            UidPart(last)
        } else {
            let [a, b, c] = *rest.first_chunk::<3>()?;
            rest = rest.get(3..).unwrap_or_default();
            level = now.next();
            UidPart([CASCADE_TAG, a, b, c])
        };
        Some((now, part))
    })
}

/// Where the reading of a UID stands after a level.
///
/// ```
/// use card_auth::iso14443a::{CascadeLevel, Progress};
/// assert_eq!(format!("{:?}", Progress::Next(CascadeLevel::Two)), "Next(Two)");
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Ask for this level.
    Next(CascadeLevel),
    /// That was all of it.
    Complete(Uid),
}

/// Puts a UID together from its levels, in order.
///
/// ```
/// use card_auth::iso14443a::{Progress, Sak, UidAssembler, UidPart, crc_a};
/// let [low, high] = crc_a(&[0x08]);
/// let sak = Sak::parse([0x08, low, high])?;
/// let part = UidPart::parse([1, 2, 3, 4, 4])?;
/// let Progress::Complete(uid) = UidAssembler::new().push(&part, sak)? else { panic!() };
/// assert_eq!(uid.expose(), [1, 2, 3, 4]);
/// # Ok::<(), card_auth::iso14443a::Malformed>(())
/// ```
pub struct UidAssembler {
    level: CascadeLevel,
    bytes: Zeroizing<[u8; 10]>,
    length: usize,
}

impl UidAssembler {
    /// Begins at the first level.
    pub fn new() -> Self {
        Self {
            level: CascadeLevel::One,
            bytes: Zeroizing::new([0; 10]),
            length: 0,
        }
    }

    /// The level to ask for.
    pub const fn level(&self) -> CascadeLevel {
        self.level
    }

    /// Takes the current level and the SAK that its selection gave.
    ///
    /// # Errors
    /// [`Malformed::Cascade`] if the SAK promises a level that cannot be, or cascade tag and SAK
    /// contradict each other.
    pub fn push(&mut self, part: &UidPart, sak: Sak) -> Result<Progress, Malformed> {
        let [first, rest @ ..] = &part.0;
        let next = match (self.level.next(), sak.uid_continues()) {
            (Some(next), true) if *first == CASCADE_TAG => Some(next),
            (Some(_), false) if *first != CASCADE_TAG => None,
            (None, false) => None,
            _ => return Err(Malformed::Cascade),
        };
        if let Some(next) = next {
            self.append(rest);
            self.level = next;
            return Ok(Progress::Next(next));
        }
        self.append(&part.0);
        self.bytes
            .get(..self.length)
            .and_then(|bytes| Uid::from_bytes(bytes).ok())
            .map(Progress::Complete)
            .ok_or(Malformed::Cascade)
    }

    fn append(&mut self, more: &[u8]) {
        self.bytes
            .iter_mut()
            .skip(self.length)
            .zip(more)
            .for_each(|(to, from)| *to = *from);
        self.length += more.len();
    }
}

impl Default for UidAssembler {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for UidAssembler {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "UidAssembler({:?}, ..)", self.level)
    }
}
