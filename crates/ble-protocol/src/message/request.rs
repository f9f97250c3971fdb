//! What a phone can ask.

use billing_core::record::{Fault, Reference};
use billing_core::statement::Period;
use billing_core::tariff::Tariff;
use pile_units::{
    AccountId, AccountName, CredentialId, Duration, Energy, Limits, Money, PhoneId, PlanId, PortId,
    SessionId, UidOnly, UnixSeconds, WallTime,
};
use serde::{Deserialize, Serialize};

use super::ExportCursor;

/// When a session that a phone starts is to end by itself, whatever the battery still takes. The
/// pile's own limits ([`Limits::longest_session`]) hold beside it. The order is the format.
///
/// ```
/// use ble_protocol::message::UpTo;
/// use pile_units::Money;
/// let two_yuan = UpTo::Cost(Money::from_micros(2_000_000));
/// assert_ne!(two_yuan, UpTo::Full);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum UpTo {
    /// When the battery is full.
    #[default]
    Full,
    /// When this much time has passed since the relay closed, in milliseconds.
    Time(Duration),
    /// When it has drawn this much, in milliwatt-hours.
    Energy(Energy),
    /// When it costs this much, in micro-units of the currency, electricity and service together.
    Cost(Money),
}

/// Names the requests once: the enum without contents, all of them, and what a request is.
macro_rules! kinds {
    ($($kind:ident,)*) => {
        /// Which [`Request`], without what stands in it. Its number is the request's on the wire.
        ///
        /// ```
        /// use ble_protocol::message::{Request, RequestKind};
        /// assert_eq!(Request::TariffNow.kind(), RequestKind::TariffNow);
        /// assert_eq!(RequestKind::TariffNow.name(), "TariffNow");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is what the request of its name is")]
        pub enum RequestKind { $($kind,)* }

        impl RequestKind {
            /// All of them, in the order of the format.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The request's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind),)* }
            }

            /// True if the request changes nothing: [`Request::is_question`].
            pub const fn is_question(self) -> bool {
                matches!(
                    self,
                    Self::Hello | Self::Ports | Self::TariffNow | Self::Sessions | Self::Receipt
                        | Self::Statement | Self::MyAccount | Self::MyPhones | Self::Accounts
                        | Self::Cards | Self::Phones | Self::Policy | Self::Tariffs
                        | Self::PlannedTariff | Self::Limits | Self::Settlements
                        | Self::Diagnostics | Self::Tried | Self::ExportFrom
                        | Self::SignReceipt
                )
            }
        }

        impl Request {
            /// Which request this is.
            pub const fn kind(&self) -> RequestKind {
                match self { $(Self::$kind { .. } => RequestKind::$kind,)* }
            }

            /// True if it changes nothing, so that it may be answered anew each time it comes: its
            /// answer, which may be long, need not be remembered.
            ///
            /// ```
            /// use ble_protocol::message::Request;
            /// assert!(Request::MyAccount.is_question());
            /// assert!(!Request::ReportLost.is_question());
            /// ```
            pub const fn is_question(&self) -> bool {
                self.kind().is_question()
            }
        }
    };
}

/// What a phone asks of the pile. The order of the variants, and of the fields in them, is the
/// format: a new request goes to the end.
///
/// Every request may be answered [`Refused`](super::Response::Refused) by
/// [`Refusal::NotAllowed`](crate::Refusal::NotAllowed) (see [`permission`](crate::permission)),
/// [`Busy`](crate::Refusal::Busy) and [`TooOld`](crate::Refusal::TooOld); every one that writes to
/// the ledger by [`LedgerFull`](crate::Refusal::LedgerFull) and
/// [`LedgerFailed`](crate::Refusal::LedgerFailed), and what it was answered well is durable. The
/// other reasons are said at each request, by their names in [`Refusal`](crate::Refusal).
///
/// ```
/// use ble_protocol::message::{Asked, MAX_MESSAGE, Request, RequestId, UpTo};
/// use pile_units::PortId;
/// let start = Request::Start { port: PortId::from_number(3)?, up_to: UpTo::Full };
/// let asked = Asked { id: RequestId::new(17), request: start };
/// let mut buffer = [0; MAX_MESSAGE];
/// assert_eq!(asked.encode(&mut buffer), [1, 17, 3, 2, 0]);
/// assert_eq!(Asked::decode(&[1, 17, 3, 2, 0]), Ok(asked));
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Says what the phone speaks, and asks for a [`Welcome`](super::Response::Welcome) again: the
    /// first one comes unasked.
    Hello {
        /// The newest message version that the phone knows.
        version: u8,
    },
    /// The ports and what they do, twelve an answer: [`Ports`](super::Response::Ports). Of a session,
    /// a tenant sees figures only where it is the own account's.
    Ports {
        /// The first port of the answer.
        from: PortId,
    },
    /// The tariff that the holder is charged by; the landlord gets the standard plan's:
    /// [`Tariff`](super::Response::Tariff). Refused: `NoTariff`.
    TariffNow,
    /// Starts a session on a port: [`Started`](super::Response::Started), when its record is durable
    /// and before the relay closes. Refused as at the pile: `AccountClosed`, `PortTaken`,
    /// `PortFaulted`, `PortDisabled`, `NoMeter`, `NoPower`, `NoTariff`, `TooHot`, `TooWeak` (the card
    /// the phone was bound by may no longer charge), `RevokedCard`, `NoSuchThing` (the port).
    Start {
        /// Where.
        port: PortId,
        /// When it is to end by itself.
        up_to: UpTo,
    },
    /// Stops a session: [`Done`](super::Response::Done) when its relay is open, and as well if it had
    /// ended already. A [`SessionClosed`](super::Notice::SessionClosed) follows with the bill.
    /// Refused: `NotYours`, `NoSuchThing` (a session that never was).
    Stop {
        /// Which.
        session: SessionId,
    },
    /// Billed sessions, the newest first: [`Sessions`](super::Response::Sessions). Refused:
    /// `NotYours`, `NoSuchThing` (the account).
    Sessions {
        /// Whose; without one, all that the holder may see.
        account: Option<AccountId>,
        /// Only sessions with a smaller number than this.
        before: Option<SessionId>,
        /// The most that are wanted, 1..=8; more is taken as 8, and 0 as 8.
        count: u8,
    },
    /// The records that a session's receipt is made of: [`Receipt`](super::Response::Receipt).
    /// Refused: `NotYours`, `NoSuchThing` (no such session, or it still runs), `NotHere`.
    Receipt {
        /// Which.
        session: SessionId,
        /// The first segment of the answer, 0 for the first of the session.
        from: u8,
    },
    /// An account's statement: [`Statement`](super::Response::Statement). Refused: `NotYours`,
    /// `NoSuchThing` (the account or the settlement; the landlord must name an account), `NotHere`.
    Statement {
        /// Whose; without one, the holder's own.
        account: Option<AccountId>,
        /// Which sessions.
        period: Period,
        /// How many of its sessions to pass over: those of the answers before.
        skip: u32,
    },
    /// The holder's own account: [`Account`](super::Response::Account).
    MyAccount,
    /// The phones that were bound by the holder's own card, or another of the same account, sixteen an
    /// answer: [`Phones`](super::Response::Phones). Of the landlord: by a privilege card.
    MyPhones {
        /// The first that is wanted.
        from: PhoneId,
    },
    /// Revokes one of those: [`Done`](super::Response::Done), and as well if it was revoked already.
    /// It may be the phone that asks, whose link then ends. Refused: `NotYours`, `NoSuchThing`.
    RevokeMyPhone {
        /// Which.
        phone: PhoneId,
    },
    /// Revokes the own account's cards as lost, and every phone that was bound by them, this one too:
    /// [`Done`](super::Response::Done), and then the link ends. The landlord gives the next card.
    ReportLost,

    /// Accounts by number, eight an answer: [`Accounts`](super::Response::Accounts).
    Accounts {
        /// The first that is wanted.
        from: AccountId,
    },
    /// Cards by number, sixteen an answer: [`Cards`](super::Response::Cards).
    Cards {
        /// The first that is wanted.
        from: CredentialId,
    },
    /// Phones by number, sixteen an answer: [`Phones`](super::Response::Phones).
    Phones {
        /// The first that is wanted.
        from: PhoneId,
    },
    /// Revokes any phone: [`Done`](super::Response::Done), and as well if it was revoked already.
    /// Refused: `NoSuchThing`.
    RevokePhone {
        /// Which.
        phone: PhoneId,
    },
    /// Opens the window in which a new card is tapped: [`Window`](super::Response::Window). What
    /// becomes of it is told by [`CardAuthorised`](super::Notice::CardAuthorised) or
    /// [`WindowClosed`](super::Notice::WindowClosed).
    Authorise,
    /// The same for a card that has no key; its account is listed. Refused: `TooWeak` (by the policy
    /// no such card may charge).
    AuthoriseListed,
    /// Revokes the account's cards as lost and opens the window for its next card:
    /// [`Window`](super::Response::Window). Refused: `NoSuchThing`, `AccountClosed`, `Full`, and
    /// `AlreadyAuthorised` where the card is revoked and the account has its next one.
    Replace {
        /// Whose.
        account: AccountId,
        /// The card that is lost, of that account. So a request that comes twice does not revoke the
        /// next card.
        card: CredentialId,
    },
    /// Revokes the account's cards as lost: [`Done`](super::Response::Done), and as well where it has
    /// none that opens anything. Refused: `NoSuchThing`.
    ReportLostOf {
        /// Whose.
        account: AccountId,
    },
    /// Revokes one card, and the phones that were bound by it: [`Done`](super::Response::Done).
    /// Refused: `NoSuchThing` (also where it is revoked already).
    RevokeCard {
        /// Which.
        credential: CredentialId,
    },
    /// Revokes the account's cards, settles what is owed and closes the account:
    /// [`Settled`](super::Response::Settled), or [`Done`](super::Response::Done) where nothing was
    /// owed. Refused: `NoSuchThing` (also where it is closed already), `Full`.
    Deregister {
        /// Whose.
        account: AccountId,
    },
    /// Names an account: [`Done`](super::Response::Done). Refused: `NoSuchThing`.
    Rename {
        /// Which.
        account: AccountId,
        /// Its name from now on.
        name: AccountName,
    },
    /// Whose cards may be known by the number they announce: [`Policy`](super::Response::Policy).
    Policy,
    /// Sets that: [`Done`](super::Response::Done). What is refused from then on is refused the
    /// landlord's own card, too, if it has no key; this phone goes on.
    SetPolicy {
        /// Whose.
        uid_only: UidOnly,
    },
    /// Lets an account's cards be known by their number where the policy is
    /// [`UidOnly::Listed`], or no longer: [`Done`](super::Response::Done). Refused: `NoSuchThing`,
    /// `AccountClosed`.
    ListAccount {
        /// Which.
        account: AccountId,
        /// True if they may.
        listed: bool,
    },
    /// The tariffs in force, two an answer: [`Tariffs`](super::Response::Tariffs).
    Tariffs {
        /// The first plan that is wanted.
        from: PlanId,
    },
    /// The tariff that waits for its time: [`Planned`](super::Response::Planned).
    PlannedTariff,
    /// Puts a tariff in force for a plan: [`Done`](super::Response::Done). Refused: `OtherCurrency`,
    /// `NoTariff` (the standard plan has none yet), `Full`.
    SetTariff {
        /// The plan.
        plan: PlanId,
        /// The table.
        tariff: Tariff,
    },
    /// Lets a tariff come into force later; it takes the place of the one planned before:
    /// [`Done`](super::Response::Done). Refused as [`Request::SetTariff`].
    PlanTariff {
        /// The plan.
        plan: PlanId,
        /// When; a time that has passed is now.
        from: UnixSeconds,
        /// The table.
        tariff: Tariff,
    },
    /// Charges an account by a plan from now on: [`Done`](super::Response::Done). Refused:
    /// `NoSuchThing`, `AccountClosed`.
    AssignPlan {
        /// Whose.
        account: AccountId,
        /// The plan.
        plan: PlanId,
    },
    /// The limits in force: [`Limits`](super::Response::Limits).
    Limits,
    /// Sets all of them: [`Done`](super::Response::Done).
    SetLimits {
        /// The limits.
        limits: Limits,
    },
    /// Freezes an account's reading: [`Settled`](super::Response::Settled). Refused: `NoSuchThing`,
    /// `NothingOwed`, `Full`, and `OutOfTurn` where the next settlement has another number. A
    /// settlement of this number and account that waits for its payment is answered again.
    Settle {
        /// Whose.
        account: AccountId,
        /// The number it is to get: the next one, as
        /// [`Settlements`](super::Response::Settlements) told it. So a request that comes twice
        /// settles once.
        number: u32,
    },
    /// Settlements that wait for their payment, sixteen an answer:
    /// [`Settlements`](super::Response::Settlements).
    Settlements {
        /// The first number that is wanted.
        from: u32,
    },
    /// Notes that a settlement was paid: [`Done`](super::Response::Done). Refused: `NoSuchThing` (also
    /// where it is noted already and the answer no longer known).
    MarkPaid {
        /// Which.
        settlement: u32,
        /// The landlord's note.
        reference: Reference,
    },
    /// Clears a port's fault: [`Done`](super::Response::Done). Refused: `StillFaulty`, `NoMeter`,
    /// `NoSuchThing` (also where it has none, or another).
    ClearFault {
        /// Where.
        port: PortId,
        /// Which, as the port's condition told it. So nobody clears a fault that he has not seen.
        fault: Fault,
    },
    /// Stops the session on a port: [`Done`](super::Response::Done), and as well where it has ended.
    /// Refused: `NoSuchThing`.
    StopPort {
        /// Where.
        port: PortId,
        /// Which, as the port's view told it. So a request that comes twice stops no other.
        session: SessionId,
    },
    /// Takes a port out of service, which stops a session on it, or puts it back:
    /// [`Done`](super::Response::Done). Refused: `NoSuchThing`.
    SwitchPort {
        /// Where.
        port: PortId,
        /// True if it is in service from now on.
        enabled: bool,
    },
    /// Sets the clock: [`Done`](super::Response::Done).
    SetClock {
        /// The time at the phone when it sends this.
        now: WallTime,
    },
    /// What a service engineer asks first: [`Diagnostics`](super::Response::Diagnostics).
    Diagnostics,
    /// What was refused of cards the pile knows, by card, sixteen an answer:
    /// [`Tried`](super::Response::Tried).
    Tried {
        /// The first card that is wanted.
        from: CredentialId,
    },
    /// The ledger as it stands, from a place on: [`Export`](super::Response::Export). Refused:
    /// `NotHere` (what the cursor names was forgotten meanwhile: begin again).
    ExportFrom {
        /// Where the answer before ended, or [`ExportCursor::START`].
        cursor: ExportCursor,
    },
    /// Says that the landlord has every record up to this one: [`Done`](super::Response::Done). What
    /// is settled and paid of it may be forgotten. Refused: `NoSuchThing` (there is no such record).
    ConfirmExport {
        /// The number of the last record that is safe.
        through: u64,
    },
    /// Opens the window in which the new privilege card is tapped:
    /// [`Window`](super::Response::Window). When the tap's record is durable, the old privilege card
    /// and its phones are revoked, and the recovery code that opened this link is used up.
    Recover,
    /// The pile's signature under the receipt of a billed session, a question that takes the pile some
    /// tens of milliseconds: [`Signature`](super::Response::Signature). Refused: `NotYours`,
    /// `NoSuchThing`, `NotHere` (its records are not all on the pile), `NoReceiptKey`, `TooManyPrices`.
    SignReceipt {
        /// Which.
        session: SessionId,
    },
}

kinds! {
    Hello, Ports, TariffNow, Start, Stop, Sessions, Receipt, Statement, MyAccount, MyPhones,
    RevokeMyPhone, ReportLost, Accounts, Cards, Phones, RevokePhone, Authorise, AuthoriseListed,
    Replace, ReportLostOf, RevokeCard, Deregister, Rename, Policy, SetPolicy, ListAccount, Tariffs,
    PlannedTariff, SetTariff, PlanTariff, AssignPlan, Limits, SetLimits, Settle, Settlements,
    MarkPaid, ClearFault, StopPort, SwitchPort, SetClock, Diagnostics, Tried, ExportFrom,
    ConfirmExport, Recover, SignReceipt,
}
