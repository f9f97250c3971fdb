//! `pilectl ledger show`: what a ledger says, and the records behind a session.

use std::collections::BTreeMap;

use billing_core::record::{ClosedSession, Record, Segment};
use billing_core::statement::{Period, Tally};
use pile_units::{AccountId, Energy, Fee, SessionId, UnixSeconds};
use sha2::{Digest, Sha256};

use super::archive::Archive;
use super::compare;
use super::log::Entry;
use super::words;
use crate::answer::{Answer, Refusal};
use crate::figures::{amount, counted, hex, kwh};
use crate::statement::gather;

/// Which records are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filter {
    /// Those that name this account, or a session of it.
    pub account: Option<AccountId>,
    /// Those from this moment on.
    pub since: Option<UnixSeconds>,
}

/// The pile in short.
pub fn summary(archive: &Archive) -> String {
    let (book, zone) = (&archive.book, archive.zone);
    let currency = book.currency();
    let money = |it| amount(currency, it);
    let mut text = match book.pile() {
        Some(pile) => format!("Pile {pile}, in {currency}\n"),
        None => "A pile that is not commissioned\n".to_owned(),
    };
    text += "\n Account  Sessions           kWh       Total      Owed now  Plan\n";
    for account in book.accounts() {
        let closed = if account.active { "" } else { ", closed" };
        text += &format!(
            "{:>8}  {:>8}  {:>12}  {:>10}  {:>12}  {}{closed}\n",
            account.id,
            account.sessions,
            kwh(account.energy),
            money(account.total()),
            money(account.owed()),
            words::plan(account.plan)
        );
        if let Some(name) = book.name(account.id) {
            text += &format!("{:>10}{name}\n", "");
        }
    }
    text += "\nTariffs in force\n";
    for (plan, version, tariff) in book.tariffs() {
        text += &format!("  {}: tariff {version}\n", words::plan(plan));
        for band in tariff.bands() {
            let (name, energy, service) = (band.name.as_str(), band.energy, band.service);
            text += &format!("    {name:<12} {energy} + {service} service, a kWh\n");
        }
    }
    if let Some(planned) = book.planned() {
        let at = pile_units::WallTime {
            unix: planned.from,
            quality: pile_units::ClockQuality::Informative,
        };
        let (plan, from) = (words::plan(planned.plan), zone.minute(at));
        text += &format!("  {plan}: another from {from}\n");
    }
    if !book.settlements().is_empty() {
        text += "\nWaiting for payment\n";
    }
    for waiting in book.settlements() {
        let at = zone.minute(waiting.at);
        let (id, account, owed) = (waiting.id, waiting.account, money(waiting.amount));
        text += &format!("  settlement {id}, account {account}, {at}: {owed}\n");
    }
    for open in book.open_sessions() {
        let (id, port, account) = (open.id, open.port, open.account);
        let energy = kwh(open.energy());
        text += &format!("\nOpen: session {id} on port {port}, account {account}, {energy} kWh\n");
    }
    if !book.attempts().is_empty() {
        text += "\nRefused cards\n";
    }
    for tried in book.attempts() {
        let (told, last) = (words::attempts(tried), zone.minute(tried.last));
        text += &format!("  {told}, {last}\n");
    }
    if !book.phones().is_empty() {
        text += "\nPhones\n";
    }
    for phone in book.phones() {
        text += &format!("  {}\n", words::phone(phone, zone));
    }
    if book.recoveries() > 0 {
        let times = counted(book.recoveries().into(), "time");
        text += &format!("\nThe privilege card was recovered {times}\n");
    }
    let balance = book.balance();
    text += &format!(
        "\nMeters {} kWh; {} kWh of it belongs to nobody.\n",
        kwh(balance.metered),
        kwh(balance.unattributed)
    );
    text += &compare::ends(archive.end, archive.confirm);
    text + &format!(
        "Of an export of this, {}\n",
        compare::confirm(archive.confirm)
    )
}

/// A line a record.
pub fn records(archive: &Archive, filter: Filter) -> String {
    let (zone, currency) = (archive.zone, archive.book.currency());
    let owners = Owners::of(archive);
    let wanted = |entry: &&Entry| {
        let account = filter
            .account
            .is_none_or(|account| owners.owner(&entry.record) == Some(account));
        let since = filter.since.is_none_or(|since| {
            words::time(&entry.record)
                .is_some_and(|at| at.quality.tells_time_of_day() && at.unix >= since)
        });
        account && since
    };
    let (mut text, mut count) = (String::new(), 0);
    for entry in archive.entries.iter().filter(wanted) {
        count += 1;
        let at = words::time(&entry.record).map_or_else(String::new, |at| zone.second(at));
        let told = words::of(&entry.record, zone, currency);
        text += &format!("{:>8}  {at:<19}  {told}\n", entry.number);
    }
    text + &format!("{}\n", counted(count, "record"))
}

/// Which account a record is about, where it does not say so itself.
struct Owners {
    sessions: BTreeMap<SessionId, AccountId>,
    settlements: BTreeMap<u32, AccountId>,
}

impl Owners {
    fn of(archive: &Archive) -> Self {
        let records = || archive.entries.iter().map(|entry| &entry.record);
        let closed = records().filter_map(|record| match record {
            Record::SessionClosed(closed) => Some((closed.session, closed.account)),
            _ => None,
        });
        let open = archive.book.open_sessions();
        let settled = records().filter_map(|record| match record {
            Record::Settled(settlement) => Some((settlement.id, settlement.account)),
            _ => None,
        });
        Self {
            sessions: closed.chain(open.map(|it| (it.id, it.account))).collect(),
            settlements: settled.collect(),
        }
    }

    fn owner(&self, record: &Record) -> Option<AccountId> {
        match record {
            Record::Enrolled { credential, .. } => credential.account(),
            Record::AccountClosed { account, .. }
            | Record::PlanAssigned { account, .. }
            | Record::AccountListed { account, .. }
            | Record::AccountNamed { account, .. } => Some(*account),
            Record::Settled(settlement) => Some(settlement.account),
            Record::Paid { settlement, .. } => self.settlements.get(settlement).copied(),
            other => self.sessions.get(&session_of(other)?).copied(),
        }
    }
}

fn session_of(record: &Record) -> Option<SessionId> {
    match record {
        Record::SessionOpened { session, .. } | Record::OpenedByPhone { session, .. } => {
            Some(*session)
        }
        Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
            Some(segment.session)
        }
        Record::SessionClosed(closed) => Some(closed.session),
        _ => None,
    }
}

/// The records behind a session, its arithmetic, and what became of its bill.
///
/// # Errors
/// [`Refusal`] where no file knows the session.
pub fn session(archive: &Archive, id: SessionId) -> Result<Answer, Refusal> {
    let of_session = |entry: &&Entry| session_of(&entry.record) == Some(id);
    let entries: Vec<&Entry> = archive.entries.iter().filter(of_session).collect();
    if entries.is_empty() {
        let next = archive.book.next_session();
        return Err(if id >= next {
            let what = format!("there is no session {id}: the next one gets number {next}");
            Refusal::new(what, "look it up with `pilectl ledger show FILE --records`")
        } else {
            let what = format!("the records of session {id} are not in these files");
            Refusal::new(what, "add an older export: they were exported and dropped")
        });
    }
    let (zone, currency) = (archive.zone, archive.book.currency());
    let closed = entries.iter().find_map(|entry| match &entry.record {
        Record::SessionClosed(closed) => Some((entry.number, closed)),
        _ => None,
    });
    let mut text = format!("Session {id}");
    if let Some((_, closed)) = closed {
        text += &format!(
            " of account {}, card {}, on port {}\n{} to {}, ended: {}",
            closed.account,
            closed.credential,
            closed.port,
            zone.second(closed.opened),
            zone.second(closed.closed),
            words::plain(closed.reason.name())
        );
    }
    text += "\n\nRecords\n";
    for entry in &entries {
        let at = words::time(&entry.record).map_or_else(String::new, |at| zone.second(at));
        let told = words::of(&entry.record, zone, currency);
        text += &format!("{:>8}  {at:<19}  {told}\n", entry.number);
        text += &format!(
            "          sha256 {}\n",
            hex(&Sha256::digest(&entry.payload))
        );
    }
    let opening = |entry: &&&Entry| entry.record.opening().is_some();
    if entries.iter().find(opening).is_none() {
        text +=
            "          (the record of its opening is in the books; its time stands in the bill)\n";
    }
    let Some((number, closed)) = closed else {
        text += "\nIt is open: there is no bill yet.\n";
        return Ok(Answer::well(text));
    };
    let (told, same) = arithmetic(&entries, closed);
    text += &told;
    text += &settled(archive, number, closed);
    Ok(if same {
        Answer::well(text)
    } else {
        Answer::wrong(text)
    })
}

/// Every step from milliwatt-hours to the bill; false if it does not come out.
fn arithmetic(entries: &[&Entry], closed: &ClosedSession) -> (String, bool) {
    let money = |it| amount(closed.currency, it);
    let mut text =
        "\nArithmetic (kWh = mWh / 1,000,000; nothing is rounded before the end)\n".to_owned();
    let mut tally = Tally::new(closed.session);
    let segments = entries.iter().filter_map(|entry| match &entry.record {
        Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => Some(segment),
        _ => None,
    });
    for segment in segments {
        // Said at the end, with the bill.
        let _ = tally.add(segment);
        text += &multiplied(segment);
    }
    let exact = match tally.check(closed) {
        Ok(exact) => exact,
        Err(why) => return (text + &format!("\nTHIS DOES NOT COME OUT: {why}.\n"), false),
    };
    let bill = closed.bill;
    let sum = exact.energy().plus(exact.service());
    text += &format!(
        "  electricity  {}, rounded down {}\n  both         {}, rounded down {} = the total\n  \
         service      {} - {} = {}\n",
        picos(exact.energy()),
        money(bill.energy_fee),
        picos(sum),
        money(bill.total),
        money(bill.total),
        money(bill.energy_fee),
        money(bill.service_fee)
    );
    let start: Energy = closed.reading.saturating_sub(closed.energy);
    text += &format!(
        "  meter        {} - {} = {} kWh, port {}\n",
        kwh(closed.reading),
        kwh(start),
        kwh(closed.energy),
        closed.port
    );
    (text, true)
}

fn multiplied(segment: &Segment) -> String {
    let mwh = segment.energy.milliwatt_hours();
    let of = |price| picos(Fee::of(segment.energy, price));
    format!(
        "  segment {}, {}, tariff {}\n    {mwh} mWh x {:<8} a kWh = {}  electricity\n    {mwh} mWh x \
         {:<8} a kWh = {}  service\n",
        u16::from(segment.index) + 1,
        segment.band.as_str(),
        segment.tariff,
        segment.energy_price.to_string(),
        of(segment.energy_price),
        segment.service_price.to_string(),
        of(segment.service_price),
    )
}

/// An exact fee with all its twelve decimals.
fn picos(fee: Fee) -> String {
    const UNIT: u64 = 1_000_000_000_000;
    format!("{}.{:012}", fee.picos() / UNIT, fee.picos() % UNIT)
}

fn settled(archive: &Archive, number: u64, closed: &ClosedSession) -> String {
    let Some(account) = archive.book.account(closed.account) else {
        return String::new();
    };
    let page = closed.page;
    let mut text = format!("\nBilled by record {number}, receipt page {page}.\n");
    let later = archive
        .entries
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::Settled(it) if it.account == account.id && entry.number > number => Some(it.id),
            _ => None,
        });
    let open = std::iter::once(Period::Open);
    let periods = later.map(Period::Settlement).chain(open);
    let sheet = periods
        .filter_map(|period| gather::sheet(archive, account, period).ok())
        .find(|sheet| {
            sheet
                .sessions
                .iter()
                .any(|it| it.closed.session == closed.session)
        });
    text += &match sheet {
        Some(sheet) => format!("{}\n", sheet.state(archive)),
        None => "It was settled; that record is not in these files.\n".to_owned(),
    };
    text
}
