//! Gauges the stack: paints what is free, runs something, and sees how far down the paint is gone.

use core::ptr::{read_volatile, write_volatile};

const PAINT: u32 = 0xC0FF_EE11;
/// Bytes below the stack pointer that are left alone: a compiler may read the pointer before it pushes
/// what the painter itself needs. So less than this is told as this.
const SPARED: usize = 256;

unsafe extern "C" {
    static __stack_limit: u32;
}

#[inline(never)]
fn apart(run: impl FnOnce()) {
    run();
}

/// A stack whose free part is painted.
#[derive(Debug, Clone, Copy)]
pub struct Paint(usize);

impl Paint {
    /// Paints what is free below the caller's.
    #[inline(never)]
    pub fn new() -> Self {
        let limit = &raw const __stack_limit as usize;
        let pointer = crate::chip::stack_pointer();
        for free in (limit..pointer - SPARED).step_by(4) {
            // SAFETY: between the end of the variables and the stack, where nobody keeps anything:
            // nothing is called here, and no interrupt is enabled.
            unsafe { write_volatile(free as *mut u32, PAINT) };
        }
        Self(pointer)
    }

    /// How many bytes of it were used since, at the most.
    pub fn depth(self) -> u32 {
        let limit = &raw const __stack_limit as usize;
        let touched = (limit..self.0 - SPARED)
            .step_by(4)
            // SAFETY: the same words, read.
            .find(|free| unsafe { read_volatile(*free as *const u32) } != PAINT);
        u32::try_from(self.0 - touched.unwrap_or(self.0 - SPARED)).unwrap_or(u32::MAX)
    }
}

impl Default for Paint {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs something, and returns how many bytes of stack it took below its caller's.
pub fn used(run: impl FnOnce()) -> u32 {
    let paint = Paint::new();
    apart(run);
    paint.depth()
}
