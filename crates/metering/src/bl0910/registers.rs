//! Register addresses, frames and check sums.

/// First byte of a read on SPI.
pub(super) const READ: u8 = 0x82;
/// First byte of a write on SPI.
pub(super) const WRITE: u8 = 0x81;

/// Current channels of the chip.
pub const MAX_CHANNELS: usize = 10;

/// What opens the user registers, for [`Register::UserWriteProtect`].
pub const UNLOCK: u32 = 0x00_5555;
/// What resets the chip, for [`Register::SoftReset`].
pub const RESET: u32 = 0x5A_5A5A;

/// A current channel, 0 to 9.
///
/// ```
/// use metering::bl0910::Channel;
/// assert!(Channel::new(9).is_some());
/// assert!(Channel::new(10).is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel(u8);

impl Channel {
    /// Makes a channel; the chip's own numbers are higher by one. `None` above 9.
    pub const fn new(index: usize) -> Option<Self> {
        match index {
            0..MAX_CHANNELS =>
            {
                #[allow(clippy::cast_possible_truncation, reason = "below ten")]
                Some(Self(index as u8))
            }
            _ => None,
        }
    }
}

/// A register of 24 bits (BL0910 register table, as the drivers named in the
/// [module](super) have it).
///
/// ```
/// use metering::bl0910::{Channel, Register};
/// let tenth = Channel::new(9).unwrap();
/// assert_eq!(Register::EnergyCount(tenth).address(), 0x38);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Register {
    /// `RMS` of a current channel, unsigned.
    Current(Channel),
    /// `RMS_11`: the voltage, unsigned.
    Voltage,
    /// `WATT` of a channel: active power, signed.
    Power(Channel),
    /// `CF_CNT` of a channel: its counter of active energy.
    EnergyCount(Channel),
    /// `TPS1`: the chip's temperature, ten bits.
    Temperature,
    /// `GAIN1`: amplification of the voltage and of the current channels 1 to 5, four bits each.
    Gain1,
    /// `GAIN2`: amplification of the current channels 6 to 10.
    Gain2,
    /// `WA_CREEP2`: threshold of the *total* power, twelve bits, zero after a reset.
    TotalCreep,
    /// `MODE`: zero is one voltage and ten currents.
    Mode,
    /// `RST_ENG`: which energy counters are cleared by reading.
    ClearOnRead,
    /// `USR_WRPROT`: [`UNLOCK`] opens the user registers.
    UserWriteProtect,
    /// `SOFT_RESET`: [`RESET`] resets.
    SoftReset,
}

impl Register {
    /// The register's address.
    pub const fn address(self) -> u8 {
        match self {
            Self::Current(channel) => 0x0C + channel.0,
            Self::Voltage => 0x16,
            Self::Power(channel) => 0x22 + channel.0,
            Self::EnergyCount(channel) => 0x2F + channel.0,
            Self::Temperature => 0x5E,
            Self::Gain1 => 0x60,
            Self::Gain2 => 0x61,
            Self::TotalCreep => 0x89,
            Self::Mode => 0x98,
            Self::ClearOnRead => 0x9D,
            Self::UserWriteProtect => 0x9E,
            Self::SoftReset => 0x9F,
        }
    }
}

/// The inverted low byte of the sum of the first byte, the address and the data.
const fn check(first: u8, register: Register, [high, middle, low]: [u8; 3]) -> u8 {
    !first
        .wrapping_add(register.address())
        .wrapping_add(high)
        .wrapping_add(middle)
        .wrapping_add(low)
}

/// The bytes that write the low 24 bits of a value.
pub(super) const fn write_command(register: Register, value: u32) -> [u8; 6] {
    let [_, high, middle, low] = value.to_be_bytes();
    let sum = check(WRITE, register, [high, middle, low]);
    [WRITE, register.address(), high, middle, low, sum]
}

/// The value of an answer; `None` under a wrong check sum.
pub(super) const fn value(register: Register, answer: [u8; 4]) -> Option<u32> {
    let [high, middle, low, sum] = answer;
    if check(READ, register, [high, middle, low]) == sum {
        Some(u32::from_be_bytes([0, high, middle, low]))
    } else {
        None
    }
}

/// A register's 24 bits as a signed number.
pub(super) const fn signed(value: u32) -> i32 {
    (value << 8).cast_signed() >> 8
}

/// `TPS1` in tenths of a degree: (TPS1 - 64) x 12.5 / 59 - 40.
pub(super) fn decicelsius(value: u32) -> i16 {
    let raw = i32::try_from(value & 0x3FF).unwrap_or(0);
    i16::try_from((raw - 64) * 125 / 59 - 400).unwrap_or(i16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_channels_lie_side_by_side() {
        let at = |index| Channel::new(index).unwrap();
        assert_eq!(Register::Current(at(0)).address(), 0x0C);
        assert_eq!(Register::Current(at(9)).address(), 0x15);
        assert_eq!(Register::Power(at(0)).address(), 0x22);
        assert_eq!(Register::Power(at(9)).address(), 0x2B);
        assert_eq!(Register::EnergyCount(at(0)).address(), 0x2F);
        assert_eq!(Register::EnergyCount(at(9)).address(), 0x38);
    }

    #[test]
    fn power_is_signed_in_24_bits() {
        assert_eq!(signed(0x7F_FFFF), 8_388_607);
        assert_eq!(signed(0x80_0000), -8_388_608);
        assert_eq!(signed(0xFF_FFFF), -1);
    }

    #[test]
    fn temperature_follows_the_published_formula() {
        assert_eq!(decicelsius(64), -400);
        // (371 - 64) x 12.5 / 59 - 40 = 25.04.
        assert_eq!(decicelsius(371), 250);
        assert_eq!(decicelsius(0xFF_FFFF), 1_631);
        assert_eq!(decicelsius(0), -535);
    }
}
