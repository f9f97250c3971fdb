//! The line: commands to the chips, answers to the driver.

use super::chip::Chip;
use embedded_io_async::{ErrorType, Read, Write};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Silence after which the chips forget a part of a command, ms (datasheet: 18.5 ms).
const FORGET_MS: u64 = 19;
/// What the driver's receiver holds; more is lost, as in a UART that is not read.
const RECEIVER_BYTES: usize = 256;

#[derive(Debug)]
pub(super) struct Line {
    clock: Rc<Cell<u64>>,
    chips: Vec<Chip>,
    command: [u8; 6],
    received: usize,
    last_byte_at: u64,
    answer: [u8; RECEIVER_BYTES],
    /// The unread part of `answer`.
    unread: core::ops::Range<usize>,
    reader: Option<Waker>,
}

impl Line {
    pub fn new(clock: Rc<Cell<u64>>, chips: Vec<Chip>) -> Self {
        Self {
            clock,
            chips,
            command: [0; 6],
            received: 0,
            last_byte_at: 0,
            answer: [0; RECEIVER_BYTES],
            unread: 0..0,
            reader: None,
        }
    }

    pub fn chip(&mut self, address: usize) -> Option<&mut Chip> {
        self.chips.get_mut(address)
    }

    /// Puts bytes into the driver's receiver.
    pub fn answer(&mut self, bytes: &[u8]) {
        push(&mut self.answer, &mut self.unread, bytes);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Takes what a driver sends.
    fn hear(&mut self, bytes: &[u8]) {
        let now = self.clock.get();
        if now.saturating_sub(self.last_byte_at) >= FORGET_MS {
            self.received = 0;
        }
        self.last_byte_at = now;
        for byte in bytes {
            // A byte that starts no command is passed over.
            if self.received == 0 && !matches!(byte & 0xFC, 0x58 | 0xA8) {
                continue;
            }
            if let Some(place) = self.command.get_mut(self.received) {
                *place = *byte;
                self.received += 1;
            }
            self.act(now);
        }
    }

    /// Carries a whole command out.
    fn act(&mut self, now: u64) {
        let [first, register, low, middle, high, check] = self.command;
        let whole = if first & 0xFC == 0x58 { 2 } else { 6 };
        if self.received < whole {
            return;
        }
        self.received = 0;
        let Some(chip) = self.chips.get_mut(usize::from(first & 0b11)) else {
            return;
        };
        chip.integrate(now);
        if whole == 2 {
            let (answer, unread) = (&mut self.answer, &mut self.unread);
            chip.read(register, |bytes| push(answer, unread, bytes));
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        } else {
            let sum = [register, low, middle, high]
                .iter()
                .fold(first, |sum, byte| sum.wrapping_add(*byte));
            if !sum == check {
                chip.write(register, u32::from_le_bytes([low, middle, high, 0]));
            }
        }
    }

    /// Moves unread bytes to `buffer`; zero where there are none.
    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let unread = self.answer.get(self.unread.clone()).unwrap_or_default();
        let bytes = unread.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..bytes), unread.get(..bytes)) {
            to.copy_from_slice(from);
        }
        self.unread.start += bytes;
        if self.unread.is_empty() {
            self.unread = 0..0;
        }
        bytes
    }
}

/// Appends to the receiver; what does not fit is lost.
fn push(receiver: &mut [u8; RECEIVER_BYTES], unread: &mut core::ops::Range<usize>, bytes: &[u8]) {
    let end = unread.end + bytes.len();
    if let Some(place) = receiver.get_mut(unread.end..end) {
        place.copy_from_slice(bytes);
        unread.end = end;
    }
}

/// The driver's end of a [`VirtualBus`](super::VirtualBus).
///
/// What is written is taken at once and answered at once. A read with nothing to read stays
/// pending, so that a driver's timeout decides; it is woken when bytes come.
///
/// ```
/// use embedded_io_async::{Read, Write};
/// use metering::bl0942::Circuit;
/// use pile_sim::bl0942::VirtualBus;
///
/// let bus = VirtualBus::new(std::rc::Rc::default(), &[Circuit::REFERENCE]);
/// let mut uart = bus.uart();
/// embassy_futures::block_on(async {
///     uart.write_all(&[0x58, 0x19]).await?; // read MODE
///     let mut answer = [0; 4];
///     uart.read(&mut answer).await?;
///     assert_eq!(answer, [0x87, 0x00, 0x00, 0x07]);
///     Ok::<(), std::convert::Infallible>(())
/// })?;
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug)]
pub struct VirtualUart {
    line: Rc<RefCell<Line>>,
}

impl VirtualUart {
    pub(super) const fn new(line: Rc<RefCell<Line>>) -> Self {
        Self { line }
    }
}

impl ErrorType for VirtualUart {
    type Error = Infallible;
}

impl Write for VirtualUart {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.line.borrow_mut().hear(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Read for VirtualUart {
    /// Cancellation safe: a dropped read has taken nothing.
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        if buffer.is_empty() {
            return Ok(0);
        }
        core::future::poll_fn(|context| {
            let mut line = self.line.borrow_mut();
            match line.take(buffer) {
                0 => {
                    line.reader = Some(context.waker().clone());
                    Poll::Pending
                }
                bytes => Poll::Ready(Ok(bytes)),
            }
        })
        .await
    }
}
