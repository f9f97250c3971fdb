//! The landlord's wishes: what a command comes to.

use super::jobs::{Job, Task};
use super::people::Newcomer;
use super::{Controller, Outcome};
use crate::actions::Asker;
use crate::event::Refusal;
use crate::port::Phase;
use crate::{Actions, Command};
use billing_core::record::{Record, StopReason};
use pile_units::{Currency, Instant, MeterTrim, PortId, UidOnly, WallTime};

impl Controller {
    pub(super) fn command(&mut self, now: Instant, id: Asker, command: Command, out: &mut Actions) {
        if let Err(why) = self.obey(now, id, command, out) {
            out.answer = Some((id, Outcome::Refused(why)));
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm a command, each short")]
    fn obey(
        &mut self,
        now: Instant,
        id: Asker,
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
                self.open_window(now, Newcomer::default(), out);
                out.answer = Some((id, Outcome::Done));
                Ok(())
            }
            Command::AuthoriseListed => {
                if self.book.uid_only() == UidOnly::Nobody {
                    return Err(Refusal::TooWeak);
                }
                let newcomer = Newcomer {
                    account: None,
                    listed: true,
                    landlord: false,
                };
                self.open_window(now, newcomer, out);
                out.answer = Some((id, Outcome::Done));
                Ok(())
            }
            Command::Stop(port) => {
                let (Phase::Opening { .. } | Phase::Delivering(_)) = self.at(port).phase else {
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
            Command::RevokePhone(phone) => self.begin(now, for_id, Task::RevokePhone(phone), out),
            Command::Rename(account, name) => {
                self.book.account(account).ok_or(Refusal::NoSuchThing)?;
                self.note(id, Record::AccountNamed { account, name, at }, out)
            }
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
                    out,
                )
            }
            Command::SetTariff(plan, tariff) => {
                let record = self.tariff_set(plan, tariff, at)?;
                self.note(id, record, out)
            }
            Command::PlanTariff { plan, from, tariff } => {
                let record = self.tariff_planned(plan, from, tariff, at)?;
                self.note(id, record, out)
            }
            Command::AssignPlan(account, plan) => {
                let known = self.book.account(account).ok_or(Refusal::NoSuchThing)?;
                if !known.active {
                    return Err(Refusal::AccountClosed);
                }
                self.note(id, Record::PlanAssigned { account, plan, at }, out)
            }
            Command::ConfirmExport(through) => match self.exported(through, at) {
                Ok(record) => self.note(id, record, out),
                Err(outcome) => {
                    out.answer = Some((id, outcome));
                    Ok(())
                }
            },
            Command::ConfirmEvidence(_) => Err(Refusal::NoSuchThing),
            Command::AllowUidOnly(uid_only) => {
                self.note(id, Record::PolicySet { uid_only, at }, out)
            }
            Command::ListAccount(account, listed) => {
                let known = self.book.account(account).ok_or(Refusal::NoSuchThing)?;
                if !known.active {
                    return Err(Refusal::AccountClosed);
                }
                let record = Record::AccountListed {
                    account,
                    listed,
                    at,
                };
                self.note(id, record, out)
            }
            Command::Calibrate(port, trim) => {
                let record = self.calibrated(port, trim, at)?;
                self.note(id, record, out)
            }
            Command::SetLimits(limits) => self.note(id, Record::LimitsSet { limits, at }, out),
            Command::SetClock(to) => self.note(id, Record::ClockSet { from: at, to }, out),
            Command::Switch(port, enabled) => {
                if !self.has(port) {
                    return Err(Refusal::NoSuchThing);
                }
                self.note(id, Record::PortSwitched { port, enabled, at }, out)
            }
        }
    }

    fn calibrated(&self, port: PortId, trim: MeterTrim, at: WallTime) -> Result<Record, Refusal> {
        if !self.has(port) {
            return Err(Refusal::NoSuchThing);
        }
        // What a session has drawn must stay what it was measured by.
        if !matches!(self.at(port).phase, Phase::Free) {
            return Err(Refusal::PortTaken);
        }
        Ok(Record::Calibrated { port, trim, at })
    }

    /// Writes the one record of a job.
    fn note(&mut self, id: Asker, record: Record, out: &mut Actions) -> Result<(), Refusal> {
        let grows = matches!(
            record,
            Record::TariffSet { .. }
                | Record::TariffPlanned { .. }
                | Record::PlanAssigned { .. }
                | Record::ClockSet { .. }
        );
        self.room_for_fact(grows)?;
        // A planned tariff on its way to the flash would be taken for this job's record.
        if self.job.is_some() || self.is_price_changing() {
            return Err(Refusal::Busy);
        }
        if !self.record(record, out) {
            return Err(Refusal::Busy);
        }
        self.job = Some(Job::waiting(Some(id), Task::Note));
        Ok(())
    }

    /// The currency of every bill of this pile: fixed by the first session, durable or not.
    pub(super) fn currency_in_use(&self) -> Option<Currency> {
        let opening = |record: &Record| record.opening().is_some();
        let opening = self.outbox.any(opening).then(|| self.book.currency());
        self.book.fixed_currency().or(opening)
    }
}
