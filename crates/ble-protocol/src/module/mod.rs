//! Bluetooth LE modules on a UART that pass bytes through: HM-10, and JDY-16 or JDY-23.
//!
//! | | HM-10 | JDY-16, JDY-23 |
//! | --- | --- | --- |
//! | a command | upper case, no end of line, then silence | CR LF at its end |
//! | its answer | `OK+Set:..` | `+OK` |
//! | name | at most 12 bytes | at most 18 bytes |
//! | connection by pin | PIO1, steady after `AT+PIO11` (else it blinks) | STAT, high while connected |
//! | connection by text | `OK+CONN`, `OK+LOST` after `AT+NOTI1` | its words are not documented: pin only |
//! | disconnects | `AT` while connected | `AT+DISC` while PWRC is low |
//! | service and value | FFE0, FFE1 | FFE0, FFE1 |
//!
//! Sources: JN Huamao, *HM Bluetooth module datasheet* V605 (2018-02), the AT command table; Shenzhen
//! Innovation Technology, *JDY-16 module manual* V1.5, sections 3 and 4, and *JDY-23 manual* V1.2,
//! sections 3.7 and 4. Factory rate: 9600 baud, 8N1.
//!
//! A module advertises its name and nothing else: no version, no free ports. A phone looks for the
//! service FFE0 besides [`SERVICE`](crate::advert::SERVICE).
//!
//! # A text that is data
//! An HM-10 mixes its words into the data's wire. The link's data are frames: COBS, a zero at each
//! end, and in the place after a frame's first byte its kind, a small number. So:
//! - **Between frames** (after a zero, or before the first byte) `OK+LOST` is the module's word: no
//!   frame begins with `OK`, since `K` is no kind.
//! - **Within a frame** it is data, unless 20 ms of silence stand before and after it: that is a link
//!   that was lost in the middle of a frame. Sealed bytes look so by chance once in 2^56.
//!
//! What remains: where nobody read in those 20 ms, the loss is taken for data, and heard only with the
//! next phone's `OK+CONN`. A phone may write `OK+LOST` itself. It loses its own link by that, and nobody
//! else gets in until it goes.
//! With the state pin no word is believed at all, and none is asked for: wire it where there is one.
//!
//! # Pace
//! These modules have no flow control on their wire. [`Module`] writes 20 bytes at a time, waits until
//! they have left, and leaves pauses above the rate that a module sends at (2,000 bytes a second: the
//! lower end of the HM-10's data sheet; slower phones make it slower, which the link's credits see).
//!
//! The other way the phone must keep to the wire's rate, since nothing holds it back either: at 9600
//! baud 20 bytes every 25 ms. It knows such a module by its service.
//!
//! What it writes is never the two bytes `AT` alone, which would disconnect an HM-10: a frame's last
//! portion ends in a zero, and all others are 20 bytes long.

mod at;
mod watch;
mod wiring;

pub use at::{Kind, SetUp, SetUpError};
pub use wiring::{ByPin, ByPins, ByText, Wiring};

use embassy_futures::select::{Either, select};
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{Read, Write};

use crate::{Gone, Pipe};
use watch::{Watch, Word};

/// Silence that ends a text, ms: 19 characters at 9600 baud, and longer than a module takes between
/// two packets of one burst (connection intervals of 7.5 to 15 ms).
const QUIET_MS: u32 = 20;
/// What a BLE packet of these modules carries.
const PORTION: usize = 20;
/// What they take and send on, bytes a second.
const RATE: u32 = 2_000;
/// How long a module is given to end a connection.
const LEAVES_MS: u32 = 1_000;

/// A module as a pipe. `U` is a UART with a receive buffer (128 bytes and more), whose `read` loses
/// nothing when it is dropped; `W` says how the module's connection is seen.
///
/// ```
/// use ble_protocol::advert::Name;
/// use ble_protocol::module::{ByText, Kind, Module, SetUp};
/// # use embedded_hal_async::delay::DelayNs;
/// # use embedded_io_async::{Read, Write};
///
/// async fn radio<U: Read + Write, D: DelayNs>(uart: U, delay: D) -> Option<Module<U, ByText, D>> {
///     let mut module = Module::hm10(uart, ByText, delay);
///     module.set_up(&SetUp { name: Name::with("yard").ok()?, ..SetUp::default() }).await.ok()?;
///     Some(module)
/// }
/// ```
#[derive(Debug)]
pub struct Module<U, W, D> {
    kind: Kind,
    uart: U,
    wiring: W,
    delay: D,
    baud: u32,
    watch: Watch,
    /// A phone is connected, as far as was heard or seen.
    up: bool,
    /// Counts connections, so that no byte of one is taken for one of the next.
    connection: u32,
    mine: u32,
}

impl<U: Read + Write, W: Wiring, D: DelayNs> Module<U, W, D> {
    /// An HM-10, by text or by its pin PIO1.
    pub const fn hm10(uart: U, wiring: W, delay: D) -> Self {
        Self::new(Kind::Hm10, uart, wiring, delay)
    }

    /// A JDY-16 or JDY-23, by its pin STAT. [`ByText`] sees nothing of these modules.
    pub const fn jdy16(uart: U, wiring: W, delay: D) -> Self {
        Self::new(Kind::Jdy16, uart, wiring, delay)
    }

    const fn new(kind: Kind, uart: U, wiring: W, delay: D) -> Self {
        Self {
            kind,
            uart,
            wiring,
            delay,
            baud: 9_600,
            watch: Watch::new(),
            up: false,
            connection: 0,
            mine: 0,
        }
    }

    /// Gives the parts back.
    pub fn release(self) -> (U, W, D) {
        (self.uart, self.wiring, self.delay)
    }

    /// Names the module, sets how it advertises and how it tells of a connection, and restarts it. A
    /// phone that is connected is disconnected. The module keeps all of it without power.
    ///
    /// With another [`SetUp::baud`] than the UART's, the module speaks at that rate from now on: release
    /// it, open the UART anew.
    ///
    /// # Errors
    /// [`SetUpError`]: no answer, a refusal, or the UART's error.
    pub async fn set_up(&mut self, set_up: &SetUp) -> Result<(), SetUpError<U::Error>> {
        let by_text = self.wiring.is_connected().is_none();
        self.wiring.command(true);
        let done = at::set_up(self.kind, set_up, by_text, &mut self.uart, &mut self.delay).await;
        self.wiring.command(false);
        done?;
        self.baud = set_up.baud;
        self.up = false;
        self.watch.restart();
        Ok(())
    }

    /// Reads what the module sends next, by text, and takes its words out of it.
    ///
    /// # Cancellation safety
    /// Nothing is lost.
    async fn listen(&mut self) -> Result<(), U::Error> {
        let mut bytes = [0; 32];
        let heard = if self.watch.is_silent() {
            Either::First(self.uart.read(&mut bytes).await)
        } else {
            select(self.uart.read(&mut bytes), self.delay.delay_ms(QUIET_MS)).await
        };
        match heard {
            Either::First(read) => {
                let read = read?;
                for byte in bytes.iter().take(read) {
                    let word = self.watch.byte(*byte, self.up);
                    self.obey(word);
                }
            }
            Either::Second(()) => {
                let word = self.watch.silence(self.up);
                self.obey(word);
            }
        }
        Ok(())
    }

    fn obey(&mut self, word: Option<Word>) {
        match word {
            Some(Word::Connected) => {
                self.up = true;
                self.connection = self.connection.wrapping_add(1);
            }
            Some(Word::Lost) => self.up = false,
            None => {}
        }
    }

    const fn is_mine(&self) -> bool {
        self.up && self.mine == self.connection
    }

    /// Reads until the module is quiet, or it is clear that it never will be: what is left of a connection
    /// that is over.
    async fn drain(&mut self) {
        let mut bytes = [0; 32];
        for _ in 0..at::NOISE {
            let Either::First(Ok(1..)) =
                select(self.uart.read(&mut bytes), self.delay.delay_ms(QUIET_MS)).await
            else {
                break;
            };
        }
    }

    async fn read_by_pin(&mut self, bytes: &mut [u8]) -> Result<usize, Gone> {
        if self.is_mine() {
            // The bytes first: what the phone sent before it went is in the buffer.
            let read = select(self.uart.read(bytes), self.wiring.changes(false)).await;
            match read {
                Either::First(Ok(read @ 1..)) => return Ok(read),
                Either::First(_) => self.disconnect().await,
                Either::Second(()) => {
                    self.up = false;
                    self.drain().await;
                }
            }
        }
        Err(Gone)
    }

    async fn read_by_text(&mut self, bytes: &mut [u8]) -> Result<usize, Gone> {
        while self.is_mine() {
            let read = self.watch.take(bytes);
            if read > 0 {
                return Ok(read);
            }
            if self.listen().await.is_err() {
                self.disconnect().await;
            }
        }
        Err(Gone)
    }

    /// How long the wire rests after so many bytes, ms.
    fn rest_ms(&self, bytes: usize) -> u32 {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let sends = bytes.saturating_mul(1_000).div_ceil(RATE);
        // Ten bits a byte.
        let writes = bytes.saturating_mul(10_000) / self.baud.max(1);
        sends.saturating_sub(writes)
    }
}

impl<U: Read + Write, W: Wiring, D: DelayNs> Pipe for Module<U, W, D> {
    async fn connected(&mut self) {
        if self.wiring.is_connected().is_some() {
            if !self.is_mine() || self.wiring.is_connected() == Some(false) {
                self.wiring.changes(true).await;
                self.connection = self.connection.wrapping_add(1);
                self.up = true;
            }
        } else {
            while !self.up {
                if self.listen().await.is_err() {
                    // A character that was cut: the next words are whole.
                    self.delay.delay_ms(QUIET_MS).await;
                }
            }
        }
        self.mine = self.connection;
    }

    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Gone> {
        if bytes.is_empty() {
            return if self.is_mine() { Ok(0) } else { Err(Gone) };
        }
        if self.wiring.is_connected().is_some() {
            self.read_by_pin(bytes).await
        } else {
            self.read_by_text(bytes).await
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        for portion in bytes.chunks(PORTION) {
            if !self.is_mine() || self.wiring.is_connected() == Some(false) {
                return Err(Gone);
            }
            self.uart.write_all(portion).await.map_err(|_| Gone)?;
            self.uart.flush().await.map_err(|_| Gone)?;
            self.delay.delay_ms(self.rest_ms(portion.len())).await;
        }
        Ok(())
    }

    fn portion(&self) -> usize {
        PORTION
    }

    /// Ends the connection. A JDY module whose PWRC is not wired cannot be told to: then this waits
    /// until the phone goes by itself, and drops what it says.
    async fn disconnect(&mut self) {
        if !self.up {
            return;
        }
        // Silence makes a command of what follows.
        self.delay.delay_ms(QUIET_MS).await;
        let told = self.kind == Kind::Hm10 || self.wiring.command(true);
        if told {
            let command: &[u8] = match self.kind {
                Kind::Hm10 => b"AT",
                Kind::Jdy16 => b"AT+DISC\r\n",
            };
            let _ = self.uart.write_all(command).await;
            let _ = self.uart.flush().await;
        }
        let patience = if told { LEAVES_MS } else { u32::MAX };
        if self.wiring.is_connected().is_some() {
            select(self.wiring.changes(false), self.delay.delay_ms(patience)).await;
        }
        self.wiring.command(false);
        self.drain().await;
        self.up = false;
        self.watch.restart();
    }
}

#[cfg(test)]
mod tests;
