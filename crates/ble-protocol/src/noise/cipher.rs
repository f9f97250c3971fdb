//! The cipher state (clause 5.1): a key and a counting nonce.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Tag};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Refused;

/// Bytes of a tag.
pub const TAG: usize = 16;

/// Messages of one direction after which it takes a new key.
pub const REKEY_MESSAGES: u32 = 1024;
/// Sealed bytes of one direction, tags included, after which it takes a new key.
pub const REKEY_BYTES: u32 = 64 * 1024;

/// The nonce of a new key (clause 4.2), which no message ever has.
const MAX_NONCE: u64 = u64::MAX;

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Cipher {
    key: [u8; 32],
    nonce: u64,
    /// Since the key was taken.
    messages: u32,
    bytes: u32,
}

impl Cipher {
    pub const fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            nonce: 0,
            messages: 0,
            bytes: 0,
        }
    }

    fn aead(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new((&self.key).into())
    }

    /// Seals all of `sealed` but its last [`TAG`] bytes, which become the tag.
    pub fn seal(&mut self, associated: &[u8], sealed: &mut [u8]) -> Result<(), Refused> {
        let next = self.nonce.checked_add(1).ok_or(Refused)?;
        let (text, tag) = sealed.split_last_chunk_mut::<TAG>().ok_or(Refused)?;
        *tag = self
            .aead()
            .encrypt_inout_detached((&nonce(self.nonce)).into(), associated, text.into())
            .map_err(|_| Refused)?
            .into();
        self.nonce = next;
        Ok(())
    }

    /// Opens in place; the plain text is all but the last [`TAG`] bytes. Nothing changes if the seal
    /// does not fit.
    pub fn open(&mut self, associated: &[u8], sealed: &mut [u8]) -> Result<(), Refused> {
        let next = self.nonce.checked_add(1).ok_or(Refused)?;
        let (text, tag) = sealed.split_last_chunk_mut::<TAG>().ok_or(Refused)?;
        self.aead()
            .decrypt_inout_detached(
                (&nonce(self.nonce)).into(),
                associated,
                text.into(),
                &Tag::from(*tag),
            )
            .map_err(|_| Refused)?;
        self.nonce = next;
        Ok(())
    }

    /// Counts a message of so many sealed bytes, and takes a new key when it is time.
    pub fn count(&mut self, sealed: usize) -> Result<(), Refused> {
        self.messages = self.messages.saturating_add(1);
        self.bytes = self
            .bytes
            .saturating_add(u32::try_from(sealed).map_err(|_| Refused)?);
        if self.messages >= REKEY_MESSAGES || self.bytes >= REKEY_BYTES {
            self.rekey()?;
        }
        Ok(())
    }

    /// REKEY (clause 4.2): the first 32 bytes of zeros sealed with the last nonce.
    fn rekey(&mut self) -> Result<(), Refused> {
        let mut key = [0; 32];
        self.aead()
            .encrypt_inout_detached((&nonce(MAX_NONCE)).into(), &[], key.as_mut_slice().into())
            .map_err(|_| Refused)?;
        self.key = key;
        key.zeroize();
        (self.messages, self.bytes) = (0, 0);
        Ok(())
    }
}

/// 32 bits of zeros and the counter, little end first (clause 12.3).
fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce
        .iter_mut()
        .skip(4)
        .zip(counter.to_le_bytes())
        .for_each(|(to, from)| *to = from);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_does_not_wrap() {
        let mut cipher = Cipher::new([1; 32]);
        cipher.nonce = u64::MAX - 1;
        assert_eq!(cipher.seal(&[], &mut [0; TAG]), Ok(()));
        assert_eq!(cipher.seal(&[], &mut [0; TAG]), Err(Refused));
        assert_eq!(cipher.open(&[], &mut [0; TAG]), Err(Refused));
    }
}
