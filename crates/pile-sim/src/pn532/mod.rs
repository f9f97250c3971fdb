//! A virtual PN532 reader chip, at the level of the bytes on its UART ("HSU") and its SPI.
//!
//! Behind the wires is its firmware as UM0701-02 describes it: frames and their acknowledgement
//! (section 6.2), and of section 7 the commands `GetFirmwareVersion`, `SAMConfiguration`,
//! `SetParameters`, `RFConfiguration`, `InListPassiveTarget` (type A at 106 kbit/s, collisions
//! resolved, one or two cards), `InDataExchange` with cards of ISO/IEC 14443-4, `InDeselect` and
//! `InRelease`. Any other command is answered by the error frame. It finds cards in an [`RfField`]
//! by `REQA`, so a card that was halted stays unseen until the field is interrupted.
//!
//! As delivered it searches for ever: an `InListPassiveTarget` with no card is not answered until
//! `RFConfiguration` limits its tries, or an `ACK` aborts it. After a reset it sleeps: on the UART
//! it hears nothing until a `55h`.
//!
//! Not modelled: time, other cards and roles, I2C, the IRQ pin, `InDataExchange` with cards that
//! have no ISO/IEC 14443-4 (answered by a timeout), and that a real chip on SPI needs its select
//! line low for a while to wake. Its half of ISO/IEC 14443-4 is the one of `card-auth`.

mod chip;
mod frames;
mod radio;
mod wires;

use std::cell::RefCell;
use std::rc::Rc;

use chip::Chip;
pub use wires::{ResetPin, VirtualHsu, VirtualSpi};

use crate::cards::RfField;

/// What is wrong with the chip.
///
/// ```
/// use pile_sim::pn532::Fault;
/// assert_eq!(Fault::default(), Fault::None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Nobody drives the lines.
    Absent,
    /// It hears nothing and says nothing, until the reset pin is pulsed.
    Hung,
    /// It acknowledges commands and never answers them, until the reset pin is pulsed.
    Stuck,
    /// All is as it should be, but nothing goes out by the antenna and no card answers, until the
    /// reset pin is pulsed.
    Deaf,
    /// Its answers are bytes without sense.
    Garbage,
    /// Its answers have a wrong data check.
    WrongCheck,
    /// Its answers end in the middle.
    Truncated,
    /// It refuses every frame with a NACK.
    Refuses,
}

/// The chip. A shared handle: [`hsu`](Self::hsu) or [`spi`](Self::spi) go to the driver, this one
/// makes its life hard.
///
/// ```
/// use card_auth::{CardReader, Field, pn532::{Hsu, Pn532}};
/// use pile_sim::{cards::{RfField, VirtualCard}, mfrc522::NoWait, pn532::VirtualPn532};
/// # embassy_futures::block_on(async {
/// let field = RfField::default();
/// let chip = VirtualPn532::new(field.clone());
/// let mut reader = Pn532::new(Hsu::new(chip.hsu()), chip.reset_pin(), NoWait);
/// assert_eq!(reader.poll().await, Ok(Field::Empty));
/// field.put(VirtualCard::numbered(1));
/// assert!(matches!(reader.poll().await, Ok(Field::One(_))));
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct VirtualPn532(Rc<RefCell<Chip>>);

impl VirtualPn532 {
    /// Makes a chip, firmware 1.6, in front of `field`, as it is after power-up.
    pub fn new(field: RfField) -> Self {
        Self(Rc::new(RefCell::new(Chip::new(field))))
    }

    /// Breaks the chip, or mends it with [`Fault::None`].
    pub fn set_fault(&self, fault: Fault) {
        self.0.borrow_mut().faults = chip::Faults::lasting(fault);
    }

    /// Breaks the chip for its next `frames` frames only.
    pub fn set_fault_for(&self, fault: Fault, frames: u32) {
        self.0.borrow_mut().faults = chip::Faults::passing(fault, frames);
    }

    /// Makes it another chip, which calls itself so.
    pub fn set_version(&self, version: [u8; 4]) {
        self.0.borrow_mut().version = version;
    }

    /// Lets the supply dip: the chip resets, forgets its settings and sleeps, and nobody is told.
    pub fn brown_out(&self) {
        self.0.borrow_mut().reset();
    }

    /// The field in front of it.
    pub fn field(&self) -> RfField {
        self.0.borrow().field.clone()
    }

    /// Its UART.
    pub fn hsu(&self) -> VirtualHsu {
        VirtualHsu(Rc::clone(&self.0))
    }

    /// Its SPI, most significant bit first as a usual bus has it.
    pub fn spi(&self) -> VirtualSpi {
        VirtualSpi(Rc::clone(&self.0))
    }

    /// Its `RSTPD_N` pin.
    pub fn reset_pin(&self) -> ResetPin {
        ResetPin(Rc::clone(&self.0))
    }

    /// Commands heard so far.
    pub fn commands(&self) -> u64 {
        self.0.borrow().commands
    }

    /// Pulses of the reset pin so far.
    pub fn pin_resets(&self) -> u64 {
        self.0.borrow().pin_resets
    }
}

#[cfg(test)]
mod tests;
