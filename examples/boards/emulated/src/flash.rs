//! How much flash this program takes.

unsafe extern "C" {
    /// Its address is the number.
    static __flash_size: u8;
}

/// Code, constants and the first values of variables, in bytes.
pub fn size() -> u32 {
    u32::try_from(&raw const __flash_size as usize).unwrap_or(u32::MAX)
}
