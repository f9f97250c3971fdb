//! The three passes of the authentication (AN12196 clause 5.6, AN12343 clause 4.1).

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::Session;
use crate::command::parse;
use crate::crypto::{BLOCK, Block, cbc_decrypt, cbc_encrypt, cmac, rotated_left};
use crate::{CardKey, Command, CommandTooLong, Status};

/// Error returned by [`Start::challenge`] and [`Challenged::conclude`].
///
/// ```
/// use card_auth::ev2::{HandshakeError, Start};
/// use card_auth::{CardKey, Status};
/// let refused = Start::new(1, &CardKey::FACTORY).challenge(&[0x91, 0xad], [7; 16]);
/// assert_eq!(refused.unwrap_err(), HandshakeError::Refused(Status::AUTHENTICATION_DELAY));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeError {
    /// The card says no, with this status.
    Refused(Status),
    /// The card says yes and does not show RndA': it has not the key.
    Impostor,
    /// The answer has the wrong length or no status.
    Garbled,
}

impl core::fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "the card refuses with {status}"),
            Self::Impostor => f.write_str("the card does not have the key"),
            Self::Garbled => f.write_str("the answer is none to an authentication"),
        }
    }
}

impl core::error::Error for HandshakeError {}

/// Nothing is said yet.
///
/// ```
/// use card_auth::{CardKey, ev2::Start};
/// let start = Start::new(0, &CardKey::FACTORY);
/// assert_eq!(start.command()?.bytes(), [0x90, 0x71, 0, 0, 2, 0, 0, 0]);
/// # Ok::<(), card_auth::CommandTooLong>(())
/// ```
#[derive(Debug)]
pub struct Start {
    number: u8,
    key: CardKey,
}

impl Start {
    /// Will authenticate with the key of this number, 0 to 13.
    pub fn new(number: u8, key: &CardKey) -> Self {
        Self {
            number,
            key: key.clone(),
        }
    }

    /// The first command: key number, no capabilities of the reader.
    ///
    /// # Errors
    /// None in fact: it is short.
    pub fn command(&self) -> Result<Command, CommandTooLong> {
        Command::native(0x71, &[&[self.number, 0x00]])
    }

    /// Takes the card's challenge and answers it with ours, `rnd_a`: sixteen fresh random bytes.
    ///
    /// # Errors
    /// [`HandshakeError`], never [`Impostor`](HandshakeError::Impostor).
    pub fn challenge(self, answer: &[u8], rnd_a: [u8; 16]) -> Result<Challenged, HandshakeError> {
        let (data, status) = parse(answer).ok_or(HandshakeError::Garbled)?;
        if status != Status::MORE {
            return Err(HandshakeError::Refused(status));
        }
        let mut rnd_b: Block = data.try_into().map_err(|_| HandshakeError::Garbled)?;
        cbc_decrypt(self.key.expose(), [0; BLOCK], &mut rnd_b);
        Ok(Challenged {
            key: self.key,
            rnd_a,
            rnd_b,
        })
    }
}

/// The card's challenge is known, ours is to be sent.
///
/// ```
/// use card_auth::{CardKey, ev2::Start};
/// let mut answer = [0x5a; 18];
/// answer[16..].copy_from_slice(&[0x91, 0xaf]);
/// let challenged = Start::new(0, &CardKey::FACTORY).challenge(&answer, [7; 16])?;
/// assert_eq!(challenged.command().unwrap().bytes().len(), 5 + 32 + 1);
/// # Ok::<(), card_auth::ev2::HandshakeError>(())
/// ```
pub struct Challenged {
    key: CardKey,
    rnd_a: Block,
    rnd_b: Block,
}

impl Challenged {
    /// The second command: E(K, RndA || RndB').
    ///
    /// # Errors
    /// None in fact: it is short.
    pub fn command(&self) -> Result<Command, CommandTooLong> {
        let mut proof = [0; 2 * BLOCK];
        let both = self.rnd_a.into_iter().chain(rotated_left(self.rnd_b));
        proof.iter_mut().zip(both).for_each(|(to, from)| *to = from);
        cbc_encrypt(self.key.expose(), [0; BLOCK], &mut proof);
        Command::native(0xaf, &[&proof])
    }

    /// Checks that the card has the key, and derives the session keys.
    ///
    /// # Errors
    /// [`HandshakeError`]; a status of 91AEh means that the card has another key.
    pub fn conclude(self, answer: &[u8]) -> Result<Session, HandshakeError> {
        let (data, status) = parse(answer).ok_or(HandshakeError::Garbled)?;
        if status != Status::OK {
            return Err(HandshakeError::Refused(status));
        }
        let sealed: [u8; 2 * BLOCK] = data.try_into().map_err(|_| HandshakeError::Garbled)?;
        let mut plain = Zeroizing::new(sealed);
        cbc_decrypt(self.key.expose(), [0; BLOCK], plain.as_mut_slice());
        let (ti, rest) = plain
            .split_first_chunk::<4>()
            .ok_or(HandshakeError::Garbled)?;
        let shown = rest.first_chunk::<BLOCK>().ok_or(HandshakeError::Garbled)?;
        if !bool::from(shown.ct_eq(&rotated_left(self.rnd_a))) {
            return Err(HandshakeError::Impostor);
        }
        let [enc, mac] = session_keys(self.key.expose(), self.rnd_a, self.rnd_b);
        Ok(Session::new(*enc, *mac, *ti, 0))
    }
}

#[cfg(test)]
impl Challenged {
    /// The card's challenge, to compare with a published one.
    pub(super) const fn rnd_b_for_tests(&self) -> Block {
        self.rnd_b
    }
}

impl core::fmt::Debug for Challenged {
    /// Shows nothing of it.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Challenged(..)")
    }
}

impl Drop for Challenged {
    fn drop(&mut self) {
        self.rnd_a.zeroize();
        self.rnd_b.zeroize();
    }
}

/// The session's keys for encryption and MAC: CMAC over SV1 and SV2 (NT4H2421Gx clause 9.1.7).
fn session_keys(key: &Block, rnd_a: Block, rnd_b: Block) -> [Zeroizing<Block>; 2] {
    // SV = label || 00 01 00 80 || RndA[0..2] || RndA[2..8] ^ RndB[0..6] || RndB[6..16] || RndA[8..16]
    let mut mixed = Zeroizing::new([0; 26]);
    let crossed = rnd_a.iter().skip(2).take(6).zip(rnd_b).map(|(a, b)| a ^ b);
    let bytes = rnd_a
        .iter()
        .copied()
        .take(2)
        .chain(crossed)
        .chain(rnd_b.into_iter().skip(6))
        .chain(rnd_a.into_iter().skip(8));
    mixed
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = from);
    [[0xa5, 0x5a], [0x5a, 0xa5]]
        .map(|label| Zeroizing::new(cmac(key, &[&label, &[0x00, 0x01, 0x00, 0x80], &*mixed])))
}
