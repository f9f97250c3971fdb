//! What can go wrong between the driver and the chip, and how often it did.

use super::registers::Register;

/// Error returned by the operations of [`Bl0910`](super::Bl0910); `E` is the SPI's own.
///
/// ```
/// use metering::bl0910::Error;
/// let error: Error<core::convert::Infallible> = Error::Checksum;
/// assert_eq!(error.to_string(), "the check sum of the chip's answer is wrong");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error<E> {
    /// The SPI failed.
    Spi(E),
    /// An answer's check sum is wrong: interference, or no chip.
    Checksum,
    /// A register does not hold what was written.
    NotAccepted(Register),
    /// The chip has no such channel.
    NoSuchChannel,
}

impl<E: core::fmt::Debug> core::fmt::Display for Error<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Spi(error) => write!(f, "the SPI failed: {error:?}"),
            Self::Checksum => f.write_str("the check sum of the chip's answer is wrong"),
            Self::NotAccepted(register) => {
                write!(f, "the chip did not take what was written to {register:?}")
            }
            Self::NoSuchChannel => f.write_str("the chip has no such channel"),
        }
    }
}

impl<E: core::fmt::Debug> core::error::Error for Error<E> {}

/// How often a channel was in trouble since the driver was made; each stops at its maximum.
///
/// ```
/// use metering::bl0910::Incidents;
/// assert_eq!(Incidents::default().restarts, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Incidents {
    /// Samples that ended in an error.
    pub failures: u32,
    /// Counter wraps.
    pub wraps: u32,
    /// Chip restarts that the channel was told of.
    pub restarts: u32,
    /// Counts refused.
    pub refusals: u32,
}
