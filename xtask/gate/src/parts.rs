//! Parts with nothing behind them: the drivers must say so, and not hang.

use core::convert::Infallible;

use embedded_hal_async::delay::DelayNs;
use embedded_hal_async::spi::{Operation, SpiDevice};

/// A bus that reads zeros.
pub struct NoChip;

impl embedded_hal_async::spi::ErrorType for NoChip {
    type Error = Infallible;
}

impl SpiDevice for NoChip {
    async fn transaction(
        &mut self,
        operations: &mut [Operation<'_, u8>],
    ) -> Result<(), Infallible> {
        for operation in operations {
            if let Operation::Read(bytes)
            | Operation::Transfer(bytes, _)
            | Operation::TransferInPlace(bytes) = operation
            {
                bytes.fill(0);
            }
        }
        Ok(())
    }
}

/// A delay that takes no time.
pub struct NoTime;

impl DelayNs for NoTime {
    async fn delay_ns(&mut self, _: u32) {}
}

/// A UART that nobody answers on.
pub struct NoLine;

impl embedded_io_async::ErrorType for NoLine {
    type Error = Infallible;
}

impl embedded_io_async::Read for NoLine {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, Infallible> {
        core::future::pending().await
    }
}

impl embedded_io_async::Write for NoLine {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
