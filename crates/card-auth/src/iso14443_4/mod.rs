//! The transmission protocol of ISO/IEC 14443-4 as the reader speaks it, without any I/O: what to
//! send next, given what came back.
//!
//! Terms: the reader is the PCD, a card the PICC. **RATS** asks a selected card for its **ATS**,
//! which says how long a frame it takes (**FSC**, with the two bytes of `CRC_A`) and how long it
//! may think (**FWT**, from its **FWI**). From then on everything travels in blocks: **I-blocks**
//! carry data and may be chained, **R-blocks** say what arrived (ACK) or did not (NAK), **S-blocks**
//! ask for more time (WTX) or end it (DESELECT). A block is numbered 0 or 1 in turn.
//!
//! [`Link`] is what an activated card and the reader agreed on, [`Transfer`] one command and its
//! answer. The rules of clause 7.5 and where they are:
//!
//! | came back | while a command goes out | while an answer comes in |
//! | --- | --- | --- |
//! | R(ACK), the current number | toggle (rule B), next piece (rule 7); after the last piece: a fault | repair |
//! | R(ACK), the other number | the same piece again (rule 6) | repair |
//! | I-block, the current number | after the last piece: toggle (rule B), keep it; before: repair | toggle, keep it |
//! | I-block that chains | R(ACK) (rule 2) | R(ACK) (rule 2) |
//! | S(WTX) | S(WTX), and wait so much longer, once (rules 3 and 9) | the same |
//! | anything else, or nothing | repair: R(NAK) (rule 4) | repair: R(ACK) (rule 5) |
//!
//! **Total and bounded** (I8). Any frame is parsed or refused. A piece is repaired three times, a
//! card has a budget of extra time and of blocks, and so any replies end a transfer:
//! `i8_any_replies_end_a_transfer_in_a_bounded_number_of_blocks`.
//!
//! Not used, hence refused when a card does: CID and NAD (none is agreed on), other bit rates (no
//! PPS is sent, 106 kbit/s stays).

mod ats;
mod block;
mod transfer;

pub use ats::{Ats, rats};
pub use block::{Block, Malformed, Number};
pub use transfer::{Fault, Link, Reply, Step, Transfer};

/// The most bytes a frame of this protocol has, `CRC_A` included (clause 5.1, FSDI 8).
pub const LONGEST_FRAME: usize = 256;

/// How long a card may take to answer a RATS, in microseconds: 65,536 / fc (clause 5.6.1).
pub const ACTIVATION_MICROS: u32 = 4_833;

/// How long a card may take to answer S(DESELECT), in microseconds: 65,536 / fc (clause 8.1).
pub const DESELECT_MICROS: u32 = 4_833;

/// S(DESELECT) with its `CRC_A`, and the answer to it (clauses 7.1.1.3 and 8).
pub const DESELECT: [u8; 3] = [0xc2, 0xe0, 0xb4];

#[cfg(test)]
mod tests;
