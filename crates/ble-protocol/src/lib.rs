#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate std;

pub mod message;
pub mod permission;
mod pipe;
mod refusal;

pub use pipe::{Gone, Pipe};
pub use refusal::Refusal;
