//! What can be seen of a desk.

use billing_core::book::Book;
use billing_core::ledger::Headroom;
use billing_core::record::Record;
use ble_protocol::message::Response;
use pile_controller::serve::Inquiry;
use pile_controller::{Controller, Outcome, PortView, Signal};
use pile_units::{Instant, PortId, WallTime};

use super::super::moment::Moment;
use super::super::wires::MWH;
use super::{Desk, wall_at};

impl<const W: usize, const E: usize> Desk<W, E> {
    /// The book.
    pub const fn book(&self) -> &Book {
        self.machine.book()
    }

    /// A port as anyone may see it.
    pub fn port(&self, port: PortId) -> PortView {
        self.machine.port(port)
    }

    /// True if the port's relay is closed.
    pub fn is_closed(&self, port: PortId) -> bool {
        self.wires.get(port.index()).is_some_and(|wire| wire.relay)
    }

    /// Everything that ever flowed, mWh, rounded down.
    pub fn delivered(&self) -> u64 {
        let all: u128 = self.wires.iter().map(|wire| wire.flowed).sum();
        u64::try_from(all / MWH).unwrap_or(u64::MAX)
    }

    /// Milliseconds since the desk's beginning.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The machine.
    pub const fn machine(&self) -> &Controller {
        &self.machine
    }

    /// What phones' requests were answered since the last time, by number.
    pub fn take_told(&mut self) -> Vec<(u16, Outcome)> {
        std::mem::take(&mut self.told)
    }

    /// What the pile said since the last time.
    pub fn take_signals(&mut self) -> Vec<Signal> {
        std::mem::take(&mut self.signals)
    }

    /// True if nothing is being written or waits for it.
    pub fn is_settled(&self) -> bool {
        self.busy.is_none() && self.machine.outbox().is_none()
    }

    /// Asks the ledger what a phone asked.
    pub fn look_up(&mut self, inquiry: Inquiry) -> Option<Response> {
        self.store.look_up(self.machine.book(), inquiry)
    }

    /// The time on the wall.
    pub fn wall(&self) -> WallTime {
        wall_at(self.rtc, self.now)
    }

    /// What the pile last said.
    pub fn last_signal(&self) -> Option<Signal> {
        self.signals.last().copied()
    }

    /// What can still be written.
    pub fn headroom(&self) -> Headroom {
        self.store.durable(self.machine.book()).headroom
    }

    /// The records written since the desk was made, with their numbers; the last may not be
    /// acknowledged yet.
    pub fn records(&self) -> &[(u64, Record)] {
        &self.records
    }

    /// Forgets the records, so that a long life needs no memory.
    pub fn forget_records(&mut self) {
        self.earlier += self.records.len();
        self.records.clear();
        self.signals.clear();
    }

    /// The moments so far, for whoever asked for them.
    pub fn take_moments(&mut self) -> Vec<Moment> {
        std::mem::take(&mut self.moments)
    }
}
