//! Kits: a house's key, its landlord's card and its tenants' cards, and the sheet they are cut from.
//!
//! A **kit** is a folder: `site.toml`, which holds every secret of the house and is readable by its
//! owner only; `sheet.html`, printed and cut into cards; `apdus/`, what is to be done to each chip;
//! `tags/`, the virtual chips it was tried on. A card's UID is **drawn** when the kit is made, so that the kit can be tried on virtual tags;
//! it is replaced by the chip's own when a real card is personalised, or **given** by a list.

mod apdus;
pub(crate) mod files;
mod make;
#[cfg(feature = "pcsc")]
mod pcsc;
mod personalise;
mod prove;
mod release;
mod sheet;
mod site;
mod tag;
mod uids;

use std::path::PathBuf;

pub(crate) use make::random;
pub use sheet::code_picture;

use clap::Subcommand;

use crate::answer::{Answer, Refusal};

/// The commands for kits.
///
/// ```
/// use clap::Parser;
/// use pilectl::cli::{Cli, run};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let kit = folder.path().join("kit");
/// # let kit = kit.to_str().unwrap();
/// run(&Cli::parse_from(["pilectl", "kit", "new", "--cards", "2", "--out", kit]))?;
/// let said = run(&Cli::parse_from(["pilectl", "kit", "show", kit]))?;
/// assert!(said.text().contains("0 of 3 are ready"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a site key, the landlord's card and charging cards, and the sheet to print.
    New(make::Options),
    /// What is in a kit: its cards and how far they are. Shows no secret.
    Show {
        /// The kit's folder.
        kit: PathBuf,
    },
    /// Put a card's keys on its chip: on a card reader, or on a virtual tag. An interrupted run is
    /// finished by the next.
    Personalise(personalise::Options),
    /// Take a card's chip from it, because the chip is broken or lost: the card waits for another and
    /// gets a new code.
    Release(release::Options),
    /// Write the sheet and the lists of commands once more, from the site file.
    Sheet {
        /// The kit's folder.
        kit: PathBuf,
    },
}

/// Carries a command out.
///
/// # Errors
/// [`Refusal`] if it cannot be carried out.
pub fn run(command: &Command) -> Result<Answer, Refusal> {
    match command {
        Command::New(options) => make::run(options),
        Command::Show { kit } => make::show(kit),
        Command::Personalise(options) => personalise::run(options),
        Command::Release(options) => release::run(options),
        Command::Sheet { kit } => make::print(kit),
    }
}
