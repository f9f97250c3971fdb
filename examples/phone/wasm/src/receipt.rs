//! Receipts: their figures, and the signature under them.

use billing_core::record::Segment;
use ble_protocol::message::{ReceiptPage, ReceiptSignature, Welcome};
use ble_protocol::receipt::SessionReceipt;
use pile_units::{Currency, SessionId};
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{object, value};

/// A record that verifies, and whose it is.
#[derive(Serialize)]
struct Signed {
    /// The OCMF record.
    record: String,
    /// The key that the pile named with it, as PEM.
    pem: String,
}

/// Checks that a session's segments and its bill agree; `undefined` if they do, else why not.
///
/// # Errors
/// What is not a page or a list of segments.
#[wasm_bindgen(js_name = contradiction)]
pub fn contradiction(
    session: u32,
    page: JsValue,
    segments: JsValue,
) -> Result<Option<String>, String> {
    let (page, segments) = read(page, segments)?;
    let receipt = SessionReceipt::new(&page, &segments);
    let why = receipt.check(SessionId::new(session)).err();
    Ok(why.map(|why| why.to_string()))
}

/// Makes the OCMF record of the figures and the signature, and verifies it: `{ record, pem }`.
///
/// # Errors
/// Why the signature is not under these figures, in words.
#[wasm_bindgen(js_name = signedRecord)]
pub fn signed_record(
    welcome: JsValue,
    page: JsValue,
    segments: JsValue,
    signature: JsValue,
) -> Result<JsValue, String> {
    let (page, segments) = read(page, segments)?;
    let (welcome, signature) = (
        value::<Welcome>(welcome)?,
        value::<ReceiptSignature>(signature)?,
    );
    let receipt = SessionReceipt::new(&page, &segments);
    let mut record = String::new();
    let by = receipt
        .signed(&welcome, &signature, &mut record)
        .map_err(|why| why.to_string())?;
    let mut pem = String::new();
    by.write_pem(&mut pem).map_err(|why| why.to_string())?;
    Ok(object(&Signed { record, pem }))
}

/// Decimals of a currency's minor unit, by its three letters; two where they are none.
#[wasm_bindgen(js_name = currencyDecimals)]
pub fn currency_decimals(code: &str) -> u8 {
    code.parse().map_or(2, Currency::decimals)
}

fn read(page: JsValue, segments: JsValue) -> Result<(ReceiptPage, Vec<Segment>), String> {
    Ok((value(page)?, value(segments)?))
}
