//! What a session costs, exactly, with one rounding.
//!
//! A session is cut into **segments**, each at one electricity price and one service price: a
//! band that ends, a new tariff or another plan ends a segment. The rule, which anyone can
//! recompute with whole numbers:
//!
//! 1. A segment's exact fee is its milliwatt-hours times the price in micro-units a kWh. The
//!    product counts 10^-12 units of the currency; nothing is rounded. Electricity and service
//!    are kept apart.
//! 2. A segment's line shows whole micro-units: those that the running sum of the session passed
//!    in it, that is floor(sum after) - floor(sum before). What is left over is carried to the
//!    next segment, so the lines of a session add up to the floor of its exact sum.
//! 3. At the end of the session, and only there, the sum of electricity and service is rounded
//!    **down** to the currency's minor unit: that is the total. The electricity fee is its own
//!    sum rounded down; the service fee is the rest of the total.
//!
//! # Worked example
//!
//! 1,001 mWh at 0.568 and 1,002 mWh at 0.288 a kWh, service 0.20 throughout, in CNY:
//!
//! | segment | electricity, exact | sum | line | service, exact | sum | line |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | 1 | 568.568 | 568.568 | 568 | 200.200 | 200.200 | 200 |
//! | 2 | 288.576 | 857.144 | 857 - 568 = 289 | 200.400 | 400.600 | 400 - 200 = 200 |
//!
//! in millionths of a yuan. Together 1,257.744 millionths: less than 0.01, so the bill is 0.00.
//! Ten thousand times as much would be 12.57, of which 8.57 electricity and 4.00 service.

use pile_units::{Currency, Energy, Fee, Money, Price};

/// The exact sums of a session so far. What a session record carries from segment to segment.
///
/// ```
/// use billing_core::cost::SessionCost;
/// use pile_units::{Currency, Energy, Money};
///
/// let mut cost = SessionCost::default();
/// let service = "0.20".parse()?;
/// cost.close_segment(Energy::from_milliwatt_hours(300_001), "0.568".parse()?, service);
/// cost.close_segment(Energy::from_milliwatt_hours(200_000), "0.288".parse()?, service);
/// let bill = cost.total(Currency::CNY);
/// assert_eq!(bill.total, Money::from_micros(320_000)); // 0.3280... rounded down
/// assert_eq!(bill.energy_fee, Money::from_micros(220_000));
/// assert_eq!(bill.service_fee, Money::from_micros(100_000));
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct SessionCost {
    energy: Fee,
    service: Fee,
}

/// What one segment adds to a session, in whole micro-units: the line of a bill.
///
/// ```
/// use billing_core::cost::SessionCost;
/// use pile_units::Energy;
/// let mut cost = SessionCost::default();
/// let line = cost.close_segment(Energy::from_watt_hours(500), "0.568".parse()?, "0.2".parse()?);
/// assert_eq!((line.energy_micro.micros(), line.service_micro.micros()), (284_000, 100_000));
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct SegmentFee {
    /// Electricity.
    pub energy_micro: Money,
    /// Service.
    pub service_micro: Money,
}

/// What a session costs: whole minor units of the currency, `energy_fee + service_fee = total`.
///
/// ```
/// use billing_core::cost::{Bill, SessionCost};
/// use pile_units::Currency;
/// assert_eq!(SessionCost::default().total(Currency::CNY), Bill::default());
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Bill {
    /// Electricity, its exact sum rounded down.
    pub energy_fee: Money,
    /// Service: the rest of the total.
    pub service_fee: Money,
    /// Both, the exact sum rounded down once.
    pub total: Money,
}

impl SessionCost {
    /// Adds a segment and returns its line.
    ///
    /// The sums hold 18 million units of the currency; what would pass that is not billed.
    pub fn close_segment(
        &mut self,
        energy: Energy,
        energy_price: Price,
        service_price: Price,
    ) -> SegmentFee {
        let before = *self;
        self.energy = before.energy.plus(Fee::of(energy, energy_price));
        self.service = before.service.plus(Fee::of(energy, service_price));
        SegmentFee {
            energy_micro: self.energy.micros().saturating_sub(before.energy.micros()),
            service_micro: self
                .service
                .micros()
                .saturating_sub(before.service.micros()),
        }
    }

    /// The exact electricity fee so far.
    pub const fn energy(&self) -> Fee {
        self.energy
    }

    /// The exact service fee so far.
    pub const fn service(&self) -> Fee {
        self.service
    }

    /// The bill, by the one rounding.
    pub const fn total(&self, currency: Currency) -> Bill {
        let total = self.energy.plus(self.service).round_down(currency);
        let energy_fee = self.energy.round_down(currency);
        Bill {
            energy_fee,
            service_fee: total.saturating_sub(energy_fee),
            total,
        }
    }
}

#[cfg(test)]
mod tests {
    //! I10: lines sum to the total exactly; there is one stated rounding, down, once a session.

    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// Up to 12 segments of up to 30 kWh, at any price.
    fn segments() -> impl Strategy<Value = Vec<(u64, u32, u32)>> {
        let price = || 0u32..=1_000_000_000;
        prop::collection::vec((0u64..30_000_000, price(), price()), 0..12)
    }

    fn currency() -> impl Strategy<Value = Currency> {
        prop::sample::select(std::vec!["CNY", "EUR", "JPY", "KWD"])
            .prop_map(|code| code.parse().unwrap())
    }

    fn run(segments: &[(u64, u32, u32)]) -> (SessionCost, Vec<SegmentFee>) {
        let mut cost = SessionCost::default();
        let lines = segments
            .iter()
            .map(|(mwh, energy, service)| {
                cost.close_segment(
                    Energy::from_milliwatt_hours(*mwh),
                    Price::from_micros_per_kilowatt_hour(*energy).unwrap(),
                    Price::from_micros_per_kilowatt_hour(*service).unwrap(),
                )
            })
            .collect();
        (cost, lines)
    }

    /// The exact sums by arithmetic that shares nothing with the code: 10^-12 of the currency.
    fn exact(segments: &[(u64, u32, u32)]) -> (u128, u128) {
        segments
            .iter()
            .fold((0, 0), |(e, s), (mwh, energy, service)| {
                let mwh = u128::from(*mwh);
                (
                    e + mwh * u128::from(*energy),
                    s + mwh * u128::from(*service),
                )
            })
    }

    proptest! {
        #[test]
        fn i10_lines_of_a_session_sum_to_the_floor_of_the_exact_sum(segments in segments()) {
            let (_, lines) = run(&segments);
            let (energy, service) = exact(&segments);
            let sum = |pick: fn(&SegmentFee) -> Money| -> u128 {
                lines.iter().map(|line| u128::from(pick(line).micros())).sum()
            };
            prop_assert_eq!(sum(|line| line.energy_micro), energy / 1_000_000);
            prop_assert_eq!(sum(|line| line.service_micro), service / 1_000_000);
        }

        #[test]
        fn i10_electricity_and_service_sum_to_the_total(
            segments in segments(), currency in currency(),
        ) {
            let bill = run(&segments).0.total(currency);
            prop_assert_eq!(
                bill.energy_fee.micros() + bill.service_fee.micros(), bill.total.micros()
            );
            prop_assert_eq!(bill.total.micros() % currency.micros_per_minor_unit(), 0);
            prop_assert_eq!(bill.energy_fee.micros() % currency.micros_per_minor_unit(), 0);
        }

        #[test]
        fn i10_the_total_is_never_above_the_exact_sum_and_less_than_a_minor_unit_below(
            segments in segments(), currency in currency(),
        ) {
            let total = u128::from(run(&segments).0.total(currency).total.micros()) * 1_000_000;
            let (energy, service) = exact(&segments);
            let minor = u128::from(currency.micros_per_minor_unit()) * 1_000_000;
            prop_assert!(total <= energy + service);
            prop_assert!(energy + service < total + minor);
        }

        #[test]
        fn i10_a_segment_split_anywhere_changes_no_total(
            segments in segments(), at in any::<prop::sample::Index>(), part in 0u64..30_000_000,
            currency in currency(),
        ) {
            prop_assume!(!segments.is_empty());
            let at = at.index(segments.len());
            let (mwh, energy, service) = segments[at];
            let part = part.min(mwh);
            let mut split = segments.clone();
            split.splice(at..=at, [(part, energy, service), (mwh - part, energy, service)]);
            let (whole, lines) = run(&segments);
            let (parts, more_lines) = run(&split);
            prop_assert_eq!(whole, parts);
            prop_assert_eq!(whole.total(currency), parts.total(currency));
            // The two halves' lines add up to the whole segment's line.
            let sum = Money::saturating_add;
            prop_assert_eq!(
                sum(more_lines[at].energy_micro, more_lines[at + 1].energy_micro),
                lines[at].energy_micro
            );
        }
    }

    #[test]
    fn the_worked_example_of_the_module_holds() {
        let segments = [(1_001, 568_000, 200_000), (1_002, 288_000, 200_000)];
        let (cost, lines) = run(&segments);
        let micros: Vec<_> = lines
            .iter()
            .map(|line| (line.energy_micro.micros(), line.service_micro.micros()))
            .collect();
        assert_eq!(micros, [(568, 200), (289, 200)]);
        assert_eq!(
            (cost.energy().picos(), cost.service().picos()),
            (857_144_000, 400_600_000)
        );
        assert_eq!(cost.total(Currency::CNY), Bill::default());

        let (cost, _) = run(&segments.map(|(mwh, e, s)| (mwh * 10_000, e, s)));
        let bill = cost.total(Currency::CNY);
        let cents = |money: Money| money.micros() / 10_000;
        assert_eq!(
            (
                cents(bill.energy_fee),
                cents(bill.service_fee),
                cents(bill.total)
            ),
            (857, 400, 1257)
        );
    }

    #[test]
    fn sums_past_what_they_hold_stop_and_do_not_wrap() {
        let dearest = Price::from_micros_per_kilowatt_hour(1_000_000_000).unwrap();
        let mut cost = SessionCost::default();
        cost.close_segment(Energy::MAX, dearest, dearest);
        let line = cost.close_segment(Energy::MAX, dearest, dearest);
        assert_eq!(line, SegmentFee::default());
        let bill = cost.total(Currency::CNY);
        assert_eq!(bill.energy_fee.saturating_add(bill.service_fee), bill.total);
    }
}
