//! One record more: the only way a book changes.

use super::{Account, Book, OpenSegment, OpenSession, Settlement};
use crate::record::{Advances, ClosedSession, Record, Segment};
use crate::tariff::BandIndex;
use pile_units::{AccountId, Credential, CredentialId, PortId, SessionId, WallTime};

/// Error returned by [`Book::apply`]: the record contradicts what is known. The book is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldError {
    /// The pile is commissioned already, or not yet.
    Commissioning,
    /// The card is unknown, revoked, or its number is not the next.
    Credential,
    /// The account is unknown, closed, still charging, or its number is not the next.
    Account,
    /// The session is unknown, open already, or its number is not the next.
    Session,
    /// No tariff, or not the next version, or no such band.
    Tariff,
    /// The energy, the fees or the readings do not follow from the records before.
    Sum,
    /// The port is faulted, or is not.
    Fault,
    /// The settlement is unknown, or its number is not the next.
    Settlement,
    /// More of them than a pile can hold.
    Capacity,
    /// A piece of a snapshot where none belongs.
    Snapshot,
}

impl core::fmt::Display for FoldError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Commissioning => "the pile is commissioned twice, or used before",
            Self::Credential => "a card is unknown, revoked or out of order",
            Self::Account => "an account is unknown, closed, charging or out of order",
            Self::Session => "a session is unknown, open already or out of order",
            Self::Tariff => "a tariff or a band is missing or out of order",
            Self::Sum => "energy, fees or readings do not follow from the records before",
            Self::Fault => "a fault is cleared or latched that is not, or is",
            Self::Settlement => "a settlement is unknown or out of order",
            Self::Capacity => "there are more of them than a pile can hold",
            Self::Snapshot => "a piece of a snapshot stands where none belongs",
        })
    }
}

impl core::error::Error for FoldError {}

impl Book {
    /// Adds one record.
    ///
    /// # Errors
    /// [`FoldError`] where the record contradicts what is known; nothing has changed then.
    pub fn apply(&mut self, record: &Record) -> Result<(), FoldError> {
        if self.pile.is_none()
            && !matches!(
                record,
                Record::Commissioned { .. } | Record::ClockSet { .. }
            )
        {
            return Err(FoldError::Commissioning);
        }
        let at = match record {
            Record::Commissioned {
                pile,
                privilege,
                at,
            } => {
                if self.pile.is_some() {
                    return Err(FoldError::Commissioning);
                }
                self.enrol(*privilege)?;
                self.pile = Some(*pile);
                *at
            }
            Record::Enrolled { credential, at } => {
                self.enrol(*credential)?;
                *at
            }
            Record::Revoked {
                credential,
                at,
                why: _,
            } => {
                self.revoke(*credential)?;
                *at
            }
            Record::AccountClosed { account, at } => {
                self.close_account(*account)?;
                *at
            }
            Record::PolicySet { uid_only, at } => {
                self.uid_only = *uid_only;
                *at
            }
            Record::TariffSet {
                version,
                tariff,
                at,
            } => {
                let current = self.tariff().map_or(0, |(version, _)| version.get());
                if version.get() != current.wrapping_add(1) {
                    return Err(FoldError::Tariff);
                }
                self.tariff = Some((*version, tariff.clone()));
                *at
            }
            Record::LimitsSet { limits, at } => {
                self.limits = *limits;
                *at
            }
            Record::PortSwitched { port, enabled, at } => {
                self.port_mut(*port).ok_or(FoldError::Capacity)?.enabled = *enabled;
                *at
            }
            Record::ClockSet { from: _, to } => *to,
            Record::SessionOpened {
                session,
                credential,
                port,
                band,
                at,
            } => {
                self.open_session(*session, *credential, *port, *band, *at)?;
                *at
            }
            Record::Progress { elapsed, advances } => {
                self.advance(advances)?;
                WallTime {
                    unix: self.last.unix.plus(*elapsed),
                    ..self.last
                }
            }
            Record::SegmentClosed { segment, next } => {
                self.close_segment(segment, Some(*next))?;
                segment.to
            }
            Record::LastSegment { segment } => {
                self.close_segment(segment, None)?;
                segment.to
            }
            Record::SessionClosed(closed) => {
                self.close_session(closed)?;
                closed.closed
            }
            Record::FaultLatched { port, fault, at } => {
                let port = self.port_mut(*port).ok_or(FoldError::Fault)?;
                if port.fault.is_some() {
                    return Err(FoldError::Fault);
                }
                port.fault = Some(*fault);
                *at
            }
            Record::FaultCleared { port, at } => {
                let port = self.port_mut(*port).ok_or(FoldError::Fault)?;
                port.fault.take().ok_or(FoldError::Fault)?;
                *at
            }
            Record::Settled(settlement) => {
                self.settle(settlement)?;
                settlement.at
            }
            Record::Paid {
                settlement,
                at,
                reference: _,
            } => {
                let place = self
                    .settlements
                    .iter()
                    .position(|waiting| waiting.id == *settlement)
                    .ok_or(FoldError::Settlement)?;
                self.settlements.remove(place);
                *at
            }
            Record::Snapshot(_) => return Err(FoldError::Snapshot),
        };
        self.last = at;
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

    fn account_mut(&mut self, id: AccountId) -> Result<&mut Account, FoldError> {
        self.accounts
            .iter_mut()
            .find(|account| account.id == id)
            .ok_or(FoldError::Account)
    }

    fn enrol(&mut self, credential: Credential) -> Result<(), FoldError> {
        if Some(credential.id) != self.next_credential() || credential.revoked {
            return Err(FoldError::Credential);
        }
        if let Some(id) = credential.account() {
            match self.account(id) {
                Some(account) if account.active => {}
                Some(_) => return Err(FoldError::Account),
                None => {
                    if id != self.next_account {
                        return Err(FoldError::Account);
                    }
                    let next = id.next().ok_or(FoldError::Capacity)?;
                    self.accounts
                        .push(Account::new(id))
                        .map_err(|_| FoldError::Capacity)?;
                    self.next_account = next;
                }
            }
        }
        self.credentials
            .push(credential)
            .map_err(|_| FoldError::Capacity)
    }

    fn revoke(&mut self, id: CredentialId) -> Result<(), FoldError> {
        let credential = self
            .credentials
            .iter_mut()
            .find(|credential| credential.id == id && !credential.revoked)
            .ok_or(FoldError::Credential)?;
        credential.revoked = true;
        Ok(())
    }

    fn close_account(&mut self, id: AccountId) -> Result<(), FoldError> {
        if self.open_sessions().any(|session| session.account == id) {
            return Err(FoldError::Account);
        }
        let account = self.account_mut(id)?;
        if !account.active {
            return Err(FoldError::Account);
        }
        account.active = false;
        Ok(())
    }

    fn open_session(
        &mut self,
        id: SessionId,
        credential: CredentialId,
        port: PortId,
        band: BandIndex,
        at: WallTime,
    ) -> Result<(), FoldError> {
        let card = self
            .credentials
            .iter()
            .find(|card| card.id == credential && !card.revoked)
            .ok_or(FoldError::Credential)?;
        let account = card.account().ok_or(FoldError::Credential)?;
        let strength = card.strength;
        if !self.account(account).is_some_and(|account| account.active) {
            return Err(FoldError::Account);
        }
        let (version, tariff) = self.tariff().ok_or(FoldError::Tariff)?;
        let prices = tariff.band(band).ok_or(FoldError::Tariff)?;
        let segment = OpenSegment::new(0, version, band, prices, at);
        let next = id.next().ok_or(FoldError::Capacity)?;
        if id != self.next_session {
            return Err(FoldError::Session);
        }
        let place = self.port_mut(port).ok_or(FoldError::Capacity)?;
        if place.session.is_some() {
            return Err(FoldError::Session);
        }
        if place.fault.is_some() {
            return Err(FoldError::Fault);
        }
        place.session = Some(OpenSession {
            id,
            account,
            credential,
            strength,
            port,
            opened: at,
            segment,
            closed_energy: pile_units::Energy::ZERO,
            cost: crate::cost::SessionCost::default(),
            ended: false,
        });
        self.next_session = next;
        Ok(())
    }

    fn advance(&mut self, advances: &Advances) -> Result<(), FoldError> {
        for advance in advances.iter() {
            let port = advance.port().ok_or(FoldError::Sum)?;
            let open = self.session(port).is_some_and(|session| !session.ended);
            if advance.is_session() && !open {
                return Err(FoldError::Session);
            }
            if self.register(port).checked_add(advance.energy()).is_none() {
                return Err(FoldError::Sum);
            }
        }
        for advance in advances.iter() {
            let Some(port) = advance.port().and_then(|port| self.port_mut(port)) else {
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
        Ok(())
    }

    fn close_segment(
        &mut self,
        segment: &Segment,
        next: Option<BandIndex>,
    ) -> Result<(), FoldError> {
        let following = match next {
            None => None,
            Some(band) => {
                let (version, tariff) = self.tariff().ok_or(FoldError::Tariff)?;
                let prices = tariff.band(band).ok_or(FoldError::Tariff)?;
                let index = segment.index.checked_add(1).ok_or(FoldError::Capacity)?;
                Some(OpenSegment::new(index, version, band, prices, segment.to))
            }
        };
        let port = self
            .ports
            .iter_mut()
            .find(|port| {
                port.session
                    .as_ref()
                    .is_some_and(|open| open.id == segment.session)
            })
            .ok_or(FoldError::Session)?;
        let session = port.session.as_mut().ok_or(FoldError::Session)?;
        let open = &session.segment;
        let same = !session.ended
            && open.index == segment.index
            && open.tariff == segment.tariff
            && open.band == segment.band
            && open.from == segment.from
            && open.energy_price == segment.energy_price
            && open.service_price == segment.service_price;
        let more = segment.energy.checked_sub(open.energy);
        let (true, Some(more)) = (same, more) else {
            return Err(FoldError::Sum);
        };
        let mut cost = session.cost;
        let fee = cost.close_segment(segment.energy, segment.energy_price, segment.service_price);
        if (fee.energy_micro, fee.service_micro) != (segment.energy_micro, segment.service_micro) {
            return Err(FoldError::Sum);
        }
        let register = port.register.checked_add(more).ok_or(FoldError::Sum)?;
        session.closed_energy = session
            .closed_energy
            .checked_add(segment.energy)
            .ok_or(FoldError::Sum)?;
        session.cost = cost;
        port.register = register;
        match following {
            Some(following) => session.segment = following,
            None => {
                session.segment.energy = pile_units::Energy::ZERO;
                session.ended = true;
            }
        }
        Ok(())
    }

    fn close_session(&mut self, closed: &ClosedSession) -> Result<(), FoldError> {
        let port = self.port(closed.port);
        let session = port.session.as_ref().ok_or(FoldError::Session)?;
        let same = session.ended
            && session.id == closed.session
            && session.account == closed.account
            && session.credential == closed.credential
            && session.opened == closed.opened;
        if !same {
            return Err(FoldError::Session);
        }
        let sums = session.energy() == closed.energy
            && port.register == closed.reading
            && session.segment.index.checked_add(1) == Some(closed.segments)
            && session.cost.total(closed.currency) == closed.bill
            && closed.page == self.next_page;
        if !sums {
            return Err(FoldError::Sum);
        }
        let next_page = self.next_page.checked_add(1).ok_or(FoldError::Capacity)?;
        let account = self.account_mut(closed.account)?;
        account.sessions = account.sessions.saturating_add(1);
        account.energy = account.energy.saturating_add(closed.energy);
        account.energy_fee = account.energy_fee.saturating_add(closed.bill.energy_fee);
        account.service_fee = account.service_fee.saturating_add(closed.bill.service_fee);
        self.next_page = next_page;
        if let Some(port) = self.port_mut(closed.port) {
            port.session = None;
        }
        Ok(())
    }

    fn settle(&mut self, settlement: &Settlement) -> Result<(), FoldError> {
        if self.settlement(settlement.account, settlement.at).as_ref() != Some(settlement) {
            return Err(FoldError::Settlement);
        }
        let next = self
            .next_settlement
            .checked_add(1)
            .ok_or(FoldError::Capacity)?;
        self.settlements
            .push(*settlement)
            .map_err(|_| FoldError::Capacity)?;
        self.next_settlement = next;
        let account = self.account_mut(settlement.account)?;
        account.settled_energy = account.energy;
        account.settled = account.total();
        account.settled_sessions = account.sessions;
        Ok(())
    }
}
