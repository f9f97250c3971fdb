//! The command line: one group of commands a room.

use clap::{Parser, Subcommand};

use crate::answer::{Answer, Refusal};
use crate::{calibrate, kit, ledger, phone, receipt, statement};

/// Checks what a shared power pile says of itself: receipts, the ledger, statements.
#[derive(Debug, Parser)]
#[command(name = "pilectl", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to look at.
    #[command(subcommand)]
    pub command: Command,
}

/// The groups of commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Signed receipts: check, show, hand on.
    #[command(subcommand, arg_required_else_help = true)]
    Receipt(receipt::Command),
    /// The ledger: check, show, export.
    #[command(subcommand, arg_required_else_help = true)]
    Ledger(ledger::Command),
    /// What an account is to pay, every session of it, checked.
    Statement(statement::Options),
    /// The correction of a channel's meter, from a reference meter's readings of two loads.
    Calibrate(calibrate::Options),
    /// Cards for a house: make them, print them, put their keys on them.
    #[command(subcommand, arg_required_else_help = true)]
    Kit(kit::Command),
    /// This computer as a phone at the pile: charge, bill, manage.
    #[command(arg_required_else_help = true)]
    Phone(phone::Options),
}

/// Carries a command out.
///
/// # Errors
/// [`Refusal`] if it cannot be carried out at all.
pub fn run(cli: &Cli) -> Result<Answer, Refusal> {
    match &cli.command {
        Command::Receipt(command) => receipt::run(command),
        Command::Ledger(command) => ledger::run(command),
        Command::Statement(options) => statement::run(options),
        Command::Calibrate(options) => calibrate::run(options),
        Command::Kit(command) => kit::run(command),
        Command::Phone(options) => phone::run(options),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
