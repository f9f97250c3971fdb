#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]
#![allow(
    clippy::format_push_string,
    clippy::format_collect,
    reason = "pages and tables are short, and read better as they are written"
)]

pub mod app;
pub mod bills;
pub mod board;
pub mod cli;
pub mod engine;
pub mod figures;
pub mod input;
pub mod output;
pub mod plan;
pub mod progress;
pub mod refusal;
pub mod report;
pub mod run;
pub mod scenario;
pub mod serve;
pub mod sweep;
pub mod target;
pub mod wall;
pub mod wear;

mod drawer;
#[cfg(test)]
mod sample;
