//! The prices in words, and back.

extern crate std;
use super::*;
use pile_units::Energy;
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;

type Entry<'a> = (&'a str, u32, u32);

fn stretches(of: &[Entry<'_>]) -> Vec<Stretch> {
    of.iter()
        .map(|(band, electricity, service)| Stretch {
            band: band.parse().unwrap(),
            energy: Energy::ZERO,
            energy_price: Price::from_micros_per_kilowatt_hour(*electricity).unwrap(),
            service_price: Price::from_micros_per_kilowatt_hour(*service).unwrap(),
        })
        .collect()
}

fn text(of: &[Entry<'_>]) -> String {
    let stretches = stretches(of);
    TariffText::new(Currency::CNY, SessionId::new(15), stretches.into_iter()).to_string()
}

/// What a reader makes of it.
fn read(text: &str) -> Option<Vec<(u32, u32)>> {
    let micros = Price::micros_per_kilowatt_hour;
    let (_, prices) = read_tariff_text(text)?;
    prices
        .map(|price| price.map(|it| (micros(it.energy_price), micros(it.service_price))))
        .collect()
}

#[test]
fn a_price_stands_at_its_first_turn_and_the_band_alone_at_the_next() {
    let (day, night) = (("day", 568_000, 200_000), ("night", 288_000, 200_000));
    assert_eq!(
        text(&[day, night, day, night]),
        "CNY/kWh electricity+service: day 0.568+0.20, night 0.288+0.20, day, night"
    );
}

#[test]
fn a_band_that_a_new_tariff_prices_anew_is_written_with_its_price() {
    let (old, new) = (("day", 568_000, 200_000), ("day", 600_000, 200_000));
    let text = text(&[old, new, new, old]);
    assert_eq!(
        text,
        "CNY/kWh electricity+service: day 0.568+0.20, day 0.60+0.20, day, day 0.568+0.20"
    );
    assert_eq!(
        read(&text).unwrap(),
        [
            (568_000, 200_000),
            (600_000, 200_000),
            (600_000, 200_000),
            (568_000, 200_000)
        ]
    );
}

#[test]
fn too_many_turns_leave_each_price_once_and_too_many_prices_their_number() {
    let turns: Vec<Entry<'_>> = (0..80)
        .map(|n| (["day", "night"][n % 2], 568_000, 200_000))
        .collect();
    assert_eq!(
        text(&turns),
        "CNY/kWh electricity+service: day 0.568+0.20, night 0.568+0.20"
    );
    let prices: Vec<Entry<'_>> = (0..80).map(|n| ("day", n, 200_000)).collect();
    assert_eq!(text(&prices), "80 prices, see session 15");
    assert_eq!(read("80 prices, see session 15"), None);
}

#[test]
fn a_text_of_another_form_is_not_read() {
    for text in [
        "",
        "CNY",
        "0.568 + 0.20 CNY/kWh",
        "YUAN/kWh electricity+service: day 1+1",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
    // A price that is none, a band that was not named before.
    for list in ["day", "day 0.5", "day 0.5+x", "day 1+1, night", ""] {
        let text = std::format!("CNY/kWh electricity+service: {list}");
        assert_eq!(read(&text), None, "{list}");
    }
}

proptest! {
    /// Whatever the bands are called: what is read is what was charged, or it is not as many.
    #[test]
    fn what_is_read_is_what_was_charged(
        of in prop::collection::vec(("[abAB +,0.1-]{1,12}", 0u32..4, 0u32..2), 1..20),
    ) {
        let of: Vec<Entry<'_>> = of.iter().map(|(a, b, c)| (a.as_str(), *b, *c)).collect();
        let text = text(&of);
        prop_assert!(text.len() <= MAX_TARIFF_TEXT);
        let charged: Vec<_> = of.iter().map(|(_, a, b)| (*a, *b)).collect();
        if let Some(read) = read(&text) && read.len() == charged.len() {
            prop_assert_eq!(read, charged);
        }
    }

    #[test]
    fn up_to_four_turns_are_always_read_back(
        of in prop::collection::vec(("[ -!#-{}~]{1,12}", 0u32..1_000_000, 0u32..1_000_000), 1..5),
    ) {
        let of: Vec<Entry<'_>> = of.iter().map(|(a, b, c)| (a.as_str(), *b, *c)).collect();
        let charged: Vec<_> = of.iter().map(|(_, a, b)| (*a, *b)).collect();
        prop_assert_eq!(read(&text(&of)), Some(charged));
    }

    #[test]
    fn i8_no_text_panics_the_reader(text in "([A-Z]{3}/kWh electricity\\+service: )?[ab0.,+ é]{0,60}") {
        let _ = read(&text);
    }
}
