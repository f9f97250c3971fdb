#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate std;

mod alias;
mod apdu;
mod authenticate;
mod backoff;
mod card_code;
mod command;
mod crypto;
pub mod ev2;
pub mod iso14443_4;
pub mod iso14443a;
mod keys;
pub mod mfrc522;
mod ntag424;
pub mod personalise;
pub mod pn532;
mod presence;
mod printed;
mod profile;
mod reader;
mod recovery_code;
mod roster;
pub mod sdm;
mod secrets;
pub mod testing;
mod uid;
mod watch;
mod watchdog;

pub use alias::AliasKey;
pub use apdu::ApduChannel;
pub use authenticate::{NotProven, Proof, authenticate};
pub use backoff::{Backoff, MayTry};
pub use card_code::{CardCode, CardRole, InvalidCardCode, MAX_CARD_CODE};
pub use command::{ANSWER_BYTES, COMMAND_BYTES, Command, CommandTooLong, Status};
pub use keys::{CardKey, SiteKey};
pub use pile_units::UidOnly;
pub use presence::{Edge, Presence};
pub use profile::{Family, KeySlot, PROFILE_VERSION};
pub use reader::{Card, CardReader, ChannelError, Field};
pub use recovery_code::{InvalidRecoveryCode, RECOVERY_CODE, RecoveryCode};
pub use roster::{Identity, Policy, find, identify};
pub use secrets::{BindingSecret, RecoverySecret, binding_secret, recovery_secret};
pub use uid::{InvalidUid, Uid, UidSize};
pub use watch::{CardEvent, CardWatch};
pub use watchdog::{IdleWatch, Verdict, Watchdog};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
