//! What can happen to the machine.

use crate::{ByPhone, Command};
use billing_core::ledger::Headroom;
use billing_core::record::Fault;
use metering::Sample;
use pile_units::{CardAlias, PortId, Strength, Temperature};
use serde::{Deserialize, Serialize};

/// Why not: at the pile as on the link.
pub use ble_protocol::Refusal;

/// One thing that happened. A run of the machine is its list of `(Instant, Event)`.
///
/// ```
/// use pile_controller::Event;
/// use pile_units::{CardAlias, PortId, Strength};
/// let run = [
///     Event::Card { alias: CardAlias::new([7; 8]), strength: Strength::UidOnly },
///     Event::Button(PortId::from_number(1)?),
/// ];
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A card was presented; its UID stays behind in the reader's task.
    Card {
        /// The keyed alias of its UID.
        alias: CardAlias,
        /// How it proved itself.
        strength: Strength,
    },
    /// A card was asked for its key, and does not have the one of this pile.
    WrongKey {
        /// The keyed alias of its UID.
        alias: CardAlias,
    },
    /// A card was presented that failed lately and has to wait before it is asked again.
    CardWaits,
    /// A card was presented that makes a new number each time: nobody's, and it cannot be enrolled.
    RandomNumber,
    /// A card was taken away while it was asked for its key.
    CardGone,
    /// Two cards lie on the reader.
    TwoCards,
    /// The card reader stopped answering (false) or answers again (true).
    Reader(bool),
    /// A port's button was pressed.
    Button(PortId),
    /// A port's meter was read.
    Sample(PortId, Sample),
    /// A port's meter gave no answer, or one that cannot be true.
    MeterSilent(PortId),
    /// A line from the hardware says that a port must open: residual current, fuse, the meter
    /// chip's fast over-current output, a port's own thermostat.
    Trip(PortId, Fault),
    /// The temperature inside the pile.
    Temperature(Temperature),
    /// The supply is about to fail.
    PowerFailing,
    /// The oldest record of the outbox is durable.
    Persisted(Durable),
    /// The ledger counted again: this much can still be written.
    Room(Headroom),
    /// The ledger can write no more: the flash failed.
    LedgerFailed,
    /// The landlord asks for something; the number is echoed in the answer.
    Command(u16, Command),
    /// A phone wants something; the number is echoed in what it is told ([`Action::Tell`](crate::Action::Tell)).
    Phone(u16, ByPhone),
    /// Nothing but time: [`Controller::deadline`](crate::Controller::deadline) was reached.
    Tick,
}

/// What the ledger says when a record is durable, and when the pile starts.
///
/// ```
/// use billing_core::ledger::Headroom;
/// use pile_controller::{Durable, Event};
/// let headroom = Headroom { sessions: 99, facts: 400 };
/// let event = Event::Persisted(Durable { seq: 17, headroom });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Durable {
    /// The number of the last durable record; 0 on a blank ledger.
    pub seq: u64,
    /// What can still be written, counted before the record became part of the book.
    pub headroom: Headroom,
}
