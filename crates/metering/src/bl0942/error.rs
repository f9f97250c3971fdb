//! What can go wrong between the driver and a chip, and how often it did.

use super::frame::{CREEP_DEFAULT, FrameError, MODE_DEFAULT, Register};

/// Error returned by the operations of [`Bl0942`](super::Bl0942); `E` is the UART's own.
///
/// ```
/// use metering::bl0942::Error;
/// let error: Error<core::convert::Infallible> = Error::Timeout;
/// assert_eq!(error.to_string(), "the chip does not answer");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error<E> {
    /// The UART failed.
    Uart(E),
    /// The UART's other end is closed.
    Closed,
    /// No byte came in time: no such chip, or a dead one.
    Timeout,
    /// Fewer bytes came than an answer has.
    Truncated,
    /// An answer's first byte is wrong.
    Header,
    /// An answer's check sum is wrong.
    Checksum,
    /// The line never falls silent.
    Babble,
    /// A register does not hold what was written.
    NotAccepted(Register),
    /// The bus has no such channel.
    NoSuchChannel,
}

impl<E> Error<E> {
    /// True where another try can help: something is there, but it was not understood.
    pub(super) const fn is_garble(&self) -> bool {
        matches!(
            self,
            Self::Uart(_) | Self::Truncated | Self::Header | Self::Checksum
        )
    }
}

impl<E> From<FrameError> for Error<E> {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Header => Self::Header,
            FrameError::Checksum => Self::Checksum,
        }
    }
}

impl<E: core::fmt::Display> core::fmt::Display for Error<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Uart(error) => write!(f, "the UART failed: {error}"),
            Self::Closed => f.write_str("the UART is closed"),
            Self::Timeout => f.write_str("the chip does not answer"),
            Self::Truncated => f.write_str("the chip's answer is too short"),
            Self::Header => f.write_str("the chip's answer does not start with 55"),
            Self::Checksum => f.write_str("the check sum of the chip's answer is wrong"),
            Self::Babble => f.write_str("the line to the chip never falls silent"),
            Self::NotAccepted(register) => {
                write!(f, "the chip did not take what was written to {register:?}")
            }
            Self::NoSuchChannel => f.write_str("the bus has no such channel"),
        }
    }
}

impl<E: core::fmt::Debug + core::fmt::Display> core::error::Error for Error<E> {}

/// What a chip shows of itself: see the [module](super) on identity.
///
/// ```
/// use metering::bl0942::Identity;
/// let fresh = Identity { mode: 0x87, creep: 0x0B };
/// assert!(fresh.is_plausible() && fresh.is_factory_fresh());
/// assert!(!Identity { mode: 0, creep: 0 }.is_plausible());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// `MODE`.
    pub mode: u32,
    /// `WA_CREEP`.
    pub creep: u8,
}

impl Identity {
    /// True if the chip counts energy and its reserved bits are as a BL0942 has them.
    pub const fn is_plausible(&self) -> bool {
        self.mode & 0b111 == 0b111
    }

    /// True if nothing was written since the chip's reset.
    pub const fn is_factory_fresh(&self) -> bool {
        self.mode == MODE_DEFAULT && self.creep == CREEP_DEFAULT
    }
}

/// How often a channel's chip was in trouble since the driver was made; each stops at its maximum.
///
/// ```
/// use metering::bl0942::Incidents;
/// assert_eq!(Incidents::default().restarts, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Incidents {
    /// Samples that ended in an error.
    pub failures: u32,
    /// Counter wraps.
    pub wraps: u32,
    /// Chip restarts seen while running.
    pub restarts: u32,
    /// Counts refused.
    pub refusals: u32,
}
