//! A frequency from counts and moments, over a window that lasts as long as it needs to.

use super::counter::{Edge, PulseCounter};

/// Pulses that end a window where edges have moments: those alone decide its precision.
const EXACT_PULSES: u32 = 8;
/// Pulses that end a window where they have not: a pulse more or less is 1 %.
const COARSE_PULSES: u32 = 100;

/// A counter with the bits above its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Extended {
    total: u64,
    started: bool,
}

impl Extended {
    /// Takes a reading of a counter of `bits`.
    pub fn extend(&mut self, raw: u32, bits: u32) -> u64 {
        let mask = mask(bits);
        let raw = u64::from(raw) & mask;
        if self.started {
            self.total += raw.wrapping_sub(self.total) & mask;
        } else {
            self.started = true;
            self.total = raw;
        }
        self.total
    }

    /// The last reading.
    pub const fn get(self) -> u64 {
        self.total
    }
}

const fn mask(bits: u32) -> u64 {
    if bits >= 32 {
        u32::MAX as u64
    } else {
        (1 << bits) - 1
    }
}

/// Where a counter stood, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub count: u64,
    pub micros: u64,
    /// It is the moment of a pulse, not of a reading.
    pub exact: bool,
}

impl Mark {
    /// Reads a counter at `now_micros`, which may be on another clock than its edges'.
    pub fn read<C: PulseCounter>(
        counter: &mut C,
        extended: &mut Extended,
        now_micros: u64,
    ) -> Self {
        let edge = counter.last_edge();
        let count = extended.extend(counter.total(), C::BITS);
        match edge {
            // The edge is the last one, or one more came between the two readings.
            Some(Edge { count: at, micros }) => Self {
                count: count - (count.wrapping_sub(u64::from(at)) & mask(C::BITS)).min(count),
                micros,
                exact: true,
            },
            None => Self {
                count,
                micros: now_micros,
                exact: false,
            },
        }
    }

    /// The same count at the moment of reading, whenever its pulse came.
    pub const fn without_edge(self, now_micros: u64) -> Self {
        Self {
            count: self.count,
            micros: now_micros,
            exact: false,
        }
    }
}

/// A window under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    from: Mark,
    /// The window's start on the reader's clock.
    since_micros: u64,
}

/// What a window has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Not enough yet; the frequency is this or less, in millihertz.
    AtMost(u32),
    /// Done: the frequency in millihertz.
    Is(u32),
}

impl Window {
    pub const fn open(from: Mark, now_micros: u64) -> Self {
        Self {
            from,
            since_micros: now_micros,
        }
    }

    /// Judges the window at a mark. It ends with enough pulses, or after `patience` with any.
    pub fn judge(&self, to: Mark, now_micros: u64, patience_micros: u64) -> Outcome {
        let pulses = to.count.saturating_sub(self.from.count);
        let age = now_micros.saturating_sub(self.since_micros);
        let exact = self.from.exact && to.exact;
        let span = if exact {
            to.micros.saturating_sub(self.from.micros)
        } else {
            age
        };
        let enough = u64::from(if exact { EXACT_PULSES } else { COARSE_PULSES });
        if pulses > 0 && span > 0 && (pulses >= enough || age >= patience_micros) {
            return Outcome::Is(millihertz(pulses, span));
        }
        // One more pulse may be about to come.
        Outcome::AtMost(millihertz(pulses.saturating_add(1), age))
    }

    /// True if no pulse came.
    pub const fn is_silent(&self, to: Mark) -> bool {
        to.count == self.from.count
    }

    pub const fn age_micros(&self, now_micros: u64) -> u64 {
        now_micros.saturating_sub(self.since_micros)
    }
}

fn millihertz(pulses: u64, micros: u64) -> u32 {
    let frequency = pulses.saturating_mul(1_000_000_000) / micros.max(1);
    u32::try_from(frequency).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn exact(count: u64, micros: u64) -> Mark {
        Mark {
            count,
            micros,
            exact: true,
        }
    }

    #[test]
    fn edges_with_moments_give_the_frequency_exactly() {
        let window = Window::open(exact(3, 100_000), 500_000);
        // Eight pulses in 1.6 s.
        let outcome = window.judge(exact(11, 1_700_000), 2_000_000, 8_000_000);
        assert_eq!(outcome, Outcome::Is(5_000));
    }

    #[test]
    fn few_pulses_are_waited_for_until_patience_ends() {
        let window = Window::open(exact(3, 0), 0);
        let few = exact(5, 3_000_000);
        assert_eq!(
            window.judge(few, 4_000_000, 8_000_000),
            Outcome::AtMost(750)
        );
        assert_eq!(window.judge(few, 8_000_000, 8_000_000), Outcome::Is(666));
    }

    #[test]
    fn silence_is_a_bound_that_falls() {
        let window = Window::open(exact(3, 0), 0);
        let silent = exact(3, 0);
        assert_eq!(window.judge(silent, 1_000_000, 1), Outcome::AtMost(1_000));
        assert_eq!(window.judge(silent, 10_000_000, 1), Outcome::AtMost(100));
    }

    #[test]
    fn a_narrow_counter_is_extended_past_its_top() {
        let mut extended = Extended::default();
        assert_eq!(extended.extend(0xFFFF, 16), 0xFFFF);
        assert_eq!(extended.extend(2, 16), 0x1_0002);
        assert_eq!(extended.extend(0xABCD_0003, 16), 0x1_0003);
        let mut wide = Extended::default();
        assert_eq!(wide.extend(u32::MAX, 32), u64::from(u32::MAX));
        assert_eq!(wide.extend(0, 32), 1 << 32);
    }
}
