//! The resistors around the chip, and the figures that follow from them.

use crate::calibration::{Calibration, EnergyPerCount, Scale};
use pile_units::OutOfRange;

/// The chip's reference, microvolts (datasheet V1.06, electrical characteristics: 1.218 V).
const VREF_UV: u128 = 1_218_000;
/// `I_RMS` = 305978 x I / Vref, I in mV at the pins at a gain of 16 (datasheet, current RMS).
const I_RMS: u128 = 305_978;
/// `V_RMS` = 73989 x V / Vref, V in mV at the pin (datasheet, voltage RMS).
const V_RMS: u128 = 73_989;
/// `WATT` = 3537 x I x V x cos / Vref^2 (datasheet, active power).
const WATT: u128 = 3_537;

/// A shunt and a mains divider.
///
/// The datasheet's formulas, solved for units in integers (Vref in µV, shunt in µΩ, resistors in Ω,
/// divider = (top + bottom) / bottom):
///
/// | | |
/// | --- | --- |
/// | mA a count of `I_RMS` | Vref / (305978 x shunt) |
/// | mV a count of `V_RMS` | Vref x divider / (73989 x 10^6) |
/// | mW a count of `WATT` | Vref^2 x divider / (3537 x shunt x 10^9) |
/// | pWh a step of `CF_CNT`, one every 1638.4 x 256 / `WATT` seconds | 4194304 x Vref^2 x divider / (36000 x 3537 x shunt) |
///
/// ```
/// use metering::bl0942::Circuit;
/// let calibration = Circuit::REFERENCE.calibration()?;
/// // 5,350.6 steps a kilowatt-hour.
/// assert_eq!(calibration.energy.picowatt_hours(), 186_893_813_502);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circuit {
    /// Current shunt in microohms, 100..=100,000.
    pub shunt_microohms: u32,
    /// Upper arm of the mains divider in ohms, 1,000..=100,000,000.
    pub divider_top_ohms: u32,
    /// Lower arm of the mains divider in ohms, 1..=1,000,000.
    pub divider_bottom_ohms: u32,
}

impl Circuit {
    /// The datasheet's application circuit: 1 mΩ, five times 390 kΩ over 510 Ω.
    pub const REFERENCE: Self = Self {
        shunt_microohms: 1_000,
        divider_top_ohms: 5 * 390_000,
        divider_bottom_ohms: 510,
    };

    /// The circuit of a pile's outlet: as the reference, with a shunt of 2 mΩ. A step of the counter
    /// is then 93.4 mWh, half of the reference's, and a cut of the supply loses half as much.
    ///
    /// A port of 2.5 kW at 230 V draws 10.9 A: 21.7 mV rms over the shunt, and 0.24 W in it. The
    /// current channel is good for 30 mV rms (the maker's application note says 35), which is 15 A or
    /// 3.45 kW at 230 V: beyond that the chip reads and counts too little, never too much.
    ///
    /// ```
    /// use metering::bl0942::Circuit;
    /// let step = Circuit::OUTLET.calibration()?.energy.picowatt_hours();
    /// assert_eq!(step, 93_446_906_751);
    /// # Ok::<(), pile_units::OutOfRange>(())
    /// ```
    pub const OUTLET: Self = Self {
        shunt_microohms: 2_000,
        ..Self::REFERENCE
    };

    /// The circuit of an outlet of up to a kilowatt, the pile's default: as the reference, with a shunt of
    /// 5 mΩ. A step is 37.4 mWh, which is less than 0.1 % of what 5 W give in 8 h; the wider
    /// [`OUTLET`](Self::OUTLET) holds that from 12 W on only.
    ///
    /// 1,000 W at 230 V are 4.35 A: 21.7 mV rms over the shunt, and 0.095 W in it. The channel's 30 mV rms
    /// are 6 A or 1.38 kW: an overload of 110 % is well within, a fast limit of the over-current is to be
    /// 6 A at the most. What is beyond reads and counts too little, never too much. There is no shunt
    /// for 5 W and 2 kW at once: 30 mV at 8.7 A are 3.4 mΩ, and a step is then 55 mWh.
    ///
    /// ```
    /// use metering::bl0942::Circuit;
    /// let step = Circuit::OUTLET_1KW.calibration()?.energy.picowatt_hours();
    /// assert_eq!(step, 37_378_762_700);
    /// assert!(step < 5 * 8 * 1_000_000_000); // 0.1 % of 40 Wh
    /// # Ok::<(), pile_units::OutOfRange>(())
    /// ```
    pub const OUTLET_1KW: Self = Self {
        shunt_microohms: 5_000,
        ..Self::REFERENCE
    };

    /// Derives the figures.
    ///
    /// # Errors
    /// [`OutOfRange`] where a resistor is outside its range, or the figures that follow are outside
    /// theirs.
    pub const fn calibration(&self) -> Result<Calibration, OutOfRange> {
        let shunt = self.shunt_microohms as u128;
        let top = self.divider_top_ohms as u128;
        let bottom = self.divider_bottom_ohms as u128;
        if shunt < 100
            || shunt > 100_000
            || top < 1_000
            || top > 100_000_000
            || bottom < 1
            || bottom > 1_000_000
        {
            return Err(OutOfRange);
        }
        // At most 6.3e26 over at least 1.3e10: no step overflows 128 bits.
        let step =
            4_194_304 * VREF_UV * VREF_UV * (top + bottom) / (36_000 * WATT * shunt * bottom);
        if step > u64::MAX as u128 {
            return Err(OutOfRange);
        }
        #[allow(clippy::cast_possible_truncation, reason = "checked above")]
        let step = EnergyPerCount::from_picowatt_hours(step as u64);
        // `?` is not const.
        match (
            step,
            Scale::from_ratio(VREF_UV, I_RMS * shunt),
            Scale::from_ratio(VREF_UV * (top + bottom), V_RMS * 1_000_000 * bottom),
            Scale::from_ratio(
                VREF_UV * VREF_UV * (top + bottom),
                WATT * shunt * 1_000_000_000 * bottom,
            ),
        ) {
            (Ok(energy), Ok(current), Ok(voltage), Ok(power)) => Ok(Calibration {
                energy,
                current,
                voltage,
                power,
            }),
            _ => Err(OutOfRange),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A const context: a board's figures cost nothing at run time.
    const REFERENCE: Result<Calibration, OutOfRange> = Circuit::REFERENCE.calibration();

    /// Counts a whole unit, in tenths, from thousandths a count.
    fn tenths_per_unit(scale: Scale) -> u32 {
        // Applied to a million counts for precision.
        let thousandths = u64::from(scale.apply(10_000_000));
        u32::try_from((10_000_000 * 10_000 + thousandths / 2) / thousandths).unwrap()
    }

    #[test]
    fn the_published_figures_of_the_reference_circuit_come_out() {
        let calibration = REFERENCE.unwrap();
        // 251213 a volt-ampere of shunt, 15883 a volt, 623.4 a watt.
        let amps = tenths_per_unit(calibration.current);
        assert!(amps.abs_diff(2_512_130) <= 50, "{amps}");
        let volts = tenths_per_unit(calibration.voltage);
        assert!(volts.abs_diff(158_830) <= 5, "{volts}");
        assert_eq!(tenths_per_unit(calibration.power), 6_234);
        // 5350.6 a kilowatt-hour, of 10^15 pWh.
        let step = calibration.energy.picowatt_hours();
        assert_eq!((10_000_000_000_000_000 + step / 2) / step, 53_506);
    }

    #[test]
    fn twice_the_shunt_halves_the_step_and_the_milliwatts_a_count() {
        let (outlet, reference) = (Circuit::OUTLET.calibration().unwrap(), REFERENCE.unwrap());
        let (step, whole) = (outlet.energy, reference.energy);
        assert_eq!(step.picowatt_hours(), whole.picowatt_hours() / 2);
        assert_eq!(outlet.voltage, reference.voltage);
        let counts = 2 * 498_720;
        assert_eq!(outlet.power(counts), reference.power(counts / 2));
        // Amperes of 2.5 kW times microohms, against the channel's 30 mV; and of a kilowatt with its
        // overload of a tenth.
        for (watts, circuit) in [(2_500, Circuit::OUTLET), (1_100, Circuit::OUTLET_1KW)] {
            let microvolts = watts * circuit.shunt_microohms / 230;
            assert!(microvolts < 30_000, "{microvolts} microvolts");
        }
    }

    #[test]
    fn real_loads_read_as_they_are() {
        let calibration = REFERENCE.unwrap();
        let near = |read: u32, true_value: u32| read.abs_diff(true_value) <= true_value / 10_000;
        assert!(near(calibration.current(251_213).milliamperes(), 1_000));
        assert!(near(calibration.voltage(3_653_090).millivolts(), 230_000));
        assert!(near(calibration.power(498_720).milliwatts(), 800_000));
    }

    #[test]
    fn the_step_is_rounded_down_so_that_a_bill_never_is_ahead() {
        let step = u128::from(REFERENCE.unwrap().energy.picowatt_hours());
        let (numerator, denominator) = (
            4_194_304 * VREF_UV * VREF_UV * 1_950_510,
            36_000 * WATT * 1_000 * 510,
        );
        assert!(step * denominator <= numerator);
        assert!((step + 1) * denominator > numerator);
    }

    #[test]
    fn resistors_outside_their_range_are_refused() {
        let good = Circuit::REFERENCE;
        for bad in [
            Circuit {
                shunt_microohms: 0,
                ..good
            },
            Circuit {
                shunt_microohms: 100_001,
                ..good
            },
            Circuit {
                divider_top_ohms: 999,
                ..good
            },
            Circuit {
                divider_top_ohms: u32::MAX,
                ..good
            },
            Circuit {
                divider_bottom_ohms: 0,
                ..good
            },
            Circuit {
                divider_bottom_ohms: 1_000_001,
                ..good
            },
            // In range each, but no circuit for mains: a step of 95 kWh.
            Circuit {
                shunt_microohms: 100,
                divider_top_ohms: 100_000_000,
                divider_bottom_ohms: 1,
            },
        ] {
            assert_eq!(bad.calibration(), Err(OutOfRange), "{bad:?}");
        }
    }
}
