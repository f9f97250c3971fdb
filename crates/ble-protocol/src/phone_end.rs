//! The phone's end of a link.
//!
//! | state | a frame moves it | otherwise |
//! | --- | --- | --- |
//! | called (Hello said) | Wait -> waiting; Reply -> open; Busy -> closing | 10 s -> closing |
//! | waiting | Reply -> open | 70 s -> closing |
//! | open | Data, Credit | no credit for 10 s -> closing |
//! | closing | | the last bytes are out: to be disconnected |
//!
//! A frame that is not in its row closes the link, and so does Bye.

use pile_units::Instant;

use crate::frame::{Decoder, Frame, Kind};
use crate::hint::Hello;
use crate::line::Line;
use crate::noise::{Initiator, MESSAGE, PROLOGUE, Secret};
use crate::timing::{ANSWER, LEAVE, Stall, TAP_AND_ANSWER};
use crate::{LinkKey, SendError, Why};

/// What happened at the phone's end.
///
/// ```
/// use ble_protocol::PhoneEvent;
/// assert_ne!(PhoneEvent::TapTheCard, PhoneEvent::Opened);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum PhoneEvent {
    /// Nothing: wait for bytes or the deadline.
    Nothing,
    /// The pile knows the key of no such phone. If the key is a card's, that card is to be tapped
    /// at the pile within 60 s; if it is the phone's own, the pile has revoked it.
    TapTheCard,
    /// The pile lets strangers wait. [`Closed`](Self::Closed) follows.
    Busy {
        /// How long.
        seconds: u16,
    },
    /// The link is open, and it is the pile that has the key.
    Opened,
    /// A message of so many bytes came; it is read by [`PhoneEnd::message`] until the next poll.
    Message(usize),
    /// The link is closed; no message comes any more.
    Closed(Why),
}

enum State {
    Called(Initiator),
    Waiting(Initiator),
    Open,
    /// Until it was told, with the reason.
    Closing(Option<Why>),
}

/// The phone's end of one link, from a connection to its end: bytes in, messages out, and the other
/// way round. [`PileEnd`](crate::PileEnd) has an example of both.
///
/// ```
/// use ble_protocol::{LinkKey, PhoneEnd};
/// use pile_units::Instant;
/// let ephemeral = [9; 32]; // fresh and secret: from the operating system
/// let mut end = PhoneEnd::new(Instant::START, &LinkKey::new([7; 32]), ephemeral);
/// let mut portion = [0; 20];
/// // It says Hello, in portions as the pipe takes them.
/// assert_eq!(end.transmit(&mut portion), 20);
/// ```
pub struct PhoneEnd {
    decoder: Decoder,
    link: Link,
}

struct Link {
    line: Line,
    state: State,
    /// Not yet told, in this order.
    tap: bool,
    busy: Option<u16>,
    opened: bool,
    stall: Stall,
    deadline: Option<Instant>,
    overdue: bool,
}

impl PhoneEnd {
    /// The pipe has the pile: says Hello with this key. `ephemeral` is 32 fresh bytes fit for a key,
    /// used for nothing else; the caller wipes its own copy. One multiplication on the curve.
    pub fn new(now: Instant, key: &LinkKey, ephemeral: [u8; 32]) -> Self {
        let mut line = Line::new();
        let mut message = [0; MESSAGE];
        let secret = Secret::new(ephemeral);
        let state = match Initiator::start(PROLOGUE, key, secret, &mut message) {
            Ok(initiator) => {
                line.say(Kind::Hello, &Hello::emit(&message, key));
                State::Called(initiator)
            }
            Err(_) => State::Closing(Some(Why::Refused)),
        };
        Self {
            decoder: Decoder::new(),
            link: Link {
                line,
                state,
                tap: false,
                busy: None,
                opened: false,
                stall: Stall::new(),
                deadline: Some(now.after(ANSWER)),
                overdue: false,
            },
        }
    }

    /// Takes what came over the pipe, all of it. At most one multiplication on the curve. Poll then.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) {
        for byte in bytes {
            if let Some(Ok(frame)) = self.decoder.push(*byte) {
                self.link.hear(now, frame);
            }
        }
    }

    /// Tells what happened. Poll after [`receive`](Self::receive) and [`close`](Self::close) and at
    /// the [deadline](Self::deadline), until there is [nothing](PhoneEvent::Nothing).
    pub fn poll(&mut self, now: Instant) -> PhoneEvent {
        self.link.poll(now)
    }

    /// The message that the last poll told of.
    pub fn message(&self) -> &[u8] {
        self.link.line.message()
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

    /// Says Bye. What is queued is dropped; [`PhoneEvent::Closed`] follows.
    pub fn close(&mut self, now: Instant) {
        self.link.close(now, Why::Asked);
    }

    /// When to poll at the latest if no bytes come; `now` if there is something to tell already.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.link.deadline(now)
    }

    /// True when the connection should be ended: the link is closed, that was told, and the last
    /// bytes are out or nobody took them for 2 s.
    pub fn wants_disconnect(&self) -> bool {
        let link = &self.link;
        matches!(link.state, State::Closing(None)) && (link.overdue || !link.line.has_output())
    }

    /// How many frames were dropped as damaged.
    pub const fn bad_frames(&self) -> u32 {
        self.decoder.bad_frames()
    }
}

impl Link {
    fn close(&mut self, now: Instant, why: Why) {
        if matches!(self.state, State::Closing(_)) {
            return;
        }
        self.line.close();
        if !matches!(why, Why::Bye | Why::Busy) {
            self.line.say(Kind::Bye, &[]);
        }
        self.state = State::Closing(Some(why));
        self.deadline = Some(now.after(LEAVE));
    }

    fn hear(&mut self, now: Instant, frame: Frame<'_>) {
        let Frame { kind, body } = frame;
        let heard = match (&self.state, kind) {
            (State::Closing(_), _) => Ok(()),
            (State::Called(_), Kind::Wait) if body.is_empty() => {
                self.wait(now);
                Ok(())
            }
            (State::Called(_), Kind::Busy) => self.busy(body),
            (State::Called(_) | State::Waiting(_), Kind::Reply) => self.reply(body),
            (State::Open, Kind::Data) => self.line.data(body),
            (State::Open, Kind::Credit) => self.line.credit(body),
            (_, Kind::Bye) if body.is_empty() => Err(Why::Bye),
            _ => Err(Why::Unexpected),
        };
        if let Err(why) = heard {
            self.close(now, why);
        }
    }

    fn wait(&mut self, now: Instant) {
        self.tap = true;
        self.deadline = Some(now.after(TAP_AND_ANSWER));
        self.state = match core::mem::replace(&mut self.state, State::Open) {
            State::Called(initiator) => State::Waiting(initiator),
            state => state,
        };
    }

    fn busy(&mut self, body: &[u8]) -> Result<(), Why> {
        let seconds = body.try_into().map_err(|_| Why::Malformed)?;
        self.busy = Some(u16::from_le_bytes(seconds));
        Err(Why::Busy)
    }

    fn reply(&mut self, body: &mut [u8]) -> Result<(), Why> {
        if body.len() != MESSAGE {
            return Err(Why::Malformed);
        }
        let (State::Called(initiator) | State::Waiting(initiator)) =
            core::mem::replace(&mut self.state, State::Open)
        else {
            return Err(Why::Unexpected);
        };
        let transport = initiator.finish(body).map_err(|_| Why::Refused)?;
        self.line.open(transport);
        self.line.prove();
        self.opened = true;
        self.deadline = None;
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> PhoneEvent {
        self.expire(now);
        if core::mem::take(&mut self.tap) {
            return PhoneEvent::TapTheCard;
        }
        if let Some(seconds) = self.busy.take() {
            return PhoneEvent::Busy { seconds };
        }
        if core::mem::take(&mut self.opened) {
            return PhoneEvent::Opened;
        }
        if let Some(length) = self.line.next_message() {
            return PhoneEvent::Message(length);
        }
        if let State::Closing(why) = &mut self.state
            && let Some(why) = why.take()
        {
            return PhoneEvent::Closed(why);
        }
        PhoneEvent::Nothing
    }

    fn expire(&mut self, now: Instant) {
        let stalled = self.stall.check(now, self.line.is_blocked());
        let late = self.deadline.is_some_and(|deadline| now >= deadline);
        match self.state {
            State::Called(_) if late => self.close(now, Why::Silent),
            State::Waiting(_) if late => self.close(now, Why::NotTapped),
            State::Open if stalled => self.close(now, Why::Stalled),
            State::Closing(_) if late => {
                self.overdue = true;
                self.deadline = None;
            }
            _ => (),
        }
    }

    fn deadline(&self, now: Instant) -> Option<Instant> {
        let told = !self.tap && self.busy.is_none() && !self.opened;
        if !told || self.line.has_message() || matches!(self.state, State::Closing(Some(_))) {
            return Some(now);
        }
        let stall = self.stall.deadline(now, self.line.is_blocked());
        self.deadline.into_iter().chain(stall).min()
    }
}
