#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate std;

pub mod advert;
mod backoff;
mod client;
pub mod frame;
mod hint;
mod key;
mod line;
mod mac;
pub mod message;
pub mod module;
mod noise;
pub mod permission;
mod phone_end;
mod pile_end;
mod pipe;
mod queues;
pub mod receipt;
mod refusal;
mod timing;
mod why;

pub use client::{AskError, Client, ClientEvent, Pass};
pub use hint::VERSION;
pub use key::{Holder, Keys, LinkKey, PhoneKeys};
pub use message::MAX_MESSAGE;
pub use phone_end::{PhoneEnd, PhoneEvent};
pub use pile_end::{Offered, PileEnd, PileEvent};
pub use pipe::{Gone, Pipe};
pub use refusal::Refusal;
pub use why::{SendError, Why};

/// The most Data frames of one direction that are under way and not credited.
pub const WINDOW: u16 = 4;
