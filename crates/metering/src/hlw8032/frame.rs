//! The chip's 24 bytes, and how to find them in whatever comes.

/// Bytes of a frame.
pub const FRAME_BYTES: usize = 24;

/// Second byte of every frame.
const CHECK: u8 = 0x5A;
/// State: all registers are in range.
const STATE_OK: u8 = 0x55;
/// State: the chip has no coefficients.
const STATE_UNCALIBRATED: u8 = 0xAA;
/// State: the high half of "something is out of range"; what it is stands in the low half.
const STATE_RANGE: u8 = 0xF0;
const RANGE_COEFFICIENTS: u8 = 0x01;
const RANGE_POWER: u8 = 0x02;
const RANGE_CURRENT: u8 = 0x04;
const RANGE_VOLTAGE: u8 = 0x08;
/// Update byte: a whole period of power, current or voltage was measured.
const HAS_POWER: u8 = 0x10;
const HAS_CURRENT: u8 = 0x20;
const HAS_VOLTAGE: u8 = 0x40;
/// Update byte: flips each time the pulse counter turns over.
const TURNED: u8 = 0x80;

/// Values of the pulse counter and the bit that flips when it turns over: 16 bits and one.
pub const COUNTER_VALUES: u32 = 1 << 17;

/// What the maker wrote into one chip: constants of that chip, in every frame.
///
/// ```
/// use metering::hlw8032::Coefficients;
/// let published = Coefficients { voltage: 0x02_DCD0, current: 0x3CD7, power: 0x4D_E568 };
/// assert_eq!(published.power, 5_105_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coefficients {
    /// Over the voltage register, volts a Kv.
    pub voltage: u32,
    /// Over the current register, amperes a Ki.
    pub current: u32,
    /// Over the power register, watts a Kv x Ki; microjoules of a pulse, a Kv x Ki.
    pub power: u32,
}

/// Error returned by [`Frame::parse`].
///
/// ```
/// use metering::hlw8032::{Frame, FrameError};
/// assert_eq!(Frame::parse(&[0; 24]), Err(FrameError::Header));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// The first two bytes are no state and 5A.
    Header,
    /// The check sum is wrong.
    Checksum,
    /// A whole frame of a chip without coefficients (state AA, or Fx with the lowest bit): nothing in
    /// it can be turned into units.
    Uncalibrated,
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Header => "the frame does not start with a state and 5A",
            Self::Checksum => "the frame's check sum is wrong",
            Self::Uncalibrated => "the chip has no coefficients",
        })
    }
}

impl core::error::Error for FrameError {}

/// A frame taken apart. A register is the period of what it stands for, so it is large where that is
/// small; `None` where it is out of range (beyond the longest period: as good as nothing), not
/// measured yet, or zero.
///
/// ```
/// use metering::hlw8032::{Frame, FrameError};
/// // Published by driver projects: 229.76 V, 1.8826 A, 381.5 W.
/// let bytes = [
///     0x55, 0x5A, 0x02, 0xDC, 0xD0, 0x00, 0x05, 0xFF, 0x00, 0x3C, 0xD7, 0x00, 0x20, 0x51, 0x4D,
///     0xE5, 0x68, 0x00, 0x62, 0x43, 0x71, 0x02, 0x3C, 0x24,
/// ];
/// let frame = Frame::parse(&bytes)?;
/// assert_eq!((frame.voltage, frame.count), (Some(0x05FF), 0x023C));
/// # Ok::<(), FrameError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The chip's constants.
    pub coefficients: Coefficients,
    /// Period of the voltage, 24 bits.
    pub voltage: Option<u32>,
    /// Period of the current, 24 bits.
    pub current: Option<u32>,
    /// Period of the active power, 24 bits: microseconds between two pulses.
    pub power: Option<u32>,
    /// Pulses of active energy: 16 bits, and above them the bit that flips when they turn over.
    pub count: u32,
}

impl Frame {
    /// Takes a frame apart.
    ///
    /// # Errors
    /// [`FrameError`] where the bytes are no frame, or of a chip that cannot be used.
    pub fn parse(bytes: &[u8; FRAME_BYTES]) -> Result<Self, FrameError> {
        #[rustfmt::skip]
        let &[
            state, check,
            kv0, kv1, kv2,
            v0, v1, v2,
            ki0, ki1, ki2,
            i0, i1, i2,
            kp0, kp1, kp2,
            p0, p1, p2,
            update,
            pulses0, pulses1,
            sum,
        ] = bytes;
        if !starts_frame(state) || check != CHECK {
            return Err(FrameError::Header);
        }
        let [_, _, body @ .., _] = bytes;
        if body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) != sum {
            return Err(FrameError::Checksum);
        }
        let out_of_range = if state & STATE_RANGE == STATE_RANGE {
            state & !STATE_RANGE
        } else {
            0
        };
        if state == STATE_UNCALIBRATED || out_of_range & RANGE_COEFFICIENTS != 0 {
            return Err(FrameError::Uncalibrated);
        }
        let wide = |high, middle, low| u32::from_be_bytes([0, high, middle, low]);
        let register = |value, range, measured| {
            (out_of_range & range == 0 && update & measured != 0 && value != 0).then_some(value)
        };
        let turned = u32::from(update & TURNED != 0) << 16;
        Ok(Self {
            coefficients: Coefficients {
                voltage: wide(kv0, kv1, kv2),
                current: wide(ki0, ki1, ki2),
                power: wide(kp0, kp1, kp2),
            },
            voltage: register(wide(v0, v1, v2), RANGE_VOLTAGE, HAS_VOLTAGE),
            current: register(wide(i0, i1, i2), RANGE_CURRENT, HAS_CURRENT),
            power: register(wide(p0, p1, p2), RANGE_POWER, HAS_POWER),
            count: turned | u32::from(u16::from_be_bytes([pulses0, pulses1])),
        })
    }
}

/// True if a frame can begin with this byte.
const fn starts_frame(state: u8) -> bool {
    state == STATE_OK || state == STATE_UNCALIBRATED || state & STATE_RANGE == STATE_RANGE
}

/// Finds frames in a stream: bytes in, one at a time, and a frame out when its last byte is in.
/// After any garbage it is in step again with the next whole frame at the latest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finder {
    /// What may be a frame's beginning; whatever lies before it is dropped.
    bytes: [u8; FRAME_BYTES],
    held: usize,
    /// Bytes dropped.
    pub dropped: u32,
}

impl Finder {
    pub const fn new() -> Self {
        Self {
            bytes: [0; FRAME_BYTES],
            held: 0,
            dropped: 0,
        }
    }

    pub fn push(&mut self, byte: u8) -> Option<Result<Frame, FrameError>> {
        if let Some(place) = self.bytes.get_mut(self.held) {
            *place = byte;
            self.held += 1;
        }
        while !self.may_be_a_frame() {
            self.drop_first();
        }
        if self.held < FRAME_BYTES {
            return None;
        }
        let frame = Frame::parse(&self.bytes);
        if frame.is_err() {
            // The true beginning may lie within: a frame heard from its middle may even look like that
            // of an uncalibrated chip, in every frame anew.
            self.drop_first();
            while !self.may_be_a_frame() {
                self.drop_first();
            }
            return (frame == Err(FrameError::Uncalibrated)).then_some(frame);
        }
        self.held = 0;
        Some(frame)
    }

    /// Counts the bytes of a frame that was whole, and another chip's.
    pub const fn pass_over(&mut self) {
        self.dropped = self.dropped.saturating_add(24);
    }

    fn may_be_a_frame(&self) -> bool {
        match self.bytes.get(..self.held) {
            Some([state, check, ..]) => starts_frame(*state) && *check == CHECK,
            Some([state]) => starts_frame(*state),
            _ => true,
        }
    }

    fn drop_first(&mut self) {
        self.bytes.rotate_left(1);
        self.held = self.held.saturating_sub(1);
        self.dropped = self.dropped.saturating_add(1);
    }
}
