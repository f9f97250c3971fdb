//! `pilectl ledger`: the pile's ledger, from the image of its flash or from an export.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use pile_units::{AccountId, SessionId};

use crate::answer::{self, Answer, Refusal};
use crate::figures::counted;

pub mod archive;
pub mod compare;
pub mod export;
pub mod flash;
mod image;
pub mod log;
pub mod show;
pub mod verify;
pub mod words;

use archive::Archive;
use log::{Log, Trouble};

/// The commands of `pilectl ledger`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Checks that a ledger is what the pile wrote, and names the first record that is not.
    #[command(after_help = "\
Whoever can rewrite the flash can compute its chain anew. --head and --against compare the ledger with
what you noted or kept of it before, and name the first record that is not the same.

Examples:
  pilectl ledger verify ledger.bin
  pilectl ledger verify ledger.bin --against october.jsonl

Exit code 0: every record is as it was written; 1: one is not, and which; 2: no ledger.")]
    Verify {
        /// The image of the pile's flash, or an export.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Does it end in, or go on from, this head that was noted earlier?
        #[arg(long, value_name = "HEX")]
        head: Option<String>,
        /// Does it continue this export or image?
        #[arg(long, value_name = "EXPORT|IMAGE")]
        against: Option<PathBuf>,
    },
    /// Shows the accounts, the records, or all that stands behind one session.
    #[command(after_help = "\
Examples:
  pilectl ledger show pile.bin
  pilectl ledger show pile.bin --records --account 3 --since 2026-10-01
  pilectl ledger show pile.bin older.jsonl --session 17")]
    Show {
        /// Flash images and exports of one pile.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Every record, a line each.
        #[arg(long)]
        records: bool,
        /// Only those of this account.
        #[arg(long, value_name = "N")]
        account: Option<u16>,
        /// Only those from this day on, such as 2026-10-01.
        #[arg(long, value_name = "DAY")]
        since: Option<String>,
        /// All that stands behind this session: its records, and the arithmetic of its bill.
        #[arg(long, value_name = "N", conflicts_with_all = ["records", "account", "since"])]
        session: Option<u32>,
    },
    /// Writes a ledger as text that can be verified as the flash can.
    #[command(after_help = "\
Keep exports: once the pile is told that one is in safe hands, by the number that is printed here, it
may drop what is settled and paid.")]
    Export {
        /// The image of the pile's flash, or an export.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The file to write.
        #[arg(long, value_name = "EXPORT")]
        out: PathBuf,
    },
}

/// Carries a command out.
///
/// # Errors
/// [`Refusal`] if it cannot be carried out at all.
pub fn run(command: &Command) -> Result<Answer, Refusal> {
    match command {
        Command::Verify {
            file,
            head,
            against,
        } => with(file, |log| check(log, head.as_deref(), against.as_deref())),
        Command::Export { file, out } => with(file, |log| {
            answer::write(out, export::text(log).as_bytes())?;
            let confirm = compare::confirm(log.confirm());
            Ok(Answer::well(format!(
                "{}: {}, up to record {}\nhead {}\n\n{confirm}\n\
                 That number, given to the pile once this file is in safe hands (`ConfirmExport`), \
                 lets it drop\nwhat is settled and paid. Note the head: `ledger verify --head` asks \
                 for it.\n",
                out.display(),
                counted(log.frames.len() as u64, "frame"),
                log.end.seq.saturating_sub(1),
                log.end.head,
            ))
            .with_warning(log.warning()))
        }),
        Command::Show {
            files,
            records,
            account,
            since,
            session,
        } => {
            let archive = Archive::read(files)?;
            let warning = archive.warning.clone();
            if let Some(session) = session {
                let shown = show::session(&archive, SessionId::new(*session))?;
                return Ok(shown.with_warning(warning));
            }
            let account = account.map(AccountId::new);
            if let Some(account) = account {
                crate::statement::account(&archive, account)?;
            }
            let day = |text: &String| {
                let day = archive.zone.day(text);
                day.ok_or_else(|| Refusal::new(format!("{text} is no day"), "write 2026-10-01"))
            };
            let since = since.as_ref().map(day).transpose()?;
            let listed = *records || account.is_some() || since.is_some();
            Ok(Answer::well(if listed {
                show::records(&archive, show::Filter { account, since })
            } else {
                show::summary(&archive)
            })
            .with_warning(warning))
        }
    }
}

/// Verifies a ledger by itself, then by what was known of it.
fn check(log: &Log, head: Option<&str>, against: Option<&Path>) -> Result<Answer, Refusal> {
    let mut told = String::new();
    if let Some(noted) = head {
        match compare::with_head(log, noted)? {
            Ok(text) => told += &text,
            Err(wrong) => return Ok(wrong),
        }
    }
    if let Some(path) = against {
        match Log::read(path) {
            Err(Trouble::Refused(refusal)) => return Err(refusal),
            Err(Trouble::Found(finding)) => {
                let name = path.display().to_string();
                return Ok(Answer::wrong(verify::found(&name, &finding)));
            }
            Ok(known) => match compare::with_file(log, &known) {
                Ok(text) => told += &text,
                Err(wrong) => return Ok(wrong),
            },
        }
    }
    Ok(verify::read(log, &told))
}

/// Reads one ledger; one that is not as it was written is told and exit code 1.
fn with(
    file: &Path,
    done: impl FnOnce(&Log) -> Result<Answer, Refusal>,
) -> Result<Answer, Refusal> {
    match Log::read(file) {
        Ok(log) => done(&log),
        Err(Trouble::Refused(refusal)) => Err(refusal),
        Err(Trouble::Found(finding)) => {
            let name = file.display().to_string();
            Ok(Answer::wrong(verify::found(&name, &finding)))
        }
    }
}
