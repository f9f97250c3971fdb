//! A deterministic world: the real shell on virtual parts, in virtual time.
//!
//! Nothing here knows the wall clock, a thread or a random number that was not seeded: the same
//! calls give the same bytes on every machine. Time stands still while anything can run and jumps
//! to the next moment that anybody waits for, so a quiet month takes no time at all.
//!
//! The supply can be cut at any moment, flash operations included ([`World::cut_in_flash`]): the
//! shell is dropped where it stands, relays fall open, chips forget, the flash keeps what it has
//! and the battery-backed clock runs on.

mod evidence;
mod mains;
mod outside;
mod parts;
mod people;
mod phones;
mod setup;
mod time;

pub use evidence::read_ledger;
pub use mains::{Bike, Delivery, Stretch};
pub use outside::{Outside, Wire};
pub use parts::{Look, ReaderChip};
pub use people::{Issued, issue};
pub use phones::VirtualPhone;
pub use setup::Setup;
pub use time::VirtualTime;

use crate::bl0942::{VirtualBus, VirtualChip};
use crate::cards::RfField;
use crate::flash::{CutPlan, OnCut, Part, Probe, Stm32g4, VirtualNor, W25q80, Words};
use crate::link::{Air, Doorway, Side};
use crate::mfrc522::VirtualMfrc522;
use crate::pn532::VirtualPn532;
use billing_core::journal::Identity;
use ble_protocol::PhoneKeys;
use card_auth::mfrc522::Mfrc522;
use card_auth::pn532::{Hsu, Pn532};
use card_auth::{AliasKey, SiteKey};
use mains::{BUSES, Mains, SharedMains};
use metering::bl0942::{Bl0942, Circuit, Config, MAX_CHIPS};
use parts::{
    BatteryClock, Dice, Entrance, Front, Reader, ReaderPace, SharedFront, Thoughtful,
    VirtualHardware,
};
use pile_controller::shell::{self, Line};
use pile_controller::{Command, Indicator, Outcome, Signal};
use pile_units::{PileId, PortId, Power};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

type Shell = Pin<Box<dyn Future<Output = String>>>;

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A pile on a wall, its tenants' bikes and cards, and time.
///
/// ```
/// use pile_sim::cards::VirtualCard;
/// use pile_sim::world::{Setup, World};
/// use pile_controller::Signal;
/// let mut world = World::new(Setup::default());
/// world.power_up();
/// let privilege = VirtualCard::numbered(1);
/// world.tap(&privilege); // claims the blank pile
/// assert_eq!(world.signals().last().map(|(_, signal)| *signal), Some(Signal::Commissioned));
/// ```
pub struct World {
    setup: Setup,
    time: VirtualTime,
    mains: SharedMains,
    buses: [VirtualBus; BUSES],
    front: SharedFront,
    field: RfField,
    reader: VirtualMfrc522,
    pn532: VirtualPn532,
    rtc: BatteryClock,
    flash: Probe,
    pile: PileId,
    identity: Identity,
    alias_key: [u8; 32],
    site_key: SiteKey,
    random: Dice,
    /// Milliseconds a card takes for a command.
    thinks: Rc<Cell<u64>>,
    air: Air,
    doorway: Option<Doorway>,
    phone_secret: [u8; 32],
    phones: Vec<VirtualPhone>,
    shell: Option<Shell>,
    woken: Arc<Woken>,
    waker: Waker,
    next_command: u16,
    cuts: Vec<u64>,
}

impl World {
    /// A pile without supply on a blank flash.
    pub fn new(setup: Setup) -> Self {
        Self::with_image(setup, &[])
    }

    /// A pile without supply on a flash that holds this image.
    pub fn with_image(setup: Setup, image: &[u8]) -> Self {
        let mut cells = image.to_vec();
        cells.resize(image.len().max(setup.flash_bytes), 0xff);
        let flash = match setup.flash {
            Part::W25q80 => W25q80::from_image(&cells, Words::ClearBits).probe(),
            Part::Stm32g4 => Stm32g4::from_image(&cells, Words::Once).probe(),
        };
        let mut random = ChaCha8Rng::seed_from_u64(setup.seed);
        let (mut pile, mut identity, mut alias_key) = ([0; 8], [0; 16], [0; 32]);
        random.fill_bytes(&mut pile);
        random.fill_bytes(&mut identity);
        random.fill_bytes(&mut alias_key);
        let mut site_key = [0; 16];
        random.fill_bytes(&mut site_key);
        let time = VirtualTime::default();
        let (mains, buses) = Mains::new(time.cell());
        let field = RfField::default();
        flash.set_on_cut(OnCut::Hang);
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        Self {
            setup,
            mains: Rc::new(RefCell::new(mains)),
            buses,
            front: SharedFront::default(),
            reader: VirtualMfrc522::new(field.clone()),
            pn532: VirtualPn532::new(field.clone()),
            field,
            rtc: BatteryClock {
                time: time.clone(),
                base: Rc::default(),
            },
            air: Air::new(time.clone()),
            doorway: None,
            // Not drawn: what is drawn after it stays what it was.
            phone_secret: Sha256::digest(alias_key).into(),
            phones: Vec::new(),
            time,
            flash,
            pile: PileId::new(pile),
            identity: Identity::new(identity),
            alias_key,
            site_key: SiteKey::new(site_key),
            random: Dice(Rc::new(RefCell::new(random))),
            thinks: Rc::default(),
            shell: None,
            waker: Waker::from(Arc::clone(&woken)),
            woken,
            next_command: 0,
            cuts: Vec::new(),
        }
    }

    /// Gives the supply and lets the pile start.
    pub fn power_up(&mut self) {
        if self.shell.is_some() {
            return;
        }
        self.flash.power_up();
        self.reader.brown_out();
        self.pn532.brown_out();
        self.mains.borrow_mut().set_supply(true);
        self.front.borrow_mut().refused = None;
        self.front.borrow_mut().reader_resets = 0;
        let times = self.setup.flash.times(self.setup.speed);
        // A blank flash is formatted in no time: a pile has that behind it when it comes to its
        // wall.
        let blank = self.flash.image().iter().all(|byte| *byte == 0xff);
        if let (false, Some(times)) = (blank, times) {
            self.flash.keep_time(self.time.clone(), times);
        }
        self.shell = Some(match self.setup.flash {
            Part::W25q80 => self.shell_on(W25q80::of_probe(&self.flash)),
            Part::Stm32g4 => self.shell_on(Stm32g4::of_probe(&self.flash)),
        });
        self.settle();
        if let (true, Some(times)) = (blank, times) {
            self.flash.keep_time(self.time.clone(), times);
        }
    }

    fn shell_on<const W: usize, const E: usize>(&self, flash: VirtualNor<W, E>) -> Shell {
        let calibration = Circuit::OUTLET.calibration().unwrap_or_else(|_| {
            // The circuit is in range: metering's own tests hold it.
            std::process::abort()
        });
        let meters = self.buses.each_ref().map(|bus| {
            let config = Config {
                over_current: self.setup.over_current,
                ..Config::default()
            };
            Bl0942::new(
                bus.uart(),
                self.time.clone(),
                [calibration; MAX_CHIPS],
                config,
            )
        });
        let (chip, time) = (self.reader.clone(), self.time.clone());
        let reader = match self.setup.reader {
            ReaderChip::Mfrc522 => {
                Reader::Mfrc522(Mfrc522::new(chip, self.reader.reset_pin(), time))
            }
            ReaderChip::Pn532 => {
                let uart = Hsu::new(self.pn532.hsu());
                Reader::Pn532(Pn532::new(uart, self.pn532.reset_pin(), time))
            }
        };
        let reader = Thoughtful {
            reader,
            time: self.time.clone(),
            thinks: Rc::clone(&self.thinks),
        };
        let hardware = VirtualHardware {
            ports: self.setup.ports,
            pile: self.pile,
            identity: self.identity,
            alias_key: AliasKey::new(self.alias_key),
            site_key: self.setup.has_site_key.then(|| self.site_key.clone()),
            watches_current: self.setup.over_current.is_some(),
            random: self.random.clone(),
            time: self.time.clone(),
            rtc: self.rtc.clone(),
            mains: Rc::clone(&self.mains),
            front: Rc::clone(&self.front),
            meters,
            reader,
            entrance: match &self.doorway {
                Some(doorway) => Entrance::Door(doorway.door()),
                None => Entrance::Air(Side::pile(&self.air)),
            },
            phone_keys: PhoneKeys::new(self.phone_secret),
            receipt_key: self.receipt_key(),
            about: phones::about(),
            pace: ReaderPace::new(self.setup.look, self.time.clone(), self.field.clone()),
            flash,
        };
        Box::pin(async {
            match Box::pin(shell::run(hardware)).await {
                Ok(never) => match never {},
                Err(error) => error.to_string(),
            }
        })
    }

    /// Cuts the supply, now.
    pub fn power_cut(&mut self) {
        if self.shell.take().is_some() {
            self.cuts.push(self.time.millis());
        }
        self.flash.power_off();
        self.air.cut();
        self.mains.borrow_mut().set_supply(false);
        self.step_phones();
        let mut front = self.front.borrow_mut();
        *front = Front {
            signals: std::mem::take(&mut front.signals),
            answers: std::mem::take(&mut front.answers),
            ..Front::default()
        };
    }

    /// Arms a cut in the next flash operation after so many more; the seed says how far that
    /// operation gets.
    pub fn cut_in_flash(&mut self, after_operations: u64, seed: u64) {
        self.flash.arm_cut(CutPlan::random(after_operations, seed));
    }

    /// True while the pile has its supply.
    pub const fn is_powered(&self) -> bool {
        self.shell.is_some()
    }

    /// How often the pile had to reset its card reader since the supply came, as its panel says.
    pub fn reader_resets(&self) -> u32 {
        self.front.borrow().reader_resets
    }

    /// Why the pile's ledger is refused, if it is: the pile stands, and charges nothing.
    pub fn refused(&self) -> Option<String> {
        self.front.borrow().refused.clone()
    }

    /// Milliseconds since the world began.
    pub fn now(&self) -> u64 {
        self.time.millis()
    }

    /// Lets the world run until this moment, in milliseconds since it began. Comes back early if
    /// an armed cut takes the supply.
    pub fn run_until(&mut self, moment: u64) {
        loop {
            let powered = self.is_powered();
            self.settle();
            if powered && !self.is_powered() {
                return;
            }
            let change = self.mains.borrow().next_change();
            let sleeper = if self.is_powered() {
                self.time.earliest()
            } else {
                u64::MAX
            };
            let phones = self.phones_next();
            let next = change
                .min(sleeper)
                .min(phones)
                .min(moment)
                .max(self.time.millis());
            self.time.advance_to(next);
            if change <= next {
                self.mains.borrow_mut().refresh();
            }
            if next == moment {
                self.settle();
                return;
            }
        }
    }

    /// Lets the world run for so many milliseconds.
    pub fn run_for(&mut self, millis: u64) {
        self.run_until(self.now().saturating_add(millis));
    }

    /// Raises a line of the hardware.
    pub fn raise(&mut self, line: Line) {
        if self.is_powered() {
            self.front.borrow_mut().lines.push_back(line);
            self.settle();
        }
    }

    /// Sends the landlord's command and waits up to ten seconds for its answer.
    pub fn command(&mut self, command: Command) -> Option<Outcome> {
        let id = self.send(command);
        for _ in 0..100 {
            self.settle();
            let answer = self.answer(id);
            if answer.is_some() || !self.is_powered() {
                return answer;
            }
            self.run_for(100);
        }
        None
    }

    /// Sends the landlord's command without waiting; the number is for [`World::answer`].
    pub fn send(&mut self, command: Command) -> u16 {
        let id = self.next_command;
        self.next_command = id.wrapping_add(1);
        self.front.borrow_mut().commands.push_back((id, command));
        self.settle();
        id
    }

    /// The answer to the command with this number, once there is one.
    pub fn answer(&self, id: u16) -> Option<Outcome> {
        let front = self.front.borrow();
        front.answers.iter().find(|it| it.0 == id).map(|it| it.1)
    }

    /// Plugs a bike in.
    pub fn plug(&mut self, port: PortId, bike: Bike) {
        self.mains.borrow_mut().plug(port, Some(bike));
    }

    /// Pulls it.
    pub fn unplug(&mut self, port: PortId) {
        self.mains.borrow_mut().plug(port, None);
    }

    /// True if a bike is plugged in.
    pub fn is_plugged(&self, port: PortId) -> bool {
        self.mains.borrow().bike(port).is_some()
    }

    /// Welds a port's relay, or mends it.
    pub fn weld(&mut self, port: PortId, welded: bool) {
        self.mains.borrow_mut().weld(port, welded);
    }

    /// True if the port's relay is closed by the pile.
    pub fn relay(&self, port: PortId) -> bool {
        self.mains.borrow().relay(port)
    }

    /// What went through the port's relay since it closed, in microjoules; `None` while it is open.
    pub fn flowing_microjoules(&self, port: PortId) -> Option<u64> {
        self.mains.borrow().flowing(port)
    }

    /// The power on the port's wire.
    pub fn power(&self, port: PortId) -> Power {
        self.mains.borrow().power(port)
    }

    /// The port's meter chip, to harm it.
    pub fn chip(&self, port: PortId) -> Option<VirtualChip> {
        self.mains.borrow().chip(port).cloned()
    }

    /// The card reader's chip if it is a PN532, to harm it.
    pub const fn pn532(&self) -> &VirtualPn532 {
        &self.pn532
    }

    /// The card reader's chip if it is an MFRC522, to harm it.
    pub const fn reader(&self) -> &VirtualMfrc522 {
        &self.reader
    }

    /// What a port's indicator shows; `None` without supply.
    pub fn indicator(&self, port: PortId) -> Option<Indicator> {
        self.front
            .borrow()
            .indicators
            .get(port.index())
            .copied()
            .flatten()
    }

    /// Everything the pile has said: (milliseconds, signal).
    pub fn signals(&self) -> Vec<(u64, Signal)> {
        self.front.borrow().signals.clone()
    }

    /// What went through each relay, in the order in which they opened.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.mains.borrow().deliveries.clone()
    }

    /// What the pile drew: (milliseconds, milliwatts) at every change.
    pub fn load(&self) -> Vec<(u64, u64)> {
        self.mains.borrow().load.clone()
    }

    /// When the supply was cut, in milliseconds.
    pub fn cuts(&self) -> &[u64] {
        &self.cuts
    }

    /// Everything that ever went through the ports' meters, in microjoules.
    pub fn delivered_microjoules(&self) -> u64 {
        let mains = self.mains.borrow();
        let chips = PortId::first(self.setup.ports).filter_map(|port| mains.chip(port));
        chips.map(VirtualChip::delivered_microjoules).sum()
    }

    /// The flash.
    pub const fn flash(&self) -> &Probe {
        &self.flash
    }

    /// Lets the shell run until it waits for time.
    fn settle(&mut self) {
        let waker = self.waker.clone();
        let mut context = Context::from_waker(&waker);
        loop {
            let Some(shell) = &mut self.shell else {
                self.step_phones();
                return;
            };
            self.woken.0.store(false, Ordering::Relaxed);
            self.time.forget();
            let polled = poll_shell(shell, &mut context);
            if self.flash.cut_happened() {
                self.power_cut();
                return;
            }
            match polled {
                Poll::Ready(why) => {
                    self.shell = None;
                    self.front.borrow_mut().refused = Some(why);
                    return;
                }
                Poll::Pending if self.woken.0.load(Ordering::Relaxed) => {}
                Poll::Pending if self.step_phones() => {}
                Poll::Pending => return,
            }
        }
    }
}

/// What the pile does between two waits: nothing else is served meanwhile. A function of its own, so
/// that its instructions can be counted.
#[inline(never)]
fn poll_shell(shell: &mut Shell, context: &mut Context<'_>) -> Poll<String> {
    shell.as_mut().poll(context)
}
