//! The line as the datasheet has it: which bytes come, what is made of them.

mod turn;

use super::*;
use crate::script::{Bus, Noise, Script};
use embassy_futures::block_on;
use embedded_hal_mock::eh1::delay::NoopDelay;
use embedded_io_async::ErrorKind;
use pile_units::Energy;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

type Driver = Hlw8032<Script, NoopDelay>;

/// The published chip: 2.6659 mWh a pulse.
const CHIP: Coefficients = Coefficients {
    voltage: 187_600,
    current: 15_575,
    power: 5_105_000,
};
const PULSE_PWH: u64 = 2_665_944_444;

/// A frame at 229.76 V and 381.5 W.
#[derive(Debug, Clone, Copy)]
struct Sent {
    state: u8,
    chip: Coefficients,
    power: u32,
    update: u8,
    count: u32,
}

impl Sent {
    fn bytes(self) -> Vec<u8> {
        let mut bytes = vec![self.state, 0x5A];
        for register in [
            self.chip.voltage,
            0x05FF,
            self.chip.current,
            0x2051,
            self.chip.power,
            self.power,
        ] {
            bytes.extend(&register.to_be_bytes()[1..]);
        }
        let turned = if self.count >= 1 << 16 { 0x80 } else { 0 };
        bytes.push(self.update | turned);
        bytes.extend(&self.count.to_be_bytes()[2..]);
        let sum = bytes[2..]
            .iter()
            .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        bytes.push(sum);
        assert_eq!(bytes.len(), 24);
        bytes
    }
}

fn at_381_watts(count: u32) -> Sent {
    Sent {
        state: 0x55,
        chip: CHIP,
        power: 0x6243,
        update: 0x71,
        count,
    }
}

/// The receiver is empty when a sample is asked for; then the bytes come.
fn comes(bytes: impl IntoIterator<Item = u8>) -> [Bus; 2] {
    [Bus::Silence, Bus::Answers(bytes.into_iter().collect())]
}

fn frames<const N: usize>(sent: [Sent; N]) -> [Bus; 2] {
    comes(sent.into_iter().flat_map(Sent::bytes))
}

fn fresh(script: Vec<Bus>) -> Driver {
    Hlw8032::new(
        Script(script.into()),
        NoopDelay::new(),
        Circuit::REFERENCE,
        Config::default(),
    )
}

/// A driver that has its baseline at second 0, at 381.5 W.
fn running(baseline: u32, then: impl IntoIterator<Item = Bus>) -> Driver {
    let first = at_381_watts(baseline);
    let mut script = frames([first, first]).to_vec();
    script.extend(then);
    let mut driver = fresh(script);
    assert_eq!(at_second(&mut driver, 0).unwrap().energy, Energy::ZERO);
    assert_eq!(driver.last_step(), Some(Step::Baseline));
    driver
}

fn at_second(driver: &mut Driver, second: u64) -> Result<Sample, Error<ErrorKind>> {
    block_on(driver.sample(0, Instant::from_millis(second * 1000)))
}

fn finish(driver: Driver) {
    let (uart, _) = driver.release();
    assert!(uart.0.is_empty(), "left unplayed: {:?}", uart.0);
}

fn mwh(pulses: u64) -> Energy {
    Energy::from_milliwatt_hours(pulses * PULSE_PWH / 1_000_000_000)
}

#[test]
fn coefficients_are_learnt_from_two_frames_in_a_row_that_agree() {
    let other = Coefficients {
        power: CHIP.power ^ 0x1000,
        ..CHIP
    };
    let strange = Sent {
        chip: other,
        ..at_381_watts(7)
    };
    let mut driver = fresh(
        frames([
            strange,
            at_381_watts(7),
            strange,
            at_381_watts(8),
            at_381_watts(9),
        ])
        .to_vec(),
    );
    // Four frames in which no two in a row agree: not even the right ones are believed.
    assert_eq!(at_second(&mut driver, 0), Err(Error::Coefficients));
    assert_eq!(driver.coefficients(), None);
    let driver = running(7, []);
    assert_eq!(driver.coefficients(), Some(CHIP));
    finish(driver);
}

#[test]
fn a_sample_is_in_units() {
    let mut driver = running(7, frames([at_381_watts(46)]));
    let sample = at_second(&mut driver, 1).unwrap();
    assert_eq!(sample.power.milliwatts(), 381_531);
    assert_eq!(sample.voltage.millivolts(), 229_764);
    assert_eq!(sample.current.milliamperes(), 1_883);
    assert_eq!(sample.energy, mwh(39));
    assert_eq!(sample.resolution, Energy::from_milliwatt_hours(4));
    finish(driver);
}

#[test]
fn what_the_receiver_held_before_the_call_is_not_of_now() {
    let stale = at_381_watts(10).bytes();
    let mut script = vec![Bus::Answers(stale), Bus::Fails(ErrorKind::Other)];
    script.extend(frames([at_381_watts(46)]));
    let mut driver = running(7, script);
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(39));
    finish(driver);
}

#[test]
fn the_rest_of_a_frame_under_way_is_passed_over() {
    for cut in 1..24 {
        let mut bytes = at_381_watts(9).bytes().split_off(cut);
        bytes.extend(at_381_watts(46).bytes());
        let mut driver = running(7, comes(bytes));
        assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(39), "{cut}");
        finish(driver);
    }
}

#[test]
fn a_lost_byte_costs_one_frame_and_no_energy() {
    for lost in 0..24 {
        let mut bytes = at_381_watts(45).bytes();
        bytes.remove(lost);
        bytes.extend(at_381_watts(46).bytes());
        let mut driver = running(7, comes(bytes));
        assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(39), "{lost}");
        assert!(driver.incidents().garbage > 0);
        finish(driver);
    }
}

#[test]
fn a_uart_error_within_a_frame_costs_that_frame() {
    let [head, tail] = [0..12, 13..24].map(|part| at_381_watts(45).bytes()[part].to_vec());
    let mut script = vec![
        Bus::Silence,
        Bus::Answers(head),
        Bus::Fails(ErrorKind::Other),
        Bus::Answers(tail),
        Bus::Answers(at_381_watts(46).bytes()),
    ];
    script.push(Bus::Silence);
    script.extend(vec![Bus::Fails(ErrorKind::Other); 17]);
    let mut driver = running(7, script);
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(39));
    assert_eq!(
        at_second(&mut driver, 2),
        Err(Error::Uart(ErrorKind::Other)),
        "one that lasts"
    );
    finish(driver);
}

#[test]
fn a_dead_chip_is_silent_and_not_a_hang_and_its_energy_comes_later() {
    let mut script = vec![Bus::Silence, Bus::Silence];
    script.extend(frames([at_381_watts(407)]));
    let mut driver = running(7, script);
    assert_eq!(at_second(&mut driver, 1), Err(Error::Silent));
    assert_eq!(driver.incidents().failures, 1);
    assert_eq!(at_second(&mut driver, 10).unwrap().energy, mwh(400));
    finish(driver);
}

#[test]
fn what_is_no_frame_is_garbled_and_a_line_that_never_ends_is_not_a_hang() {
    let mut driver = fresh([comes([0x5A; 30]), [Bus::Silence, Bus::Silence]].concat());
    assert_eq!(at_second(&mut driver, 0), Err(Error::Garbled));
    let mut endless = fresh(comes([0x55; 4096]).to_vec());
    assert_eq!(at_second(&mut endless, 0), Err(Error::Garbled));
    let mut babble = fresh(vec![Bus::Answers(vec![0; 5000])]);
    assert_eq!(at_second(&mut babble, 0), Err(Error::Babble));
}

/// The register of the current reads as the beginning of an uncalibrated chip's frame, and the sum from
/// there on is right by chance: with a steady load in every frame anew.
#[test]
fn a_frame_heard_from_its_middle_is_found_whatever_its_bytes_look_like() {
    let frame = (0..=u8::MAX)
        .flat_map(|low| [(0xAA, low), (0xF1, low)])
        .map(|(state, low)| {
            let mut bytes: [u8; FRAME_BYTES] = at_381_watts(7).bytes().try_into().unwrap();
            bytes[11..14].copy_from_slice(&[state, 0x5A, low]);
            bytes[23] = bytes[2..23]
                .iter()
                .fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
            bytes
        })
        .find(|bytes| {
            let middle = [&bytes[11..], &bytes[..11]].concat();
            Frame::parse(&middle.try_into().unwrap()) == Err(FrameError::Uncalibrated)
        })
        .unwrap();
    let good = Frame::parse(&frame);
    assert!(good.is_ok());
    let mut finder = Finder::new();
    let heard: Vec<_> = [frame; 3].as_flattened()[11..]
        .iter()
        .filter_map(|byte| finder.push(*byte))
        .collect();
    assert_eq!(heard, [Err(FrameError::Uncalibrated), good, good]);
}

#[test]
fn a_chip_without_coefficients_is_a_typed_error() {
    for state in [0xAA, 0xF1, 0xF3, 0xFF] {
        let sent = Sent {
            state,
            ..at_381_watts(7)
        };
        let mut driver = fresh(frames([sent, sent]).to_vec());
        assert_eq!(at_second(&mut driver, 0), Err(Error::Uncalibrated));
        finish(driver);
        // Once is chance: a frame that was heard from its middle.
        let good = at_381_watts(7);
        let mut driver = fresh(frames([sent, good, good]).to_vec());
        assert!(at_second(&mut driver, 0).is_ok());
        finish(driver);
    }
    // With a wrong check sum it is not even a frame.
    let mut bytes = at_381_watts(7).bytes();
    bytes[0] = 0xAA;
    bytes[23] ^= 1;
    assert_eq!(
        Frame::parse(&bytes.try_into().unwrap()),
        Err(FrameError::Checksum)
    );
}

/// State F2: no load, and the power register holds what it held.
#[test]
fn a_power_that_is_out_of_range_is_none() {
    for (state, power, volts, amperes) in [
        (0x55, 381_531, 229_764, 1_883),
        (0xF2, 0, 229_764, 1_883),
        (0xF4, 381_531, 229_764, 0),
        (0xF8, 381_531, 0, 1_883),
        (0xF6, 0, 229_764, 0),
    ] {
        let sent = Sent {
            state,
            ..at_381_watts(7)
        };
        let mut driver = fresh(frames([sent, sent]).to_vec());
        let sample = at_second(&mut driver, 0).unwrap();
        assert_eq!(sample.power.milliwatts(), power, "{state:02X}");
        assert_eq!(sample.voltage.millivolts(), volts, "{state:02X}");
        assert_eq!(sample.current.milliamperes(), amperes, "{state:02X}");
    }
}

#[test]
fn a_register_that_was_not_measured_yet_or_is_zero_is_none() {
    let sent = Sent {
        update: 0x01,
        ..at_381_watts(0)
    };
    let frame = Frame::parse(&sent.bytes().try_into().unwrap()).unwrap();
    assert_eq!(
        (frame.voltage, frame.current, frame.power),
        (None, None, None)
    );
    let zero = Sent {
        power: 0,
        ..at_381_watts(0)
    };
    let frame = Frame::parse(&zero.bytes().try_into().unwrap()).unwrap();
    assert_eq!(Circuit::REFERENCE.power(&frame), Power::ZERO);
}

#[test]
fn tasmota_5793_openbk_785_a_spike_is_gone_with_the_next_frame() {
    for count in [0, 3, 9_000, 0x1_FFFF] {
        let mut driver = running(7, frames([at_381_watts(count), at_381_watts(46)]));
        assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(39));
        finish(driver);
    }
    // 30 A: a period of the power that is a twentieth.
    let surge = Sent {
        power: 0x6243 / 20,
        ..at_381_watts(46)
    };
    let mut driver = running(7, frames([surge, at_381_watts(46)]));
    assert_eq!(
        at_second(&mut driver, 1).unwrap().power.milliwatts(),
        381_531
    );
    finish(driver);
}

#[test]
fn a_spike_that_stays_is_refused_and_never_billed() {
    let spike = at_381_watts(90_000);
    let mut script = frames([spike, spike]).to_vec();
    script.extend(frames([at_381_watts(46)]));
    let mut driver = running(7, script);
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, Energy::ZERO);
    assert_eq!(driver.incidents().refusals, 1);
    assert_eq!(at_second(&mut driver, 2).unwrap().energy, mwh(39));
    finish(driver);
}

#[test]
fn frames_with_other_coefficients_are_not_of_this_chip() {
    let stranger = Sent {
        chip: Coefficients {
            power: 5_105_001,
            ..CHIP
        },
        ..at_381_watts(5_000)
    };
    let mut script = frames([stranger, at_381_watts(46)]).to_vec();
    script.extend(frames([stranger; 3]));
    let mut driver = running(7, script);
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(39));
    assert_eq!(at_second(&mut driver, 2), Err(Error::Coefficients));
    finish(driver);
}

#[test]
fn a_chip_whose_pulse_makes_no_sense_is_refused() {
    for power in [0, 1] {
        let sent = Sent {
            chip: Coefficients { power, ..CHIP },
            ..at_381_watts(7)
        };
        let mut driver = fresh(frames([sent, sent]).to_vec());
        assert_eq!(at_second(&mut driver, 0), Err(Error::Coefficients));
    }
}

#[test]
fn pulses_of_noise_are_nobodys_and_those_of_a_load_are_billed() {
    let noise = |count| Sent {
        state: 0xF2,
        ..at_381_watts(count)
    };
    let mut script = frames([noise(7), noise(7)]).to_vec();
    for count in [8, 9, 11] {
        script.extend(frames([noise(count)]));
    }
    script.extend(frames([at_381_watts(30)]));
    let mut driver = fresh(script);
    for second in 0..4 {
        assert_eq!(at_second(&mut driver, second).unwrap().energy, Energy::ZERO);
    }
    assert_eq!(at_second(&mut driver, 4).unwrap().energy, mwh(19));
    finish(driver);
}

/// `ESPHome` issues #2527: volts times amperes are 432 VA here, and the pulses 100 W.
#[test]
fn esphome_issues_2527_the_pulses_are_billed_never_volts_times_amperes() {
    let poor = Sent {
        power: 5_105_000 * 188 / 100 / 100,
        ..at_381_watts(7 + 10)
    };
    let mut driver = running(7, frames([poor]));
    let sample = at_second(&mut driver, 1).unwrap();
    assert_eq!(sample.power.milliwatts(), 100_000);
    assert_eq!(sample.energy, mwh(10));
}

#[test]
fn there_is_one_channel() {
    let mut driver = running(7, []);
    assert_eq!(driver.channels(), 1);
    let beyond = block_on(driver.sample(1, Instant::START));
    assert_eq!(beyond, Err(Error::NoSuchChannel));
}

proptest! {
    #[test]
    fn any_frame_survives_its_bytes(
        count in 0_u32..COUNTER_VALUES, power in 1_u32..1 << 24, coefficient in 1_u32..1 << 24,
    ) {
        let chip = Coefficients { power: coefficient, ..CHIP };
        let sent = Sent { chip, power, ..at_381_watts(count) };
        let frame = Frame::parse(&sent.bytes().try_into().unwrap()).unwrap();
        prop_assert_eq!((frame.coefficients, frame.power, frame.count), (chip, Some(power), count));
    }

    #[test]
    fn one_wrong_bit_is_seen(at in 2_usize..24, bit in 0_u8..8, count in 0_u32..COUNTER_VALUES) {
        let mut bytes: [u8; FRAME_BYTES] = at_381_watts(count).bytes().try_into().unwrap();
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(Frame::parse(&bytes), Err(FrameError::Checksum));
    }

    /// After any garbage the next whole frame but one is found, and no energy made.
    #[test]
    fn any_garbage_before_a_frame_makes_no_energy(
        garbage in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = garbage;
        bytes.extend(at_381_watts(46).bytes());
        bytes.extend(at_381_watts(46).bytes());
        let mut driver = running(7, comes(bytes));
        let sample = at_second(&mut driver, 1).unwrap();
        prop_assert_eq!(sample.energy, mwh(39));
    }

    /// I8, the meter's part: no byte sequence panics or hangs.
    #[test]
    fn i8_total_any_bytes_end_in_a_sample_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        let mut driver = Hlw8032::new(
            Noise(bytes.into()), NoopDelay::new(), Circuit::REFERENCE, Config::default(),
        );
        for second in 0..10 {
            let _ = block_on(driver.sample(0, Instant::from_millis(second * 1000)));
            let mut finder = Finder::new();
            let _ = block_on(driver.frame(&mut finder));
        }
    }
}
