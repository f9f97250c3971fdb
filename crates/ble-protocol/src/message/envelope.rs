//! The envelope of every message: a version, and the number of the request it belongs to.

use pile_units::{PhoneId, PileId};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

use super::{Notice, NoticeKind, Request, RequestKind, Response, Welcome};
use crate::Refusal;

/// The most bytes of a message.
pub const MAX_MESSAGE: usize = 1024;
/// The version of the messages: the first byte of each.
pub const VERSION: u8 = 1;

/// The number that a phone gives a request. It rises over the life of the phone's key, so that a
/// request that comes a second time is known.
///
/// ```
/// use ble_protocol::message::RequestId;
/// assert_eq!(RequestId::new(16).next(), Some(RequestId::new(17)));
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RequestId(u32);

impl RequestId {
    /// Makes one from its number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The next one, or `None` when they are used up: the phone must be bound anew.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl core::fmt::Display for RequestId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(&self.0, f)
    }
}

/// A phone's own key on its way to the phone. It is wiped when it is dropped, shows nothing when it is
/// printed, and is compared in constant time. A buffer that it was encoded into, or decoded from,
/// is its owner's to wipe.
///
/// ```
/// use ble_protocol::message::SentKey;
/// let key = SentKey::new([7; 32]);
/// assert_eq!(format!("{key:?}"), "SentKey(..)");
/// ```
#[derive(Clone, Eq, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct SentKey([u8; 32]);

impl SentKey {
    /// Makes one from its bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes: the pre-shared key of every later handshake of this phone.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for SentKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl core::fmt::Debug for SentKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SentKey(..)")
    }
}

/// What a phone gets when the tap of its card is on record: from then on it connects with its own key.
///
/// ```
/// use ble_protocol::message::Bound;
/// fn remember(bound: &Bound) -> String {
///     format!("phone {} of pile {}", bound.phone, bound.pile)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The phone's number.
    pub phone: PhoneId,
    /// Its key.
    pub key: SentKey,
    /// The pile.
    pub pile: PileId,
}

/// A message from a phone: a request, and the phone's number for it.
///
/// ```
/// use ble_protocol::message::{Asked, MAX_MESSAGE, Request, RequestId};
/// let asked = Asked { id: RequestId::new(300), request: Request::MyAccount };
/// let mut buffer = [0; MAX_MESSAGE];
/// let bytes = asked.encode(&mut buffer); // version, 300 as a varint, request 8
/// assert_eq!(bytes, [1, 0xac, 0x02, 8]);
/// assert_eq!(Asked::decode(bytes), Ok(asked));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The phone's number for it.
    pub id: RequestId,
    /// What it asks.
    pub request: Request,
}

/// A message from a pile. The order is the format.
///
/// ```
/// use ble_protocol::Refusal;
/// use ble_protocol::message::{MAX_MESSAGE, RequestId, Response, Told};
/// let told = Told::Answer { id: RequestId::new(17), response: Response::Refused(Refusal::Busy) };
/// let mut buffer = [0; MAX_MESSAGE];
/// assert_eq!(told.encode(&mut buffer), [1, 1, 17, 0, 11]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is no heap to box a page on"
)]
pub enum Told {
    /// The first thing on a link.
    Welcome(Welcome),
    /// The answer to a request.
    Answer {
        /// The phone's number of the request.
        id: RequestId,
        /// The answer.
        response: Response,
    },
    /// Something happened.
    Notice(Notice),
    /// The phone is bound: the tap of its card is on record.
    Bound(Bound),
}

/// Error returned by [`Asked::decode`] and [`Told::decode`].
///
/// ```
/// use ble_protocol::Refusal;
/// use ble_protocol::message::{Asked, Malformed, RequestId, Response, Told};
/// // Request 99 of a phone that is newer than the pile.
/// let refused = Asked::decode(&[1, 17, 99, 1, 2, 3]).unwrap_err();
/// let id = RequestId::new(17);
/// assert_eq!(refused, Malformed::Unknown(Some(id)));
/// let response = Response::Refused(Refusal::UnknownRequest);
/// assert_eq!(refused.answer(), Some(Told::Answer { id, response }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// It is of another version.
    Version(u8),
    /// It is longer than [`MAX_MESSAGE`], or ends before it says what it is.
    Length,
    /// It is of a kind that is not known here: the sender is newer. With the number of the request,
    /// if it is one or its answer.
    Unknown(Option<RequestId>),
    /// It is of a known kind, but what stands in it is not legal, or too much or too little stands in
    /// it.
    Body(Option<RequestId>),
}

impl Malformed {
    /// What a pile answers to a request that it could not read; nothing where the request has no
    /// number, so that the link is best ended.
    pub const fn answer(self) -> Option<Told> {
        let (id, why) = match self {
            Self::Unknown(Some(id)) => (id, Refusal::UnknownRequest),
            Self::Body(Some(id)) => (id, Refusal::Unreadable),
            _ => return None,
        };
        let response = Response::Refused(why);
        Some(Told::Answer { id, response })
    }
}

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Version(version) => write!(f, "messages of version {version}, not {VERSION}"),
            Self::Length => f.write_str("the message is too short or too long"),
            Self::Unknown(_) => f.write_str("the message is of a kind that is not known here"),
            Self::Body(_) => f.write_str("what stands in the message is not legal"),
        }
    }
}

impl core::error::Error for Malformed {}

impl Asked {
    /// The message's bytes, at the start of `buffer`.
    pub fn encode<'a>(&self, buffer: &'a mut [u8; MAX_MESSAGE]) -> &'a [u8] {
        put(&(VERSION, self.id, &self.request), buffer)
    }

    /// The message of these bytes: of all of them.
    ///
    /// # Errors
    /// [`Malformed`], with the request's number wherever it can be read.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let rest = versioned(bytes)?;
        let (id, rest) = number(rest)?;
        let id = RequestId(id);
        let request = body(rest, kinds(RequestKind::ALL), Some(id))?;
        Ok(Self { id, request })
    }
}

/// The numbers of [`Told`]'s variants.
const ANSWER: u32 = 1;
const NOTICE: u32 = 2;
const KINDS_OF_TOLD: u32 = 4;

impl Told {
    /// The message's bytes, at the start of `buffer`.
    pub fn encode<'a>(&self, buffer: &'a mut [u8; MAX_MESSAGE]) -> &'a [u8] {
        put(&(VERSION, self), buffer)
    }

    /// The message of these bytes: of all of them.
    ///
    /// # Errors
    /// [`Malformed`], with the number of the request that is answered wherever it can be read.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let whole = versioned(bytes)?;
        let (kind, rest) = number(whole)?;
        match kind {
            ANSWER => {
                let (id, rest) = number(rest)?;
                let id = RequestId(id);
                let response = body(rest, Response::KINDS, Some(id))?;
                Ok(Self::Answer { id, response })
            }
            NOTICE => body(rest, kinds(NoticeKind::ALL), None).map(Self::Notice),
            _ => body(whole, KINDS_OF_TOLD, None),
        }
    }
}

fn put<'a>(message: &impl Serialize, buffer: &'a mut [u8; MAX_MESSAGE]) -> &'a [u8] {
    // None is longer: `the_largest_of_every_message_fits`. An empty one is refused.
    postcard::to_slice(message, buffer)
        .map(|bytes| &*bytes)
        .unwrap_or_default()
}

fn versioned(bytes: &[u8]) -> Result<&[u8], Malformed> {
    match bytes {
        [VERSION, rest @ ..] if bytes.len() <= MAX_MESSAGE => Ok(rest),
        [VERSION, ..] | [] => Err(Malformed::Length),
        [version, ..] => Err(Malformed::Version(*version)),
    }
}

fn number(bytes: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    postcard::take_from_bytes(bytes).map_err(|_| Malformed::Length)
}

/// The rest of a message: an enum of so many kinds, and nothing after it.
fn body<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    kinds: u32,
    id: Option<RequestId>,
) -> Result<T, Malformed> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        _ => match postcard::take_from_bytes::<u32>(bytes) {
            Ok((kind, _)) if kind >= kinds => Err(Malformed::Unknown(id)),
            _ => Err(Malformed::Body(id)),
        },
    }
}

fn kinds<T>(all: &[T]) -> u32 {
    u32::try_from(all.len()).unwrap_or(u32::MAX)
}
