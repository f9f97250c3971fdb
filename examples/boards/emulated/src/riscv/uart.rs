//! A serial port, as a source of bytes that no compiler can foresee. Nobody is at its other end.

use core::ptr::{read_volatile, write_volatile};

/// The data register of the 16550 (National Semiconductor PC16550D, 8.0).
const DATA: *mut u8 = 0x1000_0000 as *mut u8;

/// Whatever is in the register.
pub fn read() -> u8 {
    // SAFETY: a register of the board's.
    unsafe { read_volatile(DATA) }
}

/// Bytes of the register.
pub fn fill(bytes: &mut [u8]) {
    bytes.fill_with(read);
}

/// Writes bytes to the register.
pub fn write(bytes: &[u8]) {
    for byte in bytes {
        // SAFETY: a register of the board's; nobody is there, and they are dropped.
        unsafe { write_volatile(DATA, *byte) };
    }
}
