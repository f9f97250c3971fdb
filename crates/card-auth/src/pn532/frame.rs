//! Frames between host and chip (UM0701-02 section 6.2.1).

/// The most data a frame carries here, its identifier included: an extended one has room for the
/// identifier, the command and 263 bytes (6.2.1.2).
pub const LONGEST_DATA: usize = 265;

/// The longest frame: preamble, start code, `FFFFh`, length with its check, data with its check,
/// postamble.
pub const LONGEST_FRAME: usize = LONGEST_DATA + 10;

/// From the host to the chip.
pub(super) const TO_CHIP: u8 = 0xd4;
/// From the chip to the host.
pub(super) const TO_HOST: u8 = 0xd5;

/// Acknowledges a frame; from the host it also aborts a command (6.2.1.3).
pub(super) const ACK: [u8; 6] = [0x00, 0x00, 0xff, 0x00, 0xff, 0x00];
/// Asks for the last answer once more (6.2.1.4).
pub(super) const NACK: [u8; 6] = [0x00, 0x00, 0xff, 0xff, 0x00, 0x00];

/// Error returned by [`Frame::parse`].
///
/// ```
/// use card_auth::pn532::{Frame, Malformed};
/// assert_eq!(Frame::parse(&[0x80, 0x80]), Err(Malformed::NoStart));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// No start code (`00h`, `FFh`) in it.
    NoStart,
    /// It ends before the frame does.
    Truncated,
    /// The length and its check contradict each other, or it is longer than any.
    Length,
    /// The data and their check contradict each other.
    Data,
}

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoStart => "no start code",
            Self::Truncated => "the frame is not whole",
            Self::Length => "wrong length or length check",
            Self::Data => "wrong data check",
        })
    }
}

impl core::error::Error for Malformed {}

/// A frame.
///
/// ```
/// use card_auth::pn532::Frame;
/// let mut bytes = [0; 16];
/// // GetFirmwareVersion, as in section 7.2.2.
/// let length = Frame::emit(&[&[0xd4, 0x02]], &mut bytes).unwrap();
/// assert_eq!(bytes[..length], [0x00, 0x00, 0xff, 0x02, 0xfe, 0xd4, 0x02, 0x2a, 0x00]);
/// assert_eq!(Frame::parse(&bytes[..length]), Ok(Frame::Data(&[0xd4, 0x02])));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The last frame was understood.
    Ack,
    /// It was not.
    Nack,
    /// The chip does not know the command (6.2.1.5).
    Error,
    /// Data, the identifier (D4h to the chip, D5h to the host) first.
    Data(&'a [u8]),
}

impl<'a> Frame<'a> {
    /// Reads the first frame of `bytes`; what is before its start code is left aside.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let start = bytes.windows(2).position(|pair| pair == [0x00, 0xff]);
        let start = start.ok_or(Malformed::NoStart)?;
        let frame = bytes.get(start + 2..).unwrap_or_default();
        match header(frame)? {
            Header::Ack => Ok(Self::Ack),
            Header::Nack => Ok(Self::Nack),
            Header::Data { at, bytes } => {
                let data = frame.get(at..at + bytes).ok_or(Malformed::Truncated)?;
                let check = frame.get(at + bytes).ok_or(Malformed::Truncated)?;
                if sum(data).wrapping_add(*check) != 0 {
                    return Err(Malformed::Data);
                }
                Ok(if data == [0x7f] {
                    Self::Error
                } else {
                    Self::Data(data)
                })
            }
        }
    }

    /// Writes a frame with these pieces as its data, the identifier first: a normal one up to 255
    /// bytes, an extended one beyond. Its length, or `None` if it fits neither the standard nor
    /// `out`.
    pub fn emit(pieces: &[&[u8]], out: &mut [u8]) -> Option<usize> {
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        if bytes == 0 || bytes > LONGEST_DATA {
            return None;
        }
        let mut writer = Writer { out, at: 0 };
        writer.put(&[0x00, 0x00, 0xff])?;
        if let Ok(length) = u8::try_from(bytes) {
            writer.put(&[length, length.wrapping_neg()])?;
        } else {
            let [high, low] = u16::try_from(bytes).ok()?.to_be_bytes();
            let check = high.wrapping_add(low).wrapping_neg();
            writer.put(&[0xff, 0xff, high, low, check])?;
        }
        let mut total = 0_u8;
        for piece in pieces {
            total = total.wrapping_add(sum(piece));
            writer.put(piece)?;
        }
        writer.put(&[total.wrapping_neg(), 0x00])?;
        Some(writer.at)
    }
}

struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.at + bytes.len();
        self.out.get_mut(self.at..end)?.copy_from_slice(bytes);
        self.at = end;
        Some(())
    }
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// What follows a start code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    Ack,
    Nack,
    /// Data of this many bytes begin at this place after the start code, and one check byte ends
    /// them.
    Data {
        at: usize,
        bytes: usize,
    },
}

/// Reads what follows a start code.
pub(super) fn header(after_start: &[u8]) -> Result<Header, Malformed> {
    match *after_start {
        [0x00, 0xff, ..] => Ok(Header::Ack),
        [0xff, 0x00, ..] => Ok(Header::Nack),
        [0xff, 0xff, high, low, check, ..] => {
            let bytes = usize::from(u16::from_be_bytes([high, low]));
            let right = high.wrapping_add(low).wrapping_add(check) == 0;
            if right && (1..=LONGEST_DATA).contains(&bytes) {
                Ok(Header::Data { at: 5, bytes })
            } else {
                Err(Malformed::Length)
            }
        }
        [0xff, 0xff, ..] | [] | [_] => Err(Malformed::Truncated),
        [length, check, ..] if length.wrapping_add(check) == 0 => Ok(Header::Data {
            at: 2,
            bytes: usize::from(length),
        }),
        _ => Err(Malformed::Length),
    }
}
