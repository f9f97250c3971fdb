//! The desk around a board whose processor an emulator is: the real program of a board on virtual
//! wires, in real time.
//!
//! The emulator is started with a wire to each part: people and relays, a Bluetooth module, a card
//! reader, two lines of meters. Cutting the supply kills it; restoring it starts it again on the same
//! flash, which is a file. Phones come over TCP, as they do to `serve`; their bytes go by the virtual
//! module, at its pace.
//!
//! | room | what |
//! | --- | --- |
//! | `emulator` | the process, and the wires to it |
//! | `files` | the flash and the key page |
//! | `shown` | what the board shows, a line each |

mod emulator;
mod files;
mod shown;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use pile_sim::bl0942::Fault as MeterFault;
use pile_sim::cards::CardHandle;
use pile_sim::link::Doorway;
use pile_sim::mfrc522::Fault as ReaderFault;
use pile_sim::pn532::Fault as ChipFault;
use pile_sim::world::{Outside, Wire};
use pile_units::PortId;

use crate::app::Failure;
use crate::cli;
use crate::drawer::{self, Card};
use crate::refusal::Refusal;
use crate::run::words;
use crate::serve::{self, Order, Visitor};
use emulator::{Emulator, WIRES};
use shown::Shown;

/// Real time between two looks at the wires.
const LOOK: Duration = Duration::from_millis(1);
/// A card lies so long on the reader, and the next one comes so long after it.
const TAP_MS: u64 = 500;
const GAP_MS: u64 = 700;
/// Outlets: as many as the two lines of meters reach.
const PORTS: usize = 8;

const HELP: &str = "\
tap CARD               hold a card to the reader for half a second
cards                  the codes of the cards, and the recovery codes
press PORT             press a port's button
plug PORT [W [WH]]     plug a bike in: it draws 200 W until it has 500 Wh, or what is said
unplug PORT            pull its plug
overload PORT          the charger there draws 1500 W from now on
weld PORT              the relay sticks once it is closed
mend PORT              and comes loose
meter PORT dead|back   the meter falls silent, or answers again
reader dead|hung|back  so does the card reader; a hung one comes back by a reset
meters                 what went through each port's meter, whatever the pile knows of it
gauge                  the board's deepest stack, and the longest that nothing else was served, in us of
                       the emulator's clock: instructions, where it counts them
cut                    the supply fails: the emulator is killed
restore                and comes back, on the same flash
help                   this
quit                   end; the flash is kept";

/// `board`: stands there until it is told to go; returns what to print last.
///
/// # Errors
/// [`Failure`]: a file or a port cannot be used, or the emulator does not start.
pub fn board(options: &cli::Board) -> Result<String, Failure> {
    let refused = |what: &str, error: &dyn std::fmt::Display| {
        Failure::Refused(Refusal::new(what, error.to_string(), "give another"))
    };
    let keys = files::ready(&options.folder, options.seed);
    let keys = keys.map_err(|why| refused("--folder", &why))?;
    let site = keys.site_key();
    let site = site.ok_or_else(|| refused("--folder", &"its keys have no site key"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    let listener = listener.map_err(|error| refused("--port", &error))?;
    let address = listener.local_addr();
    let address = address.map_err(|error| refused("--port", &error))?;
    let cards = drawer::cards(&site).map_err(Failure::Broken)?;
    serve::say(&format!("listening on {address}"));
    for line in drawer::printed(&cards, &site) {
        serve::say(&line);
    }
    let (doorway, door) = Doorway::new();
    let mut desk = Desk {
        options,
        printed: drawer::printed(&cards, &site),
        cards,
        outside: Outside::new(door),
        emulator: None,
        doorway,
        visitor: Visitor::new(),
        listener,
        shown: Shown::default(),
        laid: None,
        pending: VecDeque::new(),
        free: 0,
    };
    desk.restore()?;
    serve::say("type `help` for what can be done here");
    desk.stand(&serve::lines())?;
    Ok(format!("{}: the flash is kept\n", options.folder.display()))
}

/// The board's parts, and everybody who stands before it.
struct Desk<'a> {
    options: &'a cli::Board,
    cards: Vec<Card>,
    printed: Vec<String>,
    outside: Outside,
    /// The board, while it has its supply.
    emulator: Option<Emulator>,
    doorway: Doorway,
    visitor: Visitor,
    listener: TcpListener,
    shown: Shown,
    /// The card on the reader, and when it is taken away.
    laid: Option<(u64, CardHandle)>,
    /// Cards that people hold in their hands meanwhile.
    pending: VecDeque<usize>,
    /// When the reader is free for the next.
    free: u64,
}

impl Desk<'_> {
    fn stand(&mut self, orders: &Receiver<String>) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            let passed = began.elapsed();
            if (self.options.seconds).is_some_and(|seconds| passed.as_secs() >= seconds) {
                return Ok(());
            }
            match orders.try_recv() {
                Ok(line) if matches!(line.trim(), "quit") => return Ok(()),
                Ok(line) => match self.obey(line.trim())? {
                    Ok(()) => serve::say(&format!("ok {}", line.trim())),
                    Err(why) => serve::say(&format!("? {why}")),
                },
                Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => (),
            }
            let powered = self.emulator.is_some();
            self.visitor.look(&self.listener, &self.doorway, powered);
            self.carry();
            self.outside
                .run_until(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX));
            self.taps();
            self.carry();
            if let Some(how) = self.emulator.as_mut().and_then(Emulator::ended) {
                self.cut();
                serve::say(&format!("the board has ended by itself: {how}"));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Carries bytes between the board and its parts.
    fn carry(&mut self) {
        let Some(emulator) = &mut self.emulator else {
            return;
        };
        let now = words::time(self.outside.now());
        for line in self.shown.lines(&emulator.hear(0)) {
            if let Some(told) = shown::read(&line, &mut self.outside) {
                serve::say(&format!("{now} pile: {told}"));
            }
        }
        let parts = [Wire::Radio, Wire::Reader, Wire::Meters(0), Wire::Meters(1)];
        for (number, wire) in (1..WIRES.len()).zip(parts) {
            let said = emulator.hear(number);
            self.outside.say(wire, &said);
            emulator.say(number, &self.outside.hear(wire));
        }
    }

    /// Lays the next card down, and takes it away: one after the other, or it would be one tap of two.
    fn taps(&mut self) {
        let now = self.outside.now();
        if let Some((until, handle)) = self.laid.take() {
            if now < until {
                self.laid = Some((until, handle));
                return;
            }
            self.outside.take_card(handle);
            self.free = now + GAP_MS;
        }
        if now >= self.free
            && let Some(card) = self.pending.pop_front().and_then(|at| self.cards.get(at))
        {
            self.laid = Some((now + TAP_MS, self.outside.lay_card(&card.chip)));
        }
    }

    fn restore(&mut self) -> Result<(), Failure> {
        if self.emulator.is_none() {
            self.outside.set_supply(true);
            self.shown = Shown::default();
            let started = Emulator::start(&self.options.emulator, &self.options.folder);
            let program = self.options.emulator.first().map_or("", String::as_str);
            let emulator = started
                .map_err(|error| Failure::Broken(format!("the emulator \"{program}\": {error}")))?;
            self.emulator = Some(emulator);
        }
        Ok(())
    }

    /// The supply fails: the emulator is killed where it is.
    fn cut(&mut self) {
        self.emulator = None;
        self.outside.set_supply(false);
        self.visitor.hang_up(&self.doorway);
    }

    /// Does what a line says, or says why not.
    fn obey(&mut self, line: &str) -> Result<Result<(), String>, Failure> {
        match line {
            "" => return Ok(Ok(())),
            "help" => serve::say(HELP),
            "meters" => self.meters(),
            "gauge" => self.press(b"?"),
            "restore" => self.restore()?,
            "cut" => self.cut(),
            _ => return Ok(Order::read(line, PORTS).and_then(|order| self.order(order))),
        }
        Ok(Ok(()))
    }

    fn order(&mut self, order: Option<Order>) -> Result<(), String> {
        let outside = &mut self.outside;
        match order {
            Some(Order::Tap(name)) => {
                let place = self.cards.iter().position(|card| card.name == name);
                let place = place.ok_or_else(|| format!("there is no card \"{name}\""))?;
                self.pending.push_back(place);
            }
            Some(Order::Cards) => self.printed.iter().for_each(|line| serve::say(line)),
            Some(Order::Press(port)) => self.press(port.number().to_string().as_bytes()),
            Some(Order::Plug(port, bike)) => outside.plug(port, Some(bike)),
            Some(Order::Unplug(port)) => outside.plug(port, None),
            Some(Order::Weld(port, welded)) => outside.weld(port, welded),
            Some(Order::Meter(port, answers)) => {
                if let Some(chip) = outside.chip(port) {
                    chip.inject(MeterFault::Dead, if answers { 0 } else { u32::MAX });
                }
            }
            Some(Order::Reader(fault)) => outside.reader().set_fault(match fault {
                ReaderFault::None => ChipFault::None,
                ReaderFault::Hung => ChipFault::Hung,
                _ => ChipFault::Absent,
            }),
            Some(_) => return Err("not at a board on an emulator: type `help`".to_owned()),
            None => (),
        }
        Ok(())
    }

    fn press(&mut self, byte: &[u8]) {
        if let Some(emulator) = &mut self.emulator {
            emulator.say(0, byte);
        }
    }

    fn meters(&self) {
        for port in PortId::first(PORTS) {
            if let Some(chip) = self.outside.chip(port) {
                let energy = chip.delivered_microjoules();
                serve::say(&format!("meter {port} {energy} uJ"));
            }
        }
    }
}
