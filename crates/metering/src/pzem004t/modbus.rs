//! The bytes of Modbus RTU that the module understands.

/// Function: read input registers.
pub(super) const READ_INPUT: u8 = 0x04;
/// Function: reset energy, the maker's own.
pub(super) const RESET_ENERGY: u8 = 0x42;
/// Set in the function of an answer that is an exception.
pub(super) const EXCEPTION: u8 = 0x80;

/// Registers read at once: voltage to alarm.
const REGISTERS: u8 = 10;
/// Bytes of the answer to [`read_request`]: address, function, length, ten registers, CRC.
pub(super) const READ_ANSWER_BYTES: usize = 25;
/// Bytes of the answer to [`reset_request`]: the request once more.
pub(super) const RESET_ANSWER_BYTES: usize = 4;
/// Bytes of an exception: address, function, code, CRC.
pub(super) const EXCEPTION_BYTES: usize = 5;

/// CRC-16/MODBUS (Modbus over serial line V1.02, 6.2.2): polynomial 8005 reflected, from FFFF; its
/// low byte is sent first.
pub(super) fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            let shifted = crc >> 1;
            if crc & 1 == 0 {
                shifted
            } else {
                shifted ^ 0xA001
            }
        })
    })
}

/// The request for all ten input registers.
pub(super) fn read_request(address: u8) -> [u8; 8] {
    let body = [address, READ_INPUT, 0, 0, 0, REGISTERS];
    let [low, high] = crc(&body).to_le_bytes();
    let [
        address,
        function,
        from_high,
        from_low,
        number_high,
        number_low,
    ] = body;
    #[rustfmt::skip]
    let request = [
        address, function, from_high, from_low, number_high, number_low, low, high,
    ];
    request
}

/// The request that sets the module's energy register to zero.
pub(super) fn reset_request(address: u8) -> [u8; 4] {
    let [low, high] = crc(&[address, RESET_ENERGY]).to_le_bytes();
    [address, RESET_ENERGY, low, high]
}

/// Why the module refused a request (maker's manual, abnormal codes).
///
/// ```
/// use metering::pzem004t::Exception;
/// assert_eq!(Exception::from_code(0x04), Exception::ModuleError);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exception {
    /// 1: it does not know the function.
    IllegalFunction,
    /// 2: it does not have the register.
    IllegalAddress,
    /// 3: the value is out of range.
    IllegalData,
    /// 4: it failed.
    ModuleError,
    /// Anything else.
    Other(u8),
}

impl Exception {
    /// Takes an exception's code.
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::IllegalFunction,
            2 => Self::IllegalAddress,
            3 => Self::IllegalData,
            4 => Self::ModuleError,
            other => Self::Other(other),
        }
    }
}

/// Error returned by [`Measurement::parse`].
///
/// ```
/// use metering::pzem004t::{Measurement, ParseError};
/// assert_eq!(Measurement::parse(1, &[0; 25]), Err(ParseError::Crc));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseError {
    /// The CRC is wrong.
    Crc,
    /// It is not the answer of that module to that request.
    NotTheAnswer,
    /// The energy register is beyond 9999.99 kWh, where the maker ends it.
    Range,
}

impl core::fmt::Display for ParseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Crc => "the CRC of the answer is wrong",
            Self::NotTheAnswer => "the answer is not to this request",
            Self::Range => "the energy register is out of its range",
        })
    }
}

impl core::error::Error for ParseError {}

/// The ten input registers, in the module's units.
///
/// ```
/// use metering::pzem004t::{Measurement, ParseError};
/// // Published by driver projects: 225.7 V, 0.108 A, 24.4 W, 38 Wh, 50.0 Hz, power factor 1.00.
/// let bytes = [
///     0x01, 0x04, 0x14, 0x08, 0xD1, 0x00, 0x6C, 0x00, 0x00, 0x00, 0xF4, 0x00, 0x00, 0x00, 0x26,
///     0x00, 0x00, 0x01, 0xF4, 0x00, 0x64, 0x00, 0x00, 0x51, 0x34,
/// ];
/// let read = Measurement::parse(1, &bytes)?;
/// assert_eq!((read.decivolts, read.milliamperes, read.deciwatts), (2_257, 108, 244));
/// # Ok::<(), ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measurement {
    /// Voltage, 0.1 V.
    pub decivolts: u16,
    /// Current, mA.
    pub milliamperes: u32,
    /// Active power, 0.1 W.
    pub deciwatts: u32,
    /// Active energy since it was last reset, Wh; kept without supply.
    pub watt_hours: u32,
    /// Mains frequency, 0.1 Hz.
    pub decihertz: u16,
    /// Power factor, hundredths.
    pub power_factor_percent: u16,
    /// True while the power is above the module's own alarm threshold.
    pub alarm: bool,
}

impl Measurement {
    /// Takes the answer of the module at `address` apart.
    ///
    /// # Errors
    /// [`ParseError`] where the bytes are no such answer.
    pub fn parse(address: u8, bytes: &[u8; READ_ANSWER_BYTES]) -> Result<Self, ParseError> {
        #[rustfmt::skip]
        let &[
            from, function, length,
            v0, v1,
            i0, i1, i2, i3,
            p0, p1, p2, p3,
            e0, e1, e2, e3,
            f0, f1,
            pf0, pf1,
            alarm0, alarm1,
            crc_low, crc_high,
        ] = bytes;
        let [body @ .., _, _] = bytes;
        if crc(body) != u16::from_le_bytes([crc_low, crc_high]) {
            return Err(ParseError::Crc);
        }
        if from != address || function != READ_INPUT || length != 2 * REGISTERS {
            return Err(ParseError::NotTheAnswer);
        }
        // Each register is big-endian, and of two registers the low one comes first.
        let wide = |low0, low1, high0, high1| u32::from_be_bytes([high0, high1, low0, low1]);
        let watt_hours = wide(e0, e1, e2, e3);
        if watt_hours >= super::ENERGY_VALUES {
            return Err(ParseError::Range);
        }
        Ok(Self {
            decivolts: u16::from_be_bytes([v0, v1]),
            milliamperes: wide(i0, i1, i2, i3),
            deciwatts: wide(p0, p1, p2, p3),
            watt_hours,
            decihertz: u16::from_be_bytes([f0, f1]),
            power_factor_percent: u16::from_be_bytes([pf0, pf1]),
            alarm: u16::from_be_bytes([alarm0, alarm1]) != 0,
        })
    }
}
