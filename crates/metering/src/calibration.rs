//! From a chip's raw counts to units, in integers.
//!
//! Two kinds of figure: [`EnergyPerCount`], which money hangs on and which is therefore rounded
//! **down**, and [`Scale`], which turns an instantaneous register into millivolts, milliamperes or
//! milliwatts, rounded to nearest.

use pile_units::{Current, Energy, OutOfRange, Power, Voltage};

/// Picowatt-hours in a milliwatt-hour.
pub(crate) const PICO_PER_MILLI: u64 = 1_000_000_000;

/// Energy of one step of a chip's energy counter, 10^6..=2 x 10^12 pWh (1 µWh to 2 Wh), rounded down.
///
/// ```
/// use metering::EnergyPerCount;
/// use pile_units::Energy;
/// let step = EnergyPerCount::from_picowatt_hours(186_893_813_502)?;
/// assert_eq!(step.rounded_up(), Energy::from_milliwatt_hours(187));
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnergyPerCount(u64);

impl EnergyPerCount {
    /// One watt-hour.
    pub const WATT_HOUR: Self = Self(1_000_000_000_000);

    /// Makes a step from picowatt-hours.
    ///
    /// # Errors
    /// [`OutOfRange`] outside 10^6..=2 x 10^12: below, a counter would turn over within minutes;
    /// above, a session could be off by more than it is worth.
    pub const fn from_picowatt_hours(step: u64) -> Result<Self, OutOfRange> {
        if step >= 1_000_000 && step <= 2_000_000_000_000 {
            Ok(Self(step))
        } else {
            Err(OutOfRange)
        }
    }

    /// Returns picowatt-hours.
    pub const fn picowatt_hours(self) -> u64 {
        self.0
    }

    /// Returns microjoules, rounded down: 1 pWh is 3.6 nJ.
    pub const fn microjoules(self) -> u64 {
        self.0 * 9 / 2500
    }

    /// Returns the step in milliwatt-hours, rounded up.
    pub const fn rounded_up(self) -> Energy {
        Energy::from_milliwatt_hours(self.0.div_ceil(PICO_PER_MILLI))
    }
}

/// Thousandths of a unit a raw count, as a 32.32 fixed-point factor below 128.
///
/// ```
/// use metering::Scale;
/// let millivolts = Scale::from_ratio(1000, 15_883)?; // a chip that reads 15,883 a volt
/// assert_eq!(millivolts.apply(3_653_090), 230_000);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale(u64);

impl Scale {
    /// Makes the factor `numerator / denominator`, rounded to the nearest 2^-32.
    ///
    /// # Errors
    /// [`OutOfRange`] where the denominator is zero, the numerator is 2^96 or more, or the factor
    /// rounds to zero or reaches 128.
    pub const fn from_ratio(numerator: u128, denominator: u128) -> Result<Self, OutOfRange> {
        if denominator == 0 || numerator >= 1 << 95 || denominator >= 1 << 127 {
            return Err(OutOfRange);
        }
        let factor = ((numerator << 32) + denominator / 2) / denominator;
        if factor == 0 || factor >= 1 << 39 {
            return Err(OutOfRange);
        }
        #[allow(clippy::cast_possible_truncation, reason = "below 2^39, checked above")]
        Ok(Self(factor as u64))
    }

    /// Applies the factor to a raw register of up to 24 bits, rounded to nearest.
    pub fn apply(self, raw: u32) -> u32 {
        // 24 bits times 39 bits; a caller's 32 bits would fit no longer, hence saturating.
        let product = u64::from(raw)
            .saturating_mul(self.0)
            .saturating_add(1 << 31);
        u32::try_from(product >> 32).unwrap_or(u32::MAX)
    }

    /// The raw count that stands for `thousandths` of a unit, rounded down.
    ///
    /// ```
    /// use metering::Scale;
    /// let milliamperes = Scale::from_ratio(1000, 251_213)?;
    /// assert_eq!(milliamperes.invert(1_000), 251_212); // of 251,213 less the factor's rounding
    /// # Ok::<(), pile_units::OutOfRange>(())
    /// ```
    pub fn invert(self, thousandths: u32) -> u32 {
        // The factor is never zero.
        let raw = (u64::from(thousandths) << 32) / self.0.max(1);
        u32::try_from(raw).unwrap_or(u32::MAX)
    }
}

/// The figures of one chip in its circuit. [`bl0942::Circuit`](crate::bl0942::Circuit) makes them
/// from resistor values.
///
/// ```
/// use metering::{Calibration, EnergyPerCount, Scale};
/// use pile_units::{Current, Power, Voltage};
/// let calibration = Calibration {
///     energy: EnergyPerCount::from_picowatt_hours(186_893_813_502)?,
///     current: Scale::from_ratio(1000, 251_213)?,
///     voltage: Scale::from_ratio(1000, 15_883)?,
///     power: Scale::from_ratio(10_000, 6_234)?,
/// };
/// assert_eq!(calibration.power(623_400), Power::from_watts(1000));
/// assert_eq!(calibration.power(-5), Power::ZERO);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calibration {
    /// Energy of one step of the counter.
    pub energy: EnergyPerCount,
    /// Milliamperes a count of the current register.
    pub current: Scale,
    /// Millivolts a count of the voltage register.
    pub voltage: Scale,
    /// Milliwatts a count of the active power register.
    pub power: Scale,
}

impl Calibration {
    /// Converts a raw current.
    pub fn current(&self, raw: u32) -> Current {
        Current::from_milliamperes(self.current.apply(raw))
    }

    /// Converts a raw voltage.
    pub fn voltage(&self, raw: u32) -> Voltage {
        Voltage::from_millivolts(self.voltage.apply(raw))
    }

    /// Converts a raw, signed active power; a negative one is zero.
    pub fn power(&self, raw: i32) -> Power {
        Power::from_milliwatts(self.power.apply(u32::try_from(raw).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_outside_its_range_is_refused() {
        for bad in [0, 999_999, 2_000_000_000_001, u64::MAX] {
            assert_eq!(EnergyPerCount::from_picowatt_hours(bad), Err(OutOfRange));
        }
    }

    #[test]
    fn a_factor_outside_its_range_is_refused() {
        for (numerator, denominator) in [(1, 0), (0, 1), (128, 1), (1 << 96, 1 << 96), (1, 1 << 40)]
        {
            assert_eq!(Scale::from_ratio(numerator, denominator), Err(OutOfRange));
        }
    }

    #[test]
    fn a_scaled_value_is_rounded_to_nearest_and_never_overflows() {
        let third = Scale::from_ratio(1, 3).unwrap();
        assert_eq!([third.apply(1), third.apply(2), third.apply(4)], [0, 1, 1]);
        let largest = Scale::from_ratio(127, 1).unwrap();
        assert_eq!(largest.apply(0xFF_FFFF), 127 * 0xFF_FFFF);
        assert_eq!(largest.apply(u32::MAX), u32::MAX);
    }
}
