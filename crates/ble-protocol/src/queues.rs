//! Messages that wait: to be said, to be read.
//!
//! Both are one array each, and every message in it stands behind its length. What leaves an array
//! is wiped there.

use zeroize::Zeroize;

use crate::line::MAX_PART;
use crate::{MAX_MESSAGE, SendError, WINDOW, Why};

/// Bytes of a length.
const LENGTH: usize = 2;

/// Room for the longest message, and for some short ones behind it.
const OUTBOX: usize = LENGTH + MAX_MESSAGE + 512;

/// Messages to be said. A message stays whole until its last part was sealed.
pub struct Outbox {
    bytes: [u8; OUTBOX],
    filled: usize,
    /// Of the first message, said.
    said: usize,
}

impl Outbox {
    pub const fn new() -> Self {
        Self {
            bytes: [0; OUTBOX],
            filled: 0,
            said: 0,
        }
    }

    pub fn wipe(&mut self) {
        self.bytes.zeroize();
        (self.filled, self.said) = (0, 0);
    }

    pub const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// The longest message that finds room.
    pub fn room(&self) -> usize {
        (OUTBOX - self.filled)
            .saturating_sub(LENGTH)
            .min(MAX_MESSAGE)
    }

    pub fn push(&mut self, message: &[u8]) -> Result<(), SendError> {
        match message.len() {
            0 => return Err(SendError::Empty),
            length if length > MAX_MESSAGE => return Err(SendError::TooLong),
            length if length > self.room() => return Err(SendError::Full),
            _ => (),
        }
        let length = u16::try_from(message.len()).map_err(|_| SendError::TooLong)?;
        let length = length.to_le_bytes();
        let free = self.bytes.iter_mut().skip(self.filled);
        free.zip(length.iter().chain(message))
            .for_each(|(to, from)| *to = *from);
        self.filled += LENGTH + message.len();
        Ok(())
    }

    /// Writes `[more][part]` of the first message; how many bytes that is.
    pub fn next_part(&mut self, plain: &mut [u8]) -> Option<usize> {
        let message = first(&self.bytes, self.filled)?;
        let rest = message.get(self.said..)?;
        let part = rest.get(..MAX_PART).unwrap_or(rest);
        let more = u8::from(part.len() < rest.len());
        let bytes = core::iter::once(&more).chain(part);
        plain
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        let (part, whole) = (part.len(), message.len());
        self.said += part;
        if more == 0 {
            shift(&mut self.bytes, &mut self.filled, LENGTH + whole);
            self.said = 0;
        }
        Some(1 + part)
    }
}

/// One whole message whose last frame is not credited, and what the rest of the window can bring.
const INBOX: usize = LENGTH + MAX_MESSAGE + (WINDOW as usize - 1) * (LENGTH + MAX_PART);

/// Messages heard: whole ones, and behind them the one that is being put together.
pub struct Inbox {
    bytes: [u8; INBOX],
    filled: usize,
    /// Where the message that is being put together starts, with room for its length.
    begun: usize,
    /// The first message may be read.
    readable: bool,
}

impl Inbox {
    pub const fn new() -> Self {
        Self {
            bytes: [0; INBOX],
            filled: 0,
            begun: 0,
            readable: false,
        }
    }

    pub fn wipe(&mut self) {
        self.bytes.zeroize();
        (self.filled, self.begun, self.readable) = (0, 0, false);
    }

    /// Takes `[more][part]`.
    pub fn push(&mut self, plain: &[u8]) -> Result<(), Why> {
        let Some((&more @ 0..=1, part @ [_, ..])) = plain.split_first() else {
            return Err(Why::Malformed);
        };
        let start = self.begun + LENGTH;
        let filled = self.filled.max(start);
        let length = filled - start + part.len();
        let room = self.bytes.get_mut(filled..filled + part.len());
        let (Some(room), true) = (room, length <= MAX_MESSAGE) else {
            return Err(Why::Malformed);
        };
        room.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
        self.filled = filled + part.len();
        if more == 0 {
            let length = u16::try_from(length).map_err(|_| Why::Malformed)?;
            let head = self.bytes.iter_mut().skip(self.begun);
            head.zip(length.to_le_bytes())
                .for_each(|(to, from)| *to = from);
            self.begun = self.filled;
        }
        Ok(())
    }

    /// True while a whole message is here, read or not.
    pub const fn is_held(&self) -> bool {
        self.begun > 0
    }

    /// True if a whole message is here that was not read.
    pub fn has_message(&self) -> bool {
        let read = if self.readable {
            LENGTH + self.message().len()
        } else {
            0
        };
        self.begun > read
    }

    /// Makes the first whole message readable: its length.
    pub fn next(&mut self) -> Option<usize> {
        self.readable = self.is_held();
        self.readable.then(|| self.message().len())
    }

    /// The message that may be read.
    pub fn message(&self) -> &[u8] {
        let whole = if self.readable { self.begun } else { 0 };
        first(&self.bytes, whole).unwrap_or_default()
    }

    /// Lets go of the message that was read.
    pub fn release(&mut self) {
        if self.readable {
            let length = LENGTH + self.message().len();
            shift(&mut self.bytes, &mut self.filled, length);
            self.begun = self.begun.saturating_sub(length);
            self.readable = false;
        }
    }
}

/// The first message of those in the first `filled` bytes.
fn first(bytes: &[u8], filled: usize) -> Option<&[u8]> {
    let (length, rest) = bytes.get(..filled)?.split_first_chunk()?;
    rest.get(..usize::from(u16::from_le_bytes(*length)))
}

/// Drops the first `count` of the `filled` bytes, and wipes what is free then.
fn shift(bytes: &mut [u8], filled: &mut usize, count: usize) {
    let left = filled.saturating_sub(count);
    if let Some(used) = bytes.get_mut(..*filled) {
        used.rotate_left(count.min(*filled));
        if let Some(free) = used.get_mut(left..) {
            free.zeroize();
        }
    }
    *filled = left;
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn a_window_behind_the_longest_message_finds_room() {
        let mut inbox = Inbox::new();
        for _ in 0..MAX_MESSAGE - 1 {
            inbox.push(&[1, 7]).unwrap();
        }
        inbox.push(&[0, 7]).unwrap();
        for more in [0, 0, 0] {
            let mut plain = vec![8; 1 + MAX_PART];
            plain[0] = more;
            inbox.push(&plain).unwrap();
        }
        assert_eq!(inbox.next(), Some(MAX_MESSAGE));
        assert_eq!(inbox.message(), [7; MAX_MESSAGE]);
        for _ in 0..3 {
            inbox.release();
            assert_eq!(inbox.next(), Some(MAX_PART));
            assert_eq!(inbox.message(), [8; MAX_PART]);
        }
        inbox.release();
        assert_eq!(inbox.next(), None);
        assert!(
            inbox.bytes.iter().all(|byte| *byte == 0),
            "what left is wiped"
        );
    }

    #[test]
    fn a_message_too_long_or_an_empty_part_is_refused() {
        let mut inbox = Inbox::new();
        assert_eq!(inbox.push(&[]), Err(Why::Malformed));
        assert_eq!(inbox.push(&[0]), Err(Why::Malformed));
        assert_eq!(inbox.push(&[1]), Err(Why::Malformed));
        assert_eq!(inbox.push(&[2, 1]), Err(Why::Malformed));
        for _ in 0..MAX_MESSAGE {
            inbox.push(&[1, 7]).unwrap();
        }
        assert_eq!(inbox.push(&[0, 7]), Err(Why::Malformed));
        assert_eq!(inbox.next(), None);
    }

    #[test]
    fn parts_put_together_are_the_message() {
        let mut outbox = Outbox::new();
        let message: Vec<u8> = (0..MAX_MESSAGE).map(|at| at.to_le_bytes()[0]).collect();
        outbox.push(&message).unwrap();
        outbox.push(&[1, 2, 3]).unwrap();
        assert_eq!(outbox.push(&message), Err(SendError::Full));
        assert_eq!(outbox.push(&[]), Err(SendError::Empty));
        assert_eq!(outbox.push(&[0; MAX_MESSAGE + 1]), Err(SendError::TooLong));
        assert_eq!(
            outbox.push(&vec![0; outbox.room() + 1]),
            Err(SendError::Full)
        );
        outbox.push(&vec![9; outbox.room()]).unwrap();
        let mut inbox = Inbox::new();
        let mut heard = Vec::new();
        let mut plain = [0; 1 + MAX_PART];
        while let Some(length) = outbox.next_part(&mut plain) {
            inbox.push(&plain[..length]).unwrap();
            inbox.release();
            if inbox.next().is_some() {
                heard.push(inbox.message().to_vec());
            }
        }
        assert_eq!(heard.len(), 3);
        assert_eq!((&heard[0], &heard[1][..]), (&message, &[1, 2, 3][..]));
        assert!(
            outbox.bytes.iter().all(|byte| *byte == 0),
            "what left is wiped"
        );
    }
}
