//! Cards and buttons: who may do what, here and now.
//!
//! One person at a time stands before the pile. A tap of a charging card opens a choice of 15 s;
//! a tap of the privilege card opens a window of 30 s, in which a new card is authorised or the
//! button of a faulted port clears its fault. While a choice is open another card is refused: a
//! button pressed next would otherwise start on the wrong person's account.

use super::jobs::{Job, Task};
use super::{Controller, Signal};
use crate::Actions;
use crate::actions::Asker;
use crate::event::Refusal;
use crate::port::{Order, Phase};
use billing_core::record::{Attempt, Record, StopReason};
use card_auth::{Identity, Policy, find, identify};
use pile_units::{
    AccountId, CardAlias, Credential, CredentialId, Duration, Instant, PhoneId, PortId, Role,
    SessionId, Strength,
};

const CHOICE: Duration = Duration::from_seconds(15);
pub(super) const WINDOW: Duration = Duration::from_seconds(30);

/// Somebody tapped and is choosing a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub credential: CredentialId,
    account: AccountId,
    /// True once a button was pressed and refused: then time alone starts and stops nothing.
    pressed: bool,
    pub until: Instant,
}

impl Choice {
    const fn opener(self) -> Opener {
        Opener {
            credential: self.credential,
            account: self.account,
            by: By::Card,
        }
    }
}

/// Who opens a session, on whose account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opener {
    pub credential: CredentialId,
    pub account: AccountId,
    pub by: By,
}

/// What opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Card,
    Phone { phone: PhoneId, request: u32 },
}

/// The landlord's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    newcomer: Newcomer,
    pub until: Instant,
}

/// Whom a window is open for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Newcomer {
    /// The account that the next card is for; a new one if there is none.
    pub account: Option<AccountId>,
    /// True if the account is to be listed: the card may have no key.
    pub listed: bool,
    /// True if it is the new privilege card.
    pub landlord: bool,
}

impl Controller {
    /// Ends what time has ended.
    pub(super) fn expire(&mut self, now: Instant, out: &mut Actions) {
        if self
            .window
            .as_ref()
            .is_some_and(|window| window.until <= now)
        {
            self.window = None;
            out.signal = Some(Signal::WindowClosed);
        }
        if let Some(choice) = self.choice.take_if(|choice| choice.until <= now) {
            self.choose_nothing(now, choice, out);
        }
    }

    pub(super) fn open_window(&mut self, now: Instant, newcomer: Newcomer, out: &mut Actions) {
        self.choice = None;
        self.window = Some(Window {
            newcomer,
            until: now.after(WINDOW),
        });
        out.signal = Some(Signal::TapNewCard);
    }

    pub(super) fn card(
        &mut self,
        now: Instant,
        alias: CardAlias,
        strength: Strength,
        out: &mut Actions,
    ) {
        if self.book.pile().is_none() {
            let job = (None, Task::Commission);
            if let Err(why) = self.commission(now, (alias, strength), job, out) {
                out.refuse(why);
            }
            return;
        }
        match self.who(alias, strength) {
            Identity::Privilege(_) if self.window.is_some() => {
                self.window = None;
                out.signal = Some(Signal::WindowClosed);
            }
            Identity::Privilege(_) => {
                self.say_filling(now, out);
                self.say_attempts(now, out);
                self.open_window(now, Newcomer::default(), out);
            }
            Identity::Charging { .. } if self.window.is_some() => {
                out.refuse(Refusal::AlreadyAuthorised);
            }
            Identity::Charging {
                credential,
                account,
            } => {
                self.offer_choice(now, credential, account, out);
            }
            Identity::Unknown | Identity::Revoked(_) if self.window.is_some() => {
                self.enrol(now, alias, strength, out);
            }
            Identity::Unknown => out.refuse(Refusal::UnknownCard),
            Identity::Revoked(card) => {
                self.tried(now, card, Attempt::Revoked);
                out.refuse(Refusal::RevokedCard);
            }
            Identity::TooWeak(card) => {
                self.tried(now, card, Attempt::TooWeak);
                out.refuse(Refusal::TooWeak);
            }
        }
    }

    pub(super) fn policy(&self) -> Policy {
        Policy {
            uid_only: self.book.uid_only(),
        }
    }

    pub(super) fn is_listed(&self, account: AccountId) -> bool {
        self.book.account(account).is_some_and(|it| it.listed)
    }

    pub(super) fn who(&self, alias: CardAlias, strength: Strength) -> Identity {
        let cards = self.book.credentials();
        let listed = |account| self.is_listed(account);
        identify(cards, alias, strength, self.policy(), listed)
    }

    /// True if a card with this alias is to be asked for its key: it was enrolled with one, or its
    /// number alone would not do, or it may be about to be enrolled. The key of a stranger's card
    /// is nobody's business here, and each wrong key counts against that card.
    pub fn asks_for_key(&self, alias: CardAlias) -> bool {
        self.is_enrolling() || matches!(self.who(alias, Strength::UidOnly), Identity::TooWeak(_))
    }

    /// True while the next card may be enrolled: in the landlord's window, and on a blank pile.
    pub const fn is_enrolling(&self) -> bool {
        self.window.is_some() || self.book.pile().is_none()
    }

    /// A card was asked for its key, and has another.
    pub(super) fn wrong_key(&mut self, now: Instant, alias: CardAlias, out: &mut Actions) {
        if let Some(card) = find(self.book.credentials(), alias) {
            self.tried(now, card.id, Attempt::WrongKey);
        }
        out.refuse(Refusal::WrongKey);
    }

    /// A card was tapped that nobody will know again.
    pub(super) fn random_number(&self, out: &mut Actions) {
        out.refuse(if self.is_enrolling() {
            Refusal::RandomNumber
        } else {
            Refusal::UnknownCard
        });
    }

    pub(super) fn button(&mut self, now: Instant, port: PortId, out: &mut Actions) {
        if !self.has(port) {
            return out.refuse(Refusal::NoSuchThing);
        }
        if self.window.is_some() && self.at(port).fault.is_some() {
            match self.begin(now, None, Task::ClearFault(port), out) {
                // The next card tapped is a tenant's again.
                Ok(()) => self.window = None,
                Err(why) => out.refuse(why),
            }
            return;
        }
        let Some(choice) = self.choice.take() else {
            return out.refuse(Refusal::NoCard);
        };
        if self.account_on(port) == Some(choice.account) {
            return self.stop_if(now, port, Some(StopReason::ByCard.into()), out);
        }
        if let Err(why) = self.start(now, port, choice.opener(), out) {
            out.refuse(why);
            // Another button may still be pressed.
            self.choice = Some(Choice {
                pressed: true,
                ..choice
            });
        }
    }

    /// The account whose session occupies the port, durable or not.
    fn account_on(&self, port: PortId) -> Option<AccountId> {
        match self.at(port).phase {
            Phase::Opening { account, .. } => Some(account),
            Phase::Delivering(_) => self.book.session(port).map(|session| session.account),
            Phase::Free | Phase::Finishing { .. } | Phase::Closing { .. } => None,
        }
    }

    pub(super) fn commission(
        &mut self,
        now: Instant,
        (alias, strength): (CardAlias, Strength),
        (id, task): (Option<Asker>, Task),
        out: &mut Actions,
    ) -> Result<(), Refusal> {
        let (at, pile) = (self.wall(now), self.pile);
        let privilege = Credential {
            id: CredentialId::default(),
            role: Role::Privilege,
            strength,
            alias,
            revoked: false,
        };
        if self.job.is_some() {
            return Err(Refusal::Busy);
        }
        self.room_for_fact(true)?;
        let record = Record::Commissioned {
            pile,
            privilege,
            at,
        };
        if self.record(record, out) {
            self.job = Some(Job::waiting(id, task));
        }
        Ok(())
    }

    fn enrol(&mut self, now: Instant, alias: CardAlias, strength: Strength, out: &mut Actions) {
        let newcomer = self.window.map_or(Newcomer::default(), |it| it.newcomer);
        if newcomer.landlord {
            return self.recover(now, alias, strength, out);
        }
        let known = newcomer.account.is_some_and(|it| self.is_listed(it));
        let listed = newcomer.listed || known;
        if !self.policy().admits(strength, listed) {
            return out.refuse(Refusal::TooWeak);
        }
        let task = Task::Enrol {
            alias,
            strength,
            newcomer,
        };
        match self.begin(now, None, task, out) {
            Ok(()) => self.window = None,
            Err(why) => out.refuse(why),
        }
    }

    fn offer_choice(
        &mut self,
        now: Instant,
        credential: CredentialId,
        account: AccountId,
        out: &mut Actions,
    ) {
        if self
            .choice
            .as_ref()
            .is_some_and(|choice| choice.account != account)
        {
            return out.refuse(Refusal::Busy);
        }
        if !self
            .book
            .account(account)
            .is_some_and(|account| account.active)
        {
            return out.refuse(Refusal::AccountClosed);
        }
        if self.book.tariff_of(account).is_none() {
            return out.refuse(Refusal::NoTariff);
        }
        self.choice = Some(Choice {
            credential,
            account,
            pressed: false,
            until: now.after(CHOICE),
        });
        out.signal = Some(Signal::ChoosePort);
    }

    fn choose_nothing(&mut self, now: Instant, choice: Choice, out: &mut Actions) {
        if choice.pressed {
            return;
        }
        let mine = |(port, _): &(PortId, _)| self.account_on(*port) == Some(choice.account);
        let running = {
            let mut running = self.in_use().filter(mine).map(|(port, _)| port);
            (running.next(), running.next())
        };
        match running {
            (Some(_), Some(_)) => out.refuse(Refusal::WhichPort),
            (Some(port), None) => self.stop_if(now, port, Some(StopReason::ByCard.into()), out),
            (None, _) => {
                let free = self.ports().find(|port| self.is_free(*port).is_ok());
                let started = match free {
                    Some(port) => self.start(now, port, choice.opener(), out).map(drop),
                    None => Err(Refusal::NoPort),
                };
                if let Err(why) = started {
                    out.refuse(why);
                }
            }
        }
    }

    pub(super) fn is_free(&self, port: PortId) -> Result<(), Refusal> {
        let place = self.at(port);
        if place.fault.is_some() {
            Err(Refusal::PortFaulted)
        } else if !matches!(place.phase, Phase::Free) {
            Err(Refusal::PortTaken)
        } else if !self.book.enabled(port) {
            Err(Refusal::PortDisabled)
        } else if !place.has_meter() {
            Err(Refusal::NoMeter)
        } else if place.is_powered() {
            Err(Refusal::StillFaulty)
        } else {
            Ok(())
        }
    }

    pub(super) fn start(
        &mut self,
        now: Instant,
        port: PortId,
        opener: Opener,
        out: &mut Actions,
    ) -> Result<SessionId, Refusal> {
        self.is_free(port)?;
        self.room_for_session()?;
        let Opener {
            credential,
            account,
            by,
        } = opener;
        let revoked = |card: &Credential| card.id == credential && card.revoked;
        if self.book.credentials().iter().any(revoked) {
            return Err(Refusal::RevokedCard);
        }
        if self.is_price_changing() || self.is_being_revoked(account) {
            return Err(Refusal::Busy);
        }
        let limits = self.book.limits();
        let drawn = self.committed_power().saturating_add(limits.port_power());
        if drawn > limits.pile_power() {
            return Err(Refusal::NoPower);
        }
        if self.hot {
            return Err(Refusal::TooHot);
        }
        let (_, band) = self.price_now(now, account).ok_or(Refusal::NoTariff)?;
        let at = self.wall(now);
        let waiting = self.opening();
        let session = self
            .book
            .next_session()
            .get()
            .checked_add(waiting)
            .ok_or(Refusal::LedgerFull)?;
        let session = SessionId::new(session);
        let record = match by {
            By::Card => Record::SessionOpened {
                session,
                credential,
                port,
                band,
                at,
            },
            By::Phone { phone, request } => Record::OpenedByPhone {
                session,
                phone,
                request,
                port,
                band,
                at,
            },
        };
        if !self.record(record, out) {
            return Err(Refusal::Busy);
        }
        if let Some(place) = self.at_mut(port) {
            place.phase = Phase::Opening {
                account,
                abort: None,
                durable: None,
            };
            place.in_outbox = 1;
            place.finished = false;
            place.order = Order::default();
        }
        // It is open; the order has the meter read at once.
        out.open.insert(port);
        out.signal = Some(Signal::Started(port));
        Ok(session)
    }

    /// A credential was revoked: its sessions stop (I5).
    pub(super) fn stop_credential(&mut self, now: Instant, id: CredentialId, out: &mut Actions) {
        for port in PortId::first(self.count) {
            if self
                .book
                .session(port)
                .is_some_and(|session| session.credential == id)
            {
                self.stop_if(now, port, Some(StopReason::Revoked.into()), out);
            }
        }
        self.choice.take_if(|choice| choice.credential == id);
    }
}
