//! What the tests of several parts need.

use core::cell::Cell;
use embassy_futures::select::{Either, select};
use embassy_futures::{block_on, yield_now};
use pile_controller::shell::{Clock, Random};
use pile_units::Instant;
use std::rc::Rc;

use crate::Watchdog;

/// A clock that does not wait, but lets others run.
#[derive(Debug, Default)]
pub struct Steps(pub Cell<u64>);

impl Clock for &Steps {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.get())
    }

    async fn sleep_until(&self, moment: Instant) {
        let now = moment.since(Instant::START).millis();
        assert!(now < 100_000, "what was waited for does not come");
        self.0.set(now);
        yield_now().await;
    }
}

/// Runs `what` beside a task that never ends, and only which sleeps.
pub fn beside<T>(forever: impl Future<Output = ()>, what: impl Future<Output = T>) -> T {
    match block_on(select(what, forever)) {
        Either::First(done) => done,
        Either::Second(()) => panic!("it ended"),
    }
}

/// A watchdog that counts how often it was fed.
#[derive(Debug, Clone, Default)]
pub struct Meals(Rc<Cell<u32>>);

impl Watchdog for Meals {
    fn feed(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

impl Meals {
    pub fn get(&self) -> u32 {
        self.0.get()
    }
}

/// Random numbers that can be foretold: 1, 2, 3...
pub struct Counting(pub u8);

impl Random for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
    }
}
