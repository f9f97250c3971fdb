//! The driver against the chip, in virtual time.

use super::*;
use embassy_futures::block_on;
use metering::bl0910::{Bl0910, Config, Error, Gain};
use metering::{EnergyMeter, Sample, Step};
use pile_units::{Current, Energy, Instant, Voltage};
use proptest::prelude::*;

const MAINS: Voltage = Voltage::from_millivolts(230_000);
/// 27.864 mWh, rounded up.
const STEP_UJ: u64 = 100_400_000;

fn watts(power: u32) -> Load {
    Load::resistive(Power::from_watts(power), MAINS)
}

struct Bench {
    clock: Rc<Cell<u64>>,
    chip: VirtualBl0910,
    meter: Bl0910<VirtualSpi, 10>,
}

impl Bench {
    fn with(circuit: Circuit) -> Self {
        let clock = Rc::new(Cell::new(0));
        let chip = VirtualBl0910::new(Rc::clone(&clock), circuit);
        let config = Config {
            gain: circuit.gain,
            ..Config::default()
        };
        let figures = circuit.calibration().unwrap();
        let meter = Bl0910::new(chip.spi(), [figures; 10], config);
        Self { clock, chip, meter }
    }

    fn started() -> Self {
        let mut bench = Self::with(Circuit::OUTLET);
        for channel in 0..10 {
            bench.sample(channel).unwrap();
        }
        bench
    }

    fn sample(&mut self, channel: usize) -> Result<Sample, Error<std::convert::Infallible>> {
        let now = Instant::from_millis(self.clock.get());
        block_on(self.meter.sample(channel, now))
    }

    fn pass(&self, milliseconds: u64) {
        self.clock.set(self.clock.get() + milliseconds);
    }

    /// Looks at a channel each second.
    fn seconds(&mut self, channel: usize, seconds: u64) -> Sample {
        for _ in 0..seconds {
            self.pass(1_000);
            self.sample(channel).unwrap();
        }
        self.sample(channel).unwrap()
    }
}

fn microjoules(energy: Energy) -> u64 {
    energy.milliwatt_hours() * 3_600_000
}

#[test]
fn a_sample_shows_the_load_and_the_temperature() {
    for gain in [Gain::X1, Gain::X2, Gain::X8, Gain::X16] {
        let circuit = Circuit {
            input_microohms: 40_000 / u32::from(gain.factor()),
            gain,
            ..Circuit::OUTLET
        };
        for channel in [0, 4, 5, 9] {
            let mut bench = Bench::with(circuit);
            bench.chip.set_temperature(Temperature::from_celsius(61));
            bench.sample(channel).unwrap();
            bench.chip.set_load(channel, watts(800));
            let sample = bench.sample(channel).unwrap();
            let near = |read: u32, wanted: u32| assert!(read.abs_diff(wanted) <= wanted / 10_000);
            near(sample.power.milliwatts(), 800_000);
            near(sample.voltage.millivolts(), 230_000);
            near(sample.current.milliamperes(), 3_478);
            let tenths = sample.temperature.unwrap().decicelsius();
            assert!((tenths - 610).abs() <= 2, "{tenths}");
            bench.pass(3_600_000);
            let energy = bench.sample(channel).unwrap().energy;
            assert!(energy <= Energy::from_watt_hours(800), "{energy}");
            assert!(energy > Energy::from_milliwatt_hours(799_400), "{energy}");
        }
    }
}

#[test]
fn ten_outlets_of_one_chip_keep_apart() {
    let mut bench = Bench::started();
    for channel in 0..10_u32 {
        bench.chip.set_load(channel as usize, watts(250 * channel));
    }
    for _ in 0..600 {
        bench.pass(1_000);
        for channel in 0..10 {
            bench.sample(channel).unwrap();
        }
    }
    for channel in 0..10 {
        let energy = microjoules(bench.sample(channel).unwrap().energy);
        let delivered = bench.chip.delivered_microjoules(channel);
        assert!(energy <= delivered, "{energy} of {delivered}");
        assert!(energy + 2 * STEP_UJ > delivered, "{energy} of {delivered}");
    }
}

#[test]
fn a_wrap_loses_nothing() {
    let mut bench = Bench::with(Circuit::OUTLET);
    bench.chip.set_count(3, 0xFF_F000);
    bench.sample(3).unwrap();
    bench.chip.set_load(3, watts(1_000));
    let energy = bench.seconds(3, 3_600).energy;
    assert_eq!(bench.meter.incidents(3).unwrap().wraps, 1);
    assert!(energy <= Energy::from_watt_hours(1_000), "{energy}");
    assert!(energy > Energy::from_milliwatt_hours(999_900), "{energy}");
}

/// Tasmota #16791, `ESPHome` #15280.
#[test]
fn no_outlet_jumps_after_a_reset_wherever_its_counter_stood() {
    for start in [0, 1, 5_000, 0xFF_FFF0, 0xFF_FFFE, 0xFF_FFFF] {
        let mut bench = Bench::with(Circuit::OUTLET);
        for channel in 0..10 {
            bench.chip.set_count(channel, start);
            bench.sample(channel).unwrap();
            bench.chip.set_load(channel, watts(1_000));
        }
        bench.pass(500);
        bench.chip.reset();
        for _ in 0..10 {
            bench.pass(1_000);
            for channel in 0..10 {
                let energy = microjoules(bench.sample(channel).unwrap().energy);
                let delivered = bench.chip.delivered_microjoules(channel);
                assert!(energy <= delivered, "{start}: {energy} of {delivered}");
                // Five steps before the reset are gone with it.
                assert!(energy + 9 * STEP_UJ > delivered, "{energy} of {delivered}");
            }
        }
        for channel in 0..10 {
            assert_eq!(bench.meter.incidents(channel).unwrap().restarts, 1);
        }
    }
}

/// The witness is looked at with each count, so even a counter that has overtaken its old value by
/// the next look is known to be another.
#[test]
fn a_restart_that_hides_behind_a_higher_count_is_found() {
    let mut bench = Bench::started();
    bench.chip.set_load(0, watts(1_000));
    bench.seconds(0, 10);
    let before = bench.sample(0).unwrap().energy;
    bench.chip.reset();
    bench.pass(60_000);
    let after = bench.sample(0).unwrap();
    assert_eq!(bench.meter.incidents(0).unwrap().restarts, 1);
    // 60 kJ: none of it is lost, but for a part of a step on either side of the reset.
    let billed = microjoules(after.energy.saturating_sub(before));
    assert!(billed + 2 * STEP_UJ > 60_000_000_000, "{billed}");
}

#[test]
fn one_bad_answer_of_any_kind_is_not_even_seen() {
    for fault in [
        Fault::Dead,
        Fault::Garbage,
        Fault::Checksum,
        Fault::Truncated,
        Fault::Extra,
        Fault::Spike { counts: 90_000 },
        Fault::Spike {
            counts: (1 << 24) - 4,
        },
    ] {
        let mut bench = Bench::started();
        bench.chip.set_load(0, watts(800));
        bench.seconds(0, 60);
        bench.chip.inject(fault, 1);
        for _ in 0..3 {
            let sample = bench.sample(0).unwrap();
            assert!(sample.power < Power::from_watts(801), "{fault:?}");
            assert!(sample.energy > Energy::from_milliwatt_hours(13_270));
            let step = bench.meter.last_step(0);
            assert!(matches!(step, Some(Step::Counted { .. })), "{fault:?}");
        }
    }
}

#[test]
fn a_dead_chip_is_an_error_and_its_energy_comes_later() {
    let mut bench = Bench::started();
    bench.chip.set_load(0, watts(1_000));
    bench.seconds(0, 60);
    bench.chip.inject(Fault::Dead, u32::MAX);
    assert_eq!(bench.sample(0), Err(Error::Checksum));
    bench.pass(3_540_000);
    bench.chip.inject(Fault::Dead, 0);
    let energy = bench.sample(0).unwrap().energy;
    assert!(energy <= Energy::from_watt_hours(1_000), "{energy}");
    assert!(energy > Energy::from_milliwatt_hours(999_900), "{energy}");
}

#[test]
fn a_frame_that_was_cut_anywhere_does_not_spoil_the_next() {
    use embedded_hal_async::spi::SpiDevice;
    for bytes in 1..6 {
        let mut bench = Bench::with(Circuit::OUTLET);
        let frame = [0x81, 0x9F, 0x5A, 0x5A, 0x5A, 0xD1];
        block_on(bench.chip.spi().write(&frame[..bytes])).unwrap();
        assert!(bench.sample(0).is_ok(), "{bytes} bytes");
    }
}

#[test]
fn reversed_wiring_reads_as_no_power() {
    let mut bench = Bench::started();
    bench.chip.set_reversed(2, true);
    bench.chip.set_load(2, watts(800));
    assert_eq!(bench.sample(2).unwrap().power, Power::ZERO);
}

#[test]
fn active_power_is_billed_at_a_poor_power_factor() {
    let mut bench = Bench::started();
    bench.chip.set_load(
        6,
        Load {
            power: Power::from_watts(300),
            voltage: MAINS,
            current: Current::from_milliamperes(3_400), // 782 VA
        },
    );
    let energy = bench.seconds(6, 3_600).energy;
    assert!(energy <= Energy::from_watt_hours(300), "{energy}");
    assert!(energy > Energy::from_milliwatt_hours(299_900), "{energy}");
}

#[derive(Debug, Clone, Copy)]
enum Happening {
    Load(usize, u32),
    Fault(Fault, u32),
    Reset,
    PowerLoss(u64),
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let fault = prop_oneof![
        Just(Fault::Dead),
        Just(Fault::Garbage),
        Just(Fault::Checksum),
        Just(Fault::Truncated),
        Just(Fault::Extra),
        // Further ahead, and further behind, than the wire can carry in the time of the test.
        (1_u32 << 20..15 << 20).prop_map(|counts| Fault::Spike { counts }),
    ];
    prop_oneof![
        4 => (0_usize..2, 0_u32..3_000_000).prop_map(|(o, p)| Happening::Load(o, p)),
        2 => (fault, 1_u32..5).prop_map(|(fault, answers)| Happening::Fault(fault, answers)),
        1 => Just(Happening::Reset),
        1 => (0_u64..100_000).prop_map(Happening::PowerLoss),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn i3_one_sided_whatever_happens_to_the_chip_and_the_line(
        happenings in proptest::collection::vec((any_happening(), 0_u64..5_000), 1..100),
    ) {
        let mut bench = Bench::started();
        let mut before = [Energy::ZERO; 2];
        for (happening, time) in happenings {
            match happening {
                Happening::Load(outlet, power) => {
                    let load = Load::resistive(Power::from_milliwatts(power), MAINS);
                    bench.chip.set_load(outlet, load);
                }
                Happening::Fault(fault, answers) => bench.chip.inject(fault, answers),
                Happening::Reset => bench.chip.reset(),
                Happening::PowerLoss(time) => {
                    bench.chip.set_powered(false);
                    bench.pass(time);
                    bench.chip.set_powered(true);
                }
            }
            bench.pass(time);
            for (outlet, before) in before.iter_mut().enumerate() {
                if let Ok(sample) = bench.sample(outlet) {
                    prop_assert!(sample.energy >= *before);
                    *before = sample.energy;
                    let delivered = bench.chip.delivered_microjoules(outlet);
                    let billed = microjoules(sample.energy);
                    prop_assert!(billed <= delivered, "{billed} of {delivered}");
                }
            }
        }
    }
}
