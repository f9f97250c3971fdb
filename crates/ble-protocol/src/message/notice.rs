//! What a pile tells unasked.

use billing_core::record::{ClosedSession, Fault};
use pile_units::{
    AccountId, Credential, CredentialId, Energy, Money, PlanId, PortId, Power, SessionId,
    TariffVersion, WallTime,
};
use serde::{Deserialize, Serialize};

use super::{PhoneView, PortView};

macro_rules! kinds {
    ($($kind:ident,)*) => {
        /// Which [`Notice`], without what stands in it. Its number is the notice's on the wire.
        ///
        /// ```
        /// use ble_protocol::message::{Notice, NoticeKind};
        /// assert_eq!(Notice::WindowClosed.kind().name(), "WindowClosed");
        /// assert!(NoticeKind::ALL.contains(&NoticeKind::WindowClosed));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is what the notice of its name is")]
        pub enum NoticeKind { $($kind,)* }

        impl NoticeKind {
            /// All of them, in the order of the format.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The notice's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind),)* }
            }
        }

        impl Notice {
            /// Which notice this is.
            pub const fn kind(&self) -> NoticeKind {
                match self { $(Self::$kind { .. } => NoticeKind::$kind,)* }
            }
        }
    };
}

/// What a pile tells a phone unasked, while it is connected. Nothing is kept for one that is not: it
/// asks when it comes. Who hears what is said at [`permission::hears`](crate::permission::hears).
/// The order of the variants, and of the fields in them, is the format.
///
/// ```
/// use ble_protocol::message::{MAX_MESSAGE, Notice, Told};
/// let told = Told::Notice(Notice::LedgerFilling { days: 6 });
/// let mut buffer = [0; MAX_MESSAGE];
/// assert_eq!(told.encode(&mut buffer), [1, 2, 7, 6]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// A port changed its condition.
    PortChanged(PortView),
    /// A session began; its record is durable.
    SessionOpened {
        /// Its number.
        session: SessionId,
        /// Who pays.
        account: AccountId,
        /// Where.
        port: PortId,
        /// When.
        at: WallTime,
    },
    /// How a running session does, at most every 5 s.
    Reading {
        /// Which.
        session: SessionId,
        /// Where.
        port: PortId,
        /// The power at the last reading, in milliwatts.
        power: Power,
        /// What it drew so far, in milliwatt-hours.
        energy: Energy,
        /// What it costs so far, as in [`Running::cost`](super::Running::cost).
        cost: Money,
    },
    /// A session ended; its bill is durable.
    SessionClosed(ClosedSession),
    /// A fault keeps a port open.
    FaultLatched {
        /// Where.
        port: PortId,
        /// What.
        fault: Fault,
    },
    /// The landlord cleared a port's fault.
    FaultCleared {
        /// Where.
        port: PortId,
    },
    /// A tariff came into force.
    TariffChanged {
        /// The plan.
        plan: PlanId,
        /// The tariff's number.
        version: TariffVersion,
    },
    /// In so many days the ledger has no room for new sessions, if they go on as of late: settle, and
    /// export.
    LedgerFilling {
        /// Days.
        days: u32,
    },
    /// Attempts with a card that the pile knows were refused since the landlord was last told.
    CardsTried {
        /// The card of the newest.
        credential: CredentialId,
        /// How many.
        count: u32,
    },
    /// The card that was tapped in the window is authorised.
    CardAuthorised(Credential),
    /// The window for a new card is closed, and none was tapped.
    WindowClosed,
    /// A phone was bound.
    PhoneBound(PhoneView),
}

kinds! {
    PortChanged, SessionOpened, Reading, SessionClosed, FaultLatched, FaultCleared, TariffChanged,
    LedgerFilling, CardsTried, CardAuthorised, WindowClosed, PhoneBound,
}
