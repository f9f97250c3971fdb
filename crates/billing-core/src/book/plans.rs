//! The price tables: one a plan, and one that is to come.
//!
//! # Terms
//! - A **plan** is a place for a tariff. Every account is on one; the
//!   [standard plan](PlanId::STANDARD) is everyone's until told otherwise, and prices the accounts of
//!   a plan that has no tariff of its own.
//! - A **planned** tariff waits for its time. It comes into force by [`Record::TariffSet`], which the
//!   controller writes when the time has come: the book has no clock.
//!
//! # Invariants
//! - All tariffs have one currency, that of the standard plan's, which therefore is set first.
//!   Until the first session a standard tariff in another currency may replace it, and drops the
//!   tariffs of the other plans and the planned one with it. After that the currency stands.
//! - Versions count over all plans: no two tariffs of a pile's life have the same.
//!
//! [`Record::TariffSet`]: crate::record::Record::TariffSet

use super::check::ensure;
use super::{Book, FoldError};
use crate::tariff::Tariff;
use pile_units::{AccountId, Currency, PlanId, SessionId, TariffVersion, UnixSeconds};
use serde::{Deserialize, Serialize};

/// A tariff that waits for its time.
///
/// ```
/// use billing_core::book::{Book, PlannedTariff};
/// use pile_units::UnixSeconds;
/// /// The planned tariff, once its time has come.
/// fn due(book: &Book, now: UnixSeconds) -> Option<&PlannedTariff> {
///     book.planned().filter(|planned| planned.from <= now)
/// }
/// assert_eq!(due(&Book::new(), UnixSeconds::new(0)), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTariff {
    /// For which plan.
    pub plan: PlanId,
    /// When it is to come into force.
    pub from: UnixSeconds,
    /// The table.
    pub tariff: Tariff,
}

impl Book {
    /// The tariff of a plan and its version, or `None` where it has none of its own.
    pub fn tariff(&self, plan: PlanId) -> Option<(TariffVersion, &Tariff)> {
        let (version, tariff) = self.tariffs.get(plan.index())?.as_ref()?;
        Some((*version, tariff))
    }

    /// The tariff that an account is charged by: that of its plan, or else the standard one.
    /// `None` for an account that is not known, and before the first tariff.
    pub fn tariff_of(&self, account: AccountId) -> Option<(TariffVersion, &Tariff)> {
        let plan = self.account(account)?.plan;
        self.tariff(plan).or_else(|| self.tariff(PlanId::STANDARD))
    }

    /// All tariffs in force, by plan, the standard one first.
    pub fn tariffs(&self) -> impl Iterator<Item = (PlanId, TariffVersion, &Tariff)> {
        PlanId::all().filter_map(|plan| {
            let (version, tariff) = self.tariff(plan)?;
            Some((plan, version, tariff))
        })
    }

    /// The tariff that is planned.
    pub const fn planned(&self) -> Option<&PlannedTariff> {
        self.planned.as_ref()
    }

    /// The version the next tariff gets, whatever its plan, or `None` when they are used up.
    pub fn next_tariff(&self) -> Option<TariffVersion> {
        let last = self.tariffs().map(|(_, version, _)| version).max();
        last.unwrap_or_default().next()
    }

    /// The currency of every tariff in force.
    pub fn currency(&self) -> Currency {
        self.tariff(PlanId::STANDARD)
            .map_or(Currency::CNY, |(_, tariff)| tariff.currency())
    }

    /// The only currency that a standard tariff may have: there is one as soon as a session was
    /// opened, since the accounts' registers of money cannot be converted. Any other tariff has
    /// [`Self::currency`].
    pub fn fixed_currency(&self) -> Option<Currency> {
        let opened = self.next_session > SessionId::new(1);
        opened.then(|| self.currency())
    }

    pub(super) fn check_tariff(
        &self,
        plan: PlanId,
        version: TariffVersion,
        tariff: &Tariff,
    ) -> Result<(), FoldError> {
        ensure(Some(version) == self.next_tariff(), FoldError::Tariff)?;
        if plan != PlanId::STANDARD {
            return self.check_currency(tariff);
        }
        let fixed = self.fixed_currency();
        let same = fixed.is_none_or(|currency| currency == tariff.currency());
        ensure(same, FoldError::Tariff)
    }

    /// A tariff beside the standard one: there is that, in the same currency.
    pub(super) fn check_currency(&self, tariff: &Tariff) -> Result<(), FoldError> {
        let standard = self.tariff(PlanId::STANDARD);
        let same = standard.is_some_and(|(_, it)| it.currency() == tariff.currency());
        ensure(same, FoldError::Tariff)
    }

    pub(super) fn set_tariff(&mut self, plan: PlanId, version: TariffVersion, tariff: &Tariff) {
        if self.currency() != tariff.currency() {
            // Checked: the standard one, and no session was opened yet.
            self.tariffs = [const { None }; _];
            self.planned = None;
        }
        if let Some(place) = self.tariffs.get_mut(plan.index()) {
            *place = Some((version, tariff.clone()));
        }
        if self.planned.as_ref().is_some_and(|it| it.plan == plan) {
            self.planned = None;
        }
    }

    pub(super) fn restore_tariff(
        &mut self,
        plan: PlanId,
        version: TariffVersion,
        tariff: &Tariff,
    ) -> Result<(), FoldError> {
        let known = self.tariffs().any(|(_, other, _)| other == version);
        ensure(!known && self.tariff(plan).is_none(), FoldError::Tariff)?;
        if plan != PlanId::STANDARD {
            self.check_currency(tariff)?;
        }
        let place = self.tariffs.get_mut(plan.index());
        *place.ok_or(FoldError::Capacity)? = Some((version, tariff.clone()));
        Ok(())
    }

    pub(super) fn restore_planned(&mut self, planned: &PlannedTariff) -> Result<(), FoldError> {
        ensure(self.planned.is_none(), FoldError::Tariff)?;
        self.check_currency(&planned.tariff)?;
        self.planned = Some(planned.clone());
        Ok(())
    }
}
