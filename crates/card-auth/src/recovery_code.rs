//! A recovery code: what lets the landlord name a new privilege card when the old one is lost.
//!
//! The kit prints codes 0, 1 and 2, to be kept apart from the cards. Code *n* counts while *n* cards
//! were recovered before: at that pile a code that was used is worth nothing, nor is one out of its turn. The
//! codes belong to the site: at another pile of it, or in a ledger that is begun anew, they count from 0
//! again. Other than
//! a card's code it needs no tap, since there is no card: keep it as a key is kept.
//!
//! # Format, version 1
//!
//! `OPR1:` and then, in Crockford's base 32 as in a [card's code](crate::CardCode), these bytes, 32
//! symbols without a filling bit:
//!
//! | bytes | field |
//! | ---: | --- |
//! | 1 | the code's number |
//! | 16 | [recovery secret](crate::recovery_secret) |
//! | 3 | CRC-24/OPENPGP of the letter R, the byte 1, the version, and all bytes before; most significant byte first |

use crate::printed::{
    CHECK, GROUP, Unreadable, characters, check_sum, read_symbols, write_symbols,
};
use crate::secrets::{RecoverySecret, SECRET};
use zeroize::Zeroizing;

const PREFIX: [u8; 5] = *b"OPR1:";
/// What the check sum begins with: no card's code is taken for a recovery code.
const KIND: [u8; 2] = *b"R\x01";
const BYTES: usize = 1 + SECRET + CHECK;
const SYMBOLS: usize = BYTES * 8 / 5;
const _: () = assert!(
    (BYTES * 8).is_multiple_of(5),
    "no bit of the last symbol is free"
);

/// The characters of a recovery code.
pub const RECOVERY_CODE: usize = PREFIX.len() + SYMBOLS;

/// Error returned by [`RecoveryCode::parse`].
///
/// ```
/// use card_auth::{InvalidRecoveryCode, RecoveryCode};
/// assert_eq!(RecoveryCode::parse("OP1:00"), Err(InvalidRecoveryCode::Foreign));
/// assert_eq!(RecoveryCode::parse("OPR2:00"), Err(InvalidRecoveryCode::Version));
/// assert_eq!(RecoveryCode::parse("OPR1:0U"), Err(InvalidRecoveryCode::Symbol { at: 1 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidRecoveryCode {
    /// It does not begin as a recovery code does.
    Foreign,
    /// It is of a version that is not known here.
    Version,
    /// A character that no code has.
    Symbol {
        /// How many characters of the code proper stand before it, spaces and hyphens left out.
        at: usize,
    },
    /// Characters are missing, or too many.
    Length,
    /// A character is wrong, or two have changed places.
    CheckSum,
}

impl core::fmt::Display for InvalidRecoveryCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Foreign => f.write_str("this is not a recovery code: it begins with OPR1:"),
            Self::Version => f.write_str("the code is of a newer kind: update and try again"),
            Self::Symbol { at } => write!(
                f,
                "character {} of group {} after OPR1: cannot stand in a code: check it",
                at % GROUP + 1,
                at / GROUP + 1
            ),
            Self::Length => f.write_str("the code is not complete, or too long: type all of it"),
            Self::CheckSum => f.write_str("the code has a typing error: compare it with the sheet"),
        }
    }
}

impl core::error::Error for InvalidRecoveryCode {}

/// What is printed on the sheet of recovery codes.
///
/// ```
/// use card_auth::{RECOVERY_CODE, RecoveryCode, SiteKey, recovery_secret};
/// let code = RecoveryCode { number: 2, secret: recovery_secret(&SiteKey::new([7; 16]), 2) };
/// let mut buffer = [0; RECOVERY_CODE];
/// let printed = code.write(&mut buffer);
/// assert!(printed.starts_with("OPR1:"));
/// assert_eq!(RecoveryCode::parse(&printed.to_lowercase())?, code);
/// # Ok::<(), card_auth::InvalidRecoveryCode>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryCode {
    /// Its number: how many recoveries come before it.
    pub number: u8,
    /// What a phone shows knowledge of.
    pub secret: RecoverySecret,
}

impl RecoveryCode {
    /// Writes the code's characters into `buffer`. They are a secret: the caller wipes the buffer.
    pub fn write<'a>(&self, buffer: &'a mut [u8; RECOVERY_CODE]) -> &'a str {
        let mut bytes = Zeroizing::new([0; BYTES]);
        let body = core::iter::once(&self.number).chain(self.secret.expose());
        let check = check_sum(&KIND, body.clone().copied());
        bytes
            .iter_mut()
            .zip(body.chain(&check))
            .for_each(|(to, from)| *to = *from);
        write_symbols(&PREFIX, bytes.as_slice(), buffer)
    }

    /// Reads a code as a camera or a person gives it.
    ///
    /// # Errors
    /// [`InvalidRecoveryCode`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidRecoveryCode> {
        let mut characters = characters(text);
        match [(); 5].map(|()| characters.next().unwrap_or_default()) {
            [b'O' | b'0', b'P', b'R', b'1' | b'I' | b'L', b':'] => {}
            [b'O' | b'0', b'P', b'R', b'0'..=b'9', b':'] => {
                return Err(InvalidRecoveryCode::Version);
            }
            _ => return Err(InvalidRecoveryCode::Foreign),
        }
        let mut bytes = Zeroizing::new([0; BYTES]);
        match read_symbols(characters, bytes.as_mut_slice()) {
            Ok(SYMBOLS) => {}
            Ok(_) | Err(Unreadable::Length) => return Err(InvalidRecoveryCode::Length),
            Err(Unreadable::Symbol { at }) => return Err(InvalidRecoveryCode::Symbol { at }),
        }
        let (number, rest) = bytes.split_first().ok_or(InvalidRecoveryCode::Length)?;
        let (secret, check) = rest
            .split_first_chunk::<SECRET>()
            .ok_or(InvalidRecoveryCode::Length)?;
        let body = core::iter::once(number).chain(secret);
        if check_sum(&KIND, body.copied()) != *check {
            return Err(InvalidRecoveryCode::CheckSum);
        }
        Ok(Self {
            number: *number,
            secret: RecoverySecret::new(*secret),
        })
    }
}

#[cfg(test)]
mod tests;
