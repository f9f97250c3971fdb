//! Public keys in the forms they are handed about in.

use billing_core::receipt::{PublicKey, SPKI_LEN};

/// Reads a public key of P-256 (a `SubjectPublicKeyInfo`): PEM, or DER as it is, in hex or in
/// base64. Space between digits does not matter.
///
/// ```
/// use billing_core::receipt::SoftwareKey;
/// use pilectl::receipt::key;
/// let public = SoftwareKey::from_bytes(&[7; 32])?.public_key();
/// assert_eq!(key::read(&public.to_spki_der()), Some(public));
/// assert_eq!(key::read(key::hex(&public).as_bytes()), Some(public));
/// assert_eq!(key::read(b"not a key"), None);
/// # Ok::<(), billing_core::receipt::InvalidKey>(())
/// ```
pub fn read(bytes: &[u8]) -> Option<PublicKey> {
    if let Ok(key) = PublicKey::from_spki_der(bytes) {
        return Some(key);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with("-----") {
        return PublicKey::from_pem(&format!("{}\n", text.replace("\r\n", "\n"))).ok();
    }
    let digits: String = text.split_whitespace().collect();
    let der = unhex(&digits);
    let from_hex = der.and_then(|der| PublicKey::from_spki_der(&der).ok());
    from_hex.or_else(|| {
        // PEM is base64 between two labels.
        let lines: Vec<_> = digits.as_bytes().chunks(64).collect();
        let lines = lines.join(&b'\n');
        let body = std::str::from_utf8(&lines).ok()?;
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        PublicKey::from_pem(&pem).ok()
    })
}

/// The DER in capital hex, as the transparency software's own files have it.
pub fn hex(key: &PublicKey) -> String {
    let digits = key.to_spki_der().map(|byte| format!("{byte:02X}"));
    digits.concat()
}

/// Enough of a key to tell it from another: its last digits.
pub fn mark(key: &PublicKey) -> String {
    let hex = hex(key);
    let start = SPKI_LEN * 2 - 8;
    format!("the key that ends in {}", hex.get(start..).unwrap_or(&hex))
}

/// Bytes from hex digits, large or small.
pub fn unhex(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(value(*high)? * 16 + value(*low)?).ok(),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use billing_core::receipt::SoftwareKey;

    #[test]
    fn a_key_is_read_in_every_form() {
        let key = SoftwareKey::from_bytes(&[7; 32]).unwrap().public_key();
        let mut pem = String::new();
        key.write_pem(&mut pem).unwrap();
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        for text in [
            pem.clone(),
            pem.replace('\n', "\r\n"),
            format!("\n{pem}\n\n"),
            hex(&key),
            hex(&key).to_lowercase(),
            base64,
        ] {
            assert_eq!(read(text.as_bytes()), Some(key), "{text}");
        }
        assert_eq!(read(b""), None);
        assert_eq!(read(&[0xff; 91]), None);
        assert_eq!(read(pem.replace("PUBLIC", "PRIVATE").as_bytes()), None);
    }
}
