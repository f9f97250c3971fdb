//! Jobs: what takes a record or a few, one after the other, and is answered when it is done.

use super::people::Newcomer;
use super::{Controller, Outcome, Signal};
use crate::Actions;
use crate::actions::Asker;
use crate::event::Refusal;
use crate::port::Phase;
use billing_core::record::{Record, Revocation};
use pile_units::{
    AccountId, CardAlias, Credential, CredentialId, Instant, MAX_PHONES, PhoneId, PortId, Role,
    Strength, WallTime,
};

/// Places for phones that only the landlord's card takes.
const RESERVED_PHONES: usize = 4;

/// What is being done, for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// The command to answer, if it came as one.
    id: Option<Asker>,
    task: Task,
    /// True while its record is in the outbox.
    waiting: bool,
    /// What it has come to so far.
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    Commission,
    Enrol {
        alias: CardAlias,
        strength: Strength,
        newcomer: Newcomer,
    },
    /// The card is enrolled; its account is to be listed.
    List(AccountId),
    Revoke(CredentialId),
    ReportLost(AccountId),
    Replace(AccountId),
    Deregister {
        account: AccountId,
        settled: bool,
    },
    Settle(AccountId),
    ClearFault(PortId),
    /// The first card of a blank pile, and then the phone that has its code.
    Claim {
        strength: Strength,
    },
    Bind {
        credential: CredentialId,
        strength: Strength,
    },
    RevokePhone(PhoneId),
    Recover {
        alias: CardAlias,
        strength: Strength,
    },
    /// Its one record was written when it was asked for.
    Note,
}

impl Job {
    pub const fn waiting(id: Option<Asker>, task: Task) -> Self {
        Self {
            id,
            task,
            waiting: true,
            outcome: Outcome::Done,
        }
    }

    /// Its record will never be durable.
    pub const fn give_up(&mut self) {
        self.waiting = false;
    }
}

/// What a job does next.
#[expect(
    clippy::large_enum_variant,
    reason = "there is no heap to box a record on"
)]
enum Step {
    Write(Record),
    Wait,
    Done,
    Refuse(Refusal),
}

impl Controller {
    /// Begins a job of several records.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        id: Option<Asker>,
        task: Task,
        out: &mut Actions,
    ) -> Result<(), Refusal> {
        let grows = matches!(
            task,
            Task::Enrol { .. } | Task::Bind { .. } | Task::Recover { .. }
        );
        self.room_for_fact(grows)?;
        if self.job.is_some() {
            return Err(Refusal::Busy);
        }
        let job = Job {
            waiting: false,
            ..Job::waiting(id, task)
        };
        if let Step::Refuse(why) = self.step(now, &job) {
            return Err(why);
        }
        self.job = Some(Job {
            waiting: false,
            ..Job::waiting(id, task)
        });
        self.work(now, out);
        Ok(())
    }

    /// Does what the job can do now.
    pub(super) fn work(&mut self, now: Instant, out: &mut Actions) {
        let Some(mut job) = self.job.filter(|job| !job.waiting) else {
            return;
        };
        if self.failed {
            return self.finish_job(now, job, Some(Refusal::LedgerFailed), out);
        }
        match self.step(now, &job) {
            Step::Write(record) => {
                job.waiting = self.record(record, out);
                self.job = Some(job);
                if let (Task::ClearFault(port), true) = (job.task, job.waiting)
                    && let Some(place) = self.at_mut(port)
                {
                    place.clearing = true;
                }
            }
            Step::Wait => {}
            Step::Done => self.finish_job(now, job, None, out),
            Step::Refuse(why) => self.finish_job(now, job, Some(why), out),
        }
    }

    /// The job's record is durable.
    pub(super) fn job_recorded(&mut self, now: Instant, record: &Record, out: &mut Actions) {
        let Some(mut job) = self.job.filter(|job| job.waiting && job.task.wrote(record)) else {
            return;
        };
        job.waiting = false;
        match (&mut job.task, record) {
            (Task::Deregister { settled, .. }, Record::Settled(settlement)) => {
                *settled = true;
                job.outcome = Outcome::Settled(settlement.id);
                self.job = Some(job);
            }
            (
                Task::ReportLost(_) | Task::Replace(_) | Task::Deregister { .. },
                Record::Revoked { .. },
            ) => {
                self.job = Some(job);
            }
            (task @ Task::Enrol { .. }, Record::Enrolled { credential, .. }) => {
                match task.list(credential) {
                    Some(next) => {
                        *task = next;
                        self.job = Some(job);
                    }
                    None => self.finish_job(now, job, None, out),
                }
            }
            (Task::Claim { strength }, Record::Commissioned { privilege, .. }) => {
                job.task = Task::Bind {
                    credential: privilege.id,
                    strength: *strength,
                };
                self.job = Some(job);
                out.signal = Some(Signal::Commissioned);
            }
            (_, Record::PhoneBound { phone, .. }) => {
                job.outcome = Outcome::Bound(*phone);
                self.finish_job(now, job, None, out);
            }
            (_, Record::Settled(settlement)) => {
                job.outcome = Outcome::Settled(settlement.id);
                self.finish_job(now, job, None, out);
            }
            _ => self.finish_job(now, job, None, out),
        }
    }

    /// True while the cards of an account are being revoked.
    pub(super) fn is_being_revoked(&self, account: AccountId) -> bool {
        match self.job.as_ref().map(|job| job.task) {
            Some(
                Task::ReportLost(it) | Task::Replace(it) | Task::Deregister { account: it, .. },
            ) => it == account,
            Some(Task::Revoke(card)) => {
                let of_account = |it: &&Credential| it.id == card;
                self.book
                    .credentials()
                    .iter()
                    .find(of_account)
                    .and_then(Credential::account)
                    == Some(account)
            }
            _ => false,
        }
    }

    fn finish_job(&mut self, now: Instant, job: Job, why: Option<Refusal>, out: &mut Actions) {
        self.job = None;
        if let Some(id) = job.id {
            out.answer = Some((id, why.map_or(job.outcome, Outcome::Refused)));
        }
        if let Some(why) = why {
            return out.refuse(why);
        }
        match job.task {
            Task::Commission => out.signal = Some(Signal::Commissioned),
            Task::Bind { .. } => out.signal = Some(Signal::PhoneBound),
            Task::Enrol { .. } | Task::List(_) | Task::Recover { .. } => {
                out.signal = Some(Signal::Authorised);
            }
            Task::ClearFault(port) => out.signal = Some(Signal::FaultCleared(port)),
            Task::Replace(account) => {
                let newcomer = Newcomer {
                    account: Some(account),
                    listed: false,
                    landlord: false,
                };
                self.open_window(now, newcomer, out);
            }
            _ => {}
        }
    }

    /// What the job does next.
    fn step(&self, now: Instant, job: &Job) -> Step {
        let at = self.wall(now);
        match job.task {
            Task::Commission | Task::Claim { .. } | Task::Note => Step::Wait,
            Task::Bind {
                credential,
                strength,
            } => self.bind_step(credential, strength, at),
            Task::RevokePhone(phone) => match self.book.phone(phone) {
                Some(known) if known.revoked => Step::Done,
                Some(_) => Step::Write(Record::PhoneRevoked { phone, at }),
                None => Step::Refuse(Refusal::NoSuchThing),
            },
            Task::Recover { alias, strength } => self.recover_step(alias, strength, at),
            Task::Enrol {
                alias,
                strength,
                newcomer,
            } => self.enrol_step(alias, strength, newcomer.account, at),
            Task::List(account) => Step::Write(Record::AccountListed {
                account,
                listed: true,
                at,
            }),
            Task::Revoke(card) => {
                let mut known = self.book.credentials().iter();
                match known.find(|it| it.id == card) {
                    Some(it) if !it.revoked && it.account().is_some() => {
                        revoke(card, Revocation::Withdrawn, at)
                    }
                    _ => Step::Refuse(Refusal::NoSuchThing),
                }
            }
            Task::ReportLost(id) | Task::Replace(id) => match self.card_of(id) {
                _ if !self.is_active(id) => Step::Refuse(Refusal::NoSuchThing),
                Some(card) => revoke(card, Revocation::Lost, at),
                None => Step::Done,
            },
            Task::Deregister { account, settled } => self.deregister_step(account, settled, at),
            Task::Settle(id) => self.settle_step(id, at),
            Task::ClearFault(port) => self.clear_step(port, at),
        }
    }

    fn enrol_step(
        &self,
        alias: CardAlias,
        strength: Strength,
        account: Option<AccountId>,
        at: WallTime,
    ) -> Step {
        if account.is_some_and(|id| !self.is_active(id)) {
            return Step::Refuse(Refusal::AccountClosed);
        }
        let account = account.or_else(|| self.book.next_account());
        let (Some(id), Some(account)) = (self.book.next_credential(), account) else {
            return Step::Refuse(Refusal::Full);
        };
        let credential = Credential {
            id,
            role: Role::Charging(account),
            strength,
            alias,
            revoked: false,
        };
        Step::Write(Record::Enrolled { credential, at })
    }

    fn bind_step(&self, credential: CredentialId, strength: Strength, at: WallTime) -> Step {
        let mut cards = self.book.credentials().iter();
        let card = cards.find(|card| card.id == credential && !card.revoked);
        let Some(card) = card else {
            return Step::Refuse(Refusal::RevokedCard);
        };
        if card
            .account()
            .is_some_and(|account| !self.is_active(account))
        {
            return Step::Refuse(Refusal::AccountClosed);
        }
        // Whoever binds phone after phone to one card leaves the landlord places to revoke them from.
        let is_tenants = |id| {
            let mut cards = self.book.credentials().iter();
            cards.any(|card| card.id == id && card.account().is_some())
        };
        let phones = self.book.phones().iter();
        let tenants = phones.filter(|phone| !phone.revoked && is_tenants(phone.credential));
        if card.account().is_some() && tenants.count() + RESERVED_PHONES >= MAX_PHONES {
            return Step::Refuse(Refusal::NoPlaceForPhones);
        }
        match self.book.next_phone() {
            Some(phone) => Step::Write(Record::PhoneBound {
                phone,
                credential,
                strength,
                at,
            }),
            None => Step::Refuse(Refusal::NoPlaceForPhones),
        }
    }

    fn recover_step(&self, alias: CardAlias, strength: Strength, at: WallTime) -> Step {
        let Some(id) = self.book.next_credential() else {
            return Step::Refuse(Refusal::Full);
        };
        let credential = Credential {
            id,
            role: Role::Privilege,
            strength,
            alias,
            revoked: false,
        };
        Step::Write(Record::Recovered { credential, at })
    }

    /// The cards first, then the sessions end, then the last settlement.
    fn deregister_step(&self, account: AccountId, settled: bool, at: WallTime) -> Step {
        if !self.is_active(account) {
            return Step::Refuse(Refusal::NoSuchThing);
        }
        if let Some(card) = self.card_of(account) {
            return revoke(card, Revocation::Deregistered, at);
        }
        if self.is_charging(account) {
            return Step::Wait;
        }
        if settled || !self.owes(account) {
            return Step::Write(Record::AccountClosed { account, at });
        }
        match self.book.settlement(account, at) {
            Some(settlement) => Step::Write(Record::Settled(settlement)),
            None => Step::Refuse(Refusal::Full),
        }
    }

    fn settle_step(&self, id: AccountId, at: WallTime) -> Step {
        if self.book.account(id).is_none() {
            return Step::Refuse(Refusal::NoSuchThing);
        }
        // A bill on its way to the flash belongs to it.
        let bill = |record: &Record| matches!(record, Record::SessionClosed(closed) if closed.account == id);
        if self.outbox.any(bill) {
            return Step::Wait;
        }
        match self.book.settlement(id, at) {
            Some(settlement) => Step::Write(Record::Settled(settlement)),
            None if self.owes(id) => Step::Refuse(Refusal::Full),
            None => Step::Refuse(Refusal::NothingOwed),
        }
    }

    fn clear_step(&self, port: PortId, at: WallTime) -> Step {
        let known = self
            .in_use()
            .find(|(id, _)| *id == port)
            .map(|(_, place)| place);
        match known {
            None => Step::Refuse(Refusal::NoSuchThing),
            Some(place) if place.fault.is_none() => Step::Refuse(Refusal::NoSuchThing),
            // Without readings nobody knows whether power flows.
            Some(place) if !place.has_meter() => Step::Refuse(Refusal::NoMeter),
            Some(place) if !matches!(place.phase, Phase::Free) => Step::Wait,
            Some(_) if self.book.fault(port).is_none() => Step::Wait,
            // The session is over, so this is a reading of the open port.
            Some(place) if place.is_powered() => Step::Refuse(Refusal::StillFaulty),
            Some(_) => Step::Write(Record::FaultCleared { port, at }),
        }
    }

    /// True while a phone is being revoked.
    pub(super) fn is_phone_being_revoked(&self, phone: PhoneId) -> bool {
        let task = self.job.as_ref().map(|job| job.task);
        task == Some(Task::RevokePhone(phone))
    }

    pub(super) fn is_active(&self, id: AccountId) -> bool {
        self.book.account(id).is_some_and(|account| account.active)
    }

    /// A card of the account that still opens something.
    fn card_of(&self, account: AccountId) -> Option<CredentialId> {
        let cards = self.book.credentials().iter();
        cards
            .filter(|it| !it.revoked && it.account() == Some(account))
            .map(|it| it.id)
            .next()
    }

    /// Sessions of the account are in no settlement.
    fn owes(&self, account: AccountId) -> bool {
        self.book
            .account(account)
            .is_some_and(|account| account.sessions > account.settled_sessions)
    }

    fn is_charging(&self, account: AccountId) -> bool {
        self.book.open_sessions().any(|session| session.account == account)
            || self.in_use().any(|(_, port)| {
                matches!(port.phase, Phase::Opening { account: it, .. } if it == account)
            })
    }
}

fn revoke(credential: CredentialId, why: Revocation, at: WallTime) -> Step {
    Step::Write(Record::Revoked {
        credential,
        why,
        at,
    })
}

impl Task {
    /// What an enrolment goes on with: the account of a card is listed where that was asked.
    fn list(self, credential: &Credential) -> Option<Self> {
        match self {
            Self::Enrol { newcomer, .. } if newcomer.listed => credential.account().map(Self::List),
            _ => None,
        }
    }

    /// True if this record is the one the task waits for.
    fn wrote(self, record: &Record) -> bool {
        match self {
            Self::Commission | Self::Claim { .. } => {
                matches!(record, Record::Commissioned { .. })
            }
            Self::Bind { .. } => matches!(record, Record::PhoneBound { .. }),
            Self::RevokePhone(_) => matches!(record, Record::PhoneRevoked { .. }),
            Self::Recover { .. } => matches!(record, Record::Recovered { .. }),
            Self::Enrol { .. } => matches!(record, Record::Enrolled { .. }),
            Self::List(_) => matches!(record, Record::AccountListed { .. }),
            Self::Revoke(_) | Self::ReportLost(_) | Self::Replace(_) => {
                matches!(record, Record::Revoked { .. })
            }
            Self::Deregister { .. } => matches!(
                record,
                Record::Revoked { .. } | Record::Settled(_) | Record::AccountClosed { .. }
            ),
            Self::Settle(_) => matches!(record, Record::Settled(_)),
            Self::ClearFault(_) => matches!(record, Record::FaultCleared { .. }),
            Self::Note => matches!(
                record,
                Record::Paid { .. }
                    | Record::TariffSet { .. }
                    | Record::TariffPlanned { .. }
                    | Record::PlanAssigned { .. }
                    | Record::Exported { .. }
                    | Record::PolicySet { .. }
                    | Record::LimitsSet { .. }
                    | Record::ClockSet { .. }
                    | Record::PortSwitched { .. }
                    | Record::AccountListed { .. }
                    | Record::Calibrated { .. }
                    | Record::AccountNamed { .. }
            ),
        }
    }
}
