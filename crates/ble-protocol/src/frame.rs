//! Frames: how a stream of bytes that may lose, add or alter any of them is cut into pieces.
//!
//! ```text
//! COBS( kind | body, 0..=256 bytes | CRC-16 of both, little end first ) 00
//! ```
//!
//! - COBS (Cheshire and Baker, 1999) leaves no zero in a frame, so a zero is its end and nothing
//!   else: after any garbage the frame behind the next zero is read as it was sent.
//! - The check sum is CRC-16/IBM-SDLC (X.25). It keeps line noise out, all but one damaged frame in
//!   65,536; whoever means harm, and that one frame, meets the seal.
//! - An empty frame is nothing: a sender may write zeros to cut off what was on the wire before.
//! - How a pipe cuts the stream into portions means nothing.

mod decoder;

pub use decoder::Decoder;

/// The most bytes of a frame's body.
pub const MAX_BODY: usize = 256;

/// A whole frame before COBS: kind, body, check sum.
const MAX_FRAME: usize = 1 + MAX_BODY + 2;

/// The most bytes of a frame on the wire, its zero included.
pub const MAX_ENCODED: usize = MAX_FRAME + MAX_FRAME.div_ceil(254) + 1;

/// Without a table: half a kilobyte of flash against a few cycles a byte.
const CRC: crc::Crc<u16, crc::NoTable> = crc::Crc::<u16, crc::NoTable>::new(&crc::CRC_16_IBM_SDLC);

/// What a frame is.
///
/// ```
/// use ble_protocol::frame::Kind;
/// assert_eq!(Kind::from_number(3), Some(Kind::Data));
/// assert_eq!(Kind::from_number(0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The phone's first: version, hint and first message of the handshake. 57 bytes.
    Hello = 1,
    /// The pile's answer: second message of the handshake. 48 bytes.
    Reply = 2,
    /// A sealed part of a message. 17..=256 bytes.
    Data = 3,
    /// How many Data frames were consumed since the link was opened, modulo 2^16. 2 bytes.
    Credit = 4,
    /// "Tap the card." Empty.
    Wait = 5,
    /// "Not now": seconds to wait. 2 bytes.
    Busy = 6,
    /// The end. Empty.
    Bye = 7,
}

impl Kind {
    /// The kind with this number, if there is one.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Hello,
            2 => Self::Reply,
            3 => Self::Data,
            4 => Self::Credit,
            5 => Self::Wait,
            6 => Self::Busy,
            7 => Self::Bye,
            _ => return None,
        })
    }

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        // The discriminants above.
        self as u8
    }
}

/// A frame, intact.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub kind: Kind,
    /// What it says; opened in place.
    pub body: &'a mut [u8],
}

/// What stood between two zeros was no frame: damaged, too long, or of no known kind.
///
/// ```
/// use ble_protocol::frame::{BadFrame, Decoder};
/// let mut decoder = Decoder::new();
/// assert_eq!(decoder.push(7), None);
/// assert_eq!(decoder.push(0), Some(Err(BadFrame)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadFrame;

impl core::fmt::Display for BadFrame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no frame")
    }
}

impl core::error::Error for BadFrame {}

/// A frame as it goes on the wire.
///
/// ```
/// use ble_protocol::frame::{Decoder, Encoded, Kind};
/// let frame = Encoded::new(Kind::Busy, &[5, 0]).ok_or("too long")?;
/// let mut decoder = Decoder::new();
/// for byte in frame.bytes() {
///     if let Some(Ok(frame)) = decoder.push(*byte) {
///         assert_eq!((frame.kind, &*frame.body), (Kind::Busy, &[5, 0][..]));
///     }
/// }
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone)]
pub struct Encoded {
    bytes: [u8; MAX_ENCODED],
    length: usize,
}

impl Encoded {
    /// No bytes at all.
    pub const fn nothing() -> Self {
        Self {
            bytes: [0; MAX_ENCODED],
            length: 0,
        }
    }

    /// A lone zero: the end of whatever was on the wire before.
    pub const fn end() -> Self {
        Self {
            bytes: [0; MAX_ENCODED],
            length: 1,
        }
    }

    /// Encodes a frame; `None` for a body of more than [`MAX_BODY`] bytes.
    pub fn new(kind: Kind, body: &[u8]) -> Option<Self> {
        if body.len() > MAX_BODY {
            return None;
        }
        let kind = [kind.number()];
        let mut sum = CRC.digest();
        sum.update(&kind);
        sum.update(body);
        let sum = sum.finalize().to_le_bytes();
        let mut encoder = Encoder {
            out: Self {
                bytes: [0; MAX_ENCODED],
                length: 1,
            },
            block: 0,
            run: 1,
        };
        for byte in kind.iter().chain(body).chain(&sum) {
            encoder.push(*byte);
        }
        Some(encoder.end())
    }

    /// The bytes, the zero at their end included.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// COBS in one pass: the head of a block is filled in when the block ends.
struct Encoder {
    out: Encoded,
    /// Where the head of the block is.
    block: usize,
    /// What it says if the block ends here.
    run: u8,
}

impl Encoder {
    fn push(&mut self, byte: u8) {
        if byte != 0 {
            self.put(byte);
            self.run += 1;
        }
        if byte == 0 || self.run == u8::MAX {
            self.close();
            self.block = self.out.length;
            self.run = 1;
            self.put(0);
        }
    }

    fn put(&mut self, byte: u8) {
        if let Some(to) = self.out.bytes.get_mut(self.out.length) {
            *to = byte;
            self.out.length += 1;
        }
    }

    fn close(&mut self) {
        if let Some(head) = self.out.bytes.get_mut(self.block) {
            *head = self.run;
        }
    }

    fn end(mut self) -> Encoded {
        self.close();
        self.put(0);
        self.out
    }
}

#[cfg(test)]
mod tests;
