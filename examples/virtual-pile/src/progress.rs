//! How far a replay is: a bar on a terminal, otherwise a line each tenth.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Tells how much of the simulated time has passed, on standard error.
///
/// ```
/// let mut progress = virtual_pile::progress::Progress::hidden(1_000);
/// progress.reach(500);
/// progress.finish();
/// ```
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    total_seconds: u64,
    how: How,
}

#[derive(Debug)]
enum How {
    Bar,
    /// The tenth last told.
    Lines(u64),
    Hidden,
}

impl Progress {
    /// A bar for `total_seconds` of simulated time, or lines where there is no terminal.
    pub fn new(total_seconds: u64) -> Self {
        let bar = ProgressBar::with_draw_target(
            Some(total_seconds),
            ProgressDrawTarget::stderr_with_hz(10),
        );
        let how = if bar.is_hidden() {
            How::Lines(0)
        } else {
            How::Bar
        };
        let template = "{bar:40} {percent:>3} % of {msg}, {elapsed} gone, {eta} to go";
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_message(crate::figures::days(total_seconds));
        Self {
            bar,
            total_seconds,
            how,
        }
    }

    /// Says nothing.
    pub fn hidden(total_seconds: u64) -> Self {
        Self {
            bar: ProgressBar::hidden(),
            total_seconds,
            how: How::Hidden,
        }
    }

    /// The simulation is `seconds` from its start. Cheap enough for every simulated minute.
    pub fn reach(&mut self, seconds: u64) {
        match &mut self.how {
            How::Bar => self.bar.set_position(seconds.min(self.total_seconds)),
            How::Lines(told) => {
                let tenth = tenths(seconds, self.total_seconds);
                if tenth > *told {
                    *told = tenth;
                    eprintln!("{} %", tenth * 10);
                }
            }
            How::Hidden => {}
        }
    }

    /// Clears the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// How many tenths of `total` have been reached, 0..=10.
fn tenths(reached: u64, total: u64) -> u64 {
    (reached.saturating_mul(10) / total.max(1)).min(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_are_counted_to_ten() {
        let of_95 = [0, 9, 10, 94, 95, 96, u64::MAX].map(|reached| tenths(reached, 95));
        assert_eq!(of_95, [0, 0, 1, 9, 10, 10, 10]);
        assert_eq!(tenths(5, 0), 10);
    }

    #[test]
    fn without_a_terminal_there_are_lines() {
        // The test harness has none.
        let mut progress = Progress::new(100);
        progress.reach(55);
        assert!(matches!(progress.how, How::Lines(5) | How::Bar));
        progress.finish();
    }
}
