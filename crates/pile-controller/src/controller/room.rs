//! What the ledger still has room for, and the warning before it has none.

use super::Controller;
use crate::Actions;
use crate::event::Refusal;
use billing_core::ledger::Headroom;
use billing_core::record::Record;
use pile_units::Instant;

/// The landlord is told when the days left fall below each.
const WARN_BELOW: [u32; 2] = [30, 7];
/// And told again once they were more than this.
const CALM_FROM: u32 = 45;

impl Controller {
    /// Whole days until the ledger has no room for new sessions, if they go on as of late; `None`
    /// while no session has shown how often they come.
    ///
    /// Settle, take the payments, export and confirm it
    /// ([`Command::ConfirmExport`](crate::Command::ConfirmExport)), and there is room again.
    pub fn days_left(&self, now: Instant) -> Option<u32> {
        match self.sessions_left() {
            0 => Some(0),
            left => self.book.sessions_a_day(self.wall(now))?.days_for(left),
        }
    }

    /// Sessions that may still be opened.
    pub(super) fn sessions_left(&self) -> u32 {
        self.headroom.sessions.saturating_sub(self.opening())
    }

    /// Sessions whose opening is on its way to the flash.
    pub(super) fn opening(&self) -> u32 {
        let opening = |record: &Record| record.opening().is_some();
        self.outbox.count(opening)
    }

    /// The record became part of the book after its ledger counted: what that took is taken off.
    pub(super) fn spend(&mut self, counted: Headroom, record: &Record) {
        self.headroom = counted;
        if record.opening().is_some() {
            self.headroom.sessions = self.headroom.sessions.saturating_sub(1);
        } else if record.is_kept() {
            self.headroom.facts = self.headroom.facts.saturating_sub(1);
        }
    }

    /// The ledger counted again.
    pub(super) const fn count_room(&mut self, headroom: Headroom) {
        self.headroom = headroom;
    }

    /// Tells the landlord when the days left fall below a mark.
    pub(super) fn warn_of_filling(&mut self, now: Instant, out: &mut Actions) {
        if self.book.pile().is_none() {
            return;
        }
        let days = self.days_left(now).unwrap_or(u32::MAX);
        let mark = WARN_BELOW.iter().filter(|mark| days < **mark).count();
        if mark > self.warned {
            self.warned = mark;
            out.filling = Some(days);
        } else if days >= CALM_FROM {
            self.warned = 0;
        }
    }

    /// Tells it to the landlord who stands before the pile.
    pub(super) fn say_filling(&self, now: Instant, out: &mut Actions) {
        let [first, _] = WARN_BELOW;
        out.filling = self.days_left(now).filter(|days| *days < first);
    }

    pub(super) fn room_for_session(&self) -> Result<(), Refusal> {
        if self.failed {
            Err(Refusal::LedgerFailed)
        } else if self.sessions_left() == 0 {
            Err(Refusal::LedgerFull)
        } else if !self.outbox.has_room(8) {
            Err(Refusal::Busy)
        } else {
            Ok(())
        }
    }

    /// Room for a record of a job; `grows` if it stays in the ledger for good. What does not, a
    /// full ledger takes as well: a lost card must be revoked at any time.
    pub(super) fn room_for_fact(&self, grows: bool) -> Result<(), Refusal> {
        if self.failed {
            Err(Refusal::LedgerFailed)
        } else if grows && self.headroom.facts == 0 {
            Err(Refusal::LedgerFull)
        } else if !self.outbox.has_room(8) {
            Err(Refusal::Busy)
        } else {
            Ok(())
        }
    }
}
