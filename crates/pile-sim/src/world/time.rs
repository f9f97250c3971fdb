//! Virtual time: it stands still while anything can run, and jumps to the next thing that waits.

use pile_controller::shell::Clock;
use pile_units::Instant;
use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

/// The world's clock in milliseconds, and the earliest moment that anybody waits for.
///
/// Whoever sleeps says until when at every poll; the world forgets the earliest moment before a
/// poll and finds it again after. So a dropped sleep leaves nothing behind.
///
/// ```
/// use pile_controller::shell::Clock;
/// use pile_sim::world::VirtualTime;
/// use pile_units::Instant;
/// let time = VirtualTime::default();
/// time.advance_to(1_500);
/// assert_eq!(time.now(), Instant::from_millis(1_500));
/// ```
#[derive(Debug, Clone, Default)]
pub struct VirtualTime {
    now: Rc<Cell<u64>>,
    waiting: Rc<Cell<u64>>,
}

impl VirtualTime {
    /// The cell that virtual parts read: milliseconds since the world began.
    pub fn cell(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.now)
    }

    /// Milliseconds since the world began.
    pub fn millis(&self) -> u64 {
        self.now.get()
    }

    /// Moves on; never back.
    pub fn advance_to(&self, millis: u64) {
        self.now.set(self.now.get().max(millis));
    }

    /// Forgets who waits, before a poll.
    pub(super) fn forget(&self) {
        self.waiting.set(u64::MAX);
    }

    /// The earliest moment that the last poll waited for.
    pub(super) fn earliest(&self) -> u64 {
        self.waiting.get()
    }

    pub(crate) async fn until(&self, moment: u64) {
        poll_fn(|_| {
            if self.now.get() >= moment {
                return Poll::Ready(());
            }
            self.waiting.set(self.waiting.get().min(moment));
            Poll::Pending
        })
        .await;
    }
}

impl Clock for VirtualTime {
    fn now(&self) -> Instant {
        Instant::from_millis(self.now.get())
    }

    async fn sleep_until(&self, moment: Instant) {
        self.until(moment.millis()).await;
    }
}

impl embedded_hal_async::delay::DelayNs for VirtualTime {
    /// Rounded up to whole milliseconds.
    async fn delay_ns(&mut self, ns: u32) {
        let millis = u64::from(ns).div_ceil(1_000_000);
        self.until(self.now.get() + millis).await;
    }

    async fn delay_us(&mut self, us: u32) {
        self.until(self.now.get() + u64::from(us).div_ceil(1000))
            .await;
    }

    async fn delay_ms(&mut self, ms: u32) {
        self.until(self.now.get() + u64::from(ms)).await;
    }
}
