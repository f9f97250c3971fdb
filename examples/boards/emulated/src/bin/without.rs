//! A program without the link: start-up, a serial port, and the row that all of them print.

#![no_std]
#![no_main]

use emulated::{console, flash, uart};

#[unsafe(no_mangle)]
extern "C" fn run() -> bool {
    let mut portion = [0; 64];
    uart::fill(&mut portion);
    uart::write(&portion);
    console::row(c"flash: a program without the link", flash::size());
    true
}
