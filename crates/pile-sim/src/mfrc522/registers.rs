//! The MFRC522 as its data sheet (NXP rev. 3.9, section 9) describes it: addresses, bits, reset
//! values. Written from the data sheet on its own, so that a slip in the driver's table shows.

pub const COMMAND: usize = 0x01;
pub const COM_IRQ: usize = 0x04;
pub const DIV_IRQ: usize = 0x05;
pub const ERROR: usize = 0x06;
pub const FIFO_DATA: usize = 0x09;
pub const FIFO_LEVEL: usize = 0x0a;
pub const CONTROL: usize = 0x0c;
pub const BIT_FRAMING: usize = 0x0d;
pub const COLL: usize = 0x0e;
pub const MODE: usize = 0x11;
pub const TX_CONTROL: usize = 0x14;
pub const CRC_RESULT_HIGH: usize = 0x21;
pub const CRC_RESULT_LOW: usize = 0x22;
pub const T_MODE: usize = 0x2a;
pub const T_PRESCALER: usize = 0x2b;
pub const T_RELOAD_HIGH: usize = 0x2c;
pub const T_RELOAD_LOW: usize = 0x2d;
pub const VERSION: usize = 0x37;

/// `CommandReg`: the command (10.3).
pub const COMMAND_MASK: u8 = 0x0f;
/// `CommandReg`: soft power-down, or waking up from it.
pub const POWER_DOWN: u8 = 0x10;
pub const CMD_IDLE: u8 = 0x00;
pub const CMD_CALC_CRC: u8 = 0x03;
pub const CMD_NO_CHANGE: u8 = 0x07;
pub const CMD_TRANSCEIVE: u8 = 0x0c;
pub const CMD_SOFT_RESET: u8 = 0x0f;

/// `ComIrqReg`, `DivIrqReg`: set (1) or clear (0) the marked bits.
pub const IRQ_SET: u8 = 0x80;
pub const IRQ_TX: u8 = 0x40;
pub const IRQ_RX: u8 = 0x20;
pub const IRQ_IDLE: u8 = 0x10;
pub const IRQ_ERROR: u8 = 0x02;
pub const IRQ_TIMER: u8 = 0x01;
/// `DivIrqReg`: the CRC is calculated.
pub const IRQ_CRC: u8 = 0x04;

/// `ErrorReg`.
pub const ERR_BUFFER_OVERFLOW: u8 = 0x10;
pub const ERR_COLLISION: u8 = 0x08;

/// `FIFOLevelReg`: empties the FIFO.
pub const FLUSH: u8 = 0x80;
/// `BitFramingReg`: starts the transmission.
pub const START_SEND: u8 = 0x80;
/// `CollReg`: keep what was received after a collision.
pub const VALUES_AFTER_COLL: u8 = 0x80;
/// `CollReg`: there was no collision, or past bit 32.
pub const COLL_POS_NOT_VALID: u8 = 0x20;
/// `TxControlReg`: carrier on both pins.
pub const TX1_TX2: u8 = 0x03;
/// `TModeReg`: the timer starts by itself after a transmission.
pub const T_AUTO: u8 = 0x80;

/// The registers after a reset (table 20 and the tables of 9.3); `version` is not a setting.
pub fn after_reset(version: u8) -> [u8; 64] {
    let mut registers = [0; 64];
    for (address, value) in [
        (COMMAND, 0x20),
        (0x02, 0x80),
        (COM_IRQ, 0x14),
        (0x07, 0x21),
        (0x0b, 0x08),
        (CONTROL, 0x10),
        (COLL, 0xa0),
        (MODE, 0x3f),
        (TX_CONTROL, 0x80),
        (0x16, 0x10),
        (0x17, 0x84),
        (0x18, 0x84),
        (0x19, 0x4d),
        (0x1c, 0x62),
        (0x1f, 0xeb),
        (CRC_RESULT_HIGH, 0xff),
        (CRC_RESULT_LOW, 0xff),
        (0x24, 0x26),
        (0x26, 0x48),
        (0x27, 0x88),
        (0x28, 0x20),
        (0x29, 0x20),
        (0x33, 0x80),
        (0x36, 0x40),
        (VERSION, version),
    ] {
        if let Some(register) = registers.get_mut(address) {
            *register = value;
        }
    }
    registers
}
