//! The address that the air sees.

/// A radio's address: six bytes of the board's random numbers, never the chip's public address,
/// which names its maker and never changes.
///
/// A static one (Core Specification, vol. 6 part B, 1.3.2.1) may be kept for good or drawn at each
/// start: it names the pile, which stands where it stands, and no person. A phone knows its pile by
/// the keys and not by the address, so drawing it anew costs nothing.
///
/// ```
/// use ble_gatt::RadioAddress;
/// let address = RadioAddress::from_random([0x11, 0x22, 0x33, 0x44, 0x55, 0x06]);
/// // The two highest bits say: random, and static.
/// assert_eq!(address.to_string(), "C6:55:44:33:22:11");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RadioAddress([u8; 6]);

impl RadioAddress {
    /// A static random address from six random bytes; two bits of the last are set.
    pub const fn from_random(mut bytes: [u8; 6]) -> Self {
        bytes[5] |= 0xC0;
        Self(bytes)
    }

    /// A resolvable private address that the board has made (vol. 6 part B, 1.3.2.2), highest byte
    /// last; `None` where its two highest bits are not `01`.
    ///
    /// ```
    /// use ble_gatt::RadioAddress;
    /// assert!(RadioAddress::resolvable([1, 2, 3, 4, 5, 0x46]).is_some());
    /// assert!(RadioAddress::resolvable([1, 2, 3, 4, 5, 0x86]).is_none());
    /// ```
    pub const fn resolvable(bytes: [u8; 6]) -> Option<Self> {
        if bytes[5] & 0xC0 == 0x40 {
            Some(Self(bytes))
        } else {
            None
        }
    }

    pub(crate) const fn little_endian(self) -> [u8; 6] {
        self.0
    }
}

impl core::fmt::Display for RadioAddress {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (place, byte) in self.0.iter().rev().enumerate() {
            let colon = if place == 0 { "" } else { ":" };
            write!(out, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}
