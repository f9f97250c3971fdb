//! Checking a record, ours or another maker's.

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use super::json::{member, plain_string};
use super::{PublicKey, SIGNATURE_ALGORITHM, Signature};

/// Error returned by [`verify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyError {
    /// Not `OCMF|{payload}|{signature}`.
    NotOcmf,
    /// The payload is no JSON object.
    Payload,
    /// The signature part is no JSON object with one `SD`.
    SignaturePart,
    /// It names an algorithm (`SA`) other than `ECDSA-secp256r1-SHA256`.
    Algorithm,
    /// It names an encoding (`SE`, `SM`) other than hex or base64 of DER.
    Encoding,
    /// `SD` is not the hex (or base64) of an ECDSA signature in DER.
    SignatureData,
    /// The signature is not this key's over this payload: altered, or signed by another.
    Forged,
}

impl core::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotOcmf => "not an OCMF record",
            Self::Payload => "the payload is not a JSON object",
            Self::SignaturePart => "the signature part is not a JSON object with a signature",
            Self::Algorithm => "the signature is not ECDSA-secp256r1-SHA256",
            Self::Encoding => "the signature is not encoded as hex or base64 of DER",
            Self::SignatureData => "the signature's bytes are malformed",
            Self::Forged => "the record was altered, or signed with another key",
        })
    }
}

impl core::error::Error for VerifyError {}

/// A record whose signature was found good.
///
/// ```
/// use billing_core::receipt::{PublicKey, SoftwareKey, VerifyError, verify};
/// let key = SoftwareKey::from_bytes(&[7; 32])?.public_key();
/// assert_eq!(verify("OCMF|{}", &key).map(|view| view.payload()), Err(VerifyError::NotOcmf));
/// # Ok::<(), billing_core::receipt::InvalidKey>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View<'a> {
    payload: &'a str,
}

impl<'a> View<'a> {
    /// The signed text: a JSON object.
    pub const fn payload(&self) -> &'a str {
        self.payload
    }

    /// What the signature is over.
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.payload.as_bytes()).into()
    }

    /// A member of the payload, as its JSON stands there (a string with its quotes); `None` if it
    /// is missing or there twice.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        member(self.payload, key).ok().flatten()
    }
}

/// Checks a record, without its line's end, against the public key of its maker.
///
/// The key decides who is believed: take it from the pile or the landlord, never from where the
/// record came from.
///
/// # Errors
/// [`VerifyError`]: no record, an algorithm or encoding that is not taken, or a signature that is
/// not this key's over this payload.
pub fn verify<'a>(record: &'a str, key: &PublicKey) -> Result<View<'a>, VerifyError> {
    let (view, signature) = read(record)?;
    if key.verifies(&view.digest(), &signature) {
        Ok(view)
    } else {
        Err(VerifyError::Forged)
    }
}

/// The keys that could have signed a record as it stands: usually two, at most four, its maker's
/// among them. An altered record has others. So when records do not verify, this tells a wrong key
/// from altered records: the key that all of them have in common has signed them all.
///
/// It says nothing of who is to be believed: that is for [`verify`] with a key one knows.
///
/// ```
/// use billing_core::receipt::{VerifyError, possible_signers};
/// assert_eq!(possible_signers("OCMF|{}").err(), Some(VerifyError::NotOcmf));
/// ```
///
/// # Errors
/// [`VerifyError`] for what is no record.
pub fn possible_signers(
    record: &str,
) -> Result<impl Iterator<Item = PublicKey> + use<>, VerifyError> {
    let (view, signature) = read(record)?;
    Ok(PublicKey::candidates(&view.digest(), &signature))
}

/// A record that nobody has checked, and its signature.
pub(super) fn read(record: &str) -> Result<(View<'_>, Signature), VerifyError> {
    let mut parts = record.split('|');
    let (Some("OCMF"), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(VerifyError::NotOcmf);
    };
    member(payload, "FV").map_err(|_| VerifyError::Payload)?;
    Ok((View { payload }, read_signature(signature)?))
}

/// The signature of a record's last part.
fn read_signature(part: &str) -> Result<Signature, VerifyError> {
    let text = |name| match member(part, name) {
        Ok(Some(value)) => plain_string(value)
            .map(Some)
            .ok_or(VerifyError::SignaturePart),
        Ok(None) => Ok(None),
        Err(_) => Err(VerifyError::SignaturePart),
    };
    // OCMF 1.0: left out, these are ECDSA-secp256r1-SHA256, hex, and application/x-der.
    let is = |name, wanted| Ok(text(name)?.is_none_or(|value| value == wanted));
    if !is("SA", SIGNATURE_ALGORITHM)? {
        return Err(VerifyError::Algorithm);
    }
    let decode = match text("SE")? {
        None | Some("hex") => signature_from_hex,
        Some("base64") => signature_from_base64,
        Some(_) => return Err(VerifyError::Encoding),
    };
    if !is("SM", "application/x-der")? {
        return Err(VerifyError::Encoding);
    }
    let data = text("SD")?.ok_or(VerifyError::SignaturePart)?;
    decode(data).ok_or(VerifyError::SignatureData)
}

fn signature_from_base64(text: &str) -> Option<Signature> {
    let mut der = [0u8; Signature::MAX_LEN];
    Signature::from_der(Base64::decode(text, &mut der).ok()?)
}

fn signature_from_hex(text: &str) -> Option<Signature> {
    let mut der = [0u8; Signature::MAX_LEN];
    let digits = text.as_bytes();
    let der = der.get_mut(..digits.len() / 2)?;
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    let mut pairs = digits.chunks_exact(2);
    for (byte, pair) in der.iter_mut().zip(&mut pairs) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    pairs.remainder().is_empty().then_some(())?;
    Signature::from_der(der)
}

#[cfg(test)]
mod tests;
