//! Every way in which an operation can be left by a power cut, one after the other.
//!
//! [`CutPlan`](super::CutPlan) draws one tear by a seed; a sweep tries them all. For a program:
//! every prefix of its bytes, in the word after it some bits and not others, all bytes begun at once,
//! and all done but never acknowledged. For an erase: every sixteenth of the
//! page from either end, bits begun all over, bits that do not hold, and a page that reads erased
//! but is weak.

use std::fmt;

use super::cells::seeded;
use super::chip::random_byte;
use super::{Cells, Operation};

/// Which bits of a word are programmed when the cut falls into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bits {
    /// None.
    None,
    /// The first so many bytes.
    Bytes(usize),
    /// All but this one.
    AllBut(usize),
    /// Every other one, even or odd.
    EveryOther(bool),
    /// Those that the seed chooses.
    Random(u64),
}

/// From which end a page is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// The first byte first.
    Forward,
    /// The last byte first: the header is the last to go.
    Backward,
}

/// What is left of an operation that was cut.
///
/// ```
/// use pile_sim::flash::{Bits, Cells, Operation, Outcome, Words};
/// let blank = Cells::blank(8192, 4096, 1, Words::ClearBits);
/// let program = Operation::Program { address: 0, bytes: b"torn".to_vec() };
/// let outcomes = Outcome::all(&program, 1);
/// let half = Outcome::Programmed { words: 2, next: Bits::None };
/// assert!(outcomes.contains(&half));
/// let mut cells = blank.clone();
/// half.leave(&program, &mut cells);
/// assert_eq!(&cells.bytes()[..4], b"to\xff\xff");
/// assert_eq!(half.to_string(), "2 words and nothing of the next");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// So many words are done, and of the next one these bits.
    Programmed {
        /// Words that are done.
        words: usize,
        /// What is done of the next.
        next: Bits,
    },
    /// So many bytes are erased, the others are as they were.
    Erased {
        /// Bytes that are erased.
        bytes: usize,
        /// From which end.
        order: Order,
    },
    /// All bits are begun, and each is done with the chance of `part` in 8.
    Begun {
        /// Eighths.
        part: u8,
        /// Chooses the bits.
        seed: u64,
    },
    /// The first so many bytes are erased; behind them the bits that had to change do not hold.
    Unstable {
        /// Bytes that are erased.
        bytes: usize,
    },
    /// The page reads erased, but some bits are weak.
    Weak {
        /// Chooses the bits.
        seed: u64,
    },
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("nothing"),
            Self::Bytes(bytes) => write!(f, "{bytes} bytes"),
            Self::AllBut(bit) => write!(f, "all but bit {bit}"),
            Self::EveryOther(odd) => write!(f, "every {} bit", if *odd { "odd" } else { "even" }),
            Self::Random(seed) => write!(f, "random bits (seed {seed})"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Programmed { words, next } => write!(f, "{words} words and {next} of the next"),
            Self::Erased { bytes, order } => {
                let end = match order {
                    Order::Forward => "first",
                    Order::Backward => "last",
                };
                write!(f, "the {end} {bytes} bytes erased")
            }
            Self::Begun { part, seed } => write!(f, "{part}/8 of all bits (seed {seed})"),
            Self::Unstable { bytes } => write!(f, "{bytes} bytes erased, the rest unstable"),
            Self::Weak { seed } => write!(f, "reads erased, but weak (seed {seed})"),
        }
    }
}

/// An erase is tried at so many places.
const ERASE_STEPS: usize = 16;

impl Outcome {
    /// Every outcome to try for an operation on a flash with words of so many bytes.
    pub fn all(operation: &Operation, word: usize) -> Vec<Self> {
        match operation {
            Operation::Program { bytes, .. } => programs(bytes, word.max(1)),
            Operation::Erase { .. } => erases(operation.length()),
        }
    }

    /// Leaves the operation in this state on the cells, which are as they were before it.
    pub fn leave(&self, operation: &Operation, cells: &mut Cells) {
        let from = usize::try_from(operation.address()).unwrap_or(usize::MAX);
        match operation {
            Operation::Program { bytes, .. } => self.leave_program(from, bytes, cells),
            Operation::Erase { .. } => self.leave_erase(from, operation.length(), cells),
        }
    }

    fn leave_program(&self, from: usize, bytes: &[u8], cells: &mut Cells) {
        match *self {
            Self::Programmed { words, next } => {
                let word = cells.word;
                let done = (words * word).min(bytes.len());
                let end = (done + word).min(bytes.len());
                let (before, rest) = bytes.split_at(done);
                let of_next = rest.split_at(end - done).0;
                let torn = torn_word(of_next, next);
                cells.program(from, before, true);
                cells.program(from + done, &torn, false);
            }
            Self::Begun { part, seed } => {
                let mut random = seeded(seed);
                let torn: Vec<u8> = bytes
                    .iter()
                    .map(|byte| byte | !chosen(&mut random, part))
                    .collect();
                cells.program(from, &torn, false);
            }
            Self::Erased { .. } | Self::Unstable { .. } | Self::Weak { .. } => {}
        }
    }

    fn leave_erase(&self, from: usize, length: usize, cells: &mut Cells) {
        let page = from..from.saturating_add(length);
        let all = |on: bool| if on { 0xff } else { 0 };
        match *self {
            Self::Erased { bytes, order } => cells.half_erase(page, |at| {
                all(match order {
                    Order::Forward => at < bytes,
                    Order::Backward => length - at <= bytes,
                })
            }),
            Self::Begun { part, seed } => {
                let mut random = seeded(seed);
                cells.half_erase(page, |_| chosen(&mut random, part));
            }
            Self::Unstable { bytes } => {
                cells.half_erase(page.clone(), |at| all(at < bytes));
                for at in page.skip(bytes) {
                    let old = cells.bytes().get(at).copied().unwrap_or(0xff);
                    cells.unsettle(at, !old, false);
                }
            }
            Self::Weak { seed } => {
                let mut random = seeded(seed);
                let old = cells.bytes().get(page.clone()).unwrap_or_default().to_vec();
                cells.half_erase(page.clone(), |_| 0xff);
                // What was erased before is not weak now.
                for (at, old) in page.zip(old) {
                    let mask = chosen(&mut random, 1) & chosen(&mut random, 2);
                    cells.unsettle(at, mask & !old, true);
                }
            }
            Self::Programmed { .. } => {}
        }
    }
}

fn programs(bytes: &[u8], word: usize) -> Vec<Outcome> {
    let count = bytes.len().div_ceil(word);
    let mut all = Vec::new();
    for words in 0..=count {
        let mut push = |next| all.push(Outcome::Programmed { words, next });
        push(Bits::None);
        if words == count {
            break;
        }
        for done in 1..word {
            push(Bits::Bytes(done));
        }
        let some = [
            Bits::EveryOther(false),
            Bits::EveryOther(true),
            Bits::Random(words as u64),
        ];
        // A byte has few bits: one pattern after the other.
        let turn = |index: usize| word > 1 || index == words % 3;
        for (index, next) in some.into_iter().enumerate() {
            if turn(index) {
                push(next);
            }
        }
        if words + 1 == count {
            for bit in 0..word * 8 {
                push(Bits::AllBut(bit));
            }
        }
    }
    begun(&mut all);
    all
}

fn erases(length: usize) -> Vec<Outcome> {
    let mut all = Vec::new();
    for step in 0..=ERASE_STEPS {
        let bytes = length * step / ERASE_STEPS;
        for order in [Order::Forward, Order::Backward] {
            all.push(Outcome::Erased { bytes, order });
        }
        all.push(Outcome::Unstable { bytes });
    }
    for seed in 0..4 {
        all.push(Outcome::Weak { seed });
    }
    begun(&mut all);
    all
}

fn begun(all: &mut Vec<Outcome>) {
    for part in 1..8 {
        for seed in 0..2 {
            all.push(Outcome::Begun { part, seed });
        }
    }
}

/// The bytes of a word of which only these bits are programmed.
fn torn_word(bytes: &[u8], bits: Bits) -> Vec<u8> {
    let mut random = match bits {
        Bits::Random(seed) => Some(seeded(seed)),
        _ => None,
    };
    let torn = |(at, byte): (usize, &u8)| {
        byte | match bits {
            Bits::Bytes(done) if at < done => 0,
            Bits::None | Bits::Bytes(_) => 0xff,
            Bits::AllBut(bit) if bit / 8 == at => 1 << (bit % 8),
            Bits::AllBut(_) => 0,
            Bits::EveryOther(false) => 0xaa,
            Bits::EveryOther(true) => 0x55,
            Bits::Random(_) => random.as_mut().map_or(0, random_byte),
        }
    };
    bytes.iter().enumerate().map(torn).collect()
}

/// Bits, each with the chance of `part` in 8.
fn chosen(random: &mut rand_chacha::ChaCha8Rng, part: u8) -> u8 {
    (0..8)
        .filter(|_| random_byte(random) % 8 < part)
        .fold(0, |byte, bit| byte | 1 << bit)
}
