//! The PZEM-004T version 3: a finished meter module on Modbus RTU, several on one bus.
//!
//! Source: the maker's user manual V3.0 (registers, functions, abnormal codes); Modbus over serial
//! line V1.02 (framing, CRC). 9600 baud 8N1.
//!
//! # Terms
//! The *energy register* counts whole watt-hours and is kept without supply. It alone is billed. It
//! ends at 9999.99 kWh; what comes then, the manual does not say, so a register that went back is
//! always taken to have begun again from zero: what it shows is counted, and the energy between the
//! last reading and the end is nobody's (one reading interval every 10,000 kWh).
//!
//! # A step is a watt-hour
//! [`Sample::resolution`] is 1.001 Wh, so [`Sample::surely_since`] leaves up to that much of each
//! session unbilled, and a total lags what flowed by up to 1 Wh: five to fourteen times the step of
//! a chip in the pile itself. The driver does not interpolate between two steps: power times time is
//! not what the module counted, and could bill more than was delivered. A power cut loses up to 1 Wh
//! more than with such a chip, which is more than a pile of this design should: the module is for
//! trying a pile out, and for loads of kilowatt-hours.
//!
//! # What it does about trouble on the line
//!
//! | | |
//! | --- | --- |
//! | no byte in time | [`Error::Timeout`], at once |
//! | some bytes, a wrong CRC, another's answer, a UART error | the line is drained until quiet, and asked once more |
//! | an exception | [`Error::Exception`], at once |
//! | a power beyond the wire, a count that does not follow | asked once more: a spike is gone by then |
//! | still behind the last, and both readings agree | the register was reset: what it shows is counted |
//! | still too far ahead | refused until a later reading confirms it |

mod error;
mod modbus;

pub use error::{Error, Incidents};
pub use modbus::{Exception, Measurement, ParseError};

use crate::calibration::EnergyPerCount;
use crate::meter::{EnergyMeter, Sample};
use crate::register::{Continuity, EnergyRegister, Step};
use embassy_futures::select::{Either, select};
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{Read, Write};
use modbus::{
    EXCEPTION, EXCEPTION_BYTES, READ_ANSWER_BYTES, READ_INPUT, RESET_ANSWER_BYTES, RESET_ENERGY,
    crc, read_request, reset_request,
};
use pile_units::{Current, Instant, OutOfRange, Power, Voltage};

/// Values of the energy register: 0 to 9,999,999 Wh.
pub const ENERGY_VALUES: u32 = 10_000_000;

/// Time in which an answer must be through, milliseconds: 33 bytes of ten bits at 9600 baud, and
/// 100 for the module, which answers between two of its own measurements.
const ANSWER_MS: u32 = 135;
/// Silence between two frames, milliseconds: 3.5 characters are 3.6 (Modbus, 2.5.1.1).
const SILENCE_MS: u32 = 4;
/// Silence that ends a drain, milliseconds.
const QUIET_MS: u32 = 10;
/// Bytes after which a drain gives up on a line that never falls silent.
const DRAIN_BYTES: usize = 256;

/// A module's address on the bus.
///
/// ```
/// use metering::pzem004t::Address;
/// assert_eq!(Address::new(0x10)?.get(), 0x10);
/// assert!(Address::new(0).is_err(), "broadcast");
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address(u8);

impl Address {
    /// F8: any module, where there is only one.
    pub const GENERAL: Self = Self(0xF8);

    /// Makes an address, 1..=247.
    ///
    /// # Errors
    /// [`OutOfRange`] for 0, which is everybody's, and above 247.
    pub const fn new(address: u8) -> Result<Self, OutOfRange> {
        if address >= 1 && address <= 0xF7 {
            Ok(Self(address))
        } else {
            Err(OutOfRange)
        }
    }

    /// Returns the byte.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// What the driver assumes.
///
/// ```
/// use metering::pzem004t::Config;
/// use pile_units::Power;
/// // The module with the built-in shunt, 10 A.
/// let config = Config { max_power: Power::from_watts(2_530) };
/// assert_ne!(config, Config::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// What the wire can carry: a counter faster than this is refused. Default 4 kW: 16 A at 253 V.
    pub max_power: Power,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_power: Power::from_watts(4_000),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Module {
    address: Address,
    register: EnergyRegister,
    incidents: Incidents,
    last_step: Option<Step>,
}

/// A bus of `N` modules; channel k is the one at the k-th address.
///
/// ```
/// use metering::EnergyMeter;
/// use metering::pzem004t::{Address, Config, Error, Pzem004t};
/// use pile_units::Instant;
/// # use embedded_hal_mock::eh1::delay::NoopDelay;
/// # struct Uart;
/// # impl embedded_io_async::ErrorType for Uart { type Error = core::convert::Infallible; }
/// # impl embedded_io_async::Read for Uart {
/// #     async fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> { core::future::pending().await }
/// # }
/// # impl embedded_io_async::Write for Uart {
/// #     async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> { Ok(bytes.len()) }
/// #     async fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
/// # }
/// # let (uart, delay) = (Uart, NoopDelay::new());
/// let addresses = [Address::new(1)?, Address::new(2)?];
/// let mut meter = Pzem004t::new(uart, delay, addresses, Config::default());
///
/// let answer = embassy_futures::block_on(meter.sample(1, Instant::START));
/// assert_eq!(answer, Err(Error::Timeout)); // nothing is wired to this UART
/// let (uart, delay) = meter.release();
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug)]
pub struct Pzem004t<U, D, const N: usize> {
    uart: U,
    delay: D,
    config: Config,
    modules: [Module; N],
    /// Bytes of an unfinished answer may still come: drain before the next request.
    astray: bool,
}

impl<U: Read + Write, D: DelayNs, const N: usize> Pzem004t<U, D, N> {
    /// Takes a UART, set to 9600 baud 8N1. Nothing is sent before the first call.
    pub fn new(uart: U, delay: D, addresses: [Address; N], config: Config) -> Self {
        let modules = addresses.map(|address| Module {
            address,
            register: EnergyRegister::new(EnergyPerCount::WATT_HOUR, config.max_power)
                .counting_to(ENERGY_VALUES),
            incidents: Incidents::default(),
            last_step: None,
        });
        Self {
            uart,
            delay,
            config,
            modules,
            astray: true,
        }
    }

    /// Gives the UART and the delay back.
    pub fn release(self) -> (U, D) {
        (self.uart, self.delay)
    }

    /// How often a channel's module was in trouble; `None` where there is no such channel.
    pub fn incidents(&self, channel: usize) -> Option<Incidents> {
        self.modules.get(channel).map(|module| module.incidents)
    }

    /// What became of the last count of a channel; `None` before the first.
    pub fn last_step(&self, channel: usize) -> Option<Step> {
        self.modules
            .get(channel)
            .and_then(|module| module.last_step)
    }

    /// Reads a module's registers, without counting.
    ///
    /// # Errors
    /// [`Error`]; tried once more where the answer was garbled.
    ///
    /// # Cancellation safety
    /// Safe: the next call drains the line first.
    pub async fn read(&mut self, channel: usize) -> Result<Measurement, Error<U::Error>> {
        let address = self.address(channel)?;
        match self.read_once(address).await {
            Err(error) if error.is_garble() => self.read_once(address).await,
            result => result,
        }
    }

    /// Sets a module's energy register to zero. The driver never does so by itself: its totals go on
    /// whatever the register shows. What it shows at `now` is counted first.
    ///
    /// # Errors
    /// [`Error`]; after an error in the second half the register may have been reset or not, and the
    /// next sample finds out.
    ///
    /// # Cancellation safety
    /// As for an error.
    pub async fn reset_energy(
        &mut self,
        channel: usize,
        now: Instant,
    ) -> Result<(), Error<U::Error>> {
        self.measure(channel, now).await?;
        let address = self.address(channel)?;
        let request = reset_request(address.get());
        let mut answer = [0; RESET_ANSWER_BYTES];
        self.exchange(&request, RESET_ENERGY, &mut answer).await?;
        if answer != request {
            self.astray = true;
            return Err(Error::Answer(ParseError::NotTheAnswer));
        }
        let module = self.module(channel)?;
        let step = module.register.advance(0, now, Continuity::Restarted);
        module.last_step = Some(step);
        Ok(())
    }

    async fn measure(&mut self, channel: usize, now: Instant) -> Result<Sample, Error<U::Error>> {
        let first = self.read(channel).await?;
        let max_power = self.config.max_power;
        let register = &self.module(channel)?.register;
        let ordinary = register.follows(first.watt_hours, now) && power(&first) <= max_power;
        let mut read = first;
        let mut continuity = Continuity::SameRun;
        if !ordinary {
            read = self.read(channel).await?;
            let agree = read.watt_hours >= first.watt_hours
                && read.watt_hours - first.watt_hours <= crate::register::SLACK;
            let gap = self
                .module(channel)?
                .register
                .since_baseline(read.watt_hours, now);
            if gap.is_some_and(|gap| gap.went_back) {
                // Never past the top: see the module's text.
                continuity = if agree {
                    Continuity::Restarted
                } else {
                    return Err(Error::Answer(ParseError::Range));
                };
            }
        }

        // Nothing is awaited from here on: a dropped call has counted nothing.
        let module = self.module(channel)?;
        let step = module.register.advance(read.watt_hours, now, continuity);
        let incidents = &mut module.incidents;
        match step {
            Step::Restarted { .. } => incidents.restarts = incidents.restarts.saturating_add(1),
            Step::Refused(_) => incidents.refusals = incidents.refusals.saturating_add(1),
            _ => {}
        }
        module.last_step = Some(step);
        Ok(Sample {
            energy: module.register.total(),
            resolution: module.register.resolution(),
            power: power(&read),
            voltage: Voltage::from_millivolts(u32::from(read.decivolts) * 100),
            current: Current::from_milliamperes(read.milliamperes),
            over_current: false,
            temperature: None,
        })
    }

    async fn read_once(&mut self, address: Address) -> Result<Measurement, Error<U::Error>> {
        let mut answer = [0; READ_ANSWER_BYTES];
        self.exchange(&read_request(address.get()), READ_INPUT, &mut answer)
            .await?;
        let read = Measurement::parse(address.get(), &answer);
        // Whatever was not understood may have more bytes behind it.
        self.astray = read.is_err();
        read.map_err(Error::Answer)
    }

    /// Sends a request and reads the answer to it, or an exception, within the line's time.
    async fn exchange(
        &mut self,
        request: &[u8],
        function: u8,
        answer: &mut [u8],
    ) -> Result<(), Error<U::Error>> {
        if self.astray {
            self.drain().await?;
        } else {
            self.delay.delay_ms(SILENCE_MS).await;
        }
        self.astray = true;
        let mut received = 0;
        let (uart, address) = (&mut self.uart, request.first());
        let talk = async {
            let mut sent = 0;
            while let Some(rest @ [_, ..]) = request.get(sent..) {
                // Not `write_all`, which panics where a UART takes nothing.
                match uart.write(rest).await.map_err(Error::Uart)? {
                    0 => return Err(Error::Closed),
                    more => sent += more,
                }
            }
            uart.flush().await.map_err(Error::Uart)?;
            // An exception is told by its second byte, and may be longer than the answer or shorter.
            let mut buffer = [0; READ_ANSWER_BYTES];
            let mut wanted = EXCEPTION_BYTES.min(answer.len());
            loop {
                while let Some(rest @ [_, ..]) = buffer.get_mut(received..wanted) {
                    match uart.read(rest).await.map_err(Error::Uart)? {
                        0 => return Err(Error::Closed),
                        more => received += more,
                    }
                }
                let refused = matches!(buffer, [from, code, ..]
                    if Some(&from) == address && code == function | EXCEPTION);
                let whole = if refused {
                    EXCEPTION_BYTES
                } else {
                    answer.len()
                };
                if received >= whole {
                    return exception_or(&buffer, refused, answer);
                }
                wanted = whole;
            }
        };
        match select(talk, self.delay.delay_ms(ANSWER_MS)).await {
            Either::First(result) => result?,
            Either::Second(()) if received == 0 => return Err(Error::Timeout),
            Either::Second(()) => return Err(Error::Truncated),
        }
        self.astray = false;
        Ok(())
    }

    /// Reads and drops until the line is quiet.
    async fn drain(&mut self) -> Result<(), Error<U::Error>> {
        let mut scratch = [0; READ_ANSWER_BYTES];
        let mut dropped = 0;
        while dropped < DRAIN_BYTES {
            match select(self.uart.read(&mut scratch), self.delay.delay_ms(QUIET_MS)).await {
                Either::First(Ok(0)) => return Err(Error::Closed),
                Either::First(Ok(bytes)) => dropped += bytes,
                // An overrun or a framing error is what is being drained.
                Either::First(Err(_)) => dropped += 1,
                Either::Second(()) => {
                    self.astray = false;
                    return Ok(());
                }
            }
        }
        Err(Error::Babble)
    }

    fn module(&mut self, channel: usize) -> Result<&mut Module, Error<U::Error>> {
        self.modules.get_mut(channel).ok_or(Error::NoSuchChannel)
    }

    /// A channel's address, if it is nobody else's.
    fn address(&self, channel: usize) -> Result<Address, Error<U::Error>> {
        let module = self.modules.get(channel).ok_or(Error::NoSuchChannel)?;
        let own = module.address;
        let holders = self.modules.iter().filter(|other| other.address == own);
        if holders.count() > 1 || (own == Address::GENERAL && N > 1) {
            return Err(Error::Addresses);
        }
        Ok(own)
    }
}

fn power(read: &Measurement) -> Power {
    Power::from_milliwatts(read.deciwatts.saturating_mul(100))
}

/// Takes an exception apart, or copies the answer out.
fn exception_or<E>(
    buffer: &[u8; READ_ANSWER_BYTES],
    refused: bool,
    answer: &mut [u8],
) -> Result<(), Error<E>> {
    if refused {
        let &[address, function, code, low, high, ..] = buffer;
        return Err(
            if crc(&[address, function, code]) == u16::from_le_bytes([low, high]) {
                Error::Exception(Exception::from_code(code))
            } else {
                Error::Answer(ParseError::Crc)
            },
        );
    }
    answer
        .iter_mut()
        .zip(buffer)
        .for_each(|(to, from)| *to = *from);
    Ok(())
}

impl<U: Read + Write, D: DelayNs, const N: usize> EnergyMeter for Pzem004t<U, D, N> {
    type Error = Error<U::Error>;

    fn channels(&self) -> usize {
        N
    }

    async fn sample(&mut self, channel: usize, now: Instant) -> Result<Sample, Self::Error> {
        let sample = self.measure(channel, now).await;
        if sample.is_err()
            && let Some(module) = self.modules.get_mut(channel)
        {
            module.incidents.failures = module.incidents.failures.saturating_add(1);
        }
        sample
    }
}

#[cfg(test)]
mod tests;
