//! The silicon: what it does when, and what a power cut leaves.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::cells::seeded;
use super::{
    Cells, CutPlan, FlashError, OnCut, Operation, Progress, Statistics, Tear, Times, TornOperation,
};
use crate::world::VirtualTime;

const NANOS: u64 = 1_000_000;

/// Cells and power of one flash, whatever handle reaches it.
#[derive(Debug)]
pub(super) struct Chip {
    pub cells: Cells,
    pub statistics: Statistics,
    plan: Option<CutPlan>,
    pub on_cut: OnCut,
    pub powered: bool,
    pub cut_happened: bool,
    pub last_cut: Option<TornOperation>,
    /// What every operation so far was, if anybody wants to know.
    pub record: Option<Vec<Operation>>,
    /// The clock it keeps; none takes no time.
    pub time: Option<(VirtualTime, Times)>,
    busy: Option<Busy>,
    /// When the last read was over, in nanoseconds.
    read_until: u64,
    random: ChaCha8Rng,
}

/// The operation under way, in nanoseconds.
#[derive(Debug)]
struct Busy {
    operation: Operation,
    cut: Option<CutPlan>,
    since: u64,
    until: u64,
}

impl Chip {
    pub fn new(cells: Cells) -> Self {
        let pages = cells.bytes.len() / cells.page;
        Self {
            cells,
            statistics: Statistics::new(pages),
            plan: None,
            on_cut: OnCut::Fail,
            powered: true,
            cut_happened: false,
            last_cut: None,
            record: None,
            time: None,
            busy: None,
            read_until: 0,
            random: seeded(0),
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

    /// The power goes; whatever is under way is torn where it stands.
    pub fn power_off(&mut self) {
        if let Some(busy) = self.busy.take() {
            let now = self.now();
            let done = now.saturating_sub(busy.since);
            let whole = busy.until.saturating_sub(busy.since).max(1);
            let part = u64::from(u16::MAX) * done.min(whole) / whole;
            let seed = self.statistics.operations();
            let by_time = CutPlan {
                progress: Progress::Fraction(u16::try_from(part).unwrap_or(u16::MAX)),
                ..CutPlan::random(0, seed)
            };
            self.tear(&busy.operation, &busy.cut.unwrap_or(by_time));
        }
        self.powered = false;
        self.cut_happened = true;
        self.plan = None;
    }

    fn now(&self) -> u64 {
        let millis = self.time.as_ref().map_or(0, |(time, _)| time.millis());
        millis.saturating_mul(NANOS)
    }

    fn range(&self, offset: u32, length: usize) -> Result<std::ops::Range<usize>, FlashError> {
        let from = usize::try_from(offset).map_err(|_| FlashError::OutOfBounds)?;
        let to = from
            .checked_add(length)
            .filter(|to| *to <= self.cells.bytes.len());
        Ok(from..to.ok_or(FlashError::OutOfBounds)?)
    }

    /// Reads, and says at which millisecond the bytes are there.
    pub fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<u64, FlashError> {
        let range = self.range(offset, bytes.len())?;
        self.powered()?;
        self.statistics.reads += 1;
        self.statistics.bytes_read += bytes.len() as u64;
        self.cells.read(range, bytes, &mut self.random);
        let Some((_, times)) = &self.time else {
            return Ok(0);
        };
        // The clock knows only milliseconds: short reads add up to one before anybody waits.
        let begun = self.read_until.max(self.now());
        self.read_until = begun + times.read(bytes.len() as u64);
        Ok(self.read_until / NANOS)
    }

    /// Begins an operation that can be done.
    pub fn start(&mut self, operation: Operation) -> Result<(), FlashError> {
        let cut = self.accept(&operation)?;
        if let Some(record) = &mut self.record {
            record.push(operation.clone());
        }
        let length = operation.length();
        let takes = self.time.as_ref().map_or(0, |(_, times)| {
            let pages = (length / self.cells.page) as u64;
            let bytes = u32::try_from(length).unwrap_or(u32::MAX);
            match &operation {
                Operation::Program { address, .. } => times.program(*address, bytes),
                Operation::Erase { .. } => pages * times.erase,
            }
        });
        let part = cut.map_or(takes, |plan| plan.progress.of(takes, length));
        let since = self.now();
        self.busy = Some(Busy {
            operation,
            cut,
            since,
            until: since + part,
        });
        Ok(())
    }

    fn accept(&mut self, operation: &Operation) -> Result<Option<CutPlan>, FlashError> {
        let length = match operation {
            Operation::Program { bytes, .. } => bytes.len(),
            Operation::Erase { from, to } => {
                let length = to.checked_sub(*from).ok_or(FlashError::OutOfBounds)?;
                usize::try_from(length).map_err(|_| FlashError::OutOfBounds)?
            }
        };
        let range = self.range(operation.address(), length)?;
        let unit = if operation.is_erase() {
            self.cells.page
        } else {
            self.cells.word
        };
        if !range.start.is_multiple_of(unit) || !length.is_multiple_of(unit) {
            return Err(FlashError::NotAligned);
        }
        self.powered()?;
        if let Operation::Program { address, bytes } = operation
            && !self.cells.takes(range.clone(), bytes)
        {
            return Err(FlashError::NotErased { address: *address });
        }
        let done = self.statistics.operations();
        let cut = self.plan.take_if(|plan| plan.after_operations <= done);
        match operation {
            Operation::Program { .. } => {
                self.statistics.programs += 1;
                self.statistics.bytes_programmed += length as u64;
            }
            Operation::Erase { .. } => {
                self.statistics.erases += 1;
                let pages = range.start / unit..range.end / unit;
                let pages = self.statistics.page_erases.get_mut(pages);
                pages.unwrap_or_default().iter_mut().for_each(|it| *it += 1);
            }
        }
        Ok(cut)
    }

    /// The millisecond in which the operation under way is over: rounded up, since nobody can look
    /// before.
    pub fn busy_until(&self) -> Option<u64> {
        self.busy.as_ref().map(|busy| busy.until.div_ceil(NANOS))
    }

    /// Ends the operation whose time has come.
    pub fn finish(&mut self) -> Result<(), FlashError> {
        let Some(busy) = self.busy.take() else {
            return self.powered();
        };
        match busy.cut {
            None => {
                self.cells.apply(&busy.operation);
                Ok(())
            }
            Some(plan) => {
                self.tear(&busy.operation, &plan);
                self.power_off();
                Err(FlashError::PowerLost)
            }
        }
    }

    fn tear(&mut self, operation: &Operation, plan: &CutPlan) {
        let from = usize::try_from(operation.address()).unwrap_or(usize::MAX);
        let length = operation.length();
        match operation {
            Operation::Program { bytes, .. } => {
                let torn = torn_program(bytes, self.cells.word, plan);
                self.cells.program(from, &torn, false);
            }
            Operation::Erase { .. } => {
                let ones = torn_erase(length, plan);
                let page = from..from.saturating_add(length);
                self.cells
                    .half_erase(page, |at| ones.get(at).copied().unwrap_or(0));
            }
        }
        self.last_cut = Some(TornOperation {
            erase: operation.is_erase(),
            address: operation.address(),
            length,
        });
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

    /// The part of the time of an operation of so many bytes.
    fn of(self, takes: u64, length: usize) -> u64 {
        takes * self.bytes(length) as u64 / length.max(1) as u64
    }
}

/// What the bytes are programmed to as far as the plan says.
fn torn_program(bytes: &[u8], unit: usize, plan: &CutPlan) -> Vec<u8> {
    let mut random = seeded(plan.seed);
    let done = plan.progress.bytes(bytes.len());
    // The word in which the cut falls gets some of its bits; between two words it may be none.
    let on_edge = done.is_multiple_of(unit);
    let torn = if on_edge && random.next_u32() & 1 == 1 {
        unit
    } else {
        0
    };
    let end = (done.next_multiple_of(unit) + torn).min(bytes.len());
    let programmed = |(at, byte): (usize, &u8)| {
        byte | match plan.tear {
            Tear::Prefix if at < done => 0,
            Tear::Prefix if at < end => random_byte(&mut random),
            Tear::Prefix => 0xff,
            Tear::Scattered => untouched_bits(&mut random, done, bytes.len()),
        }
    };
    bytes.iter().enumerate().map(programmed).collect()
}

/// The ones that an erase leaves as far as the plan says: the first bytes wholly, and of the others
/// no bit, some bits or most bits.
fn torn_erase(length: usize, plan: &CutPlan) -> Vec<u8> {
    let mut random = seeded(plan.seed);
    let done = plan.progress.bytes(length);
    let style = random.next_u32() % 4;
    let erased = |at: usize| match (plan.tear, style) {
        (Tear::Prefix, _) if at < done => 0xff,
        (Tear::Prefix, 0) => 0,
        (Tear::Prefix, 1) => random_byte(&mut random) & random_byte(&mut random),
        (Tear::Prefix, 2) => random_byte(&mut random),
        (Tear::Prefix, _) => random_byte(&mut random) | random_byte(&mut random),
        (Tear::Scattered, _) => !untouched_bits(&mut random, done, length),
    };
    (0..length).map(erased).collect()
}

pub(super) fn random_byte(random: &mut ChaCha8Rng) -> u8 {
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
