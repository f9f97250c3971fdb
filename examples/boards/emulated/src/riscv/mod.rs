//! QEMU's `virt` with a 32-bit RISC-V.

mod boot;
pub mod clock;
pub mod parts;
pub mod uart;

use core::arch::asm;

/// Asks the emulator for something (RISC-V Semihosting 1.0, section 2: three instructions, none of
/// them compressed, in one page).
pub(crate) fn semihost(operation: usize, argument: usize) -> usize {
    let result;
    // SAFETY: the breakpoint changes a0 only, and reads and writes what the argument points to.
    unsafe {
        asm!(
            ".balign 16",
            ".option push",
            ".option norvc",
            "slli x0, x0, 0x1f",
            "ebreak",
            "srai x0, x0, 7",
            ".option pop",
            inout("a0") operation => result,
            in("a1") argument,
            options(nostack),
        );
    }
    result
}

/// Where the stack is now.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, sp", out(reg) pointer, options(nomem, nostack)) };
    pointer
}
