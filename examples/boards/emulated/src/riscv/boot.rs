//! From reset to `run`: the trap vector, and memory as Rust wants it.

core::arch::global_asm!(
    ".section .text.reset, \"ax\"",
    ".global reset",
    "reset:",
    "la t0, trapped",
    "csrw mtvec, t0",
    "la sp, __stack_top",
    "la t0, __bss_start",
    "la t1, __bss_end",
    "1: bgeu t0, t1, 2f",
    "sw zero, 0(t0)",
    "addi t0, t0, 4",
    "j 1b",
    "2: j start",
    ".balign 4",
    "trapped: j faulted",
);
