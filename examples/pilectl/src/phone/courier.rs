//! The ledger, carried from the pile piece by piece, verified as it comes.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Seek, SeekFrom, Write};
use std::path::Path;

use ble_protocol::Refusal as Reason;
use ble_protocol::message::{ExportCursor, Request, Response};

use super::house::done;
use super::talk::Talk;
use super::words;
use crate::answer::{Answer, Refusal};
use crate::figures::{counted, grouped};
use crate::ledger::compare;
use crate::ledger::export::{Partial, Writer};
use crate::ledger::log::{Log, Trouble};

/// `export OUT`.
///
/// # Errors
/// [`Refusal`] if it is not fetched; what came so far stays in the file.
pub fn export(talk: &mut Talk, out: &Path, confirm: bool) -> Result<Answer, Refusal> {
    let name = out.display();
    fetch(talk, out)?;
    let log = Log::read(out).map_err(|trouble| match trouble {
        Trouble::Refused(refusal) => refusal,
        found @ Trouble::Found(_) => Refusal::found(
            format!("{name}: {found}"),
            "keep the file, and look at it: pilectl ledger verify",
        ),
    })?;
    let (number, head) = (log.confirm(), log.end.head);
    let frames = counted(log.frames.len() as u64, "frame");
    let told = format!("{name}: {frames}, up to record {number}\nhead {head}\n");
    if !confirm {
        return Ok(Answer::well(format!(
            "{told}\n{}\nOnce the file is in safe hands: pilectl phone export {name} --confirm\n",
            compare::confirm(number)
        )));
    }
    let request = Request::ConfirmExport { through: number };
    let said = format!("{told}Confirmed: the pile may drop what is settled and paid of it.\n");
    done(talk, request, said)
}

/// Fetches what the file does not have yet. A whole export is left as it is.
fn fetch(talk: &mut Talk, out: &Path) -> Result<(), Refusal> {
    let broken = |error: std::io::Error| {
        let what = format!("{}: cannot be written: {error}", out.display());
        Refusal::new(what, "check the disk, and go on with the same command")
    };
    let mut begun: Option<(File, Writer)> = None;
    if out.exists() {
        match Partial::read(out)? {
            Partial::Whole => return Ok(()),
            Partial::Cut { writer, bytes } => {
                let mut file = OpenOptions::new().write(true).open(out).map_err(broken)?;
                // A line that was cut off in its middle comes again.
                file.set_len(bytes).map_err(broken)?;
                file.seek(SeekFrom::End(0)).map_err(broken)?;
                begun = Some((file, writer));
            }
        }
    }
    let mut cursor = match &begun {
        None => ExportCursor::START,
        Some((_, writer)) => ExportCursor {
            seq: writer.chain().seq,
            place: 0,
        },
    };
    loop {
        let chunk = match talk.try_ask(Request::ExportFrom { cursor })? {
            Response::Export(chunk) => chunk,
            Response::Refused(Reason::NotHere) if begun.is_some() => {
                return Err(Refusal::new(
                    format!("{}: the pile has dropped what comes next", out.display()),
                    "fetch another export, into a new file, and keep this one",
                ));
            }
            Response::Refused(why) => return Err(words::refused(why)),
            _ => return Err(words::odd()),
        };
        let (file, writer) = if let Some((file, writer)) = &mut begun {
            (file, writer)
        } else {
            let file = File::create_new(out).map_err(broken)?;
            let (writer, line) = Writer::begin(chunk.identity(), chunk.origin());
            let (file, writer) = begun.insert((file, writer));
            file.write_all(line.as_bytes()).map_err(broken)?;
            (file, writer)
        };
        if writer.identity() != chunk.identity() {
            return Err(Refusal::new(
                format!(
                    "{}: is an export of another pile, or of its former ledger",
                    out.display()
                ),
                "name a new file",
            ));
        }
        if writer.chain() != chunk.origin() {
            return Err(Refusal::found(
                format!(
                    "{}: what the pile tells does not continue it, from frame {} on",
                    out.display(),
                    writer.chain().seq
                ),
                "keep the file; fetch another into a new one, and compare: pilectl ledger verify \
                 NEW --against OLD",
            ));
        }
        let mut lines = String::new();
        for (kind, payload) in chunk.frames.iter() {
            lines += &writer.frame(kind, payload);
        }
        if chunk.done {
            lines += &writer.end();
        }
        file.write_all(lines.as_bytes()).map_err(broken)?;
        progress(writer.chain().seq, chunk.done);
        if chunk.done {
            return file.sync_all().map_err(broken);
        }
        if chunk.frames.is_empty() {
            return Err(words::odd());
        }
        cursor = chunk.next;
    }
}

fn progress(frames: u64, done: bool) {
    if std::io::stderr().is_terminal() {
        eprint!("\rframe {} ", grouped(frames));
        if done {
            eprintln!();
        }
    }
}
