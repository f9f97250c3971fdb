#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate std;

pub mod bl0942;
mod calibration;
pub mod hlw8032;
mod meter;
pub mod pzem004t;
mod register;
#[cfg(test)]
mod script;

pub use calibration::{Calibration, EnergyPerCount, Scale};
pub use meter::{EnergyMeter, Sample};
pub use register::{Continuity, EnergyRegister, Refusal, Step};
