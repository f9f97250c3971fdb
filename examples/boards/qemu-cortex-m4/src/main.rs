#![no_std]
#![no_main]
#![doc = include_str!("../README.md")]

use emulated::{Timer, Uart, pile};

#[unsafe(no_mangle)]
extern "C" fn run() -> bool {
    // It only comes back when a part of the host's is missing.
    pile::run("openpile m4", Uart::all(), Timer::start()).is_some()
}
