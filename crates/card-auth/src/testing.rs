//! A card reader that plays a script, cards that answer by one, too, for tests of what stands above a reader.

use crate::{ApduChannel, CardReader, ChannelError, Field};

/// Why a [`ScriptedReader`] does not answer.
///
/// ```
/// assert_eq!(card_auth::testing::Silent.to_string(), "the scripted reader does not answer");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silent;

impl core::fmt::Display for Silent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the scripted reader does not answer")
    }
}

impl core::error::Error for Silent {}

/// What a scripted card says to a command: the answer's length, written to the front of the buffer.
pub type Saying = fn(&[u8], &mut [u8]) -> Result<usize, ChannelError<Silent>>;

/// Answers each poll with the next line of its script; after the end the field stays empty.
///
/// ```
/// use card_auth::{CardReader, Field, testing::{ScriptedReader, Silent}};
/// # embassy_futures::block_on(async {
/// let mut reader = ScriptedReader::new([Err(Silent), Ok(Field::Many)].into_iter());
/// assert_eq!(reader.poll().await, Err(Silent));
/// reader.reset().await?;
/// assert_eq!(reader.poll().await, Ok(Field::Many));
/// assert_eq!(reader.resets(), 1);
/// # Ok::<(), Silent>(()) }).unwrap();
/// ```
///
/// A card that takes commands is a function from command to answer, asked only while the last look
/// found one card that speaks ISO/IEC 14443-4:
///
/// ```
/// use card_auth::{ApduChannel, Card, CardReader, Field, Uid, testing::ScriptedReader};
/// # embassy_futures::block_on(async {
/// let card = Card::announced(Uid::from_bytes(&[4, 1, 2, 3, 4, 5, 6]).unwrap(), true);
/// let looks = [Ok(Field::One(card))].into_iter();
/// let mut reader = ScriptedReader::with_card(looks, |command: &[u8], answer: &mut [u8]| {
///     assert_eq!(command, [0x90, 0x60, 0, 0, 0]);
///     answer[..2].copy_from_slice(&[0x91, 0x00]);
///     Ok(2)
/// });
/// let mut answer = [0; 258];
/// assert!(reader.exchange(&[0x90, 0x60, 0, 0, 0], &mut answer).await.is_err(), "no look yet");
/// assert!(reader.poll().await.is_ok());
/// assert_eq!(reader.exchange(&[0x90, 0x60, 0, 0, 0], &mut answer).await, Ok(2));
/// # });
/// ```
pub struct ScriptedReader<I, C = Saying> {
    script: I,
    card: C,
    /// What the last look found takes commands, or why it does not.
    channel: Result<(), ChannelError<Silent>>,
    resets: u32,
}

impl<I: core::fmt::Debug, C> core::fmt::Debug for ScriptedReader<I, C> {
    /// Leaves the card out: a function shows its address only.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ScriptedReader")
            .field("script", &self.script)
            .field("channel", &self.channel)
            .field("resets", &self.resets)
            .finish_non_exhaustive()
    }
}

impl<I: Iterator<Item = Result<Field, Silent>>> ScriptedReader<I> {
    /// Makes a reader that plays `script`; its cards are silent when spoken to.
    pub fn new(script: I) -> Self {
        Self::with_card(script, |_, _| Err(ChannelError::CardGone))
    }
}

impl<I, C> ScriptedReader<I, C>
where
    I: Iterator<Item = Result<Field, Silent>>,
    C: FnMut(&[u8], &mut [u8]) -> Result<usize, ChannelError<Silent>>,
{
    /// Makes a reader that plays `script`; its cards answer as `card` does.
    pub const fn with_card(script: I, card: C) -> Self {
        Self {
            script,
            card,
            channel: Err(ChannelError::CardGone),
            resets: 0,
        }
    }

    /// How often it was reset.
    pub const fn resets(&self) -> u32 {
        self.resets
    }
}

impl<I, C> CardReader for ScriptedReader<I, C>
where
    I: Iterator<Item = Result<Field, Silent>>,
    C: FnMut(&[u8], &mut [u8]) -> Result<usize, ChannelError<Silent>>,
{
    type Failure = Silent;

    async fn poll(&mut self) -> Result<Field, Silent> {
        let field = self.script.next().unwrap_or(Ok(Field::Empty));
        self.channel = match &field {
            Ok(Field::One(card)) if card.iso14443_4 => Ok(()),
            Ok(Field::One(_)) => Err(ChannelError::NoCommands),
            _ => Err(ChannelError::CardGone),
        };
        field
    }

    async fn reset(&mut self) -> Result<(), Silent> {
        self.channel = Err(ChannelError::CardGone);
        self.resets = self.resets.saturating_add(1);
        Ok(())
    }
}

impl<I, C> ApduChannel for ScriptedReader<I, C>
where
    I: Iterator<Item = Result<Field, Silent>>,
    C: FnMut(&[u8], &mut [u8]) -> Result<usize, ChannelError<Silent>>,
{
    type Error = ChannelError<Silent>;

    async fn exchange(
        &mut self,
        command: &[u8],
        answer: &mut [u8],
    ) -> Result<usize, ChannelError<Silent>> {
        self.channel?;
        let said = (self.card)(command, answer);
        if said.is_err() {
            self.channel = Err(ChannelError::CardGone);
        }
        said
    }
}
