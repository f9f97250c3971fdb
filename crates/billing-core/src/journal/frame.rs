//! The record frame and the hash chain that runs through all frames.

use sha2::{Digest, Sha256};

use super::repair::FRAMES;
use super::{Head, Identity, Kind, MAX_PAYLOAD, VERSION};

/// Bytes of a frame beside its payload: length, mark, chain tag, check sum.
pub(super) const OVERHEAD: usize = PAYLOAD_AT + TAG + SUM;
/// The longest frame after padding to any allowed write size.
pub(super) const FRAME_MAX: usize = 256;
const TAG: usize = 2;
const SUM: usize = 3;

impl Kind {
    /// The top two bits of a frame's second byte.
    const fn code(self) -> u8 {
        match self {
            Self::Record => 0,
            Self::Piece => 1,
            Self::End => 2,
            Self::Carried => 3,
        }
    }

    const fn from_code(code: u8) -> Self {
        match code & 3 {
            0 => Self::Record,
            1 => Self::Piece,
            2 => Self::End,
            _ => Self::Carried,
        }
    }
}

/// A point between two frames of a journal. From it on, anyone who has the frames can compute the
/// chain again.
///
/// ```
/// use billing_core::journal::{Chain, Identity, Kind};
/// let start = Chain::genesis(Identity::new([7; 16]));
/// let one = start.after(Kind::Record, b"session opened");
/// assert_eq!((start.seq, one.seq), (1, 2));
/// assert_ne!(one.head, start.after(Kind::Record, b"session closed").head);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// The sequence number of the next frame.
    pub seq: u64,
    /// The head so far.
    pub head: Head,
}

impl Chain {
    /// The point before the first record of a journal.
    pub fn genesis(identity: Identity) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"openpile journal");
        hash.update([VERSION]);
        hash.update(identity.0);
        Self {
            seq: 1,
            head: Head(hash.finalize().into()),
        }
    }

    /// The point after one more frame.
    pub fn after(&self, kind: Kind, payload: &[u8]) -> Self {
        let length = u8::try_from(payload.len()).unwrap_or(u8::MAX);
        let mut hash = Sha256::new();
        hash.update(self.head.0);
        hash.update(self.seq.to_le_bytes());
        hash.update([kind.code(), length]);
        hash.update(payload);
        Self {
            seq: self.seq.saturating_add(1),
            head: Head(hash.finalize().into()),
        }
    }

    /// The second byte of the frame that continues the chain here.
    fn mark_byte(&self, kind: Kind) -> u8 {
        let [low, ..] = self.seq.to_le_bytes();
        (kind.code() << 6) | (low & 0x3f)
    }
}

/// A frame that verified against the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub kind: Kind,
    /// Bytes of payload, which start at [`PAYLOAD_AT`].
    pub len: usize,
    /// The chain after this frame.
    pub next: Chain,
}

/// Where the payload starts in a frame.
pub(super) const PAYLOAD_AT: usize = 2;

/// Writes a frame into `out` and returns the chain after it. `out` beyond the frame becomes 0xFF.
/// `None` for a payload that is empty or too long.
pub(super) fn emit(
    chain: &Chain,
    kind: Kind,
    payload: &[u8],
    out: &mut [u8; FRAME_MAX],
) -> Option<Chain> {
    if payload.is_empty() || payload.len() > MAX_PAYLOAD {
        return None;
    }
    let next = chain.after(kind, payload);
    let length = u8::try_from(payload.len()).ok()?;
    out.fill(0xff);
    let covered = PAYLOAD_AT + payload.len() + TAG;
    let (body, check) = out.split_at_mut_checked(covered)?;
    let (start, rest) = body.split_first_chunk_mut::<PAYLOAD_AT>()?;
    *start = [length, chain.mark_byte(kind)];
    let (data, tag) = rest.split_at_mut_checked(payload.len())?;
    data.copy_from_slice(payload);
    tag.copy_from_slice(next.head.0.get(..TAG)?);
    let [low, middle, high, _] = FRAMES.sum(body).to_le_bytes();
    *check.first_chunk_mut::<SUM>()? = [low, middle, high];
    Some(next)
}

/// Splits the frame that starts `bytes` into what its check sum covers and the check sum.
fn split(bytes: &[u8]) -> Option<(&[u8], u32)> {
    let length = usize::from(*bytes.first()?);
    if length == 0 || length > MAX_PAYLOAD {
        return None;
    }
    let (covered, rest) = bytes.split_at_checked(PAYLOAD_AT + length + TAG)?;
    let [low, middle, high] = *rest.first_chunk::<SUM>()?;
    Some((covered, u32::from_le_bytes([low, middle, high, 0])))
}

/// The kind and the length of the payload, if a whole frame with a right check sum starts `bytes`,
/// whatever chain it belongs to.
pub(super) fn whole(bytes: &[u8]) -> Option<(Kind, usize)> {
    let (covered, sum) = split(bytes)?;
    let kind = Kind::from_code(covered.get(1)? >> 6);
    (FRAMES.sum(covered) == sum).then(|| (kind, covered.len() - PAYLOAD_AT - TAG))
}

/// Verifies everything but the check sum of the frame whose covered bytes are given.
fn continues(covered: &[u8], chain: &Chain) -> Option<Frame> {
    let (&[length, second], rest) = covered.split_first_chunk::<PAYLOAD_AT>()?;
    let kind = Kind::from_code(second >> 6);
    let (payload, tag) = rest.split_at_checked(usize::from(length))?;
    if second != chain.mark_byte(kind) {
        return None;
    }
    let next = chain.after(kind, payload);
    (next.head.0.get(..TAG) == Some(tag)).then_some(Frame {
        kind,
        len: payload.len(),
        next,
    })
}

/// Verifies the frame that starts `bytes` as the continuation of `chain`.
pub(super) fn check(bytes: &[u8], chain: &Chain) -> Option<Frame> {
    let (covered, sum) = split(bytes)?;
    if FRAMES.sum(covered) != sum {
        return None;
    }
    continues(covered, chain)
}

/// Finds the one bit whose flip makes the start of `bytes` the continuation of `chain`, and flips
/// it. Leaves `bytes` alone if there is none.
///
/// A frame that lacks one bit is a torn write that no reader can tell from a whole one in which a
/// bit has flipped since; giving it back whole is right for both.
pub(super) fn repair(bytes: &mut [u8], chain: &Chain) -> Option<Frame> {
    repair_length(bytes, chain).or_else(|| repair_rest(bytes, chain))
}

fn repair_length(bytes: &mut [u8], chain: &Chain) -> Option<Frame> {
    for bit in 0..8 {
        *bytes.first_mut()? ^= 1 << bit;
        if let Some(frame) = check(bytes, chain) {
            return Some(frame);
        }
        *bytes.first_mut()? ^= 1 << bit;
    }
    None
}

fn repair_rest(bytes: &mut [u8], chain: &Chain) -> Option<Frame> {
    let (covered, sum) = split(bytes)?;
    let length = covered.len();
    let covered = bytes.get_mut(..length)?;
    let flip = FRAMES.correct(covered, sum)?;
    // A bit of the length byte was tried before, with the frame end that it implies.
    let frame = if flip.byte == Some(0) {
        None
    } else {
        continues(covered, chain)
    };
    if frame.is_none() {
        flip.apply(covered);
    }
    frame
}
