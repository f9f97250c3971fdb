//! Driver of the NXP PN532 reader chip (user manual UM0701-02, firmware 1.6) on a UART or SPI,
//! asynchronous and total.
//!
//! The chip has a firmware of its own that finds cards and speaks ISO/IEC 14443-4 with them,
//! chaining, repetitions and S(WTX) included. The host sends commands in frames ([`Frame`]) over a
//! [`Transport`].
//!
//! **How a look goes.** `InListPassiveTarget` for up to two cards: none, one with its UID, or
//! [`Field::Many`]. Then the field is switched off, so that the next look finds every card idle.
//! The first [`exchange`](crate::ApduChannel::exchange) after it lists that very card again, by its
//! UID and with its ATS, and goes on with `InDataExchange`.
//!
//! **Frames** (6.2.1). A command is acknowledged by the chip within 15 ms. One that is refused
//! (NACK) goes out again, twice; an answer with a wrong check sum is asked for again by NACK,
//! twice; a command that is not answered in time is aborted by an ACK. Nothing else is repeated: an
//! `InDataExchange` whose acknowledgement is lost may have been carried out.
//!
//! **Card and chip are told apart**, as with the [`mfrc522`](crate::mfrc522): an [`Error`] is the
//! reader's own.
//!
//! **Bounded.** Every wait has its milliseconds, every loop its count. Before a chip is used it is
//! woken, told how often to try (as delivered it waits for a card for ever), and asked what it is.

mod channel;
mod error;
mod frame;
mod target;
mod transport;

use embedded_hal::digital::{Error as _, OutputPin};
use embedded_hal_async::delay::DelayNs;
use zeroize::Zeroizing;

pub use error::{Error, Version};
pub use frame::{Frame, LONGEST_DATA, LONGEST_FRAME, Malformed};
pub use transport::{Hsu, HsuError, Spi, Transport};

use channel::Standing;
use frame::{ACK, NACK, TO_CHIP, TO_HOST};
use target::Listed;

use crate::{CardReader, Field};

/// An acknowledgement comes within 15 ms (6.2.2); as much again for a slow line.
const ACK_MS: u32 = 30;
/// An answer that needs no card.
const SETTING_MS: u32 = 50;
/// Two tries at each of two cards, each well below 20 ms.
const LIST_MS: u32 = 250;
/// Room for the answers that need no card.
const SHORT_BYTES: usize = 16;
/// Room for two cards with the longest UIDs.
const LIST_BYTES: usize = 64;
/// How often a frame is repeated.
const REPEATS: u8 = 2;

/// The commands used (section 7, table 8).
mod code {
    pub const GET_FIRMWARE_VERSION: u8 = 0x02;
    pub const SET_PARAMETERS: u8 = 0x12;
    pub const SAM_CONFIGURATION: u8 = 0x14;
    pub const RF_CONFIGURATION: u8 = 0x32;
    pub const IN_DATA_EXCHANGE: u8 = 0x40;
    pub const IN_LIST_PASSIVE_TARGET: u8 = 0x4a;
    pub const IN_RELEASE: u8 = 0x52;
}

/// `SetParameters` (7.2.9): the chip sends no RATS by itself.
const WITHOUT_RATS: u8 = 0x00;
/// `SetParameters` (7.2.9): `fAutomaticRATS`.
const WITH_RATS: u8 = 0x10;

/// Room for any frame; a UID or an answer of a card may be in it.
type Bytes = Zeroizing<[u8; LONGEST_FRAME]>;

fn fresh() -> Bytes {
    Zeroizing::new([0; LONGEST_FRAME])
}

/// A reader with a PN532. Making one touches nothing; the first look sets the chip up, and so does
/// the look after any error.
///
/// `RST` drives `RSTPD_N`, or is [`NoResetPin`](crate::mfrc522::NoResetPin).
///
/// ```
/// use card_auth::{CardReader, Field, pn532::{Hsu, Pn532}};
/// use embedded_hal::digital::OutputPin;
/// use embedded_hal_async::delay::DelayNs;
/// use embedded_io_async::{Read, Write};
///
/// async fn is_anyone_there(
///     uart: impl Read + Write, rstpd: impl OutputPin, delay: impl DelayNs,
/// ) -> bool {
///     let mut reader = Pn532::new(Hsu::new(uart), rstpd, delay);
///     matches!(reader.poll().await, Ok(Field::One(_) | Field::Many))
/// }
/// ```
pub struct Pn532<T, RST, D> {
    transport: T,
    reset_pin: RST,
    delay: D,
    /// Set once the chip is set up.
    version: Option<Version>,
    /// The card of the last look.
    standing: Standing,
}

impl<T, RST, D> Pn532<T, RST, D> {
    /// Makes a reader of the chip behind `transport`.
    pub const fn new(transport: T, reset_pin: RST, delay: D) -> Self {
        Self {
            transport,
            reset_pin,
            delay,
            version: None,
            standing: Standing::Nobody,
        }
    }

    /// Gives the parts back. The field stays as it is.
    pub fn release(self) -> (T, RST, D) {
        (self.transport, self.reset_pin, self.delay)
    }

    /// The version of the chip's firmware, once it is set up.
    pub const fn version(&self) -> Option<Version> {
        self.version
    }
}

impl<T, RST, D> core::fmt::Debug for Pn532<T, RST, D> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Pn532({:?})", self.version)
    }
}

impl<T: Transport, RST: OutputPin, D: DelayNs> Pn532<T, RST, D> {
    /// Wakes the chip, checks what it is, and sets it up.
    ///
    /// # Errors
    /// [`Error::Bus`], [`Error::NotResponding`], [`Error::UnknownChip`], [`Error::Refused`].
    pub async fn init(&mut self) -> Result<Version, Error<T::Error>> {
        self.version = None;
        let wake = self.transport.wake(&mut self.delay).await;
        wake.map_err(Error::Bus)?;
        // 7.2.10: normal mode, no timeout, the IRQ pin is not used. It also ends the low-battery
        // mode that the chip is in after a reset.
        self.set(code::SAM_CONFIGURATION, &[0x01, 0x00, 0x00])
            .await?;
        let mut reply = [0; SHORT_BYTES];
        let said = self
            .call(&[code::GET_FIRMWARE_VERSION], &[], SETTING_MS, &mut reply)
            .await?;
        let version = Version::parse(said).map_err(|ic| Error::UnknownChip { ic })?;
        // 7.3.1, item 5: retries of ATR, PSL and of the search for a card.
        self.set(code::RF_CONFIGURATION, &[0x05, 0x00, 0x01, 0x01])
            .await?;
        self.set(code::SET_PARAMETERS, &[WITHOUT_RATS]).await?;
        self.field_off().await?;
        self.version = Some(version);
        Ok(version)
    }

    /// One look: see the module's page.
    async fn look(&mut self) -> Result<Field, Error<T::Error>> {
        if self.version.is_none() {
            // The card may stand anywhere; without the field it forgets.
            self.init().await?;
            self.standing = Standing::Nobody;
        }
        self.close().await?;
        let mut reply = Zeroizing::new([0; LIST_BYTES]);
        let found = self
            .call(
                &[code::IN_LIST_PASSIVE_TARGET, 0x02, 0x00],
                &[],
                LIST_MS,
                &mut *reply,
            )
            .await?;
        let listed = Listed::parse(found).map_err(|_| Error::Garbled)?;
        if listed.activated {
            // It was told not to.
            return Err(Error::ConfigurationLost);
        }
        self.field_off().await?;
        if let Field::One(card) = &listed.field {
            self.standing = Standing::Found(card.clone());
        }
        Ok(listed.field)
    }

    /// 7.3.1, item 1.
    async fn field_off(&mut self) -> Result<(), Error<T::Error>> {
        self.set(code::RF_CONFIGURATION, &[0x01, 0x00]).await
    }

    /// A command that answers nothing but that it is done.
    async fn set(&mut self, command: u8, parameters: &[u8]) -> Result<(), Error<T::Error>> {
        let mut reply = [0; SHORT_BYTES];
        self.call(&[command], parameters, SETTING_MS, &mut reply)
            .await
            .map(drop)
    }

    /// One command and its answer, without identifier and command byte.
    async fn call<'a>(
        &mut self,
        command: &[u8],
        data: &[u8],
        within_ms: u32,
        reply: &'a mut [u8],
    ) -> Result<&'a [u8], Error<T::Error>> {
        let answered = self.answer(command, data, within_ms, reply).await?;
        let code = command.first().map(|code| code.wrapping_add(1));
        let frame = reply.get(..answered).unwrap_or_default();
        match Frame::parse(frame) {
            Ok(Frame::Data([TO_HOST, said, data @ ..])) if Some(*said) == code => Ok(data),
            Ok(Frame::Error) => Err(Error::Refused),
            _ => Err(Error::Garbled),
        }
    }

    /// Sends a command until it is acknowledged, and takes the frame that answers it.
    async fn answer(
        &mut self,
        command: &[u8],
        data: &[u8],
        within_ms: u32,
        reply: &mut [u8],
    ) -> Result<usize, Error<T::Error>> {
        let mut out = fresh();
        let bytes = Frame::emit(&[&[TO_CHIP], command, data], &mut *out).ok_or(Error::Refused)?;
        let out = out.get(..bytes).unwrap_or_default();
        let mut repeats = REPEATS;
        loop {
            self.transport.send(out).await.map_err(Error::Bus)?;
            let mut ack = [0; ACK.len()];
            let came = self.receive(&mut ack, ACK_MS).await?;
            match Frame::parse(ack.get(..came).unwrap_or_default()) {
                Ok(Frame::Ack) => break,
                Ok(Frame::Nack) if repeats > 0 => repeats -= 1,
                _ => return Err(Error::Garbled),
            }
        }
        let mut repeats = REPEATS;
        loop {
            let came = match self.receive(reply, within_ms).await {
                Err(Error::NotResponding) => {
                    // Whatever it is busy with, it is not waited for (6.2.1.3).
                    self.transport.send(&ACK).await.map_err(Error::Bus)?;
                    return Err(Error::NotResponding);
                }
                came => came?,
            };
            let whole = Frame::parse(reply.get(..came).unwrap_or_default()).is_ok();
            if whole || repeats == 0 {
                return Ok(came);
            }
            repeats -= 1;
            self.transport.send(&NACK).await.map_err(Error::Bus)?;
        }
    }

    async fn receive(&mut self, into: &mut [u8], within_ms: u32) -> Result<usize, Error<T::Error>> {
        let came = self
            .transport
            .receive(into, within_ms, &mut self.delay)
            .await;
        came.map_err(Error::Bus)?.ok_or(Error::NotResponding)
    }
}

impl<T: Transport, RST: OutputPin, D: DelayNs> CardReader for Pn532<T, RST, D> {
    type Failure = Error<T::Error>;

    /// Looks once. Bounded by the waits at the head of this module: never more than 3 s however the
    /// chip misbehaves. With a chip that is well, about 30 ms on a UART with no card and 40 ms with
    /// one: reckoned from the bytes at 115,200 baud and the chip's two tries, not measured.
    async fn poll(&mut self) -> Result<Field, Error<T::Error>> {
        let field = self.look().await;
        if field.is_err() {
            // Whatever state the chip is in, the next look wakes it and sets it up.
            self.version = None;
        }
        field
    }

    /// Pulls `RSTPD_N` low for a millisecond, gives the oscillator 10 ms, and sets the chip up
    /// again.
    async fn reset(&mut self) -> Result<(), Error<T::Error>> {
        self.version = None;
        self.standing = Standing::Nobody;
        let pin = |error: RST::Error| Error::ResetPin(error.kind());
        self.reset_pin.set_low().map_err(pin)?;
        self.delay.delay_ms(1).await;
        self.reset_pin.set_high().map_err(pin)?;
        self.delay.delay_ms(10).await;
        self.init().await.map(drop)
    }
}

#[cfg(test)]
mod tests;
