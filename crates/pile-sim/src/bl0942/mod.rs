//! Virtual BL0942 meters at the level of their wires: bytes in, frames out.
//!
//! A [`VirtualBus`] is one UART line with up to four chips, strapped to the addresses 0 to 3. The
//! driver under test holds the line's end, [`VirtualUart`]; the world holds a [`VirtualChip`] each,
//! a cheap handle through which it sets the load and does the chip harm. All share the world's
//! clock, in milliseconds. Nothing runs by itself: a chip integrates its load up to now whenever
//! its load changes or it is asked.
//!
//! # Exactness
//! The chip's energy is an integer: milliwatts times milliseconds, times the denominator of the
//! step's exact energy (the datasheet's period 1638.4 x 256 / `WATT` with the circuit's `WATT` a
//! watt). No fraction is lost over any time, so [`VirtualChip::delivered_microjoules`] and the
//! counter tell the same story to the step.
//!
//! # What is modelled
//! Burst and register reads, register writes under their check sum and write protection, `MODE`
//! (counting on, clear on read, absolute or algebraic accumulation), `WA_CREEP`, the fast current with
//! its threshold and its pin, soft reset, loss of supply, the 18.5 ms after which a part of a command is forgotten. The faults of [`Fault`].
//!
//! # What is not
//! Wave form registers, the pulse pin, baud rates (bytes arrive in no time), the refresh every
//! 400 ms: registers follow the load at once.

mod chip;
mod figures;
mod uart;

pub use chip::{Fault, Load};
pub use uart::VirtualUart;

use chip::Chip;
use metering::bl0942::{Circuit, MAX_CHIPS};
use pile_units::Power;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use uart::Line;

/// One UART line and its chips.
///
/// ```
/// use metering::EnergyMeter;
/// use metering::bl0942::{Bl0942, Circuit, Config};
/// use pile_sim::bl0942::{Load, VirtualBus};
/// use pile_units::{Instant, Power, Voltage};
/// use std::{cell::Cell, rc::Rc};
/// # struct Delay(Rc<Cell<u64>>);
/// # impl embedded_hal_async::delay::DelayNs for Delay {
/// #     async fn delay_ns(&mut self, ns: u32) { self.0.set(self.0.get() + u64::from(ns / 1_000_000)) }
/// # }
/// let clock = Rc::new(Cell::new(0)); // milliseconds
/// let bus = VirtualBus::new(Rc::clone(&clock), &[Circuit::REFERENCE; 2]);
/// let figures = Circuit::REFERENCE.calibration()?;
/// let delay = Delay(Rc::clone(&clock)); // ends at once, in virtual time
/// let mut meter = Bl0942::new(bus.uart(), delay, [figures; 2], Config::default());
///
/// let mut sample = |milliseconds| {
///     clock.set(milliseconds);
///     embassy_futures::block_on(meter.sample(1, Instant::from_millis(milliseconds))).unwrap()
/// };
/// sample(0); // the baseline
/// let chip = bus.chip(1).unwrap();
/// chip.set_load(Load::resistive(Power::from_watts(800), Voltage::from_millivolts(230_000)));
/// let an_hour_later = sample(3_600_000);
/// // 800 Wh, less the step of 0.187 Wh that is not full yet.
/// assert_eq!(an_hour_later.energy.to_string(), "799.905 Wh");
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone)]
pub struct VirtualBus {
    clock: Rc<Cell<u64>>,
    line: Rc<RefCell<Line>>,
    chips: usize,
}

impl VirtualBus {
    /// Makes a bus of one chip a circuit, the first four at the most, under supply and idle at
    /// 230 V. `clock` is the world's, in milliseconds.
    pub fn new(clock: Rc<Cell<u64>>, circuits: &[Circuit]) -> Self {
        let now = clock.get();
        let chips: Vec<_> = circuits
            .iter()
            .take(MAX_CHIPS)
            .zip(0..)
            .map(|(circuit, address)| Chip::new(circuit, address, now))
            .collect();
        let count = chips.len();
        let line = Rc::new(RefCell::new(Line::new(Rc::clone(&clock), chips)));
        Self {
            clock,
            line,
            chips: count,
        }
    }

    /// The line's end, for a driver. Every end reads and writes the same line.
    pub fn uart(&self) -> VirtualUart {
        VirtualUart::new(Rc::clone(&self.line))
    }

    /// A handle to the chip at an address; `None` where there is none.
    pub fn chip(&self, address: usize) -> Option<VirtualChip> {
        (address < self.chips).then(|| VirtualChip {
            clock: Rc::clone(&self.clock),
            line: Rc::clone(&self.line),
            address,
        })
    }

    /// Puts bytes on the line to the driver, as interference does.
    pub fn interfere(&self, bytes: &[u8]) {
        self.line.borrow_mut().answer(bytes);
    }
}

/// A world's handle to one chip: cheap to clone, and apart from the driver's end of the line.
///
/// ```
/// use metering::bl0942::Circuit;
/// use pile_sim::bl0942::{Load, VirtualBus};
/// use pile_units::{Power, Voltage};
/// use std::{cell::Cell, rc::Rc};
///
/// let clock = Rc::new(Cell::new(0));
/// let bus = VirtualBus::new(Rc::clone(&clock), &[Circuit::REFERENCE]);
/// let chip = bus.chip(0).unwrap();
/// chip.set_load(Load::resistive(Power::from_watts(100), Voltage::from_millivolts(230_000)));
/// clock.set(60_000);
/// assert_eq!(chip.delivered_microjoules(), 6_000_000_000); // 100 W for a minute
/// assert_eq!(chip.count(), 8); // of 672.8 J each
/// ```
#[derive(Debug, Clone)]
pub struct VirtualChip {
    clock: Rc<Cell<u64>>,
    line: Rc<RefCell<Line>>,
    address: usize,
}

impl VirtualChip {
    /// Sets what flows from now on.
    pub fn set_load(&self, load: Load) {
        self.with(|chip| chip.set_load(load));
    }

    /// Energy that the wire gave since the bus was made, microjoules, exactly; whatever the chip
    /// saw of it.
    pub fn delivered_microjoules(&self) -> u64 {
        self.with(|chip| chip.delivered_microjoules())
    }

    /// Whether the chip's pin CF1 shows an over-current: false while it is not set up to.
    pub fn over_current_pin(&self) -> bool {
        self.with(|chip| chip.over_current_pin())
    }

    /// The counter, `CF_CNT`.
    pub fn count(&self) -> u32 {
        self.with(|chip| chip.count())
    }

    /// Sets the counter, for instance close below its top of 2^24.
    pub fn set_count(&self, count: u32) {
        self.with(|chip| chip.set_count(count));
    }

    /// Takes the chip's supply away, or gives it back; the load flows on. A chip without supply
    /// neither counts nor answers, and starts again from zero.
    pub fn set_powered(&self, powered: bool) {
        self.with(|chip| chip.set_powered(powered));
    }

    /// A supply glitch: counter and registers are as after power-on.
    pub fn reset(&self) {
        self.set_powered(false);
        self.set_powered(true);
    }

    /// Lets the next `answers` answers go wrong. `u32::MAX` is for ever.
    pub fn inject(&self, fault: Fault, answers: u32) {
        self.with(|chip| chip.inject(fault, answers));
    }

    /// Sets the noise of the power measurement: up to `amplitude` more or less than flows, drawn
    /// anew whenever the chip integrates, from a seeded stream. Zero is none.
    pub fn set_noise(&self, amplitude: Power, seed: u64) {
        self.with(|chip| chip.set_noise(amplitude, seed));
    }

    /// Turns the shunt round: active power reads negative.
    pub fn set_reversed(&self, reversed: bool) {
        self.with(|chip| chip.set_reversed(reversed));
    }

    /// Integrates up to now, then acts.
    fn with<R: Default>(&self, act: impl FnOnce(&mut Chip) -> R) -> R {
        let now = self.clock.get();
        let mut line = self.line.borrow_mut();
        // The address was checked when the handle was made.
        line.chip(self.address).map_or_else(R::default, |chip| {
            chip.integrate(now);
            act(chip)
        })
    }
}

#[cfg(test)]
mod tests;
