//! What must hold after every event and at every moment, judged by the wires and the flash.

use super::Bench;
use crate::PortState;
use pile_units::{Duration, Limits, PortId, Power};

/// For how long something has been so on a closed relay.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Watch {
    closed: u64,
    over: u64,
    below_full: u64,
    below_unplugged: u64,
    /// A load for so long that a reading has seen it; one at all.
    load: u64,
    loaded: bool,
    touched: bool,
}

impl Bench {
    pub(super) fn check(&mut self) {
        for id in PortId::first(self.count) {
            let at = id.index();
            let state = self.machine.port(id).state;
            if self.relays[at] {
                self.check_authorised(id);
                assert!(
                    !self.latched[at],
                    "I6: port {id} is closed over a latched fault"
                );
            }
            let faulted = matches!(state, PortState::Faulted(_));
            assert!(
                faulted || !self.latched[at],
                "I6: the fault of port {id} vanished without the landlord"
            );
            self.latched[at] |= faulted;
        }
        let balance = self.ledger.balance();
        assert_eq!(balance.metered, balance.accounted(), "I2");
    }

    /// I1, I5: asked of the flash, not of the machine.
    fn check_authorised(&self, id: PortId) {
        let session = self
            .ledger
            .session(id)
            .expect("I1: closed without a session");
        assert!(!session.ended, "I1: closed after the session's end");
        let account = self.ledger.account(session.account).unwrap();
        assert!(account.active, "I1: closed for a closed account");
        let card = |card: &&pile_units::Credential| card.id == session.credential;
        let card = self.ledger.credentials().iter().find(card).unwrap();
        assert!(!card.revoked, "I5: closed for a revoked card");
        let by_revoked =
            |phone: &billing_core::book::Phone| phone.revoked && phone.last_session == session.id;
        assert!(
            !self.ledger.phones().iter().any(by_revoked),
            "I5: closed for a revoked phone"
        );
        assert!(self.ledger.enabled(id), "closed although out of service");
        assert_eq!(
            self.ledger.fault(id),
            None,
            "I6: closed over a durable fault"
        );
    }

    /// I7, by the wires: no relay stays closed past a limit.
    pub(super) fn watch(&mut self, id: PortId, millis: u64) {
        let limits = *self.ledger.limits();
        let load = Power::from_milliwatts(self.loads[id.index()]);
        let dead = self.meters[id.index()].dead;
        let watch = &mut self.watches[id.index()];
        watch.closed += millis;
        let lasts = |timer: &mut u64, on: bool| *timer = if on { *timer + millis } else { 0 };
        lasts(&mut watch.over, load > limits.port_power().percent(110));
        lasts(&mut watch.load, load >= Limits::NO_LOAD_POWER);
        watch.touched |= watch.load > 0;
        watch.loaded |= watch.load > 1000;
        lasts(
            &mut watch.below_full,
            watch.loaded && load < limits.full_power(),
        );
        lasts(
            &mut watch.below_unplugged,
            watch.loaded && load < limits.unplugged_power(),
        );
        // The reading that begins the timer and the one that ends it; none while the meter is lost.
        let slack = if dead { 6_000 } else { 2_000 };
        let most = |limit: Duration| limit.millis() + slack;
        let overload = limits.overload_after().millis() + if dead { 6_000 } else { 0 };
        assert!(watch.over <= overload, "I7: overload for {} ms", watch.over);
        assert!(watch.below_full <= most(limits.full_after()), "I7: full");
        assert!(
            watch.below_unplugged <= most(limits.unplugged_after()),
            "I7: unplugged"
        );
        assert!(
            watch.closed <= most(limits.longest_session()),
            "I7: too long"
        );
        let idle = !watch.touched && watch.closed > most(limits.no_load_after());
        assert!(!idle, "I7: no load for {} ms", watch.closed);
    }
}
