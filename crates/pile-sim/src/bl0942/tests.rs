//! The chip against the datasheet, and the driver against the chip.

mod driver_and_chip;
mod the_chip;

use super::*;
use embassy_futures::block_on;
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{Read, Write};
use metering::bl0942::{Bl0942, Config, Error};
use metering::{EnergyMeter, Sample, Step};
use pile_units::{Current, Energy, Instant, Voltage};
use proptest::prelude::*;

const MAINS: Voltage = Voltage::from_millivolts(230_000);
/// A step of the reference circuit, µJ, rounded up.
const STEP_UJ: u64 = 672_817_729;

fn watts(watts: u32) -> Load {
    Load::resistive(Power::from_watts(watts), MAINS)
}

fn milliwatts(milliwatts: u32) -> Load {
    Load::resistive(Power::from_milliwatts(milliwatts), MAINS)
}

fn microjoules(energy: Energy) -> u64 {
    energy.milliwatt_hours() * 3_600_000
}

/// A delay in virtual time: it ends at once and moves the clock.
struct VirtualDelay(Rc<Cell<u64>>);

impl DelayNs for VirtualDelay {
    async fn delay_ns(&mut self, nanoseconds: u32) {
        self.0
            .set(self.0.get() + u64::from(nanoseconds.div_ceil(1_000_000)));
    }
}

struct Bench<const N: usize> {
    clock: Rc<Cell<u64>>,
    bus: VirtualBus,
    meter: Bl0942<VirtualUart, VirtualDelay, N>,
}

impl<const N: usize> Bench<N> {
    /// N chips with their baselines read at zero.
    fn new() -> Self {
        let clock = Rc::new(Cell::new(0));
        let bus = VirtualBus::new(Rc::clone(&clock), &[Circuit::REFERENCE; N]);
        let figures = Circuit::REFERENCE.calibration().unwrap();
        let delay = VirtualDelay(Rc::clone(&clock));
        let meter = Bl0942::new(bus.uart(), delay, [figures; N], Config::default());
        Self { clock, bus, meter }
    }

    fn started() -> Self {
        let mut bench = Self::new();
        for channel in 0..N {
            assert_eq!(bench.sample(channel).unwrap().energy, Energy::ZERO);
        }
        bench
    }

    fn chip(&self, channel: usize) -> VirtualChip {
        self.bus.chip(channel).unwrap()
    }

    fn pass(&self, milliseconds: u64) {
        self.clock.set(self.clock.get() + milliseconds);
    }

    fn sample(&mut self, channel: usize) -> Result<Sample, Error<core::convert::Infallible>> {
        let now = Instant::from_millis(self.clock.get());
        block_on(self.meter.sample(channel, now))
    }
}

/// What a bus answers to raw bytes; nothing is an empty answer.
fn answer(bus: &VirtualBus, command: &[u8]) -> Vec<u8> {
    let mut uart = bus.uart();
    block_on(uart.write_all(command)).unwrap();
    let mut bytes = [0; 64];
    match embassy_futures::poll_once(uart.read(&mut bytes)) {
        std::task::Poll::Ready(read) => bytes[..read.unwrap()].to_vec(),
        std::task::Poll::Pending => Vec::new(),
    }
}

fn one_chip() -> (Rc<Cell<u64>>, VirtualBus, VirtualChip) {
    let clock = Rc::new(Cell::new(0));
    let bus = VirtualBus::new(Rc::clone(&clock), &[Circuit::REFERENCE]);
    let chip = bus.chip(0).unwrap();
    (clock, bus, chip)
}
