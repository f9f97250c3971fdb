//! What the chip found in its field (UM0701-02 section 7.3.5).

use super::frame::Malformed;
use crate::iso14443a::Sak;
use crate::{Card, Field, Uid};

/// What an answer to `InListPassiveTarget` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) field: Field,
    /// The one card was asked for its ATS, too.
    pub(super) activated: bool,
}

impl Listed {
    /// Reads the number of targets and, of one, what it said: number, `SENS_RES`, `SEL_RES`, UID,
    /// ATS. A UID of an impossible length is no card.
    pub(super) fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let nothing = |field| Self {
            field,
            activated: false,
        };
        let target = match data {
            [] => return Err(Malformed::Truncated),
            [0, ..] => return Ok(nothing(Field::Empty)),
            [1, target @ ..] => target,
            _ => return Ok(nothing(Field::Many)),
        };
        let [_, _, _, sak, length, rest @ ..] = target else {
            return Err(Malformed::Truncated);
        };
        let uid = rest
            .get(..usize::from(*length))
            .ok_or(Malformed::Truncated)?;
        let ats = rest.get(usize::from(*length)..).unwrap_or_default();
        let Ok(uid) = Uid::from_bytes(uid) else {
            return Ok(nothing(Field::Empty));
        };
        let card = Card::announced(uid, Sak::new(*sak).speaks_14443_4());
        Ok(Self {
            field: Field::One(card),
            activated: !ats.is_empty(),
        })
    }
}
