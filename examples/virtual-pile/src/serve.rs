//! The pile on the desk, in real time: phones come over TCP, people and bikes over lines of text.
//!
//! Time passes at the pile as on the desk's clock, or so many times faster. One phone is let in at a
//! time; who comes while another is there is sent away at once.

mod orders;
mod visitor;

use std::io::{BufRead, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};

use billing_core::tariff::Tariff;
use card_auth::{CardCode, CardRole, MAX_CARD_CODE, RECOVERY_CODE, Uid};
use pile_controller::Command as Wish;
use pile_sim::cards::{CardHandle, VirtualCard};
use pile_sim::world::{Setup, World};
use pile_units::{PlanId, PortId};

use crate::app::Failure;
use crate::cli;
use crate::refusal::Refusal;
use crate::run::words;
use orders::Order;
use visitor::Visitor;

/// Real time between two looks at the sockets.
const LOOK: Duration = Duration::from_millis(5);
/// A card lies so long on the reader.
const TAP_MS: u64 = 500;
/// Milliseconds of the pile in a step, where it is to go fast.
const STEP_MS: u64 = 1_000;
/// Cards in the drawer, the landlord's first.
const CARDS: [(&str, CardRole, [u8; 7]); 4] = [
    ("landlord", CardRole::Privilege, [4, 0xa0, 0, 0, 0, 0, 1]),
    ("tenant1", CardRole::Charging, [4, 0xb0, 0, 0, 0, 0, 1]),
    ("tenant2", CardRole::Charging, [4, 0xb0, 0, 0, 0, 0, 2]),
    ("spare", CardRole::Privilege, [4, 0xa0, 0, 0, 0, 0, 2]),
];

/// `serve`: stands there until it is told to go; returns what to print last.
///
/// # Errors
/// [`Failure`]: a file or the port cannot be used, or the pile refuses its ledger.
pub fn serve(options: &cli::Serve) -> Result<String, Failure> {
    let tariff = options.tariff.as_deref().map(tariff_file::read).transpose();
    let tariff = tariff.map_err(|error| refused("--tariff", &error))?;
    let image = options.state.as_deref().map(state).transpose()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    let listener = listener.map_err(|error| refused("--port", &error))?;
    let address = listener
        .local_addr()
        .map_err(|error| refused("--port", &error))?;
    let mut house = House::new(options, &image.unwrap_or_default(), tariff)?;
    say(&format!("listening on {address}"));
    for line in house.drawer() {
        say(&line);
    }
    say("type `help` for what can be done here");
    house.set_tariff()?;
    house.stand(&listener, &lines(), options.seconds)?;
    let Some(path) = &options.state else {
        return Ok(String::new());
    };
    let written = std::fs::write(path, house.world.flash().image());
    written.map_err(|error| refused(&path.display().to_string(), &error))?;
    Ok(format!("{}: the flash is kept\n", path.display()))
}

fn refused(what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::Refused(Refusal::new(what, error.to_string(), "give another"))
}

/// A flash of the last time, if there is one.
fn state(path: &Path) -> Result<Vec<u8>, Failure> {
    match std::fs::read(path) {
        Ok(image) => Ok(image),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(refused(&path.display().to_string(), &error)),
    }
}

/// Prints a line at once. A reader that went away is no reason to stop.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The lines of the input as they come.
fn lines() -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

struct House {
    world: World,
    visitor: Visitor,
    cards: Vec<(&'static str, CardRole, VirtualCard)>,
    /// Cards on the reader, and when they are taken away.
    taps: Vec<(u64, CardHandle)>,
    tariff: Option<Tariff>,
    speed: u64,
    ports: usize,
    told: usize,
    relays: Vec<bool>,
    refused: Option<String>,
}

/// Whether to go on.
#[derive(PartialEq)]
enum Then {
    GoOn,
    End,
}

impl House {
    fn new(options: &cli::Serve, image: &[u8], tariff: Option<Tariff>) -> Result<Self, Failure> {
        let setup = Setup {
            ports: options.ports,
            seed: options.seed,
            ..Setup::default()
        };
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
        let mut cards = Vec::new();
        for (name, role, uid) in CARDS {
            let none = || Failure::Broken(format!("no card {name}"));
            cards.push((name, role, world.issue(uid).ok_or_else(none)?.0));
        }
        Ok(Self {
            world,
            visitor: Visitor::new(doorway),
            cards,
            taps: Vec::new(),
            tariff,
            speed: options.speed.into(),
            ports: options.ports,
            told: 0,
            relays: vec![false; options.ports],
            refused: None,
        })
    }

    /// What is printed on the cards, and on the sheet of recovery codes.
    fn drawer(&self) -> Vec<String> {
        let cards = self.cards.iter().filter_map(|(name, role, card)| {
            let code = CardCode {
                role: *role,
                uid: Uid::from_bytes(card.uid()).ok()?,
                secret: self.world.code(card)?,
            };
            let mut buffer = [0; MAX_CARD_CODE];
            Some(format!("card {name} {}", code.write(&mut buffer)))
        });
        let codes = (0..3).map(|number| {
            let code = self.world.recovery_code(number);
            let mut buffer = [0; RECOVERY_CODE];
            format!("recovery {number} {}", code.write(&mut buffer))
        });
        cards.chain(codes).collect()
    }

    fn stand(
        &mut self,
        listener: &TcpListener,
        orders: &Receiver<String>,
        seconds: Option<u64>,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let mut before = began;
        loop {
            let over = seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds);
            match orders.try_recv() {
                _ if over => return Ok(()),
                Ok(line) if self.obey(listener, &line)? == Then::End => return Ok(()),
                Ok(_) | Err(TryRecvError::Empty) => (),
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
            self.visitor.look(listener);
            let now = Instant::now();
            let passed = u64::try_from((now - before).as_millis()).unwrap_or(u64::MAX);
            // What is less than a millisecond is counted the next time.
            before += Duration::from_millis(passed);
            self.pass(passed.saturating_mul(self.speed))?;
            self.visitor.look(listener);
            std::thread::sleep(LOOK);
        }
    }

    /// Time passes, cards are taken away, and what the pile shows is told.
    fn pass(&mut self, millis: u64) -> Result<(), Failure> {
        let until = self.world.now().saturating_add(millis);
        loop {
            let due = self.taps.iter().map(|(at, _)| *at).min();
            let next = due.unwrap_or(until).min(until);
            self.world.run_until(next);
            while let Some(place) = self.taps.iter().position(|(at, _)| *at <= next) {
                let (_, handle) = self.taps.swap_remove(place);
                self.world.take_card(handle);
            }
            if next == until {
                break;
            }
        }
        if self.tell() {
            self.set_tariff()?;
        }
        Ok(())
    }

    /// Tells what is new; true if the pile said something.
    fn tell(&mut self) -> bool {
        let signals = self.world.signals();
        for (at, signal) in signals.iter().skip(self.told) {
            say(&format!(
                "{} pile: {}",
                words::time(*at),
                words::signal_text(*signal)
            ));
        }
        let said = signals.len() > self.told;
        self.told = signals.len();
        let now = words::time(self.world.now());
        for port in PortId::first(self.ports) {
            let closed = self.world.relay(port);
            if let Some(was) = self
                .relays
                .get_mut(port.index())
                .filter(|was| **was != closed)
            {
                *was = closed;
                let what = if closed { "closes" } else { "opens" };
                say(&format!("{now} pile: port {port}: the relay {what}"));
            }
        }
        let refused = self.world.refused();
        if refused != self.refused {
            if let Some(why) = &refused {
                say(&format!("{now} pile: refuses its ledger: {why}"));
            }
            self.refused = refused;
        }
        said
    }

    /// Sets the prices once there is a landlord who has set none.
    fn set_tariff(&mut self) -> Result<(), Failure> {
        if self.tariff.is_none() {
            return Ok(());
        }
        let (book, _) = self.world.read_ledger().map_err(Failure::Broken)?;
        if book.pile().is_none() {
            return Ok(());
        }
        if let Some(tariff) = self
            .tariff
            .take()
            .filter(|_| book.tariffs().next().is_none())
        {
            let wish = Wish::SetTariff(PlanId::STANDARD, tariff);
            let outcome = self.world.command(wish);
            say(&format!(
                "{} pile: the tariff is set: {outcome:?}",
                words::time(self.world.now())
            ));
        }
        Ok(())
    }

    /// Does what a line says.
    fn obey(&mut self, listener: &TcpListener, line: &str) -> Result<Then, Failure> {
        let order = match Order::read(line, self.ports) {
            Ok(Some(order)) => order,
            Ok(None) => return Ok(Then::GoOn),
            Err(why) => {
                say(&format!("? {why}"));
                return Ok(Then::GoOn);
            }
        };
        match order {
            Order::Tap(name) => {
                let Some((_, _, card)) = self.cards.iter().find(|(known, ..)| *known == name)
                else {
                    say(&format!("? there is no card \"{name}\": type `cards`"));
                    return Ok(Then::GoOn);
                };
                let handle = self.world.lay_card(card);
                self.taps.push((self.world.now() + TAP_MS, handle));
            }
            Order::Press(port) => self.world.press(port),
            Order::Plug(port, bike) => self.world.plug(port, bike),
            Order::Unplug(port) => self.world.unplug(port),
            Order::Cut => self.world.power_cut(),
            Order::Restore => self.world.power_up(),
            Order::Cards => self.drawer().iter().for_each(|line| say(line)),
            Order::Speed(speed) => self.speed = speed,
            Order::Wait(seconds) => {
                for _ in 0..seconds {
                    self.visitor.look(listener);
                    self.pass(STEP_MS)?;
                }
            }
            Order::Help => say(orders::HELP),
            Order::Quit => return Ok(Then::End),
        }
        say(&format!("ok {}", line.trim()));
        Ok(Then::GoOn)
    }
}
