//! From reset to `run`: the vector table, the floating-point unit, memory as Rust wants it.

use crate::console;

core::arch::global_asm!(
    ".section .vectors, \"a\", %progbits",
    ".word __stack_top",
    ".word reset",
    // NMI to SysTick. No interrupt is ever enabled.
    ".rept 14",
    ".word fault",
    ".endr",
    ".section .text.reset, \"ax\", %progbits",
    ".global reset",
    ".thumb_func",
    ".type reset, %function",
    "reset:",
    // CPACR (ARMv7-M ARM, B3.2.20): full access to CP10 and CP11, or the first `vpush` faults.
    "ldr r0, =0xE000ED88",
    "ldr r1, [r0]",
    "orr r1, r1, #0x00F00000",
    "str r1, [r0]",
    "dsb",
    "isb",
    "ldr r0, =__data_start",
    "ldr r1, =__data_end",
    "ldr r2, =__data_load",
    "1: cmp r0, r1",
    "bhs 2f",
    "ldr r3, [r2], #4",
    "str r3, [r0], #4",
    "b 1b",
    "2: ldr r0, =__bss_start",
    "ldr r1, =__bss_end",
    "movs r3, #0",
    "3: cmp r0, r1",
    "bhs 4f",
    "str r3, [r0], #4",
    "b 3b",
    "4: bl start",
    ".global fault",
    ".thumb_func",
    ".type fault, %function",
    "fault: bl faulted",
    ".ltorg",
);

unsafe extern "C" {
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
