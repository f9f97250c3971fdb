//! One record more: the only way a book changes.
//!
//! [`Book::check`] says whether a record may come; what changes then cannot fail, so a record is
//! applied whole or not at all.

use super::{Account, Book, FoldError, OpenSegment, OpenSession, PlannedTariff, Settlement};
use crate::cost::SessionCost;
use crate::record::{Advances, ClosedSession, Record, Segment};
use crate::tariff::BandIndex;
use pile_units::{
    AccountId, Credential, CredentialId, Energy, PortId, SessionId, Strength, WallTime,
};

impl Book {
    /// Adds one record.
    ///
    /// # Errors
    /// [`FoldError`] where the record contradicts what is known; nothing has changed then.
    pub fn apply(&mut self, record: &Record) -> Result<(), FoldError> {
        self.check(record)?;
        self.count_time(record);
        self.change(record);
        self.last = record.time_after(self.last);
        Ok(())
    }

    /// The settlement that would freeze `account` now, or `None` if nothing is owed or there is
    /// no place for one.
    pub fn settlement(&self, account: AccountId, at: WallTime) -> Option<Settlement> {
        let account = self.account(account)?;
        let sessions = account.sessions.saturating_sub(account.settled_sessions);
        (sessions > 0 && !self.settlements.is_full()).then_some(Settlement {
            id: self.next_settlement,
            account: account.id,
            at,
            opening: account.settled_energy,
            closing: account.energy,
            sessions,
            amount: account.owed(),
        })
    }

    /// Makes a checked record part of the book.
    fn change(&mut self, record: &Record) {
        match record {
            Record::Commissioned {
                pile, privilege, ..
            } => {
                self.pile = Some(*pile);
                self.enrol(*privilege);
            }
            Record::Enrolled { credential, .. } => self.enrol(*credential),
            Record::Revoked { credential, .. } => self.revoke(*credential),
            Record::AccountClosed { account, .. } => {
                if let Some(account) = self.account_mut(*account) {
                    account.active = false;
                }
            }
            Record::PolicySet { uid_only, .. } => self.uid_only = *uid_only,
            Record::TariffSet {
                plan,
                version,
                tariff,
                ..
            } => self.set_tariff(*plan, *version, tariff),
            Record::TariffPlanned {
                plan, from, tariff, ..
            } => {
                self.planned = Some(PlannedTariff {
                    plan: *plan,
                    from: *from,
                    tariff: tariff.clone(),
                });
            }
            Record::PlanAssigned { account, plan, .. } => {
                if let Some(account) = self.account_mut(*account) {
                    account.plan = *plan;
                }
            }
            Record::Exported { through, .. } => self.exported = *through,
            Record::AccountListed {
                account, listed, ..
            } => {
                if let Some(account) = self.account_mut(*account) {
                    account.listed = *listed;
                }
            }
            Record::Attempted(attempts) => self.count_attempts(attempts),
            Record::AttemptsSeen { .. } => self.see_attempts(),
            Record::Calibrated { port, trim, .. } => {
                if let Some(port) = self.port_mut(*port) {
                    port.trim = *trim;
                }
            }
            Record::LimitsSet { limits, .. } => self.limits = *limits,
            Record::PortSwitched { port, enabled, .. } => {
                if let Some(port) = self.port_mut(*port) {
                    port.enabled = *enabled;
                }
            }
            Record::SessionOpened {
                session,
                credential,
                port,
                band,
                at,
            } => self.open_session(*session, (*credential, None), *port, *band, *at),
            Record::PhoneBound { .. }
            | Record::PhoneRevoked { .. }
            | Record::AccountNamed { .. }
            | Record::Recovered { .. }
            | Record::OpenedByPhone { .. } => self.change_phones(record),
            Record::Progress { advances, .. } => self.advance(advances),
            Record::SegmentClosed { segment, next } => self.close_segment(segment, Some(*next)),
            Record::LastSegment { segment } => self.close_segment(segment, None),
            Record::SessionClosed(closed) => self.close_session(closed),
            Record::FaultLatched { port, fault, .. } => {
                if let Some(port) = self.port_mut(*port) {
                    port.fault = Some(*fault);
                }
            }
            Record::FaultCleared { port, .. } => {
                if let Some(port) = self.port_mut(*port) {
                    port.fault = None;
                }
            }
            Record::Settled(settlement) => self.settle(settlement),
            Record::Paid { settlement, .. } => {
                self.settlements.retain(|waiting| waiting.id != *settlement);
            }
            Record::ClockSet { .. } | Record::Snapshot(_) => {}
        }
    }

    fn account_mut(&mut self, id: AccountId) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.id == id)
    }

    pub(super) fn enrol(&mut self, credential: Credential) {
        // Checked: there is room for both.
        if let Some(id) = credential.account()
            && self.account(id).is_none()
        {
            let _ = self.accounts.push(Account::new(id));
            self.next_account = id.next().unwrap_or(id);
        }
        let _ = self.credentials.push(credential);
    }

    pub(super) fn revoke(&mut self, id: CredentialId) {
        let mut cards = self.credentials.iter_mut();
        if let Some(card) = cards.find(|card| card.id == id) {
            card.revoked = true;
        }
        self.revoke_phones_of(id);
    }

    /// Opens a session with a card; `strength` says how it proved itself where that was not now.
    pub(super) fn open_session(
        &mut self,
        id: SessionId,
        (credential, strength): (CredentialId, Option<Strength>),
        port: PortId,
        band: BandIndex,
        at: WallTime,
    ) {
        let card = self.credentials.iter().find(|card| card.id == credential);
        let Some((card, account)) = card.and_then(|card| Some((card, card.account()?))) else {
            return;
        };
        let Some(segment) = self.segment(account, 0, band, at) else {
            return;
        };
        let session = OpenSession {
            id,
            account,
            credential,
            strength: strength.unwrap_or(card.strength),
            port,
            opened: at,
            segment,
            closed_energy: Energy::ZERO,
            cost: SessionCost::default(),
            ended: false,
        };
        if let Some(place) = self.port_mut(port) {
            place.session = Some(session);
        }
        self.next_session = id.next().unwrap_or(id);
        self.count_session();
    }

    /// A new segment under the tariff that the account is on.
    fn segment(
        &self,
        account: AccountId,
        index: u8,
        band_index: BandIndex,
        from: WallTime,
    ) -> Option<OpenSegment> {
        let (tariff, table) = self.tariff_of(account)?;
        let band = table.band(band_index)?;
        Some(OpenSegment {
            index,
            tariff,
            band: band.name,
            band_index,
            energy_price: band.energy,
            service_price: band.service,
            from,
            energy: Energy::ZERO,
        })
    }

    fn advance(&mut self, advances: &Advances) {
        for advance in advances.iter() {
            let Some(port) = self.port_mut(advance.port()) else {
                continue;
            };
            port.register = port.register.saturating_add(advance.energy());
            match port.session.as_mut().filter(|_| advance.is_session()) {
                Some(session) => {
                    let segment = &mut session.segment;
                    segment.energy = segment.energy.saturating_add(advance.energy());
                }
                None => port.unattributed = port.unattributed.saturating_add(advance.energy()),
            }
        }
    }

    fn close_segment(&mut self, segment: &Segment, next: Option<BandIndex>) {
        let index = segment.index.saturating_add(1);
        let following =
            next.and_then(|band| self.segment(segment.account, index, band, segment.to));
        let port = self.find(segment.session).map(|session| session.port);
        let Some(port) = port.and_then(|port| self.port_mut(port)) else {
            return;
        };
        let Some(session) = port.session.as_mut() else {
            return;
        };
        let more = segment.energy.saturating_sub(session.segment.energy);
        port.register = port.register.saturating_add(more);
        session.closed_energy = session.closed_energy.saturating_add(segment.energy);
        session
            .cost
            .close_segment(segment.energy, segment.energy_price, segment.service_price);
        if let Some(following) = following {
            session.segment = following;
        } else {
            session.segment.energy = Energy::ZERO;
            session.segment.from = segment.to;
            session.ended = true;
        }
    }

    fn close_session(&mut self, closed: &ClosedSession) {
        if let Some(account) = self.account_mut(closed.account) {
            account.sessions = account.sessions.saturating_add(1);
            account.energy = account.energy.saturating_add(closed.energy);
            account.energy_fee = account.energy_fee.saturating_add(closed.bill.energy_fee);
            account.service_fee = account.service_fee.saturating_add(closed.bill.service_fee);
        }
        self.next_page = self.next_page.saturating_add(1);
        if let Some(port) = self.port_mut(closed.port) {
            port.session = None;
        }
    }

    fn settle(&mut self, settlement: &Settlement) {
        // Checked: `Book::settlement` found room.
        let _ = self.settlements.push(*settlement);
        self.next_settlement = self.next_settlement.saturating_add(1);
        let through = self.closed_through(settlement.account);
        if let Some(account) = self.account_mut(settlement.account) {
            account.settled_through = through;
            account.settled_energy = account.energy;
            account.settled = account.total();
            account.settled_sessions = account.sessions;
        }
    }
}
