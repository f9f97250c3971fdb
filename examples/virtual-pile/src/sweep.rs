//! `sweep`: power cuts at every flash operation of a pile's life, and inside each.

use std::sync::Mutex;

use pile_sim::sweep::{self, Effort, Options, Progress, Report};

use crate::app::Failure;
use crate::cli;

/// The fewest cut points of a whole sweep: one that tried fewer has not looked everywhere, however
/// clean it came out.
const FEWEST: u64 = 100_000;

/// Runs the sweep, tells on stderr how far it has come, and returns the table to print.
///
/// # Errors
/// [`Failure::Broken`] where a guarantee did not hold, or a whole sweep has tried too few points; the
/// table is in it.
pub fn sweep(options: &cli::Sweep) -> Result<String, Failure> {
    let effort = if options.bounded {
        Effort::Bounded
    } else {
        Effort::Whole
    };
    let options = Options {
        effort,
        seed: options.seed,
        threads: options.threads,
    };
    let told = Mutex::new((None, 0));
    let tell = |progress: Progress| {
        let Ok(mut told) = told.lock() else { return };
        let (done, all) = progress.tasks;
        let tenth = done * 10 / all.max(1);
        if *told != (Some(progress.part), tenth) {
            *told = (Some(progress.part), tenth);
            eprintln!(
                "{}: {} of 10, {} cut points, {} violations",
                progress.part.name(),
                tenth,
                progress.points,
                progress.violations
            );
        }
    };
    let report =
        sweep::run(options, &tell).map_err(|trouble| Failure::Broken(trouble.to_string()))?;
    judged(effort, &report).map_err(Failure::Broken)?;
    Ok(report.to_string())
}

/// What is wrong with a sweep.
fn judged(effort: Effort, report: &Report) -> Result<(), String> {
    if report.violations() > 0 {
        return Err(format!("a guarantee did not hold\n{report}"));
    }
    let points = report.points();
    if effort == Effort::Whole && points < FEWEST {
        return Err(format!(
            "the sweep has tried {points} cut points, fewer than {FEWEST}: it does not reach all of \
             the life\n{report}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pile_sim::flash::Part;
    use pile_sim::sweep::Tally;

    fn report(single: u64, double: u64, violations: u64) -> Report {
        let tally = Tally {
            part: Part::W25q80,
            bytes: 1 << 20,
            sessions: 40,
            records: 900,
            operations: 2000,
            programmed: 1 << 20,
            single,
            double,
            recoveries: single,
            violations,
            examples: Vec::new(),
            millis: 1,
        };
        Report {
            tallies: vec![tally],
        }
    }

    #[test]
    fn a_whole_sweep_of_fewer_than_a_hundred_thousand_points_fails() {
        let few = judged(Effort::Whole, &report(60_000, 39_999, 0)).unwrap_err();
        assert!(few.contains("99999 cut points, fewer than 100000"), "{few}");
        assert_eq!(judged(Effort::Whole, &report(60_000, 40_000, 0)), Ok(()));
        // A part of it is known to be one.
        assert_eq!(judged(Effort::Bounded, &report(3_000, 0, 0)), Ok(()));
        for effort in [Effort::Whole, Effort::Bounded] {
            let broken = judged(effort, &report(200_000, 0, 1)).unwrap_err();
            assert!(broken.contains("a guarantee did not hold"), "{broken}");
        }
    }
}
