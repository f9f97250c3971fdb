//! The driver against the chip, in virtual time.

use super::*;

#[test]
fn a_sample_shows_the_load() {
    let mut bench = Bench::<1>::started();
    bench.chip(0).set_load(watts(800));
    let sample = bench.sample(0).unwrap();
    let near = |read: u32, wanted: u32| assert!(read.abs_diff(wanted) <= wanted / 10_000 + 2);
    near(sample.power.milliwatts(), 800_000);
    near(sample.voltage.millivolts(), 230_000);
    near(sample.current.milliamperes(), 3_478);
}

#[test]
fn a_day_without_a_load_counts_nothing_whatever_the_noise() {
    let mut bench = Bench::<1>::started();
    // Just below the driver's threshold of 489 mW, and twice the chip's own.
    bench.chip(0).set_noise(Power::from_milliwatts(480), 7);
    for _ in 0..24 * 3_600 {
        bench.pass(1_000);
        let sample = bench.sample(0).unwrap();
        assert_eq!((sample.energy, sample.power), (Energy::ZERO, Power::ZERO));
    }
}

#[test]
fn four_chips_on_one_line_keep_apart() {
    let mut bench = Bench::<4>::started();
    for channel in 0..4_u32 {
        bench.chip(channel as usize).set_load(watts(200 * channel));
    }
    bench.pass(3_600_000);
    for channel in 0..4 {
        let energy = microjoules(bench.sample(channel).unwrap().energy);
        let delivered = bench.chip(channel).delivered_microjoules();
        assert!(energy <= delivered && energy + STEP_UJ + 3_600_000 > delivered);
    }
}

#[test]
fn active_power_is_billed_at_a_poor_power_factor() {
    let mut bench = Bench::<1>::started();
    bench.chip(0).set_load(Load {
        power: Power::from_watts(300),
        voltage: MAINS,
        current: Current::from_milliamperes(3_400), // 782 VA
    });
    bench.pass(3_600_000);
    let energy = bench.sample(0).unwrap().energy;
    assert!(energy <= Energy::from_watt_hours(300), "{energy}");
    assert!(energy > Energy::from_milliwatt_hours(299_800), "{energy}");
}

#[test]
fn reversed_wiring_reads_as_no_power() {
    let mut bench = Bench::<1>::started();
    bench.chip(0).set_reversed(true);
    bench.chip(0).set_load(watts(800));
    assert_eq!(bench.sample(0).unwrap().power, Power::ZERO);
}

#[test]
fn a_wrap_loses_nothing() {
    let mut bench = Bench::<1>::new();
    bench.chip(0).set_count(0xFF_FFF0);
    let _ = bench.sample(0).unwrap();
    bench.chip(0).set_load(watts(1_000));
    for _ in 0..3_600 {
        bench.pass(1_000);
        let _ = bench.sample(0).unwrap();
    }
    assert_eq!(bench.meter.incidents(0).unwrap().wraps, 1);
    let energy = bench.sample(0).unwrap().energy;
    assert!(energy <= Energy::from_watt_hours(1_000), "{energy}");
    assert!(energy > Energy::from_milliwatt_hours(999_800), "{energy}");
}

/// Tasmota #16791, `ESPHome` #15280.
#[test]
fn the_total_never_jumps_after_a_reset_wherever_the_counter_stood() {
    for start in [0, 1, 5_000, 0xFF_FFF0, 0xFF_FFFE, 0xFF_FFFF] {
        let mut bench = Bench::<1>::new();
        bench.chip(0).set_count(start);
        let _ = bench.sample(0).unwrap();
        bench.chip(0).set_load(watts(1_000));
        bench.pass(500);
        bench.chip(0).reset();
        for _ in 0..10 {
            bench.pass(1_000);
            let energy = microjoules(bench.sample(0).unwrap().energy);
            let delivered = bench.chip(0).delivered_microjoules();
            assert!(energy <= delivered, "{start}: {energy} of {delivered}");
            // The reset throws the part of a step away; and where it happened at a count of 1,
            // the first step after it looks like no step at all.
            assert!(
                energy + 3 * STEP_UJ > delivered,
                "{start}: {energy} of {delivered}"
            );
        }
    }
}

#[test]
fn a_dead_chip_is_a_timeout_within_its_time_and_its_energy_comes_later() {
    let mut bench = Bench::<2>::started();
    bench.chip(0).set_load(watts(1_000));
    bench.chip(0).inject(Fault::Dead, u32::MAX);
    let before = bench.clock.get();
    assert_eq!(bench.sample(0), Err(Error::Timeout));
    assert!(
        bench.clock.get() - before <= 60,
        "{} ms",
        bench.clock.get() - before
    );
    assert!(bench.sample(1).is_ok(), "its neighbour answers");
    bench.pass(3_600_000);
    bench.chip(0).inject(Fault::Dead, 0);
    let energy = bench.sample(0).unwrap().energy;
    assert!(energy > Energy::from_milliwatt_hours(999_800), "{energy}");
}

#[test]
fn one_bad_answer_of_any_kind_is_not_even_seen() {
    for fault in [
        Fault::Garbage,
        Fault::Checksum,
        Fault::Truncated,
        Fault::Extra,
        Fault::Spike { counts: 90_000 },
        Fault::Spike {
            counts: (1 << 24) - 4,
        },
    ] {
        let mut bench = Bench::<1>::started();
        bench.chip(0).set_load(watts(800));
        bench.pass(60_000);
        bench.chip(0).inject(fault, 1);
        for _ in 0..3 {
            let sample = bench.sample(0).unwrap();
            assert!(sample.power < Power::from_watts(801), "{fault:?}");
            // 48 kJ: 71 steps.
            assert_eq!(
                sample.energy.milliwatt_hours(),
                71 * 186_893_813 / 1_000_000
            );
            assert!(matches!(
                bench.meter.last_step(0),
                Some(Step::Counted { .. })
            ));
        }
    }
}

#[test]
fn a_spike_that_stays_is_refused_and_never_billed() {
    let mut bench = Bench::<1>::started();
    bench.chip(0).set_load(watts(800));
    bench.pass(1_000);
    bench.chip(0).inject(Fault::Spike { counts: 90_000 }, 2);
    assert_eq!(bench.sample(0).unwrap().energy, Energy::ZERO);
    assert_eq!(bench.meter.incidents(0).unwrap().refusals, 1);
    bench.pass(1_000);
    // 1600 J: two steps.
    assert_eq!(
        bench.sample(0).unwrap().energy,
        Energy::from_milliwatt_hours(373)
    );
}

#[test]
fn interference_before_a_frame_is_drained() {
    let mut bench = Bench::<1>::started();
    bench.bus.interfere(&[0x55; 30]);
    assert!(bench.sample(0).is_ok());
}

/// 1,000 W at 230 V are 4.35 A; 150 % of that are 6.52 A.
#[test]
fn i7_trips_an_overload_beyond_the_limit_is_seen_within_200_ms_on_four_channels() {
    let mut bench = Bench::<4>::started();
    let limit = Current::from_milliamperes(6_522);
    for channel in 0..4 {
        bench.meter.set_over_current(channel, Some(limit));
        let _ = bench.sample(channel).unwrap();
        bench.chip(channel).set_load(watts(1_490));
        assert!(!bench.sample(channel).unwrap().over_current);
        assert!(!bench.chip(channel).over_current_pin());
    }
    bench.chip(2).set_load(watts(1_520));
    assert!(bench.chip(2).over_current_pin(), "the chip by itself");
    let mut over = [false; 4];
    for (channel, over) in over.iter_mut().enumerate() {
        *over = block_on(bench.meter.over_current(channel)).unwrap();
        // The line's time: two readings of six bytes at the most.
        bench.pass(2 * 7);
    }
    assert_eq!(over, [false, false, true, false]);
    assert!(bench.clock.get() < 200, "{} ms", bench.clock.get());
    assert!(bench.sample(2).unwrap().over_current);
}

#[test]
fn a_chip_that_restarts_gets_its_limit_back() {
    let mut bench = Bench::<1>::started();
    bench
        .meter
        .set_over_current(0, Some(Current::from_milliamperes(6_522)));
    bench.chip(0).set_load(watts(1_600));
    for _ in 0..3 {
        bench.pass(10_000);
        let _ = bench.sample(0).unwrap();
    }
    assert!(bench.chip(0).over_current_pin());
    bench.chip(0).reset();
    assert!(!bench.chip(0).over_current_pin());
    for _ in 0..2 {
        bench.pass(1_000);
        assert!(bench.sample(0).unwrap().over_current);
    }
    assert!(bench.chip(0).over_current_pin());
}

#[derive(Debug, Clone, Copy)]
enum Happening {
    Load(u32),
    Fault(Fault),
    Reset,
    PowerLoss(u64),
    Interference(u8),
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let fault = prop_oneof![
        Just(Fault::Dead),
        Just(Fault::Garbage),
        Just(Fault::Checksum),
        Just(Fault::Truncated),
        Just(Fault::Extra),
        (0_u32..1 << 24).prop_map(|counts| Fault::Spike { counts }),
    ];
    prop_oneof![
        4 => (0_u32..3_000_000).prop_map(Happening::Load),
        2 => fault.prop_map(Happening::Fault),
        1 => Just(Happening::Reset),
        1 => (0_u64..100_000).prop_map(Happening::PowerLoss),
        1 => any::<u8>().prop_map(Happening::Interference),
    ]
}

proptest! {
    #[test]
    fn the_measured_energy_is_within_one_step_of_the_truth_and_never_above(
        start in 0_u32..1 << 24,
        loads in proptest::collection::vec((1_000_u32..2_500_000, 1_u64..300), 1..60),
    ) {
        let mut bench = Bench::<1>::new();
        bench.chip(0).set_count(start | 0xFF_F000);
        let _ = bench.sample(0).unwrap();
        for (power, seconds) in loads {
            bench.chip(0).set_load(milliwatts(power));
            for _ in 0..seconds {
                bench.pass(1_000);
                let energy = microjoules(bench.sample(0).unwrap().energy);
                let delivered = bench.chip(0).delivered_microjoules();
                prop_assert!(energy <= delivered);
                prop_assert!(energy + STEP_UJ + 3_600_000 > delivered);
            }
        }
    }

    /// I3, the meter's part: between any two samples no more is billed than flowed, and at
    /// most 0.4 Wh less.
    #[test]
    fn i3_one_sided_between_any_two_samples(
        before in 0_u64..10_000_000,
        power in 1_000_u32..2_500_000,
        time in 0_u64..20_000_000,
    ) {
        let mut bench = Bench::<1>::started();
        bench.chip(0).set_load(milliwatts(power));
        bench.pass(before);
        let first = bench.sample(0).unwrap();
        let at_first = bench.chip(0).delivered_microjoules();
        bench.pass(time);
        let last = bench.sample(0).unwrap();
        let delivered = bench.chip(0).delivered_microjoules() - at_first;
        let billed = microjoules(last.surely_since(&first));
        prop_assert!(billed <= delivered, "{billed} of {delivered}");
        prop_assert!(billed + 400 * 3_600_000 > delivered, "{billed} of {delivered}");
    }

    #[test]
    fn i3_one_sided_whatever_happens_to_the_chip_and_the_line(
        happenings in proptest::collection::vec((any_happening(), 0_u64..5_000), 1..200),
    ) {
        let mut bench = Bench::<2>::started();
        let mut before = Energy::ZERO;
        for (happening, time) in happenings {
            let chip = bench.chip(0);
            match happening {
                Happening::Load(power) => chip.set_load(milliwatts(power)),
                // One answer: the second look is good.
                Happening::Fault(fault) => chip.inject(fault, 1),
                Happening::Reset => chip.reset(),
                Happening::PowerLoss(time) => {
                    chip.set_powered(false);
                    bench.pass(time);
                    let _ = bench.sample(0);
                    chip.set_powered(true);
                }
                Happening::Interference(byte) => bench.bus.interfere(&[byte]),
            }
            bench.pass(time);
            if let Ok(sample) = bench.sample(0) {
                prop_assert!(sample.energy >= before);
                before = sample.energy;
                let delivered = chip.delivered_microjoules();
                prop_assert!(microjoules(before) <= delivered, "{before} of {delivered}");
            }
            prop_assert!(bench.sample(1).is_ok());
        }
    }
}
