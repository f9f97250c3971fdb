//! The limits of a closed relay, and how long they have been passed.

use super::{FAST, Stop};
use billing_core::record::{Fault, StopReason};
use billing_core::tariff::BandIndex;
use pile_units::{Duration, Instant, Limits, Power, TariffVersion};

/// Readings come this much early or late.
const JITTER: Duration = Duration::from_millis(250);

/// The timers of a closed relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub since: Instant,
    /// True once 10 W were seen.
    pub loaded: bool,
    below_unplugged: Option<Instant>,
    below_full: Option<Instant>,
    over: Option<Over>,
    /// The price in force for the open segment.
    pub price: (TariffVersion, BandIndex),
}

/// An overload that has not lasted too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Over {
    /// The last reading without it: it began later.
    after: Instant,
    /// The first reading with it: it began before.
    seen: Instant,
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

    /// When an overload is cut although the reading that would say so does not come.
    pub fn overload_due(&self, limits: &Limits) -> Option<Instant> {
        let late = limits.overload_after().saturating_add(JITTER);
        self.over.map(|over| over.after.after(late))
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
        let over = *self.over.get_or_insert(Over {
            after: heard,
            seen: now,
        });
        // It may have begun just after the reading before the first that saw it.
        let lasted = now.since(over.seen).saturating_add(FAST);
        lasted.saturating_add(JITTER) >= limits.overload_after()
            || now.since(over.after) >= limits.overload_after()
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
