//! What a run prints at its end. Writing to a `String`, as here, cannot fail.

use std::fmt::Write as _;

use crate::runner::{Outcome, Report, Step};

/// Renders the table of the steps and, as the last line, the counts.
pub fn summary(reports: &[Report]) -> String {
    let width = column(reports.iter().map(|report| report.step));
    let mut out = format!("\n{:width$}  result   seconds\n", "step");
    let (mut passed, mut failed, mut skipped) = (0_u32, 0_u32, 0_u32);
    for Report {
        step,
        outcome,
        took,
    } in reports
    {
        let (word, count) = match outcome {
            Outcome::Ok => ("ok", &mut passed),
            Outcome::Failed(_) => ("FAILED", &mut failed),
            Outcome::Skipped(_) => ("skipped", &mut skipped),
        };
        *count += 1;
        let seconds = took.as_secs_f64();
        let line = format!(
            "{step:width$}  {word:7}  {seconds:7.1}  {}",
            reason(outcome)
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
    let _ = writeln!(out, "\n{passed} passed, {failed} failed, {skipped} skipped");
    out
}

/// Renders the names of the steps and what each shows.
pub fn catalogue(steps: &[Step]) -> String {
    let width = column(steps.iter().map(|step| step.name));
    let mut out = String::new();
    for Step { name, shows, .. } in steps {
        let _ = writeln!(out, "{name:width$}  {shows}");
    }
    out
}

fn column<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names
        .chain(["step"])
        .map(str::len)
        .max()
        .unwrap_or_default()
}

/// The first line of why; the others were printed where the step ran.
fn reason(outcome: &Outcome) -> String {
    let mut lines = outcome.reason().unwrap_or_default().lines();
    let first = lines.next().unwrap_or_default();
    match lines.count() {
        0 => first.to_owned(),
        more => format!("{first} (and {more} more, above)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn report(step: &'static str, outcome: Outcome, millis: u64) -> Report {
        Report {
            step,
            outcome,
            took: Duration::from_millis(millis),
        }
    }

    #[test]
    fn the_table_lines_up_and_ends_with_the_counts() {
        let reports = [
            report("fmt", Outcome::Ok, 940),
            report(
                "no-std gate",
                Outcome::Failed("one\ntwo\nthree".into()),
                12_340,
            ),
            report("clippy", Outcome::Skipped("clippy is missing".into()), 0),
        ];
        assert_eq!(
            summary(&reports),
            "\nstep         result   seconds\n\
             fmt          ok           0.9\n\
             no-std gate  FAILED      12.3  one (and 2 more, above)\n\
             clippy       skipped      0.0  clippy is missing\n\
             \n1 passed, 1 failed, 1 skipped\n"
        );
    }
}
