//! What a sweep has found.

use std::fmt;

use crate::flash::{Outcome, Part};
use crate::life::Life;

use super::judge::Broken;

/// A cut: the operation by its number in the life, or in the recovery, and what was left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Counted from 0.
    pub operation: usize,
    /// What was left of it.
    pub outcome: Outcome,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {}: {}", self.operation, self.outcome)
    }
}

/// A guarantee that did not hold after a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What the ledger was doing at the first cut.
    pub task: String,
    /// The first cut.
    pub first: Cut,
    /// The cut during the recovery from it.
    pub second: Option<Cut>,
    /// What did not hold.
    pub broken: Broken,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.first, self.task)?;
        if let Some(second) = &self.second {
            write!(f, "; then in recovery {second}")?;
        }
        write!(f, "): {} {}", self.broken.invariant, self.broken.found)
    }
}

/// What the sweep of one flash has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The flash.
    pub part: Part,
    /// Bytes of it.
    pub bytes: usize,
    /// Sessions, records and operations of the life.
    pub sessions: usize,
    /// Records of the life.
    pub records: usize,
    /// Operations of the life.
    pub operations: usize,
    /// Bytes that it programmed.
    pub programmed: usize,
    /// Distinct points of one cut.
    pub single: u64,
    /// Distinct points of two cuts.
    pub double: u64,
    /// Recoveries, each with the whole controller.
    pub recoveries: u64,
    /// Points at which something did not hold.
    pub violations: u64,
    /// The first few of them.
    pub examples: Vec<Violation>,
    /// How long it took.
    pub millis: u64,
}

/// What one task has given.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub single: u64,
    pub double: u64,
    pub recoveries: u64,
    pub violations: u64,
    pub examples: Vec<Violation>,
}

const EXAMPLES: usize = 20;

impl Found {
    pub fn violation(&mut self, violation: Violation) {
        self.violations += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(violation);
        }
    }
}

impl Tally {
    pub(super) fn new(part: Part, life: &Life) -> Self {
        Self {
            part,
            bytes: life.blank.bytes().len(),
            sessions: life.sessions,
            records: life.records.len(),
            operations: life.operations(),
            programmed: life.programmed(),
            single: 0,
            double: 0,
            recoveries: 0,
            violations: 0,
            examples: Vec::new(),
            millis: 0,
        }
    }

    pub(super) fn add(&mut self, found: Found) {
        self.single += found.single;
        self.double += found.double;
        self.recoveries += found.recoveries;
        self.violations += found.violations;
        self.examples.extend(found.examples);
        self.examples.truncate(EXAMPLES);
    }
}

/// What a sweep has found; its `Display` is the table that `cargo xtask sweep` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// One a flash.
    pub tallies: Vec<Tally>,
}

impl Report {
    /// Distinct cut points, single and double.
    pub fn points(&self) -> u64 {
        self.tallies.iter().map(|it| it.single + it.double).sum()
    }

    /// Points at which something did not hold.
    pub fn violations(&self) -> u64 {
        self.tallies.iter().map(|it| it.violations).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<8} {:>7} {:>9} {:>8} {:>11} {:>11} {:>9} {:>9} {:>11} {:>11} {:>8}",
            "flash",
            "KiB",
            "sessions",
            "records",
            "operations",
            "times round",
            "single",
            "double",
            "recoveries",
            "violations",
            "seconds"
        )?;
        for it in &self.tallies {
            let tenths = it.programmed * 10 / it.bytes.max(1);
            writeln!(
                f,
                "{:<8} {:>7} {:>9} {:>8} {:>11} {:>11} {:>9} {:>9} {:>11} {:>11} {:>8}",
                it.part.name(),
                it.bytes >> 10,
                it.sessions,
                it.records,
                it.operations,
                format!("{}.{}", tenths / 10, tenths % 10),
                it.single,
                it.double,
                it.recoveries,
                it.violations,
                it.millis.div_ceil(1000),
            )?;
        }
        let (points, violations) = (self.points(), self.violations());
        writeln!(f, "{points} distinct cut points, {violations} violations")?;
        for it in &self.tallies {
            for violation in &it.examples {
                writeln!(f, "{}: {violation}", it.part.name())?;
            }
        }
        Ok(())
    }
}
