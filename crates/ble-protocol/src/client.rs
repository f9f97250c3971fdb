//! The phone's side of the conversation: numbers its requests, says them again until they are
//! answered, and tells what the pile says.
//!
//! # Terms
//! - A [`Pass`] is what a phone opens the link with: a card's code, its own key, a recovery code.
//! - The request **in flight** was asked and not answered yet. There is one at most.
//!
//! # Invariants
//! - A request keeps its number until it is answered or [given up](Client::give_up), over any number
//!   of links: the pile knows it again and does nothing twice.
//! - A number is used for one request only, and numbers rise: each is greater than the phone's last
//!   and than the last that the pile knows of.
//! - An answer to any other number than that in flight is dropped.

use pile_units::Instant;
use zeroize::Zeroizing;

use crate::message::{
    Asked, Bound, Malformed, Notice, Request, RequestId, Response, Told, Welcome,
};
use crate::{LinkKey, MAX_MESSAGE, PhoneEnd, PhoneEvent, Why};

#[cfg(test)]
mod tests;

/// What a phone opens the link with.
///
/// ```
/// use ble_protocol::{LinkKey, Pass};
/// let pass = Pass::phone(LinkKey::new([7; 32]));
/// assert_eq!(format!("{pass:?}"), "Phone(LinkKey(..))");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// A card's code: the card is to be tapped, and the phone gets a key of its own.
    Card(LinkKey),
    /// The phone's own key.
    Phone(LinkKey),
    /// A recovery code.
    Recovery(LinkKey),
}

impl Pass {
    /// The pass of a card's printed code, from the binding secret in it.
    pub fn card(secret: &[u8; 16]) -> Self {
        Self::Card(LinkKey::of_binding(secret))
    }

    /// The pass of a phone that was bound.
    pub const fn phone(key: LinkKey) -> Self {
        Self::Phone(key)
    }

    /// The pass of a recovery code, from the secret in it.
    pub fn recovery(secret: &[u8; 16]) -> Self {
        Self::Recovery(LinkKey::of_recovery(secret))
    }

    const fn key(&self) -> &LinkKey {
        let (Self::Card(key) | Self::Phone(key) | Self::Recovery(key)) = self;
        key
    }
}

impl From<&Bound> for Pass {
    /// The pass of the phone that was just bound.
    fn from(bound: &Bound) -> Self {
        Self::Phone(LinkKey::new(*bound.key.expose()))
    }
}

/// What happened at the phone.
///
/// ```
/// use ble_protocol::ClientEvent;
/// fn line(event: &ClientEvent) -> String {
///     match event {
///         ClientEvent::TapTheCard => "tap the card at the pile now".to_string(),
///         ClientEvent::Answer { response, .. } => format!("{response:?}"),
///         _ => String::new(),
///     }
/// }
/// assert_eq!(line(&ClientEvent::Nothing), "");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "an answer is most of what happens, and there is no allocator to box it with"
)]
#[must_use]
pub enum ClientEvent {
    /// Nothing: wait for bytes or the deadline.
    Nothing,
    /// The card whose code opened the link is to be tapped at the pile within 60 s.
    TapTheCard,
    /// The pile knows this phone's key, or this recovery code, no more: revoked or used up.
    /// [`Closed`](Self::Closed) follows.
    NotKnown,
    /// The pile lets strangers wait. [`Closed`](Self::Closed) follows.
    Busy {
        /// How long.
        seconds: u16,
    },
    /// The link stands and the pile has said who it is: requests can be asked.
    Welcome(Welcome),
    /// The phone has a key of its own from now on: keep it, and connect anew with its [`Pass`].
    Bound(Bound),
    /// The answer to the request that was in flight.
    Answer {
        /// Its number.
        id: RequestId,
        /// The answer.
        response: Response,
    },
    /// The request that was in flight was answered in a way that this phone does not know: the pile is
    /// newer. What the request asked for may be done.
    NotUnderstood {
        /// Its number.
        id: RequestId,
    },
    /// The pile tells something unasked.
    Notice(Notice),
    /// The link is closed. A request in flight stays so: connect again.
    Closed(Why),
}

/// Error returned by [`Client::ask`]: nothing was asked.
///
/// ```
/// use ble_protocol::{AskError, Client, LinkKey, Pass};
/// use ble_protocol::message::Request;
/// let mut client = Client::new(Pass::phone(LinkKey::new([7; 32])));
/// assert_eq!(client.ask(Request::MyAccount), Err(AskError::NotWelcomed));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskError {
    /// The pile has not said yet which number comes next: connect first.
    NotWelcomed,
    /// Another request waits for its answer.
    InFlight,
    /// The phone has used up its numbers, 2^32 of them: it must be bound anew.
    NoMoreNumbers,
}

impl core::fmt::Display for AskError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotWelcomed => "the pile has not said who it is yet",
            Self::InFlight => "another request waits for its answer",
            Self::NoMoreNumbers => "the phone has no numbers left: bind it anew",
        })
    }
}

impl core::error::Error for AskError {}

/// A phone that talks to a pile, from one link to the next: sans-I/O, without a clock.
///
/// ```
/// use ble_protocol::{Client, ClientEvent, LinkKey, Pass};
/// use ble_protocol::message::Request;
/// use pile_units::Instant;
///
/// /// What an app does when bytes came or the deadline passed.
/// fn step(client: &mut Client, now: Instant, came: &[u8]) {
///     client.receive(now, came);
///     loop {
///         match client.poll(now) {
///             ClientEvent::Nothing => break,
///             ClientEvent::Welcome(_) => {
///                 let _ = client.ask(Request::MyAccount);
///             }
///             ClientEvent::Answer { response, .. } => println!("{response:?}"),
///             _ => (),
///         }
///     }
///     let mut portion = [0; 20];
///     while client.transmit(&mut portion) > 0 { /* to the pipe */ }
/// }
/// let mut client = Client::new(Pass::phone(LinkKey::new([7; 32])));
/// client.connect(Instant::START, [9; 32]); // fresh and secret: from the operating system
/// step(&mut client, Instant::START, &[]);
/// ```
pub struct Client {
    pass: Pass,
    end: Option<PhoneEnd>,
    /// The greatest number that was used or that the pile knows of, once it said so.
    last: Option<RequestId>,
    asked: Option<Asked>,
    /// This link's pile has said who it is.
    welcomed: bool,
    /// The request in flight was said on this link.
    said: bool,
    strays: u32,
}

impl Client {
    /// A phone that is not connected.
    pub const fn new(pass: Pass) -> Self {
        Self {
            pass,
            end: None,
            last: None,
            asked: None,
            welcomed: false,
            said: false,
            strays: 0,
        }
    }

    /// The pipe has the pile: begins a link. `ephemeral` is as for [`PhoneEnd::new`].
    pub fn connect(&mut self, now: Instant, ephemeral: [u8; 32]) {
        self.end = Some(PhoneEnd::new(now, self.pass.key(), ephemeral));
        self.welcomed = false;
        self.said = false;
    }

    /// The pipe has lost the pile. A request in flight stays so.
    pub fn disconnected(&mut self) {
        self.end = None;
        self.welcomed = false;
        self.said = false;
    }

    /// Asks the pile. It may be asked before the link stands again; it is said once it does.
    ///
    /// # Errors
    /// [`AskError`]; nothing is asked then.
    pub fn ask(&mut self, request: Request) -> Result<RequestId, AskError> {
        if self.asked.is_some() {
            return Err(AskError::InFlight);
        }
        let last = self.last.ok_or(AskError::NotWelcomed)?;
        let id = last.next().ok_or(AskError::NoMoreNumbers)?;
        self.last = Some(id);
        self.asked = Some(Asked { id, request });
        self.said = false;
        Ok(id)
    }

    /// Asks what was asked before this phone was restarted, with the number that it had then: for an
    /// app that keeps what it asked until the answer came.
    ///
    /// # Errors
    /// [`AskError::InFlight`].
    pub fn ask_again(&mut self, asked: Asked) -> Result<(), AskError> {
        if self.asked.is_some() {
            return Err(AskError::InFlight);
        }
        self.last = self.last.map(|last| last.max(asked.id));
        self.asked = Some(asked);
        self.said = false;
        Ok(())
    }

    /// The request in flight.
    pub const fn in_flight(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    /// Waits for the answer no more. The pile may have done what was asked; its answer, if it
    /// comes, is dropped.
    pub fn give_up(&mut self) -> Option<Asked> {
        self.asked.take()
    }

    /// True while the link stands and the pile has said who it is.
    pub const fn is_welcomed(&self) -> bool {
        self.welcomed
    }

    /// How many messages were dropped: answers to no request in flight, and what only a newer phone
    /// would understand.
    pub const fn strays(&self) -> u32 {
        self.strays
    }

    /// Takes what came over the pipe, all of it. Poll then.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) {
        if let Some(end) = &mut self.end {
            end.receive(now, bytes);
        }
    }

    /// Tells what happened. Poll after [`receive`](Self::receive), [`ask`](Self::ask) and
    /// [`close`](Self::close) and at the [deadline](Self::deadline), until there is
    /// [nothing](ClientEvent::Nothing).
    pub fn poll(&mut self, now: Instant) -> ClientEvent {
        loop {
            self.say();
            let Some(end) = &mut self.end else {
                return ClientEvent::Nothing;
            };
            match end.poll(now) {
                PhoneEvent::Nothing => return ClientEvent::Nothing,
                PhoneEvent::TapTheCard => {
                    if matches!(self.pass, Pass::Card(_)) {
                        return ClientEvent::TapTheCard;
                    }
                    end.close(now);
                    return ClientEvent::NotKnown;
                }
                PhoneEvent::Busy { seconds } => return ClientEvent::Busy { seconds },
                PhoneEvent::Opened => (),
                PhoneEvent::Message(_) => {
                    let told = Told::decode(end.message());
                    if let Some(event) = self.hear(now, told) {
                        return event;
                    }
                }
                PhoneEvent::Closed(why) => {
                    self.welcomed = false;
                    return ClientEvent::Closed(why);
                }
            }
        }
    }

    fn hear(&mut self, now: Instant, told: Result<Told, Malformed>) -> Option<ClientEvent> {
        match told {
            Ok(Told::Welcome(welcome)) => {
                let known = welcome.last_request;
                let own = self.asked.as_ref().map(|asked| asked.id);
                self.last = self.last.max(own).max(Some(known));
                self.welcomed = true;
                Some(ClientEvent::Welcome(welcome))
            }
            Ok(Told::Answer { id, response }) if self.answered(id) => {
                Some(ClientEvent::Answer { id, response })
            }
            Ok(Told::Notice(notice)) => Some(ClientEvent::Notice(notice)),
            Ok(Told::Bound(bound)) => Some(ClientEvent::Bound(bound)),
            Err(Malformed::Unknown(Some(id)) | Malformed::Body(Some(id))) if self.answered(id) => {
                Some(ClientEvent::NotUnderstood { id })
            }
            Err(Malformed::Version(_)) => {
                // Whoever speaks another version has not understood this phone either.
                if let Some(end) = &mut self.end {
                    end.close(now);
                }
                self.strays = self.strays.saturating_add(1);
                None
            }
            Ok(Told::Answer { .. }) | Err(_) => {
                self.strays = self.strays.saturating_add(1);
                None
            }
        }
    }

    /// True if this is the number in flight, which it then is no more.
    fn answered(&mut self, id: RequestId) -> bool {
        self.asked.take_if(|asked| asked.id == id).is_some()
    }

    /// Says the request in flight, once a link.
    fn say(&mut self) {
        let (Some(end), Some(asked)) = (&mut self.end, &self.asked) else {
            return;
        };
        if !self.welcomed || self.said {
            return;
        }
        let mut buffer = Zeroizing::new([0; MAX_MESSAGE]);
        // Where there is no room yet, the next poll says it.
        self.said = end.send(asked.encode(&mut buffer)).is_ok();
    }

    /// Writes the next bytes for the pipe, as many as there are and as fit; how many.
    pub fn transmit(&mut self, bytes: &mut [u8]) -> usize {
        self.end.as_mut().map_or(0, |end| end.transmit(bytes))
    }

    /// True while bytes are still to be handed out, now or after a credit.
    pub fn has_output(&self) -> bool {
        self.end.as_ref().is_some_and(PhoneEnd::has_output)
    }

    /// Ends the link. [`ClientEvent::Closed`] follows.
    pub fn close(&mut self, now: Instant) {
        if let Some(end) = &mut self.end {
            end.close(now);
        }
    }

    /// When to poll at the latest if no bytes come; `now` if there is something to tell already.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let end = self.end.as_ref()?;
        if self.welcomed && self.asked.is_some() && !self.said && end.room() == MAX_MESSAGE {
            return Some(now);
        }
        end.deadline(now)
    }

    /// True when the connection should be ended, or there is none.
    pub fn wants_disconnect(&self) -> bool {
        self.end.as_ref().is_none_or(PhoneEnd::wants_disconnect)
    }
}
