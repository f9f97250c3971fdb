//! The ledger, carried from the pile piece by piece, and verified as it comes.

use std::convert::Infallible;

use billing_core::journal::{Chain, JournalText, RawFrame};
use billing_core::ledger::Fold;
use ble_protocol::message::ExportChunk;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{object, value};

/// What a whole ledger is.
#[derive(Serialize)]
struct Whole {
    /// The number of the last record: what `ConfirmExport` is to say.
    through: u64,
    /// The number of the frame that comes next.
    seq: u64,
    /// The head of the hash chain, in hexadecimal.
    head: String,
    /// True if it continues what this phone verified before; nothing where that cannot be told.
    continues: Option<bool>,
}

/// A copy of the ledger, as far as it came.
#[wasm_bindgen]
pub struct LedgerCopy {
    text: Option<JournalText>,
    lines: String,
    fold: Fold,
    through: u64,
    /// A point of the chain that was verified before: its number and its head.
    known: Option<(u64, String)>,
    continues: Option<bool>,
}

#[wasm_bindgen]
impl LedgerCopy {
    /// An empty one. `seq` and `head` are those of the copy before, if there is one: what the pile has
    /// changed since then shows.
    #[wasm_bindgen(constructor)]
    pub fn new(seq: Option<f64>, head: Option<String>) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of frames that this module gave away; a cast saturates"
        )]
        let known = seq.map(|seq| seq as u64).zip(head);
        Self {
            text: None,
            lines: String::new(),
            fold: Fold::new(),
            through: 0,
            known,
            continues: None,
        }
    }

    /// Takes the next piece, as the pile answered it; the number of frames so far.
    ///
    /// # Errors
    /// Why it does not continue what came before, in words.
    pub fn take(&mut self, chunk: JsValue) -> Result<f64, String> {
        let chunk = value::<ExportChunk>(chunk)?;
        let (identity, origin) = (chunk.identity(), chunk.origin());
        let mut text = match self.text.take() {
            Some(text) if text.identity() != identity => {
                return Err("the pile began another ledger meanwhile".to_owned());
            }
            Some(text) if text.chain() != origin => {
                let seq = text.chain().seq;
                return Err(format!("the hash chain breaks before frame {seq}"));
            }
            Some(text) => text,
            None if origin.seq <= 1 && origin != Chain::genesis(identity) => {
                return Err("the first record is not this pile's first".to_owned());
            }
            None => {
                let mut text = JournalText::new(identity, origin);
                text.first(&mut self.lines).map_err(|why| why.to_string())?;
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
                .map_err(|why| why.to_string())?;
            self.compare(text.chain())?;
        }
        if chunk.done {
            text.end(&mut self.lines).map_err(|why| why.to_string())?;
        }
        let seq = text.chain().seq;
        self.text = Some(text);
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 frames")]
        Ok(seq as f64)
    }

    /// Reads all of it as a pile does when it starts: `{ through, seq, head, continues }`.
    ///
    /// # Errors
    /// The first record that cannot be, in words.
    pub fn finish(&mut self) -> Result<JsValue, String> {
        let text = self.text.as_ref().ok_or("the pile told nothing")?;
        let end = text.chain();
        let fold = std::mem::take(&mut self.fold);
        let last = end.seq.saturating_sub(1);
        if let Err(why) = fold.finish::<Infallible>(last) {
            return Err(why.to_string());
        }
        Ok(object(&Whole {
            through: self.through,
            seq: end.seq,
            head: end.head.to_string(),
            continues: self.continues,
        }))
    }

    /// The copy as a file, which `pilectl` reads, too.
    pub fn text(&self) -> String {
        self.lines.clone()
    }

    fn compare(&mut self, at: Chain) -> Result<(), String> {
        let Some((seq, head)) = &self.known else {
            return Ok(());
        };
        if *seq != at.seq {
            return Ok(());
        }
        self.continues = Some(*head == at.head.to_string());
        if self.continues == Some(true) {
            return Ok(());
        }
        Err(format!(
            "what was verified before, up to frame {seq}, is not the same any more"
        ))
    }
}
