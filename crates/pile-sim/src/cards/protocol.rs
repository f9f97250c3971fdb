//! The card's half of ISO/IEC 14443-4, written from the standard on its own: no line of it is the
//! reader's.

use std::cell::RefCell;
use std::rc::Rc;

use card_auth::iso14443a::crc_a;

use super::{Application, Bits};

/// How a card speaks ISO/IEC 14443-4.
///
/// ```
/// use pile_sim::cards::Speech;
/// // A slow card that asks for time twice before each answer.
/// let slow = Speech { waits: 2, ..Speech::default() };
/// assert_eq!(slow.fsci, 7);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speech {
    /// The frames it takes, as the code of clause 5.1: 0 to 8 for 16 to 256 bytes.
    pub fsci: u8,
    /// Its waiting time, as the code of clause 5.2.5: 0 to 14 for 0.3 ms to 4.9 s.
    pub fwi: u8,
    /// S(WTX) requests before each answer.
    pub waits: u8,
    /// The most data it puts into a block of its own, 1 or more; what the reader takes limits it,
    /// too.
    pub piece: usize,
}

impl Default for Speech {
    /// An NTAG 424 DNA: frames of 128 bytes, FWI 7, no S(WTX), blocks as long as they may be.
    fn default() -> Self {
        Self {
            fsci: 7,
            fwi: 7,
            waits: 0,
            piece: 253,
        }
    }
}

/// Bytes of a frame by FSDI (clause 5.1).
const SIZES: [usize; 9] = [16, 24, 32, 40, 48, 64, 96, 128, 256];

#[derive(Clone)]
pub(super) struct Protocol {
    application: Rc<RefCell<Box<dyn Application>>>,
    pub(super) speech: Speech,
    session: Option<Session>,
}

#[derive(Clone)]
struct Session {
    /// Bytes of a frame the reader takes.
    fsd: usize,
    /// The card's block number; 1 at first (rule C).
    number: u8,
    command: Vec<u8>,
    /// What is left of the answer.
    answer: Vec<u8>,
    /// S(WTX) requests still to come before it.
    waits: u8,
    /// The last frame sent (rule 11).
    last: Vec<u8>,
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc_a(&bytes);
    bytes.extend(crc);
    bytes
}

/// The bytes before a right `CRC_A`.
fn opened(frame: &Bits) -> Option<&[u8]> {
    if !frame.len().is_multiple_of(8) {
        return None;
    }
    let (body, crc) = frame.bytes().split_last_chunk::<2>()?;
    (crc_a(body) == *crc).then_some(body)
}

impl Protocol {
    pub(super) fn new(application: Box<dyn Application>) -> Self {
        Self {
            application: Rc::new(RefCell::new(application)),
            speech: Speech::default(),
            session: None,
        }
    }

    pub(super) fn power_up(&self) {
        self.application.borrow_mut().power_up();
    }

    pub(super) fn close(&mut self) {
        self.session = None;
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.session.is_none()
    }

    /// RATS to ATS (clauses 5.1, 5.2): T0, TA, TB, TC, one historical byte.
    pub(super) fn activate(&mut self, frame: &Bits) -> Option<Bits> {
        let [0xe0, parameter] = *opened(frame)? else {
            return None;
        };
        let fsd = SIZES.get(usize::from(parameter >> 4)).copied();
        self.power_up();
        self.session = Some(Session {
            fsd: fsd.unwrap_or(256),
            number: 1,
            command: Vec::new(),
            answer: Vec::new(),
            waits: 0,
            last: Vec::new(),
        });
        let Speech { fsci, fwi, .. } = self.speech;
        let ats = vec![0x06, 0x70 | fsci & 0x0f, 0x77, fwi << 4 | 1, 0x02, 0x80];
        Some(Bits::whole(&sealed(ats)))
    }

    /// Takes a block; what is none is met with silence (clause 7.5.4).
    pub(super) fn block(&mut self, frame: &Bits) -> Option<Bits> {
        let (pcb, data) = opened(frame)?.split_first()?;
        let session = self.session.as_mut()?;
        let number = pcb & 1;
        let reply = match (pcb & !1, data) {
            (0x02 | 0x12, _) => {
                // Rule D.
                session.number ^= 1;
                session.command.extend(data);
                if pcb & 0x10 != 0 {
                    // Rule 2.
                    vec![0xa2 | session.number]
                } else {
                    let command = std::mem::take(&mut session.command);
                    session.answer = self.application.borrow_mut().command(&command);
                    session.waits = self.speech.waits;
                    session.speak(self.speech.piece)
                }
            }
            // Rule 11.
            (0xa2 | 0xb2, []) if number == session.number => {
                return Some(Bits::whole(&session.last));
            }
            // Rule 12.
            (0xb2, []) => vec![0xa2 | session.number],
            // Rules E and 13.
            (0xa2, []) if !session.answer.is_empty() => {
                session.number ^= 1;
                session.speak(self.speech.piece)
            }
            (0xf2, [_]) if *pcb == 0xf2 => session.speak(self.speech.piece),
            (0xc2, []) if *pcb == 0xc2 => {
                self.session = None;
                return Some(Bits::whole(&sealed(vec![0xc2])));
            }
            _ => return None,
        };
        session.last = sealed(reply);
        Some(Bits::whole(&session.last))
    }
}

impl Session {
    /// A request for time (rule 9), or the next piece of the answer.
    fn speak(&mut self, piece: usize) -> Vec<u8> {
        if let Some(left) = self.waits.checked_sub(1) {
            self.waits = left;
            return vec![0xf2, 0x01];
        }
        let room = (self.fsd - 3).min(piece.max(1)).min(self.answer.len());
        let rest = self.answer.split_off(room);
        let now = std::mem::replace(&mut self.answer, rest);
        let chains = if self.answer.is_empty() { 0 } else { 0x10 };
        let mut block = vec![0x02 | chains | self.number];
        block.extend(now);
        block
    }
}
