//! I10: the numbers on the paper are the numbers of the bill.

extern crate std;
use super::*;
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;

type Line = (u64, u32, u32);

fn stretches(of: &[Line]) -> Vec<Stretch> {
    of.iter()
        .map(|(mwh, electricity, service)| Stretch {
            band: "band".parse().unwrap(),
            energy: Energy::from_milliwatt_hours(*mwh),
            energy_price: Price::from_micros_per_kilowatt_hour(*electricity).unwrap(),
            service_price: Price::from_micros_per_kilowatt_hour(*service).unwrap(),
        })
        .collect()
}

/// A decimal as a whole number of 10^-`digits`.
fn whole(text: &str, digits: usize) -> u128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= digits, "{text}");
    let zeros = "0".repeat(digits - fraction.len());
    (whole.to_string() + fraction + &zeros).parse().unwrap()
}

fn words(line: &str) -> Vec<&str> {
    line.split([' ', ',', ':'])
        .filter(|word| !word.is_empty())
        .collect()
}

/// Does the arithmetic again with what is printed alone, every step of it.
fn redo(text: &str, count: usize) -> (String, String, String) {
    let mut lines = text.lines();
    let mut sums = Vec::new();
    for _ in 0..2 {
        lines.next().unwrap();
        let (mut sum, mut carried, mut micros) = (0, 0, 0);
        for _ in 0..count {
            let product = words(lines.next().unwrap());
            let ["band", energy, "kWh", "x", price, "=", exact] = *product else {
                panic!("{product:?}")
            };
            let exact = whole(exact, 12);
            assert_eq!(whole(energy, 6) * whole(price, 6), exact);
            sum += exact;
            let carry = words(lines.next().unwrap());
            let ["with", before, "carried", "line", line, "carry", after] = *carry else {
                panic!("{carry:?}")
            };
            assert_eq!(whole(before, 12), carried);
            carried = whole(after, 12);
            micros += whole(line, 6);
            assert_eq!(
                whole(before, 12) + exact,
                whole(line, 6) * 1_000_000 + carried
            );
        }
        let last = words(lines.next().unwrap());
        assert_eq!(last[0], "sum");
        assert_eq!(whole(last[1], 12), sum);
        assert_eq!(micros, sum / 1_000_000);
        sums.push(sum);
    }
    assert!(lines.next().unwrap().starts_with("Total, "));
    let both = words(lines.next().unwrap());
    let [one, "+", other, "=", sum, "rounded", "down", "to", total] = *both else {
        panic!("{both:?}")
    };
    assert_eq!([whole(one, 12), whole(other, 12)], *sums);
    assert_eq!(whole(one, 12) + whole(other, 12), whole(sum, 12));
    let fee = words(lines.next().unwrap());
    let ["electricity", sum, "rounded", "down", "to", electricity] = *fee else {
        panic!("{fee:?}")
    };
    assert_eq!(whole(sum, 12), sums[0]);
    let rest = words(lines.next().unwrap());
    let ["service", minuend, "-", subtrahend, "=", service] = *rest else {
        panic!("{rest:?}")
    };
    assert_eq!((minuend, subtrahend), (total, electricity));
    assert_eq!(whole(total, 6), whole(electricity, 6) + whole(service, 6));
    assert_eq!(lines.next(), None);
    (
        electricity.to_string(),
        service.to_string(),
        total.to_string(),
    )
}

proptest! {
    #[test]
    fn i10_the_printed_numbers_add_up_to_the_bill(
        of in prop::collection::vec(
            (0u64..30_000_000, 0u32..=100_000_000, 0u32..=100_000_000), 0..12),
        code in prop::sample::select(std::vec!["CNY", "JPY", "KWD"]),
    ) {
        let currency: Currency = code.parse().unwrap();
        let stretches = stretches(&of);
        let arithmetic = Arithmetic::new(currency, stretches.iter().copied());
        let bill = arithmetic.bill();
        let amount = |money| currency.amount(money).to_string();
        prop_assert_eq!(
            redo(&arithmetic.to_string(), of.len()),
            (amount(bill.energy_fee), amount(bill.service_fee), amount(bill.total))
        );
        let mut cost = SessionCost::default();
        for (stretch, _) in stretches.iter().zip(&of) {
            cost.close_segment(stretch.energy, stretch.energy_price, stretch.service_price);
        }
        prop_assert_eq!(bill, cost.total(currency));
    }
}

#[test]
fn lines_keep_to_a_hundred_columns() {
    let dearest = stretches(&[(12_000_000, 1_000_000_000, 999_999_999), (1, 0, 1)]);
    let text = Arithmetic::new(Currency::CNY, dearest.into_iter()).to_string();
    assert!(text.lines().all(|line| line.len() <= 100), "{text}");
}
