#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate std;

mod calendar;
mod clock;
pub mod keys;
mod log;
mod panel;
mod pins;
mod shift;
mod wiring;

pub use calendar::days_since_2000;
#[cfg(feature = "embassy-time")]
pub use clock::EmbassyClock;
pub use clock::EveryTenth;
pub use panel::{Lamps, Logged};
pub use pins::{ButtonPins, RelayPins};
pub use shift::{ShiftBit, ShiftPins, ShiftRegisters, ShiftedSupply};
pub use wiring::{NoLines, NoLink, NoRtc, Wiring};
