//! Two-point calibration: what a reference meter says of two loads, made into parts per million.
//!
//! # Terms
//! The *gain* of a load is what the reference says over what the pile says. What the pile says has
//! the correction *in force* in it already, so a new correction lies on top of that one:
//!
//! ```text
//! ppm = floor((1,000,000 + in force) x reference / indicated) - 1,000,000
//! ```
//!
//! Both loads give one, and the **lower** is taken: between the two points the pile then says
//! nowhere more than the reference, as far as the meter is a straight line between them.
//!
//! # Worked example
//! No correction is in force. A lamp: the reference says 60.0 W and the pile 59.2 W. A heater:
//! 1000 W and 987 W.
//!
//! ```text
//! lamp    1,000,000 x   60,000 /  59,200 = 1,013,513.5..  rounded down: 13,513 ppm
//! heater  1,000,000 x 1,000,000 / 987,000 = 1,013,171.2..  rounded down: 13,171 ppm
//! apart   342 ppm, of 10,000 allowed; the lower is taken:               13,171 ppm
//! ```
//!
//! # What is refused
//! [`TwoPointError`]. The limits are ours: a factor of 2 between the loads, because nearer ones say
//! nothing of an offset; 1 % between the gains, because the chips are sold as straight to better than
//! that, and a pile is to be right to 1 % (JJG 1148-2022, class 1): one gain cannot mend such a
//! meter; 10 % of correction ([`Load::MOST_PPM`]), because more is a wrong resistor or a reference
//! that was read from another load. A chip of [pulses](crate::pulses) may be 25 % off its datasheet
//! ([`Load::by_pulses`]).

use pile_units::{Current, MeterTrim, Power, Voltage};

/// One: no correction, in parts per million.
pub(crate) const UNITY_PPM: i64 = 1_000_000;

/// How many times the first load the second is at the least.
const APART: u64 = 2;

/// A load as a reference meter and the pile measure it at the same time.
///
/// ```
/// use metering::Load;
/// use pile_units::Power;
/// let lamp = Load::of_power(Power::from_milliwatts(60_000), Power::from_milliwatts(59_200));
/// assert_eq!(lamp.ppm(0), Ok(13_513));
/// // With that in force the pile says 60 W, and the same correction comes out again.
/// let again = Load::of_power(Power::from_milliwatts(60_000), Power::from_milliwatts(60_000));
/// assert_eq!(again.ppm(13_513), Ok(13_513));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    reference: u32,
    indicated: u32,
    most: i32,
}

impl Load {
    /// The most that the correction of a load may be, either way: 10 %.
    pub const MOST_PPM: i32 = 100_000;

    /// This load on a BL0937 or HLW8012 (CSE7759), whose own clock and reference make them up to 25 % off
    /// their datasheet ([`MeterTrim::MAX_PPM`]).
    ///
    /// ```
    /// use metering::{Load, TwoPointError};
    /// use pile_units::Power;
    /// let kettle = Load::of_power(Power::from_watts(1_000), Power::from_watts(850));
    /// assert_eq!(kettle.ppm(0), Err(TwoPointError::TooFar));
    /// assert_eq!(kettle.by_pulses().ppm(0), Ok(176_470)); // an HLW8012 whose clock is 15 % slow
    /// ```
    #[must_use]
    pub const fn by_pulses(self) -> Self {
        Self {
            most: MeterTrim::MAX_PPM,
            ..self
        }
    }

    /// A load by its active power, as the reference and as the pile says it.
    pub const fn of_power(reference: Power, indicated: Power) -> Self {
        Self {
            reference: reference.milliwatts(),
            indicated: indicated.milliwatts(),
            most: Self::MOST_PPM,
        }
    }

    /// A load by its current.
    pub const fn of_current(reference: Current, indicated: Current) -> Self {
        Self {
            reference: reference.milliamperes(),
            indicated: indicated.milliamperes(),
            most: Self::MOST_PPM,
        }
    }

    /// The mains' voltage. It is the same with every load, so [`ppm`](Self::ppm) of one such is all
    /// that there is to find.
    pub const fn of_voltage(reference: Voltage, indicated: Voltage) -> Self {
        Self {
            reference: reference.millivolts(),
            indicated: indicated.millivolts(),
            most: Self::MOST_PPM,
        }
    }

    /// The correction that this load asks for, in parts per million, on top of the one `in_force`;
    /// rounded down.
    ///
    /// # Errors
    /// [`TwoPointError::Zero`], [`TwoPointError::InForce`] and [`TwoPointError::TooFar`].
    pub fn ppm(self, in_force: i32) -> Result<i32, TwoPointError> {
        let most = self.most;
        if in_force < -most || in_force > most {
            return Err(TwoPointError::InForce);
        }
        if self.reference == 0 || self.indicated == 0 {
            return Err(TwoPointError::Zero);
        }
        // Positive, below 2^21 times 2^32. A quotient of positive numbers is rounded down.
        let corrected = (UNITY_PPM + i64::from(in_force)) * i64::from(self.reference)
            / i64::from(self.indicated);
        i32::try_from(corrected - UNITY_PPM)
            .ok()
            .filter(|ppm| (-most..=most).contains(ppm))
            .ok_or(TwoPointError::TooFar)
    }
}

/// What two loads say.
///
/// ```
/// use metering::{Load, TwoPoints};
/// use pile_units::Power;
/// let load = |reference, indicated| {
///     Load::of_power(Power::from_milliwatts(reference), Power::from_milliwatts(indicated))
/// };
/// let found = TwoPoints::of(load(60_000, 59_200), load(1_000_000, 987_000), 0)?;
/// assert_eq!((found.low_ppm(), found.high_ppm()), (13_513, 13_171));
/// assert_eq!(found.ppm(), 13_171);
/// # Ok::<(), metering::TwoPointError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TwoPoints {
    low: i32,
    high: i32,
}

impl TwoPoints {
    /// How far apart the corrections of the two loads may lie: 1 %.
    pub const MOST_APART_PPM: u32 = 10_000;

    /// Works out the correction of two loads of the same quantity, the smaller first, on top of the
    /// one that is `in_force`.
    ///
    /// # Errors
    /// [`TwoPointError`].
    pub fn of(low: Load, high: Load, in_force: i32) -> Result<Self, TwoPointError> {
        let found = Self {
            low: low.ppm(in_force)?,
            high: high.ppm(in_force)?,
        };
        if u64::from(high.reference) < APART * u64::from(low.reference) {
            return Err(TwoPointError::TooClose);
        }
        if found.low.abs_diff(found.high) > Self::MOST_APART_PPM {
            return Err(TwoPointError::NotStraight);
        }
        Ok(found)
    }

    /// The correction to set: the lower of the two, within [`Load::MOST_PPM`] either way.
    pub fn ppm(self) -> i32 {
        self.low.min(self.high)
    }

    /// What the smaller load asks for.
    pub const fn low_ppm(self) -> i32 {
        self.low
    }

    /// What the larger load asks for.
    pub const fn high_ppm(self) -> i32 {
        self.high
    }
}

/// Error returned by [`Load::ppm`] and [`TwoPoints::of`].
///
/// ```
/// use metering::{Load, TwoPointError};
/// use pile_units::Voltage;
/// let nothing = Load::of_voltage(Voltage::from_millivolts(230_000), Voltage::ZERO);
/// assert_eq!(nothing.ppm(0), Err(TwoPointError::Zero));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TwoPointError {
    /// The reference or the pile measured nothing.
    Zero,
    /// The second load is less than twice the first.
    TooClose,
    /// The correction would be more than 10 %, or 25 % of a chip of pulses.
    TooFar,
    /// The two loads ask for corrections more than 1 % apart.
    NotStraight,
    /// What is said to be in force is more than that, which no correction is.
    InForce,
}

impl core::fmt::Display for TwoPointError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Zero => "a reading is zero",
            Self::TooClose => "the second load is less than twice the first",
            Self::TooFar => "the correction would be more than 10 % (25 % of a pulse chip)",
            Self::NotStraight => "the two loads ask for corrections more than 1 % apart",
            Self::InForce => "the correction in force is beyond 10 % (25 % of a pulse chip)",
        })
    }
}

impl core::error::Error for TwoPointError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(reference: u32, indicated: u32) -> Load {
        Load {
            reference,
            indicated,
            most: Load::MOST_PPM,
        }
    }

    #[test]
    fn a_chip_of_pulses_may_be_a_quarter_off_and_no_more() {
        let (low, high) = (load(60_000, 51_000), load(1_000_000, 850_000));
        assert_eq!(TwoPoints::of(low, high, 0), Err(TwoPointError::TooFar));
        let (low, high) = (low.by_pulses(), high.by_pulses());
        assert_eq!(TwoPoints::of(low, high, 0).unwrap().ppm(), 176_470);
        assert_eq!(load(125_000, 100_000).by_pulses().ppm(0), Ok(250_000));
        for (far, in_force, why) in [
            (load(125_001, 100_000), 0, TwoPointError::TooFar),
            (load(74_999, 100_000), 0, TwoPointError::TooFar),
            (load(100_000, 100_000), 250_001, TwoPointError::InForce),
        ] {
            assert_eq!(far.by_pulses().ppm(in_force), Err(why));
        }
    }

    #[test]
    fn a_correction_is_rounded_down_either_side_of_zero() {
        // 1/3 and 2/3 of a part, by hand: 3,000,001 / 3 and 2,999,999 / 3.
        assert_eq!(load(3_000_001, 3_000_000).ppm(0), Ok(0));
        assert_eq!(load(2_999_999, 3_000_000).ppm(0), Ok(-1));
    }

    #[test]
    fn the_lower_of_the_two_is_taken() {
        let (one, other) = (load(60_000, 59_200), load(1_000_000, 995_000));
        assert_eq!(TwoPoints::of(one, other, 0).unwrap().ppm(), 5_025);
        let (one, other) = (load(60_000, 59_900), load(1_000_000, 990_500));
        assert_eq!(TwoPoints::of(one, other, 0).unwrap().ppm(), 1_669);
    }

    #[test]
    fn a_correction_lies_on_top_of_the_one_in_force() {
        // 2 % in force, and still 1 % too little: 1.02 x 1.01 = 1.0302.
        assert_eq!(load(101_000, 100_000).ppm(20_000), Ok(30_200));
        assert_eq!(load(99_000, 100_000).ppm(-20_000), Ok(-29_800));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        use TwoPointError as E;
        let fair = load(1_000_000, 1_000_000);
        for (low, high, in_force, why) in [
            (load(0, 5), fair, 0, E::Zero),
            (load(5, 0), fair, 0, E::Zero),
            (load(100, 100), load(0, 100), 0, E::Zero),
            (load(500_001, 500_001), fair, 0, E::TooClose),
            // The loads are given in the wrong order.
            (fair, load(60_000, 60_000), 0, E::TooClose),
            // 10 % and a little, above and below.
            (load(110_001, 100_000), fair, 0, E::TooFar),
            (load(89_999, 100_000), fair, 0, E::TooFar),
            (fair, load(u32::MAX, 1), 0, E::TooFar),
            // 5 % in force and 5 % more.
            (load(105_000, 100_000), fair, 50_000, E::TooFar),
            (
                load(100_000, 100_000),
                load(1_010_001, 1_000_000),
                0,
                E::NotStraight,
            ),
            (fair, fair, 100_001, E::InForce),
            (fair, fair, i32::MIN, E::InForce),
        ] {
            assert_eq!(
                TwoPoints::of(low, high, in_force),
                Err(why),
                "{low:?} {high:?}"
            );
        }
        // The limits themselves are taken.
        assert!(TwoPoints::of(load(500_000, 500_000), fair, 0).is_ok());
        assert!(load(110_000, 100_000).ppm(0).is_ok());
        assert!(load(90_000, 100_000).ppm(0).is_ok());
        assert!(TwoPoints::of(load(100_000, 100_000), load(1_010_000, 1_000_000), 0).is_ok());
    }

    proptest! {
        #[test]
        fn a_corrected_reading_is_nowhere_above_the_reference(
            low in 1_000_u32..1_000_000,
            ratio in 2_u32..100,
            errors in (-90_000_i64..90_000, -90_000_i64..90_000),
            in_force in -100_000..=100_000,
        ) {
            let high = low * ratio;
            let indicated = |reference: u32, error| {
                u32::try_from(i64::from(reference) * (UNITY_PPM + error) / UNITY_PPM).unwrap()
            };
            let loads = [load(low, indicated(low, errors.0)), load(high, indicated(high, errors.1))];
            if let Ok(found) = TwoPoints::of(loads[0], loads[1], in_force) {
                for each in loads {
                    // The reading without a correction, times the new one.
                    let (new, old) = (UNITY_PPM + i64::from(found.ppm()), UNITY_PPM + i64::from(in_force));
                    prop_assert!(
                        i64::from(each.indicated) * new <= i64::from(each.reference) * old
                    );
                }
                // And as near to one of them as a part per million goes.
                prop_assert!(loads.iter().any(|each| each.ppm(in_force) == Ok(found.ppm())));
            }
        }

        #[test]
        fn no_readings_panic(a: [u32; 4], in_force: i32) {
            let _ = TwoPoints::of(load(a[0], a[1]), load(a[2], a[3]), in_force);
        }
    }
}
