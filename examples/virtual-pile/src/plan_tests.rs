use proptest::prelude::*;

use super::*;
use crate::input::{self, Row};

const FILES: [&str; 2] = [
    include_str!("../data/residential-sessions-bl2.csv"),
    include_str!("../data/residential-sessions-sr2.csv"),
];

fn rows() -> impl Iterator<Item = Row> {
    let offset = "+01:00".parse().unwrap();
    FILES.into_iter().flat_map(move |text| {
        input::parse("data.csv", text.as_bytes(), 10, offset)
            .unwrap()
            .rows
    })
}

fn check(stay_s: u32, energy_wh: u32) -> Plan {
    let plan = Plan::for_stay(stay_s, energy_wh);
    let energy: u64 = plan.pieces().iter().map(|p| p.microjoules()).sum();
    assert_eq!(energy, u64::from(energy_wh) * MICROJOULES_PER_WH);
    assert!(
        plan.duration_ms() <= usable_ms(stay_s),
        "{stay_s} s, {energy_wh} Wh"
    );
    for piece in plan.pieces() {
        assert!(piece.duration_ms > 0 && piece.power_mw > 0);
        assert!(piece.power_mw <= MAX_POWER_MW);
    }
    // Never taken for "no load" (10 W for 120 s) or "full" (15 W for 60 min) while drawing.
    let below_full = plan.pieces().iter().filter(|p| p.power_mw < TAIL_END_MW);
    assert!(below_full.map(|p| p.duration_ms).sum::<u64>() <= FLOAT_MS);
    assert!(plan.power_mw(0) >= 30_000, "{stay_s} s, {energy_wh} Wh");
    plan
}

#[test]
fn every_row_of_both_files_gets_exactly_its_energy_in_time() {
    let mut floats = 0;
    for row in rows() {
        let plan = check(row.stay_s(), row.energy_wh);
        floats += u32::from(plan.power_mw(plan.duration_ms() - 1) == FLOAT_MW);
    }
    assert!(floats > 1_300, "only {floats} of 2,449 sessions end full");
}

#[test]
fn a_night_at_the_plug_holds_current_then_voltage_then_floats() {
    let plan = check(10 * 3600, 700);
    let powers: Vec<_> = plan.pieces().iter().map(|p| p.power_mw).collect();
    let rising = powers.windows(2).take_while(|w| w[0] <= w[1] + 1).count();
    assert!(rising >= 3, "{powers:?}");
    assert!(powers.iter().max() <= Some(&300_000));
    let tail = &powers[rising..];
    assert!(tail.windows(2).all(|w| w[0] > w[1]), "{powers:?}");
    assert!((13..=16).contains(&tail.len()), "{powers:?}");
    assert_eq!(tail.last(), Some(&FLOAT_MW));
}

#[test]
fn a_short_stay_draws_flat_power() {
    let plan = check(60, 4);
    assert_eq!(plan.duration_ms(), 50_000);
    assert!(
        plan.pieces()
            .iter()
            .all(|p| (288_000..=288_001).contains(&p.power_mw))
    );
}

#[test]
fn a_tiny_energy_over_a_long_stay_ends_early_and_gently() {
    let plan = check(12 * 3600, 1);
    assert_eq!(
        plan.pieces(),
        [Piece {
            duration_ms: 60_000,
            power_mw: 60_000
        }]
    );
}

#[test]
fn a_large_energy_scales_the_charger_up() {
    let plan = check(24 * 3600, 3_580);
    let most = plan.pieces().iter().map(|p| p.power_mw).max();
    assert!(
        most > Some(590_000) && most <= Some(MAX_POWER_MW),
        "{most:?}"
    );
}

#[test]
fn more_than_the_outlet_gives_is_impossible() {
    // 50 s at 800 W are 11.1 Wh.
    assert!(is_possible(60, 11));
    assert!(!is_possible(60, 12));
    assert!(is_possible(u32::MAX, 4_800));
    assert!(!is_possible(u32::MAX, 4_801));
}

proptest! {
    #[test]
    fn any_possible_row_gets_exactly_its_energy_in_time(
        stay_s in prop_oneof![60u32..3_600, 60u32..30_000, 60u32..=u32::MAX],
        energy_wh in prop_oneof![1u32..100, 1u32..=4_800],
    ) {
        prop_assume!(is_possible(stay_s, energy_wh));
        check(stay_s, energy_wh);
    }

    #[test]
    fn the_power_at_a_time_sums_to_the_energy(energy_wh in 1u32..60, stay_s in 600u32..1_800) {
        prop_assume!(is_possible(stay_s, energy_wh));
        let plan = Plan::for_stay(stay_s, energy_wh);
        let sum: u64 = (0..u64::from(stay_s) * 1000).map(|ms| u64::from(plan.power_mw(ms))).sum();
        prop_assert_eq!(sum, u64::from(energy_wh) * MICROJOULES_PER_WH);
    }
}
