//! The bench on which a chip is compared with a reference meter.

use super::{Tolerance, VirtualPulseChip};
use crate::bl0942::Load;
use embedded_hal::digital::OutputPin;
use metering::pulses::{Chip, Circuit, Figures, Measured, PulseCounter};
use pile_units::{Energy, OutOfRange, Power, Voltage};
use std::cell::Cell;
use std::rc::Rc;

/// What a bench finds of a chip that is off its datasheet: an hour at a kilowatt, of which the
/// reference meter reads what the wire gives, and 100 s of CF1 for each quantity.
///
/// # Errors
/// [`OutOfRange`] as [`Nominal::calibrate`](metering::pulses::Nominal::calibrate) has it: the chip
/// is too far off.
///
/// ```
/// use metering::pulses::{Chip, Circuit};
/// use pile_sim::pulses::{Tolerance, bench_calibration};
/// let slow = Tolerance::of_clock(-100_000);
/// let figures = bench_calibration(Chip::Hlw8012, &Circuit::REFERENCE, slow)?;
/// let nominal = Circuit::REFERENCE.nominal(Chip::Hlw8012)?;
/// // A tenth fewer pulses, worth a ninth more each.
/// assert_eq!(
///     figures.picowatt_hours_per_pulse() / 100_000,
///     nominal.picowatt_hours_per_pulse() * 10 / 9 / 100_000,
/// );
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
pub fn bench_calibration(
    chip: Chip,
    circuit: &Circuit,
    tolerance: Tolerance,
) -> Result<Figures, OutOfRange> {
    let clock = Rc::new(Cell::new(0));
    let part = VirtualPulseChip::new(Rc::clone(&clock), chip, circuit, tolerance);
    let load = Load::resistive(Power::from_watts(1_000), Voltage::from_millivolts(230_000));
    part.set_load(load);
    clock.set(3_600_000);
    let pulses = part.cf::<32>().total();
    let energy = Energy::from_milliwatt_hours(part.delivered_microjoules() / 3_600_000);
    let millihertz = |high: bool| {
        // The pin cannot fail.
        let _ = part.sel().set_state(high.into());
        clock.set(clock.get() + 1_000);
        let before = part.cf1::<32>().total();
        clock.set(clock.get() + 100_000);
        (part.cf1::<32>().total() - before) * 10
    };
    circuit.nominal(chip)?.calibrate(&Measured {
        energy,
        pulses,
        voltage: load.voltage,
        voltage_millihertz: millihertz(true),
        current: load.current,
        current_millihertz: millihertz(false),
    })
}
