//! The cells, and what is wrong with them.

use std::collections::BTreeMap;
use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Operation, Words};

/// A byte whose bits do not all hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Unstable {
    /// The bits that change from read to read.
    mask: u8,
    /// A weak bit reads 0 once in 16 times; any other half of the time.
    weak: bool,
}

/// All cells of a flash with their condition: what a power cut leaves behind.
///
/// ```
/// use pile_sim::flash::{Cells, Operation, Stm32g4, VirtualNor, Words};
/// let mut cells = Cells::blank(4096, 2048, 8, Words::Once);
/// let program = Operation::Program { address: 8, bytes: vec![0x55; 8] };
/// cells.apply(&program);
/// assert_eq!(cells.bytes()[8], 0x55);
/// let flash: Stm32g4 = VirtualNor::from_cells(&cells);
/// assert_eq!(flash.image(), cells.bytes());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    pub(super) bytes: Vec<u8>,
    pub(super) page: usize,
    pub(super) word: usize,
    pub(super) words: Words,
    /// A flag a word: programmed since its last erase. Empty where words may be programmed again.
    pub(super) programmed: Vec<bool>,
    unstable: BTreeMap<usize, Unstable>,
}

impl Cells {
    /// Erased cells: pages of `page` bytes, words of `word`.
    pub fn blank(capacity: usize, page: usize, word: usize, words: Words) -> Self {
        Self::of_image(&[], capacity, page, word, words)
    }

    pub(super) fn of_image(
        image: &[u8],
        capacity: usize,
        page: usize,
        word: usize,
        words: Words,
    ) -> Self {
        let mut bytes = image.to_vec();
        bytes.resize(capacity, 0xff);
        let programmed = match words {
            Words::ClearBits => Vec::new(),
            Words::Once => bytes.chunks(word).map(is_written).collect(),
        };
        Self {
            bytes,
            page,
            word,
            words,
            programmed,
            unstable: BTreeMap::new(),
        }
    }

    /// What the cells hold; an unstable bit is shown as it was left.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes have unstable bits.
    pub fn unstable(&self) -> usize {
        self.unstable.len()
    }

    /// True if a program of these bytes at this place finds the words it needs erased.
    pub(super) fn takes(&self, range: Range<usize>, bytes: &[u8]) -> bool {
        match self.words {
            Words::ClearBits => self.bytes.get(range).is_some_and(|cells| {
                let kept = |(cell, byte): (&u8, &u8)| cell & byte == *byte;
                cells.iter().zip(bytes).all(kept)
            }),
            Words::Once => {
                let words = range.start / self.word..range.end / self.word;
                let flags = self.programmed.get(words);
                flags.is_some_and(|flags| !flags.contains(&true))
            }
        }
    }

    /// Does an operation whole.
    pub fn apply(&mut self, operation: &Operation) {
        let from = usize::try_from(operation.address()).unwrap_or(usize::MAX);
        match operation {
            Operation::Program { bytes, .. } => self.program(from, bytes, true),
            Operation::Erase { .. } => {
                let range = from..from.saturating_add(operation.length());
                self.settle(range.clone());
                if let Some(cells) = self.bytes.get_mut(range.clone()) {
                    cells.fill(0xff);
                }
                let words = range.start / self.word..range.end / self.word;
                if let Some(flags) = self.programmed.get_mut(words) {
                    flags.fill(false);
                }
            }
        }
    }

    /// Clears bits. A whole program takes its words; of a torn one only those that lost a bit: one
    /// that was begun and lost none still reads erased, and neither a chip nor its user can tell.
    pub(super) fn program(&mut self, from: usize, bytes: &[u8], whole: bool) {
        let range = from..from.saturating_add(bytes.len());
        if let Some(cells) = self.bytes.get_mut(range.clone()) {
            for (cell, byte) in cells.iter_mut().zip(bytes) {
                *cell &= byte;
            }
        }
        for (at, byte) in range.clone().zip(bytes) {
            // A bit that is driven to zero is zero; the others stay as they were.
            if let Some(unstable) = self.unstable.get_mut(&at) {
                unstable.mask &= byte;
            }
        }
        for word in range.start / self.word..range.end.div_ceil(self.word) {
            let written = whole || self.word_at(word).is_some_and(is_written);
            if let Some(flag) = self.programmed.get_mut(word) {
                *flag |= written;
            }
        }
    }

    fn word_at(&self, word: usize) -> Option<&[u8]> {
        let from = word * self.word;
        self.bytes.get(from..from + self.word)
    }

    /// Ones, in these places, left by an erase that was cut. The words stay taken: a half-erased
    /// word is not erased, whatever it reads.
    pub(super) fn half_erase(&mut self, page: Range<usize>, mut ones: impl FnMut(usize) -> u8) {
        self.settle(page.clone());
        for (index, at) in page.clone().enumerate() {
            if let Some(cell) = self.bytes.get_mut(at) {
                *cell |= ones(index);
            }
        }
        let words = page.start / self.word..page.end / self.word;
        if let Some(flags) = self.programmed.get_mut(words) {
            flags.fill(true);
        }
    }

    /// Makes bits of a byte unstable.
    pub(super) fn unsettle(&mut self, at: usize, mask: u8, weak: bool) {
        if mask != 0 && at < self.bytes.len() {
            self.unstable.insert(at, Unstable { mask, weak });
        }
    }

    fn settle(&mut self, range: Range<usize>) {
        if !self.unstable.is_empty() {
            self.unstable.retain(|at, _| !range.contains(at));
        }
    }

    /// What a read of these cells gives this time.
    pub(super) fn read(&self, range: Range<usize>, bytes: &mut [u8], random: &mut ChaCha8Rng) {
        if let Some(cells) = self.bytes.get(range.clone()) {
            bytes.copy_from_slice(cells);
        }
        if self.unstable.is_empty() {
            return;
        }
        for (at, unstable) in self.unstable.range(range.clone()) {
            if let Some(byte) = bytes.get_mut(at - range.start) {
                let draw = random.next_u64().to_le_bytes();
                let [a, b, c, d, ..] = draw;
                let ones = if unstable.weak { a | b | c | d } else { a };
                *byte = (*byte & !unstable.mask) | (ones & unstable.mask);
            }
        }
    }

    /// A number that says whether these cells are the same in two conditions of a flash (FNV-1a, 64
    /// bits).
    pub fn fingerprint(&self, range: Range<usize>) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut take = |byte: u8| {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        };
        let cells = self.bytes.get(range.clone()).unwrap_or_default();
        for byte in cells {
            take(*byte);
        }
        for (at, unstable) in self.unstable.range(range.clone()) {
            at.to_le_bytes().into_iter().for_each(&mut take);
            take(unstable.mask);
            take(u8::from(unstable.weak));
        }
        let words = range.start / self.word..range.end.div_ceil(self.word);
        let flags = self.programmed.get(words).unwrap_or_default();
        for flag in flags {
            take(u8::from(*flag));
        }
        hash
    }
}

fn is_written(word: &[u8]) -> bool {
    word.iter().any(|byte| *byte != 0xff)
}

pub(super) fn seeded(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}
