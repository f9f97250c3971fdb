use super::*;
use embassy_futures::block_on;
use pile_units::Temperature;
use proptest::prelude::*;
use std::vec::Vec;

/// Two channels that read what they are told.
#[derive(Debug, Default)]
struct Told {
    energy: [u64; 2],
    power: u32,
    broken: bool,
    held_back: u32,
}

impl EnergyMeter for Told {
    type Error = ();

    fn channels(&self) -> usize {
        2
    }

    async fn sample(&mut self, channel: usize, _: Instant) -> Result<Sample, ()> {
        if self.broken {
            return Err(());
        }
        Ok(Sample {
            energy: Energy::from_milliwatt_hours(self.energy[channel]),
            resolution: Energy::from_milliwatt_hours(95),
            power: Power::from_milliwatts(self.power),
            voltage: Voltage::from_millivolts(230_000),
            current: Current::from_milliamperes(4_000),
            over_current: true,
            temperature: Some(Temperature::from_celsius(31)),
        })
    }

    async fn over_current(&mut self, _: usize) -> Result<bool, ()> {
        Ok(true)
    }

    fn held_back_ppm(&self, channel: usize) -> u32 {
        if channel == 0 { self.held_back } else { 0 }
    }
}

/// A driver that counts three quarters of what its datasheet says, on channel 0.
fn cautious() -> Told {
    Told {
        held_back: 250_000,
        power: 1_000,
        ..Told::default()
    }
}

#[test]
fn what_a_driver_holds_back_is_given_back_with_the_correction_and_not_before() {
    let mut meter: Trimmed<_, 2> = Trimmed::new(cautious());
    meter.driver_mut().energy[0] = 750;
    assert_eq!(total(&mut meter), 750);
    assert_eq!(read(&mut meter, 0).power, Power::from_watts(1));
    // An HLW8012 with a clock that is 15 % slow.
    meter.set_trim(0, trim(176_470)).unwrap();
    // What flowed about the change is billed as before it.
    meter.driver_mut().energy[0] = 1_500;
    assert_eq!(total(&mut meter), 1_500);
    // 750 / 0.75 x 1.176470.
    meter.driver_mut().energy[0] = 2_250;
    assert_eq!(total(&mut meter), 2_676);
    assert_eq!(read(&mut meter, 0).power, Power::from_milliwatts(1_176));
    // 95 x 1.568627, rounded up, and one more.
    let resolution = read(&mut meter, 0).resolution;
    assert_eq!(resolution, Energy::from_milliwatt_hours(151));
    // Taken away again: three quarters.
    meter.set_trim(0, MeterTrim::NONE).unwrap();
    meter.driver_mut().energy[0] = 3_000;
    assert_eq!(total(&mut meter), 3_426);
}

#[test]
fn a_correction_from_the_start_gives_back_from_the_start() {
    let mut meter = Trimmed::with_trims(cautious(), [trim(-1), MeterTrim::NONE]);
    meter.driver_mut().energy = [750_000, 750_000];
    assert_eq!(total(&mut meter), 999_999);
    assert_eq!(read(&mut meter, 1).energy.milliwatt_hours(), 750_000);
    // The lowest correction there is gives nothing back.
    let mut meter = Trimmed::with_trims(cautious(), [trim(-250_000)]);
    meter.driver_mut().energy[0] = 750_000;
    assert_eq!(read(&mut meter, 0).energy.milliwatt_hours(), 750_000);
}

#[test]
fn arrays_and_corrected_meters_tell_what_is_held_back() {
    let mut meters = [Trimmed::<_, 2>::new(cautious()), Trimmed::new(cautious())];
    meters[0].set_trim(0, trim(5)).unwrap();
    let told = [0, 1, 2, 3, 4].map(|channel| meters.held_back_ppm(channel));
    assert_eq!(told, [0, 0, 250_000, 0, 0]);
}

fn trim(power: i32) -> MeterTrim {
    MeterTrim::from_ppm(power, 0, 0).unwrap()
}

fn read<const N: usize>(meter: &mut Trimmed<Told, N>, channel: usize) -> Sample {
    block_on(meter.sample(channel, Instant::START)).unwrap()
}

fn total(meter: &mut Trimmed<Told, 2>) -> u64 {
    read(meter, 0).energy.milliwatt_hours()
}

#[test]
fn each_quantity_has_its_own_part() {
    let mut meter: Trimmed<_, 2> = Trimmed::new(Told {
        energy: [10_000, 10_000],
        power: 920_000,
        ..Told::default()
    });
    meter
        .set_trim(1, MeterTrim::from_ppm(-100_000, 10_000, 100_000).unwrap())
        .unwrap();
    let sample = read(&mut meter, 1);
    assert_eq!(sample.energy, Energy::from_milliwatt_hours(9_000));
    assert_eq!(sample.power, Power::from_watts(828));
    assert_eq!(sample.voltage, Voltage::from_millivolts(232_300));
    assert_eq!(sample.current, Current::from_milliamperes(4_400));
    // 95 x 0.9 is 85.5, rounded up, and one more.
    assert_eq!(sample.resolution, Energy::from_milliwatt_hours(87));
    assert_eq!(sample.temperature, Some(Temperature::from_celsius(31)));
    assert!(sample.over_current && block_on(meter.over_current(1)).unwrap());
    assert_eq!(meter.channels(), 2);
}

#[test]
fn without_a_correction_a_sample_passes_unchanged() {
    let mut meter: Trimmed<_, 1> = Trimmed::new(Told {
        energy: [12_345, 67_890],
        power: 1,
        ..Told::default()
    });
    assert!(meter.set_trim(1, trim(5)).is_err());
    for channel in [0, 1] {
        let sample = read(&mut meter, channel);
        let bare = block_on(meter.driver_mut().sample(channel, Instant::START)).unwrap();
        assert_eq!(sample, bare, "{channel}");
    }
    assert_eq!(meter.release().energy, [12_345, 67_890]);
}

#[test]
fn a_rest_is_carried_so_that_nothing_drifts() {
    let mut meter: Trimmed<_, 2> = Trimmed::new(Told::default());
    meter.set_trim(0, trim(-1)).unwrap();
    // A million steps of 1 mWh, each 0.000001 mWh less: one less in all, none before its time.
    for step in 1..=1_000_000_u64 {
        meter.driver_mut().energy[0] = step;
        assert_eq!(total(&mut meter), step - 1);
    }
    meter.driver_mut().energy[0] = 2_000_000;
    assert_eq!(total(&mut meter), 1_999_998);
}

#[test]
fn what_flowed_about_a_change_is_billed_at_the_lower_correction() {
    for (before, after, billed) in [(50_000, -20_000, 980), (-20_000, 50_000, 980)] {
        let mut meter: Trimmed<_, 2> = Trimmed::new(Told::default());
        meter.set_trim(0, trim(before)).unwrap();
        let start = total(&mut meter);
        meter.set_trim(0, trim(after)).unwrap();
        // A sample in which no step is full decides nothing: the step was begun before.
        assert_eq!(total(&mut meter), start);
        meter.driver_mut().energy[0] = 1_000;
        assert_eq!(total(&mut meter), billed, "{before} to {after}");
        assert_eq!(meter.trim(0), trim(after));
        // From there on the new one holds.
        meter.driver_mut().energy[0] = 1_001_000;
        let full = 1_000_000 + i64::from(after);
        let more = total(&mut meter) - billed;
        assert_eq!(i64::try_from(more).unwrap(), full, "{before} to {after}");
    }
}

#[test]
fn an_error_of_the_driver_changes_nothing() {
    let mut meter: Trimmed<_, 2> = Trimmed::new(Told::default());
    meter.set_trim(0, trim(100_000)).unwrap();
    meter.driver_mut().energy[0] = 10;
    meter.driver_mut().broken = true;
    assert!(block_on(meter.sample(0, Instant::START)).is_err());
    meter.driver_mut().broken = false;
    meter.driver_mut().energy[0] = 1_000;
    // All of it at 0 ppm, the lower: what was in force before the first step.
    assert_eq!(total(&mut meter), 1_000);
}

#[test]
fn a_driver_that_goes_back_takes_nothing_back_and_counts_nothing_twice() {
    let mut meter: Trimmed<_, 2> = Trimmed::new(Told::default());
    for (driver, billed) in [(1_000, 1_000), (400, 1_000), (1_000, 1_000), (1_001, 1_001)] {
        meter.driver_mut().energy[0] = driver;
        assert_eq!(total(&mut meter), billed);
    }
}

#[test]
fn the_largest_readings_do_not_overflow() {
    let mut meter: Trimmed<_, 2> = Trimmed::new(Told {
        energy: [u64::MAX; 2],
        power: u32::MAX,
        ..Told::default()
    });
    meter.set_trim(0, trim(100_000)).unwrap();
    let _ = total(&mut meter);
    meter.driver_mut().energy[0] = 0;
    assert_eq!(read(&mut meter, 0).power, Power::from_milliwatts(u32::MAX));
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Flow(u64),
    Set(i32),
    Sample,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        (0..200_000_u64).prop_map(Act::Flow),
        (-100_000..=100_000).prop_map(Act::Set),
        Just(Act::Sample),
        Just(Act::Sample),
    ];
    prop::collection::vec(act, 0..200)
}

proptest! {
    /// Against the same in exact millionths, each milliwatt-hour at the correction in force when it
    /// flowed.
    #[test]
    fn a_total_never_goes_back_and_is_never_ahead(acts in acts()) {
        let mut meter: Trimmed<_, 2> = Trimmed::new(Told::default());
        let (mut flowed, mut now, mut last) = (0_u128, 0_i32, 0);
        for act in acts {
            match act {
                Act::Flow(energy) => {
                    meter.driver_mut().energy[0] += energy;
                    flowed += u128::from(energy) * u128::from(factor(now));
                }
                Act::Set(ppm) => {
                    meter.set_trim(0, trim(ppm)).unwrap();
                    now = ppm;
                }
                Act::Sample => {
                    let total = total(&mut meter);
                    prop_assert!(total >= last);
                    prop_assert!(u128::from(total) * 1_000_000 <= flowed);
                    last = total;
                }
            }
        }
    }

    /// Under one correction the total is the exact product, rounded down once.
    #[test]
    fn a_total_under_one_correction_is_exact(
        steps in prop::collection::vec(0..10_000_000_u64, 1..100),
        ppm in -100_000..=100_000_i32,
    ) {
        let mut meter = Trimmed::with_trims(Told::default(), [trim(ppm), MeterTrim::NONE]);
        let mut sum = 0_u128;
        for step in steps {
            meter.driver_mut().energy[0] += step;
            sum += u128::from(step);
            let exact = sum * u128::from(factor(ppm)) / 1_000_000;
            prop_assert_eq!(u128::from(total(&mut meter)), exact);
        }
    }

    /// The difference of two samples exceeds what flowed by no more than the first one's resolution,
    /// a change of correction between them included.
    #[test]
    fn a_difference_is_ahead_by_no_more_than_the_resolution(
        acts in acts(),
        step in 1..95_u64,
    ) {
        let mut meter: Trimmed<_, 2> = Trimmed::new(Told::default());
        // What flowed in millionths, and in mWh; the driver shows whole steps.
        let (mut flowed, mut bare, mut now) = (0_u128, 0_u64, 0_i32);
        let mut earlier: Vec<(Sample, u128)> = Vec::new();
        for act in acts {
            match act {
                Act::Flow(energy) => {
                    bare += energy % 500;
                    flowed += u128::from(energy % 500) * u128::from(factor(now));
                    meter.driver_mut().energy[0] = bare / step * step;
                }
                Act::Set(ppm) => {
                    meter.set_trim(0, trim(ppm)).unwrap();
                    now = ppm;
                }
                Act::Sample => {
                    let sample = read(&mut meter, 0);
                    for (first, then) in &earlier {
                        let surely = u128::from(sample.surely_since(first).milliwatt_hours());
                        prop_assert!(surely * 1_000_000 <= flowed - then);
                    }
                    earlier.push((sample, flowed));
                }
            }
        }
    }
}
