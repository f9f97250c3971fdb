//! Virtual PZEM-004T version 3 modules on one Modbus RTU line.
//!
//! A [`VirtualPzemBus`] is one line with modules by their addresses; the driver under test holds the
//! line's end ([`VirtualPzemUart`]). All share the world's clock, in milliseconds.
//!
//! # Exactness
//! Energy is milliwatts times milliseconds; the register counts whole watt-hours of it.
//!
//! # What is modelled
//! Functions 04 and 42, exceptions, the general address where there is one module, requests with a
//! wrong CRC or cut off by 4 ms of silence, which are passed over, the starting power of 0.4 W, noise,
//! an energy register that is kept without mains while the part of a watt-hour is lost, the faults of
//! [`Fault`].
//!
//! # What is not
//! Function 06 (address, alarm), calibration, the time that bytes and the module's answer take. That
//! the register goes on from zero past 9999.99 kWh is our assumption: the manual does not say.

mod line;
mod module;

pub use line::VirtualPzemUart;

use crate::bl0942::Load;
use line::Line;
use module::Module;
use pile_units::Power;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What goes wrong with an answer.
///
/// ```
/// use pile_sim::pzem004t::Fault;
/// assert_ne!(Fault::Exception(4), Fault::Dead);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing comes.
    Dead,
    /// 1 to 40 random bytes come instead.
    Garbage,
    /// The CRC is wrong by one bit.
    Crc,
    /// One of its bytes is lost.
    Dropped,
    /// The module refuses with this code.
    Exception(u8),
    /// 30 A, 6.9 kW and a register ahead by this much, under a good CRC.
    Spike {
        /// How many watt-hours the register reads ahead.
        watt_hours: u32,
    },
}

/// One line and its modules: the world's handle, cheap to clone.
///
/// ```
/// use metering::EnergyMeter;
/// use metering::pzem004t::{Address, Config, Pzem004t};
/// use pile_sim::bl0942::Load;
/// use pile_sim::pzem004t::VirtualPzemBus;
/// use pile_units::{Energy, Instant, Power, Voltage};
/// use std::{cell::Cell, rc::Rc};
/// # struct Delay(Rc<Cell<u64>>);
/// # impl embedded_hal_async::delay::DelayNs for Delay {
/// #     async fn delay_ns(&mut self, ns: u32) { self.0.set(self.0.get() + u64::from(ns / 1_000_000)) }
/// # }
/// let clock = Rc::new(Cell::new(0)); // milliseconds
/// let bus = VirtualPzemBus::new(Rc::clone(&clock), &[1, 2]);
/// let delay = Delay(Rc::clone(&clock)); // ends at once, in virtual time
/// let addresses = [Address::new(1)?, Address::new(2)?];
/// let mut meter = Pzem004t::new(bus.uart(), delay, addresses, Config::default());
/// let mut sample = |milliseconds| {
///     clock.set(milliseconds);
///     embassy_futures::block_on(meter.sample(1, Instant::from_millis(milliseconds))).unwrap()
/// };
/// sample(0); // the baseline
/// bus.set_load(1, Load::resistive(Power::from_watts(800), Voltage::from_millivolts(230_000)));
/// assert_eq!(sample(3_600_000).energy, Energy::from_watt_hours(799));
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone)]
pub struct VirtualPzemBus {
    line: Rc<RefCell<Line>>,
}

impl VirtualPzemBus {
    /// Makes a line with a module at each address, idle at 230 V. `clock` is the world's, in
    /// milliseconds.
    pub fn new(clock: Rc<Cell<u64>>, addresses: &[u8]) -> Self {
        let now = clock.get();
        let modules = addresses.iter().map(|it| Module::new(*it, now)).collect();
        Self {
            line: Rc::new(RefCell::new(Line::new(clock, modules))),
        }
    }

    /// The line's end, for a driver.
    pub fn uart(&self) -> VirtualPzemUart {
        VirtualPzemUart::new(Rc::clone(&self.line))
    }

    /// Sets what flows through a module, counted from 0, from now on.
    pub fn set_load(&self, module: usize, load: Load) {
        self.with(module, |it| it.set_load(load));
    }

    /// Energy that a module's wire gave, microjoules, exactly; whatever the module saw of it.
    pub fn delivered_microjoules(&self, module: usize) -> u64 {
        self.with(module, |it| it.delivered())
    }

    /// A module's energy register.
    pub fn watt_hours(&self, module: usize) -> u32 {
        self.with(module, |it| it.watt_hours())
    }

    /// Sets a module's energy register, for instance close below its end.
    pub fn set_watt_hours(&self, module: usize, watt_hours: u32) {
        self.with(module, |it| it.set_watt_hours(watt_hours));
    }

    /// Takes a module's mains away, or gives it back. Its register is kept.
    pub fn set_powered(&self, module: usize, powered: bool) {
        self.with(module, |it| it.set_powered(powered));
    }

    /// Sets the noise of a module's power measurement, from a seeded stream. Zero is none.
    pub fn set_noise(&self, module: usize, amplitude: Power, seed: u64) {
        self.with(module, |it| it.set_noise(amplitude.milliwatts(), seed));
    }

    /// Lets the next `answers` answers on the line go wrong. `u32::MAX` is for ever.
    pub fn inject(&self, fault: Fault, answers: u32) {
        self.line.borrow_mut().inject(fault, answers);
    }

    /// Puts bytes on the line to the driver, as interference does.
    pub fn interfere(&self, bytes: &[u8]) {
        self.line.borrow_mut().answer(bytes);
    }

    /// Integrates up to now, then acts; nothing where there is no such module.
    fn with<R: Default>(&self, module: usize, act: impl FnOnce(&mut Module) -> R) -> R {
        let mut line = self.line.borrow_mut();
        line.integrate();
        line.module(module).map_or_else(R::default, act)
    }
}

#[cfg(test)]
mod tests;
