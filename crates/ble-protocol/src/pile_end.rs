//! The pile's end of a link.
//!
//! | state | a frame moves it | otherwise |
//! | --- | --- | --- |
//! | down | | `connected` -> silent |
//! | silent | Hello -> searching | 10 s -> closing |
//! | searching | | all keys tried: a hint matched -> matched, none -> waiting, or closing if strangers are to wait |
//! | waiting | | `offer` of a key that the hint matches -> matched; 60 s -> closing |
//! | matched | | ephemeral key made -> answering |
//! | answering | | Reply said -> replied |
//! | replied | Data, an empty one -> open | 10 s -> closing |
//! | open | Data, Credit | no credit for 10 s -> closing |
//! | closing | | the last bytes are out: to be disconnected |
//!
//! A frame that is not in its row closes the link, and so does Bye. `disconnected` leads to down from
//! everywhere.
//!
//! All keys are tried whichever matches: how long the answer takes says nothing about who it is.

use pile_units::Instant;
use zeroize::Zeroizing;

use crate::backoff::Backoff;
use crate::frame::{Decoder, Frame, Kind};
use crate::hint::Hello;
use crate::line::Line;
use crate::noise::{MESSAGE, PROLOGUE, Prepared, Refused, Responder, Secret};
use crate::timing::{ANSWER, LEAVE, Stall, TAP};
use crate::{Holder, Keys, LinkKey, SendError, Why};

/// Keys tried in one poll.
const SLICE: usize = 8;

/// What happened at the pile's end.
///
/// ```
/// use ble_protocol::{PileEvent, Why};
/// assert_ne!(PileEvent::Closed(Why::Bye), PileEvent::Nothing);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum PileEvent {
    /// Nothing: wait for bytes, a tap or the deadline.
    Nothing,
    /// A step was done and there is another: poll again, now or after something more urgent.
    Progress,
    /// The link is open. Whoever is there has shown that he has this holder's key, just now.
    Opened(Holder),
    /// A message of so many bytes came; it is read by [`PileEnd::message`] until the next poll.
    Message(usize),
    /// The link is closed; no message comes any more.
    Closed(Why),
}

/// What came of a tapped card's key.
///
/// ```
/// use ble_protocol::{LinkKey, Offered, PileEnd};
/// use pile_units::Instant;
/// let mut end = PileEnd::new();
/// let tapped = LinkKey::of_binding(&[1; 16]);
/// assert_eq!(end.offer(Instant::START, &tapped), Offered::NobodyWaits);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Offered {
    /// No phone waits: the tap is a tap like any other.
    NobodyWaits,
    /// The phone that waits has not this card's code: the tap is a tap like any other.
    NotThisCard,
    /// The phone has this card's code. Poll; [`PileEvent::Opened`] with [`Holder::Card`] follows if
    /// the phone shows that it has the key, and the tap has no other meaning.
    Accepted,
}

/// Whose key a hint was made with, and whether the seal says so, too.
type Match = (Holder, Result<Responder, Why>);

enum State {
    Down,
    Silent,
    Searching {
        hello: Hello,
        slot: usize,
        found: Option<Match>,
    },
    Waiting(Hello),
    Matched(Holder, Responder),
    Answering(Holder, Prepared),
    Replied(Holder),
    Open,
    /// Until it was told, with the reason.
    Closing(Option<Why>),
}

/// The pile's end of one link: bytes in, messages out, and the other way round.
///
/// It reads no clock, draws no random number and keeps no key of a phone; all three are passed in.
/// One end serves one phone at a time, and any number one after the other.
///
/// ```
/// use ble_protocol::{Holder, Keys, LinkKey, PhoneEnd, PhoneEvent, PileEnd, PileEvent};
/// use pile_units::{Instant, PhoneId};
///
/// struct OnePhone;
/// impl Keys for OnePhone {
///     fn slots(&self) -> usize {
///         1
///     }
///     fn key(&self, _: usize) -> Option<(Holder, LinkKey)> {
///         Some((Holder::Phone(PhoneId::new(0)), LinkKey::new([7; 32])))
///     }
/// }
///
/// let now = Instant::START;
/// let mut random = |bytes: &mut [u8]| bytes.fill(42); // a board has a true one
/// let mut pile = PileEnd::new();
/// pile.connected(now);
/// let mut phone = PhoneEnd::new(now, &LinkKey::new([7; 32]), [1; 32]);
/// let mut opened = false;
/// let heard = loop {
///     let mut portion = [0; 20];
///     let count = phone.transmit(&mut portion);
///     pile.receive(now, &portion[..count]);
///     match pile.poll(now, &OnePhone, &mut random) {
///         PileEvent::Opened(holder) => assert_eq!(holder, Holder::Phone(PhoneId::new(0))),
///         PileEvent::Message(_) => break pile.message().to_vec(),
///         _ => (),
///     }
///     let count = pile.transmit(&mut portion);
///     phone.receive(now, &portion[..count]);
///     if phone.poll(now) == PhoneEvent::Opened {
///         phone.send(b"ports?").unwrap();
///     }
/// };
/// assert_eq!(heard, b"ports?");
/// ```
pub struct PileEnd {
    decoder: Decoder,
    link: Link,
}

struct Link {
    line: Line,
    state: State,
    /// Whose link is open, not yet told.
    opened: Option<Holder>,
    holder: Option<Holder>,
    backoff: Backoff,
    stall: Stall,
    deadline: Option<Instant>,
    overdue: bool,
}

impl Default for PileEnd {
    fn default() -> Self {
        Self::new()
    }
}

impl PileEnd {
    /// No phone is connected.
    pub const fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            link: Link {
                line: Line::new(),
                state: State::Down,
                opened: None,
                holder: None,
                backoff: Backoff::new(),
                stall: Stall::new(),
                deadline: None,
                overdue: false,
            },
        }
    }

    /// The pipe has a phone.
    pub fn connected(&mut self, now: Instant) {
        self.disconnected(now);
        self.link.state = State::Silent;
        self.link.deadline = Some(now.after(ANSWER));
    }

    /// The phone has gone. What it said and was not polled is lost; no event follows.
    pub fn disconnected(&mut self, now: Instant) {
        self.link.failed(now);
        self.decoder.restart();
        self.link.line.reset();
        self.link.state = State::Down;
        (self.link.opened, self.link.holder) = (None, None);
        (self.link.deadline, self.link.overdue) = (None, false);
        self.link.stall = Stall::new();
    }

    /// Takes what came over the pipe, all of it. The work grows with the number of bytes; nothing
    /// is computed on the curve here. Poll then.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) {
        for byte in bytes {
            if let Some(Ok(frame)) = self.decoder.push(*byte) {
                self.link.hear(now, frame);
            }
        }
    }

    /// Does one bounded step and tells what happened: at most eight keys are tried, or one
    /// multiplication on the curve is done.
    ///
    /// Poll after [`receive`](Self::receive), [`offer`](Self::offer) and [`close`](Self::close) and
    /// at the [deadline](Self::deadline), until there is [nothing](PileEvent::Nothing). `random`
    /// fills bytes with random numbers fit for keys.
    pub fn poll(
        &mut self,
        now: Instant,
        keys: &impl Keys,
        random: &mut impl FnMut(&mut [u8]),
    ) -> PileEvent {
        self.link.poll(now, keys, random)
    }

    /// The message that the last poll told of.
    pub fn message(&self) -> &[u8] {
        self.link.line.message()
    }

    /// True while a phone waits for a tap of its card.
    pub const fn is_waiting(&self) -> bool {
        matches!(self.link.state, State::Waiting(_))
    }

    /// Offers the key of a card that was tapped just now to the phone that waits.
    pub fn offer(&mut self, now: Instant, key: &LinkKey) -> Offered {
        self.link.offer(now, key)
    }

    /// Whose link it is, from [`PileEvent::Opened`] to [`PileEvent::Closed`].
    pub const fn holder(&self) -> Option<Holder> {
        self.link.holder
    }

    /// Queues a message, 1..=[`MAX_MESSAGE`](crate::MAX_MESSAGE) bytes.
    ///
    /// # Errors
    /// [`SendError`]; nothing is queued then.
    pub fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        match self.link.state {
            State::Open => self.link.line.send(message),
            _ => Err(SendError::NotOpen),
        }
    }

    /// The longest message that [`send`](Self::send) takes now; 0 for none.
    pub fn room(&self) -> usize {
        match self.link.state {
            State::Open => self.link.line.room(),
            _ => 0,
        }
    }

    /// Writes the next bytes for the pipe, as many as there are and as fit; how many. A frame is
    /// sealed when its first byte is asked for.
    pub fn transmit(&mut self, bytes: &mut [u8]) -> usize {
        self.link.line.transmit(bytes)
    }

    /// True while bytes are still to be handed out, now or after a credit.
    pub fn has_output(&self) -> bool {
        self.link.line.has_output()
    }

    /// Says Bye. What is queued is dropped; [`PileEvent::Closed`] follows.
    pub fn close(&mut self, now: Instant) {
        self.link.close(now, Why::Asked);
    }

    /// When to poll at the latest if no bytes come; `now` if there is something to do already.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.link.deadline(now)
    }

    /// True when the pipe should end the connection: the link is closed, that was told, and the
    /// last bytes are out or nobody took them for 2 s.
    pub fn wants_disconnect(&self) -> bool {
        let link = &self.link;
        matches!(link.state, State::Closing(None)) && (link.overdue || !link.line.has_output())
    }

    /// How many frames were dropped as damaged since the end was made.
    pub const fn bad_frames(&self) -> u32 {
        self.decoder.bad_frames()
    }
}

impl Link {
    /// Counts a handshake that was begun and came to nothing.
    fn failed(&mut self, now: Instant) {
        if matches!(
            self.state,
            State::Searching { .. }
                | State::Waiting(_)
                | State::Matched(..)
                | State::Answering(..)
                | State::Replied(_)
        ) {
            self.backoff.failed(now);
        }
    }

    fn close(&mut self, now: Instant, why: Why) {
        if matches!(self.state, State::Down | State::Closing(_)) {
            return;
        }
        self.failed(now);
        self.line.close();
        if why != Why::Bye {
            self.line.say(Kind::Bye, &[]);
        }
        self.state = State::Closing(Some(why));
        self.deadline = Some(now.after(LEAVE));
    }

    fn hear(&mut self, now: Instant, frame: Frame<'_>) {
        let Frame { kind, body } = frame;
        let heard = match (&self.state, kind) {
            (State::Down | State::Closing(_), _) => Ok(()),
            (State::Silent, Kind::Hello) => self.hello(body),
            (State::Replied(holder), Kind::Data) => {
                let holder = *holder;
                self.line.proof(body).map(|()| {
                    self.state = State::Open;
                    self.opened = Some(holder);
                    self.deadline = None;
                    self.backoff.clear();
                })
            }
            (State::Open, Kind::Data) => self.line.data(body),
            (State::Open, Kind::Credit) => self.line.credit(body),
            (_, Kind::Bye) if body.is_empty() => Err(Why::Bye),
            _ => Err(Why::Unexpected),
        };
        if let Err(why) = heard {
            self.close(now, why);
        }
    }

    fn hello(&mut self, body: &[u8]) -> Result<(), Why> {
        let hello = Hello::parse(body);
        self.deadline = None;
        self.state = State::Searching {
            hello: hello.ok_or(Why::Version)?,
            slot: 0,
            found: None,
        };
        Ok(())
    }

    fn offer(&mut self, now: Instant, key: &LinkKey) -> Offered {
        let State::Waiting(hello) = self.state else {
            return Offered::NobodyWaits;
        };
        if !hello.hints_at(key) {
            return Offered::NotThisCard;
        }
        match responder(&hello, key) {
            Ok(responder) => {
                self.state = State::Matched(Holder::Card, responder);
                self.deadline = None;
                Offered::Accepted
            }
            Err(why) => {
                self.close(now, why);
                Offered::NotThisCard
            }
        }
    }

    fn poll(
        &mut self,
        now: Instant,
        keys: &impl Keys,
        random: &mut impl FnMut(&mut [u8]),
    ) -> PileEvent {
        self.expire(now);
        if let Some(holder) = self.opened.take() {
            self.holder = Some(holder);
            return PileEvent::Opened(holder);
        }
        if let Some(length) = self.line.next_message() {
            return PileEvent::Message(length);
        }
        if let State::Closing(why) = &mut self.state
            && let Some(why) = why.take()
        {
            self.holder = None;
            return PileEvent::Closed(why);
        }
        self.step(now, keys, random)
    }

    /// The next step of a handshake.
    fn step(
        &mut self,
        now: Instant,
        keys: &impl Keys,
        random: &mut impl FnMut(&mut [u8]),
    ) -> PileEvent {
        match core::mem::replace(&mut self.state, State::Down) {
            State::Searching { hello, slot, found } => self.search(now, keys, (hello, slot, found)),
            State::Matched(holder, responder) => {
                let mut bytes = Zeroizing::new([0; Secret::SIZE]);
                random(&mut *bytes);
                let prepared = responder.prepare(Secret::new(*bytes));
                self.state = State::Answering(holder, prepared);
            }
            State::Answering(holder, prepared) => {
                let mut message = [0; MESSAGE];
                let answered = prepared.reply(&mut message);
                self.state = State::Replied(holder);
                self.deadline = Some(now.after(ANSWER));
                match answered {
                    Ok(transport) => {
                        self.line.open(transport);
                        self.line.say(Kind::Reply, &message);
                    }
                    Err(Refused) => self.close(now, Why::Refused),
                }
            }
            state => {
                self.state = state;
                return PileEvent::Nothing;
            }
        }
        PileEvent::Progress
    }

    /// Tries the next keys, and goes on to the last one whichever matches.
    fn search(
        &mut self,
        now: Instant,
        keys: &impl Keys,
        (hello, slot, mut found): (Hello, usize, Option<Match>),
    ) {
        let slots = keys.slots();
        let end = slot.saturating_add(SLICE).min(slots);
        for slot in slot..end {
            if let Some((holder, key)) = keys.key(slot)
                && hello.hints_at(&key)
            {
                found = Some((holder, responder(&hello, &key)));
            }
        }
        self.state = State::Searching {
            hello,
            slot: end,
            found: None,
        };
        if end < slots {
            self.state = State::Searching {
                hello,
                slot: end,
                found,
            };
            return;
        }
        match found {
            Some((holder, Ok(responder))) => self.state = State::Matched(holder, responder),
            Some((_, Err(why))) => self.close(now, why),
            None if self.backoff.busy(now).is_some() => self.turn_away(now),
            None => {
                self.state = State::Waiting(hello);
                self.deadline = Some(now.after(TAP));
                self.line.say(Kind::Wait, &[]);
            }
        }
    }

    /// Lets a stranger wait. That he came too early is not held against him.
    fn turn_away(&mut self, now: Instant) {
        let seconds = self.backoff.busy(now).unwrap_or(1);
        self.state = State::Silent;
        self.close(now, Why::Busy);
        self.line.say(Kind::Busy, &seconds.to_le_bytes());
    }

    fn expire(&mut self, now: Instant) {
        let stalled = self.stall.check(now, self.line.is_blocked());
        let late = self.deadline.is_some_and(|deadline| now >= deadline);
        match self.state {
            State::Silent if late => self.close(now, Why::Silent),
            State::Waiting(_) if late => self.close(now, Why::NotTapped),
            State::Replied(_) if late => self.close(now, Why::Unproven),
            State::Open if stalled => self.close(now, Why::Stalled),
            State::Closing(_) if late => {
                self.overdue = true;
                self.deadline = None;
            }
            _ => (),
        }
    }

    fn deadline(&self, now: Instant) -> Option<Instant> {
        let busy = matches!(
            self.state,
            State::Searching { .. }
                | State::Matched(..)
                | State::Answering(..)
                | State::Closing(Some(_))
        );
        if busy || self.opened.is_some() || self.line.has_message() {
            return Some(now);
        }
        let stall = self.stall.deadline(now, self.line.is_blocked());
        self.deadline.into_iter().chain(stall).min()
    }
}

fn responder(hello: &Hello, key: &LinkKey) -> Result<Responder, Why> {
    let mut message = *hello.message();
    Responder::read(PROLOGUE, key, &mut message).map_err(|_| Why::Refused)
}
