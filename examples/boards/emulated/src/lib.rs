#![no_std]
#![doc = include_str!("../README.md")]

#[cfg(target_arch = "arm")]
#[path = "arm/mod.rs"]
mod chip;
#[cfg(target_arch = "riscv32")]
#[path = "riscv/mod.rs"]
mod chip;
pub mod console;
pub mod file;
pub mod flash;
pub mod front;
pub mod host;
pub mod pile;
pub mod serial;
pub mod stack;
pub mod time;

pub use chip::parts::{Timer, Uart};
pub use chip::{clock, uart};

unsafe extern "C" {
    /// The program.
    safe fn run() -> bool;
}

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    console::exit(run())
}

#[unsafe(no_mangle)]
extern "C" fn faulted() -> ! {
    console::write(c"fault\n");
    console::exit(false)
}

/// Nothing is formatted: that would be most of a small program.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    console::write(c"panic\n");
    console::exit(false)
}
