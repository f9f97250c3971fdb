//! Lives of a pile for tests: records that may truly come next, chosen by dice.

mod phones;

pub use phones::opened_by_phone;

use super::{Book, OpenSession};
use crate::record::{
    Advance, Advances, Attempt, Attempts, ClosedSession, Fault, Record, Reference, Revocation,
    Segment, StopReason,
};
use crate::tariff::{Band, BandIndex, Tariff};
use pile_units::{
    AccountId, CardAlias, ClockQuality, Credential, CredentialId, Currency, Energy, Limits,
    MAX_PLANS, MeterTrim, PileId, PlanId, PortId, Price, Role, Strength, UidOnly, UnixSeconds,
    UtcOffset, WallTime,
};

/// Chooses what happens next. `dice(n)` answers 0..`n`; any answer will do, also one outside.
/// Ports beyond `ports` stay unused. The book accepts the record.
///
/// ```
/// use billing_core::book::{Book, testing::next_record};
/// let mut book = Book::new();
/// let mut state = 1u32;
/// let mut dice = |sides| {
///     state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
///     (state >> 8) % sides
/// };
/// for _ in 0..1000 {
///     let record = next_record(&book, 10, &mut dice);
///     book.apply(&record)?;
/// }
/// assert!(book.accounts().iter().any(|account| account.sessions > 0));
/// assert_eq!(book.balance().metered, book.balance().accounted());
/// # Ok::<(), billing_core::book::FoldError>(())
/// ```
pub fn next_record(book: &Book, ports: usize, dice: &mut dyn FnMut(u32) -> u32) -> Record {
    let at = later(book.last(), dice(900));
    if book.pile().is_none() {
        let id = CredentialId::new(0);
        return Record::Commissioned {
            pile: PileId::new([0xa5; 8]),
            privilege: card(id, Role::Privilege),
            at,
        };
    }
    if book.tariffs().next().is_none() {
        let uid_only = UidOnly::All;
        return tariff_set(book, at, dice).unwrap_or(Record::PolicySet { uid_only, at });
    }
    let choice = dice(100);
    let Ok(port) = PortId::from_index(pick(ports, dice)) else {
        return progress(book, ports, dice);
    };
    let unlikely = match choice {
        0..2 => enrolled(book, at, dice(3) > 0),
        2 => revoked(book, at, dice),
        3 => account_closed(book, at, dice),
        4 if dice(3) == 0 => tariff_planned(at, dice),
        4 => tariff_set(book, at, dice),
        5 if dice(2) == 0 => plan_assigned(book, at, dice),
        5 => policy(book, port, at, dice),
        // The log's numbers must stay ahead, which the book does not know: each export takes one, and
        // each session.
        6 if dice(2) == 0 => {
            let (next, more) = (book.exported() + 1, u64::from(dice(3)));
            let sessions = u64::from(book.next_session().get());
            exported(book, next.max(sessions.min(next + more)), at)
        }
        6 => Limits::default()
            .with_port_power(pile_units::Power::from_watts(600))
            .ok()
            .map(|limits| Record::LimitsSet { limits, at }),
        7 if dice(2) == 0 => phones::matter(book, at, dice),
        7 => Some(Record::PortSwitched {
            port,
            enabled: dice(2) == 0,
            at,
        }),
        8 => Some(Record::ClockSet {
            from: book.last(),
            to: clock(at, dice),
        }),
        9 => book.fault(port).is_none().then_some(Record::FaultLatched {
            port,
            fault: Fault::Overload,
            at,
        }),
        10..13 => book.fault(port).map(|_| Record::FaultCleared { port, at }),
        13..16 => settled(book, at, dice),
        16..19 => paid(book, at, dice),
        _ => None,
    };
    let likely = match (choice, book.session(port)) {
        (_, None) if choice < 60 => opened(book, port, at, dice),
        (_, None) if choice < 90 => {
            opened_by_phone(book, port, at, dice).or_else(|| opened(book, port, at, dice))
        }
        (19..50, Some(session)) => closing(book, session, at, dice(3000)),
        (50..60, Some(session)) => segment_closed(book, session, at, dice),
        _ => None,
    };
    let candidate = unlikely.or(likely).filter(|it| book.check(it).is_ok());
    candidate.unwrap_or_else(|| progress(book, ports, dice))
}

/// The records that end a session: its last segment, then its bill.
pub fn closing(book: &Book, session: &OpenSession, at: WallTime, more: u32) -> Option<Record> {
    if !session.ended {
        let segment = segment(session, at, more);
        return Some(Record::LastSegment { segment });
    }
    let currency = book.currency();
    Some(Record::SessionClosed(ClosedSession {
        session: session.id,
        account: session.account,
        credential: session.credential,
        strength: session.strength,
        port: session.port,
        opened: session.opened,
        closed: at.not_before(session.segment.from),
        reason: StopReason::Full,
        energy: session.energy(),
        reading: book.register(session.port),
        segments: session.segment.index.checked_add(1)?,
        currency,
        bill: session.cost.total(currency),
        page: book.next_page(),
    }))
}

/// The open segment as it would be closed at `to`, or when it began where that is later, with so
/// many milliwatt-hours more.
pub fn segment(session: &OpenSession, to: WallTime, more: u32) -> Segment {
    let open = &session.segment;
    let energy = open
        .energy
        .saturating_add(Energy::from_milliwatt_hours(u64::from(more)));
    let mut cost = session.cost;
    let fee = cost.close_segment(energy, open.energy_price, open.service_price);
    Segment {
        session: session.id,
        account: session.account,
        index: open.index,
        tariff: open.tariff,
        band: open.band,
        from: open.from,
        to: to.not_before(open.from),
        energy,
        energy_price: open.energy_price,
        service_price: open.service_price,
        energy_micro: fee.energy_micro,
        service_micro: fee.service_micro,
    }
}

/// Opens a session with a card that may.
pub fn opened(
    book: &Book,
    port: PortId,
    at: WallTime,
    dice: &mut dyn FnMut(u32) -> u32,
) -> Option<Record> {
    let mut cards = book.credentials().iter().filter(|card| {
        let account = card.account().and_then(|id| book.account(id));
        !card.revoked && account.is_some_and(|account| account.active)
    });
    let credential = cards.clone().nth(pick(cards.clone().count(), dice));
    let credential = credential.or_else(|| cards.next())?;
    let (_, tariff) = book.tariff_of(credential.account()?)?;
    Some(Record::SessionOpened {
        session: book.next_session(),
        credential: credential.id,
        port,
        band: tariff.band_at(at).0,
        at,
    })
}

/// Enrols a card, for a new account where there is room.
pub fn enrolled(book: &Book, at: WallTime, new: bool) -> Option<Record> {
    let old = book.accounts().iter().rev().find(|account| account.active);
    let account = match (book.next_account(), old) {
        (Some(id), _) if new => id,
        (_, old) => old?.id,
    };
    let id = book.next_credential()?;
    Some(Record::Enrolled {
        credential: card(id, Role::Charging(account)),
        at,
    })
}

/// A settlement of the first account that owes something, from a random one on.
pub fn settled(book: &Book, at: WallTime, dice: &mut dyn FnMut(u32) -> u32) -> Option<Record> {
    let accounts = book.accounts();
    let start = pick(accounts.len(), dice);
    let mut all = accounts.iter().cycle().skip(start).take(accounts.len());
    let due = all.find_map(|account| book.settlement(account.id, at))?;
    Some(Record::Settled(due))
}

/// The payment of a settlement that waits.
pub fn paid(book: &Book, at: WallTime, dice: &mut dyn FnMut(u32) -> u32) -> Option<Record> {
    let waiting = book.settlements();
    let settlement = waiting.get(pick(waiting.len(), dice))?.id;
    let reference: Reference = "cash, with thanks".parse().ok()?;
    Some(Record::Paid {
        settlement,
        reference,
        at,
    })
}

/// Hands every record up to a number over to the landlord, where that is more than before.
pub fn exported(book: &Book, through: u64, at: WallTime) -> Option<Record> {
    (through > book.exported()).then_some(Record::Exported { through, at })
}

/// A tariff of one to four bands and up to 48 changes a day: the standard one at first, then one of
/// any plan.
pub fn tariff_set(book: &Book, at: WallTime, dice: &mut dyn FnMut(u32) -> u32) -> Option<Record> {
    let first = book.tariff(PlanId::STANDARD).is_none();
    Some(Record::TariffSet {
        plan: if first { PlanId::STANDARD } else { plan(dice)? },
        version: book.next_tariff()?,
        tariff: tariff(dice)?,
        at,
    })
}

/// Such a tariff, for one of the next hours.
pub fn tariff_planned(at: WallTime, dice: &mut dyn FnMut(u32) -> u32) -> Option<Record> {
    Some(Record::TariffPlanned {
        plan: plan(dice)?,
        from: at.unix.plus(dice(20_000)),
        tariff: tariff(dice)?,
        at,
    })
}

/// What a landlord sets and sees beside prices: the policy, whom it lists, a meter's correction,
/// refused attempts.
fn policy(
    book: &Book,
    port: PortId,
    at: WallTime,
    dice: &mut dyn FnMut(u32) -> u32,
) -> Option<Record> {
    const POLICIES: [UidOnly; 3] = [UidOnly::Nobody, UidOnly::All, UidOnly::Listed];
    let ppm = |dice: &mut dyn FnMut(u32) -> u32| {
        let ppm = i32::try_from(dice(200_001)).ok()?;
        Some(ppm.saturating_sub(100_000))
    };
    Some(match dice(5) {
        0 => {
            let uid_only = *POLICIES.get(pick(POLICIES.len(), dice))?;
            Record::PolicySet { uid_only, at }
        }
        1 => {
            let accounts = book.accounts();
            let account = accounts.get(pick(accounts.len(), dice))?.id;
            let listed = dice(2) == 0;
            Record::AccountListed {
                account,
                listed,
                at,
            }
        }
        2 => {
            let trim = MeterTrim::from_ppm(ppm(dice)?, ppm(dice)?, ppm(dice)?).ok()?;
            Record::Calibrated { port, trim, at }
        }
        3 => Record::AttemptsSeen { at },
        _ => {
            let cards = book.credentials();
            Record::Attempted(Attempts {
                credential: cards.get(pick(cards.len(), dice))?.id,
                count: dice(100).saturating_add(1),
                what: Attempt::TooWeak,
                last: at,
            })
        }
    })
}

/// An account gets another plan, or the one it has.
pub fn plan_assigned(
    book: &Book,
    at: WallTime,
    dice: &mut dyn FnMut(u32) -> u32,
) -> Option<Record> {
    let accounts = book.accounts();
    let account = accounts.get(pick(accounts.len(), dice))?.id;
    Some(Record::PlanAssigned {
        account,
        plan: plan(dice)?,
        at,
    })
}

fn plan(dice: &mut dyn FnMut(u32) -> u32) -> Option<PlanId> {
    PlanId::all().nth(pick(MAX_PLANS, dice))
}

fn tariff(dice: &mut dyn FnMut(u32) -> u32) -> Option<Tariff> {
    const NAMES: [&str; 4] = ["night", "day", "evening peak", "x"];
    let count = pick(NAMES.len(), dice) + 1;
    let width = pick(8, dice) + 1;
    let mut bands = heapless::Vec::<Band, 4>::new();
    for name in NAMES.iter().take(count) {
        let mut price = || Price::from_micros_per_kilowatt_hour(dice(2_000_000)).ok();
        let (energy, service) = (price()?, price()?);
        let name = name.parse().ok()?;
        bands
            .push(Band {
                name,
                energy,
                service,
            })
            .ok()?;
    }
    let mut slots = [BandIndex::FIRST; crate::tariff::SLOTS];
    for (n, slot) in slots.iter_mut().enumerate() {
        *slot = BandIndex::new(u8::try_from(n / width % count).ok()?).ok()?;
    }
    let unknown = BandIndex::FIRST;
    Tariff::new(Currency::CNY, UtcOffset::UTC, &bands, slots, unknown).ok()
}

/// Energy at every port, and some that nobody pays for.
pub fn progress(book: &Book, ports: usize, dice: &mut dyn FnMut(u32) -> u32) -> Record {
    let mut advances = Advances::default();
    for port in PortId::first(ports) {
        let energy = Energy::from_milliwatt_hours(u64::from(dice(1500)));
        let charging = book.session(port).is_some_and(|open| !open.ended);
        if charging && dice(4) > 0 {
            let _ = advances.push(Advance::of_session(port, energy));
        }
        if dice(20) == 0 {
            let _ = advances.push(Advance::unattributed(port, energy));
        }
    }
    Record::Progress {
        elapsed: dice(60),
        advances,
    }
}

fn revoked(book: &Book, at: WallTime, dice: &mut dyn FnMut(u32) -> u32) -> Option<Record> {
    let cards = book.credentials();
    let card = cards.get(pick(cards.len(), dice))?;
    Some(Record::Revoked {
        credential: card.account().map(|_| card.id)?,
        why: Revocation::Lost,
        at,
    })
}

fn account_closed(book: &Book, at: WallTime, dice: &mut dyn FnMut(u32) -> u32) -> Option<Record> {
    let accounts = book.accounts();
    // Few: a house whose tenants have all left tests nothing.
    let account: AccountId = accounts.get(pick(accounts.len(), dice))?.id;
    (dice(4) == 0).then_some(Record::AccountClosed { account, at })
}

fn segment_closed(
    book: &Book,
    session: &OpenSession,
    at: WallTime,
    dice: &mut dyn FnMut(u32) -> u32,
) -> Option<Record> {
    if session.ended {
        return None;
    }
    let (_, tariff) = book.tariff_of(session.account)?;
    let next = u8::try_from(pick(tariff.bands().len(), dice)).ok()?;
    Some(Record::SegmentClosed {
        segment: segment(session, at, dice(3000)),
        next: BandIndex::new(next).ok()?,
    })
}

fn card(id: CredentialId, role: Role) -> Credential {
    let [low, high] = id.get().to_le_bytes();
    Credential {
        id,
        role,
        strength: Strength::UidOnly,
        alias: CardAlias::new([low, high, 3, 4, 5, 6, 7, 8]),
        revoked: false,
    }
}

/// The clock is set to another time, also to one that was already.
fn clock(at: WallTime, dice: &mut dyn FnMut(u32) -> u32) -> WallTime {
    let base = UnixSeconds::new(1_735_689_600);
    let unix = if dice(3) == 0 {
        UnixSeconds::new(at.unix.get().saturating_sub(dice(7200)))
    } else {
        base.max(at.unix).plus(dice(7200))
    };
    let quality = match dice(4) {
        0 => ClockQuality::Unknown,
        1 => ClockQuality::Informative,
        2 => ClockQuality::Synchronised,
        _ => ClockQuality::Relative,
    };
    WallTime { unix, quality }
}

fn later(at: WallTime, seconds: u32) -> WallTime {
    WallTime {
        unix: at.unix.plus(seconds),
        ..at
    }
}

/// A place below `count`, or 0.
fn pick(count: usize, dice: &mut dyn FnMut(u32) -> u32) -> usize {
    let sides = u32::try_from(count).unwrap_or(u32::MAX).max(1);
    usize::try_from(dice(sides)).unwrap_or(0)
}
