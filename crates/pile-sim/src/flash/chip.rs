//! The silicon: cells, what may be programmed, and what a power cut leaves.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{CutPlan, FlashError, OnCut, Progress, Statistics, Tear, TornOperation, Words};

/// Cells and power of one flash, whatever handle reaches it.
#[derive(Debug)]
pub(super) struct Chip {
    pub cells: Vec<u8>,
    erase_size: usize,
    write_size: usize,
    words: Words,
    /// A flag a word: programmed since its last erase. Empty where words may be programmed again.
    programmed: Vec<bool>,
    pub statistics: Statistics,
    plan: Option<CutPlan>,
    pub on_cut: OnCut,
    pub powered: bool,
    pub cut_happened: bool,
    pub last_cut: Option<TornOperation>,
}

impl Chip {
    pub fn new(capacity: usize, erase_size: usize, write_size: usize, words: Words) -> Self {
        let mut chip = Self {
            cells: vec![0xff; capacity],
            erase_size,
            write_size,
            words,
            programmed: Vec::new(),
            statistics: Statistics::new(capacity / erase_size),
            plan: None,
            on_cut: OnCut::Fail,
            powered: true,
            cut_happened: false,
            last_cut: None,
        };
        chip.find_programmed();
        chip
    }

    pub fn load(&mut self, image: &[u8]) {
        self.cells.copy_from_slice(image);
        self.find_programmed();
    }

    fn find_programmed(&mut self) {
        if self.words == Words::Once {
            let words = self.cells.chunks(self.write_size);
            self.programmed = words
                .map(|word| word.iter().any(|byte| *byte != 0xff))
                .collect();
        }
    }

    /// Arms a cut, `after_operations` programs and erases from now.
    pub fn arm(&mut self, plan: CutPlan) {
        let now = self.statistics.operations();
        self.plan = Some(CutPlan {
            after_operations: now + plan.after_operations,
            ..plan
        });
    }

    pub fn disarm(&mut self) {
        self.plan = None;
    }

    pub fn power_off(&mut self) {
        self.powered = false;
        self.cut_happened = true;
        self.plan = None;
    }

    /// The plan, if it strikes at the operation that is about to be done.
    fn due(&mut self) -> Option<CutPlan> {
        self.plan
            .take_if(|plan| plan.after_operations <= self.statistics.operations())
    }

    fn range(&self, offset: u32, length: usize) -> Result<std::ops::Range<usize>, FlashError> {
        let from = usize::try_from(offset).map_err(|_| FlashError::OutOfBounds)?;
        let to = from
            .checked_add(length)
            .filter(|to| *to <= self.cells.len());
        Ok(from..to.ok_or(FlashError::OutOfBounds)?)
    }

    pub fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let range = self.range(offset, bytes.len())?;
        self.powered()?;
        self.statistics.reads += 1;
        self.statistics.bytes_read += bytes.len() as u64;
        bytes.copy_from_slice(self.cells.get(range).ok_or(FlashError::OutOfBounds)?);
        Ok(())
    }

    pub fn program(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let range = self.range(offset, bytes.len())?;
        let unit = self.write_size;
        if !range.start.is_multiple_of(unit) || !bytes.len().is_multiple_of(unit) {
            return Err(FlashError::NotAligned);
        }
        self.powered()?;
        let words = range.start / unit..range.end / unit;
        let cells = self
            .cells
            .get(range.clone())
            .ok_or(FlashError::OutOfBounds)?;
        let used = match self.words {
            Words::ClearBits => cells
                .iter()
                .zip(bytes)
                .any(|(cell, byte)| cell & byte != *byte),
            Words::Once => self
                .programmed
                .get(words.clone())
                .is_none_or(|w| w.contains(&true)),
        };
        if used {
            return Err(FlashError::NotErased { address: offset });
        }
        let cut = self.due();
        self.statistics.programs += 1;
        self.statistics.bytes_programmed += bytes.len() as u64;
        let cells = self.cells.get_mut(range).ok_or(FlashError::OutOfBounds)?;
        let Some(plan) = cut else {
            cells.copy_from_slice(bytes);
            if let Some(words) = self.programmed.get_mut(words) {
                words.fill(true);
            }
            return Ok(());
        };
        tear_program(cells, bytes, unit, &plan);
        // A word that was begun but lost no bit still reads erased and can be programmed: neither a
        // chip nor its user can tell.
        let words = self.programmed.get_mut(words).unwrap_or_default();
        for (word, cells) in words.iter_mut().zip(cells.chunks(unit)) {
            *word = cells.iter().any(|cell| *cell != 0xff);
        }
        self.power_off();
        self.last_cut = Some(TornOperation {
            erase: false,
            address: offset,
            length: bytes.len(),
        });
        Err(FlashError::PowerLost)
    }

    pub fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        let length = to.checked_sub(from).ok_or(FlashError::OutOfBounds)?;
        let length = usize::try_from(length).map_err(|_| FlashError::OutOfBounds)?;
        let range = self.range(from, length)?;
        let unit = self.erase_size;
        if !range.start.is_multiple_of(unit) || !length.is_multiple_of(unit) {
            return Err(FlashError::NotAligned);
        }
        self.powered()?;
        let cut = self.due();
        self.statistics.erases += 1;
        let pages = range.start / unit..range.end / unit;
        for page in self
            .statistics
            .page_erases
            .get_mut(pages)
            .unwrap_or_default()
        {
            *page += 1;
        }
        let words = range.start / self.write_size..range.end / self.write_size;
        let cells = self.cells.get_mut(range).ok_or(FlashError::OutOfBounds)?;
        let Some(plan) = cut else {
            cells.fill(0xff);
            if let Some(words) = self.programmed.get_mut(words) {
                words.fill(false);
            }
            return Ok(());
        };
        // The words stay marked as programmed: a half-erased word is not erased, whatever it reads.
        tear_erase(cells, &plan);
        if let Some(words) = self.programmed.get_mut(words) {
            words.fill(true);
        }
        self.power_off();
        self.last_cut = Some(TornOperation {
            erase: true,
            address: from,
            length,
        });
        Err(FlashError::PowerLost)
    }

    fn powered(&self) -> Result<(), FlashError> {
        if self.powered {
            Ok(())
        } else {
            Err(FlashError::PowerLost)
        }
    }
}

impl Progress {
    fn bytes(self, length: usize) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.min(length),
            Self::Fraction(part) => length * usize::from(part) / usize::from(u16::MAX),
        }
    }
}

/// Programs as far as the plan says.
fn tear_program(cells: &mut [u8], bytes: &[u8], unit: usize, plan: &CutPlan) {
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    let done = plan.progress.bytes(bytes.len());
    // The word in which the cut falls gets some of its bits; between two words it may be none.
    let on_edge = done.is_multiple_of(unit);
    let torn = if on_edge && random.next_u32() & 1 == 1 {
        unit
    } else {
        0
    };
    let end = (done.next_multiple_of(unit) + torn).min(bytes.len());
    for (at, (cell, byte)) in cells.iter_mut().zip(bytes).enumerate() {
        let untouched = match plan.tear {
            Tear::Prefix if at < done => 0,
            Tear::Prefix if at < end => random_byte(&mut random),
            Tear::Prefix => 0xff,
            Tear::Scattered => untouched_bits(&mut random, done, bytes.len()),
        };
        *cell &= *byte | untouched;
    }
}

/// Erases as far as the plan says: the first bytes wholly, and of the others no bit, some bits or
/// most bits.
fn tear_erase(cells: &mut [u8], plan: &CutPlan) {
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    let done = plan.progress.bytes(cells.len());
    let length = cells.len();
    let style = random.next_u32() % 4;
    for (at, cell) in cells.iter_mut().enumerate() {
        *cell |= match (plan.tear, style) {
            (Tear::Prefix, _) if at < done => 0xff,
            (Tear::Prefix, 0) => 0,
            (Tear::Prefix, 1) => random_byte(&mut random) & random_byte(&mut random),
            (Tear::Prefix, 2) => random_byte(&mut random),
            (Tear::Prefix, _) => random_byte(&mut random) | random_byte(&mut random),
            (Tear::Scattered, _) => !untouched_bits(&mut random, done, length),
        };
    }
}

fn random_byte(random: &mut ChaCha8Rng) -> u8 {
    let [byte, ..] = random.next_u32().to_le_bytes();
    byte
}

/// Bits that are not done yet, each with the chance `1 - done / length`.
fn untouched_bits(random: &mut ChaCha8Rng, done: usize, length: usize) -> u8 {
    let mut untouched = 0;
    for bit in 0..8 {
        let draw = usize::from(random_byte(random)) * length / 256;
        if draw >= done {
            untouched |= 1 << bit;
        }
    }
    untouched
}
