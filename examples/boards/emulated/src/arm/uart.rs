//! A serial port, as a source of bytes that no compiler can foresee. Nobody is at its other end.

use core::ptr::{read_volatile, write_volatile};

/// DATA of UART0 (Arm DDI 0479, 4.3).
const DATA: *mut u32 = 0x4000_4000 as *mut u32;

/// Whatever is in the register.
pub fn read() -> u8 {
    // SAFETY: a register of the board's.
    unsafe { read_volatile(DATA) }.to_le_bytes()[0]
}

/// Bytes of the register.
pub fn fill(bytes: &mut [u8]) {
    bytes.fill_with(read);
}

/// Writes bytes to the register.
pub fn write(bytes: &[u8]) {
    for byte in bytes {
        // SAFETY: a register of the board's; the port is off, and drops them.
        unsafe { write_volatile(DATA, u32::from(*byte)) };
    }
}
