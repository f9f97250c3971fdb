//! The wires of the desk: loads that deliver energy exactly, and meters that count it in whole steps
//! from a phase of their own.

use metering::Sample;
use pile_units::{Current, Energy, Power, Temperature, Voltage};

/// A milliwatt-hour in milliwatt-milliseconds.
pub(super) const MWH: u128 = 3_600_000;
/// A step of the meters' counters, as a BL0942 in an outlet's circuit has it, mWh.
pub(crate) const STEP: u64 = 94;
const VOLTS: u32 = 230;

/// One port's wire and meter.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    /// What the bike draws while the relay is closed, mW.
    pub load: u32,
    pub relay: bool,
    /// All that ever flowed, mW x ms.
    pub flowed: u128,
    /// The same since the meter was switched on, and where its counter stood then.
    metered: u128,
    phase: u128,
}

impl Wire {
    pub const fn new() -> Self {
        Self {
            load: 0,
            relay: false,
            flowed: 0,
            metered: 0,
            phase: 0,
        }
    }

    /// The supply is back: the counter begins anew, somewhere within a step.
    pub fn power_up(&mut self, phase: u64) {
        self.relay = false;
        self.metered = 0;
        self.phase = u128::from(phase % STEP) * MWH;
    }

    /// Lets energy flow; gives how much, mW x ms.
    pub fn flow(&mut self, millis: u64) -> u128 {
        if !self.relay {
            return 0;
        }
        let energy = u128::from(self.load) * u128::from(millis);
        self.flowed += energy;
        self.metered += energy;
        energy
    }

    pub fn sample(&self) -> Sample {
        let steps = (self.metered + self.phase) / (u128::from(STEP) * MWH);
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        let power = if self.relay { self.load } else { 0 };
        Sample {
            energy: Energy::from_milliwatt_hours(steps.saturating_mul(STEP)),
            resolution: Energy::from_milliwatt_hours(STEP + 1),
            power: Power::from_milliwatts(power),
            voltage: Voltage::from_millivolts(VOLTS * 1000),
            current: Current::from_milliamperes(power / VOLTS),
            over_current: false,
            temperature: Some(Temperature::from_celsius(30)),
        }
    }
}
