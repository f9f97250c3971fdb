//! A wire straight to a card's application, that can be cut at any byte.

use card_auth::ApduChannel;

use super::Application;

/// Error of a [`TagChannel`]: the card is not there any more.
///
/// ```
/// assert_eq!(pile_sim::cards::Taken.to_string(), "the card was taken away");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken;

impl core::fmt::Display for Taken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the card was taken away")
    }
}

impl core::error::Error for Taken {}

/// An application in a field without radio: each command arrives, unless the card is taken away
/// first. Bytes of commands and answers count alike.
///
/// ```
/// use card_auth::ApduChannel;
/// use pile_sim::cards::{Ntag424, TagChannel, Taken};
/// # embassy_futures::block_on(async {
/// let mut tag = Ntag424::new([4, 1, 2, 3, 4, 5, 6]);
/// let mut channel = TagChannel::new(&mut tag);
/// let mut answer = [0; 258];
/// assert_eq!(channel.exchange(&[0x90, 0x64, 0, 0, 1, 0, 0], &mut answer).await, Ok(3));
/// assert_eq!(answer[..3], [0, 0x91, 0]);
/// channel.take_after(5);
/// assert_eq!(channel.exchange(&[0x90, 0x64, 0, 0, 1, 0, 0], &mut answer).await, Err(Taken));
/// # });
/// ```
pub struct TagChannel<A> {
    tag: A,
    left: Option<usize>,
    carried: usize,
    log: Vec<(usize, usize)>,
}

impl<A: Application> TagChannel<A> {
    /// Brings the card into the field.
    pub fn new(mut tag: A) -> Self {
        tag.power_up();
        Self {
            tag,
            left: None,
            carried: 0,
            log: Vec::new(),
        }
    }

    /// The card will be taken away when so many more bytes were carried. In the middle of a command
    /// it has not heard it; in the middle of an answer it has done what it was told.
    pub const fn take_after(&mut self, bytes: usize) {
        self.left = Some(bytes);
    }

    /// How many bytes were carried.
    pub const fn carried(&self) -> usize {
        self.carried
    }

    /// The lengths of each command and answer so far.
    pub fn log(&self) -> &[(usize, usize)] {
        &self.log
    }

    /// True if all `bytes` pass.
    fn carry(&mut self, bytes: usize) -> bool {
        let pass = self.left.map_or(bytes, |left| left.min(bytes));
        self.carried += pass;
        self.left = self.left.map(|left| left - pass);
        pass == bytes && self.left != Some(0)
    }
}

impl<A: Application> ApduChannel for TagChannel<A> {
    type Error = Taken;

    async fn exchange(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, Taken> {
        if !self.carry(command.len()) {
            return Err(Taken);
        }
        let reply = self.tag.command(command);
        self.log.push((command.len(), reply.len()));
        let room = answer.get_mut(..reply.len()).ok_or(Taken)?;
        room.copy_from_slice(&reply);
        // The last byte read is an answer read: taken then, it is taken before the next.
        let pass = self.left.is_none_or(|left| left >= reply.len());
        self.carry(reply.len());
        if pass { Ok(reply.len()) } else { Err(Taken) }
    }
}
