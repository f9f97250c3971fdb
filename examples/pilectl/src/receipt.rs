//! `pilectl receipt`: signed receipts.

pub mod file;
pub mod key;
mod make;
mod new_key;
mod pages;
pub mod payload;
pub mod pick;
mod problem;
mod show;
pub mod sign;
mod summary;
mod take;
mod verify;
mod xml;

use std::path::{Path, PathBuf};

use billing_core::receipt::PublicKey;
use clap::Subcommand;

use crate::answer::{self, Answer, Refusal};
use pick::Pick;

/// The commands of `pilectl receipt`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Makes the receipts of a ledger's sessions, signed with the pile's key.
    Make(make::Options),
    /// Makes a key that receipts are signed with.
    #[command(after_help = "\
The private key is for its owner only (mode 0600); the public one is written beside it, and is what
a receipt is checked with.

Example:
  pilectl receipt key --new pile.pem")]
    Key {
        /// The file of the new private key, as PEM; pile.pem has its public key in pile-public.pem.
        #[arg(long, value_name = "PRIVATE.pem")]
        new: PathBuf,
    },
    /// Checks that receipts are genuine, whole and in order.
    #[command(after_help = "\
The verdict comes first, then each thing that is wrong, with what to do.

The key decides who is believed: take it from the pile or the landlord, not from where the receipts
came from. Without --key the key in an XML file is used, and that is said.

Examples:
  pilectl receipt verify receipts.ocmf --key public-key.pem
  pilectl receipt verify account-7.ocmf --key public-key.pem --part
  pilectl receipt verify transaction.xml

Exit code 0: nothing is wrong; 1: something is, and what; 2: no receipts, or no key.")]
    Verify {
        /// The receipts: an OCMF record, a file of one record a line, or the XML of S.A.F.E.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The public key: PEM, or DER as it is, in hex or in base64.
        #[arg(long, value_name = "KEY.pem")]
        key: Option<PathBuf>,
        /// The file is a part, such as one account's: pages that are not in it are not missed.
        #[arg(long)]
        part: bool,
        /// A line for every receipt, and every single thing that is wrong.
        #[arg(long, visible_alias = "all")]
        verbose: bool,
    },
    /// Prints receipts for people: who, when, where, the readings, the fees, the arithmetic.
    Show {
        /// The receipts, as for `verify`.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The public key; with it each receipt says whether it is genuine.
        #[arg(long, value_name = "KEY.pem")]
        key: Option<PathBuf>,
        /// Which receipts.
        #[command(flatten)]
        pick: Pick,
    },
    /// Takes receipts out of a file, each as it was signed: for the tenant whose they are.
    #[command(after_help = "\
Only receipts that verify are written, one a line, not a byte of them changed.

Examples:
  pilectl receipt take receipts.ocmf --key public-key.pem --page 32 --out receipt-32.ocmf
  pilectl receipt take receipts.ocmf --key public-key.pem --account 7 --out account-7.ocmf")]
    Take {
        /// The receipts, as for `verify`.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The public key.
        #[arg(long, value_name = "KEY.pem")]
        key: PathBuf,
        /// Which receipts.
        #[command(flatten)]
        pick: Pick,
        /// The file to write.
        #[arg(long, value_name = "F.ocmf")]
        out: PathBuf,
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
        /// Which receipts.
        #[command(flatten)]
        pick: Pick,
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
        Command::Make(options) => make::run(options),
        Command::Key { new } => new_key::run(new),
        Command::Verify {
            file,
            key,
            part,
            verbose,
        } => {
            // First: two files in each other's place are told by the key.
            let key = key.as_deref().map(read_key).transpose()?;
            let found = file::read(file)?;
            verify::run(&found, key, verify::How::new(*part, *verbose))
        }
        Command::Show { file, key, pick } => {
            let key = key.as_deref().map(read_key).transpose()?;
            Ok(show::run(&pick.read(file)?, key))
        }
        Command::Take {
            file,
            key,
            pick,
            out,
        } => {
            let key = read_key(key)?;
            take::run(&pick.read(file)?, &key, out)
        }
        Command::Xml {
            file,
            key,
            pick,
            out,
        } => {
            let key = read_key(key)?;
            xml::run(&pick.read(file)?, &key, out)
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
