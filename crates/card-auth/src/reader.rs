//! What a card reader is to the pile, whatever chip it has.

use pile_units::Strength;

use crate::{ApduChannel, Uid};

/// A card as it was just read.
///
/// ```
/// use card_auth::{Card, Uid};
/// use pile_units::Strength;
/// let card = Card::announced(Uid::from_bytes(&[1, 2, 3, 4])?, true);
/// assert_eq!(card.strength, Strength::UidOnly, "so far it only said a number");
/// assert!(format!("{card:?}").starts_with("Card { uid: Uid(..)"));
/// # Ok::<(), card_auth::InvalidUid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The number it announced.
    pub uid: Uid,
    /// How it proved that the number is its own.
    pub strength: Strength,
    /// True if it speaks ISO/IEC 14443-4, so that it takes commands (bit 6 of its SAK, ISO/IEC
    /// 14443-3 clause 6.5.3.4). A card without can prove nothing but its UID.
    pub iso14443_4: bool,
}

impl Card {
    /// A card that has said a number and proved nothing yet.
    pub const fn announced(uid: Uid, iso14443_4: bool) -> Self {
        Self {
            uid,
            strength: Strength::UidOnly,
            iso14443_4,
        }
    }
}

/// What one look at the reader's field found.
///
/// ```
/// use card_auth::Field;
/// assert_ne!(Field::Empty, Field::Many);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// No card, or none that could be read without an error.
    Empty,
    /// One card. Two cards with the same UID, a card and its copy, look like one.
    One(Card),
    /// More than one: nobody can say whose tap it is, so none is read.
    Many,
}

/// Error of a reader's [`ApduChannel`]: why the card in the field gave no answer. `E` is the
/// reader's own error.
///
/// ```
/// use card_auth::{ChannelError, testing::Silent};
/// let error: ChannelError<Silent> = ChannelError::CardGone;
/// assert_eq!(error.to_string(), "the card is gone or silent");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelError<E> {
    /// The last look found no single card, or that card is not there any more, or it stays silent
    /// after every repetition that the standard allows.
    CardGone,
    /// The card has no ISO/IEC 14443-4, so it takes no commands.
    NoCommands,
    /// What the card sends breaks the protocol, or it went on past every bound.
    Protocol,
    /// The command is empty, or longer than a card takes.
    CommandLength,
    /// The answer is longer than the buffer for it, or shorter than a status.
    AnswerLength,
    /// The reader failed, not the card: count it with [`Watchdog`](crate::Watchdog).
    Reader(E),
}

impl<E: core::fmt::Display> core::fmt::Display for ChannelError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::CardGone => "the card is gone or silent",
            Self::NoCommands => "the card takes no commands",
            Self::Protocol => "the card breaks the protocol",
            Self::CommandLength => "the command is empty or too long",
            Self::AnswerLength => "the answer does not fit or has no status",
            Self::Reader(error) => return error.fmt(f),
        })
    }
}

impl<E: core::fmt::Debug + core::fmt::Display> core::error::Error for ChannelError<E> {}

/// A card reader. It is asked again and again; [`Presence`](crate::Presence) makes taps of what it
/// answers, and [`Watchdog`](crate::Watchdog) says when to reset it.
///
/// **Commands.** A reader is also the [`ApduChannel`] to the card that its last look found as
/// [`Field::One`]. The first [`exchange`](ApduChannel::exchange) after a look selects that very
/// card anew, by its UID, and starts ISO/IEC 14443-4 with it; further ones go on where the card
/// stands. The next look ends it: whatever the card had opened (a selected file, an
/// authentication) is closed. After an error the card is not spoken to again until the next look.
///
/// ```
/// use card_auth::{CardReader, Field, testing::ScriptedReader};
/// # embassy_futures::block_on(async {
/// let mut reader = ScriptedReader::new([Ok(Field::Empty)].into_iter());
/// assert_eq!(reader.poll().await, Ok(Field::Empty));
/// # });
/// ```
#[expect(
    async_fn_in_trait,
    reason = "joined without an executor, so no future has to be Send"
)]
pub trait CardReader: ApduChannel<Error = ChannelError<Self::Failure>> {
    /// Why the reader could not look. What a card does wrong is no failure of the reader.
    type Failure: core::fmt::Debug;

    /// Looks once at the field, in bounded time.
    ///
    /// # Errors
    /// The reader's own, when it cannot look.
    async fn poll(&mut self) -> Result<Field, Self::Failure>;

    /// Brings the reader back from whatever state it is in, by the strongest means it has.
    ///
    /// # Errors
    /// The reader's own, when it stays away.
    async fn reset(&mut self) -> Result<(), Self::Failure>;
}

impl<R: CardReader> CardReader for &mut R {
    type Failure = R::Failure;

    async fn poll(&mut self) -> Result<Field, R::Failure> {
        R::poll(self).await
    }

    async fn reset(&mut self) -> Result<(), R::Failure> {
        R::reset(self).await
    }
}
