//! The code printed on a card: who it is for, its UID and the secret that binds a phone to it.
//!
//! Anybody who photographs the code has it; so it binds a phone only together with a tap of the card
//! itself at the pile, and opens nothing by itself.
//!
//! # Format, version 1
//!
//! `OP1:` and then, in Crockford's base 32 (digits and capitals without I, L, O and U; most
//! significant bit first, the last symbol filled up with zero bits), these bytes:
//!
//! | bytes | field |
//! | ---: | --- |
//! | 1 | low nibble the role: 0 privilege, 1 charging; high nibble the size of the UID: 0 four bytes, 1 seven, 2 ten |
//! | 4, 7 or 10 | UID, in the order the card sends it |
//! | 16 | binding secret |
//! | 3 | CRC-24/OPENPGP (RFC 4880 section 6.1) of the byte 1, the version, and all bytes before; most significant byte first |
//!
//! For the usual card of seven bytes that is 48 characters of a QR code's alphanumeric set (ISO/IEC
//! 18004 clause 7.3.4): version 3 at error correction level M, 29 modules a side. They can be typed,
//! too: lower case, spaces and hyphens are taken, O for 0, I and L for 1. The check sum finds every
//! single wrong symbol (a burst of 5 bits) and every exchange of two neighbours (of 10).
//!
//! The secret is [made of the site's key](crate::binding_secret): a pile knows it when the card is
//! tapped, and stores none.

use crate::Uid;
use crate::printed::{
    CHECK, GROUP, Unreadable, characters, check_sum, read_symbols, write_symbols,
};
use crate::secrets::{BindingSecret, SECRET};
use zeroize::Zeroizing;

/// The version in front of a code.
const VERSION: u8 = 1;
const PREFIX: [u8; 4] = *b"OP1:";
/// Bytes of the longest code: role, ten of UID, secret, check sum.
const MAX_BYTES: usize = 1 + 10 + SECRET + CHECK;

/// The most characters a code has.
pub const MAX_CARD_CODE: usize = PREFIX.len() + (MAX_BYTES * 8).div_ceil(5);

/// What a card is for, as its code says. Which account it draws on is the pile's business.
///
/// ```
/// use card_auth::CardRole;
/// assert_ne!(CardRole::Privilege, CardRole::Charging);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CardRole {
    /// The landlord's.
    Privilege,
    /// A tenant's.
    Charging,
}

/// Error returned by [`CardCode::parse`].
///
/// ```
/// use card_auth::{CardCode, InvalidCardCode};
/// assert_eq!(CardCode::parse("HELLO"), Err(InvalidCardCode::Foreign));
/// assert_eq!(CardCode::parse("OP2:00"), Err(InvalidCardCode::Version));
/// assert_eq!(CardCode::parse("OP1:0U"), Err(InvalidCardCode::Symbol { at: 1 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidCardCode {
    /// It does not begin as a card's code does.
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
    /// The check sum is right, but there is no such role.
    Role,
}

impl core::fmt::Display for InvalidCardCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Foreign => f.write_str("this is not the code of a card: it begins with OP1:"),
            Self::Version => f.write_str("the code is of a newer kind: update and try again"),
            Self::Symbol { at } => write!(
                f,
                "character {} of group {} after OP1: cannot stand in a code: check it",
                at % GROUP + 1,
                at / GROUP + 1
            ),
            Self::Length => f.write_str("the code is not complete, or too long: type all of it"),
            Self::CheckSum => f.write_str("the code has a typing error: compare it with the card"),
            Self::Role => f.write_str("the code is for a kind of card that is not known here"),
        }
    }
}

impl core::error::Error for InvalidCardCode {}

/// What is printed on a card.
///
/// ```
/// use card_auth::{BindingSecret, CardCode, CardRole, MAX_CARD_CODE, Uid};
/// let code = CardCode {
///     role: CardRole::Charging,
///     uid: Uid::from_bytes(&[0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80])?,
///     secret: BindingSecret::new(*b"sixteen secrets!"),
/// };
/// let mut buffer = [0; MAX_CARD_CODE];
/// let printed = code.write(&mut buffer);
/// assert_eq!(printed.len(), 48);
/// assert!(printed.starts_with("OP1:2"));
/// assert_eq!(CardCode::parse(&printed.to_lowercase())?, code);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardCode {
    /// What the card is for.
    pub role: CardRole,
    /// Its number.
    pub uid: Uid,
    /// What binds a phone to it.
    pub secret: BindingSecret,
}

impl CardCode {
    /// Writes the code's characters to the start of `buffer`. They are a secret: the caller wipes the
    /// buffer.
    pub fn write<'a>(&self, buffer: &'a mut [u8; MAX_CARD_CODE]) -> &'a str {
        let mut bytes = Zeroizing::new([0; MAX_BYTES]);
        let role = match self.role {
            CardRole::Privilege => 0,
            CardRole::Charging => 1,
        };
        let uid = self.uid.expose();
        let size = match uid.len() {
            4 => 0,
            7 => 0x10,
            _ => 0x20,
        };
        let head = [size | role];
        let body = head.iter().chain(uid).chain(self.secret.expose());
        let check = check_sum(&[VERSION], body.clone().copied());
        let length = 1 + uid.len() + SECRET + CHECK;
        bytes
            .iter_mut()
            .zip(body.chain(&check))
            .for_each(|(to, from)| *to = *from);
        write_symbols(&PREFIX, bytes.get(..length).unwrap_or_default(), buffer)
    }

    /// Reads a code as a camera or a person gives it.
    ///
    /// # Errors
    /// [`InvalidCardCode`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidCardCode> {
        let mut characters = characters(text);
        match [(); 4].map(|()| characters.next().unwrap_or_default()) {
            [b'O' | b'0', b'P', b'1' | b'I' | b'L', b':'] => {}
            [b'O' | b'0', b'P', b'0'..=b'9', b':'] => return Err(InvalidCardCode::Version),
            _ => return Err(InvalidCardCode::Foreign),
        }
        let mut bytes = Zeroizing::new([0; MAX_BYTES]);
        let symbols = read_symbols(characters, bytes.as_mut_slice()).map_err(|why| match why {
            Unreadable::Symbol { at } => InvalidCardCode::Symbol { at },
            Unreadable::Length => InvalidCardCode::Length,
        })?;
        let (head, rest) = bytes.split_first().ok_or(InvalidCardCode::Length)?;
        let size = match (head >> 4, symbols) {
            (0, 39) => 4,
            (1, 44) => 7,
            (2, 48) => 10,
            (0..=2, _) => return Err(InvalidCardCode::Length),
            _ => return Err(InvalidCardCode::CheckSum),
        };
        let (uid, rest) = rest.split_at_checked(size).ok_or(InvalidCardCode::Length)?;
        let (secret, rest) = rest
            .split_first_chunk::<SECRET>()
            .ok_or(InvalidCardCode::Length)?;
        let (check, filling) = rest
            .split_first_chunk::<CHECK>()
            .ok_or(InvalidCardCode::Length)?;
        let body = core::iter::once(head).chain(uid).chain(secret);
        if check_sum(&[VERSION], body.copied()) != *check || filling.iter().any(|byte| *byte != 0) {
            return Err(InvalidCardCode::CheckSum);
        }
        Ok(Self {
            role: match head & 0x0f {
                0 => CardRole::Privilege,
                1 => CardRole::Charging,
                _ => return Err(InvalidCardCode::Role),
            },
            uid: Uid::from_bytes(uid).map_err(|_| InvalidCardCode::Length)?,
            secret: BindingSecret::new(*secret),
        })
    }
}

#[cfg(test)]
mod tests;
