//! What changes on the front of the pile, told line by line.

use pile_controller::Indicator;
use pile_units::PortId;

use super::{Player, words};

/// What a port last showed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    relay: bool,
    indicator: Option<Indicator>,
}

impl Player<'_> {
    pub(super) fn look(&self, port: PortId) -> Shown {
        Shown {
            relay: self.world.relay(port),
            indicator: self.world.indicator(port),
        }
    }

    /// Tells what changed on the front of the pile.
    pub(super) fn watch(&mut self) -> Result<(), String> {
        let now = self.world.now();
        let signals = self.world.signals();
        for (at, signal) in signals.iter().skip(self.told) {
            self.say(*at, "pile", &words::signal_text(*signal));
        }
        self.told = signals.len();
        if self.powered != self.world.is_powered() {
            self.powered = !self.powered;
            let what = if self.powered { "starts" } else { "goes dark" };
            self.say(now, "pile", what);
        }
        let refused = self.world.refused();
        if refused != self.refused {
            if let Some(why) = &refused {
                self.say(now, "pile", &format!("refuses its ledger: {why}"));
            }
            self.refused = refused;
        }
        let resets = self.world.reader_resets();
        if resets > self.reader_resets {
            let what = format!("resets its card reader: {resets} in all since the supply came");
            self.say(now, "pile", &what);
        }
        self.reader_resets = resets;
        let mut closed = false;
        for port in PortId::first(self.scenario.pile.ports) {
            let (was, is) = (self.shown.get(port.index()).copied(), self.look(port));
            let Some(was) = was else { continue };
            if was.relay != is.relay {
                closed |= is.relay;
                let what = if is.relay { "closes" } else { "opens" };
                self.say(now, "pile", &format!("port {port}: the relay {what}"));
            }
            if let Some(light) = is.indicator.filter(|it| Some(*it) != was.indicator) {
                let light = words::indicator(light);
                self.say(
                    now,
                    "pile",
                    &format!("port {port}: the light shows {light}"),
                );
            }
            if let Some(shown) = self.shown.get_mut(port.index()) {
                *shown = is;
            }
        }
        if let Some((id, None)) = self.command
            && let Some(outcome) = self.world.answer(id)
        {
            self.command = Some((id, Some(outcome)));
            self.say(now, "pile", &words::outcome_text(outcome));
        }
        if closed {
            let ledger = self.ledger()?;
            self.guarantees(&ledger);
        }
        Ok(())
    }
}
