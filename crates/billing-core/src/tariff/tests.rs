//! The tariff: every refusal, the bytes of the record, and the properties of bands and spans.

extern crate std;
use super::*;
use pile_units::{ClockQuality, Price};
use proptest::prelude::*;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

fn band(name: &str, energy: &str) -> Band {
    Band {
        name: name.parse().unwrap(),
        energy: energy.parse().unwrap(),
        service: "0.20".parse().unwrap(),
    }
}

fn span(name: &str, energy: &str, from: &str, to: &str) -> Span {
    Span {
        band: band(name, energy),
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
    }
}

fn half(text: &str) -> HalfHour {
    text.parse().unwrap()
}

fn beijing() -> UtcOffset {
    "+08:00".parse().unwrap()
}

fn from(spans: &[Span]) -> Result<Tariff, TariffError> {
    Tariff::from_spans(Currency::CNY, beijing(), "day".parse().unwrap(), spans)
}

/// The tariff of the design page.
fn day_and_night() -> Tariff {
    from(&[
        span("day", "0.568", "08:00", "22:00"),
        span("night", "0.288", "22:00", "08:00"),
    ])
    .unwrap()
}

fn at(unix: u32, quality: ClockQuality) -> WallTime {
    WallTime {
        unix: UnixSeconds::new(unix),
        quality,
    }
}

/// Legal names of one to twelve characters.
fn name() -> impl Strategy<Value = BandName> {
    "[ !#-{}~]{1,12}".prop_map(|text| text.parse().unwrap())
}

/// Any legal tariff.
fn tariff() -> impl Strategy<Value = Tariff> {
    let price =
        || (0u32..=1_000_000_000).prop_map(|p| Price::from_micros_per_kilowatt_hour(p).unwrap());
    let bands = prop::collection::btree_map(name(), (price(), price()), 1..=MAX_BANDS);
    let slots = prop::collection::vec(any::<prop::sample::Index>(), SLOTS);
    (bands, slots, -840i16..=840, any::<prop::sample::Index>()).prop_map(
        |(bands, picks, offset, unknown)| {
            let bands: Vec<Band> = bands
                .into_iter()
                .map(|(name, (energy, service))| Band {
                    name,
                    energy,
                    service,
                })
                .collect();
            let mut slots = [BandIndex::FIRST; SLOTS];
            for (place, (slot, pick)) in slots.iter_mut().zip(picks).enumerate() {
                // The first half hours name each band once, so that none is unused.
                let pick = if place < bands.len() {
                    place
                } else {
                    pick.index(bands.len())
                };
                *slot = BandIndex::new(u8::try_from(pick).unwrap()).unwrap();
            }
            let unknown = u8::try_from(unknown.index(bands.len())).unwrap();
            Tariff::new(
                "EUR".parse().unwrap(),
                UtcOffset::from_minutes(offset).unwrap(),
                &bands,
                slots,
                BandIndex::new(unknown).unwrap(),
            )
            .unwrap()
        },
    )
}

#[test]
fn the_bytes_of_the_record_are_these() {
    let tariff = from(&[
        span("day", "0.568", "08:30", "22:00"),
        span("night", "0.288", "22:00", "08:30"),
    ])
    .unwrap();
    let mut expected = b"CNY\xc0\x07\x02".to_vec();
    expected.extend(b"\x03day\xc0\xd5\x22\xc0\x9a\x0c");
    expected.extend(b"\x05night\x80\xca\x11\xc0\x9a\x0c");
    expected.push(0);
    expected.extend([0x11; 8]);
    // 08:00 is night, 08:30 day: the earlier in the low half.
    expected.push(0x01);
    expected.extend([0x00; 13]);
    expected.extend([0x11; 2]);
    let mut buffer = [0; Tariff::MAX_ENCODED];
    let bytes = postcard::to_slice(&tariff, &mut buffer).unwrap();
    assert_eq!(bytes, expected);
    assert_eq!(postcard::from_bytes(bytes), Ok(tariff));
}

#[test]
fn the_worst_tariff_fits_its_bound_and_no_less() {
    let dearest = Price::from_micros_per_kilowatt_hour(1_000_000_000).unwrap();
    let bands: Vec<Band> = (0..8)
        .map(|n| Band {
            name: format!("twelve_char{n}").parse().unwrap(),
            energy: dearest,
            service: dearest,
        })
        .collect();
    let slots =
        core::array::from_fn(|slot| BandIndex::new(u8::try_from(slot % 8).unwrap()).unwrap());
    let west = UtcOffset::from_minutes(-840).unwrap();
    let last = BandIndex::new(7).unwrap();
    let tariff = Tariff::new(Currency::CNY, west, &bands, slots, last).unwrap();
    let mut buffer = [0; 512];
    let bytes = postcard::to_slice(&tariff, &mut buffer).unwrap();
    assert_eq!(bytes.len(), Tariff::MAX_ENCODED);
    const { assert!(Tariff::MAX_ENCODED <= 220) };
}

#[test]
fn bytes_that_are_no_legal_tariff_are_refused() {
    let mut buffer = [0; Tariff::MAX_ENCODED];
    let good = postcard::to_slice(&day_and_night(), &mut buffer)
        .unwrap()
        .to_vec();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        postcard::from_bytes::<Tariff>(&bytes)
    };
    let unknown = good.len() - 25;
    assert!(changed(unknown, 1).is_ok());
    assert!(changed(unknown, 2).is_err(), "no third band");
    assert!(
        changed(unknown + 1, 0x12).is_err(),
        "a half hour of no band"
    );
    assert!(
        changed(unknown + 1, 0xff).is_err(),
        "a place past the eighth"
    );
    assert!(changed(0, b'c').is_err(), "a small letter in the currency");
    assert!(changed(5, 0).is_err(), "no bands");
    assert!(changed(5, 9).is_err(), "nine bands");
    assert!(changed(7, b'|').is_err(), "a name with a pipe");
    let mut unused = good.clone();
    unused[unknown + 1..].fill(0);
    assert!(postcard::from_bytes::<Tariff>(&unused).is_err());
    for end in 0..good.len() {
        assert!(postcard::from_bytes::<Tariff>(&good[..end]).is_err());
    }
}

#[test]
fn a_band_changes_on_its_half_hour_and_not_a_second_before() {
    let tariff = day_and_night();
    let name = |unix| {
        tariff
            .band_at(at(unix, ClockQuality::Synchronised))
            .1
            .name
            .to_string()
    };
    // 22:00 in Beijing is 14:00 UTC.
    assert_eq!(name(14 * 3600 - 1), "day");
    assert_eq!(name(14 * 3600), "night");
    assert_eq!(name(24 * 3600 - 1), "night");
    assert_eq!(name(24 * 3600), "day");
}

#[test]
fn a_clock_that_does_not_tell_the_time_of_day_takes_the_unknown_time_band() {
    let tariff = day_and_night();
    let night = 20 * 3600;
    for (quality, expected) in [
        (ClockQuality::Unknown, "day"),
        (ClockQuality::Relative, "day"),
        (ClockQuality::Informative, "night"),
        (ClockQuality::Synchronised, "night"),
    ] {
        let (index, band) = tariff.band_at(at(night, quality));
        assert_eq!(band.name.as_str(), expected, "{quality:?}");
        assert_eq!(tariff.band(index), Some(band));
    }
}

#[test]
fn one_band_for_the_whole_day_never_changes() {
    let tariff = from(&[span("day", "0.5", "00:00", "24:00")]).unwrap();
    assert_eq!(tariff.seconds_to_next_change(UnixSeconds::new(1)), None);
    assert_eq!(
        tariff,
        Tariff::flat(Currency::CNY, beijing(), band("day", "0.5"))
    );
    assert_eq!(tariff.spans().count(), 1);
}

#[test]
fn a_band_may_come_back_later_in_the_day_at_the_same_prices() {
    let spans = [
        span("day", "0.5", "06:00", "10:00"),
        span("peak", "0.9", "10:00", "12:30"),
        span("day", "0.5", "12:30", "06:00"),
    ];
    let tariff = from(&spans).unwrap();
    assert_eq!(tariff.bands().len(), 2);
    let mut dearer = spans;
    dearer[2].band.service = "0.21".parse().unwrap();
    assert_eq!(
        from(&dearer),
        Err(TariffError::PricesDiffer {
            first: 0,
            second: 2
        })
    );
}

#[test]
fn a_gap_is_refused_with_its_place() {
    let gap = |spans: &[Span]| from(spans).unwrap_err();
    assert_eq!(
        gap(&[
            span("day", "1", "08:00", "22:00"),
            span("night", "1", "22:30", "08:00")
        ]),
        TariffError::Gap {
            from: half("22:00"),
            to: half("22:30")
        }
    );
    assert_eq!(
        gap(&[span("day", "1", "08:00", "22:00")]),
        TariffError::Gap {
            from: half("22:00"),
            to: half("08:00")
        }
    );
    assert_eq!(
        gap(&[span("day", "1", "00:00", "23:30")]),
        TariffError::Gap {
            from: half("23:30"),
            to: half("24:00")
        }
    );
}

#[test]
fn an_overlap_is_refused_with_its_place_and_both_spans() {
    let overlap = |spans: &[Span]| from(spans).unwrap_err();
    assert_eq!(
        overlap(&[
            span("day", "1", "08:00", "22:00"),
            span("night", "1", "21:30", "08:00")
        ]),
        TariffError::Overlap {
            first: 0,
            second: 1,
            from: half("21:30"),
            to: half("22:00")
        }
    );
    assert_eq!(
        overlap(&[
            span("day", "1", "00:00", "24:00"),
            span("night", "1", "22:00", "00:00")
        ]),
        TariffError::Overlap {
            first: 0,
            second: 1,
            from: half("22:00"),
            to: half("24:00")
        }
    );
    assert_eq!(
        overlap(&[
            span("day", "1", "20:00", "04:00"),
            span("night", "1", "22:00", "06:00")
        ]),
        TariffError::Overlap {
            first: 0,
            second: 1,
            from: half("22:00"),
            to: half("04:00")
        }
    );
}

#[test]
fn spans_that_make_no_tariff_are_refused() {
    assert_eq!(from(&[]), Err(TariffError::NoBands));
    assert_eq!(
        from(&[span("day", "1", "08:00", "08:00")]),
        Err(TariffError::EmptySpan { span: 0 })
    );
    assert_eq!(
        from(&[span("day", "1", "24:00", "08:00")]),
        Err(TariffError::BeginsAtDayEnd { span: 0 })
    );
    assert_eq!(
        from(&[span("flat", "1", "00:00", "24:00")]),
        Err(TariffError::NoSuchUnknownTimeBand)
    );
    let hour = |n: u8| Span {
        band: band(&format!("b{n}"), "1"),
        from: HalfHour::from_slot(n * 2).unwrap(),
        to: HalfHour::from_slot(n * 2 + 2).unwrap(),
    };
    let nine: Vec<_> = (0..9).map(hour).collect();
    assert_eq!(from(&nine), Err(TariffError::TooManyBands));
}

#[test]
fn tables_that_make_no_tariff_are_refused() {
    let one = BandIndex::new(1).unwrap();
    let new = |bands: &[Band], slot, unknown| {
        let mut slots = [BandIndex::FIRST; SLOTS];
        slots[47] = slot;
        Tariff::new(Currency::CNY, beijing(), bands, slots, unknown)
    };
    let (day, night) = (band("day", "1"), band("night", "2"));
    let first = BandIndex::FIRST;
    assert!(new(&[day, night], one, one).is_ok());
    assert_eq!(new(&[], first, first), Err(TariffError::NoBands));
    assert_eq!(new(&[day; 9], first, first), Err(TariffError::TooManyBands));
    assert_eq!(
        new(&[day, day], one, first),
        Err(TariffError::DuplicateName {
            first: 0,
            second: 1
        })
    );
    assert_eq!(new(&[day], one, first), Err(TariffError::NoSuchBand));
    assert_eq!(new(&[day], first, one), Err(TariffError::NoSuchBand));
    assert_eq!(
        new(&[day, night], first, one),
        Err(TariffError::UnusedBand { band: 1 })
    );
}

#[test]
fn names_and_half_hours_that_are_not_legal_are_refused() {
    for text in [
        "",
        "thirteen_char",
        "a|b",
        "a\"b",
        "caf\u{e9}",
        "tab\t",
        "\u{7f}",
    ] {
        assert!(text.parse::<BandName>().is_err(), "{text:?}");
    }
    assert!("twelve_chars".parse::<BandName>().is_ok());
    for text in [
        "", "8:00", "08:15", "08:00 ", "24:30", "25:00", "-1:00", "0a:00", "08.00",
    ] {
        assert!(text.parse::<HalfHour>().is_err(), "{text:?}");
    }
    assert_eq!(half("24:00"), HalfHour::DAY_END);
    assert_eq!(half("00:00"), HalfHour::MIDNIGHT);
}

proptest! {
    #[test]
    fn a_tariff_reads_back_what_it_writes(tariff in tariff()) {
        let mut buffer = [0; Tariff::MAX_ENCODED];
        let bytes = postcard::to_slice(&tariff, &mut buffer).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Tariff>(bytes), Ok(tariff));
    }

    #[test]
    fn a_tariff_is_what_its_spans_make(tariff in tariff()) {
        let spans: Vec<_> = tariff.spans().collect();
        let unknown = tariff.band(tariff.unknown_time_band()).unwrap().name;
        let again = Tariff::from_spans(tariff.currency(), tariff.utc_offset(), unknown, &spans);
        prop_assert_eq!(again, Ok(tariff));
    }

    #[test]
    fn i8_no_bytes_panic_the_reader_and_what_it_takes_is_canonical(
        bytes in prop::collection::vec(any::<u8>(), 0..240),
    ) {
        if let Ok(tariff) = postcard::from_bytes::<Tariff>(&bytes) {
            prop_assert!((1..=MAX_BANDS).contains(&tariff.bands().len()));
        }
    }

    #[test]
    fn the_band_holds_until_the_next_change_and_not_beyond(
        tariff in tariff(), unix in 0u32..4_000_000_000, ahead in any::<prop::sample::Index>(),
    ) {
        let index = |unix| tariff.band_at(at(unix, ClockQuality::Synchronised)).0;
        if let Some(seconds) = tariff.seconds_to_next_change(UnixSeconds::new(unix)) {
            prop_assert!((1..=86_400).contains(&seconds));
            let within = u32::try_from(ahead.index(seconds as usize)).unwrap();
            prop_assert_eq!(index(unix), index(unix + within));
            prop_assert_ne!(index(unix), index(unix + seconds));
        } else {
            prop_assert_eq!(tariff.bands().len(), 1);
        }
    }

    #[test]
    fn any_spans_are_a_tariff_or_refused_and_every_half_hour_has_one_owner(
        cuts in prop::collection::vec((0u8..4, 0u8..=48, 0u8..=48), 0..6),
    ) {
        let spans: Vec<_> = cuts
            .iter()
            .map(|(name, from, to)| Span {
                band: band(&String::from(["day", "b", "c", "d"][usize::from(*name)]), "1"),
                from: HalfHour::from_slot(*from).unwrap(),
                to: HalfHour::from_slot(*to).unwrap(),
            })
            .collect();
        let owners = |slot: u8| spans.iter().filter(|s| s.slots().any(|x| x == slot)).count();
        match from(&spans) {
            Ok(_) => prop_assert!((0..48).all(|slot| owners(slot) == 1)),
            Err(TariffError::Gap { from, .. }) => prop_assert_eq!(owners(from.slot() % 48), 0),
            Err(TariffError::Overlap { from, .. }) => prop_assert!(owners(from.slot() % 48) > 1),
            Err(_) => {}
        }
    }
}
