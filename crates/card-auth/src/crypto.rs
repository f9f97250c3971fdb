//! AES-128 as cards use it: CBC by hand, CMAC, and its truncation.

use aes::{
    Aes128,
    cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use cmac::{Cmac, Mac};

/// Bytes of a block and of a key.
pub(crate) const BLOCK: usize = 16;

/// A block, a key, an initial value.
pub(crate) type Block = [u8; BLOCK];

/// AES of one block (FIPS 197).
pub(crate) fn encrypt_block(key: &Block, block: Block) -> Block {
    let mut state = Array::from(block);
    Aes128::new(&Array::from(*key)).encrypt_block(&mut state);
    state.into()
}

/// Encrypts whole blocks in place (NIST SP 800-38A, CBC); bytes after the last whole block stay.
pub(crate) fn cbc_encrypt(key: &Block, iv: Block, data: &mut [u8]) {
    let cipher = Aes128::new(&Array::from(*key));
    let mut chain = iv;
    let (blocks, _) = data.as_chunks_mut::<BLOCK>();
    for block in blocks {
        let mut state = Array::from(xor(*block, chain));
        cipher.encrypt_block(&mut state);
        chain = state.into();
        *block = chain;
    }
}

/// Decrypts whole blocks in place; bytes after the last whole block stay.
pub(crate) fn cbc_decrypt(key: &Block, iv: Block, data: &mut [u8]) {
    let cipher = Aes128::new(&Array::from(*key));
    let mut chain = iv;
    let (blocks, _) = data.as_chunks_mut::<BLOCK>();
    for block in blocks {
        let mut state = Array::from(*block);
        cipher.decrypt_block(&mut state);
        let plain = xor(state.into(), chain);
        chain = *block;
        *block = plain;
    }
}

/// CMAC of the parts in a row (NIST SP 800-38B).
pub(crate) fn cmac(key: &Block, parts: &[&[u8]]) -> Block {
    let mut mac = <Cmac<Aes128> as KeyInit>::new(&Array::from(*key));
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The truncation of a card's MAC: the bytes at odd index (AN12196 clause 4.3, `MACt`).
pub(crate) fn truncated(mac: Block) -> [u8; 8] {
    let mut short = [0; 8];
    let odd = mac.iter().skip(1).step_by(2);
    short.iter_mut().zip(odd).for_each(|(to, from)| *to = *from);
    short
}

/// One byte to the left, the first goes last: the prime of RndA' and RndB'.
pub(crate) const fn rotated_left(mut block: Block) -> Block {
    block.rotate_left(1);
    block
}

/// The exclusive or of two blocks.
pub(crate) fn xor(mut left: Block, right: Block) -> Block {
    left.iter_mut().zip(right).for_each(|(l, r)| *l ^= r);
    left
}
