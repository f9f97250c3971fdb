//! The published wires of the chips: what `tests/data/meters.json` says of registers, commands, check
//! sums, layouts and formulas, read word by word and held to what the drivers send and understand.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

use embassy_futures::block_on;
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{ErrorType, Read, Write};
use metering::pulses::Chip;
use metering::{EnergyMeter, bl0942, hlw8032, pulses, pzem004t};
use pile_units::Instant;
use serde_json::Value;
use std::collections::VecDeque;

fn vectors() -> Value {
    serde_json::from_str(include_str!("data/meters.json")).unwrap()
}

fn text<'a>(vectors: &'a Value, chip: &str, name: &str) -> &'a str {
    vectors[chip][name].as_str().unwrap()
}

fn hex(text: &str) -> u8 {
    u8::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}

/// The digits that a text begins with.
fn number(text: &str) -> u128 {
    let end = text.find(|it: char| !it.is_ascii_digit());
    text[..end.unwrap_or(text.len())].parse().unwrap()
}

fn wide(number: usize) -> u128 {
    u128::try_from(number).unwrap()
}

/// A line that keeps what is sent, and answers each command, if it has an answer.
#[derive(Default)]
struct Line {
    sent: Vec<Vec<u8>>,
    answers: VecDeque<Vec<u8>>,
    coming: VecDeque<u8>,
}

impl ErrorType for Line {
    type Error = core::convert::Infallible;
}

impl Read for Line {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Self::Error> {
        match (self.coming.pop_front(), bytes.first_mut()) {
            (Some(byte), Some(to)) => *to = byte,
            _ => core::future::pending().await,
        }
        Ok(1)
    }
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.sent.push(bytes.to_vec());
        self.coming
            .extend(self.answers.pop_front().unwrap_or_default());
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// A delay that ends at once: what is not there yet does not come.
struct AtOnce;

impl DelayNs for AtOnce {
    async fn delay_ns(&mut self, _: u32) {}
}

fn bl0942_on_a_line() -> bl0942::Bl0942<Line, AtOnce, 4> {
    let figures = bl0942::Circuit::REFERENCE.calibration().unwrap();
    let config = bl0942::Config::default();
    bl0942::Bl0942::new(Line::default(), AtOnce, [figures; 4], config)
}

/// Splits a published layout, such as `V[3], STATUS`, into names and how many bytes each has.
fn fields(layout: &str) -> Vec<(&str, usize)> {
    let field = |it: &str| -> (usize, usize) {
        let open = it.find('[').unwrap_or(it.len());
        let bytes = it
            .get(open + 1..)
            .map_or(1, |rest| number(rest).try_into().unwrap());
        (open, bytes)
    };
    layout
        .split(", ")
        .map(|it| (&it[..field(it).0], field(it).1))
        .collect()
}

/// Where a field of a layout begins.
fn offset(fields: &[(&str, usize)], name: &str) -> usize {
    let at = fields.iter().position(|(field, _)| *field == name);
    fields[..at.unwrap()].iter().map(|(_, bytes)| bytes).sum()
}

/// `meters.json`, `bl0942.registers`.
#[test]
fn the_published_registers_of_the_bl0942_are_the_drivers() {
    use bl0942::Register as R;
    let vectors = vectors();
    let published = vectors["bl0942"]["registers"].as_object().unwrap();
    let ours = [
        ("I_RMS", R::Current),
        ("V_RMS", R::Voltage),
        ("I_FAST", R::FastCurrent),
        ("WATT", R::ActivePower),
        ("CF_CNT", R::EnergyCount),
        ("FREQ", R::Frequency),
        ("STATUS", R::Status),
        ("WA_CREEP", R::Creep),
        ("I_FAST_RMS_TH", R::FastCurrentThreshold),
        ("I_FAST_RMS_CYC", R::FastCurrentCycles),
        ("MODE", R::Mode),
        ("SOFT_RESET", R::SoftReset),
        ("USR_WRPROT", R::UserWriteProtect),
    ];
    assert_eq!(published.len(), ours.len());
    for (name, register) in ours {
        let first = published[name].as_str().unwrap().split(' ').next().unwrap();
        assert_eq!(register.address(), hex(first), "{name}");
    }
    let unlock = published["USR_WRPROT"].as_str().unwrap();
    assert_eq!(
        u32::from(hex(unlock.split(" = ").nth(1).unwrap())),
        bl0942::UNLOCK
    );
}

/// `meters.json`, `bl0942.uart`: speeds and chips on a bus.
#[test]
fn the_published_line_of_the_bl0942_has_the_drivers_speeds_and_chips() {
    let vectors = vectors();
    let uart = text(&vectors, "bl0942", "uart");
    let (least, rest) = uart.split_once("..").unwrap();
    let (most, rest) = rest.split_once(" 8N1, up to ").unwrap();
    assert_eq!(number(rest), wide(bl0942::MAX_CHIPS));
    for baud in [bl0942::Baud::B4800, bl0942::Baud::B9600] {
        let speed = u128::from(baud.bits_per_second());
        assert!((number(least)..=number(most)).contains(&speed));
    }
}

/// `meters.json`, `bl0942.read` and `burst`: what is sent to each chip of a bus.
#[test]
fn the_published_reads_of_the_bl0942_are_what_the_driver_sends() {
    let vectors = vectors();
    let read = text(&vectors, "bl0942", "read");
    let burst = text(&vectors, "bl0942", "burst");
    let (first, rest) = read.split_once("|addr, ").unwrap();
    assert_eq!(rest, "reg");
    for chip in 0..4_u8 {
        let mut meter = bl0942_on_a_line();
        let asked = meter.read_register(chip.into(), bl0942::Register::EnergyCount);
        assert_eq!(block_on(asked), Err(bl0942::Error::Timeout));
        assert_eq!(meter.release().0.sent, [[hex(first) | chip, 0x07]]);
    }
    // The same first byte, and what stands for a register.
    let (begin, rest) = burst.split_once("|addr, ").unwrap();
    let (all, rest) = rest.split_once(" -> ").unwrap();
    assert_eq!((begin, hex(all)), (first, 0xAA));
    assert_eq!(number(rest), wide(bl0942::FRAME_BYTES));
}

/// `meters.json`, `bl0942.write`: register, three bytes from the low end, the sum.
#[test]
fn the_published_write_of_the_bl0942_is_what_the_driver_sends() {
    let vectors = vectors();
    let write = text(&vectors, "bl0942", "write");
    let (first, rest) = write.split_once("|addr, ").unwrap();
    assert_eq!(rest, "reg, 3 bytes LE, checksum");
    for chip in 0..4_u8 {
        let mut meter = bl0942_on_a_line();
        let written = meter.write_register(chip.into(), bl0942::Register::Mode, 0xAB_1287);
        assert_eq!(block_on(written), Ok(()));
        let body = [hex(first) | chip, 0x19, 0x87, 0x12, 0xAB];
        let sum = body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        assert_eq!(meter.release().0.sent, [[&body[..], &[!sum]].concat()]);
    }
}

/// `meters.json`, `bl0942.burst` and `checksum`: each field where it is said to be, under the sum that
/// is said to be, and no other.
#[test]
fn the_published_burst_of_the_bl0942_is_read_field_by_field() {
    let vectors = vectors();
    let burst = text(&vectors, "bl0942", "burst");
    let (_, layout) = burst.split_once("bytes: ").unwrap();
    let (layout, order) = layout.split_once("; ").unwrap();
    assert_eq!(order, "little-endian");
    // A comment within the brackets is none of the length.
    let fields = fields(layout);
    let length: usize = fields.iter().map(|(_, bytes)| bytes).sum();
    // FREQ and one reserved byte, STATUS and two: the layout names all of the 23.
    assert_eq!(length, bl0942::FRAME_BYTES);

    let sum = text(&vectors, "bl0942", "checksum");
    let words = "bitwise NOT of ((0x58|addr) + sum of all preceding reply bytes), low 8 bits";
    assert_eq!(sum, words);
    let mut bytes = [0; bl0942::FRAME_BYTES];
    bytes[0] = hex(fields[0].0);
    let mut put = |name, value: &[u8]| {
        let at = offset(&fields, name);
        bytes[at..at + value.len()].copy_from_slice(value);
    };
    put("I_RMS", &[1, 2, 3]);
    put("V_RMS", &[4, 5, 6]);
    put("I_FAST", &[7, 8, 9]);
    put("WATT", &[0xFE, 0xFF, 0xFF]);
    put("CF_CNT", &[13, 14, 15]);
    put("FREQ", &[0x20, 0x4E]);
    put("STATUS", &[17]);
    for chip in 0..4_u8 {
        let begin = 0x58 | chip;
        let (check, body) = bytes.split_last_mut().unwrap();
        *check = !body
            .iter()
            .fold(begin, |sum: u8, byte| sum.wrapping_add(*byte));
        let frame = bl0942::Frame::parse(chip, &bytes).unwrap();
        assert_eq!(
            (frame.current, frame.voltage, frame.fast_current),
            (0x03_0201, 0x06_0504, 0x09_0807)
        );
        assert_eq!((frame.power, frame.energy_count), (-2, 0x0F_0E0D));
        assert_eq!((frame.frequency, frame.status), (20_000, 17));
        // `freq_hz` of the formulas: 10^6 over FREQ.
        let formula = vectors["bl0942"]["formulas_vref_1_218"]["freq_hz"].as_str();
        assert_eq!(formula, Some("1e6 / FREQ"));
        assert_eq!(1_000_000 / u32::from(frame.frequency), 50);
        assert!(bl0942::Frame::parse(chip ^ 1, &bytes).is_err());
    }
}

/// `meters.json`, `bl0942.formulas_vref_1_218`, by their own factors, in the circuit beside them.
#[test]
fn the_published_formulas_of_the_bl0942_give_the_drivers_figures() {
    let vectors = vectors();
    let formulas = &vectors["bl0942"]["formulas_vref_1_218"];
    let factor = |name: &str, rest: &str| {
        let formula = formulas[name].as_str().unwrap();
        assert!(formula.ends_with(rest), "{formula}");
        number(formula)
    };
    let figures = bl0942::Circuit::REFERENCE.calibration().unwrap();
    let near = |raw: u32, wanted: u128| {
        assert!(
            u128::from(raw).abs_diff(wanted) <= wanted / 100_000,
            "{raw}"
        );
    };
    // 1 mΩ: 10 A are 10 mV. 510 of 1,950,510 Ω: 230 V are 230,000 x 510 / 1,950,510 mV. Vref in mV
    // over 1000, as the formulas have it.
    let current = factor("I_RMS", " * I_mV / Vref") * 10 * 1_000 / 1_218;
    near(figures.current.invert(10_000), current);
    let divided = 230_000 * 510;
    let voltage = factor("V_RMS", " * V_mV / Vref") * divided * 1_000 / (1_950_510 * 1_218);
    near(figures.voltage.invert(230_000), voltage);
    let watt = factor("WATT", " * I_mV * V_mV * cos / Vref^2") * 10 * divided * 1_000_000
        / (1_950_510 * 1_218 * 1_218);
    near(figures.power.invert(2_300_000), watt);
    // One step each 1638.4 x 256 / WATT seconds: at 2300 W, in pWh.
    let period = formulas["CF_period_s"].as_str().unwrap();
    assert_eq!(period, "1638.4 * 256 / WATT");
    let step = 2_300 * 16_384 * 256 * 1_000_000_000_000 / (36_000 * watt);
    let ours = u128::from(figures.energy.picowatt_hours());
    assert!(ours.abs_diff(step) <= step / 100_000, "{ours} and {step}");
}

/// `meters.json`, `hlw8012.vref` and `f_osc_hz`: the user manual's F(CF) = 48 x V x I / Vref^2 x clock
/// / 128, at 1 V and 1 A.
#[test]
fn the_published_reference_and_clock_of_the_hlw8012_give_the_drivers_pulse() {
    let vectors = vectors();
    let chip = &vectors["hlw8012"];
    let clock = u128::from(chip["f_osc_hz"].as_u64().unwrap());
    let vref = chip["vref"].as_number().unwrap().to_string();
    let (volts, hundredths) = vref.split_once('.').unwrap();
    assert_eq!(hundredths.len(), 2);
    let centivolts: u128 = format!("{volts}{hundredths}").parse().unwrap();
    // Joules a pulse at 1 mΩ and a divider of 2351, then pWh: 10^12 / 3600.
    let step = centivolts * centivolts * 128 * 2_351 * 1_000 * 1_000_000_000_000
        / (10_000 * 48 * clock * 3_600);
    let nominal = pulses::Circuit::REFERENCE.nominal(Chip::Hlw8012).unwrap();
    let ours = u128::from(nominal.picowatt_hours_per_pulse());
    assert!(ours.abs_diff(step) <= 1, "{ours} and {step}");
}

/// `meters.json`, `hlw8032_cse7766.uart` and `layout`: each field where it is said to be.
#[test]
fn the_published_layout_of_the_hlw8032_is_read_field_by_field() {
    let vectors = vectors();
    let uart = text(&vectors, "hlw8032_cse7766", "uart");
    let (speed, rest) = uart.split_once(" 8E1, transmit only, ").unwrap();
    let bytes_a_frame = number(rest);
    assert_eq!(bytes_a_frame, wide(hlw8032::FRAME_BYTES));
    // Three frames of eleven bits a byte, with three pauses, are heard in the driver's time.
    let pause = rest.split('~').nth(1).map(number).unwrap();
    let frame = bytes_a_frame * 11 * 1_000 / number(speed) + pause;
    assert!(3 * frame < u128::from(hlw8032::LISTEN_MS));

    let layout = text(&vectors, "hlw8032_cse7766", "layout");
    let (layout, sum) = layout.split_once(", checksum = ").unwrap();
    assert_eq!(sum, "sum of bytes 2..22");
    let layout = layout.replace(" big-endian", "");
    let fields = fields(&layout);
    let length: usize = fields.iter().map(|(_, bytes)| bytes).sum();
    assert_eq!(length + 1, hlw8032::FRAME_BYTES);
    let mut bytes = [0; hlw8032::FRAME_BYTES];
    bytes[0] = 0x55;
    bytes[1] = hex(fields[1].0);
    let mut put = |name, value: &[u8]| {
        let at = offset(&fields, name);
        bytes[at..at + value.len()].copy_from_slice(value);
    };
    put("V_param", &[1, 2, 3]);
    put("V", &[4, 5, 6]);
    put("I_param", &[7, 8, 9]);
    put("I", &[10, 11, 12]);
    put("P_param", &[13, 14, 15]);
    put("P", &[16, 17, 18]);
    // All registers have been renewed, and the bit of the counter's turn.
    put("update", &[0xF1]);
    put("PF_pulses", &[19, 20]);
    let (check, body) = bytes.split_last_mut().unwrap();
    *check = body[2..]
        .iter()
        .fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    let frame = hlw8032::Frame::parse(&bytes).unwrap();
    let known = hlw8032::Coefficients {
        voltage: 0x01_0203,
        current: 0x07_0809,
        power: 0x0D_0E0F,
    };
    assert_eq!(frame.coefficients, known);
    assert_eq!(
        (frame.voltage, frame.current, frame.power),
        (Some(0x04_0506), Some(0x0A_0B0C), Some(0x10_1112))
    );
    assert_eq!(frame.count & 0xFFFF, 0x1314);
    bytes[2] ^= 1;
    assert_eq!(
        hlw8032::Frame::parse(&bytes),
        Err(hlw8032::FrameError::Checksum)
    );
}

/// `meters.json`, `pzem004t_v3.modbus_rtu`: functions, registers and the general address, as sent.
#[test]
fn the_published_modbus_of_the_pzem_is_what_the_driver_sends() {
    let vectors = vectors();
    let words = text(&vectors, "pzem004t_v3", "modbus_rtu");
    let after = |mark: &str| words.split_once(mark).unwrap().1;
    let read = hex(&after("function ")[..2]);
    let reset = hex(&after("reset energy function ")[..2]);
    let general = hex(&after("general address ")[..2]);
    assert_eq!(pzem004t::Address::GENERAL.get(), general);
    let last = number(after("registers 0.."));
    let registers = u8::try_from(last + 1).unwrap();

    // The published answer to a read, and a reset that is answered as it was sent.
    let reply = text(&vectors["pzem004t_v3"], "reply", "hex");
    let reply: Vec<u8> = (0..reply.len())
        .step_by(2)
        .map(|at| hex(&reply[at..at + 2]))
        .collect();
    assert_eq!(reply[1..3], [read, 2 * registers]);
    let line = Line {
        // CRC-16/MODBUS of 01 42, worked out by hand from its polynomial.
        answers: [reply.clone(), vec![0x01, reset, 0x80, 0x11]].into(),
        ..Line::default()
    };
    let (own, config) = (
        pzem004t::Address::new(1).unwrap(),
        pzem004t::Config::default(),
    );
    let mut meter = pzem004t::Pzem004t::new(line, AtOnce, [own], config);
    assert_eq!(block_on(meter.reset_energy(0, Instant::START)), Ok(()));
    let sent = meter.release().0.sent;
    assert_eq!(sent[0][..6], [1, read, 0, 0, 0, registers]);
    assert_eq!(sent[1][..2], [1, reset]);

    // One module alone, whatever its address.
    let one = pzem004t::Address::GENERAL;
    let mut meter = pzem004t::Pzem004t::new(Line::default(), AtOnce, [one], config);
    let answer = block_on(meter.sample(0, Instant::START));
    assert_eq!(answer, Err(pzem004t::Error::Timeout));
    assert_eq!(
        meter.release().0.sent[0][..6],
        [general, read, 0, 0, 0, registers]
    );
}
