//! The hardware that the shell is given: real drivers on virtual chips, and the plain parts.

use super::mains::{BUSES, SharedMains};
use super::time::VirtualTime;
use crate::bl0942::VirtualUart;
use crate::cards::RfField;
use crate::flash::VirtualNor;
use crate::link::{Door, Side};
use crate::mfrc522::{self, VirtualMfrc522};
use crate::pn532::{self, VirtualHsu};
use billing_core::journal::Identity;
use billing_core::receipt::SoftwareKey;
use ble_protocol::{Gone, PhoneKeys, Pipe};
use card_auth::mfrc522::Mfrc522;
use card_auth::pn532::{Hsu, Pn532};
use card_auth::{AliasKey, ApduChannel, CardReader, ChannelError, Field, SiteKey};
use metering::bl0942::{Bl0942, MAX_CHIPS};
use pile_controller::serve::About;
use pile_controller::shell::{
    Buttons, CardPace, Hardware, Line, Lines, Link, Panel, Parts, Phones, Random, Relays, Rtc,
};
use pile_controller::{Command, Indicator, Outcome, Signal};
use pile_units::{ClockQuality, MAX_PORTS, PileId, PortId, UnixSeconds, WallTime};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

pub(super) type Meter = Bl0942<VirtualUart, VirtualTime, MAX_CHIPS>;

/// Which reader chip the pile has.
///
/// ```
/// use pile_sim::world::{ReaderChip, Setup};
/// assert_eq!(Setup::default().reader, ReaderChip::Mfrc522);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReaderChip {
    /// An MFRC522 on SPI.
    #[default]
    Mfrc522,
    /// A PN532 on a UART.
    Pn532,
}

/// The driver of one or the other.
pub(super) enum Reader {
    Mfrc522(Mfrc522<VirtualMfrc522, mfrc522::ResetPin, VirtualTime>),
    Pn532(Pn532<Hsu<VirtualHsu>, pn532::ResetPin, VirtualTime>),
}

/// The reader failed; which of its errors it was, the shell does not ask.
#[derive(Debug)]
pub(super) struct ReaderFailed;

impl CardReader for Reader {
    type Failure = ReaderFailed;

    async fn poll(&mut self) -> Result<Field, ReaderFailed> {
        match self {
            Self::Mfrc522(reader) => reader.poll().await.map_err(|_| ReaderFailed),
            Self::Pn532(reader) => reader.poll().await.map_err(|_| ReaderFailed),
        }
    }

    async fn reset(&mut self) -> Result<(), ReaderFailed> {
        match self {
            Self::Mfrc522(reader) => reader.reset().await.map_err(|_| ReaderFailed),
            Self::Pn532(reader) => reader.reset().await.map_err(|_| ReaderFailed),
        }
    }
}

impl ApduChannel for Reader {
    type Error = ChannelError<ReaderFailed>;

    async fn exchange(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, Self::Error> {
        match self {
            Self::Mfrc522(reader) => (reader.exchange(command, answer).await)
                .map_err(|error| error.map_reader(|_| ReaderFailed)),
            Self::Pn532(reader) => (reader.exchange(command, answer).await)
                .map_err(|error| error.map_reader(|_| ReaderFailed)),
        }
    }
}

/// A reader whose cards take their time before each answer to a command. The air itself takes next
/// to none here.
pub(super) struct Thoughtful {
    pub reader: Reader,
    pub time: VirtualTime,
    pub thinks: Rc<Cell<u64>>,
}

impl CardReader for Thoughtful {
    type Failure = ReaderFailed;

    async fn poll(&mut self) -> Result<Field, ReaderFailed> {
        self.reader.poll().await
    }

    async fn reset(&mut self) -> Result<(), ReaderFailed> {
        self.reader.reset().await
    }
}

impl ApduChannel for Thoughtful {
    type Error = ChannelError<ReaderFailed>;

    async fn exchange(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, Self::Error> {
        let thinks = self.thinks.get();
        if thinks > 0 {
            self.time.until(self.time.millis() + thinks).await;
        }
        self.reader.exchange(command, answer).await
    }
}

/// Whatever a person, a phone or a sensor brings to the pile, and what the pile shows.
#[derive(Debug, Default)]
pub(super) struct Front {
    pub presses: VecDeque<PortId>,
    pub lines: VecDeque<Line>,
    pub commands: VecDeque<(u16, Command)>,
    pub answers: Vec<(u16, Outcome)>,
    pub indicators: [Option<Indicator>; MAX_PORTS],
    /// (milliseconds, what was said).
    pub signals: Vec<(u64, Signal)>,
    /// Why the ledger is refused.
    pub refused: Option<String>,
    /// How often the card reader had to be reset.
    pub reader_resets: u32,
}

pub(super) type SharedFront = Rc<RefCell<Front>>;

/// The battery-backed clock: it runs on through power cuts.
#[derive(Debug, Clone)]
pub(super) struct BatteryClock {
    pub time: VirtualTime,
    /// Unix seconds at the world's beginning, once it was set.
    pub base: Rc<RefCell<Option<i64>>>,
}

impl Rtc for BatteryClock {
    fn read(&mut self) -> Option<WallTime> {
        let seconds = i64::try_from(self.time.millis() / 1000).ok()?;
        let unix = u32::try_from((*self.base.borrow())? + seconds).ok()?;
        Some(WallTime {
            unix: UnixSeconds::new(unix),
            quality: ClockQuality::Informative,
        })
    }

    fn set(&mut self, to: WallTime) {
        let seconds = i64::try_from(self.time.millis() / 1000).unwrap_or(i64::MAX);
        *self.base.borrow_mut() = Some(i64::from(to.unix.get()) - seconds);
    }
}

/// Random numbers from the world's seed: they go on through power cuts, so none comes twice.
#[derive(Clone)]
pub(super) struct Dice(pub Rc<RefCell<ChaCha8Rng>>);

impl Random for Dice {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.borrow_mut().fill_bytes(bytes);
    }
}

pub(super) struct RelayBoard(pub SharedMains);

impl Relays for RelayBoard {
    fn set(&mut self, port: PortId, closed: bool) {
        self.0.borrow_mut().set_relay(port, closed);
    }
}

pub(super) struct FrontPanel(pub SharedFront, pub VirtualTime);

impl Panel for FrontPanel {
    fn indicate(&mut self, port: PortId, indicator: Indicator) {
        if let Some(shown) = self.0.borrow_mut().indicators.get_mut(port.index()) {
            *shown = Some(indicator);
        }
    }

    fn signal(&mut self, signal: Signal) {
        self.0.borrow_mut().signals.push((self.1.millis(), signal));
    }

    fn refused(&mut self, why: Option<&dyn std::fmt::Display>) {
        self.0.borrow_mut().refused = why.map(ToString::to_string);
    }

    fn reader_resets(&mut self, resets: u32) {
        self.0.borrow_mut().reader_resets = resets;
    }
}

async fn next_of<T>(front: &SharedFront, queue: impl Fn(&mut Front) -> &mut VecDeque<T>) -> T {
    poll_fn(|_| match queue(&mut front.borrow_mut()).pop_front() {
        Some(item) => Poll::Ready(item),
        None => Poll::Pending,
    })
    .await
}

pub(super) struct FrontButtons(pub SharedFront);

impl Buttons for FrontButtons {
    async fn pressed(&mut self) -> PortId {
        next_of(&self.0, |front| &mut front.presses).await
    }
}

pub(super) struct FrontLines(pub SharedFront);

impl Lines for FrontLines {
    async fn next(&mut self) -> Line {
        next_of(&self.0, |front| &mut front.lines).await
    }
}

pub(super) struct FrontLink(pub SharedFront);

impl Link for FrontLink {
    async fn next(&self) -> (u16, Command) {
        next_of(&self.0, |front| &mut front.commands).await
    }

    fn answer(&self, id: u16, outcome: Outcome) {
        self.0.borrow_mut().answers.push((id, outcome));
    }
}

/// Where phones come from: the air, or a doorway to the desk.
pub(super) enum Entrance {
    Air(Side),
    Door(Door),
}

impl Pipe for Entrance {
    async fn connected(&mut self) {
        match self {
            Self::Air(side) => side.connected().await,
            Self::Door(door) => door.connected().await,
        }
    }

    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Gone> {
        match self {
            Self::Air(side) => side.read(bytes).await,
            Self::Door(door) => door.read(bytes).await,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        match self {
            Self::Air(side) => side.write(bytes).await,
            Self::Door(door) => door.write(bytes).await,
        }
    }

    fn portion(&self) -> usize {
        match self {
            Self::Air(side) => side.portion(),
            Self::Door(door) => door.portion(),
        }
    }

    async fn disconnect(&mut self) {
        match self {
            Self::Air(side) => side.disconnect().await,
            Self::Door(door) => door.disconnect().await,
        }
    }

    fn advertise(&mut self, free_ports: u8) {
        match self {
            Self::Air(side) => side.advertise(free_ports),
            Self::Door(door) => door.advertise(free_ports),
        }
    }
}

/// When the virtual pile looks for a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Ten times a second, always: a plain MFRC522.
    Always,
    /// Ten times a second while something moves before the reader and for two seconds after, once
    /// a minute otherwise: a reader with a card-detect line. Simulates a quiet month in no time.
    WhenNear,
}

pub(super) struct ReaderPace {
    pub look: Look,
    pub time: VirtualTime,
    pub field: RfField,
    seen: u64,
    moved: u64,
}

const LOOK_EVERY_MS: u64 = 100;
const MOVING_MS: u64 = 2_000;
const HEALTH_MS: u64 = 60_000;

impl ReaderPace {
    pub const fn new(look: Look, time: VirtualTime, field: RfField) -> Self {
        Self {
            look,
            time,
            field,
            seen: 0,
            moved: 0,
        }
    }
}

impl CardPace for ReaderPace {
    async fn next(&mut self) {
        let begun = self.time.millis();
        let due = self.time.until(begun + HEALTH_MS);
        let mut due = std::pin::pin!(due);
        poll_fn(|context| {
            let (now, revision) = (self.time.millis(), self.field.revision());
            if revision != self.seen {
                self.seen = revision;
                self.moved = now;
            }
            let moving = self.look == Look::Always || now < self.moved + MOVING_MS;
            if moving && now >= begun + LOOK_EVERY_MS {
                return Poll::Ready(());
            }
            if moving {
                let next = self.time.until(begun + LOOK_EVERY_MS);
                let _ = std::pin::pin!(next).poll(context);
            }
            due.as_mut().poll(context)
        })
        .await;
    }
}

use std::future::Future;

/// The virtual pile, handed to the shell at every power-up.
pub(super) struct VirtualHardware<const W: usize, const E: usize> {
    pub ports: usize,
    pub pile: PileId,
    pub identity: Identity,
    pub alias_key: AliasKey,
    pub site_key: Option<SiteKey>,
    pub random: Dice,
    pub watches_current: bool,
    pub time: VirtualTime,
    pub rtc: BatteryClock,
    pub mains: SharedMains,
    pub front: SharedFront,
    pub meters: [Meter; BUSES],
    pub reader: Thoughtful,
    pub pace: ReaderPace,
    pub entrance: Entrance,
    pub phone_keys: PhoneKeys,
    pub receipt_key: Option<SoftwareKey>,
    pub about: About,
    pub flash: VirtualNor<W, E>,
}

impl<const W: usize, const E: usize> Hardware for VirtualHardware<W, E> {
    type Clock = VirtualTime;
    type Random = Dice;
    type Rtc = BatteryClock;
    type Relays = RelayBoard;
    type Panel = FrontPanel;
    type Meters = [Meter; BUSES];
    type Cards = Thoughtful;
    type CardPace = ReaderPace;
    type Buttons = FrontButtons;
    type Lines = FrontLines;
    type Link = FrontLink;
    type Phones = Entrance;
    type Flash = VirtualNor<W, E>;

    fn into_parts(self) -> Parts<Self> {
        Parts {
            ports: self.ports,
            pile: self.pile,
            identity: self.identity,
            alias_key: self.alias_key,
            site_key: self.site_key,
            watches_current: self.watches_current,
            random: self.random,
            clock: self.time.clone(),
            rtc: self.rtc,
            relays: RelayBoard(self.mains),
            panel: FrontPanel(Rc::clone(&self.front), self.time),
            meters: self.meters,
            cards: self.reader,
            card_pace: self.pace,
            buttons: FrontButtons(Rc::clone(&self.front)),
            lines: FrontLines(Rc::clone(&self.front)),
            link: FrontLink(self.front),
            phones: Some(Phones {
                pipe: self.entrance,
                keys: self.phone_keys,
                about: self.about,
                receipt_key: self.receipt_key,
            }),
            flash: self.flash,
        }
    }
}
