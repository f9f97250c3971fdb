//! The published figures and frames of the chips that speak over a UART: `tests/data/meters.json`
//! (datasheets, and frames as driver projects publish them).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

use metering::{bl0942, hlw8032, pzem004t};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("data/meters.json")).unwrap()
}

fn bytes<const N: usize>(hex: &Value) -> [u8; N] {
    let hex = hex.as_str().unwrap();
    assert_eq!(hex.len(), 2 * N);
    core::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
}

/// Millionths of what a published decimal says, digit by digit.
fn millionths(published: &Value) -> i64 {
    let digits = published.as_number().unwrap().to_string();
    let (whole, rest) = digits.split_once('.').unwrap_or((&digits, ""));
    assert!(rest.len() <= 6, "{digits}");
    format!("{whole}{rest:0<6}").parse().unwrap()
}

/// Holds millionths of a unit to a published figure.
fn is_close(found: i64, published: &Value, most: i64) {
    let off = found - millionths(published);
    assert!(off.abs() <= most, "{found} millionths is not {published}");
}

/// `meters.json`, `bl0942.at_1mohm_and_5x390k_over_510`: counts an ampere, a volt, a watt, steps a
/// kilowatt-hour.
#[test]
fn the_published_figures_of_the_bl0942_come_out() {
    let published = &vectors()["bl0942"]["at_1mohm_and_5x390k_over_510"];
    let chip = bl0942::Circuit::REFERENCE.calibration().unwrap();
    // The counts of 1000 A, V and W; half of the last digit either way.
    for (scale, name, most) in [
        (chip.current, "I_RMS_per_A", 500_000),
        (chip.voltage, "V_RMS_per_V", 500_000),
        (chip.power, "WATT_per_W", 50_000),
    ] {
        let counts = i64::from(scale.invert(1_000_000));
        is_close(counts * 1000, &published[name], most);
    }
    let steps = 10_u128.pow(21) / u128::from(chip.energy.picowatt_hours());
    is_close(steps.try_into().unwrap(), &published["CF_per_kWh"], 50_000);
}

/// `meters.json`, `hlw8032_cse7766.frame`.
#[test]
fn the_published_frame_of_the_hlw8032_reads_as_published() {
    let published = &vectors()["hlw8032_cse7766"]["frame"];
    let frame = hlw8032::Frame::parse(&bytes(&published["hex"])).unwrap();
    let circuit = hlw8032::Circuit::REFERENCE;
    // A digit of the last place, published or ours.
    for (thousandths, name, most) in [
        (circuit.voltage(&frame).millivolts(), "voltage_v", 6_000),
        (circuit.current(&frame).milliamperes(), "current_a", 600),
        (circuit.power(&frame).milliwatts(), "power_w", 60_000),
    ] {
        is_close(i64::from(thousandths) * 1000, &published[name], most);
    }
}

/// `meters.json`, `hlw8032_cse7766.formulas`: pulses a kilowatt-hour from the coefficient.
#[test]
fn the_published_formula_of_the_hlw8032_gives_its_pulses() {
    let vectors = vectors();
    let chip = &vectors["hlw8032_cse7766"];
    assert!(
        chip["formulas"]
            .as_str()
            .unwrap()
            .contains("3.6e12 / (P_param * Kv * Ki)")
    );
    let frame = hlw8032::Frame::parse(&bytes(&chip["frame"]["hex"])).unwrap();
    let step = hlw8032::Circuit::REFERENCE
        .energy_per_pulse(&frame.coefficients)
        .unwrap();
    // Kv = 1.88, Ki = 1.
    let pulses = 3_600_000_000_000_u64 * 100 / (u64::from(frame.coefficients.power) * 188);
    assert_eq!(1_000_000_000_000_000 / step.picowatt_hours(), pulses);
}

/// `meters.json`, `hlw8032_cse7766.state`.
#[test]
fn the_published_states_of_the_hlw8032_are_told_apart() {
    let vectors = vectors();
    let mut frame: [u8; 24] = bytes(&vectors["hlw8032_cse7766"]["frame"]["hex"]);
    // F2 = power overflow: read it as 0 W. The state is not under the check sum.
    frame[0] = 0xF2;
    let read = hlw8032::Frame::parse(&frame).unwrap();
    assert_eq!(hlw8032::Circuit::REFERENCE.power(&read).milliwatts(), 0);
    assert_ne!(hlw8032::Circuit::REFERENCE.voltage(&read).millivolts(), 0);
    frame[0] = 0xAA;
    let uncalibrated = Err(hlw8032::FrameError::Uncalibrated);
    assert_eq!(hlw8032::Frame::parse(&frame), uncalibrated);
}

/// `meters.json`, `pzem004t_v3.reply`.
#[test]
fn the_published_reply_of_the_pzem_reads_as_published() {
    let published = &vectors()["pzem004t_v3"]["reply"];
    let reply = bytes(&published["hex"]);
    let read = pzem004t::Measurement::parse(1, &reply).unwrap();
    for (thousandths, name) in [
        (u32::from(read.decivolts) * 100, "voltage_v"),
        (read.milliamperes, "current_a"),
        (read.deciwatts * 100, "power_w"),
        (u32::from(read.decihertz) * 100, "frequency_hz"),
        (u32::from(read.power_factor_percent) * 10, "power_factor"),
    ] {
        is_close(i64::from(thousandths) * 1000, &published[name], 0);
    }
    assert_eq!(
        Some(u64::from(read.watt_hours)),
        published["energy_wh"].as_u64()
    );
}
