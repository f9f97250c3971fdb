//! What a card reader is to the pile, whatever chip it has.

use pile_units::Strength;

use crate::Uid;

/// A card as it was just read.
///
/// ```
/// use card_auth::{Card, Uid};
/// use pile_units::Strength;
/// let card = Card { uid: Uid::from_bytes(&[1, 2, 3, 4])?, strength: Strength::UidOnly };
/// assert_eq!(format!("{card:?}"), "Card { uid: Uid(..), strength: UidOnly }");
/// # Ok::<(), card_auth::InvalidUid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The number it announced.
    pub uid: Uid,
    /// How it proved that the number is its own.
    pub strength: Strength,
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

/// A card reader. It is asked again and again; [`Presence`](crate::Presence) makes taps of what it
/// answers, and [`Watchdog`](crate::Watchdog) says when to reset it.
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
pub trait CardReader {
    /// Why the reader could not look. What a card does wrong is no error of the reader.
    type Error: core::fmt::Debug;

    /// Looks once at the field, in bounded time.
    ///
    /// # Errors
    /// The reader's own, when it cannot look.
    async fn poll(&mut self) -> Result<Field, Self::Error>;

    /// Brings the reader back from whatever state it is in, by the strongest means it has.
    ///
    /// # Errors
    /// The reader's own, when it stays away.
    async fn reset(&mut self) -> Result<(), Self::Error>;
}

impl<R: CardReader> CardReader for &mut R {
    type Error = R::Error;

    async fn poll(&mut self) -> Result<Field, Self::Error> {
        R::poll(self).await
    }

    async fn reset(&mut self) -> Result<(), Self::Error> {
        R::reset(self).await
    }
}
