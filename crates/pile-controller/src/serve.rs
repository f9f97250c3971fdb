//! One phone's conversation: requests in, answers and notices out.
//!
//! [`Serve`] is a plain value like the machine beside it. It reads no clock, owns no pipe and no
//! flash, and knows no cipher: whoever runs it hands it the messages that the link opened, and sends
//! what it has to say.
//!
//! | what | becomes |
//! | --- | --- |
//! | a question about what the machine knows | an answer at once, from [`Controller`] |
//! | a question about what only the ledger knows | [`Todo::LookUp`]: one [`Inquiry`] at a time |
//! | a request that changes something | [`Todo::Feed`]: an event, answered when the machine answers it |
//! | a request that came before | the same answer, or nothing while the first is still on its way |
//! | a request that the role may not make | refused, whatever it is about |
//!
//! # Terms
//! - A **flight** is a request that the machine has and has not answered.
//! - What is **kept** is the answer to a request that changed something, or was refused: the last
//!   [`KEPT_A_PHONE`] of each of the [`PHONES_KEPT`] phones that asked last. It is gone with the supply.
//!
//! # Invariants
//! - The table of [`permission`](ble_protocol::permission) is asked before anything is looked at.
//! - No request of a phone is done twice while the supply lasts: its number is either greater than
//!   all before, or it is answered from what is kept, or refused as too old. What was refused as busy
//!   was not done, and may be asked again under the same number.
//! - Nothing here signs but a slice of an [`Inquiry`], with a key that whoever runs it holds.

mod answers;
mod inquiry;
mod notices;
mod ring;
mod signing;
mod statement;
#[cfg(test)]
mod tests;
mod views;
mod wishes;

pub use inquiry::Inquiry;
pub use ring::Ring;
pub use signing::SIGNED_SEGMENTS;

use crate::{Command, Controller, Event, Outcome, Refusal, Signal};
use answers::{Answers, Kept};
use billing_core::journal::Identity;
use billing_core::record::Record;
use ble_protocol::message::{
    Asked, Bound, Capabilities, RequestId, Response, SentKey, Text, Told, VERSION, Welcome,
};
use ble_protocol::permission::{Role, allows};
use ble_protocol::{Holder, PhoneKeys};
use card_auth::SiteKey;
use notices::Notices;
use pile_units::{CardAlias, Duration, Instant, PhoneId, Strength};
use views::Viewer;
use wishes::{Shape, Wish};

/// Answers that are kept of each phone.
pub const KEPT_A_PHONE: usize = 4;
/// Phones whose answers are all kept; of more, those of the phones that asked last.
pub const PHONES_KEPT: usize = 8;
/// A link without a request is ended after this long.
pub const IDLE: Duration = Duration::from_minutes(5);
/// And after this long while a session of its own runs, which its holder may be watching.
pub const WATCHING: Duration = Duration::from_minutes(30);

/// Requests that the machine has at a time.
const FLIGHTS: usize = 4;
/// Short answers that wait to be sent.
const SHORT: usize = 8;

/// What a pile says of itself.
///
/// ```
/// use ble_protocol::message::Capabilities;
/// use pile_controller::serve::About;
/// let about = About {
///     name: "Hof 3".parse()?,
///     firmware: "openpile 0.1.0".parse()?,
///     capabilities: Capabilities::CARD_KEYS.with(Capabilities::CLOCK),
/// };
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Its name, as it is advertised.
    pub name: Text<24>,
    /// Its firmware's version.
    pub firmware: Text<32>,
    /// What its hardware can do.
    pub capabilities: Capabilities,
}

/// What is to be done with a message.
///
/// ```
/// use pile_controller::serve::Todo;
/// assert!(matches!(Todo::Nothing, Todo::Nothing));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[expect(
    clippy::large_enum_variant,
    reason = "there is no heap to box an event on"
)]
pub enum Todo {
    /// Nothing but to send what there is: [`Serve::say`].
    Nothing,
    /// The machine is to hear this.
    Feed(Event),
    /// The ledger is to be asked this; the answer goes to [`Serve::found`].
    LookUp(Inquiry),
    /// Nobody can answer that: end the link.
    Close,
}

/// A request that the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flight {
    /// The number of its event.
    number: u16,
    holder: Holder,
    /// The link it came by: who has no number of his own is answered on it or not at all.
    link: u32,
    id: RequestId,
    shape: Shape,
}

/// Who is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    holder: Holder,
    /// The recovery code that counted when the link was opened.
    recoveries: u8,
    welcomed: bool,
    heard: Instant,
}

/// The pile's side of the conversations with its phones, one phone at a time.
///
/// ```
/// use billing_core::{book::Book, journal::Identity, ledger::Headroom};
/// use ble_protocol::message::Told;
/// use ble_protocol::{Holder, PhoneKeys};
/// use pile_controller::serve::{About, Serve};
/// use pile_controller::{Config, Controller, Durable};
/// use pile_units::{Instant, PileId, WallTime};
/// # let now = Instant::from_millis(1000);
/// # let durable = Durable { seq: 0, headroom: Headroom { sessions: 100, facts: 1000 } };
/// # let config = Config { ports: 2, pile: PileId::new([1; 8]), wall: WallTime::default(), durable };
/// let machine = Controller::new(config, Book::new(), now);
/// let keys = PhoneKeys::new([7; 32]);
/// let mut serve = Serve::new(About::default(), keys, Identity::new([9; 16]), now);
/// // The link stands: somebody has shown that he has a recovery code.
/// let _ = serve.opened(now, Holder::Recovery, None, &machine);
/// assert!(matches!(serve.say(now, &machine), Some(Told::Welcome(_))));
/// ```
pub struct Serve {
    about: About,
    keys: PhoneKeys,
    journal: [u8; 16],
    /// When the pile was started.
    since: Instant,
    line: Option<Line>,
    /// Counts the links.
    link: u32,
    /// Counts the inquiries.
    looks: u32,
    /// The number of the next event.
    next: u16,
    flights: heapless::Vec<Flight, FLIGHTS>,
    answers: Answers,
    /// Short answers to be sent.
    short: heapless::Deque<(RequestId, Kept), SHORT>,
    /// A long one.
    long: Option<(RequestId, Response)>,
    /// The request that the ledger is asked for.
    asked: Option<(u32, RequestId)>,
    bound: Option<PhoneId>,
    /// Bound, and its link had gone by then.
    orphan: Option<PhoneId>,
    notices: Notices,
    /// Handshakes that failed, and frames that were damaged, as the link counts them.
    troubles: (u32, u32),
}

impl Serve {
    /// Nobody is connected. The keys of phones are made of the hardware's secret and of the journal's
    /// name; `now` is when the pile was started.
    pub const fn new(about: About, keys: PhoneKeys, journal: Identity, now: Instant) -> Self {
        Self {
            about,
            keys,
            journal: journal.bytes(),
            since: now,
            line: None,
            link: 0,
            looks: 0,
            next: 0,
            flights: heapless::Vec::new(),
            answers: Answers::new(),
            short: heapless::Deque::new(),
            long: None,
            asked: None,
            bound: None,
            orphan: None,
            notices: Notices::new(),
            troubles: (0, 0),
        }
    }

    /// The keys that open a link now: of every phone that is not revoked, and of the recovery code
    /// whose turn it is, where the pile has a site key.
    pub const fn ring<'a>(
        &'a self,
        machine: &'a Controller,
        site: Option<&'a SiteKey>,
    ) -> Ring<'a> {
        Ring {
            keys: &self.keys,
            journal: &self.journal,
            machine,
            site,
        }
    }

    /// A link stands. What there is to say begins with the welcome. For a card, `tapped` is the card
    /// that was tapped, and the event binds the phone to it.
    pub fn opened(
        &mut self,
        now: Instant,
        holder: Holder,
        tapped: Option<(CardAlias, Strength)>,
        machine: &Controller,
    ) -> Todo {
        self.closed();
        self.link = self.link.wrapping_add(1);
        self.line = Some(Line {
            holder,
            recoveries: machine.book().recoveries(),
            welcomed: false,
            heard: now,
        });
        self.notices.begin(now, machine);
        match (holder, tapped) {
            (Holder::Card, Some((alias, strength))) => {
                let wish = crate::ByPhone::Bind { alias, strength };
                self.fly(holder, RequestId::default(), Wish::plain(wish))
            }
            (Holder::Card, None) => Todo::Close,
            (Holder::Phone(_) | Holder::Recovery, _) => Todo::Nothing,
        }
    }

    /// The link is gone. What the machine still does, it does, and its answer is kept.
    pub fn closed(&mut self) {
        self.line = None;
        self.short.clear();
        (self.long, self.asked, self.bound) = (None, None, None);
        self.notices.end();
    }

    /// A message came: the bytes of a request, as the link opened them.
    pub fn request(&mut self, now: Instant, bytes: &[u8], machine: &Controller) -> Todo {
        let Some(line) = &mut self.line else {
            return Todo::Close;
        };
        line.heard = now;
        let line = *line;
        let Asked { id, request } = match Asked::decode(bytes) {
            Ok(asked) => asked,
            Err(malformed) => {
                let Some(Told::Answer {
                    id,
                    response: Response::Refused(why),
                }) = malformed.answer()
                else {
                    return Todo::Close;
                };
                return self.refuse(id, why);
            }
        };
        let Some(viewer) = Viewer::of(line.holder, machine.book()) else {
            // Revoked: what waits to be said is said, and then the link ends.
            return Todo::Nothing;
        };
        if !allows(viewer.role, &request) {
            return self.refuse(id, Refusal::NotAllowed);
        }
        if request.is_question() {
            return self.question(now, id, &request, (viewer, machine));
        }
        if let Holder::Phone(phone) = line.holder {
            // Two of the same number at a time are one.
            if self
                .flights
                .iter()
                .any(|it| it.holder == line.holder && it.id == id)
            {
                return Todo::Nothing;
            }
            match self.answers.of(phone, id, machine.book()) {
                answers::Known::Answer(kept) => {
                    self.answer(id, kept);
                    return Todo::Nothing;
                }
                answers::Known::TooOld => return self.refuse(id, Refusal::TooOld),
                answers::Known::New => {}
            }
        }
        if self.flights.is_full() || self.short.is_full() {
            return self.refuse(id, Refusal::Busy);
        }
        let wish = wishes::wish(id, request, (&viewer, line.recoveries), machine);
        if let Holder::Phone(phone) = line.holder {
            self.answers.begin(phone, id, machine.book());
        }
        match wish {
            Ok(wish) => self.fly(line.holder, id, wish),
            Err(why) => {
                self.settle(line.holder, id, Kept::Refused(why));
                self.refuse(id, why)
            }
        }
    }

    /// The machine has answered the event of this number.
    pub fn answered(&mut self, number: u16, outcome: Outcome, machine: &Controller) {
        let place = self.flights.iter().position(|it| it.number == number);
        let Some(flight) = place.map(|place| self.flights.swap_remove(place)) else {
            return;
        };
        let kept = flight.shape.kept(outcome, machine.book());
        self.settle(flight.holder, flight.id, kept);
        let line = self.line.filter(|line| line.holder == flight.holder);
        let named = matches!(flight.holder, Holder::Phone(_));
        let Some(line) = line.filter(|_| named || flight.link == self.link) else {
            if let Outcome::Bound(phone) = outcome {
                self.orphan = Some(phone);
            }
            return;
        };
        match (line.holder, outcome) {
            (Holder::Card, Outcome::Bound(phone)) => self.bound = Some(phone),
            _ => self.answer(flight.id, kept),
        }
    }

    /// A phone was bound whose link had gone by then: nobody has its key, and this revokes it.
    pub fn orphaned(&mut self) -> Option<Event> {
        let phone = self.orphan.take()?;
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let revoke = crate::ByPhone::Manage(Command::RevokePhone(phone));
        Some(Event::Phone(number, revoke))
    }

    /// A record became part of the book: whoever is connected may hear of it.
    pub fn recorded(&mut self, record: &Record, machine: &Controller) {
        self.notices.recorded(record, machine);
    }

    /// The pile said something to whoever stands before it.
    pub fn signalled(&mut self, signal: Signal) {
        self.notices.signalled(signal);
    }

    /// What the ledger answered to the inquiry; nothing comes of it if the phone is gone.
    pub fn found(&mut self, response: Response) {
        if let Some((_, id)) = self.asked.take() {
            self.long = Some((id, response));
        }
    }

    /// True while the answer to this inquiry is awaited: whoever works on it may stop otherwise.
    pub fn awaits(&self, inquiry: &Inquiry) -> bool {
        self.asked
            .is_some_and(|(number, _)| number == inquiry.number())
    }

    /// What the link counts: handshakes that failed and damaged frames, since the pile was started.
    pub const fn count_troubles(&mut self, failed_handshakes: u32, bad_frames: u32) {
        self.troubles = (failed_handshakes, bad_frames);
    }

    /// What is to be sent next, if there is anything; it counts as sent.
    pub fn say(&mut self, now: Instant, machine: &Controller) -> Option<Told> {
        let line = self.line.as_mut()?;
        let holder = line.holder;
        if !core::mem::replace(&mut line.welcomed, true) {
            return Some(Told::Welcome(self.welcome(now, machine)));
        }
        if let (Some(phone), Some(pile)) = (self.bound.take(), machine.book().pile()) {
            let key = self.keys.key(&self.journal, phone);
            let key = SentKey::new(*key.expose());
            return Some(Told::Bound(Bound { phone, key, pile }));
        }
        if let Some((id, kept)) = self.short.pop_front() {
            let response = kept.response();
            return Some(Told::Answer { id, response });
        }
        if let Some((id, response)) = self.long.take() {
            return Some(Told::Answer { id, response });
        }
        let viewer = Viewer::of(holder, machine.book())?;
        self.notices.next(now, &viewer, machine).map(Told::Notice)
    }

    /// When there may be something to say or to do without anything happening.
    pub fn deadline(&self, machine: &Controller) -> Option<Instant> {
        let line = self.line.as_ref()?;
        let viewer = Viewer::of(line.holder, machine.book())?;
        let reading = self.notices.deadline(&viewer, machine);
        let ends = line.heard.after(patience(&viewer, machine));
        reading.into_iter().chain([ends]).min()
    }

    /// True if the link is to be ended once everything is sent: the phone was revoked, the recovery
    /// code is used up, or nothing was asked for [`IDLE`], or [`WATCHING`] while a session of its own
    /// runs: it comes back when it has a question, and meanwhile the landlord's may come in.
    pub fn wants_close(&self, now: Instant, machine: &Controller) -> bool {
        let Some(line) = &self.line else {
            return false;
        };
        let book = machine.book();
        let Some(viewer) = Viewer::of(line.holder, book) else {
            return true;
        };
        (line.holder == Holder::Recovery && line.recoveries != book.recoveries())
            || now.since(line.heard) >= patience(&viewer, machine)
    }

    fn question(
        &mut self,
        now: Instant,
        id: RequestId,
        request: &ble_protocol::message::Request,
        (viewer, machine): (Viewer, &Controller),
    ) -> Todo {
        if self.long.is_some() || self.asked.is_some() {
            return self.refuse(id, Refusal::Busy);
        }
        if let Some(inquiry) = inquiry::inquiry(request, &viewer, machine, &self.about) {
            return match inquiry {
                Ok(inquiry) => {
                    self.looks = self.looks.wrapping_add(1);
                    let inquiry = inquiry.numbered(self.looks);
                    self.asked = Some((self.looks, id));
                    Todo::LookUp(inquiry)
                }
                Err(why) => self.refuse(id, why),
            };
        }
        let response = match request {
            ble_protocol::message::Request::Hello { .. } => {
                Ok(Response::Welcome(self.welcome(now, machine)))
            }
            ble_protocol::message::Request::Diagnostics => {
                let uptime = u32::try_from(now.since(self.since).seconds()).unwrap_or(u32::MAX);
                Ok(views::diagnostics(now, uptime, self.troubles, machine))
            }
            other => views::view(now, other, &viewer, machine),
        };
        match response {
            Ok(response) => self.long = Some((id, response)),
            Err(why) => return self.refuse(id, why),
        }
        Todo::Nothing
    }

    fn welcome(&self, now: Instant, machine: &Controller) -> Welcome {
        let book = machine.book();
        let holder = self.line.map_or(Holder::Card, |line| line.holder);
        let viewer = Viewer::of(holder, book);
        let phone = match holder {
            Holder::Phone(phone) => Some(phone),
            Holder::Card | Holder::Recovery => None,
        };
        Welcome {
            version: VERSION,
            pile: book.pile(),
            name: self.about.name.clone(),
            ports: u8::try_from(machine.ports().count()).unwrap_or(u8::MAX),
            firmware: self.about.firmware.clone(),
            capabilities: self.about.capabilities,
            now: machine.wall(now),
            role: viewer.map_or(Role::Card, |viewer| viewer.role),
            phone,
            account: viewer.and_then(|viewer| viewer.account),
            last_request: phone.map_or(RequestId::default(), |phone| {
                self.answers.newest(phone, book)
            }),
        }
    }

    /// Hands a wish to the machine.
    fn fly(&mut self, holder: Holder, id: RequestId, wish: Wish) -> Todo {
        let number = self.next;
        let flight = Flight {
            number,
            holder,
            link: self.link,
            id,
            shape: wish.shape,
        };
        if self.flights.push(flight).is_err() {
            return Todo::Close;
        }
        self.next = self.next.wrapping_add(1);
        Todo::Feed(Event::Phone(number, wish.wish))
    }

    /// Keeps what became of a request.
    fn settle(&mut self, holder: Holder, id: RequestId, kept: Kept) {
        if let Holder::Phone(phone) = holder {
            self.answers.keep(phone, id, kept);
        }
    }

    fn refuse(&mut self, id: RequestId, why: Refusal) -> Todo {
        self.answer(id, Kept::Refused(why));
        Todo::Nothing
    }

    fn answer(&mut self, id: RequestId, kept: Kept) {
        // A phone that asks on and takes no answers loses some, and asks again.
        let _ = self.short.push_back((id, kept));
    }
}

/// How long a link may go without a request.
fn patience(viewer: &Viewer, machine: &Controller) -> Duration {
    if viewer.charges(machine) {
        WATCHING
    } else {
        IDLE
    }
}
