#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod cost;
pub mod journal;
pub mod receipt;
pub mod tariff;
