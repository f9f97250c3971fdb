//! The published figures of the pulse chips: `tests/data/meters.json` (BL0937 datasheet, HLW8012
//! user manual, as driver projects give them).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

use metering::Scale;
use metering::pulses::{Chip, Circuit, Nominal, TOLERANCE_PERCENT};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("data/meters.json")).unwrap()
}

fn nominal(chip: Chip) -> Nominal {
    // 1 mΩ, 2351: the circuit that the vectors name.
    Circuit::REFERENCE.nominal(chip).unwrap()
}

/// A decimal number in thousand-millionths.
fn nano(text: &str) -> u64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<9}").parse().unwrap()
}

/// What a millihertz is worth, in thousandths of the unit of a hertz: the same number, in
/// thousand-millionths.
fn per_hertz(scale: Scale) -> u64 {
    u64::from(scale.apply(10_000_000)) * 100
}

/// Holds a figure to a published one, which is rounded to its last digit.
fn is_rounded(figure: u64, published: &Value, last_digit: &str) {
    let published = nano(&published.to_string());
    assert!(
        figure.abs_diff(published) <= nano(last_digit) / 2,
        "{figure} is not {published}"
    );
}

/// `meters.json`, `bl0937.at_1mohm_divider_2351`.
#[test]
fn the_published_figures_of_the_bl0937_come_out() {
    let vectors = vectors();
    let published = &vectors["bl0937"]["at_1mohm_divider_2351"];
    let (power, current, voltage) = nominal(Chip::Bl0937).scales();
    is_rounded(per_hertz(power), &published["W_per_Hz"], "0.001");
    is_rounded(per_hertz(current) * 1_000, &published["mA_per_Hz"], "0.01");
    is_rounded(per_hertz(voltage), &published["V_per_Hz"], "0.001");
    // A joule a pulse is a watt a hertz.
    let joules = nominal(Chip::Bl0937).picowatt_hours_per_pulse() * 36 / 10;
    is_rounded(joules, &published["W_per_Hz"], "0.001");
}

/// `meters.json`, `bl0937.f_cf_hz`, `f_cfi_hz`, `f_cfu_hz`, by their own words: a kilowatt at 230 V.
#[test]
fn the_published_formulas_of_the_bl0937_come_out() {
    let vectors = vectors();
    let factor = |name: &str| -> u128 {
        let formula = vectors["bl0937"][name].as_str().unwrap();
        formula.split(' ').next().unwrap().parse().unwrap()
    };
    // Vref as the note has it.
    let note = vectors["bl0937"]["note"].as_str().unwrap();
    assert!(note.contains("1.218 V"));
    let vref = |of: u128| of * 1_000 / 1_218;
    let (power, current, voltage) = nominal(Chip::Bl0937).scales();
    let near = |read: u128, wanted: u128| {
        assert!(read.abs_diff(wanted) < wanted / 100_000, "{read}");
    };
    let per_hertz = |scale| u128::from(per_hertz(scale));
    // At the pins 230/2351 V and, a kilowatt being 1000/230 A, 1/230 V.
    let watts = per_hertz(power) * factor("f_cf_hz") / 2_351;
    near(vref(vref(watts)), 1_000_000_000_000);
    let amperes = per_hertz(current) * factor("f_cfi_hz") / 230;
    near(vref(amperes), 1_000_000_000_000 / 230);
    let volts = per_hertz(voltage) * factor("f_cfu_hz") * 230 / 2_351;
    near(vref(volts), 230_000_000_000);
}

/// `meters.json`, `hlw8012.at_same_circuit_W_per_Hz` and `clock_tolerance_percent`.
#[test]
fn the_published_figures_of_the_hlw8012_come_out_and_its_tolerance_is_calibrated_away() {
    let vectors = vectors();
    let published = &vectors["hlw8012"];
    let (power, _, _) = nominal(Chip::Hlw8012).scales();
    is_rounded(
        per_hertz(power),
        &published["at_same_circuit_W_per_Hz"],
        "0.01",
    );
    assert!(published["clock_tolerance_percent"].as_u64().unwrap() < TOLERANCE_PERCENT);
}
