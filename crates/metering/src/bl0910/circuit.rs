//! The formulas of the chip for one circuit.

use crate::calibration::{Calibration, EnergyPerCount, Scale};
use pile_units::OutOfRange;

/// Reference voltage in microvolts: 1.097 V.
const VREF_UV: u128 = 1_097_000;
/// `RMS` of a current = 12875 x I(mV) x gain / Vref.
const CURRENT: u128 = 12_875;
/// `RMS` of the voltage = 13162 x V(mV) / Vref.
const VOLTAGE: u128 = 13_162;
/// `WATT` = 40.4125 x I(mV) x V(mV) x cos x gain / Vref^2, times ten thousand.
const WATT: u128 = 404_125;

/// Amplification of the current channels; the voltage channel's is one.
///
/// ```
/// use metering::bl0910::Gain;
/// assert_eq!(Gain::X16.factor(), 16);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gain {
    /// 1, as after a reset.
    X1,
    /// 2.
    X2,
    /// 8.
    X8,
    /// 16.
    X16,
}

impl Gain {
    /// The factor.
    pub const fn factor(self) -> u8 {
        match self {
            Self::X1 => 1,
            Self::X2 => 2,
            Self::X8 => 8,
            Self::X16 => 16,
        }
    }

    /// The four bits of a channel in `GAIN1` and `GAIN2`.
    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::X1 => 0,
            Self::X2 => 1,
            Self::X8 => 2,
            Self::X16 => 3,
        }
    }
}

/// The chip's circuit: what makes millivolts of currents and of the mains.
///
/// The published formulas, solved for units in integers (Vref in µV, input in µΩ, divider = whole /
/// part):
///
/// | | |
/// | --- | --- |
/// | mA a count of a current | Vref / (12875 x input x gain) |
/// | mV a count of the voltage | Vref x divider / (13162 x 10^6) |
/// | mW a count of `WATT` | Vref^2 x divider / (40.4125 x input x gain x 10^9) |
/// | pWh a step of `CF_CNT`, 4194304 x 0.032768 x 16 / `CFDIV` counts of `WATT` for a second, `CFDIV` 16 | 4194304 x 0.032768 x (mW a count) x 10^9 / 3600 |
///
/// ```
/// use metering::bl0910::Circuit;
/// let calibration = Circuit::OUTLET.calibration()?;
/// assert_eq!(calibration.energy.picowatt_hours(), 27_864_080_313);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circuit {
    /// Microvolts at a current input for an ampere, 100..=1,000,000: the shunt in µΩ, or a current
    /// transformer's burden in µΩ over its ratio.
    pub input_microohms: u32,
    /// Amplification of the current channels.
    pub gain: Gain,
    /// The mains for a volt at the voltage input are whole over part volts: 1,000..=100,000,000.
    /// A divider's both arms; the series resistor of a voltage transformer.
    pub divider_whole_ohms: u32,
    /// 1..=1,000,000: a divider's lower arm; the burden of a voltage transformer.
    pub divider_part_ohms: u32,
}

impl Circuit {
    /// Ten outlets: current transformers of 1000:1 with a burden of 40 Ω, and a voltage transformer
    /// of 1:1 behind 100 kΩ with a burden of 102 Ω. A step is 27.9 mWh.
    ///
    /// A port of 2.5 kW at 230 V gives 435 mV rms. The sources do not state the range of an input;
    /// a BL0942, amplified 16 times, takes 30 mV, which is 480 mV here: check the datasheet.
    pub const OUTLET: Self = Self {
        input_microohms: 40_000,
        gain: Gain::X1,
        divider_whole_ohms: 100_000,
        divider_part_ohms: 102,
    };

    /// The circuit of the published drivers' figures: a burden of 102 Ω at 1000:1, and 102 Ω behind
    /// 100 kΩ.
    pub const PUBLISHED: Self = Self {
        input_microohms: 102_000,
        ..Self::OUTLET
    };

    /// Derives the figures of a channel.
    ///
    /// # Errors
    /// [`OutOfRange`] where a resistor is outside its range, or the figures that follow are outside
    /// theirs.
    pub const fn calibration(&self) -> Result<Calibration, OutOfRange> {
        let input = self.input_microohms as u128 * self.gain.factor() as u128;
        let whole = self.divider_whole_ohms as u128;
        let part = self.divider_part_ohms as u128;
        if self.input_microohms < 100
            || self.input_microohms > 1_000_000
            || whole < 1_000
            || whole > 100_000_000
            || part < 1
            || part > 1_000_000
        {
            return Err(OutOfRange);
        }
        // Milliwatts a count: at most 1.3e24 over at least 4e16.
        let watt = (
            VREF_UV * VREF_UV * whole * 10_000,
            WATT * input * part * 1_000_000_000,
        );
        // 137438.953472 counts for a second, mW to pWh: 10^9 / 3600.
        let step = 137_438_953_472 * watt.0 / (3_600 * (watt.1 / 1_000));
        if step > u64::MAX as u128 {
            return Err(OutOfRange);
        }
        #[allow(clippy::cast_possible_truncation, reason = "checked above")]
        let step = EnergyPerCount::from_picowatt_hours(step as u64);
        // `?` is not const.
        match (
            step,
            Scale::from_ratio(VREF_UV, CURRENT * input),
            Scale::from_ratio(VREF_UV * whole, VOLTAGE * 1_000_000 * part),
            Scale::from_ratio(watt.0, watt.1),
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

    /// What a million counts are, in thousandths.
    fn of_a_million(scale: Scale) -> u32 {
        scale.apply(1_000_000)
    }

    /// The figures that a published driver gives for its circuit: Kv 12238.14 a volt, Ki 1197.128 a
    /// milliampere, Kp 3493.84 a watt, Ke 0.00001093 kWh a pulse.
    #[test]
    fn the_published_figures_of_a_published_circuit_come_out() {
        let calibration = Circuit::PUBLISHED.calibration().unwrap();
        // 10^6 / 12238.14 V, 10^6 / 1197.128 mA, 10^6 / 3493.84 W.
        assert_eq!(of_a_million(calibration.voltage), 81_712);
        assert_eq!(of_a_million(calibration.current), 835);
        assert_eq!(of_a_million(calibration.power), 286_218);
        // 0.00001093 kWh are 10.93 mWh.
        let step = calibration.energy.picowatt_hours();
        assert_eq!((step + 5_000_000) / 10_000_000, 1_093);
    }

    /// The figures that a second driver has for 2000:1 and 33 Ω, 220 Ω behind 132 kΩ.
    #[test]
    fn the_figures_of_a_second_circuit_come_out() {
        let circuit = Circuit {
            input_microohms: 16_500,
            gain: Gain::X1,
            divider_whole_ohms: 132_000,
            divider_part_ohms: 220,
        };
        let calibration = circuit.calibration().unwrap();
        // 12875 x 33 / (1.097 x 2) = 193,653 an ampere; 13162 x 220 / (1.097 x 132) = 19,997 a volt;
        // 40.4125 x 33 x 220 x 0.5 / (1.097^2 x 132) = 923.5 a watt.
        assert_eq!(of_a_million(calibration.current), 5_164);
        assert_eq!(of_a_million(calibration.voltage), 50_008);
        assert!(of_a_million(calibration.power).abs_diff(1_082_816) < 100);
    }

    #[test]
    fn amplification_makes_a_step_smaller() {
        let plain = Circuit {
            input_microohms: 2_000,
            ..Circuit::OUTLET
        };
        let amplified = Circuit {
            gain: Gain::X16,
            ..plain
        };
        let step = |circuit: Circuit| circuit.calibration().unwrap().energy.picowatt_hours();
        assert_eq!(step(plain) / 16, step(amplified));
    }

    #[test]
    fn the_largest_port_fits_the_power_register() {
        let calibration = Circuit::OUTLET.calibration().unwrap();
        assert!(calibration.power(0x7F_FFFF) > pile_units::Power::from_watts(2_500));
    }

    #[test]
    fn resistors_outside_their_range_are_refused() {
        let good = Circuit::OUTLET;
        for bad in [
            Circuit {
                input_microohms: 99,
                ..good
            },
            Circuit {
                input_microohms: 1_000_001,
                ..good
            },
            Circuit {
                divider_whole_ohms: 999,
                ..good
            },
            Circuit {
                divider_part_ohms: 0,
                ..good
            },
            Circuit {
                divider_part_ohms: 1_000_001,
                ..good
            },
        ] {
            assert_eq!(bad.calibration(), Err(OutOfRange), "{bad:?}");
        }
    }
}
