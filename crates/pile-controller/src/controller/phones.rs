//! Phones: what they may start and stop, and how they are bound.
//!
//! A phone acts in the place of the card it was bound to, by the same checks, on the same account.
//! I5 holds for it as for a card: once its revocation, or its card's, is durable, it opens nothing
//! and what it opened stops.

use super::jobs::Task;
use super::people::{By, Newcomer, Opener, WINDOW};
use super::{Controller, Outcome};
use crate::actions::Asker;
use crate::event::Refusal;
use crate::port::{Order, Phase, Stop};
use crate::{Actions, ByPhone};
use billing_core::book::Phone;
use billing_core::record::{Attempt, Record, StopReason};
use ble_protocol::message::UpTo;
use card_auth::Identity;
use pile_units::{
    CardAlias, Credential, Duration, Instant, Money, PhoneId, PortId, Role, SessionId, Strength,
};

impl Controller {
    /// How long a window for a card is open.
    pub const WINDOW: Duration = WINDOW;

    pub(super) fn phone(&mut self, now: Instant, id: u16, wish: ByPhone, out: &mut Actions) {
        let asker = Asker::Phone(id);
        let outcome = match wish {
            ByPhone::Manage(command) => return self.command(now, asker, command, out),
            ByPhone::Start {
                phone,
                request,
                port,
                up_to,
            } => self.start_by_phone(now, (phone, request), port, (up_to, id), out),
            ByPhone::Stop { phone, session } => {
                let stopped = self.stop_by_phone(now, phone, session, out);
                stopped.map(|()| Some(Outcome::Done))
            }
            ByPhone::Bind { alias, strength } => {
                let bound = self.bind(now, asker, (alias, strength), out);
                if let Err(why) = bound {
                    // Whoever tapped stands there.
                    out.refuse(why);
                }
                bound.map(|()| None)
            }
            ByPhone::Recover { number } => self.open_recovery(now, number, out),
            ByPhone::Settle { account, number } => {
                self.settle_as(now, asker, (account, number), out)
            }
        };
        match outcome {
            Ok(None) => {}
            Ok(Some(outcome)) => out.answer = Some((asker, outcome)),
            Err(why) => out.answer = Some((asker, Outcome::Refused(why))),
        }
    }

    /// A phone that opens something, and its card.
    fn live(&self, phone: PhoneId) -> Result<(&Phone, &Credential), Refusal> {
        let phone = self.book.phone(phone).filter(|phone| !phone.revoked);
        let phone = phone.ok_or(Refusal::RevokedCard)?;
        let mut cards = self.book.credentials().iter();
        let card = cards.find(|card| card.id == phone.credential && !card.revoked);
        Ok((phone, card.ok_or(Refusal::RevokedCard)?))
    }

    /// The checks of a card that is tapped, and then those of its choice.
    fn start_by_phone(
        &mut self,
        now: Instant,
        (phone, request): (PhoneId, u32),
        port: PortId,
        (up_to, answer): (UpTo, u16),
        out: &mut Actions,
    ) -> Result<Option<Outcome>, Refusal> {
        let (known, card) = self.live(phone)?;
        if known.last_request == request && request > 0 {
            return Ok(Some(Outcome::Started(known.last_session)));
        }
        if request < known.last_request || request == 0 {
            return Err(Refusal::TooOld);
        }
        let account = card.account().ok_or(Refusal::NotAllowed)?;
        let (credential, strength) = (known.credential, known.strength);
        if !self.policy().admits(strength, self.is_listed(account)) {
            return Err(Refusal::TooWeak);
        }
        if !self.is_active(account) {
            return Err(Refusal::AccountClosed);
        }
        if !self.has(port) {
            return Err(Refusal::NoSuchThing);
        }
        // One on its way to the flash with this number or a greater one goes first.
        let ahead = |record: &Record| {
            matches!(record, Record::OpenedByPhone { phone: it, request: other, .. }
                if *it == phone && *other >= request)
        };
        if self.is_phone_being_revoked(phone) || self.outbox.any(ahead) {
            return Err(Refusal::Busy);
        }
        let opener = Opener {
            credential,
            account,
            by: By::Phone { phone, request },
        };
        self.start(now, port, opener, out)?;
        if let Some(place) = self.at_mut(port) {
            place.order = Order {
                phone: Some(phone),
                up_to,
                answer: Some(answer),
            };
        }
        Ok(None)
    }

    /// The record of a phone's start is durable.
    pub(super) fn answer_start(&mut self, port: PortId, session: SessionId, out: &mut Actions) {
        let order = self.at_mut(port).map(|place| &mut place.order);
        if let Some(id) = order.and_then(|order| order.answer.take()) {
            out.answer = Some((Asker::Phone(id), Outcome::Started(session)));
        }
    }

    fn stop_by_phone(
        &mut self,
        now: Instant,
        phone: PhoneId,
        session: SessionId,
        out: &mut Actions,
    ) -> Result<(), Refusal> {
        let (_, card) = self.live(phone)?;
        if session >= self.book.next_session() || session.get() == 0 {
            return Err(Refusal::NoSuchThing);
        }
        let open = self.book.open_sessions().find(|open| open.id == session);
        let Some((owner, port)) = open.map(|open| (open.account, open.port)) else {
            // It has ended, whosoever it was.
            return Ok(());
        };
        let reason = match card.role {
            Role::Privilege => StopReason::ByLandlord,
            Role::Charging(account) if account == owner => StopReason::ByPhone,
            Role::Charging(_) => return Err(Refusal::NotYours),
        };
        if matches!(
            self.at(port).phase,
            Phase::Opening { .. } | Phase::Delivering(_)
        ) {
            self.stop_if(now, port, Some(reason.into()), out);
        }
        Ok(())
    }

    /// True if a tap of this card can bind a phone: it is one that opens something, or the first that a
    /// blank pile sees. In the landlord's window a tap has its own meaning.
    pub fn may_bind(&self, alias: CardAlias, strength: Strength) -> bool {
        if self.book.pile().is_none() {
            return true;
        }
        self.window.is_none()
            && matches!(
                self.who(alias, strength),
                Identity::Privilege(_) | Identity::Charging { .. }
            )
    }

    fn bind(
        &mut self,
        now: Instant,
        asker: Asker,
        (alias, strength): (CardAlias, Strength),
        out: &mut Actions,
    ) -> Result<(), Refusal> {
        if self.book.pile().is_none() {
            let job = (Some(asker), Task::Claim { strength });
            return self.commission(now, (alias, strength), job, out);
        }
        let credential = match self.who(alias, strength) {
            Identity::Privilege(credential) | Identity::Charging { credential, .. } => credential,
            Identity::Unknown => return Err(Refusal::UnknownCard),
            Identity::Revoked(card) => {
                self.tried(now, card, Attempt::Revoked);
                return Err(Refusal::RevokedCard);
            }
            Identity::TooWeak(card) => {
                self.tried(now, card, Attempt::TooWeak);
                return Err(Refusal::TooWeak);
            }
        };
        let task = Task::Bind {
            credential,
            strength,
        };
        self.begin(now, Some(asker), task, out)
    }

    fn open_recovery(
        &mut self,
        now: Instant,
        number: u8,
        out: &mut Actions,
    ) -> Result<Option<Outcome>, Refusal> {
        if self.book.pile().is_none() {
            return Err(Refusal::NotCommissioned);
        }
        // Used up, or not its turn.
        if number != self.book.recoveries() {
            return Err(Refusal::NotAllowed);
        }
        let newcomer = Newcomer {
            landlord: true,
            ..Newcomer::default()
        };
        self.open_window(now, newcomer, out);
        Ok(Some(Outcome::Done))
    }

    /// The new privilege card was tapped.
    pub(super) fn recover(
        &mut self,
        now: Instant,
        alias: CardAlias,
        strength: Strength,
        out: &mut Actions,
    ) {
        // It would be refused the next time.
        if !self.policy().admits(strength, false) {
            return out.refuse(Refusal::TooWeak);
        }
        match self.begin(now, None, Task::Recover { alias, strength }, out) {
            Ok(()) => self.window = None,
            Err(why) => out.refuse(why),
        }
    }

    fn settle_as(
        &mut self,
        now: Instant,
        asker: Asker,
        (account, number): (pile_units::AccountId, u32),
        out: &mut Actions,
    ) -> Result<Option<Outcome>, Refusal> {
        let mut waiting = self.book.settlements().iter();
        if waiting.any(|it| it.id == number && it.account == account) {
            return Ok(Some(Outcome::Settled(number)));
        }
        if self.book.account(account).is_none() {
            return Err(Refusal::NoSuchThing);
        }
        if number != self.book.next_settlement() {
            return Err(Refusal::OutOfTurn);
        }
        self.begin(now, Some(asker), Task::Settle(account), out)?;
        Ok(None)
    }

    /// A phone was revoked: what it opened stops (I5).
    pub(super) fn stop_phone(&mut self, now: Instant, phone: PhoneId, out: &mut Actions) {
        for port in PortId::first(self.count) {
            let place = self.at(port);
            if place.order.phone == Some(phone) && !matches!(place.phase, Phase::Free) {
                self.stop_if(now, port, Some(StopReason::Revoked.into()), out);
            }
        }
    }

    /// What the open session on a port costs so far, in micro-units, rounded down once.
    pub fn cost(&self, port: PortId) -> Option<Money> {
        let session = self.book.session(port)?;
        let open = &session.segment;
        let mut cost = session.cost;
        if !session.ended {
            let energy = self.at(port).segment;
            let _ = cost.close_segment(energy, open.energy_price, open.service_price);
        }
        Some(cost.energy().plus(cost.service()).micros())
    }

    /// The session has reached what was asked for when it was opened.
    pub(super) fn ordered_end(&self, now: Instant, port: PortId) -> Option<Stop> {
        let place = self.at(port);
        let Phase::Delivering(delivery) = &place.phase else {
            return None;
        };
        let reason = match place.order.up_to {
            UpTo::Full => return None,
            UpTo::Time(most) => {
                (now.since(delivery.since) >= most).then_some(StopReason::TimeLimit)
            }
            UpTo::Energy(most) => {
                (place.session_energy() >= most).then_some(StopReason::EnergyLimit)
            }
            UpTo::Cost(most) => self
                .cost(port)
                .filter(|cost| *cost >= most)
                .map(|_| StopReason::CostLimit),
        };
        reason.map(Stop::from)
    }

    /// Seconds until the session on a port ends by a time limit at the latest.
    pub(crate) fn seconds_left(&self, now: Instant, port: PortId) -> Option<u32> {
        let place = self.at(port);
        let Phase::Delivering(delivery) = &place.phase else {
            return None;
        };
        let longest = self.book.limits().longest_session();
        let most = match place.order.up_to {
            UpTo::Time(most) => most.min(longest),
            _ => longest,
        };
        let left = most.saturating_sub(now.since(delivery.since));
        u32::try_from(left.millis().div_ceil(1000)).ok()
    }
}
