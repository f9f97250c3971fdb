#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate std;

pub mod bl0910;
pub mod bl0942;
mod calibration;
mod creep;
pub mod hlw8032;
mod meter;
pub mod pulses;
pub mod pzem004t;
mod register;
#[cfg(test)]
mod script;

pub use calibration::{Calibration, EnergyPerCount, Scale};
pub use creep::CreepGuard;
pub use meter::{EnergyMeter, Sample};
pub use register::{Continuity, EnergyRegister, Refusal, Step};
