//! The Belling BL0942 on a UART: up to four chips on one bus, told apart by address.
//!
//! Source: BL0942 datasheet V1.06 (Shanghai Belling): register table, electrical formulas, UART
//! protocol. Frame layout and check sum as the open drivers of other projects have them.
//!
//! # Terms
//! A *burst* is the 23 bytes that hold every reading at once. A *step* is one count of `CF_CNT`,
//! the chip's counter of active energy, which alone is billed: never volts times amperes, which is
//! up to 2.6 times the energy at a poor power factor.
//!
//! # What it does about trouble on the line
//!
//! | | |
//! | --- | --- |
//! | no byte in time | [`Error::Timeout`], at once |
//! | some bytes, a wrong header or check sum, a UART error | the line is drained until quiet, and asked once more |
//! | a power beyond the wire, a current over the limit, a count that does not follow | asked once more: a spike is gone by then |
//! | still a count that does not follow | `WA_CREEP` is read back: the configured value proves that the chip ran through (a wrap, or a spike), its reset value that it restarted |
//! | a load that begins, a power that the set-up chip would show as zero, every [`WITNESS_EVERY`] samples | `WA_CREEP` is read back as well: a chip that restarted at a count of zero has a count that follows |
//! | a restart | the count since is taken where it went back, else the difference; the chip is configured again |
//!
//! # Fast over-current
//! `I_FAST_RMS` is the current over one cycle of the mains. With [`Config::over_current`] the driver
//! writes the limit to `I_FAST_RMS_TH`, so that the chip raises its pins CF1 and CF2 by itself, and
//! compares `I_FAST_RMS` in the same way: in every burst ([`Sample::over_current`]) and in between
//! with [`EnergyMeter::over_current`]. The chip has no flag for it in `STATUS`. Two readings of one
//! channel are through within 14 ms at 9600 baud, so four channels are watched well within 200 ms.
//!
//! # Identity
//! The chip has no identity register. [`Bl0942::probe`] reads back what a BL0942 has and a floating
//! line has not: `MODE` with its reserved bits, under a check sum.

mod circuit;
mod config;
mod error;
mod frame;

pub use circuit::Circuit;
pub use config::{Baud, Config, Mains};
pub use error::{Error, Identity, Incidents};
pub use frame::{
    CREEP_DEFAULT, FAST_THRESHOLD_OFF, FRAME_BYTES, Frame, FrameError, MODE_60_HZ, MODE_DEFAULT,
    Register, UNLOCK,
};

use crate::calibration::Calibration;
use crate::meter::{EnergyMeter, Sample};
use crate::register::{Continuity, EnergyRegister, Step};
use embassy_futures::select::{Either, select};
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{Read, Write};
use frame::{
    Address, FAST_EVERY_CYCLE, OUTPUTS_OVER_CURRENT, burst_command, is_over, read_command,
    register_value, write_command,
};
use pile_units::{Current, Instant};

/// The most chips on one bus.
pub const MAX_CHIPS: usize = 4;

/// Silence that ends a drain, milliseconds: longer than the 18.5 ms after which the chip forgets a
/// part of a command, so both ends are at a frame's start.
const QUIET_MS: u32 = 20;
/// Bytes after which a drain gives up on a line that never falls silent.
const DRAIN_BYTES: usize = 256;

/// Samples of a channel within which its chip is asked whether it still holds its set-up: a minute, at
/// one a second.
pub const WITNESS_EVERY: u8 = 60;

#[derive(Debug, Clone, Copy)]
struct Chip {
    calibration: Calibration,
    register: EnergyRegister,
    creep: u8,
    /// `I_FAST_RMS_TH`.
    fast_threshold: u16,
    /// True once a limit was given: what it sets must then be written, to take it away as well.
    watched: bool,
    configured: bool,
    /// Samples since `WA_CREEP` was last read back.
    unwitnessed: u8,
    /// The last sample showed a power.
    flowing: bool,
    incidents: Incidents,
    last_step: Option<Step>,
}

impl Chip {
    /// True if a burst, whatever its count, calls for a look at `WA_CREEP`: an unused chip that restarts
    /// goes from zero to zero, and then counts noise and has no limit.
    fn wants_witness(&self, frame: &Frame) -> bool {
        let power = frame.power.unsigned_abs();
        let creeping = power * 256 < u32::from(self.creep) * 3125;
        power != 0 && (creeping || !self.flowing) || self.unwitnessed >= WITNESS_EVERY - 1
    }
}

/// A bus of `N` chips, 1 to 4, strapped to the addresses `0..N`; channel k is the chip at k.
///
/// ```
/// use metering::bl0942::{Bl0942, Circuit, Config, Error};
/// use metering::EnergyMeter;
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
/// let figures = Circuit::REFERENCE.calibration()?;
/// let mut meter = Bl0942::new(uart, delay, [figures; 4], Config::default());
///
/// let answer = embassy_futures::block_on(meter.sample(0, Instant::START));
/// assert_eq!(answer, Err(Error::Timeout)); // nothing is wired to this UART
/// let (uart, delay) = meter.release();
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug)]
pub struct Bl0942<U, D, const N: usize> {
    uart: U,
    delay: D,
    config: Config,
    chips: [Chip; N],
    /// Bytes of an unfinished answer may still come: drain before the next command.
    astray: bool,
}

impl<U: Read + Write, D: DelayNs, const N: usize> Bl0942<U, D, N> {
    /// Takes a UART, set to the configured speed and 8N1. Nothing is sent before the first call.
    pub fn new(uart: U, delay: D, calibrations: [Calibration; N], config: Config) -> Self {
        const { assert!(N > 0 && N <= MAX_CHIPS, "a bus has one to four chips") }
        let chips = calibrations.map(|calibration| Chip {
            calibration,
            register: EnergyRegister::new(calibration.energy, config.max_power),
            creep: config.creep_register(&calibration),
            fast_threshold: Config::over_current_register(config.over_current, &calibration),
            watched: config.over_current.is_some(),
            configured: false,
            unwitnessed: 0,
            flowing: false,
            incidents: Incidents::default(),
            last_step: None,
        });
        Self {
            uart,
            delay,
            config,
            chips,
            astray: true,
        }
    }

    /// Gives the UART and the delay back.
    pub fn release(self) -> (U, D) {
        (self.uart, self.delay)
    }

    /// How often a channel's chip was in trouble; `None` where there is no such channel.
    pub fn incidents(&self, channel: usize) -> Option<Incidents> {
        self.chips.get(channel).map(|chip| chip.incidents)
    }

    /// What became of the last count of a channel; `None` before the first.
    pub fn last_step(&self, channel: usize) -> Option<Step> {
        self.chips.get(channel).and_then(|chip| chip.last_step)
    }

    /// Changes the fast over-current limit of a channel, or takes it away. The chip is set up with it
    /// before the channel's next reading. Nothing happens where there is no such channel.
    pub fn set_over_current(&mut self, channel: usize, limit: Option<Current>) {
        if let Some(chip) = self.chips.get_mut(channel) {
            let threshold = Config::over_current_register(limit, &chip.calibration);
            // A chip that still has another limit must lose it; one that never had any is as it is.
            chip.configured &= threshold == chip.fast_threshold;
            chip.fast_threshold = threshold;
            chip.watched |= threshold != FAST_THRESHOLD_OFF;
        }
    }

    /// Reads back what tells a BL0942 from a floating line.
    ///
    /// # Errors
    /// [`Error`]; a missing chip is [`Error::Timeout`].
    ///
    /// # Cancellation safety
    /// Safe: the next call drains the line first.
    pub async fn probe(&mut self, channel: usize) -> Result<Identity, Error<U::Error>> {
        Ok(Identity {
            mode: self.read_register(channel, Register::Mode).await?,
            creep: self.read_creep(channel).await?,
        })
    }

    /// Reads one register, its low 24 bits.
    ///
    /// # Errors
    /// [`Error`]; tried once more where the answer was garbled.
    ///
    /// # Cancellation safety
    /// Safe: the next call drains the line first.
    pub async fn read_register(
        &mut self,
        channel: usize,
        register: Register,
    ) -> Result<u32, Error<U::Error>> {
        let chip = Self::address(channel)?;
        match self.read_register_once(chip, register).await {
            Err(error) if error.is_garble() => self.read_register_once(chip, register).await,
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
    /// A dropped call may leave a part of the command on the line, which the chip forgets: the next
    /// call waits for that.
    pub async fn write_register(
        &mut self,
        channel: usize,
        register: Register,
        value: u32,
    ) -> Result<(), Error<U::Error>> {
        let command = write_command(Self::address(channel)?, register, value);
        self.exchange(&command, &mut []).await
    }

    /// Sets a chip up: opens it, writes `MODE` and `WA_CREEP` and what the over-current limit wants,
    /// closes it, reads back.
    async fn configure(&mut self, channel: usize) -> Result<(), Error<U::Error>> {
        let mode = self.config.mode();
        let &mut Chip {
            creep,
            fast_threshold,
            watched,
            ..
        } = self.chip(channel)?;
        self.write_register(channel, Register::UserWriteProtect, UNLOCK)
            .await?;
        self.write_register(channel, Register::Mode, mode).await?;
        self.write_register(channel, Register::Creep, u32::from(creep))
            .await?;
        if watched {
            for (register, value) in [
                (Register::FastCurrentThreshold, u32::from(fast_threshold)),
                (Register::FastCurrentCycles, FAST_EVERY_CYCLE),
                (Register::Outputs, OUTPUTS_OVER_CURRENT),
            ] {
                self.write_register(channel, register, value).await?;
            }
        }
        self.write_register(channel, Register::UserWriteProtect, 0)
            .await?;
        if self.read_register(channel, Register::Mode).await? != mode {
            return Err(Error::NotAccepted(Register::Mode));
        }
        if self.read_creep(channel).await? != creep {
            return Err(Error::NotAccepted(Register::Creep));
        }
        let register = Register::FastCurrentThreshold;
        if watched && self.read_register(channel, register).await? != u32::from(fast_threshold) {
            return Err(Error::NotAccepted(register));
        }
        let chip = self.chip(channel)?;
        // It was read back just now: a load that flows already needs no other look.
        (chip.configured, chip.unwitnessed, chip.flowing) = (true, 0, true);
        Ok(())
    }

    async fn read_creep(&mut self, channel: usize) -> Result<u8, Error<U::Error>> {
        let [low, ..] = self
            .read_register(channel, Register::Creep)
            .await?
            .to_le_bytes();
        Ok(low)
    }

    async fn measure(&mut self, channel: usize, now: Instant) -> Result<Sample, Error<U::Error>> {
        if !self.chip(channel)?.configured {
            self.configure(channel).await?;
        }
        let mut frame = self.burst(channel).await?;
        if !self.is_ordinary(channel, &frame, now) {
            frame = self.burst(channel).await?;
        }
        let chip = *self.chip(channel)?;
        let follows = chip.register.follows(frame.energy_count, now);
        let looked = !follows || chip.wants_witness(&frame);
        let restarted = looked && self.read_creep(channel).await? != chip.creep;
        // A count that follows may be of a restart before the last sample, too: then no more than the
        // difference has flowed since.
        let continuity = if restarted && !follows {
            Continuity::Restarted
        } else {
            Continuity::SameRun
        };

        // Nothing is awaited from here on: a dropped call has counted nothing.
        let chip = self.chip(channel)?;
        let step = chip.register.advance(frame.energy_count, now, continuity);
        chip.flowing = frame.power != 0;
        chip.unwitnessed = if looked { 0 } else { chip.unwitnessed + 1 };
        if restarted {
            chip.configured = false;
            chip.incidents.restarts = chip.incidents.restarts.saturating_add(1);
        }
        match step {
            Step::Wrapped { .. } => {
                chip.incidents.wraps = chip.incidents.wraps.saturating_add(1);
            }
            Step::Refused(_) => {
                chip.incidents.refusals = chip.incidents.refusals.saturating_add(1);
            }
            Step::Baseline
            | Step::Counted { .. }
            | Step::Restarted { .. }
            | Step::Recovered { .. } => {}
        }
        chip.last_step = Some(step);
        Ok(Sample {
            energy: chip.register.total(),
            resolution: chip.register.resolution(),
            power: chip.calibration.power(frame.power),
            voltage: chip.calibration.voltage(frame.voltage),
            current: chip.calibration.current(frame.current),
            over_current: is_over(frame.fast_current, chip.fast_threshold),
            temperature: None,
        })
    }

    /// True if a burst needs no second look.
    fn is_ordinary(&self, channel: usize, frame: &Frame, now: Instant) -> bool {
        self.chips.get(channel).is_some_and(|chip| {
            chip.register.follows(frame.energy_count, now)
                && !is_over(frame.fast_current, chip.fast_threshold)
                && chip.calibration.power(frame.power) <= self.config.max_power
        })
    }

    async fn burst(&mut self, channel: usize) -> Result<Frame, Error<U::Error>> {
        let chip = Self::address(channel)?;
        match self.burst_once(chip).await {
            Err(error) if error.is_garble() => self.burst_once(chip).await,
            result => result,
        }
    }

    async fn burst_once(&mut self, chip: Address) -> Result<Frame, Error<U::Error>> {
        let mut answer = [0; FRAME_BYTES];
        self.exchange(&burst_command(chip), &mut answer).await?;
        let frame = Frame::parse(chip.get(), &answer);
        // Whatever was not understood may have more bytes behind it.
        self.astray = frame.is_err();
        Ok(frame?)
    }

    async fn read_register_once(
        &mut self,
        chip: Address,
        register: Register,
    ) -> Result<u32, Error<U::Error>> {
        let mut answer = [0; 4];
        self.exchange(&read_command(chip, register), &mut answer)
            .await?;
        let value = register_value(chip, register, answer);
        self.astray = value.is_none();
        value.ok_or(Error::Checksum)
    }

    /// Sends a command and reads exactly as many bytes as `answer` has, within the line's time.
    async fn exchange(&mut self, command: &[u8], answer: &mut [u8]) -> Result<(), Error<U::Error>> {
        if self.astray {
            self.drain().await?;
        }
        self.astray = true;
        let mut received = 0;
        let talk = async {
            let mut sent = 0;
            while let Some(rest @ [_, ..]) = command.get(sent..) {
                // Not `write_all`, which panics where a UART takes nothing.
                match self.uart.write(rest).await.map_err(Error::Uart)? {
                    0 => return Err(Error::Closed),
                    more => sent += more,
                }
            }
            self.uart.flush().await.map_err(Error::Uart)?;
            while let Some(rest @ [_, ..]) = answer.get_mut(received..) {
                match self.uart.read(rest).await.map_err(Error::Uart)? {
                    0 => return Err(Error::Closed),
                    more => received += more,
                }
            }
            Ok(())
        };
        let timeout = self.delay.delay_ms(self.config.baud.answer_within_ms());
        match select(talk, timeout).await {
            Either::First(result) => result?,
            Either::Second(()) if received == 0 => return Err(Error::Timeout),
            Either::Second(()) => return Err(Error::Truncated),
        }
        self.astray = false;
        Ok(())
    }

    /// Reads and drops until the line is quiet.
    async fn drain(&mut self) -> Result<(), Error<U::Error>> {
        let mut scratch = [0; FRAME_BYTES];
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

    fn chip(&mut self, channel: usize) -> Result<&mut Chip, Error<U::Error>> {
        self.chips.get_mut(channel).ok_or(Error::NoSuchChannel)
    }

    fn address(channel: usize) -> Result<Address, Error<U::Error>> {
        match u8::try_from(channel) {
            Ok(address) if channel < N => Ok(Address::new(address)),
            _ => Err(Error::NoSuchChannel),
        }
    }
}

impl<U: Read + Write, D: DelayNs, const N: usize> EnergyMeter for Bl0942<U, D, N> {
    type Error = Error<U::Error>;

    fn channels(&self) -> usize {
        N
    }

    async fn sample(&mut self, channel: usize, now: Instant) -> Result<Sample, Self::Error> {
        let sample = self.measure(channel, now).await;
        if sample.is_err()
            && let Some(chip) = self.chips.get_mut(channel)
        {
            chip.incidents.failures = chip.incidents.failures.saturating_add(1);
        }
        sample
    }

    /// Reads `I_FAST_RMS` alone: six bytes on the line, 7 ms at 9600 baud. What is over is read once
    /// more, so that a single wrong reading with a good check sum opens no relay.
    async fn over_current(&mut self, channel: usize) -> Result<bool, Self::Error> {
        let threshold = self.chip(channel)?.fast_threshold;
        if threshold == FAST_THRESHOLD_OFF {
            return Ok(false);
        }
        for _ in 0..2 {
            let fast = self.read_register(channel, Register::FastCurrent).await?;
            if !is_over(fast, threshold) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
