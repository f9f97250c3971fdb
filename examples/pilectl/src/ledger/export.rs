//! A ledger as text: an export, written as [`JournalText`] says, and read.

use std::path::Path;

use billing_core::journal::{Chain, Head, Identity, JournalText, Kind, TEXT_VERSION};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::log::{Entry, Finding, Frame, Log, Meaning, Trouble};
use crate::answer::{self, Refusal};
use crate::figures::{hex, unhex};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    openpile_export: u32,
    identity: String,
    #[serde(rename = "first_seq")]
    seq: u64,
    #[serde(rename = "first_head")]
    head: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: u64,
    mark: Mark,
    payload: String,
    tag: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Record,
    Carried,
    Piece,
    End,
}

impl Mark {
    const fn kind(self) -> Kind {
        match self {
            Self::Record => Kind::Record,
            Self::Carried => Kind::Carried,
            Self::Piece => Kind::Piece,
            Self::End => Kind::End,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    seq: u64,
    head: String,
    sha256: String,
}

/// Writes a log as an export.
///
/// ```no_run
/// use pilectl::ledger::{export, log::Log};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let text = export::text(&Log::read("pile.bin".as_ref())?);
/// assert!(text.starts_with(r#"{"openpile_export":1,"identity":""#));
/// # Ok(())
/// # }
/// ```
pub fn text(log: &Log) -> String {
    let (mut writer, mut text) = Writer::begin(log.identity, log.origin);
    for frame in &log.frames {
        text += &writer.frame(frame.kind, &frame.payload);
    }
    text + &writer.end()
}

/// Makes the lines of an export one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Writer(JournalText);

impl Writer {
    /// The first line.
    pub(crate) fn begin(identity: Identity, origin: Chain) -> (Self, String) {
        let mut line = String::new();
        let mut text = JournalText::new(identity, origin);
        // A string takes all that is written.
        let _ = text.first(&mut line);
        (Self(text), line)
    }

    /// Which journal it is of.
    pub(crate) const fn identity(&self) -> Identity {
        self.0.identity()
    }

    /// The point of the chain after the last line.
    pub(crate) const fn chain(&self) -> Chain {
        self.0.chain()
    }

    /// The next frame's line.
    pub(crate) fn frame(&mut self, kind: Kind, payload: &[u8]) -> String {
        let mut line = String::new();
        let _ = self.0.frame(kind, payload, &mut line);
        line
    }

    /// The last line.
    pub(crate) fn end(&mut self) -> String {
        let mut line = String::new();
        let _ = self.0.end(&mut line);
        line
    }
}

/// An export that is fetched piece by piece, as far as it came.
pub(crate) enum Partial {
    /// It has its last line.
    Whole,
    /// It has not: it goes on from here, after so many bytes of whole lines.
    Cut {
        /// What makes the next line.
        writer: Writer,
        /// Where that line begins.
        bytes: u64,
    },
}

impl Partial {
    /// Reads one and verifies its chain.
    ///
    /// # Errors
    /// [`Refusal`] where it is no export, or not as it was written.
    pub(crate) fn read(path: &Path) -> Result<Self, Refusal> {
        let name = path.display();
        let refuse = |what: &str| {
            let remedy = "name a new file, and keep this one";
            Refusal::found(format!("{name}: {what}"), remedy)
        };
        let bytes = answer::read(path)?;
        let text = str::from_utf8(&bytes).map_err(|_| refuse("is no export"))?;
        let mut lines = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        let first: First = lines
            .next()
            .and_then(|line| serde_json::from_str(line).ok())
            .filter(|first: &First| first.openpile_export == TEXT_VERSION)
            .ok_or_else(|| refuse("is no export"))?;
        let (Some(identity), Some(head)) = (bytes_of(&first.identity), bytes_of(&first.head))
        else {
            return Err(refuse("the first line has no identity or no head"));
        };
        let origin = Chain {
            seq: first.seq,
            head: Head::new(head),
        };
        let (mut writer, line) = Writer::begin(Identity::new(identity), origin);
        let mut length = line.len();
        for (line, number) in lines.zip(2_usize..) {
            if serde_json::from_str::<Last>(line).is_ok() {
                return Ok(Self::Whole);
            }
            let wrong = || refuse(&format!("line {number} is not as it was written"));
            let frame: Line = serde_json::from_str(line).map_err(|_| wrong())?;
            let payload = unhex(&frame.payload).ok_or_else(wrong)?;
            // The same line comes of the same frame, or the chain breaks there.
            if writer.frame(frame.mark.kind(), &payload) != line {
                return Err(wrong());
            }
            length += line.len();
        }
        let bytes = length as u64;
        Ok(Self::Cut { writer, bytes })
    }
}

fn tag(chain: Chain) -> String {
    chain.head.to_string().chars().take(8).collect()
}

/// Reads an export and verifies its chain.
pub(super) fn parse(name: String, bytes: &[u8]) -> Result<Log, Trouble> {
    let refuse = |what: &str| {
        let remedy = "give an export that `pilectl ledger export` wrote, or a flash image";
        Trouble::from(Refusal::new(format!("{name}: {what}"), remedy))
    };
    let text = str::from_utf8(bytes).map_err(|_| refuse("not a ledger: text with odd bytes"))?;
    let mut lines = text.lines().zip(1_usize..);
    let first = lines.next().map_or("", |(line, _)| line);
    if let Some(version) = version(first).filter(|version| *version != u64::from(TEXT_VERSION)) {
        let what = format!("{name}: an export in format {version}, this reads {TEXT_VERSION}");
        return Err(Refusal::new(what, "use the pilectl that wrote it").into());
    }
    let first: First = serde_json::from_str(first)
        .map_err(|_| refuse("not a ledger: the first line is not that of an export"))?;
    let (Some(identity), Some(head)) = (bytes_of(&first.identity), bytes_of(&first.head)) else {
        return Err(refuse("the first line has no identity or no head"));
    };
    let identity = Identity::new(identity);
    let origin = Chain {
        seq: first.seq,
        head: Head::new(head),
    };
    let mut reader = Reader {
        chain: origin,
        frames: Vec::new(),
        before: None,
    };
    if origin.seq <= 1 && origin != Chain::genesis(identity) {
        return Err(reader.wrong(1, "the first line is not that of this pile's first record"));
    }
    for (line, number) in lines.by_ref() {
        if let Ok(frame) = serde_json::from_str::<Line>(line) {
            reader.frame(&frame, number)?;
            continue;
        }
        let Ok(last) = serde_json::from_str::<Last>(line) else {
            let half = text.lines().count() == number && !text.ends_with('\n');
            return Err(if half {
                reader.cut(number)
            } else {
                reader.wrong(number, "the line cannot be read")
            });
        };
        reader.last(&last, number)?;
        let covered = text
            .lines()
            .take(number - 1)
            .map(|line| line.len() + 1)
            .sum();
        let covered = text.get(..covered).unwrap_or_default();
        if hex(&Sha256::digest(covered)) != last.sha256 {
            let what = "the records are as they were written, but the first line or the line ends \
                        of the file are not";
            return Err(reader.wrong(1, what));
        }
        if let Some((_, number)) = lines.next() {
            return Err(reader.wrong(number, "there is more after the last line"));
        }
        let Reader { chain, frames, .. } = reader;
        let mut log = Log::fold(name, identity, (origin, chain), frames)?;
        "an export".clone_into(&mut log.form);
        return Ok(log);
    }
    Err(reader.cut(text.lines().count()))
}

fn version(line: &str) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    value.get("openpile_export")?.as_u64()
}

fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    unhex(text)?.try_into().ok()
}

struct Reader {
    chain: Chain,
    frames: Vec<Frame>,
    before: Option<Entry>,
}

impl Reader {
    fn frame(&mut self, line: &Line, number: usize) -> Result<(), Trouble> {
        let expected = self.chain.seq;
        if line.seq > expected {
            let what = format!("it is missing: the line holds {}", line.seq);
            return Err(self.wrong(number, &what));
        }
        if line.seq < expected {
            let what = format!("record {} stands in its place a second time", line.seq);
            return Err(self.wrong(number, &what));
        }
        let Some(payload) = unhex(&line.payload) else {
            return Err(self.wrong(number, "its bytes are not hexadecimal"));
        };
        let frame = Frame {
            seq: line.seq,
            kind: line.mark.kind(),
            payload,
        };
        let next = self.chain.after(frame.kind, &frame.payload);
        let record = frame.record();
        if frame.payload.len() > usize::from(u8::MAX) || tag(next) != line.tag {
            let what = "its bytes are not those that were written: the hash chain breaks";
            return Err(Trouble::Found(Box::new(Finding {
                now: record,
                ..self.finding(number, what, Meaning::Altered)
            })));
        }
        self.before = record.or(self.before.take());
        self.frames.push(frame);
        self.chain = next;
        Ok(())
    }

    fn last(&self, last: &Last, number: usize) -> Result<(), Trouble> {
        if last.seq >= self.chain.seq {
            let what = format!("it is missing: the last line counts up to {}", last.seq);
            return Err(self.wrong(number, &what));
        }
        if last.seq + 1 != self.chain.seq || last.head != self.chain.head.to_string() {
            return Err(self.wrong(number, "the last line is not that of these records"));
        }
        Ok(())
    }

    fn wrong(&self, line: usize, what: &str) -> Trouble {
        Trouble::Found(Box::new(self.finding(line, what, Meaning::Altered)))
    }

    fn cut(&self, lines: usize) -> Trouble {
        let what = "the export ends without its last line";
        Trouble::Found(Box::new(self.finding(lines, what, Meaning::CutShort)))
    }

    fn finding(&self, line: usize, what: &str, meaning: Meaning) -> Finding {
        Finding {
            number: self.chain.seq,
            what: what.to_owned(),
            place: format!("line {line} of the file"),
            now: None,
            before: self.before.clone(),
            good: self.frames.len(),
            meaning,
        }
    }
}
