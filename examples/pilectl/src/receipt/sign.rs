//! The receipts of a ledger's sessions: the one place where records become signed pages, for
//! `pilectl receipt make` and for the virtual pile's replay.
//!
//! # Terms
//!
//! - A session is **whole** if all of its segments are among the records. Of others nothing is
//!   signed: their bill could not be shown.
//! - A run of record numbers is **covered** if every record that was written under them is known.
//!   The pile drops old records, the setting of its clock among them, and keeps of a session that is
//!   not settled the bill and its segments.
//!
//! # Invariants
//!
//! - A receipt names the one of the page before it, or none where that is not made here.
//! - The start of a session is given without doubt only where everything from its opening to its
//!   end is covered and the clock was not set within.

use std::collections::BTreeMap;

use billing_core::book::Book;
use billing_core::receipt::{BilledSession, Issuer, ReceiptHash, SoftwareKey, write_receipt};
use billing_core::record::{ClosedSession, Record, Segment};
use billing_core::statement::{Difference, Tally};
use pile_units::{AccountId, PlanId, SessionId};

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its page.
    pub page: u32,
    /// The session.
    pub session: SessionId,
    /// Whose.
    pub account: AccountId,
    /// True if the records do not tell whether the clock was set while the session ran.
    pub clock_unknown: bool,
    /// True if it names no receipt before it, though there is a page before it.
    pub begins: bool,
    /// The signed record, without a line end.
    pub record: String,
}

/// The receipts of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipts {
    /// In the order of their pages.
    pub made: Vec<Made>,
    /// The pages and sessions that are not whole.
    pub left_out: Vec<(u32, SessionId)>,
}

/// A session and what of it the records tell.
struct Seen<'r> {
    closed: &'r ClosedSession,
    segments: Vec<Segment>,
    clock_set: bool,
    clock_unknown: bool,
}

/// Makes the receipt of every whole session among records that come in the order of their numbers.
/// `covered` says whether no record is missing from one number to another.
///
/// ```
/// use billing_core::book::{Book, testing::next_record};
/// use billing_core::receipt::SoftwareKey;
/// use pilectl::receipt::sign::sign;
/// # let (mut book, mut records, mut state) = (Book::new(), Vec::new(), 1u32);
/// # let mut dice = |sides: u32| {
/// #     state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
/// #     (state >> 8) % sides.max(1)
/// # };
/// # for number in 1..2000 {
/// #     let record = next_record(&book, 10, &mut dice);
/// #     book.apply(&record)?;
/// #     records.push((number, record));
/// # }
/// // `records`: the life of a pile; `book`: what it folds to.
/// let key = SoftwareKey::from_bytes(&[7; 32])?;
/// let all = records.iter().map(|(number, record)| (*number, record));
/// let receipts = sign(&book, all, |_, _| true, "0.1.0", &key)?;
/// assert!(!receipts.made.is_empty() && receipts.left_out.is_empty());
/// assert!(receipts.made[0].record.starts_with("OCMF|{"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What contradicts itself: nothing is signed of such a ledger.
pub fn sign<'r>(
    book: &Book,
    records: impl Iterator<Item = (u64, &'r Record)>,
    covered: impl Fn(u64, u64) -> bool,
    firmware: &str,
    key: &SoftwareKey,
) -> Result<Receipts, String> {
    let standard = book.tariff(PlanId::STANDARD);
    let issuer = Issuer {
        pile: book.pile().ok_or("the pile is not commissioned")?,
        firmware,
        utc_offset: standard.map_or_else(Default::default, |(_, tariff)| tariff.utc_offset()),
    };
    let mut receipts = Receipts::default();
    let mut sessions = gather(records, covered, &mut receipts.left_out)?;
    sessions.sort_by_key(|seen| seen.closed.page);
    let mut before: Option<(u32, ReceiptHash)> = None;
    for seen in &sessions {
        let closed = seen.closed;
        let mut cards = book.credentials().iter();
        let card = cards.find(|card| card.id == closed.credential);
        let card = card.ok_or_else(|| format!("session {} is of no card", closed.session))?;
        let session = BilledSession {
            closed,
            segments: seen.segments.iter().copied(),
            alias: card.alias,
            clock_set: seen.clock_set || seen.clock_unknown,
        };
        let follows = before.filter(|(page, _)| page.checked_add(1) == Some(closed.page));
        let previous = follows.map(|(_, hash)| hash);
        let mut record = String::new();
        let hash = write_receipt(&session.receipt(&issuer, previous), key, &mut record)
            .map_err(|error| format!("session {}: {error}", closed.session))?;
        before = Some((closed.page, hash));
        receipts.made.push(Made {
            page: closed.page,
            session: closed.session,
            account: closed.account,
            clock_unknown: seen.clock_unknown,
            begins: previous.is_none() && closed.page > 1,
            record,
        });
    }
    Ok(receipts)
}

/// Folds records into sessions.
fn gather<'r>(
    records: impl Iterator<Item = (u64, &'r Record)>,
    covered: impl Fn(u64, u64) -> bool,
    left_out: &mut Vec<(u32, SessionId)>,
) -> Result<Vec<Seen<'r>>, String> {
    let mut opened = BTreeMap::<SessionId, u64>::new();
    let mut open = BTreeMap::<SessionId, (Tally, Vec<Segment>)>::new();
    let mut clock_sets = Vec::new();
    let mut sessions = Vec::new();
    for (number, record) in records {
        match record {
            Record::ClockSet { .. } => clock_sets.push(number),
            Record::SessionOpened { session, .. } | Record::OpenedByPhone { session, .. } => {
                opened.insert(*session, number);
            }
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                let fresh = || (Tally::new(segment.session), Vec::new());
                let (tally, segments) = open.entry(segment.session).or_insert_with(fresh);
                // Said again when the session ends.
                let _ = tally.add(segment);
                segments.push(*segment);
            }
            Record::SessionClosed(closed) => {
                let (tally, segments) = open
                    .remove(&closed.session)
                    .unwrap_or_else(|| (Tally::new(closed.session), Vec::new()));
                match tally.check(closed) {
                    Ok(_) => {}
                    Err(Difference::Segments { .. }) => {
                        left_out.push((closed.page, closed.session));
                        continue;
                    }
                    Err(why) => {
                        return Err(format!(
                            "session {} (record {number}): {why}",
                            closed.session
                        ));
                    }
                }
                // Where its opening was dropped, the session began somewhere before.
                let from = opened.remove(&closed.session).unwrap_or(0);
                sessions.push(Seen {
                    closed,
                    segments,
                    clock_set: clock_sets.iter().any(|set| (from..number).contains(set)),
                    clock_unknown: !covered(from, number),
                });
            }
            _ => {}
        }
    }
    Ok(sessions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use billing_core::book::testing::next_record;

    /// A pile's life.
    fn life() -> (Book, Vec<(u64, Record)>) {
        let (mut book, mut records, mut state) = (Book::new(), Vec::new(), 3u32);
        let mut dice = |sides: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % sides.max(1)
        };
        for number in 1..4000 {
            let record = next_record(&book, 6, &mut dice);
            book.apply(&record).unwrap();
            records.push((number, record));
        }
        (book, records)
    }

    fn made(
        book: &Book,
        records: &[(u64, Record)],
        covered: impl Fn(u64, u64) -> bool,
    ) -> Receipts {
        let key = SoftwareKey::from_bytes(&[7; 32]).unwrap();
        let all = records.iter().map(|(number, record)| (*number, record));
        sign(book, all, covered, "0.1.0", &key).unwrap()
    }

    /// The record numbers of a session's opening and end.
    fn ends(records: &[(u64, Record)], wanted: SessionId) -> (u64, u64) {
        let number =
            |is: &dyn Fn(&Record) -> bool| records.iter().find(|(_, record)| is(record)).unwrap().0;
        (
            number(&|it| match it {
                Record::SessionOpened { session, .. } | Record::OpenedByPhone { session, .. } => {
                    *session == wanted
                }
                _ => false,
            }),
            number(&|it| matches!(it, Record::SessionClosed(it) if it.session == wanted)),
        )
    }

    #[test]
    fn a_start_is_in_doubt_where_the_clock_was_set_before_the_end_and_only_there() {
        let (book, mut records) = life();
        records.retain(|(_, record)| !matches!(record, Record::ClockSet { .. }));
        let clean = made(&book, &records, |_, _| true);
        let sound = |made: &&Made| !made.record.contains("\"EF\":\"t\"");
        let one = clean.made.iter().find(sound).unwrap();
        let (from, to) = ends(&records, one.session);
        for (number, doubted) in [(from - 1, false), (from, true), (to - 1, true), (to, false)] {
            let mut records = records.clone();
            let place = records.iter().position(|(it, _)| *it == number).unwrap();
            let at = book.last();
            records.insert(place + 1, (number, Record::ClockSet { from: at, to: at }));
            let set = made(&book, &records, |_, _| true);
            let same = set.made.iter().find(|it| it.session == one.session);
            assert_eq!(
                !sound(&same.unwrap()),
                doubted,
                "{number} of {from} to {to}"
            );
        }
    }

    #[test]
    fn what_is_not_known_of_the_clock_is_said() {
        let (book, records) = life();
        let all = made(&book, &records, |_, _| true);
        assert!(all.made.iter().all(|it| !it.clock_unknown));
        let one = all.made.last().unwrap();
        let (from, to) = ends(&records, one.session);
        let gap = made(&book, &records, |begun, _| begun != from);
        let doubted = gap.made.last().unwrap();
        assert!(doubted.clock_unknown && doubted.record.contains("\"EF\":\"t\""));
        let whole = made(&book, &records, |begun, ended| (begun, ended) == (from, to));
        assert!(!whole.made.last().unwrap().clock_unknown);
        // Its opening was dropped.
        let mut rest = records.clone();
        rest.retain(|(number, _)| *number != from);
        let rest = made(&book, &rest, |begun, _| begun > from);
        assert!(rest.made.last().unwrap().clock_unknown);
    }

    #[test]
    fn of_a_session_that_is_not_whole_nothing_is_signed_and_the_next_page_names_none() {
        let (book, mut records) = life();
        let all = made(&book, &records, |_, _| true);
        let gone = &all.made[2];
        let of = |record: &Record| match record {
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                segment.session == gone.session
            }
            _ => false,
        };
        let first = records.iter().position(|(_, record)| of(record)).unwrap();
        records.remove(first);
        let rest = made(&book, &records, |_, _| true);
        assert_eq!(rest.left_out, [(gone.page, gone.session)]);
        assert_eq!(rest.made.len() + 1, all.made.len());
        assert!(rest.made[2].begins && !rest.made[2].record.contains("\"Z\":"));
        assert!(!rest.made[3].begins && rest.made[3].record.contains("\"Z\":"));
        // All before it are what they were.
        assert_eq!(rest.made[..2], all.made[..2]);
    }
}
