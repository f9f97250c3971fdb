//! The check sum of frames and headers, and what it can mend.

/// CRC-32/ISO-HDLC (the one of Ethernet, zip and PNG), stored least significant byte first.
pub(super) const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
/// Its polynomial, bit-reversed.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// The single bit in which covered data and check sum disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flip {
    /// The byte of the covered data; none when the bit is in the check sum itself.
    pub byte: Option<usize>,
    mask: u8,
}

impl Flip {
    /// Flips the bit (a second time: back).
    pub fn apply(self, covered: &mut [u8]) {
        if let Some(byte) = self.byte.and_then(|byte| covered.get_mut(byte)) {
            *byte ^= self.mask;
        }
    }
}

/// Finds the single bit that explains why `covered` and its stored check sum disagree, and flips it.
///
/// The check sum has a Hamming distance of at least 5 below 372 bytes, so two or three wrong bits
/// are never taken for one.
pub(super) fn correct(covered: &mut [u8], stored: u32) -> Option<Flip> {
    let syndrome = CRC.checksum(covered) ^ stored;
    if syndrome.is_power_of_two() {
        return Some(Flip {
            byte: None,
            mask: 0,
        });
    }
    // What one flipped bit does to the check sum, from the last bit of the data backwards.
    let mut effect = 1_u32;
    for byte in (0..covered.len()).rev() {
        for bit in (0..8).rev() {
            effect = if effect & 1 == 1 {
                (effect >> 1) ^ POLYNOMIAL
            } else {
                effect >> 1
            };
            if effect == syndrome {
                let flip = Flip {
                    byte: Some(byte),
                    mask: 1 << bit,
                };
                flip.apply(covered);
                return Some(flip);
            }
        }
    }
    None
}
