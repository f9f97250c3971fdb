#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod book;
pub mod cost;
pub mod journal;
pub mod ledger;
pub mod receipt;
pub mod record;
pub mod statement;
pub mod tariff;
