//! What a port, an account, a phone and a pile look like from a phone.

use billing_core::book::Account;
use billing_core::record::Fault;
use billing_core::tariff::{BandName, Tariff};
use pile_units::{
    AccountId, AccountName, CredentialId, Current, Energy, MeterTrim, Money, PhoneId, PileId,
    PlanId, PortId, Power, Price, SessionId, TariffVersion, Temperature, Voltage, WallTime,
};
use serde::{Deserialize, Serialize};

use super::{List, RequestId, Text};
use crate::permission::Role;

/// What a pile can do that not every pile can: a set of flags. Those that a phone does not know are
/// kept, and mean nothing to it.
///
/// ```
/// use ble_protocol::message::Capabilities;
/// let pile = Capabilities::NONE.with(Capabilities::CARD_KEYS);
/// assert!(pile.has(Capabilities::CARD_KEYS));
/// assert!(!pile.has(Capabilities::CLOCK));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(u32);

impl Capabilities {
    /// Nothing special.
    pub const NONE: Self = Self(0);
    /// Its card reader can ask a card for a key.
    pub const CARD_KEYS: Self = Self(1);
    /// It has a clock that goes on without the supply.
    pub const CLOCK: Self = Self(1 << 1);
    /// It measures its temperature.
    pub const TEMPERATURE: Self = Self(1 << 2);
    /// It is warned when the supply fails, so that a power cut loses no energy.
    pub const POWER_FAIL: Self = Self(1 << 3);
    /// It signs receipts ([`Request::SignReceipt`](super::Request::SignReceipt)).
    pub const RECEIPTS: Self = Self(1 << 4);

    /// These and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if all of those are among these.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags as a number.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The flags of a number; any is legal.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// The first thing a pile says on a link, and its answer to [`Hello`](super::Request::Hello).
///
/// ```
/// use ble_protocol::message::{RequestId, Welcome};
/// /// The number of a phone's next request.
/// fn next_request(welcome: &Welcome) -> Option<RequestId> {
///     welcome.last_request.next()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The newest message version that the pile knows.
    pub version: u8,
    /// The pile's identity; none before it is commissioned.
    pub pile: Option<PileId>,
    /// What it is called, as advertised.
    pub name: Text<24>,
    /// How many ports it has, 1..=16.
    pub ports: u8,
    /// Its firmware's version.
    pub firmware: Text<32>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Its clock now.
    pub now: WallTime,
    /// What the holder of this link may do.
    pub role: Role,
    /// The phone's number, for a phone that is bound.
    pub phone: Option<PhoneId>,
    /// The account it is bound to, for a tenant's.
    pub account: Option<AccountId>,
    /// The last request of this phone that the pile knows of; 0 before any. The next one has a
    /// greater number.
    pub last_request: RequestId,
}

/// Where a port is, as the pile's controller sees it. The order is the format.
///
/// ```
/// use billing_core::record::Fault;
/// use ble_protocol::message::PortCondition;
/// assert!(PortCondition::Finished.is_free());
/// assert!(!PortCondition::Faulted(Fault::Leakage).is_free());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PortCondition {
    /// Ready for a bike.
    Idle,
    /// As idle; the last bike may still stand there.
    Finished,
    /// A session is about to begin; the relay is open.
    Opening,
    /// The relay is closed, no load yet.
    Starting,
    /// The bike charges.
    Charging,
    /// The bike draws next to nothing.
    Full,
    /// The relay is open; the bill is being made.
    Stopping,
    /// Out of service.
    Disabled,
    /// A fault is latched.
    Faulted(Fault),
}

impl PortCondition {
    /// True if a session can begin here.
    pub const fn is_free(self) -> bool {
        matches!(self, Self::Idle | Self::Finished)
    }
}

/// What a kilowatt-hour costs at present.
///
/// ```
/// use ble_protocol::message::PriceNow;
/// fn line(price: &PriceNow) -> String {
///     format!("{}: {} + {} service a kWh", price.band, price.energy, price.service)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceNow {
    /// The band's name.
    pub band: BandName,
    /// Electricity.
    pub energy: Price,
    /// Service.
    pub service: Price,
}

/// A running session, with figures: only for its own account and for the landlord.
///
/// ```
/// use ble_protocol::message::Running;
/// fn line(running: &Running) -> String {
///     format!("{} at {}", running.energy, running.power)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its number.
    pub session: SessionId,
    /// Who pays.
    pub account: AccountId,
    /// When it began.
    pub since: WallTime,
    /// The power at the last reading, in milliwatts.
    pub power: Power,
    /// What it drew so far, in milliwatt-hours.
    pub energy: Energy,
    /// What it costs so far, electricity and service, in micro-units of the currency, rounded down:
    /// the bill rounds down once more, to the smallest coin.
    pub cost: Money,
    /// What its next kilowatt-hour costs.
    pub price: PriceNow,
}

/// A port as a phone may see it.
///
/// ```
/// use ble_protocol::message::{PortCondition, PortView};
/// use pile_units::PortId;
/// let view = PortView {
///     port: PortId::from_number(1)?,
///     condition: PortCondition::Charging,
///     mine: false,
///     seconds_left: None,
///     running: None, // somebody else's
/// };
/// assert!(!view.condition.is_free());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortView {
    /// Which.
    pub port: PortId,
    /// Where it is.
    pub condition: PortCondition,
    /// True if the session on it is the holder's own account's.
    pub mine: bool,
    /// Seconds until its session ends by a time limit at the latest, where that is known.
    pub seconds_left: Option<u32>,
    /// Its session; none where the holder may not see it.
    pub running: Option<Running>,
}

/// A tariff in force.
///
/// ```
/// use ble_protocol::message::TariffInForce;
/// fn bands(tariff: &TariffInForce) -> usize {
///     tariff.tariff.bands().len()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TariffInForce {
    /// The plan.
    pub plan: PlanId,
    /// The tariff's number.
    pub version: TariffVersion,
    /// The table.
    pub tariff: Tariff,
}

/// An account as its holder and the landlord see it.
///
/// ```
/// use ble_protocol::message::AccountView;
/// fn owed(view: &AccountView) -> pile_units::Money {
///     view.account.owed()
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Its registers.
    pub account: Account,
    /// Its name, once the landlord gave it one.
    pub name: Option<AccountName>,
    /// How many sessions of it are running, 0..=16.
    pub running: u8,
}

/// A phone that was bound.
///
/// ```
/// use ble_protocol::message::PhoneView;
/// fn opens_something(phone: &PhoneView) -> bool {
///     !phone.revoked
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneView {
    /// Its number.
    pub phone: PhoneId,
    /// The card that confirmed it.
    pub credential: CredentialId,
    /// Whose, for a tenant's; none for the landlord's.
    pub account: Option<AccountId>,
    /// When it was bound.
    pub bound: WallTime,
    /// True once it is revoked.
    pub revoked: bool,
    /// True for the phone that asks.
    pub this: bool,
}

/// What a service engineer asks first.
///
/// ```
/// use ble_protocol::message::Diagnostics;
/// fn is_well(seen: &Diagnostics) -> bool {
///     seen.reader && seen.ports.iter().all(|port| port.meter && port.fault.is_none())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// The clock.
    pub now: WallTime,
    /// Seconds since the last start.
    pub uptime: u32,
    /// The number of the last durable record.
    pub last_record: u64,
    /// The number of the last record that the landlord has; 0 before any.
    pub exported: u64,
    /// Sessions that can still be recorded.
    pub sessions_left: u32,
    /// Other facts that can still be recorded.
    pub facts_left: u32,
    /// In so many days the ledger has no room for new sessions, if they go on as of late.
    pub days_left: Option<u32>,
    /// Temperature inside, where it is measured, in tenths of a degree Celsius.
    pub temperature: Option<Temperature>,
    /// True if the card reader answers.
    pub reader: bool,
    /// Refused attempts with cards that the landlord was not told of.
    pub unseen_attempts: u32,
    /// Phones that are bound and not revoked.
    pub phones: u8,
    /// Handshakes that failed since the last start.
    pub failed_handshakes: u32,
    /// Frames with a wrong check sum since the last start.
    pub bad_frames: u32,
    /// The ports, by number.
    pub ports: List<PortDiagnosis, 16>,
}

/// A port, for the service engineer.
///
/// ```
/// use ble_protocol::message::PortDiagnosis;
/// fn leaked(port: &PortDiagnosis) -> pile_units::Energy {
///     port.unattributed
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortDiagnosis {
    /// Which.
    pub port: PortId,
    /// All energy that ever passed its meter, in milliwatt-hours.
    pub register: Energy,
    /// The part of it that belongs to nobody.
    pub unattributed: Energy,
    /// What its meter is corrected by.
    pub trim: MeterTrim,
    /// Active power at the last reading, in milliwatts.
    pub power: Power,
    /// Voltage at the last reading, in millivolts, where the meter has it.
    pub voltage: Option<Voltage>,
    /// Current at the last reading, in milliamperes, where the meter has it.
    pub current: Option<Current>,
    /// True if the meter answers.
    pub meter: bool,
    /// False if it is out of service.
    pub enabled: bool,
    /// A latched fault.
    pub fault: Option<Fault>,
}
