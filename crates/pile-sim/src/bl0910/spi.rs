//! The driver's end of the chip.

use super::VirtualBl0910;
use embedded_hal_async::spi::{ErrorType, Operation, SpiDevice};
use std::convert::Infallible;

/// The SPI of a [`VirtualBl0910`]: bytes are exchanged at once.
///
/// ```
/// use embedded_hal_async::spi::{Operation, SpiDevice};
/// use metering::bl0910::Circuit;
/// use pile_sim::bl0910::VirtualBl0910;
///
/// let mut spi = VirtualBl0910::new(std::rc::Rc::default(), Circuit::OUTLET).spi();
/// let mut answer = [0; 4];
/// embassy_futures::block_on(spi.transaction(&mut [
///     Operation::Write(&[0x82, 0x5E]), // the temperature
///     Operation::Read(&mut answer),
/// ]))?;
/// assert_eq!(answer, [0x00, 0x01, 0x73, 0xAB]);
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug, Clone)]
pub struct VirtualSpi {
    chip: VirtualBl0910,
}

impl VirtualSpi {
    pub(super) const fn new(chip: VirtualBl0910) -> Self {
        Self { chip }
    }
}

impl ErrorType for VirtualSpi {
    type Error = Infallible;
}

impl SpiDevice for VirtualSpi {
    async fn transaction(
        &mut self,
        operations: &mut [Operation<'_, u8>],
    ) -> Result<(), Infallible> {
        self.chip.with(|part| {
            for operation in operations {
                match operation {
                    Operation::Write(bytes) => {
                        for byte in *bytes {
                            part.exchange(*byte);
                        }
                    }
                    Operation::Read(bytes) => {
                        for byte in bytes.iter_mut() {
                            *byte = part.exchange(0);
                        }
                    }
                    Operation::Transfer(to, from) => {
                        let from = from.iter().copied().chain(std::iter::repeat(0));
                        for (to, from) in to.iter_mut().zip(from) {
                            *to = part.exchange(from);
                        }
                    }
                    Operation::TransferInPlace(bytes) => {
                        for byte in bytes.iter_mut() {
                            *byte = part.exchange(*byte);
                        }
                    }
                    Operation::DelayNs(_) => {}
                }
            }
        });
        Ok(())
    }
}
