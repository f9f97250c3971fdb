//! QEMU's `mps2-an386`: a Cortex-M4 with its floating-point unit.

mod boot;
pub mod clock;
pub mod parts;
pub mod uart;

use core::arch::asm;

/// Asks the emulator for something (Arm IHI 0100).
pub(crate) fn semihost(operation: usize, argument: usize) -> usize {
    let result;
    // SAFETY: semihosting's breakpoint changes r0 only, and reads and writes what the argument points
    // to.
    unsafe {
        asm!("bkpt #0xAB", inout("r0") operation => result, in("r1") argument, options(nostack));
    }
    result
}

/// Where the stack is now.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack)) };
    pointer
}
