//! The ledger, carried from the pile piece by piece, and verified as it comes.

use std::convert::Infallible;

use billing_core::journal::{Chain, Identity, JournalText, RawFrame};
use billing_core::ledger::Fold;
use ble_protocol::message::ExportChunk;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{object, value};

/// A point of a ledger that was verified before.
#[derive(Deserialize)]
struct Known {
    /// Whose ledger it is, in hexadecimal; a copy of an older app has none.
    identity: Option<String>,
    /// The number of the frame that came next.
    seq: u64,
    /// The head of the hash chain there, in hexadecimal.
    head: String,
}

/// What a whole ledger is.
#[derive(Debug, Serialize)]
struct Whole {
    /// Whose it is, in hexadecimal.
    identity: String,
    /// The number of the last record: what `ConfirmExport` is to say.
    through: u64,
    /// The number of the frame that comes next.
    seq: u64,
    /// The head of the hash chain, in hexadecimal.
    head: String,
    /// True if it continues what this phone verified before; nothing where nothing was, or where the pile
    /// has dropped the records at that point since.
    continues: Option<bool>,
}

/// Why a ledger is not to be believed.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum Bad {
    /// It is another than the one that was verified before, or begins in the middle of nothing.
    Other,
    /// The hash chain breaks before a frame.
    Broken { seq: u64 },
    /// Up to a frame it was verified before, and is not the same any more.
    Altered { seq: u64 },
    /// It ends before the frame up to which it was verified.
    Shorter { seq: u64, of: u64 },
    /// A record cannot be, or does not add up.
    Wrong { why: String },
}

/// A copy of the ledger, as far as it came.
#[wasm_bindgen]
pub struct LedgerCopy {
    text: Option<JournalText>,
    lines: String,
    fold: Fold,
    through: u64,
    known: Option<Known>,
    continues: Option<bool>,
}

#[wasm_bindgen]
impl LedgerCopy {
    /// An empty one. `known` is `{ identity, seq, head }` of the copy before, if there is one: what the pile
    /// has changed since then shows.
    ///
    /// # Errors
    /// What is no such point.
    #[wasm_bindgen(constructor)]
    pub fn new(known: JsValue) -> Result<Self, String> {
        Ok(Self::after(value(known)?))
    }

    /// Takes the next piece, as the pile answered it; the number of the frame that comes next.
    ///
    /// # Errors
    /// Why it does not continue what came before: `{ kind }`, and where.
    pub fn take(&mut self, chunk: JsValue) -> Result<f64, JsValue> {
        let chunk = value::<ExportChunk>(chunk).map_err(|why| object(&Bad::Wrong { why }))?;
        let seq = self.piece(&chunk).map_err(|bad| object(&bad))?;
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 frames")]
        Ok(seq as f64)
    }

    /// Reads all of it as a pile does when it starts: `{ identity, through, seq, head, continues }`.
    ///
    /// # Errors
    /// The first record that cannot be, or a ledger that is shorter than before: `{ kind }`, and where.
    pub fn finish(&mut self) -> Result<JsValue, JsValue> {
        let whole = self.end().map_err(|bad| object(&bad))?;
        Ok(object(&whole))
    }

    /// The copy as a file, which `pilectl` reads, too.
    pub fn text(&self) -> String {
        self.lines.clone()
    }
}

impl LedgerCopy {
    fn after(known: Option<Known>) -> Self {
        Self {
            text: None,
            lines: String::new(),
            fold: Fold::new(),
            through: 0,
            known,
            continues: None,
        }
    }

    fn piece(&mut self, chunk: &ExportChunk) -> Result<u64, Bad> {
        let (identity, origin) = (chunk.identity(), chunk.origin());
        let wrong = |why: &dyn ToString| Bad::Wrong {
            why: why.to_string(),
        };
        let mut text = match self.text.take() {
            Some(text) if text.identity() != identity => return Err(Bad::Other),
            Some(text) if text.chain() != origin => {
                let seq = text.chain().seq;
                return Err(Bad::Broken { seq });
            }
            Some(text) => text,
            None => {
                let same = |of: &String| *of == named(identity);
                let known = self.known.as_ref().and_then(|it| it.identity.as_ref());
                let begins = origin.seq > 1 || origin == Chain::genesis(identity);
                if !begins || !known.is_none_or(same) {
                    return Err(Bad::Other);
                }
                let mut text = JournalText::new(identity, origin);
                text.first(&mut self.lines).map_err(|why| wrong(&why))?;
                self.compare(origin)?;
                text
            }
        };
        for (kind, payload) in chunk.frames.iter() {
            let seq = text.chain().seq;
            if let Some(entry) = (RawFrame { seq, kind, payload }).entry() {
                self.through = self.through.max(entry.seq);
                self.fold.take(entry);
            }
            text.frame(kind, payload, &mut self.lines)
                .map_err(|why| wrong(&why))?;
            self.compare(text.chain())?;
        }
        if chunk.done {
            text.end(&mut self.lines).map_err(|why| wrong(&why))?;
        }
        let seq = text.chain().seq;
        self.text = Some(text);
        Ok(seq)
    }

    fn end(&mut self) -> Result<Whole, Bad> {
        let text = self.text.as_ref().ok_or(Bad::Other)?;
        let end = text.chain();
        if let Some(known) = &self.known
            && end.seq < known.seq
        {
            let (seq, of) = (end.seq, known.seq);
            return Err(Bad::Shorter { seq, of });
        }
        let fold = std::mem::take(&mut self.fold);
        fold.finish::<Infallible>(end.seq.saturating_sub(1))
            .map_err(|why| Bad::Wrong {
                why: why.to_string(),
            })?;
        Ok(Whole {
            identity: named(text.identity()),
            through: self.through,
            seq: end.seq,
            head: end.head.to_string(),
            continues: self.continues,
        })
    }

    fn compare(&mut self, at: Chain) -> Result<(), Bad> {
        match &self.known {
            Some(known) if known.seq == at.seq => {
                if known.head != at.head.to_string() {
                    return Err(Bad::Altered { seq: at.seq });
                }
                self.continues = Some(true);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn named(identity: Identity) -> String {
    use std::fmt::Write;
    identity.bytes().iter().fold(String::new(), |mut so, byte| {
        let _ = write!(so, "{byte:02x}");
        so
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use billing_core::journal::{Head, Kind};
    use ble_protocol::message::{ExportCursor, Frames};

    const IDENTITY: Identity = Identity::new([7; 16]);

    /// The end of a ledger, at a point of its chain.
    fn ends_at(at: Chain) -> ExportChunk {
        ExportChunk {
            identity: IDENTITY.bytes(),
            seq: at.seq,
            head: at.head.bytes(),
            frames: Frames::new(),
            next: ExportCursor::default(),
            done: true,
        }
    }

    fn known(identity: Identity, at: Chain) -> Known {
        Known {
            identity: Some(named(identity)),
            seq: at.seq,
            head: at.head.to_string(),
        }
    }

    /// What is said of a ledger that is told from `from` on and ends there.
    fn verdict(from: Chain, known: Option<Known>) -> Result<Option<bool>, Bad> {
        let mut copy = LedgerCopy::after(known);
        copy.piece(&ends_at(from))?;
        copy.end().map(|whole| whole.continues)
    }

    fn point(seq: u64, byte: u8) -> Chain {
        Chain {
            seq,
            head: Head::new([byte; 32]),
        }
    }

    #[test]
    fn a_ledger_is_held_against_the_one_before() {
        let first = Chain::genesis(IDENTITY);
        assert_eq!(verdict(first, None), Ok(None));
        assert_eq!(verdict(first, Some(known(IDENTITY, first))), Ok(Some(true)));
        let later = point(9, 1);
        assert_eq!(verdict(later, Some(known(IDENTITY, later))), Ok(Some(true)));
        let altered = verdict(later, Some(known(IDENTITY, point(9, 2))));
        assert_eq!(altered, Err(Bad::Altered { seq: 9 }));
    }

    /// Two pieces, of which the second follows the first.
    fn two_pieces() -> [ExportChunk; 2] {
        let first = Chain::genesis(IDENTITY);
        let mut one = ends_at(first);
        one.done = false;
        assert!(one.frames.push(Kind::Carried, &[1, 2, 3]));
        let two = ends_at(one.end());
        [one, two]
    }

    #[test]
    fn a_byte_that_is_altered_on_its_way_breaks_the_chain() {
        let [one, two] = two_pieces();
        let mut copy = LedgerCopy::after(None);
        assert_eq!(copy.piece(&one), Ok(2));
        assert_eq!(copy.piece(&two), Ok(2));
        for altered in [[0, 2, 3], [1, 2, 2]] {
            let mut other = ends_at(one.origin());
            assert!(other.frames.push(Kind::Carried, &altered));
            let mut copy = LedgerCopy::after(None);
            assert_eq!(copy.piece(&other), Ok(2));
            assert_eq!(copy.piece(&two), Err(Bad::Broken { seq: 2 }));
        }
        let mut copy = LedgerCopy::after(None);
        assert_eq!(copy.piece(&one), Ok(2));
        assert_eq!(copy.piece(&one), Err(Bad::Broken { seq: 2 }));
    }

    #[test]
    fn a_record_that_cannot_be_is_wrong() {
        let mut chunk = ends_at(Chain::genesis(IDENTITY));
        assert!(chunk.frames.push(Kind::Record, &[0xff; 9]));
        let mut copy = LedgerCopy::after(None);
        assert_eq!(copy.piece(&chunk), Ok(2));
        assert!(matches!(copy.end(), Err(Bad::Wrong { .. })));
    }

    #[test]
    fn one_that_ends_before_what_was_verified_is_shorter() {
        let of = Some(known(IDENTITY, point(9, 1)));
        let shorter = Bad::Shorter { seq: 1, of: 9 };
        assert_eq!(verdict(Chain::genesis(IDENTITY), of), Err(shorter));
    }

    /// What was verified is dropped at the pile: whether it was the same nobody can tell.
    #[test]
    fn one_that_begins_after_what_was_verified_continues_nothing() {
        let of = Some(known(IDENTITY, point(5, 1)));
        assert_eq!(verdict(point(9, 1), of), Ok(None));
    }

    #[test]
    fn another_ledger_is_not_taken_for_the_one_before() {
        let first = Chain::genesis(IDENTITY);
        let of = Some(known(Identity::new([8; 16]), first));
        assert_eq!(verdict(first, of), Err(Bad::Other));
        // A copy of an older app has no identity: its chain alone says.
        let older = Known {
            identity: None,
            ..known(IDENTITY, first)
        };
        assert_eq!(verdict(first, Some(older)), Ok(Some(true)));
        assert_eq!(verdict(point(1, 3), None), Err(Bad::Other));
    }
}
