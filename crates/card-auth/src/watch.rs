//! A reader, watched: taps and the reader's own health, one event at a time.

use pile_units::Instant;

use crate::{Card, CardReader, Edge, Field, IdleWatch, Presence, Verdict, Watchdog};

/// What a watched reader has to say.
///
/// ```
/// use card_auth::CardEvent;
/// assert_ne!(CardEvent::ReaderLost, CardEvent::ReaderBack);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardEvent {
    /// A tap.
    Presented(Card),
    /// The tapped card is gone.
    Removed,
    /// Several cards came at once: nobody's tap. Said once, until they are gone.
    Several,
    /// The reader stopped answering and is being reset. Said once.
    ReaderLost,
    /// It answers again. Said once.
    ReaderBack,
}

/// A [`CardReader`] with its [`Presence`] and its [`Watchdog`]: ask it at a steady pace, about ten
/// times a second, and [`refresh`](Self::refresh) it in between.
///
/// A failed look leaves the presence as it is: a card that lay on the reader before and after a
/// reset was tapped once.
///
/// ```
/// use card_auth::{CardEvent, CardWatch, Card, Field, Uid, testing::ScriptedReader};
/// # embassy_futures::block_on(async {
/// let card = Card::announced(Uid::from_bytes(&[1, 2, 3, 4])?, false);
/// let looks = [Ok(Field::Empty), Ok(Field::One(card.clone())), Ok(Field::One(card.clone()))];
/// let mut watch = CardWatch::new(ScriptedReader::new(looks.into_iter()));
/// assert_eq!(watch.poll().await, None);
/// assert_eq!(watch.poll().await, Some(CardEvent::Presented(card)));
/// assert_eq!(watch.poll().await, None);
/// # Ok::<(), card_auth::InvalidUid>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct CardWatch<R> {
    reader: R,
    presence: Presence,
    watchdog: Watchdog,
    idle: IdleWatch,
    refreshes: u32,
}

impl<R: CardReader> CardWatch<R> {
    /// Watches `reader` with the default tolerance and limit.
    pub fn new(reader: R) -> Self {
        Self::with(reader, Presence::default(), Watchdog::default())
    }

    /// Watches `reader` with a tolerance and a limit of your own.
    pub const fn with(reader: R, presence: Presence, watchdog: Watchdog) -> Self {
        Self {
            reader,
            presence,
            watchdog,
            idle: IdleWatch::DEFAULT,
            refreshes: 0,
        }
    }

    /// Looks once, and resets the reader when it is time to.
    ///
    /// The look that finds the reader back says only that; what lies in the field is said by the
    /// next.
    ///
    /// # Cancellation safety
    /// A look that is dropped half way loses nothing but itself.
    pub async fn poll(&mut self) -> Option<CardEvent> {
        let Ok(field) = self.reader.poll().await else {
            let Verdict::Reset { newly_lost } = self.watchdog.failed() else {
                return None;
            };
            // If it fails, the next looks fail too and the next reset comes.
            let _ = self.reader.reset().await;
            return newly_lost.then_some(CardEvent::ReaderLost);
        };
        if self.watchdog.good() == Verdict::Back {
            return Some(CardEvent::ReaderBack);
        }
        if matches!(field, Field::One(_)) {
            self.idle.saw_a_card();
        }
        let crowded = self.presence.is_crowded();
        match self.presence.observe(field) {
            Some(Edge::Presented(card)) => Some(CardEvent::Presented(card)),
            Some(Edge::Removed) => Some(CardEvent::Removed),
            None => (self.presence.is_crowded() && !crowded).then_some(CardEvent::Several),
        }
    }

    /// Resets a reader that has read no card for five minutes: its antenna may be dead, which looks
    /// like an empty field. Call it with the time before a look; once in five minutes it takes as long
    /// as [`CardReader::reset`], some 15 ms. A reader that is lost is left to [`poll`](Self::poll).
    ///
    /// # Cancellation safety
    /// Dropped half way it may leave the chip in reset; the next looks fail, and the watchdog brings it
    /// back.
    pub async fn refresh(&mut self, now: Instant) {
        if !self.is_lost() && self.idle.is_due(now) {
            self.refreshes = self.refreshes.saturating_add(1);
            // If it fails, the next looks fail too.
            let _ = self.reader.reset().await;
        }
    }

    /// True while the reader does not answer.
    pub const fn is_lost(&self) -> bool {
        self.watchdog.is_lost()
    }

    /// How often the reader was reset because it had read no card for long.
    pub const fn refreshes(&self) -> u32 {
        self.refreshes
    }

    /// How often the reader had to be reset because its looks failed.
    pub const fn resets(&self) -> u32 {
        self.watchdog.resets()
    }

    /// The channel to the card that was just presented: see [`CardReader`] on how long it lives. A
    /// [`ChannelError::Reader`](crate::ChannelError::Reader) needs no counting here: the next look
    /// finds the same.
    pub const fn channel(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Gives the reader back.
    pub fn release(self) -> R {
        self.reader
    }
}
