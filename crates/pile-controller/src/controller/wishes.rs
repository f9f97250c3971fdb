//! The landlord's wishes: one job at a time, each a record or a few, answered when durable.

use super::{Controller, Outcome, Signal};
use crate::event::Refusal;
use crate::port::Phase;
use crate::{Actions, Command};
use billing_core::record::{Record, Revocation, StopReason};
use pile_units::{
    AccountId, CardAlias, Credential, CredentialId, Currency, Instant, PortId, Role, Strength,
};

/// What is being done, for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// The command to answer, if it came as one.
    id: Option<u16>,
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
        account: Option<AccountId>,
    },
    Revoke(CredentialId),
    ReportLost(AccountId),
    Replace(AccountId),
    Deregister {
        account: AccountId,
        settled: bool,
    },
    Settle(AccountId),
    ClearFault(PortId),
    /// Its one record was written when it was asked for.
    Note,
}

impl Job {
    pub const fn waiting(id: Option<u16>, task: Task) -> Self {
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
    pub(super) fn command(&mut self, now: Instant, id: u16, command: Command, out: &mut Actions) {
        if let Err(why) = self.obey(now, id, command, out) {
            out.answer = Some((id, Outcome::Refused(why)));
        }
    }

    fn obey(
        &mut self,
        now: Instant,
        id: u16,
        command: Command,
        out: &mut Actions,
    ) -> Result<(), Refusal> {
        let at = self.wall(now);
        if self.book.pile().is_none() && !matches!(command, Command::SetClock(_)) {
            return Err(Refusal::NotCommissioned);
        }
        let for_id = Some(id);
        match command {
            Command::Authorise => {
                self.open_window(now, None, out);
                out.answer = Some((id, Outcome::Done));
                Ok(())
            }
            Command::Stop(port) => {
                let phase = self.at_mut(port).map(|place| place.phase);
                let Some(Phase::Opening { .. } | Phase::Delivering(_)) = phase else {
                    return Err(Refusal::NoSuchThing);
                };
                self.stop_if(now, port, Some(StopReason::ByLandlord.into()), out);
                out.answer = Some((id, Outcome::Done));
                Ok(())
            }
            Command::Replace(account) => self.begin(now, for_id, Task::Replace(account), out),
            Command::ReportLost(account) => self.begin(now, for_id, Task::ReportLost(account), out),
            Command::Revoke(card) => self.begin(now, for_id, Task::Revoke(card), out),
            Command::Deregister(account) => self.begin(
                now,
                for_id,
                Task::Deregister {
                    account,
                    settled: false,
                },
                out,
            ),
            Command::Settle(account) => self.begin(now, for_id, Task::Settle(account), out),
            Command::ClearFault(port) => self.begin(now, for_id, Task::ClearFault(port), out),
            Command::MarkPaid(settlement, reference) => {
                if !self
                    .book
                    .settlements()
                    .iter()
                    .any(|waiting| waiting.id == settlement)
                {
                    return Err(Refusal::NoSuchThing);
                }
                self.note(
                    id,
                    Record::Paid {
                        settlement,
                        reference,
                        at,
                    },
                    now,
                    out,
                )
            }
            Command::SetTariff(tariff) => {
                if self
                    .currency_in_use()
                    .is_some_and(|it| it != tariff.currency())
                {
                    return Err(Refusal::OtherCurrency);
                }
                let version = self.book.tariff().map_or(0, |(version, _)| version.get());
                let version = version.checked_add(1).ok_or(Refusal::Full)?;
                let version = pile_units::TariffVersion::new(version);
                self.note(
                    id,
                    Record::TariffSet {
                        version,
                        tariff,
                        at,
                    },
                    now,
                    out,
                )
            }
            Command::AllowUidOnly(uid_only) => {
                self.note(id, Record::PolicySet { uid_only, at }, now, out)
            }
            Command::SetLimits(limits) => self.note(id, Record::LimitsSet { limits, at }, now, out),
            Command::SetClock(to) => self.note(id, Record::ClockSet { from: at, to }, now, out),
            Command::Switch(port, enabled) => {
                self.at_mut(port).ok_or(Refusal::NoSuchThing)?;
                self.note(id, Record::PortSwitched { port, enabled, at }, now, out)
            }
        }
    }

    /// Writes the one record of a job.
    fn note(
        &mut self,
        id: u16,
        record: Record,
        now: Instant,
        out: &mut Actions,
    ) -> Result<(), Refusal> {
        let grows = matches!(
            record,
            Record::Paid { .. } | Record::TariffSet { .. } | Record::ClockSet { .. }
        );
        self.headroom_for_fact(grows)?;
        if self.job.is_some() {
            return Err(Refusal::Busy);
        }
        let at = if let Record::ClockSet { to, .. } = &record {
            *to
        } else {
            self.wall(now)
        };
        if !self.record(record, at, out) {
            return Err(Refusal::Busy);
        }
        self.job = Some(Job::waiting(Some(id), Task::Note));
        Ok(())
    }

    /// Begins a job of several records.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        id: Option<u16>,
        task: Task,
        out: &mut Actions,
    ) -> Result<(), Refusal> {
        self.headroom_for_fact(matches!(task, Task::Enrol { .. } | Task::Settle(_)))?;
        if self.job.is_some() {
            return Err(Refusal::Busy);
        }
        let mut job = Job {
            waiting: false,
            ..Job::waiting(id, task)
        };
        if let Step::Refuse(why) = self.step(now, &mut job) {
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
        match self.step(now, &mut job) {
            Step::Write(record) => {
                let at = self.wall(now);
                job.waiting = self.record(record, at, out);
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
            Task::Enrol { .. } => out.signal = Some(Signal::Authorised),
            Task::ClearFault(port) => out.signal = Some(Signal::FaultCleared(port)),
            Task::Replace(account) => self.open_window(now, Some(account), out),
            _ => {}
        }
    }

    fn step(&self, now: Instant, job: &mut Job) -> Step {
        let at = self.wall(now);
        let account_of = |id| self.book.account(id).filter(|account| account.active);
        match job.task {
            Task::Commission | Task::Note => Step::Wait,
            Task::Enrol {
                alias,
                strength,
                account,
            } => {
                let Some(id) = self.book.next_credential() else {
                    return Step::Refuse(Refusal::Full);
                };
                let account = match account {
                    Some(id) if account_of(id).is_none() => {
                        return Step::Refuse(Refusal::AccountClosed);
                    }
                    Some(id) => id,
                    None => match self.book.next_account() {
                        Some(id) => id,
                        None => return Step::Refuse(Refusal::Full),
                    },
                };
                let role = Role::Charging(account);
                let credential = Credential {
                    id,
                    role,
                    strength,
                    alias,
                    revoked: false,
                };
                Step::Write(Record::Enrolled { credential, at })
            }
            Task::Revoke(card) => {
                let known = self.book.credentials().iter().find(|it| it.id == card);
                match known {
                    Some(it) if !it.revoked && it.account().is_some() => {
                        let why = Revocation::Withdrawn;
                        Step::Write(Record::Revoked {
                            credential: card,
                            why,
                            at,
                        })
                    }
                    _ => Step::Refuse(Refusal::NoSuchThing),
                }
            }
            Task::ReportLost(id) | Task::Replace(id) => {
                if account_of(id).is_none() {
                    return Step::Refuse(Refusal::NoSuchThing);
                }
                match self.card_of(id) {
                    Some(credential) => Step::Write(Record::Revoked {
                        credential,
                        why: Revocation::Lost,
                        at,
                    }),
                    None => Step::Done,
                }
            }
            Task::Deregister { account, settled } => {
                if account_of(account).is_none() {
                    return Step::Refuse(Refusal::NoSuchThing);
                }
                if let Some(credential) = self.card_of(account) {
                    let why = Revocation::Deregistered;
                    return Step::Write(Record::Revoked {
                        credential,
                        why,
                        at,
                    });
                }
                if self.is_charging(account) {
                    return Step::Wait;
                }
                if settled || !self.owes(account) {
                    return Step::Write(Record::AccountClosed { account, at });
                }
                match self.book.settlement(account, at) {
                    Some(_) if self.headroom.facts == 0 => Step::Refuse(Refusal::LedgerFull),
                    Some(settlement) => Step::Write(Record::Settled(settlement)),
                    None => Step::Refuse(Refusal::Full),
                }
            }
            Task::Settle(id) => {
                if self.book.account(id).is_none() {
                    return Step::Refuse(Refusal::NoSuchThing);
                }
                let closing = |record: &Record| matches!(record, Record::SessionClosed(closed) if closed.account == id);
                if self.outbox.any(closing) {
                    return Step::Wait;
                }
                match self.book.settlement(id, at) {
                    Some(settlement) => Step::Write(Record::Settled(settlement)),
                    None if self.owes(id) => Step::Refuse(Refusal::Full),
                    None => Step::Refuse(Refusal::NothingOwed),
                }
            }
            Task::ClearFault(port) => {
                let known = self
                    .in_use()
                    .find(|(id, _)| *id == port)
                    .map(|(_, place)| place);
                match known {
                    Some(place) if place.fault.is_none() => Step::Refuse(Refusal::NoSuchThing),
                    // Without readings nobody knows whether power flows.
                    Some(place) if !place.has_meter() => Step::Refuse(Refusal::NoMeter),
                    Some(place) if !matches!(place.phase, Phase::Free) => Step::Wait,
                    Some(_) if self.book.fault(port).is_none() => Step::Wait,
                    // The session is over, so this is a reading of the open port.
                    Some(place) if place.is_powered() => Step::Refuse(Refusal::StillFaulty),
                    Some(_) => Step::Write(Record::FaultCleared { port, at }),
                    None => Step::Refuse(Refusal::NoSuchThing),
                }
            }
        }
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

    /// The currency of every bill of this pile: fixed by the first session, durable or not.
    fn currency_in_use(&self) -> Option<Currency> {
        let opening = |record: &Record| matches!(record, Record::SessionOpened { .. });
        let opening = self.outbox.any(opening).then(|| self.book.currency());
        self.book.fixed_currency().or(opening)
    }

    fn is_charging(&self, account: AccountId) -> bool {
        self.book.open_sessions().any(|session| session.account == account)
            || self.in_use().any(|(_, port)| {
                matches!(port.phase, Phase::Opening { account: it, .. } if it == account)
            })
    }
}

impl Task {
    /// True if this record is the one the task waits for.
    fn wrote(self, record: &Record) -> bool {
        match self {
            Self::Commission => matches!(record, Record::Commissioned { .. }),
            Self::Enrol { .. } => matches!(record, Record::Enrolled { .. }),
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
                    | Record::PolicySet { .. }
                    | Record::LimitsSet { .. }
                    | Record::ClockSet { .. }
                    | Record::PortSwitched { .. }
            ),
        }
    }
}
