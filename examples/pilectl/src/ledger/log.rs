//! A ledger as it stands in a file: every frame verified, every record read, folded to a book.

use std::convert::Infallible;
use std::path::Path;

use billing_core::book::Book;
use billing_core::journal::{Chain, Identity, Kind, RawFrame};
use billing_core::ledger::{Fold, OpenError};
use billing_core::record::Record;
use pile_units::PlanId;

use super::{export, image};
use crate::answer::{self, Refusal};
use crate::figures::Zone;

/// A frame of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its place in the log, without gaps.
    pub seq: u64,
    /// What it is.
    pub kind: Kind,
    /// Its bytes.
    pub payload: Vec<u8>,
}

impl Frame {
    /// As the journal knows it.
    pub fn raw(&self) -> RawFrame<'_> {
        RawFrame {
            seq: self.seq,
            kind: self.kind,
            payload: &self.payload,
        }
    }
}

impl Frame {
    /// The record in it, if there is one.
    pub fn record(&self) -> Option<Entry> {
        let entry = self.raw().entry()?;
        let record = Record::decode(entry.payload)?;
        matches!(self.kind, Kind::Record | Kind::Carried).then(|| Entry {
            number: entry.seq,
            payload: entry.payload.to_vec(),
            record,
        })
    }
}

/// A record and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The number that it was written under, which never changes.
    pub number: u64,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// What they say.
    pub record: Record,
}

/// What a file holds.
///
/// ```no_run
/// use pilectl::ledger::log::Log;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let log = Log::read("pile.bin".as_ref())?;
/// println!("{} records, the chain ends at {}", log.entries.len(), log.end.head);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Log {
    /// The file.
    pub name: String,
    /// Which journal it is.
    pub identity: Identity,
    /// Before the first frame.
    pub origin: Chain,
    /// After the last.
    pub end: Chain,
    /// All of them.
    pub frames: Vec<Frame>,
    /// Their records, by number.
    pub entries: Vec<Entry>,
    /// What they fold to.
    pub book: Book,
    /// What the file is, in a few words.
    pub form: String,
    /// What had to be mended to read it.
    pub mended: Option<String>,
    /// A record behind the end of the log that is not as it was written. Nobody can tell whether a
    /// power loss cut its write, or it was altered.
    pub torn: Option<Entry>,
}

/// A file that is a ledger, but not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The first record that is not.
    pub number: u64,
    /// What is wrong with it.
    pub what: String,
    /// Where in the file.
    pub place: String,
    /// What stands in its place, if that can be read at all.
    pub now: Option<Entry>,
    /// The record before it, which still is.
    pub before: Option<Entry>,
    /// How many frames before it are.
    pub good: usize,
    /// What that means.
    pub meaning: Meaning,
}

/// What a finding means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Bytes are not those that were written.
    Altered,
    /// The file ends before the ledger does.
    CutShort,
    /// The bytes are those that were written, but what they say cannot be.
    Contradiction,
    /// The bytes are those that were written, by a younger version than this one.
    Younger,
}

/// Why a file gives no [`Log`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It is no ledger.
    Refused(Refusal),
    /// It is one, but not as it was written.
    Found(Box<Finding>),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Found(finding) => write!(f, "record {}: {}", finding.number, finding.what),
        }
    }
}

impl std::error::Error for Trouble {}

impl Log {
    /// Reads a flash image or an export, whichever the file is.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn read(path: &Path) -> Result<Self, Trouble> {
        let bytes = answer::read(path)?;
        Self::parse(path.display().to_string(), bytes)
    }

    /// Reads what stood in a file of this name.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn parse(name: String, bytes: Vec<u8>) -> Result<Self, Trouble> {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        match first {
            None => Err(Refusal::new(
                format!("{name}: the file is empty"),
                "give the image of the pile's flash, or an export of it",
            )
            .into()),
            Some(b'{') => export::parse(name, &bytes),
            Some(_) => image::parse(name, bytes),
        }
    }

    /// Folds frames whose chain was verified.
    pub(super) fn fold(
        name: String,
        identity: Identity,
        (origin, end): (Chain, Chain),
        frames: Vec<Frame>,
    ) -> Result<Self, Trouble> {
        let mut fold = Fold::new();
        let mut entries = Vec::new();
        for frame in &frames {
            // A carried frame without a number: nothing to fold, and no journal writes one.
            let Some(entry) = frame.raw().entry() else {
                continue;
            };
            fold.take(entry);
            entries.extend(frame.record());
        }
        entries.sort_by_key(|entry| entry.number);
        // While a page is being given back, some records stand twice.
        entries.dedup();
        let twice = entries.windows(2).find_map(|pair| match pair {
            [a, b] if a.number == b.number => Some(a.number),
            _ => None,
        });
        let last = end.seq.saturating_sub(1);
        let folded = match twice {
            Some(number) => Err((
                number,
                Meaning::Contradiction,
                "stands twice, and differs".to_owned(),
            )),
            None => fold
                .finish::<Infallible>(last)
                .map_err(|error| match error {
                    OpenError::Unreadable { seq } => {
                        let what = "cannot be read by this version".to_owned();
                        (seq, Meaning::Younger, what)
                    }
                    OpenError::Contradiction { seq, why } => {
                        (seq, Meaning::Contradiction, why.to_string())
                    }
                    OpenError::Mount(_) | OpenError::Format(_) => {
                        (last, Meaning::Contradiction, "is refused".to_owned())
                    }
                }),
        };
        let book = folded.map_err(|(number, meaning, what)| {
            let before = entries.iter().rev().find(|entry| entry.number < number);
            Trouble::Found(Box::new(Finding {
                number,
                what,
                place: format!("frame {number} of {} to {last}", origin.seq),
                now: entries.iter().find(|entry| entry.number == number).cloned(),
                before: before.cloned(),
                good: frames.iter().filter(|frame| frame.seq < number).count(),
                meaning,
            }))
        })?;
        Ok(Self {
            name,
            identity,
            origin,
            end,
            frames,
            entries,
            book,
            form: String::new(),
            mended: None,
            torn: None,
        })
    }

    /// The number of the last record: `ConfirmExport` with it tells the pile that all of this is in
    /// safe hands. 0 before any.
    pub fn confirm(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.number)
    }

    /// What is to be said beside anything that is made of a log whose last record may have been
    /// altered.
    pub fn warning(&self) -> Option<String> {
        let torn = self.torn.as_ref()?;
        let (name, number) = (&self.name, torn.number);
        Some(format!(
            "{name}: record {number}, the last, is not as it was written and is left out: a power \
             loss cut it, or someone altered it; `pilectl ledger verify {name}` says more"
        ))
    }

    /// The time of the place: that of the standard tariff.
    pub fn zone(&self) -> Zone {
        let tariff = self.book.tariff(PlanId::STANDARD);
        Zone::new(tariff.map_or_else(Default::default, |(_, tariff)| tariff.utc_offset()))
    }
}
