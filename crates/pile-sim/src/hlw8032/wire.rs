//! The line, and the driver's end of it.

use super::chip::Chip;
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{ErrorType, Read};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// What a receiver holds; more is lost, as in a UART that is not read.
const RECEIVER_BYTES: usize = 128;

#[derive(Debug)]
pub(super) struct Line {
    clock: Rc<Cell<u64>>,
    chip: Chip,
    received: VecDeque<u8>,
    reader: Option<Waker>,
}

impl Line {
    pub fn new(clock: Rc<Cell<u64>>, chip: Chip) -> Self {
        Self {
            clock,
            chip,
            received: VecDeque::new(),
            reader: None,
        }
    }

    pub const fn chip(&mut self) -> &mut Chip {
        &mut self.chip
    }

    /// Lets the chip live and send up to now.
    pub fn live(&mut self) {
        let received = &mut self.received;
        self.chip.live(self.clock.get(), |byte| {
            if received.len() < RECEIVER_BYTES {
                received.push_back(byte);
            }
        });
        if let Some(reader) = self.reader.take_if(|_| !self.received.is_empty()) {
            reader.wake();
        }
    }
}

/// The receiver of a [`VirtualHlw8032`](super::VirtualHlw8032)'s line. A read with nothing to read stays
/// pending: time does not pass by reading, only under a [`VirtualDelay`] or by the world.
///
/// ```
/// use embedded_io_async::Read;
/// use metering::hlw8032::Circuit;
/// use pile_sim::hlw8032::VirtualHlw8032;
///
/// let clock = std::rc::Rc::new(std::cell::Cell::new(0));
/// let chip = VirtualHlw8032::new(clock.clone(), Circuit::REFERENCE);
/// let mut receiver = chip.receiver();
/// clock.set(60);
/// let mut bytes = [0; 24];
/// embassy_futures::block_on(receiver.read(&mut bytes))?;
/// assert_eq!(bytes[..2], [0xF6, 0x5A]); // no load: power and current are out of range
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug)]
pub struct VirtualReceiver {
    line: Rc<RefCell<Line>>,
}

impl VirtualReceiver {
    pub(super) const fn new(line: Rc<RefCell<Line>>) -> Self {
        Self { line }
    }
}

impl ErrorType for VirtualReceiver {
    type Error = Infallible;
}

impl Read for VirtualReceiver {
    /// Cancellation safe: a dropped read has taken nothing.
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        if buffer.is_empty() {
            return Ok(0);
        }
        core::future::poll_fn(|context| {
            let mut line = self.line.borrow_mut();
            line.live();
            if line.received.is_empty() {
                line.reader = Some(context.waker().clone());
                return Poll::Pending;
            }
            let mut read = 0;
            for place in buffer.iter_mut() {
                let Some(byte) = line.received.pop_front() else {
                    break;
                };
                *place = byte;
                read += 1;
            }
            Poll::Ready(Ok(read))
        })
        .await
    }
}

/// Time on a [`VirtualHlw8032`](super::VirtualHlw8032)'s line: each time it is polled the clock goes to
/// the next byte, or to the end of the delay if that is sooner.
///
/// ```
/// use embedded_hal_async::delay::DelayNs;
/// use metering::hlw8032::Circuit;
/// use pile_sim::hlw8032::VirtualHlw8032;
///
/// let clock = std::rc::Rc::new(std::cell::Cell::new(0));
/// let chip = VirtualHlw8032::new(clock.clone(), Circuit::REFERENCE);
/// embassy_futures::block_on(chip.delay().delay_ms(400));
/// assert_eq!(clock.get(), 400);
/// ```
#[derive(Debug)]
pub struct VirtualDelay {
    line: Rc<RefCell<Line>>,
}

impl VirtualDelay {
    pub(super) const fn new(line: Rc<RefCell<Line>>) -> Self {
        Self { line }
    }
}

impl DelayNs for VirtualDelay {
    async fn delay_ns(&mut self, nanoseconds: u32) {
        let mut end = None;
        core::future::poll_fn(|context| {
            let mut line = self.line.borrow_mut();
            let now = line.clock.get();
            let end = *end.get_or_insert(now + u64::from(nanoseconds.div_ceil(1_000_000)));
            if now < end {
                line.live();
                let next = line.chip.next_byte().unwrap_or(end);
                line.clock.set(next.max(now).min(end));
                line.live();
            }
            if line.clock.get() >= end {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
