//! Why the flash refuses.

use embedded_storage_async::nor_flash::{NorFlashError, NorFlashErrorKind};

/// Error returned by the operations of [`VirtualNor`](super::VirtualNor).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlashError {
    /// The address or the length is not a multiple of the word or page.
    NotAligned,
    /// The range reaches beyond the flash.
    OutOfBounds,
    /// The program would set a bit, or programs a word twice.
    NotErased {
        /// Where the program began.
        address: u32,
    },
    /// The power is off.
    PowerLost,
}

impl std::fmt::Display for FlashError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAligned => f.write_str("the access is not aligned"),
            Self::OutOfBounds => f.write_str("the access reaches beyond the flash"),
            Self::NotErased { address } => write!(f, "programmed at {address:#x} without an erase"),
            Self::PowerLost => f.write_str("the power is off"),
        }
    }
}

impl std::error::Error for FlashError {}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotErased { .. } | Self::PowerLost => NorFlashErrorKind::Other,
        }
    }
}
