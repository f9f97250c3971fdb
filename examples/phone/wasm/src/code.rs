//! What is printed on a card or on the recovery sheet.

use card_auth::{CardCode, CardRole, RecoveryCode};
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
        why: String,
    },
}

/// Reads a code: `{ kind: "charging" | "privilege" }`, `{ kind: "recovery", number }` or
/// `{ kind: "wrong", why }`.
#[wasm_bindgen(js_name = readCode)]
pub fn read_code(text: &str) -> JsValue {
    object(&match (CardCode::parse(text), RecoveryCode::parse(text)) {
        (Ok(card), _) if card.role == CardRole::Privilege => Read::Privilege,
        (Ok(_), _) => Read::Charging,
        (_, Ok(recovery)) => Read::Recovery {
            number: recovery.number,
        },
        (Err(error), _) => Read::Wrong {
            why: error.to_string(),
        },
    })
}
