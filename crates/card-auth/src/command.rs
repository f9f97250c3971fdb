//! Commands to a card's application and its answers, as bytes (ISO/IEC 7816-4).

use zeroize::Zeroize;

/// The longest short command: header, length, 255 bytes, expected length.
pub const COMMAND_BYTES: usize = 261;

/// The longest short answer: 256 bytes and the status.
pub const ANSWER_BYTES: usize = 258;

/// A command as it goes to the card. Wiped when dropped: some carry a card's data.
///
/// ```
/// use card_auth::{Command, CommandTooLong};
/// let get_version = Command::native(0x60, &[])?;
/// assert_eq!(get_version.bytes(), [0x90, 0x60, 0, 0, 0]);
/// let get_file_settings = Command::native(0xf5, &[&[2]])?;
/// assert_eq!(get_file_settings.bytes(), [0x90, 0xf5, 0, 0, 1, 2, 0]);
/// assert_eq!(Command::native(0x8d, &[&[0; 256]]), Err(CommandTooLong));
/// # Ok::<(), CommandTooLong>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    bytes: [u8; COMMAND_BYTES],
    len: usize,
}

/// Error returned by [`Command::native`] and [`Command::select`]: more than 255 bytes of data.
///
/// ```
/// assert!(card_auth::CommandTooLong.to_string().contains("255"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandTooLong;

impl core::fmt::Display for CommandTooLong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a command carries at most 255 bytes of data")
    }
}

impl core::error::Error for CommandTooLong {}

impl Command {
    /// A native command of DESFire and NTAG in ISO clothes (NT4H2421Gx clause 8.4): class 90h, the
    /// parts in a row as data.
    ///
    /// # Errors
    /// [`CommandTooLong`] over 255 bytes.
    pub fn native(instruction: u8, parts: &[&[u8]]) -> Result<Self, CommandTooLong> {
        Self::made([0x90, instruction, 0x00, 0x00], parts)
    }

    /// Selects an application by its DF name, no answer data wanted (AN12196 clause 5.2).
    ///
    /// # Errors
    /// [`CommandTooLong`] over 255 bytes.
    pub fn select(df_name: &[u8]) -> Result<Self, CommandTooLong> {
        Self::made([0x00, 0xa4, 0x04, 0x0c], &[df_name])
    }

    fn made(header: [u8; 4], parts: &[&[u8]]) -> Result<Self, CommandTooLong> {
        let mut command = Self {
            bytes: [0; COMMAND_BYTES],
            len: 0,
        };
        let data = parts.iter().map(|part| part.len()).sum::<usize>();
        let length = u8::try_from(data).map_err(|_| CommandTooLong)?;
        command.put(&header);
        if length > 0 {
            command.put(&[length]);
            for part in parts {
                command.put(part);
            }
        }
        command.put(&[0x00]);
        Ok(command)
    }

    fn put(&mut self, bytes: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(self.len).zip(bytes) {
            *to = *from;
        }
        self.len += bytes.len();
    }

    /// The bytes to send.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl core::fmt::Debug for Command {
    /// Shows the instruction and the length; the data may be a card's own.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let instruction = self.bytes.get(1).copied().unwrap_or_default();
        write!(f, "Command({instruction:02x}h, {} bytes)", self.len)
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// The two bytes that end an answer (NT4H2421Gx tables 23 and 24).
///
/// ```
/// use card_auth::Status;
/// assert_eq!(Status::AUTHENTICATION_ERROR.to_string(), "91AE");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(u16);

impl Status {
    /// 9100h: done.
    pub const OK: Self = Self(0x9100);
    /// 9000h: done, to an ISO command.
    pub const ISO_OK: Self = Self(0x9000);
    /// 91AFh: the card waits for the next part.
    pub const MORE: Self = Self(0x91af);
    /// 91ADh: too many failures; the card makes its reader wait.
    pub const AUTHENTICATION_DELAY: Self = Self(0x91ad);
    /// 91AEh: the wrong key, or not authenticated.
    pub const AUTHENTICATION_ERROR: Self = Self(0x91ae);
    /// 919Dh: not allowed; to an authentication, the key is locked for good.
    pub const PERMISSION_DENIED: Self = Self(0x919d);

    /// Makes a status of its two bytes.
    pub const fn from_bytes(bytes: [u8; 2]) -> Self {
        Self(u16::from_be_bytes(bytes))
    }

    /// The two bytes.
    pub const fn bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }
}

impl core::fmt::Display for Status {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

/// Takes an answer apart: data and status, or `None` if it is no answer.
pub(crate) fn parse(answer: &[u8]) -> Option<(&[u8], Status)> {
    let (data, status) = answer.split_last_chunk::<2>()?;
    Some((data, Status::from_bytes(*status)))
}
