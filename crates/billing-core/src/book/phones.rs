//! Phones that were bound to cards, names of accounts, and recoveries of the privilege card.
//!
//! # Invariants
//! - I5: a phone of a revoked card is revoked. Neither it nor its card comes back.
//! - The requests by which a phone starts sessions have rising numbers: what is repeated is refused.
//! - A phone's number is given once. The newest phone is never forgotten, so its number says which
//!   comes next.

use super::check::ensure;
use super::{Book, FoldError};
use crate::record::Record;
use pile_units::{
    AccountId, AccountName, Credential, CredentialId, MAX_PHONES, PhoneId, Role, SessionId,
    Strength, WallTime,
};
use serde::{Deserialize, Serialize};

/// A phone that was bound to a card.
///
/// ```
/// use billing_core::book::{Book, Phone};
/// use pile_units::{PhoneId, SessionId};
/// /// What came of a start: the session that this request opened, if it was the phone's last.
/// fn started(book: &Book, phone: PhoneId, request: u32) -> Option<SessionId> {
///     let phone: &Phone = book.phone(phone)?;
///     (phone.last_request == request && request > 0).then_some(phone.last_session)
/// }
/// assert_eq!(started(&Book::new(), PhoneId::new(1), 1), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// Its number.
    pub id: PhoneId,
    /// The card it was bound to, in whose place it acts.
    pub credential: CredentialId,
    /// How the card proved itself when the phone was bound: the strength of its sessions.
    pub strength: Strength,
    /// Set once and never cleared (invariant I5).
    pub revoked: bool,
    /// The number of the request that opened its last session, 0 before any.
    pub last_request: u32,
    /// That session, 0 before any.
    pub last_session: SessionId,
    /// When it was bound.
    pub bound: WallTime,
}

impl Book {
    /// The phones, revoked ones among them, in the order of their numbers.
    pub fn phones(&self) -> &[Phone] {
        &self.phones
    }

    /// One phone; `None` for a number that was never given, or whose phone was revoked and forgotten.
    pub fn phone(&self, id: PhoneId) -> Option<&Phone> {
        self.phones.iter().find(|phone| phone.id == id)
    }

    /// The number the next phone gets, or `None` where [`MAX_PHONES`] are bound and none of them is
    /// revoked.
    pub fn next_phone(&self) -> Option<PhoneId> {
        let room = !self.phones.is_full() || self.phones.iter().any(|phone| phone.revoked);
        let next = self
            .phones
            .last()
            .map_or(Some(PhoneId::new(1)), |newest| newest.id.next());
        next.filter(|_| room)
    }

    /// What an account is called, where the landlord named it.
    pub fn name(&self, account: AccountId) -> Option<&AccountName> {
        let mut names = self.names.iter();
        names
            .find(|(named, _)| *named == account)
            .map(|(_, name)| name)
    }

    /// How often the privilege card was recovered. The recovery code of that number is the next, and
    /// the only one that counts.
    pub const fn recoveries(&self) -> u8 {
        self.recoveries
    }

    /// A phone that opens something.
    fn live_phone(&self, id: PhoneId) -> Result<&Phone, FoldError> {
        let phone = self.phone(id).filter(|phone| !phone.revoked);
        phone.ok_or(FoldError::Phone)
    }

    /// [`Book::check`] of the records that are this room's.
    pub(super) fn check_phones(&self, record: &Record) -> Result<(), FoldError> {
        match record {
            Record::PhoneBound {
                phone,
                credential,
                strength,
                ..
            } => {
                let card = self.card(*credential)?;
                if let Some(account) = card.account() {
                    self.active(account)?;
                }
                // As for a card that is tapped to charge: a weaker proof does not match it.
                ensure(*strength >= card.strength, FoldError::Credential)?;
                let next = self.next_phone().ok_or(FoldError::Capacity)?;
                ensure(*phone == next, FoldError::Phone)
            }
            Record::PhoneRevoked { phone, .. } => self.live_phone(*phone).map(drop),
            // Also of one that is closed: its statements go on.
            Record::AccountNamed { account, .. } => {
                let known = self.account(*account).is_some();
                ensure(known, FoldError::Account)
            }
            Record::Recovered { credential, .. } => {
                ensure(credential.role == Role::Privilege, FoldError::Credential)?;
                ensure(self.recoveries < u8::MAX, FoldError::Capacity)?;
                self.check_enrolment(credential)
            }
            Record::OpenedByPhone {
                session,
                phone,
                request,
                port,
                band,
                ..
            } => {
                let phone = self.live_phone(*phone)?;
                ensure(*request > phone.last_request, FoldError::Request)?;
                self.check_opening(*session, phone.credential, *port, *band)
            }
            _ => Ok(()),
        }
    }

    /// Makes one of them part of the book.
    pub(super) fn change_phones(&mut self, record: &Record) {
        match record {
            Record::PhoneBound {
                phone,
                credential,
                strength,
                at,
            } => self.bind_phone(Phone {
                id: *phone,
                credential: *credential,
                strength: *strength,
                revoked: false,
                last_request: 0,
                last_session: SessionId::new(0),
                bound: *at,
            }),
            Record::PhoneRevoked { phone, .. } => {
                if let Some(phone) = self.phone_mut(*phone) {
                    phone.revoked = true;
                }
            }
            Record::AccountNamed { account, name, .. } => self.name_account(*account, *name),
            Record::Recovered { credential, .. } => {
                self.revoke_privilege();
                self.enrol(*credential);
                self.recoveries = self.recoveries.saturating_add(1);
            }
            Record::OpenedByPhone {
                session,
                phone,
                request,
                port,
                band,
                at,
            } => {
                let Some(phone) = self.phone_mut(*phone) else {
                    return;
                };
                (phone.last_request, phone.last_session) = (*request, *session);
                let by = (phone.credential, Some(phone.strength));
                self.open_session(*session, by, *port, *band, *at);
            }
            _ => {}
        }
    }

    /// All privilege cards open nothing any more, nor do their phones.
    fn revoke_privilege(&mut self) {
        let privilege = |card: &&Credential| card.role == Role::Privilege && !card.revoked;
        while let Some(id) = self.credentials.iter().find(privilege).map(|card| card.id) {
            self.revoke(id);
        }
    }

    fn bind_phone(&mut self, phone: Phone) {
        if self.phones.is_full()
            && let Some(oldest) = self.phones.iter().position(|phone| phone.revoked)
        {
            self.phones.remove(oldest);
        }
        // Checked: there is a place.
        let _ = self.phones.push(phone);
    }

    fn phone_mut(&mut self, id: PhoneId) -> Option<&mut Phone> {
        self.phones.iter_mut().find(|phone| phone.id == id)
    }

    pub(super) fn revoke_phones_of(&mut self, card: CredentialId) {
        let phones = self.phones.iter_mut();
        phones
            .filter(|phone| phone.credential == card)
            .for_each(|phone| phone.revoked = true);
    }

    fn name_account(&mut self, account: AccountId, name: AccountName) {
        let mut names = self.names.iter_mut();
        if let Some((_, old)) = names.find(|(named, _)| *named == account) {
            *old = name;
        } else {
            // Checked: it is one of the accounts, and each has a place.
            let _ = self.names.push((account, name));
        }
    }

    pub(super) fn restore_phone(&mut self, phone: &Phone) -> Result<(), FoldError> {
        let last = self.phones.last();
        let rising = last.is_none_or(|last| last.id < phone.id);
        let mut cards = self.credentials.iter();
        let card = cards.find(|card| card.id == phone.credential);
        let card = card.ok_or(FoldError::Phone)?;
        let lives = !card.revoked || phone.revoked;
        let started = phone.last_session < self.next_session
            && (phone.last_request == 0) == (phone.last_session.get() == 0);
        ensure(rising && lives && started, FoldError::Phone)?;
        let pushed = self.phones.push(*phone);
        pushed.map_err(|_| FoldError::Capacity)
    }

    pub(super) fn restore_name(
        &mut self,
        account: AccountId,
        name: AccountName,
    ) -> Result<(), FoldError> {
        let known = self.account(account).is_some() && self.name(account).is_none();
        ensure(known, FoldError::Account)?;
        let pushed = self.names.push((account, name));
        pushed.map_err(|_| FoldError::Capacity)
    }

    pub(super) fn restore_recoveries(&mut self, recoveries: u8) -> Result<(), FoldError> {
        ensure(self.recoveries == 0 && recoveries > 0, FoldError::Snapshot)?;
        self.recoveries = recoveries;
        Ok(())
    }
}

const _: () = assert!(
    MAX_PHONES >= 2,
    "the newest phone is never the one to be forgotten"
);
