//! A book as the pieces of a snapshot, and back.

use super::{Account, Book, FoldError, Port};
use crate::record::Piece;
use pile_units::PortId;

impl Book {
    /// The pieces from which [`Book::restore`] makes this book again, in order. A blank pile has
    /// none.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> + '_ {
        let pile = self.pile.map(|pile| Piece::Pile {
            pile,
            uid_only: self.uid_only,
            limits: self.limits,
            next_session: self.next_session,
            next_page: self.next_page,
            next_account: self.next_account,
            next_settlement: self.next_settlement,
            last: self.last,
        });
        let tariff = self.tariff.iter().map(|(version, tariff)| Piece::Tariff {
            version: *version,
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
            });
        pile.into_iter()
            .chain(tariff)
            .chain(self.credentials.iter().map(|it| Piece::Credential(*it)))
            .chain(self.accounts.iter().map(|it| Piece::Account(*it)))
            .chain(used)
            .chain(self.open_sessions().map(|it| Piece::Session(it.clone())))
            .chain(self.settlements.iter().map(|it| Piece::Settlement(*it)))
    }

    /// Bytes that the pieces take on the flash at most, framed and padded to a word of up to 32.
    pub fn snapshot_bound(&self) -> u32 {
        const PILE_AND_TARIFF: usize = 512;
        const CREDENTIAL: usize = 64;
        const ACCOUNT: usize = 96;
        const PORT: usize = 64;
        const SESSION: usize = 160;
        const SETTLEMENT: usize = 96;
        let bytes = PILE_AND_TARIFF
            + self.credentials.len() * CREDENTIAL
            + self.accounts.len() * ACCOUNT
            + self.ports.len() * (PORT + SESSION)
            + self.settlements.len() * SETTLEMENT;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    /// Puts one piece of a snapshot back.
    ///
    /// # Errors
    /// [`FoldError`] where the piece contradicts the pieces before it.
    pub fn restore(&mut self, piece: &Piece) -> Result<(), FoldError> {
        if self.pile.is_none() != matches!(piece, Piece::Pile { .. }) {
            return Err(FoldError::Snapshot);
        }
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
            } => {
                self.pile = Some(*pile);
                self.uid_only = *uid_only;
                self.limits = *limits;
                self.next_session = *next_session;
                self.next_page = *next_page;
                self.next_account = *next_account;
                self.next_settlement = *next_settlement;
                self.last = *last;
            }
            Piece::Tariff { version, tariff } => self.tariff = Some((*version, tariff.clone())),
            Piece::Credential(credential) => {
                if Some(credential.id) != self.next_credential() {
                    return Err(FoldError::Credential);
                }
                self.credentials
                    .push(*credential)
                    .map_err(|_| FoldError::Capacity)?;
            }
            Piece::Account(account) => {
                let after = self
                    .accounts
                    .last()
                    .is_none_or(|last: &Account| last.id < account.id);
                if !after || account.id >= self.next_account {
                    return Err(FoldError::Account);
                }
                self.accounts
                    .push(*account)
                    .map_err(|_| FoldError::Capacity)?;
            }
            Piece::Port {
                port,
                register,
                unattributed,
                fault,
                enabled,
            } => {
                let place = self.port_mut(*port).ok_or(FoldError::Capacity)?;
                *place = Port {
                    register: *register,
                    unattributed: *unattributed,
                    fault: *fault,
                    enabled: *enabled,
                    session: None,
                };
            }
            Piece::Session(session) => {
                if session.id >= self.next_session || self.account(session.account).is_none() {
                    return Err(FoldError::Session);
                }
                let place = self.port_mut(session.port).ok_or(FoldError::Capacity)?;
                if place.session.is_some() {
                    return Err(FoldError::Session);
                }
                place.session = Some(session.clone());
            }
            Piece::Settlement(settlement) => {
                if settlement.id >= self.next_settlement {
                    return Err(FoldError::Settlement);
                }
                self.settlements
                    .push(*settlement)
                    .map_err(|_| FoldError::Capacity)?;
            }
        }
        Ok(())
    }
}
