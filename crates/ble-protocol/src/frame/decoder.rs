//! Bytes in, frames out.

use super::{BadFrame, CRC, Frame, Kind, MAX_FRAME};

/// Finds frames in a stream of bytes. Holds one frame, 259 bytes, whatever comes.
///
/// ```
/// use ble_protocol::frame::{Decoder, Encoded, Kind};
/// let mut decoder = Decoder::new();
/// let noise = [1, 2, 3, 0];
/// let frame = Encoded::new(Kind::Bye, &[]).ok_or("too long")?;
/// let kinds: Vec<_> = noise
///     .iter()
///     .chain(frame.bytes())
///     .filter_map(|byte| decoder.push(*byte).map(|it| it.map(|frame| frame.kind).ok()))
///     .collect();
/// assert_eq!(kinds, [None, Some(Kind::Bye)]);
/// assert_eq!(decoder.bad_frames(), 1);
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone)]
pub struct Decoder {
    frame: [u8; MAX_FRAME],
    length: usize,
    /// Bytes that the current COBS block still has.
    left: u8,
    /// A zero belongs before the next block.
    zero: bool,
    /// Nothing has come since the last zero.
    empty: bool,
    /// What comes before the next zero is lost.
    lost: bool,
    bad: u32,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Nothing has come.
    pub const fn new() -> Self {
        Self {
            frame: [0; MAX_FRAME],
            length: 0,
            left: 0,
            zero: false,
            empty: true,
            lost: false,
            bad: 0,
        }
    }

    /// Takes a byte; the frame that it ends, if it ends one.
    pub fn push(&mut self, byte: u8) -> Option<Result<Frame<'_>, BadFrame>> {
        if byte == 0 {
            return self.end();
        }
        self.empty = false;
        if self.left > 0 {
            self.left -= 1;
            self.put(byte);
        } else {
            if self.zero {
                self.put(0);
            }
            self.left = byte - 1;
            self.zero = byte != u8::MAX;
        }
        None
    }

    /// How many frames were dropped, at most `u32::MAX`.
    pub const fn bad_frames(&self) -> u32 {
        self.bad
    }

    /// Forgets what has come, but for the count of bad frames.
    pub fn restart(&mut self) {
        *self = Self {
            bad: self.bad,
            ..Self::new()
        };
    }

    fn put(&mut self, byte: u8) {
        match self.frame.get_mut(self.length) {
            Some(to) => {
                *to = byte;
                self.length += 1;
            }
            None => self.lost = true,
        }
    }

    fn end(&mut self) -> Option<Result<Frame<'_>, BadFrame>> {
        let (empty, whole) = (self.empty, !self.lost && self.left == 0);
        let length = self.length;
        (self.length, self.left) = (0, 0);
        (self.zero, self.empty, self.lost) = (false, true, false);
        if empty {
            return None;
        }
        let frame = self.frame.get_mut(..length).filter(|_| whole);
        let frame = frame.and_then(checked).ok_or(BadFrame);
        if frame.is_err() {
            self.bad = self.bad.saturating_add(1);
        }
        Some(frame)
    }
}

fn checked(frame: &mut [u8]) -> Option<Frame<'_>> {
    let (said, sum) = frame.split_last_chunk_mut::<2>()?;
    if CRC.checksum(said) != u16::from_le_bytes(*sum) {
        return None;
    }
    let (kind, body) = said.split_first_mut()?;
    Some(Frame {
        kind: Kind::from_number(*kind)?,
        body,
    })
}
