//! The published format, record by record. The bytes are written out by postcard's rules, not
//! copied from its output (and those of version 2 were checked against an encoder of a few lines of
//! Python that shares nothing with it): integers are LEB128 varints (bytes, and arrays of bytes, as they are;
//! signed integers zigzag), a `bool` or an `Option` is 0 or 1, an enum its variant's number, a text or a
//! list its length and then its parts, a struct its fields one after the other.

extern crate std;

mod phones;
mod pieces;

use super::{
    Advance, Advances, Attempt, Attempts, ClosedSession, Fault, Record, Revocation, Segment,
    StopReason,
};
use crate::book::Settlement;
use crate::cost::Bill;
use crate::tariff::{Band, BandIndex, Tariff};
use pile_units::{
    AccountId, CardAlias, ClockQuality, Credential, CredentialId, Currency, Energy, Limits,
    MeterTrim, Money, PileId, PlanId, PortId, Price, Role, SessionId, Strength, TariffVersion,
    UidOnly, UnixSeconds, UtcOffset, WallTime,
};
use std::vec::Vec;

const PILE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const ALIAS: [u8; 8] = [9, 9, 9, 9, 9, 9, 9, 0xff];
/// Second 1000 of the epoch, synchronised: 1000 = 7 x 128 + 0x68.
const AT: [u8; 3] = [0xe8, 0x07, 2];
/// Second 2000: 15 x 128 + 0x50.
const LATER: [u8; 3] = [0xd0, 0x0f, 2];
/// 500,000 mWh: 30 x 16384 + 66 x 128 + 32.
const HALF_KWH: [u8; 3] = [0xa0, 0xc2, 0x1e];
/// 600,000 mWh: 36 x 16384 + 79 x 128 + 64.
const READING: [u8; 3] = [0xc0, 0xcf, 0x24];
/// 568,000 and 200,000 micro-units a kWh.
const PRICES: [u8; 6] = [0xc0, 0xd5, 0x22, 0xc0, 0x9a, 0x0c];
/// 284,000 and 100,000 micro-units.
const FEES: [u8; 6] = [0xe0, 0xaa, 0x11, 0xa0, 0x8d, 0x06];
/// 280,000, 100,000 and 380,000 micro-units.
const BILL: [u8; 9] = [0xc0, 0x8b, 0x11, 0xa0, 0x8d, 0x06, 0xe0, 0x98, 0x17];
/// The defaults: mW, ms and, zigzag, tenths of a degree.
const LIMITS: [u8; 31] = [
    0xc0, 0x84, 0x3d, // 1,000,000
    0xc0, 0xea, 0x92, 0x03, // 6,600,000
    0x88, 0x27, // 5,000
    0xc0, 0xa9, 0x07, // 120,000
    0xb8, 0x17, // 3,000
    0xc0, 0xa9, 0x07, // 120,000
    0x98, 0x75, // 15,000
    0x80, 0xdd, 0xdb, 0x01, // 3,600,000
    0x80, 0xe8, 0xdd, 0x0d, // 28,800,000
    0xdc, 0x0b, // 750
    0x88, 0x0e, // 900
];

/// Card 4, 300 times, by a wrong key.
const ATTEMPTS: [u8; 7] = [4, 0xac, 2, 1, AT[0], AT[1], AT[2]];
/// 3,200 and -150 ppm, zigzag 6400 = 50 x 128 and 299 = 2 x 128 + 43; and none.
const TRIM: [u8; 5] = [0x80, 0x32, 0, 0xab, 2];

fn attempts() -> Attempts {
    Attempts {
        credential: CredentialId::new(4),
        count: 300,
        what: Attempt::WrongKey,
        last: at(),
    }
}

fn trim() -> MeterTrim {
    MeterTrim::from_ppm(3_200, 0, -150).unwrap()
}

fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[track_caller]
fn golden(record: Record, parts: &[&[u8]]) {
    let expected = bytes(parts);
    assert_eq!(record.encode(&mut Record::buffer()), expected, "{record:?}");
    assert_eq!(Record::decode(&expected), Some(record));
}

fn second(unix: u32) -> WallTime {
    WallTime {
        unix: UnixSeconds::new(unix),
        quality: ClockQuality::Synchronised,
    }
}

fn at() -> WallTime {
    second(1000)
}

fn port(number: u8) -> PortId {
    PortId::from_number(number).unwrap()
}

fn landlord() -> Credential {
    Credential {
        id: CredentialId::new(0),
        role: Role::Privilege,
        strength: Strength::MutualAes,
        alias: CardAlias::new(ALIAS),
        revoked: false,
    }
}

fn tenant() -> Credential {
    Credential {
        id: CredentialId::new(4),
        role: Role::Charging(AccountId::new(3)),
        strength: Strength::UidOnly,
        alias: CardAlias::new(ALIAS),
        revoked: true,
    }
}

fn own_plan() -> PlanId {
    PlanId::new(3).unwrap()
}

fn price(micros: u32) -> Price {
    Price::from_micros_per_kilowatt_hour(micros).unwrap()
}

fn half_kwh() -> Energy {
    Energy::from_watt_hours(500)
}

fn tariff() -> Tariff {
    let band = Band {
        name: "day".parse().unwrap(),
        energy: price(568_000),
        service: price(200_000),
    };
    Tariff::flat(Currency::CNY, UtcOffset::UTC, band)
}

/// Letters, offset, one band, its name and prices, the unknown-time band, 24 bytes of half hours.
fn tariff_bytes() -> Vec<u8> {
    bytes(&[b"CNY", &[0, 1], b"\x03day", &PRICES, &[0], &[0; 24]])
}

fn segment() -> Segment {
    Segment {
        session: SessionId::new(7),
        account: AccountId::new(3),
        index: 1,
        tariff: TariffVersion::new(2),
        band: "day".parse().unwrap(),
        from: at(),
        to: second(2000),
        energy: half_kwh(),
        energy_price: price(568_000),
        service_price: price(200_000),
        energy_micro: Money::from_micros(284_000),
        service_micro: Money::from_micros(100_000),
    }
}

fn segment_bytes() -> Vec<u8> {
    bytes(&[
        &[7, 3, 1, 2],
        b"\x03day",
        &AT,
        &LATER,
        &HALF_KWH,
        &PRICES,
        &FEES,
    ])
}

fn settlement() -> Settlement {
    Settlement {
        id: 1,
        account: AccountId::new(3),
        at: at(),
        opening: Energy::ZERO,
        closing: half_kwh(),
        sessions: 1,
        amount: Money::from_micros(380_000),
    }
}

fn settlement_bytes() -> Vec<u8> {
    bytes(&[&[1, 3], &AT, &[0], &HALF_KWH, &[1], &BILL[6..]])
}

#[test]
fn the_bytes_of_people_and_cards_are_these() {
    golden(
        Record::Commissioned {
            pile: PileId::new(PILE),
            privilege: landlord(),
            at: at(),
        },
        &[&[0], &PILE, &[0, 0, 1], &ALIAS, &[0], &AT],
    );
    golden(
        Record::Enrolled {
            credential: tenant(),
            at: at(),
        },
        &[&[1, 4, 1, 3, 0], &ALIAS, &[1], &AT],
    );
    golden(
        Record::Revoked {
            credential: CredentialId::new(4),
            why: Revocation::Withdrawn,
            at: at(),
        },
        &[&[2, 4, 2], &AT],
    );
    golden(
        Record::AccountClosed {
            account: AccountId::new(300),
            at: at(),
        },
        &[&[3, 0xac, 2], &AT],
    );
}

#[test]
fn the_bytes_of_what_the_landlord_sets_are_these() {
    let at = at();
    let policies = [UidOnly::Nobody, UidOnly::All, UidOnly::Listed];
    for (number, uid_only) in (0..).zip(policies) {
        golden(Record::PolicySet { uid_only, at }, &[&[4, number], &AT]);
    }
    golden(
        Record::AccountListed {
            account: AccountId::new(300),
            listed: true,
            at,
        },
        &[&[22, 0xac, 2, 1], &AT],
    );
    golden(
        Record::TariffSet {
            plan: PlanId::STANDARD,
            version: TariffVersion::new(1),
            tariff: tariff(),
            at,
        },
        &[&[5, 0, 1], &tariff_bytes(), &AT],
    );
    golden(
        Record::TariffPlanned {
            plan: own_plan(),
            from: second(2000).unix,
            tariff: tariff(),
            at,
        },
        &[&[19, 3], &LATER[..2], &tariff_bytes(), &AT],
    );
    golden(
        Record::PlanAssigned {
            account: AccountId::new(300),
            plan: own_plan(),
            at,
        },
        &[&[20, 0xac, 2, 3], &AT],
    );
    let defaults = Limits::default();
    golden(
        Record::LimitsSet {
            limits: defaults,
            at,
        },
        &[&[6], &LIMITS, &AT],
    );
    golden(
        Record::PortSwitched {
            port: port(16),
            enabled: false,
            at,
        },
        &[&[7, 15, 0], &AT],
    );
    let from = WallTime::default();
    golden(Record::ClockSet { from, to: at }, &[&[8, 0, 0], &AT]);
}

#[test]
fn the_bytes_of_attempts_and_calibrations_are_these() {
    golden(Record::Attempted(attempts()), &[&[23], &ATTEMPTS]);
    golden(Record::AttemptsSeen { at: at() }, &[&[24], &AT]);
    golden(
        Record::Calibrated {
            port: port(2),
            trim: trim(),
            at: at(),
        },
        &[&[25, 1], &TRIM, &AT],
    );
    let whats = [Attempt::TooWeak, Attempt::WrongKey, Attempt::Revoked];
    for (number, what) in (0..).zip(whats) {
        assert_eq!(postcard::from_bytes(&[number]), Ok(what));
    }
    assert!(postcard::from_bytes::<Attempt>(&[3]).is_err());
}

#[test]
fn the_bytes_of_a_session_are_these() {
    golden(
        Record::SessionOpened {
            session: SessionId::new(7),
            credential: CredentialId::new(4),
            port: port(2),
            band: BandIndex::new(5).unwrap(),
            at: at(),
        },
        &[&[9, 7, 4, 1, 5], &AT],
    );
    let mut advances = Advances::default();
    let stray = Advance::unattributed(port(16), Energy::from_milliwatt_hours(5));
    assert!(advances.push(stray));
    let one_wh = Advance::of_session(port(1), Energy::from_watt_hours(1));
    assert!(advances.push(one_wh));
    // Bits 0 and 31: one, three groups of seven zeros, 8 x 2^28; then 1000 and 5.
    golden(
        Record::Progress {
            elapsed: 60,
            advances,
        },
        &[
            &[10, 60],
            &[0x81, 0x80, 0x80, 0x80, 0x08],
            &[0xe8, 0x07],
            &[5],
        ],
    );
    golden(
        Record::Progress {
            elapsed: 60,
            advances: Advances::default(),
        },
        &[&[10, 60, 0]],
    );
    golden(
        Record::SegmentClosed {
            segment: segment(),
            next: BandIndex::new(1).unwrap(),
        },
        &[&[11], &segment_bytes(), &[1]],
    );
    golden(
        Record::LastSegment { segment: segment() },
        &[&[12], &segment_bytes()],
    );
    golden(
        Record::SessionClosed(ClosedSession {
            session: SessionId::new(7),
            account: AccountId::new(3),
            credential: CredentialId::new(4),
            strength: Strength::UidOnly,
            port: port(2),
            opened: at(),
            closed: second(2000),
            reason: StopReason::ByCard,
            energy: half_kwh(),
            reading: Energy::from_watt_hours(600),
            segments: 2,
            currency: Currency::CNY,
            bill: Bill {
                energy_fee: Money::from_micros(280_000),
                service_fee: Money::from_micros(100_000),
                total: Money::from_micros(380_000),
            },
            page: 9,
        }),
        &[
            &[13, 7, 3, 4, 0, 1],
            &AT,
            &LATER,
            &[2],
            &HALF_KWH,
            &READING,
            &[2],
            b"CNY",
            &BILL,
            &[9],
        ],
    );
}

#[test]
fn the_bytes_of_faults_and_settlements_are_these() {
    golden(
        Record::FaultLatched {
            port: port(1),
            fault: Fault::RelayWelded,
            at: at(),
        },
        &[&[14, 0, 4], &AT],
    );
    golden(
        Record::FaultCleared {
            port: port(1),
            at: at(),
        },
        &[&[15, 0], &AT],
    );
    golden(Record::Settled(settlement()), &[&[16], &settlement_bytes()]);
    golden(
        Record::Paid {
            settlement: 1,
            reference: "cash".parse().unwrap(),
            at: at(),
        },
        &[&[17, 1], b"\x04cash", &AT],
    );
    golden(
        Record::Exported {
            through: 300,
            at: at(),
        },
        &[&[21, 0xac, 2], &AT],
    );
}

#[test]
fn the_numbers_of_reasons_and_faults_are_these() {
    let reasons = [
        (StopReason::Full, 0, "full"),
        (StopReason::Unplugged, 1, "unplugged"),
        (StopReason::ByCard, 2, "by_card"),
        (StopReason::ByPhone, 3, "by_phone"),
        (StopReason::ByLandlord, 4, "by_landlord"),
        (StopReason::TimeLimit, 5, "time_limit"),
        (StopReason::EnergyLimit, 6, "energy_limit"),
        (StopReason::CostLimit, 7, "cost_limit"),
        (StopReason::Overload, 8, "overload"),
        (StopReason::OverTemperature, 9, "over_temperature"),
        (StopReason::Leakage, 10, "leakage"),
        (StopReason::NoLoad, 11, "no_load"),
        (StopReason::MeterLost, 12, "meter_lost"),
        (StopReason::PowerLost, 13, "power_lost"),
        (StopReason::Revoked, 14, "revoked"),
        (StopReason::Firmware, 15, "firmware"),
        (StopReason::PowerBudget, 16, "power_budget"),
        (StopReason::FuseBlown, 17, "fuse_blown"),
    ];
    for (reason, number, name) in reasons {
        assert_eq!(postcard::from_bytes(&[number]), Ok(reason));
        assert_eq!(reason.name(), name);
    }
    assert!(postcard::from_bytes::<StopReason>(&[18]).is_err());
    let faults = [
        (Fault::Overload, 0),
        (Fault::OverTemperature, 1),
        (Fault::Leakage, 2),
        (Fault::FuseBlown, 3),
        (Fault::RelayWelded, 4),
        (Fault::MeterLost, 5),
    ];
    for (fault, number) in faults {
        assert_eq!(postcard::from_bytes(&[number]), Ok(fault));
    }
    assert!(postcard::from_bytes::<Fault>(&[6]).is_err());
    let whys = [
        Revocation::Lost,
        Revocation::Deregistered,
        Revocation::Withdrawn,
    ];
    for (number, why) in (0..).zip(whys) {
        assert_eq!(postcard::from_bytes(&[number]), Ok(why));
    }
}
