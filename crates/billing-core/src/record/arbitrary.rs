//! Any record there can be, whether or not it makes sense.

extern crate std;

mod phones;

use super::{
    Advance, Advances, Attempt, Attempts, ClosedSession, Fault, Piece, Record, Reference,
    Revocation, Segment, StopReason,
};
use crate::book::{Account, OpenSegment, OpenSession, PlannedTariff, Rate, Settlement};
use crate::cost::{Bill, SessionCost};
use crate::tariff::{Band, BandIndex, BandName, Tariff};
use pile_units::{
    AccountId, CardAlias, ClockQuality, Credential, CredentialId, Currency, Energy, Limits,
    MeterTrim, Money, PileId, PlanId, PortId, Power, Price, Role, SessionId, Strength,
    TariffVersion, UidOnly, UnixSeconds, UtcOffset, WallTime,
};
use proptest::prelude::*;
use proptest::sample::select;
use std::string::String;
use std::vec;
use std::vec::Vec;

/// Small numbers, the largest, and all between: varints of every length.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0u64..4,
        any::<u64>(),
        Just(u64::MAX),
        (0u32..64).prop_map(|bit| 1 << bit)
    ]
}

fn small<T: TryFrom<u64> + core::fmt::Debug>(max: u64) -> impl Strategy<Value = T> {
    number().prop_map(move |n| T::try_from(n % (max + 1)).ok().unwrap())
}

fn u8s() -> impl Strategy<Value = u8> {
    small(u64::from(u8::MAX))
}

fn u16s() -> impl Strategy<Value = u16> {
    small(u64::from(u16::MAX))
}

fn u32s() -> impl Strategy<Value = u32> {
    small(u64::from(u32::MAX))
}

fn energy() -> impl Strategy<Value = Energy> {
    number().prop_map(Energy::from_milliwatt_hours)
}

fn money() -> impl Strategy<Value = Money> {
    number().prop_map(Money::from_micros)
}

fn price() -> impl Strategy<Value = Price> {
    (0u32..=1_000_000_000).prop_map(|it| Price::from_micros_per_kilowatt_hour(it).unwrap())
}

fn at() -> impl Strategy<Value = WallTime> {
    let qualities = select(std::vec![
        ClockQuality::Unknown,
        ClockQuality::Informative,
        ClockQuality::Synchronised,
        ClockQuality::Relative,
    ]);
    (u32s(), qualities).prop_map(|(unix, quality)| WallTime {
        unix: UnixSeconds::new(unix),
        quality,
    })
}

fn port() -> impl Strategy<Value = PortId> {
    (1u8..=16).prop_map(|number| PortId::from_number(number).unwrap())
}

fn plan() -> impl Strategy<Value = PlanId> {
    (0u8..4).prop_map(|number| PlanId::new(number).unwrap())
}

fn planned() -> impl Strategy<Value = PlannedTariff> {
    (plan(), u32s(), tariff()).prop_map(|(plan, from, tariff)| PlannedTariff {
        plan,
        from: UnixSeconds::new(from),
        tariff,
    })
}

fn name() -> impl Strategy<Value = BandName> {
    let letters = select("abcdefghijklmnopqrstuvwxyz -~!".chars().collect::<Vec<_>>());
    prop::collection::vec(letters, 1..=12)
        .prop_map(|letters| letters.into_iter().collect::<String>().parse().unwrap())
}

fn band_index() -> impl Strategy<Value = BandIndex> {
    (0u8..8).prop_map(|index| BandIndex::new(index).unwrap())
}

fn credential() -> impl Strategy<Value = Credential> {
    let role = prop_oneof![
        Just(Role::Privilege),
        u16s().prop_map(|id| Role::Charging(AccountId::new(id)))
    ];
    (u16s(), role, strength(), any::<[u8; 8]>(), any::<bool>()).prop_map(
        |(id, role, strength, alias, revoked)| Credential {
            id: CredentialId::new(id),
            role,
            strength,
            alias: CardAlias::new(alias),
            revoked,
        },
    )
}

fn strength() -> impl Strategy<Value = Strength> {
    select(std::vec![Strength::UidOnly, Strength::MutualAes])
}

fn tariff() -> impl Strategy<Value = Tariff> {
    let bands = prop::collection::vec((name(), price(), price()), 1..=8);
    let offset = -840i16..=840;
    (
        select(std::vec!["CNY", "EUR", "JPY"]),
        offset,
        bands,
        0u8..8,
    )
        .prop_map(|(currency, offset, named, unknown)| {
            let mut bands: Vec<Band> = Vec::new();
            for (name, energy, service) in named {
                if bands.iter().all(|band| band.name != name) {
                    bands.push(Band {
                        name,
                        energy,
                        service,
                    });
                }
            }
            let index = |n: usize| BandIndex::new(u8::try_from(n % bands.len()).unwrap()).unwrap();
            Tariff::new(
                currency.parse().unwrap(),
                UtcOffset::from_minutes(offset).unwrap(),
                &bands,
                core::array::from_fn(index),
                index(usize::from(unknown)),
            )
            .unwrap()
        })
}

fn limits() -> impl Strategy<Value = Limits> {
    (100u32..=2500).prop_map(|watts| {
        Limits::default()
            .with_port_power(Power::from_watts(watts))
            .unwrap()
    })
}

fn advances() -> impl Strategy<Value = Advances> {
    let advance = (port(), any::<bool>(), number()).prop_map(|(port, session, energy)| {
        let energy = Energy::from_milliwatt_hours(energy % (1 << 42));
        if session {
            Advance::of_session(port, energy)
        } else {
            Advance::unattributed(port, energy)
        }
    });
    prop::collection::vec(advance, 0..=32).prop_map(|all| {
        let mut advances = Advances::default();
        for advance in all {
            let _ = advances.push(advance); // the first of a kind
        }
        advances
    })
}

prop_compose! {
    fn segment()(
        (session, account, index, tariff) in (u32s(), u16s(), u8s(), u16s()),
        band in name(),
        (from, to) in (at(), at()),
        energy in energy(),
        prices in (price(), price()),
        fees in (money(), money()),
    ) -> Segment {
        Segment {
            session: SessionId::new(session),
            account: AccountId::new(account),
            index,
            tariff: TariffVersion::new(tariff),
            band,
            from,
            to,
            energy,
            energy_price: prices.0,
            service_price: prices.1,
            energy_micro: fees.0,
            service_micro: fees.1,
        }
    }
}

prop_compose! {
    fn closed()(
        ids in (u32s(), u16s(), u16s(), u32s(), u8s()),
        strength in strength(),
        port in port(),
        (opened, closed) in (at(), at()),
        reason in select(std::vec![StopReason::Full, StopReason::PowerLost, StopReason::FuseBlown]),
        (energy, reading) in (energy(), energy()),
        currency in select(std::vec!["CNY", "EUR"]),
        (energy_fee, service_fee, total) in (money(), money(), money()),
    ) -> ClosedSession {
        ClosedSession {
            session: SessionId::new(ids.0),
            account: AccountId::new(ids.1),
            credential: CredentialId::new(ids.2),
            strength,
            port,
            opened,
            closed,
            reason,
            energy,
            reading,
            segments: ids.4,
            currency: currency.parse().unwrap(),
            bill: Bill { energy_fee, service_fee, total },
            page: ids.3,
        }
    }
}

prop_compose! {
    fn settlement()(
        (id, account, sessions) in (u32s(), u16s(), u32s()),
        at in at(),
        (opening, closing) in (energy(), energy()),
        amount in money(),
    ) -> Settlement {
        Settlement { id, account: AccountId::new(account), at, opening, closing, sessions, amount }
    }
}

prop_compose! {
    fn account()(
        (id, sessions, settled_sessions, through) in (u16s(), u32s(), u32s(), u32s()),
        (active, plan, listed) in (any::<bool>(), plan(), any::<bool>()),
        energy in (energy(), energy()),
        money in (money(), money(), money()),
    ) -> Account {
        Account {
            id: AccountId::new(id),
            active,
            plan,
            listed,
            sessions,
            energy: energy.0,
            energy_fee: money.0,
            service_fee: money.1,
            settled_energy: energy.1,
            settled: money.2,
            settled_sessions,
            settled_through: SessionId::new(through),
        }
    }
}

prop_compose! {
    fn session()(
        ids in (u32s(), u16s(), u16s()),
        strength in strength(),
        port in port(),
        opened in at(),
        segment in segment(),
        band_index in band_index(),
        closed_energy in energy(),
        ended in any::<bool>(),
    ) -> OpenSession {
        let mut cost = SessionCost::default();
        cost.close_segment(closed_energy, segment.energy_price, segment.service_price);
        OpenSession {
            id: SessionId::new(ids.0),
            account: AccountId::new(ids.1),
            credential: CredentialId::new(ids.2),
            strength,
            port,
            opened,
            segment: OpenSegment {
                index: segment.index,
                tariff: segment.tariff,
                band: segment.band,
                band_index,
                energy_price: segment.energy_price,
                service_price: segment.service_price,
                from: segment.from,
                energy: segment.energy,
            },
            closed_energy,
            cost,
            ended,
        }
    }
}

fn uid_only() -> impl Strategy<Value = UidOnly> {
    select(std::vec![UidOnly::Nobody, UidOnly::All, UidOnly::Listed])
}

fn trim() -> impl Strategy<Value = MeterTrim> {
    let ppm = || -MeterTrim::MAX_PPM..=MeterTrim::MAX_PPM;
    (ppm(), ppm(), ppm()).prop_map(|(p, v, i)| MeterTrim::from_ppm(p, v, i).unwrap())
}

prop_compose! {
    fn attempts()(
        (credential, count) in (u16s(), u32s()),
        what in select(std::vec![Attempt::TooWeak, Attempt::WrongKey, Attempt::Revoked]),
        last in at(),
    ) -> Attempts {
        Attempts { credential: CredentialId::new(credential), count, what, last }
    }
}

prop_compose! {
    fn pile()(
        pile in prop::option::of(any::<[u8; 8]>()),
        (uid_only, unseen) in (uid_only(), u32s()),
        limits in limits(),
        next in (u32s(), u32s(), u16s(), u32s()),
        last in at(),
        exported in number(),
        rates in [(u32s(), u32s()), (u32s(), u32s())],
    ) -> Piece {
        Piece::Pile {
            pile: pile.map(PileId::new),
            uid_only,
            limits,
            next_session: SessionId::new(next.0),
            next_page: next.1,
            next_account: AccountId::new(next.2),
            next_settlement: next.3,
            last,
            exported,
            rates: rates.map(|(sessions, seconds)| Rate { sessions, seconds }),
            unseen,
        }
    }
}

pub fn piece() -> impl Strategy<Value = Piece> {
    let fault = prop::option::of(select(std::vec![Fault::Overload, Fault::MeterLost]));
    prop_oneof![
        pile(),
        (plan(), u16s(), tariff()).prop_map(|(plan, version, tariff)| Piece::Tariff {
            plan,
            version: TariffVersion::new(version),
            tariff
        }),
        (port(), energy(), energy(), fault, any::<bool>(), trim()).prop_map(
            |(port, register, unattributed, fault, enabled, trim)| Piece::Port {
                port,
                register,
                unattributed,
                fault,
                enabled,
                trim
            }
        ),
        credential().prop_map(Piece::Credential),
        account().prop_map(Piece::Account),
        session().prop_map(Piece::Session),
        settlement().prop_map(Piece::Settlement),
        planned().prop_map(Piece::Planned),
        attempts().prop_map(Piece::Attempts),
        phones::piece(),
    ]
}

pub fn record() -> impl Strategy<Value = Record> {
    let why = select(std::vec![
        Revocation::Lost,
        Revocation::Deregistered,
        Revocation::Withdrawn
    ]);
    let fault = select(std::vec![Fault::Overload, Fault::RelayWelded]);
    let text = select(std::vec!["", "cash", "twenty-four bytes long !", "现金"]);
    prop_oneof![
        (any::<[u8; 8]>(), credential(), at()).prop_map(|(pile, privilege, at)| {
            Record::Commissioned {
                pile: PileId::new(pile),
                privilege,
                at,
            }
        }),
        (credential(), at()).prop_map(|(credential, at)| Record::Enrolled { credential, at }),
        (u16s(), why, at()).prop_map(|(id, why, at)| Record::Revoked {
            credential: CredentialId::new(id),
            why,
            at
        }),
        (u16s(), at()).prop_map(|(id, at)| Record::AccountClosed {
            account: AccountId::new(id),
            at
        }),
        (uid_only(), at()).prop_map(|(uid_only, at)| Record::PolicySet { uid_only, at }),
        (plan(), u16s(), tariff(), at()).prop_map(|(plan, version, tariff, at)| {
            Record::TariffSet {
                plan,
                version: TariffVersion::new(version),
                tariff,
                at,
            }
        }),
        (limits(), at()).prop_map(|(limits, at)| Record::LimitsSet { limits, at }),
        (port(), any::<bool>(), at()).prop_map(|(port, enabled, at)| Record::PortSwitched {
            port,
            enabled,
            at
        }),
        (at(), at()).prop_map(|(from, to)| Record::ClockSet { from, to }),
        (u32s(), u16s(), port(), band_index(), at()).prop_map(
            |(session, credential, port, band, at)| Record::SessionOpened {
                session: SessionId::new(session),
                credential: CredentialId::new(credential),
                port,
                band,
                at
            }
        ),
        (u32s(), advances()).prop_map(|(elapsed, advances)| Record::Progress { elapsed, advances }),
        (segment(), band_index())
            .prop_map(|(segment, next)| Record::SegmentClosed { segment, next }),
        segment().prop_map(|segment| Record::LastSegment { segment }),
        closed().prop_map(Record::SessionClosed),
        (port(), fault, at()).prop_map(|(port, fault, at)| Record::FaultLatched {
            port,
            fault,
            at
        }),
        (port(), at()).prop_map(|(port, at)| Record::FaultCleared { port, at }),
        settlement().prop_map(Record::Settled),
        (u32s(), text, at()).prop_map(|(settlement, text, at)| Record::Paid {
            settlement,
            reference: text.parse::<Reference>().unwrap(),
            at
        }),
        piece().prop_map(Record::Snapshot),
        (planned(), at()).prop_map(|(planned, at)| Record::TariffPlanned {
            plan: planned.plan,
            from: planned.from,
            tariff: planned.tariff,
            at
        }),
        (u16s(), plan(), at()).prop_map(|(account, plan, at)| Record::PlanAssigned {
            account: AccountId::new(account),
            plan,
            at
        }),
        (number(), at()).prop_map(|(through, at)| Record::Exported { through, at }),
        (u16s(), any::<bool>(), at()).prop_map(|(account, listed, at)| Record::AccountListed {
            account: AccountId::new(account),
            listed,
            at
        }),
        attempts().prop_map(Record::Attempted),
        at().prop_map(|at| Record::AttemptsSeen { at }),
        (port(), trim(), at()).prop_map(|(port, trim, at)| Record::Calibrated { port, trim, at }),
        phones::record(),
    ]
}

/// The yuan, at the dearest there is.
pub fn dearest_tariff() -> Tariff {
    let price = Price::from_micros_per_kilowatt_hour(1_000_000_000).unwrap();
    let band = |n: usize| Band {
        name: std::format!("twelve wide{n}").parse().unwrap(),
        energy: price,
        service: price,
    };
    let bands: [Band; 8] = core::array::from_fn(band);
    let index = |n: usize| BandIndex::new(u8::try_from(n % 8).unwrap()).unwrap();
    Tariff::new(
        Currency::CNY,
        UtcOffset::from_minutes(-840).unwrap(),
        &bands,
        core::array::from_fn(index),
        index(7),
    )
    .unwrap()
}
