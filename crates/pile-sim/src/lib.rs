#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod bl0910;
pub mod bl0942;
pub mod ble_module;
pub mod cards;
mod dice;
pub mod flash;
pub mod fuzzing;
pub mod hlw8032;
pub mod life;
pub mod link;
pub mod mfrc522;
pub mod pn532;
pub mod pulses;
pub mod pzem004t;
pub mod sweep;
pub mod world;
