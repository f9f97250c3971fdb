//! How a world is built.

use super::{Look, ReaderChip};
use crate::flash::{Part, Speed};
use pile_units::Current;

/// How a world is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Outlets, 1..=16.
    pub ports: usize,
    /// For the pile's identity and secrets, and everything left to chance.
    pub seed: u64,
    /// The part that the ledger lies on.
    pub flash: Part,
    /// Bytes of it, whole pages.
    pub flash_bytes: usize,
    /// How long its operations take.
    pub speed: Speed,
    /// The chip of the card reader.
    pub reader: ReaderChip,
    /// When the reader looks for cards.
    pub look: Look,
    /// The current from which the meter chips report an over-current, and whether the pile watches
    /// for it at all: it asks each closed port every 80 ms, which a replay of years does not need.
    pub over_current: Option<Current>,
    /// True if the pile has its site's key: it asks cards for theirs, and lets phones be bound.
    pub has_site_key: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            ports: 10,
            seed: 1,
            flash: Part::W25q80,
            flash_bytes: Part::W25q80.bytes(),
            speed: Speed::Typical,
            reader: ReaderChip::Mfrc522,
            look: Look::Always,
            over_current: None,
            has_site_key: true,
        }
    }
}
