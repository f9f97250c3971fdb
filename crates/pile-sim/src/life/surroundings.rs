//! What outlives a pile whose power was cut.

use std::collections::BTreeMap;

use pile_units::{Instant, SessionId, WallTime};

use super::wires::{MWH, Wire};

/// What outlives a desk whose power was cut: the wires and the clock on the wall.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub(super) now: Instant,
    pub(super) rtc: (Instant, WallTime),
    pub(super) wires: Vec<Wire>,
    /// mW x ms.
    pub(super) delivered: BTreeMap<SessionId, u128>,
    /// How many records the ledger holds.
    pub acknowledged: usize,
}

impl Surroundings {
    /// What a session was given, mWh, rounded down.
    pub fn delivered(&self, session: SessionId) -> u64 {
        let energy = self.delivered.get(&session).copied().unwrap_or(0);
        u64::try_from(energy / MWH).unwrap_or(u64::MAX)
    }
}
