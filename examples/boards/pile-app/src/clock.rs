//! Time, and the pace of the card reader.

use pile_controller::shell::{CardPace, Clock};
use pile_units::Duration;

/// The clock of a HAL that drives `embassy-time`.
#[cfg(feature = "embassy-time")]
#[derive(Debug, Clone, Copy, Default)]
pub struct EmbassyClock;

#[cfg(feature = "embassy-time")]
impl Clock for EmbassyClock {
    fn now(&self) -> pile_units::Instant {
        pile_units::Instant::from_millis(embassy_time::Instant::now().as_millis())
    }

    async fn sleep_until(&self, moment: pile_units::Instant) {
        let millis = moment.since(pile_units::Instant::START).millis();
        embassy_time::Timer::at(embassy_time::Instant::from_millis(millis)).await;
    }
}

/// Looks for a card ten times a second.
///
/// ```
/// use pile_app::EveryTenth;
/// use pile_controller::shell::Clock;
/// fn pace<C: Clock + Clone>(clock: &C) -> EveryTenth<C> {
///     EveryTenth(clock.clone())
/// }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct EveryTenth<C>(pub C);

impl<C: Clock> CardPace for EveryTenth<C> {
    async fn next(&mut self) {
        let until = self.0.now().after(Duration::from_millis(100));
        self.0.sleep_until(until).await;
    }
}
