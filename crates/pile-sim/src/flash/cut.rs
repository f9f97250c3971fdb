//! When the power fails, and how far the operation under way gets.

/// How far the torn operation gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes, or all of a shorter operation: then power fails between the operation and
    /// its acknowledgement.
    Bytes(usize),
    /// So many 65535ths of the operation's bytes.
    Fraction(u16),
}

/// What the torn part looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    /// The bytes before the cut are done; a program leaves at most one word with some of its bits,
    /// an erase leaves random bits in all the rest.
    Prefix,
    /// All bytes are begun and each bit is done with the probability of the progress: chips that
    /// program a page buffer in parallel.
    Scattered,
}

/// A power cut to come, for [`Probe::arm_cut`](super::Probe::arm_cut).
///
/// ```
/// use pile_sim::flash::{CutPlan, Progress, Tear};
///
/// let third_operation_after_ten_bytes = CutPlan {
///     after_operations: 2,
///     progress: Progress::Bytes(10),
///     tear: Tear::Prefix,
///     seed: 1,
/// };
/// let anywhere_in_the_next_operation = CutPlan::random(0, 42);
/// # assert_ne!(third_operation_after_ten_bytes, anywhere_in_the_next_operation);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutPlan {
    /// Operations that still complete.
    pub after_operations: u64,
    /// How far the next one gets.
    pub progress: Progress,
    /// What it leaves.
    pub tear: Tear,
    /// Chooses the random bits.
    pub seed: u64,
}

impl CutPlan {
    /// A cut after so many operations, whose progress and tear follow from the seed.
    pub fn random(after_operations: u64, seed: u64) -> Self {
        let [low, high, tear, ..] = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        Self {
            after_operations,
            progress: Progress::Fraction(u16::from_be_bytes([low, high])),
            tear: if tear < 64 {
                Tear::Scattered
            } else {
                Tear::Prefix
            },
            seed,
        }
    }
}

/// What an operation does when power fails in it, and every one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCut {
    /// Returns [`FlashError::PowerLost`](super::FlashError::PowerLost).
    Fail,
    /// Never completes: the processor that asked is off, too.
    Hang,
}
