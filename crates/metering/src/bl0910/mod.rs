//! The Belling BL0910 on SPI: ten current channels and one voltage, a whole pile in one chip.
//!
//! # Sources
//! No datasheet was at hand. Everything here is in at least two published drivers, which quote the
//! datasheet (V1.0x):
//!
//! | what | where |
//! | --- | --- |
//! | register addresses, defaults, `TPS1` | `JustNoot/10CH-Energy-Meter` (`bl0910_esp32_test.ino`), `ESPHome` pull request 7402, `Johnnybyzhang/ESP-BL0910` |
//! | SPI frame, first bytes 82 and 81, check sum, mode 1, 1 MHz, write protection, reset | the same three |
//! | six bytes FF bring the SPI back to a frame's start | `Johnnybyzhang/ESP-BL0910` |
//! | formulas: 12875, 13162, 40.4125, Vref 1.097 V, energy of a pulse with `CFDIV` 16 | `JustNoot/10CH-Energy-Meter`, and an STM32 driver with the datasheet's formulas in its comments, whose figures are this crate's test |
//!
//! Not in the sources: the unit of the chip's own anti-creep threshold, which is therefore left as
//! it is (the driver has its own, [`CreepGuard`]); how a negative power counts; the UART's frame is
//! another one, and is not supported.
//!
//! # What it does about trouble on the line
//!
//! | | |
//! | --- | --- |
//! | a wrong check sum | six bytes FF, and asked once more |
//! | a count that does not follow, a power beyond the wire | all is asked once more: a spike is gone by then |
//! | the *witness*, a register that a reset clears, does not hold what was written | the chip has restarted: the counts of **all** channels are taken from zero, each when it is read next, and the chip is set up again |
//!
//! The witness is `WA_CREEP2`, the threshold of a total that nothing here reads. It is read before
//! each count: a count is thus never older than the evidence.

mod circuit;
mod error;
mod registers;

pub use circuit::{Circuit, Gain};
pub use error::{Error, Incidents};
pub use registers::{Channel, MAX_CHANNELS, RESET, Register, UNLOCK};

use crate::calibration::Calibration;
use crate::creep::CreepGuard;
use crate::meter::{EnergyMeter, Sample};
use crate::register::{Continuity, EnergyRegister, Step};
use embedded_hal_async::spi::{Operation, SpiDevice};
use pile_units::{Instant, Power, Temperature};
use registers::{READ, decicelsius, signed, value, write_command};

/// What the witness holds in a chip that was set up.
const WITNESS: u32 = 0x0A5;

/// What the driver sets and assumes.
///
/// ```
/// use metering::bl0910::{Config, Gain};
/// let config = Config { gain: Gain::X16, ..Config::default() };
/// assert!(config.creep < config.max_power);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Amplification of the current channels, as in the [`Circuit`]. Default 1.
    pub gain: Gain,
    /// What a channel's wire can carry: a counter faster than this is refused. Default 4 kW.
    pub max_power: Power,
    /// Active power at or below this counts nothing and reads as zero. Default 0.5 W.
    pub creep: Power,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            gain: Gain::X1,
            max_power: Power::from_watts(4_000),
            creep: Power::from_milliwatts(500),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Outlet {
    calibration: Calibration,
    register: EnergyRegister,
    guard: CreepGuard,
    /// The chip has restarted since the last count.
    restarted: bool,
    incidents: Incidents,
    last_step: Option<Step>,
}

/// What is read of a channel at once.
#[derive(Debug, Clone, Copy)]
struct Reading {
    restarted: bool,
    count: u32,
    power: i32,
}

/// A chip of which `N` channels are used, 1 to 10; channel k is the chip's k + 1.
///
/// The SPI is mode 1 (idle low, second edge), most significant bit first, 1 MHz.
///
/// ```
/// use metering::bl0910::{Bl0910, Circuit, Config, Error};
/// use metering::EnergyMeter;
/// use pile_units::Instant;
/// # use embedded_hal_mock::eh1::spi::{Mock as Spi, Transaction};
/// # let six = |bytes: [u8; 6]| {
/// #     [Transaction::transaction_start(), Transaction::write_vec(bytes.into()), Transaction::transaction_end()]
/// # };
/// # let read = |address: u8| {
/// #     [Transaction::transaction_start(), Transaction::write_vec(vec![0x82, address]),
/// #      Transaction::read_vec(vec![0xFF; 4]), Transaction::transaction_end()]
/// # };
/// # let wire: Vec<_> = six([0xFF; 6]).into_iter().chain(read(0x89)).chain(six([0xFF; 6])).chain(read(0x89)).collect();
/// # let spi = Spi::new(&wire);
/// let figures = Circuit::OUTLET.calibration()?;
/// let mut meter = Bl0910::new(spi, [figures; 10], Config::default());
///
/// let answer = embassy_futures::block_on(meter.sample(0, Instant::START));
/// assert_eq!(answer, Err(Error::Checksum)); // nothing is wired to this SPI: all ones
/// let spi = meter.release();
/// # let mut spi = spi;
/// # spi.done();
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug)]
pub struct Bl0910<S, const N: usize> {
    spi: S,
    config: Config,
    outlets: [Outlet; N],
    /// The chip was set up, and its witness has not been found missing since.
    configured: bool,
    /// The chip may be in the middle of a frame.
    astray: bool,
}

impl<S: SpiDevice, const N: usize> Bl0910<S, N> {
    /// Takes an SPI device. Nothing is sent before the first call.
    pub fn new(spi: S, calibrations: [Calibration; N], config: Config) -> Self {
        const { assert!(N > 0 && N <= MAX_CHANNELS, "one to ten channels") }
        Self {
            spi,
            config,
            outlets: calibrations.map(|calibration| Outlet {
                calibration,
                register: EnergyRegister::new(calibration.energy, config.max_power),
                guard: CreepGuard::new(calibration.energy, config.creep),
                restarted: false,
                incidents: Incidents::default(),
                last_step: None,
            }),
            configured: false,
            astray: true,
        }
    }

    /// Gives the SPI device back.
    pub fn release(self) -> S {
        self.spi
    }

    /// How often a channel was in trouble; `None` where there is no such channel.
    pub fn incidents(&self, channel: usize) -> Option<Incidents> {
        self.outlets.get(channel).map(|outlet| outlet.incidents)
    }

    /// What became of the last count of a channel; `None` before the first.
    pub fn last_step(&self, channel: usize) -> Option<Step> {
        self.outlets
            .get(channel)
            .and_then(|outlet| outlet.last_step)
    }

    /// Reads one register.
    ///
    /// # Errors
    /// [`Error`]; tried once more where the answer was garbled.
    ///
    /// # Cancellation safety
    /// Safe: the next call brings the chip back to a frame's start.
    pub async fn read_register(&mut self, register: Register) -> Result<u32, Error<S::Error>> {
        match self.read_once(register).await {
            Err(Error::Checksum) => self.read_once(register).await,
            result => result,
        }
    }

    /// Writes the low 24 bits of `value` to one register. The chip does not answer, and ignores
    /// user registers while write-protected; `sample` sets a chip up by itself.
    ///
    /// # Errors
    /// [`Error`].
    ///
    /// # Cancellation safety
    /// Safe: the next call brings the chip back to a frame's start.
    pub async fn write_register(
        &mut self,
        register: Register,
        value: u32,
    ) -> Result<(), Error<S::Error>> {
        self.align().await?;
        self.astray = true;
        let command = write_command(register, value);
        self.spi.write(&command).await.map_err(Error::Spi)?;
        self.astray = false;
        Ok(())
    }

    async fn read_once(&mut self, register: Register) -> Result<u32, Error<S::Error>> {
        self.align().await?;
        self.astray = true;
        let mut answer = [0; 4];
        let command = [READ, register.address()];
        let mut operations = [Operation::Write(&command), Operation::Read(&mut answer)];
        self.spi
            .transaction(&mut operations)
            .await
            .map_err(Error::Spi)?;
        let value = value(register, answer).ok_or(Error::Checksum)?;
        self.astray = false;
        Ok(value)
    }

    /// Brings the chip back to a frame's start.
    async fn align(&mut self) -> Result<(), Error<S::Error>> {
        if self.astray {
            self.spi.write(&[0xFF; 6]).await.map_err(Error::Spi)?;
            self.astray = false;
        }
        Ok(())
    }

    /// True if the chip holds what was written since its last reset.
    async fn has_witness(&mut self) -> Result<bool, Error<S::Error>> {
        Ok(self.read_register(Register::TotalCreep).await? == WITNESS)
    }

    /// Sets the chip up: opens it, writes how it amplifies and counts, then the witness, closes it.
    async fn configure(&mut self) -> Result<(), Error<S::Error>> {
        let gain = self.config.gain.bits() * 0x1_1111;
        for (register, value) in [
            (Register::UserWriteProtect, UNLOCK),
            (Register::Mode, 0),
            (Register::ClearOnRead, 0),
            // The voltage has the lowest four bits.
            (Register::Gain1, gain << 4),
            (Register::Gain2, gain),
        ] {
            self.write_register(register, value).await?;
        }
        for (register, value) in [(Register::Gain1, gain << 4), (Register::Gain2, gain)] {
            if self.read_register(register).await? != value {
                return Err(Error::NotAccepted(register));
            }
        }
        // Last, so that it speaks for the others.
        self.write_register(Register::TotalCreep, WITNESS).await?;
        self.write_register(Register::UserWriteProtect, 0).await?;
        if !self.has_witness().await? {
            return Err(Error::NotAccepted(Register::TotalCreep));
        }
        self.configured = true;
        Ok(())
    }

    /// Sets a chip up that has restarted, or that this driver never set up: the witness of an
    /// earlier driver says nothing of how that one amplified.
    async fn attend(&mut self) -> Result<(), Error<S::Error>> {
        let witness = self.has_witness().await?;
        if self.configured {
            if witness {
                return Ok(());
            }
            self.configured = false;
            for outlet in &mut self.outlets {
                outlet.restarted = true;
            }
        }
        self.configure().await
    }

    async fn read(&mut self, channel: usize, chip: Channel) -> Result<Reading, Error<S::Error>> {
        // The witness first: a count is never older than the evidence.
        self.attend().await?;
        let count = self.read_register(Register::EnergyCount(chip)).await?;
        let power = signed(self.read_register(Register::Power(chip)).await?);
        Ok(Reading {
            restarted: self.outlet(channel)?.restarted,
            count,
            power,
        })
    }

    async fn measure(&mut self, channel: usize, now: Instant) -> Result<Sample, Error<S::Error>> {
        let chip = Channel::new(channel)
            .filter(|_| channel < N)
            .ok_or(Error::NoSuchChannel)?;
        let mut reading = self.read(channel, chip).await?;
        if !self.is_ordinary(channel, &reading, now) {
            reading = self.read(channel, chip).await?;
        }
        let current = self.read_register(Register::Current(chip)).await?;
        let voltage = self.read_register(Register::Voltage).await?;
        let temperature = self.read_register(Register::Temperature).await?;

        // Nothing is awaited from here on: a dropped call has counted nothing.
        let creep = self.config.creep;
        let outlet = self.outlet(channel)?;
        let continuity = if reading.restarted {
            Continuity::Restarted
        } else {
            Continuity::SameRun
        };
        let step = outlet.register.advance(reading.count, now, continuity);
        outlet.guard.add(step.counts(), now);
        outlet.note(step, reading.restarted);
        let power = outlet.calibration.power(reading.power);
        Ok(Sample {
            energy: outlet.guard.total(),
            resolution: outlet.guard.resolution(),
            power: if power > creep { power } else { Power::ZERO },
            voltage: outlet.calibration.voltage(voltage),
            current: outlet.calibration.current(current),
            over_current: false,
            temperature: Some(Temperature::from_decicelsius(decicelsius(temperature))),
        })
    }

    /// True if a reading needs no second look.
    fn is_ordinary(&self, channel: usize, reading: &Reading, now: Instant) -> bool {
        self.outlets.get(channel).is_some_and(|outlet| {
            (reading.restarted || outlet.register.follows(reading.count, now))
                && outlet.calibration.power(reading.power) <= self.config.max_power
        })
    }

    fn outlet(&mut self, channel: usize) -> Result<&mut Outlet, Error<S::Error>> {
        self.outlets.get_mut(channel).ok_or(Error::NoSuchChannel)
    }
}

impl Outlet {
    fn note(&mut self, step: Step, restarted: bool) {
        let more = |count: u32, condition: bool| count.saturating_add(u32::from(condition));
        let incidents = &mut self.incidents;
        incidents.wraps = more(incidents.wraps, matches!(step, Step::Wrapped { .. }));
        incidents.refusals = more(incidents.refusals, matches!(step, Step::Refused(_)));
        incidents.restarts = more(incidents.restarts, restarted);
        // A count that cannot be since the restart is not the one that is waited for.
        self.restarted &= matches!(step, Step::Refused(_));
        self.last_step = Some(step);
    }
}

impl<S: SpiDevice, const N: usize> EnergyMeter for Bl0910<S, N> {
    type Error = Error<S::Error>;

    fn channels(&self) -> usize {
        N
    }

    async fn sample(&mut self, channel: usize, now: Instant) -> Result<Sample, Self::Error> {
        let sample = self.measure(channel, now).await;
        if sample.is_err()
            && let Some(outlet) = self.outlets.get_mut(channel)
        {
            outlet.incidents.failures = outlet.incidents.failures.saturating_add(1);
        }
        sample
    }
}

#[cfg(test)]
mod tests;
