//! Counts instructions.
//!
//! With `-icount shift=6` the emulator lets 64 ns pass an instruction, whatever it is and however fast
//! the machine. A timer that ticks every 40 ns sees each of them: the same number on every run.

use core::arch::asm;
use core::hint::black_box;
use core::ptr::{read_volatile, write_volatile};

/// TIMER0 of the CMSDK (Arm DDI 0479, 4.4): control, value, reload.
const CONTROL: *mut u32 = 0x4000_0000 as *mut u32;
const VALUE: *mut u32 = 0x4000_0004 as *mut u32;
const RELOAD: *mut u32 = 0x4000_0008 as *mut u32;

const NANOSECONDS_A_TICK: u64 = 40;
const NANOSECONDS_AN_INSTRUCTION: u64 = 64;

/// Starts the timer. It counts down, and comes round after 2.7 thousand million instructions.
pub fn start() {
    // SAFETY: registers of the board's, used here only.
    unsafe {
        write_volatile(RELOAD, u32::MAX);
        write_volatile(VALUE, u32::MAX);
        write_volatile(CONTROL, 1);
    }
}

fn ticks() -> u32 {
    // SAFETY: a register of the board's. The empty assembly may read and write all memory for what the
    // compiler knows: no work is moved across it.
    unsafe {
        asm!("");
        let ticks = read_volatile(VALUE);
        asm!("");
        ticks
    }
}

#[inline(never)]
fn apart<T>(run: impl FnOnce() -> T) -> T {
    black_box(run())
}

fn raw<T>(run: impl FnOnce() -> T) -> (u32, T) {
    let before = ticks();
    let result = apart(run);
    let passed = u64::from(before.wrapping_sub(ticks()));
    let instructions = passed * NANOSECONDS_A_TICK / NANOSECONDS_AN_INSTRUCTION;
    (u32::try_from(instructions).unwrap_or(u32::MAX), result)
}

/// Runs something and counts its instructions; what reading the timer takes is a few.
#[inline(never)]
pub fn count<T>(run: impl FnOnce() -> T) -> (u32, T) {
    raw(run)
}

/// Tells whether the clock counts instructions: a loop of a known number of them.
pub fn holds() -> bool {
    const ROUNDS: u32 = 100_000;
    let (counted, ()) = count(|| {
        // SAFETY: counts a register down.
        unsafe {
            asm!("1: subs {0}, #1", "bne 1b", inout(reg) ROUNDS => _, options(nomem, nostack));
        }
    });
    (2 * ROUNDS..2 * ROUNDS + 20).contains(&counted)
}
