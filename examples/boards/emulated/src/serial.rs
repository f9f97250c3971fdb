//! Serial ports that are polled: whoever runs a program asks its future again and again.

use core::convert::Infallible;
use core::future::poll_fn;
use core::task::Poll;

use embedded_io_async::{ErrorType, Read, Write};

use crate::time::{Clock, Timer};

/// A chip's serial port, a byte at a time.
pub trait Port {
    /// The next byte that came, if there is one.
    fn take(&self) -> Option<u8>;

    /// Sends a byte; false while the transmitter is full.
    fn give(&self, byte: u8) -> bool;
}

/// A serial port at a rate.
///
/// The emulators send at once, whatever the rate; what is sent takes its time here all the same, so
/// that a silence is one on the wire, too.
pub struct Serial<P, T> {
    port: P,
    clock: Clock<T>,
    byte_us: u64,
    /// When the last byte has left, microseconds.
    leaves: u64,
}

impl<P: Port, T: Timer> Serial<P, T> {
    /// A port at `baud`, ten bits a byte.
    pub fn new(port: P, clock: Clock<T>, baud: u32) -> Self {
        Self {
            port,
            clock,
            byte_us: 10_000_000_u64.div_ceil(u64::from(baud.max(1))),
            leaves: 0,
        }
    }

    /// Waits for the next byte.
    pub async fn byte(&self) -> u8 {
        poll_fn(|_| self.port.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

impl<P, T> ErrorType for Serial<P, T> {
    type Error = Infallible;
}

impl<P: Port, T: Timer> Read for Serial<P, T> {
    /// Cancellation safe: a dropped read has taken nothing.
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        let Some((first, more)) = bytes.split_first_mut() else {
            return Ok(0);
        };
        *first = self.byte().await;
        let mut count = 1;
        for place in more {
            let Some(byte) = self.port.take() else { break };
            *place = byte;
            count += 1;
        }
        Ok(count)
    }
}

impl<P: Port, T: Timer> Write for Serial<P, T> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for byte in bytes {
            poll_fn(|_| {
                if self.port.give(*byte) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            self.leaves = self.leaves.max(self.clock.micros()) + self.byte_us;
        }
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        self.clock.until(self.leaves).await;
        Ok(())
    }
}
