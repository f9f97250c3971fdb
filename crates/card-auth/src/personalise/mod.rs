//! Makes a card ours, and finishes what an earlier run left undone.
//!
//! A [`Plan`] says what a card shall be; [`run`] brings it there. Each [`Step`] first asks the card
//! whether it is done, so a card that was taken away at any byte is finished by the next run, and a
//! finished card is left as it is. Key 0 is changed last: until then the factory's key opens the
//! card, after it ours.
//!
//! A card that another kit left half done opens with the factory's key 0 as well, and its other keys
//! have the same version as ours. So before anything is changed on a card whose key 0 is the
//! factory's, each key that is marked as done authenticates once; one that is another's is
//! [`Unfinished::ForeignKey`], and whoever began the card can still finish it.
//!
//! No key is tried twice: a run costs a card of ours none of its own 50 and 1,000 failures,
//! somebody else's finished card two of key 0, and one half done one of the key that told.
//!
//! | step | NTAG 424 DNA | DESFire |
//! | --- | --- | --- |
//! | application | is there | created if missing |
//! | keys | 4, 3, 2, 1 | 1 |
//! | file 3 | settings, then the profile's name and version | |
//! | file 2 | the address, then secure dynamic messaging | |
//! | key 0 | last | last |
//! | check | [`KeySlot::Pile`](crate::KeySlot::Pile) authenticates, the UID inside is the card's | same |
//!
//! # Power loss
//! Each command is atomic on the card (NT4H2421Gx clause 8.6 for up to 128 bytes of data, which is
//! all that a step writes); after any of them a second run finishes.

mod plan;
mod run;

pub use plan::{AddressTooLong, Instruction, Plan, Step};
pub use run::{Done, Unfinished, run, run_told};
