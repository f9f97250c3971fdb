//! What a count may be that does not follow: a spike, a turn, a reset.

use super::*;

/// Tasmota #5793, `OpenBK` #785: 30 A with a good check sum.
#[test]
fn tasmota_5793_openbk_785_a_spike_of_30_amperes_is_gone_on_the_second_look() {
    let spike = Burst {
        current: 7_536_390,
        power: 4_301_460,
        ..burst(9_000)
    };
    let mut script = asked(spike).to_vec();
    script.extend(asked(burst(8)));
    let mut driver = running(7, script);
    let sample = at_second(&mut driver, 1).unwrap();
    assert!(sample.power < Power::from_watts(801));
    assert_eq!(sample.energy, mwh(1));
    finish(driver);
}

#[test]
fn a_power_beyond_the_wire_that_stays_is_reported_for_the_overload_trip() {
    let surge = Burst {
        power: 4_301_460,
        ..burst(8)
    };
    let mut script = asked(surge).to_vec();
    script.extend(asked(surge));
    let mut driver = running(7, script);
    assert!(at_second(&mut driver, 1).unwrap().power > Power::from_watts(6_800));
    finish(driver);
}

#[test]
fn tasmota_5793_openbk_785_a_count_spike_that_stays_is_refused_and_never_billed() {
    let mut script = Vec::new();
    for count in [90_000, 90_000] {
        script.extend(asked(burst(count)));
    }
    script.extend(creep_reads(CREEP));
    script.extend(asked(burst(8)));
    let mut driver = running(7, script);
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, Energy::ZERO);
    assert!(matches!(driver.last_step(0), Some(Step::Refused(_))));
    assert_eq!(driver.incidents(0).unwrap().refusals, 1);
    assert_eq!(at_second(&mut driver, 2).unwrap().energy, mwh(1));
    finish(driver);
}

#[test]
fn a_wrap_is_told_by_the_configuration_that_is_still_there() {
    let mut script = Vec::new();
    for _ in 0..2 {
        script.extend(asked(burst(1)));
    }
    script.extend(creep_reads(CREEP));
    let mut driver = running(0xFF_FFFF, script);
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(2));
    assert_eq!(
        driver.incidents(0).unwrap(),
        Incidents {
            wraps: 1,
            ..Incidents::default()
        }
    );
    finish(driver);
}

/// Tasmota #16791, `ESPHome` #15280; here with the counter so near its top that counts alone
/// cannot tell.
#[test]
fn tasmota_16791_esphome_15280_a_chip_reset_is_not_a_counter_wrap() {
    for baseline in [500_000, 0xFF_FFFF] {
        let mut script = Vec::new();
        for _ in 0..2 {
            script.extend(asked(burst(1)));
        }
        script.extend(creep_reads(CREEP_DEFAULT));
        script.extend(setup().split_off(1));
        script.extend(asked(burst(2)));
        let mut driver = running(baseline, script);
        assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(1));
        assert_eq!(driver.last_step(0), Some(Step::Restarted { counts: 1 }));
        assert_eq!(at_second(&mut driver, 2).unwrap().energy, mwh(2));
        assert_eq!(driver.incidents(0).unwrap().restarts, 1);
        finish(driver);
    }
}
