//! What goes to the ledger, and what follows once it is durable.

use super::prices::{Price, Prices};
use super::{Controller, Durable};
use crate::Actions;
use crate::actions::PortSet;
use crate::port::{Phase, Stop};
use billing_core::record::{Advance, Advances, ClosedSession, Record, Segment, StopReason};
use pile_units::{Energy, Instant, MAX_PORTS, PortId, WallTime};

impl Controller {
    /// Puts a record into the outbox; false if there is no room.
    #[must_use]
    pub(super) fn record(&mut self, record: Record, out: &mut Actions) -> bool {
        let last = record.time_after(self.last);
        let pushed = !self.failed && self.outbox.push(record);
        if pushed {
            self.last = last;
            out.persist = true;
        }
        pushed
    }

    /// False before the pile is commissioned, after the flash failed, and while the outbox is full.
    const fn can_record(&self) -> bool {
        self.book.pile().is_some() && !self.failed && self.outbox.has_room(1)
    }

    /// The oldest record is durable: it becomes part of the book, and what waited for it happens.
    pub(super) fn persisted(&mut self, now: Instant, durable: Durable, out: &mut Actions) {
        let Some(record) = self.outbox.pop() else {
            return;
        };
        self.seq = durable.seq;
        if self.book.apply(&record).is_err() {
            // The book refuses what the machine itself wrote: it must not go on.
            self.fail(now, out);
            return;
        }
        self.spend(durable.headroom, &record);
        match &record {
            Record::SessionOpened { port, .. } => self.opened(now, *port),
            Record::OpenedByPhone { port, session, .. } => {
                self.opened(now, *port);
                self.answer_start(*port, *session, out);
            }
            Record::PhoneRevoked { phone, .. } => self.stop_phone(now, *phone, out),
            Record::SegmentClosed { segment, .. } => {
                if let Some(port) = self.port_of(segment) {
                    self.next_segment(port);
                }
            }
            Record::LastSegment { segment } => {
                let place = self.port_of(segment).and_then(|port| self.at_mut(port));
                if let Some(place) = place {
                    place.in_outbox = place.in_outbox.saturating_sub(1);
                }
            }
            Record::SessionClosed(closed) => {
                if let Some(place) = self.at_mut(closed.port) {
                    place.in_outbox = place.in_outbox.saturating_sub(1);
                    place.free();
                }
            }
            Record::Revoked { credential, .. } => self.stop_credential(now, *credential, out),
            Record::TariffSet { .. } => self.prices = Prices::default(),
            Record::ClockSet { to, .. } => {
                self.clock = (now, *to);
                self.prices = Prices::default();
                out.clock = Some(*to);
            }
            Record::FaultCleared { port, .. } => {
                if let Some(place) = self.at_mut(*port) {
                    place.fault_cleared();
                }
            }
            Record::PortSwitched {
                port,
                enabled: false,
                ..
            } => {
                self.stop_if(now, *port, Some(StopReason::ByLandlord.into()), out);
            }
            _ => {}
        }
        self.job_recorded(now, &record, out);
        // One flash write at a time: ask for the next.
        out.persist |= self.outbox.front().is_some();
    }

    /// Asks the book before a record is written: a ledger that holds a contradiction would be
    /// refused at the next start. The machine makes no such record (that is tested); if it did,
    /// it must not go on.
    pub(super) fn vet(&mut self, now: Instant, out: &mut Actions) {
        let front = self.outbox.front();
        if out.persist && front.is_some_and(|record| self.book.check(record).is_err()) {
            self.fail(now, out);
        }
    }

    /// Writes down whatever has become true and is not in the outbox yet.
    pub(super) fn write_down(&mut self, now: Instant, out: &mut Actions) {
        let mut due = false;
        // What all ports have in common, once one has something to record: no port begins or ends a
        // session in here.
        let mut round = None;
        // Also ports that this pile had when its sessions were opened, and has no more.
        let ports = PortId::first(MAX_PORTS).zip(&self.ports);
        let ports = ports.filter(|(_, place)| !place.is_written_down());
        let ports: PortSet = ports.map(|(port, _)| port).collect();
        for port in ports.iter() {
            let place = self.at(port);
            if place.has_unrecorded() {
                let round = round.get_or_insert_with(|| self.round(now));
                due |= place.must_record(round);
            }
            self.settle_opening(now, port, out);
            self.write_fault(now, port, out);
            match self.at(port).phase {
                Phase::Delivering(delivery) => self.write_segment(now, port, delivery.price, out),
                Phase::Finishing {
                    reason,
                    at,
                    seen: true,
                    ..
                } => {
                    self.write_last_segment(now, port, reason, at, out);
                }
                Phase::Closing {
                    reason,
                    at,
                    billed: false,
                } => {
                    self.write_bill(port, reason, at, out);
                }
                _ => {}
            }
        }
        let waiting = |record: &Record| matches!(record, Record::Progress { .. });
        if self.is_round_complete(now) || (due && !self.outbox.any(waiting)) {
            self.progress(now, out);
        }
    }

    /// Records everything measured and not recorded, of all ports at once.
    pub(super) fn progress(&mut self, now: Instant, out: &mut Actions) {
        // Its time counts from the record before it, which must not be a clock about to be set.
        if self
            .outbox
            .any(|record| matches!(record, Record::ClockSet { .. }))
        {
            return;
        }
        let mut advances = Advances::default();
        for (port, place) in self.in_use() {
            let open = !matches!(
                place.phase,
                Phase::Free | Phase::Opening { .. } | Phase::Closing { .. }
            );
            if open && !place.unrecorded.is_zero() {
                let _ = advances.push(Advance::of_session(port, place.unrecorded));
            }
            if !place.stray.is_zero() {
                let _ = advances.push(Advance::unattributed(port, place.stray));
            }
        }
        if advances.is_empty() || !self.can_record() {
            return;
        }
        for advance in advances.iter() {
            let Some(place) = self.at_mut(advance.port()) else {
                continue;
            };
            place.register = place.register.saturating_add(advance.energy());
            if advance.is_session() {
                place.unrecorded = Energy::ZERO;
            } else {
                place.stray = Energy::ZERO;
            }
        }
        let elapsed = self.wall(now).unix.since(self.last.unix);
        let recorded = self.record(Record::Progress { elapsed, advances }, out);
        debug_assert!(recorded);
    }

    fn port_of(&self, segment: &Segment) -> Option<PortId> {
        self.book
            .open_sessions()
            .find(|open| open.id == segment.session)
            .map(|open| open.port)
    }

    /// The session's record is durable: from here on the relay may close (I1).
    fn opened(&mut self, now: Instant, port: PortId) {
        let Some(place) = self.at_mut(port) else {
            return;
        };
        place.in_outbox = place.in_outbox.saturating_sub(1);
        if let Phase::Opening { durable, .. } = &mut place.phase {
            *durable = Some(now);
        }
    }

    /// Closes the relay of a session whose record is durable, or ends it unused.
    fn settle_opening(&mut self, now: Instant, port: PortId, out: &mut Actions) {
        let Phase::Opening {
            abort,
            durable: Some(_),
            ..
        } = self.at(port).phase
        else {
            return;
        };
        let at = self.wall(now);
        let price = self.price_on(port);
        let enabled = self.book.enabled(port);
        let Some(place) = self.at_mut(port) else {
            return;
        };
        let abort = abort
            .or(place.fault.map(Stop::from))
            .or((!enabled).then_some(StopReason::ByLandlord.into()));
        match (abort, price) {
            (None, Some(price)) => {
                if place.is_fresh(now) {
                    place.deliver(now, price);
                    out.close.insert(port);
                }
            }
            (abort, _) => {
                let Stop { reason, .. } = abort.unwrap_or(StopReason::Firmware.into());
                place.abort(now, at, reason);
                out.stopped.insert(port);
            }
        }
    }

    /// A segment is durable: its energy belongs to the part before the open one.
    fn next_segment(&mut self, port: PortId) {
        let price = self.price_on(port);
        let Some(place) = self.at_mut(port) else {
            return;
        };
        place.in_outbox = place.in_outbox.saturating_sub(1);
        if let (Phase::Delivering(delivery), Some(price)) = (&mut place.phase, price) {
            delivery.price = price;
        }
    }

    /// The price that the port's session is charged by.
    fn price_on(&self, port: PortId) -> Option<Price> {
        let segment = &self.book.session(port)?.segment;
        Some((segment.tariff, segment.band_index))
    }

    fn write_fault(&mut self, now: Instant, port: PortId, out: &mut Actions) {
        let place = self.at(port);
        let (Some(fault), false) = (place.fault, place.fault_recorded) else {
            return;
        };
        let at = self.wall(now);
        if self.can_record()
            && self.record(Record::FaultLatched { port, fault, at }, out)
            && let Some(place) = self.at_mut(port)
        {
            place.fault_recorded = true;
        }
    }

    /// Splits the session where the price changes (I9).
    fn write_segment(&mut self, now: Instant, port: PortId, price: Price, out: &mut Actions) {
        if self.at(port).in_outbox > 0 {
            return;
        }
        let account = self.book.session(port).map(|session| session.account);
        let next = account.and_then(|account| self.price_now(now, account));
        let Some(next) = next.filter(|next| *next != price) else {
            return;
        };
        if self.is_price_changing() || !self.outbox.has_room(1) {
            return;
        }
        let at = self.wall(now);
        let Some(segment) = self.segment(port, at) else {
            return;
        };
        if segment.index >= MOST_SEGMENTS {
            return self.stop_if(now, port, Some(StopReason::Firmware.into()), out);
        }
        if self.record(
            Record::SegmentClosed {
                segment,
                next: next.1,
            },
            out,
        ) {
            self.segment_recorded(port);
        }
    }

    fn write_last_segment(
        &mut self,
        now: Instant,
        port: PortId,
        reason: StopReason,
        at: WallTime,
        out: &mut Actions,
    ) {
        // The register on the bill includes the strays, so they go first.
        if self.at(port).in_outbox > 0 || !self.outbox.has_room(2) {
            return;
        }
        if !self.at(port).stray.is_zero() {
            self.progress(now, out);
        }
        let Some(segment) = self.segment(port, at) else {
            return;
        };
        if self.record(Record::LastSegment { segment }, out) {
            self.segment_recorded(port);
            if let Some(place) = self.at_mut(port) {
                place.phase = Phase::Closing {
                    reason,
                    at,
                    billed: false,
                };
            }
        }
    }

    /// The open segment with all its energy, as it is closed at `to`.
    fn segment(&self, port: PortId, to: WallTime) -> Option<Segment> {
        let session = self.book.session(port)?;
        let open = &session.segment;
        let energy = self.at(port).segment;
        let mut cost = session.cost;
        let fee = cost.close_segment(energy, open.energy_price, open.service_price);
        Some(Segment {
            session: session.id,
            account: session.account,
            index: open.index,
            tariff: open.tariff,
            band: open.band,
            from: open.from,
            // The clock may have been set back since.
            to: to.not_before(open.from),
            energy,
            energy_price: open.energy_price,
            service_price: open.service_price,
            energy_micro: fee.energy_micro,
            service_micro: fee.service_micro,
        })
    }

    /// The segment's energy is in the outbox.
    fn segment_recorded(&mut self, port: PortId) {
        let Some(place) = self.at_mut(port) else {
            return;
        };
        place.register = place.register.saturating_add(place.unrecorded);
        place.unrecorded = Energy::ZERO;
        place.before = place.before.saturating_add(place.segment);
        place.segment = Energy::ZERO;
        place.in_outbox = place.in_outbox.saturating_add(1);
    }

    /// The bill, once the last segment is durable.
    fn write_bill(&mut self, port: PortId, reason: StopReason, at: WallTime, out: &mut Actions) {
        let Some(session) = self.book.session(port).filter(|session| session.ended) else {
            return;
        };
        let waiting = self
            .outbox
            .count(|record| matches!(record, Record::SessionClosed(_)));
        let currency = self.book.currency();
        let closed = ClosedSession {
            session: session.id,
            account: session.account,
            credential: session.credential,
            strength: session.strength,
            port,
            opened: session.opened,
            closed: at.not_before(session.segment.from),
            reason,
            energy: session.energy(),
            // With what is in the outbox before it: strays go on being counted.
            reading: self.at(port).register,
            segments: session.segment.index.saturating_add(1),
            currency,
            bill: session.cost.total(currency),
            page: self.book.next_page().saturating_add(waiting),
        };
        if self.record(Record::SessionClosed(closed), out)
            && let Some(place) = self.at_mut(port)
        {
            place.in_outbox = place.in_outbox.saturating_add(1);
            place.phase = Phase::Closing {
                reason,
                at,
                billed: true,
            };
        }
    }
}

/// A session that passed so many segments ends: the book counts them in a byte. Twelve hours hold
/// 25 bands; the rest are new tariffs and clocks.
const MOST_SEGMENTS: u8 = 250;
