//! What a record says, in a line.

use billing_core::book::Phone;
use billing_core::record::{
    Advance, Attempt, Attempts, ClosedSession, Record, Revocation, Segment,
};
use pile_units::{Currency, Energy, PlanId, Role, UidOnly, WallTime};

use crate::figures::{Zone, amount, counted, kwh};

/// When a record became true; none for those that tell no time.
pub fn time(record: &Record) -> Option<WallTime> {
    match record {
        Record::Progress { .. } | Record::Snapshot(_) => None,
        Record::SessionClosed(closed) => Some(closed.closed),
        Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => Some(segment.to),
        other => Some(other.time_after(WallTime::default())),
    }
}

/// A name as people write it: `by_card` is `by card`.
pub fn plain(name: &str) -> String {
    name.replace('_', " ")
}

/// A plan, in words.
pub fn plan(plan: PlanId) -> String {
    if plan == PlanId::STANDARD {
        "the standard plan".to_owned()
    } else {
        format!("plan {plan}")
    }
}

/// What the record says.
pub fn of(record: &Record, zone: Zone, currency: Currency) -> String {
    match record {
        Record::Commissioned { pile, .. } => format!("pile {pile} commissioned"),
        Record::Enrolled { credential, .. } => match credential.role {
            Role::Privilege => format!("privilege card {} enrolled", credential.id),
            Role::Charging(account) => {
                format!("card {} enrolled for account {account}", credential.id)
            }
        },
        Record::Revoked {
            credential, why, ..
        } => format!("card {credential} revoked: {}", revocation(*why)),
        Record::AccountClosed { account, .. } => format!("account {account} closed"),
        Record::PolicySet { uid_only, .. } => {
            format!("cards that only announce a number: {}", allowed(*uid_only))
        }
        Record::AccountListed {
            account, listed, ..
        } => {
            let how = if *listed { "put on" } else { "taken off" };
            format!("account {account} {how} the list of cards known by number")
        }
        Record::Attempted(tried) => attempts(tried),
        Record::AttemptsSeen { .. } => "the landlord was told of refused cards".to_owned(),
        Record::Calibrated { port, trim, .. } => format!(
            "port {port}: meter corrected by {} ppm of power, {} of voltage, {} of current",
            trim.power_ppm(),
            trim.voltage_ppm(),
            trim.current_ppm()
        ),
        Record::TariffSet {
            plan: of, version, ..
        } => format!("tariff {version} set for {}", plan(*of)),
        Record::TariffPlanned { plan: of, from, .. } => {
            let at = WallTime {
                unix: *from,
                quality: pile_units::ClockQuality::Informative,
            };
            format!(
                "a tariff planned for {} from {}",
                plan(*of),
                zone.minute(at)
            )
        }
        Record::PlanAssigned {
            account, plan: to, ..
        } => format!("account {account} put on {}", plan(*to)),
        Record::Exported { through, .. } => format!("exported up to record {through}"),
        Record::LimitsSet { .. } => "limits set".to_owned(),
        Record::PortSwitched { port, enabled, .. } => {
            let how = if *enabled {
                "put back into"
            } else {
                "taken out of"
            };
            format!("port {port} {how} service")
        }
        Record::ClockSet { from, .. } => format!("clock set, was {}", zone.second(*from)),
        Record::SessionOpened {
            session,
            credential,
            port,
            ..
        } => format!("session {session} opened on port {port} with card {credential}"),
        Record::PhoneBound { .. }
        | Record::PhoneRevoked { .. }
        | Record::AccountNamed { .. }
        | Record::Recovered { .. }
        | Record::OpenedByPhone { .. } => by_phone(record),
        Record::Progress { advances, .. } => {
            let energy: Energy = advances.iter().map(Advance::energy).sum();
            let (count, kwh) = (advances.iter().count(), kwh(energy));
            format!("{kwh} kWh more, {}", counted(count as u64, "reading"))
        }
        Record::SegmentClosed { segment, .. } => stretch(segment),
        Record::LastSegment { segment } => format!("{}, the last", stretch(segment)),
        Record::SessionClosed(closed) => bill(closed),
        Record::FaultLatched { port, fault, .. } => {
            format!("port {port}: fault, {}", plain(fault.name()))
        }
        Record::FaultCleared { port, .. } => format!("port {port}: fault cleared"),
        Record::Settled(settlement) => format!(
            "settlement {} of account {}: {}, {} kWh, {}",
            settlement.id,
            settlement.account,
            counted(settlement.sessions.into(), "session"),
            kwh(settlement.closing.saturating_sub(settlement.opening)),
            amount(currency, settlement.amount)
        ),
        Record::Paid {
            settlement,
            reference,
            ..
        } => format!("settlement {settlement} paid: {:?}", reference.as_str()),
        Record::Snapshot(_) => "part of a snapshot".to_owned(),
    }
}

/// What a record says that came of phones, or of a management phone.
fn by_phone(record: &Record) -> String {
    match record {
        Record::OpenedByPhone {
            session,
            phone,
            request,
            port,
            ..
        } => {
            format!("session {session} opened on port {port} with phone {phone}, request {request}")
        }
        Record::PhoneBound {
            phone, credential, ..
        } => format!("phone {phone} bound to card {credential}"),
        Record::PhoneRevoked { phone, .. } => format!("phone {phone} revoked"),
        Record::AccountNamed { account, name, .. } => {
            format!("account {account} named {:?}", name.as_str())
        }
        Record::Recovered { credential, .. } => format!(
            "privilege card {} enrolled by a recovery code, the one before revoked",
            credential.id
        ),
        _ => String::new(),
    }
}

/// Whose cards may be known by their number.
const fn allowed(uid_only: UidOnly) -> &'static str {
    match uid_only {
        UidOnly::Nobody => "not allowed",
        UidOnly::Listed => "allowed for listed accounts",
        UidOnly::All => "allowed",
    }
}

/// What was refused of a card.
pub fn attempts(tried: &Attempts) -> String {
    let (card, times) = (tried.credential, counted(tried.count.into(), "time"));
    let why = match tried.what {
        Attempt::TooWeak => "it only announced its number",
        Attempt::WrongKey => "it has another key",
        Attempt::Revoked => "it was revoked",
    };
    format!("card {card} refused {times}, at last because {why}")
}

/// A phone that the pile knows.
pub fn phone(phone: &Phone, zone: Zone) -> String {
    let (id, card, bound) = (phone.id, phone.credential, zone.minute(phone.bound));
    let state = if phone.revoked { ", revoked" } else { "" };
    format!("phone {id} of card {card}, bound {bound}{state}")
}

const fn revocation(why: Revocation) -> &'static str {
    match why {
        Revocation::Lost => "reported lost",
        Revocation::Deregistered => "deregistered",
        Revocation::Withdrawn => "withdrawn",
    }
}

fn stretch(segment: &Segment) -> String {
    format!(
        "session {} segment {}: {} kWh in {}",
        segment.session,
        u16::from(segment.index) + 1,
        kwh(segment.energy),
        segment.band.as_str()
    )
}

fn bill(closed: &ClosedSession) -> String {
    format!(
        "session {} billed to account {}: {} kWh, {}",
        closed.session,
        closed.account,
        kwh(closed.energy),
        amount(closed.currency, closed.bill.total)
    )
}
