//! The emulator's console and its end, by semihosting (Arm IHI 0100, which RISC-V's follows).

use core::ffi::CStr;

use crate::chip::semihost;

const SYS_WRITE0: usize = 0x04;
const SYS_EXIT: usize = 0x18;
/// `ADP_Stopped_ApplicationExit`; any other reason makes QEMU fail.
const FINISHED: usize = 0x2_0026;
/// `ADP_Stopped_RunTimeErrorUnknown`.
const FAILED: usize = 0x2_0023;

/// Writes a text.
pub fn write(text: &CStr) {
    semihost(SYS_WRITE0, text.as_ptr() as usize);
}

/// Writes a row of the table: what, a tabulator, how much.
pub fn row(name: &CStr, value: u32) {
    let mut digits = [0; 12];
    let mut value = value;
    let mut first = digits.len() - 2;
    digits[first] = b'\n';
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    write(name);
    write(c"\t");
    if let Ok(digits) = CStr::from_bytes_with_nul(&digits[first..]) {
        write(digits);
    }
}

/// Ends the emulator.
pub fn exit(well: bool) -> ! {
    semihost(SYS_EXIT, if well { FINISHED } else { FAILED });
    loop {
        core::hint::spin_loop();
    }
}
