//! The registers this driver touches, as numbered and named in the data sheet (NXP MFRC522
//! rev. 3.9, section 9.2).

/// A register by its address, 00h..=3Fh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Register {
    /// Starts and stops commands (9.3.1.2).
    Command = 0x01,
    /// Interrupt requests (9.3.1.5).
    ComIrq = 0x04,
    /// Errors of the last command (9.3.1.7).
    Error = 0x06,
    /// In- and output of the 64-byte FIFO (9.3.1.10).
    FifoData = 0x09,
    /// Bytes in the FIFO (9.3.1.11).
    FifoLevel = 0x0a,
    /// Bits received of the last byte (9.3.1.13).
    Control = 0x0c,
    /// Bit-oriented frames, and the start of a transmission (9.3.1.14).
    BitFraming = 0x0d,
    /// General modes (9.3.2.2).
    Mode = 0x11,
    /// The antenna driver pins (9.3.2.5).
    TxControl = 0x14,
    /// Modulation (9.3.2.6).
    TxAsk = 0x15,
    /// Timer settings (9.3.3.10).
    TMode = 0x2a,
    /// Timer prescaler, low byte (9.3.3.10).
    TPrescaler = 0x2b,
    /// Timer reload value, high byte (9.3.3.11).
    TReloadHigh = 0x2c,
    /// Timer reload value, low byte (9.3.3.11).
    TReloadLow = 0x2d,
    /// The chip and its version (9.3.4.8).
    Version = 0x37,
}

impl Register {
    /// The SPI address byte that writes it (8.1.2.3).
    pub(super) const fn to_write(self) -> u8 {
        ((self as u8) << 1) & 0x7e
    }

    /// The SPI address byte that reads it (8.1.2.3).
    pub(super) const fn to_read(self) -> u8 {
        self.to_write() | 0x80
    }
}

/// `CommandReg` bits and commands (9.3.1.2, 10.3).
pub(super) mod command {
    /// Cancels what is running.
    pub const IDLE: u8 = 0x00;
    /// Sends the FIFO, then receives.
    pub const TRANSCEIVE: u8 = 0x0c;
    /// Resets the registers.
    pub const SOFT_RESET: u8 = 0x0f;
    /// Reads as one while the chip wakes up.
    pub const POWER_DOWN: u8 = 0x10;
}

/// `ComIrqReg` bits (9.3.1.5).
pub(super) mod irq {
    /// Clears the seven requests (bit 7 at zero: the marked bits are cleared).
    pub const CLEAR_ALL: u8 = 0x7f;
    /// Write only; reads as zero on a chip that is there.
    pub const SET_1: u8 = 0x80;
    /// The end of a valid data stream was received.
    pub const RX: u8 = 0x20;
    /// A command ended by itself.
    pub const IDLE: u8 = 0x10;
    /// A bit of `ErrorReg` is set.
    pub const ERROR: u8 = 0x02;
    /// The timer ran out.
    pub const TIMER: u8 = 0x01;
}

/// `ErrorReg` bits (9.3.1.7).
pub(super) mod error_bits {
    /// Too hot: the antenna drivers are off.
    pub const TEMPERATURE: u8 = 0x40;
    /// Two cards sent different bits.
    pub const COLLISION: u8 = 0x08;
    /// Everything else that makes a received frame worthless.
    pub const OTHERS: u8 = 0x97;
}

/// `FIFOLevelReg`: empties the FIFO; reads as zero (9.3.1.11).
pub(super) const FLUSH_BUFFER: u8 = 0x80;
/// `BitFramingReg`: starts the transmission (9.3.1.14).
pub(super) const START_SEND: u8 = 0x80;
/// `ModeReg`: wait for the field before sending, CRC preset 6363h (9.3.2.2).
pub(super) const MODE_TYPE_A: u8 = 0x3d;
/// `TxControlReg`: both antenna pins carry the 13.56 MHz carrier (9.3.2.5).
pub(super) const ANTENNA_ON: u8 = 0x83;
/// `TxControlReg`: no carrier (9.3.2.5).
pub(super) const ANTENNA_OFF: u8 = 0x80;
/// `TxASKReg`: 100 % modulation, which type A wants (9.3.2.6).
pub(super) const FORCE_100_ASK: u8 = 0x40;
/// `TModeReg`: the timer starts when a transmission ends (9.3.3.10).
pub(super) const TIMER_AUTO: u8 = 0x80;
/// `TPrescalerReg`: 13.56 MHz / (2 x 169 + 1) = 40 kHz, a step of 25 us (9.3.3.10).
pub(super) const PRESCALER_40_KHZ: u8 = 169;
