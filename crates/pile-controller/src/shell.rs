//! The async shell: the one loop that runs a [`Controller`](crate::Controller) on real parts.
//!
//! [`run`] is generic over one [`Hardware`] trait, needs no executor, no allocator and no thread,
//! and is the same code on a board and on the desk. It joins one task a part:
//!
//! | task | waits for | does |
//! | --- | --- | --- |
//! | meters | the next reading due | reads one chip, corrects it by its calibration, feeds the reading; asks closed ports for their fast over-current in between |
//! | cards | the pace of the reader | looks for a card, asks it for its key where one is expected, feeds its alias; resets a silent reader |
//! | buttons, lines, link | a press, a trip, a command | feeds it |
//! | phones | bytes of a phone, something to tell it | runs the link and the conversation ([`Serve`](crate::serve::Serve)), a step at a time |
//! | ledger | something in the outbox | appends it, feeds `Persisted`; then does the ledger's own work in slices, and reads what a phone asked a page at a time |
//! | time | the machine's deadline | feeds `Tick` |
//!
//! Where the ledger is refused the pile stands with every relay open, says so, and waits for the
//! landlord; phones get nothing, since without its ledger the pile knows none: the damaged bytes stay until somebody has shown that they are exported
//! ([`Command::ConfirmEvidence`](crate::Command::ConfirmEvidence)) and the privilege card, a button and
//! the privilege card again have a new ledger begun.
//!
//! Feeding is synchronous: the machine handles the event and its relays have moved before the
//! task awaits again. So a flash erase, a slow reader or a dead phone never delays a trip.

mod fast;
mod hardware;
mod phones;
mod prover;
mod refused;
mod tasks;

pub use hardware::{
    Buttons, CardPace, Clock, Hardware, Line, Lines, Link, NoPhones, Panel, Parts, Phones, Random,
    Relays, Rtc,
};
pub use tasks::run;
