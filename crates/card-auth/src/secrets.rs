//! Secrets that are printed for people, all made of the site's key: a pile that has the key knows them
//! without a list, and whoever has one of them knows neither the key nor another.
//!
//! Each is the first 16 bytes of HMAC-SHA-256 (RFC 2104, FIPS 180-4) with the site key as its key:
//!
//! | secret | message |
//! | --- | --- |
//! | [binding](binding_secret) | `openpile binding 1`, then the card's UID |
//! | [recovery](recovery_secret) | `openpile recovery 1`, then the code's number, one byte |
//!
//! Neither message is the beginning of the other. Card keys are made of the same key by AES
//! (AN10922): no output of one is an output of the other.

use crate::alias::hmac_sha256;
use crate::{SiteKey, Uid};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a printed secret.
pub(crate) const SECRET: usize = 16;
/// The longest message: the words of a binding, and a UID of ten bytes.
const MESSAGE: usize = 28;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $shown:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name([u8; SECRET]);

        impl $name {
            /// Makes a secret of its 16 bytes. The caller wipes its own copy.
            pub const fn new(bytes: [u8; SECRET]) -> Self {
                Self(bytes)
            }

            /// The bytes, for a key derivation and nothing else.
            pub const fn expose(&self) -> &[u8; SECRET] {
                &self.0
            }
        }

        impl PartialEq for $name {
            /// In constant time.
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}

        impl core::fmt::Debug for $name {
            /// Shows nothing of it.
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str($shown)
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }
    };
}

secret!(
    /// The secret on a card's face: 128 bits that a phone shows knowledge of when it binds.
    ///
    /// ```
    /// use card_auth::BindingSecret;
    /// assert_eq!(format!("{:?}", BindingSecret::new([7; 16])), "BindingSecret(..)");
    /// assert_ne!(BindingSecret::new([7; 16]), BindingSecret::new([8; 16]));
    /// ```
    BindingSecret,
    "BindingSecret(..)"
);
secret!(
    /// The secret of a recovery code: 128 bits that a phone shows knowledge of for a landlord whose
    /// privilege card is lost.
    ///
    /// ```
    /// use card_auth::RecoverySecret;
    /// assert_eq!(format!("{:?}", RecoverySecret::new([7; 16])), "RecoverySecret(..)");
    /// ```
    RecoverySecret,
    "RecoverySecret(..)"
);

/// The secret printed on the card with this UID.
///
/// ```
/// use card_auth::{SiteKey, Uid, binding_secret};
/// let site = SiteKey::new([7; 16]);
/// let (one, two) = (Uid::from([4, 1, 2, 3, 4, 5, 6]), Uid::from([4, 1, 2, 3, 4, 5, 7]));
/// assert_eq!(binding_secret(&site, &one), binding_secret(&site, &one));
/// assert_ne!(binding_secret(&site, &one), binding_secret(&site, &two));
/// ```
pub fn binding_secret(site: &SiteKey, uid: &Uid) -> BindingSecret {
    BindingSecret(*derived(site, b"openpile binding 1", uid.expose()))
}

/// The secret of the recovery code with this number.
///
/// ```
/// use card_auth::{SiteKey, recovery_secret};
/// let site = SiteKey::new([7; 16]);
/// assert_ne!(recovery_secret(&site, 0), recovery_secret(&site, 1));
/// ```
pub fn recovery_secret(site: &SiteKey, number: u8) -> RecoverySecret {
    RecoverySecret(*derived(site, b"openpile recovery 1", &[number]))
}

fn derived(site: &SiteKey, words: &[u8], of: &[u8]) -> Zeroizing<[u8; SECRET]> {
    let mut message = Zeroizing::new([0; MESSAGE]);
    let parts = words.iter().chain(of);
    let mut length = 0;
    for (to, from) in message.iter_mut().zip(parts) {
        *to = *from;
        length += 1;
    }
    let message = message.get(..length).unwrap_or_default();
    let whole = Zeroizing::new(hmac_sha256(site.expose(), message));
    let mut secret = Zeroizing::new([0; SECRET]);
    secret
        .iter_mut()
        .zip(whole.iter())
        .for_each(|(to, from)| *to = *from);
    secret
}

#[cfg(test)]
mod tests {
    use super::{binding_secret, recovery_secret};
    use crate::{SiteKey, Uid};

    /// Bytes 0 to 15.
    fn site() -> SiteKey {
        SiteKey::new(core::array::from_fn(|n| u8::try_from(n).unwrap()))
    }

    // Each vector by OpenSSL, the first 16 bytes of what it prints:
    //   printf 'openpile binding 1\x04\x78\x2e\x21\x80\x1d\x80' |
    //     openssl dgst -sha256 -mac HMAC -macopt hexkey:000102030405060708090a0b0c0d0e0f

    #[test]
    fn binding_secrets_are_those_of_openssl() {
        let secrets: [(&[u8], u128); 3] = [
            (
                &[0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80],
                0x4a73_e713_931f_4c4d_c5d4_daa7_ab95_39dc,
            ),
            (
                &[0xde, 0xad, 0xbe, 0xef],
                0x7cf4_c298_99bd_0093_8a52_d5a1_242e_f1d8,
            ),
            (b"0123456789", 0x1986_c23d_6ef4_6d23_ae2d_2558_711a_9594),
        ];
        for (uid, expected) in secrets {
            let secret = binding_secret(&site(), &Uid::from_bytes(uid).unwrap());
            assert_eq!(*secret.expose(), expected.to_be_bytes());
        }
    }

    #[test]
    fn recovery_secrets_are_those_of_openssl() {
        let secrets: [(u8, u128); 3] = [
            (0, 0xc729_1ef5_fd49_6030_c67c_e3e4_e909_248d),
            (1, 0xe047_5682_4e9f_b601_5711_2592_3425_b36a),
            (255, 0x9773_1ccf_9891_240f_0074_dadf_a4d7_278f),
        ];
        for (number, expected) in secrets {
            let secret = recovery_secret(&site(), number);
            assert_eq!(*secret.expose(), expected.to_be_bytes());
        }
    }
}
