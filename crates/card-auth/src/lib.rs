#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate std;

mod alias;
mod apdu;
mod card_code;
pub mod iso14443_4;
pub mod iso14443a;
pub mod mfrc522;
pub mod pn532;
mod presence;
mod reader;
mod roster;
pub mod testing;
mod uid;
mod watch;
mod watchdog;

pub use alias::AliasKey;
pub use apdu::ApduChannel;
pub use pile_units::UidOnly;
pub use presence::{Edge, Presence};
pub use card_code::{BindingSecret, CardCode, CardRole, InvalidCardCode, MAX_CARD_CODE};
pub use reader::{Card, CardReader, ChannelError, Field};
pub use roster::{Identity, Policy, find, identify};
pub use uid::{InvalidUid, Uid, UidSize};
pub use watch::{CardEvent, CardWatch};
pub use watchdog::{Verdict, Watchdog};

#[cfg(test)]
mod tests;
