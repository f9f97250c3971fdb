//! A watchdog that only what keeps people safe keeps quiet.

use core::cell::{Cell, RefCell};

use metering::{EnergyMeter, Sample};
use pile_controller::shell::Clock;
use pile_units::{Duration, Instant};

/// Well below any watchdog's time.
const REST: Duration = Duration::from_seconds(1);

/// A chip's watchdog, started: it resets the chip, which opens every relay, unless it is fed.
pub trait Watchdog {
    /// Keeps it quiet for another while.
    fn feed(&mut self);
}

/// The board's watchdog. Only the task that reads the meters ([`Watched`]), which is what finds an
/// overload, keeps it quiet; where the ledger is refused there is no such task and every relay is open, so
/// [`rest`](Self::rest) does.
///
/// ```
/// use pile_app::{Dog, Watchdog};
/// struct Chip; // its driver
/// impl Watchdog for Chip {
///     fn feed(&mut self) {} // writes its key register
/// }
/// let dog = Dog::new(Chip);
/// dog.feed();
/// ```
#[derive(Debug)]
pub struct Dog<W> {
    watchdog: RefCell<W>,
    stands: Cell<bool>,
}

impl<W: Watchdog> Dog<W> {
    /// Takes it.
    pub const fn new(watchdog: W) -> Self {
        Self {
            watchdog: RefCell::new(watchdog),
            stands: Cell::new(false),
        }
    }

    /// The ledger is refused, or no more.
    pub fn stands(&self, stands: bool) {
        self.stands.set(stands);
    }

    /// Keeps it quiet for another while.
    pub fn feed(&self) {
        self.watchdog.borrow_mut().feed();
    }

    /// Keeps it quiet, once a second, while the ledger is refused. Runs beside the pile, for ever.
    pub async fn rest(&self, clock: impl Clock) {
        loop {
            if self.stands.get() {
                self.feed();
            }
            clock.sleep_until(clock.now().after(REST)).await;
        }
    }
}

/// Meters whose readings keep the watchdog quiet, whether they answer or not.
#[derive(Debug)]
pub struct Watched<'a, M, W>(pub M, pub &'a Dog<W>);

impl<M: EnergyMeter, W: Watchdog> EnergyMeter for Watched<'_, M, W> {
    type Error = M::Error;

    fn channels(&self) -> usize {
        self.0.channels()
    }

    async fn sample(&mut self, channel: usize, now: Instant) -> Result<Sample, M::Error> {
        self.1.feed();
        self.0.sample(channel, now).await
    }

    async fn over_current(&mut self, channel: usize) -> Result<bool, M::Error> {
        self.0.over_current(channel).await
    }

    fn held_back_ppm(&self, channel: usize) -> u32 {
        self.0.held_back_ppm(channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Meals, Steps, beside};
    use embassy_futures::{block_on, yield_now};

    /// Two channels, of which none can be read.
    struct Silent;

    impl EnergyMeter for Silent {
        type Error = usize;

        fn channels(&self) -> usize {
            2
        }

        async fn sample(&mut self, channel: usize, _: Instant) -> Result<Sample, usize> {
            Err(channel)
        }

        async fn over_current(&mut self, channel: usize) -> Result<bool, usize> {
            Err(channel + 10)
        }

        fn held_back_ppm(&self, channel: usize) -> u32 {
            u32::try_from(channel).unwrap() + 5
        }
    }

    #[test]
    fn each_reading_of_a_meter_feeds_it_and_no_other_question() {
        let meals = Meals::default();
        let dog = Dog::new(meals.clone());
        let mut meters = Watched(Silent, &dog);
        assert_eq!(meals.get(), 0);
        assert_eq!(block_on(meters.sample(1, Instant::START)), Err(1));
        assert_eq!(block_on(meters.sample(0, Instant::START)), Err(0));
        assert_eq!(meals.get(), 2);
        assert_eq!(block_on(meters.over_current(1)), Err(11));
        assert_eq!((meters.channels(), meters.held_back_ppm(1)), (2, 6));
        assert_eq!(meals.get(), 2);
    }

    #[test]
    fn it_is_fed_each_second_while_the_ledger_is_refused_and_not_before_nor_after() {
        let meals = Meals::default();
        let dog = Dog::new(meals.clone());
        let clock = Steps::default();
        beside(dog.rest(&clock), async {
            for (refused, until, fed) in [(false, 30, 0), (true, 60, 30), (false, 90, 30)] {
                dog.stands(refused);
                while clock.0.get() < until * 1_000 {
                    yield_now().await;
                }
                assert_eq!(meals.get(), fed, "{until} s");
            }
        });
    }
}
