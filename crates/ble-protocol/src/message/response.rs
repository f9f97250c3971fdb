//! What a pile answers.

use billing_core::book::{PlannedTariff, Settlement};
use billing_core::record::{Attempts, ClosedSession, Reference, Segment};
use billing_core::statement::Totals;
use pile_units::{
    CardAlias, Credential, Currency, Limits, PortId, SessionId, UidOnly, UtcOffset, WallTime,
};
use serde::{Deserialize, Serialize};

use super::{
    AccountView, Diagnostics, ExportChunk, List, PhoneView, PortView, PriceNow, TariffInForce,
    Welcome,
};
use crate::Refusal;

/// The answer to a [`Request`](super::Request). The order of the variants, and of the fields in
/// them, is the format: a new answer goes to the end.
///
/// ```
/// use ble_protocol::Refusal;
/// use ble_protocol::message::Response;
/// fn told(response: &Response) -> String {
///     match response {
///         Response::Refused(why) => why.to_string(),
///         Response::Started { session, .. } => format!("session {session}"),
///         _ => "done".to_string(),
///     }
/// }
/// assert_eq!(told(&Response::Refused(Refusal::PortTaken)), "the port is in use");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// Not done.
    Refused(Refusal),
    /// Done; what there was to record is durable.
    Done,
    /// Who the pile is.
    Welcome(Welcome),
    /// The ports.
    Ports(PortPage),
    /// The tariff that the holder is charged by, and what it comes to now.
    Tariff {
        /// The tariff.
        tariff: TariffInForce,
        /// The price now.
        price: PriceNow,
        /// Seconds until the price changes by the time of day, where the clock is known and it does.
        seconds_to_change: Option<u32>,
    },
    /// A session started.
    Started {
        /// Its number.
        session: SessionId,
        /// Where.
        port: PortId,
    },
    /// Billed sessions.
    Sessions(SessionPage),
    /// What a receipt is made of.
    Receipt(ReceiptPage),
    /// A statement.
    Statement(StatementPage),
    /// The holder's account.
    Account(AccountView),
    /// Phones, by number.
    Phones(PhonePage),
    /// Accounts, by number.
    Accounts(AccountPage),
    /// Cards, by number.
    Cards(CardPage),
    /// A card can be tapped now.
    Window {
        /// For so many seconds.
        seconds: u8,
    },
    /// Whose cards may be known by the number they announce.
    Policy(UidOnly),
    /// Tariffs in force, by plan.
    Tariffs(TariffPage),
    /// The tariff that waits for its time.
    Planned(Option<PlannedTariff>),
    /// The limits in force.
    Limits(Limits),
    /// An account's reading was frozen.
    Settled(Settlement),
    /// Settlements that wait for their payment.
    Settlements(SettlementPage),
    /// What a service engineer asks first.
    Diagnostics(Diagnostics),
    /// What was refused of cards that the pile knows.
    Tried(TriedPage),
    /// A piece of the ledger.
    Export(ExportChunk),
}

impl Response {
    /// How many kinds of answers there are.
    pub(super) const KINDS: u32 = 23;
}

/// Ports, from the one asked for on.
///
/// ```
/// use ble_protocol::message::PortPage;
/// fn free(page: &PortPage) -> usize {
///     page.ports.iter().filter(|view| view.condition.is_free()).count()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortPage {
    /// What the holder's next session would pay now, or the standard plan's price for the landlord;
    /// none before there is a tariff. A session that runs has its own price.
    pub price: Option<PriceNow>,
    /// The currency of every price and cost.
    pub currency: Currency,
    /// The ports.
    pub ports: List<PortView, 12>,
    /// True if there are more after these.
    pub more: bool,
}

/// Billed sessions, the newest first.
///
/// ```
/// use ble_protocol::message::{Request, SessionPage};
/// /// What to ask next.
/// fn older(page: &SessionPage) -> Option<Request> {
///     let last = page.sessions.iter().last().filter(|_| page.more)?;
///     Some(Request::Sessions { account: None, before: Some(last.session), count: 8 })
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPage {
    /// The sessions as they are billed.
    pub sessions: List<ClosedSession, 8>,
    /// True if the ledger holds older ones.
    pub more: bool,
}

/// The records that a session's receipt is made of.
///
/// It is **not signed**: signing takes a pile's processor longer than its safety loop may wait, so
/// nothing that serves a link signs. With all segments, the records go into
/// [`BilledSession`](billing_core::receipt::BilledSession): its
/// [`arithmetic`](billing_core::receipt::BilledSession::arithmetic) shows a tenant, in the phone,
/// every step from the milliwatt-hours to the bill, and that it adds up. The signed receipt is made
/// where the pile's key is: by `pilectl receipt make` from the flash image or the export, which hold
/// the same records in their hash chain.
///
/// ```
/// use billing_core::receipt::BilledSession;
/// use billing_core::record::Segment;
/// use ble_protocol::message::ReceiptPage;
/// /// The bill, line by line, once all segments have come.
/// fn shown(page: &ReceiptPage, segments: &[Segment]) -> String {
///     let session = BilledSession {
///         closed: &page.session,
///         segments: segments.iter().copied(),
///         alias: page.alias,
///         clock_set: page.clock_set,
///     };
///     session.arithmetic().to_string()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptPage {
    /// The bill. Its `segments` says how many there are.
    pub session: ClosedSession,
    /// The keyed alias of the card that opened it, as on a receipt.
    pub alias: CardAlias,
    /// True if the clock was set while it ran.
    pub clock_set: bool,
    /// Where local time stands on the receipt.
    pub utc_offset: UtcOffset,
    /// Its segments in order, from the one asked for on.
    pub segments: List<Segment, 8>,
    /// True if there are more after these.
    pub more: bool,
}

/// A statement: what the pile found when it added up the sessions of the period
/// ([`billing_core::statement`]), and some of them.
///
/// ```
/// use ble_protocol::message::StatementPage;
/// /// True if these sessions are all of the statement's, and add up to it.
/// fn adds_up(page: &StatementPage) -> bool {
///     let sum = page.sessions.iter().map(|session| session.energy).sum();
///     !page.more && page.totals.opening.checked_add(sum) == Some(page.totals.closing)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementPage {
    /// Opening and closing reading, the number of sessions, and what they come to.
    pub totals: Totals,
    /// The currency.
    pub currency: Currency,
    /// The settlement, where the period is one.
    pub settlement: Option<Settlement>,
    /// Its payment: when, and the landlord's note.
    pub paid: Option<(WallTime, Reference)>,
    /// Sessions in the order in which they were billed, after those that were passed over.
    pub sessions: List<ClosedSession, 8>,
    /// True if there are more after these.
    pub more: bool,
}

/// Makes the pages that are nothing but a list.
macro_rules! pages {
    ($($(#[$doc:meta])* $page:ident, $field:ident: $item:ty, $most:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub struct $page {
            /// They, from the one asked for on.
            pub $field: List<$item, $most>,
            /// True if there are more after these: ask from the number after the last one.
            pub more: bool,
        }
    )*};
}

pages! {
    /// Phones, by number.
    ///
    /// ```
    /// use ble_protocol::message::PhonePage;
    /// assert!(PhonePage::default().phones.is_empty());
    /// ```
    PhonePage, phones: PhoneView, 16;
    /// Accounts, by number.
    ///
    /// ```
    /// use ble_protocol::message::AccountPage;
    /// assert!(!AccountPage::default().more);
    /// ```
    AccountPage, accounts: AccountView, 8;
    /// Cards, by number. An alias is a keyed hash of a UID: it is no use without the site key.
    ///
    /// ```
    /// use ble_protocol::message::CardPage;
    /// assert!(CardPage::default().cards.is_empty());
    /// ```
    CardPage, cards: Credential, 16;
    /// Tariffs in force, by plan.
    ///
    /// ```
    /// use ble_protocol::message::TariffPage;
    /// assert!(TariffPage::default().tariffs.is_empty());
    /// ```
    TariffPage, tariffs: TariffInForce, 2;
    /// What was refused of cards that the pile knows, by card.
    ///
    /// ```
    /// use ble_protocol::message::TriedPage;
    /// fn attempts(page: &TriedPage) -> u32 {
    ///     page.cards.iter().map(|card| card.count).sum()
    /// }
    /// assert_eq!(attempts(&TriedPage::default()), 0);
    /// ```
    TriedPage, cards: Attempts, 16;
}

/// Settlements that wait for their payment, by number.
///
/// ```
/// use ble_protocol::message::{Request, SettlementPage};
/// use pile_units::AccountId;
/// /// A request that settles once, however often it is sent.
/// fn settle(page: &SettlementPage, account: AccountId) -> Request {
///     Request::Settle { account, number: page.next }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettlementPage {
    /// The number that the next settlement gets.
    pub next: u32,
    /// The currency of every amount.
    pub currency: Currency,
    /// They, from the one asked for on.
    pub settlements: List<Settlement, 16>,
    /// True if there are more after these.
    pub more: bool,
}
