//! The chip against the published frame, and the driver against the chip.

use super::*;
use embassy_futures::block_on;
use embedded_io_async::Read;
use metering::hlw8032::{Config, Error, Frame, Hlw8032};
use metering::{EnergyMeter, Sample};
use pile_units::{Current, Energy, Instant, Voltage};
use proptest::prelude::*;

const MAINS: Voltage = Voltage::from_millivolts(230_000);
/// A pulse of the published chip in the reference circuit, µJ: 5,105,000 x 1.88.
const PULSE_UJ: u64 = 9_597_400;

struct Bench {
    clock: Rc<Cell<u64>>,
    chip: VirtualHlw8032,
    meter: Hlw8032<VirtualReceiver, VirtualDelay>,
}

impl Bench {
    fn new() -> Self {
        let clock = Rc::new(Cell::new(0));
        let chip = VirtualHlw8032::new(Rc::clone(&clock), Circuit::REFERENCE);
        let (receiver, delay) = (chip.receiver(), chip.delay());
        let meter = Hlw8032::new(receiver, delay, Circuit::REFERENCE, Config::default());
        Self { clock, chip, meter }
    }

    /// With a baseline, at so many watts.
    fn at(watts: u32) -> Self {
        let mut bench = Self::new();
        bench.sample().unwrap();
        bench.chip.set_load(load(watts));
        bench
    }

    fn pass(&self, milliseconds: u64) {
        self.clock.set(self.clock.get() + milliseconds);
    }

    fn sample(&mut self) -> Result<Sample, Error<core::convert::Infallible>> {
        let now = Instant::from_millis(self.clock.get());
        block_on(self.meter.sample(0, now))
    }

    /// Samples each second, with what flowed held against each total.
    fn run(&mut self, seconds: u64) -> u64 {
        let mut billed = 0;
        for _ in 0..seconds {
            self.pass(1_000);
            if let Ok(sample) = self.sample() {
                let energy = sample.energy.milliwatt_hours() * 3_600_000;
                let delivered = self.chip.delivered_microjoules();
                assert!(energy <= delivered, "{energy} of {delivered}");
                assert!(energy >= billed);
                billed = energy;
            }
        }
        billed
    }

    fn short(&mut self) -> u64 {
        let billed = self.sample().unwrap().energy.milliwatt_hours() * 3_600_000;
        self.chip
            .delivered_microjoules()
            .checked_sub(billed)
            .unwrap()
    }
}

fn load(watts: u32) -> Load {
    Load::resistive(Power::from_watts(watts), MAINS)
}

/// Published by driver projects: 555A02DCD00005FF003CD70020514DE56800624371023C24. The current there
/// is no whole milliampere; all else is the same to the bit.
#[test]
fn at_the_published_load_the_published_frame_comes() {
    let published = [
        0x55, 0x5A, 0x02, 0xDC, 0xD0, 0x00, 0x05, 0xFF, 0x00, 0x3C, 0xD7, 0x00, 0x20, 0x51, 0x4D,
        0xE5, 0x68, 0x00, 0x62, 0x43, 0x71, 0x02, 0x3C, 0x24,
    ];
    let clock = Rc::new(Cell::new(0));
    let chip = VirtualHlw8032::new(Rc::clone(&clock), Circuit::REFERENCE);
    chip.set_load(Load {
        power: Power::from_milliwatts(381_530),
        voltage: Voltage::from_millivolts(229_760),
        current: Current::from_milliamperes(1_883),
    });
    clock.set(100);
    chip.set_count(0x023C - 1);
    clock.set(165);
    let mut bytes = [0; 128];
    let read = block_on(chip.receiver().read(&mut bytes)).unwrap();
    assert_eq!(read, 48);
    // The second frame: begun at 105 ms, four pulses of 25 ms after the load came.
    let second = Frame::parse(&bytes[24..48].try_into().unwrap()).unwrap();
    let published = Frame::parse(&published).unwrap();
    assert_eq!(second.coefficients, published.coefficients);
    assert_eq!(second.voltage, published.voltage);
    assert_eq!(second.power, published.power);
    assert_eq!(second.count, published.count);
    assert!(second.current.unwrap().abs_diff(published.current.unwrap()) <= 4);
    assert_eq!((bytes[24], bytes[44]), (0x55, 0x71));
}

#[test]
fn a_frame_takes_its_time_and_a_receiver_that_is_not_read_overruns() {
    let clock = Rc::new(Cell::new(0));
    let chip = VirtualHlw8032::new(Rc::clone(&clock), Circuit::REFERENCE);
    let mut receiver = chip.receiver();
    let mut bytes = [0; 256];
    for (at, arrived) in [(3, 1), (54, 22), (56, 1), (104, 0), (108, 1), (10_000, 128)] {
        clock.set(at);
        let read = match embassy_futures::poll_once(receiver.read(&mut bytes)) {
            std::task::Poll::Ready(read) => read.unwrap(),
            std::task::Poll::Pending => 0,
        };
        assert_eq!(read, arrived, "{at}");
    }
}

#[test]
fn a_load_is_read_back_at_any_power_factor() {
    for (watts, milliamperes) in [(5, 22), (60, 1_300), (800, 3_478), (2_500, 15_900)] {
        let mut bench = Bench::at(0);
        bench.chip.set_load(Load {
            power: Power::from_watts(watts),
            voltage: MAINS,
            current: Current::from_milliamperes(milliamperes),
        });
        bench.pass(5_000);
        let sample = bench.sample().unwrap();
        let near = |read: u32, wanted: u32| read.abs_diff(wanted) <= wanted / 500 + 1;
        assert!(near(sample.power.milliwatts(), watts * 1_000));
        assert!(near(sample.voltage.millivolts(), 230_000));
        assert!(near(sample.current.milliamperes(), milliamperes));
    }
}

#[test]
fn eight_hours_are_within_a_thousandth_and_never_above() {
    for watts in [5, 60, 800, 2_500] {
        let mut bench = Bench::at(watts);
        bench.run(8 * 3_600);
        let short = bench.short();
        let delivered = bench.chip.delivered_microjoules();
        println!("{watts} W: {} ppm short", short * 1_000_000 / delivered);
        assert!(
            short <= delivered / 1_000,
            "{watts}: {short} of {delivered}"
        );
    }
}

#[test]
fn a_day_of_noise_without_a_load_bills_nothing() {
    let mut bench = Bench::at(0);
    bench.chip.set_noise(Power::from_milliwatts(400), 7);
    assert_eq!(bench.run(24 * 3_600), 0);
    assert!(bench.chip.pulses() > 1_000, "the chip did count noise");
}

#[test]
fn one_bad_frame_of_any_kind_costs_no_energy() {
    for fault in [
        Fault::Silent,
        Fault::Garbage,
        Fault::Checksum,
        Fault::Dropped,
        Fault::Stranger,
        Fault::Spike { counts: 9_000 },
        Fault::Spike { counts: 0x1_FFFF },
    ] {
        let mut bench = Bench::at(800);
        for _ in 0..200 {
            // Whichever frame the driver looks at is hit, sooner or later.
            bench.pass(1_013);
            bench.chip.inject(fault, 1);
            let sample = bench.sample().unwrap();
            assert!(sample.power <= Power::from_watts(810), "{fault:?}");
        }
        assert!(bench.short() <= 8 * PULSE_UJ + 800_000 * 105, "{fault:?}");
        assert_eq!(bench.meter.incidents().restarts, 0, "{fault:?}");
    }
}

#[test]
fn a_fault_that_stays_is_an_error_or_a_refusal_and_its_energy_comes_later() {
    for fault in [
        Fault::Silent,
        Fault::Garbage,
        Fault::Checksum,
        Fault::Dropped,
        Fault::Stranger,
    ] {
        let mut bench = Bench::at(800);
        bench.run(10);
        bench.chip.inject(fault, u32::MAX);
        bench.pass(1_000);
        let before = bench.clock.get();
        assert!(bench.sample().is_err(), "{fault:?}");
        assert!(bench.clock.get() - before <= 2_000, "{fault:?}");
        bench.run(60);
        bench.chip.inject(fault, 0);
        bench.pass(1_000);
        bench.sample().unwrap();
        assert!(bench.short() <= 4 * PULSE_UJ + 800_000 * 105, "{fault:?}");
    }
}

/// Tasmota #16791, `ESPHome` #15280.
#[test]
fn the_total_never_jumps_after_a_reset_wherever_the_counter_stood() {
    for start in [0, 5_000, 65_500, 130_900, 131_000, 131_050, 131_071] {
        for moment in (0..1_000).step_by(50) {
            let mut bench = Bench::at(800);
            bench.chip.set_count(start);
            // The counter was moved, not the energy: a new baseline.
            let (clock, chip) = (Rc::clone(&bench.clock), bench.chip.clone());
            bench = Bench {
                meter: Hlw8032::new(
                    chip.receiver(),
                    chip.delay(),
                    Circuit::REFERENCE,
                    Config::default(),
                ),
                clock,
                chip,
            };
            bench.sample().unwrap();
            let before = bench.chip.delivered_microjoules();
            bench.pass(moment);
            bench.chip.reset();
            bench.pass(1_000 - moment);
            for _ in 0..5 {
                let billed = bench.sample().unwrap().energy.milliwatt_hours() * 3_600_000;
                let flowed = bench.chip.delivered_microjoules() - before;
                // A pulse was begun before the baseline, a frame was of before `before`.
                let begun = PULSE_UJ + 800_000 * 110;
                assert!(
                    billed <= flowed + begun,
                    "{start} {moment}: {billed} of {flowed}"
                );
                bench.pass(1_000);
            }
        }
    }
}

proptest! {
    /// One-sided over any life: loads, glitches, faults, pauses, the counter anywhere.
    #[test]
    fn any_life_bills_no_more_than_flowed(
        life in proptest::collection::vec((0_u8..8, 1_u32..2_500, 100_u64..5_000), 1..60),
    ) {
        let mut bench = Bench::at(0);
        for (act, watts, milliseconds) in life {
            match act {
                0 | 1 => bench.chip.set_load(load(watts)),
                2 => bench.chip.reset(),
                3 => bench.chip.inject(Fault::Garbage, watts % 4),
                4 => bench.chip.inject(Fault::Dropped, watts % 4),
                5 => bench.chip.inject(Fault::Spike { counts: watts * 40 }, watts % 3),
                _ => {}
            }
            bench.pass(milliseconds);
            if let Ok(sample) = bench.sample() {
                let delivered = bench.chip.delivered_microjoules();
                prop_assert!(sample.energy <= Energy::from_milliwatt_hours(delivered / 3_600_000));
            }
        }
    }
}

/// Noise below the threshold of creep is nobody's, a restart of the chip in it too.
#[test]
fn noise_about_a_restart_bills_nothing() {
    let mut bench = Bench::at(0);
    bench.chip.set_noise(Power::from_milliwatts(400), 7);
    assert_eq!(bench.run(3_600), 0);
    bench.chip.reset();
    // The line is not read for two minutes.
    bench.pass(120_000);
    assert_eq!(bench.run(60), 0);
}
