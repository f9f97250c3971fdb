//! Commands to the card of the last look: listed anew by its UID, spoken to, released.

use embedded_hal::digital::OutputPin;
use embedded_hal_async::delay::DelayNs;
use zeroize::Zeroizing;

use super::target::Listed;
use super::{Error, LIST_MS, Pn532, Transport, WITH_RATS, WITHOUT_RATS, code, fresh};
use crate::iso14443a::uid_parts;
use crate::{ApduChannel, Card, ChannelError, Field, Uid};

/// The longest command of ISO/IEC 7816-4 with short lengths; the chip takes 262 (7.3.8).
const LONGEST_COMMAND: usize = 261;
/// How long the chip and a card may take for one command. The chip keeps the card's own waiting
/// times and grants S(WTX) by itself.
const EXCHANGE_MS: u32 = 2_000;
/// Parts of an answer; each is up to 262 bytes.
const PARTS: u8 = 4;

/// The chip has one card at most, under this number.
const TARGET: u8 = 0x01;
/// `InDataExchange`, status: more of the answer waits in the chip (7.1).
const MORE: u8 = 0x40;
/// `InDataExchange`, status: the error (7.1, table 16).
const STATUS: u8 = 0x3f;

/// Where the reader stands with the card of the last look.
#[derive(Debug, Clone)]
pub(super) enum Standing {
    /// There was not one card.
    Nobody,
    /// One card, without power now.
    Found(Card),
    /// It was activated and waits for the next command.
    Open,
    /// It may stand anywhere; so may what the chip is set to.
    Unknown,
}

type Channel<T, B> = Result<T, ChannelError<Error<B>>>;

impl<T: Transport, RST: OutputPin, D: DelayNs> Pn532<T, RST, D> {
    /// Ends what was begun with the card of the last look.
    pub(super) async fn close(&mut self) -> Result<(), Error<T::Error>> {
        match core::mem::replace(&mut self.standing, Standing::Unknown) {
            Standing::Nobody | Standing::Found(_) => {}
            Standing::Open | Standing::Unknown => {
                // 7.3.11: all targets. Its status is of no interest, the field goes off anyway.
                self.set(code::IN_RELEASE, &[0x00]).await?;
                self.field_off().await?;
                self.set(code::SET_PARAMETERS, &[WITHOUT_RATS]).await?;
            }
        }
        self.standing = Standing::Nobody;
        Ok(())
    }

    async fn activate(&mut self, uid: &Uid) -> Channel<(), T::Error> {
        self.set(code::SET_PARAMETERS, &[WITH_RATS])
            .await
            .map_err(ChannelError::Reader)?;
        // 7.3.5: the UID to look for, its cascade tags included, but for single size.
        let mut number = Zeroizing::new([0; 12]);
        let mut bytes = 0;
        for ((_, part), room) in uid_parts(uid).zip(number.as_chunks_mut::<4>().0) {
            *room = *part.bytes();
            bytes += 4;
        }
        let number = number.get(..bytes).unwrap_or_default();
        // An ATS has as many bytes as a frame of the card's (ISO/IEC 14443-4 clause 5.2.1).
        let mut reply = fresh();
        let found = self
            .call(
                &[code::IN_LIST_PASSIVE_TARGET, 0x01, 0x00],
                number,
                LIST_MS,
                &mut *reply,
            )
            .await
            .map_err(ChannelError::Reader)?;
        let listed = Listed::parse(found);
        let listed = listed.map_err(|_| ChannelError::Reader(Error::Garbled))?;
        match listed.field {
            Field::One(card) if card.uid != *uid => Err(ChannelError::CardGone),
            Field::One(_) if listed.activated => Ok(()),
            Field::One(_) => Err(ChannelError::Protocol),
            Field::Empty | Field::Many => Err(ChannelError::CardGone),
        }
    }

    async fn converse(&mut self, command: &[u8], answer: &mut [u8]) -> Channel<usize, T::Error> {
        let mut received = 0;
        let mut command = command;
        for _ in 0..PARTS {
            let mut reply = fresh();
            let said = self
                .call(
                    &[code::IN_DATA_EXCHANGE, TARGET],
                    core::mem::take(&mut command),
                    EXCHANGE_MS,
                    &mut *reply,
                )
                .await
                .map_err(ChannelError::Reader)?;
            let (status, data) = said
                .split_first()
                .ok_or(ChannelError::Reader(Error::Garbled))?;
            match status & STATUS {
                0x00 => {}
                // Timeout; released; it has disappeared.
                0x01 | 0x29 | 0x2b => return Err(ChannelError::CardGone),
                // Too hot; over-current.
                0x0d | 0x2d => return Err(ChannelError::Reader(Error::TooHot)),
                _ => return Err(ChannelError::Protocol),
            }
            let end = received + data.len();
            answer
                .get_mut(received..end)
                .ok_or(ChannelError::AnswerLength)?
                .copy_from_slice(data);
            received = end;
            if status & MORE == 0 {
                return Ok(received);
            }
        }
        Err(ChannelError::AnswerLength)
    }
}

impl<T: Transport, RST: OutputPin, D: DelayNs> ApduChannel for Pn532<T, RST, D> {
    type Error = ChannelError<Error<T::Error>>;

    /// Sends a command with `InDataExchange`; the chip cuts it into blocks.
    ///
    /// Bounded: 2 s a part of the answer, of which there are four at most.
    ///
    /// # Cancellation safety
    /// Dropped half way, the card may have carried the command out. It is not spoken to again; the
    /// next look releases it first.
    async fn exchange(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, Self::Error> {
        if command.is_empty() || command.len() > LONGEST_COMMAND {
            return Err(ChannelError::CommandLength);
        }
        match core::mem::replace(&mut self.standing, Standing::Unknown) {
            Standing::Open => {}
            Standing::Found(card) if card.iso14443_4 => {
                self.activate(&card.uid).await.inspect_err(|error| {
                    self.version = self.version.filter(|_| !is_readers(error));
                })?;
            }
            Standing::Found(card) => {
                self.standing = Standing::Found(card);
                return Err(ChannelError::NoCommands);
            }
            Standing::Nobody => {
                self.standing = Standing::Nobody;
                return Err(ChannelError::CardGone);
            }
            Standing::Unknown => return Err(ChannelError::CardGone),
        }
        let answered = self.converse(command, answer).await;
        if answered.as_ref().is_err_and(is_readers) {
            self.version = None;
        }
        let length = answered?;
        if length < 2 {
            return Err(ChannelError::AnswerLength);
        }
        self.standing = Standing::Open;
        Ok(length)
    }
}

const fn is_readers<E>(error: &ChannelError<E>) -> bool {
    matches!(error, ChannelError::Reader(_))
}
