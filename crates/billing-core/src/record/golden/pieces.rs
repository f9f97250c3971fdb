//! The pieces of a snapshot: record 18, then the piece's number and its fields.

use super::*;
use crate::book::{Account, OpenSegment, OpenSession, PlannedTariff, Rate};
use crate::cost::SessionCost;
use crate::record::Piece;

#[track_caller]
fn golden_piece(piece: Piece, parts: &[&[u8]]) {
    let all: Vec<&[u8]> = [&[18][..]]
        .into_iter()
        .chain(parts.iter().copied())
        .collect();
    golden(Record::Snapshot(piece), &all);
}

#[test]
fn the_bytes_of_the_pile_and_its_tariffs_in_a_snapshot_are_these() {
    let pile = |pile| Piece::Pile {
        pile,
        uid_only: UidOnly::All,
        limits: Limits::default(),
        next_session: SessionId::new(8),
        next_page: 10,
        next_account: AccountId::new(4),
        next_settlement: 2,
        last: at(),
        exported: 300,
        rates: [
            Rate {
                sessions: 7,
                seconds: 1000,
            },
            Rate {
                sessions: 0,
                seconds: 2000,
            },
        ],
        unseen: 300,
    };
    let counted = bytes(&[&[0xac, 2], &[7], &AT[..2], &[0], &LATER[..2], &[0xac, 2]]);
    golden_piece(
        pile(Some(PileId::new(PILE))),
        &[&[0, 1], &PILE, &[1], &LIMITS, &[8, 10, 4, 2], &AT, &counted],
    );
    golden_piece(
        pile(None),
        &[&[0, 0, 1], &LIMITS, &[8, 10, 4, 2], &AT, &counted],
    );
    golden_piece(
        Piece::Tariff {
            plan: own_plan(),
            version: TariffVersion::new(1),
            tariff: tariff(),
        },
        &[&[1, 3, 1], &tariff_bytes()],
    );
    golden_piece(
        Piece::Planned(PlannedTariff {
            plan: own_plan(),
            from: second(2000).unix,
            tariff: tariff(),
        }),
        &[&[7, 3], &LATER[..2], &tariff_bytes()],
    );
}

#[test]
fn the_bytes_of_ports_people_and_cards_in_a_snapshot_are_these() {
    golden_piece(
        Piece::Port {
            port: port(2),
            register: Energy::from_watt_hours(600),
            unattributed: Energy::from_milliwatt_hours(5),
            fault: Some(Fault::OverTemperature),
            enabled: true,
            trim: trim(),
        },
        &[&[2, 1], &READING, &[5], &[1, 1], &[1], &TRIM],
    );
    golden_piece(
        Piece::Credential(tenant()),
        &[&[3], &[4, 1, 3, 0], &ALIAS, &[1]],
    );
    golden_piece(
        Piece::Account(Account {
            id: AccountId::new(3),
            active: true,
            plan: own_plan(),
            listed: true,
            sessions: 1,
            energy: half_kwh(),
            energy_fee: Money::from_micros(280_000),
            service_fee: Money::from_micros(100_000),
            settled_energy: Energy::ZERO,
            settled: Money::ZERO,
            settled_sessions: 0,
            settled_through: SessionId::new(6),
        }),
        &[&[4], &[3, 1, 3, 1, 1], &HALF_KWH, &BILL[..6], &[0, 0, 0, 6]],
    );
    golden_piece(Piece::Attempts(attempts()), &[&[8], &ATTEMPTS]);
}

#[test]
fn the_bytes_of_a_session_and_a_settlement_in_a_snapshot_are_these() {
    let mut cost = SessionCost::default();
    cost.close_segment(Energy::from_milliwatt_hours(1), price(5), price(6));
    golden_piece(
        Piece::Session(OpenSession {
            id: SessionId::new(7),
            account: AccountId::new(3),
            credential: CredentialId::new(4),
            strength: Strength::MutualAes,
            port: port(2),
            opened: at(),
            segment: OpenSegment {
                index: 1,
                tariff: TariffVersion::new(2),
                band: "day".parse().unwrap(),
                band_index: BandIndex::FIRST,
                energy_price: price(568_000),
                service_price: price(200_000),
                from: second(2000),
                energy: half_kwh(),
            },
            closed_energy: Energy::from_milliwatt_hours(1),
            cost,
            ended: false,
        }),
        &[
            &[5],
            &[7, 3, 4, 1, 1],
            &AT,
            &[1, 2],
            b"\x03day",
            &[0],
            &PRICES,
            &LATER,
            &HALF_KWH,
            &[1, 5, 6, 0],
        ],
    );
    golden_piece(
        Piece::Settlement(settlement()),
        &[&[6], &settlement_bytes()],
    );
}
