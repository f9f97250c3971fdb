//! The limits of a closed relay, and how long they have been passed.

use super::Stop;
use billing_core::record::{Fault, StopReason};
use billing_core::tariff::BandIndex;
use pile_units::{Duration, Instant, Limits, Power, TariffVersion};

/// A reading may come so much later than it is due.
const JITTER: Duration = Duration::from_millis(250);
/// The reading that ends an overload is due so much before its limit.
const MARGIN: Duration = Duration::from_millis(100);

/// The timers of a closed relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub since: Instant,
    /// True once 10 W were seen.
    pub loaded: bool,
    below_unplugged: Option<Instant>,
    below_full: Option<Instant>,
    /// The last reading without an overload that has not lasted too long: it began later.
    over: Option<Instant>,
    /// The price in force for the open segment.
    pub price: (TariffVersion, BandIndex),
}

impl Delivery {
    pub const fn new(now: Instant, price: (TariffVersion, BandIndex)) -> Self {
        Self {
            since: now,
            loaded: false,
            below_unplugged: None,
            below_full: None,
            over: None,
            price,
        }
    }

    /// True while the battery draws next to nothing.
    pub const fn is_low(&self) -> bool {
        self.below_full.is_some()
    }

    /// When an overload is read for the last time: it has lasted its limit by then, or nearly.
    pub fn overload_judged(&self, limits: &Limits) -> Option<Instant> {
        let limit = limits.overload_after().millis();
        let judged = Duration::from_millis(limit.saturating_sub(MARGIN.millis()));
        self.over.map(|over| over.after(judged))
    }

    /// When an overload is cut although the reading that would say so does not come.
    pub fn overload_due(&self, limits: &Limits) -> Option<Instant> {
        let late = limits.overload_after().saturating_add(JITTER);
        self.over.map(|over| over.after(late))
    }

    /// True if the overload would last too long until the next reading.
    fn is_overloaded(
        &mut self,
        now: Instant,
        heard: Instant,
        limits: &Limits,
        power: Power,
    ) -> bool {
        if power <= limits.port_power().percent(Limits::OVERLOAD_PERCENT) {
            self.over = None;
            return false;
        }
        // It may have begun just after the reading before the first that saw it.
        let over = *self.over.get_or_insert(heard);
        now.since(over).saturating_add(MARGIN) >= limits.overload_after()
    }

    /// Judges a reading; the one before it was `heard` then.
    pub fn judge(
        &mut self,
        now: Instant,
        heard: Instant,
        limits: &Limits,
        power: Power,
    ) -> Option<Stop> {
        let limit = limits.port_power();
        self.loaded |= power >= Limits::NO_LOAD_POWER;
        let lasted = |timer: &mut Option<Instant>, on: bool| {
            if on {
                Some(now.since(*timer.get_or_insert(now)))
            } else {
                *timer = None;
                None
            }
        };
        let full = lasted(
            &mut self.below_full,
            self.loaded && power < limits.full_power(),
        );
        let unplugged = lasted(
            &mut self.below_unplugged,
            self.loaded && power < limits.unplugged_power(),
        );
        if power > limit.percent(Limits::FAST_OVERLOAD_PERCENT)
            || self.is_overloaded(now, heard, limits, power)
        {
            Some(Fault::Overload.into())
        } else if unplugged.is_some_and(|lasted| lasted >= limits.unplugged_after()) {
            Some(StopReason::Unplugged.into())
        } else if full.is_some_and(|lasted| lasted >= limits.full_after()) {
            Some(StopReason::Full.into())
        } else if !self.loaded && now.since(self.since) >= limits.no_load_after() {
            Some(StopReason::NoLoad.into())
        } else if now.since(self.since) >= limits.longest_session() {
            Some(StopReason::TimeLimit.into())
        } else {
            None
        }
    }
}
