//! The fast over-current channel, byte by byte.

use super::*;
use pile_units::Current;

/// 6.5 A: 150 % of 1,000 W at 230 V. 251,213 x 6.5 x 0.363 = 592,737, of which the upper 16 bits
/// are 2,315 = 090B.
const LIMIT: Current = Current::from_milliamperes(6_500);
const THRESHOLD: [u8; 3] = [0x0B, 0x09, 0x00];

/// The setup with a limit, after the first drain.
fn setup_with_limit() -> Vec<Bus> {
    let mut script = setup().split_off(1);
    let locked = script.remove(3);
    let checks = script.split_off(3);
    let [low, high, _] = THRESHOLD;
    script.extend([
        Bus::Sends(vec![0xA8, 0x15, low, high, 0x00, 0x2E]),
        Bus::Sends(vec![0xA8, 0x16, 0x01, 0x00, 0x00, 0x40]),
        Bus::Sends(vec![0xA8, 0x18, 0x25, 0x00, 0x00, 0x1A]),
        locked,
    ]);
    script.extend(checks);
    script.extend(reads(0x15, THRESHOLD));
    script
}

/// A register read and its answer.
fn reads(register: u8, [low, middle, high]: [u8; 3]) -> [Bus; 2] {
    let sum = [0x58, register, low, middle, high]
        .iter()
        .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    [
        Bus::Sends(vec![0x58, register]),
        Bus::Answers(vec![low, middle, high, !sum]),
    ]
}

fn limited(then: impl IntoIterator<Item = Bus>) -> Driver {
    let mut script = vec![Bus::Silence];
    script.extend(setup_with_limit());
    script.extend(asked(burst(7)));
    script.extend(then);
    let mut driver = Bl0942::new(
        Script(script.into()),
        NoopDelay::new(),
        [figures(); 2],
        Config {
            over_current: Some(LIMIT),
            ..Config::default()
        },
    );
    assert!(!at_second(&mut driver, 0).unwrap().over_current);
    driver
}

/// Chip 0 at 7 A of a surge that the slow registers have not seen yet.
fn surge(count: u32) -> Burst {
    Burst {
        current: 7 * 251_213,
        ..burst(count)
    }
}

#[test]
fn a_limit_is_written_as_its_upper_16_bits_with_the_pins_and_one_cycle() {
    finish(limited([]));
}

#[test]
fn without_a_limit_nothing_of_it_is_written_and_nothing_is_over() {
    let mut script = Vec::new();
    script.extend(asked(surge(8)));
    let mut driver = running(7, script);
    assert!(!at_second(&mut driver, 1).unwrap().over_current);
    assert_eq!(block_on(driver.over_current(0)), Ok(false));
    finish(driver);
}

#[test]
fn a_current_over_the_limit_is_in_the_sample_after_a_second_look() {
    let mut script = asked(surge(8)).to_vec();
    script.extend(asked(surge(8)));
    let mut driver = limited(script);
    assert!(at_second(&mut driver, 1).unwrap().over_current);
    finish(driver);
}

#[test]
fn a_single_fast_reading_over_the_limit_opens_no_relay() {
    let mut script = asked(surge(8)).to_vec();
    script.extend(asked(burst(8)));
    script.extend(reads(0x05, [0x00, 0x0B, 0x09])); // exactly at the limit
    script.extend(reads(0x05, [0xFF, 0x0A, 0x09])); // one below
    let mut driver = limited(script);
    assert!(!at_second(&mut driver, 1).unwrap().over_current);
    assert_eq!(block_on(driver.over_current(0)), Ok(false));
    finish(driver);
}

#[test]
fn the_fast_reading_alone_is_six_bytes_and_tells_the_limit_itself_as_over() {
    let mut script = reads(0x05, [0x00, 0x0B, 0x09]).to_vec();
    script.extend(reads(0x05, [0x00, 0x0B, 0x09]));
    let mut driver = limited(script);
    assert_eq!(block_on(driver.over_current(0)), Ok(true));
    assert_eq!(block_on(driver.over_current(2)), Err(Error::NoSuchChannel));
    finish(driver);
}

#[test]
fn a_limit_that_the_chip_does_not_take_is_an_error() {
    let mut script = vec![Bus::Silence];
    script.extend(setup_with_limit());
    script.pop();
    script.push(Bus::Answers(vec![0xFF, 0xFF, 0x00, 0x94]));
    let mut driver = Bl0942::new(
        Script(script.into()),
        NoopDelay::new(),
        [figures(); 2],
        Config {
            over_current: Some(LIMIT),
            ..Config::default()
        },
    );
    assert_eq!(
        at_second(&mut driver, 0),
        Err(Error::NotAccepted(Register::FastCurrentThreshold))
    );
    finish(driver);
}

#[test]
fn a_limit_can_be_set_and_taken_away_while_running() {
    let mut script = setup_with_limit();
    script.extend(asked(burst(8)));
    let mut off = setup_with_limit();
    off[3] = Bus::Sends(vec![0xA8, 0x15, 0xFF, 0xFF, 0x00, 0x44]);
    let answer = off.len() - 1;
    off[answer] = Bus::Answers(vec![0xFF, 0xFF, 0x00, 0x94]);
    script.extend(off);
    script.extend(asked(surge(9)));
    let mut driver = running(7, script);
    driver.set_over_current(0, Some(LIMIT));
    assert!(!at_second(&mut driver, 1).unwrap().over_current);
    driver.set_over_current(0, Some(LIMIT)); // the same: nothing to write
    driver.set_over_current(0, None);
    driver.set_over_current(9, None);
    assert!(!at_second(&mut driver, 2).unwrap().over_current);
    finish(driver);
}

#[test]
fn a_limit_is_never_later_than_asked_for_and_one_beyond_the_register_is_none() {
    let register = |milliamperes| {
        let limit = Some(Current::from_milliamperes(milliamperes));
        Config::over_current_register(limit, &figures())
    };
    assert_eq!(register(6_500), 0x090B);
    assert_eq!(register(0), 1, "0 would be over at no current at all");
    assert_eq!(register(u32::MAX), FAST_THRESHOLD_OFF);
    for milliamperes in (1_000..40_000).step_by(77) {
        // Over at the limit itself, and not yet 0.5 % and a step of 2.9 mA below it.
        let raw = |milliamperes: u32| fast(figures().current.invert(milliamperes));
        assert!(is_over(raw(milliamperes + 1), register(milliamperes)));
        let below = milliamperes - milliamperes / 200 - 4;
        assert!(!is_over(raw(below), register(milliamperes)), "{below}");
    }
}
