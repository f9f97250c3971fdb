//! Why a link ended, and why a message cannot be sent.

/// Why a link is closed. Whatever the reason, charging goes on.
///
/// ```
/// use ble_protocol::Why;
/// assert_eq!(Why::NotTapped.to_string(), "the card was not tapped in time");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// This end was told to close it.
    Asked,
    /// The other end said so.
    Bye,
    /// The other end said nothing for 10 s when it was its turn to say Hello or to answer it.
    Silent,
    /// No card whose code the phone has was tapped within 60 s.
    NotTapped,
    /// A Hello of another version of the protocol.
    Version,
    /// Strangers failed lately; the phone may try again later.
    Busy,
    /// The handshake was altered on its way, or made with another key or with a worthless one.
    Refused,
    /// The phone did not show within 10 s that it has the key: most likely a Hello said again by
    /// somebody who recorded it.
    Unproven,
    /// A frame that does not belong here now.
    Unexpected,
    /// A seal did not fit: a frame was altered, lost, said twice or out of turn.
    Broken,
    /// What was said is not how it is said.
    Malformed,
    /// More frames than the window allows.
    Overrun,
    /// The other end took nothing for 10 s.
    Stalled,
}

impl core::fmt::Display for Why {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Asked => "closed by this end",
            Self::Bye => "closed by the other end",
            Self::Silent => "the other end said nothing",
            Self::NotTapped => "the card was not tapped in time",
            Self::Version => "the other end speaks another version",
            Self::Busy => "the pile lets strangers wait",
            Self::Refused => "the handshake was refused",
            Self::Unproven => "the phone did not show that it has the key",
            Self::Unexpected => "a frame out of turn",
            Self::Broken => "a seal did not fit",
            Self::Malformed => "a frame that is not how it should be",
            Self::Overrun => "more frames than the window allows",
            Self::Stalled => "the other end takes nothing",
        })
    }
}

/// Error returned by [`PileEnd::send`](crate::PileEnd::send) and
/// [`PhoneEnd::send`](crate::PhoneEnd::send): the message is not sent.
///
/// ```
/// use ble_protocol::{PileEnd, SendError};
/// assert_eq!(PileEnd::new().send(b"ports"), Err(SendError::NotOpen));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// The link is not open.
    NotOpen,
    /// A message has one byte at least.
    Empty,
    /// More than [`MAX_MESSAGE`](crate::MAX_MESSAGE) bytes.
    TooLong,
    /// Too many messages wait to be sent; it will find room later.
    Full,
}

impl core::fmt::Display for SendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotOpen => "the link is not open",
            Self::Empty => "an empty message",
            Self::TooLong => "the message is too long",
            Self::Full => "too many messages wait to be sent",
        })
    }
}

impl core::error::Error for SendError {}
