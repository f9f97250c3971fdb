use super::*;
use proptest::prelude::*;

/// The reference circuit's step.
const STEP_PWH: u64 = 186_893_813_502;
const TOP: u32 = MODULUS - 1;

fn register() -> EnergyRegister {
    let step = EnergyPerCount::from_picowatt_hours(STEP_PWH).unwrap();
    EnergyRegister::new(step, Power::from_watts(4_000))
}

/// A register that has believed `count` at second 0.
fn register_at(count: u32) -> EnergyRegister {
    let mut register = register();
    assert_eq!(
        register.advance(count, second(0), Continuity::Unknown),
        Step::Baseline
    );
    register
}

fn second(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn energy_of(counts: u64) -> Energy {
    let exact = u128::from(counts) * u128::from(STEP_PWH) / 1_000_000_000;
    Energy::from_milliwatt_hours(u64::try_from(exact).unwrap())
}

#[test]
fn the_first_count_is_the_baseline_and_counts_nothing() {
    let register = register_at(1_234_567);
    assert_eq!(register.total(), Energy::ZERO);
}

#[test]
fn four_kilowatts_and_two_steps_are_allowed_and_no_more() {
    // 672.8 J a step: 5.9 steps a second.
    assert_eq!(register().allowed(Duration::ZERO), 2);
    assert_eq!(register().allowed(Duration::from_seconds(1)), 5 + 2);
    let mut at_bound = register_at(100);
    assert_eq!(
        at_bound.advance(107, second(1), Continuity::SameRun),
        Step::Counted { counts: 7 }
    );
    let mut beyond = register_at(100);
    assert_eq!(
        beyond.advance(108, second(1), Continuity::SameRun),
        Step::Refused(Refusal {
            counts: 8,
            allowed: 7
        })
    );
    assert_eq!(beyond.total(), Energy::ZERO);
}

#[test]
fn the_fraction_of_a_milliwatt_hour_is_carried() {
    let mut register = register_at(0);
    for count in 1..=10_000 {
        let step = register.advance(count, second(count.into()), Continuity::SameRun);
        assert_eq!(step, Step::Counted { counts: 1 });
    }
    assert_eq!(register.total(), energy_of(10_000));
    assert_ne!(register.total().milliwatt_hours(), 10_000 * 186);
}

#[test]
fn a_wrap_is_counted_across_the_top() {
    let mut register = register_at(TOP - 1);
    assert_eq!(
        register.advance(2, second(1), Continuity::SameRun),
        Step::Wrapped { counts: 4 }
    );
    assert_eq!(register.total(), energy_of(4));
}

/// Tasmota #16791, `ESPHome` #15280: the total jumps.
#[test]
fn a_chip_reset_is_never_taken_for_a_wrap_of_3_mwh() {
    for continuity in [
        Continuity::Unknown,
        Continuity::Restarted,
        Continuity::SameRun,
    ] {
        let mut register = register_at(5_000);
        for (time, count) in [(1, 0), (2, 1), (3, 2), (4, 3)] {
            // Evidence of the restart is there once; then the chip runs on.
            let known = if count > 0 && continuity == Continuity::Restarted {
                Continuity::SameRun
            } else {
                continuity
            };
            let _ = register.advance(count, second(time), known);
            assert!(register.total() <= energy_of(3), "{continuity:?}");
        }
    }
}

#[test]
fn the_steps_since_a_known_reset_are_counted() {
    let mut register = register_at(5_000);
    assert_eq!(
        register.advance(4, second(1), Continuity::Restarted),
        Step::Restarted { counts: 4 }
    );
    assert_eq!(
        register.advance(5, second(2), Continuity::SameRun),
        Step::Counted { counts: 1 }
    );
    assert_eq!(register.total(), energy_of(5));
}

#[test]
fn a_count_too_large_for_the_time_since_a_reset_is_refused() {
    let mut register = register_at(5_000);
    let step = register.advance(8, second(1), Continuity::Restarted);
    assert_eq!(
        step,
        Step::Refused(Refusal {
            counts: 8,
            allowed: 7
        })
    );
    assert_eq!(register.total(), Energy::ZERO);
}

#[test]
fn a_suspected_reset_is_counted_once_a_second_count_confirms_it() {
    let mut register = register_at(5_000);
    assert!(matches!(
        register.advance(2, second(1), Continuity::Unknown),
        Step::Refused(_)
    ));
    assert_eq!(
        register.advance(4, second(2), Continuity::Unknown),
        Step::Restarted { counts: 4 }
    );
    assert_eq!(register.total(), energy_of(4));
}

/// Tasmota #5793, `OpenBK` #785.
#[test]
fn a_spike_in_any_direction_adds_nothing_and_loses_nothing() {
    for spike in [0, 3, 4_990, 6_000, 1_000_000, TOP] {
        for continuity in [Continuity::Unknown, Continuity::SameRun] {
            let mut register = register_at(5_000);
            let step = register.advance(spike, second(1), continuity);
            assert!(matches!(step, Step::Refused(_)), "{spike}: {step:?}");
            let step = register.advance(5_002, second(2), continuity);
            assert_eq!(step, Step::Counted { counts: 2 }, "{spike}");
            assert_eq!(register.total(), energy_of(2));
        }
    }
}

#[test]
fn a_spike_is_forgotten_and_confirms_no_later_one() {
    let mut register = register_at(5_000);
    assert!(matches!(
        register.advance(90_000, second(1), Continuity::SameRun),
        Step::Refused(_)
    ));
    let _ = register.advance(5_001, second(2), Continuity::SameRun);
    assert!(matches!(
        register.advance(90_003, second(3), Continuity::SameRun),
        Step::Refused(_)
    ));
    assert_eq!(register.total(), energy_of(1));
}

#[test]
fn two_different_spikes_in_a_row_add_nothing() {
    let mut register = register_at(5_000);
    assert!(matches!(
        register.advance(90_000, second(1), Continuity::SameRun),
        Step::Refused(_)
    ));
    assert!(matches!(
        register.advance(20_000, second(2), Continuity::SameRun),
        Step::Refused(_)
    ));
    assert_eq!(
        register.advance(5_001, second(3), Continuity::SameRun),
        Step::Counted { counts: 1 }
    );
}

#[test]
fn counting_goes_on_from_a_jump_that_is_confirmed() {
    let mut register = register_at(5_000);
    assert!(matches!(
        register.advance(90_000, second(1), Continuity::SameRun),
        Step::Refused(_)
    ));
    assert_eq!(
        register.advance(90_003, second(2), Continuity::SameRun),
        Step::Recovered { counts: 3 }
    );
    assert_eq!(
        register.advance(90_004, second(3), Continuity::SameRun),
        Step::Counted { counts: 1 }
    );
    assert_eq!(
        register.total(),
        energy_of(4),
        "the jump itself is nobody's"
    );
}

#[test]
fn a_first_count_that_was_a_spike_costs_no_more_than_the_second_reading() {
    let mut register = register_at(90_000);
    assert!(matches!(
        register.advance(3, second(1), Continuity::SameRun),
        Step::Refused(_)
    ));
    assert_eq!(
        register.advance(4, second(2), Continuity::SameRun),
        Step::Recovered { counts: 1 }
    );
    assert_eq!(register.total(), energy_of(1));
}

#[test]
fn a_gap_is_counted_whole_where_it_is_possible() {
    let mut register = register_at(5_000);
    let hour = register.advance(5_000 + 5_350, second(3_600), Continuity::SameRun);
    assert_eq!(hour, Step::Counted { counts: 5_350 });
}

#[test]
fn a_clock_that_stands_still_allows_the_slack_only() {
    let mut register = register_at(0);
    assert_eq!(
        register.advance(2, second(0), Continuity::SameRun),
        Step::Counted { counts: 2 }
    );
    assert!(matches!(
        register.advance(5, second(0), Continuity::SameRun),
        Step::Refused(_)
    ));
}

#[test]
fn the_resolution_is_a_step_rounded_up_and_the_rounding_of_a_reading() {
    assert_eq!(
        register().resolution(),
        Energy::from_milliwatt_hours(187 + 1)
    );
}

#[test]
fn a_counter_of_another_size_wraps_after_its_own_top() {
    let mut register = register().counting_to(10_000_000);
    let _ = register.advance(9_999_998, second(0), Continuity::Unknown);
    assert_eq!(
        register.advance(1, second(1), Continuity::Unknown),
        Step::Wrapped { counts: 3 }
    );
    assert_eq!(register.allowed(Duration::from_hours(100_000)), 9_999_999);
}

#[test]
fn a_reading_that_may_come_late_is_allowed_what_flowed_until_then() {
    // 4 kW for 168.2 ms are a step.
    let mut register = register().read_within(Duration::from_millis(169));
    let _ = register.advance(0, second(0), Continuity::Unknown);
    assert_eq!(register.allowed(Duration::ZERO), SLACK + 1);
    assert_eq!(
        register.advance(3, second(0), Continuity::Unknown),
        Step::Counted { counts: 3 }
    );
}

#[test]
fn a_whole_turn_of_a_large_counter_and_step_overflows_nothing() {
    let step = EnergyPerCount::from_picowatt_hours(1_999_999_999_999).unwrap();
    let mut register =
        EnergyRegister::new(step, Power::from_milliwatts(u32::MAX)).counting_to(2_000_000_000);
    let _ = register.advance(1, second(0), Continuity::Unknown);
    let years = Instant::from_millis(u64::MAX / 2);
    let _ = register.advance(0, years, Continuity::Unknown);
    let exact = 1_999_999_999_u128 * 1_999_999_999_999 / 1_000_000_000;
    assert_eq!(
        u128::from(register.total().milliwatt_hours()),
        exact,
        "a carry included"
    );
}

fn any_continuity() -> impl Strategy<Value = Continuity> {
    prop_oneof![
        Just(Continuity::Unknown),
        Just(Continuity::SameRun),
        Just(Continuity::Restarted)
    ]
}

proptest! {
    #[test]
    fn any_counter_with_wraps_equals_the_true_total(
        start in 0..=TOP,
        deltas in proptest::collection::vec((0_u32..=7, 1_u64..5), 0..400),
    ) {
        // Start close to the top half the time, so that wraps are met.
        let mut count = start | 0xFF_FF00;
        let mut register = register();
        let _ = register.advance(count, second(0), Continuity::Unknown);
        let (mut time, mut truth) = (0, 0_u64);
        for (delta, seconds) in deltas {
            time += seconds;
            truth += u64::from(delta);
            count = (count + delta) & TOP;
            let step = register.advance(count, second(time), Continuity::Unknown);
            prop_assert_eq!(step.counts(), delta);
        }
        prop_assert_eq!(register.total(), energy_of(truth));
    }

    #[test]
    fn any_split_of_the_reads_gives_the_same_energy(
        deltas in proptest::collection::vec(0_u32..=5, 1..300),
        read_at in proptest::collection::vec(any::<bool>(), 300),
    ) {
        let mut every = register_at(TOP - 200);
        let mut some = every;
        let mut count = TOP - 200;
        let last = deltas.len() - 1;
        for (index, delta) in deltas.into_iter().enumerate() {
            let now = second(u64::try_from(index).unwrap() + 1);
            count = (count + delta) & TOP;
            let _ = every.advance(count, now, Continuity::SameRun);
            if read_at[index] || index == last {
                let _ = some.advance(count, now, Continuity::SameRun);
            }
        }
        prop_assert_eq!(every.total(), some.total());
    }

    #[test]
    fn the_total_never_goes_back_and_never_beyond_physics(
        readings in proptest::collection::vec((any::<u32>(), 0_u64..10_000, any_continuity()), 1..300),
    ) {
        let mut register = register();
        let (mut time, mut steps, mut before) = (0, 0_u64, Energy::ZERO);
        for (count, millis, continuity) in readings {
            time += millis;
            steps += u64::from(SLACK);
            let _ = register.advance(count, Instant::from_millis(time), continuity);
            prop_assert!(register.total() >= before);
            before = register.total();
            // 4 kW are 4 mWh in 3.6 ms.
            let bound = time * 4_000 / 3_600 + 1 + energy_of(steps).milliwatt_hours();
            prop_assert!(before.milliwatt_hours() <= bound, "{before} in {time} ms");
        }
    }

    #[test]
    fn single_spikes_and_resets_never_put_the_total_ahead_of_what_flowed(
        start in 0..=TOP,
        events in proptest::collection::vec((0_u32..=5, 0_u8..20, any::<u32>()), 1..300),
    ) {
        // What a driver does: evidence at hand, a spike at most every other reading.
        let mut register = register();
        let (mut count, mut truth, mut first) = (start, 0_u64, true);
        let mut spiked = false;
        let mut continuity = Continuity::SameRun;
        for (index, (delta, event, noise)) in events.into_iter().enumerate() {
            let now = second(u64::try_from(index).unwrap());
            if event == 0 {
                count = 0;
                continuity = Continuity::Restarted;
            }
            truth += if first { 0 } else { u64::from(delta) };
            count = (count + delta) & TOP;
            let spike = event == 1 && !spiked && continuity == Continuity::SameRun
                && !register.follows(noise, now);
            spiked = spike;
            let step = register.advance(if spike { noise } else { count }, now, continuity);
            continuity = Continuity::SameRun;
            first &= step != Step::Baseline;
            prop_assert!(register.total() <= energy_of(truth));
        }
    }
}
