//! One module: what it measures, keeps and answers.

use crate::bl0942::Load;
use crate::dice::Dice;

/// Below this the module measures nothing (maker's manual: starting power 0.4 W).
const START_MW: u64 = 400;
/// A watt-hour in microjoules.
const WATT_HOUR_UJ: u64 = 3_600_000_000;
/// The register ends at 9999.99 kWh; that it goes on from zero is our assumption.
const ENERGY_VALUES: u32 = 10_000_000;
/// Registers that can be read.
const REGISTERS: u16 = 10;

#[derive(Debug)]
pub(super) struct Module {
    pub address: u8,
    load: Load,
    noise: u32,
    dice: Dice,
    powered: bool,
    at: u64,
    /// What it counts now, mW.
    sensed: u64,
    delivered: u64,
    /// Energy of the watt-hour in progress, µJ.
    pending: u64,
    watt_hours: u32,
}

impl Module {
    pub const fn new(address: u8, now: u64) -> Self {
        Self {
            address,
            load: Load::NONE,
            noise: 0,
            dice: Dice::new(1),
            powered: true,
            at: now,
            sensed: 0,
            delivered: 0,
            pending: 0,
            watt_hours: 0,
        }
    }

    pub fn set_load(&mut self, load: Load) {
        self.load = load;
        self.sense();
    }

    pub fn set_noise(&mut self, amplitude: u32, seed: u64) {
        self.noise = amplitude;
        self.dice = Dice::new(seed);
        self.sense();
    }

    pub fn set_powered(&mut self, powered: bool) {
        // The register is kept; the part of a watt-hour is not.
        if self.powered && !powered {
            self.pending = 0;
        }
        self.powered = powered;
    }

    pub const fn set_watt_hours(&mut self, watt_hours: u32) {
        self.watt_hours = watt_hours % ENERGY_VALUES;
    }

    pub const fn watt_hours(&self) -> u32 {
        self.watt_hours
    }

    pub const fn delivered(&self) -> u64 {
        self.delivered
    }

    pub const fn answers(&self) -> bool {
        self.powered
    }

    fn sense(&mut self) {
        let power = i64::from(self.load.power.milliwatts());
        let noise = if self.noise == 0 {
            0
        } else {
            self.dice.around_zero(self.noise)
        };
        let magnitude = (power + noise).unsigned_abs();
        self.sensed = if magnitude < START_MW { 0 } else { magnitude };
    }

    pub fn integrate(&mut self, now: u64) {
        let elapsed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        self.delivered += u64::from(self.load.power.milliwatts()) * elapsed;
        if self.powered {
            self.pending += self.sensed * elapsed;
            let whole = u32::try_from(self.pending / WATT_HOUR_UJ).unwrap_or(u32::MAX);
            self.watt_hours = self.watt_hours.wrapping_add(whole) % ENERGY_VALUES;
            self.pending %= WATT_HOUR_UJ;
        }
        self.sense();
    }

    pub const fn reset_energy(&mut self) {
        self.watt_hours = 0;
        self.pending = 0;
    }

    /// The registers from `first` on, high byte first; the code of an exception where there are none.
    pub fn read(&self, first: u16, number: u16, spike: Option<u32>) -> Result<Vec<u8>, u8> {
        if number == 0 || first.saturating_add(number) > REGISTERS {
            return Err(0x02);
        }
        let mut power = u32::try_from(self.sensed / 100).unwrap_or(u32::MAX);
        let mut current = self.load.current.milliamperes();
        let mut energy = self.watt_hours;
        if let Some(ahead) = spike {
            (power, current) = (69_000, 30_000);
            energy = energy.wrapping_add(ahead) % ENERGY_VALUES;
        }
        let volts = self.load.voltage.millivolts();
        let apparent = u64::from(volts) * u64::from(current) / 1_000;
        let factor = (self.sensed * 100)
            .checked_div(apparent)
            .unwrap_or(0)
            .min(100);
        let low = |wide: u32| u16::try_from(wide & 0xFFFF).unwrap_or(0);
        let high = |wide: u32| u16::try_from(wide >> 16).unwrap_or(0);
        let registers = [
            low(volts / 100),
            low(current),
            high(current),
            low(power),
            high(power),
            low(energy),
            high(energy),
            500,
            u16::try_from(factor).unwrap_or(100),
            0,
        ];
        Ok(registers
            .iter()
            .skip(usize::from(first))
            .take(usize::from(number))
            .flat_map(|register| register.to_be_bytes())
            .collect())
    }
}
