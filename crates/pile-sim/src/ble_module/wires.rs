//! The host's ends of a module's wires, and its clock.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use embedded_hal::digital::{ErrorType as PinErrorType, InputPin, OutputPin};
use embedded_hal_async::delay::DelayNs;
use embedded_hal_async::digital::Wait;
use embedded_io_async::{ErrorType, Read, Write};

use super::module::Module;

/// The host's UART: a transmitter of 16 bytes, and a receive buffer.
///
/// ```
/// use embedded_io_async::Write;
/// use pile_sim::ble_module::{Kind, Limits, VirtualBleModule};
/// let module = VirtualBleModule::new(Kind::Hm10, Limits::default());
/// let mut uart = module.uart(9_600);
/// module.run(100, async { uart.write_all(&[0; 48]).await.unwrap(); uart.flush().await.unwrap() });
/// assert_eq!(module.now_ms(), 50); // 48 bytes of 10 bits at 9600 baud
/// ```
#[derive(Debug)]
pub struct Uart(pub(super) Rc<RefCell<Module>>);

impl ErrorType for Uart {
    type Error = Infallible;
}

impl Write for Uart {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        poll_fn(|_| match self.0.borrow_mut().host_writes(bytes) {
            0 if !bytes.is_empty() => Poll::Pending,
            written => Poll::Ready(Ok(written)),
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        poll_fn(|_| {
            if self.0.borrow().host_has_sent() {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            }
        })
        .await
    }
}

impl Read for Uart {
    /// Cancellation safe: a dropped read has taken nothing.
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|_| match self.0.borrow_mut().host_reads(into) {
            0 if !into.is_empty() => Poll::Pending,
            read => Poll::Ready(Ok(read)),
        })
        .await
    }
}

/// The pin that tells of a connection.
///
/// ```
/// use embedded_hal::digital::InputPin;
/// use pile_sim::ble_module::{Kind, Limits, VirtualBleModule};
/// let module = VirtualBleModule::new(Kind::Jdy16, Limits::default());
/// let mut stat = module.state_pin();
/// assert!(stat.is_low()?);
/// module.connect();
/// assert!(stat.is_high()?);
/// # Ok::<(), core::convert::Infallible>(())
/// ```
#[derive(Debug)]
pub struct StatePin(pub(super) Rc<RefCell<Module>>);

impl PinErrorType for StatePin {
    type Error = Infallible;
}

impl InputPin for StatePin {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.0.borrow().state_pin())
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        Ok(!self.0.borrow().state_pin())
    }
}

impl StatePin {
    async fn level(&self, high: bool) {
        poll_fn(|_| {
            if self.0.borrow().state_pin() == high {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

impl Wait for StatePin {
    async fn wait_for_high(&mut self) -> Result<(), Infallible> {
        self.level(true).await;
        Ok(())
    }

    async fn wait_for_low(&mut self) -> Result<(), Infallible> {
        self.level(false).await;
        Ok(())
    }

    async fn wait_for_rising_edge(&mut self) -> Result<(), Infallible> {
        self.level(false).await;
        self.level(true).await;
        Ok(())
    }

    async fn wait_for_falling_edge(&mut self) -> Result<(), Infallible> {
        self.level(true).await;
        self.level(false).await;
        Ok(())
    }

    async fn wait_for_any_edge(&mut self) -> Result<(), Infallible> {
        let high = self.0.borrow().state_pin();
        self.level(!high).await;
        Ok(())
    }
}

/// A JDY-16's PWRC: low makes commands of what a connected module hears.
///
/// ```
/// use embedded_hal::digital::OutputPin;
/// use pile_sim::ble_module::{Kind, Limits, VirtualBleModule};
/// let module = VirtualBleModule::new(Kind::Jdy16, Limits::default());
/// module.command_pin().set_low()?;
/// # Ok::<(), core::convert::Infallible>(())
/// ```
#[derive(Debug)]
pub struct CommandPin(pub(super) Rc<RefCell<Module>>);

impl PinErrorType for CommandPin {
    type Error = Infallible;
}

impl OutputPin for CommandPin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.0.borrow_mut().set_command_pin(true);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.0.borrow_mut().set_command_pin(false);
        Ok(())
    }
}

/// A delay in the module's virtual time.
///
/// ```
/// use embedded_hal_async::delay::DelayNs;
/// use pile_sim::ble_module::{Kind, Limits, VirtualBleModule};
/// let module = VirtualBleModule::new(Kind::Hm10, Limits::default());
/// module.run(1_000, module.delay().delay_ms(70));
/// assert_eq!(module.now_ms(), 70);
/// ```
#[derive(Debug)]
pub struct Delay(pub(super) Rc<RefCell<Module>>);

impl DelayNs for Delay {
    async fn delay_ns(&mut self, ns: u32) {
        let end = self.0.borrow().now() + u64::from(ns).div_ceil(1_000);
        self.until(end).await;
    }

    async fn delay_ms(&mut self, ms: u32) {
        let end = self.0.borrow().now() + u64::from(ms) * 1_000;
        self.until(end).await;
    }
}

impl Delay {
    async fn until(&self, end: u64) {
        poll_fn(|_| {
            let mut module = self.0.borrow_mut();
            if module.now() >= end {
                return Poll::Ready(());
            }
            module.wake_at(end);
            Poll::Pending
        })
        .await;
    }
}
