//! What a pile is and keeps secret, in a page of its flash beside the ledger.
//!
//! # Format
//! Version 1, 164 bytes, little-endian; the rest of the page is not looked at:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `OPK1` |
//! | 8 | the pile's identity |
//! | 16 | the name of its journal, for a flash that is blank |
//! | 32 | the secret under which cards' numbers become aliases |
//! | 32 | the secret of which phones' keys are made |
//! | 1 | bit 0: it has a site key; bit 1: a receipt key |
//! | 3 | 0 |
//! | 16 | the site key, or 0 |
//! | 32 | the receipt key, or 0 |
//! | 16 | 0 |
//! | 4 | CRC-32 (IEEE 802.3) of all before |

use billing_core::journal::Identity;
use billing_core::receipt::SoftwareKey;
use ble_protocol::PhoneKeys;
use card_auth::{AliasKey, SiteKey};
use pile_controller::shell::Random;
use pile_units::PileId;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of the page that are used.
pub const LEN: usize = 164;
const MAGIC: [u8; 4] = *b"OPK1";
const SITE: u8 = 1;
const RECEIPT: u8 = 2;
const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// The page is no key page, or a damaged one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is erased: the pile was never given keys.
    Blank,
    /// It holds something else, another version, or bits have changed.
    Damaged,
}

impl core::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Blank => "the key page is blank",
            Self::Damaged => "the key page is damaged, or of another version",
        })
    }
}

impl core::error::Error for Unreadable {}

/// The keys of a pile. They are wiped when they are dropped.
///
/// ```
/// use pile_app::keys::{KeyPage, LEN, Unreadable};
/// use pile_controller::shell::Random;
/// struct Trng;
/// impl Random for Trng {
///     fn fill(&mut self, bytes: &mut [u8]) {
///         bytes.fill(4); // chosen by fair dice roll
///     }
/// }
/// let mut page = [0xff; LEN];
/// assert!(matches!(KeyPage::read(&page), Err(Unreadable::Blank)));
/// page = *KeyPage::fresh(&mut Trng).with_site_key([7; 16]).bytes();
/// let keys = KeyPage::read(&page)?;
/// assert!(keys.site_key().is_some() && keys.receipt_key().is_none());
/// # Ok::<(), Unreadable>(())
/// ```
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct KeyPage {
    pile: [u8; 8],
    identity: [u8; 16],
    alias: [u8; 32],
    phones: [u8; 32],
    site: Option<[u8; 16]>,
    receipt: Option<[u8; 32]>,
}

impl KeyPage {
    /// New random keys, without a site key: no phone can be bound and no card asked for its key until
    /// it has one.
    pub fn fresh(random: &mut impl Random) -> Self {
        let mut keys = Self {
            pile: [0; 8],
            identity: [0; 16],
            alias: [0; 32],
            phones: [0; 32],
            site: None,
            receipt: None,
        };
        random.fill(&mut keys.pile);
        random.fill(&mut keys.identity);
        random.fill(&mut keys.alias);
        random.fill(&mut keys.phones);
        keys
    }

    /// With the key of the site's cards.
    #[must_use]
    pub fn with_site_key(mut self, key: [u8; 16]) -> Self {
        self.site = Some(key);
        self
    }

    /// With the private key (P-256, big-endian) that signs receipts.
    #[must_use]
    pub fn with_receipt_key(mut self, key: [u8; 32]) -> Self {
        self.receipt = Some(key);
        self
    }

    /// Reads a page.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(page: &[u8; LEN]) -> Result<Self, Unreadable> {
        if page.iter().all(|byte| *byte == 0xff) {
            return Err(Unreadable::Blank);
        }
        read(page).ok_or(Unreadable::Damaged)
    }

    /// The page.
    pub fn bytes(&self) -> Zeroizing<[u8; LEN]> {
        let mut page = Zeroizing::new([0; LEN]);
        let has = |is: bool, bit: u8| if is { bit } else { 0 };
        let flags = has(self.site.is_some(), SITE) | has(self.receipt.is_some(), RECEIPT);
        let site = self.site.unwrap_or_default();
        let receipt = Zeroizing::new(self.receipt.unwrap_or_default());
        let parts: [&[u8]; 9] = [
            &MAGIC,
            &self.pile,
            &self.identity,
            &self.alias,
            &self.phones,
            &[flags, 0, 0, 0],
            &site,
            &*receipt,
            &[0; 16],
        ];
        let mut count = 0;
        for (to, from) in page.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
            count += 1;
        }
        let (body, sum) = page.split_at_mut(count);
        let crc = CRC.checksum(body).to_le_bytes();
        sum.iter_mut().zip(crc).for_each(|(to, from)| *to = from);
        page
    }

    /// The pile.
    pub const fn pile(&self) -> PileId {
        PileId::new(self.pile)
    }

    /// The name of its journal.
    pub const fn identity(&self) -> Identity {
        Identity::new(self.identity)
    }

    /// The secret of aliases.
    pub const fn alias_key(&self) -> AliasKey {
        AliasKey::new(self.alias)
    }

    /// The secret of phones.
    pub const fn phone_keys(&self) -> PhoneKeys {
        PhoneKeys::new(self.phones)
    }

    /// The site's key, if it has one.
    pub fn site_key(&self) -> Option<SiteKey> {
        self.site.map(SiteKey::new)
    }

    /// The receipt key, if it has one that is one.
    pub fn receipt_key(&self) -> Option<SoftwareKey> {
        SoftwareKey::from_bytes(self.receipt.as_ref()?).ok()
    }
}

impl core::fmt::Debug for KeyPage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KeyPage({})", self.pile())
    }
}

fn read(page: &[u8; LEN]) -> Option<KeyPage> {
    let (body, sum) = page.split_last_chunk()?;
    if CRC.checksum(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (magic, rest) = body.split_first_chunk()?;
    let (pile, rest) = rest.split_first_chunk()?;
    let (identity, rest) = rest.split_first_chunk()?;
    let (alias, rest) = rest.split_first_chunk()?;
    let (phones, rest) = rest.split_first_chunk()?;
    let ([flags, zeros @ ..], rest) = rest.split_first_chunk::<4>()?;
    let (site, rest) = rest.split_first_chunk()?;
    let (receipt, rest) = rest.split_first_chunk()?;
    let plain = zeros.iter().chain(rest).all(|byte| *byte == 0);
    let known = flags & !(SITE | RECEIPT) == 0;
    (*magic == MAGIC && plain && known).then_some(KeyPage {
        pile: *pile,
        identity: *identity,
        alias: *alias,
        phones: *phones,
        site: (flags & SITE != 0).then_some(*site),
        receipt: (flags & RECEIPT != 0).then_some(*receipt),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Counting;
    use std::format;

    #[test]
    fn the_page_is_as_it_is_published() {
        let keys = KeyPage::fresh(&mut Counting(0))
            .with_site_key([0xa5; 16])
            .with_receipt_key([0x5a; 32]);
        let page = keys.bytes();
        assert_eq!(&page[..12], b"OPK1\x01\x02\x03\x04\x05\x06\x07\x08");
        let random: std::vec::Vec<u8> = (9..=88).collect();
        assert_eq!(page[12..92], random[..]);
        assert_eq!(page[92..96], [3, 0, 0, 0]);
        assert_eq!(page[96..112], [0xa5; 16]);
        assert_eq!(page[112..144], [0x5a; 32]);
        assert_eq!(page[144..160], [0; 16]);
        assert_eq!(KeyPage::read(&page), Ok(keys));
    }

    #[test]
    fn the_check_sum_is_that_of_every_other_tool() {
        // The check value of CRC-32/ISO-HDLC (the catalogue of parametrised CRC algorithms).
        assert_eq!(CRC.checksum(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn any_wrong_bit_is_found() {
        let page = KeyPage::fresh(&mut Counting(0)).bytes();
        for bit in 0..LEN * 8 {
            let mut wrong = *page;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(KeyPage::read(&wrong), Err(Unreadable::Damaged), "{bit}");
        }
        assert_eq!(KeyPage::read(&[0xff; LEN]), Err(Unreadable::Blank));
        assert_eq!(KeyPage::read(&[0; LEN]), Err(Unreadable::Damaged));
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        let keys = KeyPage::fresh(&mut Counting(0)).with_site_key([0xa5; 16]);
        assert_eq!(format!("{keys:?}"), "KeyPage(0102030405060708)");
    }
}
