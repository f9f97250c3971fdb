//! What happens when: the rows of the file, and the seeded power cuts.

use crate::app::Job;
use crate::plan::Plan;
use pile_units::UnixSeconds;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// The shortest and the longest outage.
const OUTAGE_MS: (u64, u64) = (1_000, 600_000);
/// The pile gets this long between two cuts.
const BETWEEN_CUTS_MS: u64 = 60_000;

/// One happening. At the same moment, those named first come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// The supply comes back.
    Restore,
    /// A bike is taken away.
    Unplug(usize),
    /// A bike comes: plug, tap, press.
    Plug(usize),
    /// Tap and press again.
    Retry(usize),
    /// The supply goes away: now, or inside a flash operation that follows.
    Cut { in_flash: bool, seed: u64 },
    /// A cut that no flash operation met: now, unless it happened (there were so many before).
    Fuse { cuts: usize },
}

/// Milliseconds of the world at a wall time.
pub fn millis(base: UnixSeconds, at: UnixSeconds) -> u64 {
    u64::from(at.since(base)) * 1000
}

/// The happenings to come, in the order of time.
pub struct Script {
    queue: BinaryHeap<Reverse<(u64, Happening, u64)>>,
    added: u64,
    random: ChaCha8Rng,
    cuts: VecDeque<(u64, Happening)>,
}

impl Script {
    /// Takes every row, and spreads the cuts over the charging times of random rows: a cut while
    /// nobody charges tries nothing.
    pub fn new(job: &Job, base: UnixSeconds) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(job.seed ^ 0x6375_7473);
        let rows = &job.sessions.rows;
        let mut cuts: Vec<_> = (0..job.power_cuts)
            .filter_map(|_| {
                let pick = random.next_u64();
                let row = rows.get(usize::try_from(pick % rows.len() as u64).ok()?)?;
                let plan = Plan::for_stay(row.stay_s(), row.energy_wh);
                let into = random.next_u64() % plan.duration_ms().max(1);
                let seed = random.next_u64();
                let in_flash = random.next_u64() % 2 == 0;
                Some((
                    millis(base, row.plug_in) + into,
                    Happening::Cut { in_flash, seed },
                ))
            })
            .collect();
        cuts.sort_unstable();
        let mut script = Self {
            queue: BinaryHeap::new(),
            added: 0,
            random,
            cuts: cuts.into(),
        };
        for (place, row) in rows.iter().enumerate() {
            script.add(millis(base, row.plug_in), Happening::Plug(place));
            script.add(millis(base, row.plug_out), Happening::Unplug(place));
        }
        script.cut_again(0);
        script
    }

    /// Adds a happening.
    pub fn add(&mut self, at: u64, happening: Happening) {
        self.added += 1;
        self.queue.push(Reverse((at, happening, self.added)));
    }

    /// Takes the next.
    pub fn next(&mut self) -> Option<(u64, Happening)> {
        self.queue
            .pop()
            .map(|Reverse((at, happening, _))| (at, happening))
    }

    /// Lets the next cut come: one at a time, so that each happens.
    pub fn cut_again(&mut self, last: u64) {
        if let Some((at, cut)) = self.cuts.pop_front() {
            let restored = if last == 0 {
                0
            } else {
                last + OUTAGE_MS.1 + BETWEEN_CUTS_MS
            };
            self.add(at.max(restored), cut);
        }
    }

    /// How long the supply stays away.
    pub fn outage(&mut self) -> u64 {
        OUTAGE_MS.0 + self.random.next_u64() % (OUTAGE_MS.1 - OUTAGE_MS.0)
    }
}
