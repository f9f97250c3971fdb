//! `Noise_NNpsk0_25519_ChaChaPoly_SHA256` (The Noise Protocol Framework, revision 34), a type for
//! each state.
//!
//! ```text
//! phone                                pile
//! Initiator::start  -- psk, e      --> Responder::read          nothing computed on the curve yet
//!                                      Responder::prepare       its ephemeral key
//! Initiator::finish <-- e, ee      --  Prepared::reply
//! Transport         <-- sealed     --> Transport
//! ```
//!
//! - Each step consumes the state before it: no message is read twice, none out of turn.
//! - A shared secret of zeros (a point of low order, RFC 7748 clause 6.1) is refused.
//! - A seal that does not fit changes nothing in a [`Transport`]; the ends close then all the same.
//! - After 1,024 messages or 64 KiB sealed bytes of one direction, both ends take a new key for it
//!   (clause 11.3) without a word about it. The nonce goes on and never wraps.
//! - Keys and the hash chain are wiped when they are dropped.

mod cipher;

use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret, X25519_BASEPOINT_BYTES};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::LinkKey;
use crate::mac::hmac_sha256;
use cipher::Cipher;

pub use cipher::TAG;

const NAME: &[u8] = b"Noise_NNpsk0_25519_ChaChaPoly_SHA256";

/// What both ends have agreed on before the first byte.
pub const PROLOGUE: &[u8] = b"openpile link 1";

/// Bytes of a handshake message without a payload.
pub const MESSAGE: usize = Secret::SIZE + TAG;

/// The handshake or a seal did not fit, whatever the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// An ephemeral secret: 32 random bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Bytes of a secret and of a public key.
    pub const SIZE: usize = 32;

    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// One multiplication. The base point goes the same way as any other, which saves the code of
    /// a second curve form.
    fn public(&self) -> [u8; 32] {
        *self.times(&X25519_BASEPOINT_BYTES).as_bytes()
    }

    fn times(&self, point: &[u8; 32]) -> SharedSecret {
        StaticSecret::from(self.0).diffie_hellman(&PublicKey::from(*point))
    }
}

/// The symmetric state (clause 5.2), from the moment the psk is in it.
#[derive(ZeroizeOnDrop)]
struct Symmetric {
    chaining: [u8; 32],
    hash: [u8; 32],
    cipher: Cipher,
}

impl Symmetric {
    /// Prologue and `psk`.
    fn new(prologue: &[u8], key: &LinkKey) -> Self {
        let name: [u8; 32] = Sha256::digest(NAME).into();
        let mut state = Self {
            chaining: name,
            hash: name,
            cipher: Cipher::new([0; 32]),
        };
        state.mix_hash(prologue);
        // MixKeyAndHash: three outputs of HKDF.
        let temp = hmac_sha256(&state.chaining, &[key.expose()]);
        let one = hmac_sha256(&temp, &[&[1]]);
        let two = hmac_sha256(&temp, &[&*one, &[2]]);
        let three = hmac_sha256(&temp, &[&*two, &[3]]);
        state.chaining = *one;
        state.mix_hash(&*two);
        state.cipher = Cipher::new(*three);
        state
    }

    fn mix_hash(&mut self, data: &[u8]) {
        self.hash = Sha256::new()
            .chain_update(self.hash)
            .chain_update(data)
            .finalize()
            .into();
    }

    fn mix_key(&mut self, material: &[u8]) {
        let (chaining, key) = self.expand(material);
        self.chaining = *chaining;
        self.cipher = Cipher::new(*key);
    }

    /// HKDF with two outputs (clause 4.3).
    fn expand(&self, material: &[u8]) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>) {
        let temp = hmac_sha256(&self.chaining, &[material]);
        let one = hmac_sha256(&temp, &[&[1]]);
        let two = hmac_sha256(&temp, &[&*one, &[2]]);
        (one, two)
    }

    /// `e`: with a psk the public key is mixed into the key, too (clause 9.2).
    fn mix_ephemeral(&mut self, public: &[u8; 32]) {
        self.mix_hash(public);
        self.mix_key(public);
    }

    /// `ee`.
    fn mix_shared(&mut self, secret: &Secret, theirs: &[u8; 32]) -> Result<(), Refused> {
        let shared = secret.times(theirs);
        if !shared.was_contributory() {
            return Err(Refused);
        }
        self.mix_key(shared.as_bytes());
        Ok(())
    }

    /// Seals all of `sealed` but its last [`TAG`] bytes, which become the tag.
    fn seal(&mut self, sealed: &mut [u8]) -> Result<(), Refused> {
        let hash = self.hash;
        self.cipher.seal(&hash, sealed)?;
        self.mix_hash(sealed);
        Ok(())
    }

    /// Opens a payload in place; the plain text is all but the last [`TAG`] bytes.
    fn open(&mut self, sealed: &mut [u8]) -> Result<(), Refused> {
        let hash = self.hash;
        self.mix_hash(sealed);
        self.cipher.open(&hash, sealed)
    }

    /// The ciphers of what the initiator and what the responder says.
    fn split(&self) -> (Cipher, Cipher) {
        let (one, two) = self.expand(&[]);
        (Cipher::new(*one), Cipher::new(*two))
    }
}

/// The ephemeral key at the head of a message, and its sealed payload.
fn halves(message: &mut [u8]) -> Result<(&mut [u8; 32], &mut [u8]), Refused> {
    message.split_first_chunk_mut().ok_or(Refused)
}

/// The phone, its first message said.
#[derive(ZeroizeOnDrop)]
pub struct Initiator {
    state: Symmetric,
    secret: Secret,
}

impl Initiator {
    /// Writes the first message into `message`, whose payload stands between the first 32 and the
    /// last 16 bytes.
    pub fn start(
        prologue: &[u8],
        key: &LinkKey,
        secret: Secret,
        message: &mut [u8],
    ) -> Result<Self, Refused> {
        let mut state = Symmetric::new(prologue, key);
        let (ephemeral, payload) = halves(message)?;
        *ephemeral = secret.public();
        state.mix_ephemeral(ephemeral);
        state.seal(payload)?;
        Ok(Self { state, secret })
    }

    /// Reads the second message, and opens its payload in place.
    pub fn finish(mut self, message: &mut [u8]) -> Result<Transport, Refused> {
        let (ephemeral, payload) = halves(message)?;
        self.state.mix_ephemeral(ephemeral);
        let secret = self.secret.clone();
        self.state.mix_shared(&secret, ephemeral)?;
        self.state.open(payload)?;
        let (ours, theirs) = self.state.split();
        Ok(Transport { ours, theirs })
    }
}

/// The pile, with a first message that was made with this key.
#[derive(ZeroizeOnDrop)]
pub struct Responder {
    state: Symmetric,
    theirs: [u8; 32],
}

impl Responder {
    /// Reads the first message, and opens its payload in place. No multiplication.
    pub fn read(prologue: &[u8], key: &LinkKey, message: &mut [u8]) -> Result<Self, Refused> {
        let mut state = Symmetric::new(prologue, key);
        let (ephemeral, payload) = halves(message)?;
        state.mix_ephemeral(ephemeral);
        state.open(payload)?;
        Ok(Self {
            state,
            theirs: *ephemeral,
        })
    }

    /// Computes the pile's ephemeral key: one multiplication.
    pub fn prepare(self, secret: Secret) -> Prepared {
        let public = secret.public();
        Prepared {
            responder: self,
            secret,
            public,
        }
    }
}

/// The pile, about to answer.
#[derive(ZeroizeOnDrop)]
pub struct Prepared {
    responder: Responder,
    secret: Secret,
    public: [u8; 32],
}

impl Prepared {
    /// Writes the second message into `message`, whose payload stands between the first 32 and the
    /// last 16 bytes: one multiplication.
    pub fn reply(mut self, message: &mut [u8]) -> Result<Transport, Refused> {
        let (ephemeral, payload) = halves(message)?;
        *ephemeral = self.public;
        let theirs = self.responder.theirs;
        let secret = self.secret.clone();
        let state = &mut self.responder.state;
        state.mix_ephemeral(ephemeral);
        state.mix_shared(&secret, &theirs)?;
        state.seal(payload)?;
        let (theirs, ours) = state.split();
        Ok(Transport { ours, theirs })
    }
}

/// The open link: seals what is said, opens what is heard, in order.
#[derive(ZeroizeOnDrop)]
pub struct Transport {
    ours: Cipher,
    theirs: Cipher,
}

impl Transport {
    /// Seals all of `sealed` but its last [`TAG`] bytes, which become the tag.
    pub fn seal(&mut self, sealed: &mut [u8]) -> Result<(), Refused> {
        self.ours.seal(&[], sealed)?;
        self.ours.count(sealed.len())
    }

    /// Opens the next message in place, and gives its plain text.
    pub fn open<'a>(&mut self, sealed: &'a mut [u8]) -> Result<&'a [u8], Refused> {
        self.theirs.open(&[], sealed)?;
        self.theirs.count(sealed.len())?;
        let (plain, _) = sealed.split_last_chunk::<TAG>().ok_or(Refused)?;
        Ok(plain)
    }
}

#[cfg(test)]
mod tests;
