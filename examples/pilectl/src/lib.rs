#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]
#![allow(
    clippy::format_push_string,
    reason = "tables and pages are short, and read better as they are written"
)]

pub mod answer;
pub mod calibrate;
pub mod cli;
pub mod figures;
mod html;
pub mod kit;
pub mod ledger;
pub mod phone;
pub mod receipt;
pub mod statement;
