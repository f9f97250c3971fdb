//! Several files of one pile, read as one: what the pile has dropped stands in an older export.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use billing_core::book::Book;
use billing_core::journal::{Chain, Identity};
use billing_core::record::{Piece, Record};
use pile_units::{PlanId, TariffVersion};

use super::compare;
use super::log::{Entry, Log, Trouble};
use crate::answer::Refusal;
use crate::figures::{Zone, hex};

/// All records of one pile that some files hold.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The files, the newest last.
    pub files: Vec<String>,
    /// Which journal it is.
    pub identity: Identity,
    /// The end of the newest file's chain.
    pub end: Chain,
    /// All records, by number.
    pub entries: Vec<Entry>,
    /// The runs of numbers of which no record is missing.
    covered: Vec<Range<u64>>,
    /// What the newest file folds to.
    pub book: Book,
    /// The time of the place.
    pub zone: Zone,
    /// The number of the newest file's last record: the one to confirm an export of it by.
    pub confirm: u64,
    /// What is to be said of a file whose last record may have been altered.
    pub warning: Option<String>,
}

impl Archive {
    /// Reads files, each a flash image or an export of the same pile.
    ///
    /// # Errors
    /// [`Refusal`] where one cannot be read, does not verify, is of another pile, or contradicts
    /// another.
    pub fn read(files: &[PathBuf]) -> Result<Self, Refusal> {
        let logs = files.iter().map(|path| {
            Log::read(path).map_err(|trouble| match trouble {
                Trouble::Refused(refusal) => refusal,
                Trouble::Found(finding) => {
                    let name = path.display();
                    let number = finding.number;
                    Refusal::found(
                        format!("{name}: record {number} is not as it was written"),
                        format!("nothing is made of it; `pilectl ledger verify {name}` says more"),
                    )
                }
            })
        });
        Self::of(logs.collect::<Result<_, _>>()?)
    }

    /// Joins logs.
    ///
    /// # Errors
    /// [`Refusal`] where there is none, or they are of two piles, or contradict each other.
    pub fn of(mut logs: Vec<Log>) -> Result<Self, Refusal> {
        logs.sort_by_key(|log| log.end.seq);
        let Some((newest, older)) = logs.split_last() else {
            return Err(Refusal::new("no file", "name a flash image or an export"));
        };
        let mut entries = BTreeMap::new();
        for log in older {
            if log.identity != newest.identity {
                return Err(Refusal::new(
                    format!(
                        "{} is of journal {}, {} of {}",
                        log.name,
                        hex(&log.identity.bytes()),
                        newest.name,
                        hex(&newest.identity.bytes())
                    ),
                    "give files of one pile",
                ));
            }
            if let Some(differ) = compare::first_difference(log, newest) {
                return Err(contradiction(differ.number, &log.name, &newest.name));
            }
        }
        for log in &logs {
            for entry in &log.entries {
                let known = entries.entry(entry.number).or_insert((entry, &log.name));
                if known.0 != entry {
                    return Err(contradiction(entry.number, known.1, &log.name));
                }
            }
        }
        let entries = entries.into_values().map(|(entry, _)| entry.clone());
        Ok(Self {
            files: logs.iter().map(|log| log.name.clone()).collect(),
            identity: newest.identity,
            end: newest.end,
            entries: entries.collect(),
            covered: joined(logs.iter().map(|log| log.origin.seq..log.end.seq)),
            zone: newest.zone(),
            confirm: newest.confirm(),
            warning: logs.iter().find_map(Log::warning),
            book: newest.book.clone(),
        })
    }

    /// True if no record is missing from one number to another, both counted in.
    pub fn covers(&self, from: u64, to: u64) -> bool {
        let mut runs = self.covered.iter();
        runs.any(|run| run.contains(&from) && run.contains(&to))
    }

    /// The plan that each version of a tariff was set for, where that is still known.
    pub fn plans(&self) -> BTreeMap<TariffVersion, PlanId> {
        let set = self.entries.iter().filter_map(|entry| match entry.record {
            Record::TariffSet { plan, version, .. } => Some((version, plan)),
            _ => None,
        });
        let pieces = self.book.pieces().filter_map(|piece| match piece {
            Piece::Tariff { plan, version, .. } => Some((version, plan)),
            _ => None,
        });
        set.chain(pieces).collect()
    }
}

/// Runs that touch or overlap become one.
fn joined(runs: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut runs: Vec<_> = runs.collect();
    runs.sort_by_key(|run| run.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(last) if run.start <= last.end => last.end = last.end.max(run.end),
            _ => joined.push(run),
        }
    }
    joined
}

fn contradiction(number: u64, one: &str, other: &str) -> Refusal {
    Refusal::found(
        format!("record {number} is not the same in {one} and in {other}"),
        "one of them is not a copy of this pile's ledger: find out which",
    )
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn runs_that_touch_are_one_and_a_gap_stays() {
        let runs = [7..9, 0..3, 3..5, 4..6];
        assert_eq!(joined(runs.into_iter()), [0..6, 7..9]);
    }
}
