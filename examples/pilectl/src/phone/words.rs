//! What the pile says, in words, with what to do.

use std::io;

use ble_protocol::message::{PortCondition, Running};
use ble_protocol::{Refusal as Reason, Why};
use pile_units::Currency;

use crate::answer::Refusal;
use crate::figures::{kwh, micros};

/// The pile said no.
pub fn refused(why: Reason) -> Refusal {
    let remedy = match why {
        Reason::Busy => "wait a moment and try again",
        Reason::PortTaken => "look for a free one: pilectl phone ports",
        Reason::PortFaulted => {
            "take another port; the landlord clears it: pilectl phone clear-fault"
        }
        Reason::PortDisabled => {
            "take another port; the landlord puts it back: pilectl phone switch-port"
        }
        Reason::NoPower => "wait until another bike is full",
        Reason::NoTariff => "the landlord sets one: pilectl phone tariff set FILE.toml",
        Reason::LedgerFull => "the landlord settles, marks paid and exports: pilectl phone export",
        Reason::RevokedCard | Reason::TooWeak => "ask the landlord for another card",
        Reason::NoSuchThing => "look at the list of what there is, and compare the number",
        Reason::AccountClosed => "ask the landlord for a new card",
        Reason::NothingOwed => "settle when something was charged",
        Reason::TooHot => "wait until the pile has cooled down",
        Reason::StillFaulty => "have an electrician look at the port",
        Reason::OtherCurrency => "settle every account, and be paid, before the currency changes",
        Reason::NotAllowed => "use the landlord's phone, or a tenant's",
        Reason::NotYours => "ask about your own account, or ask the landlord",
        Reason::UnknownRequest | Reason::Unreadable => {
            "the pile is older than this pilectl: update it"
        }
        Reason::TooOld => "ask once more",
        Reason::OutOfTurn => "look again: pilectl phone settlements",
        Reason::NotHere => "look into an export: pilectl ledger show EXPORT",
        Reason::NoReceiptKey | Reason::TooManyPrices => {
            "the landlord makes it: pilectl receipt make"
        }
        Reason::NoPlaceForPhones => "revoke a phone: pilectl phone revoke-phone",
        _ => "look at the pile",
    };
    Refusal::new(format!("the pile refuses: {why}"), remedy)
}

/// The pile knows the phone's key no more.
pub fn not_known() -> Refusal {
    Refusal::new(
        "the pile does not know this phone: it was revoked, or is another pile's",
        "bind it anew with its card: pilectl phone bind CODE --phone NEW.toml",
    )
}

/// The link was closed before anything was said; `seconds` is what the pile let a stranger wait.
pub fn closed(place: &str, why: Why, seconds: u16) -> Refusal {
    let remedy = match why {
        Why::Busy => {
            return Refusal::new(
                format!("{place}: {why}"),
                format!("try again in {seconds} s"),
            );
        }
        Why::Bye => "another phone is connected, perhaps: try again in a minute",
        Why::Silent | Why::Stalled => "check that a pile is there, and its port; try again",
        Why::NotTapped => "try again, and tap the card whose code you typed, within 60 s",
        Why::Version => "use the pilectl that fits the pile's firmware",
        _ => "try again",
    };
    Refusal::new(format!("{place}: {why}"), remedy)
}

/// The connection broke.
pub fn gone(place: &str, error: &io::Error) -> Refusal {
    Refusal::new(
        format!("{place}: the connection is lost: {error}"),
        "check that the pile is there and no other phone is connected, and try again",
    )
}

/// An answer of another kind than the question asks for.
pub fn odd() -> Refusal {
    Refusal::new(
        "the pile answered something else than it was asked",
        "note the pile's firmware version, and report it",
    )
}

/// Where a port is.
pub fn condition(condition: PortCondition) -> String {
    match condition {
        PortCondition::Idle => "free".to_owned(),
        PortCondition::Finished => "free, the last bike may stand there".to_owned(),
        PortCondition::Opening => "opening".to_owned(),
        PortCondition::Starting => "waiting for the bike".to_owned(),
        PortCondition::Charging => "charging".to_owned(),
        PortCondition::Full => "full".to_owned(),
        PortCondition::Stopping => "stopping".to_owned(),
        PortCondition::Disabled => "out of service".to_owned(),
        PortCondition::Faulted(fault) => format!("fault: {}", fault.name().replace('_', " ")),
    }
}

/// A running session's figures.
pub fn running(running: &Running, currency: Currency) -> String {
    format!(
        "{} W, {} kWh, {} {currency} so far",
        running.power.milliwatts() / 1000,
        kwh(running.energy),
        micros(running.cost)
    )
}
