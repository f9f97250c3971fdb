//! What can go wrong between the driver and the chip, and how often it did.

/// Error returned by the operations of [`Hlw8032`](super::Hlw8032); `E` is the UART's own.
///
/// ```
/// use metering::hlw8032::Error;
/// let error: Error<core::convert::Infallible> = Error::Silent;
/// assert_eq!(error.to_string(), "the chip sends nothing");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error<E> {
    /// The UART failed.
    Uart(E),
    /// The UART's other end is closed.
    Closed,
    /// Not a byte came in time.
    Silent,
    /// Bytes came, but no frame.
    Garbled,
    /// The chip has no coefficients: it was never calibrated by its maker, or has lost that.
    Uncalibrated,
    /// The chip's coefficients make no pulse of a sensible energy, or are not those of before.
    Coefficients,
    /// The UART's receiver is never empty: it is not this chip that sends.
    Babble,
    /// The chip has one channel, 0.
    NoSuchChannel,
}

impl<E: core::fmt::Display> core::fmt::Display for Error<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Uart(error) => write!(f, "the UART failed: {error}"),
            Self::Closed => f.write_str("the UART is closed"),
            Self::Silent => f.write_str("the chip sends nothing"),
            Self::Garbled => f.write_str("what comes from the chip is no frame"),
            Self::Uncalibrated => f.write_str("the chip has no coefficients"),
            Self::Coefficients => f.write_str("the chip's coefficients cannot be right"),
            Self::Babble => f.write_str("the line from the chip never falls silent"),
            Self::NoSuchChannel => f.write_str("the chip has one channel"),
        }
    }
}

impl<E: core::fmt::Debug + core::fmt::Display> core::error::Error for Error<E> {}

/// How often the chip was in trouble since the driver was made; each stops at its maximum.
///
/// ```
/// use metering::hlw8032::Incidents;
/// assert_eq!(Incidents::default().restarts, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Incidents {
    /// Samples that ended in an error.
    pub failures: u32,
    /// Turns of the counter.
    pub wraps: u32,
    /// Chip restarts.
    pub restarts: u32,
    /// Counts refused.
    pub refusals: u32,
    /// Bytes that belonged to no frame.
    pub garbage: u32,
}
