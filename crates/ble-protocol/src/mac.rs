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
        let tag = [
            0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53, 0x5c, 0xa8, 0xaf, 0xce, 0xaf, 0x0b,
            0xf1, 0x2b, 0x88, 0x1d, 0xc2, 0x00, 0xc9, 0x83, 0x3d, 0xa7, 0x26, 0xe9, 0x37, 0x6c,
            0x2e, 0x32, 0xcf, 0xf7,
        ];
        assert_eq!(*hmac_sha256(&key, &[b"Hi ", b"There"]), tag);
    }
}
