//! A private key as PEM text, as `openssl` writes and reads it.

use core::fmt::{self, Write};

use p256::ecdsa::SigningKey;
use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

use super::{InvalidKey, POINT_LEN, SoftwareKey};

/// A `PrivateKeyInfo` (RFC 5208, section 5) of P-256 in DER, up to the number: version 0,
/// id-ecPublicKey, secp256r1, and in it an `ECPrivateKey` without parameters (RFC 5915, section 3).
const PKCS8_HEAD: [u8; 36] = [
    0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
    0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02,
    0x01, 0x01, 0x04, 0x20,
];
/// An `ECPrivateKey` of its own, up to the number.
const SEC1_HEAD: [u8; 7] = [0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
/// Its parameters: secp256r1.
const SEC1_CURVE: [u8; 12] = [
    0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
];
/// What both have before the uncompressed public point.
const POINT_HEAD: [u8; 5] = [0xa1, 0x44, 0x03, 0x42, 0x00];
const NUMBER_LEN: usize = 32;
const PKCS8_LEN: usize = PKCS8_HEAD.len() + NUMBER_LEN + POINT_HEAD.len() + POINT_LEN;
/// 184 digits in three lines between the two labels.
const PEM_LEN: usize = 28 + 65 + 65 + 57 + 26;

impl SoftwareKey {
    /// Reads PEM text: a `PRIVATE KEY` (PKCS #8) or an `EC PRIVATE KEY` (SEC 1) of P-256 that
    /// carries its public point, as `openssl genpkey` and `openssl ecparam -genkey -noout` write
    /// them. The caller wipes the text.
    ///
    /// # Errors
    /// [`InvalidKey`] for anything else: another curve, a key under a password, a point that is
    /// not the number's.
    pub fn from_pem(text: &str) -> Result<Self, InvalidKey> {
        let mut bytes = Zeroizing::new([0; PKCS8_LEN]);
        let decoded = pem_rfc7468::decode(text.as_bytes(), bytes.as_mut());
        let (head, curve, der) = match decoded {
            Ok(("PRIVATE KEY", der)) => (&PKCS8_HEAD[..], &[][..], der),
            Ok(("EC PRIVATE KEY", der)) => (&SEC1_HEAD[..], &SEC1_CURVE[..], der),
            _ => return Err(InvalidKey),
        };
        let rest = der.strip_prefix(head).ok_or(InvalidKey)?;
        let (number, rest) = rest.split_at_checked(NUMBER_LEN).ok_or(InvalidKey)?;
        let point = rest.strip_prefix(curve).ok_or(InvalidKey)?;
        let point = point.strip_prefix(&POINT_HEAD).ok_or(InvalidKey)?;
        let key = SigningKey::from_slice(number).map_err(|_| InvalidKey)?;
        if key.verifying_key().to_sec1_point(false).as_bytes() != point {
            return Err(InvalidKey);
        }
        Ok(Self(key))
    }

    /// Writes PEM text, a `PRIVATE KEY` (PKCS #8), as `openssl` reads it. It is all that it takes
    /// to sign as this key: the caller keeps it where nobody else can read it.
    ///
    /// ```
    /// use billing_core::receipt::SoftwareKey;
    /// let key = SoftwareKey::from_bytes(&[7; 32])?;
    /// let mut pem = String::new();
    /// key.write_pem(&mut pem).unwrap();
    /// assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    /// assert_eq!(SoftwareKey::from_pem(&pem)?.public_key(), key.public_key());
    /// # Ok::<(), billing_core::receipt::InvalidKey>(())
    /// ```
    ///
    /// # Errors
    /// The writer's own.
    pub fn write_pem(&self, writer: &mut impl Write) -> fmt::Result {
        let mut der = Zeroizing::new([0; PKCS8_LEN]);
        let mut number = self.0.to_bytes();
        let point = self.0.verifying_key().to_sec1_point(false);
        let all = PKCS8_HEAD.iter().chain(&number);
        let all = all.chain(&POINT_HEAD).chain(point.as_bytes());
        for (byte, value) in der.iter_mut().zip(all) {
            *byte = *value;
        }
        zeroize::Zeroize::zeroize(number.as_mut_slice());
        let mut text = Zeroizing::new([0; PEM_LEN]);
        let pem = pem_rfc7468::encode("PRIVATE KEY", LineEnding::LF, der.as_ref(), text.as_mut());
        writer.write_str(pem.map_err(|_| fmt::Error)?)
    }
}
