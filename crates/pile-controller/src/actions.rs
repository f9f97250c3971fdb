//! What the machine wants done.

use crate::{Outcome, Refusal};
use pile_units::{CredentialId, MAX_PORTS, PortId, WallTime};

/// What a port's indicator shows.
///
/// ```
/// use pile_controller::Indicator;
/// /// Green, and blinking or not.
/// fn led(shown: Indicator) -> (bool, bool) {
///     match shown {
///         Indicator::Fault => (false, true),
///         Indicator::Disabled => (false, false),
///         Indicator::Waiting | Indicator::Charging => (true, true),
///         Indicator::Free | Indicator::Full | Indicator::Finished => (true, false),
///     }
/// }
/// assert_eq!(led(Indicator::Charging), (true, true));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Indicator {
    /// Ready for a bike.
    Free,
    /// Started, no load yet.
    Waiting,
    /// Charging.
    Charging,
    /// Nearly full: the battery draws next to nothing.
    Full,
    /// Done; the bike can be taken.
    Finished,
    /// Out of service.
    Disabled,
    /// Faulted: only the landlord can clear it.
    Fault,
}

/// What the pile says to whoever stands before it.
///
/// ```
/// use pile_controller::{Refusal, Signal};
/// fn sound(signal: Signal) -> &'static str {
///     match signal {
///         Signal::Refused(_) => "buzz",
///         Signal::ChoosePort | Signal::TapNewCard => "beep beep",
///         _ => "beep",
///     }
/// }
/// assert_eq!(sound(Signal::Refused(Refusal::Busy)), "buzz");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The pile is claimed.
    Commissioned,
    /// Choose a port by its button.
    ChoosePort,
    /// A session starts on this port.
    Started(PortId),
    /// The session on this port stops.
    Stopped(PortId),
    /// Tap the new card now.
    TapNewCard,
    /// The new card is authorised.
    Authorised,
    /// The window for a new card is closed.
    WindowClosed,
    /// The fault of this port is cleared.
    FaultCleared(PortId),
    /// No.
    Refused(Refusal),
    /// The pile is hot.
    Hot,
    /// In so many days the ledger has no room for new sessions, if they go on as of late: settle,
    /// and export. Said when they fall below 30 and below 7, and when the landlord's card is tapped.
    LedgerFilling(u32),
    /// So many attempts were refused since the landlord was last told, the newest with something that
    /// gave itself out for this card. Said when the landlord's card is tapped.
    CardsTried(CredentialId, u32),
    /// The tap bound a phone, and opened no choice and no window.
    PhoneBound,
    /// The ledger is refused: nothing charges. Said once a minute and to every card.
    LedgerRefused,
    /// To begin a new ledger in its place, press any button.
    PressToBeginAnew,
    /// And tap the privilege card again.
    TapToBeginAnew,
}

/// One thing to do. The shell does them in the order in which [`Actions`] gives them: relays open
/// before any closes.
///
/// ```
/// use pile_controller::Action;
/// use pile_units::PortId;
/// fn drive(action: &Action, relays: &mut [bool]) {
///     match action {
///         Action::OpenRelay(port) => relays[port.index()] = false,
///         Action::CloseRelay(port) => relays[port.index()] = true,
///         _ => {}
///     }
/// }
/// let mut relays = [false; 2];
/// drive(&Action::CloseRelay(PortId::from_number(2)?), &mut relays);
/// assert_eq!(relays, [false, true]);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Open the port's relay.
    OpenRelay(PortId),
    /// Close the port's relay. Comes only after the record that says why is durable (I1).
    CloseRelay(PortId),
    /// Write what is in the outbox, oldest first, and answer each with `Event::Persisted`.
    Persist,
    /// Show the port's state.
    Indicate(PortId, Indicator),
    /// Say something.
    Signal(Signal),
    /// Answer the command with this number.
    Answer(u16, Outcome),
    /// Answer the phone's wish with this number.
    Tell(u16, Outcome),
    /// Set the real-time clock.
    SetClock(WallTime),
}

/// Who asked, and gets the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    Command(u16),
    Phone(u16),
}

impl Asker {
    const fn answer(self, outcome: Outcome) -> Action {
        match self {
            Self::Command(id) => Action::Answer(id, outcome),
            Self::Phone(id) => Action::Tell(id, outcome),
        }
    }
}

/// What the machine wants done after one event. Bounded by construction: a set of ports a verb,
/// one signal, a warning of each kind, one answer.
///
/// ```
/// use pile_controller::{Action, Actions, Controller, Config, Durable, Event};
/// use billing_core::{book::Book, ledger::Headroom};
/// use pile_units::{Instant, PileId, WallTime};
/// let config = Config {
///     ports: 2,
///     pile: PileId::new([1; 8]),
///     wall: WallTime::default(),
///     durable: Durable { seq: 0, headroom: Headroom { sessions: 10, facts: 10 } },
/// };
/// let mut pile = Controller::new(config, Book::new(), Instant::START);
/// let actions: Actions = pile.handle(Instant::START, Event::Tick);
/// assert!(actions.iter().all(|action| !matches!(action, Action::CloseRelay(_))));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "a relay may have to open"]
pub struct Actions {
    pub(crate) open: PortSet,
    pub(crate) close: PortSet,
    pub(crate) persist: bool,
    /// Ports that show something else than before.
    pub(crate) indicators: heapless::Vec<(PortId, Indicator), MAX_PORTS>,
    pub(crate) signal: Option<Signal>,
    /// Days until the ledger is full, if they are to be said.
    pub(crate) filling: Option<u32>,
    /// What was tried, if it is to be said.
    pub(crate) tried: Option<(CredentialId, u32)>,
    /// Ports whose sessions stop: each is said.
    pub(crate) stopped: PortSet,
    pub(crate) answer: Option<(Asker, Outcome)>,
    /// Starts by phones whose records will never be durable.
    pub(crate) given_up: heapless::Vec<u16, MAX_PORTS>,
    pub(crate) clock: Option<WallTime>,
}

impl Actions {
    /// All actions, in the order in which they are to be done.
    pub fn iter(&self) -> impl Iterator<Item = Action> + '_ {
        let indicators = self.indicators.iter();
        let indicators = indicators.map(|(port, shown)| Action::Indicate(*port, *shown));
        let open = self.open.iter().map(Action::OpenRelay);
        let close = self.close.iter().map(Action::CloseRelay);
        let stopped = self.stopped.iter().map(Signal::Stopped);
        let tried = self
            .tried
            .map(|(card, count)| Signal::CardsTried(card, count));
        let filling = self.filling.map(Signal::LedgerFilling);
        let lost = Outcome::Refused(Refusal::LedgerFailed);
        let given_up = self
            .given_up
            .iter()
            .map(move |id| Asker::Phone(*id).answer(lost));
        let signals = stopped.chain(self.signal).chain(tried).chain(filling);
        open.chain(close)
            .chain(self.clock.map(Action::SetClock))
            .chain(self.persist.then_some(Action::Persist))
            .chain(indicators)
            .chain(signals.map(Action::Signal))
            .chain(self.answer.map(|(asker, outcome)| asker.answer(outcome)))
            .chain(given_up)
    }

    /// True if nothing is to be done: the case of almost every meter sample.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
            && self.close.is_empty()
            && !self.persist
            && self.signal.is_none()
            && self.filling.is_none()
            && self.tried.is_none()
            && self.stopped.is_empty()
            && self.answer.is_none()
            && self.given_up.is_empty()
            && self.clock.is_none()
            && self.indicators.is_empty()
    }

    pub(crate) fn refuse(&mut self, why: Refusal) {
        self.signal = Some(Signal::Refused(why));
    }
}

/// A set of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PortSet(u16);

const _: () = assert!(MAX_PORTS <= 16);

impl PortSet {
    pub fn insert(&mut self, port: PortId) {
        self.0 |= 1 << port.index();
    }

    pub fn remove(&mut self, port: PortId) {
        self.0 &= !(1 << port.index());
    }

    pub const fn contains(self, port: PortId) -> bool {
        self.0 & (1 << port.index()) != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = PortId> {
        // Only as far as the highest of them: most sets are empty.
        let most = u16::BITS.saturating_sub(self.0.leading_zeros());
        PortId::first(usize::try_from(most).unwrap_or(MAX_PORTS))
            .filter(move |port| self.contains(*port))
    }
}

impl FromIterator<PortId> for PortSet {
    fn from_iter<I: IntoIterator<Item = PortId>>(ports: I) -> Self {
        let mut set = Self::default();
        ports.into_iter().for_each(|port| set.insert(port));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_set_gives_its_ports_in_order_up_to_the_last_there_is() {
        for which in [0, 1, 0b1000, 0x8001, u16::MAX] {
            let ports = PortId::first(MAX_PORTS).filter(|port| which & (1 << port.index()) != 0);
            let ports = ports.collect::<Vec<_>>();
            let set = ports.iter().copied().collect::<PortSet>();
            assert_eq!(set.iter().collect::<Vec<_>>(), ports);
        }
    }
}
