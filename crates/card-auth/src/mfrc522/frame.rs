//! What goes out over the field, what may come back, and how long to wait for it.

/// Bytes the FIFO of the chip holds (data sheet section 8.3).
pub const FIFO_BYTES: usize = 64;

/// A frame to send: one to 64 whole bytes, or the seven bits of a short frame.
///
/// ```
/// use card_auth::mfrc522::Frame;
/// assert!(Frame::whole(&[0x50, 0x00, 0x57, 0xcd]).is_some());
/// assert!(Frame::whole(&[]).is_none());
/// assert!(Frame::whole(&[0; 65]).is_none());
/// ```
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    last_bits: u8,
}

impl<'a> Frame<'a> {
    /// A frame of whole bytes, or `None` unless there are 1..=64. A `CRC_A` is the caller's.
    pub const fn whole(bytes: &'a [u8]) -> Option<Self> {
        if bytes.is_empty() || bytes.len() > FIFO_BYTES {
            None
        } else {
            Some(Self {
                bytes,
                last_bits: 0,
            })
        }
    }

    /// A frame of exactly `N` whole bytes, checked when it is compiled.
    pub(super) const fn fixed<const N: usize>(bytes: &'a [u8; N]) -> Self {
        const { assert!(N > 0 && N <= FIFO_BYTES) };
        Self {
            bytes,
            last_bits: 0,
        }
    }

    /// A short frame: the low seven bits of one byte (ISO/IEC 14443-3 clause 6.2.3.1).
    pub const fn short(bits: &'a [u8; 1]) -> Self {
        Self {
            bytes: bits,
            last_bits: 7,
        }
    }

    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// `TxLastBits`: 0 for a whole last byte.
    pub(super) const fn last_bits(&self) -> u8 {
        self.last_bits
    }
}

impl core::fmt::Debug for Frame<'_> {
    /// Shows the length only: a select frame carries a UID.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Frame({} bytes)", self.bytes.len())
    }
}

/// What the field gave back after a [`Frame`].
///
/// ```
/// use card_auth::mfrc522::Answer;
/// assert_ne!(Answer::Silence, Answer::Collision);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// No card answered before the timer ran out.
    Silence,
    /// Several cards answered differently.
    Collision,
    /// Something came that cannot be used: parity, framing, or longer than the buffer.
    Garbled,
    /// This much was received, into the front of the buffer.
    Frame {
        /// Bytes, the last of which may be in part.
        bytes: usize,
        /// Valid bits of the last byte, 0 for all eight.
        last_bits: u8,
    },
}

/// How long a card may take to begin its answer: 25 us to 1.6 s in steps of 25 us.
///
/// ```
/// use card_auth::mfrc522::ReplyWait;
/// assert_eq!(ReplyWait::from_micros(2_010).micros(), 2_025);
/// assert_eq!(ReplyWait::from_micros(0).micros(), 25);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyWait {
    /// Of 25 us; 1 or more.
    steps: u16,
}

impl ReplyWait {
    /// 2 ms: ISO/IEC 14443-3 clause 6.2.1 lets a card take 91 us to answer a request, an
    /// anticollision or a select frame, and wants 1 ms of silence after a halt.
    pub const SELECTION: Self = Self::from_micros(2_000);

    /// Rounds up to the next step, and keeps within the range.
    pub const fn from_micros(micros: u32) -> Self {
        let steps = micros.div_ceil(25);
        // At most 65 535 and at least 1: nothing is cut off.
        let [low, high, ..] = if steps == 0 {
            [1, 0, 0, 0]
        } else if steps > 0xffff {
            [0xff, 0xff, 0, 0]
        } else {
            steps.to_le_bytes()
        };
        Self {
            steps: u16::from_le_bytes([low, high]),
        }
    }

    /// The wait in microseconds.
    pub const fn micros(self) -> u32 {
        // Widening; `u32::from` is not const.
        self.steps as u32 * 25
    }

    /// What the timer counts down from: it fires one step after zero (data sheet section 8.5).
    pub(super) const fn reload(self) -> [u8; 2] {
        (self.steps - 1).to_be_bytes()
    }

    /// Looks at the chip, one a millisecond, after which it is held for dead: the wait, the
    /// 6 ms that 64 bytes take each way at 106 kBd, and as much again.
    pub(super) const fn looks(self) -> u32 {
        self.micros().div_ceil(1_000) + 24
    }
}
