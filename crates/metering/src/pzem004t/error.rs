//! What can go wrong between the driver and a module, and how often it did.

use super::modbus::{Exception, ParseError};

/// Error returned by the operations of [`Pzem004t`](super::Pzem004t); `E` is the UART's own.
///
/// ```
/// use metering::pzem004t::Error;
/// let error: Error<core::convert::Infallible> = Error::Timeout;
/// assert_eq!(error.to_string(), "the module does not answer");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error<E> {
    /// The UART failed.
    Uart(E),
    /// The UART's other end is closed.
    Closed,
    /// No byte came in time: no such module, or one without mains, which supplies it.
    Timeout,
    /// Fewer bytes came than an answer has.
    Truncated,
    /// The answer was not understood.
    Answer(ParseError),
    /// The module refused the request.
    Exception(Exception),
    /// The line never falls silent.
    Babble,
    /// Two modules of the bus have one address, or the general one is not alone.
    Addresses,
    /// The bus has no such channel.
    NoSuchChannel,
}

impl<E> Error<E> {
    /// True where another try can help: something is there, but it was not understood.
    pub(super) const fn is_garble(&self) -> bool {
        matches!(self, Self::Uart(_) | Self::Truncated | Self::Answer(_))
    }
}

impl<E: core::fmt::Display> core::fmt::Display for Error<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Uart(error) => write!(f, "the UART failed: {error}"),
            Self::Closed => f.write_str("the UART is closed"),
            Self::Timeout => f.write_str("the module does not answer"),
            Self::Truncated => f.write_str("the module's answer is too short"),
            Self::Answer(error) => error.fmt(f),
            Self::Exception(exception) => write!(f, "the module refused: {exception:?}"),
            Self::Babble => f.write_str("the line to the module never falls silent"),
            Self::Addresses => f.write_str("the modules' addresses are not apart"),
            Self::NoSuchChannel => f.write_str("the bus has no such channel"),
        }
    }
}

impl<E: core::fmt::Debug + core::fmt::Display> core::error::Error for Error<E> {}

/// How often a channel's module was in trouble since the driver was made; each stops at its maximum.
///
/// ```
/// use metering::pzem004t::Incidents;
/// assert_eq!(Incidents::default().restarts, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Incidents {
    /// Samples that ended in an error.
    pub failures: u32,
    /// Energy registers that began again from zero.
    pub restarts: u32,
    /// Counts refused.
    pub refusals: u32,
}
