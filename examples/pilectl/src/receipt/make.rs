//! `pilectl receipt make`: the receipts of a ledger's sessions, signed with the pile's key.

use std::path::{Path, PathBuf};

use billing_core::receipt::SoftwareKey;
use clap::Args;
use pile_units::{AccountId, SessionId};
use zeroize::Zeroizing;

use super::key;
use super::sign::{self, Made, Receipts};
use crate::answer::{self, Answer, Refusal};
use crate::figures::counted;
use crate::kit::files;
use crate::ledger::archive::Archive;

/// Options of `receipt make`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Every session that has ended has one receipt. They are made of records that verify, and the same
records, key and firmware give the same bytes. Make them of the image and all exports together: what
one has dropped may stand in another, and a receipt names the one of the page before it.

Examples:
  pilectl receipt key --new pile.pem
  pilectl receipt make pile.bin exports/*.jsonl --key pile.pem --out receipts.ocmf
  pilectl receipt make pile.bin --key pile.pem --account 7 --out account-7.ocmf

Exit code 0: they are made, or stand in the file already; 1: the ledger is not as it was written; 2: no
receipts, no key, or another file in the way.")]
pub struct Options {
    /// Flash images and exports of one pile; what one has dropped may stand in another.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The pile's private key, as PEM.
    #[arg(long, value_name = "PRIVATE.pem")]
    pub key: PathBuf,
    /// Only the receipt of this session.
    #[arg(long, value_name = "N", conflicts_with_all = ["account", "all"])]
    pub session: Option<u32>,
    /// Only those of this account.
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub account: Option<u16>,
    /// All of them, as without --session and --account.
    #[arg(long)]
    pub all: bool,
    /// The file to write, one receipt a line.
    #[arg(long, value_name = "F.ocmf")]
    pub out: PathBuf,
    /// The version of the pile's firmware, which the ledger does not hold.
    #[arg(long, value_name = "TEXT", default_value = env!("CARGO_PKG_VERSION"))]
    pub firmware: String,
}

/// Makes them.
///
/// # Errors
/// [`Refusal`] if there is nothing to make or to make it with, or if a file is in the way.
pub fn run(options: &Options) -> Result<Answer, Refusal> {
    let key = read_private(&options.key)?;
    let archive = Archive::read(&options.files)?;
    let warning = archive.warning.clone();
    let records = archive.entries.iter().map(|it| (it.number, &it.record));
    let all = sign::sign(
        &archive.book,
        records,
        |from, to| archive.covers(from, to),
        &options.firmware,
        &key,
    )
    .map_err(|why| Refusal::found(why, "nothing was signed of it"))?;
    let wanted = wanted(options, &archive, &all)?;
    let text: String = wanted.iter().map(|it| it.record.clone() + "\n").collect();
    let there = std::fs::read(&options.out).is_ok_and(|bytes| bytes == text.as_bytes());
    if !there {
        answer::write(&options.out, text.as_bytes())?;
    }
    let told = told(options, &key, &all, &wanted);
    Ok(Answer::well(told).with_warning(warning))
}

fn wanted<'a>(
    options: &Options,
    archive: &Archive,
    all: &'a Receipts,
) -> Result<Vec<&'a Made>, Refusal> {
    let account = options.account.map(AccountId::new);
    if let Some(account) = account {
        crate::statement::account(archive, account)?;
    }
    let session = options.session.map(SessionId::new);
    let wanted = all.made.iter().filter(|it| {
        session.is_none_or(|wanted| it.session == wanted)
            && account.is_none_or(|wanted| it.account == wanted)
    });
    let wanted: Vec<_> = wanted.collect();
    if !wanted.is_empty() {
        return Ok(wanted);
    }
    let lacks = match session {
        Some(session) => all.left_out.iter().any(|(_, it)| *it == session),
        None => !all.left_out.is_empty(),
    };
    Err(if lacks {
        Refusal::new(
            "the first records of what is asked for are not in these files",
            "they were exported and dropped; add the exports from before",
        )
    } else {
        let of = match (session, account) {
            (Some(session), _) => format!(": session {session} is not one that has ended"),
            (_, Some(account)) => format!(" of account {account}"),
            _ => String::new(),
        };
        Refusal::new(
            format!("these files hold no session with a receipt{of}"),
            "`ledger show` tells what they hold",
        )
    })
}

fn told(options: &Options, key: &SoftwareKey, all: &Receipts, wanted: &[&Made]) -> String {
    let out = options.out.display();
    let pages = match (wanted.first(), wanted.last()) {
        (Some(first), Some(last)) if first.page != last.page => {
            format!("pages {} to {}", first.page, last.page)
        }
        (Some(only), _) => format!("page {}", only.page),
        (None, _) => String::new(),
    };
    let whole = wanted.iter().zip(1u32..).all(|(it, page)| it.page == page);
    let part = if whole { "" } else { " --part" };
    let mut text = format!(
        "{out}: {}, {pages}, signed with {}.\nWho has the key checks them with: \
         pilectl receipt verify {out} --key KEY.pem{part}\n",
        counted(wanted.len() as u64, "receipt"),
        key::mark(&key.public_key()),
    );
    for page in wanted.iter().filter(|it| it.begins).map(|it| it.page) {
        let before = page.saturating_sub(1);
        text += &format!(
            "Note: page {page} names no page before it: page {before} is not in these files. With \
             the exports from before it is another receipt.\n"
        );
    }
    let unknown = wanted.iter().filter(|it| it.clock_unknown).count() as u64;
    if unknown > 0 {
        text += &format!(
            "Note: {}: the times before the stop are marked as in doubt, since the records from \
             the opening on are not all in these files, and the clock may have been set.\n",
            counted(unknown, "receipt")
        );
    }
    if options.session.is_none() && !all.left_out.is_empty() {
        text += &format!(
            "Note: {} left out, whose first records were exported and dropped: add the exports \
             from before.\n",
            counted(all.left_out.len() as u64, "session")
        );
    }
    text
}

fn read_private(path: &Path) -> Result<SoftwareKey, Refusal> {
    let bytes = Zeroizing::new(answer::read(path)?);
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let text = Zeroizing::new(format!("{}\n", text.trim().replace("\r\n", "\n")));
    match SoftwareKey::from_pem(&text) {
        Ok(key) => {
            files::warn_if_open_to_others(path);
            Ok(key)
        }
        Err(_) if key::read(&bytes).is_some() => Err(Refusal::new(
            format!("{}: is a public key, which signs nothing", path.display()),
            "give the private key",
        )),
        Err(_) => Err(Refusal::new(
            format!(
                "{}: not a private key of the curve P-256 as PEM",
                path.display()
            ),
            "give the pile's, or make one with `pilectl receipt key --new`",
        )),
    }
}
