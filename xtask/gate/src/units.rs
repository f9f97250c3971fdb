//! `pile-units`: a price from text, an exact fee, its one rounding.

use pile_units::{Currency, Energy, Fee, Price};

/// Tells whether 0.732 kWh at 0.568 costs 0.41.
pub fn holds() -> bool {
    let energy = core::hint::black_box(Energy::from_milliwatt_hours(732_000));
    "0.568"
        .parse::<Price>()
        .is_ok_and(|price| Fee::of(energy, price).round_down(Currency::CNY).micros() == 410_000)
}
