//! What a kilowatt-hour costs an account now, and the tariff that is to come.

use super::{Controller, Outcome};
use crate::Actions;
use crate::event::Refusal;
use billing_core::record::Record;
use billing_core::tariff::{BandIndex, Tariff};
use pile_units::{
    AccountId, Duration, Instant, MAX_PLANS, PlanId, TariffVersion, UnixSeconds, WallTime,
};

/// A price by its place in a tariff.
pub(super) type Price = (TariffVersion, BandIndex);

/// The prices in force, by plan, each for the second it was looked up.
pub(super) type Prices = [Option<(UnixSeconds, Price)>; MAX_PLANS];

impl Controller {
    /// The band in force now for an account, looked up once a second.
    pub(super) fn price_now(&mut self, now: Instant, account: AccountId) -> Option<Price> {
        let at = self.wall(now);
        let plan = self.book.account(account)?.plan;
        let known = self.prices.get_mut(plan.index())?;
        if let Some((_, price)) = known.filter(|(second, _)| *second == at.unix) {
            return Some(price);
        }
        let (version, tariff) = self.book.tariff_of(account)?;
        let price = (version, tariff.band_at(at).0);
        *known = Some((at.unix, price));
        Some(price)
    }

    /// True while a tariff or a plan is on its way to the flash: no price may be taken from the old
    /// one.
    pub(super) fn is_price_changing(&self) -> bool {
        let changes =
            |it: &Record| matches!(it, Record::TariffSet { .. } | Record::PlanAssigned { .. });
        self.outbox.any(changes)
    }

    /// The record that puts a tariff in force.
    pub(super) fn tariff_set(
        &self,
        plan: PlanId,
        tariff: Tariff,
        at: WallTime,
    ) -> Result<Record, Refusal> {
        if plan == PlanId::STANDARD {
            if self
                .currency_in_use()
                .is_some_and(|it| it != tariff.currency())
            {
                return Err(Refusal::OtherCurrency);
            }
        } else {
            self.same_currency(&tariff)?;
        }
        self.tariff_fits(&tariff)?;
        Ok(Record::TariffSet {
            plan,
            version: self.book.next_tariff().ok_or(Refusal::Full)?,
            tariff,
            at,
        })
    }

    /// The record that plans a tariff.
    pub(super) fn tariff_planned(
        &self,
        plan: PlanId,
        from: UnixSeconds,
        tariff: Tariff,
        at: WallTime,
    ) -> Result<Record, Refusal> {
        self.same_currency(&tariff)?;
        self.tariff_fits(&tariff)?;
        Ok(Record::TariffPlanned {
            plan,
            from,
            tariff,
            at,
        })
    }

    fn same_currency(&self, tariff: &Tariff) -> Result<(), Refusal> {
        let standard = self.book.tariff(PlanId::STANDARD);
        let (_, standard) = standard.ok_or(Refusal::NoTariff)?;
        if standard.currency() == tariff.currency() {
            Ok(())
        } else {
            Err(Refusal::OtherCurrency)
        }
    }

    /// Puts the planned tariff in force once its time has come, and the ledger has room for what it
    /// may cost.
    pub(super) fn apply_planned(&mut self, now: Instant, out: &mut Actions) {
        let Some(planned) = self.book.planned() else {
            return;
        };
        let at = self.wall(now);
        let due = at.quality.tells_time_of_day() && planned.from <= at.unix;
        if !due || self.is_price_changing() || self.room_for_fact(true).is_err() {
            return;
        }
        if let Ok(record) = self.tariff_set(planned.plan, planned.tariff.clone(), at) {
            let recorded = self.record(record, out);
            debug_assert!(recorded);
        }
    }

    /// When the planned tariff comes into force, if that is still to come and there is a clock.
    pub(super) fn planned_due(&self) -> Option<Instant> {
        let planned = self.book.planned()?;
        let (base, wall) = self.clock;
        if !wall.quality.tells_time_of_day() {
            return None;
        }
        let wait = Duration::from_seconds(planned.from.since(wall.unix));
        Some(base.after(wait)).filter(|due| *due > self.at)
    }

    /// Refuses a tariff of so many bands that the sessions that are running could not all be
    /// billed: each may have a segment for every change of band in its longest time.
    ///
    /// The ledger counts its headroom in whole sessions by the tariffs in force, a segment for each
    /// change, two more, and a bill, which is no shorter than a segment.
    fn tariff_fits(&self, tariff: &Tariff) -> Result<(), Refusal> {
        let now = self.book.tariffs().map(|(_, _, it)| it.most_changes());
        let now = now.max().unwrap_or(0);
        let more = tariff.most_changes().saturating_sub(now);
        let running = u32::try_from(self.book.open_sessions().count()).unwrap_or(u32::MAX);
        let running = running.saturating_add(self.opening());
        let room = self.sessions_left().saturating_mul(now.saturating_add(3));
        if running.saturating_mul(more) <= room {
            Ok(())
        } else {
            Err(Refusal::LedgerFull)
        }
    }

    /// Answers an export that the landlord confirms: the record that says so, or what to answer
    /// without one.
    pub(super) fn exported(&self, through: u64, at: WallTime) -> Result<Record, Outcome> {
        if through > self.seq {
            Err(Outcome::Refused(Refusal::NoSuchThing))
        } else if through <= self.book.exported() {
            Err(Outcome::Done)
        } else {
            Ok(Record::Exported { through, at })
        }
    }
}
