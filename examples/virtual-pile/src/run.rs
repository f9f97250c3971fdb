//! Plays a script on a virtual pile, tells what happens, and checks what the script expects.
//!
//! Whatever a script expects, three guarantees are checked at each of its expectations and at its
//! end: a relay is closed only for an open session (I1), accounts and meters agree (I2), and no
//! port bills more than went through its relay (I3).

mod checks;
mod front;
pub(crate) mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use billing_core::book::Book;
use billing_core::record::Reference;
use pile_controller::shell::Line;
use pile_controller::{Command as Wish, Outcome};
use pile_sim::bl0942::Fault as MeterFault;
use pile_sim::cards::{CardHandle, VirtualCard};
use pile_sim::mfrc522::Fault as ReaderFault;
use pile_sim::world::{Bike, Look, Setup, Stretch, World};
use pile_units::{
    AccountId, ClockQuality, Credential, CredentialId, Limits, PlanId, PortId, Role, Temperature,
    UidOnly, UnixSeconds, WallTime,
};

use crate::app::Failure;
use crate::cli;
use crate::scenario::{self, Action, Card, Command, Cut, Key, Scenario, TAP, What};

/// How often the pile is looked at for what it shows.
const LOOK_MS: u64 = 100;
/// What the supply has left after its warning.
const WARNING_MS: u64 = 20;
/// The script begins on a whole minute of the world.
const MINUTE_MS: u64 = 60_000;

/// What became of a script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Played {
    /// How many expectations were checked.
    pub checks: usize,
    /// Those that were not met, and guarantees that did not hold, as `file:line: what`.
    pub failures: Vec<String>,
}

/// `run`: reads the script, plays it, tells every line of it to `tell`; returns what to print last.
///
/// # Errors
/// [`Failure`]: the script is wrong, or what it expects did not come.
pub fn run(options: &cli::Run, tell: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let scenario = scenario::read(&options.scenario)?;
    tell(&scenario.title);
    tell("");
    let played = play(&scenario, tell).map_err(Failure::Broken)?;
    tell("");
    let count = played.failures.len();
    if count == 0 {
        Ok(format!("All {} expectations were met.\n", played.checks))
    } else {
        let all = played.failures.join("\n  ");
        Err(Failure::Broken(format!(
            "{count} of {} expectations were not met:\n  {all}",
            played.checks
        )))
    }
}

/// Plays a script and tells what happens, a line at a time.
///
/// ```
/// use std::path::Path;
/// use virtual_pile::{run, scenario};
/// let text = r#"
///     title = "A stranger's card opens nothing."
///     [cards]
///     landlord = { uid = "04a00001", privilege = true }
///     stranger = { uid = "04a1b2c3" }
///     [pile]
///     owner = "landlord"
///     [[event]]
///     at = 5
///     tap = "stranger"
///     [[expect]]
///     at = 7
///     refused = "unknown_card"
/// "#;
/// let scenario = scenario::parse("stranger.toml", text, Path::new("."))?;
/// let mut told = Vec::new();
/// let played = run::play(&scenario, &mut |line| told.push(line.to_owned()))?;
/// assert_eq!(played.failures, Vec::<String>::new());
/// assert!(told.iter().any(|line| line.contains("the card is not authorised")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// In words: the pile could not be brought to where the script begins, or refuses to start.
pub fn play(scenario: &Scenario, tell: &mut dyn FnMut(&str)) -> Result<Played, String> {
    let mut player = Player::new(scenario, tell)?;
    player.prepare()?;
    for step in &scenario.steps {
        player.run_to(player.origin + step.at.millis())?;
        match &step.what {
            What::Do(action) => player.act(action)?,
            What::Expect(checks) => player.expect(step.line, checks)?,
        }
    }
    player.finish()
}

struct Player<'a> {
    scenario: &'a Scenario,
    tell: &'a mut dyn FnMut(&str),
    world: World,
    origin: u64,
    cards: BTreeMap<&'a str, VirtualCard>,
    /// Cards on the reader, and when they are taken away.
    taps: VecDeque<(u64, CardHandle)>,
    shown: Vec<front::Shown>,
    powered: bool,
    refused: Option<String>,
    reader_resets: u32,
    /// Signals told, and signals before the last expectation.
    told: usize,
    before: usize,
    command: Option<(u16, Option<Outcome>)>,
    welded: BTreeSet<PortId>,
    heat: Option<Temperature>,
    /// Guarantees that failed already: each is told once.
    broken: BTreeSet<String>,
    played: Played,
}

/// A card as it lies in a pocket: issued, if it has a key.
fn make(world: &World, card: &Card) -> Option<VirtualCard> {
    let seven = || card.uid.as_slice().try_into().ok();
    match card.key {
        Key::None => VirtualCard::new(&card.uid).ok(),
        Key::Site => world.issue(seven()?).map(|it| it.0),
        Key::Other => world.issue_elsewhere(seven()?).map(|it| it.0),
    }
}

impl<'a> Player<'a> {
    fn new(scenario: &'a Scenario, tell: &'a mut dyn FnMut(&str)) -> Result<Self, String> {
        let pile = &scenario.pile;
        let setup = Setup {
            ports: pile.ports,
            seed: pile.seed,
            flash_bytes: pile.flash_bytes,
            look: Look::Always,
            ..Setup::default()
        };
        let world = World::new(setup);
        let mut cards = BTreeMap::new();
        for (name, card) in &scenario.cards {
            let made = make(&world, card);
            let made = made.ok_or_else(|| format!("no card can have the uid of \"{name}\""))?;
            cards.insert(name.as_str(), made);
        }
        Ok(Self {
            scenario,
            tell,
            world,
            origin: 0,
            cards,
            taps: VecDeque::new(),
            shown: Vec::new(),
            powered: true,
            refused: None,
            reader_resets: 0,
            told: 0,
            before: 0,
            command: None,
            welded: BTreeSet::new(),
            heat: None,
            broken: BTreeSet::new(),
            played: Played::default(),
        })
    }

    /// Brings the pile to where the script begins, by taps and commands.
    fn prepare(&mut self) -> Result<(), String> {
        let pile = &self.scenario.pile;
        self.world.power_up();
        self.world.run_for(3_000);
        if let Some(owner) = &pile.owner {
            let owner = self.card(owner)?;
            self.world.tap(&owner);
            for tenant in &pile.tenants {
                let tenant = self.card(tenant)?;
                self.world.tap(&owner);
                self.world.tap(&tenant);
            }
            self.must(Wish::SetTariff(PlanId::STANDARD, pile.tariff.clone()))?;
            if pile.limits != Limits::default() {
                self.must(Wish::SetLimits(pile.limits))?;
            }
            if pile.uid_only != UidOnly::All {
                self.must(Wish::AllowUidOnly(pile.uid_only))?;
            }
        }
        let second = self.world.now().next_multiple_of(1000);
        self.world.run_until(second);
        self.origin = (second + 1000).next_multiple_of(MINUTE_MS);
        if let Some(clock) = pile.clock {
            let early = u32::try_from((self.origin - second) / 1000).unwrap_or(0);
            let unix = UnixSeconds::new(clock.get().saturating_sub(early));
            self.must(Wish::SetClock(synchronised(unix)))?;
        }
        self.world.run_until(self.origin);
        let (book, _) = self.ledger()?;
        if book.accounts().len() != pile.tenants.len() {
            return Err("the pile did not authorise the tenants' cards".to_owned());
        }
        self.told = self.world.signals().len();
        self.before = self.told;
        self.shown = PortId::first(pile.ports).map(|it| self.look(it)).collect();
        Ok(())
    }

    fn must(&mut self, wish: Wish) -> Result<(), String> {
        match self.world.command(wish) {
            Some(Outcome::Refused(why)) => Err(format!("the pile refused: {why}")),
            Some(_) => Ok(()),
            None => Err("the pile did not answer".to_owned()),
        }
    }

    fn card(&self, name: &str) -> Result<VirtualCard, String> {
        let card = self.cards.get(name).cloned();
        card.ok_or_else(|| format!("there is no card \"{name}\""))
    }

    /// Empty while the pile refuses it: then nothing may charge.
    fn ledger(&self) -> Result<(Book, Vec<(u64, billing_core::record::Record)>), String> {
        if self.world.refused().is_some() {
            return Ok((Book::new(), Vec::new()));
        }
        self.world
            .read_ledger()
            .map_err(|why| format!("the ledger cannot be read: {why}"))
    }

    /// Lets time pass, takes cards away when it is time, and tells what the pile shows.
    fn run_to(&mut self, moment: u64) -> Result<(), String> {
        loop {
            while self
                .taps
                .front()
                .is_some_and(|tap| tap.0 <= self.world.now())
            {
                if let Some((_, handle)) = self.taps.pop_front() {
                    self.world.take_card(handle);
                }
            }
            self.watch()?;
            if self.world.now() >= moment {
                return Ok(());
            }
            let tap = self.taps.front().map_or(u64::MAX, |tap| tap.0);
            let next = (self.world.now() + LOOK_MS).min(moment).min(tap);
            self.world.run_until(next);
        }
    }

    fn say(&mut self, at: u64, who: &str, what: &str) {
        let at = words::time(at.saturating_sub(self.origin));
        (self.tell)(&format!("{at}  {who:<6} {what}"));
    }

    fn act(&mut self, action: &Action) -> Result<(), String> {
        let now = self.world.now();
        let (who, what) = words::action(action);
        self.say(now, who, &what);
        match action {
            Action::Tap(name) => {
                let card = self.card(name)?;
                let handle = self.world.lay_card(&card);
                self.taps.push_back((now + TAP.millis(), handle));
            }
            Action::Press(port) => self.world.press(*port),
            Action::Plug(bike) => self.world.plug(bike.port, charger(bike)),
            Action::Unplug(port) => self.world.unplug(*port),
            Action::Load(port, power) => self.world.plug(*port, Bike::constant(*power)),
            Action::Cut(Cut::Sudden) => self.world.power_cut(),
            Action::Cut(Cut::Warned) => {
                self.world.raise(Line::PowerFailing);
                self.world.run_for(WARNING_MS);
                self.world.power_cut();
            }
            Action::Cut(Cut::InFlash) => self.world.cut_in_flash(0, self.scenario.pile.seed),
            Action::Restore => {
                self.world.power_up();
                if let Some(heat) = self.heat {
                    self.world.raise(Line::Temperature(heat));
                }
            }
            Action::SetClock(unix) => self.wish(Wish::SetClock(synchronised(*unix))),
            Action::SetTariff(tariff) => {
                self.wish(Wish::SetTariff(PlanId::STANDARD, tariff.clone()));
            }
            Action::Heat(temperature) => {
                self.heat = Some(*temperature);
                self.world.raise(Line::Temperature(*temperature));
            }
            Action::Trip(port, fault) => self.world.raise(Line::Trip(*port, *fault)),
            Action::Weld(port) => {
                self.welded.insert(*port);
                self.world.weld(*port, true);
            }
            Action::Unweld(port) => self.world.weld(*port, false),
            Action::MeterDead(port) => self.meter(*port, u32::MAX),
            Action::MeterBack(port) => self.meter(*port, 0),
            Action::ReaderHang => self.world.reader().set_fault(ReaderFault::Hung),
            Action::ReaderDead => self.world.reader().set_fault(ReaderFault::Dead),
            Action::ReaderBack => self.world.reader().set_fault(ReaderFault::None),
            Action::DamageLedger => self.damage(),
            Action::Command(command) => {
                let wish = self.landlord(command)?;
                self.wish(wish);
            }
        }
        self.watch()
    }

    /// Inverts two bytes halfway through what is written.
    fn damage(&self) {
        let flash = self.world.flash();
        let image = flash.image();
        let written = image.iter().enumerate().filter(|(_, byte)| **byte != 0xff);
        let written: Vec<_> = written.map(|(address, _)| address).collect();
        // A bit or two the ledger mends.
        for address in written.iter().skip(written.len() / 2).take(2) {
            for bit in 0..8 {
                flash.flip_bit(*address, bit);
            }
        }
    }

    fn meter(&self, port: PortId, answers: u32) {
        if let Some(chip) = self.world.chip(port) {
            chip.inject(MeterFault::Dead, answers);
        }
    }

    fn wish(&mut self, wish: Wish) {
        let id = self.world.send(wish);
        self.command = Some((id, None));
    }

    /// What the landlord's phone sends. It names what it does not know by a number never given.
    fn landlord(&self, command: &Command) -> Result<Wish, String> {
        let (book, records) = self.ledger()?;
        let account = |name| {
            let account = self.account(&book, name);
            account.unwrap_or(AccountId::new(0))
        };
        Ok(match command {
            Command::Authorise => Wish::Authorise,
            Command::Replace(card) => Wish::Replace(account(card)),
            Command::ReportLost(card) => Wish::ReportLost(account(card)),
            Command::Revoke(card) => {
                let credential = self.credential(&book, card).map(|it| it.id);
                Wish::Revoke(credential.unwrap_or(CredentialId::new(u16::MAX)))
            }
            Command::Deregister(card) => Wish::Deregister(account(card)),
            Command::Settle(card) => Wish::Settle(account(card)),
            Command::MarkPaid(card) => {
                let account = account(card);
                let settlements = book.settlements().iter();
                let last = settlements
                    .filter(|it| it.account == account)
                    .map(|it| it.id);
                Wish::MarkPaid(last.max().unwrap_or(0), Reference::default())
            }
            Command::AllowUidOnly(whose) => Wish::AllowUidOnly(*whose),
            Command::List(card, listed) => Wish::ListAccount(account(card), *listed),
            Command::AuthoriseListed => Wish::AuthoriseListed,
            Command::Calibrate(port, trim) => Wish::Calibrate(*port, *trim),
            Command::SetLimits(limits) => Wish::SetLimits(*limits),
            Command::SetTariff(plan, tariff) => Wish::SetTariff(*plan, tariff.clone()),
            Command::PlanTariff(plan, from, tariff) => Wish::PlanTariff {
                plan: *plan,
                from: *from,
                tariff: tariff.clone(),
            },
            Command::AssignPlan(card, plan) => Wish::AssignPlan(account(card), *plan),
            Command::ConfirmExport => {
                let last = records.iter().map(|(seq, _)| *seq).max();
                Wish::ConfirmExport(last.unwrap_or(0))
            }
            Command::ConfirmEvidence => Wish::ConfirmEvidence(self.world.fingerprint()),
            Command::ClearFault(port) => Wish::ClearFault(*port),
            Command::Stop(port) => Wish::Stop(*port),
            Command::Switch(port, enabled) => Wish::Switch(*port, *enabled),
        })
    }

    /// The card as the pile knows it; of several times it was authorised, the last.
    fn credential<'b>(&self, book: &'b Book, name: &str) -> Option<&'b Credential> {
        let alias = self.world.alias(self.cards.get(name)?)?;
        book.credentials().iter().rev().find(|it| it.alias == alias)
    }

    fn account(&self, book: &Book, name: &str) -> Option<AccountId> {
        match self.credential(book, name)?.role {
            Role::Charging(account) => Some(account),
            Role::Privilege => None,
        }
    }

    fn finish(mut self) -> Result<Played, String> {
        let ledger = self.ledger()?;
        self.guarantees(&ledger);
        Ok(self.played)
    }
}

const fn synchronised(unix: UnixSeconds) -> WallTime {
    WallTime {
        unix,
        quality: ClockQuality::Synchronised,
    }
}

fn charger(bike: &scenario::Bike) -> Bike {
    let milliwatts = u64::from(bike.power.milliwatts()).max(1);
    // mWh x 3,600,000 ms/h / mW.
    let millis = bike.energy.milliwatt_hours() * 3_600_000 / milliwatts;
    let full = Stretch {
        millis,
        power: bike.power,
    };
    let float = Stretch {
        millis: u64::MAX,
        power: bike.float,
    };
    Bike::new(vec![full, float])
}
