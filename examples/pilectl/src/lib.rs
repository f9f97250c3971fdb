#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod answer;
pub mod cli;
pub mod receipt;
