//! `pilectl phone`: this computer as a phone at the pile.
//!
//! | room | what |
//! | --- | --- |
//! | [`wire`] | what carries the bytes: TCP, or Bluetooth with the feature `ble` |
//! | [`talk`] | one request after the other, over as many links as it takes |
//! | [`file`](mod@file) | the file that holds this phone's key |
//! | [`bind`] | a card's code and its tap, a recovery code |
//! | [`charge`] | ports, start, stop, live |
//! | [`bills`] | sessions, statements, the own account |
//! | [`receipt`] | a receipt, its arithmetic and its signature |
//! | [`house`] | accounts, cards and phones, for the landlord |
//! | [`prices`] | tariffs and plans |
//! | [`money`] | settlements |
//! | [`care`] | faults, limits, the clock, diagnostics |
//! | [`courier`] | the ledger, piece by piece |
//! | [`table`] | tables, and JSON |
//! | [`words`] | refusals in words, with what to do |

use std::path::PathBuf;

use ble_protocol::message::Request;
use clap::Args;
use pile_units::PhoneId;

use crate::answer::{Answer, Refusal};

pub mod bills;
pub mod bind;
#[cfg(feature = "ble")]
mod ble;
pub mod care;
pub mod charge;
mod commands;
pub mod courier;
pub mod file;
pub mod house;
pub mod money;
pub mod prices;
pub mod receipt;
pub mod table;
pub mod talk;
pub mod wire;
pub mod words;

pub use commands::{Command, TariffCommand};

use talk::Talk;
use wire::Place;

/// Options of every `phone` command.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
First bind this computer with a card's code, and tap that card at the pile:
  pilectl phone --pile 127.0.0.1:7700 bind OP1:...

Exit code 0: done; 1: what the pile told does not add up, or nobody tapped; 2: not done, and why.")]
pub struct Options {
    /// Where the pile is: a virtual pile, or a bridge to a real one.
    #[arg(long, value_name = "ADDR:PORT", global = true)]
    pub pile: Option<String>,
    /// The pile's name as it advertises it, by this computer's Bluetooth.
    #[cfg(feature = "ble")]
    #[arg(long, value_name = "NAME", global = true, conflicts_with = "pile")]
    pub ble: Option<String>,
    /// The file that holds this phone's key.
    #[arg(long, value_name = "FILE", global = true, default_value = "phone.toml")]
    pub phone: PathBuf,
    /// Prints JSON, for programs, where something is read.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Options {
    fn place(&self) -> Result<Place, Refusal> {
        #[cfg(feature = "ble")]
        if let Some(name) = &self.ble {
            return Ok(Place::Ble(name.clone()));
        }
        let none = || {
            let remedy = "say where it is: --pile ADDR:PORT";
            Refusal::new("no pile is named", remedy)
        };
        self.pile.clone().map(Place::Tcp).ok_or_else(none)
    }
}

/// Carries a command out.
///
/// # Errors
/// [`Refusal`] if it cannot be carried out.
pub fn run(options: &Options) -> Result<Answer, Refusal> {
    let place = options.place()?;
    match &options.command {
        Command::Bind { code } => return bind::bind(place, &options.phone, code),
        Command::Recover { code } => return bind::recover(place, code),
        _ => (),
    }
    let mut talk = Talk::open(place, file::read(&options.phone)?)?;
    let (talk, json) = (&mut talk, options.json);
    match &options.command {
        Command::Bind { .. } | Command::Recover { .. } => Err(words::odd()),
        Command::Ports { watch } => charge::ports(talk, json, *watch),
        Command::Start(start) => charge::start(talk, start),
        Command::Stop { session, port } => charge::stop(talk, *session, *port),
        Command::Live => charge::live(talk),
        Command::Sessions { account, count } => bills::sessions(talk, json, *account, *count),
        Command::Receipt { session, out } => {
            receipt::receipt(talk, json, *session, out.as_deref(), &options.phone)
        }
        Command::Statement(wanted) => bills::statement(talk, json, wanted),
        Command::Account => bills::account(talk, json),
        Command::Phones => house::phones(talk, json),
        Command::RevokePhone { phone } => {
            let phone = PhoneId::new(*phone);
            let request = if talk.is_landlord() {
                Request::RevokePhone { phone }
            } else {
                Request::RevokeMyPhone { phone }
            };
            house::done(
                talk,
                request,
                format!("Phone {phone} opens nothing any more.\n"),
            )
        }
        Command::ReportLost { account } => house::report_lost(talk, *account),
        Command::Accounts => house::accounts(talk, json),
        Command::Cards => house::cards(talk, json),
        Command::Authorise { listed } => house::authorise(talk, *listed),
        Command::Replace { account } => house::replace(talk, *account),
        Command::RevokeCard { card } => house::revoke_card(talk, *card),
        Command::Deregister { account } => house::deregister(talk, *account),
        Command::Rename { account, name } => house::rename(talk, *account, name),
        Command::Policy { uid_only } => house::policy(talk, json, *uid_only),
        Command::ListAccount { account, off } => house::list_account(talk, *account, !off),
        Command::Tariff(command) => prices::run(talk, json, command),
        Command::AssignPlan { account, plan } => prices::assign(talk, *account, *plan),
        Command::Limits { set } => care::limits(talk, json, set),
        Command::Settle { account } => money::settle(talk, *account),
        Command::Settlements => money::settlements(talk, json),
        Command::MarkPaid { settlement, note } => money::mark_paid(talk, *settlement, note),
        Command::ClearFault { port } => care::clear_fault(talk, *port),
        Command::StopPort { port } => care::stop_port(talk, *port),
        Command::SwitchPort { port, how } => care::switch_port(talk, *port, *how),
        Command::SetClock { at } => care::set_clock(talk, at.as_deref()),
        Command::Diagnostics => care::diagnostics(talk, json),
        Command::Tried => care::tried(talk, json),
        Command::Export { out, confirm } => courier::export(talk, out, *confirm),
    }
}
