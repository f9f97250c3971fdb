//! The answers that are kept, so that a request that comes twice is done once.

use super::{KEPT_A_PHONE, PHONES_KEPT};
use crate::Refusal;
use billing_core::book::{Book, Settlement};
use ble_protocol::message::{RequestId, Response};
use pile_units::{Duration, MAX_PHONES, PhoneId, PortId, SessionId};

/// All that are kept.
const ALL: usize = KEPT_A_PHONE * PHONES_KEPT;

/// An answer that is short enough to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Done,
    Refused(Refusal),
    Started { session: SessionId, port: PortId },
    Window(Duration),
    Settled(Settlement),
}

impl Kept {
    pub fn response(self) -> Response {
        match self {
            Self::Done => Response::Done,
            Self::Refused(why) => Response::Refused(why),
            Self::Started { session, port } => Response::Started { session, port },
            Self::Window(open) => Response::Window {
                seconds: u8::try_from(open.seconds()).unwrap_or(u8::MAX),
            },
            Self::Settled(settlement) => Response::Settled(settlement),
        }
    }
}

/// What is known of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    New,
    Answer(Kept),
    TooOld,
}

/// The last answers of the phones that asked last.
#[derive(Debug)]
pub(super) struct Answers {
    /// The oldest first.
    kept: heapless::Vec<(PhoneId, RequestId, Kept), ALL>,
    /// The greatest number of a request that changes something.
    newest: heapless::Vec<(PhoneId, RequestId), MAX_PHONES>,
}

impl Answers {
    pub const fn new() -> Self {
        Self {
            kept: heapless::Vec::new(),
            newest: heapless::Vec::new(),
        }
    }

    /// The last request of a phone that the pile knows of.
    pub fn newest(&self, phone: PhoneId, book: &Book) -> RequestId {
        let durable = book.phone(phone).map_or(0, |phone| phone.last_request);
        let mut all = self.newest.iter();
        let newest = all.find(|(it, _)| *it == phone).map(|(_, id)| *id);
        newest.unwrap_or_default().max(RequestId::new(durable))
    }

    /// What is known of a request.
    pub fn of(&self, phone: PhoneId, id: RequestId, book: &Book) -> Known {
        let mut kept = self.kept.iter();
        if let Some((.., kept)) = kept.find(|(it, its, _)| (*it, *its) == (phone, id)) {
            return Known::Answer(*kept);
        }
        let durable = book.phone(phone).map_or(0, |phone| phone.last_request);
        if id.get() == 0 {
            Known::TooOld
        } else if id > self.newest(phone, book) || id.get() == durable {
            // The machine knows the start that is on record.
            Known::New
        } else {
            Known::TooOld
        }
    }

    /// The request is being done.
    pub fn begin(&mut self, phone: PhoneId, id: RequestId, book: &Book) {
        if let Some((_, newest)) = self.newest.iter_mut().find(|(it, _)| *it == phone) {
            *newest = id.max(*newest);
            return;
        }
        if self.newest.is_full() {
            // There are as many places as phones in the book.
            let live = |phone: PhoneId| book.phone(phone).is_some();
            self.newest.retain(|(phone, _)| live(*phone));
        }
        let _ = self.newest.push((phone, id));
    }

    /// What became of it. What was refused as busy was not done: the phone may ask again.
    pub fn keep(&mut self, phone: PhoneId, id: RequestId, kept: Kept) {
        if kept == Kept::Refused(Refusal::Busy) {
            let mut all = self.newest.iter_mut();
            let newest = all.find(|(it, newest)| *it == phone && *newest == id);
            if let Some((_, newest)) = newest {
                *newest = RequestId::new(id.get().saturating_sub(1));
            }
            return;
        }
        let of_phone = self.kept.iter().filter(|(it, ..)| *it == phone).count();
        let mut places = self.kept.iter();
        let oldest = if of_phone >= KEPT_A_PHONE {
            places.position(|(it, ..)| *it == phone)
        } else {
            self.kept.is_full().then_some(0)
        };
        if let Some(oldest) = oldest {
            self.kept.remove(oldest);
        }
        let _ = self.kept.push((phone, id, kept));
    }
}
