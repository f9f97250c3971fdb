//! NOR flash at the level of its cells: it erases whole pages to ones, programs by clearing bits,
//! insists on alignment, takes its time, counts its wear, and loses power in the middle of an
//! operation.
//!
//! # Terms
//! - A **word** is the smallest programmable unit, a **page** the smallest erasable one.
//! - An **operation** is one program or one erase; reads change nothing and are only counted.
//! - A **cut** is the loss of power at or inside an operation; it leaves the operation **torn**.
//! - An **unstable** bit reads differently from one read to the next, until its page is erased.
//!
//! # Invariants
//! - Alone, a flash takes no virtual time: an operation is done when its future is first polled.
//!   In a [`World`](crate::world::World) it takes the datasheet's ([`Times`]), and a cut of the
//!   supply falls into the operation that is under way.
//! - The chip finishes what it was told, also if nobody waits for it: whoever drops the future of
//!   an operation finds the chip busy, not idle.
//! - The same calls give the same cells: what is random follows from a seed.

mod cells;
mod chip;
mod cut;
mod error;
mod nor;
mod part;
mod probe;
mod statistics;
mod tears;
#[cfg(test)]
mod tests;

pub use cells::Cells;
pub use cut::{CutPlan, OnCut, Progress, Tear};
pub use error::FlashError;
pub use nor::{Stm32g4, VirtualNor, W25q80};
pub use part::{Part, Speed, Times};
pub use probe::Probe;
pub use statistics::Statistics;
pub use tears::{Bits, Order, Outcome};

/// How often a word may be programmed between two erases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// As often as one likes, as long as bits are only cleared: serial NOR flash.
    ClearBits,
    /// Once: flash with an error-correcting code over each word, as in the STM32G4 (reference
    /// manual RM0440, section 3.3.7).
    Once,
}

/// One program or erase.
///
/// ```
/// use pile_sim::flash::{Operation, W25q80};
/// use embedded_storage_async::nor_flash::NorFlash;
/// let mut flash = W25q80::w25q80();
/// flash.record_operations();
/// embassy_futures::block_on(flash.write(16, b"ab")).unwrap();
/// let expected = Operation::Program { address: 16, bytes: b"ab".to_vec() };
/// assert_eq!(flash.take_operations(), [expected]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Bits are cleared.
    Program {
        /// Where it begins.
        address: u32,
        /// What the cells are to hold.
        bytes: Vec<u8>,
    },
    /// Pages become ones.
    Erase {
        /// The first byte.
        from: u32,
        /// The byte behind the last.
        to: u32,
    },
}

impl Operation {
    /// Where it begins.
    pub const fn address(&self) -> u32 {
        match self {
            Self::Program { address, .. } => *address,
            Self::Erase { from, .. } => *from,
        }
    }

    /// How many bytes it changes.
    pub fn length(&self) -> usize {
        match self {
            Self::Program { bytes, .. } => bytes.len(),
            Self::Erase { from, to } => usize::try_from(to - from).unwrap_or(usize::MAX),
        }
    }

    /// True for an erase.
    pub const fn is_erase(&self) -> bool {
        matches!(self, Self::Erase { .. })
    }
}

/// The operation that a cut tore, from [`Probe::last_cut`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornOperation {
    /// An erase; else a program.
    pub erase: bool,
    /// Where it began.
    pub address: u32,
    /// How many bytes it was meant to change.
    pub length: usize,
}
