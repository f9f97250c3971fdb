//! What can happen to the machine.

use crate::Command;
use billing_core::ledger::Headroom;
use billing_core::record::Fault;
use metering::Sample;
use pile_units::{CardAlias, PortId, Strength, Temperature};

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
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is no heap to box a tariff on"
)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Durable {
    /// The number of the last durable record; 0 on a blank ledger.
    pub seq: u64,
    /// What can still be written, counted before the record became part of the book.
    pub headroom: Headroom,
}

/// Why somebody's wish was not fulfilled.
///
/// ```
/// use pile_controller::Refusal;
/// assert_eq!(Refusal::NoCard.name(), "no_card");
/// assert_eq!(Refusal::NoCard.to_string(), "tap your card first");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The pile has no landlord yet.
    NotCommissioned,
    /// The pile has one already.
    AlreadyCommissioned,
    /// The card was never authorised.
    UnknownCard,
    /// The card was revoked.
    RevokedCard,
    /// The policy asks for a card that proves itself by a key.
    TooWeak,
    /// The card does not have the key of this pile.
    WrongKey,
    /// The card makes a new number each time, so it cannot be known again.
    RandomNumber,
    /// The card was taken away too soon.
    HoldStill,
    /// The card is authorised already.
    AlreadyAuthorised,
    /// Only one card, please.
    OneCard,
    /// Somebody else is choosing a port, or something is being written.
    Busy,
    /// The port is in use by another account.
    PortTaken,
    /// The port has a fault.
    PortFaulted,
    /// The port is out of service.
    PortDisabled,
    /// The port's meter does not answer, so nothing could be billed.
    NoMeter,
    /// No port is free.
    NoPort,
    /// Several sessions are running: press the button of the one to stop.
    WhichPort,
    /// Nobody tapped a card.
    NoCard,
    /// The pile's power budget is used up.
    NoPower,
    /// The landlord has set no tariff.
    NoTariff,
    /// The ledger is full: sessions must be settled and exported first.
    LedgerFull,
    /// The ledger cannot be written.
    LedgerFailed,
    /// The ledger was refused when the pile started: it is damaged, or another's.
    LedgerRefused,
    /// The damaged ledger must be exported, and that confirmed, before a new one is begun.
    EvidenceFirst,
    /// There is no place for another card or account.
    Full,
    /// No such account, card, port, session or settlement.
    NoSuchThing,
    /// The account is closed.
    AccountClosed,
    /// There is nothing to settle.
    NothingOwed,
    /// The pile is too hot to start.
    TooHot,
    /// Power is flowing into the port although its relay is open.
    StillFaulty,
    /// There are bills in another currency, and they cannot be added to those of this tariff.
    OtherCurrency,
}

impl Refusal {
    /// The name used in scenario files: lower case with underscores.
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NotCommissioned => ("not_commissioned", "the pile has no landlord yet"),
            Self::AlreadyCommissioned => {
                ("already_commissioned", "the pile has a landlord already")
            }
            Self::UnknownCard => (
                "unknown_card",
                "the card is not authorised: ask the landlord",
            ),
            Self::RevokedCard => ("revoked_card", "the card was revoked: ask the landlord"),
            Self::TooWeak => (
                "too_weak",
                "the landlord allows only cards that prove themselves",
            ),
            Self::WrongKey => ("wrong_key", "the card does not have the key of this pile"),
            Self::RandomNumber => (
                "random_number",
                "the card's number changes each time: take another card",
            ),
            Self::HoldStill => ("hold_still", "hold the card still until the sound"),
            Self::AlreadyAuthorised => ("already_authorised", "the card is authorised already"),
            Self::OneCard => ("one_card", "one card at a time, please"),
            Self::Busy => ("busy", "the pile is busy: try again in a moment"),
            Self::PortTaken => ("port_taken", "the port is in use"),
            Self::PortFaulted => ("port_faulted", "the port has a fault: ask the landlord"),
            Self::PortDisabled => ("port_disabled", "the port is out of service"),
            Self::NoMeter => (
                "no_meter",
                "the port's meter does not answer: take another port",
            ),
            Self::NoPort => ("no_port", "no port is free"),
            Self::WhichPort => ("which_port", "press the button of the port to stop"),
            Self::NoCard => ("no_card", "tap your card first"),
            Self::NoPower => ("no_power", "the pile's power is used up: try again later"),
            Self::NoTariff => ("no_tariff", "the landlord has set no tariff yet"),
            Self::LedgerFull => (
                "ledger_full",
                "the ledger is full: the landlord must settle and export",
            ),
            Self::LedgerFailed => (
                "ledger_failed",
                "the ledger cannot be written: call for service",
            ),
            Self::LedgerRefused => (
                "ledger_refused",
                "the ledger is damaged: the landlord must export it and begin a new one",
            ),
            Self::EvidenceFirst => (
                "evidence_first",
                "export the damaged ledger first, and confirm it",
            ),
            Self::Full => ("full", "there is no place for another card or account"),
            Self::NoSuchThing => (
                "no_such_thing",
                "there is no such account, card, port or settlement",
            ),
            Self::AccountClosed => ("account_closed", "the account is closed"),
            Self::NothingOwed => ("nothing_owed", "there is nothing to settle"),
            Self::TooHot => ("too_hot", "the pile is too hot to start"),
            Self::StillFaulty => ("still_faulty", "power still flows into the open port"),
            Self::OtherCurrency => (
                "other_currency",
                "the bills so far are in another currency: keep it",
            ),
        }
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.words().1)
    }
}

impl core::error::Error for Refusal {}
