//! The check sums of headers and frames, and what they can mend.

/// A check sum that tells and mends one wrong bit.
pub(super) struct Code {
    crc: crc::Crc<u32>,
    polynomial: u32,
    /// One bit further from the end: what a flipped bit does to the check sum.
    back: fn(u32, u32) -> u32,
    /// The last bit that the check sum takes of a byte, and the one before it, and so on.
    bits: [u8; 8],
}

/// CRC-32/ISO-HDLC, the one of Ethernet and zip: for headers.
pub(super) const HEADERS: Code = Code {
    crc: crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC),
    polynomial: 0xedb8_8320,
    back: |effect, polynomial| (effect >> 1) ^ (polynomial * (effect & 1)),
    bits: [7, 6, 5, 4, 3, 2, 1, 0],
};

/// CRC-24/FLEXRAY-A: for frames. Its Hamming distance is 6 up to 248 bytes (`FlexRay` Communications
/// System Protocol Specification 2.1A, section 4.5).
pub(super) const FRAMES: Code = Code {
    crc: crc::Crc::<u32>::new(&crc::CRC_24_FLEXRAY_A),
    polynomial: 0x5d_6dcb,
    back: |effect, polynomial| ((effect << 1) & 0xff_ffff) ^ (polynomial * (effect >> 23)),
    bits: [0, 1, 2, 3, 4, 5, 6, 7],
};

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

impl Code {
    pub fn sum(&self, covered: &[u8]) -> u32 {
        self.crc.checksum(covered)
    }

    /// Finds the single bit that explains why `covered` and its stored check sum disagree, and
    /// flips it. Two or three wrong bits are never taken for one: the Hamming distance is at least
    /// 5 at these lengths.
    pub fn correct(&self, covered: &mut [u8], stored: u32) -> Option<Flip> {
        let syndrome = self.sum(covered) ^ stored;
        if syndrome.is_power_of_two() {
            return Some(Flip {
                byte: None,
                mask: 0,
            });
        }
        // The last bit leaves the polynomial, as the bit before the first of a check sum would.
        let mut effect = self.polynomial;
        for byte in (0..covered.len()).rev() {
            for bit in self.bits {
                if effect == syndrome {
                    let flip = Flip {
                        byte: Some(byte),
                        mask: 1 << bit,
                    };
                    flip.apply(covered);
                    return Some(flip);
                }
                effect = (self.back)(effect, self.polynomial);
            }
        }
        None
    }
}
