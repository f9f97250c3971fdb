//! Inside the chip: registers, FIFO, commands, timer, CRC coprocessor.

use super::registers as reg;
use super::{Fault, Version};
use crate::cards::{Bits, OnAir, RfField};

/// Bytes of the FIFO.
const FIFO_BYTES: usize = 64;

/// The shortest timer that still sees an answer begin: frame delay time of 91 us and the start of
/// the answer, 5 bits of 9.44 us (ISO/IEC 14443-3 clause 6.2.1, data sheet 9.3.3.10 `TAuto`).
const SHORTEST_TIMER_NS: u64 = 138_000;

/// What an exchange leads to, once the chip has been looked at often enough.
#[derive(Debug, Clone)]
enum Outcome {
    Nothing,
    TimedOut,
    Received(OnAir),
}

#[derive(Debug)]
pub(super) struct Chip {
    pub(super) field: RfField,
    pub(super) fault: Fault,
    pub(super) version: Version,
    pub(super) busy_looks: u32,
    pub(super) transactions: u64,
    pub(super) pin_resets: u64,
    /// `NRSTPD` is low.
    pub(super) held: bool,
    registers: [u8; 64],
    fifo: [u8; FIFO_BYTES],
    level: usize,
    waking: u32,
    pending: Option<(u32, Outcome)>,
}

impl Chip {
    pub(super) fn new(field: RfField) -> Self {
        let version = Version::V2;
        field.power(false);
        Self {
            field,
            fault: Fault::None,
            version,
            busy_looks: 1,
            transactions: 0,
            pin_resets: 0,
            held: false,
            registers: reg::after_reset(version.register()),
            fifo: [0; FIFO_BYTES],
            level: 0,
            waking: 0,
            pending: None,
        }
    }

    /// Back to the state after power-up.
    pub(super) fn reset(&mut self) {
        self.registers = reg::after_reset(self.version.register());
        self.level = 0;
        self.pending = None;
        self.waking = 1;
        self.field.power(false);
    }

    fn get(&self, address: usize) -> u8 {
        self.registers.get(address).copied().unwrap_or(0)
    }

    fn set(&mut self, address: usize, value: u8) {
        if let Some(register) = self.registers.get_mut(address) {
            *register = value;
        }
    }

    fn raise(&mut self, address: usize, bits: u8) {
        self.set(address, self.get(address) | bits);
    }

    pub(super) fn read(&mut self, address: usize) -> u8 {
        match self.fault {
            Fault::Dead => return 0x00,
            Fault::Absent => return 0xff,
            Fault::None | Fault::Hung | Fault::Deaf | Fault::Bus => {}
        }
        if self.held {
            return 0x00;
        }
        match address {
            reg::COMMAND => {
                let value = self.get(reg::COMMAND);
                if self.waking > 0 {
                    self.waking -= 1;
                    return value | reg::POWER_DOWN;
                }
                value
            }
            reg::COM_IRQ => {
                self.look();
                self.get(reg::COM_IRQ)
            }
            reg::FIFO_DATA => self.pop(),
            reg::FIFO_LEVEL => u8::try_from(self.level).unwrap_or(0),
            _ => self.get(address),
        }
    }

    pub(super) fn write(&mut self, address: usize, value: u8) {
        if self.held || matches!(self.fault, Fault::Dead | Fault::Absent) {
            return;
        }
        match address {
            reg::COMMAND => self.command(value),
            reg::COM_IRQ | reg::DIV_IRQ => {
                let bits = value & !reg::IRQ_SET;
                let old = self.get(address);
                let new = if value & reg::IRQ_SET == 0 {
                    old & !bits
                } else {
                    old | bits
                };
                self.set(address, new);
            }
            reg::FIFO_DATA => self.push(value),
            reg::FIFO_LEVEL => {
                if value & reg::FLUSH != 0 {
                    self.level = 0;
                    self.set(reg::ERROR, self.get(reg::ERROR) & !reg::ERR_BUFFER_OVERFLOW);
                }
            }
            reg::BIT_FRAMING => {
                // `StartSend` is write only.
                self.set(address, value & !reg::START_SEND);
                let transceiving =
                    self.get(reg::COMMAND) & reg::COMMAND_MASK == reg::CMD_TRANSCEIVE;
                if value & reg::START_SEND != 0 && transceiving {
                    self.transmit();
                }
            }
            reg::COLL => {
                // Only `ValuesAfterColl` can be written.
                let kept = self.get(address) & !reg::VALUES_AFTER_COLL;
                self.set(address, kept | (value & reg::VALUES_AFTER_COLL));
            }
            reg::TX_CONTROL => {
                self.set(address, value);
                self.field.power(value & reg::TX1_TX2 == reg::TX1_TX2);
            }
            // Read only: errors, status, control's bit count, results, counter, version.
            reg::ERROR
            | 0x07
            | 0x08
            | reg::CONTROL
            | reg::CRC_RESULT_HIGH
            | reg::CRC_RESULT_LOW
            | 0x2e
            | 0x2f
            | reg::VERSION => {}
            _ => self.set(address, value),
        }
    }

    fn push(&mut self, value: u8) {
        if let Some(slot) = self.fifo.get_mut(self.level) {
            *slot = value;
            self.level += 1;
        } else {
            self.raise(reg::ERROR, reg::ERR_BUFFER_OVERFLOW);
        }
    }

    fn pop(&mut self) -> u8 {
        if self.level == 0 {
            return 0;
        }
        let first = self.fifo.first().copied().unwrap_or(0);
        self.fifo.copy_within(1..self.level, 0);
        self.level -= 1;
        first
    }

    fn command(&mut self, value: u8) {
        match value & reg::COMMAND_MASK {
            reg::CMD_SOFT_RESET => self.reset(),
            reg::CMD_NO_CHANGE => {}
            command => {
                self.set(reg::COMMAND, value);
                self.pending = None;
                match command {
                    reg::CMD_IDLE | reg::CMD_TRANSCEIVE => {}
                    reg::CMD_CALC_CRC => self.calculate_crc(),
                    // Not modelled: it ends at once.
                    _ => {
                        self.set(reg::COMMAND, reg::CMD_IDLE);
                        self.raise(reg::COM_IRQ, reg::IRQ_IDLE);
                    }
                }
            }
        }
    }

    /// The CRC coprocessor (8.6), polynomial x^16 + x^12 + x^5 + 1, least significant bit first.
    fn calculate_crc(&mut self) {
        let preset: u16 = match self.get(reg::MODE) & 0x03 {
            0 => 0x0000,
            1 => 0x6363,
            2 => 0xa671,
            _ => 0xffff,
        };
        let data = self.fifo.iter().take(self.level);
        let crc = data.fold(preset, |crc, byte| {
            (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
                (crc >> 1) ^ if crc & 1 == 1 { 0x8408 } else { 0 }
            })
        });
        let [low, high] = crc.to_le_bytes();
        self.level = 0;
        self.set(reg::CRC_RESULT_LOW, low);
        self.set(reg::CRC_RESULT_HIGH, high);
        if self.fault != Fault::Hung {
            self.raise(reg::DIV_IRQ, reg::IRQ_CRC);
        }
    }

    /// Sends the FIFO and listens (`Transceive`, 10.3.1.8).
    fn transmit(&mut self) {
        let last_bits = usize::from(self.get(reg::BIT_FRAMING) & 0x07);
        let sent = self.fifo.get(..self.level).unwrap_or_default();
        let bits = match last_bits {
            0 => self.level * 8,
            some => (self.level * 8 + some).saturating_sub(8),
        };
        let frame = Bits::new(sent, bits);
        self.level = 0;
        self.set(reg::ERROR, 0);
        self.set(
            reg::COLL,
            self.get(reg::COLL) & reg::VALUES_AFTER_COLL | reg::COLL_POS_NOT_VALID,
        );
        if self.fault == Fault::Hung {
            self.pending = None;
            return;
        }
        self.raise(reg::COM_IRQ, reg::IRQ_TX);
        let air = match frame.filter(|frame| !frame.is_empty()) {
            Some(frame) if self.fault != Fault::Deaf => self.field.exchange(&frame),
            _ => OnAir::Silence,
        };
        let outcome = match air {
            OnAir::Silence if self.timer_ns().is_none() => Outcome::Nothing,
            OnAir::Silence => Outcome::TimedOut,
            _ if self.timer_ns().is_some_and(|ns| ns < SHORTEST_TIMER_NS) => Outcome::TimedOut,
            air => Outcome::Received(air),
        };
        self.pending = Some((self.busy_looks, outcome));
    }

    /// The timer that starts after a transmission (8.5), or `None` if none does.
    fn timer_ns(&self) -> Option<u64> {
        let mode = self.get(reg::T_MODE);
        let prescaler = u64::from(mode & 0x0f) << 8 | u64::from(self.get(reg::T_PRESCALER));
        let reload =
            u64::from(self.get(reg::T_RELOAD_HIGH)) << 8 | u64::from(self.get(reg::T_RELOAD_LOW));
        // One period of 13.56 MHz is 73.75 ns.
        (mode & reg::T_AUTO != 0).then(|| (2 * prescaler + 1) * (reload + 1) * 7375 / 100)
    }

    /// Time passes from look to look.
    fn look(&mut self) {
        match self.pending.take() {
            None => {}
            Some((0, outcome)) => self.finish(outcome),
            Some((looks, outcome)) => self.pending = Some((looks - 1, outcome)),
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Nothing | Outcome::Received(OnAir::Silence) => {}
            Outcome::TimedOut => self.raise(reg::COM_IRQ, reg::IRQ_TIMER),
            Outcome::Received(OnAir::Answer(bits)) => {
                self.fill(&bits);
                self.raise(reg::COM_IRQ, reg::IRQ_RX);
            }
            Outcome::Received(OnAir::Collision { bits, at }) => {
                let keep = self.get(reg::COLL) & reg::VALUES_AFTER_COLL != 0;
                let bits = match Bits::new(bits.bytes(), at) {
                    Some(mut clean) if !keep => {
                        // What follows a collision is cleared.
                        (at..bits.len()).for_each(|_| clean.push(false));
                        clean
                    }
                    _ => bits,
                };
                self.fill(&bits);
                // Counted from 1, the alignment of the first byte included; 32 is shown as 0.
                let place = at + self.align() + 1;
                let shown = if place <= 32 {
                    u8::try_from(place % 32).unwrap_or(0)
                } else {
                    reg::COLL_POS_NOT_VALID
                };
                let kept = self.get(reg::COLL) & reg::VALUES_AFTER_COLL;
                self.set(reg::COLL, kept | shown);
                self.raise(reg::ERROR, reg::ERR_COLLISION);
                self.raise(reg::COM_IRQ, reg::IRQ_RX | reg::IRQ_ERROR);
            }
        }
    }

    /// `RxAlign`: where the first received bit goes.
    fn align(&self) -> usize {
        usize::from(self.get(reg::BIT_FRAMING) >> 4 & 0x07)
    }

    fn fill(&mut self, received: &Bits) {
        let mut aligned = Bits::whole(&[]);
        (0..self.align()).for_each(|_| aligned.push(false));
        (0..received.len())
            .filter_map(|at| received.bit(at))
            .for_each(|bit| aligned.push(bit));
        aligned.bytes().iter().for_each(|byte| self.push(*byte));
        let last = u8::try_from(aligned.len() % 8).unwrap_or(0);
        self.set(reg::CONTROL, self.get(reg::CONTROL) & !0x07 | last);
    }
}
