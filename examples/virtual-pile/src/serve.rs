//! The pile on the desk, in real time: phones come over TCP or from a browser, people and bikes over
//! lines of text or from the bench page.
//!
//! Time passes at the pile as on the desk's clock, or so many times faster. One phone is let in at a
//! time; who comes over TCP while another is there is sent away at once, who comes from a browser
//! waits for its turn (`callers`).
//!
//! | room | what |
//! | --- | --- |
//! | `house` | the pile on its wall, and what people do to it |
//! | `orders` | what they do, a line each |
//! | `visitor` | a phone over TCP |
//! | `callers` | phones in browsers, and their turns |
//! | `http`, `pages` | the server, and what lies on it |
//! | `bench`, `view` | what the bench page is told |

mod bench;
mod callers;
mod house;
mod http;
mod orders;
mod pages;
mod view;
mod visitor;

use std::io::{BufRead, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pile_sim::flash::Probe;
use pile_sim::world::Setup;
use pile_units::UnixSeconds;

use crate::app::{self, Failure};
use crate::cli;
use crate::refusal::Refusal;
use bench::Bench;
use house::{House, Then};
use pages::Pages;

pub(crate) use orders::Order;
pub(crate) use visitor::Visitor;

/// Real time between two looks at the sockets.
const LOOK: Duration = Duration::from_millis(5);
/// Milliseconds of the pile in a step, where it is to go fast.
const STEP_MS: u64 = 1_000;
/// No more than this passes at a time, however long the desk was away.
const MOST_MS: u64 = 1_000;

/// `serve`: stands there until it is told to go; returns what to print last.
///
/// # Errors
/// [`Failure`]: a file or a port cannot be used, or the pile refuses its ledger.
pub fn serve(options: &cli::Serve) -> Result<String, Failure> {
    let tariff = options.tariff.as_deref().map(tariff_file::read).transpose();
    let mut tariff = tariff.map_err(|error| refused("--tariff", &error))?;
    let image = options.state.as_deref().map(state).transpose()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    let listener = listener.map_err(|error| refused("--port", &error))?;
    let address = listener
        .local_addr()
        .map_err(|error| refused("--port", &error))?;
    let setup = Setup {
        ports: options.ports,
        seed: options.seed,
        ..Setup::default()
    };
    let mut clock = None;
    if options.http.is_some() {
        tariff = match tariff {
            None => Some(app::demo_tariff()?),
            given => given,
        };
        clock = now();
    }
    let mut house = House::new(setup, &image.unwrap_or_default(), tariff, clock)?;
    (house.speed, house.quiet) = (options.speed.into(), options.quiet);
    if !options.quiet {
        say(&format!("listening on {address}"));
        house.drawer().iter().for_each(|line| say(line));
    }
    let bench = options.http.map(|at| {
        let phone = options.phone.clone();
        Bench::open(at, Pages { phone }).map_err(|error| refused("--http", &error))
    });
    let bench = bench.transpose()?;
    if let Some(bench) = &bench {
        say(&format!("http://{}/", bench.address));
    }
    if !options.quiet {
        say("type `help` for what can be done here");
    }
    house.set_prices()?;
    let mut desk = Desk {
        house,
        listener,
        visitor: Visitor::new(),
        bench,
        kept: options.state.clone().map(Kept::new),
    };
    desk.keep()?;
    desk.stand(&lines(), options.seconds)?;
    Ok(options.state.as_ref().map_or_else(String::new, |path| {
        format!("{}: the flash is kept\n", path.display())
    }))
}

/// The time on the desk.
fn now() -> Option<UnixSeconds> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u32::try_from(since.as_secs()).ok().map(UnixSeconds::new)
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
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The lines of the input as they come.
pub(crate) fn lines() -> Receiver<String> {
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

/// The file that the flash is kept in.
struct Kept {
    path: PathBuf,
    /// The flash had done so many programs and erases when it was written last.
    done: Option<u64>,
}

impl Kept {
    const fn new(path: PathBuf) -> Self {
        Self { path, done: None }
    }

    /// Writes what has changed: all of it or nothing, whatever ends this program.
    fn write(&mut self, flash: &Probe) -> std::io::Result<()> {
        let done = Some(flash.operations());
        if self.done == done {
            return Ok(());
        }
        let next = self.path.with_added_extension("next");
        std::fs::write(&next, flash.image())?;
        std::fs::rename(next, &self.path)?;
        // An operation under way counts already, and its bytes are not there yet.
        self.done = done.filter(|_| !flash.is_busy());
        Ok(())
    }
}

/// The pile, and everybody who stands before it.
struct Desk {
    house: House,
    listener: TcpListener,
    visitor: Visitor,
    bench: Option<Bench>,
    kept: Option<Kept>,
}

impl Desk {
    fn stand(&mut self, orders: &Receiver<String>, seconds: Option<u64>) -> Result<(), Failure> {
        let began = Instant::now();
        let mut before = began;
        loop {
            let over = seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds);
            match orders.try_recv() {
                _ if over => return Ok(()),
                Ok(line) => match self.obey(&line)? {
                    Ok(Then::End) => return Ok(()),
                    Ok(_) if line.trim().is_empty() => (),
                    Ok(_) => say(&format!("ok {}", line.trim())),
                    Err(why) => say(&format!("? {why}")),
                },
                // A page may stay open without anybody at a keyboard.
                Err(TryRecvError::Disconnected) if self.bench.is_none() => return Ok(()),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => (),
            }
            let ordered = self.hear()?;
            self.look();
            let now = Instant::now();
            let passed = u64::try_from((now - before).as_millis()).unwrap_or(u64::MAX);
            // What is less than a millisecond is counted the next time.
            before += Duration::from_millis(passed);
            let talks = self.bench.as_ref().is_some_and(|it| it.callers.is_busy());
            self.house.tick(passed.min(MOST_MS), talks)?;
            // What is on record is in the file before anybody hears of it.
            self.keep()?;
            self.look();
            if let Some(bench) = &mut self.bench {
                bench.tell(&self.house, ordered);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Writes the flash to its file, if it has one.
    fn keep(&mut self) -> Result<(), Failure> {
        let Some(kept) = &mut self.kept else {
            return Ok(());
        };
        let written = kept.write(self.house.world.flash());
        written.map_err(|error| refused(&kept.path.display().to_string(), &error))
    }

    /// Does what the bench page ordered; true if it ordered anything.
    fn hear(&mut self) -> Result<bool, Failure> {
        let mut ordered = false;
        while let Some((line, answer)) = self.bench.as_mut().and_then(|it| it.next(&self.house)) {
            ordered = true;
            let done = match self.obey(&line)? {
                Ok(Then::End) => Err("the bench ends at its own keyboard".to_owned()),
                Ok(_) => Ok(()),
                Err(why) => Err(why),
            };
            // Whoever asked may have left.
            let _ = answer.send(done);
        }
        Ok(ordered)
    }

    /// Lets phones in, and carries what they say.
    fn look(&mut self) {
        let House { doorway, world, .. } = &self.house;
        let others = self.bench.as_ref().and_then(|it| it.callers.guest());
        self.visitor.look(&self.listener, doorway, others.is_none());
        if let Some(bench) = &mut self.bench {
            let open = world.is_powered() && !self.visitor.is_here();
            bench.callers.look(doorway, open);
        }
    }

    /// Does what a line says, or says why not.
    fn obey(&mut self, line: &str) -> Result<Result<Then, String>, Failure> {
        let order = match Order::read(line, self.house.setup.ports) {
            Ok(Some(order)) => order,
            Ok(None) => return Ok(Ok(Then::GoOn)),
            Err(why) => return Ok(Err(why)),
        };
        if let Order::Wait(seconds) = order {
            for _ in 0..seconds {
                self.look();
                self.house.pass(STEP_MS)?;
                self.keep()?;
            }
            return Ok(Ok(Then::GoOn));
        }
        // Another pile has another doorway.
        let doorway = self.house.doorway.clone();
        let then = self.house.obey(order);
        if then == Ok(Then::HangUp) {
            self.visitor.hang_up(&doorway);
            if let Some(bench) = &mut self.bench {
                bench.callers.hang_up(&doorway);
            }
        }
        Ok(then)
    }
}
