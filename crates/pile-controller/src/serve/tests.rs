//! Conversations, with a bench and a ledger behind them.

mod bench;
mod ledger;
mod once;
mod permission;
mod signing;
mod views;
