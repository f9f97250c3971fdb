//! Questions that only the ledger can answer.
//!
//! An [`Inquiry`] is worked on by whoever owns the flash, a slice at a time: a slice reads one page, so a
//! record that is to be written never waits longer than for that. It looks through the whole ledger
//! as often as it must (a statement three times and more) with a bounded memory, since records that
//! were carried on stand behind younger ones. What is appended meanwhile is not looked at; when a page
//! is given back, it begins again.

use super::About;
use super::signing::Signing;
use super::statement::StatementSearch;
use super::views::Viewer;
use crate::{Controller, Refusal};
use billing_core::book::Book;
use billing_core::journal::SliceError;
use billing_core::ledger::{Ledger, Look};
use billing_core::receipt::SoftwareKey;
use billing_core::record::{ClosedSession, Record, Segment};
use ble_protocol::message::{
    Capabilities, ExportChunk, ExportCursor, Frames, List, ReceiptPage, Request, Response,
    SessionPage,
};
use ble_protocol::permission::Role;
use embedded_storage_async::nor_flash::NorFlash;
use pile_units::{AccountId, CardAlias, PlanId, SessionId, UtcOffset};

/// How often it begins again before it gives up.
const PATIENCE: u8 = 8;
/// Sessions in an answer.
pub(super) const SESSIONS: usize = 8;

/// A question to the ledger, and how far its answer is.
///
/// ```
/// use pile_controller::serve::{Inquiry, Serve, Todo};
/// /// What the ledger is to be asked, if that is what a message comes to.
/// fn inquiry(todo: Todo) -> Option<Inquiry> {
///     match todo {
///         Todo::LookUp(inquiry) => Some(inquiry),
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    question: Question,
    place: Option<Place>,
    patience: u8,
    number: u32,
}

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// The oldest page when it began.
    oldest: u32,
    /// The last record when it began.
    through: u64,
    /// The next page, counted from the oldest.
    page: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is no heap to box a page on"
)]
enum Question {
    Sessions(Sessions),
    Receipt(Receipt<SESSIONS>),
    Signature(Signing),
    Statement(StatementSearch),
    Export(ExportCursor),
}

/// The inquiry that a question comes to, if the machine cannot answer it. Refused: what is not the
/// viewer's own.
pub(super) fn inquiry(
    request: &Request,
    viewer: &Viewer,
    machine: &Controller,
    about: &About,
) -> Option<Result<Inquiry, Refusal>> {
    let book = machine.book();
    let question = match request {
        Request::Sessions {
            account,
            before,
            count,
        } => whose(*account, viewer, book).map(|account| {
            let most = if *count == 0 {
                SESSIONS
            } else {
                SESSIONS.min(usize::from(*count))
            };
            Question::Sessions(Sessions {
                account,
                before: *before,
                most,
                newest: heapless::Vec::new(),
            })
        }),
        Request::Receipt { session, from } => {
            Receipt::of(*session, *from, viewer, book).map(Question::Receipt)
        }
        Request::SignReceipt { .. } if !about.capabilities.has(Capabilities::RECEIPTS) => {
            Err(Refusal::NoReceiptKey)
        }
        Request::SignReceipt { session } => Receipt::of(*session, 0, viewer, book)
            .map(|receipt| Question::Signature(Signing::new(receipt, about.firmware.clone()))),
        Request::Statement {
            account,
            period,
            skip,
        } => whose(*account, viewer, book)
            .and_then(|account| account.ok_or(Refusal::NoSuchThing))
            .map(|account| Question::Statement(StatementSearch::new(account, *period, *skip))),
        Request::ExportFrom { cursor } => Ok(Question::Export(*cursor)),
        _ => return None,
    };
    Some(question.map(|question| Inquiry {
        question,
        place: None,
        patience: PATIENCE,
        number: 0,
    }))
}

/// Whose records are asked for; `None` for everybody's.
fn whose(
    asked: Option<AccountId>,
    viewer: &Viewer,
    book: &Book,
) -> Result<Option<AccountId>, Refusal> {
    match (viewer.role, asked) {
        (Role::Landlord, None) => Ok(None),
        (Role::Landlord, Some(account)) => {
            book.account(account).ok_or(Refusal::NoSuchThing)?;
            Ok(Some(account))
        }
        (_, None) => Ok(Some(viewer.account.ok_or(Refusal::NotAllowed)?)),
        (_, Some(account)) if viewer.sees(account) => Ok(Some(account)),
        _ => Err(Refusal::NotYours),
    }
}

impl Inquiry {
    pub(super) const fn numbered(mut self, number: u32) -> Self {
        self.number = number;
        self
    }

    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    /// Reads the next slice; the answer, once it has read everything. A signature is a slice of its
    /// own: some seven million instructions, in which nothing else is served.
    ///
    /// # Cancellation safety
    /// Changes nothing on the flash. A slice that was not finished must not be gone on with.
    pub async fn slice<F: NorFlash>(
        &mut self,
        ledger: &mut Ledger<F>,
        book: &impl Look,
        key: Option<&SoftwareKey>,
    ) -> Option<Response> {
        if let Question::Signature(signing) = &self.question
            && let Some(signature) = signing.sign(key)
        {
            return Some(signature);
        }
        if let Question::Export(cursor) = self.question {
            return Some(export(cursor, ledger).await);
        }
        let place = match self.place {
            Some(place) if place.oldest == ledger.oldest_page() => place,
            before => {
                // Not the first time: a page was given back meanwhile.
                if before.is_some() {
                    match self.patience.checked_sub(1) {
                        Some(left) => self.patience = left,
                        None => return Some(Response::Refused(Refusal::Busy)),
                    }
                }
                book.look(|book| self.begin(book));
                Place {
                    oldest: ledger.oldest_page(),
                    through: ledger.last_record(),
                    page: 0,
                }
            }
        };
        let question = &mut self.question;
        let read = ledger.visit_page(place.page, |seq, record| {
            if seq <= place.through {
                question.see(seq, &record);
            }
        });
        match read.await {
            Err(_) => return Some(Response::Refused(Refusal::LedgerFailed)),
            Ok(true) => {
                let page = place.page.saturating_add(1);
                self.place = Some(Place { page, ..place });
                return None;
            }
            Ok(false) => {}
        }
        self.place = Some(Place { page: 0, ..place });
        book.look(|book| self.question.turn(book))
    }

    fn begin(&mut self, book: &Book) {
        match &mut self.question {
            Question::Sessions(it) => it.newest.clear(),
            Question::Receipt(it) => it.begin(),
            Question::Signature(it) => it.receipt.begin(),
            Question::Statement(it) => it.begin(book),
            Question::Export(_) => {}
        }
    }
}

impl Question {
    fn see(&mut self, seq: u64, record: &Record) {
        match self {
            Self::Sessions(it) => it.see(record),
            Self::Receipt(it) => it.see(seq, record),
            Self::Signature(it) => it.receipt.see(seq, record),
            Self::Statement(it) => it.see(seq, record),
            Self::Export(_) => {}
        }
    }

    /// The whole ledger was read once: the answer, unless it has to be read again.
    fn turn(&mut self, book: &Book) -> Option<Response> {
        match self {
            Self::Sessions(it) => Some(it.response()),
            Self::Receipt(it) => Some(it.response(book)),
            Self::Signature(it) => it.turn(book),
            Self::Statement(it) => it.turn(book),
            Self::Export(_) => None,
        }
    }
}

/// The newest sessions below a number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sessions {
    account: Option<AccountId>,
    before: Option<SessionId>,
    most: usize,
    /// With one more than an answer holds, which says that there is one.
    newest: heapless::Vec<ClosedSession, { SESSIONS + 1 }>,
}

impl Sessions {
    fn see(&mut self, record: &Record) {
        let Record::SessionClosed(closed) = record else {
            return;
        };
        let wanted = self.account.is_none_or(|account| account == closed.account)
            && self.before.is_none_or(|before| closed.session < before);
        if !wanted {
            return;
        }
        let place = self
            .newest
            .iter()
            .position(|it| it.session < closed.session);
        let place = place.unwrap_or(self.newest.len());
        if self.newest.is_full() {
            if place == self.newest.len() {
                return;
            }
            self.newest.pop();
        }
        let _ = self.newest.insert(place, *closed);
    }

    fn response(&self) -> Response {
        Response::Sessions(SessionPage {
            sessions: list(self.newest.iter().take(self.most).copied()),
            more: self.newest.len() > self.most,
        })
    }
}

/// A session's records, and so many of its segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receipt<const SEGMENTS: usize> {
    session: SessionId,
    from: u8,
    own: Option<AccountId>,
    closed: Option<(u64, ClosedSession)>,
    /// The first record of the session that stands here.
    opened: Option<u64>,
    /// The record of its opening stands here, and with it every record after that.
    from_opening: bool,
    /// The first clock set after that.
    clock: Option<u64>,
    segments: heapless::Vec<Segment, SEGMENTS>,
}

/// A session's records, found.
pub(super) struct Found<'a> {
    pub closed: &'a ClosedSession,
    pub alias: CardAlias,
    /// The clock was set while it ran, as far as the records tell.
    pub clock_set: bool,
    /// The records tell of all the time that it ran.
    pub clock_known: bool,
    pub utc_offset: UtcOffset,
    /// From the one asked for on, as many as find room.
    pub segments: &'a [Segment],
    /// Segments that found no room.
    pub more: bool,
}

impl<const SEGMENTS: usize> Receipt<SEGMENTS> {
    /// Refused: what is not the viewer's own, or is no session that has ended.
    fn of(session: SessionId, from: u8, viewer: &Viewer, book: &Book) -> Result<Self, Refusal> {
        let running = book.open_sessions().find(|open| open.id == session);
        if running.is_some_and(|open| !viewer.sees(open.account)) {
            return Err(Refusal::NotYours);
        }
        if running.is_some() || session >= book.next_session() || session.get() == 0 {
            return Err(Refusal::NoSuchThing);
        }
        let own = match viewer.role {
            Role::Landlord => None,
            _ => Some(viewer.account.ok_or(Refusal::NotAllowed)?),
        };
        Ok(Self {
            session,
            from,
            own,
            closed: None,
            opened: None,
            from_opening: false,
            clock: None,
            segments: heapless::Vec::new(),
        })
    }

    fn begin(&mut self) {
        (self.closed, self.opened, self.clock) = (None, None, None);
        self.from_opening = false;
        self.segments.clear();
    }

    fn see(&mut self, seq: u64, record: &Record) {
        match record {
            Record::SessionOpened { session, .. } | Record::OpenedByPhone { session, .. }
                if *session == self.session =>
            {
                self.opened = Some(seq);
                self.from_opening = true;
            }
            Record::ClockSet { .. } if self.clock.is_none() && self.opened.is_some() => {
                self.clock = Some(seq);
            }
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment }
                if segment.session == self.session =>
            {
                self.opened = self.opened.or(Some(seq));
                if segment.index >= self.from {
                    self.keep(segment);
                }
            }
            Record::SessionClosed(closed) if closed.session == self.session => {
                self.closed = Some((seq, *closed));
            }
            _ => {}
        }
    }

    fn keep(&mut self, segment: &Segment) {
        let place = self.segments.iter().position(|it| it.index > segment.index);
        let place = place.unwrap_or(self.segments.len());
        if self.segments.is_full() {
            if place == self.segments.len() {
                return;
            }
            self.segments.pop();
        }
        let _ = self.segments.insert(place, *segment);
    }

    /// What was found. Refused: another's, or what is not whole.
    pub(super) fn found(&self, book: &Book) -> Result<Found<'_>, Refusal> {
        let (seq, closed) = self.closed.as_ref().ok_or(Refusal::NotHere)?;
        let mut cards = book.credentials().iter();
        let card = cards.find(|card| card.id == closed.credential);
        let card = card.ok_or(Refusal::NotHere)?;
        if self.own.is_some_and(|own| own != closed.account) {
            return Err(Refusal::NotYours);
        }
        let wanted = usize::from(closed.segments.saturating_sub(self.from));
        if self.segments.len() < wanted.min(SEGMENTS) {
            return Err(Refusal::NotHere);
        }
        let tariff = book.tariff(PlanId::STANDARD);
        Ok(Found {
            closed,
            alias: card.alias,
            clock_set: self.clock.is_some_and(|set| set < *seq),
            clock_known: self.from_opening,
            utc_offset: tariff.map_or(UtcOffset::UTC, |(_, tariff)| tariff.utc_offset()),
            segments: &self.segments,
            more: wanted > self.segments.len(),
        })
    }
}

impl Receipt<SESSIONS> {
    fn response(&self, book: &Book) -> Response {
        match self.found(book) {
            Err(why) => Response::Refused(why),
            Ok(found) => Response::Receipt(ReceiptPage {
                session: *found.closed,
                alias: found.alias,
                clock_set: found.clock_set,
                utc_offset: found.utc_offset,
                segments: list(found.segments.iter().copied()),
                more: found.more,
            }),
        }
    }
}

/// As many frames as an answer holds. Nothing is longer than a page and those.
async fn export<F: NorFlash>(cursor: ExportCursor, ledger: &mut Ledger<F>) -> Response {
    let mut frames = Frames::new();
    let slice = ledger.export_from(cursor.seq, cursor.place, |frame| {
        frames.push(frame.kind, frame.payload)
    });
    match slice.await {
        Ok(slice) => Response::Export(ExportChunk {
            identity: ledger.identity().bytes(),
            seq: slice.start.seq,
            head: slice.start.head.bytes(),
            frames,
            next: ExportCursor {
                seq: slice.next.seq(),
                place: slice.next.page(),
            },
            done: slice.is_last,
        }),
        Err(SliceError::Moved) => Response::Refused(Refusal::NotHere),
        Err(SliceError::Scan(_)) => Response::Refused(Refusal::LedgerFailed),
    }
}

/// As many as find room.
pub(super) fn list<T, const N: usize>(items: impl Iterator<Item = T>) -> List<T, N> {
    let mut list = List::new();
    for item in items {
        if !list.push(item) {
            break;
        }
    }
    list
}
