//! The machine.

mod attempts;
mod jobs;
mod outbox;
mod people;
mod phones;
mod ports;
mod prices;
mod records;
mod room;
mod wishes;

use crate::actions::Asker;
use crate::event::Refusal;
use crate::port::{Phase, Port, PortState, PortView};
use crate::{Actions, Durable, Event, Indicator, Outcome, Signal};
use attempts::Tried;
use billing_core::book::Book;
use billing_core::ledger::Headroom;
use billing_core::record::{Record, StopReason};
use jobs::Job;
use outbox::Outbox;
use people::{Choice, Window};
use pile_units::{Current, Instant, MAX_PORTS, PileId, PortId, Temperature, Voltage, WallTime};
use ports::Failing;
use prices::Prices;

/// What a pile is built with.
///
/// ```
/// use billing_core::ledger::Headroom;
/// use pile_controller::{Config, Durable};
/// use pile_units::{PileId, WallTime};
/// let config = Config {
///     ports: 10,
///     pile: PileId::new(*b"8 random"),
///     wall: WallTime::default(), // no clock, or one that was never set
///     // As the ledger says.
///     durable: Durable { seq: 0, headroom: Headroom { sessions: 100, facts: 1000 } },
/// };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Outlets, 1..=[`MAX_PORTS`].
    pub ports: usize,
    /// The identity it takes when it is commissioned: random, from the hardware.
    pub pile: PileId,
    /// The time of the real-time clock at [`Controller::new`].
    pub wall: WallTime,
    /// What the ledger holds, and what can be written.
    pub durable: Durable,
}

/// The machine: events in, actions out. No I/O, no clock of its own, no allocation.
///
/// ```
/// use pile_controller::{Action, Config, Controller, Durable, Event, PortState};
/// use billing_core::{book::Book, ledger::Headroom};
/// use pile_units::{CardAlias, Instant, PileId, PortId, Strength, WallTime};
/// let config = Config {
///     ports: 10,
///     pile: PileId::new([1; 8]),
///     wall: WallTime::default(),
///     durable: Durable { seq: 0, headroom: Headroom { sessions: 100, facts: 1000 } },
/// };
/// let mut pile = Controller::new(config, Book::new(), Instant::START);
/// // The first card that a blank pile sees becomes its privilege card.
/// let card = Event::Card { alias: CardAlias::new([7; 8]), strength: Strength::UidOnly };
/// let actions = pile.handle(Instant::from_millis(5), card);
/// assert!(actions.iter().any(|action| action == Action::Persist));
/// # let port = PortId::from_number(1)?;
/// assert_eq!(pile.port(port).state, PortState::Idle);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone)]
pub struct Controller {
    book: Book,
    ports: [Port; MAX_PORTS],
    count: usize,
    pile: PileId,
    outbox: Outbox,
    headroom: Headroom,
    /// The number of the last durable record.
    seq: u64,
    /// How often the landlord was told that the ledger fills up.
    warned: usize,
    /// The time of the last event.
    at: Instant,
    clock: (Instant, WallTime),
    /// Time of the newest record in the outbox, from which the next progress record counts.
    last: WallTime,
    prices: Prices,
    choice: Option<Choice>,
    window: Option<Window>,
    tried: Tried,
    job: Option<Job>,
    over_budget: Option<Instant>,
    hot: bool,
    /// The temperature inside, as it was last said.
    degrees: Option<Temperature>,
    /// The supply was said to fail.
    failing: Option<Failing>,
    failed: bool,
    reader: bool,
    shown: [Option<Indicator>; MAX_PORTS],
}

impl Controller {
    /// Starts the machine on what the ledger knows. Sessions that were open when the supply
    /// failed are closed with [`StopReason::PowerLost`] at the first event.
    pub fn new(config: Config, book: Book, now: Instant) -> Self {
        let mut machine = Self::asleep();
        machine.book = book;
        machine.wake(config, now);
        machine
    }

    /// A machine without ports that knows nothing: where there is no room for two books, its own is
    /// filled where it lies ([`book_to_fill`](Self::book_to_fill)), and then it is
    /// [woken](Self::wake).
    ///
    /// ```
    /// use billing_core::journal::{Identity, testing::RamFlash};
    /// use billing_core::ledger::Ledger;
    /// use pile_controller::{Config, Controller, Durable};
    /// # use pile_units::{Instant, PileId, WallTime};
    /// # embassy_futures::block_on(async {
    /// # let flash = RamFlash::<4, 4096, 65536>::new();
    /// let mut machine = Controller::asleep();
    /// let identity = Identity::new([7; 16]);
    /// let ledger = Ledger::format_into(flash, identity, machine.book_to_fill()).await.unwrap();
    /// let durable = Durable { seq: 0, headroom: ledger.headroom(machine.book()) };
    /// let (pile, wall) = (PileId::new([1; 8]), WallTime::default());
    /// machine.wake(Config { ports: 2, pile, wall, durable }, Instant::START);
    /// assert_eq!(machine.ports().count(), 2);
    /// # });
    /// ```
    pub fn asleep() -> Self {
        let now = Instant::START;
        Self {
            book: Book::new(),
            ports: [Port::new(now, pile_units::Energy::ZERO, None); MAX_PORTS],
            count: 0,
            pile: PileId::new([0; 8]),
            outbox: Outbox::new(),
            headroom: Headroom::default(),
            seq: 0,
            warned: 0,
            at: now,
            clock: (now, WallTime::default()),
            last: WallTime::default(),
            prices: Prices::default(),
            choice: None,
            window: None,
            tried: Tried::new(now),
            job: None,
            over_budget: None,
            hot: false,
            degrees: None,
            failing: None,
            failed: false,
            reader: true,
            shown: [None; MAX_PORTS],
        }
    }

    /// The book of a machine that was not woken yet. One that is awake changes its book by records
    /// only.
    pub const fn book_to_fill(&mut self) -> &mut Book {
        &mut self.book
    }

    /// Starts the machine on the book that it holds, as [`new`](Self::new) does.
    pub fn wake(&mut self, config: Config, now: Instant) {
        let book = &self.book;
        for (port, place) in PortId::first(MAX_PORTS).zip(&mut self.ports) {
            *place = Port::new(now, book.register(port), book.fault(port));
            if let Some(session) = book.session(port) {
                let (reason, at) = (StopReason::PowerLost, book.last());
                place.segment = session.segment.energy;
                place.before = session.closed_energy;
                place.phase = if session.ended {
                    Phase::Closing {
                        reason,
                        at,
                        billed: false,
                    }
                } else {
                    Phase::Finishing {
                        reason,
                        since: now,
                        at,
                        seen: true,
                    }
                };
            }
        }
        self.last = book.last();
        self.count = config.ports.min(MAX_PORTS);
        self.pile = config.pile;
        self.headroom = config.durable.headroom;
        self.seq = config.durable.seq;
        self.at = now;
        self.clock = (now, config.wall);
        self.tried = Tried::new(now);
    }

    /// Takes an event and says what is to be done.
    pub fn handle(&mut self, now: Instant, event: Event) -> Actions {
        let mut out = Actions::default();
        self.at = now;
        self.expire(now, &mut out);
        if let (Some(failing), Event::Sample(port, _) | Event::MeterSilent(port)) =
            (&mut self.failing, &event)
        {
            failing.asked(*port);
        }
        match event {
            // Nothing comes from ports that this pile does not have.
            Event::Sample(port, _) | Event::MeterSilent(port) | Event::Trip(port, _)
                if !self.has(port) => {}
            Event::Sample(port, sample) => self.sample(now, port, &sample, &mut out),
            Event::MeterSilent(port) => {
                let stop = self.at_mut(port).and_then(|place| place.silence(now));
                self.stop_if(now, port, stop, &mut out);
            }
            Event::Trip(port, fault) => self.stop_if(now, port, Some(fault.into()), &mut out),
            Event::Temperature(degrees) => self.temperature(now, degrees, &mut out),
            Event::Card { alias, strength } => self.card(now, alias, strength, &mut out),
            Event::WrongKey { alias } => self.wrong_key(now, alias, &mut out),
            Event::CardWaits => out.refuse(Refusal::CardWaits),
            Event::RandomNumber => self.random_number(&mut out),
            Event::CardGone => out.refuse(Refusal::HoldStill),
            Event::TwoCards => out.refuse(Refusal::OneCard),
            Event::Button(port) => self.button(now, port, &mut out),
            Event::Reader(answers) => self.reader = answers,
            Event::PowerFailing => self.power_failing(now, &mut out),
            Event::Persisted(durable) => self.persisted(now, durable, &mut out),
            Event::Room(headroom) => self.count_room(headroom),
            Event::LedgerFailed => self.fail(now, &mut out),
            Event::Command(id, command) => {
                self.command(now, Asker::Command(id), command, &mut out);
            }
            Event::Phone(id, wish) => self.phone(now, id, wish, &mut out),
            Event::Tick => self.tick(now, &mut out),
        }
        self.apply_planned(now, &mut out);
        self.write_down(now, &mut out);
        self.write_attempts(now, &mut out);
        // One answer an event: what a waiting job has to say comes with the next.
        if out.answer.is_none() {
            self.work(now, &mut out);
        }
        self.vet(now, &mut out);
        self.warn_of_filling(now, &mut out);
        self.show(&mut out);
        out
    }

    /// When `Event::Tick` is due at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let choice = self.choice.as_ref().map(|choice| choice.until);
        let window = self.window.as_ref().map(|window| window.until);
        let limits = self.book.limits();
        let ports = self.in_use().filter_map(|(_, port)| port.deadline(limits));
        let others = [choice, window, self.planned_due(), self.attempts_due()];
        ports.chain(others.into_iter().flatten()).min()
    }

    /// Which port's meter is to be read next, and when: at once if that moment has passed. `None`
    /// for a pile without ports.
    ///
    /// ```
    /// # use billing_core::book::Book;
    /// # use pile_controller::{Config, Controller, Durable, Event};
    /// # use pile_units::{Instant, PileId, WallTime};
    /// # let durable = Durable::default();
    /// # let config = Config { ports: 2, pile: PileId::new([1; 8]), wall: WallTime::default(), durable };
    /// let now = Instant::from_millis(1000);
    /// let mut pile = Controller::new(config, Book::new(), now);
    /// let mut order = Vec::new();
    /// while let Some((due, port)) = pile.next_reading(now).filter(|(due, _)| *due <= now) {
    ///     order.push(port.number());
    ///     let _ = pile.handle(now, Event::MeterSilent(port)); // nothing is wired here
    /// }
    /// assert_eq!(order, [1, 2]);
    /// ```
    pub fn next_reading(&self, now: Instant) -> Option<(Instant, PortId)> {
        let round = self.round(now);
        let due = |(id, port): (PortId, &Port)| {
            let due = port.next_reading(now, &round, id.index());
            let wanted = self.failing.is_some_and(|failing| failing.wants(id));
            (if wanted { due.min(now) } else { due }, id)
        };
        // The first of those that are due first.
        self.in_use().map(due).min_by_key(|(due, _)| *due)
    }

    /// The oldest record that is not durable: what `Action::Persist` asks to write.
    pub fn outbox(&self) -> Option<&Record> {
        self.outbox.front()
    }

    /// What the pile knows: the fold of the durable records.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// A port as anyone may see it.
    pub fn port(&self, port: PortId) -> PortView {
        let place = self.at(port);
        let session = self.book.session(port);
        PortView {
            state: place.state(self.book.enabled(port)),
            session: session.map(|session| session.id),
            account: session.map(|session| session.account),
            power: place.power,
            energy: place.session_energy(),
        }
    }

    /// The number of the last durable record.
    pub const fn last_record(&self) -> u64 {
        self.seq
    }

    /// What can still be written.
    pub const fn headroom(&self) -> Headroom {
        self.headroom
    }

    /// The temperature inside, where something says it.
    pub const fn temperature_inside(&self) -> Option<Temperature> {
        self.degrees
    }

    /// Voltage and current at the port's last reading.
    pub(crate) fn electric(&self, port: PortId) -> Option<(Voltage, Current)> {
        self.at(port).electric
    }

    /// True if the port's meter answers.
    pub(crate) fn meter_answers(&self, port: PortId) -> bool {
        self.at(port).has_meter()
    }

    /// How many ports a session can begin on now.
    pub fn free_ports(&self) -> u8 {
        let free = self.ports().filter(|port| self.is_free(*port).is_ok());
        u8::try_from(free.count()).unwrap_or(u8::MAX)
    }

    /// True while the port's relay is told to be closed.
    pub fn is_closed(&self, port: PortId) -> bool {
        self.at(port).is_closed()
    }

    /// The ports of this pile.
    pub fn ports(&self) -> impl Iterator<Item = PortId> + Clone + use<> {
        PortId::first(self.count)
    }

    /// True if the card reader answers.
    pub const fn reader_answers(&self) -> bool {
        self.reader
    }

    /// Wall time at a moment.
    pub fn wall(&self, now: Instant) -> WallTime {
        let (base, wall) = self.clock;
        let seconds = u32::try_from(now.since(base).seconds()).unwrap_or(u32::MAX);
        WallTime {
            unix: wall.unix.plus(seconds),
            quality: wall.quality,
        }
    }

    fn at(&self, port: PortId) -> &Port {
        // A `PortId` is below MAX_PORTS by its type, so the first never stands in for another.
        let [first, ..] = &self.ports;
        self.ports.get(port.index()).unwrap_or(first)
    }

    /// The port: always there, whether this pile has it or not.
    fn at_mut(&mut self, port: PortId) -> Option<&mut Port> {
        self.ports.get_mut(port.index())
    }

    /// True if this pile has the port.
    const fn has(&self, port: PortId) -> bool {
        port.index() < self.count
    }

    fn in_use(&self) -> impl Iterator<Item = (PortId, &Port)> {
        PortId::first(self.count).zip(&self.ports)
    }

    /// Shows what changed.
    fn show(&mut self, out: &mut Actions) {
        let places = self.ports.iter().zip(&mut self.shown);
        for (port, (place, before)) in PortId::first(self.count).zip(places) {
            let shown = match place.state(self.book.enabled(port)) {
                PortState::Idle => Indicator::Free,
                PortState::Finished | PortState::Stopping => Indicator::Finished,
                PortState::Opening | PortState::Starting => Indicator::Waiting,
                PortState::Charging => Indicator::Charging,
                PortState::Full => Indicator::Full,
                PortState::Disabled => Indicator::Disabled,
                PortState::Faulted(_) => Indicator::Fault,
            };
            if before.replace(shown) != Some(shown) {
                // A place for every port.
                let _ = out.indicators.push((port, shown));
            }
        }
    }
}
