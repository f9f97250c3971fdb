//! Counts instructions: `minstret` (RISC-V Privileged Architecture, section 3.1.10), which the emulator
//! keeps exactly with `-icount`.

use core::arch::asm;
use core::hint::black_box;

/// There is nothing to start.
pub fn start() {}

fn retired() -> u32 {
    let low: u32;
    // SAFETY: reads a counter. The assembly may read and write all memory for what the compiler knows: no
    // work is moved across it.
    unsafe { asm!("csrr {}, minstret", out(reg) low) };
    low
}

#[inline(never)]
fn apart<T>(run: impl FnOnce() -> T) -> T {
    black_box(run())
}

/// Runs something and counts its instructions; what reading the counter takes is a few. It comes round
/// after 4.3 thousand million.
#[inline(never)]
pub fn count<T>(run: impl FnOnce() -> T) -> (u32, T) {
    let before = retired();
    let result = apart(run);
    (retired().wrapping_sub(before), result)
}

/// Tells whether the counter counts instructions: a loop of a known number of them.
pub fn holds() -> bool {
    const ROUNDS: u32 = 100_000;
    let (counted, ()) = count(|| {
        // SAFETY: counts a register down.
        unsafe {
            asm!("1: addi {0}, {0}, -1", "bnez {0}, 1b", inout(reg) ROUNDS => _, options(nomem, nostack));
        }
    });
    (2 * ROUNDS..2 * ROUNDS + 20).contains(&counted)
}
