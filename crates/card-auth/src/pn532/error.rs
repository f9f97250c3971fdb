//! What can be wrong with the chip, and which chip it is.

use embedded_hal::digital::ErrorKind as PinError;

/// Error returned by [`Pn532`](super::Pn532): what is wrong with the reader, never with a card. `B`
/// is the error of its [`Transport`](super::Transport).
///
/// ```
/// use card_auth::pn532::Error;
/// let error: Error<core::fmt::Error> = Error::NotResponding;
/// assert_eq!(error.to_string(), "the reader chip does not respond");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Error<B> {
    /// The line to the chip failed.
    Bus(B),
    /// The reset pin failed.
    ResetPin(PinError),
    /// The chip is absent or hung: no acknowledgement or no answer in time.
    NotResponding,
    /// What it says is no frame, or the answer to another command, after repetitions too.
    Garbled,
    /// It does not know a command that it must know, or refused its settings.
    Refused,
    /// There is a chip, but it is no PN532, or one that does not read type A.
    UnknownChip {
        /// The first byte of its firmware version; 32h is a PN532.
        ic: u8,
    },
    /// The chip forgot its settings, as after a dip of its supply.
    ConfigurationLost,
    /// The chip is too hot, or its antenna draws too much.
    TooHot,
}

impl<B: core::fmt::Debug> core::fmt::Display for Error<B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Bus(error) => write!(f, "the line to the reader chip failed: {error:?}"),
            Self::ResetPin(error) => write!(f, "the reset pin of the reader chip failed: {error}"),
            Self::NotResponding => f.write_str("the reader chip does not respond"),
            Self::Garbled => f.write_str("the reader chip answers with nonsense"),
            Self::Refused => f.write_str("the reader chip refused a command"),
            Self::UnknownChip { ic } => {
                write!(f, "the reader chip is unknown: {ic:#04x}")
            }
            Self::ConfigurationLost => f.write_str("the reader chip lost its configuration"),
            Self::TooHot => f.write_str("the reader chip is too hot"),
        }
    }
}

impl<B: core::fmt::Debug> core::error::Error for Error<B> {}

/// The firmware of a chip, as it says itself (UM0701-02 section 7.2.2).
///
/// ```
/// use card_auth::pn532::Version;
/// let version = Version::parse(&[0x32, 0x01, 0x06, 0x07])?;
/// assert_eq!((version.firmware, version.revision), (1, 6));
/// # Ok::<(), u8>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Version of the firmware; 1.
    pub firmware: u8,
    /// Its revision; 6 for what is sold.
    pub revision: u8,
}

impl Version {
    /// Reads the answer to `GetFirmwareVersion`: IC, version, revision, what it supports.
    ///
    /// # Errors
    /// The IC byte, if that is no PN532 that reads ISO/IEC 14443 type A; 0 without one.
    pub const fn parse(data: &[u8]) -> Result<Self, u8> {
        match *data {
            [0x32, firmware, revision, support] if support & 0x01 != 0 => {
                Ok(Self { firmware, revision })
            }
            [ic, ..] => Err(ic),
            [] => Err(0),
        }
    }
}
