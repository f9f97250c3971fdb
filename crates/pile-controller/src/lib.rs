#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod actions;
mod by_phone;
mod command;
mod controller;
mod event;
pub mod playback;
mod port;
mod refused;
pub mod serve;
pub mod shell;
#[cfg(test)]
mod tests;

#[cfg(test)]
#[macro_use]
extern crate std;

pub use actions::{Action, Actions, Indicator, Signal};
pub use by_phone::ByPhone;
pub use command::{Command, Outcome};
pub use controller::{Config, Controller};
pub use event::{Durable, Event, Refusal};
pub use port::{PortState, PortView};
pub use refused::Fingerprint;
