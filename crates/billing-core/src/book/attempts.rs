//! Refused attempts with cards that the pile knows: counted a card, until the landlord was told.
//!
//! # Invariants
//! - At most [`MAX_TRIED`] cards are counted: the one that was tried the longest ago makes room.
//! - [`Book::attempts_unseen`] goes down only by [`Record::AttemptsSeen`], to zero.
//!
//! [`Record::AttemptsSeen`]: crate::record::Record::AttemptsSeen

use super::Book;
use crate::record::Attempts;
use pile_units::CredentialId;

/// The most cards whose refused attempts are counted.
pub const MAX_TRIED: usize = 32;

impl Book {
    /// What was refused, by card; the card that was tried last comes last.
    pub fn attempts(&self) -> &[Attempts] {
        &self.attempts
    }

    /// What was refused of one card.
    pub fn attempts_of(&self, credential: CredentialId) -> Option<&Attempts> {
        let mut attempts = self.attempts.iter();
        attempts.find(|tried| tried.credential == credential)
    }

    /// Refused attempts that the landlord was not told of.
    pub const fn attempts_unseen(&self) -> u32 {
        self.unseen
    }

    /// Counts what a record says.
    pub(super) fn count_attempts(&mut self, more: &Attempts) {
        let before = self.attempts_of(more.credential).map_or(0, |it| it.count);
        self.attempts.retain(|it| it.credential != more.credential);
        if self.attempts.is_full() {
            self.attempts.remove(0);
        }
        let count = before.saturating_add(more.count);
        // A place was made above.
        let _ = self.attempts.push(Attempts { count, ..*more });
        self.unseen = self.unseen.saturating_add(more.count);
    }

    pub(super) const fn see_attempts(&mut self) {
        self.unseen = 0;
    }
}
