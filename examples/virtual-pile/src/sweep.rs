//! `sweep`: power cuts at every flash operation of a pile's life, and inside each.

use std::sync::Mutex;

use pile_sim::sweep::{self, Effort, Options, Progress};

use crate::app::Failure;
use crate::cli;

/// Runs the sweep, tells on stderr how far it has come, and returns the table to print.
///
/// # Errors
/// [`Failure::Broken`] where a guarantee did not hold; the table is in it.
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
    if report.violations() == 0 {
        Ok(report.to_string())
    } else {
        Err(Failure::Broken(format!(
            "a guarantee did not hold\n{report}"
        )))
    }
}
