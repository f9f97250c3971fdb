//! What an MCU has of a chip: two counters and a pin.

use super::VirtualPulseChip;
use embedded_hal::digital::{ErrorType, OutputPin};
use metering::pulses::{Edge, PulseCounter};
use std::convert::Infallible;

/// The MCU's counter of CF or CF1. Each reads the same wire.
///
/// ```
/// use metering::pulses::{Chip, Circuit, PulseCounter};
/// use pile_sim::pulses::{Tolerance, VirtualPulseChip};
///
/// let clock = std::rc::Rc::new(std::cell::Cell::new(0));
/// let chip = VirtualPulseChip::new(clock.clone(), Chip::Bl0937, &Circuit::REFERENCE, Tolerance::default());
/// let mut cf = chip.cf::<16>().without_moments();
/// chip.interfere(65_537);
/// assert_eq!((cf.total(), cf.last_edge()), (1, None));
/// ```
#[derive(Debug, Clone)]
pub struct VirtualCounter<const BITS: u32> {
    chip: VirtualPulseChip,
    cf1: bool,
    moments: bool,
}

impl<const BITS: u32> VirtualCounter<BITS> {
    pub(super) const fn new(chip: VirtualPulseChip, cf1: bool) -> Self {
        Self {
            chip,
            cf1,
            moments: true,
        }
    }

    /// The same counter, which captures no moments.
    pub fn without_moments(mut self) -> Self {
        self.moments = false;
        self
    }
}

impl<const BITS: u32> PulseCounter for VirtualCounter<BITS> {
    const BITS: u32 = BITS;

    fn total(&mut self) -> u32 {
        let (count, _) = self.chip.with(|part| part.counter(self.cf1));
        count & (u32::MAX >> (32 - BITS))
    }

    fn last_edge(&mut self) -> Option<Edge> {
        let (_, edge) = self.chip.with(|part| part.counter(self.cf1));
        edge.filter(|_| self.moments).map(|edge| Edge {
            count: edge.count & (u32::MAX >> (32 - BITS)),
            ..edge
        })
    }
}

/// The pin SEL, straight to the chip.
///
/// ```
/// use embedded_hal::digital::OutputPin;
/// use metering::pulses::{Chip, Circuit, PulseCounter};
/// use pile_sim::pulses::{Tolerance, VirtualPulseChip};
///
/// let clock = std::rc::Rc::new(std::cell::Cell::new(0));
/// let chip = VirtualPulseChip::new(clock.clone(), Chip::Bl0937, &Circuit::REFERENCE, Tolerance::default());
/// chip.sel().set_high()?; // voltage
/// clock.set(600); // until then CF1 shows the current, of which there is none
/// let settled = chip.cf1::<32>().total();
/// clock.set(1_600);
/// assert_eq!((settled, chip.cf1::<32>().total()), (0, 1_236)); // 230 V
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug, Clone)]
pub struct VirtualSel {
    chip: VirtualPulseChip,
}

impl VirtualSel {
    pub(super) const fn new(chip: VirtualPulseChip) -> Self {
        Self { chip }
    }
}

impl ErrorType for VirtualSel {
    type Error = Infallible;
}

impl OutputPin for VirtualSel {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.chip.with(|part| part.select(false));
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.chip.with(|part| part.select(true));
        Ok(())
    }
}
