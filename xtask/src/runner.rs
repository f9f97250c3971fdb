//! Runs steps one after the other, all of them, whatever fails.

use std::time::{Duration, Instant};

use crate::process::Workspace;

/// One step of `cargo xtask test`.
pub struct Step {
    /// Its name, as `--only` takes it.
    pub name: &'static str,
    /// What it shows, in one line.
    pub shows: &'static str,
    /// Does it; prints what it does as it goes.
    pub run: fn(&Workspace) -> Outcome,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Ok,
    /// It does not, and why; more than one reason stands on lines of their own.
    Failed(String),
    /// It could not run here, and what to do about it.
    Skipped(String),
}

impl Outcome {
    /// Makes an outcome from what a check found: nothing is well.
    pub fn of_findings(findings: &[String]) -> Self {
        if findings.is_empty() {
            Self::Ok
        } else {
            Self::Failed(findings.join("\n"))
        }
    }

    /// Runs what comes next only after a success.
    pub fn and_then(self, next: impl FnOnce() -> Self) -> Self {
        if self == Self::Ok { next() } else { self }
    }

    /// Applies CI's rule, that what did not run was not shown.
    pub fn under(self, strict: bool) -> Self {
        match self {
            Self::Skipped(reason) if strict => {
                Self::Failed(format!("skipped, which CI does not allow: {reason}"))
            }
            other => other,
        }
    }

    /// True for a failure.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    /// Returns why a step failed or was skipped.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Ok => None,
            Self::Failed(reason) | Self::Skipped(reason) => Some(reason),
        }
    }
}

/// A step that ran.
pub struct Report {
    /// The step's name.
    pub step: &'static str,
    /// How it ended, CI's rule applied.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// Runs every step, prints how each ended, and returns all the reports.
pub fn run<'a>(workspace: &Workspace, steps: impl Iterator<Item = &'a Step>) -> Vec<Report> {
    steps
        .map(|step| {
            println!("==> {}: {}", step.name, step.shows);
            let started = Instant::now();
            let outcome = (step.run)(workspace).under(workspace.strict);
            for line in outcome.reason().into_iter().flat_map(str::lines) {
                println!("    {line}");
            }
            Report {
                step: step.name,
                outcome,
                took: started.elapsed(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(strict: bool) -> Workspace {
        Workspace {
            root: "/r".into(),
            target: "/r/target".into(),
            strict,
        }
    }

    const GOOD: Step = Step {
        name: "good",
        shows: "",
        run: |_| Outcome::Ok,
    };
    const BAD: Step = Step {
        name: "bad",
        shows: "",
        run: |_| Outcome::Failed("no".into()),
    };
    const AWAY: Step = Step {
        name: "away",
        shows: "",
        run: |_| Outcome::Skipped("no tool".into()),
    };

    #[test]
    fn a_failure_does_not_keep_later_steps_from_running() {
        let outcomes: Vec<_> = run(&here(false), [BAD, GOOD, BAD].iter())
            .into_iter()
            .map(|r| r.outcome)
            .collect();
        assert_eq!(outcomes.len(), 3);
        assert_eq!(
            outcomes
                .iter()
                .filter(|outcome| outcome.is_failure())
                .count(),
            2
        );
    }

    #[test]
    fn a_skip_is_a_skip_on_a_desk_and_a_failure_in_ci() {
        let outcome = |strict| run(&here(strict), [AWAY].iter()).remove(0).outcome;
        assert_eq!(outcome(false), Outcome::Skipped("no tool".into()));
        assert!(outcome(true).is_failure());
        assert!(outcome(true).reason().unwrap().contains("no tool"));
    }

    #[test]
    fn findings_fail_and_are_all_kept() {
        assert_eq!(Outcome::of_findings(&[]), Outcome::Ok);
        let two = Outcome::of_findings(&["one".into(), "two".into()]);
        assert_eq!(two.reason(), Some("one\ntwo"));
    }

    #[test]
    fn nothing_follows_a_failure_within_a_step() {
        let stopped = Outcome::Failed("first".into()).and_then(|| Outcome::Ok);
        assert_eq!(stopped.reason(), Some("first"));
    }
}
