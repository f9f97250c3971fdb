#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate std;

mod clock;
pub mod keys;
mod log;
mod panel;
mod pins;
mod wiring;

#[cfg(feature = "embassy-time")]
pub use clock::EmbassyClock;
pub use clock::EveryTenth;
pub use panel::Lamps;
pub use pins::{ButtonPins, RelayPins};
pub use wiring::{NoLines, NoLink, NoRtc, Wiring};
