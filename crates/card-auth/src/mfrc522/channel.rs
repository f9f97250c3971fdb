//! Commands to the card of the last look: selected anew, activated, spoken to, sent to sleep.

use embedded_hal::digital::OutputPin;
use embedded_hal_async::delay::DelayNs;
use embedded_hal_async::spi::SpiDevice;

use super::registers::{ANTENNA_OFF, ANTENNA_ON, Register};
use super::{Answer, Error, FIFO_BYTES, Frame, Mfrc522, ReplyWait};
use crate::iso14443_4::{
    ACTIVATION_MICROS, Ats, DESELECT, DESELECT_MICROS, Fault, Link, Reply, Step, rats,
};
use crate::iso14443a::{Sak, WUPA, uid_parts};
use crate::{ApduChannel, Card, ChannelError, Uid};

/// The longest command of ISO/IEC 7816-4 with short lengths.
const LONGEST_COMMAND: usize = 261;
/// A card that wants to be left alone for longer after its ATS is not waited for.
const LONGEST_GUARD_MICROS: u32 = 1_000_000;

/// Where the reader stands with the card of the last look.
#[derive(Debug, Clone)]
pub(super) enum Standing {
    /// There was not one card.
    Nobody,
    /// One card, halted.
    Found(Card),
    /// It was activated and waits for the next block.
    Open(Link),
    /// It may stand anywhere; only without its power it is sure to forget.
    Unknown,
}

type Channel<T, B> = Result<T, ChannelError<Error<B>>>;

impl<SPI: SpiDevice, RST: OutputPin, D: DelayNs> Mfrc522<SPI, RST, D> {
    /// Ends what was begun with the card of the last look, so that the next look finds it halted
    /// or idle.
    pub(super) async fn close(&mut self) -> Result<(), Error<SPI::Error>> {
        // Dropped half way, the card is in an unknown state.
        match core::mem::replace(&mut self.standing, Standing::Unknown) {
            Standing::Nobody | Standing::Found(_) => {}
            Standing::Open(_) => {
                if !self.deselect().await? {
                    self.interrupt_field().await?;
                }
            }
            Standing::Unknown => self.interrupt_field().await?,
        }
        self.standing = Standing::Nobody;
        Ok(())
    }

    /// ISO/IEC 14443-4 clause 8; rule 8 of clause 7.5.4 lets it be said twice.
    async fn deselect(&mut self) -> Result<bool, Error<SPI::Error>> {
        let wait = ReplyWait::from_micros(DESELECT_MICROS);
        for _ in 0..2 {
            let mut reply = [0; DESELECT.len()];
            let answer = self
                .transceive(Frame::fixed(&DESELECT), wait, &mut reply)
                .await?;
            if matches!(
                answer,
                Answer::Frame {
                    bytes: 3,
                    last_bits: 0
                }
            ) && reply == DESELECT
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes the power from every card for 6 ms; ISO/IEC 14443-3 clause 5 asks for 5.
    async fn interrupt_field(&mut self) -> Result<(), Error<SPI::Error>> {
        self.write(Register::TxControl, ANTENNA_OFF).await?;
        self.delay.delay_ms(6).await;
        self.write(Register::TxControl, ANTENNA_ON).await?;
        self.delay.delay_ms(6).await;
        Ok(())
    }

    /// Wakes all, selects the card of this UID among them, and starts the protocol with it.
    async fn activate(&mut self, uid: &Uid) -> Channel<Link, SPI::Error> {
        let wake = [WUPA];
        let mut answer = Answer::Silence;
        for _ in 0..2 {
            let mut atqa = [0; 2];
            answer = self
                .transceive(Frame::short(&wake), ReplyWait::SELECTION, &mut atqa)
                .await
                .map_err(ChannelError::Reader)?;
            // Another card may have come meanwhile and collide: only the one that is meant hears
            // its number.
            if answer != Answer::Silence {
                break;
            }
        }
        if answer == Answer::Silence {
            return Err(ChannelError::CardGone);
        }
        let mut last = None;
        for (level, part) in uid_parts(uid) {
            if last.is_some_and(|sak: Sak| !sak.uid_continues()) {
                return Err(ChannelError::Protocol);
            }
            let mut sak = [0; 3];
            let select = part.select_frame(level);
            let answer = self
                .transceive(Frame::fixed(&select), ReplyWait::SELECTION, &mut sak)
                .await
                .map_err(ChannelError::Reader)?;
            last = match answer {
                Answer::Frame {
                    bytes: 3,
                    last_bits: 0,
                } => Sak::parse(sak).ok(),
                Answer::Silence => return Err(ChannelError::CardGone),
                _ => None,
            };
            if last.is_none() {
                return Err(ChannelError::Protocol);
            }
        }
        if !last.is_some_and(|sak| sak.speaks_14443_4() && !sak.uid_continues()) {
            return Err(ChannelError::Protocol);
        }
        self.request_answer_to_select().await
    }

    /// Clause 5.6.1: a RATS that is not answered well may be said once more.
    async fn request_answer_to_select(&mut self) -> Channel<Link, SPI::Error> {
        let rats = rats(FIFO_BYTES);
        let wait = ReplyWait::from_micros(ACTIVATION_MICROS);
        let mut fault = ChannelError::CardGone;
        for _ in 0..2 {
            let mut reply = [0; FIFO_BYTES];
            let answer = self
                .transceive(Frame::fixed(&rats), wait, &mut reply)
                .await
                .map_err(ChannelError::Reader)?;
            fault = match answer {
                Answer::Frame {
                    bytes,
                    last_bits: 0,
                } => {
                    let ats = reply.get(..bytes).unwrap_or_default();
                    match Ats::parse(ats) {
                        Ok(ats) if ats.guard_micros() <= LONGEST_GUARD_MICROS => {
                            self.delay.delay_us(ats.guard_micros()).await;
                            return Ok(Link::new(&ats));
                        }
                        Ok(_) => return Err(ChannelError::Protocol),
                        Err(_) => ChannelError::Protocol,
                    }
                }
                Answer::Silence => ChannelError::CardGone,
                _ => ChannelError::Protocol,
            };
        }
        Err(fault)
    }

    async fn converse(
        &mut self,
        link: &mut Link,
        command: &[u8],
        answer: &mut [u8],
    ) -> Channel<usize, SPI::Error> {
        let mut transfer = link.begin(command, answer);
        let mut out = [0; FIFO_BYTES];
        let mut reply = [0; FIFO_BYTES];
        let mut step = transfer.first(&mut out);
        loop {
            let (bytes, wait) = match step {
                Step::Send { bytes, wait_micros } => (bytes, ReplyWait::from_micros(wait_micros)),
                Step::Done(length) => return Ok(length),
                Step::Failed(Fault::Silent) => return Err(ChannelError::CardGone),
                Step::Failed(Fault::Protocol) => return Err(ChannelError::Protocol),
                Step::Failed(Fault::AnswerLength) => return Err(ChannelError::AnswerLength),
            };
            let frame = out.get(..bytes).and_then(Frame::whole);
            let frame = frame.ok_or(ChannelError::Protocol)?;
            let came = self
                .transceive(frame, wait, &mut reply)
                .await
                .map_err(ChannelError::Reader)?;
            let came = match came {
                Answer::Silence => Reply::Silence,
                Answer::Frame {
                    bytes,
                    last_bits: 0,
                } => Reply::Frame(reply.get(..bytes).unwrap_or_default()),
                _ => Reply::Garbled,
            };
            step = transfer.next(came, &mut out);
        }
    }
}

impl<SPI: SpiDevice, RST: OutputPin, D: DelayNs> ApduChannel for Mfrc522<SPI, RST, D> {
    type Error = ChannelError<Error<SPI::Error>>;

    /// Sends a command in frames of at most 64 bytes, which is what the chip's FIFO holds.
    ///
    /// Bounded by [`iso14443_4`](crate::iso14443_4): an honest card answers within its waiting
    /// time (39 ms a block for an NTAG 424 DNA, 77 ms for a DESFire); the slowest that is still
    /// listened to could hold an exchange for about half a minute.
    ///
    /// # Cancellation safety
    /// Dropped half way, the card may have carried the command out. It is not spoken to again; the
    /// next look takes the power from it first.
    async fn exchange(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, Self::Error> {
        if command.is_empty() || command.len() > LONGEST_COMMAND {
            return Err(ChannelError::CommandLength);
        }
        let mut link = match core::mem::replace(&mut self.standing, Standing::Unknown) {
            Standing::Open(link) => link,
            Standing::Found(card) if card.iso14443_4 => self.activate(&card.uid).await?,
            Standing::Found(card) => {
                self.standing = Standing::Found(card);
                return Err(ChannelError::NoCommands);
            }
            Standing::Nobody => {
                self.standing = Standing::Nobody;
                return Err(ChannelError::CardGone);
            }
            Standing::Unknown => return Err(ChannelError::CardGone),
        };
        let length = self.converse(&mut link, command, answer).await?;
        if length < 2 {
            return Err(ChannelError::AnswerLength);
        }
        self.standing = Standing::Open(link);
        Ok(length)
    }
}
