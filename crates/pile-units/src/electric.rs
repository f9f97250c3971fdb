//! Electrical quantities, as integers of a thousandth of the field's unit.

use crate::quantity;

quantity!(
    /// Energy in milliwatt-hours. A register of this type never goes back.
    ///
    /// ```
    /// use pile_units::Energy;
    /// let drawn = Energy::from_milliwatt_hours(568_250);
    /// assert_eq!(drawn.to_string(), "568.250 Wh");
    /// ```
    Energy(u64), from_milliwatt_hours, milliwatt_hours, "milliwatt-hours"
);

quantity!(
    /// Active power in milliwatts. A pile's port delivers and never takes back, so power is
    /// unsigned; a driver clamps a chip's negative reading to zero.
    ///
    /// ```
    /// use pile_units::Power;
    /// assert_eq!(Power::from_watts(800).milliwatts(), 800_000);
    /// ```
    Power(u32), from_milliwatts, milliwatts, "milliwatts"
);

quantity!(
    /// Root-mean-square voltage in millivolts.
    ///
    /// ```
    /// use pile_units::Voltage;
    /// assert_eq!(Voltage::from_millivolts(230_000).millivolts(), 230_000);
    /// ```
    Voltage(u32), from_millivolts, millivolts, "millivolts"
);

quantity!(
    /// Root-mean-square current in milliamperes.
    ///
    /// ```
    /// use pile_units::Current;
    /// assert_eq!(Current::from_milliamperes(2_500).milliamperes(), 2_500);
    /// ```
    Current(u32), from_milliamperes, milliamperes, "milliamperes"
);

impl Energy {
    /// Makes a value from whole watt-hours.
    pub const fn from_watt_hours(watt_hours: u32) -> Self {
        // Widening; `u64::from` is not const.
        Self::from_milliwatt_hours(watt_hours as u64 * 1000)
    }
}

impl core::fmt::Display for Energy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mwh = self.milliwatt_hours();
        write!(f, "{}.{:03} Wh", mwh / 1000, mwh % 1000)
    }
}

impl Power {
    /// Makes a value from whole watts, up to 4,294,967 W.
    pub const fn from_watts(watts: u32) -> Self {
        Self::from_milliwatts(watts.saturating_mul(1000))
    }

    /// This power scaled by `percent` / 100, rounded down, stopping at the largest value.
    ///
    /// ```
    /// use pile_units::Power;
    /// assert_eq!(Power::from_watts(1000).percent(110), Power::from_watts(1100));
    /// ```
    pub fn percent(self, percent: u32) -> Self {
        let scaled = u64::from(self.milliwatts()) * u64::from(percent) / 100;
        Self::from_milliwatts(u32::try_from(scaled).unwrap_or(u32::MAX))
    }
}

impl core::fmt::Display for Power {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mw = self.milliwatts();
        write!(f, "{}.{:03} W", mw / 1000, mw % 1000)
    }
}

/// Temperature in tenths of a degree Celsius.
///
/// ```
/// use pile_units::Temperature;
/// assert!(Temperature::from_celsius(90) > Temperature::from_decicelsius(895));
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Temperature(i16);

impl Temperature {
    /// Makes a value from tenths of a degree Celsius.
    pub const fn from_decicelsius(tenths: i16) -> Self {
        Self(tenths)
    }

    /// Makes a value from whole degrees Celsius.
    pub const fn from_celsius(degrees: i8) -> Self {
        // Widening; `i16::from` is not const. 127 * 10 fits.
        Self(degrees as i16 * 10)
    }

    /// Returns tenths of a degree Celsius.
    pub const fn decicelsius(self) -> i16 {
        self.0
    }
}
