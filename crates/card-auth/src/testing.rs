//! A card reader that plays a script, for tests of what stands above a reader.

use crate::{CardReader, Field};

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
#[derive(Debug)]
pub struct ScriptedReader<I> {
    script: I,
    resets: u32,
}

impl<I: Iterator<Item = Result<Field, Silent>>> ScriptedReader<I> {
    /// Makes a reader that plays `script`.
    pub const fn new(script: I) -> Self {
        Self { script, resets: 0 }
    }

    /// How often it was reset.
    pub const fn resets(&self) -> u32 {
        self.resets
    }
}

impl<I: Iterator<Item = Result<Field, Silent>>> CardReader for ScriptedReader<I> {
    type Error = Silent;

    async fn poll(&mut self) -> Result<Field, Silent> {
        self.script.next().unwrap_or(Ok(Field::Empty))
    }

    async fn reset(&mut self) -> Result<(), Silent> {
        self.resets = self.resets.saturating_add(1);
        Ok(())
    }
}
