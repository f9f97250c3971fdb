//! Virtual HLW8032 and CSE7766 at the level of their wire: a line on which a frame of 24 bytes comes
//! every 105 ms, byte by byte, whether anyone listens or not.
//!
//! A [`VirtualHlw8032`] is the world's handle; the driver under test holds the receiver
//! ([`VirtualReceiver`]) and a delay ([`VirtualDelay`]) under which time passes from byte to byte. All
//! share the world's clock, in milliseconds.
//!
//! # Exactness
//! A pulse is the chip's coefficient times Kv times Ki microjoules, as a whole fraction; energy is
//! milliwatts times milliseconds. No constant is the driver's.
//!
//! # What is modelled
//! Registers as periods, their ranges and states, a register that is not measured yet after the supply
//! came, the pulse counter of 16 bits and the bit that flips when it turns over, 4800 baud, a receiver
//! of 128 bytes that overruns, noise, loss of supply, the faults of [`Fault`].
//!
//! # What is not
//! Wave forms, the chip's start-up time, parity errors.

mod chip;
mod wire;

pub use wire::{VirtualDelay, VirtualReceiver};

use crate::bl0942::Load;
use chip::Chip;
use metering::hlw8032::{Circuit, Coefficients};
use pile_units::Power;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wire::Line;

/// What goes wrong with a frame.
///
/// ```
/// use pile_sim::hlw8032::Fault;
/// assert_ne!(Fault::Spike { counts: 9_000 }, Fault::Silent);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not come.
    Silent,
    /// 24 random bytes come instead.
    Garbage,
    /// The check sum is wrong by one bit.
    Checksum,
    /// One of its bytes is lost.
    Dropped,
    /// Another chip's coefficients, under a good check sum.
    Stranger,
    /// 30 A, the power to match and a counter ahead by this much, under a good check sum.
    Spike {
        /// How far the counter reads ahead.
        counts: u32,
    },
}

/// A world's handle to one chip: cheap to clone.
///
/// ```
/// use metering::EnergyMeter;
/// use metering::hlw8032::{Circuit, Config, Hlw8032};
/// use pile_sim::bl0942::Load;
/// use pile_sim::hlw8032::VirtualHlw8032;
/// use pile_units::{Instant, Power, Voltage};
/// use std::{cell::Cell, rc::Rc};
///
/// let clock = Rc::new(Cell::new(0)); // milliseconds
/// let chip = VirtualHlw8032::new(Rc::clone(&clock), Circuit::REFERENCE);
/// let mut meter =
///     Hlw8032::new(chip.receiver(), chip.delay(), Circuit::REFERENCE, Config::default());
/// let mut sample = || {
///     embassy_futures::block_on(meter.sample(0, Instant::from_millis(clock.get()))).unwrap()
/// };
/// sample(); // the baseline
/// chip.set_load(Load::resistive(Power::from_watts(800), Voltage::from_millivolts(230_000)));
/// clock.set(clock.get() + 60_000);
/// assert!(sample().energy <= pile_units::Energy::from_milliwatt_hours(13_400));
/// ```
#[derive(Debug, Clone)]
pub struct VirtualHlw8032 {
    line: Rc<RefCell<Line>>,
}

impl VirtualHlw8032 {
    /// The coefficients of the frame that driver projects publish.
    pub const PUBLISHED: Coefficients = Coefficients {
        voltage: 0x02_DCD0,
        current: 0x3CD7,
        power: 0x4D_E568,
    };

    /// Makes a chip with the published coefficients under supply, idle at 230 V. `clock` is the
    /// world's, in milliseconds.
    pub fn new(clock: Rc<Cell<u64>>, circuit: Circuit) -> Self {
        let chip = Chip::new(circuit, Self::PUBLISHED, clock.get());
        Self {
            line: Rc::new(RefCell::new(Line::new(clock, chip))),
        }
    }

    /// The receiver of the line's other end.
    pub fn receiver(&self) -> VirtualReceiver {
        VirtualReceiver::new(Rc::clone(&self.line))
    }

    /// A delay that lets the line's time pass, byte by byte.
    pub fn delay(&self) -> VirtualDelay {
        VirtualDelay::new(Rc::clone(&self.line))
    }

    /// Sets what flows from now on.
    pub fn set_load(&self, load: Load) {
        self.with(|chip| chip.set_load(load));
    }

    /// Energy that the wire gave, microjoules, exactly; whatever the chip saw of it.
    pub fn delivered_microjoules(&self) -> u64 {
        self.with(|chip| chip.delivered())
    }

    /// Pulses since the supply came; the line shows 17 bits of them.
    pub fn pulses(&self) -> u64 {
        self.with(|chip| chip.pulses())
    }

    /// Sets the counter, for instance close below its top of 2^17.
    pub fn set_count(&self, count: u32) {
        self.with(|chip| chip.set_count(count));
    }

    /// Takes the chip's supply away, or gives it back; the load flows on. A chip without supply neither
    /// counts nor sends, and starts again from zero.
    pub fn set_powered(&self, powered: bool) {
        self.with(|chip| chip.set_powered(powered));
    }

    /// A supply glitch.
    pub fn reset(&self) {
        self.set_powered(false);
        self.set_powered(true);
    }

    /// Sets the noise of the power measurement, drawn anew for each frame from a seeded stream; the chip
    /// counts it whichever way round. Zero is none.
    pub fn set_noise(&self, amplitude: Power, seed: u64) {
        self.with(|chip| chip.set_noise(amplitude.milliwatts(), seed));
    }

    /// Lets the next `frames` frames go wrong. `u32::MAX` is for ever.
    pub fn inject(&self, fault: Fault, frames: u32) {
        self.with(|chip| chip.inject(fault, frames));
    }

    /// Lives up to now, then acts.
    fn with<R>(&self, act: impl FnOnce(&mut Chip) -> R) -> R {
        let mut line = self.line.borrow_mut();
        line.live();
        act(line.chip())
    }
}

#[cfg(test)]
mod tests;
