//! What the host lends by semihosting: the flash and the keys in files, and random numbers.

use core::ffi::CStr;

use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use pile_app::keys::{self, KeyPage};
use pile_controller::shell::Random;

use crate::console;
use crate::file::{File, Mode};

/// The flash's file, and how large it is.
const FLASH: &CStr = c"flash";
const CAPACITY: usize = 256 * 1024;
const PAGE: usize = 2048;
const WORD: usize = 8;

/// The flash: a file that is written through, so that it is there after whatever ends the emulator. It is
/// as strict as the flash of an STM32G4: whole words, each once after an erase.
pub struct HostFlash(File);

impl HostFlash {
    /// Opens it; `None` where there is none.
    pub fn open() -> Option<Self> {
        File::open(FLASH, Mode::Update).map(Self)
    }

    fn at(&mut self, offset: u32) -> Result<&mut File, HostFailed> {
        let there = self.0.seek(offset as usize);
        there.then_some(&mut self.0).ok_or(HostFailed::File)
    }

    fn word(&mut self, offset: u32, bytes: &[u8; WORD]) -> Result<(), HostFailed> {
        let mut before = [0; WORD];
        self.at(offset)?.read(&mut before);
        if before != [0xff; WORD] {
            return Err(HostFailed::NotErased);
        }
        let written = self.at(offset)?.write(bytes);
        written.then_some(()).ok_or(HostFailed::File)
    }
}

/// Why the flash failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostFailed {
    /// The host's file.
    File,
    /// No whole words or pages.
    NotAligned,
    /// Outside of it.
    OutOfBounds,
    /// A word that was written is written again.
    NotErased,
}

impl NorFlashError for HostFailed {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::File | Self::NotErased => NorFlashErrorKind::Other,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
        }
    }
}

impl ErrorType for HostFlash {
    type Error = HostFailed;
}

/// Whole units, within the flash.
fn fits(from: u32, to: usize, unit: usize) -> Result<(), HostFailed> {
    let from = from as usize;
    if !from.is_multiple_of(unit) || !to.is_multiple_of(unit) {
        Err(HostFailed::NotAligned)
    } else if from > to || to > CAPACITY {
        Err(HostFailed::OutOfBounds)
    } else {
        Ok(())
    }
}

impl ReadNorFlash for HostFlash {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), HostFailed> {
        fits(offset, (offset as usize).saturating_add(bytes.len()), 1)?;
        let read = self.at(offset)?.read(bytes);
        (read == bytes.len()).then_some(()).ok_or(HostFailed::File)
    }

    fn capacity(&self) -> usize {
        CAPACITY
    }
}

impl NorFlash for HostFlash {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = PAGE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), HostFailed> {
        fits(from, to as usize, PAGE)?;
        for page in (from..to).step_by(PAGE) {
            let erased = self.at(page)?.write(&[0xff; PAGE]);
            erased.then_some(()).ok_or(HostFailed::File)?;
        }
        Ok(())
    }

    /// A word at a time: whatever ends the emulator may end it between two.
    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), HostFailed> {
        fits(offset, (offset as usize).saturating_add(bytes.len()), WORD)?;
        let (words, _) = bytes.as_chunks::<WORD>();
        for (at, word) in (offset..).step_by(WORD).zip(words) {
            self.word(at, word)?;
        }
        Ok(())
    }
}

/// The host's random numbers.
pub struct HostRandom(File);

impl HostRandom {
    /// `None` where the host has none.
    pub fn open() -> Option<Self> {
        File::open(c"/dev/urandom", Mode::Read).map(Self)
    }
}

impl Random for HostRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        // Nothing that can be foretold may be used in its place.
        if self.0.read(bytes) != bytes.len() {
            console::write(c"no random numbers\n");
            console::exit(false);
        }
    }
}

/// The key page: the host's file `keys`.
pub fn keys() -> Option<KeyPage> {
    let mut page = [0; keys::LEN];
    File::open(c"keys", Mode::Read)?.read(&mut page);
    KeyPage::read(&page).ok()
}
