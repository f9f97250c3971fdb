//! A ledger from the image of a flash.

use billing_core::journal::{Chain, Corruption, Damage, Entry as Seen, Journal, Kind, MountError};
use billing_core::journal::{ScanError, VERSION};
use billing_core::record::Record;

use super::flash::{Image, OutOfImage, Shape};
use super::log::{Entry, Finding, Frame, Log, Meaning, Trouble};
use crate::answer::Refusal;
use crate::figures::{counted, grouped};

/// What of a journal was verified before the damage.
#[derive(Default)]
struct Verified {
    before: Option<Entry>,
    good: usize,
}

impl Verified {
    fn see(&mut self, entry: Seen<'_>) {
        self.good += 1;
        if let (Kind::Record | Kind::Carried, Some(record)) =
            (entry.kind, Record::decode(entry.payload))
        {
            self.before = Some(Entry {
                number: entry.seq,
                payload: entry.payload.to_vec(),
                record,
            });
        }
    }
}

/// Reads an image.
pub(super) fn parse(name: String, mut bytes: Vec<u8>) -> Result<Log, Trouble> {
    let refuse =
        |what: String, remedy: &str| Trouble::from(Refusal::new(format!("{name}: {what}"), remedy));
    let Some(shape) = Shape::of(&bytes) else {
        return Err(if bytes.iter().all(|byte| *byte == 0xff) {
            let what = "the flash is blank, it never held a ledger".to_owned();
            refuse(what, "give the image of a pile's flash")
        } else {
            refuse(
                "not a ledger: neither a page of a flash image nor an export".to_owned(),
                "give the image of the pile's flash, whole and from its first byte, or an export",
            )
        });
    };
    if shape.version != VERSION {
        let what = format!(
            "a ledger in format {}, this is for {VERSION}",
            shape.version
        );
        return Err(refuse(what, "use the pilectl of the pile's own version"));
    }
    let held = bytes.len();
    if held > shape.bytes() {
        let extra = grouped((held - shape.bytes()) as u64);
        let what = format!("{extra} bytes more than the flash that its ledger was written for");
        return Err(refuse(
            what,
            "give the image of the ledger's part of the flash alone",
        ));
    }
    bytes.resize(shape.bytes(), 0xff);
    let read = match (shape.write, shape.page) {
        (1, 4096) => mounted::<1, 4096>(name, bytes, shape),
        (4, 4096) => mounted::<4, 4096>(name, bytes, shape),
        (8, 2048) => mounted::<8, 2048>(name, bytes, shape),
        (8, 4096) => mounted::<8, 4096>(name, bytes, shape),
        (16, 8192) => mounted::<16, 8192>(name, bytes, shape),
        (write, page) => {
            let what = format!("a flash of pages of {page} bytes, written {write} at a time");
            let remedy = "use 4096/1, 4096/4, 2048/8, 4096/8 or 8192/16, or an export";
            return Err(refuse(what, remedy));
        }
    };
    if held == shape.bytes() {
        return read;
    }
    // Cut short: what is missing reads as erased, and an end of the log proves nothing.
    let what = format!(
        "the file ends after {} of {} bytes",
        grouped(held as u64),
        grouped(shape.bytes() as u64)
    );
    let finding = match read {
        Ok(log) => Finding {
            number: log.end.seq,
            what,
            place: format!("byte {} of the file, its end", grouped(held as u64)),
            good: log.frames.len(),
            before: log.entries.last().cloned(),
            meaning: Meaning::CutShort,
        },
        Err(Trouble::Found(finding)) if finding.meaning == Meaning::Altered => Finding {
            what: format!("{what}: {}", finding.what),
            meaning: Meaning::CutShort,
            ..*finding
        },
        Err(other) => return Err(other),
    };
    Err(Trouble::Found(Box::new(finding)))
}

fn mounted<const WRITE: usize, const PAGE: usize>(
    name: String,
    bytes: Vec<u8>,
    shape: Shape,
) -> Result<Log, Trouble> {
    let mut image = Image::<WRITE, PAGE>::new(bytes);
    let mut verified = Verified::default();
    let mut visit = |entry: Seen<'_>| verified.see(entry);
    let mounted = embassy_futures::block_on(Journal::<_>::mount(&mut image, &mut visit));
    let mut journal = match mounted {
        Ok(journal) => journal,
        Err(MountError::Corrupt(damage)) => {
            let finding = found(damage, &image.bytes(), shape, verified);
            return Err(Trouble::Found(Box::new(finding)));
        }
        Err(error) => {
            let what = format!("{name}: {error}");
            let remedy = "give the whole image of a pile's flash";
            return Err(Refusal::new(what, remedy).into());
        }
    };
    let mended = journal.mended();
    let identity = journal.identity();
    let end = Chain {
        seq: journal.next_seq(),
        head: journal.head(),
    };
    let mut frames = Vec::new();
    let mut keep = |frame: billing_core::journal::RawFrame<'_>| {
        frames.push(Frame {
            seq: frame.seq,
            kind: frame.kind,
            payload: frame.payload.to_vec(),
        });
    };
    let origin = embassy_futures::block_on(journal.export(&mut keep)).map_err(|error| {
        let what: ScanError<OutOfImage> = error;
        Refusal::new(format!("{name}: {what}"), "read the flash once more")
    })?;
    let mut log = Log::fold(name, identity, (origin, end), frames)?;
    log.form = format!(
        "a flash image of {} of {} bytes",
        counted(shape.pages as u64, "page"),
        grouped(shape.page as u64)
    );
    log.mended = match (mended.bits, mended.torn) {
        (0, false) => None,
        (0, true) => {
            Some("the last write was cut by a power loss; it was never acknowledged".into())
        }
        (bits, torn) => {
            let torn = if torn {
                "; the last write was cut by a power loss"
            } else {
                ""
            };
            let bits = counted(bits.into(), "record");
            Some(format!("{bits} read in spite of one wrong bit each{torn}"))
        }
    };
    Ok(log)
}

fn found(damage: Corruption, image: &[u8], shape: Shape, verified: Verified) -> Finding {
    let page = usize::try_from(damage.page).unwrap_or(usize::MAX);
    let frame = match damage.kind {
        Damage::Frame | Damage::Chain | Damage::Misplaced => shape.frame(image, page, damage.seq),
        Damage::Header | Damage::NoHeader => None,
    };
    let start = page.saturating_mul(shape.page);
    let (from, length) = frame.unwrap_or((start, shape.page));
    let place = format!(
        "page {page} of the flash, bytes {} to {} of the file",
        grouped(from as u64),
        grouped((from + length).saturating_sub(1) as u64)
    );
    let what = match damage.kind {
        Damage::NoHeader => "no page of the flash can be read",
        Damage::Header => "the page that should hold it has no readable header, or a wrong one",
        Damage::Frame => "its bytes are not those that were written: the check sum is wrong",
        Damage::Chain => "its bytes are not those that were written: the hash chain breaks",
        Damage::Misplaced => "its bytes continue the chain, but it cannot stand here",
    };
    Finding {
        number: damage.seq,
        what: what.to_owned(),
        place,
        before: verified.before,
        good: verified.good,
        meaning: Meaning::Altered,
    }
}
