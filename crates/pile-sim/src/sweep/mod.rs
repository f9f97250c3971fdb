//! The power-cut sweep: a scripted [`Life`] is cut at every operation of its flash, and inside each
//! in every way that [`Outcome`](crate::flash::Outcome) knows; the pile is started again, and cut again while it recovers.
//!
//! # What is checked after each cut
//! - I1: no relay had been closed for a session that is not durable.
//! - I2: the meters and the accounts agree, to the milliwatt-hour.
//! - I3: nothing is billed that was not delivered, nothing is recorded that had not flowed, and at
//!   most 1 Wh of a port is lost.
//! - I4: the book is as before the record in flight, or as after it; every record that stands is one
//!   that was acknowledged, unaltered and in order; none is missing that must be kept.
//! - I9, I10: every segment carries the prices that were in force, every bill is the sum of its
//!   lines, every account the sum of its bills.
//!
//! # What is cut
//! A **cut point** is an operation with what the cut left of it; points whose cells are the same in
//! the same task count once. Every operation is cut. What a cut may leave of it is tried whole on the
//! STM32G4; on the W25Q80, where a program of single bytes can stop in far more places, of the records
//! of progress after the first quarter of the flash is written, one in sixteen.
//! A **double** point is one with a second cut in an operation of the recovery from the first; of
//! those a sample is tried, with the same checks.

mod judge;
mod kept;
mod point;
mod report;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::flash::{Part, VirtualNor, Words};
use crate::life::{Life, Script, Trouble};
pub use judge::Broken;
use judge::Model;
use point::Walker;
pub use report::{Cut, Report, Tally, Violation};

/// How much is tried.
///
/// ```
/// use pile_sim::sweep::{Effort, Options};
/// let options = Options { seed: 7, ..Options::default() };
/// assert_eq!(options.effort, Effort::Whole);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effort {
    /// Every so many tasks of the life: some thousand points, for every test run.
    Bounded,
    /// All of them.
    #[default]
    Whole,
}

/// Options of [`run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How much is tried.
    pub effort: Effort,
    /// Chooses which recoveries are cut again, and where.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            effort: Effort::Whole,
            seed: 1,
            threads: 2,
        }
    }
}

/// How far a sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The flash.
    pub part: Part,
    /// Tasks of the ledger that are done, and all of them.
    pub tasks: (usize, usize),
    /// Cut points so far.
    pub points: u64,
    /// Violations so far.
    pub violations: u64,
}

/// How the recoveries of a sweep are sampled.
#[derive(Debug, Clone, Copy)]
struct Sample {
    seed: u64,
    tasks: Tasks,
    /// One in so many cuts is recovered from.
    recover: u64,
    /// One in so many outcomes is tried for each operation of a recovery.
    again: u64,
    /// One in so many recoveries goes on to live for a while.
    live_on: u64,
}

/// Which tasks are cut: one in so many. Most are records of progress, one like another. Where a
/// session opens (write-ahead) and where it is billed, always.
#[derive(Debug, Clone, Copy)]
struct Tasks {
    progress: u64,
    other: u64,
    /// Of the outcomes of a progress record, once so many quarters of the flash are written.
    later: u64,
    quarters: usize,
}

impl Tasks {
    const ALL: Self = Self {
        progress: 1,
        other: 1,
        later: 1,
        quarters: 0,
    };
    const SERIAL: Self = Self {
        later: 16,
        quarters: 1,
        ..Self::ALL
    };
    const SOME: Self = Self {
        progress: 97,
        other: 5,
        later: 4,
        quarters: 4,
    };
}

/// Sweeps both flashes.
///
/// ```no_run
/// use pile_sim::sweep::{Options, Report, run};
/// let report: Report = run(Options::default(), &|progress| eprintln!("{progress:?}"))?;
/// println!("{report}");
/// assert_eq!(report.violations(), 0);
/// # Ok::<(), pile_sim::life::Trouble>(())
/// ```
///
/// # Errors
/// [`Trouble`]: the life itself failed, without any cut.
pub fn run(options: Options, tell: &(dyn Fn(Progress) + Sync)) -> Result<Report, Trouble> {
    let [(internal, _, first), (serial, _, second)] = lives()?;
    Ok(Report {
        tallies: vec![
            sweep::<8, 2048>(&first, internal, options, tell),
            sweep::<1, 4096>(&second, serial, options, tell),
        ],
    })
}

/// The lives that are cut, each with its part and the bytes of its flash: small ones, so that the
/// log goes round them often.
///
/// # Errors
/// [`Trouble`]: a life failed, without any cut.
pub fn lives() -> Result<[(Part, usize, Life); 2], Trouble> {
    let internal = Script::whole(Part::Stm32g4).live::<8, 2048>(INTERNAL, Words::Once)?;
    let serial = Script::whole(Part::W25q80).live::<1, 4096>(SERIAL, Words::ClearBits)?;
    Ok([
        (Part::Stm32g4, INTERNAL, internal),
        (Part::W25q80, SERIAL, serial),
    ])
}

const INTERNAL: usize = 40 << 10;
const SERIAL: usize = 64 << 10;

fn sweep<const W: usize, const E: usize>(
    life: &Life,
    part: Part,
    options: Options,
    tell: &(dyn Fn(Progress) + Sync),
) -> Tally {
    let (tasks, recover, again) = match (options.effort, part) {
        (Effort::Bounded, _) => (Tasks::SOME, 29, 47),
        (Effort::Whole, Part::Stm32g4) => (Tasks::ALL, 37, 97),
        (Effort::Whole, Part::W25q80) => (Tasks::SERIAL, 83, 151),
    };
    let sample = Sample {
        seed: options.seed,
        tasks,
        recover,
        again,
        live_on: 11,
    };
    let model = Model::new(life);
    let begun = std::time::Instant::now();
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(Tally::new(part, life));
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                // Each walks the whole life, and works on the tasks that nobody has taken.
                let mut walker = Walker::<W, E>::new(&model, sample);
                loop {
                    let task = next.fetch_add(1, Ordering::Relaxed);
                    let Some(found) = walker.cut_task(task) else {
                        break;
                    };
                    let Ok(mut tally) = tally.lock() else { break };
                    tally.add(found);
                    if task.is_multiple_of(16) {
                        tell(Progress {
                            part,
                            tasks: (task, life.moments.len()),
                            points: tally.single + tally.double,
                            violations: tally.violations,
                        });
                    }
                }
            });
        }
    });
    let mut tally = tally
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    tally.millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    tally
        .examples
        .sort_by_key(|violation| violation.first.operation);
    tally
}

type Flash<const W: usize, const E: usize> = VirtualNor<W, E>;
