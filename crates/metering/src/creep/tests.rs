use super::*;
use proptest::prelude::*;

/// 1 mWh, 3.6 J.
fn step() -> EnergyPerCount {
    EnergyPerCount::from_picowatt_hours(1_000_000_000).unwrap()
}

fn guard() -> CreepGuard {
    CreepGuard::new(step(), Power::from_milliwatts(500))
}

fn at(milliseconds: u64) -> Instant {
    Instant::from_millis(milliseconds)
}

/// A load on a counter that is read now and then.
struct Wire {
    guard: CreepGuard,
    now: u64,
    /// µJ that flowed.
    flowed: u64,
    counted: u64,
}

impl Wire {
    fn new(pending: u64) -> Self {
        let mut guard = guard();
        guard.add(0, at(0));
        Self {
            guard,
            now: 0,
            flowed: pending,
            counted: 0,
        }
    }

    fn flow(&mut self, milliwatts: u64, milliseconds: u64) {
        self.now += milliseconds;
        self.flowed += milliwatts * milliseconds;
        let count = self.flowed / 3_600_000;
        let counts = u32::try_from(count - self.counted).unwrap();
        self.counted = count;
        self.guard.add(counts, at(self.now));
    }

    fn total_microjoules(&self) -> u64 {
        self.guard.total().milliwatt_hours() * 3_600_000
    }
}

#[test]
fn half_a_watt_for_a_day_is_nobodys() {
    let mut wire = Wire::new(3_599_999);
    for _ in 0..24 * 3_600 {
        wire.flow(500, 1_000);
    }
    assert_eq!(wire.guard.total(), Energy::ZERO);
    assert!(wire.counted > 11_000, "there was something to hold back");
}

#[test]
fn five_watts_lose_less_than_a_step() {
    let mut wire = Wire::new(0);
    for _ in 0..8 * 3_600 {
        wire.flow(5_000, 1_000);
    }
    let lost = wire.flowed - wire.total_microjoules();
    assert!(lost <= 2 * 3_600_000, "{lost} uJ");
}

/// Of a step of 100 J, at five watts and half a watt's threshold: the leak of the 41 s from the first
/// step on in which the bucket fills, and not the rest of a step. A dry bucket leaks nothing.
#[test]
fn a_load_loses_the_leak_and_no_more() {
    let step = EnergyPerCount::from_picowatt_hours(27_777_777_778).unwrap();
    let mut guard = CreepGuard::new(step, Power::from_milliwatts(500));
    guard.add(0, at(0));
    for second in 1..=8 * 3_600 {
        guard.add(u32::from(second % 20 == 0), at(second * 1_000));
    }
    let billed = guard.total().milliwatt_hours();
    // 41 s at half a watt are 5.7 mWh of the 40 Wh.
    assert_eq!(billed, 39_994);
}

#[test]
fn a_load_that_ends_closes_the_guard_and_noise_is_nobodys_again() {
    let mut wire = Wire::new(0);
    wire.flow(100_000, 60_000);
    assert!(wire.guard.is_open());
    wire.flow(0, 20_000);
    assert!(!wire.guard.is_open());
    let before = wire.guard.total();
    for _ in 0..3_600 {
        wire.flow(500, 1_000);
    }
    assert_eq!(wire.guard.total(), before);
}

#[test]
fn a_threshold_of_zero_opens_at_the_second_step_and_loses_nothing() {
    let mut guard = CreepGuard::new(step(), Power::ZERO);
    guard.add(1, at(0));
    assert_eq!(guard.total(), Energy::ZERO);
    guard.add(1, at(1_000_000));
    assert_eq!(guard.total(), Energy::from_milliwatt_hours(2));
}

#[test]
fn numbers_at_their_end_saturate() {
    let largest = EnergyPerCount::from_picowatt_hours(1_000_000_000_000).unwrap();
    let mut guard = CreepGuard::new(largest, Power::from_milliwatts(u32::MAX));
    guard.add(u32::MAX, at(0));
    guard.add(u32::MAX, at(u64::MAX));
    assert!(guard.resolution() > Energy::ZERO);
}

#[test]
fn half_a_watt_for_a_day_after_a_load_is_nobodys() {
    let mut wire = Wire::new(0);
    wire.flow(60_000, 60_000);
    let load = wire.guard.total().milliwatt_hours();
    for _ in 0..24 * 3_600 {
        wire.flow(500, 1_000);
    }
    let noise = wire.guard.total().milliwatt_hours() - load;
    assert!(noise <= 2, "{noise} mWh of noise are billed");
}

/// A load that stays is billed whole: at a watt and a little, what it loses is the leak at its start.
#[test]
fn a_load_above_twice_the_threshold_keeps_the_guard_open() {
    let mut wire = Wire::new(0);
    for second in 0..24 * 3_600 {
        wire.flow(1_010, 1_000);
        assert!(second < 60 || wire.guard.is_open(), "{second}");
    }
    let lost = wire.flowed - wire.total_microjoules();
    assert!(lost <= 3 * 3_600_000, "{lost} uJ");
}

proptest! {
    #[test]
    fn noise_after_any_load_is_billed_up_to_the_bucket_and_two_steps(
        load in 1_000_u64..2_500_000,
        time in 1_000_u64..100_000,
        noise in proptest::collection::vec((400_u64..=500, 1_u64..5_000), 1..300),
    ) {
        let mut wire = Wire::new(0);
        wire.flow(load, time);
        let load = wire.total_microjoules();
        for (power, time) in noise {
            wire.flow(power, time);
        }
        prop_assert!(wire.total_microjoules() - load <= wire.guard.capacity() + 2 * 3_600_000);
    }

    #[test]
    fn noise_up_to_the_threshold_is_never_billed(
        pending in 0_u64..3_600_000,
        noise in proptest::collection::vec((0_u64..=500, 1_u64..100_000), 1..300),
    ) {
        let mut wire = Wire::new(pending);
        for (power, time) in noise {
            wire.flow(power, time);
            prop_assert_eq!(wire.guard.total(), Energy::ZERO);
        }
    }

    /// I3, the guard's part.
    #[test]
    fn i3_a_difference_is_never_ahead_of_what_flowed_by_more_than_the_resolution(
        loads in proptest::collection::vec((0_u64..20_000, 1_u64..30_000), 2..100),
        first in 0_usize..100,
    ) {
        let mut wire = Wire::new(0);
        let mut start = None;
        for (number, (power, time)) in loads.into_iter().enumerate() {
            wire.flow(power, time);
            prop_assert!(wire.total_microjoules() <= wire.flowed);
            if number == first {
                start = Some((wire.guard.total(), wire.flowed));
            }
            if let Some((total, flowed)) = start {
                let billed = wire.guard.total().saturating_sub(total);
                let sure = billed.saturating_sub(wire.guard.resolution());
                prop_assert!(sure.milliwatt_hours() * 3_600_000 <= wire.flowed - flowed);
            }
        }
    }
}
