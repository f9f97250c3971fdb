//! Any record is read back as it was written, and fits where it must.

extern crate std;

use super::arbitrary::{dearest_tariff, record};
use super::{
    Advance, Advances, Attempt, Attempts, ClosedSession, Fault, Piece, Record, Revocation, Segment,
    size,
};
use crate::book::{Account, OpenSegment, OpenSession, Phone, PlannedTariff, Rate, Settlement};
use crate::cost::SessionCost;
use crate::journal::MAX_PAYLOAD;
use crate::record::StopReason;
use crate::tariff::{BandIndex, Tariff};
use pile_units::{
    AccountId, CardAlias, ClockQuality, Credential, CredentialId, Currency, Duration, Energy,
    Limits, MAX_PORTS, MeterTrim, Money, PhoneId, PileId, PlanId, PortId, Power, Price, Role,
    SessionId, Strength, TariffVersion, Temperature, UidOnly, UnixSeconds, WallTime,
};
use proptest::prelude::*;
use std::vec::Vec;

const AT: WallTime = WallTime {
    unix: UnixSeconds::new(u32::MAX),
    quality: ClockQuality::Relative,
};

fn len(record: &Record) -> usize {
    record.encode(&mut Record::buffer()).len()
}

fn dearest() -> Price {
    Price::from_micros_per_kilowatt_hour(1_000_000_000).unwrap()
}

fn last_port() -> PortId {
    PortId::from_number(16).unwrap()
}

/// The dearest session there can be: its fees stop at what a `Fee` holds.
fn most_cost() -> SessionCost {
    let mut cost = SessionCost::default();
    cost.close_segment(Energy::MAX, dearest(), dearest());
    cost
}

fn most_segment() -> Segment {
    let fee = SessionCost::default().close_segment(Energy::MAX, dearest(), dearest());
    Segment {
        session: SessionId::new(u32::MAX),
        account: AccountId::new(u16::MAX),
        index: u8::MAX,
        tariff: TariffVersion::new(u16::MAX),
        band: "twelve wide!".parse().unwrap(),
        from: AT,
        to: AT,
        energy: Energy::MAX,
        energy_price: dearest(),
        service_price: dearest(),
        energy_micro: fee.energy_micro,
        service_micro: fee.service_micro,
    }
}

fn most_closed() -> ClosedSession {
    // Electricity and service, each half of what a bill can hold.
    let mut halves = SessionCost::default();
    let energy = Energy::from_milliwatt_hours(u64::MAX / 2_000_000_000);
    halves.close_segment(energy, dearest(), dearest());
    ClosedSession {
        session: SessionId::new(u32::MAX),
        account: AccountId::new(u16::MAX),
        credential: CredentialId::new(u16::MAX),
        strength: Strength::MutualAes,
        port: last_port(),
        opened: AT,
        closed: AT,
        reason: StopReason::FuseBlown,
        energy: Energy::MAX,
        reading: Energy::MAX,
        segments: u8::MAX,
        currency: Currency::CNY,
        bill: halves.total(Currency::CNY),
        page: u32::MAX,
    }
}

fn most_settlement() -> Settlement {
    Settlement {
        id: u32::MAX,
        account: AccountId::new(u16::MAX),
        at: AT,
        opening: Energy::MAX,
        closing: Energy::MAX,
        sessions: u32::MAX,
        amount: Money::MAX,
    }
}

fn most_credential() -> Credential {
    Credential {
        id: CredentialId::new(u16::MAX),
        role: Role::Charging(AccountId::new(u16::MAX)),
        strength: Strength::MutualAes,
        alias: CardAlias::new([0xff; 8]),
        revoked: true,
    }
}

/// Every limit as long as its range allows.
fn most_limits() -> Limits {
    Limits::default()
        .with_port_power(Power::from_watts(2500))
        .and_then(|it| it.with_pile_power(Power::from_watts(22_000)))
        .and_then(|it| it.with_overload_after(Duration::from_seconds(30)))
        .and_then(|it| it.with_no_load_after(Duration::from_seconds(600)))
        .and_then(|it| it.with_full_power(Power::from_watts(250)))
        .and_then(|it| it.with_unplugged_power(Power::from_watts(50)))
        .and_then(|it| it.with_unplugged_after(Duration::from_seconds(3600)))
        .and_then(|it| it.with_full_after(Duration::from_minutes(240)))
        .and_then(|it| it.with_longest_session(Duration::from_hours(12)))
        .and_then(|it| it.with_cut_temperature(Temperature::from_celsius(100)))
        .and_then(|it| it.with_warn_temperature(Temperature::from_celsius(100)))
        .unwrap()
}

fn most_attempts() -> Attempts {
    Attempts {
        credential: CredentialId::new(u16::MAX),
        count: u32::MAX,
        what: Attempt::Revoked,
        last: AT,
    }
}

fn last_plan() -> PlanId {
    PlanId::all().last().unwrap()
}

fn most_tariff() -> (TariffVersion, Tariff) {
    (TariffVersion::new(u16::MAX), dearest_tariff())
}

fn most_open_session() -> OpenSession {
    let segment = most_segment();
    OpenSession {
        id: segment.session,
        account: AccountId::new(u16::MAX),
        credential: CredentialId::new(u16::MAX),
        strength: Strength::MutualAes,
        port: last_port(),
        opened: AT,
        segment: OpenSegment {
            index: segment.index,
            tariff: segment.tariff,
            band: segment.band,
            band_index: BandIndex::new(7).unwrap(),
            energy_price: segment.energy_price,
            service_price: segment.service_price,
            from: AT,
            energy: Energy::MAX,
        },
        closed_energy: Energy::MAX,
        cost: most_cost(),
        ended: true,
    }
}

#[test]
fn the_longest_kept_records_are_as_long_as_planned() {
    let segment = most_segment();
    let next = BandIndex::new(7).unwrap();
    assert_eq!(len(&Record::SegmentClosed { segment, next }), size::SEGMENT);
    assert!(len(&Record::LastSegment { segment }) <= size::SEGMENT);
    assert_eq!(len(&Record::SessionClosed(most_closed())), size::CLOSED);
    assert_eq!(len(&Record::Settled(most_settlement())), size::SETTLED);
    let paid = Record::Paid {
        settlement: u32::MAX,
        reference: "twenty-four bytes long !".parse().unwrap(),
        at: AT,
    };
    assert_eq!(len(&paid), size::PAID);
}

#[test]
fn the_longest_pieces_of_a_snapshot_are_as_long_as_planned() {
    let len = |piece| len(&Record::Snapshot(piece));
    let pile = Piece::Pile {
        pile: Some(PileId::new([0xff; 8])),
        uid_only: UidOnly::Listed,
        limits: most_limits(),
        next_session: SessionId::new(u32::MAX),
        next_page: u32::MAX,
        next_account: AccountId::new(u16::MAX),
        next_settlement: u32::MAX,
        last: AT,
        exported: u64::MAX,
        rates: [Rate {
            sessions: u32::MAX,
            seconds: u32::MAX,
        }; 2],
        unseen: u32::MAX,
    };
    assert_eq!(len(pile), size::PILE);
    let (version, tariff) = most_tariff();
    let planned = PlannedTariff {
        plan: last_plan(),
        from: AT.unix,
        tariff: tariff.clone(),
    };
    assert_eq!(len(Piece::Planned(planned)), size::PLANNED);
    let tariff = Piece::Tariff {
        plan: last_plan(),
        version,
        tariff,
    };
    assert_eq!(len(tariff), size::TARIFF);
    let port = Piece::Port {
        port: last_port(),
        register: Energy::MAX,
        unattributed: Energy::MAX,
        fault: Some(Fault::MeterLost),
        enabled: true,
        trim: MeterTrim::from_ppm(-250_000, -250_000, -250_000).unwrap(),
    };
    assert_eq!(len(port), size::PORT);
    assert_eq!(len(Piece::Credential(most_credential())), size::CREDENTIAL);
    let account = Account {
        id: AccountId::new(u16::MAX),
        active: true,
        plan: last_plan(),
        listed: true,
        sessions: u32::MAX,
        energy: Energy::MAX,
        energy_fee: Money::MAX,
        service_fee: Money::MAX,
        settled_energy: Energy::MAX,
        settled: Money::MAX,
        settled_sessions: u32::MAX,
        settled_through: SessionId::new(u32::MAX),
    };
    assert_eq!(len(Piece::Account(account)), size::ACCOUNT);
    assert_eq!(len(Piece::Session(most_open_session())), size::SESSION);
    let settlement = Piece::Settlement(most_settlement());
    assert_eq!(len(settlement), size::SETTLEMENT);
    let attempts = Piece::Attempts(most_attempts());
    assert_eq!(len(attempts), size::ATTEMPTS);
    let phone = Phone {
        id: PhoneId::new(u16::MAX),
        credential: CredentialId::new(u16::MAX),
        strength: Strength::MutualAes,
        revoked: true,
        last_request: u32::MAX,
        last_session: SessionId::new(u32::MAX),
        bound: AT,
    };
    assert_eq!(len(Piece::Phone(phone)), size::PHONE);
    let named = Piece::Named {
        account: AccountId::new(u16::MAX),
        name: "twenty-four bytes long !".parse().unwrap(),
    };
    assert_eq!(len(named), size::NAMED);
    assert_eq!(len(Piece::Recoveries(u8::MAX)), size::RECOVERIES);
}

#[test]
fn every_record_fits_a_frame() {
    let (version, tariff) = most_tariff();
    let planned = Record::TariffPlanned {
        plan: last_plan(),
        from: AT.unix,
        tariff: tariff.clone(),
        at: AT,
    };
    assert_eq!(len(&planned), 1 + 1 + 5 + Tariff::MAX_ENCODED + 6);
    assert!(len(&planned) <= MAX_PAYLOAD);
    let tariff_set = Record::TariffSet {
        plan: last_plan(),
        version,
        tariff,
        at: AT,
    };
    assert!(len(&tariff_set) <= len(&planned));

    let mut advances = Advances::default();
    for port in PortId::first(MAX_PORTS) {
        assert!(advances.push(Advance::of_session(port, Advance::MAX_ENERGY)));
        assert!(advances.push(Advance::unattributed(port, Advance::MAX_ENERGY)));
    }
    let progress = Record::Progress {
        elapsed: u32::MAX,
        advances,
    };
    assert_eq!(len(&progress), 1 + 5 + 5 + 32 * 6);
    assert!(len(&progress) <= MAX_PAYLOAD);
}

#[test]
fn an_advance_that_no_wire_can_carry_is_refused() {
    let over = Energy::from_milliwatt_hours(1 << 42);
    let mut advances = Advances::default();
    assert!(!advances.push(Advance::of_session(last_port(), over)));
    assert!(advances.is_empty());
    // Bit 31, nobody's on port 16; 2^42 is a varint of seven bytes.
    let read = |energy: &[u8]| {
        let mask = [0x80, 0x80, 0x80, 0x80, 8];
        Record::decode(&[&[10, 0], &mask[..], energy].concat())
    };
    assert!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_some());
    assert_eq!(read(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]), None);
    // One energy too few, and one too many.
    assert_eq!(read(&[]), None);
    assert_eq!(read(&[1, 1]), None);
}

#[test]
fn a_port_advances_once_for_its_session_and_once_for_nobody() {
    let one = Energy::from_watt_hours(1);
    let mut advances = Advances::default();
    assert!(advances.push(Advance::unattributed(last_port(), one)));
    assert!(advances.push(Advance::of_session(last_port(), Energy::ZERO)));
    let before = advances.clone();
    assert!(!advances.push(Advance::of_session(last_port(), one)));
    assert!(!advances.push(Advance::unattributed(last_port(), one)));
    assert_eq!(advances, before);
    // In the order of the bytes, whichever came first.
    let sides: Vec<_> = advances.iter().map(Advance::is_session).collect();
    assert_eq!(sides, [true, false]);
}

#[test]
fn a_reference_holds_24_bytes_and_no_more() {
    let text = "twenty-four bytes long !";
    assert_eq!(text.parse::<super::Reference>().unwrap().as_str(), text);
    assert!(
        "twenty-five bytes long !!"
            .parse::<super::Reference>()
            .is_err()
    );
}

#[test]
fn exactly_the_records_a_bill_rests_on_are_kept() {
    let segment = most_segment();
    let next = BandIndex::FIRST;
    let paid = Record::Paid {
        settlement: 1,
        reference: "cash".parse().unwrap(),
        at: AT,
    };
    let kept = [
        Record::SegmentClosed { segment, next },
        Record::LastSegment { segment },
        Record::SessionClosed(most_closed()),
        Record::Settled(most_settlement()),
        paid,
    ];
    assert!(kept.iter().all(Record::is_kept));
    let revoked = Record::Revoked {
        credential: CredentialId::new(1),
        why: Revocation::Lost,
        at: AT,
    };
    let folded = [
        revoked,
        Record::ClockSet { from: AT, to: AT },
        Record::Exported { through: 1, at: AT },
        Record::Attempted(most_attempts()),
        Record::Recovered {
            credential: most_credential(),
            at: AT,
        },
        Record::Snapshot(Piece::Settlement(most_settlement())),
    ];
    assert!(!folded.iter().any(Record::is_kept));
}

proptest! {
    #[test]
    fn a_record_is_read_back_as_it_was_written(record in record()) {
        let mut buffer = Record::buffer();
        let bytes = record.encode(&mut buffer);
        prop_assert!(!bytes.is_empty());
        prop_assert_eq!(Record::decode(bytes), Some(record));
    }

    #[test]
    fn a_record_with_bytes_behind_it_or_cut_short_is_refused(
        record in record(), more in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut buffer = Record::buffer();
        let bytes = record.encode(&mut buffer);
        prop_assert_eq!(Record::decode(&[bytes, &[more]].concat()), None);
        prop_assert_eq!(Record::decode(&bytes[..cut.index(bytes.len())]), None);
    }

    #[test]
    fn i8_no_bytes_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..=240)) {
        // What it takes, it can write, and reads again as the same.
        if let Some(record) = Record::decode(&bytes) {
            let mut buffer = Record::buffer();
            let again = Record::decode(record.encode(&mut buffer));
            prop_assert_eq!(again, Some(record));
        }
    }

    #[test]
    fn i8_no_flipped_byte_panics_the_reader(
        record in record(), at in any::<prop::sample::Index>(), flip in 1u8..,
    ) {
        let mut buffer = Record::buffer();
        let mut bytes = record.encode(&mut buffer).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Some(record) = Record::decode(&bytes) {
            let mut buffer = Record::buffer();
            let again = Record::decode(record.encode(&mut buffer));
            prop_assert_eq!(again, Some(record));
        }
    }
}
