//! `AuthenticateEV2First` and the secure messaging that follows (NXP AN12196, AN12343).
//!
//! NTAG 424 DNA and DESFire EV2 and EV3 speak it alike. Reader and card show each other that they
//! have the same AES-128 key and make two session keys of their random numbers; no key goes over
//! the air. Sans-I/O: each state gives the [`Command`](crate::Command) to send and takes the answer.
//!
//! | state | sends | takes | becomes |
//! | --- | --- | --- | --- |
//! | [`Start`] | `90 71`, key number | E(K, RndB) | [`Challenged`] |
//! | [`Challenged`] | `90 AF`, E(K, RndA, RndB') | E(K, TI, RndA', capabilities) | [`Session`] |
//! | [`Session`] | anything, [sealed](Session::seal) | its answer, [opened](Session::open) | itself |
//!
//! **TI**: transaction identifier, four bytes the card chooses. **RndA'**: RndA one byte to the
//! left. **Command counter**: both ends count commands from 0; it goes into every MAC and initial
//! value, so no command or answer can be played again.
//!
//! Invariants: a session exists only after the card has shown RndA' under the key; after any error
//! it seals nothing more; RndA comes from the caller and must be fresh and unpredictable.

mod handshake;
mod session;

pub use handshake::{Challenged, HandshakeError, Start};
pub use session::{CommMode, OpenError, SealError, Session};

#[cfg(test)]
mod tests;
