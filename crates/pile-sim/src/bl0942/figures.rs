//! The datasheet's formulas for one circuit, forward: from what flows to what the registers hold.

use metering::bl0942::Circuit;

/// Counts of a register a thousandth of its unit, 32.32 fixed point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gain(u64);

impl Gain {
    fn new(numerator: u128, denominator: u128) -> Self {
        let factor = (numerator << 32) / denominator.max(1);
        Self(u64::try_from(factor).unwrap_or(u64::MAX))
    }

    /// The register, at its top where the pins are over-driven.
    pub fn raw(self, thousandths: u32, top: u32) -> u32 {
        let raw = u64::from(thousandths).saturating_mul(self.0) >> 32;
        u32::try_from(raw).unwrap_or(top).min(top)
    }
}

/// The datasheet's formulas for one circuit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub current: Gain,
    pub voltage: Gain,
    pub power: Gain,
    /// Energy of a step is `step / unit` µJ exactly.
    pub step: i128,
    pub unit: i128,
}

impl Figures {
    pub fn new(circuit: &Circuit) -> Self {
        // Vref in millivolts, so that all is integer.
        let vref = 1_218;
        let shunt = u128::from(circuit.shunt_microohms);
        let bottom = u128::from(circuit.divider_bottom_ohms).max(1);
        let whole = u128::from(circuit.divider_top_ohms) + bottom;
        // I_RMS = 305978 x I(mV) / Vref(V): 1 mA through 1 µΩ is 10^-6 mV, Vref is 1.218 V.
        let current = Gain::new(305_978 * shunt, vref * 1_000);
        // V_RMS = 73989 x V(mV) / Vref(V): a millivolt of mains.
        let voltage = Gain::new(73_989 * bottom * 1_000, vref * whole);
        // WATT = 3537 x I(mV) x V(mV) / Vref(V)^2: an ampere is shunt / 1000 mV, a volt of mains
        // is 1000 x bottom / whole mV, and a milliwatt a thousandth of both.
        let (watt, watt_unit) = (3_537 * shunt * bottom * 1_000, vref * vref * whole);
        // A step is 1638.4 x 256 / WATT seconds long: 419430.4 counts of WATT times seconds, and
        // a second of WATT counts is watt_unit / watt mW of one second: 1000 µJ each.
        let (step, unit) = (4_194_304 * watt_unit * 1_000, 10 * watt);
        let divisor = greatest_common_divisor(step, unit).max(1);
        Self {
            current,
            voltage,
            power: Gain::new(watt, watt_unit),
            step: i128::try_from(step / divisor).unwrap_or(i128::MAX),
            unit: i128::try_from(unit / divisor).unwrap_or(i128::MAX),
        }
    }
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
