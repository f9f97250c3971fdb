//! When a port's meter is read, and when what it showed must be recorded.
//!
//! # Terms
//! - What is **at risk** of a port is all that passed its meter and is in no durable record, or that
//!   its session drew and is not billed for, if the supply fails just before what the next reading
//!   shows is durable. It is never more than [`MOST_AT_RISK`] (I3).
//!
//! What may flow until then weighs most: 458 mWh at the pace of a second and a limit of 1 kW, 146 mWh
//! at a quarter of one. So a port whose share of unrecorded energy grows is read faster, and a record is
//! made only where not even the fastest reading can be waited for: larger records, and fewer.

use super::{Phase, Port, SILENT_LIMIT};
use pile_units::{Duration, Energy, Instant, Limits, Power};

/// At most this much of a port's energy is in no durable record, whenever the supply fails (I3).
pub(crate) const MOST_AT_RISK: Energy = Energy::from_watt_hours(1);
/// A record is durable this long after the reading was due.
const DURABLE_IN: Duration = Duration::from_millis(100);
/// A slice of the ledger's own work takes no longer: the erase of a W25Q80's sector at its worst
/// (tSE, 400 ms), or copying what a page keeps.
const SLICE: Duration = Duration::from_millis(450);
/// The pace of a port's readings while power can flow.
pub(crate) const FAST: Duration = Duration::from_seconds(1);
/// Twice that, and the most often that a port is read.
const FASTER: Duration = Duration::from_millis(500);
const FASTEST: Duration = Duration::from_millis(250);
/// The pace of an idle port's readings.
const SLOW: Duration = Duration::from_seconds(60);
/// How long a port that opened is still read fast.
const FAST_AFTER_OPENING: Duration = Duration::from_seconds(10);
/// A reading takes no longer: 25 bytes at 9600 baud, and a little.
const READING: Duration = Duration::from_millis(30);

/// What the readings of all ports have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    limits: Limits,
    /// How often every port that is read can be read.
    fastest: Duration,
}

impl Round {
    pub fn new(limits: Limits, busy: usize) -> Self {
        let busy = u64::try_from(busy).unwrap_or(u64::MAX);
        let all = Duration::from_millis(READING.millis().saturating_mul(busy));
        Self {
            limits,
            fastest: all.clamp(FASTEST, FASTER),
        }
    }
}

impl Port {
    /// True while nothing can happen to the port that a reading a minute would not show in time.
    pub fn is_quiet(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Free)
            && self.weld_hits == 0
            && (self.silent == 0 || self.silent >= SILENT_LIMIT)
            && now.since(self.opened) >= FAST_AFTER_OPENING
    }

    /// How often the meter is to be read.
    pub fn pace(&self, now: Instant, round: &Round) -> Duration {
        if self.is_quiet(now) {
            return SLOW;
        }
        let [.., fastest] = self.paces(round);
        self.safe_pace(round).unwrap_or(fastest)
    }

    /// When the meter is to be read next; `index` is the port's.
    ///
    /// The meters of a bus answer one after the other, so each port has its own place in every
    /// stretch of its pace: a reading waits for no other, and comes as regularly as its pace says.
    pub fn next_reading(&self, now: Instant, round: &Round, index: usize) -> Instant {
        let Some(asked) = self.asked.map(Instant::millis) else {
            return now;
        };
        if (1..SILENT_LIMIT).contains(&self.silent) {
            // Three answers missed are a lost meter: not all three within a second.
            return Instant::from_millis(asked).after(FAST);
        }
        let pace = self.pace(now, round).millis().max(1);
        let offset = u64::try_from(index).unwrap_or(0) * READING.millis() % pace;
        let stretches = asked.checked_sub(offset).map_or(0, |gone| gone / pace + 1);
        let due = Instant::from_millis(stretches.saturating_mul(pace).saturating_add(offset));
        let overload = match &self.phase {
            Phase::Delivering(delivery) => delivery.overload_judged(&round.limits),
            _ => None,
        };
        overload.map_or(due, |judged| due.min(judged))
    }

    /// True when something was measured that is not in the outbox yet.
    pub const fn has_unrecorded(&self) -> bool {
        !self.unrecorded.is_zero() || !self.stray.is_zero()
    }

    /// True when unrecorded energy must go to the ledger: no reading comes soon enough to wait for.
    pub fn must_record(&self, round: &Round) -> bool {
        self.has_unrecorded() && self.safe_pace(round).is_none()
    }

    /// True if a record of this port may come as late as a slice of the ledger's work makes it: no
    /// more is at risk then than may be, or as little as will ever be.
    pub fn can_wait(&self, round: &Round) -> bool {
        let pace = round.fastest.saturating_add(SLICE);
        !self.has_unrecorded() || self.at_risk(round, pace) <= MOST_AT_RISK
    }

    /// The slowest pace at which no more is at risk than may be.
    fn safe_pace(&self, round: &Round) -> Option<Duration> {
        let mut paces = self.paces(round).into_iter();
        paces.find(|pace| self.at_risk(round, *pace) <= MOST_AT_RISK)
    }

    /// The paces that the meters keep up with, slowest first.
    const fn paces(&self, round: &Round) -> [Duration; 3] {
        if self.silent > 0 {
            [FAST; 3]
        } else {
            [FAST, FASTER, round.fastest]
        }
    }

    /// What a cut may lose until the next reading at this pace is durable.
    fn at_risk(&self, round: &Round, pace: Duration) -> Energy {
        let flows = if self.is_closed() {
            // The reading that shows more opens the relay.
            let most = round.limits.port_power();
            let most = most.percent(Limits::FAST_OVERLOAD_PERCENT);
            energy(most, pace.saturating_add(DURABLE_IN))
        } else {
            Energy::ZERO
        };
        // The session's first step is on record as nobody's, and is still missing on its bill.
        let unbilled = self.stray.max(self.discarded);
        // The step that the counter has not made yet is of unknown size, up to a whole one.
        let uncounted = self.resolution;
        self.unrecorded
            .saturating_add(unbilled)
            .saturating_add(uncounted)
            .saturating_add(flows)
    }
}

/// What flows at a power in a time, rounded up.
fn energy(power: Power, time: Duration) -> Energy {
    let microjoules = u64::from(power.milliwatts()).saturating_mul(time.millis());
    Energy::from_milliwatt_hours(microjoules.div_ceil(3_600_000))
}

const _: () = assert!(
    MOST_AT_RISK.milliwatt_hours() == 1000,
    "I3: at most 1 Wh a port"
);
