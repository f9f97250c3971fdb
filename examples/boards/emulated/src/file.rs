//! Files of the host, by semihosting.

use core::ffi::CStr;

use crate::chip::semihost;

const SYS_OPEN: usize = 0x01;
const SYS_CLOSE: usize = 0x02;
const SYS_WRITE: usize = 0x05;
const SYS_READ: usize = 0x06;
const SYS_SEEK: usize = 0x0A;

/// How a file is opened (Arm IHI 0100, 6.3: `rb`, `r+b`, `wb`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To be read.
    Read = 1,
    /// To be read and written where it is.
    Update = 3,
    /// To be written anew.
    Write = 5,
}

/// A file of the host, in the folder that the emulator was started in. It is closed when it is dropped.
#[derive(Debug)]
pub struct File(usize);

impl File {
    /// Opens one; `None` where that fails.
    pub fn open(name: &CStr, mode: Mode) -> Option<Self> {
        let block = [name.as_ptr() as usize, mode as usize, name.count_bytes()];
        let handle = semihost(SYS_OPEN, block.as_ptr() as usize);
        (handle != usize::MAX).then_some(Self(handle))
    }

    /// Goes to a byte, counted from the beginning; false where that fails.
    pub fn seek(&mut self, to: usize) -> bool {
        let block = [self.0, to];
        semihost(SYS_SEEK, block.as_ptr() as usize) == 0
    }

    /// Reads as many bytes as there are, up to the buffer's length.
    pub fn read(&mut self, bytes: &mut [u8]) -> usize {
        let block = [self.0, bytes.as_mut_ptr() as usize, bytes.len()];
        let missing = semihost(SYS_READ, block.as_ptr() as usize);
        bytes.len().saturating_sub(missing)
    }

    /// Writes all of it; false where that fails.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        let block = [self.0, bytes.as_ptr() as usize, bytes.len()];
        bytes.is_empty() || semihost(SYS_WRITE, block.as_ptr() as usize) == 0
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let block = [self.0];
        semihost(SYS_CLOSE, block.as_ptr() as usize);
    }
}
