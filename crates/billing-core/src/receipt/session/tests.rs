//! Receipts of sessions as the ledger holds them.

extern crate std;
use super::*;
use crate::cost::SessionCost;
use crate::receipt::{SoftwareKey, VerifyError, read_tariff_text, verify, write_receipt};
use crate::record::Record;
use crate::record::arbitrary;
use pile_units::{AccountId, CredentialId, Currency, PortId, Price, Strength, UnixSeconds};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::string::{String, ToString};
use std::vec::Vec;

const SESSION: SessionId = SessionId::new(15);

fn key() -> SoftwareKey {
    SoftwareKey::from_bytes(&[7; 32]).unwrap()
}

fn issuer() -> Issuer<'static> {
    Issuer {
        pile: PileId::new([0x0a, 0xff, 0, 0, 0, 0, 0, 1]),
        firmware: "0.1.0",
        utc_offset: UtcOffset::UTC,
    }
}

fn at(unix: u32) -> WallTime {
    WallTime {
        unix: UnixSeconds::new(unix),
        quality: ClockQuality::Synchronised,
    }
}

fn price(micros: u32) -> Price {
    Price::from_micros_per_kilowatt_hour(micros).unwrap()
}

/// Any segment, whatever its fields are; the tests set those that a receipt reads.
fn some_segment() -> Segment {
    let segments = arbitrary::record().prop_filter_map("a segment", |record| match record {
        Record::LastSegment { segment } => Some(segment),
        _ => None,
    });
    let mut runner = TestRunner::deterministic();
    segments.new_tree(&mut runner).unwrap().current()
}

/// Segments of ten minutes each from second 1,000 on: milliwatt-hours, band, prices.
fn segments(of: &[(u64, &str, u32, u32)]) -> Vec<Segment> {
    let mut cost = SessionCost::default();
    of.iter()
        .zip(0u8..)
        .map(|((mwh, band, electricity, service), index)| {
            let mut segment = some_segment();
            segment.session = SESSION;
            segment.index = index;
            segment.band = band.parse().unwrap();
            segment.from = at(1_000 + u32::from(index) * 600);
            segment.to = at(1_600 + u32::from(index) * 600);
            segment.energy = Energy::from_milliwatt_hours(*mwh);
            segment.energy_price = price(*electricity);
            segment.service_price = price(*service);
            let fee = cost.close_segment(segment.energy, price(*electricity), price(*service));
            segment.energy_micro = fee.energy_micro;
            segment.service_micro = fee.service_micro;
            segment
        })
        .collect()
}

fn closed(segments: &[Segment], reason: StopReason) -> ClosedSession {
    let mut cost = SessionCost::default();
    for segment in segments {
        cost.close_segment(segment.energy, segment.energy_price, segment.service_price);
    }
    let energy: u64 = segments.iter().map(|it| it.energy.milliwatt_hours()).sum();
    ClosedSession {
        session: SESSION,
        account: AccountId::new(7),
        credential: CredentialId::new(1),
        strength: Strength::UidOnly,
        port: PortId::from_number(3).unwrap(),
        opened: segments.first().unwrap().from,
        closed: segments.last().unwrap().to,
        reason,
        energy: Energy::from_milliwatt_hours(energy),
        reading: Energy::from_milliwatt_hours(1_000_000 + energy),
        segments: u8::try_from(segments.len()).unwrap(),
        currency: Currency::CNY,
        bill: cost.total(Currency::CNY),
        page: 32,
    }
}

fn day_and_night() -> Vec<Segment> {
    segments(&[
        (500_777, "day", 568_000, 200_000),
        (300_333, "night", 288_000, 200_000),
    ])
}

fn record_of(closed: &ClosedSession, segments: &[Segment], clock_set: bool) -> String {
    let session = BilledSession {
        closed,
        segments: segments.iter().copied(),
        alias: CardAlias::new([0xab; 8]),
        clock_set,
    };
    let mut record = String::new();
    write_receipt(&session.receipt(&issuer(), None), &key(), &mut record).unwrap();
    record
}

/// The values of a member of the readings, in order.
fn each(record: &str, name: &str) -> Vec<String> {
    let start = std::format!("\"{name}\":");
    let values = record.split(start.as_str()).skip(1);
    let value = |rest: &str| {
        let end = rest.strip_prefix('"').map_or_else(
            || rest.find([',', '}']).unwrap(),
            |inside| inside.find('"').unwrap() + 1,
        );
        rest[..end].trim_matches('"').to_string()
    };
    values.map(value).collect()
}

#[test]
fn each_change_of_price_is_a_reading_of_what_had_passed_by_then() {
    let segments = segments(&[
        (500_777, "day", 568_000, 200_000),
        (300_333, "night", 288_000, 200_000),
        (7, "day", 568_000, 200_000),
    ]);
    let record = record_of(&closed(&segments, StopReason::ByCard), &segments, false);
    assert_eq!(each(&record, "TX"), ["B", "T", "T", "L"]);
    assert_eq!(
        each(&record, "RV"),
        ["1.000000", "1.500777", "1.801110", "1.801117"]
    );
    assert_eq!(
        each(&record, "TM"),
        [
            "1970-01-01T00:16:40,000+0000 S",
            "1970-01-01T00:26:40,000+0000 S",
            "1970-01-01T00:36:40,000+0000 S",
            "1970-01-01T00:46:40,000+0000 S",
        ]
    );
    assert_eq!(each(&record, "EF"), ["", "", "", ""]);
    assert_eq!(
        each(&record, "TT"),
        ["CNY/kWh electricity+service: day 0.568+0.20, night 0.288+0.20, day"]
    );
}

#[test]
fn a_session_that_the_supply_took_stops_at_p_and_says_p_nowhere_else() {
    let segments = day_and_night();
    let record = record_of(&closed(&segments, StopReason::PowerLost), &segments, false);
    assert_eq!(each(&record, "TX"), ["B", "T", "P"]);
    assert_eq!(each(&record, "EF"), ["", "", ""]);
}

/// `OCMFVerifiedData.checkLawIntegrityForReadings` of the S.A.F.E. software: one start, one stop
/// (any of `ELRAP`), none before the other, in energy or in time.
fn opens_in_safe(record: &str) -> bool {
    let letters = each(record, "TX");
    let places = |of: &str| {
        let fits = |(at, letter): (usize, &String)| of.contains(letter.as_str()).then_some(at);
        letters
            .iter()
            .enumerate()
            .filter_map(fits)
            .collect::<Vec<_>>()
    };
    let (&[start], &[stop]) = (&*places("B"), &*places("ELRAP")) else {
        return false;
    };
    let (times, registers) = (each(record, "TM"), each(record, "RV"));
    let number = |place: usize| registers[place].replace('.', "").parse::<u64>().unwrap();
    let relative = |place: usize| times[place].ends_with('R');
    // All in one time zone, so the texts sort as the times do.
    number(start) <= number(stop)
        && times[start][..23] <= times[stop][..23]
        && (!relative(start) || relative(stop))
        && each(record, "EF").iter().all(|flags| !flags.contains('E'))
        && each(record, "ST").iter().all(|status| status == "G")
}

#[test]
fn every_reason_makes_a_receipt_that_opens_in_the_safe_software() {
    let segments = day_and_night();
    for reason in [
        StopReason::Full,
        StopReason::Unplugged,
        StopReason::ByCard,
        StopReason::ByPhone,
        StopReason::ByLandlord,
        StopReason::TimeLimit,
        StopReason::EnergyLimit,
        StopReason::CostLimit,
        StopReason::Overload,
        StopReason::OverTemperature,
        StopReason::Leakage,
        StopReason::NoLoad,
        StopReason::MeterLost,
        StopReason::PowerLost,
        StopReason::Revoked,
        StopReason::Firmware,
        StopReason::PowerBudget,
        StopReason::FuseBlown,
    ] {
        let record = record_of(&closed(&segments, reason), &segments, false);
        assert!(opens_in_safe(&record), "{reason}");
    }
}

#[test]
fn a_clock_set_back_in_the_session_is_doubted_and_the_receipt_still_opens() {
    let mut segments = day_and_night();
    segments[0].to = at(400);
    segments[1].from = at(400);
    segments[1].to = at(900);
    let record = record_of(&closed(&segments, StopReason::ByCard), &segments, false);
    assert_eq!(each(&record, "EF"), ["t", "t", ""]);
    assert_eq!(
        each(&record, "TM"),
        [
            "1970-01-01T00:15:00,000+0000 U",
            "1970-01-01T00:06:40,000+0000 S",
            "1970-01-01T00:15:00,000+0000 S",
        ]
    );
    assert!(opens_in_safe(&record));
}

#[test]
fn a_clock_that_learned_the_time_in_the_session_is_doubted_before_it() {
    let mut segments = day_and_night();
    segments[0].from.quality = ClockQuality::Unknown;
    let record = record_of(&closed(&segments, StopReason::ByCard), &segments, false);
    assert_eq!(each(&record, "EF"), ["t", "t", ""]);
    assert!(each(&record, "TM")[0].ends_with('U'));
    // One that lost trust was not set.
    let mut segments = day_and_night();
    segments[1].to.quality = ClockQuality::Informative;
    let record = record_of(&closed(&segments, StopReason::ByCard), &segments, false);
    assert_eq!(each(&record, "EF"), ["", "", ""]);
}

#[test]
fn a_clock_set_forward_is_doubted_where_the_caller_knows_of_it() {
    let segments = day_and_night();
    let record = record_of(&closed(&segments, StopReason::ByCard), &segments, true);
    assert_eq!(each(&record, "EF"), ["t", "t", ""]);
}

#[test]
fn segments_of_other_sessions_are_passed_over() {
    let own = day_and_night();
    let closed = closed(&own, StopReason::Full);
    let alone = record_of(&closed, &own, false);
    let mut all = own.clone();
    all.push(some_segment());
    all[2].session = SessionId::new(16);
    all.swap(1, 2);
    assert_eq!(record_of(&closed, &all, false), alone);
}

#[test]
fn records_that_contradict_each_other_make_no_receipt() {
    let segments = day_and_night();
    let mut closed = closed(&segments, StopReason::Full);
    closed.energy = Energy::from_milliwatt_hours(1);
    closed.reading = Energy::from_milliwatt_hours(1_000_001);
    let session = BilledSession {
        closed: &closed,
        segments: segments.iter().copied(),
        alias: CardAlias::new([0xab; 8]),
        clock_set: false,
    };
    let mut record = String::new();
    let refused = write_receipt(&session.receipt(&issuer(), None), &key(), &mut record);
    assert_eq!(refused, Err(crate::receipt::WriteError::RegisterGoesBack));
}

#[test]
fn a_session_of_the_most_segments_makes_a_receipt_within_its_bound() {
    let many: Vec<_> = (0..255)
        .map(|n| {
            (
                1_000 + n,
                if n % 2 == 0 { "day" } else { "night" },
                568_000,
                200_000,
            )
        })
        .collect();
    let segments = segments(&many);
    let record = record_of(&closed(&segments, StopReason::TimeLimit), &segments, false);
    assert!(record.len() <= crate::receipt::max_len(254));
    assert_eq!(each(&record, "TX").len(), 256);
    assert!(opens_in_safe(&record));
}

proptest! {
    /// I10: the signed readings and the tariff text alone come to the bill on the receipt.
    #[test]
    fn i10_a_receipt_tells_its_own_arithmetic(
        of in prop::collection::vec(
            (0u64..30_000_000, prop::sample::select(std::vec!["day", "night", "peak"]),
             prop::sample::select(std::vec![0u32, 288_000, 568_001]), 0u32..3), 1..8),
    ) {
        let segments = segments(&of);
        let closed = closed(&segments, StopReason::ByCard);
        let record = record_of(&closed, &segments, false);
        let view = verify(&record, &key().public_key());
        prop_assert!(view.is_ok(), "{:?}", view.map_err(|error: VerifyError| error));

        let registers: Vec<u64> = each(&record, "RV")
            .iter()
            .map(|value| value.replace('.', "").parse().unwrap())
            .collect();
        let text = &each(&record, "TT")[0];
        let (currency, prices) = read_tariff_text(text).unwrap();
        let prices: Option<Vec<_>> = prices.collect();
        let prices = prices.unwrap();
        prop_assert_eq!(prices.len(), registers.len() - 1);
        let mut cost = SessionCost::default();
        for (ends, price) in registers.windows(2).zip(prices) {
            let energy = Energy::from_milliwatt_hours(ends[1] - ends[0]);
            cost.close_segment(energy, price.energy_price, price.service_price);
        }
        prop_assert_eq!(cost.total(currency), closed.bill);
        let amount = std::format!("{} CNY", currency.amount(closed.bill.total));
        prop_assert_eq!(&each(&record, "Y")[0], &amount);
    }
}
