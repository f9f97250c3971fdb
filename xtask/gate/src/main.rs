//! Proves that the domain crates need neither std nor an allocator, by linking and running them
//! without.
//!
//! - **std**: this program has a panic handler of its own. std brings one too, so a std anywhere
//!   in the graph is a duplicate lang item `panic_impl`.
//! - **alloc**: nothing here is a `#[global_allocator]`, so an `extern crate alloc` anywhere in the
//!   graph is refused for want of one.
//!
//! Each domain crate has a room here that calls it for real, as a board would; the program's exit
//! code is the number of rooms whose answer was wrong.

#![no_std]
#![no_main]

mod billing;
mod cards;
mod link;
mod messages;
mod meters;
mod parts;
mod pile;
mod radio;
mod units;

// The C library's start-up code and `memcpy`; a board has both in its runtime crate.
#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

/// The one panic handler of this program.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: `abort` of the C library takes nothing and never returns.
    unsafe { abort() }
}

/// The host's `core` is built to unwind and names this symbol; with `panic = "abort"` nothing
/// calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Calls into every domain crate; returns the number of wrong answers.
#[unsafe(no_mangle)]
extern "C" fn main() -> core::ffi::c_int {
    let rooms: &[fn() -> bool] = &[
        units::holds,
        billing::holds,
        cards::holds,
        messages::holds,
        link::holds,
        meters::holds,
        pile::holds,
        radio::holds,
    ];
    rooms
        .iter()
        .map(|holds| core::ffi::c_int::from(!holds()))
        .sum()
}
