//! Everything that a person sees and touches, on one serial port: a line for what the pile shows, a digit
//! for a button.
//!
//! | the pile says | what |
//! | --- | --- |
//! | `relay 1 closed`, `relay 1 open` | a relay moves |
//! | `port 1 Charging` | a port's indicator |
//! | `says Started 2` | what the pile says to whoever stands there |
//! | `refused ..`, `begun anew` | its ledger |
//! | `reader held`, `reader free` | the reset pin of the card reader |
//! | `resets 3` | how often the card reader was reset |
//! | `gauge stack 12345 busy 678 ram 9` | asked for by a `?`: the deepest stack so far, bytes, and the longest that nothing else was served since it was asked last, microseconds of the emulator's clock; RAM of the running pile, bytes |
//!
//! A digit presses a port's button.

use core::cell::Cell;
use core::convert::Infallible;
use core::fmt::{Arguments, Write};
use core::future::poll_fn;
use core::task::Poll;

use embedded_hal::digital::{ErrorType, OutputPin};
use pile_controller::shell::{Buttons, Panel, Relays};
use pile_controller::{Indicator, Signal};
use pile_units::PortId;

use crate::pile::PORTS;
use crate::serial::Port;
use crate::stack::Paint;

/// The port, and what was gauged.
pub struct Front<P> {
    port: P,
    paint: Paint,
    longest: Cell<u64>,
    ram: Cell<usize>,
    told: Cell<bool>,
}

impl<P: Port> Front<P> {
    /// People at a port.
    pub const fn new(port: P, paint: Paint) -> Self {
        Self {
            port,
            paint,
            longest: Cell::new(0),
            ram: Cell::new(0),
            told: Cell::new(false),
        }
    }

    /// The running pile takes so many bytes.
    pub fn takes(&self, ram: usize) {
        self.ram.set(ram);
    }

    /// A turn of the program took so many microseconds. The one that told is none of the pile's.
    pub fn turn(&self, micros: u64) {
        let longest = if self.told.take() {
            0
        } else {
            self.longest.get().max(micros)
        };
        self.longest.set(longest);
    }

    fn say(&self, what: Arguments<'_>) {
        // It never fails.
        let _ = Text(&self.port).write_fmt(what);
        let _ = Text(&self.port).write_str("\n");
    }

    fn tell(&self) {
        let (stack, busy, ram) = (self.paint.depth(), self.longest.get(), self.ram.get());
        self.say(format_args!("gauge stack {stack} busy {busy} ram {ram}"));
        self.told.set(true);
    }
}

struct Text<'a, P>(&'a P);

impl<P: Port> Write for Text<'_, P> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            while !self.0.give(byte) {}
        }
        Ok(())
    }
}

impl<P: Port> Panel for &Front<P> {
    fn indicate(&mut self, port: PortId, indicator: Indicator) {
        self.say(format_args!("port {} {indicator:?}", port.number()));
    }

    fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Started(port) => self.say(format_args!("says Started {port}")),
            Signal::Stopped(port) => self.say(format_args!("says Stopped {port}")),
            _ => self.say(format_args!("says {signal:?}")),
        }
    }

    fn refused(&mut self, why: Option<&dyn core::fmt::Display>) {
        match why {
            Some(why) => self.say(format_args!("refused {why}")),
            None => self.say(format_args!("begun anew")),
        }
    }

    fn reader_resets(&mut self, resets: u32) {
        self.say(format_args!("resets {resets}"));
    }
}

impl<P: Port> Relays for &Front<P> {
    fn set(&mut self, port: PortId, closed: bool) {
        let now = if closed { "closed" } else { "open" };
        self.say(format_args!("relay {} {now}", port.number()));
    }
}

impl<P: Port> Buttons for &Front<P> {
    async fn pressed(&mut self) -> PortId {
        loop {
            let byte = poll_fn(|_| self.port.take().map_or(Poll::Pending, Poll::Ready)).await;
            if byte == b'?' {
                self.tell();
                continue;
            }
            let number = byte.wrapping_sub(b'0');
            if let Some(port) = PortId::first(PORTS).find(|port| port.number() == number) {
                return port;
            }
        }
    }
}

impl<P> ErrorType for &Front<P> {
    type Error = Infallible;
}

/// The card reader's reset pin.
impl<P: Port> OutputPin for &Front<P> {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.say(format_args!("reader held"));
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.say(format_args!("reader free"));
        Ok(())
    }
}
