#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod figures;
pub mod input;
pub mod output;
pub mod plan;
pub mod refusal;
pub mod report;
pub mod target;
pub mod wall;

#[cfg(test)]
mod sample;
