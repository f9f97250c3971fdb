//! A world in memory: one pile with two ports, and whoever connects to it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on stops"
)]

use billing_core::journal::{Identity, testing::RamFlash};
use billing_core::receipt::SoftwareKey;
use billing_core::tariff::{Band, Tariff};
use ble_protocol::message::{
    Asked, Bound, Capabilities, MAX_MESSAGE, Notice, Request, RequestId, Response, Told, Welcome,
};
use ble_protocol::{Gone, LinkKey, PhoneEnd, PhoneEvent, PhoneKeys, Pipe};
use card_auth::testing::{ScriptedReader, Silent};
use card_auth::{AliasKey, Card, Field, SiteKey, Uid};
use embassy_futures::poll_once;
use metering::{EnergyMeter, Sample};
use pile_controller::serve::About;
use pile_controller::shell::{
    Buttons, CardPace, Clock, Hardware, Line, Lines, Link, Panel, Parts, Phones, Random, Relays,
    Rtc, run,
};
use pile_controller::{Command, Indicator, Outcome, Signal};
use pile_units::{
    ClockQuality, Currency, Current, Energy, Instant, PileId, PortId, Power, UnixSeconds,
    UtcOffset, Voltage, WallTime,
};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;

pub const SITE: [u8; 16] = [7; 16];
pub const LANDLORD: u8 = 0xfe;

pub fn uid(card: u8) -> Uid {
    Uid::from([4, card, 2, 3, 4, 5, 6])
}

pub fn tariff() -> Tariff {
    let band = Band {
        name: "flat".parse().unwrap(),
        energy: "0.50".parse().unwrap(),
        service: "0.10".parse().unwrap(),
    };
    Tariff::flat(Currency::CNY, UtcOffset::UTC, band)
}

/// What everything shares.
#[derive(Default)]
struct Shared {
    now: Cell<u64>,
    /// From the phone, to the phone.
    up: RefCell<VecDeque<u8>>,
    down: RefCell<VecDeque<u8>>,
    connected: Cell<bool>,
    card: Cell<Option<u8>>,
    buttons: RefCell<VecDeque<PortId>>,
    relays: Cell<[bool; 2]>,
    loads: Cell<[u32; 2]>,
    /// mW x ms that each wire gave.
    wires: Cell<[u64; 2]>,
    signals: RefCell<Vec<Signal>>,
    dice: Cell<u8>,
}

#[derive(Clone)]
struct Part(Rc<Shared>);

/// Waits until something is there.
async fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    core::future::poll_fn(|_| match look() {
        Some(found) => core::task::Poll::Ready(found),
        None => core::task::Poll::Pending,
    })
    .await
}

impl Random for Part {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0
                .dice
                .set(self.0.dice.get().wrapping_mul(5).wrapping_add(13));
            *byte = self.0.dice.get();
        }
    }
}

impl Clock for Part {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.now.get())
    }

    async fn sleep_until(&self, moment: Instant) {
        wait_for(|| (self.now() >= moment).then_some(())).await;
    }
}

impl Rtc for Part {
    fn read(&mut self) -> Option<WallTime> {
        Some(WallTime {
            unix: UnixSeconds::new(1_800_000_000),
            quality: ClockQuality::Synchronised,
        })
    }

    fn set(&mut self, _: WallTime) {}
}

impl Relays for Part {
    fn set(&mut self, port: PortId, closed: bool) {
        let mut relays = self.0.relays.get();
        relays[port.index()] = closed;
        self.0.relays.set(relays);
    }
}

impl Panel for Part {
    fn indicate(&mut self, _: PortId, _: Indicator) {}

    fn signal(&mut self, signal: Signal) {
        self.0.signals.borrow_mut().push(signal);
    }
}

impl EnergyMeter for Part {
    type Error = core::convert::Infallible;

    fn channels(&self) -> usize {
        2
    }

    async fn sample(&mut self, channel: usize, _: Instant) -> Result<Sample, Self::Error> {
        let closed = self.0.relays.get()[channel];
        let load = if closed {
            self.0.loads.get()[channel]
        } else {
            0
        };
        Ok(Sample {
            energy: Energy::from_milliwatt_hours(self.0.wires.get()[channel] / 3_600_000),
            resolution: Energy::from_milliwatt_hours(1),
            power: Power::from_milliwatts(load),
            voltage: Voltage::from_millivolts(230_000),
            current: Current::ZERO,
            over_current: false,
            temperature: None,
        })
    }
}

impl CardPace for Part {
    async fn next(&mut self) {
        let due = Instant::from_millis(self.0.now.get() + 100);
        self.sleep_until(due).await;
    }
}

impl Iterator for Part {
    type Item = Result<Field, Silent>;

    fn next(&mut self) -> Option<Self::Item> {
        let card = |card| Field::One(Card::announced(uid(card), false));
        Some(Ok(self.0.card.get().map_or(Field::Empty, card)))
    }
}

impl Buttons for Part {
    async fn pressed(&mut self) -> PortId {
        wait_for(|| self.0.buttons.borrow_mut().pop_front()).await
    }
}

impl Lines for Part {
    async fn next(&mut self) -> Line {
        core::future::pending().await
    }
}

impl Link for Part {
    async fn next(&self) -> (u16, Command) {
        core::future::pending().await
    }

    fn answer(&self, _: u16, _: Outcome) {}
}

impl Pipe for Part {
    async fn connected(&mut self) {
        wait_for(|| self.0.connected.get().then_some(())).await;
    }

    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Gone> {
        wait_for(|| {
            if !self.0.connected.get() {
                return Some(Err(Gone));
            }
            let mut up = self.0.up.borrow_mut();
            let count = up.len().min(bytes.len());
            for (to, from) in bytes.iter_mut().zip(up.drain(..count)) {
                *to = from;
            }
            (count > 0).then_some(Ok(count))
        })
        .await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        if !self.0.connected.get() {
            return Err(Gone);
        }
        self.0.down.borrow_mut().extend(bytes);
        Ok(())
    }

    fn portion(&self) -> usize {
        20
    }

    async fn disconnect(&mut self) {
        self.0.connected.set(false);
    }
}

struct Board {
    part: Part,
    site: Option<SiteKey>,
}

impl Hardware for Board {
    type Random = Part;
    type Clock = Part;
    type Rtc = Part;
    type Relays = Part;
    type Panel = Part;
    type Meters = Part;
    type Cards = ScriptedReader<Part>;
    type CardPace = Part;
    type Buttons = Part;
    type Lines = Part;
    type Link = Part;
    type Phones = Part;
    type Flash = &'static mut RamFlash<4, 4096, 65536>;

    fn into_parts(self) -> Parts<Self> {
        let part = || self.part.clone();
        let about = About {
            name: "Hof 3".parse().unwrap(),
            firmware: "test".parse().unwrap(),
            capabilities: Capabilities::NONE,
        };
        Parts {
            ports: 2,
            pile: PileId::new([1; 8]),
            identity: Identity::new([9; 16]),
            alias_key: AliasKey::new([7; 32]),
            site_key: self.site.clone(),
            random: part(),
            clock: part(),
            rtc: part(),
            relays: part(),
            panel: part(),
            meters: part(),
            watches_current: false,
            cards: ScriptedReader::new(part()),
            card_pace: part(),
            buttons: part(),
            lines: part(),
            link: part(),
            phones: Some(Phones {
                pipe: part(),
                keys: PhoneKeys::new([3; 32]),
                about,
                receipt_key: SoftwareKey::from_bytes(&[5; 32]).ok(),
            }),
            flash: Box::leak(Box::new(RamFlash::new())),
        }
    }
}

/// A phone, as far as it is connected.
pub struct Phone {
    end: PhoneEnd,
    pub heard: Vec<Told>,
    pub asked_to_tap: bool,
    pub opened: bool,
    pub closed: bool,
    pub bound: Option<Bound>,
    next: u32,
}

impl Phone {
    pub fn welcome(&self) -> Welcome {
        match self.heard.first() {
            Some(Told::Welcome(welcome)) => welcome.clone(),
            other => panic!("no welcome: {other:?}"),
        }
    }

    pub fn notices(&self) -> Vec<Notice> {
        let notice = |told: &Told| match told {
            Told::Notice(notice) => Some(notice.clone()),
            _ => None,
        };
        self.heard.iter().filter_map(notice).collect()
    }
}

/// The pile, its surroundings, and the time.
pub struct World {
    shared: Rc<Shared>,
    shell: Pin<Box<dyn Future<Output = ()>>>,
    requests: u32,
}

impl World {
    pub fn new() -> Self {
        Self::with(Some(SiteKey::new(SITE)))
    }

    pub fn without_site_key() -> Self {
        Self::with(None)
    }

    fn with(site: Option<SiteKey>) -> Self {
        let shared = Rc::new(Shared::default());
        shared.now.set(1000);
        let part = Part(Rc::clone(&shared));
        let shell = Box::pin(async move {
            let ended = Box::pin(run(Board { part, site })).await;
            panic!("the shell ended: {:?}", ended.err());
        });
        let mut world = Self {
            shared,
            shell,
            requests: 0,
        };
        world.millis(2_000);
        world
    }

    /// One millisecond after the other; a step of the link may take several polls.
    fn turn(&mut self) {
        let shared = &self.shared;
        shared.now.set(shared.now.get() + 1);
        let mut wires = shared.wires.get();
        for (at, wire) in wires.iter_mut().enumerate() {
            if shared.relays.get()[at] {
                *wire += u64::from(shared.loads.get()[at]);
            }
        }
        shared.wires.set(wires);
        for _ in 0..2 {
            assert!(poll_once(self.shell.as_mut()).is_pending());
        }
    }

    fn millis(&mut self, millis: u64) {
        (0..millis).for_each(|_| self.turn());
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.shared.now.get())
    }

    pub fn connect(&mut self, key: &LinkKey) -> Phone {
        self.shared.up.borrow_mut().clear();
        self.shared.down.borrow_mut().clear();
        self.shared.connected.set(true);
        let mut ephemeral = [0; 32];
        Part(Rc::clone(&self.shared)).fill(&mut ephemeral);
        Phone {
            end: PhoneEnd::new(self.now(), key, ephemeral),
            heard: Vec::new(),
            asked_to_tap: false,
            opened: false,
            closed: false,
            bound: None,
            next: self.requests + 1,
        }
    }

    pub fn leave(&mut self, phone: &Phone) {
        self.requests = phone.next + 1;
        self.hang_up();
    }

    pub fn hang_up(&mut self) {
        self.shared.connected.set(false);
        self.millis(50);
    }

    /// Time passes, with the phone there.
    pub fn pass(&mut self, millis: u64, phone: &mut Phone) {
        for _ in 0..millis {
            self.turn();
            self.exchange(phone);
        }
    }

    fn exchange(&mut self, phone: &mut Phone) {
        let now = self.now();
        phone.closed |= !self.shared.connected.get();
        let bytes: Vec<u8> = self.shared.down.borrow_mut().drain(..).collect();
        phone.end.receive(now, &bytes);
        loop {
            match phone.end.poll(now) {
                PhoneEvent::Nothing => break,
                PhoneEvent::TapTheCard => phone.asked_to_tap = true,
                PhoneEvent::Opened => phone.opened = true,
                PhoneEvent::Closed(_) | PhoneEvent::Busy { .. } => phone.closed = true,
                PhoneEvent::Message(_) => {
                    let told = Told::decode(phone.end.message()).unwrap();
                    if let Told::Bound(bound) = &told {
                        phone.bound = Some(bound.clone());
                    }
                    phone.heard.push(told);
                }
            }
        }
        let mut portion = [0; 20];
        let count = phone.end.transmit(&mut portion);
        self.shared.up.borrow_mut().extend(&portion[..count]);
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, phone: &mut Phone, request: Request) -> Response {
        let id = RequestId::new(phone.next);
        phone.next += 1;
        let mut buffer = [0; MAX_MESSAGE];
        let asked = Asked { id, request };
        phone.end.send(asked.encode(&mut buffer)).unwrap();
        for _ in 0..20_000 {
            self.pass(1, phone);
            let answer = phone.heard.iter().find_map(|told| match told {
                Told::Answer { id: it, response } if *it == id => Some(response.clone()),
                _ => None,
            });
            if let Some(answer) = answer {
                return answer;
            }
        }
        panic!("no answer to {asked:?}: {:?}", phone.heard)
    }

    pub fn noise(&mut self, bytes: &[u8]) {
        self.shared.connected.set(true);
        self.shared.up.borrow_mut().extend(bytes);
        self.millis(30);
    }

    /// A card lies on the reader for half a second.
    pub fn tap(&mut self, card: u8) {
        self.shared.card.set(Some(card));
        self.millis(500);
        self.shared.card.set(None);
        self.millis(1_000);
    }

    pub fn press(&mut self, number: u8) {
        let port = PortId::from_number(number).unwrap();
        self.shared.buttons.borrow_mut().push_back(port);
        self.millis(10);
    }

    pub fn plug(&mut self, number: u8, watts: u32) {
        let mut loads = self.shared.loads.get();
        loads[usize::from(number) - 1] = watts * 1000;
        self.shared.loads.set(loads);
    }

    pub fn is_closed(&self, number: u8) -> bool {
        self.shared.relays.get()[usize::from(number) - 1]
    }

    pub fn signals(&self) -> Vec<Signal> {
        self.shared.signals.borrow().clone()
    }
}
