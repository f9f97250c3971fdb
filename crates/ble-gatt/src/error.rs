//! Why a radio has ended.

use core::fmt;

/// What has ended [`run`](crate::run).
///
/// ```
/// use ble_gatt::Error;
/// assert_eq!(Error::Controller(7).to_string(), "the radio failed: 7");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error<E> {
    /// The controller, or the wire to it.
    Controller(E),
    /// The controller refused what every radio can do: it is none, or not in its senses.
    Stopped,
}

impl<E: fmt::Debug> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The errors of HCI transports have no words, only names.
            Self::Controller(error) => write!(f, "the radio failed: {error:?}"),
            Self::Stopped => f.write_str("the radio refused a command that every radio has"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Error<E> {}
