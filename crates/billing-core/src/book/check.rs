//! What a record must agree with before it may become part of a book.

use super::{Account, Book, OpenSession};
use crate::record::{Advances, ClosedSession, Record, Segment};
use crate::tariff::BandIndex;
use pile_units::{AccountId, Credential, CredentialId, Energy, MAX_PORTS, PortId, Role, SessionId};

/// Error returned by [`Book::check`], [`Book::apply`] and [`Book::restore`]: the record contradicts
/// what is known. The book is unchanged.
///
/// ```
/// use billing_core::book::{Book, FoldError};
/// use billing_core::record::Record;
/// use pile_units::{UidOnly, WallTime};
/// let record = Record::PolicySet { uid_only: UidOnly::Nobody, at: WallTime::default() };
/// // A blank pile has no policy: nobody has claimed it.
/// assert_eq!(Book::new().check(&record), Err(FoldError::Commissioning));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldError {
    /// The pile is commissioned already, or not yet.
    Commissioning,
    /// The card is unknown, revoked, known already, of the wrong role, or its number is not the next;
    /// or nothing was tried with it.
    Credential,
    /// The account is unknown, closed, still charging, or its number is not the next.
    Account,
    /// The session is unknown, open already, not at that point, or its number is not the next.
    Session,
    /// No tariff, not the next version, no such band, or another currency than that of earlier bills
    /// or of the standard tariff.
    Tariff,
    /// The energy, the fees or the readings do not follow from the records before.
    Sum,
    /// The port is faulted, or is not.
    Fault,
    /// The settlement is unknown, or not what the account owes, or its number is not the next.
    Settlement,
    /// It ends before it began.
    Time,
    /// An export that hands over nothing more than the one before, or records that are not there.
    Export,
    /// More of them than a pile can hold.
    Capacity,
    /// A piece of a snapshot where none belongs, or one that does not fit those before it.
    Snapshot,
    /// The phone is unknown or revoked, or its number is not the next.
    Phone,
    /// The phone started a session by this request, or by a later one.
    Request,
}

impl core::fmt::Display for FoldError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Commissioning => "the pile is commissioned twice, or used before",
            Self::Credential => "a card is unknown, revoked, known already or out of order",
            Self::Account => "an account is unknown, closed, charging or out of order",
            Self::Session => "a session is unknown, open already or out of order",
            Self::Tariff => "a tariff or a band is missing, out of order or in another currency",
            Self::Sum => "energy, fees or readings do not follow from the records before",
            Self::Fault => "a fault is cleared or latched that is not, or is",
            Self::Settlement => "a settlement is unknown, out of order or not what is owed",
            Self::Time => "a segment or a session ends before it began",
            Self::Export => {
                "an export hands over nothing more than the one before, or more than there is"
            }
            Self::Capacity => "there are more of them than a pile can hold",
            Self::Snapshot => "a piece of a snapshot stands where none belongs",
            Self::Phone => "a phone is unknown, revoked or out of order",
            Self::Request => "a phone's request is repeated or out of order",
        })
    }
}

impl core::error::Error for FoldError {}

impl Book {
    /// Says whether [`Self::apply`] would take the record. To be asked before the record is made
    /// durable: a ledger that holds a contradiction is refused at the next mount.
    ///
    /// # Errors
    /// [`FoldError`]: what it contradicts.
    pub fn check(&self, record: &Record) -> Result<(), FoldError> {
        let needs_pile = !matches!(
            record,
            Record::Commissioned { .. } | Record::ClockSet { .. } | Record::Snapshot(_)
        );
        if needs_pile && self.pile.is_none() {
            return Err(FoldError::Commissioning);
        }
        match record {
            Record::Commissioned { privilege, .. } => {
                ensure(self.pile.is_none(), FoldError::Commissioning)?;
                ensure(privilege.role == Role::Privilege, FoldError::Credential)?;
                self.check_enrolment(privilege)
            }
            Record::Enrolled { credential, .. } => self.check_enrolment(credential),
            Record::Revoked { credential, .. } => self.card(*credential).map(drop),
            Record::AccountClosed { account, .. } => self.check_account_closing(*account),
            Record::TariffSet {
                plan,
                version,
                tariff,
                ..
            } => self.check_tariff(*plan, *version, tariff),
            Record::TariffPlanned { tariff, .. } => self.check_currency(tariff),
            Record::PlanAssigned { account, .. } | Record::AccountListed { account, .. } => {
                self.active(*account).map(drop)
            }
            Record::Attempted(attempts) => {
                let mut cards = self.credentials.iter();
                let known = cards.any(|card| card.id == attempts.credential);
                ensure(known && attempts.count > 0, FoldError::Credential)
            }
            Record::AttemptsSeen { .. } => ensure(self.unseen > 0, FoldError::Credential),
            // A register must not change its measure under a session (I2, I3).
            Record::Calibrated { port, .. } => {
                ensure(self.session(*port).is_none(), FoldError::Session)
            }
            Record::Exported { through, .. } => ensure(*through > self.exported, FoldError::Export),
            // A port may be switched off or on at any time, also while a session is about to open.
            Record::PolicySet { .. }
            | Record::LimitsSet { .. }
            | Record::PortSwitched { .. }
            | Record::ClockSet { .. } => Ok(()),
            Record::SessionOpened {
                session,
                credential,
                port,
                band,
                ..
            } => self.check_opening(*session, *credential, *port, *band),
            Record::PhoneBound { .. }
            | Record::PhoneRevoked { .. }
            | Record::AccountNamed { .. }
            | Record::Recovered { .. }
            | Record::OpenedByPhone { .. } => self.check_phones(record),
            Record::Progress { advances, .. } => self.check_advances(advances),
            Record::SegmentClosed { segment, next } => {
                let (_, tariff) = self.tariff_of(segment.account).ok_or(FoldError::Tariff)?;
                tariff.band(*next).ok_or(FoldError::Tariff)?;
                // A session counts its segments in a byte.
                ensure(segment.index < u8::MAX - 1, FoldError::Capacity)?;
                self.check_segment(segment)
            }
            Record::LastSegment { segment } => self.check_segment(segment),
            Record::SessionClosed(closed) => self.check_closing(closed),
            Record::FaultLatched { port, .. } => {
                ensure(self.fault(*port).is_none(), FoldError::Fault)
            }
            Record::FaultCleared { port, .. } => {
                ensure(self.fault(*port).is_some(), FoldError::Fault)
            }
            Record::Settled(settlement) => {
                let due = self.settlement(settlement.account, settlement.at);
                ensure(due.as_ref() == Some(settlement), FoldError::Settlement)?;
                room(self.next_settlement)
            }
            Record::Paid { settlement, .. } => {
                let waits = self
                    .settlements
                    .iter()
                    .any(|waiting| waiting.id == *settlement);
                ensure(waits, FoldError::Settlement)
            }
            Record::Snapshot(_) => Err(FoldError::Snapshot),
        }
    }

    /// A card that opens something.
    pub(super) fn card(&self, id: CredentialId) -> Result<&Credential, FoldError> {
        self.credentials
            .iter()
            .find(|card| card.id == id && !card.revoked)
            .ok_or(FoldError::Credential)
    }

    pub(super) fn active(&self, id: AccountId) -> Result<&Account, FoldError> {
        self.account(id)
            .filter(|account| account.active)
            .ok_or(FoldError::Account)
    }

    pub(super) fn check_enrolment(&self, credential: &Credential) -> Result<(), FoldError> {
        let twice = self
            .credentials
            .iter()
            .any(|card| card.alias == credential.alias && !card.revoked);
        let next = Some(credential.id) == self.next_credential();
        ensure(next && !twice && !credential.revoked, FoldError::Credential)?;
        match credential.account() {
            Some(id) if self.account(id).is_none() => {
                ensure(Some(id) == self.next_account(), FoldError::Account)?;
                id.next().map(drop).ok_or(FoldError::Capacity)
            }
            Some(id) => self.active(id).map(drop),
            None => Ok(()),
        }
    }

    fn check_account_closing(&self, id: AccountId) -> Result<(), FoldError> {
        let charging = self.open_sessions().any(|session| session.account == id);
        ensure(!charging, FoldError::Account)?;
        self.active(id).map(drop)
    }

    pub(super) fn check_opening(
        &self,
        id: SessionId,
        credential: CredentialId,
        port: PortId,
        band: BandIndex,
    ) -> Result<(), FoldError> {
        let account = self.card(credential)?.account();
        let account = self.active(account.ok_or(FoldError::Credential)?)?;
        let (_, tariff) = self.tariff_of(account.id).ok_or(FoldError::Tariff)?;
        tariff.band(band).ok_or(FoldError::Tariff)?;
        ensure(id == self.next_session, FoldError::Session)?;
        ensure(self.session(port).is_none(), FoldError::Session)?;
        ensure(self.fault(port).is_none(), FoldError::Fault)?;
        id.next().map(drop).ok_or(FoldError::Capacity)
    }

    fn check_advances(&self, advances: &Advances) -> Result<(), FoldError> {
        let mut sums = [Energy::ZERO; MAX_PORTS];
        for advance in advances.iter() {
            let port = advance.port();
            let open = self.session(port).is_some_and(|session| !session.ended);
            ensure(open || !advance.is_session(), FoldError::Session)?;
            let sum = sums.get_mut(port.index()).ok_or(FoldError::Capacity)?;
            *sum = sum.saturating_add(advance.energy());
            self.register(port)
                .checked_add(*sum)
                .ok_or(FoldError::Sum)?;
        }
        Ok(())
    }

    fn check_segment(&self, segment: &Segment) -> Result<(), FoldError> {
        let session = self.find(segment.session).ok_or(FoldError::Session)?;
        let owned = session.account == segment.account;
        ensure(owned && !session.ended, FoldError::Session)?;
        let open = &session.segment;
        let same = open.index == segment.index
            && open.tariff == segment.tariff
            && open.band == segment.band
            && open.from == segment.from
            && open.energy_price == segment.energy_price
            && open.service_price == segment.service_price;
        let fee = session.cost.clone().close_segment(
            segment.energy,
            segment.energy_price,
            segment.service_price,
        );
        let fees = (segment.energy_micro, segment.service_micro);
        ensure(
            same && (fee.energy_micro, fee.service_micro) == fees,
            FoldError::Sum,
        )?;
        ensure(segment.to.unix >= segment.from.unix, FoldError::Time)?;
        let more = segment.energy.checked_sub(open.energy);
        let register = more.and_then(|more| self.register(session.port).checked_add(more));
        register.map(drop).ok_or(FoldError::Sum)
    }

    fn check_closing(&self, closed: &ClosedSession) -> Result<(), FoldError> {
        let session = self.session(closed.port).ok_or(FoldError::Session)?;
        let same = session.ended
            && session.id == closed.session
            && session.account == closed.account
            && session.credential == closed.credential
            && session.strength == closed.strength
            && session.opened == closed.opened;
        ensure(same, FoldError::Session)?;
        let ended = session.segment.from.unix;
        ensure(closed.closed.unix >= ended, FoldError::Time)?;
        let sums = session.energy() == closed.energy
            && self.register(closed.port) == closed.reading
            && session.segment.index.checked_add(1) == Some(closed.segments)
            && self.currency() == closed.currency
            && session.cost.total(closed.currency) == closed.bill
            && closed.page == self.next_page;
        ensure(sums, FoldError::Sum)?;
        let account = self.account(closed.account).ok_or(FoldError::Account)?;
        let energy = account.energy.checked_add(closed.energy);
        let total = account.total().checked_add(closed.bill.total);
        ensure(energy.is_some() && total.is_some(), FoldError::Sum)?;
        room(account.sessions)?;
        room(self.next_page)
    }

    /// The open session with this number.
    pub(super) fn find(&self, id: SessionId) -> Option<&OpenSession> {
        self.open_sessions().find(|session| session.id == id)
    }
}

pub(super) const fn ensure(holds: bool, otherwise: FoldError) -> Result<(), FoldError> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// Refuses where the number after this one does not exist.
fn room(number: u32) -> Result<(), FoldError> {
    ensure(number < u32::MAX, FoldError::Capacity)
}
