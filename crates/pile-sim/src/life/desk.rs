//! The real controller on the real ledger, on a desk: wires, cards and time are plain values.

mod look;

use std::collections::BTreeMap;
use std::sync::Arc;

use billing_core::book::Book;
use billing_core::journal::Identity;
use billing_core::ledger::Headroom;
use billing_core::record::Record;
use pile_controller::playback::{Step, What};
use pile_controller::{Action, Command, Config, Controller, Durable, Event, Outcome, Signal};
use pile_units::{
    CardAlias, ClockQuality, Duration, Instant, MAX_PORTS, PileId, PortId, SessionId, Strength,
    UnixSeconds, WallTime,
};

use super::Trouble;
use super::moment::{Flows, Moment, Task};
use super::store::Store;
use super::surroundings::Surroundings;
use super::wires::{MWH, Wire};
use crate::flash::{Operation, Times, VirtualNor};

/// The landlord's card.
pub const LANDLORD: u8 = 0xff;

/// How a desk is built.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Outlets, 1..=16.
    pub ports: usize,
    /// What the flash's operations take; none is no time.
    pub times: Option<Times>,
    /// True to keep every moment of the flash's work, for [`Desk::take_moments`].
    pub moments: bool,
    /// Chooses the phases of the meters' counters.
    pub seed: u64,
}

/// A pile on a desk.
///
/// ```
/// use pile_sim::flash::{Part, Speed, Stm32g4};
/// use pile_sim::life::{Desk, LANDLORD, Setup};
/// use pile_units::{Duration, PlanId, PortId};
/// use pile_controller::Command;
/// # use billing_core::tariff::{Band, Tariff};
/// # use pile_units::{Currency, UtcOffset};
/// # let band = Band { name: "flat".parse()?, energy: "0.568".parse()?, service: "0.20".parse()? };
/// # let tariff = Tariff::flat(Currency::CNY, UtcOffset::UTC, band);
/// let times = Part::Stm32g4.times(Speed::Typical);
/// let setup = Setup { ports: 2, times, moments: false, seed: 1 };
/// let flash = Stm32g4::stm32g4();
/// let mut desk = Desk::format(&flash, setup)?;
/// desk.tap(LANDLORD)?; // claims the pile
/// desk.command(Command::SetTariff(PlanId::STANDARD, tariff))?;
/// desk.tap(LANDLORD)?;
/// desk.tap(1)?; // an account
/// let port = PortId::from_number(2)?;
/// desk.plug(port, 200);
/// desk.tap(1)?;
/// desk.press(port)?;
/// desk.wait(Duration::from_minutes(60))?;
/// assert!(desk.is_closed(port));
/// let recorded = desk.book().register(port).milliwatt_hours();
/// assert!(desk.delivered().abs_diff(recorded) < 1_000, "{recorded}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Desk<const W: usize, const E: usize> {
    setup: Setup,
    flash: VirtualNor<W, E>,
    store: Store<W, E>,
    machine: Controller,
    /// What the ledger had room for when it was last counted.
    headroom: Headroom,
    now: Instant,
    rtc: (Instant, WallTime),
    wires: Vec<Wire>,
    /// What the ledger is doing, and until when.
    busy: Option<(Task, Instant)>,
    moments: Vec<Moment>,
    /// All records that were acknowledged, with their numbers, since the desk was made.
    records: Vec<(u64, Record)>,
    /// How many there were before it was made.
    earlier: usize,
    /// mW x ms.
    delivered: BTreeMap<SessionId, u128>,
    booted: [(u128, u64); MAX_PORTS],
    answers: BTreeMap<u16, Outcome>,
    told: Vec<(u16, Outcome)>,
    signals: Vec<Signal>,
    next_command: u16,
    /// What happened, and when the last of it did, where that is kept.
    steps: Option<(Vec<Step>, Instant)>,
}

impl<const W: usize, const E: usize> Desk<W, E> {
    /// A blank pile on a flash that is made a ledger.
    ///
    /// # Errors
    /// [`Trouble`] with the flash.
    pub fn format(flash: &VirtualNor<W, E>, setup: Setup) -> Result<Self, Trouble> {
        flash.record_operations();
        flash.take_operations();
        let (store, book) = Store::format(flash, Identity::new(*b"a pile on a desk"))?;
        let noon = WallTime {
            unix: UnixSeconds::new(1_719_835_200),
            quality: ClockQuality::Synchronised,
        };
        let now = Instant::from_millis(1_000);
        let around = Surroundings {
            now,
            rtc: (now, noon),
            wires: vec![Wire::new(); setup.ports],
            delivered: BTreeMap::new(),
            acknowledged: 0,
        };
        Self::start(flash, setup, around, store, book, Task::Format)
    }

    /// The supply comes back twenty seconds after it was cut: the ledger is mounted, and the pile
    /// closes what was open.
    ///
    /// # Errors
    /// [`Trouble`]: why the ledger is refused.
    pub fn boot(
        flash: &VirtualNor<W, E>,
        setup: Setup,
        mut around: Surroundings,
    ) -> Result<Self, Trouble> {
        flash.record_operations();
        flash.take_operations();
        let (store, book) = Store::mount(flash)?;
        around.now = around.now.after(Duration::from_seconds(20));
        Self::start(flash, setup, around, store, book, Task::Mount)
    }

    fn start(
        flash: &VirtualNor<W, E>,
        setup: Setup,
        around: Surroundings,
        store: Store<W, E>,
        book: Book,
        task: Task,
    ) -> Result<Self, Trouble> {
        let Surroundings {
            now,
            rtc,
            mut wires,
            delivered,
            acknowledged,
        } = around;
        let mut booted = [(0, 0); MAX_PORTS];
        let ports = PortId::first(MAX_PORTS);
        for (place, ((wire, booted), port)) in
            wires.iter_mut().zip(&mut booted).zip(ports).enumerate()
        {
            wire.power_up(setup.seed.wrapping_add(place as u64).wrapping_mul(71));
            *booted = (wire.flowed, book.register(port).milliwatt_hours());
        }
        let config = Config {
            ports: setup.ports,
            pile: PileId::new(*b"the desk"),
            wall: wall_at(rtc, now),
            durable: store.durable(&book),
        };
        let known = setup.moments.then(|| Arc::new(book.clone()));
        let mut desk = Self {
            setup,
            flash: flash.clone(),
            store,
            machine: Controller::new(config, book, now),
            headroom: config.durable.headroom,
            now,
            rtc,
            wires,
            busy: None,
            moments: Vec::new(),
            records: Vec::new(),
            earlier: acknowledged,
            delivered,
            booted,
            answers: BTreeMap::new(),
            told: Vec::new(),
            signals: Vec::new(),
            next_command: 1,
            steps: None,
        };
        let operations = flash.take_operations();
        desk.remember(task, operations, known);
        desk.feed(Event::Tick)?;
        Ok(desk)
    }

    /// Wires and clock as they are now: what is left when the supply fails.
    pub fn surroundings(&self) -> Surroundings {
        Surroundings {
            now: self.now,
            rtc: self.rtc,
            wires: self.wires.clone(),
            delivered: self.delivered.clone(),
            acknowledged: self.earlier + self.records.len(),
        }
    }

    /// A card is tapped; what follows has a second to happen.
    ///
    /// # Errors
    /// [`Trouble`] with the flash.
    pub fn tap(&mut self, card: u8) -> Result<(), Trouble> {
        self.feed(Event::Card {
            alias: CardAlias::new([card; 8]),
            strength: Strength::UidOnly,
        })?;
        self.wait(Duration::from_seconds(1))
    }

    /// A port's button is pressed; what follows has two seconds to happen.
    ///
    /// # Errors
    /// [`Trouble`] with the flash.
    pub fn press(&mut self, port: PortId) -> Result<(), Trouble> {
        self.feed(Event::Button(port))?;
        self.wait(Duration::from_seconds(2))
    }

    /// From now on so much hangs on the port.
    pub fn plug(&mut self, port: PortId, watts: u32) {
        if let Some(wire) = self.wires.get_mut(port.index()) {
            wire.load = watts.saturating_mul(1000);
        }
    }

    /// Gives a command and waits up to a minute for its answer.
    ///
    /// # Errors
    /// [`Trouble`] with the flash, or without an answer.
    pub fn command(&mut self, command: Command) -> Result<Outcome, Trouble> {
        let id = self.next_command;
        self.next_command = id.wrapping_add(1);
        let name = std::mem::discriminant(&command);
        self.feed(Event::Command(id, command))?;
        for _ in 0..600 {
            if let Some(outcome) = self.answers.remove(&id) {
                return Ok(outcome);
            }
            self.wait(Duration::from_millis(100))?;
        }
        Err(Trouble::Other(format!(
            "no answer to a command of {name:?}"
        )))
    }

    /// Anything else that may happen.
    ///
    /// # Errors
    /// [`Trouble`] with the flash.
    pub fn feed(&mut self, event: Event) -> Result<(), Trouble> {
        if !matches!(event, Event::Persisted(_) | Event::Room(_)) {
            self.keep(What::Event(event.clone()));
        }
        let actions = self.machine.handle(self.now, event);
        for action in actions.iter() {
            match action {
                Action::OpenRelay(port) => self.set_relay(port, false),
                Action::CloseRelay(port) => self.set_relay(port, true),
                Action::Signal(signal) => self.signals.push(signal),
                Action::Answer(id, outcome) => {
                    self.answers.insert(id, outcome);
                }
                Action::SetClock(wall) => self.rtc = (self.now, wall),
                Action::Tell(id, outcome) => self.told.push((id, outcome)),
                Action::Persist | Action::Indicate(..) => {}
            }
        }
        self.write()
    }

    /// Keeps what happens from now on, behind what was kept before a power cut. The desk has just been
    /// made: the first that is kept is its boot.
    pub fn keep_steps(&mut self, before: Vec<Step>) {
        let spans = before.iter().map(|step| step.after);
        let until = spans.fold(Instant::START, Instant::after);
        self.steps = Some((before, until));
        self.keep(What::Boot {
            ports: u8::try_from(self.setup.ports).unwrap_or(u8::MAX),
            wall: self.wall(),
        });
    }

    /// What was kept.
    pub fn take_steps(&mut self) -> Vec<Step> {
        self.steps.take().map_or_else(Vec::new, |(steps, _)| steps)
    }

    fn keep(&mut self, what: What) {
        if let Some((steps, until)) = &mut self.steps {
            let after = self.now.since(*until);
            *until = self.now;
            steps.push(Step { after, what });
        }
    }

    /// Lets time pass, and everything that happens in it.
    ///
    /// # Errors
    /// [`Trouble`] with the flash.
    pub fn wait(&mut self, span: Duration) -> Result<(), Trouble> {
        let end = self.now.after(span);
        loop {
            let reading = self.machine.next_reading(self.now);
            let deadline = self.machine.deadline();
            let done = self.busy.as_ref().map(|(_, until)| *until);
            let dues = [reading.map(|(due, _)| due), deadline, done];
            let due = dues.into_iter().flatten().min();
            let next = due.filter(|due| *due <= end).unwrap_or(end).max(self.now);
            self.flow(next);
            if done.is_some_and(|done| done <= next) {
                self.written()?;
            } else if let Some((due, port)) = reading
                && due <= next
            {
                self.read(port)?;
            } else if deadline.is_some_and(|due| due <= next) {
                self.feed(Event::Tick)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Waits until nothing is to be written and the ledger wants nothing.
    ///
    /// # Errors
    /// [`Trouble`] with the flash.
    pub fn settle(&mut self) -> Result<(), Trouble> {
        for _ in 0..100_000 {
            if self.busy.is_none() && self.machine.outbox().is_none() {
                return Ok(());
            }
            self.wait(Duration::from_millis(1))?;
        }
        Err(Trouble::Other("the outbox does not empty".to_owned()))
    }

    fn set_relay(&mut self, port: PortId, closed: bool) {
        if let Some(wire) = self.wires.get_mut(port.index()) {
            wire.relay = closed;
        }
        // Closed at any time of a task is closed.
        if let (true, Some(moment)) = (closed && self.busy.is_some(), self.moments.last_mut()) {
            moment.closed |= 1 << port.index();
        }
    }

    fn read(&mut self, port: PortId) -> Result<(), Trouble> {
        let sample = self.wires.get(port.index()).map(Wire::sample);
        self.feed(sample.map_or(Event::Tick, |sample| Event::Sample(port, sample)))
    }

    fn flow(&mut self, to: Instant) {
        let millis = to.since(self.now).millis();
        self.now = to;
        if millis == 0 {
            return;
        }
        for (port, wire) in PortId::first(MAX_PORTS).zip(&mut self.wires) {
            let energy = wire.flow(millis);
            if energy > 0
                && let Some(session) = self.machine.book().session(port)
                && !session.ended
            {
                *self.delivered.entry(session.id).or_default() += energy;
            }
        }
    }

    /// Begins what the ledger has to do, if it does nothing yet.
    fn write(&mut self) -> Result<(), Trouble> {
        if self.busy.is_some() {
            return Ok(());
        }
        let book = self.machine.book();
        let task = if let Some(record) = self.machine.outbox() {
            let record = Arc::new(record.clone());
            let seq = self.store.append(book, &record)?;
            self.records.push((seq, Record::clone(&record)));
            Task::Append(record)
        } else if self.store.wants_work(book) && self.machine.can_wait(self.now) {
            self.store.work(book)?;
            Task::Work
        } else {
            return Ok(());
        };
        let operations = self.flash.take_operations();
        let until = self.now.after(self.takes(&operations));
        let book = self.machine.book();
        let book = self.setup.moments.then(|| Arc::new(book.clone()));
        self.remember(task.clone(), operations, book);
        self.busy = Some((task, until));
        Ok(())
    }

    /// The ledger has done it.
    fn written(&mut self) -> Result<(), Trouble> {
        let Some((task, _)) = self.busy.take() else {
            return Ok(());
        };
        let flowed = self.flowed();
        if let Some(moment) = self.moments.last_mut() {
            for (flow, now) in moment.flows.flowed.iter_mut().zip(flowed) {
                flow.1 = u64::try_from(now.div_ceil(MWH)).unwrap_or(u64::MAX);
            }
        }
        match task {
            Task::Append(record) => {
                let (seq, headroom) = (self.store.last_record(), self.headroom);
                self.feed(Event::Persisted(Durable { seq, headroom }))?;
                // Progress takes no room that is not planned for.
                if matches!(*record, Record::Progress { .. }) {
                    return Ok(());
                }
                self.count_room()
            }
            Task::Work => {
                self.count_room()?;
                self.write()
            }
            Task::Format | Task::Mount => self.write(),
        }
    }

    /// As the shell does it after a record and a slice of work.
    fn count_room(&mut self) -> Result<(), Trouble> {
        self.headroom = self.store.durable(self.machine.book()).headroom;
        self.feed(Event::Room(self.headroom))
    }

    fn takes(&self, operations: &[Operation]) -> Duration {
        let Some(times) = self.setup.times else {
            return Duration::from_millis(0);
        };
        let each = |operation: &Operation| match operation {
            Operation::Program { address, bytes } => {
                times.program(*address, u32::try_from(bytes.len()).unwrap_or(u32::MAX))
            }
            Operation::Erase { .. } => times.erase,
        };
        let nanos: u64 = operations.iter().map(each).sum();
        Duration::from_millis(nanos.div_ceil(1_000_000))
    }

    /// What went through each meter since the boot, mW x ms.
    fn flowed(&self) -> [u128; MAX_PORTS] {
        let mut flowed = [0; MAX_PORTS];
        for ((flow, wire), (booted, _)) in flowed.iter_mut().zip(&self.wires).zip(self.booted) {
            *flow = wire.flowed - booted;
        }
        flowed
    }

    /// The same in mWh, and the registers it began with.
    pub fn flows(&self) -> Flows {
        let whole = |energy: u128| u64::try_from(energy / MWH).unwrap_or(u64::MAX);
        Flows {
            flowed: self.flowed().map(|it| (whole(it), whole(it) + 1)),
            booted: self.booted.map(|(_, register)| register),
        }
    }

    fn remember(&mut self, task: Task, operations: Vec<Operation>, book: Option<Arc<Book>>) {
        let Some(book) = book else { return };
        let closed = self
            .wires
            .iter()
            .enumerate()
            .filter(|(_, wire)| wire.relay)
            .fold(0, |mask, (port, _)| mask | 1 << port);
        // The record in flight is in the list already, and not acknowledged.
        let flying = usize::from(matches!(task, Task::Append(_)));
        let acknowledged = self.earlier + self.records.len() - flying;
        self.moments.push(Moment {
            task,
            operations,
            book,
            acknowledged,
            closed,
            flows: self.flows(),
            around: Arc::new(Surroundings {
                acknowledged,
                ..self.surroundings()
            }),
        });
    }
}

fn wall_at((base, wall): (Instant, WallTime), now: Instant) -> WallTime {
    let seconds = u32::try_from(now.since(base).seconds()).unwrap_or(u32::MAX);
    WallTime {
        unix: wall.unix.plus(seconds),
        quality: wall.quality,
    }
}
