//! What the programs of this folder have in common: start-up, a console, a count of instructions
//! and a gauge of the stack, on QEMU's `mps2-an386` (a Cortex-M4 with its floating-point unit).
//!
//! A program is a `#[unsafe(no_mangle)] extern "C" fn run() -> bool`; it ends the emulator with
//! success when that is true.

#![no_std]

mod boot;
pub mod clock;
pub mod console;
pub mod flash;
pub mod stack;
pub mod uart;

/// Nothing is formatted: that would be most of a small program.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    console::write(c"panic\n");
    console::exit(false)
}
