//! A virtual MFRC522 reader chip, at the level of its SPI wires and its registers.
//!
//! It speaks the bus as the data sheet has it (NXP rev. 3.9, section 8.1.2): an address byte,
//! `(register << 1) & 7Eh`, with 80h to read; then values to write to that register, or further
//! addresses to read while the one before answers. Behind it are a FIFO of 64 bytes, the commands
//! `Idle`, `CalcCRC`, `Transceive` and `SoftReset`, the interrupt requests, collisions with their
//! place, bit-oriented frames, the timer, the CRC coprocessor, and the antenna that powers an
//! [`RfField`].
//!
//! Time inside the chip is counted in looks at `ComIrqReg`, not in microseconds, so that it does
//! not matter whose clock a driver waits on: an exchange is over at the look after
//! [`busy_looks`](VirtualMfrc522::set_busy_looks) looks. A timer set too short for any card to
//! answer still fires first, and one that is not set never fires.
//!
//! Not modelled: other bit rates, parity and field strength, `MFAuthent`, power-down by command,
//! the IRQ pin, `TxCRCEn` and `RxCRCEn`.

mod chip;
mod registers;

use core::convert::Infallible;
use std::cell::RefCell;
use std::rc::Rc;

use chip::Chip;
use embedded_hal::spi::{ErrorKind, ErrorType, Operation};

use crate::cards::RfField;

/// What is wrong with the chip.
///
/// ```
/// use pile_sim::mfrc522::Fault;
/// assert_eq!(Fault::default(), Fault::None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Every register reads `00h`.
    Dead,
    /// Nobody drives the line: every register reads `FFh`.
    Absent,
    /// Registers work, but no interrupt comes and no frame goes out, until the reset pin is
    /// pulsed. A reset by command does not help.
    Hung,
    /// All is as it should be, but nothing goes out by the antenna and no card answers, until the
    /// reset pin is pulsed.
    Deaf,
    /// Every transaction fails on the bus.
    Bus,
}

/// Which chip it is.
///
/// ```
/// use pile_sim::mfrc522::Version;
/// assert_eq!(Version::Fm17522.register(), 0x88);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MFRC522 version 1.0.
    V1,
    /// MFRC522 version 2.0.
    V2,
    /// FM17522.
    Fm17522,
    /// Any other value of `VersionReg`.
    Other(u8),
}

impl Version {
    /// The value of `VersionReg`.
    pub const fn register(self) -> u8 {
        match self {
            Self::V1 => 0x91,
            Self::V2 => 0x92,
            Self::Fm17522 => 0x88,
            Self::Other(value) => value,
        }
    }
}

/// The chip. A shared handle: one copy is the driver's `SpiDevice`, asynchronous and blocking, and
/// the others make its life hard.
///
/// ```
/// use card_auth::{CardReader, Field, mfrc522::Mfrc522};
/// use pile_sim::{cards::{RfField, VirtualCard}, mfrc522::{NoWait, VirtualMfrc522}};
/// # embassy_futures::block_on(async {
/// let field = RfField::default();
/// let chip = VirtualMfrc522::new(field.clone());
/// let mut reader = Mfrc522::new(chip.clone(), chip.reset_pin(), NoWait);
/// assert_eq!(reader.poll().await, Ok(Field::Empty));
/// field.put(VirtualCard::numbered(1));
/// assert!(matches!(reader.poll().await, Ok(Field::One(_))));
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct VirtualMfrc522(Rc<RefCell<Chip>>);

impl VirtualMfrc522 {
    /// Makes a chip, version 2.0, in front of `field`, as it is after power-up.
    pub fn new(field: RfField) -> Self {
        Self(Rc::new(RefCell::new(Chip::new(field))))
    }

    /// Makes it another chip, from its next reset on.
    pub fn set_version(&self, version: Version) {
        self.0.borrow_mut().version = version;
        self.brown_out();
    }

    /// Breaks the chip, or mends it with [`Fault::None`].
    pub fn set_fault(&self, fault: Fault) {
        self.0.borrow_mut().fault = fault;
    }

    /// What is wrong with it now.
    pub fn fault(&self) -> Fault {
        self.0.borrow().fault
    }

    /// Sets how many looks at `ComIrqReg` an exchange is still under way; 1 at first.
    pub fn set_busy_looks(&self, looks: u32) {
        self.0.borrow_mut().busy_looks = looks;
    }

    /// Lets the supply dip: the chip resets and forgets its settings, and nobody is told.
    pub fn brown_out(&self) {
        self.0.borrow_mut().reset();
    }

    /// The field in front of it.
    pub fn field(&self) -> RfField {
        self.0.borrow().field.clone()
    }

    /// Its `NRSTPD` pin.
    pub fn reset_pin(&self) -> ResetPin {
        ResetPin(self.clone())
    }

    /// SPI transactions so far.
    pub fn transactions(&self) -> u64 {
        self.0.borrow().transactions
    }

    /// Pulses of the reset pin so far.
    pub fn pin_resets(&self) -> u64 {
        self.0.borrow().pin_resets
    }

    fn transact(&self, operations: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
        let mut chip = self.0.borrow_mut();
        chip.transactions += 1;
        if chip.fault == Fault::Bus {
            return Err(ErrorKind::Other);
        }
        let mut shift = Shift::Selected;
        for operation in operations {
            match operation {
                Operation::Write(bytes) => bytes.iter().for_each(|byte| {
                    shift.clock(&mut chip, *byte);
                }),
                Operation::Read(bytes) => bytes.iter_mut().for_each(|byte| {
                    *byte = shift.clock(&mut chip, 0);
                }),
                Operation::TransferInPlace(bytes) => bytes.iter_mut().for_each(|byte| {
                    *byte = shift.clock(&mut chip, *byte);
                }),
                Operation::Transfer(read, write) => {
                    for at in 0..read.len().max(write.len()) {
                        let out = write.get(at).copied().unwrap_or(0);
                        let back = shift.clock(&mut chip, out);
                        if let Some(byte) = read.get_mut(at) {
                            *byte = back;
                        }
                    }
                }
                Operation::DelayNs(_) => {}
            }
        }
        Ok(())
    }
}

/// Where a transaction stands (8.1.2).
#[derive(Debug, Clone, Copy)]
enum Shift {
    /// The next byte is the first address.
    Selected,
    /// The next byte is a value for this register.
    Writing(usize),
    /// The next byte answers for this register, and names the next.
    Reading(usize),
}

impl Shift {
    /// One byte out and one byte in.
    fn clock(&mut self, chip: &mut Chip, out: u8) -> u8 {
        let address = usize::from(out >> 1 & 0x3f);
        match *self {
            Self::Selected => {
                *self = if out & 0x80 == 0 {
                    Self::Writing(address)
                } else {
                    Self::Reading(address)
                };
                0
            }
            Self::Writing(register) => {
                chip.write(register, out);
                0
            }
            Self::Reading(register) => {
                *self = Self::Reading(address);
                chip.read(register)
            }
        }
    }
}

impl ErrorType for VirtualMfrc522 {
    type Error = ErrorKind;
}

impl embedded_hal::spi::SpiDevice for VirtualMfrc522 {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
        self.transact(operations)
    }
}

impl embedded_hal_async::spi::SpiDevice for VirtualMfrc522 {
    async fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
        self.transact(operations)
    }
}

/// The reset pin `NRSTPD` of a [`VirtualMfrc522`], active low.
///
/// ```
/// use embedded_hal::digital::OutputPin;
/// use pile_sim::{cards::RfField, mfrc522::VirtualMfrc522};
/// let chip = VirtualMfrc522::new(RfField::default());
/// let mut pin = chip.reset_pin();
/// pin.set_low()?;
/// pin.set_high()?;
/// assert_eq!(chip.pin_resets(), 1);
/// # Ok::<(), core::convert::Infallible>(())
/// ```
#[derive(Debug, Clone)]
pub struct ResetPin(VirtualMfrc522);

impl embedded_hal::digital::ErrorType for ResetPin {
    type Error = Infallible;
}

impl embedded_hal::digital::OutputPin for ResetPin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        let mut chip = self.0.0.borrow_mut();
        chip.held = true;
        chip.field.power(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        let mut chip = self.0.0.borrow_mut();
        if chip.held {
            chip.held = false;
            chip.pin_resets += 1;
            if matches!(chip.fault, Fault::Hung | Fault::Deaf) {
                chip.fault = Fault::None;
            }
            chip.reset();
        }
        Ok(())
    }
}

/// A delay that takes no time: for tests of a driver without a world around it.
///
/// ```
/// use embedded_hal::delay::DelayNs;
/// pile_sim::mfrc522::NoWait.delay_ms(1_000_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoWait;

impl embedded_hal::delay::DelayNs for NoWait {
    fn delay_ns(&mut self, _: u32) {}
}

impl embedded_hal_async::delay::DelayNs for NoWait {
    async fn delay_ns(&mut self, _: u32) {}
}

#[cfg(test)]
mod tests;
