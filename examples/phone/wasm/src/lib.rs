//! What the phone's web app takes from the crates: the link, the codes on cards, and the check of a
//! receipt. Messages cross as plain objects, named as in `ble_protocol::message`.
//!
//! Time and randomness come from the browser; nothing here reads a clock or draws a number.

mod code;
mod ledger;
mod link;
mod receipt;

use serde::Serialize;
use wasm_bindgen::JsValue;

/// A value as a JavaScript object; nothing of ours can fail to be one.
fn object(value: &impl Serialize) -> JsValue {
    serde_wasm_bindgen::to_value(value).unwrap_or(JsValue::UNDEFINED)
}

/// A JavaScript object as a value.
fn value<T: serde::de::DeserializeOwned>(object: JsValue) -> Result<T, String> {
    serde_wasm_bindgen::from_value(object).map_err(|error| error.to_string())
}
