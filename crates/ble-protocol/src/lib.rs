#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate std;

pub mod advert;
pub mod module;
mod pipe;

pub use pipe::{Gone, Pipe};
