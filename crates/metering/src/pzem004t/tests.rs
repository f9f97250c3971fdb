//! The bus as the manual has it: which bytes go out, which come back.

use super::*;
use crate::script::{Bus, Noise, Script};
use embassy_futures::block_on;
use embedded_hal_mock::eh1::delay::NoopDelay;
use embedded_io_async::ErrorKind;
use pile_units::Energy;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

type Driver = Pzem004t<Script, NoopDelay, 2>;

fn with_crc(mut bytes: Vec<u8>) -> Vec<u8> {
    // The CRC of each is checked against the published frame below.
    let [low, high] = crc(&bytes).to_le_bytes();
    bytes.extend([low, high]);
    bytes
}

/// The answer of module `address` at 230.0 V, 3.478 A, 800.0 W.
fn answer(address: u8, watt_hours: u32) -> Vec<u8> {
    answer_at(address, watt_hours, 8_000)
}

fn answer_at(address: u8, watt_hours: u32, deciwatts: u32) -> Vec<u8> {
    let mut bytes = vec![address, 0x04, 20, 0x08, 0xFC, 0x0D, 0x96, 0, 0];
    for value in [deciwatts, watt_hours] {
        let [high0, high1, low0, low1] = value.to_be_bytes();
        bytes.extend([low0, low1, high0, high1]);
    }
    bytes.extend([0x01, 0xF4, 0, 100, 0, 0]);
    with_crc(bytes)
}

fn ask() -> Bus {
    Bus::Sends(vec![0x01, 0x04, 0x00, 0x00, 0x00, 0x0A, 0x70, 0x0D])
}

fn asked(watt_hours: u32) -> [Bus; 2] {
    [ask(), Bus::Answers(answer(1, watt_hours))]
}

fn fresh(script: Vec<Bus>) -> Driver {
    let addresses = [1, 2].map(|address| Address::new(address).unwrap());
    Pzem004t::new(
        Script(script.into()),
        NoopDelay::new(),
        addresses,
        Config::default(),
    )
}

/// A driver that has module 1's baseline at second 0.
fn running(baseline: u32, then: impl IntoIterator<Item = Bus>) -> Driver {
    let mut script = vec![Bus::Silence];
    script.extend(asked(baseline));
    script.extend(then);
    let mut driver = fresh(script);
    assert_eq!(at_second(&mut driver, 0).unwrap().energy, Energy::ZERO);
    assert_eq!(driver.last_step(0), Some(Step::Baseline));
    driver
}

fn at_second(driver: &mut Driver, second: u64) -> Result<Sample, Error<ErrorKind>> {
    block_on(driver.sample(0, Instant::from_millis(second * 1000)))
}

fn finish(driver: Driver) {
    let (uart, _) = driver.release();
    assert_eq!(uart.0, VecDeque::new(), "left unplayed");
}

fn wh(watt_hours: u32) -> Energy {
    Energy::from_watt_hours(watt_hours)
}

/// Modbus over serial line V1.02 and every catalogue of CRCs: CRC-16/MODBUS of "123456789".
#[test]
fn the_crc_is_the_one_of_modbus() {
    assert_eq!(crc(b"123456789"), 0x4B37);
}

#[test]
fn requests_are_those_of_the_manual() {
    // A read of ten registers from module 1; the CRC as Modbus tools give it.
    let read = [0x01, 0x04, 0x00, 0x00, 0x00, 0x0A, 0x70, 0x0D];
    assert_eq!(read_request(1), read);
    // Reset energy, general address: published by driver projects as F8 42 C2 41.
    assert_eq!(reset_request(0xF8), [0xF8, 0x42, 0xC2, 0x41]);
}

#[test]
fn a_sample_is_in_units_with_the_low_register_first() {
    let mut driver = running(70_000, asked(70_001));
    let sample = at_second(&mut driver, 5).unwrap();
    assert_eq!(sample.power, Power::from_watts(800));
    assert_eq!(sample.voltage.millivolts(), 230_000);
    assert_eq!(sample.current.milliamperes(), 3_478);
    assert_eq!(sample.energy, wh(1));
    assert_eq!(sample.resolution, Energy::from_milliwatt_hours(1_001));
    finish(driver);
}

#[test]
fn each_module_is_asked_by_its_own_address_and_keeps_its_own_total() {
    let mut script = asked(11).to_vec();
    let second = |watt_hours| {
        [
            Bus::Sends(vec![0x02, 0x04, 0x00, 0x00, 0x00, 0x0A, 0x70, 0x3E]),
            Bus::Answers(answer(2, watt_hours)),
        ]
    };
    script.extend(second(500));
    script.extend(second(503));
    let mut driver = running(10, script);
    for (channel, second, total) in [(0, 10, 1), (1, 10, 0), (1, 20, 3)] {
        let now = Instant::from_millis(second * 1000);
        let sample = block_on(driver.sample(channel, now)).unwrap();
        assert_eq!(sample.energy, wh(total));
    }
    finish(driver);
}

#[test]
fn modules_that_share_an_address_are_refused_and_the_general_one_is_for_one_alone() {
    let one = Address::new(1).unwrap();
    for addresses in [[one, one], [Address::GENERAL, one]] {
        let mut driver = Pzem004t::new(
            Script(VecDeque::new()),
            NoopDelay::new(),
            addresses,
            Config::default(),
        );
        let sample = block_on(driver.sample(0, Instant::START));
        assert_eq!(sample, Err(Error::Addresses));
        let beyond = block_on(driver.sample(2, Instant::START));
        assert_eq!(beyond, Err(Error::NoSuchChannel));
    }
    assert_eq!(Address::new(0xF8), Err(OutOfRange));
}

#[test]
fn a_wrong_crc_or_anothers_answer_is_drained_and_asked_for_again() {
    let mut broken = answer(1, 11);
    broken[16] ^= 0x40;
    for wrong in [broken, answer(2, 11), vec![0xA5; 60]] {
        let mut script = vec![ask(), Bus::Answers(wrong), Bus::Silence];
        script.extend(asked(11));
        let mut driver = running(10, script);
        assert_eq!(at_second(&mut driver, 5).unwrap().energy, wh(1));
        finish(driver);
    }
}

#[test]
fn garbage_twice_is_an_error_and_loses_nothing() {
    let mut broken = answer(1, 11);
    broken[24] ^= 1;
    let twice = [ask(), Bus::Answers(broken), Bus::Silence];
    let mut script = [twice.clone(), twice].concat();
    script.extend(asked(12));
    let mut driver = running(10, script);
    let crc = Err(Error::Answer(ParseError::Crc));
    assert_eq!(at_second(&mut driver, 5), crc);
    assert_eq!(driver.incidents(0).unwrap().failures, 1);
    assert_eq!(at_second(&mut driver, 10).unwrap().energy, wh(2));
    finish(driver);
}

#[test]
fn a_module_without_mains_is_a_timeout_and_not_a_hang() {
    let mut script = vec![ask(), Bus::Silence, Bus::Silence];
    script.extend(asked(12));
    let mut driver = running(10, script);
    assert_eq!(at_second(&mut driver, 5), Err(Error::Timeout));
    assert_eq!(at_second(&mut driver, 10).unwrap().energy, wh(2));
    finish(driver);
}

#[test]
fn an_answer_that_stops_short_is_asked_for_again_and_a_babbling_line_is_an_error() {
    let mut short = answer(1, 11);
    short.truncate(24);
    let mut script = vec![ask(), Bus::Answers(short), Bus::Silence, Bus::Silence];
    script.extend(asked(11));
    let mut driver = running(10, script);
    assert_eq!(at_second(&mut driver, 5).unwrap().energy, wh(1));
    finish(driver);
    let mut babble = fresh(vec![Bus::Answers(vec![0; 4096])]);
    assert_eq!(at_second(&mut babble, 0), Err(Error::Babble));
}

#[test]
fn an_exception_is_told_at_once_and_by_name() {
    let exceptions = [
        (1, Exception::IllegalFunction),
        (2, Exception::IllegalAddress),
        (3, Exception::IllegalData),
        (4, Exception::ModuleError),
        (9, Exception::Other(9)),
    ];
    for (code, exception) in exceptions {
        let refusal = with_crc(vec![0x01, 0x84, code]);
        let mut script = vec![ask(), Bus::Answers(refusal), Bus::Silence];
        script.extend(asked(11));
        let mut driver = running(10, script);
        assert_eq!(at_second(&mut driver, 5), Err(Error::Exception(exception)));
        assert_eq!(at_second(&mut driver, 6).unwrap().energy, wh(1));
        finish(driver);
    }
    // With a wrong CRC it is garbage.
    let mut script = vec![
        ask(),
        Bus::Answers(vec![0x01, 0x84, 0x01, 0, 0]),
        Bus::Silence,
    ];
    script.extend(asked(11));
    let mut driver = running(10, script);
    assert_eq!(at_second(&mut driver, 5).unwrap().energy, wh(1));
    finish(driver);
}

#[test]
fn energy_is_reset_on_request_only_and_the_total_goes_on() {
    let mut script = asked(12).to_vec();
    script.extend([
        Bus::Sends(vec![0x01, 0x42, 0x80, 0x11]),
        Bus::Answers(vec![0x01, 0x42, 0x80, 0x11]),
    ]);
    script.extend(asked(1));
    let mut driver = running(10, script);
    block_on(driver.reset_energy(0, Instant::from_millis(10_000))).unwrap();
    // What flowed before the reset is counted, and what flows after it.
    assert_eq!(at_second(&mut driver, 15).unwrap().energy, wh(3));
    finish(driver);
}

#[test]
fn a_reset_that_the_module_refuses_is_told() {
    let mut script = asked(10).to_vec();
    script.extend([
        Bus::Sends(vec![0x01, 0x42, 0x80, 0x11]),
        Bus::Answers(with_crc(vec![0x01, 0xC2, 0x04])),
    ]);
    let mut driver = running(10, script);
    assert_eq!(
        block_on(driver.reset_energy(0, Instant::from_millis(1_000))),
        Err(Error::Exception(Exception::ModuleError))
    );
    finish(driver);
}

/// Another master reset it, or it went past its end: nothing tells them apart, and neither is ten
/// million watt-hours.
#[test]
fn a_register_that_went_back_is_counted_from_zero_wherever_it_stood() {
    for before in [500, 9_999_990, 9_999_999] {
        let mut script = asked(1).to_vec();
        script.extend(asked(1));
        let mut driver = running(before, script);
        assert_eq!(at_second(&mut driver, 5).unwrap().energy, wh(1));
        assert_eq!(driver.last_step(0), Some(Step::Restarted { counts: 1 }));
        assert_eq!(driver.incidents(0).unwrap().restarts, 1);
        finish(driver);
    }
}

#[test]
fn an_energy_beyond_the_registers_end_is_refused() {
    let bytes: [u8; READ_ANSWER_BYTES] = answer(1, 10_000_000).try_into().unwrap();
    assert_eq!(Measurement::parse(1, &bytes), Err(ParseError::Range));
}

#[test]
fn a_spike_with_a_good_crc_is_gone_on_the_second_look_and_one_that_stays_is_refused() {
    for spike in [0, 9_000] {
        let mut script = asked(spike).to_vec();
        script.extend(asked(11));
        let mut driver = running(10, script);
        assert_eq!(at_second(&mut driver, 5).unwrap().energy, wh(1));
        finish(driver);
    }
    let mut script = asked(9_000).to_vec();
    script.extend(asked(9_000));
    script.extend(asked(11));
    let mut driver = running(10, script);
    assert_eq!(at_second(&mut driver, 5).unwrap().energy, Energy::ZERO);
    assert_eq!(driver.incidents(0).unwrap().refusals, 1);
    assert_eq!(at_second(&mut driver, 6).unwrap().energy, wh(1));
    finish(driver);
}

#[test]
fn a_power_beyond_the_wire_is_looked_at_twice() {
    let surge = answer_at(1, 11, 69_000);
    let mut script = vec![ask(), Bus::Answers(surge)];
    script.extend(asked(11));
    let mut driver = running(10, script);
    assert_eq!(
        at_second(&mut driver, 5).unwrap().power,
        Power::from_watts(800)
    );
    finish(driver);
}

proptest! {
    #[test]
    fn any_measurement_survives_its_bytes(
        address in 1_u8..=0xF8, watt_hours in 0_u32..ENERGY_VALUES, deciwatts: u32,
    ) {
        let bytes = answer_at(address, watt_hours, deciwatts).try_into().unwrap();
        let read = Measurement::parse(address, &bytes).unwrap();
        prop_assert_eq!((read.watt_hours, read.deciwatts), (watt_hours, deciwatts));
    }

    #[test]
    fn one_or_two_wrong_bits_are_seen(
        at in 0_usize..25, bit in 0_u8..8, other in 0_usize..25, second in 0_u8..8,
        watt_hours in 0_u32..ENERGY_VALUES,
    ) {
        let mut bytes: [u8; READ_ANSWER_BYTES] = answer(1, watt_hours).try_into().unwrap();
        bytes[at] ^= 1 << bit;
        prop_assert!(Measurement::parse(1, &bytes).is_err());
        if (at, bit) != (other, second) {
            bytes[other] ^= 1 << second;
            prop_assert!(Measurement::parse(1, &bytes).is_err());
        }
    }

    /// I8, the meter's part: no byte sequence panics or hangs.
    #[test]
    fn i8_total_any_bytes_from_the_module_end_in_a_sample_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        let addresses = [1, 2].map(|address| Address::new(address).unwrap());
        let mut driver = Pzem004t::new(
            Noise(bytes.into()), NoopDelay::new(), addresses, Config::default(),
        );
        for second in 0..20 {
            driver.astray = false;
            let _ = block_on(driver.sample(second % 2, Instant::from_millis(1000)));
            let _ = block_on(driver.reset_energy(0, Instant::from_millis(1000)));
        }
    }
}
