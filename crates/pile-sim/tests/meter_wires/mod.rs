//! Each meter on its virtual wire: one shape for all.

use embassy_futures::block_on;
use metering::pulses::Chip;
use metering::{EnergyMeter, Sample};
use pile_sim::bl0910::{VirtualBl0910, VirtualSpi};
use pile_sim::bl0942::{Load, VirtualBus, VirtualChip, VirtualUart};
use pile_sim::hlw8032::{VirtualDelay, VirtualHlw8032, VirtualReceiver};
use pile_sim::pulses::{
    Tolerance, VirtualCounter, VirtualPulseChip, VirtualSel, bench_calibration,
};
use pile_sim::pzem004t::{VirtualPzemBus, VirtualPzemUart};
use pile_units::{Instant, Power};
use std::cell::Cell;
use std::rc::Rc;

/// Virtual time in milliseconds, and a delay that makes it pass.
#[derive(Clone, Default)]
pub struct Clock(Rc<Cell<u64>>);

impl embedded_hal_async::delay::DelayNs for Clock {
    async fn delay_ns(&mut self, ns: u32) {
        self.0.set(self.0.get() + u64::from(ns / 1_000_000));
    }
}

/// A wire with a meter on it.
pub trait Wire {
    fn set_load(&mut self, load: Load);
    fn set_noise(&mut self, amplitude: Power, seed: u64);
    fn delivered_microjoules(&mut self) -> u64;
    /// Energy of a step of the chip's counter, picowatt-hours.
    fn step_picos(&self) -> u64;
    /// Lets time pass, with a look at the meter each second.
    fn seconds(&mut self, seconds: u64);
    /// What the driver has, in milliwatt-hours.
    fn billed(&mut self) -> u64;
    /// Holds what the driver shows to the load.
    fn check(&mut self, load: &Load);
}

/// A meter of one outlet, and the world's hand on the chip.
pub struct On<M, C> {
    clock: Clock,
    pub meter: M,
    pub chip: C,
    step_picos: u64,
    last: Option<Sample>,
}

/// The world's hand on a chip.
pub trait Hand {
    fn set_load(&self, load: Load);
    fn set_noise(&self, amplitude: Power, seed: u64);
    fn delivered_microjoules(&self) -> u64;
}

impl<M: EnergyMeter, C: Hand> On<M, C> {
    fn sample(&mut self) -> Sample {
        let now = Instant::from_millis(self.clock.0.get());
        let sample = block_on(self.meter.sample(0, now)).unwrap();
        self.last = Some(sample);
        sample
    }

    fn last(&mut self) -> Sample {
        match self.last {
            Some(sample) => sample,
            None => self.sample(),
        }
    }
}

impl<M: EnergyMeter, C: Hand> Wire for On<M, C> {
    fn set_load(&mut self, load: Load) {
        self.chip.set_load(load);
    }

    fn set_noise(&mut self, amplitude: Power, seed: u64) {
        self.chip.set_noise(amplitude, seed);
    }

    fn delivered_microjoules(&mut self) -> u64 {
        self.chip.delivered_microjoules()
    }

    fn step_picos(&self) -> u64 {
        self.step_picos
    }

    fn seconds(&mut self, seconds: u64) {
        let end = self.clock.0.get() + seconds * 1_000;
        self.last();
        while self.clock.0.get() < end {
            // A driver that waited has used a part of the second.
            let next = (self.clock.0.get() / 1_000 + 1) * 1_000;
            self.clock.0.set(next.min(end));
            self.sample();
        }
    }

    fn billed(&mut self) -> u64 {
        self.last().energy.milliwatt_hours()
    }

    fn check(&mut self, load: &Load) {
        self.seconds(20);
        let sample = self.last();
        let near = |read: u32, wanted: u32, floor: u32| {
            let off = read.abs_diff(wanted);
            assert!(off <= wanted / 100 + floor, "{read} is not {wanted}");
        };
        near(sample.power.milliwatts(), load.power.milliwatts(), 100);
        near(sample.voltage.millivolts(), load.voltage.millivolts(), 200);
        near(
            sample.current.milliamperes(),
            load.current.milliamperes(),
            10,
        );
    }
}

impl Hand for VirtualChip {
    fn set_load(&self, load: Load) {
        self.set_load(load);
    }
    fn set_noise(&self, amplitude: Power, seed: u64) {
        self.set_noise(amplitude, seed);
    }
    fn delivered_microjoules(&self) -> u64 {
        self.delivered_microjoules()
    }
}

type Bl0942 = On<metering::bl0942::Bl0942<VirtualUart, Clock, 1>, VirtualChip>;

/// A BL0942 in an outlet's circuit.
pub fn bl0942() -> Bl0942 {
    let config = metering::bl0942::Config::default();
    bl0942_in(metering::bl0942::Circuit::OUTLET, config)
}

/// A BL0942 in the circuit of an outlet of up to a kilowatt.
pub fn bl0942_1kw() -> Bl0942 {
    let config = metering::bl0942::Config::default();
    bl0942_in(metering::bl0942::Circuit::OUTLET_1KW, config)
}

/// A BL0942 without a threshold of creep.
pub fn bl0942_unguarded() -> Bl0942 {
    let config = metering::bl0942::Config {
        creep: Power::ZERO,
        ..metering::bl0942::Config::default()
    };
    bl0942_in(metering::bl0942::Circuit::OUTLET, config)
}

fn bl0942_in(circuit: metering::bl0942::Circuit, config: metering::bl0942::Config) -> Bl0942 {
    use metering::bl0942::Bl0942;
    let clock = Clock::default();
    let bus = VirtualBus::new(Rc::clone(&clock.0), &[circuit]);
    let figures = circuit.calibration().unwrap();
    On {
        meter: Bl0942::new(bus.uart(), clock.clone(), [figures], config),
        chip: bus.chip(0).unwrap(),
        step_picos: figures.energy.picowatt_hours(),
        last: None,
        clock,
    }
}

impl Hand for VirtualPulseChip {
    fn set_load(&self, load: Load) {
        self.set_load(load);
    }
    fn set_noise(&self, amplitude: Power, seed: u64) {
        self.set_noise(amplitude, seed);
    }
    fn delivered_microjoules(&self) -> u64 {
        self.delivered_microjoules()
    }
}

type Pulses = metering::pulses::PulseMeter<VirtualCounter<32>, VirtualCounter<32>, VirtualSel>;

fn pulses(chip: Chip, tolerance: Tolerance, creep: Power) -> On<Pulses, VirtualPulseChip> {
    use metering::pulses::{Circuit, Config, PulseMeter};
    let config = Config {
        creep,
        ..Config::default()
    };
    let clock = Clock::default();
    let circuit = Circuit::REFERENCE;
    let figures = bench_calibration(chip, &circuit, tolerance).unwrap();
    let chip = VirtualPulseChip::new(Rc::clone(&clock.0), chip, &circuit, tolerance);
    On {
        meter: PulseMeter::new(chip.cf(), chip.cf1(), chip.sel(), figures, config),
        chip,
        step_picos: figures.picowatt_hours_per_pulse(),
        last: None,
        clock,
    }
}

/// The drivers' default threshold of creep.
fn creep() -> Power {
    metering::pulses::Config::default().creep
}

/// A reference that is 2 % off.
const BL0937: Tolerance = Tolerance {
    power: 40_400,
    current: 20_000,
    voltage: 20_000,
};

/// A BL0937 whose reference is 2 % off, calibrated.
pub fn bl0937() -> On<Pulses, VirtualPulseChip> {
    pulses(Chip::Bl0937, BL0937, creep())
}

/// The same without a threshold of creep.
pub fn bl0937_unguarded() -> On<Pulses, VirtualPulseChip> {
    pulses(Chip::Bl0937, BL0937, Power::ZERO)
}

/// An HLW8012 whose clock is 14.9 % slow, calibrated.
pub fn hlw8012() -> On<Pulses, VirtualPulseChip> {
    pulses(Chip::Hlw8012, Tolerance::of_clock(-149_000), creep())
}

/// The same without a threshold of creep.
pub fn hlw8012_unguarded() -> On<Pulses, VirtualPulseChip> {
    pulses(Chip::Hlw8012, Tolerance::of_clock(-149_000), Power::ZERO)
}

impl Hand for VirtualBl0910 {
    fn set_load(&self, load: Load) {
        self.set_load(0, load);
    }
    fn set_noise(&self, amplitude: Power, seed: u64) {
        self.set_noise(0, amplitude, seed);
    }
    fn delivered_microjoules(&self) -> u64 {
        self.delivered_microjoules(0)
    }
}

type Bl0910 = On<metering::bl0910::Bl0910<VirtualSpi, 10>, VirtualBl0910>;

/// The first outlet of a BL0910.
pub fn bl0910() -> Bl0910 {
    bl0910_with(metering::bl0910::Config::default())
}

/// The same without a threshold of creep.
pub fn bl0910_unguarded() -> Bl0910 {
    bl0910_with(metering::bl0910::Config {
        creep: Power::ZERO,
        ..metering::bl0910::Config::default()
    })
}

fn bl0910_with(config: metering::bl0910::Config) -> Bl0910 {
    use metering::bl0910::{Bl0910, Circuit};
    let clock = Clock::default();
    let chip = VirtualBl0910::new(Rc::clone(&clock.0), Circuit::OUTLET);
    let figures = Circuit::OUTLET.calibration().unwrap();
    On {
        meter: Bl0910::new(chip.spi(), [figures; 10], config),
        chip,
        step_picos: figures.energy.picowatt_hours(),
        last: None,
        clock,
    }
}

impl Hand for VirtualHlw8032 {
    fn set_load(&self, load: Load) {
        self.set_load(load);
    }
    fn set_noise(&self, amplitude: Power, seed: u64) {
        self.set_noise(amplitude, seed);
    }
    fn delivered_microjoules(&self) -> u64 {
        self.delivered_microjoules()
    }
}

type Hlw8032 = On<metering::hlw8032::Hlw8032<VirtualReceiver, VirtualDelay>, VirtualHlw8032>;

/// An HLW8032 in its datasheet's circuit, with the coefficients of a published frame.
pub fn hlw8032() -> Hlw8032 {
    hlw8032_with(metering::hlw8032::Config::default())
}

/// The same without a threshold of creep.
pub fn hlw8032_unguarded() -> Hlw8032 {
    hlw8032_with(metering::hlw8032::Config {
        creep: Power::ZERO,
        ..metering::hlw8032::Config::default()
    })
}

fn hlw8032_with(config: metering::hlw8032::Config) -> Hlw8032 {
    use metering::hlw8032::{Circuit, Hlw8032};
    let clock = Clock::default();
    let circuit = Circuit::REFERENCE;
    let chip = VirtualHlw8032::new(Rc::clone(&clock.0), circuit);
    let step = circuit
        .energy_per_pulse(&VirtualHlw8032::PUBLISHED)
        .unwrap();
    On {
        meter: Hlw8032::new(chip.receiver(), chip.delay(), circuit, config),
        chip,
        step_picos: step.picowatt_hours(),
        last: None,
        clock,
    }
}

impl Hand for VirtualPzemBus {
    fn set_load(&self, load: Load) {
        self.set_load(0, load);
    }
    fn set_noise(&self, amplitude: Power, seed: u64) {
        self.set_noise(0, amplitude, seed);
    }
    fn delivered_microjoules(&self) -> u64 {
        self.delivered_microjoules(0)
    }
}

/// A PZEM-004T, alone on its line.
pub fn pzem004t() -> On<metering::pzem004t::Pzem004t<VirtualPzemUart, Clock, 1>, VirtualPzemBus> {
    use metering::pzem004t::{Address, Config, Pzem004t};
    let clock = Clock::default();
    let bus = VirtualPzemBus::new(Rc::clone(&clock.0), &[1]);
    let address = Address::new(1).unwrap();
    On {
        meter: Pzem004t::new(bus.uart(), clock.clone(), [address], Config::default()),
        chip: bus,
        step_picos: 1_000_000_000_000,
        last: None,
        clock,
    }
}
