//! Readings, trips and ends of sessions.

use super::{Controller, Signal};
use crate::Actions;
use crate::actions::PortSet;
use crate::port::{FAST, Phase, Round, Stop};
use billing_core::record::{Fault, StopReason};
use metering::Sample;
use pile_units::{Duration, Instant, PortId, Power, Temperature};

/// How long a warning of the supply holds: by then it is gone, or the warning was a dip.
const FAILING_FOR: Duration = Duration::from_seconds(5);

/// The supply is failing. What is counted is recorded at once; then every busy port is read once
/// more, and when all are, what came since is recorded too. That goes on, at the usual pace, until
/// the supply is gone or the warning is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failing {
    /// When it was said.
    since: Instant,
    /// Ports to be read before the next record.
    unread: PortSet,
    /// True until the first round of readings is complete: they are wanted now.
    at_once: bool,
}

impl Failing {
    /// True for a port that is to be read at once.
    pub const fn wants(&self, port: PortId) -> bool {
        self.at_once && self.unread.contains(port)
    }

    /// The port's meter was asked.
    pub fn asked(&mut self, port: PortId) {
        self.unread.remove(port);
    }
}

impl Controller {
    pub(super) fn round(&self, now: Instant) -> Round {
        Round::new(*self.book.limits(), self.busy(now).count())
    }

    /// The ports that are read often.
    fn busy(&self, now: Instant) -> impl Iterator<Item = PortId> {
        let busy = self.in_use().filter(move |(_, port)| !port.is_quiet(now));
        busy.map(|(id, _)| id)
    }

    pub(super) fn power_failing(&mut self, now: Instant, out: &mut Actions) {
        self.failing = Some(Failing {
            since: now,
            unread: self.busy(now).collect(),
            at_once: true,
        });
        self.progress(now, out);
    }

    /// True if the ledger may begin a slice of its own work, which lasts up to an erase: not while
    /// the supply fails, nor when a record that falls due meanwhile would come too late (I3). After
    /// the next record it may.
    pub fn can_wait(&self, now: Instant) -> bool {
        let round = self.round(now);
        !self.is_failing() && self.in_use().all(|(_, port)| port.can_wait(&round))
    }

    /// True while the supply was said to fail: nothing long may be begun.
    const fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// True when the supply fails and all busy ports were read since the last record.
    pub(super) fn is_round_complete(&mut self, now: Instant) -> bool {
        self.failing
            .take_if(|failing| now.since(failing.since) >= FAILING_FOR);
        let Some(failing) = self.failing else {
            return false;
        };
        if self.busy(now).any(|port| failing.unread.contains(port)) {
            return false;
        }
        self.failing = Some(Failing {
            unread: self.busy(now).collect(),
            at_once: false,
            ..failing
        });
        true
    }

    pub(super) fn sample(
        &mut self,
        now: Instant,
        port: PortId,
        sample: &Sample,
        out: &mut Actions,
    ) {
        let limits = *self.book.limits();
        let stop = self
            .at_mut(port)
            .and_then(|place| place.sample(now, &limits, sample));
        let stop = stop.or_else(|| self.ordered_end(now, port));
        self.stop_if(now, port, stop, out);
        self.watch_budget(now, out);
    }

    pub(super) fn tick(&mut self, now: Instant, out: &mut Actions) {
        let limits = *self.book.limits();
        for port in PortId::first(self.count) {
            let stop = self.at_mut(port).and_then(|place| place.tick(now, &limits));
            self.stop_if(now, port, stop, out);
        }
    }

    pub(super) fn temperature(&mut self, now: Instant, degrees: Temperature, out: &mut Actions) {
        let limits = *self.book.limits();
        let hot = degrees >= limits.warn_temperature();
        if hot && !self.hot {
            out.signal = Some(Signal::Hot);
        }
        self.hot = hot;
        self.degrees = Some(degrees);
        if degrees >= limits.cut_temperature() {
            for port in PortId::first(self.count) {
                if self.at(port).needs_meter() {
                    self.stop_if(now, port, Some(Fault::OverTemperature.into()), out);
                }
            }
        }
    }

    /// The flash failed: nothing more can be recorded, so nothing more may flow.
    pub(super) fn fail(&mut self, now: Instant, out: &mut Actions) {
        self.failed = true;
        self.outbox.clear();
        if let Some(job) = &mut self.job {
            job.give_up();
        }
        for port in PortId::first(self.count) {
            self.stop_if(now, port, Some(StopReason::Firmware.into()), out);
            let Some(place) = self.at_mut(port) else {
                continue;
            };
            place.forget_unopened();
            if let Some(id) = place.order.answer.take() {
                // A place for every port.
                let _ = out.given_up.push(id);
            }
        }
    }

    pub(super) fn stop_if(
        &mut self,
        now: Instant,
        port: PortId,
        stop: Option<Stop>,
        out: &mut Actions,
    ) {
        let Some(Stop { reason, fault }) = stop else {
            return;
        };
        let at = self.wall(now);
        let Some(place) = self.at_mut(port) else {
            return;
        };
        if let Some(fault) = fault {
            place.latch(fault);
        }
        match &mut place.phase {
            Phase::Delivering(_) => {
                place.finish(now, at, reason);
                out.stopped.insert(port);
            }
            Phase::Opening { abort, .. } => *abort = abort.or(stop),
            Phase::Free | Phase::Finishing { .. } | Phase::Closing { .. } => {}
        }
        // Also where it is open already: an order to open costs nothing.
        out.close.remove(port);
        out.open.insert(port);
    }

    /// What the pile draws, with the whole limit for ports that have not shown their load.
    pub(super) fn committed_power(&self) -> Power {
        let limit = self.book.limits().port_power();
        self.in_use()
            .map(|(_, port)| match &port.phase {
                Phase::Opening { .. } => limit,
                Phase::Delivering(delivery) if !delivery.loaded => limit,
                _ => port.drawn(),
            })
            .sum()
    }

    fn watch_budget(&mut self, now: Instant, out: &mut Actions) {
        let drawn: Power = self.in_use().map(|(_, port)| port.drawn()).sum();
        let limits = self.book.limits();
        if drawn <= limits.pile_power() {
            self.over_budget = None;
            return;
        }
        let since = *self.over_budget.get_or_insert(now);
        // It may have begun just after the readings before.
        if now.since(since).saturating_add(FAST) >= limits.overload_after() {
            self.over_budget = None;
            let newest = self.in_use().filter_map(|(id, port)| match &port.phase {
                Phase::Delivering(delivery) => Some((delivery.since, id)),
                _ => None,
            });
            if let Some((_, newest)) = newest.max() {
                self.stop_if(now, newest, Some(StopReason::PowerBudget.into()), out);
            }
        }
    }
}
