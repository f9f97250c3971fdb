//! A ledger as text: one JSON object a line, as checkable as the flash it was read from.
//!
//! | line | members |
//! | --- | --- |
//! | the first | `openpile_export`: 1, the version; `identity` of the journal; `first_seq` and `first_head`: the number of the first frame, and the head of the hash chain before it |
//! | one a frame | `seq`; `mark`: `record`, `carried`, `piece` or `end`; `payload`; `tag`: the first four bytes of the chain's head after it |
//! | the last | `seq` of the last frame and the `head` after it; `sha256` of all lines before |
//!
//! Bytes are in lower-case hexadecimal. The chain is that of the
//! [journal](billing_core::journal): it starts from `first_head`, runs through every frame, meets
//! its `tag`, and ends at `head`. A frame that was altered, left out, added or moved breaks it, and
//! the first that does is named.

use billing_core::journal::{Chain, Head, Identity, Kind};
use billing_core::record::Record;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::log::{Entry, Finding, Frame, Log, Meaning, Trouble};
use crate::answer::Refusal;
use crate::figures::{hex, unhex};

/// The version of the format.
pub const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    openpile_export: u32,
    identity: String,
    #[serde(rename = "first_seq")]
    seq: u64,
    #[serde(rename = "first_head")]
    head: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: u64,
    mark: Mark,
    payload: String,
    tag: String,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Record,
    Carried,
    Piece,
    End,
}

impl Mark {
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Record => Self::Record,
            Kind::Carried => Self::Carried,
            Kind::Piece => Self::Piece,
            Kind::End => Self::End,
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Record => Kind::Record,
            Self::Carried => Kind::Carried,
            Self::Piece => Kind::Piece,
            Self::End => Kind::End,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
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
    let mut text = String::new();
    put(
        &mut text,
        &First {
            openpile_export: VERSION,
            identity: hex(&log.identity.bytes()),
            seq: log.origin.seq,
            head: log.origin.head.to_string(),
        },
    );
    let mut chain = log.origin;
    for frame in &log.frames {
        chain = chain.after(frame.kind, &frame.payload);
        put(
            &mut text,
            &Line {
                seq: frame.seq,
                mark: Mark::of(frame.kind),
                payload: hex(&frame.payload),
                tag: tag(chain),
            },
        );
    }
    let sha256 = hex(&Sha256::digest(&text));
    put(
        &mut text,
        &Last {
            seq: chain.seq.saturating_sub(1),
            head: chain.head.to_string(),
            sha256,
        },
    );
    text
}

fn put(text: &mut String, line: &impl Serialize) {
    // Strings and numbers always become JSON.
    *text += &serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
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
    if let Some(version) = version(first).filter(|version| *version != u64::from(VERSION)) {
        let what = format!("{name}: an export in format {version}, this reads {VERSION}");
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
        let kind = line.mark.kind();
        let next = self.chain.after(kind, &payload);
        if payload.len() > usize::from(u8::MAX) || tag(next) != line.tag {
            let what = "its bytes are not those that were written: the hash chain breaks";
            return Err(self.wrong(number, what));
        }
        let frame = Frame {
            seq: line.seq,
            kind,
            payload,
        };
        if let (Kind::Record | Kind::Carried, Some(entry)) = (kind, frame.raw().entry())
            && let Some(record) = Record::decode(entry.payload)
        {
            self.before = Some(Entry {
                number: entry.seq,
                payload: entry.payload.to_vec(),
                record,
            });
        }
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
        self.finding(line, what, Meaning::Altered)
    }

    fn cut(&self, lines: usize) -> Trouble {
        let what = "the export ends without its last line";
        self.finding(lines, what, Meaning::CutShort)
    }

    fn finding(&self, line: usize, what: &str, meaning: Meaning) -> Trouble {
        Trouble::Found(Box::new(Finding {
            number: self.chain.seq,
            what: what.to_owned(),
            place: format!("line {line} of the file"),
            before: self.before.clone(),
            good: self.frames.len(),
            meaning,
        }))
    }
}
