//! Driver of the NXP MFRC522 reader chip on SPI (data sheet rev. 3.9), asynchronous and total.
//!
//! **How a look goes.** The chip is asked whether it still is what it was made ([`Error`]); `WUPA`
//! wakes every card in the field; the one that answers is read through anticollision and select,
//! up to three cascade levels, every check sum verified; and it is halted, so that the next look
//! finds it again. No collision is resolved: two cards are [`Field::Many`], as nobody can say
//! whose tap it is.
//!
//! **Card and chip are told apart.** Whatever a card does, leaves half way, or garbles, is
//! [`Field::Empty`] or [`Field::Many`]. An [`Error`] is the reader's own: a bus that fails, a chip
//! that is silent (all zeros, all ones, or no interrupt in time), one that lost its registers to a
//! dip of its supply and would report an empty field for ever, one that is too hot.
//!
//! **Bounded.** A frame waits for the chip's own timer; if the chip never says that it ran out,
//! counted looks end the wait. Nothing loops on a condition alone.
//!
//! **Layers.** [`Mfrc522::transceive`] sends any frame and takes any answer. On it stand the look
//! and, for a card that takes commands, [`iso14443_4`](crate::iso14443_4): the first
//! [`exchange`](crate::ApduChannel::exchange) after a look wakes and selects that card by its UID,
//! the next look deselects it, or takes its power if it does not listen.

mod channel;
mod error;
mod frame;
mod registers;

use embedded_hal::digital::{Error as _, OutputPin};
use embedded_hal_async::delay::DelayNs;
use embedded_hal_async::spi::{Operation, SpiDevice};
use zeroize::Zeroizing;

use channel::Standing;
pub use error::{Error, Version};
pub use frame::{Answer, FIFO_BYTES, Frame, ReplyWait};
use registers::{
    ANTENNA_ON, FLUSH_BUFFER, FORCE_100_ASK, MODE_TYPE_A, PRESCALER_40_KHZ, Register, START_SEND,
    TIMER_AUTO, command, error_bits, irq,
};

use crate::iso14443a::{HLTA, Progress, Sak, UidAssembler, UidPart, WUPA};
use crate::{Card, CardReader, Field};

/// Looks at a waking chip, one a millisecond. The data sheet (8.8.2) asks for 38 us after the
/// oscillator runs; crystals take a few milliseconds.
const WAKE_LOOKS: u32 = 50;

/// Stands for the reset pin of a board that has none: the chip is reset by command only, which a
/// chip that hangs may not hear.
///
/// ```
/// use card_auth::mfrc522::NoResetPin;
/// use embedded_hal::digital::OutputPin;
/// assert_eq!(NoResetPin.set_low(), Ok(()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoResetPin;

impl embedded_hal::digital::ErrorType for NoResetPin {
    type Error = core::convert::Infallible;
}

impl OutputPin for NoResetPin {
    fn set_low(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// A reader with an MFRC522. Making one touches nothing; the first look sets the chip up, and so
/// does the look after any error.
///
/// `SPI` runs in mode 0, most significant bit first, at up to 10 MHz (8.1.2); `RST` drives
/// `NRSTPD`, or is [`NoResetPin`].
///
/// ```
/// use card_auth::{CardReader, Field, mfrc522::Mfrc522};
/// use embedded_hal::digital::OutputPin;
/// use embedded_hal_async::{delay::DelayNs, spi::SpiDevice};
///
/// async fn is_anyone_there(
///     spi: impl SpiDevice, nrstpd: impl OutputPin, delay: impl DelayNs,
/// ) -> bool {
///     let mut reader = Mfrc522::new(spi, nrstpd, delay);
///     matches!(reader.poll().await, Ok(Field::One(_) | Field::Many))
/// }
/// ```
pub struct Mfrc522<SPI, RST, D> {
    spi: SPI,
    reset_pin: RST,
    delay: D,
    /// Set once the chip is set up.
    version: Option<Version>,
    /// What the chip's timer is set to.
    wait: ReplyWait,
    /// A card may stand half way in its selection, where it ignores the first `WUPA`.
    restless: bool,
    /// The card of the last look.
    standing: Standing,
}

impl<SPI, RST, D> Mfrc522<SPI, RST, D> {
    /// Makes a reader of the chip behind `spi`.
    pub const fn new(spi: SPI, reset_pin: RST, delay: D) -> Self {
        Self {
            spi,
            reset_pin,
            delay,
            version: None,
            wait: ReplyWait::SELECTION,
            restless: true,
            standing: Standing::Nobody,
        }
    }

    /// Gives the parts back. The antenna stays as it is.
    pub fn release(self) -> (SPI, RST, D) {
        (self.spi, self.reset_pin, self.delay)
    }

    /// The version of the chip, once it is set up.
    pub const fn version(&self) -> Option<Version> {
        self.version
    }
}

impl<SPI, RST, D> core::fmt::Debug for Mfrc522<SPI, RST, D> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Mfrc522({:?})", self.version)
    }
}

impl<SPI: SpiDevice, RST: OutputPin, D: DelayNs> Mfrc522<SPI, RST, D> {
    /// Resets the chip by command, checks what it is, sets it up and switches the antenna on.
    ///
    /// # Errors
    /// [`Error::Bus`], [`Error::NotResponding`], [`Error::UnknownChip`].
    pub async fn init(&mut self) -> Result<Version, Error<SPI::Error>> {
        self.version = None;
        self.restless = true;
        self.write(Register::Command, command::SOFT_RESET).await?;
        self.wait_until_awake().await?;
        let [version] = self.read([Register::Version]).await?;
        let version = match version {
            // Nobody drives the line: it floats to one side or the other.
            0x00 | 0xff => return Err(Error::NotResponding),
            other => Version::from_register(other).ok_or(Error::UnknownChip { version: other })?,
        };
        self.write(Register::TMode, TIMER_AUTO).await?;
        self.write(Register::TPrescaler, PRESCALER_40_KHZ).await?;
        self.set_wait(ReplyWait::SELECTION).await?;
        self.write(Register::TxAsk, FORCE_100_ASK).await?;
        self.write(Register::Mode, MODE_TYPE_A).await?;
        self.write(Register::TxControl, ANTENNA_ON).await?;
        // ISO/IEC 14443-3 clause 5: a card is ready 5 ms after it has power.
        self.delay.delay_ms(5).await;
        self.version = Some(version);
        Ok(version)
    }

    /// Sends one frame and takes what comes back into `reply`. Sets the chip up first if need be.
    ///
    /// An [`Answer`] is about the cards, an [`Error`] about the chip.
    ///
    /// # Errors
    /// As [`init`](Self::init), and [`Error::NotResponding`] if the chip does not end the exchange
    /// in time, [`Error::TooHot`].
    ///
    /// # Cancellation safety
    /// Dropped half way, the next exchange begins by stopping this one.
    pub async fn transceive(
        &mut self,
        frame: Frame<'_>,
        wait: ReplyWait,
        reply: &mut [u8],
    ) -> Result<Answer, Error<SPI::Error>> {
        if self.version.is_none() {
            self.init().await?;
        }
        let answer = self.carry(frame, wait, reply).await;
        if answer.is_err() {
            self.version = None;
        }
        answer
    }

    async fn carry(
        &mut self,
        frame: Frame<'_>,
        wait: ReplyWait,
        reply: &mut [u8],
    ) -> Result<Answer, Error<SPI::Error>> {
        if self.wait != wait {
            self.set_wait(wait).await?;
        }
        self.write(Register::Command, command::IDLE).await?;
        self.write(Register::ComIrq, irq::CLEAR_ALL).await?;
        self.write(Register::FifoLevel, FLUSH_BUFFER).await?;
        self.spi
            .transaction(&mut [
                Operation::Write(&[Register::FifoData.to_write()]),
                Operation::Write(frame.bytes()),
            ])
            .await
            .map_err(Error::Bus)?;
        self.write(Register::BitFraming, frame.last_bits()).await?;
        self.write(Register::Command, command::TRANSCEIVE).await?;
        self.write(Register::BitFraming, START_SEND | frame.last_bits())
            .await?;

        let mut looks = wait.looks();
        let (requests, errors, level, control) = loop {
            looks = looks.checked_sub(1).ok_or(Error::NotResponding)?;
            self.delay.delay_ms(1).await;
            let [requests, errors, level, control] = self
                .read([
                    Register::ComIrq,
                    Register::Error,
                    Register::FifoLevel,
                    Register::Control,
                ])
                .await?;
            if requests & irq::SET_1 != 0 || usize::from(level) > FIFO_BYTES {
                // Bits that always read as zero: this is no chip speaking.
                return Err(Error::NotResponding);
            }
            if requests & (irq::RX | irq::IDLE | irq::ERROR | irq::TIMER) != 0 {
                break (requests, errors, usize::from(level), control);
            }
        };
        if errors & error_bits::TEMPERATURE != 0 {
            return Err(Error::TooHot);
        }
        if errors & error_bits::COLLISION != 0 {
            return Ok(Answer::Collision);
        }
        if requests & irq::RX == 0 && requests & irq::TIMER != 0 {
            return Ok(Answer::Silence);
        }
        let received = reply.get_mut(..level).filter(|bytes| !bytes.is_empty());
        let Some(received) = received.filter(|_| errors & error_bits::OTHERS == 0) else {
            return Ok(Answer::Garbled);
        };
        self.read_fifo(received).await?;
        Ok(Answer::Frame {
            bytes: level,
            last_bits: control & 0x07,
        })
    }

    /// One look: see the module's page.
    async fn look(&mut self) -> Result<Field, Error<SPI::Error>> {
        match self.version {
            None => {
                self.init().await?;
            }
            Some(version) => self.check(version).await?,
        }
        self.close().await?;
        // Set until the look ends well, so that a look that is dropped leaves it set.
        let was_restless = core::mem::replace(&mut self.restless, true);
        let mut atqa = [0; 2];
        let wake = [WUPA];
        let mut answer = Answer::Silence;
        for _ in 0..=u8::from(was_restless) {
            answer = self
                .transceive(Frame::short(&wake), ReplyWait::SELECTION, &mut atqa)
                .await?;
            if answer != Answer::Silence {
                break;
            }
        }
        match answer {
            Answer::Silence => {
                self.restless = false;
                Ok(Field::Empty)
            }
            Answer::Collision => Ok(Field::Many),
            // What the ATQA says is not needed: the SAK tells where a UID ends.
            Answer::Frame {
                bytes: 2,
                last_bits: 0,
            } => self.select().await,
            Answer::Garbled | Answer::Frame { .. } => Ok(Field::Empty),
        }
    }

    /// Reads the UID of the card that is awake, level by level, and sends it to sleep.
    async fn select(&mut self) -> Result<Field, Error<SPI::Error>> {
        let mut uid = UidAssembler::new();
        loop {
            let level = uid.level();
            let mut part = Zeroizing::new([0; 5]);
            let ask = level.anticollision_frame();
            match self
                .transceive(Frame::fixed(&ask), ReplyWait::SELECTION, &mut *part)
                .await?
            {
                Answer::Frame {
                    bytes: 5,
                    last_bits: 0,
                } => {}
                Answer::Collision => return Ok(Field::Many),
                _ => return Ok(Field::Empty),
            }
            let Ok(part) = UidPart::parse(*part) else {
                return Ok(Field::Empty);
            };
            let mut sak = [0; 3];
            let select = part.select_frame(level);
            match self
                .transceive(Frame::fixed(&select), ReplyWait::SELECTION, &mut sak)
                .await?
            {
                Answer::Frame {
                    bytes: 3,
                    last_bits: 0,
                } => {}
                Answer::Collision => return Ok(Field::Many),
                _ => return Ok(Field::Empty),
            }
            // The assembler refuses a fourth level, so this loop ends.
            match Sak::parse(sak).and_then(|sak| uid.push(&part, sak)) {
                Ok(Progress::Next(_)) => {}
                Ok(Progress::Complete(uid)) => {
                    let card = Card::announced(uid, Sak::parse(sak).is_ok_and(Sak::speaks_14443_4));
                    self.standing = Standing::Found(card.clone());
                    // Silence is the card's yes, and there is nothing to do about a no. It also
                    // leaves no UID in the chip's FIFO.
                    self.transceive(Frame::fixed(&HLTA), ReplyWait::SELECTION, &mut [])
                        .await?;
                    return Ok(Field::One(card));
                }
                Err(_) => return Ok(Field::Empty),
            }
        }
    }

    /// Asks the chip whether it still is what [`init`](Self::init) made it.
    async fn check(&mut self, version: Version) -> Result<(), Error<SPI::Error>> {
        let [now, timer, prescaler, antenna] = self
            .read([
                Register::Version,
                Register::TMode,
                Register::TPrescaler,
                Register::TxControl,
            ])
            .await?;
        if now != version.register() {
            return Err(Error::NotResponding);
        }
        if [timer, prescaler, antenna] == [TIMER_AUTO, PRESCALER_40_KHZ, ANTENNA_ON] {
            Ok(())
        } else {
            Err(Error::ConfigurationLost)
        }
    }

    async fn wait_until_awake(&mut self) -> Result<(), Error<SPI::Error>> {
        for _ in 0..WAKE_LOOKS {
            self.delay.delay_ms(1).await;
            let [state] = self.read([Register::Command]).await?;
            if state & command::POWER_DOWN == 0 {
                return Ok(());
            }
        }
        Err(Error::NotResponding)
    }

    async fn set_wait(&mut self, wait: ReplyWait) -> Result<(), Error<SPI::Error>> {
        let [high, low] = wait.reload();
        self.write(Register::TReloadHigh, high).await?;
        self.write(Register::TReloadLow, low).await?;
        self.wait = wait;
        Ok(())
    }

    async fn write(&mut self, register: Register, value: u8) -> Result<(), Error<SPI::Error>> {
        self.spi
            .write(&[register.to_write(), value])
            .await
            .map_err(Error::Bus)
    }

    /// Reads registers in one transaction: while one answers, the next is named (8.1.2.1).
    async fn read<const N: usize>(
        &mut self,
        registers: [Register; N],
    ) -> Result<[u8; N], Error<SPI::Error>> {
        let mut bytes = registers.map(Register::to_read);
        let first = [bytes.first().copied().unwrap_or_default()];
        bytes.rotate_left(1);
        if let Some(last) = bytes.last_mut() {
            *last = 0;
        }
        self.spi
            .transaction(&mut [
                Operation::Write(&first),
                Operation::TransferInPlace(&mut bytes),
            ])
            .await
            .map_err(Error::Bus)?;
        Ok(bytes)
    }

    async fn read_fifo(&mut self, into: &mut [u8]) -> Result<(), Error<SPI::Error>> {
        let address = Register::FifoData.to_read();
        into.fill(address);
        if let Some(last) = into.last_mut() {
            *last = 0;
        }
        self.spi
            .transaction(&mut [
                Operation::Write(&[address]),
                Operation::TransferInPlace(into),
            ])
            .await
            .map_err(Error::Bus)
    }
}

impl<SPI: SpiDevice, RST: OutputPin, D: DelayNs> CardReader for Mfrc522<SPI, RST, D> {
    type Failure = Error<SPI::Error>;

    /// Looks once. Bounded: waits 2 ms with an empty field, 8 to 16 ms with a card, by the size of its
    /// UID (`cargo test -p pile-sim --lib a_look_waits -- --nocapture` prints it, 50 ms for a chip
    /// that is broken), and never more than 0.3 s however the chip misbehaves. The bytes on the bus
    /// come on top.
    async fn poll(&mut self) -> Result<Field, Error<SPI::Error>> {
        let field = self.look().await;
        if field.is_err() {
            // Whatever state the chip is in, the next look starts from a reset by command.
            self.version = None;
        }
        field
    }

    /// Pulls `NRSTPD` low for a millisecond (8.8.2 asks for 100 ns) and sets the chip up again.
    async fn reset(&mut self) -> Result<(), Error<SPI::Error>> {
        self.version = None;
        let pin = |error: RST::Error| Error::ResetPin(error.kind());
        self.reset_pin.set_low().map_err(pin)?;
        self.delay.delay_ms(1).await;
        self.reset_pin.set_high().map_err(pin)?;
        self.delay.delay_ms(1).await;
        self.init().await.map(drop)
    }
}

#[cfg(test)]
mod tests;
