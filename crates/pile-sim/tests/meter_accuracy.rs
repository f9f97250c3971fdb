//! Accuracy of every meter through the whole chain: virtual wire, chip counts, driver, mWh.
//!
//! The wire's energy is an integer of its own; the chips' formulas are the datasheets', as whole
//! fractions; nothing here knows a constant of a driver. `cargo test -p pile-sim --test
//! meter_accuracy -- --nocapture` prints the tables.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helper fails as a test does"
)]

mod meter_wires;

use meter_wires::Wire;
use pile_sim::bl0942::Load;
use pile_units::{Current, Power, Voltage};

const MAINS_MV: u32 = 230_000;
/// What a wire of a pile carries.
const WIRE_MA: u64 = 16_000;
const EIGHT_HOURS: u64 = 8 * 3_600;

/// Power in watts, power factor in thousandths. A combination beyond the wire is left out.
const WATTS: [u32; 7] = [5, 10, 60, 250, 800, 1_500, 2_500];
const FACTORS: [u32; 4] = [1_000, 750, 400, 100];

fn load(watts: u32, factor: u32) -> Option<Load> {
    let milliamperes =
        u64::from(watts) * 1_000_000 * 1_000 / u64::from(factor) / u64::from(MAINS_MV);
    (milliamperes <= WIRE_MA).then(|| Load {
        power: Power::from_watts(watts),
        voltage: Voltage::from_millivolts(MAINS_MV),
        current: Current::from_milliamperes(u32::try_from(milliamperes).unwrap()),
    })
}

/// Eight hours of each load. Never above what flowed; below by 0.1 %, or by one step of the
/// chip's counter where that is more.
fn within_a_thousandth<W: Wire>(name: &str, make: impl Fn() -> W) {
    println!("{name}");
    println!("     W    pf  delivered mWh     billed mWh    short ppm");
    for watts in WATTS {
        for (factor, load) in FACTORS
            .iter()
            .filter_map(|factor| load(watts, *factor).map(|load| (factor, load)))
        {
            let mut wire = make();
            wire.seconds(1);
            let before = wire.delivered_microjoules();
            assert_eq!(wire.billed(), 0, "{name}: nothing flowed");
            wire.set_load(load);
            wire.seconds(EIGHT_HOURS);
            let delivered = wire.delivered_microjoules() - before;
            let billed = wire.billed() * 3_600_000;
            assert!(
                billed <= delivered,
                "{name} at {watts} W: {billed} uJ of {delivered}"
            );
            let short = delivered - billed;
            let step = (wire.step().milliwatt_hours() + 1) * 3_600_000;
            let thousandth = delivered / 1_000;
            println!(
                "{watts:6} {factor:5} {:14} {:14} {:12}{}",
                delivered / 3_600_000,
                billed / 3_600_000,
                u128::from(short) * 1_000_000 / u128::from(delivered),
                if step > thousandth {
                    "  (bound: one step)"
                } else {
                    ""
                },
            );
            assert!(
                short <= thousandth.max(step),
                "{name} at {watts} W, pf {factor}: {short} uJ short of {delivered}"
            );
            wire.check(&load);
        }
    }
}

/// A day of noise without a load.
fn bills_nothing<W: Wire>(name: &str, mut wire: W) {
    for seed in 1..=3 {
        wire.set_noise(Power::from_milliwatts(400), seed);
        wire.seconds(24 * 3_600);
        assert_eq!(wire.billed(), 0, "{name}");
    }
}

/// A test of each property a chip, by its name.
macro_rules! chips {
    ($($name:ident: $make:expr;)*) => {
        mod a_thousandth {
            use super::*;
            $(#[test] fn $name() { within_a_thousandth(stringify!($name), || $make); })*
        }
        mod a_day_of_noise_without_a_load_bills_nothing {
            use super::*;
            $(#[test] fn $name() { bills_nothing(stringify!($name), $make); })*
        }
    };
}

chips! {
    bl0942: meter_wires::bl0942();
    bl0937: meter_wires::bl0937();
    hlw8012: meter_wires::hlw8012();
    bl0910: meter_wires::bl0910();
    hlw8032: meter_wires::hlw8032();
    pzem004t: meter_wires::pzem004t();
}
