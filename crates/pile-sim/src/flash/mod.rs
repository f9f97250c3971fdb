//! NOR flash at the level of its cells: it erases whole pages to ones, programs by clearing bits,
//! insists on alignment, counts its wear, and loses power in the middle of an operation.
//!
//! Terms: a **word** is the smallest programmable unit, a **page** the smallest erasable one, an
//! **operation** one program or one erase (reads change nothing and are only counted). A **cut** is
//! the loss of power at or inside an operation; it leaves the operation **torn**.
//!
//! Nothing here takes virtual time: an operation is done when its future is first polled.

mod chip;
#[cfg(test)]
mod tests;

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use chip::Chip;

/// How often a word may be programmed between two erases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// As often as one likes, as long as bits are only cleared: serial NOR flash.
    ClearBits,
    /// Once: flash with an error-correcting code over each word, as in the STM32G4 (reference
    /// manual RM0440, section 3.3.7).
    Once,
}

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

/// A power cut to come, for [`VirtualNor::arm_cut`].
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
    /// Returns [`FlashError::PowerLost`].
    Fail,
    /// Never completes: the processor that asked is off, too.
    Hang,
}

/// Error returned by the operations of [`VirtualNor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlashError {
    /// The address or the length is not a multiple of the word or page.
    NotAligned,
    /// The range reaches beyond the flash.
    OutOfBounds,
    /// The program would set a bit, or programs a word twice.
    NotErased {
        /// Where the program began.
        address: u32,
    },
    /// The power is off.
    PowerLost,
}

impl std::fmt::Display for FlashError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAligned => f.write_str("the access is not aligned"),
            Self::OutOfBounds => f.write_str("the access reaches beyond the flash"),
            Self::NotErased { address } => write!(f, "programmed at {address:#x} without an erase"),
            Self::PowerLost => f.write_str("the power is off"),
        }
    }
}

impl std::error::Error for FlashError {}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotErased { .. } | Self::PowerLost => NorFlashErrorKind::Other,
        }
    }
}

/// What a flash has done since it was made. Torn operations count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    /// Program operations.
    pub programs: u64,
    /// Bytes handed to program operations.
    pub bytes_programmed: u64,
    /// Erase operations, each of one page or more.
    pub erases: u64,
    /// Erases of each page.
    pub page_erases: Vec<u32>,
    /// Read operations.
    pub reads: u64,
    /// Bytes read.
    pub bytes_read: u64,
}

impl Statistics {
    fn new(pages: usize) -> Self {
        Self {
            programs: 0,
            bytes_programmed: 0,
            erases: 0,
            page_erases: vec![0; pages],
            reads: 0,
            bytes_read: 0,
        }
    }

    /// Programs and erases.
    pub const fn operations(&self) -> u64 {
        self.programs + self.erases
    }

    /// Erases of the page that was erased most.
    pub fn max_page_erases(&self) -> u32 {
        self.page_erases.iter().copied().max().unwrap_or(0)
    }
}

/// The operation that a cut tore, from [`VirtualNor::last_cut`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornOperation {
    /// An erase; else a program.
    pub erase: bool,
    /// Where it began.
    pub address: u32,
    /// How many bytes it was meant to change.
    pub length: usize,
}

/// A handle on a virtual NOR flash with words of `WRITE` bytes and pages of `ERASE` bytes. Clones
/// reach the same chip, so its contents outlive the pile that used it.
///
/// ```
/// use embedded_storage_async::nor_flash::NorFlash;
/// use pile_sim::flash::{CutPlan, FlashError, W25q80};
///
/// embassy_futures::block_on(async {
///     let world = W25q80::w25q80();
///     let mut pile = world.clone();
///     pile.write(0, b"kept").await.unwrap();
///     world.arm_cut(CutPlan::random(0, 7));
///     assert_eq!(pile.write(4, b"torn").await, Err(FlashError::PowerLost));
///     assert!(world.cut_happened());
///     world.power_up();
///     assert_eq!(&world.image()[..4], b"kept");
/// });
/// ```
#[derive(Debug, Clone)]
pub struct VirtualNor<const WRITE: usize, const ERASE: usize> {
    chip: Rc<RefCell<Chip>>,
}

/// A Winbond W25Q80: 1 MiB of serial NOR flash, 4 KiB sectors, any byte programmable.
pub type W25q80 = VirtualNor<1, 4096>;

/// The part of an STM32G4's internal flash that holds a ledger: 64 KiB, 2 KiB pages, double words
/// that can be programmed once after an erase.
pub type Stm32g4 = VirtualNor<8, 2048>;

impl W25q80 {
    /// An erased W25Q80.
    pub fn w25q80() -> Self {
        Self::new(1 << 20, Words::ClearBits)
    }
}

impl Stm32g4 {
    /// 64 KiB of erased STM32G4 flash.
    pub fn stm32g4() -> Self {
        Self::new(64 << 10, Words::Once)
    }
}

impl<const WRITE: usize, const ERASE: usize> VirtualNor<WRITE, ERASE> {
    /// An erased flash with power. `capacity` in bytes, rounded down to whole pages.
    pub fn new(capacity: usize, words: Words) -> Self {
        const {
            assert!(
                WRITE > 0 && ERASE.is_multiple_of(WRITE),
                "a page holds whole words"
            );
        };
        let chip = Chip::new(capacity / ERASE * ERASE, ERASE, WRITE, words);
        Self {
            chip: Rc::new(RefCell::new(chip)),
        }
    }

    /// An erased flash that holds this image from its first byte. Words that are not all ones
    /// count as programmed. Power is on, statistics are zero.
    pub fn from_image(image: &[u8], words: Words) -> Self {
        let flash = Self::new(image.len().next_multiple_of(ERASE), words);
        let mut cells = image.to_vec();
        cells.resize(image.len().next_multiple_of(ERASE), 0xff);
        flash.chip().load(&cells);
        flash
    }

    fn chip(&self) -> RefMut<'_, Chip> {
        self.chip.borrow_mut()
    }

    /// Arms a power cut. A later plan replaces an earlier one.
    pub fn arm_cut(&self, plan: CutPlan) {
        self.chip().arm(plan);
    }

    /// Takes back a cut that has not happened.
    pub fn disarm_cut(&self) {
        self.chip().disarm();
    }

    /// Chooses what operations do without power. [`OnCut::Fail`] at first.
    pub fn set_on_cut(&self, on_cut: OnCut) {
        self.chip().on_cut = on_cut;
    }

    /// True from a cut until [`power_up`](Self::power_up).
    pub fn cut_happened(&self) -> bool {
        self.chip().cut_happened
    }

    /// The operation that the last cut tore, if one was.
    pub fn last_cut(&self) -> Option<TornOperation> {
        self.chip().last_cut
    }

    /// Cuts the power between operations, and forgets an armed plan.
    pub fn power_off(&self) {
        self.chip().power_off();
    }

    /// Gives power back. The cells stay as the cut left them.
    pub fn power_up(&self) {
        let mut chip = self.chip();
        chip.powered = true;
        chip.cut_happened = false;
    }

    /// What the chip has done so far.
    pub fn statistics(&self) -> Statistics {
        self.chip().statistics.clone()
    }

    /// Programs and erases so far.
    pub fn operations(&self) -> u64 {
        self.chip().statistics.operations()
    }

    /// A copy of all cells.
    pub fn image(&self) -> Vec<u8> {
        self.chip().cells.clone()
    }

    /// Flips one bit of the cells: wear, radiation, a probe. False if there is no such byte.
    pub fn flip_bit(&self, address: usize, bit: u8) -> bool {
        let mut chip = self.chip();
        let cell = chip.cells.get_mut(address);
        cell.map(|cell| *cell ^= 1 << (bit & 7)).is_some()
    }

    async fn done(&self, result: Result<(), FlashError>) -> Result<(), FlashError> {
        let hang = result == Err(FlashError::PowerLost) && self.chip().on_cut == OnCut::Hang;
        if hang {
            std::future::pending::<()>().await;
        }
        result
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for VirtualNor<WRITE, ERASE> {
    type Error = FlashError;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for VirtualNor<WRITE, ERASE> {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let result = self.chip().read(offset, bytes);
        self.done(result).await
    }

    fn capacity(&self) -> usize {
        self.chip().cells.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for VirtualNor<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let result = self.chip().erase(from, to);
        self.done(result).await
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let result = self.chip().program(offset, bytes);
        self.done(result).await
    }
}
