#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod input;
pub mod plan;
pub mod refusal;
pub mod wall;
