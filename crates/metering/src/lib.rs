#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate std;

pub mod bl0910;
pub mod bl0942;
mod calibration;
mod creep;
mod meter;
pub mod pulses;
mod register;

pub use calibration::{Calibration, EnergyPerCount, Scale};
pub use creep::CreepGuard;
pub use meter::{EnergyMeter, Sample};
pub use register::{Continuity, EnergyRegister, Refusal, Step};
