//! The fuzzer's bytes, and the time that passes while they are said.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use embedded_hal_async::delay::DelayNs;

/// Reads of a wire in one call: more is a call that reads for ever.
const READS: u32 = 20_000;

#[derive(Debug)]
struct Inner {
    bytes: VecDeque<u8>,
    now: u64,
    call: u32,
    reads: u32,
    /// No delay of this call ends.
    dropped: bool,
}

/// All doubles of a run draw from one feed, in the order in which the driver asks.
#[derive(Debug, Clone)]
pub struct Feed(Rc<RefCell<Inner>>);

impl Feed {
    pub fn new(bytes: &[u8]) -> Self {
        Self(Rc::new(RefCell::new(Inner {
            bytes: bytes.iter().copied().collect(),
            now: 0,
            call: 0,
            reads: 0,
            dropped: false,
        })))
    }

    /// `None` once all was said.
    pub fn byte(&self) -> Option<u8> {
        self.0.borrow_mut().bytes.pop_front()
    }

    /// The next bytes; zero where there are none.
    pub fn take<const N: usize>(&self) -> [u8; N] {
        [(); N].map(|()| self.byte().unwrap_or(0))
    }

    /// The next two bytes, the low one first.
    pub fn pair(&self) -> u32 {
        u32::from(u16::from_le_bytes(self.take()))
    }

    /// The next three bytes, the low one first.
    pub fn triple(&self) -> u32 {
        let [low, middle, high] = self.take();
        u32::from_le_bytes([low, middle, high, 0])
    }

    /// Milliseconds since the start.
    pub fn now(&self) -> u64 {
        self.0.borrow().now
    }

    pub fn pass(&self, millis: u64) {
        self.0.borrow_mut().now += millis;
    }

    /// Begins a call of the driver.
    pub fn begin(&self, dropped: bool) {
        let mut inner = self.0.borrow_mut();
        inner.call += 1;
        inner.reads = 0;
        inner.dropped = dropped;
    }

    /// The number of the call.
    pub fn call(&self) -> u32 {
        self.0.borrow().call
    }

    /// Counts a read of a wire.
    pub fn count_read(&self) {
        let mut inner = self.0.borrow_mut();
        inner.reads += 1;
        assert!(inner.reads <= READS, "a call that reads for ever");
    }

    pub fn delay(&self) -> Delay {
        Delay(self.clone())
    }
}

/// A delay that makes time pass at once, or never.
#[derive(Debug)]
pub struct Delay(Feed);

impl DelayNs for Delay {
    async fn delay_ns(&mut self, ns: u32) {
        if self.0.0.borrow().dropped {
            core::future::pending::<()>().await;
        }
        self.0.pass(u64::from(ns.div_ceil(1_000_000)));
    }
}
