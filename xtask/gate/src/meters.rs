//! `metering`: a missing chip is a timeout, never a reading.

use metering::EnergyMeter as _;
use metering::bl0942::{Bl0942, Circuit, Config, Error};
use pile_units::Instant;

use crate::parts::{NoLine, NoTime};

/// Tells whether the driver misses its chip.
pub fn holds() -> bool {
    Circuit::REFERENCE.calibration().is_ok_and(|figures| {
        let mut meter = Bl0942::new(NoLine, NoTime, [figures; 4], Config::default());
        embassy_futures::block_on(meter.sample(0, Instant::START)) == Err(Error::Timeout)
    })
}
