//! One block and its bytes (clause 7.1).

use crate::iso14443a::crc_a;

/// Error returned by the parsers of this module: a frame that is no frame of the protocol.
///
/// ```
/// use card_auth::iso14443_4::{Block, Malformed};
/// assert_eq!(Block::parse(&[0xa2, 0, 0]), Err(Malformed::Crc));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The `CRC_A` is wrong.
    Crc,
    /// Too short, too long, or not as long as it says.
    Length,
    /// A first byte (PCB) that means nothing, or something that was not agreed on.
    Coding,
}

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Crc => "wrong CRC_A",
            Self::Length => "wrong length",
            Self::Coding => "no block of the protocol",
        })
    }
}

impl core::error::Error for Malformed {}

/// The number of a block.
///
/// ```
/// use card_auth::iso14443_4::Number;
/// assert_eq!(Number::Zero.other(), Number::One);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Number {
    /// 0: the reader's first (clause 7.5.3, rule A).
    Zero,
    /// 1.
    One,
}

impl Number {
    /// The one after this.
    pub const fn other(self) -> Self {
        match self {
            Self::Zero => Self::One,
            Self::One => Self::Zero,
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
        }
    }

    const fn of(pcb: u8) -> Self {
        if pcb & 1 == 0 { Self::Zero } else { Self::One }
    }
}

/// A block without CID and NAD.
///
/// ```
/// use card_auth::iso14443_4::{Block, Number};
/// let mut frame = [0; 16];
/// let block = Block::Information { number: Number::Zero, more: false, data: &[0x90, 0x60] };
/// let length = block.emit(&mut frame).unwrap();
/// assert_eq!(Block::parse(&frame[..length]), Ok(block));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block<'a> {
    /// I-block: data.
    Information {
        /// Its number.
        number: Number,
        /// True if the next I-block goes on with it.
        more: bool,
        /// The data, which may be empty.
        data: &'a [u8],
    },
    /// R(ACK).
    Acknowledge(Number),
    /// R(NAK).
    Refuse(Number),
    /// S(WTX), a request or the answer to it: so many times the waiting time, 1 to 59 (clause 7.3).
    Wait(u8),
    /// S(DESELECT), a request or the answer to it.
    Deselect,
}

impl<'a> Block<'a> {
    /// Reads a frame, `CRC_A` included.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(frame: &'a [u8]) -> Result<Self, Malformed> {
        let (pcb, inf) = checked(frame)?.split_first().ok_or(Malformed::Length)?;
        let number = Number::of(*pcb);
        let empty = |block| {
            if inf.is_empty() {
                Ok(block)
            } else {
                Err(Malformed::Length)
            }
        };
        match pcb {
            0x02 | 0x03 | 0x12 | 0x13 => Ok(Self::Information {
                number,
                more: pcb & 0x10 != 0,
                data: inf,
            }),
            0xa2 | 0xa3 => empty(Self::Acknowledge(number)),
            0xb2 | 0xb3 => empty(Self::Refuse(number)),
            0xc2 => empty(Self::Deselect),
            0xf2 => match inf {
                // The two high bits tell of the power the card gets.
                [factor] if (1..=59).contains(&(factor & 0x3f)) => Ok(Self::Wait(factor & 0x3f)),
                [_] => Err(Malformed::Coding),
                _ => Err(Malformed::Length),
            },
            _ => Err(Malformed::Coding),
        }
    }

    /// Writes the frame, `CRC_A` included, to the front of `out`; its length, or `None` if it does
    /// not fit.
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let factor;
        let (pcb, inf): (u8, &[u8]) = match *self {
            Self::Information { number, more, data } => {
                (0x02 | number.bit() | u8::from(more) << 4, data)
            }
            Self::Acknowledge(number) => (0xa2 | number.bit(), &[]),
            Self::Refuse(number) => (0xb2 | number.bit(), &[]),
            Self::Deselect => (0xc2, &[]),
            Self::Wait(times) => {
                factor = [times & 0x3f];
                (0xf2, &factor)
            }
        };
        let (first, rest) = out.split_first_mut()?;
        *first = pcb;
        rest.get_mut(..inf.len())?.copy_from_slice(inf);
        let body = inf.len() + 1;
        let crc = crc_a(out.get(..body)?);
        out.get_mut(body..body + 2)?.copy_from_slice(&crc);
        Some(body + 2)
    }
}

/// The frame without its `CRC_A`, which is right.
pub(super) fn checked(frame: &[u8]) -> Result<&[u8], Malformed> {
    let (body, crc) = frame.split_last_chunk::<2>().ok_or(Malformed::Length)?;
    if body.is_empty() {
        Err(Malformed::Length)
    } else if crc_a(body) == *crc {
        Ok(body)
    } else {
        Err(Malformed::Crc)
    }
}
