//! What the pile knows: the [`Book`] is the fold of the ledger's [`Record`](crate::record::Record)s
//! and nothing else.
//!
//! # Terms
//! - A **register** counts all energy that ever passed a port's meter. It never goes back.
//! - What a register counted belongs to a session, and so to an account, or it is
//!   **unattributed**: leakage, a welded relay, the first counter step of a session.
//!
//! # Invariants
//! - I2: registers = accounts + open sessions + unattributed, to the milliwatt-hour.
//!   [`Book::balance`] states it, and it holds after every [`Book::apply`].
//! - I9: a session carries the price of its open stretch, from the tariff that its account was on
//!   when the stretch began ([`Book::tariff_of`]). A tariff that is set and a plan that is assigned
//!   change no open stretch; the controller closes it and opens the next one at the new price.
//! - Nothing ends before it begins: of a session, `opened`, the ends of its stretches and `closed`
//!   follow one another, whatever the clock was set to. An end that the clock puts before its
//!   beginning is written as the beginning ([`WallTime::not_before`]).
//! - A record that contradicts what is known is refused ([`FoldError`]) and changes nothing.

use crate::cost::SessionCost;
use crate::record::{Attempts, Fault};
use crate::tariff::{BandIndex, BandName, Tariff};
use pile_units::{
    AccountId, AccountName, Credential, CredentialId, Energy, Limits, MAX_PHONES, MAX_PLANS,
    MAX_PORTS, MeterTrim, Money, PileId, PlanId, PortId, Price, SessionId, Strength, TariffVersion,
    UidOnly, WallTime,
};
use serde::{Deserialize, Serialize};

mod apply;
mod attempts;
mod balance;
mod check;
mod phones;
mod pieces;
mod plans;
#[cfg(test)]
mod properties;
mod retention;
pub mod testing;
#[cfg(test)]
mod tests;

pub use attempts::MAX_TRIED;
pub use balance::Balance;
pub use check::FoldError;
pub use phones::Phone;
pub use plans::PlannedTariff;
pub use retention::Rate;

/// The most cards a pile knows, revoked ones included: a number is never given twice.
pub const MAX_CREDENTIALS: usize = 256;
/// The most accounts a pile keeps.
pub const MAX_ACCOUNTS: usize = 128;
/// The most settlements that can wait for their payment.
pub const MAX_SETTLEMENTS: usize = 128;

/// A tenant's account: registers that only grow, and what was settled of them.
///
/// ```
/// use billing_core::book::Account;
/// use pile_units::{AccountId, Money};
/// let account = Account::new(AccountId::new(1));
/// assert!(account.active);
/// assert_eq!(account.owed(), Money::ZERO);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// False once it is closed: it takes no more sessions and keeps its record.
    pub active: bool,
    /// The plan it is charged by.
    pub plan: PlanId,
    /// True if its cards may be known by their number where the policy is [`UidOnly::Listed`].
    pub listed: bool,
    /// Closed sessions.
    pub sessions: u32,
    /// Energy of the closed sessions.
    pub energy: Energy,
    /// Electricity fees of the closed sessions.
    pub energy_fee: Money,
    /// Service fees of the closed sessions.
    pub service_fee: Money,
    /// The part of `energy` that is in settlements.
    pub settled_energy: Energy,
    /// The part of the fees that is in settlements.
    pub settled: Money,
    /// Settled sessions.
    pub settled_sessions: u32,
    /// Every session of the account up to this number is closed and in a settlement; 0 before any.
    pub settled_through: SessionId,
}

impl Account {
    /// An account at zero.
    pub const fn new(id: AccountId) -> Self {
        Self {
            id,
            active: true,
            plan: PlanId::STANDARD,
            listed: false,
            sessions: 0,
            energy: Energy::ZERO,
            energy_fee: Money::ZERO,
            service_fee: Money::ZERO,
            settled_energy: Energy::ZERO,
            settled: Money::ZERO,
            settled_sessions: 0,
            settled_through: SessionId::new(0),
        }
    }

    /// Everything its sessions cost.
    pub const fn total(&self) -> Money {
        self.energy_fee.saturating_add(self.service_fee)
    }

    /// What is not in a settlement yet.
    pub const fn owed(&self) -> Money {
        self.total().saturating_sub(self.settled)
    }
}

/// A frozen reading of an account: what the landlord asks to be paid.
///
/// ```
/// use billing_core::book::{Book, Settlement};
/// use pile_units::{AccountId, Currency, WallTime};
/// /// What is asked of an account now, in words.
/// fn due(book: &Book, account: AccountId, at: WallTime) -> Option<String> {
///     let settlement: Settlement = book.settlement(account, at)?;
///     Some(book.currency().amount(settlement.amount).to_string())
/// }
/// assert_eq!(due(&Book::new(), AccountId::new(1), WallTime::default()), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Its number.
    pub id: u32,
    /// Whose.
    pub account: AccountId,
    /// When it was frozen.
    pub at: WallTime,
    /// The account's energy register at the settlement before.
    pub opening: Energy,
    /// The account's energy register now.
    pub closing: Energy,
    /// Sessions between the two.
    pub sessions: u32,
    /// What they cost.
    pub amount: Money,
}

/// A session whose end is not in the ledger yet.
///
/// ```
/// use billing_core::book::{Book, OpenSession};
/// use pile_units::Energy;
/// /// What all running sessions have drawn so far.
/// fn running(book: &Book) -> Energy {
///     book.open_sessions().map(OpenSession::energy).sum()
/// }
/// assert_eq!(running(&Book::new()), Energy::ZERO);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSession {
    /// Its number.
    pub id: SessionId,
    /// Who pays.
    pub account: AccountId,
    /// Which card opened it.
    pub credential: CredentialId,
    /// How that card proved itself.
    pub strength: Strength,
    /// Where.
    pub port: PortId,
    /// When it opened.
    pub opened: WallTime,
    /// The stretch under the present price.
    pub segment: OpenSegment,
    /// Energy of the stretches before.
    pub closed_energy: Energy,
    /// Cost of the stretches before.
    pub cost: SessionCost,
    /// True once its last stretch is closed and only the bill is missing.
    pub ended: bool,
}

impl OpenSession {
    /// Recorded energy of the whole session.
    pub const fn energy(&self) -> Energy {
        self.closed_energy.saturating_add(self.segment.energy)
    }
}

/// The stretch of a session under the price in force, which it carries itself (I9).
///
/// ```
/// use billing_core::book::{Book, OpenSegment};
/// use pile_units::PortId;
/// /// The band that a port charges by now.
/// fn band(book: &Book, port: PortId) -> Option<&str> {
///     let segment: &OpenSegment = &book.session(port)?.segment;
///     Some(segment.band.as_str())
/// }
/// assert_eq!(band(&Book::new(), PortId::from_number(1)?), None);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSegment {
    /// 0, 1, 2, ... within the session.
    pub index: u8,
    /// The tariff.
    pub tariff: TariffVersion,
    /// The band's name.
    pub band: BandName,
    /// The band's place in the tariff.
    pub band_index: BandIndex,
    /// Its electricity price.
    pub energy_price: Price,
    /// Its service price.
    pub service_price: Price,
    /// When it began; once the session has ended, when that was.
    pub from: WallTime,
    /// Recorded energy.
    pub energy: Energy,
}

/// What the ledger knows of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Port {
    register: Energy,
    unattributed: Energy,
    fault: Option<Fault>,
    enabled: bool,
    trim: MeterTrim,
    session: Option<OpenSession>,
}

impl Port {
    const NEW: Self = Self {
        register: Energy::ZERO,
        unattributed: Energy::ZERO,
        fault: None,
        enabled: true,
        trim: MeterTrim::NONE,
        session: None,
    };
}

/// The fold of the records.
///
/// ```
/// use billing_core::book::Book;
/// use billing_core::record::Record;
/// use pile_units::*;
/// let mut book = Book::new();
/// let card = |id, role| Credential {
///     id: CredentialId::new(id),
///     role,
///     strength: Strength::UidOnly,
///     alias: CardAlias::new([id as u8; 8]),
///     revoked: false,
/// };
/// let at = WallTime::default();
/// let pile = PileId::new([1; 8]);
/// book.apply(&Record::Commissioned { pile, privilege: card(0, Role::Privilege), at })?;
/// let account = book.next_account().ok_or("no account left")?;
/// book.apply(&Record::Enrolled { credential: card(1, Role::Charging(account)), at })?;
/// assert_eq!(book.account(account).map(|it| it.sessions), Some(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    pile: Option<PileId>,
    uid_only: UidOnly,
    limits: Limits,
    /// By plan.
    tariffs: [Option<(TariffVersion, Tariff)>; MAX_PLANS],
    planned: Option<PlannedTariff>,
    credentials: heapless::Vec<Credential, MAX_CREDENTIALS>,
    accounts: heapless::Vec<Account, MAX_ACCOUNTS>,
    settlements: heapless::Vec<Settlement, MAX_SETTLEMENTS>,
    /// In the order of their numbers.
    phones: heapless::Vec<Phone, MAX_PHONES>,
    /// In the order in which the accounts were first named.
    names: heapless::Vec<(AccountId, AccountName), MAX_ACCOUNTS>,
    recoveries: u8,
    /// The card that was tried last comes last.
    attempts: heapless::Vec<Attempts, MAX_TRIED>,
    unseen: u32,
    ports: [Port; MAX_PORTS],
    next_session: SessionId,
    next_account: AccountId,
    next_settlement: u32,
    next_page: u32,
    last: WallTime,
    exported: u64,
    /// Of the present stretch, and of the one before.
    rates: [Rate; 2],
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

impl Book {
    /// A blank pile's book.
    pub fn new() -> Self {
        Self {
            pile: None,
            uid_only: UidOnly::All,
            limits: Limits::default(),
            tariffs: [const { None }; MAX_PLANS],
            planned: None,
            credentials: heapless::Vec::new(),
            accounts: heapless::Vec::new(),
            settlements: heapless::Vec::new(),
            phones: heapless::Vec::new(),
            names: heapless::Vec::new(),
            recoveries: 0,
            attempts: heapless::Vec::new(),
            unseen: 0,
            ports: [Port::NEW; MAX_PORTS],
            next_session: SessionId::new(1),
            next_account: AccountId::new(1),
            next_settlement: 1,
            next_page: 1,
            last: WallTime::default(),
            exported: 0,
            rates: [Rate::default(); 2],
        }
    }

    /// Makes it a blank pile's book again, where it lies: another one is too large to be made beside it.
    pub fn clear(&mut self) {
        self.pile = None;
        self.uid_only = UidOnly::All;
        self.limits = Limits::default();
        self.tariffs.iter_mut().for_each(|it| *it = None);
        self.planned = None;
        self.credentials.clear();
        self.accounts.clear();
        self.settlements.clear();
        self.phones.clear();
        self.names.clear();
        self.recoveries = 0;
        self.attempts.clear();
        self.unseen = 0;
        self.ports.iter_mut().for_each(|it| *it = Port::NEW);
        self.next_session = SessionId::new(1);
        self.next_account = AccountId::new(1);
        self.next_settlement = 1;
        self.next_page = 1;
        self.last = WallTime::default();
        self.exported = 0;
        self.rates = [Rate::default(); 2];
    }

    /// The pile's identity, once it is commissioned.
    pub const fn pile(&self) -> Option<PileId> {
        self.pile
    }

    /// Whose cards may be known by the number they announce.
    pub const fn uid_only(&self) -> UidOnly {
        self.uid_only
    }

    /// The limits in force.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// All cards, in the order of their enrolment.
    pub fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    /// All accounts, in the order of their numbers.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// One account.
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    /// Settlements that wait for their payment.
    pub fn settlements(&self) -> &[Settlement] {
        &self.settlements
    }

    /// The session open on a port.
    pub fn session(&self, port: PortId) -> Option<&OpenSession> {
        self.port(port).session.as_ref()
    }

    /// All open sessions, by port.
    pub fn open_sessions(&self) -> impl Iterator<Item = &OpenSession> {
        self.ports.iter().filter_map(|port| port.session.as_ref())
    }

    /// The fault latched on a port.
    pub fn fault(&self, port: PortId) -> Option<Fault> {
        self.port(port).fault
    }

    /// True unless the landlord took the port out of service.
    pub fn enabled(&self, port: PortId) -> bool {
        self.port(port).enabled
    }

    /// What the port's meter is corrected by.
    pub fn trim(&self, port: PortId) -> MeterTrim {
        self.port(port).trim
    }

    /// All energy that ever passed the port's meter.
    pub fn register(&self, port: PortId) -> Energy {
        self.port(port).register
    }

    /// The part of that which belongs to nobody.
    pub fn unattributed(&self, port: PortId) -> Energy {
        self.port(port).unattributed
    }

    /// The number the next session gets.
    pub const fn next_session(&self) -> SessionId {
        self.next_session
    }

    /// The number the next account gets, or `None` when there is no place for one.
    pub fn next_account(&self) -> Option<AccountId> {
        (!self.accounts.is_full()).then_some(self.next_account)
    }

    /// The number the next card gets, or `None` when there is no place for one.
    pub fn next_credential(&self) -> Option<CredentialId> {
        if self.credentials.is_full() {
            return None;
        }
        u16::try_from(self.credentials.len())
            .ok()
            .map(CredentialId::new)
    }

    /// The number the next settlement gets.
    pub const fn next_settlement(&self) -> u32 {
        self.next_settlement
    }

    /// The page the next receipt gets.
    pub const fn next_page(&self) -> u32 {
        self.next_page
    }

    /// The pile's clock at the last record that told it: what [`Record::Progress`] counts its
    /// seconds from, and the latest time that a session cut by a power loss is known to have run
    /// ([`Record::time_after`] says what tells it).
    ///
    /// After a clock was set back, an open segment can begin later than this. Nothing ends before
    /// it began, so its end is this time or its beginning, the later of the two
    /// ([`WallTime::not_before`]).
    ///
    /// [`Record::Progress`]: crate::record::Record::Progress
    /// [`Record::time_after`]: crate::record::Record::time_after
    pub const fn last(&self) -> WallTime {
        self.last
    }

    fn port(&self, port: PortId) -> &Port {
        // A `PortId` is below MAX_PORTS by its type, so a blank port never answers.
        self.ports.get(port.index()).unwrap_or(&Port::NEW)
    }

    fn port_mut(&mut self, port: PortId) -> Option<&mut Port> {
        self.ports.get_mut(port.index())
    }
}
