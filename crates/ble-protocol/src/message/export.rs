//! The ledger, in pieces that a courier can carry.

use billing_core::journal::{Chain, Head, Identity, Kind, MAX_PAYLOAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where in the ledger an export goes on. It comes from the pile and goes back to it.
///
/// ```
/// use ble_protocol::message::ExportCursor;
/// // Kept by the phone beside what it has so far, it outlives a lost link.
/// assert_eq!(ExportCursor::START, ExportCursor { seq: 0, place: 0 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExportCursor {
    /// The number of the frame that comes next; 0 for the oldest there is.
    pub seq: u64,
    /// Where the pile expects that frame on its flash. It only helps to find it: the pile takes any
    /// number here and looks elsewhere where it leads to nothing.
    pub place: u32,
}

impl ExportCursor {
    /// From the oldest frame on.
    pub const START: Self = Self { seq: 0, place: 0 };
}

/// The most bytes of [`Frames`].
pub const MAX_FRAMES: usize = 720;

/// Frames of the journal as they stand in the log, one after another.
///
/// ```
/// use billing_core::journal::Kind;
/// use ble_protocol::message::Frames;
/// let mut frames = Frames::new();
/// assert!(frames.push(Kind::Record, &[2, 2, 0, 0, 0]));
/// assert!(!frames.push(Kind::Record, &[])); // no frame is empty
/// assert_eq!(frames.iter().collect::<Vec<_>>(), [(Kind::Record, &[2, 2, 0, 0, 0][..])]);
/// ```
///
/// # Serialised form
/// The length in bytes, a varint, and then of each frame: its mark (0 record, 1 piece, 2 end,
/// 3 carried), the length of its payload (1..=240), the payload. What is none of these is refused
/// when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frames(heapless::Vec<u8, MAX_FRAMES>);

impl Frames {
    /// None.
    pub const fn new() -> Self {
        Self(heapless::Vec::new())
    }

    /// Adds the frame that follows; false if it does not fit any more, or if there is no such frame:
    /// a payload has 1..=240 bytes.
    #[must_use]
    pub fn push(&mut self, kind: Kind, payload: &[u8]) -> bool {
        let length = match u8::try_from(payload.len()) {
            Ok(length) if (1..=MAX_PAYLOAD).contains(&payload.len()) => length,
            _ => return false,
        };
        if self.0.len() + 2 + payload.len() > MAX_FRAMES {
            return false;
        }
        self.0.extend_from_slice(&[mark(kind), length]).is_ok()
            && self.0.extend_from_slice(payload).is_ok()
    }

    /// All of them, in order: what each is, and its payload (of a carried record with its number
    /// before it, as in [`RawFrame`](billing_core::journal::RawFrame)).
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &[u8])> {
        let mut rest: &[u8] = &self.0;
        core::iter::from_fn(move || {
            let (frame, after) = split(rest)?;
            rest = after;
            Some(frame)
        })
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, rest) = split(rest)?;
        }
        heapless::Vec::from_slice(bytes).ok().map(Self)
    }
}

/// What a frame is, and its payload.
type Frame<'a> = (Kind, &'a [u8]);

/// The first frame, and what follows it.
fn split(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (&[mark, length], rest) = bytes.split_first_chunk()?;
    let length = usize::from(length);
    if !(1..=MAX_PAYLOAD).contains(&length) {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(length)?;
    Some(((kind(mark)?, payload), rest))
}

const fn mark(kind: Kind) -> u8 {
    match kind {
        Kind::Record => 0,
        Kind::Piece => 1,
        Kind::End => 2,
        Kind::Carried => 3,
    }
}

const fn kind(mark: u8) -> Option<Kind> {
    match mark {
        0 => Some(Kind::Record),
        1 => Some(Kind::Piece),
        2 => Some(Kind::End),
        3 => Some(Kind::Carried),
        _ => None,
    }
}

impl Serialize for Frames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Frames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Frames;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("frames of a journal")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Frames, E> {
                Frames::read(bytes).ok_or_else(|| E::custom("no frames of a journal"))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

/// A piece of the ledger, which proves itself: its frames continue the hash chain at
/// [`origin`](Self::origin), and the next piece begins where they end.
///
/// What comes of all pieces is the export that `pilectl` reads: the identity, the first piece's
/// origin, every frame with its number and the first four bytes of the chain's head after it, and at
/// last the head.
///
/// ```
/// use billing_core::journal::Chain;
/// use ble_protocol::message::ExportChunk;
/// /// The chain after a piece, or `None` if the piece does not continue the pieces so far.
/// fn follow(so_far: Chain, chunk: &ExportChunk) -> Option<Chain> {
///     (chunk.origin() == so_far).then(|| chunk.end())
/// }
/// ```
///
/// # Resuming
/// The phone keeps [`next`](Self::next) with what it has so far, and asks from there at any later
/// time, over another link or after the pile has lost its supply. Where the pile has forgotten that
/// frame meanwhile it refuses with [`NotHere`](crate::Refusal::NotHere), and the phone begins another
/// export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportChunk {
    /// The journal's identity.
    pub identity: [u8; 16],
    /// The number of the first frame of this piece.
    pub seq: u64,
    /// The head of the hash chain before that frame.
    pub head: [u8; 32],
    /// The frames: at least one, unless the ledger ends here.
    pub frames: Frames,
    /// Where the next piece begins.
    pub next: ExportCursor,
    /// True if the ledger ended here when this was answered. What is recorded later can be asked for
    /// from `next`.
    pub done: bool,
}

impl ExportChunk {
    /// The journal's identity.
    pub const fn identity(&self) -> Identity {
        Identity::new(self.identity)
    }

    /// The point of the hash chain before the first frame.
    pub const fn origin(&self) -> Chain {
        Chain {
            seq: self.seq,
            head: Head::new(self.head),
        }
    }

    /// The point after the last frame, computed from the frames themselves.
    pub fn end(&self) -> Chain {
        self.frames
            .iter()
            .fold(self.origin(), |chain, (kind, payload)| {
                chain.after(kind, payload)
            })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::vec::Vec;

    /// So many frames of different kinds and lengths.
    fn journal(count: u8) -> Vec<(Kind, Vec<u8>)> {
        let kinds = [Kind::Record, Kind::Record, Kind::Piece, Kind::Carried];
        let frame = |n: u8| (kinds[usize::from(n % 4)], std::vec![n; usize::from(n) + 1]);
        (0..count).map(frame).collect()
    }

    /// The frames in pieces, as a pile cuts them.
    fn pieces(identity: Identity, frames: &[(Kind, Vec<u8>)]) -> Vec<ExportChunk> {
        let mut chunks: Vec<ExportChunk> = Vec::new();
        let mut rest = frames.iter().peekable();
        while rest.peek().is_some() {
            let origin = chunks
                .last()
                .map_or_else(|| Chain::genesis(identity), ExportChunk::end);
            let mut taken = Frames::new();
            while let Some((kind, payload)) = rest.peek()
                && taken.push(*kind, payload)
            {
                rest.next();
            }
            let mut chunk = ExportChunk {
                identity: identity.bytes(),
                seq: origin.seq,
                head: origin.head.bytes(),
                frames: taken,
                next: ExportCursor::START,
                done: rest.peek().is_none(),
            };
            chunk.next.seq = chunk.end().seq;
            chunks.push(chunk);
        }
        chunks
    }

    #[test]
    fn the_pieces_of_a_ledger_are_the_ledger_and_prove_it() {
        let identity = Identity::new([7; 16]);
        let frames = journal(200);
        let chunks = pieces(identity, &frames);
        assert!(chunks.len() > 10, "{}", chunks.len());
        let mut chain = Chain::genesis(identity);
        let mut collected = Vec::new();
        for chunk in &chunks {
            assert_eq!((chunk.identity(), chunk.origin()), (identity, chain));
            assert_eq!(
                chunk.next.seq,
                chunk.seq + chunk.frames.iter().count() as u64
            );
            let frames = chunk.frames.iter();
            collected.extend(frames.map(|(kind, payload)| (kind, payload.to_vec())));
            chain = chunk.end();
        }
        assert_eq!(collected, frames);
        // The whole chain, the way a journal computes it.
        let whole = frames
            .iter()
            .fold(Chain::genesis(identity), |chain, (kind, payload)| {
                chain.after(*kind, payload)
            });
        assert_eq!(chain, whole);
    }

    #[test]
    fn a_piece_that_was_altered_is_not_followed_by_the_next() {
        let chunks = pieces(Identity::new([7; 16]), &journal(60));
        let [first, second, ..] = &chunks[..] else {
            panic!("one piece");
        };
        assert_eq!(first.end(), second.origin());
        let mut altered = first.clone();
        *altered.frames.0.last_mut().unwrap() ^= 1;
        assert_ne!(altered.end(), second.origin());
    }

    #[test]
    fn the_longest_frames_fill_a_piece() {
        let mut frames = Frames::new();
        assert!(!frames.push(Kind::Record, &[0; MAX_PAYLOAD + 1]));
        assert!(frames.push(Kind::Record, &[1; MAX_PAYLOAD]));
        assert!(frames.push(Kind::Record, &[2; MAX_PAYLOAD]));
        assert!(!frames.push(Kind::Record, &[3; MAX_PAYLOAD]));
        assert!(frames.push(Kind::Record, &[3; MAX_FRAMES - 2 * (MAX_PAYLOAD + 2) - 2]));
        assert!(!frames.push(Kind::Record, &[4]));
        assert_eq!(frames.iter().count(), 3);
    }
}
