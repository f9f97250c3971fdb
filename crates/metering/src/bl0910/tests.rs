//! The bus as the published drivers have it: which bytes go out, which come back.

use super::*;
use embassy_futures::block_on;
use embedded_hal_mock::eh1::spi::{Mock as Spi, Transaction};
use pile_units::{Energy, Power};
use std::vec;
use std::vec::Vec;

type Driver = Bl0910<Spi<u8>, 10>;
type Wire = Vec<Transaction<u8>>;

fn framed(operations: impl IntoIterator<Item = Transaction<u8>>) -> Wire {
    let mut wire = vec![Transaction::transaction_start()];
    wire.extend(operations);
    wire.push(Transaction::transaction_end());
    wire
}

fn sends(bytes: &[u8]) -> Wire {
    framed([Transaction::write_vec(bytes.to_vec())])
}

/// Six bytes FF.
fn aligned() -> Wire {
    sends(&[0xFF; 6])
}

/// An answer as the chip gives it: high byte first, under its check sum.
fn answers(address: u8, value: u32) -> Wire {
    let [_, high, middle, low] = value.to_be_bytes();
    let sum = [address, high, middle, low]
        .iter()
        .fold(0x82_u8, |sum, byte| sum.wrapping_add(*byte));
    answers_bytes(address, [high, middle, low, !sum])
}

fn answers_bytes(address: u8, bytes: [u8; 4]) -> Wire {
    framed([
        Transaction::write_vec(vec![0x82, address]),
        Transaction::read_vec(bytes.to_vec()),
    ])
}

/// What the driver does to a chip as it is after a reset, byte by byte.
fn setup() -> Wire {
    [
        sends(&[0x81, 0x9E, 0x00, 0x55, 0x55, 0x36]), // open
        sends(&[0x81, 0x98, 0x00, 0x00, 0x00, 0xE6]), // one voltage, ten currents
        sends(&[0x81, 0x9D, 0x00, 0x00, 0x00, 0xE1]), // not cleared by reading
        sends(&[0x81, 0x60, 0x00, 0x00, 0x00, 0x1E]), // amplified once
        sends(&[0x81, 0x61, 0x00, 0x00, 0x00, 0x1D]),
        answers(0x60, 0),
        answers(0x61, 0),
        sends(&[0x81, 0x89, 0x00, 0x00, 0xA5, 0x50]), // the witness
        sends(&[0x81, 0x9E, 0x00, 0x00, 0x00, 0xE0]), // closed
        answers(0x89, 0xA5),
    ]
    .concat()
}

/// 800 W, and the count, of channel 0.
fn counts(count: u32) -> Wire {
    [answers(0x2F, count), answers(0x22, 1_096_106)].concat()
}

/// 3.478 A, 230 V, 25 degrees.
fn rest() -> Wire {
    [
        answers(0x0C, 1_632_825),
        answers(0x16, 2_814_772),
        answers(0x5E, 371),
    ]
    .concat()
}

fn witness() -> Wire {
    answers(0x89, 0xA5)
}

/// A sample in which nothing is unusual.
fn plain(count: u32) -> Wire {
    [witness(), counts(count), rest()].concat()
}

fn first(count: u32) -> Wire {
    [aligned(), answers(0x89, 0), setup(), counts(count), rest()].concat()
}

fn driver(wire: impl IntoIterator<Item = Wire>) -> Driver {
    let wire: Wire = wire.into_iter().flatten().collect();
    let figures = Circuit::OUTLET.calibration().unwrap();
    Bl0910::new(Spi::new(&wire), [figures; 10], Config::default())
}

fn at_second(driver: &mut Driver, second: u64) -> Sample {
    block_on(driver.sample(0, Instant::from_millis(second * 1_000))).unwrap()
}

fn finish(driver: Driver) {
    driver.release().done();
}

/// Milliwatt-hours of steps of 27.86 mWh, less the step or so that the guard keeps.
fn about(energy: Energy, counts: u64) {
    let most = counts * 27_864_080_313 / 1_000_000_000;
    let energy = energy.milliwatt_hours();
    assert!(energy <= most && energy + 28 >= most, "{energy} of {most}");
}

/// `SoftReset` is never sent by the driver, but is there for whoever wants it.
#[test]
fn the_bytes_of_a_write_add_up_to_ff() {
    for (register, value, check) in [
        (Register::UserWriteProtect, UNLOCK, 0x36),
        (Register::SoftReset, RESET, 0xD1),
    ] {
        let command = write_command(register, value);
        assert_eq!(command[5], check);
        let sum = command
            .iter()
            .fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
        assert_eq!(sum, 0xFF);
    }
}

#[test]
fn a_chip_is_set_up_and_checked_before_its_first_count() {
    let mut driver = driver([first(7)]);
    let sample = at_second(&mut driver, 0);
    assert_eq!(sample.energy, Energy::ZERO);
    assert_eq!(driver.last_step(0), Some(Step::Baseline));
    finish(driver);
}

#[test]
fn a_sample_is_in_units_and_has_the_temperature_of_the_pile() {
    let mut driver = driver([first(7), plain(1_000)]);
    at_second(&mut driver, 0);
    let sample = at_second(&mut driver, 60);
    let near = |read: u32, wanted: u32| assert!(read.abs_diff(wanted) <= wanted / 10_000, "{read}");
    near(sample.power.milliwatts(), 800_000);
    near(sample.voltage.millivolts(), 230_000);
    near(sample.current.milliamperes(), 3_478);
    assert_eq!(sample.temperature, Some(Temperature::from_celsius(25)));
    finish(driver);
}

#[test]
fn counts_become_energy() {
    let mut driver = driver([first(7), plain(487)]);
    at_second(&mut driver, 0);
    // 800 W for a minute: 48 kJ, 478 steps.
    about(at_second(&mut driver, 60).energy, 480);
    finish(driver);
}

#[test]
fn each_channel_is_asked_for_its_own_registers() {
    let tenth = [
        witness(),
        answers(0x38, 50),
        answers(0x2B, 0),
        answers(0x15, 0),
        answers(0x16, 2_814_772),
        answers(0x5E, 371),
    ];
    let mut driver = driver([vec![first(7)], tenth.to_vec()].concat());
    at_second(&mut driver, 0);
    block_on(driver.sample(9, Instant::START)).unwrap();
    assert_eq!(driver.channels(), 10);
    assert_eq!(
        block_on(driver.sample(10, Instant::START)),
        Err(Error::NoSuchChannel)
    );
    finish(driver);
}

#[test]
fn a_wrong_check_sum_aligns_the_chip_and_asks_once_more() {
    let garbled = answers_bytes(0x2F, [0, 0, 9, 0]);
    let mut driver = driver([first(7), witness(), garbled, aligned(), counts(80), rest()]);
    at_second(&mut driver, 0);
    about(at_second(&mut driver, 60).energy, 73);
    finish(driver);
}

#[test]
fn a_dead_line_is_an_error_and_its_energy_comes_later() {
    let dead = || answers_bytes(0x89, [0xFF; 4]);
    let mut driver = driver([first(7), dead(), aligned(), dead(), aligned(), plain(487)]);
    at_second(&mut driver, 0);
    let answer = block_on(driver.sample(0, Instant::from_millis(30_000)));
    assert_eq!(answer, Err(Error::Checksum));
    assert_eq!(driver.incidents(0).unwrap().failures, 1);
    about(at_second(&mut driver, 60).energy, 480);
    finish(driver);
}

#[test]
fn a_spike_is_gone_at_the_second_look() {
    let mut driver = driver([
        first(7),
        witness(),
        counts(90_000),
        witness(),
        counts(487),
        rest(),
    ]);
    at_second(&mut driver, 0);
    about(at_second(&mut driver, 60).energy, 480);
    assert_eq!(driver.incidents(0).unwrap().refusals, 0);
    finish(driver);
}

/// Tasmota #16791, `ESPHome` #15280, for a chip of ten: the 24-bit difference of a published
/// driver would be 16,777,209 steps, 467 kWh.
#[test]
fn a_restart_is_no_wrap_and_is_told_to_every_channel() {
    let tenth = |count| {
        [
            answers(0x38, count),
            answers(0x2B, 0),
            answers(0x15, 0),
            answers(0x16, 0),
            answers(0x5E, 371),
        ]
        .concat()
    };
    let mut driver = driver([
        first(700_000),
        [witness(), tenth(5_000_000)].concat(),
        // The witness is gone.
        [answers(0x89, 0), setup(), counts(240), rest()].concat(),
        // The other channel went back, too, and is asked no second time: it was told.
        [witness(), tenth(100)].concat(),
    ]);
    at_second(&mut driver, 0);
    block_on(driver.sample(9, Instant::START)).unwrap();
    about(at_second(&mut driver, 60).energy, 240);
    let tenth = block_on(driver.sample(9, Instant::from_millis(60_000))).unwrap();
    about(tenth.energy, 100);
    assert_eq!(driver.last_step(0), Some(Step::Restarted { counts: 240 }));
    assert_eq!(driver.last_step(9), Some(Step::Restarted { counts: 100 }));
    finish(driver);
}

#[test]
fn a_wrap_is_a_wrap_where_the_witness_stands() {
    let mut driver = driver([
        first(0xFF_FFF0),
        // Looked at twice: it went back.
        [witness(), counts(200)].concat(),
        [witness(), counts(200), rest()].concat(),
    ]);
    at_second(&mut driver, 0);
    about(at_second(&mut driver, 60).energy, 216);
    assert_eq!(driver.incidents(0).unwrap().wraps, 1);
    finish(driver);
}

#[test]
fn a_chip_that_takes_nothing_is_an_error() {
    let [open, mode, clear, gain1, gain2] = [
        sends(&[0x81, 0x9E, 0x00, 0x55, 0x55, 0x36]),
        sends(&[0x81, 0x98, 0x00, 0x00, 0x00, 0xE6]),
        sends(&[0x81, 0x9D, 0x00, 0x00, 0x00, 0xE1]),
        sends(&[0x81, 0x60, 0x00, 0x00, 0x00, 0x1E]),
        sends(&[0x81, 0x61, 0x00, 0x00, 0x00, 0x1D]),
    ];
    let mut driver = driver([
        aligned(),
        answers(0x89, 0),
        open,
        mode,
        clear,
        gain1,
        gain2,
        answers(0x60, 0x33_3330), // another's
    ]);
    assert_eq!(
        block_on(driver.sample(0, Instant::START)),
        Err(Error::NotAccepted(Register::Gain1))
    );
    finish(driver);
}

#[test]
fn negative_power_reads_as_none() {
    let reversed = [answers(0x2F, 7), answers(0x22, 0xF0_0000)].concat();
    let mut driver = driver([first(7), witness(), reversed, rest()]);
    at_second(&mut driver, 0);
    assert_eq!(at_second(&mut driver, 1).power, Power::ZERO);
    finish(driver);
}
