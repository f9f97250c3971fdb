//! Conversations, with a bench and a ledger behind them.

mod bench;
mod ledger;
mod once;
mod permission;
mod views;
