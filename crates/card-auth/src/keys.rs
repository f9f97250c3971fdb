//! The site's key, and the keys that are made of it for each card (NXP AN10922).
//!
//! **Site key**: sixteen random bytes that a site has once. It never goes onto a card. **Card key**:
//! the key of one card and one [purpose](KeySlot), diversified from the site key. Whoever breaks
//! one card has that card.
//!
//! AN10922 clause 2.2, AES-128: with a diversification input M of 1 to 31 bytes, D = 01h || M,
//! padded with 80h 00h.. **always to two blocks**; the last block is exclusive-ored with the CMAC
//! subkey K2 if there was padding and with K1 if not; the key is the last block of the AES-CBC
//! encryption of D, initial value zero. A CMAC of 01h || M is something else for a short M, since
//! it would stop after one block.
//!
//! M = UID || application (3) || `openpile` || profile version || letter of the purpose, for
//! [`KeySlot::SdmMeta`] without the UID. The parts after the UID have a fixed length, so no two
//! cards, purposes, applications or versions share an input.

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use crate::Uid;
use crate::crypto::{BLOCK, Block, cbc_encrypt, encrypt_block, xor};
use crate::profile::{Family, KeySlot, PROFILE_VERSION};

/// The longest diversification input of AN10922 for AES-128: with its 01h it fills two blocks.
const INPUT_BYTES: usize = 31;

/// The key of a site, of which the keys of all its cards are made.
///
/// ```
/// use card_auth::{Family, KeySlot, SiteKey, Uid};
/// let site = SiteKey::new([7; 16]);
/// let uid = Uid::from_bytes(&[4, 1, 2, 3, 4, 5, 6])?;
/// let key = site.card_key(Family::Ntag424, KeySlot::Pile, &uid);
/// assert_ne!(key, site.card_key(Family::Ntag424, KeySlot::Master, &uid));
/// assert_eq!(format!("{site:?} {key:?}"), "SiteKey(..) CardKey(..)");
/// # Ok::<(), card_auth::InvalidUid>(())
/// ```
#[derive(Clone)]
pub struct SiteKey(Block);

impl SiteKey {
    /// Makes a key of sixteen random bytes. The caller wipes its own copy.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the file that keeps them and nothing else.
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// The key of a card for a purpose. [`KeySlot::SdmMeta`] is the same for all cards of the site.
    pub fn card_key(&self, family: Family, slot: KeySlot, uid: &Uid) -> CardKey {
        let uid = match slot {
            KeySlot::SdmMeta => &[],
            _ => uid.expose(),
        };
        diversified(
            &self.0,
            &[
                uid,
                &family.application(),
                b"openpile",
                &[PROFILE_VERSION, slot.letter()],
            ],
        )
    }

    /// The key that encrypts UID and counter in the addresses of all NTAG 424 DNA of the site.
    pub fn sdm_meta_key(&self) -> CardKey {
        let suffix = [PROFILE_VERSION, KeySlot::SdmMeta.letter()];
        diversified(
            &self.0,
            &[&Family::Ntag424.application(), b"openpile", &suffix],
        )
    }
}

impl PartialEq for SiteKey {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SiteKey {}

impl core::fmt::Debug for SiteKey {
    /// Shows nothing of it.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SiteKey(..)")
    }
}

impl Drop for SiteKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A key on a card.
///
/// ```
/// use card_auth::CardKey;
/// assert_eq!(CardKey::FACTORY, CardKey::new([0; 16]));
/// ```
#[derive(Clone)]
pub struct CardKey(Block);

impl CardKey {
    /// What every key of a new card is (NT4H2421Gx clause 8.2.4): zeros.
    pub const FACTORY: Self = Self([0; BLOCK]);

    /// Makes a key of its bytes. The caller wipes its own copy.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a cipher or the file that keeps them and nothing else.
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

impl ConstantTimeEq for CardKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for CardKey {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for CardKey {}

impl core::fmt::Debug for CardKey {
    /// Shows nothing of it.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("CardKey(..)")
    }
}

impl Drop for CardKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A CMAC subkey of the one before (NIST SP 800-38B clause 6.1): doubled in GF(2^128).
fn doubled(block: Block) -> Block {
    let value = u128::from_be_bytes(block);
    let carry = if value >> 127 == 1 { 0x87 } else { 0 };
    ((value << 1) ^ carry).to_be_bytes()
}

/// The subkeys K0, K1 and K2 of a key.
pub(crate) fn subkeys(key: &Block) -> [Block; 3] {
    let k0 = encrypt_block(key, [0; BLOCK]);
    let k1 = doubled(k0);
    [k0, k1, doubled(k1)]
}

/// The key that AN10922 makes of `master` and the parts in a row; what is beyond 31 bytes would be
/// left out, and no input here is so long.
pub(crate) fn diversified(master: &Block, parts: &[&[u8]]) -> CardKey {
    let [_, k1, k2] = subkeys(master);
    let mut data = Zeroizing::new([0; 2 * BLOCK]);
    let input = parts.iter().flat_map(|part| part.iter()).take(INPUT_BYTES);
    let mut used = 0;
    for (to, from) in data.iter_mut().zip(core::iter::once(&0x01).chain(input)) {
        *to = *from;
        used += 1;
    }
    let padded = match data.get_mut(used) {
        Some(next) => {
            *next = 0x80;
            true
        }
        None => false,
    };
    let (blocks, _) = data.as_chunks_mut::<BLOCK>();
    if let Some(last) = blocks.last_mut() {
        *last = xor(*last, if padded { k2 } else { k1 });
    }
    cbc_encrypt(master, [0; BLOCK], data.as_mut_slice());
    let (blocks, _) = data.as_chunks::<BLOCK>();
    CardKey(blocks.last().copied().unwrap_or_default())
}
