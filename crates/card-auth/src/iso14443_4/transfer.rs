//! One command out and its answer in: the rules of clause 7.5 as the reader follows them.

use super::ats::Ats;
use super::block::{Block, Number};

/// How often in a row one block is repaired before the card is given up.
const REPAIRS: u8 = 3;
/// Blocks of an answer. At the smallest frames 258 bytes take 20.
const BLOCKS: u8 = 64;
/// S(WTX) in one transfer, and the time they may add up to.
const WAITS: u8 = 32;
const WAITS_MICROS: u32 = 5_000_000;
/// The longest wait that is granted at a time.
const LONGEST_WAIT_MICROS: u32 = 1_600_000;
/// What a reader waits beyond the waiting time (clause 7.2: 49,152 / fc).
const GRACE_MICROS: u32 = 3_625;
/// What a block has besides its data: PCB and `CRC_A`.
const FRAMING: usize = 3;

/// Why a [`Transfer`] ended without an answer.
///
/// ```
/// use card_auth::iso14443_4::Fault;
/// assert_eq!(Fault::Silent.to_string(), "the card is silent");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The card did not answer, nor after every repetition: it is gone.
    Silent,
    /// What the card sends breaks the protocol, or goes on past every bound.
    Protocol,
    /// The answer is longer than the buffer.
    AnswerLength,
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Silent => "the card is silent",
            Self::Protocol => "the card breaks the protocol",
            Self::AnswerLength => "the answer is longer than the buffer",
        })
    }
}

impl core::error::Error for Fault {}

/// What came back after a frame.
///
/// ```
/// use card_auth::iso14443_4::Reply;
/// assert_ne!(Reply::Silence, Reply::Garbled);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// Nothing, until the wait was over.
    Silence,
    /// Something that is no frame: parity, framing, or a collision.
    Garbled,
    /// A frame, `CRC_A` included and not looked at.
    Frame(&'a [u8]),
}

/// What to do next.
///
/// ```
/// use card_auth::iso14443_4::{Fault, Step};
/// assert_ne!(Step::Done(2), Step::Failed(Fault::Silent));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Send the first `bytes` of the buffer and wait for the reply to begin.
    Send {
        /// Length of the frame.
        bytes: usize,
        /// How long to wait, in microseconds.
        wait_micros: u32,
    },
    /// The answer is there; its length.
    Done(usize),
    /// There will be none. The card is in an unknown state.
    Failed(Fault),
}

/// What an activated card and the reader agreed on.
///
/// ```
/// use card_auth::iso14443_4::{Ats, Block, Link, Number, Reply, Step};
/// let ats = Ats::parse(&[0x06, 0x75, 0x77, 0x81, 0x02, 0x80, 0x02, 0xf0])?;
/// let mut link = Link::new(&ats);
/// let (mut frame, mut answer) = ([0; 64], [0; 258]);
/// let mut transfer = link.begin(&[0x90, 0x60, 0, 0, 0], &mut answer);
/// assert!(matches!(transfer.first(&mut frame), Step::Send { bytes: 8, .. }));
///
/// let mut reply = [0; 64];
/// let block = Block::Information { number: Number::Zero, more: false, data: &[0x91, 0xaf] };
/// let length = block.emit(&mut reply).unwrap();
/// assert_eq!(transfer.next(Reply::Frame(&reply[..length]), &mut frame), Step::Done(2));
/// assert_eq!(answer[..2], [0x91, 0xaf]);
/// # Ok::<(), card_auth::iso14443_4::Malformed>(())
/// ```
#[derive(Debug, Clone)]
pub struct Link {
    frame_bytes: usize,
    wait_micros: u32,
    number: Number,
}

impl Link {
    /// The link right after the activation.
    pub fn new(ats: &Ats) -> Self {
        Self {
            frame_bytes: ats.frame_bytes(),
            wait_micros: ats.waiting_micros() + GRACE_MICROS,
            // Rule A.
            number: Number::Zero,
        }
    }

    /// Begins to send `command`; the answer goes to the front of `answer`.
    pub const fn begin<'a>(&'a mut self, command: &'a [u8], answer: &'a mut [u8]) -> Transfer<'a> {
        Transfer {
            link: self,
            rest: command,
            piece: 0,
            receiving: false,
            answer,
            received: 0,
            repairs: REPAIRS,
            blocks: BLOCKS,
            waits: WAITS,
            waits_micros: WAITS_MICROS,
        }
    }
}

/// One command and its answer under way. The buffers for frames must hold 16 bytes or more; they
/// limit the pieces together with the card's own limit.
///
/// ```
/// # use card_auth::iso14443_4::{Ats, Fault, Link, Reply, Step};
/// # let ats = Ats::parse(&[0x06, 0x75, 0x77, 0x81, 0x02, 0x80, 0x02, 0xf0])?;
/// let mut link = Link::new(&ats);
/// let (mut frame, mut answer) = ([0; 64], [0; 258]);
/// let mut transfer = link.begin(&[0x90, 0x60, 0, 0, 0], &mut answer);
/// let _ = transfer.first(&mut frame);
/// // Nobody answers: asked three times more, R(NAK), then given up.
/// for _ in 0..3 {
///     assert!(matches!(transfer.next(Reply::Silence, &mut frame), Step::Send { bytes: 3, .. }));
///     assert_eq!(frame[0], 0xb2);
/// }
/// assert_eq!(transfer.next(Reply::Silence, &mut frame), Step::Failed(Fault::Silent));
/// # Ok::<(), card_auth::iso14443_4::Malformed>(())
/// ```
#[derive(Debug)]
pub struct Transfer<'a> {
    link: &'a mut Link,
    /// Of the command: from the piece that is on its way to the end.
    rest: &'a [u8],
    /// Bytes of that piece.
    piece: usize,
    /// An I-block has come: the card chains now, or nobody does.
    receiving: bool,
    answer: &'a mut [u8],
    received: usize,
    repairs: u8,
    blocks: u8,
    waits: u8,
    waits_micros: u32,
}

impl Transfer<'_> {
    /// Writes the first frame to `out`.
    pub fn first(&mut self, out: &mut [u8]) -> Step {
        self.send_piece(out)
    }

    /// Takes what came back, and writes the next frame to `out` if there is one.
    pub fn next(&mut self, reply: Reply<'_>, out: &mut [u8]) -> Step {
        let block = match reply {
            Reply::Silence => return self.repair(Fault::Silent, out),
            Reply::Garbled => None,
            Reply::Frame(frame) => Block::parse(frame).ok(),
        };
        match block {
            Some(Block::Wait(factor)) => self.grant(factor, out),
            Some(Block::Acknowledge(number)) if !self.receiving => {
                if number != self.link.number {
                    // Rule 6: the card has not got it.
                    return if self.is_out_of_repairs() {
                        Step::Failed(Fault::Protocol)
                    } else {
                        self.send_piece(out)
                    };
                }
                // Rule 7; what is not chained is answered by an I-block (rule 10).
                if self.piece >= self.rest.len() {
                    return Step::Failed(Fault::Protocol);
                }
                self.advance();
                self.rest = self.rest.get(self.piece..).unwrap_or_default();
                self.send_piece(out)
            }
            Some(Block::Information { number, more, data })
                if number == self.link.number
                    && (self.receiving || self.piece >= self.rest.len()) =>
            {
                self.keep(more, data, out)
            }
            _ => self.repair(Fault::Protocol, out),
        }
    }

    fn send_piece(&mut self, out: &mut [u8]) -> Step {
        let room = self.link.frame_bytes.min(out.len()).saturating_sub(FRAMING);
        self.piece = self.rest.len().min(room);
        let block = Block::Information {
            number: self.link.number,
            more: self.piece < self.rest.len(),
            data: self.rest.get(..self.piece).unwrap_or_default(),
        };
        if room == 0 {
            return Step::Failed(Fault::Protocol);
        }
        send(block, self.link.wait_micros, out)
    }

    fn keep(&mut self, more: bool, data: &[u8], out: &mut [u8]) -> Step {
        let end = self.received + data.len();
        let Some(room) = self.answer.get_mut(self.received..end) else {
            return Step::Failed(Fault::AnswerLength);
        };
        room.copy_from_slice(data);
        self.received = end;
        self.receiving = true;
        self.advance();
        if !more {
            return Step::Done(self.received);
        }
        match self.blocks.checked_sub(1) {
            Some(left) => self.blocks = left,
            None => return Step::Failed(Fault::Protocol),
        }
        // Rule 2.
        let block = Block::Acknowledge(self.link.number);
        send(block, self.link.wait_micros, out)
    }

    /// Rules 4 and 5.
    fn repair(&mut self, fault: Fault, out: &mut [u8]) -> Step {
        if self.is_out_of_repairs() {
            return Step::Failed(fault);
        }
        let block = if self.receiving {
            Block::Acknowledge(self.link.number)
        } else {
            Block::Refuse(self.link.number)
        };
        send(block, self.link.wait_micros, out)
    }

    /// Rules 3 and 9; clause 7.3: the longer wait holds until the next block.
    fn grant(&mut self, factor: u8, out: &mut [u8]) -> Step {
        let wait = self.link.wait_micros.saturating_mul(u32::from(factor));
        let wait = wait.min(LONGEST_WAIT_MICROS);
        let left = (self.waits.checked_sub(1)).zip(self.waits_micros.checked_sub(wait));
        let Some((waits, micros)) = left else {
            return Step::Failed(Fault::Protocol);
        };
        (self.waits, self.waits_micros) = (waits, micros);
        send(Block::Wait(factor), wait, out)
    }

    /// Rule B, and a new block may be repaired anew.
    const fn advance(&mut self) {
        self.link.number = self.link.number.other();
        self.repairs = REPAIRS;
    }

    const fn is_out_of_repairs(&mut self) -> bool {
        match self.repairs.checked_sub(1) {
            Some(left) => {
                self.repairs = left;
                false
            }
            None => true,
        }
    }
}

fn send(block: Block<'_>, wait_micros: u32, out: &mut [u8]) -> Step {
    match block.emit(out) {
        Some(bytes) => Step::Send { bytes, wait_micros },
        None => Step::Failed(Fault::Protocol),
    }
}
