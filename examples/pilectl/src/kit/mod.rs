//! Kits: a house's key, its landlord's card and its tenants' cards, and the sheet they are cut from.
//!
//! A **kit** is a folder: `site.toml`, which holds every secret of the house and is readable by its
//! owner only; `sheet.html`, printed and cut into cards; `apdus/`, what is to be done to each chip. A
//! card's number UID is **drawn** when the kit is made, so that the kit can be tried on virtual tags;
//! it is replaced by the chip's own when a real card is personalised, or **given** by a list.

mod make;
mod sheet;
mod site;
mod uids;

use std::path::PathBuf;

use clap::Subcommand;

use crate::answer::{Answer, Refusal};

/// The commands for kits.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a site key, the landlord's card and charging cards, and the sheet to print.
    New(make::Options),
    /// What is in a kit: its cards and how far they are. Shows no secret.
    Show {
        /// The kit's folder.
        kit: PathBuf,
    },
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
        Command::Sheet { kit } => make::print(kit),
    }
}
