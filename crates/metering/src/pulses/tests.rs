//! The chip as its manual has it: which pulses come, what is read of them, and how SEL is driven.

use super::*;
use crate::Calibration;
use embassy_futures::block_on;
use embedded_hal_mock::eh1::digital::{Mock as Pin, State, Transaction};
use pile_units::{Current, Energy, OutOfRange, Voltage};
use proptest::prelude::*;
use std::cell::Cell;
use std::rc::Rc;
use std::vec::Vec;

/// A counter of `BITS`, and the moment of its last pulse where it has one.
#[derive(Clone, Default)]
struct Counter<const BITS: u32>(Rc<Cell<(u32, Option<u64>)>>);

impl<const BITS: u32> Counter<BITS> {
    /// More pulses, the last of them at a moment in microseconds.
    fn pulse(&self, pulses: u32, last: Option<u64>) {
        let (count, edge) = self.0.get();
        self.0.set((count.wrapping_add(pulses), last.or(edge)));
    }
}

impl<const BITS: u32> PulseCounter for Counter<BITS> {
    const BITS: u32 = BITS;

    fn total(&mut self) -> u32 {
        self.0.get().0 & u32::try_from((1_u64 << BITS) - 1).unwrap()
    }

    fn last_edge(&mut self) -> Option<Edge> {
        let count = self.total();
        self.0.get().1.map(|micros| Edge { count, micros })
    }
}

type Driver = PulseMeter<Counter<32>, Counter<32>, Pin>;

/// 2 J a pulse, 12.87 mA and 0.186 V a hertz.
fn figures() -> Figures {
    Circuit::REFERENCE
        .nominal(Chip::Bl0937)
        .unwrap()
        .calibrate(&Measured {
            energy: Energy::from_milliwatt_hours(100_000),
            pulses: 179_999,
            voltage: Voltage::from_millivolts(230_000),
            voltage_millihertz: 1_236_700,
            current: Current::from_milliamperes(8_696),
            current_millihertz: 675_700,
        })
        .unwrap()
}

struct Bench {
    cf: Counter<32>,
    cf1: Counter<32>,
    meter: Driver,
}

impl Bench {
    /// A driver that is expected to set SEL as listed.
    fn expecting(config: Config, sel: impl IntoIterator<Item = State>) -> Self {
        let sel: Vec<_> = sel.into_iter().map(Transaction::set).collect();
        let (cf, cf1) = (Counter::default(), Counter::default());
        let meter = PulseMeter::new(cf.clone(), cf1.clone(), Pin::new(&sel), figures(), config);
        Self { cf, cf1, meter }
    }

    fn sample(&mut self, milliseconds: u64) -> Sample {
        let now = Instant::from_millis(milliseconds);
        block_on(self.meter.sample(0, now)).unwrap()
    }

    /// Gives SEL back and checks that it was set as expected.
    fn finish(self) {
        self.meter.release().2.done();
    }
}

/// SEL low at first: current (HLW8012 user manual, pin description).
#[test]
fn sel_starts_at_current_and_then_takes_turns() {
    let turns = [State::Low, State::High, State::Low];
    let mut bench = Bench::expecting(Config::default(), turns);
    for second in 0..20 {
        bench.cf1.pulse(200, None);
        bench.sample(second * 1_000);
        // A turn: the flip at 0, the end of what is discarded at 1, the window's end at 2.
        if second == 4 {
            break;
        }
    }
    bench.finish();
}

#[test]
fn an_inverted_sel_is_driven_the_other_way_round() {
    let config = Config {
        select: Select::Inverted,
        ..Config::default()
    };
    let mut bench = Bench::expecting(config, [State::High, State::Low]);
    for second in 0..3 {
        bench.cf1.pulse(200, None);
        bench.sample(second * 1_000);
    }
    bench.finish();
}

/// `meters.json`, `bl0937.trap`: "discard the first CF1 window after SEL flips".
#[test]
fn the_first_window_of_cf1_after_sel_flips_is_discarded() {
    let turns = [State::Low, State::High, State::Low];
    let mut bench = Bench::expecting(Config::default(), turns);
    bench.sample(0); // SEL to current
    bench.cf1.pulse(50_000, None); // nonsense, as CF1 settles
    bench.sample(1_000);
    bench.cf1.pulse(337, None);
    let sample = bench.sample(2_000); // SEL to voltage
    let near = |read: u32, wanted: u32| assert!(read.abs_diff(wanted) <= wanted / 500, "{read}");
    near(sample.current.milliamperes(), 337 * 1_287 / 100);
    bench.cf1.pulse(337, None); // still the current
    bench.sample(3_000);
    bench.cf1.pulse(1_237, None);
    let sample = bench.sample(4_000); // SEL to current
    near(sample.voltage.millivolts(), 230_000);
    near(sample.current.milliamperes(), 337 * 1_287 / 100);
    bench.finish();
}

#[test]
fn no_pulse_on_cf1_reads_as_no_current_and_the_turns_go_on() {
    let mut bench = Bench::expecting(Config::default(), [State::Low, State::High]);
    for second in 0..6 {
        let sample = bench.sample(second * 1_000);
        assert_eq!(sample.current, Current::ZERO);
    }
    bench.finish();
}

#[test]
fn a_pin_that_fails_is_an_error_and_its_energy_comes_later() {
    struct Broken(bool);
    impl embedded_hal::digital::ErrorType for Broken {
        type Error = embedded_hal::digital::ErrorKind;
    }
    impl OutputPin for Broken {
        fn set_low(&mut self) -> Result<(), Self::Error> {
            if core::mem::take(&mut self.0) {
                return Err(embedded_hal::digital::ErrorKind::Other);
            }
            Ok(())
        }
        fn set_high(&mut self) -> Result<(), Self::Error> {
            self.set_low()
        }
    }
    let (cf, cf1) = (Counter::<32>::default(), Counter::<32>::default());
    let mut meter = PulseMeter::new(cf.clone(), cf1, Broken(true), figures(), Config::default());
    let mut sample =
        |seconds: u64| block_on(meter.sample(0, Instant::from_millis(seconds * 1_000)));
    assert!(matches!(sample(0), Err(Error::Select(_))));
    cf.pulse(1_000, None);
    assert!(sample(1).unwrap().energy > Energy::from_milliwatt_hours(550));
}

#[test]
fn there_is_one_channel() {
    let mut bench = Bench::expecting(Config::default(), []);
    assert_eq!(bench.meter.channels(), 1);
    let answer = block_on(bench.meter.sample(1, Instant::START));
    assert_eq!(answer, Err(Error::NoSuchChannel));
    bench.finish();
}

fn quiet() -> Config {
    // SEL stays at current: nothing pulses there.
    Config {
        settle_ms: u32::MAX,
        ..Config::default()
    }
}

#[test]
fn a_kilowatt_is_known_within_a_second_and_a_watt_within_patience() {
    let mut bench = Bench::expecting(quiet(), [State::Low]);
    bench.cf.pulse(1, Some(1));
    bench.sample(0);
    // 500 Hz.
    bench.cf.pulse(500, Some(1_000_001));
    let power = bench.sample(1_001).power.milliwatts();
    assert!(power.abs_diff(1_000_000) <= 20, "{power}");
    // Half a hertz.
    for second in 2..=9 {
        if second % 2 == 1 {
            bench.cf.pulse(1, Some(second * 1_000_000 + 1));
        }
        bench.sample(second * 1_000 + 1);
    }
    let power = bench.sample(10_001).power.milliwatts();
    assert!(power.abs_diff(1_000) <= 1, "{power}");
    bench.finish();
}

#[test]
fn a_load_that_ends_reads_below_three_watts_within_two_seconds_and_as_zero_within_five() {
    let mut bench = Bench::expecting(quiet(), [State::Low]);
    bench.cf.pulse(1, Some(1));
    bench.sample(0);
    bench.cf.pulse(500, Some(1_000_000));
    assert!(bench.sample(1_000).power > Power::from_watts(990));
    assert!(bench.sample(1_700).power < Power::from_watts(3));
    assert_eq!(bench.sample(6_000).power, Power::ZERO);
    assert_eq!(bench.sample(600_000).power, Power::ZERO);
    bench.finish();
}

#[test]
fn a_load_that_begins_after_an_hour_of_silence_is_not_spread_over_the_hour() {
    let mut bench = Bench::expecting(quiet(), [State::Low]);
    bench.cf.pulse(1, Some(1));
    for second in 0..3_600 {
        bench.sample(second * 1_000);
    }
    bench.cf.pulse(250, Some(3_600_000_000));
    let power = bench.sample(3_600_000).power;
    assert!(power.milliwatts().abs_diff(500_000) < 10_000, "{power}");
    bench.finish();
}

#[test]
fn a_current_that_begins_after_silence_is_not_spread_over_it() {
    let turns = [State::Low, State::High];
    let mut bench = Bench::expecting(Config::default(), turns);
    bench.cf1.pulse(1, Some(1)); // an edge of long ago
    bench.sample(100_000);
    bench.sample(101_000);
    bench.cf1.pulse(10, Some(102_000_000));
    bench.sample(102_000);
    for second in 103..=105 {
        bench.sample(second * 1_000);
    }
    let current = bench.meter.current_millihertz;
    assert_eq!(current, 2_500, "ten pulses within four seconds");
    bench.finish();
}

#[test]
fn energy_is_pulses_whatever_cf1_shows() {
    // A poor power factor: 40 A by CF1, 100 W by CF.
    let turns = [State::Low, State::High, State::Low, State::High];
    let mut bench = Bench::expecting(Config::default(), turns);
    bench.sample(0);
    let mut last = 0;
    for second in 1..=6 {
        last = second * 1_000;
        bench.cf.pulse(50, None);
        bench.cf1.pulse(3_000, None);
        bench.sample(last);
    }
    assert_eq!(last, 6_000);
    // 600 J are 166.7 mWh; 5 W x 1 s of creep and a pulse are not billed.
    let energy = bench.meter.guard.total().milliwatt_hours();
    assert!((165..=166).contains(&energy), "{energy}");
    bench.finish();
}

#[test]
fn interference_faster_than_the_wire_is_nobodys() {
    let mut bench = Bench::expecting(quiet(), [State::Low]);
    bench.sample(0);
    bench.cf.pulse(100, None);
    let before = bench.sample(1_000).energy;
    bench.cf.pulse(30_000, None);
    assert_eq!(bench.sample(2_000).energy, before);
    assert_eq!(bench.meter.refusals(), 1);
    bench.cf.pulse(100, None);
    let after = bench.sample(3_000).energy.saturating_sub(before);
    assert!(after.milliwatt_hours() <= 56, "{after}");
    assert!(matches!(
        bench.meter.last_step(),
        Some(Step::Recovered { counts: 100 })
    ));
    bench.finish();
}

#[test]
fn a_counter_of_16_bits_loses_nothing_where_it_is_read_in_time() {
    let (cf, cf1) = (Counter::<16>::default(), Counter::<16>::default());
    let sel = Pin::new(&[Transaction::set(State::Low)]);
    let mut meter = PulseMeter::new(cf.clone(), cf1, sel, figures(), quiet());
    let mut sample =
        |seconds: u64| block_on(meter.sample(0, Instant::from_millis(seconds * 1_000)));
    sample(0).unwrap();
    // 2.5 kW for ten minutes, read every 20 s: 750,000 pulses, eleven turns.
    for round in 1..=30 {
        cf.pulse(25_000, None);
        sample(round * 20).unwrap();
    }
    let energy = sample(600).unwrap().energy.milliwatt_hours();
    // 1.5 MJ less ten joules of the first round's creep and a pulse.
    assert!((416_660..=416_666).contains(&energy), "{energy}");
    meter.release().2.done();
}

mod calibration {
    use super::*;

    fn bench() -> Measured {
        Measured {
            energy: Energy::from_milliwatt_hours(100_000),
            pulses: 179_999,
            voltage: Voltage::from_millivolts(230_000),
            voltage_millihertz: 1_236_700,
            current: Current::from_milliamperes(8_696),
            current_millihertz: 675_700,
        }
    }

    fn calibrate(measured: Measured) -> Result<Figures, OutOfRange> {
        Circuit::REFERENCE
            .nominal(Chip::Bl0937)?
            .calibrate(&measured)
    }

    #[test]
    fn a_pulse_is_worth_what_the_reference_meter_says() {
        let figures = calibrate(bench()).unwrap();
        assert_eq!(figures.picowatt_hours_per_pulse(), 555_555_555);
        let Calibration { power, .. } = figures.calibration();
        assert_eq!(power.apply(500_000), 1_000_000);
    }

    #[test]
    fn too_few_pulses_are_no_calibration() {
        let few = Measured {
            energy: Energy::from_milliwatt_hours(2_777),
            pulses: LEAST_PULSES - 1,
            ..bench()
        };
        assert_eq!(calibrate(few), Err(OutOfRange));
        let enough = Measured {
            pulses: LEAST_PULSES,
            ..few
        };
        assert!(calibrate(enough).is_ok());
    }

    #[test]
    fn figures_of_another_circuit_are_refused() {
        for wrong in [
            Measured {
                pulses: 120_000,
                ..bench()
            },
            Measured {
                voltage_millihertz: 900_000,
                ..bench()
            },
            Measured {
                current_millihertz: 1_000_000,
                ..bench()
            },
            Measured {
                current_millihertz: 0,
                ..bench()
            },
        ] {
            assert_eq!(calibrate(wrong), Err(OutOfRange), "{wrong:?}");
        }
        let kept = *calibrate(bench()).unwrap().calibration();
        let other = Circuit::REFERENCE.nominal(Chip::Hlw8012).unwrap();
        assert_eq!(other.restore(kept), Err(OutOfRange));
    }

    #[test]
    fn figures_are_restored_as_they_were_kept() {
        let figures = calibrate(bench()).unwrap();
        let nominal = Circuit::REFERENCE.nominal(Chip::Bl0937).unwrap();
        assert_eq!(nominal.restore(*figures.calibration()), Ok(figures));
    }

    #[test]
    fn resistors_outside_their_range_are_refused() {
        let good = Circuit::REFERENCE;
        for bad in [
            Circuit {
                shunt_microohms: 99,
                ..good
            },
            Circuit {
                shunt_microohms: 100_001,
                ..good
            },
            Circuit {
                divider_top_ohms: 999,
                ..good
            },
            Circuit {
                divider_top_ohms: u32::MAX,
                ..good
            },
            Circuit {
                divider_bottom_ohms: 0,
                ..good
            },
            Circuit {
                divider_bottom_ohms: 1_000_001,
                ..good
            },
        ] {
            for chip in [Chip::Bl0937, Chip::Hlw8012] {
                assert_eq!(bad.nominal(chip), Err(OutOfRange), "{bad:?}");
            }
        }
    }
}

proptest! {
    /// I8, and I3's upper side: whatever a counter says, and whenever it is asked.
    #[test]
    fn i8_any_pulses_at_any_moment_never_panic_and_are_never_ahead_of_the_wire(
        readings in proptest::collection::vec(
            (any::<u32>(), proptest::option::of(any::<u64>()), 0_u64..10_000_000), 1..60),
    ) {
        let (cf, cf1) = (Counter::<32>::default(), Counter::<32>::default());
        let config = Config { max_power: Power::from_watts(4_000), ..quiet() };
        let mut meter = PulseMeter::new(cf.clone(), cf1, Silent, figures(), config);
        let mut now = 0;
        let mut before = Energy::ZERO;
        let mut readings_taken = 0;
        for (pulses, edge, time) in readings {
            cf.pulse(pulses, edge);
            now += time;
            let sample = block_on(meter.sample(0, Instant::from_millis(now))).unwrap();
            readings_taken += 1;
            prop_assert!(sample.energy >= before);
            before = sample.energy;
            // mW times ms, and two pulses of slack a reading.
            let most = 4_000_000 * now + readings_taken * 2 * 2_000_000 + 3_600_000;
            prop_assert!(sample.energy.milliwatt_hours() * 3_600_000 <= most);
        }
    }
}

/// A pin that takes anything.
struct Silent;

impl embedded_hal::digital::ErrorType for Silent {
    type Error = core::convert::Infallible;
}

impl OutputPin for Silent {
    fn set_low(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
    fn set_high(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}
