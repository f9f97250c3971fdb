//! What a phone reads when it taps a card: secure dynamic messaging (SDM, or SUN).
//!
//! The card writes into the address of its NDEF file, at each reading anew, its UID and a counter,
//! encrypted ([`KeySlot::SdmMeta`]), and a MAC ([`KeySlot::SdmMac`]):
//!
//! ```text
//! https://pile.example/c?p=<32 digits: E(UID, counter)>&c=<16 digits: MAC>
//!                          |------ covered by the MAC ------|
//! ```
//!
//! AN12196 clause 3.3 and 3.4. A [`SunMessage`] is parsed from any bytes, then
//! [verified](SunMessage::verify) with the site key; then [`ReplayGuard`] refuses a counter that was
//! seen: a photo or a copy of the address opens nothing twice.

use subtle::ConstantTimeEq;

use crate::crypto::{BLOCK, Block, cbc_decrypt, cmac, encrypt_block, truncated};
use crate::{CardKey, Family, KeySlot, SiteKey, Uid};

/// Hexadecimal digits of the encrypted UID and counter.
pub(crate) const PICC_DIGITS: usize = 32;
/// Hexadecimal digits of the MAC.
pub(crate) const MAC_DIGITS: usize = 16;

/// How often a card was read by a phone since it was personalised: 24 bits.
///
/// ```
/// use card_auth::sdm::SunCounter;
/// assert_eq!(SunCounter::new(0x0100_0000), None);
/// assert_eq!(SunCounter::new(61).unwrap().get(), 61);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SunCounter(u32);

impl SunCounter {
    /// Makes a counter, or `None` past 24 bits.
    pub const fn new(value: u32) -> Option<Self> {
        if value >> 24 == 0 {
            Some(Self(value))
        } else {
            None
        }
    }

    /// The number, at most 16,777,215.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Who was tapped, and for the how manieth time: as the encrypted part says, before a MAC is
/// checked. [`SunMessage::verify`] is what a profile's card needs; this is for cards of other
/// profiles.
///
/// ```
/// use card_auth::{CardKey, sdm::PiccData};
/// // AN12196 table 2.
/// let sealed = 0xEF963FF7828658A599F3041510671E88_u128.to_be_bytes();
/// let picc = PiccData::open(&CardKey::FACTORY, sealed).unwrap();
/// assert_eq!(picc.counter.get(), 61);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PiccData {
    /// The card.
    pub uid: Uid,
    /// Its counter.
    pub counter: SunCounter,
}

impl PiccData {
    /// Decrypts it (AN12196 clause 3.4.2): a tag C7h for "UID of 7 bytes, and counter", both, five
    /// random bytes. `None` with any other tag: another key, most likely.
    pub fn open(meta: &CardKey, mut sealed: Block) -> Option<Self> {
        cbc_decrypt(meta.expose(), [0; BLOCK], &mut sealed);
        let (0xc7, rest) = sealed.split_first().map(|(tag, rest)| (*tag, rest))? else {
            return None;
        };
        let (uid, rest) = rest.split_first_chunk::<7>()?;
        let [low, middle, high] = *rest.first_chunk::<3>()?;
        Some(Self {
            uid: Uid::from_bytes(uid).ok()?,
            counter: SunCounter(u32::from_le_bytes([low, middle, high, 0])),
        })
    }

    /// A session key: CMAC over the label, the lengths, UID and counter (AN12196 clause 3.3).
    fn session_key(&self, key: &CardKey, label: [u8; 2]) -> CardKey {
        let [low, middle, high, _] = self.counter.0.to_le_bytes();
        let parts: [&[u8]; 4] = [
            &label,
            &[0x00, 0x01, 0x00, 0x80],
            self.uid.expose(),
            &[low, middle, high],
        ];
        CardKey::new(cmac(key.expose(), &parts))
    }

    /// The key of the MAC.
    pub(crate) fn mac_key(&self, key: &CardKey) -> CardKey {
        self.session_key(key, [0x3c, 0xc3])
    }

    /// The key of encrypted file data.
    pub(crate) fn file_key(&self, key: &CardKey) -> CardKey {
        self.session_key(key, [0xc3, 0x3c])
    }

    /// Decrypts file data in place (AN12196 clause 3.4.3): CBC, its initial value the encrypted
    /// counter. `key` is the one that signs ([`KeySlot::SdmMac`]); bytes after the last whole block
    /// of 16 stay.
    pub fn decrypt_file(&self, key: &CardKey, data: &mut [u8]) {
        let key = self.file_key(key);
        let [low, middle, high, _] = self.counter.0.to_le_bytes();
        let mut iv = [0; BLOCK];
        iv.iter_mut()
            .zip([low, middle, high])
            .for_each(|(to, from)| *to = from);
        let iv = encrypt_block(key.expose(), iv);
        cbc_decrypt(key.expose(), iv, data);
    }
}

/// The MAC over the covered part of an address (AN12196 clause 3.4.4).
pub(crate) fn sun_mac(session: &CardKey, covered: &[u8]) -> [u8; 8] {
    truncated(cmac(session.expose(), &[covered]))
}

/// Error returned by [`SunMessage::parse`]: not an address of a card of this profile.
///
/// ```
/// use card_auth::sdm::{NotSun, SunMessage};
/// assert_eq!(SunMessage::parse(b"https://pile.example/c").unwrap_err(), NotSun);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotSun;

impl core::fmt::Display for NotSun {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the address is not one that a card wrote")
    }
}

impl core::error::Error for NotSun {}

/// Error returned by [`SunMessage::verify`]: no card of this site wrote it, or it was altered.
///
/// ```
/// assert!(card_auth::sdm::NotGenuine.to_string().contains("site"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotGenuine;

impl core::fmt::Display for NotGenuine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no card of this site wrote the address")
    }
}

impl core::error::Error for NotGenuine {}

/// A tap that a card of this site has signed.
///
/// ```no_run
/// # fn f(address: &[u8], site: &card_auth::SiteKey) -> Option<()> {
/// use card_auth::sdm::{ReplayGuard, SunMessage};
/// let tap = SunMessage::parse(address).ok()?.verify(site).ok()?;
/// let mut guard = ReplayGuard::new(); // one for each card, kept
/// guard.accept(tap.counter).ok()?;
/// # Some(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SunTap {
    /// The card.
    pub uid: Uid,
    /// Its counter. [`ReplayGuard`] wants to see it.
    pub counter: SunCounter,
}

/// An address as a card wrote it, unverified.
///
/// ```
/// use card_auth::{SiteKey, sdm::{NotGenuine, SunMessage}};
/// let address = b"https://pile.example/c?p=00112233445566778899AABBCCDDEEFF&c=0011223344556677";
/// let message = SunMessage::parse(address)?;
/// assert_eq!(message.verify(&SiteKey::new([7; 16])), Err(NotGenuine));
/// # Ok::<(), card_auth::sdm::NotSun>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SunMessage<'a> {
    picc: Block,
    covered: &'a [u8],
    mac: [u8; 8],
}

impl<'a> SunMessage<'a> {
    /// Takes an address apart: it ends with `?p=`, 32 digits, `&c=`, 16 digits.
    ///
    /// # Errors
    /// [`NotSun`] for any other bytes.
    pub fn parse(address: &'a [u8]) -> Result<Self, NotSun> {
        let (rest, mac) = address.split_last_chunk::<MAC_DIGITS>().ok_or(NotSun)?;
        let start = rest.len().checked_sub(PICC_DIGITS + 3).ok_or(NotSun)?;
        let (head, covered) = rest.split_at_checked(start).ok_or(NotSun)?;
        let (picc, between) = covered.split_first_chunk::<PICC_DIGITS>().ok_or(NotSun)?;
        if !head.ends_with(b"?p=") || between != b"&c=" {
            return Err(NotSun);
        }
        Ok(Self {
            picc: from_hex(picc).ok_or(NotSun)?,
            covered,
            mac: from_hex(mac).ok_or(NotSun)?,
        })
    }

    /// Checks that a card of the site wrote it.
    ///
    /// # Errors
    /// [`NotGenuine`].
    pub fn verify(&self, site: &SiteKey) -> Result<SunTap, NotGenuine> {
        let picc = PiccData::open(&site.sdm_meta_key(), self.picc).ok_or(NotGenuine)?;
        let key = site.card_key(Family::Ntag424, KeySlot::SdmMac, &picc.uid);
        let mac = sun_mac(&picc.mac_key(&key), self.covered);
        if !bool::from(mac.ct_eq(&self.mac)) {
            return Err(NotGenuine);
        }
        Ok(SunTap {
            uid: picc.uid,
            counter: picc.counter,
        })
    }
}

/// Bytes of hexadecimal digits of either case.
fn from_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    let mut bytes = [0; N];
    let (pairs, _) = digits.as_chunks::<2>();
    if digits.len() != 2 * N {
        return None;
    }
    for (to, [high, low]) in bytes.iter_mut().zip(pairs) {
        *to = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Error returned by [`ReplayGuard::accept`]: the counter is not above the last one.
///
/// ```
/// assert!(card_auth::sdm::Replayed.to_string().contains("before"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed;

impl core::fmt::Display for Replayed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("this reading of the card was seen before")
    }
}

impl core::error::Error for Replayed {}

/// The highest counter seen of one card. Whoever keeps it over a restart keeps its
/// [`last`](Self::last).
///
/// ```
/// use card_auth::sdm::{ReplayGuard, Replayed, SunCounter};
/// let mut guard = ReplayGuard::new();
/// let counter = SunCounter::new(8).unwrap();
/// assert_eq!(guard.accept(counter), Ok(()));
/// assert_eq!(guard.accept(counter), Err(Replayed));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplayGuard(Option<SunCounter>);

impl ReplayGuard {
    /// Nothing seen yet.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Goes on after a counter that was kept.
    pub const fn after(last: SunCounter) -> Self {
        Self(Some(last))
    }

    /// The highest counter seen.
    pub const fn last(&self) -> Option<SunCounter> {
        self.0
    }

    /// Takes a counter above all before it.
    ///
    /// # Errors
    /// [`Replayed`] for any other; nothing changes.
    pub fn accept(&mut self, counter: SunCounter) -> Result<(), Replayed> {
        if self.0.is_some_and(|last| counter <= last) {
            return Err(Replayed);
        }
        self.0 = Some(counter);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
