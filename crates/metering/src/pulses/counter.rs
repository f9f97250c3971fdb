//! What counts the edges of a pulse output: a timer of the MCU, or an interrupt.

/// The last pulse that a counter saw.
///
/// ```
/// use metering::pulses::Edge;
/// let edge = Edge { count: 7, micros: 3_500_000 };
/// assert_eq!(edge.micros / u64::from(edge.count), 500_000); // two a second
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The counter's value with this pulse, as [`PulseCounter::total`] has it.
    pub count: u32,
    /// When it came, microseconds on a clock that runs on evenly from the counter's start.
    pub micros: u64,
}

/// A counter of pulses: of rising edges, or of falling ones, never of both.
///
/// It counts from the start of the MCU and is never cleared, so whoever reads it loses nothing by
/// reading late; it wraps to zero at 2^[`BITS`](Self::BITS).
///
/// ```
/// use core::sync::atomic::{AtomicU32, Ordering};
/// use metering::pulses::PulseCounter;
///
/// /// Counted up by an interrupt.
/// static PULSES: AtomicU32 = AtomicU32::new(0);
///
/// struct Cf;
///
/// impl PulseCounter for Cf {
///     const BITS: u32 = 32;
///
///     fn total(&mut self) -> u32 {
///         PULSES.load(Ordering::Relaxed)
///     }
/// }
///
/// PULSES.fetch_add(3, Ordering::Relaxed);
/// assert_eq!(Cf.total(), 3);
/// assert_eq!(Cf.last_edge(), None);
/// ```
pub trait PulseCounter {
    /// Bits of the counter, 16 to 32. A counter of 16 bits turns over within 33 s at 4 kW on a
    /// BL0937 with a shunt of 1 mΩ: it must be read more often than that, or too little is counted.
    const BITS: u32;

    /// Pulses since the start, modulo 2^[`BITS`](Self::BITS).
    fn total(&mut self) -> u32;

    /// The last pulse and its moment, where the hardware captures it. Frequencies are then exact
    /// from a few pulses on; without it they take longer windows and are a pulse out.
    fn last_edge(&mut self) -> Option<Edge> {
        None
    }
}
