//! The name by which a card is known outside the reader.

use hmac::{Hmac, KeyInit, Mac};
use pile_units::CardAlias;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::Uid;

/// The pile's secret that turns UIDs into aliases.
///
/// An alias is the first eight bytes of HMAC-SHA-256 (RFC 2104, FIPS 180-4) over the UID. Without
/// the key nobody can go back to the UID by trying all four-byte numbers, nor follow a card from
/// one pile to another.
///
/// ```
/// use card_auth::{AliasKey, Uid};
/// let key = AliasKey::new([7; 32]);
/// let uid = Uid::from_bytes(&[1, 2, 3, 4])?;
/// assert_eq!(key.alias(&uid), key.alias(&uid));
/// assert_ne!(key.alias(&uid), AliasKey::new([8; 32]).alias(&uid));
/// assert_eq!(format!("{key:?}"), "AliasKey(..)");
/// # Ok::<(), card_auth::InvalidUid>(())
/// ```
#[derive(Clone)]
pub struct AliasKey([u8; 32]);

impl AliasKey {
    /// Makes a key from 32 random bytes. The caller wipes its own copy.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The alias of a card.
    pub fn alias(&self, uid: &Uid) -> CardAlias {
        let mut alias = [0; 8];
        alias
            .iter_mut()
            .zip(hmac_sha256(&self.0, uid.expose()))
            .for_each(|(to, from)| *to = from);
        CardAlias::new(alias)
    }
}

impl core::fmt::Debug for AliasKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AliasKey(..)")
    }
}

impl Drop for AliasKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// HMAC-SHA-256 with a key of at most one block (64 bytes). RFC 2104 fills such a key up with
/// zeros, so doing it here leaves nothing that could fail.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    Hmac::<Sha256>::new((&*block).into())
        .chain_update(message)
        .finalize()
        .into_bytes()
        .into()
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::{AliasKey, hmac_sha256};
    use crate::Uid;

    fn hex(text: &str) -> std::vec::Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn rfc_4231_vectors_come_out() {
        let cases = [
            (
                vec![0x0b; 20],
                b"Hi There".to_vec(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 20],
                vec![0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
        ];
        for (key, message, tag) in cases {
            assert_eq!(hmac_sha256(&key, &message).to_vec(), hex(tag));
        }
    }

    #[test]
    fn alias_is_the_first_eight_bytes_of_the_keyed_hash_of_the_uid() {
        let uid = [0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80];
        let alias = AliasKey::new([0x5a; 32]).alias(&Uid::from_bytes(&uid).unwrap());
        assert_eq!(alias.bytes(), hmac_sha256(&[0x5a; 32], &uid)[..8]);
    }
}
