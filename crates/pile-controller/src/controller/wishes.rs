//! The landlord's wishes: what a command comes to.

use super::jobs::{Job, Task};
use super::{Controller, Outcome};
use crate::event::Refusal;
use crate::port::Phase;
use crate::{Actions, Command};
use billing_core::record::{Record, StopReason};
use pile_units::{Currency, Instant};

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

    /// The currency of every bill of this pile: fixed by the first session, durable or not.
    fn currency_in_use(&self) -> Option<Currency> {
        let opening = |record: &Record| matches!(record, Record::SessionOpened { .. });
        let opening = self.outbox.any(opening).then(|| self.book.currency());
        self.book.fixed_currency().or(opening)
    }
}
