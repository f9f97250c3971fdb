//! What a snapshot is made of.

use super::{Attempts, Fault};
use crate::book::{Account, OpenSession, Phone, PlannedTariff, Rate, Settlement};
use crate::tariff::Tariff;
use pile_units::{
    AccountId, AccountName, Credential, Energy, Limits, MeterTrim, PileId, PlanId, PortId,
    SessionId, TariffVersion, UidOnly, WallTime,
};
use serde::{Deserialize, Serialize};

/// A piece of a snapshot, from [`Book::pieces`](crate::book::Book::pieces).
///
/// ```
/// use billing_core::book::Book;
/// use billing_core::record::Piece;
/// // Even a blank pile has one: the time its clock was set to is worth keeping.
/// assert!(matches!(Book::new().pieces().next(), Some(Piece::Pile { pile: None, .. })));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// Whatever there is one of.
    Pile {
        /// The pile's identity, once it is commissioned.
        pile: Option<PileId>,
        /// The policy.
        uid_only: UidOnly,
        /// The limits.
        limits: Limits,
        /// The next session's number.
        next_session: SessionId,
        /// The next receipt's page.
        next_page: u32,
        /// The next account's number.
        next_account: AccountId,
        /// The next settlement's number.
        next_settlement: u32,
        /// The time of the last record.
        last: WallTime,
        /// The number of the last record that was exported, 0 before any.
        exported: u64,
        /// Sessions opened and seconds counted in the present stretch, and in the one before.
        rates: [Rate; 2],
        /// Refused attempts that the landlord was not told of.
        unseen: u32,
    },
    /// A tariff in force.
    Tariff {
        /// The plan.
        plan: PlanId,
        /// Its number.
        version: TariffVersion,
        /// The table.
        tariff: Tariff,
    },
    /// A port.
    Port {
        /// Which.
        port: PortId,
        /// Its register: all that ever passed its meter.
        register: Energy,
        /// The part of it that belongs to nobody.
        unattributed: Energy,
        /// A latched fault.
        fault: Option<Fault>,
        /// False if it is out of service.
        enabled: bool,
        /// What its meter is corrected by.
        trim: MeterTrim,
    },
    /// A card.
    Credential(Credential),
    /// An account.
    Account(Account),
    /// A session that was open.
    Session(OpenSession),
    /// A settlement not yet paid.
    Settlement(Settlement),
    /// The tariff that is planned.
    Planned(PlannedTariff),
    /// What was refused of a card.
    Attempts(Attempts),
    /// A phone.
    Phone(Phone),
    /// What an account is called.
    Named {
        /// The account.
        account: AccountId,
        /// Its name.
        name: AccountName,
    },
    /// How often a privilege card was recovered, where it was.
    Recoveries(u8),
}
