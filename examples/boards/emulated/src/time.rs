//! Time, from a timer that is asked.

use core::future::poll_fn;
use core::task::Poll;

use embedded_hal_async::delay::DelayNs;
use pile_units::Instant;

/// A chip's timer.
pub trait Timer: Copy {
    /// Microseconds since the program began.
    fn micros(&self) -> u64;
}

/// Time since the program began.
#[derive(Clone, Copy)]
pub struct Clock<T>(pub T);

impl<T: Timer> Clock<T> {
    /// Microseconds since the program began.
    pub fn micros(&self) -> u64 {
        self.0.micros()
    }

    /// Waits for a moment, microseconds since the program began.
    pub async fn until(&self, micros: u64) {
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

impl<T: Timer> pile_controller::shell::Clock for Clock<T> {
    fn now(&self) -> Instant {
        Instant::from_millis(self.micros() / 1000)
    }

    async fn sleep_until(&self, moment: Instant) {
        self.until(moment.since(Instant::START).millis() * 1000)
            .await;
    }
}

impl<T: Timer> DelayNs for Clock<T> {
    async fn delay_ns(&mut self, ns: u32) {
        self.until(self.micros() + u64::from(ns).div_ceil(1000))
            .await;
    }

    async fn delay_ms(&mut self, ms: u32) {
        self.until(self.micros() + u64::from(ms) * 1000).await;
    }
}
