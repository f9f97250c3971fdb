//! The figures of a pulse chip: the datasheet's from the resistors, and the true ones of one unit
//! from a comparison with a reference meter.

use crate::calibration::{Calibration, EnergyPerCount, Scale};
use pile_units::{Current, Energy, OutOfRange, Voltage};

/// What a calibrated figure may be off the datasheet's, percent: the clock's 15 % and the voltage
/// reference's share. Beyond it the resistors are others, or the chip is.
pub const TOLERANCE_PERCENT: u64 = 25;

/// [`TOLERANCE_PERCENT`] in parts per million.
const HELD_BACK_PPM: u32 = 250_000;
const _: () = assert!(HELD_BACK_PPM as u64 == TOLERANCE_PERCENT * 10_000);

/// Pulses that a calibration takes at the least: one more or less is then 0.02 %.
pub const LEAST_PULSES: u32 = 5_000;

/// A pulse chip.
///
/// ```
/// use metering::pulses::Chip;
/// assert_ne!(Chip::Bl0937, Chip::Hlw8012);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chip {
    /// Belling BL0937. Vref 1.218 V; F(CF) = 1721506 x V x I / Vref^2, F(CFI) = 94638 x I / Vref,
    /// F(CFU) = 15397 x V / Vref, with V and I in volts at the pins (BL0937 datasheet, formulas
    /// of the pulse frequencies; the same figures in `ESPHome`'s and Tasmota's drivers).
    Bl0937,
    /// Hiliwi HLW8012, and CSE7759. Vref 2.43 V, clock 3.579 MHz within 15 %;
    /// F(CF) = 48 x V x I / Vref^2 x clock / 128, F(CFI) = 24 x I / Vref x clock / 512,
    /// F(CFU) = 2 x V / Vref x clock / 512 (HLW8012 user manual, section 3.2).
    Hlw8012,
}

/// Gains of a chip: pulses a second for a volt (or a square volt) at its pins, each as a fraction.
struct Gains {
    vref_uv: u128,
    power: (u128, u128),
    current: (u128, u128),
    voltage: (u128, u128),
}

impl Chip {
    const fn gains(self) -> Gains {
        match self {
            Self::Bl0937 => Gains {
                vref_uv: 1_218_000,
                power: (1_721_506, 1),
                current: (94_638, 1),
                voltage: (15_397, 1),
            },
            Self::Hlw8012 => Gains {
                vref_uv: 2_430_000,
                power: (48 * 3_579_000, 128),
                current: (24 * 3_579_000, 512),
                voltage: (2 * 3_579_000, 512),
            },
        }
    }
}

/// A pulse chip in its circuit: a current shunt and a mains divider.
///
/// ```
/// use metering::pulses::{Chip, Circuit};
/// let nominal = Circuit::REFERENCE.nominal(Chip::Bl0937)?;
/// // 2.026 W a hertz: 2.026 J a pulse, 0.563 mWh.
/// assert_eq!(nominal.picowatt_hours_per_pulse(), 562_776_772);
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
    /// The circuit of most plugs: 1 mΩ, five times 470 kΩ over 1 kΩ (a divider of 2351).
    pub const REFERENCE: Self = Self {
        shunt_microohms: 1_000,
        divider_top_ohms: 5 * 470_000,
        divider_bottom_ohms: 1_000,
    };

    /// What the datasheet says of a chip in this circuit.
    ///
    /// # Errors
    /// [`OutOfRange`] where a resistor is outside its range, or the figures that follow are outside
    /// theirs.
    pub const fn nominal(&self, chip: Chip) -> Result<Nominal, OutOfRange> {
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
        let gains = chip.gains();
        let vref = gains.vref_uv;
        let whole = top + bottom;
        // A pulse is Vref^2 x divider / (gain x shunt) joules, with Vref in µV and the shunt in µΩ
        // 10^-6 of that; a joule is 10^12 / 3600 pWh. At most 7.6e28 over at least 5e9.
        let joules = (
            vref * vref * whole * gains.power.1,
            gains.power.0 * shunt * bottom,
        );
        let step = joules.0 * 10_000 / (36 * joules.1);
        if step > u64::MAX as u128 {
            return Err(OutOfRange);
        }
        #[allow(clippy::cast_possible_truncation, reason = "checked above")]
        let step = EnergyPerCount::from_picowatt_hours(step as u64);
        // Watts a hertz are milliwatts a millihertz, and so on. `?` is not const.
        match (
            step,
            Scale::from_ratio(vref * gains.current.1, gains.current.0 * shunt),
            Scale::from_ratio(
                vref * whole * gains.voltage.1,
                gains.voltage.0 * 1_000_000 * bottom,
            ),
            Scale::from_ratio(joules.0, joules.1 * 1_000_000),
        ) {
            (Ok(energy), Ok(current), Ok(voltage), Ok(power)) => Ok(Nominal(Calibration {
                energy,
                current,
                voltage,
                power,
            })),
            _ => Err(OutOfRange),
        }
    }
}

/// The datasheet's figures of a chip in its circuit. **Not fit to bill by**: the clock of an HLW8012
/// may be 15 % off. No driver takes them; [`provisional`](Self::provisional) makes what one takes until
/// the pile's ledger has the unit's correction, [`calibrate`](Self::calibrate) what a bench has found.
///
/// ```
/// use metering::pulses::{Chip, Circuit, Measured};
/// use pile_units::{Current, Energy, Voltage};
///
/// let nominal = Circuit::REFERENCE.nominal(Chip::Hlw8012)?;
/// // On the bench: a kettle for three minutes, a reference meter beside the chip.
/// let figures = nominal.calibrate(&Measured {
///     energy: Energy::from_milliwatt_hours(100_000),
///     pulses: 31_302,
///     voltage: Voltage::from_millivolts(230_000),
///     voltage_millihertz: 505_600,
///     current: Current::from_milliamperes(8_696),
///     current_millihertz: 540_600,
/// })?;
/// // This unit's clock is a tenth slow: 3.195 mWh a pulse where the datasheet has 2.873.
/// assert_eq!(figures.picowatt_hours_per_pulse(), 3_194_581_988);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nominal(Calibration);

/// What a reference meter and the chip read at the same time on a bench. Several minutes at a
/// kilowatt give pulses enough.
///
/// ```
/// use metering::pulses::Measured;
/// # use pile_units::{Current, Energy, Voltage};
/// let bench = Measured {
///     energy: Energy::from_milliwatt_hours(100_000),
///     pulses: 177_678,
///     voltage: Voltage::from_millivolts(230_000),
///     voltage_millihertz: 1_236_700,
///     current: Current::from_milliamperes(8_696),
///     current_millihertz: 675_700,
/// };
/// assert!(bench.pulses >= metering::pulses::LEAST_PULSES);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Active energy by the reference meter.
    pub energy: Energy,
    /// Pulses of CF in that time, [`LEAST_PULSES`] or more.
    pub pulses: u32,
    /// Voltage by the reference meter.
    pub voltage: Voltage,
    /// CF1 with voltage selected, millihertz.
    pub voltage_millihertz: u32,
    /// Current by the reference meter.
    pub current: Current,
    /// CF1 with current selected, millihertz.
    pub current_millihertz: u32,
}

impl Nominal {
    /// Picowatt-hours that the datasheet gives to a pulse of CF.
    pub const fn picowatt_hours_per_pulse(&self) -> u64 {
        self.0.energy.picowatt_hours()
    }

    /// The datasheet's figures, to compare with and to show: milliwatts, milliamperes and
    /// millivolts a millihertz.
    pub const fn scales(&self) -> (Scale, Scale, Scale) {
        (self.0.power, self.0.current, self.0.voltage)
    }

    /// The figures of this unit. A pulse is worth the energy over one pulse more than was counted,
    /// rounded down: never more than it is.
    ///
    /// # Errors
    /// [`OutOfRange`] with fewer than [`LEAST_PULSES`] pulses, or where a figure is more than
    /// [`TOLERANCE_PERCENT`] off the datasheet's.
    pub fn calibrate(&self, measured: &Measured) -> Result<Figures, OutOfRange> {
        if measured.pulses < LEAST_PULSES {
            return Err(OutOfRange);
        }
        let picos = u128::from(measured.energy.milliwatt_hours()) * 1_000_000_000;
        let step = picos / (u128::from(measured.pulses) + 1);
        let step = u64::try_from(step).map_err(|_| OutOfRange)?;
        let ratio = |unit: u32, millihertz: u32| Scale::from_ratio(unit.into(), millihertz.into());
        self.restore(Calibration {
            energy: EnergyPerCount::from_picowatt_hours(step)?,
            current: ratio(measured.current.milliamperes(), measured.current_millihertz)?,
            voltage: ratio(measured.voltage.millivolts(), measured.voltage_millihertz)?,
            // Milliwatts a millihertz are joules a pulse: 3600 / 10^12 of its pWh.
            power: Scale::from_ratio(u128::from(step) * 36, 10_000_000_000)?,
        })
    }

    /// Figures for a unit that nobody has compared with a reference yet: the datasheet's power, voltage
    /// and current, and of the energy of a pulse [`TOLERANCE_PERCENT`] less, so that no unit within
    /// that bills more than flowed. Under [`Trimmed`](crate::Trimmed) the pile's own record of a
    /// calibration, a [`MeterTrim`](pile_units::MeterTrim), makes them the unit's.
    ///
    /// ```
    /// use metering::pulses::{Chip, Circuit};
    /// let nominal = Circuit::REFERENCE.nominal(Chip::Hlw8012)?;
    /// let figures = nominal.provisional()?;
    /// assert_eq!(nominal.picowatt_hours_per_pulse(), 2_873_225_481);
    /// assert_eq!(figures.picowatt_hours_per_pulse(), 2_154_919_050);
    /// # Ok::<(), pile_units::OutOfRange>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`] where the energy of a pulse would leave its range.
    pub fn provisional(&self) -> Result<Figures, OutOfRange> {
        let step = self.0.energy.picowatt_hours() / 100 * (100 - TOLERANCE_PERCENT);
        Ok(Figures {
            calibration: Calibration {
                energy: EnergyPerCount::from_picowatt_hours(step)?,
                ..self.0
            },
            held_back_ppm: HELD_BACK_PPM,
        })
    }

    /// The figures of this unit as they were kept, in a board's own memory or its firmware.
    ///
    /// # Errors
    /// [`OutOfRange`] where a figure is more than [`TOLERANCE_PERCENT`] off the datasheet's: it
    /// belongs to another circuit.
    pub fn restore(&self, kept: Calibration) -> Result<Figures, OutOfRange> {
        let near = |kept: u64, nominal: u64| {
            u128::from(kept.abs_diff(nominal)) * 100
                <= u128::from(nominal) * u128::from(TOLERANCE_PERCENT)
        };
        // A scale shows itself by what it makes of a million.
        let reads = |scale: Scale| u64::from(scale.apply(1_000_000));
        let good = near(kept.energy.picowatt_hours(), self.0.energy.picowatt_hours())
            && near(reads(kept.current), reads(self.0.current))
            && near(reads(kept.voltage), reads(self.0.voltage))
            && near(reads(kept.power), reads(self.0.power));
        if good {
            Ok(Figures {
                calibration: kept,
                held_back_ppm: 0,
            })
        } else {
            Err(OutOfRange)
        }
    }
}

/// The figures of one unit, compared with a reference meter or on the safe side of it: what a driver
/// takes.
///
/// There is no way to them but [`Nominal::calibrate`], [`Nominal::restore`] of what that made, and
/// [`Nominal::provisional`].
///
/// ```compile_fail
/// use metering::pulses::{Chip, Circuit, Figures};
/// // The datasheet's figures are no calibration.
/// let figures: Figures = Circuit::REFERENCE.nominal(Chip::Hlw8012).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    calibration: Calibration,
    held_back_ppm: u32,
}

impl Figures {
    /// Picowatt-hours that a pulse of CF is billed as.
    pub const fn picowatt_hours_per_pulse(&self) -> u64 {
        self.calibration.energy.picowatt_hours()
    }

    /// Milliwatts, milliamperes and millivolts a millihertz, and the energy that a pulse is billed as.
    pub const fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// The part of the energy that is not billed because the unit was compared with nothing.
    pub(super) const fn held_back_ppm(&self) -> u32 {
        self.held_back_ppm
    }
}
