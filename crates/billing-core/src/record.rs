//! What the ledger remembers: one [`Record`] a fact, in the order in which the facts became true.
//!
//! A record is one payload of the [journal](crate::journal): the postcard
//! encoding of a [`Record`], whose variant numbers are the published format (a new fact is added at
//! the end, an old one is never renumbered). Golden bytes hold them still.
//!
//! Some records outlive their place in the log as they are ([`Record::is_kept`]): what a tenant or a
//! landlord can be asked about later, until it is settled and exported
//! ([`Book::keeps`](crate::book::Book::keeps)). The others live on in the snapshot's [`Piece`]s.
//!
//! A `Record` cannot hold an illegal number, but it can contradict what is known: whether it does is
//! for [`Book::check`](crate::book::Book::check) to say. Any `Record` fits one frame of the journal.

mod advance;
#[cfg(test)]
pub(crate) mod arbitrary;
mod attempts;
#[cfg(test)]
mod golden;
mod kind;
mod piece;
mod reason;
mod reference;
pub(crate) mod size;
#[cfg(test)]
mod tests;

pub use advance::{Advance, Advances};
pub use attempts::{Attempt, Attempts};
pub use piece::Piece;
pub use reason::{Fault, Revocation, StopReason};
pub use reference::{MAX_REFERENCE, Reference};

use crate::cost::Bill;
use crate::tariff::{BandIndex, BandName, Tariff};
use pile_units::{
    AccountId, AccountName, Credential, CredentialId, Currency, Energy, Limits, MeterTrim, Money,
    PhoneId, PileId, PlanId, PortId, Price, SessionId, Strength, TariffVersion, UidOnly,
    UnixSeconds, WallTime,
};
use serde::{Deserialize, Serialize};

use crate::book::Settlement;
use crate::journal::MAX_PAYLOAD;

/// A stretch of a session under one price. It carries its prices, so nothing can re-price it (I9).
///
/// ```
/// use billing_core::cost::SessionCost;
/// use billing_core::record::Segment;
/// use pile_units::*;
/// let (energy, price, free) = (Energy::from_watt_hours(500), "0.568".parse()?, Price::ZERO);
/// let fee = SessionCost::default().close_segment(energy, price, free);
/// let segment = Segment {
///     session: SessionId::new(1),
///     account: AccountId::new(1),
///     index: 0,
///     tariff: TariffVersion::new(1),
///     band: "day".parse()?,
///     from: WallTime::default(),
///     to: WallTime::default(),
///     energy,
///     energy_price: price,
///     service_price: free,
///     energy_micro: fee.energy_micro,
///     service_micro: fee.service_micro,
/// };
/// assert_eq!(segment.energy_micro.micros(), 284_000);
/// # Ok::<(), OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The session it is part of.
    pub session: SessionId,
    /// Who pays.
    pub account: AccountId,
    /// 0, 1, 2, ... within the session.
    pub index: u8,
    /// The tariff it was priced by.
    pub tariff: TariffVersion,
    /// The band's name in that tariff.
    pub band: BandName,
    /// Its start.
    pub from: WallTime,
    /// Its end, never before its start. By a clock that was set back in between, it is
    /// [`from`](Self::from) itself ([`WallTime::not_before`]).
    pub to: WallTime,
    /// What was drawn in it.
    pub energy: Energy,
    /// The electricity price.
    pub energy_price: Price,
    /// The service price.
    pub service_price: Price,
    /// The electricity fee, in whole micro-units, the session's remainder carried.
    pub energy_micro: Money,
    /// The service fee, likewise.
    pub service_micro: Money,
}

/// A session as it is billed.
///
/// ```
/// use billing_core::record::ClosedSession;
/// use pile_units::Energy;
/// /// What the meter showed when the session began: with `reading`, what a receipt states.
/// fn reading_at_start(session: &ClosedSession) -> Energy {
///     session.reading.saturating_sub(session.energy)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedSession {
    /// Its number.
    pub session: SessionId,
    /// Who pays.
    pub account: AccountId,
    /// Which card opened it.
    pub credential: CredentialId,
    /// How that card proved itself.
    pub strength: Strength,
    /// Where.
    pub port: PortId,
    /// When the session's record was made.
    pub opened: WallTime,
    /// When it ended: never before its last segment's end.
    pub closed: WallTime,
    /// Why.
    pub reason: StopReason,
    /// What was drawn.
    pub energy: Energy,
    /// The port's register at the end; less `energy`, it is the reading at the start.
    pub reading: Energy,
    /// How many segments it has.
    pub segments: u8,
    /// The currency of the bill.
    pub currency: Currency,
    /// The bill.
    pub bill: Bill,
    /// The page number of its receipt: 1, 2, 3, ... over the pile's life.
    pub page: u32,
}

/// One fact.
///
/// ```
/// use billing_core::record::Record;
/// use pile_units::{CredentialId, WallTime};
/// use billing_core::record::Revocation;
/// let record = Record::Revoked {
///     credential: CredentialId::new(2),
///     why: Revocation::Lost,
///     at: WallTime::default(),
/// };
/// let mut buffer = Record::buffer();
/// let payload = record.encode(&mut buffer);
/// assert_eq!(payload, [2, 2, 0, 0, 0]);
/// assert_eq!(Record::decode(payload), Some(record));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A blank pile was claimed with this privilege card.
    Commissioned {
        /// The pile's identity.
        pile: PileId,
        /// The privilege card.
        privilege: Credential,
        /// When.
        at: WallTime,
    },
    /// A card was authorised; a charging card of a new account opens the account.
    Enrolled {
        /// The card.
        credential: Credential,
        /// When.
        at: WallTime,
    },
    /// A card opens nothing from here on (I5).
    Revoked {
        /// The card.
        credential: CredentialId,
        /// Why.
        why: Revocation,
        /// When.
        at: WallTime,
    },
    /// An account takes no more sessions.
    AccountClosed {
        /// The account.
        account: AccountId,
        /// When.
        at: WallTime,
    },
    /// Whose cards may be known by the number they announce.
    PolicySet {
        /// Whose.
        uid_only: UidOnly,
        /// When.
        at: WallTime,
    },
    /// A tariff came into force for a plan.
    TariffSet {
        /// The plan.
        plan: PlanId,
        /// Its number, counted over all plans.
        version: TariffVersion,
        /// The table.
        tariff: Tariff,
        /// When.
        at: WallTime,
    },
    /// The limits were changed.
    LimitsSet {
        /// All of them.
        limits: Limits,
        /// When.
        at: WallTime,
    },
    /// A port was taken out of service or put back.
    PortSwitched {
        /// The port.
        port: PortId,
        /// True if it is in service.
        enabled: bool,
        /// When.
        at: WallTime,
    },
    /// The wall clock was set.
    ClockSet {
        /// The time before.
        from: WallTime,
        /// The time now.
        to: WallTime,
    },
    /// A session opened: only after this is durable may its relay close (I1).
    SessionOpened {
        /// Its number.
        session: SessionId,
        /// The card, which names the account.
        credential: CredentialId,
        /// The port.
        port: PortId,
        /// The band in force, in the tariff of the account.
        band: BandIndex,
        /// When.
        at: WallTime,
    },
    /// Energy passed the meters.
    Progress {
        /// Seconds since the time of the records before this one
        /// ([`Book::last`](crate::book::Book::last)).
        elapsed: u32,
        /// How much, and for whom.
        advances: Advances,
    },
    /// A session goes on under another price.
    SegmentClosed {
        /// The stretch that ended.
        segment: Segment,
        /// The band in force from here, in the tariff of the session's account.
        next: BandIndex,
    },
    /// A session's last stretch ended; [`Record::SessionClosed`] follows.
    LastSegment {
        /// The stretch.
        segment: Segment,
    },
    /// A session ended; its relay is open.
    SessionClosed(ClosedSession),
    /// A fault keeps a port open (I6).
    FaultLatched {
        /// The port.
        port: PortId,
        /// What.
        fault: Fault,
        /// When.
        at: WallTime,
    },
    /// The landlord cleared a port's fault.
    FaultCleared {
        /// The port.
        port: PortId,
        /// When.
        at: WallTime,
    },
    /// The landlord froze an account's reading.
    Settled(Settlement),
    /// A settlement was paid.
    Paid {
        /// Which.
        settlement: u32,
        /// The landlord's note.
        reference: Reference,
        /// When.
        at: WallTime,
    },
    /// Part of a snapshot: a piece of what the pile knew when it was written.
    Snapshot(Piece),
    /// A tariff is to come into force for a plan; [`Record::TariffSet`] follows when it does. A
    /// pile plans one at a time: a new one takes the place of the one before.
    TariffPlanned {
        /// The plan.
        plan: PlanId,
        /// When it is to come into force.
        from: UnixSeconds,
        /// The table.
        tariff: Tariff,
        /// When it was planned.
        at: WallTime,
    },
    /// An account is charged by another plan from here on.
    PlanAssigned {
        /// The account.
        account: AccountId,
        /// The plan.
        plan: PlanId,
        /// When.
        at: WallTime,
    },
    /// The landlord has every record up to this one, and said so.
    Exported {
        /// The number of the last record handed over.
        through: u64,
        /// When.
        at: WallTime,
    },
    /// An account's cards may be known by their number where the policy is
    /// [`UidOnly::Listed`], or no longer.
    AccountListed {
        /// The account.
        account: AccountId,
        /// True if they may.
        listed: bool,
        /// When.
        at: WallTime,
    },
    /// Something was refused that gave itself out for a card that the pile knows: so many attempts
    /// since the last such record of this card, and what the newest was.
    Attempted(Attempts),
    /// The landlord was told of all refused attempts so far.
    AttemptsSeen {
        /// When.
        at: WallTime,
    },
    /// What a port's meter is corrected by from here on. The port was idle.
    Calibrated {
        /// The port.
        port: PortId,
        /// The correction; it takes the place of the one before.
        trim: MeterTrim,
        /// When.
        at: WallTime,
    },
    /// A phone was bound to a card by a tap of it: it acts as the card does, until it or the card is
    /// revoked.
    PhoneBound {
        /// The phone.
        phone: PhoneId,
        /// The card that was tapped.
        credential: CredentialId,
        /// How the card proved itself at that tap.
        strength: Strength,
        /// When.
        at: WallTime,
    },
    /// A phone opens nothing from here on (I5).
    PhoneRevoked {
        /// The phone.
        phone: PhoneId,
        /// When.
        at: WallTime,
    },
    /// An account has this name from here on.
    AccountNamed {
        /// The account.
        account: AccountId,
        /// The name; it takes the place of the one before.
        name: AccountName,
        /// When.
        at: WallTime,
    },
    /// The landlord lost the privilege card and showed a recovery code: this card is the privilege
    /// card now. The old one and its phones are revoked.
    Recovered {
        /// The new privilege card.
        credential: Credential,
        /// When.
        at: WallTime,
    },
    /// As [`SessionOpened`](Self::SessionOpened), by a phone, on its card's account.
    OpenedByPhone {
        /// Its number.
        session: SessionId,
        /// The phone, which names the card.
        phone: PhoneId,
        /// The number that the phone gave its request: greater than that of its last start, so that
        /// one repeated after an answer was lost starts nothing.
        request: u32,
        /// The port.
        port: PortId,
        /// The band in force, in the tariff of the account.
        band: BandIndex,
        /// When.
        at: WallTime,
    },
}

impl Record {
    /// A buffer that holds any record's bytes.
    pub const fn buffer() -> [u8; MAX_PAYLOAD] {
        [0; MAX_PAYLOAD]
    }

    /// The record's bytes, at the start of `buffer`.
    pub fn encode<'a>(&self, buffer: &'a mut [u8; MAX_PAYLOAD]) -> &'a [u8] {
        // No record is longer: `every_record_fits_a_frame`. An empty payload is refused.
        postcard::to_slice(self, buffer)
            .map(|payload| &*payload)
            .unwrap_or_default()
    }

    /// The record of these bytes: of all of them, or `None`.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        match postcard::take_from_bytes(payload) {
            Ok((record, [])) => Some(record),
            _ => None,
        }
    }
}
