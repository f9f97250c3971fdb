//! `pilectl receipt`: signed receipts.

pub mod file;
pub mod key;
mod pages;
pub mod payload;
mod problem;
mod show;
mod verify;
mod xml;

use std::path::{Path, PathBuf};

use billing_core::receipt::PublicKey;
use clap::Subcommand;

use crate::answer::{self, Answer, Refusal};
use file::Found;
use payload::Payload;

/// The commands of `pilectl receipt`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Checks that receipts are genuine, whole and in order.
    #[command(after_help = "\
Each thing that is wrong is named, with what to do, and the exit code is 1.

The key decides who is believed: take it from the pile or the landlord, not from where the receipts
came from. Without --key the key in an XML file is used, and that is said.

Examples:
  pilectl receipt verify receipts.ocmf --key public-key.pem
  pilectl receipt verify transaction.xml")]
    Verify {
        /// The receipts: an OCMF record, a file of one record a line, or the XML of S.A.F.E.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The public key: PEM, or DER as it is, in hex or in base64.
        #[arg(long, value_name = "KEY.pem")]
        key: Option<PathBuf>,
    },
    /// Prints receipts for people: who, when, where, the readings, the fees, the arithmetic.
    Show {
        /// The receipts, as for `verify`.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The public key; with it each receipt says whether it is genuine.
        #[arg(long, value_name = "KEY.pem")]
        key: Option<PathBuf>,
        /// Only this page: the number behind the T of `PG`.
        #[arg(long, value_name = "N")]
        page: Option<u32>,
    },
    /// Writes the file that the S.A.F.E. transparency software opens.
    #[command(after_help = "\
Only receipts that verify and that the software would take are written.

Example:
  pilectl receipt xml receipts.ocmf --key public-key.pem --page 32 --out receipt-32.xml")]
    Xml {
        /// The receipts, as for `verify`.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The public key.
        #[arg(long, value_name = "KEY.pem")]
        key: PathBuf,
        /// Only this page.
        #[arg(long, value_name = "N")]
        page: Option<u32>,
        /// The file to write.
        #[arg(long, value_name = "F.xml")]
        out: PathBuf,
    },
}

/// Carries a command out.
///
/// # Errors
/// [`Refusal`] if it cannot be carried out at all.
pub fn run(command: &Command) -> Result<Answer, Refusal> {
    match command {
        Command::Verify { file, key } => {
            let found = file::read(file)?;
            verify::run(&found, key.as_deref().map(read_key).transpose()?)
        }
        Command::Show { file, key, page } => {
            let found = pick(file, *page)?;
            Ok(show::run(&found, key.as_deref().map(read_key).transpose()?))
        }
        Command::Xml {
            file,
            key,
            page,
            out,
        } => {
            let found = pick(file, *page)?;
            xml::run(&found, &read_key(key)?, out)
        }
    }
}

fn read_key(path: &Path) -> Result<PublicKey, Refusal> {
    let bytes = answer::read(path)?;
    key::read(&bytes).ok_or_else(|| {
        Refusal::new(
            format!("{}: not a public key of the curve P-256", path.display()),
            "give the pile's public key, such as public-key.pem, as PEM, DER, hex or base64",
        )
    })
}

/// The records of a file, or those of one page.
fn pick(file: &Path, page: Option<u32>) -> Result<Vec<Found>, Refusal> {
    let mut found = file::read(file)?;
    if let Some(page) = page {
        found.retain(|it| Payload::of(&it.record).and_then(|it| it.page()) == Some(page));
        if found.is_empty() {
            return Err(Refusal::new(
                format!("{}: holds no page {page}", file.display()),
                "leave --page out to see which pages it holds",
            ));
        }
    }
    Ok(found)
}
