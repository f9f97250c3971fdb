//! A book as the pieces of a snapshot, and back.

use super::check::ensure;
use super::{Book, FoldError, MAX_TRIED, OpenSession, Port};
use crate::record::{Piece, size};
use pile_units::PortId;

/// A place in lists that stand one behind another, counted from the first that was not passed yet.
struct Place(usize);

impl Place {
    /// What is at the place, if it is in this list; else the list is passed.
    fn of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let found = list.get(self.0);
        self.0 = self.0.saturating_sub(list.len());
        found
    }

    /// The same, of a list that has to be counted.
    fn among<T>(&mut self, list: impl Iterator<Item = T>) -> Option<T> {
        for item in list {
            let Some(less) = self.0.checked_sub(1) else {
                return Some(item);
            };
            self.0 = less;
        }
        None
    }
}

impl Book {
    /// The pieces from which [`Book::restore`] makes this book again, in order.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> + '_ {
        (0..).map_while(|place| self.piece(place))
    }

    /// One of [`Book::pieces`], by its place among them. An iterator over all, asked for one, takes far more
    /// flash.
    pub(crate) fn piece(&self, place: usize) -> Option<Piece> {
        let Some(place) = place.checked_sub(1) else {
            return Some(self.pile_piece());
        };
        let mut place = Place(place);
        if let Some((plan, version, tariff)) = place.among(self.tariffs()) {
            let tariff = tariff.clone();
            return Some(Piece::Tariff {
                plan,
                version,
                tariff,
            });
        }
        if let Some(planned) = place.of(self.planned.as_slice()) {
            return Some(Piece::Planned(planned.clone()));
        }
        if let Some(account) = place.of(&self.accounts) {
            return Some(Piece::Account(*account));
        }
        if let Some(credential) = place.of(&self.credentials) {
            return Some(Piece::Credential(*credential));
        }
        if let Some((id, port)) = place.among(self.used_ports()) {
            return Some(Piece::Port {
                port: id,
                register: port.register,
                unattributed: port.unattributed,
                fault: port.fault,
                enabled: port.enabled,
                trim: port.trim,
            });
        }
        if let Some(session) = place.among(self.open_sessions()) {
            return Some(Piece::Session(session.clone()));
        }
        if let Some(settlement) = place.of(&self.settlements) {
            return Some(Piece::Settlement(*settlement));
        }
        if let Some(attempts) = place.of(&self.attempts) {
            return Some(Piece::Attempts(*attempts));
        }
        if let Some(phone) = place.of(&self.phones) {
            return Some(Piece::Phone(*phone));
        }
        if let Some((account, name)) = place.of(&self.names) {
            let (account, name) = (*account, *name);
            return Some(Piece::Named { account, name });
        }
        // A pile whose card was never recovered says nothing of it.
        (place.0 == 0 && self.recoveries > 0).then_some(Piece::Recoveries(self.recoveries))
    }

    /// How many pieces there are.
    pub(crate) fn piece_count(&self) -> usize {
        let fixed = 1 + usize::from(self.planned.is_some()) + usize::from(self.recoveries > 0);
        let places = self.tariffs().count() + self.used_ports().count();
        let people = self.accounts.len() + self.credentials.len() + self.phones.len();
        let open = self.open_sessions().count() + self.settlements.len();
        fixed + places + people + open + self.attempts.len() + self.names.len()
    }

    fn pile_piece(&self) -> Piece {
        Piece::Pile {
            pile: self.pile,
            uid_only: self.uid_only,
            limits: self.limits,
            next_session: self.next_session,
            next_page: self.next_page,
            next_account: self.next_account,
            next_settlement: self.next_settlement,
            last: self.last,
            exported: self.exported,
            rates: self.rates,
            unseen: self.unseen,
        }
    }

    fn used_ports(&self) -> impl Iterator<Item = (PortId, &Port)> {
        let ports = PortId::first(self.ports.len()).zip(&self.ports);
        ports.filter(|(_, port)| **port != Port::NEW)
    }

    /// Bytes that the pieces take on the flash at most, where `frame` says what one takes.
    ///
    /// One tariff and all ports are counted always, so that only an enrolment, a session, a
    /// settlement, a phone, a name, a recovery, and a tariff that is planned or is of another plan make
    /// it more; and refused attempts with every card there can be some with.
    pub(crate) fn snapshot_bound(&self, frame: impl Fn(usize) -> u32) -> u32 {
        let many = |number: usize, payload| {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            number.saturating_mul(frame(payload))
        };
        [
            many(1, size::PILE),
            many(self.tariffs().count().max(1), size::TARIFF),
            many(usize::from(self.planned.is_some()), size::PLANNED),
            many(self.ports.len(), size::PORT),
            many(self.accounts.len(), size::ACCOUNT),
            many(self.credentials.len(), size::CREDENTIAL),
            many(self.open_sessions().count(), size::SESSION),
            many(self.settlements.len(), size::SETTLEMENT),
            many(self.credentials.len().min(MAX_TRIED), size::ATTEMPTS),
            many(self.phones.len(), size::PHONE),
            many(self.names.len(), size::NAMED),
            many(usize::from(self.recoveries > 0), size::RECOVERIES),
        ]
        .into_iter()
        .fold(0, u32::saturating_add)
    }

    /// Puts one piece of a snapshot back.
    ///
    /// # Errors
    /// [`FoldError`] where the piece contradicts the pieces before it; nothing has changed then.
    pub fn restore(&mut self, piece: &Piece) -> Result<(), FoldError> {
        // The pile comes first, and once; everything else belongs to a pile that was claimed.
        let first = matches!(piece, Piece::Pile { .. });
        ensure(self.pile.is_none() == first, FoldError::Snapshot)?;
        match piece {
            Piece::Pile {
                pile,
                uid_only,
                limits,
                next_session,
                next_page,
                next_account,
                next_settlement,
                last,
                exported,
                rates,
                unseen,
            } => {
                self.pile = *pile;
                self.uid_only = *uid_only;
                self.limits = *limits;
                self.next_session = *next_session;
                self.next_page = *next_page;
                self.next_account = *next_account;
                self.next_settlement = *next_settlement;
                self.last = *last;
                self.exported = *exported;
                self.rates = *rates;
                self.unseen = *unseen;
                Ok(())
            }
            Piece::Tariff {
                plan,
                version,
                tariff,
            } => self.restore_tariff(*plan, *version, tariff),
            Piece::Planned(planned) => self.restore_planned(planned),
            Piece::Account(account) => {
                let last = self.accounts.last();
                let rising = last.is_none_or(|last| last.id < account.id);
                let settled = account.settled_through < self.next_session;
                let known = rising && settled && account.id < self.next_account;
                ensure(known, FoldError::Account)?;
                let pushed = self.accounts.push(*account);
                pushed.map_err(|_| FoldError::Capacity)
            }
            Piece::Credential(credential) => {
                let next = Some(credential.id) == self.next_credential();
                let owned = credential
                    .account()
                    .is_none_or(|account| self.account(account).is_some());
                ensure(next && owned, FoldError::Credential)?;
                let pushed = self.credentials.push(*credential);
                pushed.map_err(|_| FoldError::Capacity)
            }
            Piece::Port {
                port,
                register,
                unattributed,
                fault,
                enabled,
                trim,
            } => {
                let place = self.port_mut(*port).ok_or(FoldError::Capacity)?;
                ensure(*place == Port::NEW, FoldError::Snapshot)?;
                *place = Port {
                    register: *register,
                    unattributed: *unattributed,
                    fault: *fault,
                    enabled: *enabled,
                    trim: *trim,
                    session: None,
                };
                Ok(())
            }
            Piece::Session(session) => self.restore_session(session),
            Piece::Settlement(settlement) => {
                let last = self.settlements.last();
                let rising = last.is_none_or(|last| last.id < settlement.id);
                let owned = self.account(settlement.account).is_some();
                let known = rising && owned && settlement.id < self.next_settlement;
                ensure(known, FoldError::Settlement)?;
                let pushed = self.settlements.push(*settlement);
                pushed.map_err(|_| FoldError::Capacity)
            }
            Piece::Phone(phone) => self.restore_phone(phone),
            Piece::Named { account, name } => self.restore_name(*account, *name),
            Piece::Recoveries(recoveries) => self.restore_recoveries(*recoveries),
            Piece::Attempts(attempts) => {
                let mut cards = self.credentials.iter();
                let known = cards.any(|card| card.id == attempts.credential);
                let twice = self.attempts_of(attempts.credential).is_some();
                ensure(known && !twice && attempts.count > 0, FoldError::Credential)?;
                let pushed = self.attempts.push(*attempts);
                pushed.map_err(|_| FoldError::Capacity)
            }
        }
    }

    fn restore_session(&mut self, session: &OpenSession) -> Result<(), FoldError> {
        let owned = self.account(session.account).is_some();
        let known = session.id < self.next_session && owned;
        let free = self.session(session.port).is_none();
        ensure(known && free, FoldError::Session)?;
        let ordered = session.opened.unix <= session.segment.from.unix;
        ensure(ordered, FoldError::Time)?;
        let place = self.port_mut(session.port).ok_or(FoldError::Capacity)?;
        place.session = Some(session.clone());
        Ok(())
    }
}
