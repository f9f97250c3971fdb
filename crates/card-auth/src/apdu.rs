//! The pipe between a reader and the application on a card: one command, one answer.

/// Carries application commands to the one card in the field and brings its answers back.
///
/// A command is an APDU of ISO/IEC 7816-4, 4 to 261 bytes; an answer ends with the two bytes of its
/// status. How it travels (ISO/IEC 14443-4 blocks, a reader chip's own commands, PC/SC) is the
/// channel's business, repetitions and waiting times included.
///
/// ```
/// use card_auth::ApduChannel;
/// /// A card that knows no command.
/// struct Dull;
/// impl ApduChannel for Dull {
///     type Error = core::convert::Infallible;
///     async fn exchange(&mut self, _: &[u8], answer: &mut [u8]) -> Result<usize, Self::Error> {
///         answer[..2].copy_from_slice(&[0x6d, 0x00]);
///         Ok(2)
///     }
/// }
/// let mut answer = [0; 258];
/// let length = embassy_futures::block_on(Dull.exchange(&[0x90, 0x60, 0, 0, 0], &mut answer))?;
/// assert_eq!(answer[..length], [0x6d, 0x00]);
/// # Ok::<(), core::convert::Infallible>(())
/// ```
#[expect(
    async_fn_in_trait,
    reason = "joined without an executor, so no future has to be Send"
)]
pub trait ApduChannel {
    /// Why there is no answer: the card is gone, or what it says is no answer.
    type Error: core::fmt::Debug;

    /// Sends `command` and writes the answer, status included, to the start of `answer`; returns its
    /// length, at least 2.
    ///
    /// # Errors
    /// The channel's own. The card may or may not have carried the command out.
    async fn exchange(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, Self::Error>;
}

impl<C: ApduChannel> ApduChannel for &mut C {
    type Error = C::Error;

    async fn exchange(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, Self::Error> {
        C::exchange(self, command, answer).await
    }
}
