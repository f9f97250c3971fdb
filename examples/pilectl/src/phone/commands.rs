//! The commands, as they are typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What to do at the pile.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Become a phone of the pile: with a card's code, and a tap of that card within 60 s.
    Bind {
        /// What is printed on the card, OP1:...
        code: String,
    },
    /// Open the window for a new privilege card, with a recovery code from the kit's sheet.
    Recover {
        /// What is printed on the sheet, OPR1:...
        code: String,
    },
    /// The ports: which are free, and how the own session does.
    Ports {
        /// Go on, and say every change, until interrupted.
        #[arg(long)]
        watch: bool,
    },
    /// Start a session on a port.
    Start(Start),
    /// Stop a session: the own one, or the one that is named.
    Stop {
        /// The session's number; without one, the only one of the own account that runs.
        #[arg(conflicts_with = "port")]
        session: Option<u32>,
        /// The session on this port.
        #[arg(long, value_name = "N")]
        port: Option<u8>,
    },
    /// Follow the own session until it ends.
    Live,
    /// Billed sessions, the newest first.
    Sessions {
        /// Of this account; the landlord sees all without it.
        #[arg(long, value_name = "N")]
        account: Option<u16>,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 20)]
        count: usize,
    },
    /// A session's receipt with all its arithmetic and the pile's signature, checked.
    Receipt {
        /// The session's number.
        session: u32,
        /// Write the signed record (OCMF) to this file instead.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// An account's statement, added up here once more.
    Statement(Statement),
    /// The own account: registers, and what is owed.
    Account,
    /// Phones: the own card's, or all for the landlord.
    Phones,
    /// Revoke a phone.
    RevokePhone {
        /// Its number.
        phone: u16,
    },
    /// Report the own card as lost: it and all its phones open nothing any more, this one too.
    ReportLost {
        /// An account's card, for the landlord.
        #[arg(long, value_name = "N")]
        account: Option<u16>,
    },
    /// Accounts and what they owe.
    Accounts,
    /// Cards.
    Cards,
    /// Authorise a new card: open the window, and tap it.
    Authorise {
        /// A card without a key, known by its number; its account is listed.
        #[arg(long)]
        listed: bool,
    },
    /// Revoke an account's card as lost, and tap its next one.
    Replace {
        /// The account.
        account: u16,
    },
    /// Revoke one card and its phones.
    RevokeCard {
        /// The card's number.
        card: u16,
    },
    /// Revoke an account's cards, make its final bill, and close it.
    Deregister {
        /// The account.
        account: u16,
    },
    /// Name an account, 1 to 24 bytes.
    Rename {
        /// The account.
        account: u16,
        /// Its name.
        name: String,
    },
    /// Whose cards may be known by the number they announce; sets it, where one is given.
    Policy {
        /// Nobody's, those of listed accounts, or everybody's.
        uid_only: Option<UidOnly>,
    },
    /// Let an account's cards be known by their number, where the policy is `listed`.
    ListAccount {
        /// The account.
        account: u16,
        /// Or no longer.
        #[arg(long)]
        off: bool,
    },
    /// Tariffs: show, set, plan.
    #[command(subcommand, arg_required_else_help = true)]
    Tariff(TariffCommand),
    /// Charge an account by a plan.
    AssignPlan {
        /// The account.
        account: u16,
        /// The plan, 0 for the standard one.
        plan: u8,
    },
    /// The limits in force; sets those that are named.
    Limits {
        /// Such as `port_power=800` (W), `full_after=3600` (s), `cut_temperature=90` (degrees Celsius).
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<String>,
    },
    /// Freeze an account's reading: what is owed now waits for its payment.
    Settle {
        /// The account.
        account: u16,
    },
    /// Settlements that wait for their payment.
    Settlements,
    /// Note that a settlement was paid.
    MarkPaid {
        /// The settlement's number.
        settlement: u32,
        /// A note, at most 24 bytes.
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// Clear a port's fault.
    ClearFault {
        /// The port.
        port: u8,
    },
    /// Stop whatever charges on a port.
    StopPort {
        /// The port.
        port: u8,
    },
    /// Take a port out of service, or put it back.
    SwitchPort {
        /// The port.
        port: u8,
        /// Which of the two.
        how: OnOff,
    },
    /// Set the pile's clock, by this computer's.
    SetClock {
        /// Another time, in seconds since 1970 in UTC.
        #[arg(long, value_name = "SECONDS")]
        at: Option<String>,
    },
    /// Meters, ledger, clock, reader: what a service engineer asks first.
    Diagnostics,
    /// What was refused of cards that the pile knows.
    Tried,
    /// Fetch the ledger: as `pilectl ledger export` writes it, verified as it comes.
    Export {
        /// The file. Where one is there that was cut off, it goes on.
        out: PathBuf,
        /// Then tell the pile that it is in safe hands, so that it may drop what is settled and paid.
        #[arg(long)]
        confirm: bool,
    },
}

/// Options of `start`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Start {
    /// The port.
    pub port: u8,
    /// End after so many minutes.
    #[arg(long, value_name = "N", group = "up_to")]
    pub minutes: Option<u32>,
    /// End after so many kWh, up to six decimals.
    #[arg(long, value_name = "KWH", group = "up_to")]
    pub energy: Option<String>,
    /// End when it costs this much, up to six decimals.
    #[arg(long, value_name = "AMOUNT", group = "up_to")]
    pub cost: Option<String>,
}

/// Options of `statement`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Statement {
    /// The account; the landlord names one.
    #[arg(long, value_name = "N")]
    pub account: Option<u16>,
    /// Of this settlement, instead of what is open since the last.
    #[arg(long, value_name = "N", group = "period")]
    pub settlement: Option<u32>,
    /// Of this month, such as 2026-10.
    #[arg(long, value_name = "MONTH", group = "period")]
    pub month: Option<String>,
}

/// What to do with tariffs. `FILE` is a tariff file (crate `tariff-file`).
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TariffCommand {
    /// Those in force, and the one that is planned, as tariff files.
    Show,
    /// Put one in force now.
    Set {
        /// The tariff file.
        file: PathBuf,
        /// The plan, 0 for the standard one.
        #[arg(long, value_name = "N", default_value_t = 0)]
        plan: u8,
    },
    /// Let one come into force later.
    Plan {
        /// The tariff file.
        file: PathBuf,
        /// From the beginning of this day at its place, such as 2026-12-01.
        #[arg(long, value_name = "DAY")]
        from: String,
        /// The plan, 0 for the standard one.
        #[arg(long, value_name = "N", default_value_t = 0)]
        plan: u8,
    },
}

/// Whose cards may be known by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UidOnly {
    /// No one's: every card shows that it has the key.
    Nobody,
    /// Those of listed accounts.
    Listed,
    /// Everybody's.
    All,
}

/// In service, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnOff {
    /// In service.
    On,
    /// Out of service.
    Off,
}
