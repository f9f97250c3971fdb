//! The HLW8032 and the CSE7766, which is the same to its reader: one channel on a UART that only
//! sends, 4800 baud 8E1, a frame of 24 bytes about every 50 ms.
//!
//! Source: HLW8032 datasheet (registers, formulas, UART protocol); frame, formulas and states as the
//! open drivers of other projects have them.
//!
//! # Terms
//! A *pulse* is one count of the chip's counter of active energy, the only thing that is billed:
//! never volts times amperes. The counter has 16 bits, and a bit of the *update byte* that flips
//! whenever it turns over, which makes 17: 349 Wh a turn in the reference circuit, 8 minutes at
//! 2.5 kW. *Coefficients* are the maker's constants of one chip, sent in every frame; energy of a
//! pulse follows from them. They are learnt from two frames in a row that agree, and a frame with
//! others is not of this chip.
//!
//! # What it does about trouble on the line
//!
//! | | |
//! | --- | --- |
//! | bytes from before the call | dropped: a frame must be of now |
//! | garbage, a lost byte, a wrong check sum | passed over until a frame is found, for 400 ms |
//! | other coefficients | passed over likewise |
//! | a power beyond the wire, a count that does not follow | the next frame is looked at: a spike is gone by then |
//! | still a count behind the last | past the top, if that is what the measured power gives in this time; else the chip started again, and what it counted since is taken |
//! | still a count too far ahead | refused until a later one confirms it |
//! | power out of range (state F2) | 0 W: the time between two pulses is beyond the register |
//! | state AA, or F with the lowest bit | looked for once more: a frame heard from its middle may look so, with a sum that is right by chance; then [`Error::Uncalibrated`] |
//!
//! # Past the top, or started again
//! Nothing in the chip tells the two apart: it takes no writes, so it holds no mark that a restart would
//! clear. So neither is believed further than both allow. If the steps past the top are what the power,
//! measured before and after, gives in the time between, then they are billed as far as the lower of
//! the two powers surely gave them, which is at least what was counted since a restart; on a line
//! that lost frames, and wherever they are not what the power gives, only what was counted since zero
//! is billed. It costs 0.26 s of each turn, 0.052 % at 2.5 kW.
//!
//! What remains: the mains goes away for longer than that between two samples, restarts the chip and not
//! the pile, and the counter stood so near its top that both stories fit. Then up to the power times
//! the rest of the interruption is billed, once.
//!
//! # Cancellation safety
//! A dropped call has counted nothing; the next one starts from what comes then.

mod circuit;
mod error;
mod frame;

pub use circuit::Circuit;
pub use error::{Error, Incidents};
pub use frame::{COUNTER_VALUES, Coefficients, FRAME_BYTES, Frame, FrameError};

use crate::meter::{EnergyMeter, Sample};
use crate::register::{Continuity, EnergyRegister, Gap, Step};
use embassy_futures::poll_once;
use embassy_futures::select::{Either, select};
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::Read;
use frame::Finder;
use pile_units::{Duration, Instant, Power};

/// Time in which a frame must come, milliseconds: three of 55 ms with their pauses of 50 ms, and
/// some. A frame that was under way at the start cannot be used.
pub const LISTEN_MS: u32 = 400;
/// Bytes in which a frame must come: more than the line can carry in that time.
const LISTEN_BYTES: usize = 512;
/// UART errors that are passed over while listening for one frame.
const UART_ERRORS: u32 = 16;
/// Bytes from before the call after which the driver gives up on an empty receiver.
const STALE_BYTES: usize = 4096;
/// How late after a call a count is of, at most, on a line that lost less than a frame, milliseconds: a
/// pause of 50, a frame of 55 that is not whole, its pause, and one frame with its pause that is
/// looked at first. So much may the time between two counts differ from that between their calls.
const JITTER_MS: u64 = 260;
/// As many bytes as this passed over, and nothing is known of how late a count is.
const DISTURBED_BYTES: u32 = 24;

/// What the driver assumes.
///
/// ```
/// use metering::hlw8032::Config;
/// use pile_units::Power;
/// let config = Config { max_power: Power::from_watts(2_530), ..Config::default() };
/// assert!(config.creep < config.max_power);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// What the wire can carry: a counter faster than this is refused. Default 4 kW: 16 A at 253 V.
    pub max_power: Power,
    /// Pulses between two samples that both read less than this are nobody's, against noise without
    /// a load. Default 0.8 W: above the 0.57 W at which the reference circuit's power register is
    /// out of range, below every threshold of a port.
    pub creep: Power,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_power: Power::from_watts(4_000),
            creep: Power::from_milliwatts(800),
        }
    }
}

/// What is known of the chip once its coefficients are.
#[derive(Debug, Clone, Copy)]
struct Known {
    coefficients: Coefficients,
    register: EnergyRegister,
    /// Power of the last sample.
    power: Power,
    /// The line lost frames while the last count was waited for.
    late: bool,
}

/// How a count is to be taken.
#[derive(Debug, Clone, Copy)]
enum Taken {
    As(Continuity),
    /// Past the top or from zero: no more steps than this.
    AtMost(u32),
}

/// One chip on one UART, as channel 0.
///
/// ```
/// use metering::EnergyMeter;
/// use metering::hlw8032::{Circuit, Config, Error, Hlw8032};
/// use pile_units::Instant;
/// # use embedded_hal_mock::eh1::delay::NoopDelay;
/// # struct Uart;
/// # impl embedded_io_async::ErrorType for Uart { type Error = core::convert::Infallible; }
/// # impl embedded_io_async::Read for Uart {
/// #     async fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> { core::future::pending().await }
/// # }
/// # let (uart, delay) = (Uart, NoopDelay::new());
/// // The receiver alone, at 4800 baud, even parity.
/// let mut meter = Hlw8032::new(uart, delay, Circuit::REFERENCE, Config::default());
///
/// let answer = embassy_futures::block_on(meter.sample(0, Instant::START));
/// assert_eq!(answer, Err(Error::Silent)); // nothing is wired to this UART
/// let (uart, delay) = meter.release();
/// ```
#[derive(Debug)]
pub struct Hlw8032<U, D> {
    uart: U,
    delay: D,
    circuit: Circuit,
    config: Config,
    known: Option<Known>,
    incidents: Incidents,
    last_step: Option<Step>,
}

impl<U: Read, D: DelayNs> Hlw8032<U, D> {
    /// Takes a UART's receiver, set to 4800 baud 8E1.
    pub const fn new(uart: U, delay: D, circuit: Circuit, config: Config) -> Self {
        Self {
            uart,
            delay,
            circuit,
            config,
            known: None,
            incidents: Incidents {
                failures: 0,
                wraps: 0,
                restarts: 0,
                refusals: 0,
                garbage: 0,
            },
            last_step: None,
        }
    }

    /// Gives the UART and the delay back.
    pub fn release(self) -> (U, D) {
        (self.uart, self.delay)
    }

    /// How often the chip was in trouble.
    pub const fn incidents(&self) -> Incidents {
        self.incidents
    }

    /// What became of the last count; `None` before the first. Its steps are in no total where both
    /// powers were below [`Config::creep`].
    pub const fn last_step(&self) -> Option<Step> {
        self.last_step
    }

    /// The chip's coefficients; `None` before they are learnt.
    pub fn coefficients(&self) -> Option<Coefficients> {
        self.known.map(|known| known.coefficients)
    }

    async fn measure(&mut self, now: Instant) -> Result<Sample, Error<U::Error>> {
        self.drop_stale()?;
        let mut finder = Finder::new();
        let measured = self.listen(&mut finder, now).await;
        self.incidents.garbage = self.incidents.garbage.saturating_add(finder.dropped);
        let (mut known, frame, taken) = measured?;

        // Nothing is awaited from here on: a dropped call has counted nothing.
        let power = self.circuit.power(&frame);
        let before = known.register;
        let step = match taken {
            Taken::As(continuity) => known.register.advance(frame.count, now, continuity),
            Taken::AtMost(most) => known.register.wrap(frame.count, now, most),
        };
        self.tally(step);
        self.last_step = Some(step);
        if known.power < self.config.creep && power < self.config.creep {
            // However the count came about, by a restart too: its steps are nobody's.
            known.register.gain_nothing_since(&before);
        }
        known.power = power;
        known.late = finder.dropped >= DISTURBED_BYTES;
        self.known = Some(known);
        Ok(Sample {
            energy: known.register.total(),
            resolution: known.register.resolution(),
            power,
            voltage: self.circuit.voltage(&frame),
            current: self.circuit.current(&frame),
            over_current: false,
            temperature: None,
        })
    }

    /// The frame to count by, and how its count is to be taken.
    async fn listen(
        &mut self,
        finder: &mut Finder,
        now: Instant,
    ) -> Result<(Known, Frame, Taken), Error<U::Error>> {
        let (known, first) = match self.known {
            Some(known) => (known, self.own_frame(finder, &known).await?),
            None => self.learn(finder).await?,
        };
        if known.register.follows(first.count, now)
            && self.circuit.power(&first) <= self.config.max_power
        {
            return Ok((known, first, Taken::As(Continuity::SameRun)));
        }
        let frame = self.own_frame(finder, &known).await?;
        let agree = frame.count >= first.count
            && frame.count - first.count <= known.register.allowed(Duration::ZERO);
        let taken = match known.register.since_baseline(frame.count, now) {
            Some(gap) if gap.went_back => {
                let late = known.late || finder.dropped >= DISTURBED_BYTES;
                match self.past_the_top(&known, &frame, gap) {
                    Some(_) if late && !agree => Taken::As(Continuity::Unknown),
                    Some(_) if late => Taken::As(Continuity::Restarted),
                    Some(surely) => Taken::AtMost(surely.max(frame.count)),
                    None if agree => Taken::As(Continuity::Restarted),
                    None => Taken::As(Continuity::Unknown),
                }
            }
            _ => Taken::As(Continuity::SameRun),
        };
        Ok((known, frame, taken))
    }

    /// The steps that surely flowed, where those past the top are what the power gives in the time;
    /// `None` where they are not, so that the counter cannot have gone past its top.
    fn past_the_top(&self, known: &Known, frame: &Frame, gap: Gap) -> Option<u32> {
        let power = known.power.min(self.circuit.power(frame));
        // mW times ms are µJ; the step is never zero.
        let steps = |millis: u64| {
            let flowed = u64::from(power.milliwatts()).saturating_mul(millis);
            let steps = flowed / known.register.step_microjoules().max(1);
            u32::try_from(steps).unwrap_or(u32::MAX)
        };
        let elapsed = gap.elapsed.millis();
        let surely = steps(elapsed.saturating_sub(JITTER_MS));
        // One step may have been pending at the baseline.
        let most = steps(elapsed.saturating_add(JITTER_MS)).saturating_add(1);
        (surely <= gap.counts && gap.counts <= most).then_some(surely)
    }

    /// Learns the chip's coefficients from two frames in a row that agree.
    async fn learn(&mut self, finder: &mut Finder) -> Result<(Known, Frame), Error<U::Error>> {
        let mut last = self.frame(finder).await?;
        for _ in 0..3 {
            let frame = self.frame(finder).await?;
            if frame.coefficients == last.coefficients {
                let step = self
                    .circuit
                    .energy_per_pulse(&frame.coefficients)
                    .map_err(|_| Error::Coefficients)?;
                let register = EnergyRegister::new(step, self.config.max_power)
                    .counting_to(COUNTER_VALUES)
                    .read_within(Duration::from_millis(u64::from(LISTEN_MS)));
                let known = Known {
                    coefficients: frame.coefficients,
                    register,
                    power: Power::ZERO,
                    late: false,
                };
                return Ok((known, frame));
            }
            last = frame;
        }
        Err(Error::Coefficients)
    }

    /// The next frame of the chip that is known.
    async fn own_frame(
        &mut self,
        finder: &mut Finder,
        known: &Known,
    ) -> Result<Frame, Error<U::Error>> {
        for _ in 0..3 {
            let frame = self.frame(finder).await?;
            if frame.coefficients == known.coefficients {
                return Ok(frame);
            }
            finder.pass_over();
        }
        Err(Error::Coefficients)
    }

    /// The next frame.
    async fn frame(&mut self, finder: &mut Finder) -> Result<Frame, Error<U::Error>> {
        let mut received = 0;
        let uart = &mut self.uart;
        let hear = async {
            let mut errors = 0;
            let mut uncalibrated = false;
            while received < LISTEN_BYTES {
                // One byte at a time: what lies behind a frame is the next one's.
                let mut byte = [0];
                match uart.read(&mut byte).await {
                    Ok(0) => return Err(Error::Closed),
                    Ok(_) => received += 1,
                    // A parity or framing error, an overrun: as good as a wrong byte.
                    Err(_) if errors < UART_ERRORS => {
                        errors += 1;
                        continue;
                    }
                    Err(error) => return Err(Error::Uart(error)),
                }
                let [byte] = byte;
                match finder.push(byte) {
                    Some(Ok(frame)) => return Ok(frame),
                    Some(Err(FrameError::Uncalibrated)) if uncalibrated => {
                        return Err(Error::Uncalibrated);
                    }
                    Some(Err(FrameError::Uncalibrated)) => uncalibrated = true,
                    Some(Err(_)) | None => {}
                }
            }
            Err(Error::Garbled)
        };
        match select(hear, self.delay.delay_ms(LISTEN_MS)).await {
            Either::First(result) => result,
            Either::Second(()) if received == 0 => Err(Error::Silent),
            Either::Second(()) => Err(Error::Garbled),
        }
    }

    /// Drops what the receiver holds from before the call.
    fn drop_stale(&mut self) -> Result<(), Error<U::Error>> {
        let mut scratch = [0; FRAME_BYTES];
        let mut dropped = 0;
        while dropped < STALE_BYTES {
            match poll_once(self.uart.read(&mut scratch)) {
                core::task::Poll::Pending => return Ok(()),
                core::task::Poll::Ready(Ok(0)) => return Err(Error::Closed),
                core::task::Poll::Ready(Ok(bytes)) => dropped += bytes,
                // The overrun of a receiver that nobody emptied.
                core::task::Poll::Ready(Err(_)) => dropped += 1,
            }
        }
        Err(Error::Babble)
    }

    fn tally(&mut self, step: Step) {
        let counter = match step {
            Step::Wrapped { .. } => &mut self.incidents.wraps,
            Step::Restarted { .. } => &mut self.incidents.restarts,
            Step::Refused(_) => &mut self.incidents.refusals,
            Step::Baseline | Step::Counted { .. } | Step::Recovered { .. } => return,
        };
        *counter = counter.saturating_add(1);
    }
}

impl<U: Read, D: DelayNs> EnergyMeter for Hlw8032<U, D> {
    type Error = Error<U::Error>;

    fn channels(&self) -> usize {
        1
    }

    /// Waits for a frame that begins after the call: 60 to 160 ms.
    async fn sample(&mut self, channel: usize, now: Instant) -> Result<Sample, Self::Error> {
        if channel != 0 {
            return Err(Error::NoSuchChannel);
        }
        let sample = self.measure(now).await;
        if sample.is_err() {
            self.incidents.failures = self.incidents.failures.saturating_add(1);
        }
        sample
    }
}

#[cfg(test)]
mod tests;
