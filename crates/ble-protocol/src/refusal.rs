//! Why not: one list of reasons, at the pile and at the phone.

use serde::{Deserialize, Serialize};

/// Why somebody's wish was not fulfilled. The order is the format; a new reason goes to the end.
///
/// ```
/// use ble_protocol::Refusal;
/// assert_eq!(Refusal::NoCard.name(), "no_card");
/// assert_eq!(Refusal::NoCard.to_string(), "tap your card first");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// The card, or a copy of it, failed lately, and is not asked again before some time has passed.
    CardWaits,
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
    /// Who asks may not ask for this at all.
    NotAllowed,
    /// It belongs to another account.
    NotYours,
    /// The pile does not know this request: it is older than the phone.
    UnknownRequest,
    /// The pile knows the request, but not what stands in it.
    Unreadable,
    /// The request is older than those of which the pile still knows the answer.
    TooOld,
    /// Something else was settled meanwhile: look again before you settle.
    OutOfTurn,
    /// The records were exported and forgotten, or not all of them are there.
    NotHere,
    /// There is no place for another phone.
    NoPlaceForPhones,
    /// The pile has no key to sign receipts with.
    NoReceiptKey,
    /// The session has more prices than a receipt that the pile signs by itself has room for.
    TooManyPrices,
}

impl Refusal {
    /// All of them, in the order of the format.
    pub const ALL: [Self; 42] = [
        Self::NotCommissioned,
        Self::AlreadyCommissioned,
        Self::UnknownCard,
        Self::RevokedCard,
        Self::TooWeak,
        Self::WrongKey,
        Self::CardWaits,
        Self::RandomNumber,
        Self::HoldStill,
        Self::AlreadyAuthorised,
        Self::OneCard,
        Self::Busy,
        Self::PortTaken,
        Self::PortFaulted,
        Self::PortDisabled,
        Self::NoMeter,
        Self::NoPort,
        Self::WhichPort,
        Self::NoCard,
        Self::NoPower,
        Self::NoTariff,
        Self::LedgerFull,
        Self::LedgerFailed,
        Self::LedgerRefused,
        Self::EvidenceFirst,
        Self::Full,
        Self::NoSuchThing,
        Self::AccountClosed,
        Self::NothingOwed,
        Self::TooHot,
        Self::StillFaulty,
        Self::OtherCurrency,
        Self::NotAllowed,
        Self::NotYours,
        Self::UnknownRequest,
        Self::Unreadable,
        Self::TooOld,
        Self::OutOfTurn,
        Self::NotHere,
        Self::NoPlaceForPhones,
        Self::NoReceiptKey,
        Self::TooManyPrices,
    ];

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
            Self::CardWaits => (
                "card_waits",
                "this card has failed before: wait, or ask the landlord",
            ),
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
            Self::NotAllowed => ("not_allowed", "this phone may not do that"),
            Self::NotYours => ("not_yours", "that belongs to another account"),
            Self::UnknownRequest => (
                "unknown_request",
                "the pile does not know this request: its firmware is older",
            ),
            Self::Unreadable => ("unreadable", "the pile cannot read this request"),
            Self::TooOld => ("too_old", "the request is too old: ask again"),
            Self::OutOfTurn => (
                "out_of_turn",
                "something was settled meanwhile: look again first",
            ),
            Self::NotHere => (
                "not_here",
                "the records are no longer on the pile: see the export",
            ),
            Self::NoPlaceForPhones => (
                "no_place_for_phones",
                "there is no place for another phone: revoke one",
            ),
            Self::NoReceiptKey => (
                "no_receipt_key",
                "the pile has no key to sign receipts with",
            ),
            Self::TooManyPrices => (
                "too_many_prices",
                "the price changed too often for the pile to sign it: ask the landlord",
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

#[cfg(test)]
mod tests;
