//! Why a receipt was not written.

use super::{MAX_FIRMWARE, MAX_TARIFF_TEXT};

/// Error returned by [`write_receipt`](super::write_receipt).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteError<E> {
    /// The page is 0.
    NoPage,
    /// The tariff text has more than [`MAX_TARIFF_TEXT`] characters.
    TariffTextTooLong,
    /// The firmware version has more than [`MAX_FIRMWARE`] characters.
    FirmwareTooLong,
    /// A reading is below the one before it.
    RegisterGoesBack,
    /// The signer failed. Nothing was written.
    Signer(E),
    /// The writer failed, part of the record may be written.
    Writer(core::fmt::Error),
}

impl<E: core::fmt::Display> core::fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoPage => f.write_str("receipts are numbered from 1"),
            Self::TariffTextTooLong => {
                write!(
                    f,
                    "the tariff text has more than {MAX_TARIFF_TEXT} characters"
                )
            }
            Self::FirmwareTooLong => {
                write!(
                    f,
                    "the firmware version has more than {MAX_FIRMWARE} characters"
                )
            }
            Self::RegisterGoesBack => f.write_str("a reading is below the one before it"),
            Self::Signer(error) => write!(f, "the signer failed: {error}"),
            Self::Writer(_) => f.write_str("the writer failed"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for WriteError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Signer(error) => Some(error),
            Self::Writer(error) => Some(error),
            _ => None,
        }
    }
}
