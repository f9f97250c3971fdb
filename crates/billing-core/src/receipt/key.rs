//! Keys: what signs a receipt, and what checks it.

use core::fmt::{self, Write};

use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::ecdsa::{DerSignature, RecoveryId, SigningKey, VerifyingKey};
use pem_rfc7468::LineEnding;

mod private;

/// A `SubjectPublicKeyInfo` of an uncompressed point of P-256 in DER, up to the point:
/// id-ecPublicKey, secp256r1 (RFC 5480, sections 2.1.1 and 2.2).
const SPKI_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point (SEC 1, section 2.3.3).
const POINT_LEN: usize = 65;
/// Bytes of a public key in DER.
pub const SPKI_LEN: usize = SPKI_HEAD.len() + POINT_LEN;
/// Bytes of a public key as PEM text: 124 digits in two lines between the two labels.
const PEM_LEN: usize = 27 + 65 + 61 + 25;

/// Error returned by the constructors of the keys: the bytes are no key of P-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidKey;

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a key of the curve P-256")
    }
}

impl core::error::Error for InvalidKey {}

/// Error returned by [`SoftwareKey`] as a signer. A digest of 32 bytes and a valid key never meet
/// it; it stands for what the dependency's signature allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningFailed;

impl fmt::Display for SigningFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the digest could not be signed")
    }
}

impl core::error::Error for SigningFailed {}

/// An ECDSA signature in DER, at most 72 bytes.
///
/// ```
/// use billing_core::receipt::{ReceiptSigner, Signature, SoftwareKey};
/// let key = SoftwareKey::from_bytes(&[7; 32])?;
/// let signature = key.sign_digest(&[0; 32])?;
/// assert_eq!(Signature::from_der(signature.as_der()), Some(signature));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Signature(DerSignature);

impl Signature {
    /// The most bytes of a signature.
    pub const MAX_LEN: usize = 72;

    /// Reads a signature; `None` if the bytes are not the DER of two numbers of the curve.
    pub fn from_der(bytes: &[u8]) -> Option<Self> {
        DerSignature::from_bytes(bytes).ok().map(Self)
    }

    /// Takes the two numbers as 32 bytes each, big-endian, as secure elements give them; `None` if
    /// one is zero or not below the order of the curve.
    pub fn from_fixed(bytes: &[u8; 64]) -> Option<Self> {
        p256::ecdsa::Signature::from_slice(bytes)
            .ok()
            .map(|signature| Self(signature.to_der()))
    }

    /// The two numbers as 32 bytes each, big-endian, as [`from_fixed`](Self::from_fixed) takes them.
    pub fn to_fixed(&self) -> [u8; 64] {
        // What is held was read as two numbers of the curve.
        p256::ecdsa::Signature::try_from(self.0.clone())
            .map_or([0; 64], |signature| signature.to_bytes().into())
    }

    /// The DER bytes.
    pub fn as_der(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl PartialEq for Signature {
    fn eq(&self, other: &Self) -> bool {
        self.as_der() == other.as_der()
    }
}

impl Eq for Signature {}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        super::write_hex(f, self.as_der())?;
        f.write_char(')')
    }
}

/// What signs receipts: a key in memory ([`SoftwareKey`]) or a secure element that never gives
/// its key away.
///
/// It is asked for one digest a receipt and may take its time: the receipt is written, read and
/// billed whether or not it is signed yet. So sign where nothing waits for it, never in the task
/// that watches the relays.
///
/// # A secure element
///
/// An ATECC608 signs a digest made elsewhere with two commands: `Nonce` in pass-through mode
/// loads the 32 bytes into `TempKey`, `Sign` in external mode signs them with the private key of a
/// slot. It answers with 64 bytes, which [`Signature::from_fixed`] takes. Commands change the
/// element's state, and the method takes `&self`: keep the bus in a `RefCell`.
///
/// ```
/// use billing_core::receipt::{ReceiptSigner, Signature};
/// use core::cell::RefCell;
///
/// /// The two commands of a secure element; here on whatever bus.
/// trait Element {
///     fn load_digest(&mut self, digest: &[u8; 32]) -> Result<(), NoAnswer>;
///     fn sign_external(&mut self, slot: u8) -> Result<[u8; 64], NoAnswer>;
/// }
/// #[derive(Debug, PartialEq)]
/// struct NoAnswer;
///
/// struct ElementSigner<E> { element: RefCell<E>, slot: u8 }
///
/// impl<E: Element> ReceiptSigner for ElementSigner<E> {
///     type Error = NoAnswer;
///     fn sign_digest(&self, digest: &[u8; 32]) -> Result<Signature, NoAnswer> {
///         let mut element = self.element.try_borrow_mut().map_err(|_| NoAnswer)?;
///         element.load_digest(digest)?;
///         Signature::from_fixed(&element.sign_external(self.slot)?).ok_or(NoAnswer)
///     }
/// }
///
/// /// It is missing from its socket.
/// struct Missing;
/// impl Element for Missing {
///     fn load_digest(&mut self, _: &[u8; 32]) -> Result<(), NoAnswer> { Err(NoAnswer) }
///     fn sign_external(&mut self, _: u8) -> Result<[u8; 64], NoAnswer> { Err(NoAnswer) }
/// }
/// let signer = ElementSigner { element: RefCell::new(Missing), slot: 0 };
/// assert_eq!(signer.sign_digest(&[0; 32]), Err(NoAnswer));
/// ```
pub trait ReceiptSigner {
    /// Why it could not sign.
    type Error: fmt::Debug;

    /// Signs a SHA-256 digest with ECDSA on P-256.
    ///
    /// # Errors
    /// The signer's own.
    fn sign_digest(&self, digest: &[u8; 32]) -> Result<Signature, Self::Error>;
}

/// A private key in memory. Signatures are deterministic (RFC 6979), so they need no random
/// numbers and equal receipts are equal bytes. It is wiped when dropped and shows nothing of
/// itself.
///
/// ```
/// use billing_core::receipt::SoftwareKey;
/// let key = SoftwareKey::from_bytes(&[7; 32])?;
/// assert_eq!(format!("{key:?}"), "SoftwareKey(..)");
/// assert!(SoftwareKey::from_bytes(&[0; 32]).is_err());
/// # Ok::<(), billing_core::receipt::InvalidKey>(())
/// ```
pub struct SoftwareKey(SigningKey);

// Wiping on drop is the dependency's promise; this line is where it would be missed.
const _: () = {
    const fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    wiped::<SigningKey>();
};

impl SoftwareKey {
    /// Takes a private key, big-endian, 1 to the order of the curve less one. Any 32 random bytes
    /// are one, but for one in 2^32. The caller wipes its copy.
    ///
    /// # Errors
    /// [`InvalidKey`] outside that range.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidKey> {
        SigningKey::from_slice(bytes)
            .map(Self)
            .map_err(|_| InvalidKey)
    }

    /// The public key that checks what this one signs.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }
}

impl ReceiptSigner for SoftwareKey {
    type Error = SigningFailed;

    fn sign_digest(&self, digest: &[u8; 32]) -> Result<Signature, SigningFailed> {
        self.0
            .sign_prehash(digest)
            .map(Signature)
            .map_err(|_| SigningFailed)
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SoftwareKey(..)")
    }
}

/// A public key of P-256.
///
/// ```
/// use billing_core::receipt::{PublicKey, SoftwareKey};
/// let key = SoftwareKey::from_bytes(&[7; 32])?.public_key();
/// assert_eq!(PublicKey::from_spki_der(&key.to_spki_der()), Ok(key));
/// let mut pem = String::new();
/// key.write_pem(&mut pem).unwrap();
/// assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"));
/// assert_eq!(PublicKey::from_pem(&pem), Ok(key));
/// # Ok::<(), billing_core::receipt::InvalidKey>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` in DER: what verifiers call the public key. The point is
    /// uncompressed.
    ///
    /// # Errors
    /// [`InvalidKey`] for anything else, or a point that is not on the curve.
    pub fn from_spki_der(bytes: &[u8]) -> Result<Self, InvalidKey> {
        let point = bytes.strip_prefix(&SPKI_HEAD).ok_or(InvalidKey)?;
        if point.len() != POINT_LEN || point.first() != Some(&4) {
            return Err(InvalidKey);
        }
        VerifyingKey::from_sec1_bytes(point)
            .map(Self)
            .map_err(|_| InvalidKey)
    }

    /// The `SubjectPublicKeyInfo` in DER.
    pub fn to_spki_der(&self) -> [u8; SPKI_LEN] {
        let mut bytes = [0; SPKI_LEN];
        let point = self.0.to_sec1_point(false);
        let all = SPKI_HEAD.iter().chain(point.as_bytes());
        for (byte, value) in bytes.iter_mut().zip(all) {
            *byte = *value;
        }
        bytes
    }

    /// Reads a compressed point (SEC 1, section 2.3.4): 2 or 3, and the first coordinate, big-endian.
    ///
    /// # Errors
    /// [`InvalidKey`] for anything else, or where the curve has no such point.
    pub fn from_compressed(bytes: &[u8; 33]) -> Result<Self, InvalidKey> {
        // The library also reads the compact form, 5 and a coordinate, which is no form of this one.
        if !matches!(bytes, [2 | 3, ..]) {
            return Err(InvalidKey);
        }
        VerifyingKey::from_sec1_bytes(bytes)
            .map(Self)
            .map_err(|_| InvalidKey)
    }

    /// The compressed point.
    pub fn to_compressed(&self) -> [u8; 33] {
        let mut bytes = [0; 33];
        let point = self.0.to_sec1_point(true);
        for (byte, value) in bytes.iter_mut().zip(point.as_bytes()) {
            *byte = *value;
        }
        bytes
    }

    /// Reads PEM text (RFC 7468, section 13).
    ///
    /// # Errors
    /// [`InvalidKey`] for anything but one `PUBLIC KEY` of P-256.
    pub fn from_pem(text: &str) -> Result<Self, InvalidKey> {
        let mut bytes = [0; SPKI_LEN];
        match pem_rfc7468::decode(text.as_bytes(), &mut bytes) {
            Ok(("PUBLIC KEY", der)) => Self::from_spki_der(der),
            _ => Err(InvalidKey),
        }
    }

    /// Writes PEM text, as `openssl` reads it.
    ///
    /// # Errors
    /// The writer's own.
    pub fn write_pem(&self, writer: &mut impl Write) -> fmt::Result {
        let mut text = [0; PEM_LEN];
        let pem = pem_rfc7468::encode("PUBLIC KEY", LineEnding::LF, &self.to_spki_der(), &mut text)
            .map_err(|_| fmt::Error)?;
        writer.write_str(pem)
    }

    /// The keys that a signature over a digest could be of: usually two, at most four. What two
    /// records have in common here has signed both.
    pub(super) fn candidates(
        digest: &[u8; 32],
        signature: &Signature,
    ) -> impl Iterator<Item = Self> + use<> {
        let (digest, signature) = (*digest, signature.0.clone());
        let signature = p256::ecdsa::Signature::try_from(signature).ok();
        (0..4).filter_map(move |id| {
            let id = RecoveryId::from_byte(id)?;
            VerifyingKey::recover_from_prehash(&digest, signature.as_ref()?, id)
                .ok()
                .map(Self)
        })
    }

    /// True if `signature` is this key's over `digest`.
    pub fn verifies(&self, digest: &[u8; 32], signature: &Signature) -> bool {
        self.0.verify_prehash(digest, &signature.0).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(")?;
        super::write_hex(f, &self.to_spki_der())?;
        f.write_char(')')
    }
}
