//! The published figures of the pulse chips: `tests/data/meters.json` (BL0937 datasheet, HLW8012
//! user manual, as driver projects give them).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a test of figures that are published as decimals"
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

/// What a millihertz is worth, in thousandths of the unit of a hertz: the same number.
fn per_hertz(scale: Scale) -> f64 {
    f64::from(scale.apply(10_000_000)) / 10_000_000.0
}

/// Holds a figure to a published one, which is rounded to its last digit.
fn is_rounded(figure: f64, published: &Value, last_digit: f64) {
    let published = published.as_f64().unwrap();
    assert!(
        (figure - published).abs() <= last_digit / 2.0,
        "{figure} is not {published}"
    );
}

/// `meters.json`, `bl0937.at_1mohm_divider_2351`.
#[test]
fn the_published_figures_of_the_bl0937_come_out() {
    let vectors = vectors();
    let published = &vectors["bl0937"]["at_1mohm_divider_2351"];
    let (power, current, voltage) = nominal(Chip::Bl0937).scales();
    is_rounded(per_hertz(power), &published["W_per_Hz"], 0.001);
    is_rounded(per_hertz(current) * 1_000.0, &published["mA_per_Hz"], 0.01);
    is_rounded(per_hertz(voltage), &published["V_per_Hz"], 0.001);
    // A joule a pulse is a watt a hertz.
    let joules = 3.6e-9 * nominal(Chip::Bl0937).picowatt_hours_per_pulse() as f64;
    is_rounded(joules, &published["W_per_Hz"], 0.001);
}

/// `meters.json`, `bl0937.f_cf_hz`, `f_cfi_hz`, `f_cfu_hz`, by their own words: a kilowatt at 230 V.
#[test]
fn the_published_formulas_of_the_bl0937_come_out() {
    let vectors = vectors();
    let factor = |name: &str| -> f64 {
        let formula = vectors["bl0937"][name].as_str().unwrap();
        formula.split(' ').next().unwrap().parse().unwrap()
    };
    // Vref as the note has it; volts at the pins.
    assert!(
        vectors["bl0937"]["note"]
            .as_str()
            .unwrap()
            .contains("1.218 V")
    );
    let vref = 1.218;
    let (v, i) = (230.0 / 2351.0, 1_000.0 / 230.0 * 0.001);
    let (power, current, voltage) = nominal(Chip::Bl0937).scales();
    let near = |read: f64, wanted: f64| assert!((read / wanted - 1.0).abs() < 1e-5, "{read}");
    near(
        per_hertz(power) * factor("f_cf_hz") * v * i / (vref * vref),
        1_000.0,
    );
    near(
        per_hertz(current) * factor("f_cfi_hz") * i / vref,
        1_000.0 / 230.0,
    );
    near(per_hertz(voltage) * factor("f_cfu_hz") * v / vref, 230.0);
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
        0.01,
    );
    assert!(published["clock_tolerance_percent"].as_u64().unwrap() < TOLERANCE_PERCENT);
}
