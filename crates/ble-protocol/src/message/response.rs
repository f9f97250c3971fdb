//! What a pile answers.

use billing_core::book::{PlannedTariff, Settlement};
use billing_core::receipt::{PublicKey, Signature};
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
    /// The signature under a receipt.
    Signature(ReceiptSignature),
}

impl Response {
    /// How many kinds of answers there are.
    pub(super) const KINDS: u32 = 24;
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
/// With all segments, the records go into [`BilledSession`](billing_core::receipt::BilledSession): its
/// [`arithmetic`](billing_core::receipt::BilledSession::arithmetic) shows a tenant, in the phone,
/// every step from the milliwatt-hours to the bill, and that it adds up. With the
/// [`ReceiptSignature`] of the session it makes the signed record.
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

/// The pile's signature under a session's receipt.
///
/// The record itself is not sent: the phone makes it of the session's records ([`ReceiptPage`], all
/// segments), of the pile's name and firmware ([`Welcome`]) and of what stands here, and verifies it. So
/// the figures that it shows are those that are signed, or the signature does not hold. A receipt of
/// the link names no receipt before it (OCMF key `Z`), since the pile keeps none; `pilectl receipt make`
/// makes those that do.
///
/// ```
/// use billing_core::receipt::{BilledSession, Issuer, verify, write_signed};
/// use billing_core::record::Segment;
/// use ble_protocol::message::{ReceiptPage, ReceiptSignature, Welcome};
/// /// The record, if the pile signed what the phone was shown.
/// fn record(
///     welcome: &Welcome, page: &ReceiptPage, segments: &[Segment], signed: &ReceiptSignature,
/// ) -> Option<String> {
///     let session = BilledSession {
///         closed: &page.session,
///         segments: segments.iter().copied(),
///         alias: page.alias,
///         clock_set: signed.clock_in_doubt,
///     };
///     let issuer = Issuer {
///         pile: welcome.pile?,
///         firmware: welcome.firmware.as_str(),
///         utc_offset: signed.utc_offset,
///     };
///     let mut record = String::new();
///     let signature = signed.signature()?;
///     write_signed(&session.receipt(&issuer, None), &signature, &mut record).ok()?;
///     verify(&record, &signed.key()?).is_ok().then_some(record)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptSignature {
    /// The session.
    pub session: SessionId,
    /// True if the clock was set while it ran, or the records that would tell are gone: the times
    /// before the stop are then marked as in doubt.
    pub clock_in_doubt: bool,
    /// Where local time stands on the receipt.
    pub utc_offset: UtcOffset,
    /// True if the second coordinate of the pile's public key is odd.
    pub(super) odd: bool,
    /// The first, big-endian.
    pub(super) x: [u8; 32],
    /// The two numbers of the signature (RFC 6979), big-endian.
    pub(super) numbers: ([u8; 32], [u8; 32]),
}

impl ReceiptSignature {
    /// A signature of the holder of a key.
    pub fn new(
        session: SessionId,
        clock_in_doubt: bool,
        utc_offset: UtcOffset,
        key: &PublicKey,
        signature: &Signature,
    ) -> Self {
        let [sign, x @ ..] = key.to_compressed();
        let signature = signature.to_fixed();
        let half = |from: usize| {
            let mut bytes = [0; 32];
            let signature = signature.iter().skip(from);
            bytes
                .iter_mut()
                .zip(signature)
                .for_each(|(to, from)| *to = *from);
            bytes
        };
        let numbers = (half(0), half(32));
        Self {
            session,
            clock_in_doubt,
            utc_offset,
            odd: sign == SEC1_ODD,
            x,
            numbers,
        }
    }

    /// The pile's public key; `None` if it is none. Whoever has seen one of this pile before takes no
    /// other.
    pub fn key(&self) -> Option<PublicKey> {
        let mut point = [0; 33];
        let sign = if self.odd { SEC1_ODD } else { SEC1_EVEN };
        let bytes = core::iter::once(&sign).chain(&self.x);
        point
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        PublicKey::from_compressed(&point).ok()
    }

    /// The signature; `None` if it is none.
    pub fn signature(&self) -> Option<Signature> {
        let mut bytes = [0; 64];
        let numbers = self.numbers.0.iter().chain(&self.numbers.1);
        bytes
            .iter_mut()
            .zip(numbers)
            .for_each(|(to, from)| *to = *from);
        Signature::from_fixed(&bytes)
    }
}

/// The first byte of a compressed point (SEC 1, section 2.3.3).
const SEC1_EVEN: u8 = 2;
const SEC1_ODD: u8 = 3;

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
