//! The machine on a bench.

mod bench;
mod flows;
mod ops;
mod properties;
mod shipped_bugs;
mod table;
mod trips;
