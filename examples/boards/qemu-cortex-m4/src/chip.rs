//! Serial ports and time of the CMSDK (Arm DDI 0479, 4.3 and 4.4). Everything is polled: the program's one
//! future is asked again and again.

use core::cell::Cell;
use core::convert::Infallible;
use core::future::poll_fn;
use core::ptr::{read_volatile, write_volatile};
use core::task::Poll;

use ble_protocol::{Gone, Pipe};
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{ErrorType, Read, Write};
use pile_units::Instant;

const TRANSMITTER_FULL: u32 = 1;
const RECEIVER_FULL: u32 = 2;

/// A serial port.
pub struct Uart(usize);

impl Uart {
    /// Switches it on. `base` is the address of its registers.
    pub fn new(base: usize) -> Self {
        let uart = Self(base);
        // BAUDDIV, of which the emulator only asks that it be 16 or more; then CTRL: both directions.
        uart.set(0x10, 16);
        uart.set(0x08, 3);
        uart
    }

    fn get(&self, register: usize) -> u32 {
        // SAFETY: a register of the board's.
        unsafe { read_volatile((self.0 + register) as *const u32) }
    }

    fn set(&self, register: usize, value: u32) {
        // SAFETY: a register of the board's.
        unsafe { write_volatile((self.0 + register) as *mut u32, value) };
    }

    fn take(&self) -> Option<u8> {
        (self.get(0x04) & RECEIVER_FULL != 0).then(|| self.get(0).to_le_bytes()[0])
    }

    /// Waits for the next byte.
    pub async fn byte(&self) -> u8 {
        poll_fn(|_| self.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

impl ErrorType for Uart {
    type Error = Infallible;
}

impl Read for Uart {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        let Some((first, more)) = bytes.split_first_mut() else {
            return Ok(0);
        };
        *first = self.byte().await;
        let mut count = 1;
        for place in more {
            let Some(byte) = self.take() else { break };
            *place = byte;
            count += 1;
        }
        Ok(count)
    }
}

impl Write for Uart {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for byte in bytes {
            let full = || self.get(0x04) & TRANSMITTER_FULL != 0;
            poll_fn(|_| {
                if full() {
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            })
            .await;
            self.set(0, u32::from(*byte));
        }
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A phone at the other end of a wire. A wire does not tell when somebody comes or goes: the first byte is
/// somebody, and the link's own silence is nobody.
pub struct Wire {
    /// The wire.
    pub uart: Uart,
    /// A byte that said that somebody is there.
    pub first: Option<u8>,
    /// Somebody is there.
    pub there: bool,
}

impl Pipe for Wire {
    async fn connected(&mut self) {
        if !self.there {
            self.first = Some(self.uart.byte().await);
            self.there = true;
        }
    }

    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Gone> {
        if let (Some(place), Some(byte)) = (bytes.first_mut(), self.first.take()) {
            *place = byte;
            return Ok(1);
        }
        self.uart.read(bytes).await.map_err(|never| match never {})
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.uart
            .write_all(bytes)
            .await
            .map_err(|never| match never {})
    }

    fn portion(&self) -> usize {
        64
    }

    async fn disconnect(&mut self) {
        (self.there, self.first) = (false, None);
    }
}

/// TIMER1: it counts down, 25 times a microsecond, and comes round every 171 s.
const TIMER: usize = 0x4000_1000;
const TICKS_A_MICROSECOND: u64 = 25;

struct Passed(Cell<(u32, u64)>);

// SAFETY: one core, and no interrupt is enabled.
unsafe impl Sync for Passed {}

static PASSED: Passed = Passed(Cell::new((u32::MAX, 0)));

/// Time since the program began.
#[derive(Clone, Copy)]
pub struct Clock(());

impl Clock {
    /// Starts the timer.
    pub fn start() -> Self {
        for (register, value) in [(8, u32::MAX), (4, u32::MAX), (0, 1)] {
            // SAFETY: registers of the board's, used here only.
            unsafe { write_volatile((TIMER + register) as *mut u32, value) };
        }
        Self(())
    }

    /// It is asked at every turn of the program, so the timer never comes round unseen.
    fn micros(self) -> u64 {
        // SAFETY: a register of the board's.
        let value = unsafe { read_volatile((TIMER + 4) as *const u32) };
        let (before, ticks) = PASSED.0.get();
        let ticks = ticks + u64::from(before.wrapping_sub(value));
        PASSED.0.set((value, ticks));
        ticks / TICKS_A_MICROSECOND
    }

    async fn until(self, micros: u64) {
        poll_fn(|_| {
            if self.micros() < micros {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }
}

impl pile_controller::shell::Clock for Clock {
    fn now(&self) -> Instant {
        Instant::from_millis(self.micros() / 1000)
    }

    async fn sleep_until(&self, moment: Instant) {
        self.until(moment.since(Instant::START).millis() * 1000)
            .await;
    }
}

impl DelayNs for Clock {
    async fn delay_ns(&mut self, ns: u32) {
        self.until(self.micros() + u64::from(ns).div_ceil(1000))
            .await;
    }
}
