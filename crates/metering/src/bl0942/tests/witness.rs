//! A restart that the count does not tell: the chip of a port that nobody has used yet.

use super::*;

/// Chip 0 without a load.
fn idle(count: u32) -> Burst {
    Burst {
        current: 0,
        power: 0,
        ..burst(count)
    }
}

/// An idle driver that was set up, its chip at zero.
fn unused(then: impl IntoIterator<Item = Bus>) -> Driver {
    let mut script = setup();
    script.extend(asked(idle(0)));
    script.extend(then);
    let mut driver = fresh(script);
    assert_eq!(at_second(&mut driver, 0).unwrap().energy, Energy::ZERO);
    driver
}

/// What follows a restart that was seen: another setup, and a burst.
fn set_up_again(burst: Burst) -> Vec<Bus> {
    let mut script = setup().split_off(1);
    script.extend(asked(burst));
    script
}

#[test]
fn an_idle_chip_is_asked_for_its_set_up_once_a_minute() {
    let minute = u64::from(WITNESS_EVERY);
    let mut script = Vec::new();
    for second in 1..=2 * minute {
        script.extend(asked(idle(0)));
        // The sample of second 0 is the first of the sixty.
        if (second + 1) % minute == 0 {
            script.extend(creep_reads(CREEP));
        }
    }
    let mut driver = unused(script);
    for second in 1..=2 * minute {
        at_second(&mut driver, second).unwrap();
    }
    assert_eq!(driver.incidents(0).unwrap(), Incidents::default());
    finish(driver);
}

#[test]
fn a_restart_from_zero_to_zero_is_seen_within_a_minute_and_set_up_again() {
    let mut script = Vec::new();
    for _ in 1..WITNESS_EVERY {
        script.extend(asked(idle(0)));
    }
    script.extend(creep_reads(CREEP_DEFAULT));
    script.extend(set_up_again(idle(0)));
    let mut driver = unused(script);
    for second in 1..=WITNESS_EVERY {
        at_second(&mut driver, second.into()).unwrap();
    }
    assert_eq!(driver.incidents(0).unwrap().restarts, 1);
    finish(driver);
}

#[test]
fn a_load_that_begins_and_a_power_below_the_threshold_are_looked_into_at_once() {
    // 300 mW, which the chip shows as zero once it is set up, and 800 W.
    for power in [187, -187, 498_720] {
        let shown = Burst { power, ..idle(0) };
        let mut script = asked(shown).to_vec();
        script.extend(creep_reads(CREEP_DEFAULT));
        script.extend(set_up_again(idle(0)));
        let mut driver = unused(script);
        at_second(&mut driver, 1).unwrap();
        at_second(&mut driver, 2).unwrap();
        assert_eq!(driver.incidents(0).unwrap().restarts, 1);
        finish(driver);
    }
}

/// The restart may be older than the last count: the steps of that one are not billed again.
#[test]
fn a_restart_that_is_seen_late_bills_no_step_twice() {
    let mut script = Vec::new();
    for count in 1..WITNESS_EVERY {
        script.extend(asked(burst(count.into())));
        if count == 1 {
            // It restarts just after this look.
            script.extend(creep_reads(CREEP));
        }
    }
    script.extend(asked(burst(WITNESS_EVERY.into())));
    script.extend(asked(burst(u32::from(WITNESS_EVERY) + 1)));
    script.extend(creep_reads(CREEP_DEFAULT));
    let mut driver = unused(script);
    for second in 1..=u64::from(WITNESS_EVERY) + 1 {
        at_second(&mut driver, second).unwrap();
    }
    let sample = driver.chips[0].register.total();
    assert_eq!(sample, mwh(u64::from(WITNESS_EVERY) + 1));
    assert_eq!(driver.incidents(0).unwrap().restarts, 1);
    finish(driver);
}

#[test]
fn a_look_that_fails_is_made_again() {
    let mut script = asked(burst(0)).to_vec();
    script.extend([
        Bus::Sends(vec![0x58, 0x14]),
        Bus::Silence,
        Bus::Silence, // the drain before the next command
    ]);
    script.extend(asked(burst(1)));
    script.extend(creep_reads(CREEP));
    let mut driver = unused(script);
    assert_eq!(at_second(&mut driver, 1), Err(Error::Timeout));
    assert_eq!(at_second(&mut driver, 2).unwrap().energy, mwh(1));
    assert_eq!(driver.incidents(0).unwrap().restarts, 0);
    finish(driver);
}
