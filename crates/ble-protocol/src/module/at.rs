//! The modules' set-up, command by command.

use core::fmt;
use core::fmt::Write as _;

use embassy_futures::select::{Either, select};
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{Read, Write};
use heapless::{String, Vec};

use super::QUIET_MS;
use crate::advert::Name;

/// How long a module is given for an answer. The slowest, a write to its flash, is seen within 200.
const ANSWER_MS: u32 = 500;
/// How long a module takes to restart before it advertises and listens.
const RESTART_MS: u32 = 1_000;
/// Reads of what is no answer, after which the command is said all the same: a line that is never silent, or
/// a phone that talks on, is not waited out.
pub(super) const NOISE: usize = 64;
/// How often a command is said: the first may find the module asleep or in the middle of a text.
const TIMES: u8 = 3;

/// Which module.
///
/// ```
/// use ble_protocol::module::Kind;
/// assert_ne!(Kind::Hm10, Kind::Jdy16);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HM-10, HM-11 and their like (CC2541).
    Hm10,
    /// JDY-16, JDY-23.
    Jdy16,
}

/// What a module is set up to.
///
/// ```
/// use ble_protocol::module::SetUp;
/// let set_up = SetUp::default();
/// assert_eq!((set_up.baud, set_up.interval_ms), (9_600, 200));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetUp {
    /// Its name, which is cut to what the module holds.
    pub name: Name,
    /// The rate of its UART: 1200, 2400, 4800 (HM-10), 9600, 19200, 38400, 57600, 115200 or 230400.
    pub baud: u32,
    /// How often it advertises, at most, in milliseconds; the module's next slower step is taken, 1 s
    /// at most.
    pub interval_ms: u32,
}

impl Default for SetUp {
    fn default() -> Self {
        Self {
            name: Name::PLAIN,
            baud: 9_600,
            interval_ms: 200,
        }
    }
}

/// Error returned by [`Module::set_up`](super::Module::set_up).
///
/// ```
/// use ble_protocol::module::SetUpError;
/// let error: SetUpError<core::convert::Infallible> = SetUpError::Silent { command: 0 };
/// assert_eq!(error.to_string(), "the module did not answer command 0: rate, wiring, or another module");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetUpError<E> {
    /// The module has no such rate.
    Baud(u32),
    /// Nothing that is an answer came, three times. Command 0 only asks whether it is there.
    Silent {
        /// Which command, counted from 0.
        command: u8,
    },
    /// The UART failed.
    Uart(E),
}

impl<E: fmt::Debug> fmt::Display for SetUpError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Baud(baud) => write!(f, "the module has no rate of {baud} baud"),
            Self::Silent { command } => write!(
                f,
                "the module did not answer command {command}: rate, wiring, or another module"
            ),
            Self::Uart(error) => write!(f, "the UART failed: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for SetUpError<E> {}

/// A command's text, and what its answer has in it.
struct Command {
    text: String<40>,
    answer: &'static str,
}

fn command(answer: &'static str, text: fmt::Arguments<'_>) -> Command {
    let mut command = Command {
        text: String::new(),
        answer,
    };
    // The longest, a name of 18 bytes, fits.
    let _ = command.text.write_fmt(text);
    command
}

/// The commands of a set-up in their order; the last restarts the module.
fn commands(kind: Kind, set_up: &SetUp, by_text: bool) -> Option<Vec<Command, 9>> {
    let SetUp {
        name,
        baud,
        interval_ms,
    } = set_up;
    let mut all = Vec::new();
    let mut add = |command| {
        let _ = all.push(command);
    };
    match kind {
        Kind::Hm10 => {
            let baud = hm10_baud(*baud)?;
            // Also disconnects a phone, to which the answer is OK+LOST.
            add(command("OK", format_args!("AT")));
            add(command("OK+Set", format_args!("AT+ROLE0")));
            // Bytes pass through; a phone cannot command the module.
            add(command("OK+Set", format_args!("AT+MODE0")));
            add(command(
                "OK+Set",
                format_args!("AT+NAME{}", name.shortened(12)),
            ));
            add(command(
                "OK+Set",
                format_args!("AT+ADVI{}", hm10_interval(*interval_ms)),
            ));
            add(command(
                "OK+Set",
                format_args!("AT+NOTI{}", u8::from(by_text)),
            ));
            // Steady, where it would blink without a connection.
            add(command("OK+Set", format_args!("AT+PIO11")));
            add(command("OK+Set", format_args!("AT+BAUD{baud}")));
            add(command("OK+RESET", format_args!("AT+RESET")));
        }
        Kind::Jdy16 => {
            let baud = jdy16_baud(*baud)?;
            // A connected module hears it only while PWRC is low; the restart disconnects the phone.
            add(command("VER", format_args!("AT+VER\r\n")));
            add(command("OK", format_args!("AT+HOSTEN0\r\n")));
            // Never asleep.
            add(command("OK", format_args!("AT+STARTEN0\r\n")));
            add(command(
                "OK",
                format_args!("AT+NAME{}\r\n", name.shortened(18)),
            ));
            add(command(
                "OK",
                format_args!("AT+ADVIN{}\r\n", jdy16_interval(*interval_ms)),
            ));
            // No words in the data's wire.
            add(command("OK", format_args!("AT+ENLOG0\r\n")));
            add(command("OK", format_args!("AT+BAUD{baud}\r\n")));
            add(command("OK", format_args!("AT+RST\r\n")));
        }
    }
    Some(all)
}

/// Data sheet, `AT+BAUD`.
const fn hm10_baud(baud: u32) -> Option<u8> {
    Some(match baud {
        9_600 => 0,
        19_200 => 1,
        38_400 => 2,
        57_600 => 3,
        115_200 => 4,
        4_800 => 5,
        2_400 => 6,
        1_200 => 7,
        230_400 => 8,
        _ => return None,
    })
}

/// Manual, section 4, `AT+BAUD`.
const fn jdy16_baud(baud: u32) -> Option<u8> {
    Some(match baud {
        1_200 => 1,
        2_400 => 2,
        9_600 => 4,
        19_200 => 5,
        38_400 => 6,
        57_600 => 7,
        115_200 => 8,
        230_400 => 9,
        _ => return None,
    })
}

/// Data sheet, `AT+ADVI`: the steps up to 1,022.5 ms, rounded up.
const fn hm10_interval(ms: u32) -> u8 {
    match ms {
        0..=100 => 0,
        101..=153 => 1,
        154..=212 => 2,
        213..=319 => 3,
        320..=418 => 4,
        419..=547 => 5,
        548..=760 => 6,
        761..=853 => 7,
        _ => 8,
    }
}

/// Manual, section 4, `AT+ADVIN`: hundreds of milliseconds, from 0 for 100.
fn jdy16_interval(ms: u32) -> u8 {
    let step = ms.clamp(100, 1_000).div_ceil(100).saturating_sub(1);
    u8::try_from(step).unwrap_or(9)
}

/// Says every command until it is answered.
pub(super) async fn set_up<U: Read + Write, D: DelayNs>(
    kind: Kind,
    set_up: &SetUp,
    by_text: bool,
    uart: &mut U,
    delay: &mut D,
) -> Result<(), SetUpError<U::Error>> {
    let commands = commands(kind, set_up, by_text).ok_or(SetUpError::Baud(set_up.baud))?;
    for (number, command) in (0..).zip(&commands) {
        if !say(command, uart, delay).await.map_err(SetUpError::Uart)? {
            return Err(SetUpError::Silent { command: number });
        }
    }
    delay.delay_ms(RESTART_MS).await;
    Ok(())
}

async fn say<U: Read + Write, D: DelayNs>(
    command: &Command,
    uart: &mut U,
    delay: &mut D,
) -> Result<bool, U::Error> {
    for _ in 0..TIMES {
        // What is still coming is no answer to this.
        let mut bytes = [0; 16];
        for _ in 0..NOISE {
            let Either::First(Ok(1..)) =
                select(uart.read(&mut bytes), delay.delay_ms(QUIET_MS)).await
            else {
                break;
            };
        }
        uart.write_all(command.text.as_bytes()).await?;
        uart.flush().await?;
        if answered(command.answer.as_bytes(), uart, delay).await {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits until the answer has come and all behind it.
async fn answered<U: Read, D: DelayNs>(answer: &[u8], uart: &mut U, delay: &mut D) -> bool {
    let mut heard: Vec<u8, 64> = Vec::new();
    let mut patience = ANSWER_MS;
    loop {
        let mut bytes = [0; 16];
        match select(uart.read(&mut bytes), delay.delay_ms(QUIET_MS)).await {
            Either::First(Ok(read)) => {
                for byte in bytes.iter().take(read) {
                    // A module that talks without end is none.
                    if heard.push(*byte).is_err() {
                        return false;
                    }
                }
            }
            Either::First(Err(_)) => return false,
            Either::Second(()) => {
                if heard.windows(answer.len()).any(|part| part == answer) {
                    return true;
                }
                patience = patience.saturating_sub(QUIET_MS);
                if patience == 0 {
                    return false;
                }
            }
        }
    }
}
