//! The machine on a bench.

mod bench;
mod ops;
mod properties;
