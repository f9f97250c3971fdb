//! What is printed on a card or on the recovery sheet.

use card_auth::{CardCode, CardRole, InvalidCardCode, RecoveryCode};
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::object;

/// What a code is.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Read {
    /// A tenant's card.
    Charging,
    /// The landlord's card.
    Privilege,
    /// A code of the recovery sheet.
    Recovery {
        /// Which of the sheet.
        number: u8,
    },
    /// None that this app knows.
    Wrong {
        /// What is wrong with it.
        why: &'static str,
        /// Which group of four characters after `OP1:` has one that no code has, from 1.
        group: Option<usize>,
    },
}

/// Reads a code: `{ kind: "charging" | "privilege" }`, `{ kind: "recovery", number }` or
/// `{ kind: "wrong", why, group? }`: `why` is a word, the same in every language.
#[wasm_bindgen(js_name = readCode)]
pub fn read_code(text: &str) -> JsValue {
    object(&match (CardCode::parse(text), RecoveryCode::parse(text)) {
        (Ok(card), _) if card.role == CardRole::Privilege => Read::Privilege,
        (Ok(_), _) => Read::Charging,
        (_, Ok(recovery)) => Read::Recovery {
            number: recovery.number,
        },
        (Err(error), _) => wrong(error),
    })
}

const fn wrong(error: InvalidCardCode) -> Read {
    let why = match error {
        InvalidCardCode::Foreign => "foreign",
        InvalidCardCode::Version => "version",
        InvalidCardCode::Symbol { at } => {
            return Read::Wrong {
                why: "symbol",
                group: Some(at / 4 + 1),
            };
        }
        InvalidCardCode::Length => "length",
        InvalidCardCode::CheckSum => "checksum",
        InvalidCardCode::Role => "role",
    };
    Read::Wrong { why, group: None }
}
