//! A script for the virtual pile: who taps, presses, plugs and cuts at what time, and what is
//! expected of the pile. The README lists every key.
//!
//! [`read`] checks everything that can be checked without a pile; an executor finds only steps it
//! can play, in the order of time.

mod raw;
mod setup;
mod steps;
mod words;

use std::collections::BTreeMap;
use std::path::Path;

use billing_core::record::{Attempt, Fault, StopReason};
use billing_core::tariff::Tariff;
use pile_units::{
    Duration, Energy, Limits, MeterTrim, Money, PlanId, PortId, Power, Temperature, UidOnly,
    UnixSeconds,
};

use crate::refusal::Refusal;

/// How long a card is held to the reader by a tap.
pub const TAP: Duration = Duration::from_seconds(1);

/// A script, ready to be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The name of the file, for messages.
    pub file: String,
    /// What it shows, in a line.
    pub title: String,
    /// The pile it starts with.
    pub pile: Pile,
    /// The cards, by the names the script uses.
    pub cards: BTreeMap<String, Card>,
    /// What happens and what is expected, in the order of time; at one time everything happens
    /// before anything is expected, otherwise in the order of the file.
    pub steps: Vec<Step>,
}

/// The pile that a script starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pile {
    /// Outlets, 1..=16.
    pub ports: usize,
    /// For every chance.
    pub seed: u64,
    /// Bytes of flash for the ledger.
    pub flash_bytes: usize,
    /// What the clock was set to at the start; `None` for one that was never set.
    pub clock: Option<UnixSeconds>,
    /// The prices that the landlord has set; also the zone of the script's local times.
    pub tariff: Tariff,
    /// The limits that the landlord has set.
    pub limits: Limits,
    /// The privilege card that has claimed the pile; `None` for a blank pile, which has neither
    /// tenants nor tariff.
    pub owner: Option<String>,
    /// The charging cards that are authorised already, each on an account of its own.
    pub tenants: Vec<String>,
    /// Whose cards may be known by the number they announce.
    pub uid_only: UidOnly,
}

/// A card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// 4, 7 or 10 bytes.
    pub uid: Vec<u8>,
    /// True for a landlord's card.
    pub privilege: bool,
}

/// A line of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When, from the start.
    pub at: Duration,
    /// Where it stands in the file, from 1.
    pub line: u64,
    /// What.
    pub what: What,
}

/// Something happens, or is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// `[[event]]`
    Do(Box<Action>),
    /// `[[expect]]`
    Expect(Vec<Check>),
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The card with this name lies on the reader for [`TAP`].
    Tap(String),
    /// The button of a port.
    Press(PortId),
    /// A bike is plugged in.
    Plug(Bike),
    /// It is taken away.
    Unplug(PortId),
    /// What hangs on the port draws this from now on.
    Load(PortId, Power),
    /// The supply goes away.
    Cut(Cut),
    /// It comes back.
    Restore,
    /// The landlord sets the clock.
    SetClock(UnixSeconds),
    /// The landlord sets a tariff.
    SetTariff(Tariff),
    /// The pile's inside has this temperature from now on.
    Heat(Temperature),
    /// A line of the hardware trips a port.
    Trip(PortId, Fault),
    /// The relay sticks: it conducts whatever it is told.
    Weld(PortId),
    /// The relay comes loose again.
    Unweld(PortId),
    /// The port's meter stops answering.
    MeterDead(PortId),
    /// It answers again.
    MeterBack(PortId),
    /// The card reader hangs until it is reset.
    ReaderHang,
    /// The card reader is gone: a reset does not help.
    ReaderDead,
    /// It is back.
    ReaderBack,
    /// Two bytes in the middle of the ledger are damaged.
    DamageLedger,
    /// The landlord asks for something.
    Command(Command),
}

/// A bike: it draws `power` until it has `energy`, then `float`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bike {
    /// Where.
    pub port: PortId,
    /// While it charges.
    pub power: Power,
    /// How much it takes at that power.
    pub energy: Energy,
    /// What it draws once it has that.
    pub float: Power,
}

/// How the supply goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At once.
    Sudden,
    /// The power-fail line comes first.
    Warned,
    /// At once, halfway through the next flash operation.
    InFlash,
}

/// What the landlord asks for. Accounts are named by a card of theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Open the window for a new card.
    Authorise,
    /// Revoke the account's cards as lost and open the window for its next card.
    Replace(String),
    /// Revoke the account's cards as lost.
    ReportLost(String),
    /// Revoke this card.
    Revoke(String),
    /// Close the account.
    Deregister(String),
    /// Freeze the account's reading.
    Settle(String),
    /// Note that the account's last settlement was paid.
    MarkPaid(String),
    /// Say whose cards may be known by the number they announce.
    AllowUidOnly(UidOnly),
    /// List the account for that (true), or no longer.
    List(String, bool),
    /// Open the window for a card whose account is to be listed.
    AuthoriseListed,
    /// Correct a port's meter.
    Calibrate(PortId, MeterTrim),
    /// Set the limits.
    SetLimits(Limits),
    /// Put a plan's tariff in force.
    SetTariff(PlanId, Tariff),
    /// Let a plan's tariff come into force at this time.
    PlanTariff(PlanId, UnixSeconds, Tariff),
    /// Charge the account by a plan.
    AssignPlan(String, PlanId),
    /// Every record of the ledger was exported.
    ConfirmExport,
    /// The bytes of a refused ledger were exported: with their fingerprint.
    ConfirmEvidence,
    /// Clear a port's fault.
    ClearFault(PortId),
    /// Stop the session on a port.
    Stop(PortId),
    /// Take a port out of service (false) or put it back.
    Switch(PortId, bool),
}

/// What is expected. Names are those that the firmware gives: `PortState::name` and the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The port is in this state.
    State(PortId, String),
    /// The port's relay is closed (true) or open.
    Relay(PortId, bool),
    /// The port has this fault, or none.
    PortFault(PortId, Option<Fault>),
    /// The port's light shows this.
    Indicator(PortId, String),
    /// The wire of the port carries this power.
    Power(PortId, Power),
    /// How many sessions have ended.
    Sessions(Whose, u32),
    /// How many sessions are open.
    Open(Whose, u32),
    /// Why the last session ended.
    StopReason(Whose, StopReason),
    /// The energy drawn in all, at least and at most.
    Energy(Whose, Energy, Energy),
    /// The bills of the sessions that ended, in all.
    Total(Whose, Money),
    /// What was settled and is not paid.
    Unpaid(String, Money),
    /// The last refusal shown since the expectation before; `None` for none.
    Refused(Option<String>),
    /// The last signal shown since the expectation before, refusals aside.
    Signal(String),
    /// The answer to the last command: `done`, `settled`, or the name of a refusal.
    Answer(String),
    /// What was refused of this card: how often, and why at last.
    Tried(String, u32, Option<Attempt>),
    /// The level of identification on the last receipt: `SECURE` or `HEARSAY`.
    Receipt(Whose, String),
    /// Sum of accounts + unattributed = sum of the meters.
    Conserved,
}

/// Whose sessions are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    All,
    /// The account of the card with this name.
    Account(String),
    /// Those on this port.
    Port(PortId),
}

/// Reads a script; the tariff files it names lie beside it.
///
/// # Errors
/// [`Refusal`] with the file, the line, what is wrong and what to do.
pub fn read(path: &Path) -> Result<Scenario, Refusal> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        Refusal::new(&file, format!("cannot be read ({error})"), "check the path")
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Refusal::new(&file, "the text is not UTF-8", "save the file as UTF-8"))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    parse(&file, &text, folder)
}

/// [`read`] for a text already in memory; `folder` is where its tariff files lie.
///
/// ```
/// use std::path::Path;
/// use virtual_pile::scenario::{Action, What, parse};
///
/// let text = r#"
///     title = "A stranger's card opens nothing."
///     [cards]
///     stranger = { uid = "04a1b2c3" }
///     [[event]]
///     at = "00:00:05"
///     tap = "stranger"
///     [[expect]]
///     at = "00:00:07"
///     refused = "not_commissioned"
/// "#;
/// let scenario = parse("stranger.toml", text, Path::new("."))?;
/// assert_eq!(scenario.steps[0].at.seconds(), 5);
/// assert_eq!(scenario.steps[0].what, What::Do(Box::new(Action::Tap("stranger".into()))));
///
/// let no = parse("stranger.toml", &text.replace("tap", "tip"), Path::new(".")).unwrap_err();
/// assert_eq!(no.line(), Some(7));
/// # Ok::<(), virtual_pile::refusal::Refusal>(())
/// ```
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, text: &str, folder: &Path) -> Result<Scenario, Refusal> {
    setup::parse(file, text, folder)
}

#[cfg(test)]
#[path = "scenario/tests.rs"]
mod tests;
