//! Virtual pulse chips, BL0937 and HLW8012, at the level of their wires: CF, CF1 and SEL.
//!
//! A [`VirtualPulseChip`] is the world's handle; the driver under test holds what an MCU has of the
//! chip: a counter of each output ([`VirtualCounter`]) and the pin SEL ([`VirtualSel`]). All share
//! the world's clock, in milliseconds. Nothing runs by itself: the chip lets its load flow up to
//! now whenever its load changes, SEL flips or a counter is read.
//!
//! # Exactness
//! The datasheet's formulas for the circuit, as whole fractions: energy is milliwatts times
//! milliseconds, times the denominator of a pulse's exact energy. CF1 is integrated the same way.
//! No constant is the driver's. Moments of pulses are exact to the microsecond, rounded up.
//!
//! # What is modelled
//! Active power on CF, current or voltage on CF1, and that CF1 still shows the *other* quantity for
//! a while after SEL flips; a clock and a reference that are off ([`Tolerance`]); noise; loss of
//! supply; false pulses, as interference makes them; counters of 16 to 32 bits, with or without
//! captured moments.
//!
//! # What is not
//! Duty cycles, wave forms, the chip's own start-up time.

mod bench;
mod chip;
mod wires;

pub use bench::bench_calibration;
pub use wires::{VirtualCounter, VirtualSel};

use crate::bl0942::Load;
use chip::Part;
use metering::pulses::{Chip, Circuit};
use pile_units::Power;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How far a chip is off its datasheet, in parts per million; positive is more pulses.
///
/// ```
/// use pile_sim::pulses::Tolerance;
/// let slow_clock = Tolerance::of_clock(-150_000);
/// assert_eq!(slow_clock.voltage, -150_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tolerance {
    /// Of CF.
    pub power: i32,
    /// Of CF1 with current selected.
    pub current: i32,
    /// Of CF1 with voltage selected.
    pub voltage: i32,
}

impl Tolerance {
    /// A clock that is off: all of them alike.
    pub const fn of_clock(ppm: i32) -> Self {
        Self {
            power: ppm,
            current: ppm,
            voltage: ppm,
        }
    }
}

/// A world's handle to one pulse chip: cheap to clone.
///
/// ```
/// use metering::pulses::{Chip, Circuit, PulseCounter};
/// use pile_sim::bl0942::Load;
/// use pile_sim::pulses::{Tolerance, VirtualPulseChip};
/// use pile_units::{Power, Voltage};
/// use std::{cell::Cell, rc::Rc};
///
/// let clock = Rc::new(Cell::new(0)); // milliseconds
/// let chip = VirtualPulseChip::new(Rc::clone(&clock), Chip::Bl0937, &Circuit::REFERENCE, Tolerance::default());
/// let mut cf = chip.cf::<32>();
/// chip.set_load(Load::resistive(Power::from_watts(1_000), Voltage::from_millivolts(230_000)));
/// clock.set(60_000);
/// assert_eq!(cf.total(), 29_615); // 60 kJ of 2.026 J each
/// assert_eq!(chip.delivered_microjoules(), 60_000_000_000);
/// ```
#[derive(Debug, Clone)]
pub struct VirtualPulseChip {
    clock: Rc<Cell<u64>>,
    part: Rc<RefCell<Part>>,
}

impl VirtualPulseChip {
    /// Makes a chip under supply and idle at 230 V, SEL low. `clock` is the world's, in
    /// milliseconds.
    pub fn new(clock: Rc<Cell<u64>>, chip: Chip, circuit: &Circuit, tolerance: Tolerance) -> Self {
        let now = clock.get();
        let part = Rc::new(RefCell::new(Part::new(chip, circuit, tolerance, now)));
        Self { clock, part }
    }

    /// The MCU's counter of CF, of `BITS` bits, which captures the moment of each pulse.
    pub fn cf<const BITS: u32>(&self) -> VirtualCounter<BITS> {
        VirtualCounter::new(self.clone(), false)
    }

    /// The MCU's counter of CF1.
    pub fn cf1<const BITS: u32>(&self) -> VirtualCounter<BITS> {
        VirtualCounter::new(self.clone(), true)
    }

    /// The pin SEL.
    pub fn sel(&self) -> VirtualSel {
        VirtualSel::new(self.clone())
    }

    /// Sets what flows from now on.
    pub fn set_load(&self, load: Load) {
        self.with(|part| part.set_load(load));
    }

    /// Energy that the wire gave since the chip was made, microjoules, exactly; whatever the chip
    /// saw of it.
    pub fn delivered_microjoules(&self) -> u64 {
        self.with(|part| part.delivered())
    }

    /// Takes the chip's supply away, or gives it back; the load flows on, and the MCU's counters
    /// stay. A part of a pulse is lost.
    pub fn set_powered(&self, powered: bool) {
        self.with(|part| part.set_powered(powered));
    }

    /// Sets the noise of the power measurement: up to `amplitude` more or less than flows, drawn
    /// anew whenever the chip integrates, from a seeded stream; its magnitude counts. Zero is none.
    pub fn set_noise(&self, amplitude: Power, seed: u64) {
        self.with(|part| part.set_noise(amplitude, seed));
    }

    /// Puts false pulses on CF, as interference does.
    pub fn interfere(&self, pulses: u32) {
        self.with(|part| part.interfere(pulses));
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
