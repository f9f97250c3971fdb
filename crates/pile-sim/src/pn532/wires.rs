//! The chip's wires: UART, SPI, reset pin.

use core::convert::Infallible;
use std::cell::RefCell;
use std::rc::Rc;

use embedded_hal::spi::Operation;

use super::chip::Chip;

/// The host's end of the UART of a [`VirtualPn532`](super::VirtualPn532).
///
/// ```
/// use embedded_io_async::{Read, Write};
/// use pile_sim::{cards::RfField, pn532::VirtualPn532};
/// # embassy_futures::block_on(async {
/// let mut uart = VirtualPn532::new(RfField::default()).hsu();
/// // A wake-up, then GetFirmwareVersion; the chip acknowledges it first.
/// uart.write_all(&[0x55, 0x55, 0, 0, 0]).await?;
/// uart.write_all(&[0x00, 0x00, 0xff, 0x02, 0xfe, 0xd4, 0x02, 0x2a, 0x00]).await?;
/// let mut ack = [0; 6];
/// uart.read_exact(&mut ack).await.unwrap();
/// assert_eq!(ack, [0x00, 0x00, 0xff, 0x00, 0xff, 0x00]);
/// # Ok::<(), core::convert::Infallible>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct VirtualHsu(pub(super) Rc<RefCell<Chip>>);

impl VirtualHsu {
    /// True if a read would give bytes.
    pub fn is_ready(&self) -> bool {
        self.0.borrow().is_ready()
    }
}

impl embedded_io_async::ErrorType for VirtualHsu {
    type Error = Infallible;
}

impl embedded_io_async::Write for VirtualHsu {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let mut chip = self.0.borrow_mut();
        for byte in bytes {
            chip.hear(*byte);
        }
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io_async::Read for VirtualHsu {
    /// Waits for ever in silence: the chip only speaks when it is spoken to.
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        if !self.is_ready() {
            core::future::pending::<()>().await;
        }
        let mut chip = self.0.borrow_mut();
        let mut bytes = 0;
        while let Some(room) = into.get_mut(bytes)
            && let Some(byte) = chip.next_byte()
        {
            *room = byte;
            bytes += 1;
        }
        Ok(bytes)
    }
}

/// The SPI of a [`VirtualPn532`](super::VirtualPn532), asynchronous and blocking.
///
/// ```
/// use embedded_hal::spi::SpiDevice;
/// use pile_sim::{cards::RfField, pn532::VirtualPn532};
/// let mut spi = VirtualPn532::new(RfField::default()).spi();
/// // Is anything ready? 02h, least significant bit first; no.
/// let mut status = [0x40, 0x00];
/// spi.transfer_in_place(&mut status)?;
/// assert_eq!(status[1], 0x00);
/// # Ok::<(), core::convert::Infallible>(())
/// ```
#[derive(Debug, Clone)]
pub struct VirtualSpi(pub(super) Rc<RefCell<Chip>>);

/// Where a transaction stands (UM0701-02 section 6.2.5.1).
enum Shift {
    Selected,
    Writing,
    Status,
    Reading(std::vec::IntoIter<u8>),
    Nonsense,
}

impl VirtualSpi {
    fn transact(&self, operations: &mut [Operation<'_, u8>]) {
        let mut chip = self.0.borrow_mut();
        chip.wake();
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
    }
}

impl Shift {
    /// One byte out and one in, as they are on a bus with the most significant bit first.
    fn clock(&mut self, chip: &mut Chip, out: u8) -> u8 {
        if chip.is_absent() {
            return 0xff;
        }
        let out = out.reverse_bits();
        let back = match self {
            Self::Selected => {
                *self = match out {
                    0x01 => Self::Writing,
                    0x02 => Self::Status,
                    0x03 => Self::Reading(chip.next_frame().unwrap_or_default().into_iter()),
                    _ => Self::Nonsense,
                };
                0
            }
            Self::Writing => {
                chip.hear(out);
                0
            }
            Self::Status => u8::from(chip.is_ready()),
            Self::Reading(frame) => frame.next().unwrap_or(0),
            Self::Nonsense => 0,
        };
        back.reverse_bits()
    }
}

impl embedded_hal::spi::ErrorType for VirtualSpi {
    type Error = Infallible;
}

impl embedded_hal::spi::SpiDevice for VirtualSpi {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Infallible> {
        self.transact(operations);
        Ok(())
    }
}

impl embedded_hal_async::spi::SpiDevice for VirtualSpi {
    async fn transaction(
        &mut self,
        operations: &mut [Operation<'_, u8>],
    ) -> Result<(), Infallible> {
        self.transact(operations);
        Ok(())
    }
}

/// The reset pin `RSTPD_N` of a [`VirtualPn532`](super::VirtualPn532), active low.
///
/// ```
/// use embedded_hal::digital::OutputPin;
/// use pile_sim::{cards::RfField, pn532::VirtualPn532};
/// let chip = VirtualPn532::new(RfField::default());
/// let mut pin = chip.reset_pin();
/// pin.set_low()?;
/// pin.set_high()?;
/// assert_eq!(chip.pin_resets(), 1);
/// # Ok::<(), core::convert::Infallible>(())
/// ```
#[derive(Debug, Clone)]
pub struct ResetPin(pub(super) Rc<RefCell<Chip>>);

impl embedded_hal::digital::ErrorType for ResetPin {
    type Error = Infallible;
}

impl embedded_hal::digital::OutputPin for ResetPin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        let mut chip = self.0.borrow_mut();
        chip.held = true;
        chip.field.power(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.0.borrow_mut().release();
        Ok(())
    }
}
