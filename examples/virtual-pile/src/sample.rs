//! A made-up run with plausible numbers: what the engine would hand over, without an engine.

use billing_core::tariff::{Band, Span, Tariff};
use pile_units::{
    AccountId, ClockQuality, Currency, Energy, Fee, Money, UnixSeconds, UtcOffset, WallTime,
};

use crate::input::{self, Row, Sessions};
use crate::output::{AccountRow, Outputs, SegmentRow, SessionRow, Summary};
use crate::plan::Plan;
use crate::report::PowerCut;
use crate::report::load::LoadSeries;

pub fn tariff() -> Tariff {
    let band = |name: &str, energy: &str| Band {
        name: name.parse().unwrap(),
        energy: energy.parse().unwrap(),
        service: "0.20".parse().unwrap(),
    };
    let span = |band: Band, from: &str, to: &str| Span {
        band,
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
    };
    let (day, night) = (band("day", "0.568"), band("night", "0.288"));
    let spans = [span(day, "08:00", "22:00"), span(night, "22:00", "08:00")];
    Tariff::from_spans(Currency::CNY, "+01:00".parse().unwrap(), day.name, &spans).unwrap()
}

pub fn sessions() -> Sessions {
    let text = include_str!("../data/residential-sessions-bl2.csv");
    input::parse(
        "residential-sessions-bl2.csv",
        text.as_bytes(),
        10,
        offset(),
    )
    .unwrap()
}

pub fn offset() -> UtcOffset {
    "+01:00".parse().unwrap()
}

/// A copy of the one run.
pub fn run() -> Run {
    static RUN: std::sync::OnceLock<Run> = std::sync::OnceLock::new();
    RUN.get_or_init(simulate).clone()
}

/// A run over the larger data file: every charger follows its plan, the meter loses the last
/// counter step of each session.
#[derive(Clone)]
pub struct Run {
    pub outputs: Outputs,
    pub load: LoadSeries,
    pub cuts: Vec<PowerCut>,
}

pub fn outputs() -> Outputs {
    run().outputs
}

fn simulate() -> Run {
    let tariff = tariff();
    let input = sessions();
    let mut load = LoadSeries::new(input.rows[0].plug_in, offset());
    let (mut sessions, mut segments) = (Vec::new(), Vec::new());
    for row in &input.rows {
        let (session, parts) = charge(row, &tariff, &mut load);
        sessions.push(session);
        segments.extend(parts);
    }
    let mut accounts: Vec<AccountRow> = Vec::new();
    for (name, number) in input.accounts.iter().zip(1..) {
        let own = || sessions.iter().filter(|row| row.account == *name);
        accounts.push(AccountRow {
            number: AccountId::new(number),
            account: name.clone(),
            sessions: u32::try_from(own().count()).unwrap(),
            energy: own().map(|row| row.energy).sum(),
            energy_fee: own().map(|row| row.energy_fee).sum(),
            service_fee: own().map(|row| row.service_fee).sum(),
            total: own().map(|row| row.total).sum(),
        });
    }
    let billed: Energy = sessions.iter().map(|row| row.energy).sum();
    let delivered: Energy = sessions.iter().map(|row| row.delivered).sum();
    let summary = Summary {
        sessions: u32::try_from(sessions.len()).unwrap(),
        delivered,
        billed,
        unattributed: Energy::from_milliwatt_hours(12_345),
        lost: delivered
            .saturating_sub(billed)
            .saturating_sub(Energy::from_milliwatt_hours(12_345)),
        max_lost_per_port_per_cut: Energy::from_milliwatt_hours(612),
        power_cuts: 50,
        flash_bytes_programmed: 1_234_567,
        max_page_erases: 31,
        simulated_seconds: 34_070_000,
        wall_seconds: 21,
    };
    let cuts = (0..50u32).map(|n| PowerCut {
        at: input.rows[0].plug_in.plus(n * 680_123),
        charging: n % 5,
        in_flash_operation: n % 7 == 0,
        lost: Energy::from_milliwatt_hours(u64::from(n % 5 * 137)),
    });
    Run {
        load,
        cuts: cuts.collect(),
        outputs: Outputs {
            currency: tariff.currency(),
            utc_offset: offset(),
            sessions,
            segments,
            accounts,
            summary,
            receipts: vec!["OCMF|{}|{}".into()],
            public_key_pem: "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n".into(),
            ledger: vec![0xff; 64],
            report: "<html></html>".into(),
        },
    }
}

fn charge(row: &Row, tariff: &Tariff, load: &mut LoadSeries) -> (SessionRow, Vec<SegmentRow>) {
    let plan = Plan::for_stay(row.stay_s(), row.energy_wh);
    let started = row.plug_in.plus(2);
    let length = u32::try_from(plan.duration_ms().div_ceil(1000)).unwrap();
    let mut parts: Vec<(SegmentRow, u64)> = Vec::new();
    for second in 0..length {
        let at = started.plus(second);
        let mut joules = 0;
        if second % 10 == 0 {
            // Ten seconds at a time is close enough for a picture.
            joules = u64::from(plan.power_mw(u64::from(second) * 1000)) * 10;
            load.add(at, joules);
        }
        let wall = WallTime {
            unix: at,
            quality: ClockQuality::Synchronised,
        };
        let (_, band) = tariff.band_at(wall);
        if parts
            .last()
            .is_none_or(|(part, _)| part.band != band.name.as_str())
        {
            let part = SegmentRow {
                session: row.session,
                segment: u32::try_from(parts.len()).unwrap() + 1,
                from: at,
                to: at,
                band: band.name.to_string(),
                energy: Energy::ZERO,
                energy_price: band.energy,
                service_price: band.service,
                energy_fee: Money::ZERO,
                service_fee: Money::ZERO,
            };
            parts.push((part, 0));
        }
        let (part, sum) = parts.last_mut().unwrap();
        part.to = at.plus(1);
        *sum += joules;
    }
    let (mut energy_sum, mut service_sum) = (Fee::ZERO, Fee::ZERO);
    for (part, sum) in &mut parts {
        // Whole counter steps of 0.2 Wh.
        part.energy = Energy::from_milliwatt_hours(*sum / 3_600 / 200 * 200);
        let before = (energy_sum.micros(), service_sum.micros());
        energy_sum = energy_sum.plus(Fee::of(part.energy, part.energy_price));
        service_sum = service_sum.plus(Fee::of(part.energy, part.service_price));
        part.energy_fee = energy_sum.micros().saturating_sub(before.0);
        part.service_fee = service_sum.micros().saturating_sub(before.1);
    }
    let parts: Vec<SegmentRow> = parts.into_iter().map(|(part, _)| part).collect();
    let total = energy_sum.plus(service_sum).round_down(tariff.currency());
    let energy_fee = energy_sum.round_down(tariff.currency());
    let energy = parts.iter().map(|part| part.energy).sum::<Energy>();
    let session = SessionRow {
        session: row.session,
        account: row.account.clone(),
        port: row.port,
        started,
        ended: UnixSeconds::new(started.get() + length),
        stop_reason: if row.energy_wh >= 60 {
            "full"
        } else {
            "unplugged"
        }
        .into(),
        energy,
        energy_fee,
        service_fee: total.saturating_sub(energy_fee),
        total,
        delivered: energy.saturating_add(Energy::from_milliwatt_hours(113)),
    };
    (session, parts)
}
