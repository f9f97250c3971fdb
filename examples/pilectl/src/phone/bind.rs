//! Becoming a phone: by a card's code and its tap, or the landlord's again by a recovery code.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use ble_protocol::message::{Notice, Request, Response};
use ble_protocol::{ClientEvent, Pass};
use card_auth::{CardCode, CardRole, RecoveryCode};

use super::talk::{Step, Talk};
use super::wire::Place;
use super::{file, words};
use crate::answer::{Answer, Refusal};

/// How long the pile waits for a tap.
const TAP: u64 = 60;

/// A second passes; it is said on a terminal.
pub(super) struct Countdown {
    until: Instant,
    what: &'static str,
    said: Option<u64>,
}

impl Countdown {
    pub(super) fn new(seconds: u64, what: &'static str) -> Self {
        eprintln!("{what} ({seconds} s)");
        let until = Instant::now() + Duration::from_secs(seconds);
        let said = None;
        Self { until, what, said }
    }

    /// Says what is left; how long to wait before the next time.
    pub(super) fn tick(&mut self) -> Duration {
        let left = self
            .until
            .saturating_duration_since(Instant::now())
            .as_secs();
        if std::io::stderr().is_terminal() && self.said != Some(left) {
            eprint!("\r{}: {left:>3} s ", self.what);
            self.said = Some(left);
        }
        Duration::from_secs(1)
    }

    /// The line is no more written to.
    pub(super) fn end(&self) {
        if self.said.is_some() {
            eprintln!();
        }
    }

    /// True once the time is over, and some more for the pile's clock.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() > self.until + Duration::from_secs(15)
    }
}

/// `bind CODE`.
///
/// # Errors
/// [`Refusal`] if the phone is not bound.
pub fn bind(place: Place, phone: &Path, code: &str) -> Result<Answer, Refusal> {
    let code = CardCode::parse(code).map_err(|error| {
        Refusal::new(
            error.to_string(),
            "type what is printed on the card, from OP1: on",
        )
    })?;
    file::is_free(phone)?;
    let shown = place.to_string();
    let mut talk = Talk::dial(place, Pass::card(code.secret.expose()))?;
    let mut countdown: Option<Countdown> = None;
    let mut wait = 0;
    let bound = loop {
        let within = match &mut countdown {
            Some(countdown) => countdown.tick(),
            None => Duration::from_secs(1),
        };
        match talk.step(within) {
            // The link itself gives up when its time is over.
            Step::Nothing => (),
            Step::Gone(error) => return Err(words::gone(&shown, &error)),
            Step::Event(event) => match *event {
                ClientEvent::TapTheCard => {
                    countdown = Some(Countdown::new(TAP, "tap the card at the pile now"));
                }
                ClientEvent::Busy { seconds } => wait = seconds,
                ClientEvent::Bound(bound) => break bound,
                ClientEvent::Closed(why) => {
                    countdown.iter().for_each(Countdown::end);
                    return Err(words::closed(&shown, why, wait));
                }
                _ => (),
            },
        }
    };
    countdown.iter().for_each(Countdown::end);
    let number = bound.phone;
    file::write(phone, &bound).map_err(|refusal| {
        Refusal::new(
            format!("the pile has bound phone {number}, but its key was not kept: {refusal}"),
            format!("let the landlord revoke it: pilectl phone revoke-phone {number}"),
        )
    })?;
    let whose = match code.role {
        CardRole::Privilege => "the landlord's",
        CardRole::Charging => "of the card's account",
    };
    Ok(Answer::well(format!(
        "Bound: this is phone {number} of pile {}, {whose}.\n{} holds its key: keep it secret.\n",
        bound.pile,
        phone.display()
    )))
}

/// `recover CODE`.
///
/// # Errors
/// [`Refusal`] if no window opens.
pub fn recover(place: Place, code: &str) -> Result<Answer, Refusal> {
    let code = RecoveryCode::parse(code).map_err(|error| {
        Refusal::new(
            error.to_string(),
            "type what is printed on the sheet, from OPR1: on",
        )
    })?;
    let number = code.number;
    let mut talk = Talk::open(place, Pass::recovery(code.secret.expose())).map_err(|refusal| {
        if refusal == words::not_known() {
            return Refusal::new(
                format!("the pile does not take recovery code {number} now"),
                "take the one with the lowest number that was not used yet",
            );
        }
        refusal
    })?;
    let Response::Window { seconds } = talk.ask(Request::Recover)? else {
        return Err(words::odd());
    };
    match window(
        &mut talk,
        seconds,
        "tap the new privilege card at the pile now",
    )? {
        Some(card) => Ok(Answer::well(format!(
            "Card {} is the privilege card now; the one before and its phones are revoked.\n\
             Recovery code {number} is used up. Next: pilectl phone bind CODE, with this card's code.\n",
            card.id
        ))),
        None => Ok(Answer::wrong(
            "No card was tapped: the code can be used again.\n",
        )),
    }
}

/// Waits for a card in the window: the card, or none.
pub(super) fn window(
    talk: &mut Talk,
    seconds: u8,
    what: &'static str,
) -> Result<Option<pile_units::Credential>, Refusal> {
    let mut countdown = Countdown::new(seconds.into(), what);
    let card = loop {
        let within = countdown.tick();
        match talk.notice(within) {
            Ok(Some(Notice::CardAuthorised(card))) => break Some(card),
            Ok(Some(Notice::WindowClosed)) => break None,
            Ok(_) if countdown.is_over() => break None,
            Ok(_) => (),
            Err(refusal) => {
                countdown.end();
                let remedy =
                    "the window is open still: tap the card, then look: pilectl phone cards";
                return Err(Refusal::new(refusal.to_string(), remedy));
            }
        }
    };
    countdown.end();
    Ok(card)
}
