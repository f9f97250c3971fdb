//! A link to a pile.

use ble_protocol::message::{Notice, Request, Response, Welcome};
use ble_protocol::{Client, ClientEvent, LinkKey, Pass};
use card_auth::{CardCode, RecoveryCode};
use pile_units::{Instant, PhoneId, PileId};
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use zeroize::Zeroizing;

use crate::{object, value};

/// What happened, as an object with its `kind`.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "it is made an object at once")]
enum Happened {
    TapTheCard,
    NotKnown,
    Busy { seconds: u16 },
    Welcome { welcome: Welcome },
    Bound { phone: PhoneId, pile: PileId },
    Answer { id: u32, response: Response },
    NotUnderstood { id: u32 },
    Notice { notice: Notice },
    Closed { why: String },
}

/// The phone's end of a link, sans-I/O: bytes in, bytes out, and what happened.
///
/// `now` is in milliseconds since any start, and never goes back.
#[wasm_bindgen]
pub struct Link {
    client: Client,
    key: Option<Zeroizing<[u8; 32]>>,
}

#[wasm_bindgen]
impl Link {
    /// A link that is opened with what is printed on a card or on the recovery sheet.
    ///
    /// # Errors
    /// What is wrong with the code, in words.
    #[wasm_bindgen(js_name = withCode)]
    pub fn with_code(text: &str) -> Result<Self, String> {
        if let Ok(code) = RecoveryCode::parse(text) {
            return Ok(Self::new(Pass::recovery(code.secret.expose())));
        }
        let code = CardCode::parse(text).map_err(|error| error.to_string())?;
        Ok(Self::new(Pass::card(code.secret.expose())))
    }

    /// A link that is opened with the phone's own key, of 32 bytes.
    ///
    /// # Errors
    /// Says so if the key has another length.
    #[wasm_bindgen(js_name = withKey)]
    pub fn with_key(key: &[u8]) -> Result<Self, String> {
        let key = <[u8; 32]>::try_from(key).map_err(|_| "this is no key of a phone".to_owned())?;
        Ok(Self::new(Pass::phone(LinkKey::new(key))))
    }

    /// The pipe has the pile: begins. `ephemeral` are 32 fresh secret bytes.
    ///
    /// # Errors
    /// Says so if there are not 32 bytes.
    pub fn connect(&mut self, now: f64, ephemeral: &[u8]) -> Result<(), String> {
        let ephemeral =
            <[u8; 32]>::try_from(ephemeral).map_err(|_| "32 random bytes are needed".to_owned())?;
        self.client.connect(at(now), ephemeral);
        Ok(())
    }

    /// The pipe has lost the pile.
    pub fn disconnected(&mut self) {
        self.client.disconnected();
    }

    /// Bytes came from the pile.
    pub fn receive(&mut self, now: f64, bytes: &[u8]) {
        self.client.receive(at(now), bytes);
    }

    /// Asks; the answer comes by `poll`, over this link or another one. One request at a time.
    ///
    /// # Errors
    /// Why nothing was asked, in words.
    pub fn ask(&mut self, request: JsValue) -> Result<u32, String> {
        let request = value::<Request>(request)?;
        self.client
            .ask(request)
            .map(|id| id.get())
            .map_err(|error| error.to_string())
    }

    /// No longer waits for the answer of the request in flight, which may be done all the same.
    #[wasm_bindgen(js_name = giveUp)]
    pub fn give_up(&mut self) {
        let _ = self.client.give_up();
    }

    /// What happened: to be called until it is `undefined`.
    pub fn poll(&mut self, now: f64) -> JsValue {
        let happened = match self.client.poll(at(now)) {
            ClientEvent::Nothing => return JsValue::UNDEFINED,
            ClientEvent::TapTheCard => Happened::TapTheCard,
            ClientEvent::NotKnown => Happened::NotKnown,
            ClientEvent::Busy { seconds } => Happened::Busy { seconds },
            ClientEvent::Welcome(welcome) => Happened::Welcome { welcome },
            ClientEvent::Bound(bound) => {
                self.key = Some(Zeroizing::new(*bound.key.expose()));
                let (phone, pile) = (bound.phone, bound.pile);
                Happened::Bound { phone, pile }
            }
            ClientEvent::Answer { id, response } => {
                let id = id.get();
                Happened::Answer { id, response }
            }
            ClientEvent::NotUnderstood { id } => Happened::NotUnderstood { id: id.get() },
            ClientEvent::Notice(notice) => Happened::Notice { notice },
            ClientEvent::Closed(why) => Happened::Closed {
                why: format!("{why:?}"),
            },
        };
        object(&happened)
    }

    /// Bytes for the pile, at most `most`; none when there is nothing to say.
    pub fn transmit(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; most.min(512)];
        let count = self.client.transmit(&mut bytes);
        bytes.truncate(count);
        bytes
    }

    /// When to poll again though nothing came, in the milliseconds of `now`.
    pub fn deadline(&self, now: f64) -> Option<f64> {
        let now_at = at(now);
        let due = self.client.deadline(now_at)?;
        #[expect(clippy::cast_precision_loss, reason = "a wait is short")]
        let wait = due.since(now_at).millis() as f64;
        Some(now + wait)
    }

    /// Says goodbye: `poll` once more, send what is to be sent, then close the pipe.
    pub fn close(&mut self, now: f64) {
        self.client.close(at(now));
    }

    /// True if the pipe is to be closed, once all is sent.
    #[wasm_bindgen(js_name = wantsDisconnect)]
    pub fn wants_disconnect(&self) -> bool {
        self.client.wants_disconnect()
    }

    /// The phone's own key of 32 bytes, once after it was bound: a secret.
    #[wasm_bindgen(js_name = takeKey)]
    pub fn take_key(&mut self) -> Option<Vec<u8>> {
        self.key.take().map(|key| key.to_vec())
    }
}

impl Link {
    const fn new(pass: Pass) -> Self {
        let client = Client::new(pass);
        Self { client, key: None }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a browser's clock of milliseconds; a cast saturates"
)]
fn at(millis: f64) -> Instant {
    Instant::from_millis(millis as u64)
}
