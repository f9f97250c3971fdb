//! Secure messaging: MACs, encryption, the command counter (NT4H2421Gx clause 9.1).

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::command::parse;
use crate::crypto::{BLOCK, Block, cbc_decrypt, cbc_encrypt, cmac, encrypt_block, truncated};
use crate::{Command, Status};

/// The most bytes that a command's data has with its padding.
const SEALED_BYTES: usize = 240;

/// How a command and its answer are protected (NT4H2421Gx clause 9.1.8 to 9.1.10).
///
/// ```
/// use card_auth::ev2::CommMode;
/// assert_ne!(CommMode::Mac, CommMode::Full);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommMode {
    /// Not at all; counted all the same.
    Plain,
    /// By a MAC.
    Mac,
    /// Encrypted, and by a MAC.
    Full,
}

/// Error returned by [`Session::seal`].
///
/// ```
/// use card_auth::ev2::SealError;
/// assert!(SealError::Closed.to_string().contains("over"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealError {
    /// More data than a command carries: 255 bytes with MAC and padding, 239 encrypted.
    TooLong,
    /// The session is over: an earlier answer was an error or forged, or the counter is used up.
    Closed,
}

impl core::fmt::Display for SealError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the command does not hold so much data",
            Self::Closed => "the session is over",
        })
    }
}

impl core::error::Error for SealError {}

/// Error returned by [`Session::open`]. The session is over after it.
///
/// ```
/// use card_auth::{Status, ev2::OpenError};
/// let refused = OpenError::Refused(Status::PERMISSION_DENIED);
/// assert_eq!(refused.to_string(), "the card refuses with 919D");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// The card says no, with this status; nothing protects that.
    Refused(Status),
    /// The MAC or the padding is wrong: not this card, not this command, or altered on the way.
    Forged,
    /// The answer is too short for its protection, or has no status.
    Garbled,
    /// The session was over before it. Nothing was looked at.
    Closed,
}

impl core::fmt::Display for OpenError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "the card refuses with {status}"),
            Self::Forged => f.write_str("the answer is not the card's"),
            Self::Garbled => f.write_str("the answer is too short"),
            Self::Closed => f.write_str("the session is over"),
        }
    }
}

impl core::error::Error for OpenError {}

/// An authenticated session with a card.
///
/// ```no_run
/// # fn f(mut session: card_auth::ev2::Session, answer: &mut [u8]) -> Option<()> {
/// use card_auth::ev2::CommMode;
/// let get_card_uid = session.seal(CommMode::Full, 0x51, &[], &[]).ok()?;
/// // The command goes to the card, the answer comes back.
/// let uid = session.open(CommMode::Full, answer).ok()?;
/// # let _ = (get_card_uid, uid); Some(()) }
/// ```
pub struct Session {
    pub(super) enc: Block,
    pub(super) mac: Block,
    ti: [u8; 4],
    counter: u16,
    open: bool,
}

impl Session {
    pub(super) const fn new(enc: Block, mac: Block, ti: [u8; 4], counter: u16) -> Self {
        Self {
            enc,
            mac,
            ti,
            counter,
            open: true,
        }
    }

    /// The transaction identifier that the card chose.
    pub const fn transaction(&self) -> [u8; 4] {
        self.ti
    }

    /// How many commands were answered.
    pub const fn counter(&self) -> u16 {
        self.counter
    }

    /// Makes the protected command. `header` is never encrypted (a file number, an offset), `data`
    /// is in [`CommMode::Full`].
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(
        &mut self,
        mode: CommMode,
        instruction: u8,
        header: &[u8],
        data: &[u8],
    ) -> Result<Command, SealError> {
        // The last value is kept for the answer's counter, which is one more.
        if !self.open || self.counter == u16::MAX {
            return Err(SealError::Closed);
        }
        let mut sealed = [0; SEALED_BYTES];
        let body = match mode {
            CommMode::Full if !data.is_empty() => {
                let padded = (data.len() / BLOCK + 1) * BLOCK;
                let body = sealed.get_mut(..padded).ok_or(SealError::TooLong)?;
                let bytes = data.iter().chain(core::iter::once(&0x80));
                body.iter_mut()
                    .zip(bytes)
                    .for_each(|(to, from)| *to = *from);
                cbc_encrypt(&self.enc, self.iv([0xa5, 0x5a], self.counter), body);
                &*body
            }
            _ => data,
        };
        let counter = self.counter.to_le_bytes();
        let command = if mode == CommMode::Plain {
            Command::native(instruction, &[header, body])
        } else {
            let parts: [&[u8]; 5] = [&[instruction], &counter, &self.ti, header, body];
            let mac = truncated(cmac(&self.mac, &parts));
            Command::native(instruction, &[header, body, &mac])
        };
        sealed.zeroize();
        command.map_err(|_| SealError::TooLong)
    }

    /// Checks and decrypts the answer in place and returns its data.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open<'a>(
        &mut self,
        mode: CommMode,
        answer: &'a mut [u8],
    ) -> Result<&'a [u8], OpenError> {
        if !self.open {
            return Err(OpenError::Closed);
        }
        let opened = self.opened(mode, answer);
        self.open = opened.is_ok();
        opened
    }

    fn opened<'a>(&mut self, mode: CommMode, answer: &'a mut [u8]) -> Result<&'a [u8], OpenError> {
        let (_, status) = parse(answer).ok_or(OpenError::Garbled)?;
        if status != Status::OK {
            return Err(OpenError::Refused(status));
        }
        let (body, _) = answer
            .split_last_chunk_mut::<2>()
            .ok_or(OpenError::Garbled)?;
        self.counter = self.counter.checked_add(1).ok_or(OpenError::Garbled)?;
        if mode == CommMode::Plain {
            return Ok(body);
        }
        let (data, mac) = body.split_last_chunk_mut::<8>().ok_or(OpenError::Garbled)?;
        let [_, code] = status.bytes();
        let counter = self.counter.to_le_bytes();
        let parts: [&[u8]; 4] = [&[code], &counter, &self.ti, data];
        if !bool::from(truncated(cmac(&self.mac, &parts)).ct_eq(mac)) {
            return Err(OpenError::Forged);
        }
        if mode == CommMode::Mac || data.is_empty() {
            return Ok(data);
        }
        if !data.len().is_multiple_of(BLOCK) {
            return Err(OpenError::Forged);
        }
        cbc_decrypt(&self.enc, self.iv([0x5a, 0xa5], self.counter), data);
        unpadded(data).ok_or(OpenError::Forged)
    }

    /// The initial value of a command or an answer (NT4H2421Gx clause 9.1.4).
    fn iv(&self, [a, b]: [u8; 2], counter: u16) -> Block {
        let [t0, t1, t2, t3] = self.ti;
        let [low, high] = counter.to_le_bytes();
        let block = [a, b, t0, t1, t2, t3, low, high, 0, 0, 0, 0, 0, 0, 0, 0];
        encrypt_block(&self.enc, block)
    }
}

/// Takes the padding off: 80h and zeros (ISO/IEC 9797-1 method 2). The MAC was right, so what the
/// time tells is no secret.
fn unpadded(data: &[u8]) -> Option<&[u8]> {
    let end = data.iter().rposition(|byte| *byte != 0)?;
    let (plain, padding) = data.split_at_checked(end)?;
    (padding.first() == Some(&0x80)).then_some(plain)
}

impl core::fmt::Debug for Session {
    /// Shows the counter only.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Session({})", self.counter)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.enc.zeroize();
        self.mac.zeroize();
    }
}
