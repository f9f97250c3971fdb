//! Which records may be gone, by the table "What is kept, and for how long" of `billing-core`'s
//! README: written from those words over a plain list of records, and shares nothing with the book.

use std::collections::{BTreeMap, BTreeSet};

use billing_core::record::Record;
use pile_units::{AccountId, CredentialId, PhoneId, SessionId};

/// What a list of records lets go.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// The landlord has everything up to this number.
    exported: u64,
    /// Whose card it is.
    holders: BTreeMap<CredentialId, AccountId>,
    /// Whose phone it is.
    phones: BTreeMap<PhoneId, CredentialId>,
    sessions: BTreeMap<SessionId, Session>,
    paid: BTreeSet<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    account: Option<AccountId>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Closed,
    /// A settlement holds it, with every earlier session of its account.
    Settled,
}

impl Kept {
    /// By all of these, from the ledger's first on.
    pub fn by<'a>(records: impl IntoIterator<Item = &'a (u64, Record)>) -> Self {
        let mut kept = Self::default();
        records.into_iter().for_each(|(_, it)| kept.learn(it));
        kept
    }

    /// And by these, too.
    pub fn and<'a>(&self, records: impl IntoIterator<Item = &'a (u64, Record)>) -> Self {
        let mut kept = self.clone();
        records.into_iter().for_each(|(_, it)| kept.learn(it));
        kept
    }

    fn learn(&mut self, record: &Record) {
        match record {
            Record::Enrolled { credential, .. } => {
                if let Some(account) = credential.account() {
                    self.holders.insert(credential.id, account);
                }
            }
            Record::SessionOpened {
                session,
                credential,
                ..
            } => {
                let account = self.holders.get(credential).copied();
                let stage = Stage::Open;
                self.sessions.insert(*session, Session { account, stage });
            }
            Record::PhoneBound {
                phone, credential, ..
            } => {
                self.phones.insert(*phone, *credential);
            }
            Record::OpenedByPhone { session, phone, .. } => {
                let card = self.phones.get(phone);
                let account = card.and_then(|card| self.holders.get(card)).copied();
                let stage = Stage::Open;
                self.sessions.insert(*session, Session { account, stage });
            }
            Record::SessionClosed(closed) => {
                if let Some(session) = self.sessions.get_mut(&closed.session) {
                    session.stage = Stage::Closed;
                }
            }
            Record::Settled(settlement) => {
                // In the order of their numbers, up to the first that still runs.
                let all = self.sessions.values_mut();
                let own = all.filter(|it| it.account == Some(settlement.account));
                for session in own.take_while(|it| it.stage != Stage::Open) {
                    session.stage = Stage::Settled;
                }
            }
            Record::Paid { settlement, .. } => {
                self.paid.insert(*settlement);
            }
            Record::Exported { through, .. } => self.exported = self.exported.max(*through),
            _ => {}
        }
    }

    /// True if the ledger must still have this record.
    pub fn holds(&self, number: u64, record: &Record) -> bool {
        let settled = |session| {
            let session = self.sessions.get(&session);
            session.is_some_and(|it| it.stage == Stage::Settled)
        };
        let done = match record {
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                settled(segment.session)
            }
            Record::SessionClosed(closed) => settled(closed.session),
            Record::Settled(settlement) => self.paid.contains(&settlement.id),
            Record::Paid { .. } => true,
            // What others said is in the book, which is judged as a whole.
            _ => return false,
        };
        !(done && number <= self.exported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flash::{Part, Words};
    use crate::life::{Life, Script};

    fn life() -> Life {
        let script = Script {
            minutes: 2,
            ..Script::whole(Part::Stm32g4)
        };
        script.live::<8, 2048>(32 << 10, Words::Once).unwrap()
    }

    /// The number of the first record of a kind, and its place.
    fn first(life: &Life, kind: impl Fn(&Record) -> bool) -> (usize, u64, &Record) {
        let place = life.records.iter().position(|(_, it)| kind(it)).unwrap();
        let (number, record) = &life.records[place];
        (place, *number, record)
    }

    fn without(life: &Life, place: usize, and: impl Fn(&Record) -> bool) -> Kept {
        let it = life.records.iter().enumerate();
        let it = it.filter(|(n, (_, record))| *n <= place || !and(record));
        Kept::by(it.map(|(_, it)| it))
    }

    #[test]
    fn a_session_stays_until_it_is_settled_and_exported() {
        let life = life();
        let closed = |it: &Record| matches!(it, Record::SessionClosed(_));
        let segment = |it: &Record| matches!(it, Record::LastSegment { .. });
        for (place, number, record) in [first(&life, closed), first(&life, segment)] {
            assert!(Kept::by(&life.records[..=place]).holds(number, record));
            assert!(!Kept::by(&life.records).holds(number, record));
            let not = without(&life, place, |it| matches!(it, Record::Settled(_)));
            assert!(not.holds(number, record), "never settled");
            let not = without(&life, place, |it| matches!(it, Record::Exported { .. }));
            assert!(not.holds(number, record), "never exported");
        }
    }

    #[test]
    fn an_earlier_session_of_the_account_that_still_runs_keeps_the_later_ones() {
        let life = life();
        let (place, number, record) = first(&life, |it| matches!(it, Record::SessionClosed(_)));
        let Record::SessionClosed(closed) = record else {
            panic!("not a bill")
        };
        let mut kept = Kept::by(&life.records[..=place]);
        // Number 0 is before all that a pile gives.
        let account = Some(closed.account);
        let stage = Stage::Open;
        let running = Session { account, stage };
        kept.sessions.insert(SessionId::new(0), running);
        assert!(kept.and(&life.records[place + 1..]).holds(number, record));
        let other = Session {
            account: Some(AccountId::new(99)),
            stage,
        };
        kept.sessions.insert(SessionId::new(0), other);
        assert!(!kept.and(&life.records[place + 1..]).holds(number, record));
    }

    #[test]
    fn a_settlement_stays_until_it_is_paid_and_exported() {
        let life = life();
        let (place, number, record) = first(&life, |it| matches!(it, Record::Settled(_)));
        assert!(!Kept::by(&life.records).holds(number, record));
        let not = without(&life, place, |it| matches!(it, Record::Paid { .. }));
        assert!(not.holds(number, record), "never paid");
        let not = without(&life, place, |it| matches!(it, Record::Exported { .. }));
        assert!(not.holds(number, record), "never exported");
    }

    #[test]
    fn a_payment_stays_until_it_is_exported() {
        let life = life();
        let (place, number, record) = first(&life, |it| matches!(it, Record::Paid { .. }));
        assert!(!Kept::by(&life.records).holds(number, record));
        let not = without(&life, place, |it| matches!(it, Record::Exported { .. }));
        assert!(not.holds(number, record), "never exported");
    }

    #[test]
    fn what_only_the_book_remembers_may_go() {
        let life = life();
        let (place, number, record) = first(&life, |it| matches!(it, Record::Progress { .. }));
        assert!(!Kept::by(&life.records[..=place]).holds(number, record));
    }
}
