//! Properties of the units: exact arithmetic and codecs that cannot hold an illegal value.

extern crate std;
use super::*;
use proptest::prelude::*;
use std::string::ToString;

proptest! {
    #[test]
    fn a_price_reads_back_what_it_writes(micros in 0u32..=1_000_000_000) {
        let price = Price::from_micros_per_kilowatt_hour(micros).unwrap();
        prop_assert_eq!(price.to_string().parse(), Ok(price));
    }

    #[test]
    fn an_offset_reads_back_what_it_writes(minutes in -840i16..=840) {
        let offset = UtcOffset::from_minutes(minutes).unwrap();
        prop_assert_eq!(offset.to_string().parse(), Ok(offset));
    }

    #[test]
    fn a_fee_split_anywhere_sums_to_the_whole(
        a in 0u64..50_000_000, b in 0u64..50_000_000, micros in 0u32..=1_000_000_000,
    ) {
        let price = Price::from_micros_per_kilowatt_hour(micros).unwrap();
        let fee = |mwh| Fee::of(Energy::from_milliwatt_hours(mwh), price);
        prop_assert_eq!(fee(a).plus(fee(b)), fee(a + b));
    }

    #[test]
    fn rounding_goes_down_and_by_less_than_a_minor_unit(picos in 0u64..1_000_000_000_000_000_000) {
        let fee = Fee::of(Energy::from_milliwatt_hours(picos), Price::from_micros_per_kilowatt_hour(1).unwrap());
        for code in ["CNY", "JPY", "KWD"] {
            let currency: Currency = code.parse().unwrap();
            let rounded = fee.round_down(currency).micros();
            let exact = fee.micros().micros();
            prop_assert!(rounded <= exact && exact - rounded < currency.micros_per_minor_unit());
        }
    }

    #[test]
    fn no_text_panics_a_reader(text in ".{0,12}") {
        let _ = text.parse::<Price>();
        let _ = text.parse::<UtcOffset>();
        let _ = text.parse::<Currency>();
    }
}

#[test]
fn prices_that_are_not_plain_decimals_are_refused() {
    for text in [
        "",
        ".",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        "0.1234567",
        "1000.000001",
        " 1",
        "1,5",
        "99999",
    ] {
        assert_eq!(text.parse::<Price>(), Err(OutOfRange), "{text}");
    }
}

#[test]
fn illegal_bytes_do_not_become_values() {
    assert!(postcard::from_bytes::<PortId>(&[16]).is_err());
    assert!(postcard::from_bytes::<PortId>(&[15]).is_ok());
    assert!(postcard::from_bytes::<PlanId>(&[4]).is_err());
    assert!(postcard::from_bytes::<PlanId>(&[3]).is_ok());
    assert!(postcard::from_bytes::<Currency>(b"cny").is_err());
    let mut buffer = [0; 8];
    let too_dear = postcard::to_slice(&1_000_000_001u32, &mut buffer).unwrap();
    assert!(postcard::from_bytes::<Price>(too_dear).is_err());
    let too_far = postcard::to_slice(&841i16, &mut buffer).unwrap();
    assert!(postcard::from_bytes::<UtcOffset>(too_far).is_err());
}

#[test]
fn the_minute_of_the_day_wraps_at_midnight_on_either_side() {
    let east = UtcOffset::from_minutes(840).unwrap();
    let west = UtcOffset::from_minutes(-840).unwrap();
    assert_eq!(east.minute_of_day(UnixSeconds::new(10 * 3600)), 0);
    assert_eq!(west.minute_of_day(UnixSeconds::new(0)), 600);
}

#[test]
fn all_sixteen_ports_have_a_number_and_the_seventeenth_does_not() {
    let all: std::vec::Vec<_> = PortId::first(99).map(PortId::number).collect();
    assert_eq!(all, (1..=16).collect::<std::vec::Vec<_>>());
    assert!(PortId::from_number(17).is_err());
    assert!(PortId::from_index(16).is_err());
}

#[test]
fn the_plans_are_four_and_the_standard_one_comes_first() {
    let all: std::vec::Vec<_> = PlanId::all().map(PlanId::index).collect();
    assert_eq!(all, [0, 1, 2, 3]);
    assert_eq!(PlanId::all().next(), Some(PlanId::STANDARD));
    assert_eq!(PlanId::new(4), Err(OutOfRange));
}

#[test]
fn a_time_that_is_moved_keeps_its_doubt_and_loses_its_certainty() {
    use ClockQuality::{Informative, Relative, Synchronised, Unknown};
    let time = |unix, quality| WallTime {
        unix: UnixSeconds::new(unix),
        quality,
    };
    // The same second is not before; only what lies before is moved.
    let same = time(100, Unknown).not_before(time(100, Synchronised));
    assert_eq!(same, time(100, Unknown));
    for (began, moved) in [
        (Synchronised, Informative),
        (Informative, Informative),
        (Unknown, Unknown),
        (Relative, Relative),
    ] {
        let ended = time(99, Synchronised).not_before(time(100, began));
        assert_eq!(ended, time(100, moved));
    }
}

#[test]
fn limits_survive_the_wire_and_illegal_ones_do_not() {
    let mut buffer = [0; 64];
    let bytes = postcard::to_slice(&Limits::default(), &mut buffer).unwrap();
    assert_eq!(postcard::from_bytes::<Limits>(bytes), Ok(Limits::default()));
    // The first field, port power 1000 W = 1_000_000 mW, is a three-byte varint: make it tiny.
    bytes[0] = 0x80;
    bytes[1] = 0x80;
    bytes[2] = 0x01;
    assert!(postcard::from_bytes::<Limits>(bytes).is_err());
}

#[test]
fn unplugged_cannot_be_set_at_or_above_full() {
    assert!(
        Limits::default()
            .with_unplugged_power(Power::from_watts(15))
            .is_err()
    );
    assert!(
        Limits::default()
            .with_unplugged_power(Power::from_watts(14))
            .is_ok()
    );
}
