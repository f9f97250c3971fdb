//! A pile of doubles on a bench: loads that deliver energy exactly, meters that count it in whole
//! steps from a random phase, relays, and a flash that takes its time. After every event it checks
//! what must always hold, against its own fold of what is on its flash and its own wires.

mod judge;
mod parts;

use crate::{
    Action, Command, Config, Controller, Durable, Event, Outcome, PortState, Refusal, Signal,
};
use billing_core::book::Book;
use billing_core::ledger::Headroom;
use billing_core::record::{ClosedSession, Record, Segment};
use billing_core::tariff::Tariff;
use judge::Watch;
pub use parts::{
    LANDLORD, MWH, Meter, RESOLUTION, STEP, Seen, TRIPS, flat, noon, port, sample, tariff,
};
use pile_units::{
    CardAlias, Duration, Energy, Instant, PileId, PlanId, PortId, SessionId, Strength,
    TariffVersion, WallTime,
};
use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

pub struct Bench {
    pub machine: Controller,
    pub now: Instant,
    pub count: usize,
    /// What each port would draw, mW.
    pub loads: Vec<u32>,
    /// How strong the ports are, percent of 1 kW.
    pub scale: u32,
    pub welded: Vec<bool>,
    pub relays: Vec<bool>,
    pub meters: Vec<Meter>,
    /// How long a write takes; `None` while the flash stands still.
    pub delay: Option<Duration>,
    pub headroom: Headroom,
    /// What is on the flash, and its fold.
    pub records: Vec<(Instant, Record)>,
    pub ledger: Book,
    pub signals: Vec<Signal>,
    pub answers: Vec<(u16, Outcome)>,
    /// What phones were told.
    pub told: Vec<(u16, Outcome)>,
    /// What the wires gave, mW x ms: ever, to each session, and to each session by the price then.
    pub wires: Vec<u128>,
    pub delivered: BTreeMap<SessionId, u128>,
    pub priced: BTreeMap<(SessionId, TariffVersion, usize), u128>,
    pub tariffs: BTreeMap<TariffVersion, Tariff>,
    /// Sessions with a dead meter or a welded relay: some of what they drew is nobody's.
    pub excused: BTreeSet<SessionId>,
    /// Meter steps that the machine saw, mWh.
    pub metered: u64,
    pub seen: Seen,
    /// The most that a cut has lost on a port, mWh.
    pub worst_loss: u128,
    pub rtc: (Instant, WallTime),
    /// The meters' bus is busy until then.
    bus: Instant,
    flash: Option<Instant>,
    watches: Vec<Watch>,
    latched: Vec<bool>,
    /// Energy that no reading at its pace could see: a dead meter, or power on an open port.
    hidden: Vec<bool>,
    booted: (Vec<u128>, Vec<Energy>),
    pub next_command: u16,
}

impl Bench {
    /// A blank pile.
    pub fn blank(count: usize) -> Self {
        let headroom = Headroom {
            sessions: 10_000,
            facts: 10_000,
        };
        let config = Config {
            ports: count,
            pile: PileId::new([1; 8]),
            wall: noon(),
            durable: Durable { seq: 0, headroom },
        };
        let now = Instant::from_millis(1000);
        let mut bench = Self {
            machine: Controller::new(config, Book::new(), now),
            now,
            count,
            loads: std::vec![0; count],
            scale: 100,
            welded: std::vec![false; count],
            relays: std::vec![false; count],
            meters: std::vec![Meter::default(); count],
            delay: Some(Duration::from_millis(5)),
            headroom,
            records: Vec::new(),
            ledger: Book::new(),
            signals: Vec::new(),
            answers: Vec::new(),
            told: Vec::new(),
            wires: std::vec![0; count],
            delivered: BTreeMap::new(),
            priced: BTreeMap::new(),
            tariffs: BTreeMap::new(),
            excused: BTreeSet::new(),
            metered: 0,
            seen: Seen::default(),
            worst_loss: 0,
            rtc: (now, noon()),
            bus: now,
            flash: None,
            watches: std::vec![Watch::default(); count],
            latched: std::vec![false; count],
            hidden: std::vec![false; count],
            booted: (std::vec![0; count], std::vec![Energy::ZERO; count]),
            next_command: 1,
        };
        bench.feed(Event::Tick);
        bench.wait(1);
        bench
    }

    /// A pile with its landlord, a tariff, and as many tenants with a card each.
    pub fn commissioned(count: usize, tenants: u8) -> Self {
        let mut bench = Self::blank(count);
        bench.tap(LANDLORD);
        bench.wait(1);
        assert_eq!(
            bench.command(Command::SetTariff(
                PlanId::STANDARD,
                tariff(500_000, 200_000)
            )),
            Outcome::Done
        );
        for tenant in 1..=tenants {
            bench.authorise(tenant);
        }
        bench
    }

    /// Taps the landlord's card and a new one.
    pub fn authorise(&mut self, card: u8) {
        self.tap(LANDLORD);
        self.tap(card);
        self.wait(1);
    }

    pub fn tap(&mut self, card: u8) {
        self.feed(Event::Card {
            alias: CardAlias::new([card; 8]),
            strength: Strength::UidOnly,
        });
    }

    /// A card that has a key, and proves it.
    pub fn tap_key(&mut self, card: u8) {
        self.feed(Event::Card {
            alias: CardAlias::new([card; 8]),
            strength: Strength::MutualAes,
        });
    }

    /// A card that says this one's number, and has another key.
    pub fn wrong_key(&mut self, card: u8) {
        self.feed(Event::WrongKey {
            alias: CardAlias::new([card; 8]),
        });
    }

    pub fn press(&mut self, number: u8) {
        self.feed(Event::Button(port(number)));
    }

    /// Taps, presses, and waits for the relay.
    pub fn start(&mut self, card: u8, number: u8) {
        self.tap(card);
        self.press(number);
        self.wait(1);
    }

    pub fn plug(&mut self, number: u8, watts: u32) {
        self.loads[usize::from(number) - 1] = watts * 1000;
    }

    /// Gives a command, and the time to do it.
    pub fn command(&mut self, command: Command) -> Outcome {
        let id = self.send(command);
        self.wait(10);
        self.answer(id).expect("an answer within ten seconds")
    }

    /// Gives a command.
    pub fn send(&mut self, command: Command) -> u16 {
        let id = self.next_command;
        self.next_command = self.next_command.wrapping_add(1);
        self.feed(Event::Command(id, command));
        id
    }

    pub fn answer(&self, id: u16) -> Option<Outcome> {
        let answers: Vec<_> = self.answers.iter().filter(|(it, _)| *it == id).collect();
        assert!(answers.len() <= 1, "command {id} was answered twice");
        answers.first().map(|(_, outcome)| *outcome)
    }

    pub fn state(&self, number: u8) -> PortState {
        self.machine.port(port(number)).state
    }

    pub fn is_closed(&self, number: u8) -> bool {
        self.relays[usize::from(number) - 1]
    }

    pub fn last_refusal(&self) -> Option<Refusal> {
        self.signals.iter().rev().find_map(|signal| match signal {
            Signal::Refused(why) => Some(*why),
            _ => None,
        })
    }

    pub fn closed_sessions(&self) -> Vec<ClosedSession> {
        let closed = |(_, record): &(Instant, Record)| match record {
            Record::SessionClosed(closed) => Some(*closed),
            _ => None,
        };
        self.records.iter().filter_map(closed).collect()
    }

    pub fn segments(&self) -> Vec<Segment> {
        let segment = |(_, record): &(Instant, Record)| match record {
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                Some(*segment)
            }
            _ => None,
        };
        self.records.iter().filter_map(segment).collect()
    }

    pub fn last_closed(&self) -> ClosedSession {
        *self.closed_sessions().last().expect("a closed session")
    }

    pub fn wall(&self) -> WallTime {
        let (base, wall) = self.rtc;
        let seconds = u32::try_from(self.now.since(base).seconds()).unwrap();
        WallTime {
            unix: wall.unix.plus(seconds),
            quality: wall.quality,
        }
    }

    pub fn wait(&mut self, seconds: u32) {
        self.advance(Duration::from_seconds(seconds));
    }

    /// Lets time pass, and everything that happens in it.
    pub fn advance(&mut self, span: Duration) {
        let end = self.now.after(span);
        let mut turns = 0;
        loop {
            turns += 1;
            assert!(
                turns < 2_000_000,
                "the deadline does not move: {:?}",
                self.machine.deadline()
            );
            if self.flash.is_none() && self.delay.is_some() && self.machine.outbox().is_some() {
                self.flash = self.delay.map(|delay| self.now.after(delay));
            }
            let reading = self.next_reading();
            let deadline = self.machine.deadline();
            let dues = [Some(reading.0), deadline, self.flash, Some(end)];
            let next = dues.into_iter().flatten().min().unwrap().max(self.now);
            self.flow(next);
            self.now = next;
            if self.flash.is_some_and(|done| done <= next) {
                self.flash = None;
                self.write();
            } else if reading.0 <= next {
                self.read(reading.1);
            } else if deadline.is_some_and(|due| due <= next) {
                self.feed(Event::Tick);
            } else {
                break;
            }
        }
    }

    /// Writes all that waits, at once.
    pub fn write_all(&mut self) {
        self.flash = None;
        for _ in 0..200 {
            if self.machine.outbox().is_none() {
                return;
            }
            self.write();
        }
        panic!("the outbox does not empty: {:?}", self.machine.outbox());
    }

    fn next_reading(&self) -> (Instant, PortId) {
        let (due, id) = self.machine.next_reading(self.now).unwrap();
        (due.max(self.bus), id)
    }

    /// A reading of a port's meter, now. The bus carries it for 28 ms.
    pub fn read(&mut self, id: PortId) {
        let at = id.index();
        self.bus = self.now.after(Duration::from_millis(28));
        let meter = &mut self.meters[at];
        if meter.dead {
            return self.feed(Event::MeterSilent(id));
        }
        let energy = meter.energy();
        // The machine takes the first reading of a start for its zero.
        let before = meter.seen.replace(energy).unwrap_or(energy);
        self.metered += energy - before;
        let power = if self.relays[at] || self.welded[at] {
            self.loads[at]
        } else {
            0
        };
        let sample = sample(energy, power);
        self.feed(Event::Sample(id, sample));
    }

    /// The flash has taken the oldest record.
    pub fn write(&mut self) {
        let Some(record) = self.machine.outbox().cloned() else {
            return;
        };
        self.ledger
            .apply(&record)
            .expect("the book takes every record");
        match &record {
            Record::TariffSet {
                version, tariff, ..
            } => {
                self.tariffs.insert(*version, tariff.clone());
                self.seen.tariffs += 1;
            }
            Record::SessionClosed(closed) => {
                self.seen.sessions += 1;
                self.seen.with_energy += u32::from(!closed.energy.is_zero());
            }
            Record::SegmentClosed { .. } => self.seen.segments += 1,
            Record::Progress { .. } => {
                for (hidden, meter) in self.hidden.iter_mut().zip(&self.meters) {
                    *hidden &= meter.dead || meter.seen != Some(meter.energy());
                }
            }
            Record::FaultLatched { .. } => self.seen.faults += 1,
            Record::FaultCleared { port, .. } => {
                self.latched[port.index()] = false;
                self.seen.cleared += 1;
            }
            Record::Revoked { .. } => self.seen.revoked += 1,
            Record::Settled(_) => self.seen.settled += 1,
            Record::AccountClosed { .. } => self.seen.deregistered += 1,
            Record::OpenedByPhone { .. } => self.seen.by_phone += 1,
            Record::PhoneRevoked { .. } => self.seen.phones_revoked += 1,
            _ => {}
        }
        self.records.push((self.now, record));
        self.feed(Event::Persisted(self.durable()));
    }

    fn durable(&self) -> Durable {
        Durable {
            seq: u64::try_from(self.records.len()).unwrap(),
            headroom: self.headroom,
        }
    }

    /// The machine takes an event, the parts do what it wants, and everything is checked.
    pub fn feed(&mut self, event: Event) {
        let actions = self.machine.handle(self.now, event);
        for action in actions.iter() {
            match action {
                Action::OpenRelay(id) => self.relays[id.index()] = false,
                Action::CloseRelay(id) => {
                    self.relays[id.index()] = true;
                    self.watches[id.index()] = Watch::default();
                }
                Action::Persist => assert!(self.machine.outbox().is_some(), "nothing to persist"),
                Action::Signal(signal) => {
                    self.seen.refused += u32::from(matches!(signal, Signal::Refused(_)));
                    self.signals.push(signal);
                }
                Action::Answer(id, outcome) => self.answers.push((id, outcome)),
                Action::Tell(id, outcome) => self.told.push((id, outcome)),
                Action::SetClock(wall) => self.rtc = (self.now, wall),
                Action::Indicate(..) => {}
            }
        }
        self.check();
    }

    /// Energy flows until `to`.
    fn flow(&mut self, to: Instant) {
        let millis = to.since(self.now).millis();
        if millis == 0 {
            return;
        }
        let wall = self.wall();
        for id in PortId::first(self.count) {
            let at = id.index();
            if self.relays[at] {
                self.watch(id, millis);
            }
            if self.welded[at] || self.meters[at].dead {
                let session = self.ledger.session(id).map(|session| session.id);
                self.excused.extend(session);
            }
            if !self.relays[at] && !self.welded[at] {
                continue;
            }
            let energy = u128::from(self.loads[at]) * u128::from(millis);
            self.wires[at] += energy;
            self.hidden[at] |= energy > 0 && (self.meters[at].dead || !self.relays[at]);
            self.meters[at].wire += energy;
            if let Some(session) = self.ledger.session(id).filter(|it| !it.ended) {
                *self.delivered.entry(session.id).or_default() += energy;
                let tariff = self.ledger.tariff_of(session.account);
                let (version, tariff) = tariff.expect("a tariff before a session");
                let band = tariff.band_at(wall).0.get();
                *self.priced.entry((session.id, version, band)).or_default() += energy;
            }
        }
    }

    /// The supply fails, and comes back after a while: what is not on the flash is gone.
    pub fn cut(&mut self, phase: u64) {
        let balance_before = self.ledger.balance();
        self.seen.cuts += 1;
        for id in PortId::first(self.count) {
            let at = id.index();
            let flowed = (self.wires[at] - self.booted.0[at]) / MWH;
            let recorded = self
                .ledger
                .register(id)
                .checked_sub(self.booted.1[at])
                .unwrap();
            let lost = flowed.saturating_sub(u128::from(recorded.milliwatt_hours()));
            if !std::mem::take(&mut self.hidden[at]) {
                self.worst_loss = self.worst_loss.max(lost);
            }
        }
        self.seen.power_lost += u32::try_from(self.ledger.open_sessions().count()).unwrap();
        self.flash = None;
        self.relays.fill(false);
        // A fault that never reached the flash is forgotten: nothing else is.
        for id in PortId::first(self.count) {
            self.latched[id.index()] = self.ledger.fault(id).is_some();
            self.meters[id.index()] = Meter {
                wire: 0,
                phase: u128::from(phase % STEP) * MWH,
                dead: self.meters[id.index()].dead,
                seen: None,
            };
            self.booted.0[id.index()] = self.wires[id.index()];
            self.booted.1[id.index()] = self.ledger.register(id);
        }
        self.now = self.now.after(Duration::from_seconds(20));
        self.metered = self.ledger.balance().metered.milliwatt_hours();
        let config = Config {
            ports: self.count,
            pile: PileId::new([2; 8]),
            wall: self.wall(),
            durable: self.durable(),
        };
        self.machine = Controller::new(config, self.ledger.clone(), self.now);
        self.feed(Event::Tick);
        let balance = self.ledger.balance();
        assert_eq!(
            balance.metered, balance_before.metered,
            "I3: a cut adds nothing"
        );
    }

    /// Ends every session, and lets everything be written.
    pub fn finish(&mut self) {
        self.delay = Some(Duration::from_millis(5));
        for meter in &mut self.meters {
            meter.dead = false;
        }
        self.welded.fill(false);
        // Whoever is choosing a port starts or stops now.
        self.wait(20);
        for number in 1..=u8::try_from(self.count).unwrap() {
            self.send(Command::Stop(port(number)));
        }
        self.wait(90);
        self.feed(Event::PowerFailing);
        self.wait(65);
        assert_eq!(self.machine.outbox(), None);
        assert_eq!(
            self.ledger.open_sessions().count(),
            0,
            "a session never ends"
        );
        assert_eq!(
            *self.machine.book(),
            self.ledger,
            "I4: the machine knows what is on the flash"
        );
    }
}
