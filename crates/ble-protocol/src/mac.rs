//! HMAC-SHA-256, from which everything derived here is made.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// HMAC-SHA-256 (RFC 2104) over `parts`, one behind the other. A key of 32 bytes is filled up with
/// zeros to the block of 64, as the standard does, so that nothing can fail.
pub fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::hmac_sha256;

    /// RFC 4231 has no key of 32 bytes; its case 1 has one of 20, which zeros fill up alike.
    #[test]
    fn rfc_4231_case_1_comes_out() {
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let tag: std::string::String = hmac_sha256(&key, &[b"Hi ", b"There"])
            .iter()
            .map(|byte| std::format!("{byte:02x}"))
            .collect();
        assert_eq!(
            tag,
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }
}
