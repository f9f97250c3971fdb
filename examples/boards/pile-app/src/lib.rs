#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate std;

mod calendar;
mod clock;
pub mod flash;
pub mod keys;
mod log;
mod panel;
mod pins;
mod safety;
mod shift;
#[cfg(test)]
mod testing;
mod wiring;

pub use calendar::days_since_2000;
#[cfg(feature = "embassy-time")]
pub use clock::EmbassyClock;
pub use clock::EveryTenth;
pub use panel::{Buzzer, Lamps, Lights, Logged};
pub use pins::{ButtonPins, RelayPins};
pub use safety::{Dog, Watchdog, Watched};
pub use shift::{ShiftBit, ShiftPins, ShiftRegisters, ShiftedSupply};
pub use wiring::{NoLines, NoLink, NoRtc, Wiring};
