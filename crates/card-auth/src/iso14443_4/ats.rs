//! How a card is asked for the protocol, and what it says of itself.

use super::block::{Malformed, checked};
use crate::iso14443a::crc_a;

/// Frame sizes by FSDI or FSCI (clause 5.1, table 1). Greater values are reserved and are taken
/// for the last.
const FRAME_SIZES: [u16; 9] = [16, 24, 32, 40, 48, 64, 96, 128, 256];

/// The longest frame waiting time that is granted unasked: FWI 10. Cards with a key have FWI 7 or
/// 8; one that needs longer asks with S(WTX).
const LONGEST_FWI: u8 = 10;

/// The RATS with its `CRC_A` for a reader that takes frames of `frame_bytes`, 16 to 256 (clause
/// 5.1): the greatest size of the standard that is not above it. The card gets the number (CID) 0.
///
/// ```
/// assert_eq!(card_auth::iso14443_4::rats(64), [0xe0, 0x50, 0xbc, 0xa5]);
/// ```
pub fn rats(frame_bytes: usize) -> [u8; 4] {
    let fits = |size: &u16| usize::from(*size) <= frame_bytes;
    let index = FRAME_SIZES.iter().rposition(fits).unwrap_or_default();
    // Below 9: nothing is cut off.
    let fsdi = u8::try_from(index).unwrap_or_default();
    let [low, high] = crc_a(&[0xe0, fsdi << 4]);
    [0xe0, fsdi << 4, low, high]
}

/// Answer to select: what a card says of its side of the protocol (clause 5.2).
///
/// ```
/// use card_auth::iso14443_4::Ats;
/// // A DESFire: frames of 64 bytes, FWI 8 is 77 ms.
/// let ats = Ats::parse(&[0x06, 0x75, 0x77, 0x81, 0x02, 0x80, 0x02, 0xf0])?;
/// assert_eq!((ats.frame_bytes(), ats.waiting_micros()), (64, 77_329));
/// # Ok::<(), card_auth::iso14443_4::Malformed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ats {
    fsci: u8,
    fwi: u8,
    sfgi: u8,
}

impl Ats {
    /// Reads the answer to a RATS, `CRC_A` included. Reserved values are taken for what the
    /// standard says of them; the historical bytes are left aside.
    ///
    /// # Errors
    /// [`Malformed`]: a wrong check sum, a length byte that is not the length, or interface bytes
    /// that are announced and missing.
    pub fn parse(frame: &[u8]) -> Result<Self, Malformed> {
        let body = checked(frame)?;
        let (length, body) = body.split_first().ok_or(Malformed::Length)?;
        if usize::from(*length) != body.len() + 1 {
            return Err(Malformed::Length);
        }
        // Clause 5.2.2: without a format byte, the defaults hold.
        let mut ats = Self {
            fsci: 2,
            fwi: 4,
            sfgi: 0,
        };
        let Some((format, interface)) = body.split_first() else {
            return Ok(ats);
        };
        ats.fsci = (format & 0x0f).min(8);
        let announced = (format & 0x70).count_ones();
        if interface.len() < usize::try_from(announced).unwrap_or(usize::MAX) {
            return Err(Malformed::Length);
        }
        let after_ta = usize::from(format & 0x10 != 0);
        if format & 0x20 != 0 {
            let tb = interface.get(after_ta).ok_or(Malformed::Length)?;
            // Clause 5.2.5: 15 is reserved; the reader goes on with the default.
            ats.fwi = if tb >> 4 == 15 { 4 } else { tb >> 4 };
            ats.sfgi = if tb & 0x0f == 15 { 0 } else { tb & 0x0f };
        }
        Ok(ats)
    }

    /// FSC: the longest frame the card takes, in bytes, `CRC_A` included; 16 to 256.
    pub fn frame_bytes(&self) -> usize {
        let size = FRAME_SIZES.get(usize::from(self.fsci)).copied();
        usize::from(size.unwrap_or(16))
    }

    /// FWT: how long the card may take for a block, in microseconds (clause 7.2), at most 0.31 s.
    pub fn waiting_micros(&self) -> u32 {
        micros(self.fwi.min(LONGEST_FWI))
    }

    /// SFGT: how long the card wants to be left alone after its ATS, in microseconds (clause
    /// 5.2.5), at most 4.95 s; 0 if it says nothing of it.
    pub fn guard_micros(&self) -> u32 {
        if self.sfgi == 0 { 0 } else { micros(self.sfgi) }
    }
}

/// 4,096 / fc x 2^`power`, for 0..=14.
const fn micros(power: u8) -> u32 {
    (30_207 << power) / 100
}
