//! The top of the counter, and restarts near it: which is told from which, and what is billed.

use super::*;

#[test]
fn the_16_bit_counter_turns_over_with_its_flip_bit() {
    let mut driver = running(0xFFF0, frames([at_381_watts(0x1_0010)]));
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(32));
    assert_eq!(driver.incidents().wraps, 0);
    finish(driver);
}

/// 381.5 W are 39.75 pulses a second: 29 surely flowed in 0.74 s, whatever is claimed up to 51.
#[test]
fn past_the_top_what_surely_flowed_is_billed_and_no_less_than_was_counted_since_zero() {
    for (before, after, billed) in [
        (0x1_FFF0, 24, 29),
        (0x1_FFF0, 16, 29),
        (0x1_FFF0, 13, 29),
        (0x1_FFFA, 34, 34),
        (0x1_FFFF, 50, 50),
    ] {
        let mut driver = running(before, frames([at_381_watts(after); 2]));
        assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(billed));
        assert_eq!(driver.incidents().wraps, 1, "{before} {after}");
        finish(driver);
    }
}

/// Tasmota #16791, `ESPHome` #15280.
#[test]
fn tasmota_16791_esphome_15280_a_chip_restart_is_not_a_turn() {
    // 39 pulses a second at 381.5 W; 130,950 is 122 below the top: claimed would be 3.4 s of it.
    for before in [60_000, 130_950] {
        let after = [at_381_watts(20), at_381_watts(24)];
        let mut driver = running(before, frames(after));
        assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(24));
        assert_eq!(driver.last_step(), Some(Step::Restarted { counts: 24 }));
        assert_eq!(driver.incidents().restarts, 1);
        finish(driver);
    }
}

/// The counter stood so near its top that both stories fit, all but the power and the time.
#[test]
fn a_restart_near_the_top_that_the_power_does_not_bear_out_is_none_of_a_turn() {
    // 16 + 12 are less than 29 surely, 16 + 36 more than 51 at the most.
    for after in [12, 36] {
        let mut driver = running(0x1_FFF0, frames([at_381_watts(after); 2]));
        assert_eq!(
            at_second(&mut driver, 1).unwrap().energy,
            mwh(u64::from(after))
        );
        assert_eq!(driver.incidents().restarts, 1, "{after}");
        finish(driver);
    }
}

#[test]
fn on_a_line_that_lost_frames_only_what_was_counted_since_zero_is_billed() {
    // Before the baseline, and after it.
    let first = at_381_watts(0x1_FFF0);
    let mut bytes = vec![0; 24];
    bytes.extend([first, first].into_iter().flat_map(Sent::bytes));
    let mut script = comes(bytes).to_vec();
    script.extend(frames([at_381_watts(20); 2]));
    let mut driver = fresh(script);
    at_second(&mut driver, 0).unwrap();
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(20));
    finish(driver);

    let mut bytes = vec![0; 24];
    bytes.extend([at_381_watts(20); 2].into_iter().flat_map(Sent::bytes));
    let mut driver = running(0x1_FFF0, comes(bytes));
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(20));
    finish(driver);
}

proptest! {
    /// A chip at one power, restarted or not, wherever its counter stood and whenever its frames came:
    /// nothing is billed that had not flowed since the baseline, but for the step begun before it.
    #[test]
    fn a_turn_or_a_restart_anywhere_bills_no_more_than_flowed(
        below_top in 1_u64..400,
        watts in 20_u64..2_500,
        interval in 300_u64..3_000,
        late in (0_u64..155, 105_u64..260),
        restart in proptest::option::of(0_u64..3_000),
        begun in 0_u64..9_597_400,
    ) {
        const PULSE: u64 = 9_597_400; // microjoules: 5,105,000 x 1.88
        let turn = u64::from(COUNTER_VALUES);
        // Moments after the baseline's, ms; power in mW, so that mW x ms are microjoules.
        let power = watts * 1000;
        let read = interval + late.1 - late.0;
        let flowed = power * read;
        let first = turn - below_top;
        let count = match restart {
            Some(at) if at < read => power * (read - at) / PULSE,
            _ => (first + (begun + flowed) / PULSE) % turn,
        };
        let period = u32::try_from(PULSE * 1000 / power).unwrap();
        let sent = |count: u64| Sent {
            power: period,
            ..at_381_watts(u32::try_from(count).unwrap())
        };
        let mut script = frames([sent(first); 2]).to_vec();
        // The second look, for a count that does not follow.
        script.push(Bus::Silence);
        script.push(Bus::Answers([sent(count), sent(count)].map(Sent::bytes).concat()));
        let mut driver = fresh(script);
        at_second(&mut driver, 0).unwrap();
        let sample = block_on(driver.sample(0, Instant::from_millis(interval))).unwrap();
        let billed = driver.last_step().unwrap().counts();
        prop_assert!(u64::from(billed) * PULSE <= flowed + begun, "{billed} pulses");
        prop_assert!(sample.energy <= mwh(u64::from(billed)));
    }
}
