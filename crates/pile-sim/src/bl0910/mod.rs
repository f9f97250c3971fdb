//! A virtual BL0910 at the level of its SPI: bytes in, bytes out.
//!
//! A [`VirtualBl0910`] is the world's handle to the chip and its ten outlets; the driver under test
//! holds [`VirtualSpi`]. They share the world's clock, in milliseconds. Nothing runs by itself: the
//! chip lets its loads flow up to now whenever one changes or the chip is asked.
//!
//! # Exactness
//! Each channel's energy is an integer: milliwatts times milliseconds, times the denominator of a
//! step's exact energy by the published formulas. No constant is the driver's.
//!
//! # What is modelled
//! Frames of six bytes under their check sum, which may be cut anywhere and which six bytes FF
//! bring back to a start; registers and write protection; `GAIN1` and `GAIN2`, which do amplify;
//! `CF_CNT`, `WATT`, `RMS`, `TPS1`; soft reset, loss of supply; the faults of [`Fault`].
//!
//! # What is not
//! The chip's own anti-creep threshold, whose unit no source states: everything counts, down to the
//! smallest noise. Nor how a negative power counts: its magnitude does. Wave forms, interrupts,
//! calibration registers, clearing by reading, the UART, the times of the SPI.

mod chip;
mod spi;

pub use crate::bl0942::{Fault, Load};
pub use spi::VirtualSpi;

use chip::Part;
use metering::bl0910::Circuit;
use pile_units::{Power, Temperature};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A world's handle to a chip of ten outlets: cheap to clone, and apart from the driver's end.
///
/// ```
/// use metering::EnergyMeter;
/// use metering::bl0910::{Bl0910, Circuit, Config};
/// use pile_sim::bl0910::{Load, VirtualBl0910};
/// use pile_units::{Instant, Power, Voltage};
/// use std::{cell::Cell, rc::Rc};
///
/// let clock = Rc::new(Cell::new(0)); // milliseconds
/// let chip = VirtualBl0910::new(Rc::clone(&clock), Circuit::OUTLET);
/// let figures = Circuit::OUTLET.calibration()?;
/// let mut meter = Bl0910::new(chip.spi(), [figures; 10], Config::default());
///
/// let mut sample = |milliseconds| {
///     clock.set(milliseconds);
///     embassy_futures::block_on(meter.sample(7, Instant::from_millis(milliseconds))).unwrap()
/// };
/// sample(0); // the baseline
/// chip.set_load(7, Load::resistive(Power::from_watts(800), Voltage::from_millivolts(230_000)));
/// let an_hour_later = sample(3_600_000);
/// assert_eq!(an_hour_later.energy.to_string(), "799.477 Wh"); // less half a watt of creep
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone)]
pub struct VirtualBl0910 {
    clock: Rc<Cell<u64>>,
    part: Rc<RefCell<Part>>,
}

impl VirtualBl0910 {
    /// Makes a chip under supply, idle at 230 V and 25 °C. `clock` is the world's, in milliseconds.
    pub fn new(clock: Rc<Cell<u64>>, circuit: Circuit) -> Self {
        let part = Rc::new(RefCell::new(Part::new(circuit, clock.get())));
        Self { clock, part }
    }

    /// The SPI's end, for a driver. Every end reads and writes the same chip.
    pub fn spi(&self) -> VirtualSpi {
        VirtualSpi::new(self.clone())
    }

    /// Sets what flows through an outlet, 0 to 9, from now on. The chip's voltage is that of the
    /// last load that was set.
    pub fn set_load(&self, outlet: usize, load: Load) {
        self.with(|part| part.set_load(outlet, load));
    }

    /// Energy that the wire gave to an outlet since the chip was made, microjoules, exactly;
    /// whatever the chip saw of it.
    pub fn delivered_microjoules(&self, outlet: usize) -> u64 {
        self.with(|part| part.delivered(outlet))
    }

    /// An outlet's counter, `CF_CNT`.
    pub fn count(&self, outlet: usize) -> u32 {
        self.with(|part| part.count(outlet))
    }

    /// Sets an outlet's counter, for instance close below its top of 2^24.
    pub fn set_count(&self, outlet: usize, count: u32) {
        self.with(|part| part.set_count(outlet, count));
    }

    /// Takes the chip's supply away, or gives it back; the loads flow on. A chip without supply
    /// neither counts nor answers, and starts again from zero.
    pub fn set_powered(&self, powered: bool) {
        self.with(|part| part.set_powered(powered));
    }

    /// A supply glitch: counters and registers are as after power-on.
    pub fn reset(&self) {
        self.set_powered(false);
        self.set_powered(true);
    }

    /// Lets the next `answers` answers go wrong. `u32::MAX` is for ever. A spike is of the counter
    /// and the power alone; an answer has no byte more than is clocked, so [`Fault::Truncated`]
    /// and [`Fault::Extra`] shift it by a byte.
    pub fn inject(&self, fault: Fault, answers: u32) {
        self.with(|part| part.inject(fault, answers));
    }

    /// Sets the noise of an outlet's power measurement: up to `amplitude` more or less than flows,
    /// drawn anew whenever the chip integrates, from a seeded stream; its magnitude counts.
    pub fn set_noise(&self, outlet: usize, amplitude: Power, seed: u64) {
        self.with(|part| part.set_noise(outlet, amplitude, seed));
    }

    /// Turns an outlet's transformer round: active power reads negative.
    pub fn set_reversed(&self, outlet: usize, reversed: bool) {
        self.with(|part| part.set_reversed(outlet, reversed));
    }

    /// Sets the chip's temperature, to the nearest of its steps of 0.2 degrees.
    pub fn set_temperature(&self, temperature: Temperature) {
        self.with(|part| part.set_temperature(temperature));
    }

    /// Integrates up to now, then acts.
    fn with<R>(&self, act: impl FnOnce(&mut Part) -> R) -> R {
        let mut part = self.part.borrow_mut();
        part.integrate(self.clock.get());
        act(&mut part)
    }
}

#[cfg(test)]
mod tests;
