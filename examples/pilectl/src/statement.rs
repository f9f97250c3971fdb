//! `pilectl statement`: what an account is to pay, every session of it, checked.

use std::collections::BTreeSet;
use std::path::PathBuf;

use billing_core::book::Account;
use billing_core::record::Record;
use billing_core::statement::{Period, StatementError};
use clap::{Args, ValueEnum};
use pile_units::{AccountId, UnixSeconds, WallTime};

use crate::answer::{self, Answer, Refusal};
use crate::figures::counted;
use crate::ledger::archive::Archive;

mod csv;
pub mod gather;
mod html;
mod json;
mod names;
mod text;

use gather::{Bundle, Sheet};

/// How a statement is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, 80 columns.
    Text,
    /// For a spreadsheet: a row a segment, a session, a total.
    Csv,
    /// For programs.
    Json,
    /// For paper: one page, nothing from the network.
    Html,
}

/// Options of `statement`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Without --settlement or --month the statement is of what is open since the last settlement.

Examples:
  pilectl statement pile.bin --account 3
  pilectl statement pile.bin --settlement 12 --format html --out october.html
  pilectl statement pile.bin exports/*.jsonl --all --month 2026-10 --names names.csv

Exit code 0: the sessions add up to the readings and amounts of the ledger; 1: they do not, and
what does not; 2: no statement can be made.")]
pub struct Options {
    /// Flash images and exports of one pile; what one has dropped may stand in another.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Of this account: its number, or its name in --names.
    #[arg(long, value_name = "N|NAME")]
    pub account: Option<String>,
    /// Of all accounts.
    #[arg(long, conflicts_with = "account")]
    pub all: bool,
    /// Of what this settlement froze.
    #[arg(long, value_name = "N", conflicts_with_all = ["all", "open", "month"])]
    pub settlement: Option<u32>,
    /// Of what is open since the last settlement.
    #[arg(long, conflicts_with = "month")]
    pub open: bool,
    /// Of the sessions that ended in this month, such as 2026-10.
    #[arg(long, value_name = "YYYY-MM")]
    pub month: Option<String>,
    /// How to write it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The file to write, instead of the terminal.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Names for accounts: a CSV file with the columns account and name.
    #[arg(long, value_name = "FILE.csv")]
    pub names: Option<PathBuf>,
}

/// Makes the statement.
///
/// # Errors
/// [`Refusal`] if it cannot be made.
pub fn run(options: &Options) -> Result<Answer, Refusal> {
    let names = options
        .names
        .as_deref()
        .map_or_else(|| Ok(names::Names::default()), names::read)?;
    let archive = Archive::read(&options.files)?;
    let (accounts, period) = asked(options, &archive, &names)?;
    let mut sheets = Vec::new();
    for account in accounts {
        match gather::sheet(&archive, account, period) {
            Ok(sheet) => sheets.push(Sheet {
                // The landlord's own list goes before what the pile was told.
                name: names
                    .get(&account.id)
                    .cloned()
                    .or_else(|| archive.book.name(account.id).map(ToString::to_string)),
                ..sheet
            }),
            Err(error) => return refused(account.id, error),
        }
    }
    let bundle = Bundle {
        archive: &archive,
        plans: archive.plans(),
        sheets,
    };
    let warning = archive.warning.clone();
    let written = match options.format {
        Format::Text => text::write(&bundle),
        Format::Csv => csv::write(&bundle),
        Format::Json => json::write(&bundle),
        Format::Html => html::write(&bundle),
    };
    match &options.out {
        None => Ok(Answer::well(written).with_warning(warning)),
        Some(out) => {
            answer::write(out, written.as_bytes())?;
            let sessions = bundle
                .sheets
                .iter()
                .map(|it| it.sessions.len() as u64)
                .sum();
            let told = counted(bundle.sheets.len() as u64, "statement");
            let out = out.display();
            let sessions = counted(sessions, "session");
            Ok(Answer::well(format!("{out}: {told}, {sessions}\n")).with_warning(warning))
        }
    }
}

fn asked<'a>(
    options: &Options,
    archive: &'a Archive,
    names: &names::Names,
) -> Result<(Vec<&'a Account>, Period), Refusal> {
    if options.account.is_none() && options.settlement.is_none() && !options.all {
        let remedy = "give --account N, --settlement N, or --all for everybody";
        return Err(Refusal::new("no statement without an account", remedy));
    }
    let asked = options.account.as_deref();
    let asked = asked
        .map(|text| names::find(names, &archive.book, text))
        .transpose()?;
    let asked = asked.map(|id| account(archive, id)).transpose()?;
    if let Some(id) = options.settlement {
        let of = settled_account(archive, id)?;
        if let Some(asked) = asked.filter(|asked| asked.id != of) {
            let what = format!("settlement {id} is of account {of}, not of {}", asked.id);
            return Err(Refusal::new(what, "leave --account out"));
        }
        return Ok((vec![account(archive, of)?], Period::Settlement(id)));
    }
    let period = match &options.month {
        Some(text) => {
            let month = archive.zone.month(text);
            let (from, to) = month.ok_or_else(|| {
                Refusal::new(format!("{text} is no month"), "write it as 2026-10")
            })?;
            covered(archive, text, (from, to))?;
            Period::Between { from, to }
        }
        None => Period::Open,
    };
    let accounts = match asked {
        Some(asked) => vec![asked],
        None => archive.book.accounts().iter().collect(),
    };
    Ok((accounts, period))
}

/// A month that lies before the first session of the files or after the last time they tell would
/// give an empty bill that looks like a true one. Sessions are dated as a statement dates them: by
/// the latest day that a bill of before it told, and from before the clock was first set, 1970-01.
fn covered(
    archive: &Archive,
    month: &str,
    (from, to): (UnixSeconds, UnixSeconds),
) -> Result<(), Refusal> {
    let (mut clock, mut last) = (WallTime::default(), None::<WallTime>);
    let (mut first, mut undated) = (None::<WallTime>, false);
    let mut dated = BTreeSet::new();
    for entry in &archive.entries {
        clock = entry.record.time_after(clock);
        if clock.quality.tells_time_of_day() && last.is_none_or(|it| it.unix < clock.unix) {
            last = Some(clock);
        }
        if let Record::SessionClosed(session) = &entry.record {
            if session.closed.quality.tells_time_of_day() {
                first = first.or(Some(session.closed));
                dated.insert(session.account);
            } else {
                undated |= !dated.contains(&session.account);
            }
        }
    }
    let span = first.zip(last);
    let known = span.is_some_and(|(first, last)| first.unix < to && from <= last.unix);
    if known || (undated && from.get() == 0) {
        return Ok(());
    }
    let zone = archive.zone;
    let there = match (span, undated) {
        (Some((first, last)), _) => format!(
            "their sessions go from {} to {}",
            zone.minute(first),
            zone.minute(last)
        ),
        (None, true) => "their sessions have no date, and stand under 1970-01".to_owned(),
        (None, false) => "no session has ended in them".to_owned(),
    };
    Err(Refusal::new(
        format!("nothing of {month} is in these files: {there}"),
        "give another month, or add the exports of that time",
    ))
}

/// An account of the pile.
///
/// # Errors
/// [`Refusal`] that says which there are.
pub(crate) fn account(archive: &Archive, id: AccountId) -> Result<&Account, Refusal> {
    archive.book.account(id).ok_or_else(|| {
        let all = archive.book.accounts();
        let there = match (all.first(), all.last()) {
            (Some(first), Some(last)) if first.id != last.id => {
                format!("there are accounts {} to {}", first.id, last.id)
            }
            (Some(only), _) => format!("there is account {} and no other", only.id),
            (None, _) => "there is none yet".to_owned(),
        };
        Refusal::new(format!("no account {id}"), there)
    })
}

fn settled_account(archive: &Archive, id: u32) -> Result<AccountId, Refusal> {
    let of = archive
        .entries
        .iter()
        .find_map(|entry| match &entry.record {
            Record::Settled(it) if it.id == id => Some(it.account),
            _ => None,
        });
    of.ok_or_else(|| {
        let next = archive.book.next_settlement();
        if id >= next || id == 0 {
            let there = match next {
                1 => "nothing was settled yet".to_owned(),
                2 => "there is settlement 1 and no other".to_owned(),
                next => format!("there are settlements 1 to {}", next - 1),
            };
            return Refusal::new(format!("no settlement {id}"), there);
        }
        let what = format!("settlement {id} is not in these files: it was paid, exported, dropped");
        Refusal::new(what, "add an export from before")
    })
}

fn refused(account: AccountId, error: StatementError) -> Result<Answer, Refusal> {
    match error {
        StatementError::Missing { expected, found } => Err(Refusal::new(
            format!("account {account}: {found} of its {expected} sessions are in these files"),
            "the others were exported and dropped; add the exports from before",
        )),
        StatementError::Session {
            number,
            session,
            why: why @ billing_core::statement::Difference::Segments { .. },
        } => Err(Refusal::new(
            format!("account {account}, session {session} (record {number}): {why}"),
            "the others were exported and dropped; add the exports from before",
        )),
        error => Ok(Answer::wrong(format!(
            "NO STATEMENT OF ACCOUNT {account}: {error}.\n\n\
             The ledger contradicts itself, so nothing is billed from it. Compare it with an earlier\n\
             export and with the tenant's signed receipts.\n"
        ))),
    }
}
