//! What can come from a phone, once it is clear who holds it.

use crate::Command;
use ble_protocol::message::UpTo;
use pile_units::{AccountId, CardAlias, PhoneId, PortId, SessionId, Strength};
use serde::{Deserialize, Serialize};

/// A wish that came over the link, from somebody who may have it: [`Serve`](crate::serve::Serve)
/// asked the table of permissions first. The machine asks again whatever can have changed since.
///
/// ```
/// use ble_protocol::message::UpTo;
/// use pile_controller::{ByPhone, Event};
/// use pile_units::{PhoneId, PortId};
/// let start = ByPhone::Start {
///     phone: PhoneId::new(3),
///     request: 17,
///     port: PortId::from_number(1)?,
///     up_to: UpTo::Full,
/// };
/// // The number comes back with the answer.
/// let event = Event::Phone(7, start);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is no heap to box a tariff on"
)]
pub enum ByPhone {
    /// A phone starts a session on the account of its card. Answered
    /// [`Started`](crate::Outcome::Started) when the record is durable, and so again where the
    /// ledger knows that this request opened the phone's last session.
    Start {
        /// The phone.
        phone: PhoneId,
        /// Its number for the request: greater than that of its last start.
        request: u32,
        /// Where.
        port: PortId,
        /// When the session is to end by itself. Known until the supply fails, which ends it anyway.
        up_to: UpTo,
    },
    /// A phone stops a session: a tenant's only one of its own account. What has ended already is
    /// answered as if it had been stopped now.
    Stop {
        /// The phone.
        phone: PhoneId,
        /// What.
        session: SessionId,
    },
    /// A card was tapped whose code a phone has, and the phone has shown that it has it. On a blank pile
    /// the card becomes the landlord's first. Answered [`Bound`](crate::Outcome::Bound) when all of
    /// it is durable.
    Bind {
        /// The keyed alias of the card's UID.
        alias: CardAlias,
        /// How the card proved itself.
        strength: Strength,
    },
    /// Who has the recovery code of this number opens the window in which the new privilege card is
    /// tapped.
    Recover {
        /// The code's number.
        number: u8,
    },
    /// Freezes the account's reading under this number, and no other. Answered again where that
    /// settlement waits for its payment.
    Settle {
        /// Whose.
        account: AccountId,
        /// The number it is to get.
        number: u32,
    },
    /// A command that came over the link.
    Manage(Command),
}
