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

fn load(milliwatts: u32, factor: u32) -> Option<Load> {
    let milliamperes =
        u64::from(milliwatts) * 1_000 * 1_000 / u64::from(factor) / u64::from(MAINS_MV);
    (milliamperes <= WIRE_MA).then(|| Load {
        power: Power::from_milliwatts(milliwatts),
        voltage: Voltage::from_millivolts(MAINS_MV),
        current: Current::from_milliamperes(u32::try_from(milliamperes).unwrap()),
    })
}

/// The unluckiest run from `watts` on: a load, to the milliwatt, and eight hours and up to a minute of it,
/// in seconds, that end as near as can be below another step of the counter. All but that step is lost
/// to the run.
fn unlucky(watts: u32, step_picos: u64) -> (u32, u64) {
    // A milliwatt-second is 2,500,000 / 9 pWh.
    let rest = |&(milliwatts, seconds): &(u32, u64)| {
        u128::from(milliwatts) * u128::from(seconds) * 2_500_000 % (u128::from(step_picos) * 9)
    };
    (watts * 1_000..watts * 1_000 + 128)
        .flat_map(|milliwatts| {
            (EIGHT_HOURS..EIGHT_HOURS + 60).map(move |seconds| (milliwatts, seconds))
        })
        .max_by_key(rest)
        .unwrap()
}

/// What eight hours of a load delivered and what was billed of it, microjoules: where the most is missing,
/// in the last seconds. A driver that listens for a while is late by that as well.
fn eight_hours<W: Wire>(name: &str, wire: &mut W, load: Load, seconds: u64) -> (u64, u64) {
    const AROUND: u64 = 20;
    wire.seconds(1);
    let before = wire.delivered_microjoules();
    assert_eq!(wire.billed(), 0, "{name}: nothing flowed");
    wire.set_load(load);
    wire.seconds(seconds - AROUND);
    let mut worst = (0, 0);
    for _ in 0..2 * AROUND {
        wire.seconds(1);
        let delivered = wire.delivered_microjoules() - before;
        let billed = wire.billed() * 3_600_000;
        let power = load.power;
        assert!(
            billed <= delivered,
            "{name} at {power}: {billed} uJ of {delivered}"
        );
        if delivered - billed > worst.0 - worst.1 {
            worst = (delivered, billed);
        }
    }
    worst
}

fn ppm(delivered: u64, billed: u64) -> u128 {
    u128::from(delivered - billed) * 1_000_000 / u128::from(delivered)
}

/// Eight hours of each load, the unluckiest of its kind. Never above what flowed; below by 0.1 %, or by
/// one step of the chip's counter where that is more.
fn within_a_thousandth<W: Wire>(name: &str, make: impl Fn() -> W, carries: u32) {
    println!("{name}");
    println!("      mW    pf  delivered mWh     billed mWh    short ppm");
    for watts in WATTS {
        for factor in FACTORS {
            let mut wire = make();
            let step = wire.step_picos();
            let (milliwatts, seconds) = unlucky(watts, step);
            let Some(load) =
                load(milliwatts, factor).filter(|load| load.current.milliamperes() <= carries)
            else {
                continue;
            };
            let (delivered, billed) = eight_hours(name, &mut wire, load, seconds);
            let short = delivered - billed;
            let step = (step.div_ceil(1_000_000_000) + 1) * 3_600_000;
            let thousandth = delivered / 1_000;
            println!(
                "{milliwatts:8} {factor:5} {:14} {:14} {:12}{}",
                delivered / 3_600_000,
                billed / 3_600_000,
                ppm(delivered, billed),
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

/// From this power on, eight hours are within 0.1 % wherever they end.
fn within_a_thousandth_from<W: Wire>(name: &str, make: impl Fn() -> W, watts: u32) {
    let mut wire = make();
    let (milliwatts, seconds) = unlucky(watts, wire.step_picos());
    let load = load(milliwatts, 1_000).unwrap();
    let (delivered, billed) = eight_hours(name, &mut wire, load, seconds);
    let ppm = ppm(delivered, billed);
    println!("{name} from {watts} W: {ppm} ppm short at {milliwatts} mW");
    assert!(ppm <= 1_000, "{name}: {ppm} ppm at {milliwatts} mW");
}

/// A chip's own step is more than 0.1 % of five watts: no driver can bill it before it is full, and none
/// may round it up. What an unlucky run is short of stays within that step.
fn a_step_at_five_watts<W: Wire>(name: &str, mut wire: W) {
    let step = wire.step_picos();
    let (milliwatts, seconds) = unlucky(5, step);
    let load = load(milliwatts, 1_000).unwrap();
    let (delivered, billed) = eight_hours(name, &mut wire, load, seconds);
    let ppm = ppm(delivered, billed);
    println!("{name} from 5 W: {ppm} ppm short, within a step");
    assert!(ppm > 1_000, "{name} is better than it is said to be: {ppm}");
    // And a milliwatt-hour for the rounding of the total.
    assert!((delivered - billed) / 3_600 <= step / 1_000_000 + 1_000);
}

/// Sessions in a row: what one is short of is in the register, and the next has it, or the time between.
fn no_session_loses_what_the_next_does_not_find<W: Wire>(name: &str, mut wire: W) {
    let step = wire.step_picos() / 1_000_000_000 * 3_600_000 + 2 * 3_600_000;
    wire.seconds(1);
    let mut billed = 0;
    for session in 0..40 {
        let before = (wire.delivered_microjoules(), wire.billed());
        wire.set_load(load(5_000 + session * 37, 1_000).unwrap());
        wire.seconds(1_200 + u64::from(session));
        let flowed = wire.delivered_microjoules() - before.0;
        let own = (wire.billed() - before.1) * 3_600_000;
        assert!(own.abs_diff(flowed) <= step, "{name}: {own} of {flowed}");
        wire.set_load(Load::NONE);
        wire.seconds(60);
        billed += own;
    }
    let short = wire.delivered_microjoules() - billed;
    println!("{name}: forty sessions are {short} uJ short in all");
    assert!(short <= step, "{name}: {short} uJ of {step}");
}

/// A day of noise without a load; and `unguarded` bills it, so there was something to bill.
fn bills_nothing<W: Wire, X: Wire>(name: &str, mut wire: W, (mut unguarded, noise): (X, u32)) {
    for seed in 1..=3 {
        wire.set_noise(Power::from_milliwatts(400), seed);
        wire.seconds(24 * 3_600);
        assert_eq!(wire.billed(), 0, "{name}");
    }
    unguarded.set_noise(Power::from_milliwatts(noise), 1);
    unguarded.seconds(24 * 3_600);
    let billed = unguarded.billed();
    println!("{name}: a day of noise without a guard is {billed} mWh");
    assert!(billed >= 1_000, "{name}: {billed} mWh");
}

/// A test of each property a chip, by its name.
macro_rules! chips {
    ($($name:ident: $make:expr, from $watts:expr, without a guard $unguarded:expr, at $noise:expr;)*) => {
        mod a_thousandth {
            use super::*;
            $(#[test] fn $name() { within_a_thousandth(stringify!($name), || $make, u32::MAX); })*
            #[test]
            fn bl0942_of_a_kilowatt() {
                within_a_thousandth("bl0942_1kw", meter_wires::bl0942_1kw, 6_000);
            }
        }
        mod a_thousandth_in_any_phase_from_its_power_on {
            use super::*;
            $(#[test] fn $name() {
                within_a_thousandth_from(stringify!($name), || $make, $watts);
            })*
            #[test]
            fn bl0942_of_a_kilowatt() {
                within_a_thousandth_from("bl0942_1kw", meter_wires::bl0942_1kw, 5);
            }
        }
        mod a_day_of_noise_without_a_load_bills_nothing {
            use super::*;
            $(#[test] fn $name() {
                bills_nothing(stringify!($name), $make, ($unguarded, $noise));
            })*
        }
    };
}

chips! {
    bl0942: meter_wires::bl0942(), from 12, without a guard meter_wires::bl0942_unguarded(), at 400;
    bl0937: meter_wires::bl0937(), from 5, without a guard meter_wires::bl0937_unguarded(), at 400;
    hlw8012: meter_wires::hlw8012(), from 5, without a guard meter_wires::hlw8012_unguarded(), at 400;
    bl0910: meter_wires::bl0910(), from 5, without a guard meter_wires::bl0910_unguarded(), at 400;
    hlw8032: meter_wires::hlw8032(), from 5, without a guard meter_wires::hlw8032_unguarded(), at 400;
    // Its guard is the module's own, a starting power of 0.4 W: louder noise is billed.
    pzem004t: meter_wires::pzem004t(), from 125, without a guard meter_wires::pzem004t(), at 800;
}

#[test]
fn a_few_watts_on_a_bl0942_or_a_pzem_are_held_to_one_step_of_the_chip() {
    a_step_at_five_watts("bl0942", meter_wires::bl0942());
    a_step_at_five_watts("pzem004t", meter_wires::pzem004t());
}

#[test]
fn forty_sessions_of_a_few_watts_are_short_of_one_step_in_all() {
    no_session_loses_what_the_next_does_not_find("bl0942", meter_wires::bl0942());
    no_session_loses_what_the_next_does_not_find("pzem004t", meter_wires::pzem004t());
}

/// A port that nobody has used yet: its chip browns out, the pile's processor does not.
#[test]
fn a_day_of_noise_after_a_brown_out_of_an_unused_bl0942_bills_nothing() {
    let mut wire = meter_wires::bl0942();
    wire.seconds(10);
    wire.chip.reset();
    wire.set_noise(Power::from_milliwatts(400), 1);
    wire.seconds(24 * 3_600);
    assert_eq!(wire.billed(), 0, "mWh of noise");
}

/// The same port: the limit that the chip itself watches comes back as well.
#[test]
fn an_unused_bl0942_that_browns_out_gets_its_over_current_limit_back() {
    let mut wire = meter_wires::bl0942();
    wire.meter
        .set_over_current(0, Some(Current::from_milliamperes(6_522)));
    wire.seconds(10);
    wire.chip.reset();
    wire.seconds(60);
    wire.set_load(load(1_600_000, 1_000).unwrap());
    wire.seconds(600);
    assert!(wire.chip.over_current_pin(), "6.96 A for ten minutes");
}
