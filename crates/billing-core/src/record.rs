//! What the ledger remembers: one [`Record`] a fact, in the order in which the facts became true.
//!
//! A record is one payload of the [journal](crate::journal): the postcard
//! encoding of a [`Record`], whose variant numbers are the published format (a new fact is added at
//! the end, an old one is never renumbered). Golden bytes hold them still.
//!
//! Two kinds of record outlive a compaction as they are ([`Record::is_kept`]): what a tenant or a
//! landlord can be asked about later. The others live on in the snapshot's [`Piece`]s.

use crate::cost::Bill;
use crate::tariff::{BandIndex, BandName, Tariff};
use pile_units::{
    AccountId, Credential, CredentialId, Currency, Energy, Limits, MAX_PORTS, Money, PileId,
    PortId, Price, SessionId, Strength, TariffVersion, WallTime,
};
use serde::{Deserialize, Serialize};

use crate::book::{Account, OpenSession, Settlement};

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StopReason {
    /// The battery drew less than the full threshold for long enough.
    Full,
    /// The bike was pulled: next to no power.
    Unplugged,
    /// The tenant tapped again.
    ByCard,
    /// The tenant's phone asked.
    ByPhone,
    /// The landlord asked.
    ByLandlord,
    /// The longest session was reached.
    TimeLimit,
    /// The energy the tenant asked for was reached.
    EnergyLimit,
    /// The cost the tenant asked for was reached.
    CostLimit,
    /// The port drew more than it may.
    Overload,
    /// The port or the pile was too hot.
    OverTemperature,
    /// The residual-current device tripped.
    Leakage,
    /// Nothing drew power after the start.
    NoLoad,
    /// The meter stopped answering.
    MeterLost,
    /// The supply failed during the session.
    PowerLost,
    /// The credential was revoked.
    Revoked,
    /// The firmware could not go on.
    Firmware,
    /// The pile as a whole drew more than it may.
    PowerBudget,
    /// The port's fuse blew.
    FuseBlown,
}

impl StopReason {
    /// The name used in files: lower case with underscores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Unplugged => "unplugged",
            Self::ByCard => "by_card",
            Self::ByPhone => "by_phone",
            Self::ByLandlord => "by_landlord",
            Self::TimeLimit => "time_limit",
            Self::EnergyLimit => "energy_limit",
            Self::CostLimit => "cost_limit",
            Self::Overload => "overload",
            Self::OverTemperature => "over_temperature",
            Self::Leakage => "leakage",
            Self::NoLoad => "no_load",
            Self::MeterLost => "meter_lost",
            Self::PowerLost => "power_lost",
            Self::Revoked => "revoked",
            Self::Firmware => "firmware",
            Self::PowerBudget => "power_budget",
            Self::FuseBlown => "fuse_blown",
        }
    }
}

impl core::fmt::Display for StopReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// What keeps a port's relay open until the landlord clears it (invariant I6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// Drew more than it may.
    Overload,
    /// Too hot.
    OverTemperature,
    /// The residual-current device tripped.
    Leakage,
    /// The fuse blew.
    FuseBlown,
    /// Power flows although the relay is open.
    RelayWelded,
    /// The meter does not answer, so nothing could be billed.
    MeterLost,
}

impl Fault {
    /// The reason with which a session on the port ends.
    pub const fn stop_reason(self) -> StopReason {
        match self {
            Self::Overload => StopReason::Overload,
            Self::OverTemperature => StopReason::OverTemperature,
            Self::Leakage => StopReason::Leakage,
            Self::FuseBlown => StopReason::FuseBlown,
            Self::RelayWelded => StopReason::Firmware,
            Self::MeterLost => StopReason::MeterLost,
        }
    }

    /// The name used in files: lower case with underscores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overload => "overload",
            Self::OverTemperature => "over_temperature",
            Self::Leakage => "leakage",
            Self::FuseBlown => "fuse_blown",
            Self::RelayWelded => "relay_welded",
            Self::MeterLost => "meter_lost",
        }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a credential opens nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Revocation {
    /// Reported lost; the account goes on with another card.
    Lost,
    /// Its account was closed.
    Deregistered,
    /// Withdrawn by the landlord.
    Withdrawn,
}

/// Where measured energy belongs: to the session open on a port, or to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advance {
    channel: u8,
    energy: Energy,
}

const UNATTRIBUTED: u8 = 0x80;

impl Advance {
    /// Energy that the session open on `port` drew.
    pub fn of_session(port: PortId, energy: Energy) -> Self {
        Self {
            channel: port.number() - 1,
            energy,
        }
    }

    /// Energy that passed the meter of `port` outside any session, or in its first counter step.
    pub fn unattributed(port: PortId, energy: Energy) -> Self {
        Self {
            channel: (port.number() - 1) | UNATTRIBUTED,
            energy,
        }
    }

    /// The port, or `None` where the bytes named one that cannot be.
    pub fn port(self) -> Option<PortId> {
        PortId::from_index(usize::from(self.channel & !UNATTRIBUTED)).ok()
    }

    /// True if the energy belongs to the session open on the port.
    pub const fn is_session(self) -> bool {
        self.channel & UNATTRIBUTED == 0
    }

    /// The energy.
    pub const fn energy(self) -> Energy {
        self.energy
    }
}

/// The advances of all ports since the last progress record: at most two a port.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Advances(heapless::Vec<Advance, { 2 * MAX_PORTS }>);

impl Advances {
    /// Adds one; false if there is no room, which cannot happen with two a port.
    #[must_use]
    pub fn push(&mut self, advance: Advance) -> bool {
        self.0.push(advance).is_ok()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Advance> + '_ {
        self.0.iter().copied()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A payment's reference as the landlord wrote it: up to 24 bytes of UTF-8.
///
/// ```
/// use billing_core::record::Reference;
/// let reference: Reference = "cash 12 March".parse()?;
/// assert_eq!(reference.as_str(), "cash 12 March");
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reference(heapless::String<24>);

impl Reference {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::str::FromStr for Reference {
    type Err = pile_units::OutOfRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        heapless::String::try_from(text)
            .map(Self)
            .map_err(|_| pile_units::OutOfRange)
    }
}

/// A stretch of a session under one price. It carries its prices, so nothing can re-price it (I9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The session it is part of.
    pub session: SessionId,
    /// 0, 1, 2, ... within the session.
    pub index: u8,
    /// The tariff it was priced by.
    pub tariff: TariffVersion,
    /// The band's name in that tariff.
    pub band: BandName,
    /// Its start.
    pub from: WallTime,
    /// Its end.
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
    /// When it ended.
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
    /// Whether cards that only announce a number may charge.
    PolicySet {
        /// True if they may.
        uid_only: bool,
        /// When.
        at: WallTime,
    },
    /// A tariff came into force.
    TariffSet {
        /// Its number.
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
        /// The band in force.
        band: BandIndex,
        /// When.
        at: WallTime,
    },
    /// Energy passed the meters.
    Progress {
        /// Seconds since the record before this one.
        elapsed: u32,
        /// How much, and for whom.
        advances: Advances,
    },
    /// A session goes on under another price.
    SegmentClosed {
        /// The stretch that ended.
        segment: Segment,
        /// The band in force from here.
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
}

impl Record {
    /// True for a record that a compaction carries forward as it is.
    pub const fn is_kept(&self) -> bool {
        matches!(
            self,
            Self::SegmentClosed { .. }
                | Self::LastSegment { .. }
                | Self::SessionClosed(_)
                | Self::Settled(_)
                | Self::Paid { .. }
        )
    }
}

/// A piece of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// Whatever there is one of.
    Pile {
        /// The pile's identity.
        pile: PileId,
        /// The policy.
        uid_only: bool,
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
    },
    /// The tariff in force.
    Tariff {
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
    },
    /// A card.
    Credential(Credential),
    /// An account.
    Account(Account),
    /// A session that was open.
    Session(OpenSession),
    /// A settlement not yet paid.
    Settlement(Settlement),
}
