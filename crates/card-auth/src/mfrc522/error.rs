//! What can be wrong with the chip, and which chip it is.

use embedded_hal::digital::ErrorKind as PinError;

/// Error returned by [`Mfrc522`](super::Mfrc522): what is wrong with the reader, never with a card.
///
/// ```
/// use card_auth::mfrc522::Error;
/// let error: Error<core::fmt::Error> = Error::NotResponding;
/// assert_eq!(error.to_string(), "the reader chip does not respond");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Error<B> {
    /// The SPI bus failed.
    Bus(B),
    /// The reset pin failed.
    ResetPin(PinError),
    /// The chip is absent or hung: nonsense in its registers, or no interrupt in time.
    NotResponding,
    /// There is a chip, but not one of the known versions.
    UnknownChip {
        /// What its `VersionReg` says.
        version: u8,
    },
    /// The chip forgot its settings, as after a dip of its supply.
    ConfigurationLost,
    /// The chip is too hot and switched its antenna off.
    TooHot,
}

impl<B: core::fmt::Debug> core::fmt::Display for Error<B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Bus(error) => write!(f, "the bus of the reader chip failed: {error:?}"),
            Self::ResetPin(error) => write!(f, "the reset pin of the reader chip failed: {error}"),
            Self::NotResponding => f.write_str("the reader chip does not respond"),
            Self::UnknownChip { version } => {
                write!(f, "the reader chip has the unknown version {version:#04x}")
            }
            Self::ConfigurationLost => f.write_str("the reader chip lost its configuration"),
            Self::TooHot => f.write_str("the reader chip is too hot"),
        }
    }
}

impl<B: core::fmt::Debug> core::error::Error for Error<B> {}

/// The chips this driver was written for.
///
/// ```
/// use card_auth::mfrc522::Version;
/// assert_eq!(Version::from_register(0x92), Some(Version::V2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MFRC522 version 1.0 (91h).
    V1,
    /// MFRC522 version 2.0 (92h).
    V2,
    /// FM17522, a compatible chip of another maker (88h).
    Fm17522,
}

impl Version {
    /// Reads a `VersionReg` (data sheet 9.3.4.8).
    pub const fn from_register(value: u8) -> Option<Self> {
        match value {
            0x91 => Some(Self::V1),
            0x92 => Some(Self::V2),
            0x88 => Some(Self::Fm17522),
            _ => None,
        }
    }

    pub(super) const fn register(self) -> u8 {
        match self {
            Self::V1 => 0x91,
            Self::V2 => 0x92,
            Self::Fm17522 => 0x88,
        }
    }
}
