//! Gauges the stack: paints what is free, runs something, and sees how far down the paint is gone.

use core::ptr::{read_volatile, write_volatile};

const PAINT: u32 = 0xC0FF_EE11;

unsafe extern "C" {
    static __stack_limit: u32;
}

#[inline(never)]
fn apart(run: impl FnOnce()) {
    run();
}

/// Runs something, and returns how many bytes of stack it took below its caller's.
#[inline(never)]
pub fn used(run: impl FnOnce()) -> u32 {
    let limit = &raw const __stack_limit as usize;
    let pointer = crate::chip::stack_pointer();
    for free in (limit..pointer).step_by(4) {
        // SAFETY: between the end of the variables and the stack, where nobody keeps anything: nothing
        // is called here, no interrupt is enabled, and neither chip has a red zone.
        unsafe { write_volatile(free as *mut u32, PAINT) };
    }
    apart(run);
    let touched = (limit..pointer)
        .step_by(4)
        // SAFETY: the same words, read.
        .find(|free| unsafe { read_volatile(*free as *const u32) } != PAINT);
    u32::try_from(pointer - touched.unwrap_or(pointer)).unwrap_or(u32::MAX)
}
