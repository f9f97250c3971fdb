//! Virtual Bluetooth modules on a UART: HM-10 and JDY-16, in virtual time to the microsecond.
//!
//! A [`VirtualBleModule`] is the module and the phone at its other side; the driver under test holds
//! its wires ([`Uart`], [`StatePin`], [`CommandPin`]) and a [`Delay`] of its clock. [`run`] polls a
//! future and lets time pass whenever it waits.
//!
//! # What is modelled
//! - Both wires at their baud rate, ten bits a byte; a wrong rate is garbage. A UART of the host with a
//!   FIFO of 16 bytes and a receive buffer.
//! - A radio that sends some packets of 20 bytes at each connection interval. What comes faster than it
//!   sends fills the module's buffer, and what does not fit is **lost and counted**, in either direction.
//! - The AT commands of the driver's set-up with their answers, an HM-10's that end by silence and a
//!   JDY-16's by CR LF; settings that take effect at a restart; `OK+CONN` and `OK+LOST`; the state pin,
//!   which blinks on an HM-10 until it is told not to; `AT` and PWRC while connected.
//!
//! # What is not
//! The sizes of the buffers and the packets at an interval are not in the data sheets: they are given by
//! the test. Other commands, sleep, the master's role, what a phone sees of the advertisement but the
//! name.
//!
//! [`run`]: VirtualBleModule::run

mod module;
mod wires;

pub use wires::{CommandPin, Delay, StatePin, Uart};

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use module::Module;

/// Which module.
///
/// ```
/// use pile_sim::ble_module::Kind;
/// assert_ne!(Kind::Hm10, Kind::Jdy16);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HM-10.
    Hm10,
    /// JDY-16.
    Jdy16,
}

/// What a module is made of.
///
/// ```
/// use pile_sim::ble_module::Limits;
/// assert_eq!(Limits::default().buffer, 128);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that it keeps in each direction.
    pub buffer: usize,
    /// Time between two connection events, microseconds.
    pub interval_us: u64,
    /// Packets of 20 bytes that it sends at each.
    pub packets: usize,
    /// The host's receive buffer, bytes.
    pub host_buffer: usize,
}

impl Default for Limits {
    /// 20 bytes every 10 ms, the 2,000 bytes a second of the HM-10's data sheet.
    fn default() -> Self {
        Self {
            buffer: 128,
            interval_us: 10_000,
            packets: 1,
            host_buffer: 256,
        }
    }
}

/// A module, and the phone at its other side. Cheap to clone.
///
/// ```
/// use embedded_io_async::{Read, Write};
/// use pile_sim::ble_module::{Kind, Limits, VirtualBleModule};
///
/// let module = VirtualBleModule::new(Kind::Hm10, Limits::default());
/// let mut uart = module.uart(9_600);
/// let answer = module.run(100, async {
///     uart.write_all(b"AT").await.unwrap();
///     let mut answer = [0; 2];
///     uart.read_exact(&mut answer).await.unwrap();
///     answer
/// });
/// assert_eq!(answer.as_ref(), Some(b"OK"));
/// ```
#[derive(Debug, Clone)]
pub struct VirtualBleModule {
    state: Rc<RefCell<Module>>,
}

impl VirtualBleModule {
    /// Makes a module as it comes from the factory.
    pub fn new(kind: Kind, limits: Limits) -> Self {
        Self {
            state: Rc::new(RefCell::new(Module::new(kind, limits))),
        }
    }

    /// The host's UART, at a rate.
    pub fn uart(&self, baud: u32) -> Uart {
        self.state.borrow_mut().set_host_baud(baud);
        Uart(Rc::clone(&self.state))
    }

    /// The pin that tells of a connection.
    pub fn state_pin(&self) -> StatePin {
        StatePin(Rc::clone(&self.state))
    }

    /// A JDY-16's PWRC.
    pub fn command_pin(&self) -> CommandPin {
        CommandPin(Rc::clone(&self.state))
    }

    /// The clock, for a driver.
    pub fn delay(&self) -> Delay {
        Delay(Rc::clone(&self.state))
    }

    /// Milliseconds since the module got its supply.
    pub fn now_ms(&self) -> u64 {
        self.state.borrow().now() / 1_000
    }

    /// Lets a phone connect.
    pub fn connect(&self) {
        self.state.borrow_mut().connect();
    }

    /// Lets the phone go, or the link drop.
    pub fn disconnect(&self) {
        self.state.borrow_mut().disconnect();
    }

    /// Is a phone connected?
    pub fn is_connected(&self) -> bool {
        self.state.borrow().is_connected()
    }

    /// Lets the phone write, in packets of 20 bytes at the connection's events.
    pub fn phone_writes(&self, bytes: &[u8]) {
        self.state.borrow_mut().phone_writes(bytes);
    }

    /// Takes what the phone was notified of.
    pub fn phone_heard(&self) -> Vec<u8> {
        self.state.borrow_mut().phone_heard()
    }

    /// Bytes that the module had no room for, from the host and from the phone.
    pub fn lost(&self) -> u64 {
        self.state.borrow().lost()
    }

    /// Bytes that the host's receive buffer had no room for.
    pub fn lost_by_host(&self) -> u64 {
        self.state.borrow().lost_by_host()
    }

    /// The name that it advertises.
    pub fn name(&self) -> String {
        self.state.borrow().name().to_owned()
    }

    /// How often it advertises, as its command says: a step.
    pub fn interval_step(&self) -> char {
        self.state.borrow().interval_step()
    }

    /// The rate of its UART.
    pub fn baud(&self) -> u32 {
        self.state.borrow().baud()
    }

    /// Lets a future run, and time pass while it waits; `None` when it has not ended after so many
    /// milliseconds.
    pub fn run<F: Future>(&self, milliseconds: u64, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let end = self.state.borrow().now() + milliseconds * 1_000;
        // Whoever waits is asked again after each event.
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
            if !self.state.borrow_mut().step(end) {
                return None;
            }
        }
    }

    /// Lets time pass.
    pub fn pass(&self, milliseconds: u64) {
        let _: Option<()> = self.run(milliseconds, std::future::pending());
    }
}

#[cfg(test)]
mod tests;
