//! The pile on its wall, and whatever people do to it.

use std::collections::VecDeque;

use billing_core::record::Fault;
use billing_core::tariff::Tariff;
use pile_controller::Command as Wish;
use pile_controller::Signal;
use pile_controller::shell::Line;
use pile_sim::bl0942::Fault as MeterFault;
use pile_sim::cards::CardHandle;
use pile_sim::link::Doorway;
use pile_sim::mfrc522::Fault as ReaderFault;
use pile_sim::world::{Bike, Setup, World};
use pile_units::{ClockQuality, PlanId, PortId, Temperature, UnixSeconds, WallTime};

use super::orders::Order;
use crate::app::Failure;
use crate::drawer::{self, Card};
use crate::run::words;

/// A card lies so long on the reader.
const TAP_MS: u64 = 500;
/// And the next one comes so long after it was taken away.
const GAP_MS: u64 = 700;
/// So long a person has who stands at the pile, in its own time: to choose a port, to tap again.
const CALM_MS: u64 = 16_000;
/// And so long after the pile has said something.
const SAID_MS: u64 = 1_500;
/// A bike at a port.
#[derive(Debug, Clone)]
pub(super) struct Plugged {
    /// What its charger draws at most, in milliwatts.
    pub milliwatts: u32,
    /// What had gone through the meter when it came, in microjoules.
    pub before: u64,
}

pub(super) struct House {
    pub world: World,
    pub doorway: Doorway,
    pub setup: Setup,
    pub cards: Vec<Card>,
    pub bikes: Vec<Option<Plugged>>,
    pub welded: Vec<bool>,
    pub meters_dead: Vec<bool>,
    pub reader: ReaderFault,
    pub heat: Option<Temperature>,
    pub speed: u64,
    /// Prints nothing of what happens.
    pub quiet: bool,
    /// Milliseconds that are to pass quickly.
    pub skip: u64,
    /// The names of the cards that lie on the reader, and when they are taken away.
    pub taps: Vec<(u64, CardHandle, &'static str)>,
    /// Cards that people hold in their hands meanwhile.
    pending: VecDeque<&'static str>,
    /// When the last card was taken away.
    taken: u64,
    /// How many piles have hung here.
    pub generation: u32,
    tariff: Option<Tariff>,
    /// The prices of the next pile.
    prices: Option<Tariff>,
    clock: Option<UnixSeconds>,
    /// Until this moment of the pile time passes as on the desk: somebody stands there.
    calm_until: u64,
    told: usize,
    relays: Vec<bool>,
    refused: Option<String>,
}

/// Whether to go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    GoOn,
    /// Whoever has a link is to be sent away: the pile is not there any more.
    HangUp,
    End,
}

impl House {
    /// A pile with its supply. Its clock is set when it has a landlord, if it is told the time.
    pub(super) fn new(
        setup: Setup,
        image: &[u8],
        tariff: Option<Tariff>,
        clock: Option<UnixSeconds>,
    ) -> Result<Self, Failure> {
        let mut world = if image.is_empty() {
            World::new(setup)
        } else {
            World::with_image(setup, image)
        };
        let doorway = world.doorway();
        world.power_up();
        world.run_for(2_000);
        if let Some(why) = world.refused() {
            let what = format!("the pile refuses its ledger: {why}");
            return Err(Failure::Broken(what));
        }
        let cards = drawer::cards(world.site_key()).map_err(Failure::Broken)?;
        Ok(Self {
            world,
            doorway,
            setup,
            cards,
            bikes: vec![None; setup.ports],
            welded: vec![false; setup.ports],
            meters_dead: vec![false; setup.ports],
            reader: ReaderFault::None,
            heat: None,
            speed: 1,
            quiet: false,
            skip: 0,
            taps: Vec::new(),
            pending: VecDeque::new(),
            taken: 0,
            generation: 1,
            tariff: tariff.clone(),
            prices: tariff,
            clock,
            calm_until: 0,
            told: 0,
            relays: vec![false; setup.ports],
            refused: None,
        })
    }

    /// Prints a line of what happens.
    fn say(&self, line: &str) {
        if !self.quiet {
            super::say(line);
        }
    }

    /// What is printed on the cards, and on the sheet of recovery codes.
    pub(super) fn drawer(&self) -> Vec<String> {
        drawer::printed(&self.cards, self.world.site_key())
    }

    /// Time passes as it does here, after so many milliseconds on the desk; slowly while somebody
    /// stands at the pile, or `calmly` for another reason.
    pub(super) fn tick(&mut self, millis: u64, calmly: bool) -> Result<(), Failure> {
        let calm = calmly || self.world.now() < self.calm_until;
        if calm {
            return self.pass(millis);
        }
        let rushed = self.skip.min((self.skip / 24).max(2_000));
        self.skip -= rushed;
        self.pass(millis.saturating_mul(self.speed).saturating_add(rushed))
    }

    /// True while time is held to the desk's for who stands at the pile.
    pub(super) fn is_calm(&self) -> bool {
        self.world.now() < self.calm_until
    }

    /// Time passes, cards are taken away, and what the pile shows is told.
    pub(super) fn pass(&mut self, millis: u64) -> Result<(), Failure> {
        let until = self.world.now().saturating_add(millis);
        loop {
            let due = self.taps.iter().map(|(at, ..)| *at).min();
            let waits = due.is_none() && !self.pending.is_empty();
            let due = due.or(waits.then(|| self.taken + GAP_MS));
            let next = due.unwrap_or(until).clamp(self.world.now(), until);
            self.world.run_until(next);
            while let Some(place) = self.taps.iter().position(|(at, ..)| *at <= next) {
                let (_, handle, _) = self.taps.swap_remove(place);
                self.world.take_card(handle);
                self.taken = next;
            }
            if self.taps.is_empty() && next >= self.taken + GAP_MS {
                self.lay_next();
            }
            if next == until {
                break;
            }
        }
        if self.tell() {
            self.set_prices()?;
        }
        Ok(())
    }

    /// Tells what is new; true if the pile said something.
    fn tell(&mut self) -> bool {
        let signals = self.world.signals();
        let mut asks = false;
        for (at, signal) in signals.iter().skip(self.told) {
            let (at, text) = (words::time(*at), words::signal_text(*signal));
            self.say(&format!("{at} pile: {text}"));
            asks = matches!(signal, Signal::ChoosePort | Signal::TapNewCard);
        }
        let said = signals.len() > self.told;
        self.told = signals.len();
        if said && !asks {
            self.calm_until = self.calm_until.min(self.world.now() + SAID_MS);
        }
        let now = words::time(self.world.now());
        for port in PortId::first(self.setup.ports) {
            let closed = self.world.relay(port);
            if let Some(was) = self
                .relays
                .get_mut(port.index())
                .filter(|was| **was != closed)
            {
                *was = closed;
                let what = if closed { "closes" } else { "opens" };
                self.say(&format!("{now} pile: port {port}: the relay {what}"));
            }
        }
        let refused = self.world.refused();
        if refused != self.refused {
            if let Some(why) = &refused {
                self.say(&format!("{now} pile: refuses its ledger: {why}"));
            }
            self.refused = refused;
        }
        said
    }

    /// Sets the prices and the clock once there is a landlord who has set none.
    pub(super) fn set_prices(&mut self) -> Result<(), Failure> {
        if self.tariff.is_none() && self.clock.is_none() {
            return Ok(());
        }
        if self.world.refused().is_some() {
            return Ok(());
        }
        let (book, _) = self.world.read_ledger().map_err(Failure::Broken)?;
        if book.pile().is_none() {
            return Ok(());
        }
        if let Some(now) = self.clock.take() {
            let passed = u32::try_from(self.world.now() / 1000).unwrap_or(0);
            let wish = Wish::SetClock(WallTime {
                unix: now.plus(passed),
                quality: ClockQuality::Informative,
            });
            self.wish("the clock", wish);
        }
        let tariff = self.tariff.take();
        if let Some(tariff) = tariff.filter(|_| book.tariffs().next().is_none()) {
            self.wish("the tariff", Wish::SetTariff(PlanId::STANDARD, tariff));
        }
        Ok(())
    }

    fn wish(&mut self, what: &str, wish: Wish) {
        let outcome = self.world.command(wish);
        let at = words::time(self.world.now());
        self.say(&format!("{at} pile: {what} is set: {outcome:?}"));
    }

    /// Does what a line says, or says why not.
    pub(super) fn obey(&mut self, order: Order) -> Result<Then, String> {
        match order {
            Order::Tap(name) => self.tap(&name)?,
            Order::Press(port) => {
                self.calm_until = self.calm_until.max(self.world.now() + SAID_MS);
                self.world.press(port);
            }
            Order::Plug(port, bike) => {
                let plugged = self.plugged(port, &bike);
                note(&mut self.bikes, port, plugged);
                self.world.plug(port, bike);
            }
            Order::Unplug(port) => {
                note(&mut self.bikes, port, None);
                self.world.unplug(port);
            }
            Order::Weld(port, welded) => {
                note(&mut self.welded, port, welded);
                self.world.weld(port, welded);
            }
            Order::Leak(port) => self.world.raise(Line::Trip(port, Fault::Leakage)),
            Order::Meter(port, answers) => {
                note(&mut self.meters_dead, port, !answers);
                if let Some(chip) = self.world.chip(port) {
                    chip.inject(MeterFault::Dead, if answers { 0 } else { u32::MAX });
                }
            }
            Order::Reader(fault) => {
                self.reader = fault;
                self.world.reader().set_fault(fault);
            }
            Order::Heat(heat) => {
                self.heat = Some(heat);
                self.world.raise(Line::Temperature(heat));
            }
            Order::Tamper => {
                self.world.power_cut();
                self.tamper();
                self.restore();
                return Ok(Then::HangUp);
            }
            Order::Cut => {
                self.world.power_cut();
                return Ok(Then::HangUp);
            }
            Order::Restore => self.restore(),
            Order::Cards => self.drawer().iter().for_each(|line| self.say(line)),
            Order::Speed(speed) => self.speed = speed,
            Order::Skip(seconds) => self.skip = self.skip.saturating_add(seconds * 1000),
            Order::Reset => {
                self.reset().map_err(|failure| failure.to_string())?;
                return Ok(Then::HangUp);
            }
            Order::Help => self.say(super::orders::HELP),
            Order::Quit => return Ok(Then::End),
            // Whoever waits looks at the sockets meanwhile.
            Order::Wait(_) => {}
        }
        Ok(Then::GoOn)
    }

    fn tap(&mut self, name: &str) -> Result<(), String> {
        let card = self.cards.iter().find(|card| card.name == name);
        let card = card.ok_or_else(|| format!("there is no card \"{name}\": type `cards`"))?;
        self.pending.push_back(card.name);
        self.calm_until = self.world.now() + CALM_MS;
        if self.taps.is_empty() && self.world.now() >= self.taken + GAP_MS {
            self.lay_next();
        }
        Ok(())
    }

    /// Lays the next card on the reader: one after the other, or it would be one tap of two.
    fn lay_next(&mut self) {
        let Some(name) = self.pending.pop_front() else {
            return;
        };
        if let Some(card) = self.cards.iter().find(|card| card.name == name) {
            let handle = self.world.lay_card(&card.chip);
            let now = self.world.now();
            self.taps.push((now + TAP_MS, handle, name));
            self.calm_until = now + CALM_MS;
        }
    }

    fn plugged(&self, port: PortId, bike: &Bike) -> Option<Plugged> {
        let chip = self.world.chip(port)?;
        Some(Plugged {
            milliwatts: bike.power().milliwatts(),
            before: chip.delivered_microjoules(),
        })
    }

    fn restore(&mut self) {
        self.world.power_up();
        if let Some(heat) = self.heat {
            self.world.raise(Line::Temperature(heat));
        }
    }

    /// Inverts two bytes halfway through what is written; a bit or two the ledger would mend.
    fn tamper(&self) {
        let flash = self.world.flash();
        let image = flash.image();
        let written = image.iter().enumerate().filter(|(_, byte)| **byte != 0xff);
        let written: Vec<_> = written.map(|(address, _)| address).collect();
        for address in written.iter().skip(written.len() / 2).take(2) {
            for bit in 0..8 {
                flash.flip_bit(*address, bit);
            }
        }
    }

    /// Another pile, blank, of the same kind and secrets.
    fn reset(&mut self) -> Result<(), Failure> {
        let clock = self.clock_now();
        let fresh = Self::new(self.setup, &[], self.prices.clone(), clock)?;
        let (generation, speed, quiet) = (self.generation + 1, self.speed, self.quiet);
        *self = Self {
            speed,
            quiet,
            generation,
            ..fresh
        };
        Ok(())
    }

    fn clock_now(&self) -> Option<UnixSeconds> {
        let passed = u32::try_from(self.world.now() / 1000).unwrap_or(0);
        let (book, _) = self.world.read_ledger().ok()?;
        let last = book.last();
        match last.quality {
            ClockQuality::Unknown => self.clock.map(|at| at.plus(passed)),
            _ => Some(last.unix),
        }
    }
}

fn note<T>(all: &mut [T], port: PortId, one: T) {
    if let Some(place) = all.get_mut(port.index()) {
        *place = one;
    }
}
