#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate std;

mod address;
mod error;
mod exchange;
mod host;
mod pace;
mod pipe;

pub use address::RadioAddress;
pub use error::Error;
pub use exchange::Exchange;
pub use host::run;
pub use pipe::GattPipe;
/// What a radio must be: a Bluetooth controller that speaks HCI.
pub use trouble_host::Controller;
