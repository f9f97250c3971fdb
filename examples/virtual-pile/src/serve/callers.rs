//! Phones in browsers: they stand in line, and each has its turn at the pile's one link.
//!
//! A pile has one link. A phone that comes while another has it waits: its WebSocket is answered
//! once it is let in, so to the phone it has simply not connected yet. Whoever has the link keeps it
//! as long as nobody waits. If somebody does, it is handed on when the phone has been silent for a
//! moment, or at the first breath after a long turn; but never from a phone whose card is to be
//! tapped. Who lost it is told so ([`TURN_OVER`]), and may come again at once.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use pile_sim::link::Doorway;
use tungstenite::error::Error;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role};
use tungstenite::{Message, WebSocket};

use super::http::Caller;

/// The code of a WebSocket that is closed because another phone waits.
pub(super) const TURN_OVER: u16 = 4001;
/// That is closed because the pile ended the link, or lost its supply.
const SENT_AWAY: u16 = 4000;
/// Whoever says nothing for so long lets another phone in.
const SILENT: Duration = Duration::from_secs(3);
/// And whoever has had the link for so long needs only be silent ...
const LONG_TURN: Duration = Duration::from_secs(15);
/// ... for a breath.
const BREATH: Duration = Duration::from_millis(400);
/// A card is waited for so long, and a little.
const TAP: Duration = Duration::from_secs(75);
/// For who was sent away to hear it.
const LEAVE: Duration = Duration::from_secs(1);
/// Phones in line at most.
const MOST_WAITING: usize = 8;
/// What a phone in a browser is busy for, after it said something.
const BUSY: Duration = Duration::from_millis(1_500);

/// A frame that only says what was heard is no longer than this: 1 + 2 bytes, their check, and what
/// frames them. A phone that says no more than that listens.
const CREDIT: usize = 10;

/// The phone that has the link.
struct Guest {
    socket: WebSocket<TcpStream>,
    who: String,
    since: Instant,
    spoke: Instant,
    /// Frames of the link that the pile sent: after the first alone, it may wait for a tap.
    frames: Frames,
}

/// Frames of a link, counted as they go by: a zero ends one, and has something before it. A link begins
/// with a zero that ends nothing.
#[derive(Default)]
struct Frames {
    count: usize,
    within: bool,
}

impl Frames {
    fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let ends = *byte == 0 && self.within;
            self.count += usize::from(ends);
            self.within = *byte != 0;
        }
    }
}

/// The line, and who is at its head.
pub(super) struct Callers {
    guest: Option<Guest>,
    waiting: Vec<Caller>,
    leaving: Vec<(Instant, WebSocket<TcpStream>)>,
}

impl Callers {
    pub(super) const fn new() -> Self {
        Self {
            guest: None,
            waiting: Vec::new(),
            leaving: Vec::new(),
        }
    }

    /// Who has the link.
    pub(super) fn guest(&self) -> Option<&str> {
        self.guest.as_ref().map(|guest| guest.who.as_str())
    }

    /// Who waits, first come first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().map(|caller| caller.who.as_str())
    }

    /// True while a phone talks: a link's deadlines are short, so time is not to run ahead.
    pub(super) fn is_busy(&self) -> bool {
        let talks = |guest: &Guest| guest.spoke.elapsed() < BUSY || guest.waits_for_a_tap();
        self.guest.as_ref().is_some_and(talks)
    }

    /// Somebody comes.
    pub(super) fn come(&mut self, caller: Caller) {
        if self.waiting.len() < MOST_WAITING && caller.stream.set_nonblocking(true).is_ok() {
            self.waiting.push(caller);
        }
    }

    /// Lets the next in if there is room, and carries bytes both ways, as far as they go at once.
    pub(super) fn look(&mut self, doorway: &Doorway, open: bool) {
        self.carry(doorway);
        self.waiting.retain(|caller| !is_gone(&caller.stream));
        let yields = |guest: &Guest| guest.yields();
        if !self.waiting.is_empty() && self.guest.as_ref().is_some_and(yields) {
            self.hand_on(doorway, TURN_OVER, "another phone's turn");
        }
        if self.guest.is_none() && open && !self.waiting.is_empty() && doorway.come() {
            let mut caller = self.waiting.remove(0);
            // A hundred bytes fit what a socket just opened takes.
            if caller.welcome().is_err() {
                doorway.leave();
            } else {
                let now = Instant::now();
                self.guest = Some(Guest {
                    socket: WebSocket::from_raw_socket(caller.stream, Role::Server, None),
                    who: caller.who,
                    since: now,
                    spoke: now,
                    frames: Frames::default(),
                });
            }
        }
        self.leaving.retain_mut(|(since, socket)| {
            since.elapsed() < LEAVE && !matches!(ended(socket.read()), Heard::Gone)
        });
    }

    /// Sends whoever has the link away: the pile is not there any more.
    pub(super) fn hang_up(&mut self, doorway: &Doorway) {
        self.hand_on(doorway, SENT_AWAY, "the pile ended the link");
    }

    fn hand_on(&mut self, doorway: &Doorway, code: u16, why: &'static str) {
        let Some(mut guest) = self.guest.take() else {
            return;
        };
        doorway.leave();
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: why.into(),
        };
        if !matches!(said(guest.socket.close(Some(frame))), Heard::Gone) {
            self.leaving.push((Instant::now(), guest.socket));
        }
    }

    fn carry(&mut self, doorway: &Doorway) {
        let Some(guest) = &mut self.guest else {
            return;
        };
        let here = guest.hear(doorway) && guest.tell(doorway);
        if !here {
            self.guest = None;
            doorway.leave();
        } else if !doorway.is_open() {
            self.hang_up(doorway);
        }
    }
}

impl Guest {
    /// False once it has left.
    fn hear(&mut self, doorway: &Doorway) -> bool {
        loop {
            match ended(self.socket.read()) {
                Heard::Bytes(bytes) => {
                    if bytes.len() > CREDIT {
                        self.spoke = Instant::now();
                    }
                    doorway.put(&bytes);
                }
                Heard::Other => {}
                Heard::Nothing => return true,
                Heard::Gone => return false,
            }
        }
    }

    /// False once it has left.
    fn tell(&mut self, doorway: &Doorway) -> bool {
        let bytes = doorway.take();
        if bytes.is_empty() {
            return !matches!(said(self.socket.flush()), Heard::Gone);
        }
        self.frames.hear(&bytes);
        let sent = self.socket.send(Message::binary(bytes));
        !matches!(said(sent), Heard::Gone)
    }

    /// One answer came, and nothing after it: either the answer was "tap the card", or the phone has
    /// left without a word.
    fn waits_for_a_tap(&self) -> bool {
        self.frames.count <= 1 && self.since.elapsed() < TAP
    }

    /// True if it is to let another in, when another waits.
    fn yields(&self) -> bool {
        let silent = self.spoke.elapsed();
        let long = self.since.elapsed() > LONG_TURN && silent > BREATH;
        !self.waits_for_a_tap() && (silent > SILENT || long)
    }
}

/// What a socket gave.
enum Heard {
    Bytes(Vec<u8>),
    Other,
    Nothing,
    Gone,
}

fn ended(read: Result<Message, Error>) -> Heard {
    match read {
        Ok(Message::Binary(bytes)) => Heard::Bytes(bytes.to_vec()),
        Ok(_) => Heard::Other,
        Err(error) => waits(&error),
    }
}

fn said(sent: Result<(), Error>) -> Heard {
    sent.map_or_else(|error| waits(&error), |()| Heard::Nothing)
}

fn waits(error: &Error) -> Heard {
    match error {
        Error::Io(error) if error.kind() == ErrorKind::WouldBlock => Heard::Nothing,
        _ => Heard::Gone,
    }
}

/// True if whoever waits has hung up.
fn is_gone(stream: &TcpStream) -> bool {
    match stream.peek(&mut [0; 1]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_and_not_the_zero_before_the_first() {
        let mut frames = Frames::default();
        for (bytes, count) in [
            ([0, 3, 1].as_slice(), 0),
            (&[2, 0], 1),
            (&[0, 0], 1),
            (&[5, 0, 6, 0, 7], 3),
        ] {
            frames.hear(bytes);
            assert_eq!(frames.count, count, "{bytes:?}");
        }
    }
}
