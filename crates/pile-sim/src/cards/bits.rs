//! A frame as bits.

/// The most bytes a frame here has: the longest of ISO/IEC 14443-4.
const FRAME_BYTES: usize = 256;

/// A frame on the air: bits, each byte's least significant first.
///
/// ```
/// use pile_sim::cards::Bits;
/// let short = Bits::new(&[0x26], 7).unwrap();
/// assert_eq!((short.len(), short.bytes()), (7, &[0x26][..]));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    /// Takes the first `len` bits of `bytes`, or `None` if there are not so many or more than 2,048.
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
        bits.bytes.extend(bytes.iter().copied().take(FRAME_BYTES));
        bits.len = bits.bytes.len() * 8;
        bits
    }

    pub(super) const fn empty() -> Self {
        Self {
            bytes: Vec::new(),
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
        &self.bytes
    }

    /// The bit at `index`.
    pub fn bit(&self, index: usize) -> Option<bool> {
        let byte = self.bytes.get(index / 8)?;
        (index < self.len).then_some(byte >> (index % 8) & 1 == 1)
    }

    /// Adds a bit; past 2,048 it is dropped.
    pub fn push(&mut self, bit: bool) {
        if self.len == FRAME_BYTES * 8 {
            return;
        }
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(byte) = self.bytes.last_mut() {
            *byte |= u8::from(bit) << (self.len % 8);
            self.len += 1;
        }
    }

    /// The first `len` bits.
    pub(super) fn front(&self, len: usize) -> Self {
        let mut front = Self::empty();
        (0..self.len.min(len))
            .filter_map(|at| self.bit(at))
            .for_each(|bit| front.push(bit));
        front
    }

    /// The same with one bit changed.
    pub(super) fn flipped(&self, place: usize) -> Self {
        let mut flipped = Self::empty();
        for at in 0..self.len {
            flipped.push(self.bit(at).unwrap_or(false) != (at == place));
        }
        flipped
    }

    /// The bits from `start` on.
    pub(super) fn tail(&self, start: usize) -> Self {
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
