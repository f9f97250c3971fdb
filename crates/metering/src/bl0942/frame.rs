//! The chip's bytes: registers, commands, answers and their check sum.

/// First byte of a read command: `0b0101_10` and the address in the low two bits.
const READ: u8 = 0x58;
/// First byte of a write command: `0b1010_10` and the address in the low two bits.
const WRITE: u8 = 0xA8;
/// What a read command names to get the whole burst.
const BURST: u8 = 0xAA;
/// First byte of a burst.
const HEADER: u8 = 0x55;

/// Bytes of a burst: exactly these and not one more. Who reads 24 takes the first byte of the next
/// answer for his own, and every later frame is shifted.
pub const FRAME_BYTES: usize = 23;

/// Written to [`Register::UserWriteProtect`] to open the user registers; anything else closes them.
pub const UNLOCK: u32 = 0x55;

/// `MODE` after a reset: reserved bits, `CF_EN`, absolute accumulation, baud rate by pin, no clear
/// on read.
pub const MODE_DEFAULT: u32 = 0x87;
/// `MODE` bit 5, `AC_FREQ_SEL`: mains of 60 Hz.
pub const MODE_60_HZ: u32 = 0x20;
/// `OT_FUNX` with the over-current output on both CF1 and CF2, and the voltage's zero crossing on
/// ZX as after a reset: the 10-pin package has CF1 only.
pub(super) const OUTPUTS_OVER_CURRENT: u32 = 0b10_01_01;
/// `I_FAST_RMS_CYC`: the fast current is taken anew every cycle of the mains, 20 ms at 50 Hz.
pub(super) const FAST_EVERY_CYCLE: u32 = 1;
/// `I_FAST_RMS_TH` after a reset: no over-current.
pub const FAST_THRESHOLD_OFF: u16 = 0xFFFF;
/// `WA_CREEP` after a reset.
pub const CREEP_DEFAULT: u8 = 0x0B;

/// A register of the BL0942 (datasheet V1.06, register table).
///
/// ```
/// use metering::bl0942::Register;
/// assert_eq!(Register::EnergyCount.address(), 0x07);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Register {
    /// `I_RMS`, 24 bits.
    Current,
    /// `V_RMS`, 24 bits.
    Voltage,
    /// `I_FAST_RMS`, 24 bits: current over half a cycle or a few.
    FastCurrent,
    /// `WATT`, 24 bits, two's complement: active power.
    ActivePower,
    /// `CF_CNT`, 24 bits: steps of active energy.
    EnergyCount,
    /// `FREQ`, 16 bits: 10^6 / Hz.
    Frequency,
    /// `STATUS`, 10 bits.
    Status,
    /// `WA_CREEP`, 8 bits: active power below 3125/256 of it, in counts of `WATT`, reads as zero.
    Creep,
    /// `I_FAST_RMS_TH`, 16 bits: the over-current output's threshold.
    FastCurrentThreshold,
    /// `I_FAST_RMS_CYC`, 3 bits: cycles that the fast current takes.
    FastCurrentCycles,
    /// `OT_FUNX`, 6 bits: what the pins CF1, CF2 and ZX show, two bits each from the low end.
    Outputs,
    /// `MODE`, 10 bits.
    Mode,
    /// `SOFT_RESET`: 5A5A5A resets the user registers.
    SoftReset,
    /// `USR_WRPROT`: 55 opens the user registers for writing.
    UserWriteProtect,
}

impl Register {
    /// The register's address.
    pub const fn address(self) -> u8 {
        match self {
            Self::Current => 0x03,
            Self::Voltage => 0x04,
            Self::FastCurrent => 0x05,
            Self::ActivePower => 0x06,
            Self::EnergyCount => 0x07,
            Self::Frequency => 0x08,
            Self::Status => 0x09,
            Self::Creep => 0x14,
            Self::FastCurrentThreshold => 0x15,
            Self::FastCurrentCycles => 0x16,
            Self::Outputs => 0x18,
            Self::Mode => 0x19,
            Self::SoftReset => 0x1C,
            Self::UserWriteProtect => 0x1D,
        }
    }
}

/// A chip's address on its bus, as its pins A2 and A1 are strapped: 0..=3. The 10-pin package has
/// no such pins and is always 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address(u8);

impl Address {
    /// Makes an address of the low two bits.
    pub const fn new(address: u8) -> Self {
        Self(address & 0b11)
    }

    /// Returns the two bits.
    pub const fn get(self) -> u8 {
        self.0
    }

    const fn read(self) -> u8 {
        READ | self.0
    }

    const fn write(self) -> u8 {
        WRITE | self.0
    }
}

/// The chip's check sum: the complement of the sum of all bytes, the command's first included.
fn checksum(first: u8, rest: &[u8]) -> u8 {
    !rest.iter().fold(first, |sum, byte| sum.wrapping_add(*byte))
}

/// The command for a burst.
pub(super) const fn burst_command(chip: Address) -> [u8; 2] {
    [chip.read(), BURST]
}

/// The command to read one register; [`register_value`] takes the answer apart.
pub(super) const fn read_command(chip: Address, register: Register) -> [u8; 2] {
    [chip.read(), register.address()]
}

/// The command that writes the low 24 bits of `value` to one register. The chip does not answer.
pub(super) fn write_command(chip: Address, register: Register, value: u32) -> [u8; 6] {
    let [low, middle, high, _] = value.to_le_bytes();
    let body = [register.address(), low, middle, high];
    let [address, low, middle, high] = body;
    [
        chip.write(),
        address,
        low,
        middle,
        high,
        checksum(chip.write(), &body),
    ]
}

/// The value in a register's answer, or `None` where its check sum is wrong.
pub(super) fn register_value(chip: Address, register: Register, answer: [u8; 4]) -> Option<u32> {
    let [low, middle, high, check] = answer;
    // A register's answer has no header: the command's two bytes go into the sum.
    let body = [register.address(), low, middle, high];
    (checksum(chip.read(), &body) == check).then(|| u32::from_le_bytes([low, middle, high, 0]))
}

/// A burst taken apart, in the chip's raw counts.
///
/// ```
/// use metering::bl0942::{Frame, FrameError};
/// let mut bytes = [0; 23];
/// bytes[0] = 0x55;
/// bytes[10..13].copy_from_slice(&[0xFF, 0xFF, 0xFF]); // WATT: -1
/// bytes[13] = 7; // CF_CNT
/// bytes[22] = !(0x58 + 0x55 + 7_u8).wrapping_add(3_u8.wrapping_mul(0xFF));
/// let frame = Frame::parse(0, &bytes)?;
/// assert_eq!((frame.power, frame.energy_count), (-1, 7));
///
/// bytes[13] = 8;
/// assert_eq!(Frame::parse(0, &bytes), Err(FrameError::Checksum));
/// # Ok::<(), FrameError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// `I_RMS`, 24 bits.
    pub current: u32,
    /// `V_RMS`, 24 bits.
    pub voltage: u32,
    /// `I_FAST_RMS`, 24 bits.
    pub fast_current: u32,
    /// `WATT`, 24 bits, signed.
    pub power: i32,
    /// `CF_CNT`, 24 bits.
    pub energy_count: u32,
    /// `FREQ`, 16 bits.
    pub frequency: u16,
    /// `STATUS`, its low 8 bits.
    pub status: u8,
}

/// Whether `I_FAST_RMS` is at or above a threshold, as the chip compares them: its upper 16 bits
/// (datasheet, over-current detection). 0xFFFF is off.
pub(super) const fn is_over(fast_current: u32, threshold: u16) -> bool {
    // Widening; `u32::from` is not const.
    threshold != FAST_THRESHOLD_OFF && (fast_current & 0xFF_FFFF) >> 8 >= threshold as u32
}

/// Error returned by [`Frame::parse`].
///
/// ```
/// use metering::bl0942::{Frame, FrameError};
/// assert_eq!(Frame::parse(0, &[0; 23]), Err(FrameError::Header));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// The first byte is not 55.
    Header,
    /// The check sum is wrong.
    Checksum,
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Header => "the frame does not start with 55",
            Self::Checksum => "the frame's check sum is wrong",
        })
    }
}

impl core::error::Error for FrameError {}

impl Frame {
    /// Takes the burst of the chip at `address` (its low two bits) apart.
    ///
    /// # Errors
    /// [`FrameError`] where the bytes are no burst of that chip.
    pub fn parse(address: u8, bytes: &[u8; FRAME_BYTES]) -> Result<Self, FrameError> {
        #[rustfmt::skip]
        let &[
            header,
            i0, i1, i2,
            v0, v1, v2,
            fast0, fast1, fast2,
            w0, w1, w2,
            count0, count1, count2,
            freq0, freq1, _,
            status, _, _,
            check,
        ] = bytes;
        if header != HEADER {
            return Err(FrameError::Header);
        }
        let [body @ .., _] = bytes;
        if checksum(Address::new(address).read(), body) != check {
            return Err(FrameError::Checksum);
        }
        Ok(Self {
            current: u32::from_le_bytes([i0, i1, i2, 0]),
            voltage: u32::from_le_bytes([v0, v1, v2, 0]),
            fast_current: u32::from_le_bytes([fast0, fast1, fast2, 0]),
            // Into the top three bytes, then down with the sign.
            power: i32::from_le_bytes([0, w0, w1, w2]) >> 8,
            energy_count: u32::from_le_bytes([count0, count1, count2, 0]),
            frequency: u16::from_le_bytes([freq0, freq1]),
            status,
        })
    }
}
