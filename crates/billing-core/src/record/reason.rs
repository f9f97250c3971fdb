//! Why sessions end, ports stay open and cards open nothing. Their order is the format.

use serde::{Deserialize, Serialize};

/// Why a session ended.
///
/// ```
/// use billing_core::record::StopReason;
/// assert_eq!(StopReason::ByCard.to_string(), "by_card");
/// ```
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
///
/// ```
/// use billing_core::record::{Fault, StopReason};
/// assert_eq!(Fault::Overload.stop_reason(), StopReason::Overload);
/// assert_eq!(Fault::RelayWelded.to_string(), "relay_welded");
/// ```
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
///
/// ```
/// use billing_core::record::Revocation;
/// let why = Revocation::Lost; // reported by its holder; the account goes on with another card
/// assert_ne!(why, Revocation::Withdrawn);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Revocation {
    /// Reported lost; the account goes on with another card.
    Lost,
    /// Its account was closed.
    Deregistered,
    /// Withdrawn by the landlord.
    Withdrawn,
}
