//! How the pile finds the key of a Hello that names nobody.
//!
//! The hint is a keyed hash of the fresh ephemeral key that stands beside it in the Hello. Who has
//! the key can test it; for everybody else it is eight random bytes, different in each connection. A
//! hint that matches is a guess with one error in 2^64: the seal of the Hello decides.

use subtle::ConstantTimeEq;

use crate::LinkKey;
use crate::mac::hmac_sha256;
use crate::noise::{MESSAGE, Secret};

/// The protocol of the link. A Hello of another version is refused.
pub const VERSION: u8 = 1;

/// Bytes of a hint.
const HINT: usize = 8;

/// Bytes of a Hello: version, hint, first message of the handshake.
pub const HELLO: usize = 1 + HINT + MESSAGE;

/// A Hello as it came: whose, nobody knows yet.
#[derive(Debug, Clone, Copy)]
pub struct Hello {
    hint: [u8; HINT],
    message: [u8; MESSAGE],
}

impl Hello {
    /// Splits the body of a Hello frame; `None` if it is of another version or another length.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (&version, rest) = body.split_first()?;
        let (hint, message) = rest.split_first_chunk()?;
        (version == VERSION).then_some(Self {
            hint: *hint,
            message: message.try_into().ok()?,
        })
    }

    /// The body of a Hello frame.
    pub fn emit(message: &[u8; MESSAGE], key: &LinkKey) -> [u8; HELLO] {
        let mut body = [0; HELLO];
        let bytes = core::iter::once(VERSION)
            .chain(hint(key, message))
            .chain(message.iter().copied());
        body.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        body
    }

    /// True if the hint was made with this key.
    pub fn hints_at(&self, key: &LinkKey) -> bool {
        hint(key, &self.message).ct_eq(&self.hint).into()
    }

    /// The first message of the handshake.
    pub fn message(&self) -> &[u8; MESSAGE] {
        &self.message
    }
}

/// HMAC(HMAC(key, label), ephemeral), its first bytes.
fn hint(key: &LinkKey, message: &[u8; MESSAGE]) -> [u8; HINT] {
    let hint_key = hmac_sha256(key.expose(), &[b"openpile hint 1"]);
    let (ephemeral, _) = message.split_at(Secret::SIZE);
    let whole = hmac_sha256(&hint_key, &[ephemeral]);
    let mut hint = [0; HINT];
    hint.iter_mut()
        .zip(whole.iter())
        .for_each(|(to, from)| *to = *from);
    hint
}
