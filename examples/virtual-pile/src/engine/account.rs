//! After the run: what the ledger says, joined with what the wires gave.

use super::{Cut, Engine, script};
use crate::app::Ran;
use crate::input::Row;
use crate::output::{AccountRow, SegmentRow, SessionRow, Summary};
use crate::report::PowerCut;
use crate::report::load::LoadSeries;
use billing_core::book::Book;
use billing_core::receipt::SoftwareKey;
use billing_core::record::{ClosedSession, Record, Segment, StopReason};
use pile_sim::world::Delivery;
use pile_units::{AccountId, Energy, SessionId, UnixSeconds};
use pilectl::receipt::sign::sign;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;

const FIRMWARE: &str = env!("CARGO_PKG_VERSION");
const MICROJOULES_PER_MWH: u64 = 3_600_000;

/// Everything the ledger holds of sessions.
struct Kept {
    book: Book,
    closed: Vec<ClosedSession>,
    segments: BTreeMap<SessionId, Vec<Segment>>,
    /// By number.
    records: Vec<(u64, Record)>,
}

/// Makes the files' contents.
pub(super) fn settle(engine: &Engine<'_>) -> Result<Ran, String> {
    let kept = read(engine)?;
    let deliveries = engine.world.deliveries();
    let mut sessions = Vec::new();
    let mut segments = Vec::new();
    let names: BTreeMap<AccountId, &str> = engine
        .cards
        .iter()
        .map(|(name, (id, _))| (*id, *name))
        .collect();
    let mut claimed = vec![false; kept.closed.len()];
    let mut lost_at: BTreeMap<u64, Energy> = BTreeMap::new();
    let mut most_lost = Energy::ZERO;
    for row in &engine.job.sessions.rows {
        let fits = |closed: &ClosedSession| {
            closed.port == row.port
                && opened_within(row, closed)
                && names.get(&closed.account).copied() == Some(row.account.as_str())
        };
        let found = kept
            .closed
            .iter()
            .zip(&mut claimed)
            .find(|(it, taken)| !**taken && fits(it));
        let Some((closed, taken)) = found else {
            if engine.job.power_cuts == 0 {
                return Err(format!(
                    "line {}: the ledger has no session for it",
                    row.line
                ));
            }
            continue;
        };
        *taken = true;
        let delivered = delivered(engine, closed, &deliveries);
        if closed.energy > delivered {
            return Err(format!(
                "session {}: billed more than was delivered",
                row.session
            ));
        }
        if closed.reason == StopReason::PowerLost {
            let lost = delivered.saturating_sub(closed.energy);
            most_lost = most_lost.max(lost);
            if let Some(cut) = cut_after(
                &engine.cuts,
                script::millis(engine.base, closed.closed.unix),
            ) {
                let sum = lost_at.entry(cut.at).or_default();
                *sum = sum.saturating_add(lost);
            }
        }
        sessions.push(session_row(row, closed, delivered));
        let lines = kept.segments.get(&closed.session).into_iter().flatten();
        segments.extend(lines.map(|segment| segment_row(row, segment)));
    }
    if let Some((closed, _)) = kept
        .closed
        .iter()
        .zip(&claimed)
        .find(|(it, taken)| !**taken && !it.energy.is_zero())
    {
        return Err(format!(
            "session {} in the ledger belongs to no row",
            closed.session
        ));
    }
    let (receipts, public_key_pem) = receipts(engine, &kept)?;
    let summary = summary(engine, &kept, sessions.len(), most_lost)?;
    let charging = |cut: &Cut| PowerCut {
        at: wall(engine, cut.at),
        charging: cut.charging,
        in_flash_operation: cut.in_flash,
        lost: lost_at.get(&cut.at).copied().unwrap_or_default(),
    };
    Ok(Ran {
        accounts: accounts(&kept.book, &names),
        sessions,
        segments,
        summary,
        receipts,
        public_key_pem,
        ledger: engine.world.flash().image(),
        load: load(engine),
        cuts: engine.cuts.iter().map(charging).collect(),
    })
}

fn session_row(row: &Row, closed: &ClosedSession, delivered: Energy) -> SessionRow {
    SessionRow {
        session: row.session,
        account: row.account.clone(),
        port: closed.port,
        started: closed.opened.unix,
        ended: closed.closed.unix,
        stop_reason: closed.reason.name().to_owned(),
        energy: closed.energy,
        energy_fee: closed.bill.energy_fee,
        service_fee: closed.bill.service_fee,
        total: closed.bill.total,
        delivered,
    }
}

fn segment_row(row: &Row, segment: &Segment) -> SegmentRow {
    SegmentRow {
        session: row.session,
        segment: u32::from(segment.index) + 1,
        from: segment.from.unix,
        to: segment.to.unix,
        band: segment.band.to_string(),
        energy: segment.energy,
        energy_price: segment.energy_price,
        service_price: segment.service_price,
        energy_fee: segment.energy_micro,
        service_fee: segment.service_micro,
    }
}

fn read(engine: &Engine<'_>) -> Result<Kept, String> {
    let (book, mut records) = engine.world.read_ledger()?;
    records.sort_by_key(|(number, _)| *number);
    let mut closed = Vec::new();
    let mut segments: BTreeMap<SessionId, Vec<Segment>> = BTreeMap::new();
    for (_, record) in &records {
        match record {
            Record::SessionClosed(session) => closed.push(*session),
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                segments.entry(segment.session).or_default().push(*segment);
            }
            _ => {}
        }
    }
    closed.sort_by_key(|session| session.session);
    let balance = book.balance();
    if balance.metered != balance.accounted() {
        return Err("the accounts and the meters do not agree (I2)".to_owned());
    }
    Ok(Kept {
        book,
        closed,
        segments,
        records,
    })
}

/// True if the session was opened while the row's bike stood there. The battery-backed clock
/// counts whole seconds, so after a power cut the pile's clock is late by up to one.
pub(super) fn opened_within(row: &Row, closed: &ClosedSession) -> bool {
    let opened = closed.opened.unix;
    opened.plus(1) >= row.plug_in && opened <= row.plug_out
}

/// What the wire gave while a session was open: its relay closed within it.
fn delivered(engine: &Engine<'_>, closed: &ClosedSession, deliveries: &[Delivery]) -> Energy {
    let from = script::millis(engine.base, closed.opened.unix);
    // A session that the supply took ends, by the ledger, at its last record.
    let within = |delivery: &&Delivery| {
        delivery.port == closed.port && delivery.closed >= from && delivery.closed < from + 30_000
    };
    let microjoules: u64 = deliveries
        .iter()
        .filter(within)
        .map(|it| it.microjoules)
        .sum();
    Energy::from_milliwatt_hours(microjoules / MICROJOULES_PER_MWH)
}

fn cut_after(cuts: &[Cut], millis: u64) -> Option<&Cut> {
    cuts.iter().find(|cut| cut.at + 1000 > millis)
}

fn wall(engine: &Engine<'_>, millis: u64) -> UnixSeconds {
    engine
        .base
        .plus(u32::try_from(millis / 1000).unwrap_or(u32::MAX))
}

fn accounts(book: &Book, names: &BTreeMap<AccountId, &str>) -> Vec<AccountRow> {
    let mut rows: Vec<_> = book
        .accounts()
        .iter()
        .filter_map(|account| {
            Some(AccountRow {
                number: account.id,
                account: (*names.get(&account.id)?).to_owned(),
                sessions: account.sessions,
                energy: account.energy,
                energy_fee: account.energy_fee,
                service_fee: account.service_fee,
                total: account.total(),
            })
        })
        .collect();
    rows.sort_by(|a, b| crate::figures::natural_order(&a.account, &b.account));
    rows
}

fn summary(
    engine: &Engine<'_>,
    kept: &Kept,
    sessions: usize,
    most_lost: Energy,
) -> Result<Summary, String> {
    let balance = kept.book.balance();
    let delivered = engine.world.delivered_microjoules() / MICROJOULES_PER_MWH;
    let delivered = Energy::from_milliwatt_hours(delivered);
    let flash = engine.world.flash().statistics();
    let lost = delivered
        .checked_sub(balance.accounted())
        .ok_or("more was metered than delivered (I3)")?;
    Ok(Summary {
        sessions: u32::try_from(sessions).unwrap_or(u32::MAX),
        delivered,
        billed: balance.accounts,
        unattributed: balance.unattributed,
        lost,
        max_lost_per_port_per_cut: most_lost,
        power_cuts: u32::try_from(engine.cuts.len()).unwrap_or(u32::MAX),
        flash_bytes_programmed: flash.bytes_programmed,
        max_page_erases: flash.max_page_erases(),
        simulated_seconds: engine.world.now() / 1000,
        wall_seconds: 0,
    })
}

/// Spreads the changes of the load over the series' buckets, a minute at a time.
fn load(engine: &Engine<'_>) -> LoadSeries {
    const STEP_MS: u64 = 60_000;
    let mut series = LoadSeries::new(engine.base, engine.job.sessions.utc_offset);
    let changes = engine.world.load();
    let ends = changes.iter().skip(1).map(|(at, _)| *at);
    for ((from, milliwatts), to) in changes.iter().zip(ends.chain([engine.world.now()])) {
        let mut at = *from;
        while *milliwatts > 0 && at < to {
            let step = STEP_MS.min(to - at);
            series.add(wall(engine, at), milliwatts * step / 1000);
            at += step;
        }
    }
    series
}

fn receipts(engine: &Engine<'_>, kept: &Kept) -> Result<(Vec<String>, String), String> {
    let mut seed = [0; 32];
    ChaCha8Rng::seed_from_u64(engine.job.seed ^ 0x6b65_7900).fill_bytes(&mut seed);
    let key = SoftwareKey::from_bytes(&seed).map_err(|error| error.to_string())?;
    let mut pem = String::new();
    key.public_key()
        .write_pem(&mut pem)
        .map_err(|error| error.to_string())?;
    // A replay sets the clock once, before any session: what the flash has dropped hides no setting.
    let records = kept
        .records
        .iter()
        .map(|(number, record)| (*number, record));
    let receipts = sign(&kept.book, records, |_, _| true, FIRMWARE, &key)?;
    if let Some((_, session)) = receipts.left_out.first() {
        return Err(format!("session {session} has lost its segments"));
    }
    let receipts = receipts.made.into_iter().map(|it| it.record);
    Ok((receipts.collect(), pem))
}
