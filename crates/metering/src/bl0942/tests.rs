//! The bus as the datasheet has it: which bytes go out, which come back.

mod counter;
mod over_current;
mod witness;

use super::*;
use crate::script::{Bus, Noise, Script};
use embassy_futures::block_on;
use embedded_hal_mock::eh1::delay::NoopDelay;
use embedded_io_async::ErrorKind;
use pile_units::{Energy, Power};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

type Driver = Bl0942<Script, NoopDelay, 2>;

fn figures() -> Calibration {
    Circuit::REFERENCE.calibration().unwrap()
}

/// `I_FAST_RMS` of a steady current: 0.363 of `I_RMS`, a public driver's ratio.
fn fast(current: u32) -> u32 {
    u32::try_from(u64::from(current) * 363 / 1000).unwrap()
}

/// A burst of chip `address` at 230 V.
#[derive(Debug, Clone, Copy)]
struct Burst {
    address: u8,
    current: u32,
    power: i32,
    count: u32,
}

impl Burst {
    fn bytes(self) -> Vec<u8> {
        let mut bytes = vec![0x55];
        bytes.extend(&self.current.to_le_bytes()[..3]);
        bytes.extend(&3_653_090_u32.to_le_bytes()[..3]);
        bytes.extend(&fast(self.current).to_le_bytes()[..3]);
        bytes.extend(&self.power.to_le_bytes()[..3]);
        bytes.extend(&self.count.to_le_bytes()[..3]);
        bytes.extend([0x20, 0x4E, 0, 0, 0, 0]);
        let sum = bytes
            .iter()
            .fold(0x58 + self.address, |sum: u8, byte| sum.wrapping_add(*byte));
        bytes.push(!sum);
        assert_eq!(bytes.len(), 23);
        bytes
    }
}

/// Chip 0 at 800 W.
fn burst(count: u32) -> Burst {
    Burst {
        address: 0,
        current: 873_784,
        power: 498_720,
        count,
    }
}

fn ask() -> Bus {
    Bus::Sends(vec![0x58, 0xAA])
}

fn asked(burst: Burst) -> [Bus; 2] {
    [
        Bus::Sends(vec![0x58 + burst.address, 0xAA]),
        Bus::Answers(burst.bytes()),
    ]
}

/// `WA_CREEP` 0.5 W in the reference circuit: 25 x 3125 / 256 = 305 counts, 489 mW.
const CREEP: u8 = 25;

/// What the driver does before the first burst of chip 0.
fn setup() -> Vec<Bus> {
    vec![
        Bus::Silence, // the first drain
        Bus::Sends(vec![0xA8, 0x1D, 0x55, 0x00, 0x00, 0xE5]),
        Bus::Sends(vec![0xA8, 0x19, 0x87, 0x00, 0x00, 0xB7]),
        Bus::Sends(vec![0xA8, 0x14, CREEP, 0x00, 0x00, 0x2A]),
        Bus::Sends(vec![0xA8, 0x1D, 0x00, 0x00, 0x00, 0x3A]),
        Bus::Sends(vec![0x58, 0x19]),
        Bus::Answers(vec![0x87, 0x00, 0x00, 0x07]),
        Bus::Sends(vec![0x58, 0x14]),
        Bus::Answers(vec![CREEP, 0x00, 0x00, 0x7A]),
    ]
}

fn creep_reads(value: u8) -> [Bus; 2] {
    let sum = 0x58_u8.wrapping_add(0x14).wrapping_add(value);
    [
        Bus::Sends(vec![0x58, 0x14]),
        Bus::Answers(vec![value, 0, 0, !sum]),
    ]
}

/// A driver whose chip 0 is set up and has its baseline at second 0.
fn running(baseline: u32, then: impl IntoIterator<Item = Bus>) -> Driver {
    let mut script = setup();
    script.extend(asked(burst(baseline)));
    script.extend(then);
    let mut driver = fresh(script);
    let sample = at_second(&mut driver, 0).unwrap();
    assert_eq!(sample.energy, Energy::ZERO);
    driver
}

fn fresh(script: Vec<Bus>) -> Driver {
    Bl0942::new(
        Script(script.into()),
        NoopDelay::new(),
        [figures(); 2],
        Config::default(),
    )
}

fn at_second(driver: &mut Driver, second: u64) -> Result<Sample, Error<ErrorKind>> {
    block_on(driver.sample(0, Instant::from_millis(second * 1000)))
}

/// Gives the UART back and checks that all of the script was played.
fn finish(driver: Driver) {
    let (uart, _) = driver.release();
    assert_eq!(uart.0, VecDeque::new(), "left unplayed");
}

fn mwh(counts: u64) -> Energy {
    Energy::from_milliwatt_hours(counts * 186_893_813_502 / 1_000_000_000)
}

#[test]
fn a_chip_is_unlocked_configured_locked_and_checked_before_its_first_burst() {
    let mut driver = running(7, []);
    assert_eq!(driver.last_step(0), Some(Step::Baseline));
    assert!(matches!(
        block_on(driver.sample(2, Instant::START)),
        Err(Error::NoSuchChannel)
    ));
    finish(driver);
}

#[test]
fn a_sample_is_in_units() {
    let mut driver = running(7, asked(burst(9)));
    let sample = at_second(&mut driver, 1).unwrap();
    let near = |read: u32, wanted: u32| assert!(read.abs_diff(wanted) <= wanted / 10_000, "{read}");
    near(sample.power.milliwatts(), 800_000);
    near(sample.voltage.millivolts(), 230_000);
    near(sample.current.milliamperes(), 3_478);
    assert_eq!(sample.energy, mwh(2));
    assert_eq!(sample.resolution, Energy::from_milliwatt_hours(188));
    finish(driver);
}

#[test]
fn each_chip_is_asked_by_its_own_address_and_keeps_its_own_total() {
    let mut script = setup();
    script.extend(asked(burst(10)));
    script.extend([
        Bus::Sends(vec![0xA9, 0x1D, 0x55, 0x00, 0x00, 0xE4]),
        Bus::Sends(vec![0xA9, 0x19, 0x87, 0x00, 0x00, 0xB6]),
        Bus::Sends(vec![0xA9, 0x14, CREEP, 0x00, 0x00, 0x29]),
        Bus::Sends(vec![0xA9, 0x1D, 0x00, 0x00, 0x00, 0x39]),
        Bus::Sends(vec![0x59, 0x19]),
        Bus::Answers(vec![0x87, 0x00, 0x00, 0x06]),
        Bus::Sends(vec![0x59, 0x14]),
        Bus::Answers(vec![CREEP, 0x00, 0x00, 0x79]),
    ]);
    script.extend(asked(Burst {
        address: 1,
        ..burst(500)
    }));
    script.extend(asked(Burst {
        address: 1,
        ..burst(503)
    }));
    script.extend(asked(burst(11)));
    let mut driver = fresh(script);
    for (channel, second, counts) in [(0, 0, 0), (1, 0, 0), (1, 1, 3), (0, 1, 1)] {
        let now = Instant::from_millis(second * 1000);
        let sample = block_on(driver.sample(channel, now)).unwrap();
        assert_eq!(sample.energy, mwh(counts));
    }
    finish(driver);
}

/// Tasmota #14829: one byte too many read.
#[test]
fn tasmota_14829_exactly_23_bytes_are_read_and_the_next_frame_is_whole() {
    // Both answers lie in the UART already; a read of 24 would eat into the second.
    let [first, second] = [burst(8), burst(9)].map(Burst::bytes);
    let mut driver = running(7, [ask(), Bus::Answers(first), ask(), Bus::Answers(second)]);
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(1));
    assert_eq!(at_second(&mut driver, 2).unwrap().energy, mwh(2));
    finish(driver);
}

#[test]
fn a_stray_byte_before_a_frame_is_drained_and_makes_no_energy() {
    let mut shifted = vec![0x00];
    shifted.extend(burst(8).bytes());
    let mut script = vec![ask(), Bus::Answers(shifted), Bus::Silence];
    script.extend(asked(burst(8)));
    let mut driver = running(7, script);
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(1));
    finish(driver);
}

#[test]
fn garbage_is_drained_and_the_chip_asked_once_more() {
    let mut broken = burst(8).bytes();
    broken[14] ^= 0x40;
    let mut script = vec![
        ask(),
        Bus::Answers(broken),
        Bus::Answers(vec![0xA5; 40]),
        Bus::Silence,
    ];
    script.extend(asked(burst(8)));
    let mut driver = running(7, script);
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(1));
    finish(driver);
}

#[test]
fn garbage_twice_is_an_error_and_loses_nothing() {
    let mut broken = burst(8).bytes();
    broken[22] ^= 1;
    let mut script = vec![
        ask(),
        Bus::Answers(broken.clone()),
        Bus::Silence,
        ask(),
        Bus::Answers(broken),
        Bus::Silence,
    ];
    script.extend(asked(burst(9)));
    let mut driver = running(7, script);
    assert_eq!(at_second(&mut driver, 1), Err(Error::Checksum));
    assert_eq!(driver.incidents(0).unwrap().failures, 1);
    assert_eq!(at_second(&mut driver, 2).unwrap().energy, mwh(2));
    finish(driver);
}

#[test]
fn an_overrun_of_the_uart_is_tried_once_more() {
    let mut script = vec![ask(), Bus::Fails(ErrorKind::Other), Bus::Silence];
    script.extend(asked(burst(8)));
    let mut driver = running(7, script);
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(1));
    finish(driver);
}

#[test]
fn a_dead_chip_is_a_timeout_and_not_a_hang() {
    let mut script = vec![ask(), Bus::Silence, Bus::Silence];
    script.extend(asked(burst(17)));
    let mut driver = running(7, script);
    assert_eq!(at_second(&mut driver, 1), Err(Error::Timeout));
    // The gap's energy is in the next good sample.
    assert_eq!(at_second(&mut driver, 10).unwrap().energy, mwh(10));
    finish(driver);
}

#[test]
fn an_answer_that_stops_short_is_drained_and_asked_for_again() {
    let mut short = burst(8).bytes();
    short.truncate(22);
    let mut script = vec![ask(), Bus::Answers(short), Bus::Silence, Bus::Silence];
    script.extend(asked(burst(8)));
    let mut driver = running(7, script);
    assert_eq!(at_second(&mut driver, 1).unwrap().energy, mwh(1));
    finish(driver);
}

#[test]
fn a_line_that_never_falls_silent_is_an_error_and_not_a_hang() {
    let mut driver = fresh(vec![Bus::Answers(vec![0; 4096])]);
    assert_eq!(at_second(&mut driver, 0), Err(Error::Babble));
}

#[test]
fn a_chip_that_does_not_take_its_setup_is_an_error() {
    let mut script = setup();
    script.truncate(6);
    // MODE reads 0.
    script.push(Bus::Answers(vec![0, 0, 0, 0x8E]));
    let mut driver = fresh(script);
    assert_eq!(
        at_second(&mut driver, 0),
        Err(Error::NotAccepted(Register::Mode))
    );
    finish(driver);
}

#[test]
fn a_dropped_call_is_drained_away() {
    let mut script = vec![
        ask(),
        Bus::Silence,
        Bus::Answers(burst(8).bytes()),
        Bus::Silence,
    ];
    script.extend(asked(burst(8)));
    let (uart, _) = running(7, script).release();
    // As `running`, but with a delay that never ends, so that the call can be dropped.
    let mut driver: Bl0942<_, Never, 2> =
        Bl0942::new(uart, Never(false), [figures(); 2], Config::default());
    driver.chips[0].configured = true;
    driver.chips[0].flowing = true;
    driver.astray = false;
    {
        let call = driver.sample(0, Instant::START);
        assert!(embassy_futures::poll_once(call).is_pending());
    }
    driver.delay.0 = true;
    assert!(block_on(driver.sample(0, Instant::START)).is_ok());
    assert_eq!(driver.release().0.0, VecDeque::new());
}

/// A delay that ends once it is told to.
struct Never(bool);

impl DelayNs for Never {
    async fn delay_ns(&mut self, _: u32) {
        if !self.0 {
            core::future::pending::<()>().await;
        }
    }
}

/// `ESPHome` issues #2527: volts times amperes billed.
#[test]
fn esphome_issues_2527_the_counter_is_billed_never_volts_times_amperes() {
    // 230 V, 3.478 A, but 300 W: a power factor of 0.375.
    let poor = Burst {
        power: 187_020,
        ..burst(8)
    };
    let mut driver = running(7, asked(poor));
    let sample = at_second(&mut driver, 1).unwrap();
    assert!(
        sample.power.milliwatts().abs_diff(300_000) < 100,
        "{}",
        sample.power
    );
    assert_eq!(sample.energy, mwh(1));
    finish(driver);
}

#[test]
fn a_negative_active_power_reads_as_zero() {
    for power in [-1, -498_720, -0x80_0000] {
        let mut script = asked(Burst { power, ..burst(7) }).to_vec();
        if power == -1 {
            // Which a chip that was set up does not show.
            script.extend(creep_reads(CREEP));
        }
        let mut driver = running(7, script);
        assert_eq!(at_second(&mut driver, 1).unwrap().power, Power::ZERO);
        finish(driver);
    }
}

#[test]
fn a_probe_shows_what_the_chip_holds() {
    let mut driver = fresh(vec![
        Bus::Silence,
        Bus::Sends(vec![0x58, 0x19]),
        Bus::Answers(vec![0x87, 0x00, 0x00, 0x07]),
        Bus::Sends(vec![0x58, 0x14]),
        Bus::Answers(vec![0x0B, 0x00, 0x00, 0x88]),
    ]);
    let identity = block_on(driver.probe(0)).unwrap();
    assert!(identity.is_plausible() && identity.is_factory_fresh());
    finish(driver);
}

#[test]
fn the_creep_threshold_is_never_above_the_one_asked_for_nor_the_reset_value() {
    let register = |milliwatts| {
        Config {
            creep: Power::from_milliwatts(milliwatts),
            ..Config::default()
        }
        .creep_register(&figures())
    };
    assert_eq!(
        [register(0), register(500), register(u32::MAX)],
        [0, 25, 255]
    );
    // 0.215 W is the chip's own 0x0B.
    assert_eq!(register(216), CREEP_DEFAULT - 1);
    for milliwatts in (0..6_000).step_by(7) {
        let raw = u32::from(register(milliwatts)) * 3125 / 256;
        assert!(figures().power.apply(raw) <= milliwatts);
    }
}

#[test]
fn sixty_hertz_is_set_in_the_mode_register() {
    let config = Config {
        mains: Mains::Hz60,
        ..Config::default()
    };
    assert_eq!(config.mode(), 0xA7);
}

proptest! {
    /// I8, the meter's part: no byte sequence panics or hangs.
    #[test]
    fn i8_total_any_bytes_from_the_chip_end_in_a_sample_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        configured: bool,
    ) {
        let uart = Noise(bytes.into());
        let mut driver = Bl0942::new(uart, NoopDelay::new(), [figures(); 2], Config::default());
        for chip in &mut driver.chips {
            chip.configured = configured;
        }
        for second in 0..20 {
            driver.astray = false;
            let _ = block_on(driver.sample(second % 2, Instant::from_millis(1000)));
        }
    }

    #[test]
    fn any_frame_survives_its_bytes(
        address in 0_u8..4, current in 0_u32..1 << 24, power in -0x80_0000..0x80_0000,
        count in 0_u32..1 << 24,
    ) {
        let bytes = Burst { address, current, power, count }.bytes();
        let frame = Frame::parse(address, &bytes.try_into().unwrap()).unwrap();
        prop_assert_eq!(
            (frame.current, frame.power, frame.energy_count, frame.frequency),
            (current, power, count, 20_000)
        );
    }

    #[test]
    fn one_wrong_bit_is_seen(at in 0_usize..23, bit in 0_u8..8, count in 0_u32..1 << 24) {
        let mut bytes: [u8; FRAME_BYTES] = burst(count).bytes().try_into().unwrap();
        bytes[at] ^= 1 << bit;
        prop_assert!(Frame::parse(0, &bytes).is_err());
    }

    #[test]
    fn a_frame_of_another_chip_is_refused(count in 0_u32..1 << 24, other in 1_u8..4) {
        let bytes: [u8; FRAME_BYTES] = burst(count).bytes().try_into().unwrap();
        prop_assert_eq!(Frame::parse(other, &bytes), Err(FrameError::Checksum));
    }
}
