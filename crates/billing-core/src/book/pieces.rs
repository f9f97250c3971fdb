//! A book as the pieces of a snapshot, and back.

use super::check::ensure;
use super::{Book, FoldError, MAX_TRIED, OpenSession, Port};
use crate::record::{Piece, size};
use pile_units::PortId;

impl Book {
    /// The pieces from which [`Book::restore`] makes this book again, in order.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> + '_ {
        let pile = core::iter::once_with(|| Piece::Pile {
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
        });
        let tariffs = self.tariffs().map(|(plan, version, tariff)| Piece::Tariff {
            plan,
            version,
            tariff: tariff.clone(),
        });
        let ports = PortId::first(self.ports.len()).zip(&self.ports);
        let used = ports
            .filter(|(_, port)| **port != Port::NEW)
            .map(|(id, port)| Piece::Port {
                port: id,
                register: port.register,
                unattributed: port.unattributed,
                fault: port.fault,
                enabled: port.enabled,
                trim: port.trim,
            });
        let named = self.names.iter().map(|(account, name)| Piece::Named {
            account: *account,
            name: *name,
        });
        // A pile whose card was never recovered says nothing of it.
        let recoveries = Some(self.recoveries).filter(|it| *it > 0);
        let recoveries = recoveries.map(Piece::Recoveries).into_iter();
        pile.chain(tariffs)
            .chain(self.planned.iter().map(|it| Piece::Planned(it.clone())))
            .chain(self.accounts.iter().map(|it| Piece::Account(*it)))
            .chain(self.credentials.iter().map(|it| Piece::Credential(*it)))
            .chain(used)
            .chain(self.open_sessions().map(|it| Piece::Session(it.clone())))
            .chain(self.settlements.iter().map(|it| Piece::Settlement(*it)))
            .chain(self.attempts.iter().map(|it| Piece::Attempts(*it)))
            .chain(self.phones.iter().map(|it| Piece::Phone(*it)))
            .chain(named)
            .chain(recoveries)
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
