//! What the landlord can ask for, from the management phone or a bench.

use crate::{Fingerprint, Refusal};
use billing_core::record::Reference;
use billing_core::tariff::Tariff;
use pile_units::{
    AccountId, AccountName, CredentialId, Limits, MeterTrim, PhoneId, PlanId, PortId, SessionId,
    UidOnly, UnixSeconds, WallTime,
};
use serde::{Deserialize, Serialize};

/// A wish of the landlord.
///
/// ```
/// use pile_controller::{Command, Event};
/// use pile_units::PortId;
/// // The number comes back with the answer.
/// let event = Event::Command(7, Command::Switch(PortId::from_number(3)?, false));
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Open the 30 s window in which a new card is authorised.
    Authorise,
    /// Revoke the account's cards as lost and open the window for its next card.
    Replace(AccountId),
    /// Revoke the account's cards as lost.
    ReportLost(AccountId),
    /// Revoke one card.
    Revoke(CredentialId),
    /// Revoke the account's cards, settle what is owed and close the account.
    Deregister(AccountId),
    /// Freeze the account's reading.
    Settle(AccountId),
    /// Note that a settlement was paid.
    MarkPaid(u32, Reference),
    /// Put a tariff in force for a plan.
    SetTariff(PlanId, Tariff),
    /// Let a tariff come into force for a plan at a time. A pile plans one at a time.
    PlanTariff {
        /// The plan.
        plan: PlanId,
        /// When; a time that has passed is now. It takes a clock that is known.
        from: UnixSeconds,
        /// The tariff.
        tariff: Tariff,
    },
    /// Charge an account by a plan from now on.
    AssignPlan(AccountId, PlanId),
    /// Every record up to this number was exported, and is safe with the landlord: what is settled
    /// and paid of it may be forgotten.
    ConfirmExport(u64),
    /// The bytes of a refused ledger are exported; their fingerprint proves it. Where the ledger is
    /// not refused there is no such thing.
    ConfirmEvidence(Fingerprint),
    /// Say whose cards may be known by the number that they announce: anybody can copy one. What is
    /// refused from then on is refused the landlord's own card, too, if it has no key.
    AllowUidOnly(UidOnly),
    /// Let the account's cards be known by their number where the policy is [`UidOnly::Listed`], or
    /// no longer.
    ListAccount(AccountId, bool),
    /// Open the 30 s window for a card that has no key: its new account is listed. Where the policy
    /// is [`UidOnly::Nobody`] it is refused.
    AuthoriseListed,
    /// Correct the port's meter by this from now on. The port must be idle.
    Calibrate(PortId, MeterTrim),
    /// Set the limits.
    SetLimits(Limits),
    /// Set the clock.
    SetClock(WallTime),
    /// Clear a port's fault.
    ClearFault(PortId),
    /// Stop the session on a port.
    Stop(PortId),
    /// Take a port out of service, or put it back.
    Switch(PortId, bool),
    /// Revoke one phone: it opens nothing any more, and the sessions that it started end. Done as well
    /// where it was revoked before.
    RevokePhone(PhoneId),
    /// Say what an account is called.
    Rename(AccountId, AccountName),
}

/// The answer to a command, or to a phone's wish.
///
/// ```
/// use pile_controller::{Outcome, Refusal};
/// fn tell(outcome: Outcome) -> String {
///     match outcome {
///         Outcome::Done => "done".to_string(),
///         Outcome::Settled(number) => format!("settlement {number}"),
///         Outcome::Started(session) => format!("session {session}"),
///         Outcome::Bound(phone) => format!("phone {phone}"),
///         Outcome::Refused(why) => why.to_string(),
///     }
/// }
/// assert_eq!(tell(Outcome::Refused(Refusal::NothingOwed)), "there is nothing to settle");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done; if there was anything to record, it is durable.
    Done,
    /// Settled under this number, durable.
    Settled(u32),
    /// A session of this number is on record; its relay closes as soon as a reading allows it.
    Started(SessionId),
    /// The phone of this number is bound, durable.
    Bound(PhoneId),
    /// Not done.
    Refused(Refusal),
}
