//! The resistors around the chip, and a frame in units.

use super::frame::{Coefficients, Frame};
use crate::calibration::EnergyPerCount;
use pile_units::{Current, OutOfRange, Power, Voltage};

/// A shunt and a mains divider.
///
/// The datasheet's formulas with Kv = top / (bottom x 1000) and Ki = 1000 / shunt in µΩ, in
/// integers:
///
/// | | |
/// | --- | --- |
/// | mV | coefficient x top / (bottom x register) |
/// | mA | coefficient x 10^6 / (shunt x register) |
/// | mW | coefficient x top x 1000 / (bottom x shunt x register) x 1000 |
/// | pWh a pulse | coefficient x Kv x Ki µJ, of 2500 / 9 pWh each |
///
/// ```
/// use metering::hlw8032::{Circuit, Coefficients};
/// let published = Coefficients { voltage: 187_600, current: 15_575, power: 5_105_000 };
/// let step = Circuit::REFERENCE.energy_per_pulse(&published)?;
/// // 375,101 pulses a kilowatt-hour.
/// assert_eq!(1_000_000_000_000_000 / step.picowatt_hours(), 375_101);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circuit {
    /// Current shunt in microohms, 1 or more.
    pub shunt_microohms: u32,
    /// Upper arm of the mains divider in ohms.
    pub divider_top_ohms: u32,
    /// Lower arm of the mains divider in ohms, 1 or more.
    pub divider_bottom_ohms: u32,
}

impl Circuit {
    /// The datasheet's application circuit: 1 mΩ, four times 470 kΩ over 1 kΩ. Kv is 1.88, Ki is 1.
    pub const REFERENCE: Self = Self {
        shunt_microohms: 1_000,
        divider_top_ohms: 4 * 470_000,
        divider_bottom_ohms: 1_000,
    };

    /// Energy of a pulse, rounded down.
    ///
    /// # Errors
    /// [`OutOfRange`] where no circuit for mains and chip of this kind gives such a pulse.
    pub fn energy_per_pulse(&self, chip: &Coefficients) -> Result<EnergyPerCount, OutOfRange> {
        // 1000 x Kv x Ki / 1000 microjoules: at most 24 and 32 bits and 2500, over at least 9.
        let step = u128::from(chip.power) * u128::from(self.divider_top_ohms) * 2_500
            / (u128::from(self.divider_bottom_ohms.max(1))
                * u128::from(self.shunt_microohms.max(1))
                * 9);
        EnergyPerCount::from_picowatt_hours(u64::try_from(step).unwrap_or(u64::MAX))
    }

    /// Voltage of a frame, rounded to nearest; zero where its register is out of range.
    pub fn voltage(&self, frame: &Frame) -> Voltage {
        Voltage::from_millivolts(ratio(
            u128::from(frame.coefficients.voltage) * u128::from(self.divider_top_ohms),
            u128::from(self.divider_bottom_ohms),
            frame.voltage,
        ))
    }

    /// Current of a frame, rounded to nearest; zero where its register is out of range.
    pub fn current(&self, frame: &Frame) -> Current {
        Current::from_milliamperes(ratio(
            u128::from(frame.coefficients.current) * 1_000_000,
            u128::from(self.shunt_microohms),
            frame.current,
        ))
    }

    /// Active power of a frame, rounded to nearest; zero where its register is out of range, which
    /// is how the chip says that there is next to none.
    pub fn power(&self, frame: &Frame) -> Power {
        Power::from_milliwatts(ratio(
            u128::from(frame.coefficients.power) * u128::from(self.divider_top_ohms) * 1_000,
            u128::from(self.divider_bottom_ohms) * u128::from(self.shunt_microohms),
            frame.power,
        ))
    }
}

/// `numerator / (denominator x register)`, to nearest; zero where there is no register.
fn ratio(numerator: u128, denominator: u128, register: Option<u32>) -> u32 {
    let Some(register) = register else { return 0 };
    // At most 64 bits times a register of 24.
    let divisor = (denominator * u128::from(register)).max(1);
    u32::try_from((numerator + divisor / 2) / divisor).unwrap_or(u32::MAX)
}
