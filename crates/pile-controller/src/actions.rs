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
        Iter {
            actions: self,
            kind: 0,
            ports: self.open,
            next: 0,
        }
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

/// The actions not yet seen, kind after kind. A chain of iterators is twice the code.
struct Iter<'a> {
    actions: &'a Actions,
    kind: u8,
    /// Those still to come, of a kind that is one a port.
    ports: PortSet,
    /// The place of what comes next, in a list.
    next: usize,
}

impl Iterator for Iter<'_> {
    type Item = Action;

    fn next(&mut self) -> Option<Action> {
        let all = self.actions;
        loop {
            let place = self.next;
            self.next = place.saturating_add(1);
            let first = place == 0;
            let found = match self.kind {
                0 => self.ports.take_first().map(Action::OpenRelay),
                1 => self.ports.take_first().map(Action::CloseRelay),
                2 => all.clock.filter(|_| first).map(Action::SetClock),
                3 => (first && all.persist).then_some(Action::Persist),
                4 => {
                    let shown = all.indicators.get(place);
                    shown.map(|(port, shown)| Action::Indicate(*port, *shown))
                }
                5 => {
                    let stopped = self.ports.take_first().map(Signal::Stopped);
                    stopped.map(Action::Signal)
                }
                6 => all.signal.filter(|_| first).map(Action::Signal),
                7 => {
                    let tried = all.tried.filter(|_| first);
                    let tried = tried.map(|(card, count)| Signal::CardsTried(card, count));
                    tried.map(Action::Signal)
                }
                8 => {
                    let filling = all.filling.filter(|_| first).map(Signal::LedgerFilling);
                    filling.map(Action::Signal)
                }
                9 => {
                    let answer = all.answer.filter(|_| first);
                    answer.map(|(asker, outcome)| asker.answer(outcome))
                }
                10 => {
                    let lost = Outcome::Refused(Refusal::LedgerFailed);
                    let given_up = all.given_up.get(place);
                    given_up.map(|id| Asker::Phone(*id).answer(lost))
                }
                _ => return None,
            };
            if found.is_some() {
                return found;
            }
            self.kind = self.kind.saturating_add(1);
            self.next = 0;
            self.ports = match self.kind {
                1 => all.close,
                5 => all.stopped,
                _ => PortSet::default(),
            };
        }
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

    /// Takes out the first of them.
    fn take_first(&mut self) -> Option<PortId> {
        let index = usize::try_from(self.0.trailing_zeros()).ok()?;
        let port = PortId::from_index(index).ok()?;
        self.remove(port);
        Some(port)
    }

    pub fn iter(mut self) -> impl Iterator<Item = PortId> {
        core::iter::from_fn(move || self.take_first())
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
    fn all_actions_come_each_once_and_relays_open_before_any_closes() {
        let [first, last] = [0, 15].map(|index| PortId::from_index(index).unwrap());
        let card = CredentialId::new(3);
        let failed = Outcome::Refused(Refusal::LedgerFailed);
        let mut actions = Actions {
            persist: true,
            signal: Some(Signal::Hot),
            filling: Some(7),
            tried: Some((card, 2)),
            answer: Some((Asker::Phone(4), failed)),
            clock: Some(WallTime::default()),
            ..Actions::default()
        };
        actions.open = [first, last].into_iter().collect();
        actions.close = [last].into_iter().collect();
        actions.stopped = [first, last].into_iter().collect();
        actions.indicators.push((last, Indicator::Full)).unwrap();
        actions.indicators.push((first, Indicator::Free)).unwrap();
        actions.given_up.extend([5, 6]);
        let expected = [
            Action::OpenRelay(first),
            Action::OpenRelay(last),
            Action::CloseRelay(last),
            Action::SetClock(WallTime::default()),
            Action::Persist,
            Action::Indicate(last, Indicator::Full),
            Action::Indicate(first, Indicator::Free),
            Action::Signal(Signal::Stopped(first)),
            Action::Signal(Signal::Stopped(last)),
            Action::Signal(Signal::Hot),
            Action::Signal(Signal::CardsTried(card, 2)),
            Action::Signal(Signal::LedgerFilling(7)),
            Asker::Phone(4).answer(failed),
            Asker::Phone(5).answer(failed),
            Asker::Phone(6).answer(failed),
        ];
        assert_eq!(actions.iter().collect::<Vec<_>>(), expected);
        assert_eq!(Actions::default().iter().next(), None);
    }

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
